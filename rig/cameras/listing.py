"""Which cameras are there: on USB, and at the network addresses that are named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rig.cameras.bodies import recognise
from rig.cameras.camera_process import CallFailedError, CameraProcess, ProcessLostError
from rig.cameras.messages import explain_connecting
from rig.cameras.settings import CameraSettings
from rig.clock import Clock
from rig.errors import CameraError, RigError

__all__ = ["WHAT_TO_CHECK", "ListedCamera", "list_cameras"]

_SEARCH_S = 30.0
"""Real seconds to look through the bus."""

WHAT_TO_CHECK = (
    "is the camera switched on, awake, and its cable plugged in at both ends (some cables only charge)?",
    "is its USB mode PC Remote (Sony), or PTP and not mass storage, with Wi-Fi off (Canon, Nikon)?",
    "does the desktop hold it? `gio mount -s gphoto2` lets go of it (on macOS: quit Photos)",
    "on a network, pass its address: --port ptpip:192.168.1.20:15740:15740",
)
"""What a person looks at when no camera is found."""


@dataclass(frozen=True)
class ListedCamera:
    """A camera, or an address at which none answered.

    ``profile`` is the make whose names and quirks would be used, ``"generic"`` for any other body;
    ``trouble`` says why nothing answered there, empty when it did.
    """

    port: str
    model: str
    profile: str
    manufacturer: str = ""
    serial: str = ""
    simulated: bool = False
    trouble: str = ""


def list_cameras(addresses: Iterable[str], clock: Clock) -> tuple[ListedCamera, ...]:
    """Look through USB, and connect to every address for a moment.

    Parameters
    ----------
    addresses : iterable of str
        Ports such as ``"ptpip:192.168.1.20:15740:15740"``; those on USB are found anyway.
    clock : Clock
        Of the devices.

    Raises
    ------
    CameraError
        When the bus cannot be looked at.
    """
    found = [_on_usb(name, port) for name, port in _usb()]
    known = {camera.port for camera in found}
    return (*found, *(_at(port, clock) for port in dict.fromkeys(addresses) if port not in known))


def _usb() -> tuple[tuple[str, str], ...]:
    process = CameraProcess()
    try:
        cameras: tuple[tuple[str, str], ...] = process.call("on_usb", deadline_s=_SEARCH_S)
    except CallFailedError as err:
        raise explain_connecting(err.trouble, None) from err
    except ProcessLostError as err:
        raise CameraError(f"looking for cameras on USB failed: {err}") from err
    finally:
        process.close()
    return cameras


def _on_usb(name: str, port: str) -> ListedCamera:
    return ListedCamera(port, name, recognise("", name).make or "generic")


def _at(port: str, clock: Clock) -> ListedCamera:
    from rig.cameras.gphoto import GPhotoCamera

    try:
        camera = GPhotoCamera(CameraSettings(port=port), clock)
        try:
            info, make = camera.describe(), camera.profile.make
        finally:
            camera.close()
    except RigError as err:
        return ListedCamera(port, "", "", trouble=str(err))
    return ListedCamera(port, info.model, make or "generic", info.manufacturer, info.serial, info.simulated)
