"""Which port a rail is on: a USB device that comes back under another name is recognised.

A controller that was unplugged, or lost its power, often comes back as ``/dev/ttyUSB1`` while the name that
it had is still taken. What its USB side said of itself is kept with the rail's memory. Only the name is found
again by it: where the rail stands is as unknown, or as well known by its count, as after any connection.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.axes.ports import SerialPort, list_serial_ports
from rig.config.rail import RailConfig
from rig.rails.state import KeptUsb, RailState

__all__ = ["RailPort", "find_port"]


@dataclass(frozen=True)
class RailPort:
    """The port of a rail.

    Attributes
    ----------
    device : str
        What is to be opened.
    usb : KeptUsb or None
        What its USB side says of itself; None of a network port, or one without a USB side.
    moved : str or None
        A sentence for the operator when it is another port than the configured one.
    """

    device: str
    usb: KeptUsb | None = None
    moved: str | None = None


def find_port(
    rail: RailConfig,
    state: RailState,
    list_ports: Callable[[], Sequence[SerialPort]] = list_serial_ports,
) -> RailPort:
    """Find the port that a rail is on now.

    It is the configured one, unless the device that was last seen there is now, and alone, on another: by its
    serial number, or, as many have none, by the socket that it is plugged into.

    Parameters
    ----------
    rail : RailConfig
        With a port.
    state : RailState
        Its memory.
    list_ports : callable
        Tells which serial ports there are.
    """
    configured = rail.port or ""
    if "://" in configured:
        return RailPort(configured)
    here = list_ports()
    device = os.path.realpath(configured)
    there = next((_identity(port) for port in here if device == os.path.realpath(port.device)), None)
    known = state.read().usb
    if known is None or there == known or (there is None and Path(configured).exists()):
        return RailPort(configured, there)
    others = [port.device for port in here if _identity(port) == known]
    if len(others) != 1:
        return RailPort(configured, there)
    moved = (
        f"the rail that was on {configured} is on {others[0]} now ({known.text}): it is used there. A name "
        "below /dev/serial/by-id, written as port in [rail], stays the same"
    )
    return RailPort(others[0], known, moved)


def _identity(port: SerialPort) -> KeptUsb | None:
    """What tells a device from others; the socket counts only where there is no serial number."""
    if port.usb is None or not (port.serial_number or port.socket):
        return None
    socket = None if port.serial_number else port.socket
    return KeptUsb(usb=port.usb, serial_number=port.serial_number, socket=socket)
