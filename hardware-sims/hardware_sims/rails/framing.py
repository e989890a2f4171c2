"""How the bytes on a wire are cut into messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from hardware_sims.clock import SimClock

__all__ = ["FixedLength", "Framing", "Lines"]

_LONGEST_LINE = 256
_HALF_A_MESSAGE_S = 0.2
"""Real seconds after which a message that was not finished is forgotten. Assumed: without it one lost byte
would shift all that follow."""


class Framing(Protocol):
    """Keeps what has come of a message until the rest has come too."""

    def messages(self, data: bytes, now: float) -> Iterator[bytes]:
        """The messages that these bytes complete; each is cut when the one before it has been dealt with."""
        ...

    def clear(self) -> None:
        """Forget what has come of a message."""
        ...


class FixedLength:
    """Messages of one length.

    Parameters
    ----------
    length : int
        Bytes of a message.
    clock : SimClock
        Bench time.
    begins : bytes
        What every message begins with; whatever else comes instead is skipped.
    """

    def __init__(self, length: int, clock: SimClock, begins: bytes = b"") -> None:
        self._length, self._clock, self._begins = length, clock, begins
        self._heard = bytearray()
        self._heard_s = -1.0

    def messages(self, data: bytes, now: float) -> Iterator[bytes]:
        """See `Framing`."""
        if now - self._heard_s > _HALF_A_MESSAGE_S * self._clock.scale:
            self._heard.clear()
        self._heard_s = now
        for byte in data:
            self._heard.append(byte)
            while not self._heard.startswith(self._begins[: len(self._heard)]):
                del self._heard[0]
            if len(self._heard) == self._length:
                message = bytes(self._heard)
                self._heard.clear()
                yield message

    def clear(self) -> None:
        """See `Framing`."""
        self._heard.clear()


class Lines:
    """Lines of text, without what ends them; empty ones are none. Of a long one the end is kept."""

    def __init__(self) -> None:
        self._line = bytearray()

    def messages(self, data: bytes, now: float) -> Iterator[bytes]:  # noqa: ARG002  (a Framing)
        """See `Framing`."""
        for byte in data:
            if byte not in b"\r\n":
                self._line.append(byte)
                del self._line[:-_LONGEST_LINE]
            elif self._line:
                line = bytes(self._line)
                self._line.clear()
                yield line

    def clear(self) -> None:
        """See `Framing`."""
        self._line.clear()
