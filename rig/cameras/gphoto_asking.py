"""What libgphoto2 can be asked beside settings: who is there, what it can do, its card, its live view.

Runs in the process that owns a camera.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import gphoto2 as gp

from rig.cameras.protocol import StorageSpace

__all__ = ["live_frame", "on_usb", "operations", "storages"]

_OPERATIONS = {
    "capture": gp.GP_OPERATION_CAPTURE_IMAGE,
    "trigger": gp.GP_OPERATION_TRIGGER_CAPTURE,
    "live view": gp.GP_OPERATION_CAPTURE_PREVIEW,
    "configuration": gp.GP_OPERATION_CONFIG,
}
_NOT_YET = (gp.GP_ERROR, gp.GP_ERROR_CAMERA_BUSY)
_NOT_YET_PAUSE_S = 0.05
_KB = 1024
"""libgphoto2 counts storage in these."""


def on_usb() -> tuple[tuple[str, str], ...]:
    """Name and port of every camera on USB; looks at the bus only and opens none."""
    return tuple((name, port) for name, port in gp.Camera.autodetect())


def operations(camera: Any) -> tuple[str, ...]:
    """What libgphoto2's driver would try with this camera, out of ``capture``, ``trigger``, ``live view`` and
    ``configuration``. On a network that is one list for every body.
    """
    offered = camera.get_abilities().operations
    return tuple(name for name, bit in _OPERATIONS.items() if offered & bit)


def storages(camera: Any) -> tuple[StorageSpace, ...]:
    """The cards in the body; empty when it tells of none."""
    try:
        found = camera.get_storageinfo()
    except gp.GPhoto2Error as err:
        if err.code in (gp.GP_ERROR_NOT_SUPPORTED, gp.GP_ERROR_BAD_PARAMETERS):
            return ()
        raise
    told = []
    for item in found:
        fields = item.fields
        capacity = item.capacitykbytes * _KB if fields & gp.GP_STORAGEINFO_MAXCAPACITY else None
        free = item.freekbytes * _KB if fields & gp.GP_STORAGEINFO_FREESPACEKBYTES else None
        label = ""
        with suppress(AttributeError, UnicodeDecodeError):  # a label that is no text
            label = item.description or item.label
        told.append(StorageSpace(label or item.basedir, capacity, free))
    return tuple(told)


def live_frame(camera: Any, patience_s: float) -> bytes:
    """The next frame of live view as the body sends it, a JPEG; the first call begins live view.

    Parameters
    ----------
    patience_s : float
        Real seconds for which "busy" and "no frame yet" are answers to be waited out: libgphoto2 gives up
        after 3 s where a body raises its mirror and wakes its sensor.
    """
    give_up = time.monotonic() + patience_s
    while True:
        try:
            frame = _preview(camera)
            if not frame:  # libgphoto2's way to say that a Nikon body stayed busy
                raise gp.GPhoto2Error(gp.GP_ERROR_CAMERA_BUSY)
        except gp.GPhoto2Error as err:
            if err.code not in _NOT_YET or time.monotonic() > give_up:
                raise
            time.sleep(_NOT_YET_PAUSE_S)
        else:
            return frame


def _preview(camera: Any) -> bytes:
    file = camera.capture_preview()  # kept while its bytes are used: they die with it
    data = memoryview(file.get_data_and_size())
    try:
        return bytes(data)
    finally:
        data.release()
