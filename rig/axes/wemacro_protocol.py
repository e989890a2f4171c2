"""The frames of a WeMacro controller, and what it says. No I/O.

A command is twelve bytes: ``A5 5A``, the command, three bytes of its own, a number (32 bits, big-endian), and
the CRC-16/Modbus of these ten (little-endian). An answer is three: ``5A A5`` and a status. No document of the
maker's says so: it is what INDIGO's driver sends, which has been run on a real controller
(https://github.com/indigo-astronomy/indigo, ``indigo_drivers/focuser_wemacro``).
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "FAST_STEPS_S",
    "LONGEST_MOVE",
    "SHOT_S",
    "SLOW_STEPS_S",
    "Command",
    "Status",
    "StatusReader",
    "crc16",
    "frame",
]

_HEADER = b"\xa5\x5a"
_ANSWER = b"\x5a\xa5"
_ANSWER_BYTES = 3
LONGEST_MOVE = 0xFFFFFF
"""Steps; 24 of the 32 bits are used."""
SLOW_STEPS_S, FAST_STEPS_S = 1289.0, 12809.0
"""Its two speeds, as measured on a controller by INDIGO's authors."""
SHOT_S = 0.3
"""How long it presses the release, as measured there; not to be changed."""


class Command(IntEnum):
    """What a controller can be told."""

    SHUTTER = 0x04
    STOP = 0x20
    FORWARD = 0x40
    BACKWARD = 0x41
    CONFIGURE = 0x80
    """The first of its three bytes is the speed: 0 slow, 255 fast."""


class Status(IntEnum):
    """What a controller says, always unasked."""

    STARTED = 0xF0
    """It has been switched on."""
    FORWARD_ENDED = 0xF5
    """A move forward has ended, at its target or by a stop: it is the same byte."""
    BACKWARD_ENDED = 0xF6
    SHOT = 0xF7
    """The release has been let go of."""


def crc16(data: bytes) -> int:
    """CRC-16/Modbus: polynomial A001 (reflected 8005), begun with FFFF.

    Examples
    --------
    >>> hex(crc16(b"123456789"))
    '0x4b37'
    """
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xA001 if crc & 1 else 0)
    return crc


def frame(command: Command, value: int = 0, first: int = 0) -> bytes:
    """Return a command's twelve bytes.

    Parameters
    ----------
    command : Command
        What to do.
    value : int
        Steps of a move, 0 to `LONGEST_MOVE`.
    first : int
        The first of the command's own bytes, 0 to 255.

    Raises
    ------
    ValueError
        When the value does not fit.

    Examples
    --------
    >>> frame(Command.FORWARD, 1000).hex()
    'a55a40000000000003e8e0b8'
    """
    if not 0 <= value <= LONGEST_MOVE:
        raise ValueError(f"a WeMacro moves 0 to {LONGEST_MOVE} steps at a time, not {value}")
    body = _HEADER + bytes([command, first, 0, 0]) + value.to_bytes(4, "big")
    return body + crc16(body).to_bytes(2, "little")


class StatusReader:
    """Finds statuses in whatever bytes come, in pieces of any size."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Status]:
        """Return the statuses that are complete now; bytes that belong to none are dropped."""
        found = []
        known = {int(status) for status in Status}
        rest = self._rest + data
        while (at := rest.find(_ANSWER)) >= 0 and len(rest) >= at + _ANSWER_BYTES:
            code = rest[at + len(_ANSWER)]
            if code in known:
                found.append(Status(code))
                rest = rest[at + _ANSWER_BYTES :]
            else:
                rest = rest[at + 1 :]  # noise that looked like a header
        if at < 0:
            at = max(0, len(rest) - 1)  # half a header may be its last byte
        self._rest = rest[at:]
        return found
