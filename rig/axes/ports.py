"""The serial ports of this computer, and what their USB descriptions say."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SerialPort", "list_serial_ports"]

_BRIDGES = {
    0x1A86: "CH340, as on many GRBL boards",
    0x0403: "FTDI",
    0x10C4: "CP210x, as on ESP32 boards",
    0x2341: "Arduino",
    0x2A03: "Arduino",
    0x303A: "Espressif (ESP32)",
    0x0483: "STM32, as on grblHAL boards",
}
"""Vendors of USB serial interfaces that controllers of rails are built with, by their USB numbers."""


@dataclass(frozen=True)
class SerialPort:
    """A serial port.

    Attributes
    ----------
    device : str
        What goes into ``port`` of ``[rail]``.
    description, maker, serial_number : str or None
        What the USB device says of itself.
    usb : str or None
        Vendor and product, ``1a86:7523``.
    socket : str or None
        Where on the bus it is plugged in, ``1-1.4``.
    chip : str or None
        What that vendor's chips are mostly found on; a hint, no promise.
    """

    device: str
    description: str | None
    maker: str | None
    serial_number: str | None
    usb: str | None
    socket: str | None
    chip: str | None


def list_serial_ports() -> list[SerialPort]:
    """Return the serial ports, those on USB first.

    The 32 ports of a PC's chipset that have nothing behind them (``/dev/ttyS*`` without a description) are
    left out.
    """
    from serial.tools import list_ports  # slow, and only needed here

    found = []
    for port in list_ports.comports():
        if port.vid is None and port.description in (None, "n/a", "ttyS") and "ttyS" in port.device:
            continue
        found.append(
            SerialPort(
                device=port.device,
                description=_known(port.description),
                maker=_known(port.manufacturer),
                serial_number=_known(port.serial_number),
                usb=None if port.vid is None else f"{port.vid:04x}:{port.pid:04x}",
                socket=_known(port.location),
                chip=None if port.vid is None else _BRIDGES.get(port.vid),
            )
        )
    return sorted(found, key=lambda p: (p.usb is None, p.device))


def _known(text: str | None) -> str | None:
    return None if text in (None, "", "n/a") else text
