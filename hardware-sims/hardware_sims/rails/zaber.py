"""A simulated Zaber device with one axis, in the part of the published ASCII protocol that moves it."""

from __future__ import annotations

from hardware_sims.clock import SimClock
from hardware_sims.rails.framing import Framing, Lines
from hardware_sims.rails.shell import CountingSimulator, SteppingDevice

__all__ = ["ZaberSimulator"]

_DEVICE = 1


class _Device(SteppingDevice):
    """Behind the wire."""

    def _frames(self, clock: SimClock) -> Framing:  # noqa: ARG002  (text needs no time)
        return Lines()

    def _take(self, line: bytes, now: float) -> None:
        body, colon, checksum = line.partition(b":")
        if not body.startswith(b"/"):
            self.rejected.append("no command")
            return
        if colon and checksum != b"%02X" % (-sum(body[1:]) % 256):
            self.rejected.append("checksum")
            return
        words = body[1:].decode("latin-1").split()
        numbers: list[str] = []
        while words and words[0].isdigit() and len(numbers) < 3:
            numbers.append(words.pop(0))
        device, axis, message = [*numbers, *[""] * (3 - len(numbers))]
        if device not in {"", "0", str(_DEVICE)} or axis not in {"", "0", "1"}:
            return
        answer = self._obey(words, now)
        if answer is None:
            self.rejected.append(" ".join(words))
        status = "BUSY" if self._motor.moving(now) else "IDLE"
        flag = "--" if self._motor.homed else "WR"
        told = f"RJ {status} {flag} BADCOMMAND" if answer is None else f"OK {status} {flag} {answer}"
        self._answer(
            f"@{_DEVICE:02d} {axis or 0} {message + ' ' if message else ''}{told}\r\n".encode("ascii")
        )

    def _obey(self, words: list[str], now: float) -> str | None:
        """Do it, and return what is told; None when it is refused."""
        match words:
            case [] | ["warnings", "clear"]:
                return "0"
            case ["get", "pos"]:
                return str(self._motor.count(now))
            case ["warnings"]:
                return "00" if self._motor.homed else "01 WR"
            case ["move", "abs", number] if number.lstrip("-").isdigit():
                self._motor.move_to(int(number), now)
            case ["stop"]:
                self._motor.stop(now)
            case ["home"]:
                self._motor.home(now)
            case _:
                return None
        return "0"


class ZaberSimulator(CountingSimulator[_Device]):
    """A Zaber device that drives a carriage."""

    _controller = _Device
