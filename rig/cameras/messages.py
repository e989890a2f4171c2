"""What libgphoto2's result codes mean to the person at the rig."""

from __future__ import annotations

from rig.cameras.protocol import Trouble
from rig.errors import CameraError, DataError, OperatorNeededError, RigError

__all__ = ["LinkLostError", "explain", "explain_connecting"]

_ERROR, _BAD_PARAMETERS, _NOT_SUPPORTED, _IO, _TIMEOUT = -1, -2, -6, -7, -10
_CLAIM, _MODEL_NOT_FOUND, _UNKNOWN_PORT, _BUSY, _NO_SPACE = -53, -105, -5, -110, -115

_LINK_LOST = frozenset({_ERROR, _IO, _TIMEOUT})
"""Codes after which nothing that the connection says can be believed."""


class LinkLostError(CameraError):
    """The connection to the camera broke; a new one may work."""


def explain(trouble: Trouble, doing: str, port: str | None) -> RigError:
    """The error to raise for a call that failed.

    Parameters
    ----------
    doing : str
        What was being done, as in "while firing".
    port : str or None
        Where the camera is or was looked for.
    """
    if trouble.kind == "storage":
        return DataError(
            f"the frame could not be written to {trouble.text}: {trouble.needed_bytes} bytes are needed "
            "for it; free some space and go on with `rig resume`"
        )
    if trouble.kind == "card":
        return _card_full(port or "USB", trouble.text)
    if trouble.kind != "gphoto2":
        return CameraError(f"{doing}: {trouble.text}")
    return _explain_code(trouble, doing, port or "USB")


def explain_connecting(trouble: Trouble, port: str | None) -> RigError:
    """The error to raise when a camera could not be connected to, with what to check."""
    if trouble.kind != "gphoto2":
        return explain(trouble, "connecting", port)
    said = f"libgphoto2 {trouble.code}, {trouble.text}"
    on_network = port is not None and port.startswith("ptpip:")
    if trouble.code == _CLAIM:
        return _held_by_another(port or "USB", said)
    if trouble.code == _BAD_PARAMETERS and port is not None:
        return CameraError(
            f'"{port}" is no camera port: on a network it is written ptpip:192.168.1.20:15740:15740, '
            f"with a numeric address, and on USB usb:001,004 ({said})"
        )
    if on_network:
        return CameraError(
            f"no camera answers on {port}: is it switched on and on this network, is the address right, and "
            f"is no other program connected to it? ({said})"
        )
    where = "on USB" if port in (None, "usb:") else f"on {port}"
    if trouble.code in (_MODEL_NOT_FOUND, _UNKNOWN_PORT):
        return CameraError(
            f"no camera was found {where}: is it switched on, its cable plugged in, and its USB mode PC "
            f"Remote or PTP? ({said})"
        )
    return CameraError(
        f"the camera {where} does not answer: switch it off and on, and unplug its cable once ({said})"
    )


def _held_by_another(port: str, said: str) -> CameraError:
    return CameraError(
        f"the camera on {port} is held by another program, a rig or usually the desktop: "
        f"`gio mount -s gphoto2` lets go of it ({said})"
    )


def _card_full(port: str, said: str) -> OperatorNeededError:
    return OperatorNeededError(f"the card in the camera on {port} is full: change it, then go on ({said})")


def _explain_code(trouble: Trouble, doing: str, port: str) -> CameraError:
    said = f"libgphoto2 {trouble.code}, {trouble.text}"
    if trouble.code == _CLAIM:
        return _held_by_another(port, said)
    if trouble.code == _BUSY:
        return CameraError(f"the camera on {port} stayed busy, {doing} ({said})")
    if trouble.code == _NO_SPACE:
        return _card_full(port, said)
    if trouble.code == _NOT_SUPPORTED:
        return CameraError(f"the camera on {port} does not support this, {doing} ({said})")
    if trouble.code in _LINK_LOST:
        return LinkLostError(f"the connection to the camera on {port} broke, {doing} ({said})")
    return CameraError(f"the camera on {port} refused, {doing} ({said})")
