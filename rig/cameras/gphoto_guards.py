"""What makes libgphoto2 safe to own: its surroundings, its file descriptors, its unset values.

Runs in the process that owns a camera, before and while gphoto2 is loaded.
"""

from __future__ import annotations

import ctypes
import os
import platform
import uuid
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["keep_descriptor_0", "peek_text", "prepare_surroundings", "use_only_network_ports"]


def prepare_surroundings(private: Path) -> None:
    """Give libgphoto2 a fixed language and settings of its own; call before gphoto2 is imported.

    Labels and values are translated with the process's locale, and choices such as the capture target are
    kept in the user's settings file: neither may depend on, or change, what the user has.

    Parameters
    ----------
    private : Path
        A folder of this process's own.
    """
    os.environ.update(LC_ALL="C", LANG="C", LANGUAGE="C")
    os.environ["XDG_CONFIG_HOME"] = str(private)
    # Older releases keep their settings in the home folder; Python has read what it needs from there by now.
    os.environ["HOME"] = str(private)
    settings = private / "gphoto" / "settings"
    settings.parent.mkdir(exist_ok=True)
    # Bodies on a network are paired with the number of the host, so it has to be the same every time.
    host = uuid.uuid5(uuid.NAMESPACE_DNS, f"focusrig.{platform.node()}").bytes
    settings.write_text(f"ptp2_ip=guid={host.hex(':')}\nptp2=capturetarget=sdram\n")
    keep_descriptor_0()


def keep_descriptor_0() -> None:
    """Occupy file descriptor 0: leaving a PTP/IP camera closes it, and the next file opened would get it."""
    try:
        os.fstat(0)
    except OSError:
        os.open(os.devnull, os.O_RDWR)


def use_only_network_ports(private: Path) -> None:
    """Let libgphoto2 see its PTP/IP port driver and no other; call after the import, before ports are listed.

    With the USB drivers loaded every connection would first look through the bus.
    """
    drivers = os.environ.get("IOLIBS")
    if not drivers:
        return
    only = private / "iolibs"
    only.mkdir(exist_ok=True)
    link = only / "ptpip.so"
    if not link.exists():
        link.symlink_to(Path(drivers) / "ptpip.so")
    os.environ["IOLIBS"] = str(only)


def peek_text(widget: Any) -> str | None:
    """The value of a text, radio or menu widget, None when unset.

    ``CameraWidget.get_value()`` crashes the interpreter on an unset value, which is what a lens without
    electronic aperture gives; so it is looked at with ctypes.
    """
    value = ctypes.c_char_p()
    result = _library().gp_widget_get_value(ctypes.c_void_p(int(widget.this)), ctypes.byref(value))
    if result < 0 or value.value is None:
        return None
    return value.value.decode("utf-8", errors="replace")


@cache
def _library() -> ctypes.CDLL:
    """libgphoto2 as it is loaded already: through an extension module that is linked to it."""
    import gphoto2._widget

    return ctypes.CDLL(gphoto2._widget.__file__)  # noqa: SLF001  (the only public module is pure Python)
