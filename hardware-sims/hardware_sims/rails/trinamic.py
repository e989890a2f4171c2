"""A simulated Trinamic module with one motor, in the part of TMCL that moves it."""

from __future__ import annotations

from hardware_sims.clock import SimClock
from hardware_sims.rails.framing import FixedLength, Framing
from hardware_sims.rails.shell import CountingSimulator, SteppingDevice

__all__ = ["TrinamicSimulator"]

_DATAGRAM = 9
_HOST, _MODULE = 2, 1
_MST, _MVP, _GAP, _RFS = 3, 4, 6, 13
_OK, _WRONG_CHECKSUM, _NO_COMMAND, _WRONG_TYPE = 100, 1, 2, 3


class _Module(SteppingDevice):
    """Behind the wire."""

    def _frames(self, clock: SimClock) -> Framing:
        return FixedLength(_DATAGRAM, clock)

    def _take(self, datagram: bytes, now: float) -> None:
        module, command, kind, motor = datagram[:4]
        if module != _MODULE:
            self.rejected.append("another module")
            return
        value = int.from_bytes(datagram[4:8], "big", signed=True)
        if sum(datagram[:8]) % 256 != datagram[8]:
            status, told = _WRONG_CHECKSUM, 0
        elif motor != 0:
            status, told = _WRONG_TYPE, 0
        else:
            status, told = self._obey(command, kind, value, now)
        if status != _OK:
            self.rejected.append(f"{command} {kind} {value}: {status}")
        body = bytes([_HOST, _MODULE, status, command]) + told.to_bytes(4, "big", signed=True)
        self._answer(body + bytes([sum(body) % 256]))

    def _obey(self, command: int, kind: int, value: int, now: float) -> tuple[int, int]:
        """Do it; returns status and value of the answer."""
        if command == _MST:
            self._motor.stop(now)
        elif command == _MVP and kind == 0:
            self._motor.move_to(value, now)
        elif command == _GAP and kind == 1:
            value = self._motor.count(now)
        elif command == _GAP and kind == 3:
            value = round(self._motor.steps_s) if self._motor.moving(now) else 0
        elif command == _RFS and kind in {0, 1, 2}:
            value = self._search(kind, now)
        else:
            return (_WRONG_TYPE if command in {_MVP, _GAP, _RFS} else _NO_COMMAND), 0
        return _OK, value

    def _search(self, kind: int, now: float) -> int:
        if kind == 0:
            self._motor.home(now)
        elif kind == 1 and self._motor.homing:
            self._motor.stop(now)
        return int(self._motor.homing)


class TrinamicSimulator(CountingSimulator[_Module]):
    """A Trinamic module that drives a carriage."""

    _controller = _Module
