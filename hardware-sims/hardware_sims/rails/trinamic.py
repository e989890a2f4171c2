"""A simulated Trinamic module with one motor, in the part of TMCL that moves it."""

from __future__ import annotations

from collections import deque
from typing import Literal

from hardware_sims.carriage import Carriage
from hardware_sims.clock import SimClock
from hardware_sims.rails.faults import RailMisbehaviour
from hardware_sims.rails.shell import LOG_FRAMES, ControllerSimulator
from hardware_sims.rails.step_motor import StepMotor

__all__ = ["TrinamicSimulator"]

_DATAGRAM = 9
_HOST, _MODULE = 2, 1
_MST, _MVP, _GAP, _RFS = 3, 4, 6, 13
_OK, _WRONG_CHECKSUM, _NO_COMMAND, _WRONG_TYPE = 100, 1, 2, 3
_HALF_A_DATAGRAM_S = 0.2
"""Real seconds after which a datagram that was not finished is forgotten. Assumed, as one lost byte would
shift all that follow."""


class _Module:
    """Behind the wire; a `shell.SteppingDevice`."""

    def __init__(
        self, motor: StepMotor, clock: SimClock, steps_s: float, ramp_s: float, home_count: int
    ) -> None:
        self._motor, self._clock, self._steps_s, self._ramp_s = motor, clock, steps_s, ramp_s
        self._home_count = home_count
        self._heard = bytearray()
        self._heard_s = -1.0
        self._out = bytearray()
        self._on = True
        self._searching = False
        self.received: deque[bytes] = deque(maxlen=LOG_FRAMES)
        self.rejected: deque[str] = deque(maxlen=LOG_FRAMES)

    def opened(self, now: float, kind: str) -> None:
        """Nothing is said when a port is opened."""

    def receive(self, data: bytes, now: float) -> None:
        if not self._on:
            return
        if now - self._heard_s > _HALF_A_DATAGRAM_S * self._clock.scale:
            self._heard.clear()
        self._heard_s = now
        self._heard += data
        while len(self._heard) >= _DATAGRAM:
            self._take(bytes(self._heard[:_DATAGRAM]), now)
            del self._heard[:_DATAGRAM]

    def take_output(self) -> bytes:
        out = bytes(self._out)
        self._out.clear()
        return out

    def babble(self, data: bytes) -> None:
        self._out += data

    def _take(self, datagram: bytes, now: float) -> None:
        self.received.append(datagram)
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
        self._out += body + bytes([sum(body) % 256])

    def _obey(self, command: int, kind: int, value: int, now: float) -> tuple[int, int]:
        """Do it; returns status and value of the answer."""
        if command == _MST:
            self._motor.stop(now)
        elif command == _MVP and kind == 0:
            self._motor.move_to(value, self._steps_s, self._ramp_s, now)
        elif command == _GAP and kind == 1:
            value = self._motor.count(now)
        elif command == _GAP and kind == 3:
            value = round(self._steps_s) if self._motor.moving(now) else 0
        elif command == _RFS and kind in {0, 1, 2}:
            value = self._search(kind, now)
        else:
            return (_WRONG_TYPE if command in {_MVP, _GAP, _RFS} else _NO_COMMAND), 0
        return _OK, value

    def _search(self, kind: int, now: float) -> int:
        if kind == 0:
            self._searching = True
            self._motor.move_to(self._home_count, self._steps_s, self._ramp_s, now)
        elif kind == 1 and self._searching:
            self._searching = False
            self._motor.stop(now)
        return int(self._searching)

    def advance(self, now: float) -> None:
        if self._searching and not self._motor.moving(now):
            self._searching = False
            self._motor.renumber(0, now)
            self._home_count = 0
        self._motor.settle(now)

    def next_event_s(self) -> float | None:
        return self._motor.ends_s() if self._on else None

    def reset(self, now: float) -> None:
        """Start again: it counts from 0 where it stands."""
        self._home_count -= self._motor.stop(now)
        self._motor.renumber(0, now)
        self._searching, self._on = False, True
        self._heard.clear()
        self._out.clear()

    def power_off(self, now: float) -> None:
        """The motor stops dead, nothing is heard or said."""
        self.reset(now)
        self._on = False

    def power_on(self, now: float) -> None:
        """The power is back."""
        self.reset(now)


class TrinamicSimulator(ControllerSimulator[_Module]):
    """A Trinamic module that drives a carriage; parameters and errors as of `zaber.ZaberSimulator`."""

    def __init__(
        self,
        carriage: Carriage,
        clock: SimClock,
        *,
        steps_per_mm: float = 3200.0,
        max_speed_mm_s: float = 2.0,
        acceleration_mm_s2: float = 50.0,
        towards_subject: Literal["+", "-"] = "+",
        start_mm: float = 0.0,
        home_mm: float = -20.0,
        misbehaviour: RailMisbehaviour | None = None,
    ) -> None:
        sign = 1 if towards_subject == "+" else -1
        motor = StepMotor(carriage, steps_per_mm=steps_per_mm, sign=sign, start_mm=start_mm)
        device = _Module(
            motor,
            clock,
            max_speed_mm_s * steps_per_mm,
            max_speed_mm_s / acceleration_mm_s2,
            round(sign * (home_mm - start_mm) * steps_per_mm),
        )
        super().__init__(device, carriage, clock, "trinamic", misbehaviour)
