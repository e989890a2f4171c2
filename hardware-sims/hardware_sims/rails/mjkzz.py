"""A simulated MJKZZ rail on a pty and on TCP.

What it does is what INDIGO's notes quote of the maker's manual. How fast its speed settings are is not
written there: here 0 is the ordered speed and n is an (n+1)th of it.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

from hardware_sims.carriage import Carriage
from hardware_sims.clock import SimClock
from hardware_sims.rails.faults import RailMisbehaviour
from hardware_sims.rails.shell import LOG_FRAMES, ControllerSimulator
from hardware_sims.rails.step_motor import StepMotor

__all__ = ["MjkzzSimulator"]

_MESSAGE = 8
_ANSWERED = 0x80
_BROADCAST = 0xFF
_HALF_A_MESSAGE_S = 0.2
"""Real seconds after which a message that was not finished is forgotten. Assumed: without it one lost byte
would shift all that follow."""
_STORED = "IDKGBEFNZ"
"""Settings that are kept and do nothing here: settle, hold, backlash, lag, start, end, flags, count, size."""
_REGISTERS = {101: 1, 102: 8, 103: 0, 104: 32767, 106: 1}
"""Low and high current, microstepping, highest position, address, as they are when switched on."""
_CURRENTS = (101, 102)
_VERSION = 0x01020304


class _Controller:
    """Behind the wire; a `shell.SteppingDevice`."""

    def __init__(self, motor: StepMotor, clock: SimClock, steps_s: float, ramp_steps_s2: float) -> None:
        self._motor, self._clock = motor, clock
        self._steps_s, self._ramp_steps_s2 = steps_s, ramp_steps_s2
        self._heard = bytearray()
        self._heard_s = -1.0
        self._out = bytearray()
        self._on = True
        self.received: deque[bytes] = deque(maxlen=LOG_FRAMES)
        self.rejected: deque[str] = deque(maxlen=LOG_FRAMES)
        self.silent = 0
        """Answers that are swallowed from now on."""
        self.crash_on = ""
        """A command at which it restarts once, instead of answering."""
        self.refused = ""
        """A command that is refused from now on."""
        self._frozen = False
        self._forget()

    def _forget(self) -> None:
        self._speed = 0
        self._registers = dict(_REGISTERS)
        self._stored = dict.fromkeys(_STORED, 0)

    # --- the wire -------------------------------------------------------------------------------------

    def opened(self, now: float, kind: str) -> None:
        """Nothing is said when a port is opened."""

    def receive(self, data: bytes, now: float) -> None:
        if not self._on:
            return
        if now - self._heard_s > _HALF_A_MESSAGE_S * self._clock.scale:
            self._heard.clear()
        self._heard_s = now
        self._heard += data
        while len(self._heard) >= _MESSAGE:
            self._take(bytes(self._heard[:_MESSAGE]), now)
            del self._heard[:_MESSAGE]

    def take_output(self) -> bytes:
        out = bytes(self._out)
        self._out.clear()
        return out

    def babble(self, data: bytes) -> None:
        self._out += data

    def _take(self, message: bytes, now: float) -> None:
        self.received.append(message)
        address, command, index = message[:3]
        if address not in {self._registers[106], _BROADCAST}:
            self.rejected.append("another address")
            return
        if chr(command) == self.crash_on:
            self.crash_on = ""
            self.reset(now)
            return
        value = int.from_bytes(message[3:7], "big", signed=True)
        answer: int | None = None
        if sum(message[:7]) % 256 != message[7]:
            self.rejected.append("sum")
        else:
            answer = self._obey(chr(command), index, value, now)
            if answer is None:
                self.rejected.append(f"{chr(command)} {index} {value}")
        if address == _BROADCAST:
            return  # several may listen, so none answers
        obeyed = 0 if answer is None else _ANSWERED
        body = bytes([address | _ANSWERED, command & 0x7F | obeyed, index])
        body += (value if answer is None else answer).to_bytes(4, "big", signed=True)
        if self.silent:
            self.silent -= 1
            return
        self._out += body + bytes([sum(body) % 256])

    # --- commands -------------------------------------------------------------------------------------

    def _obey(self, command: str, index: int, value: int, now: float) -> int | None:
        """Do it, and return the number of the answer; None when it is refused."""
        if command == self.refused:
            return None
        if command in "Rr":
            return self._register(command, index, value)
        if index:
            return None
        if command.upper() in self._stored:
            if command.isupper():
                self._stored[command] = value
            return self._stored[command.upper()]
        if command in "PM":
            target = value if command == "P" else self._motor.count(now) + value
            self._go(target, now)
            return value
        if command == "S" and 0 <= value <= 255:
            self._speed = value
        told = {"v": _VERSION, "p": self._motor.count(now), "s": self._speed, "S": self._speed}
        if command == "x":
            told["x"] = self._motor.stop(now)
        return told.get(command) if command != "S" or value == self._speed else None

    def _register(self, command: str, index: int, value: int) -> int | None:
        if index not in self._registers:
            return None
        if command == "R":
            if index in _CURRENTS and not 1 <= value <= 12:
                return None
            self._registers[index] = value
        return self._registers[index]

    def _go(self, target: int, now: float) -> None:
        if self._frozen:
            return
        steps_s = self._steps_s / (self._speed + 1)
        self._motor.move_to(target, steps_s, steps_s / self._ramp_steps_s2, now)

    def freeze(self, now: float) -> None:
        """The motor takes no further step."""
        self._frozen = True
        self._motor.stop(now)

    # --- time and power -------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        self._motor.settle(now)

    def next_event_s(self) -> float | None:
        return self._motor.ends_s() if self._on else None

    def reset(self, now: float) -> None:
        """Start again, the motor with power: it counts from 0 where it stands."""
        self._motor.renumber(0, now)
        self._forget()
        self._heard.clear()
        self._out.clear()
        self._on = True

    def power_off(self, now: float) -> None:
        """The motor stops dead, nothing is heard or said."""
        self.reset(now)
        self._on = False

    def power_on(self, now: float) -> None:
        """The power is back."""
        self.reset(now)


class MjkzzSimulator(ControllerSimulator[_Controller]):
    """An MJKZZ controller that drives a carriage.

    Parameters
    ----------
    carriage : Carriage
        What the motor moves; it stands at `start_mm`.
    clock : SimClock
        Bench time.
    steps_per_mm, max_speed_mm_s, acceleration_mm_s2 : float
        Microsteps per mm, the speed of setting 0, and the ramp.
    towards_subject : {"+", "-"}
        The sign of the count that grows towards the subject.
    start_mm : float
        Where the carriage stands, mm towards the subject.
    misbehaviour : RailMisbehaviour, optional
        What goes wrong, and when.

    Raises
    ------
    ValueError
        When the rail cannot suffer what is planned.
    """

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
        misbehaviour: RailMisbehaviour | None = None,
    ) -> None:
        motor = StepMotor(
            carriage,
            steps_per_mm=steps_per_mm,
            sign=1 if towards_subject == "+" else -1,
            start_mm=start_mm,
        )
        device = _Controller(motor, clock, max_speed_mm_s * steps_per_mm, acceleration_mm_s2 * steps_per_mm)
        super().__init__(device, carriage, clock, "mjkzz", misbehaviour)

    def swallow(self, answers: int) -> None:
        """Let that many of the next answers be lost on the way."""

        def begin() -> None:
            self._device.silent = answers

        self._server.call(begin)

    def freeze(self) -> None:
        """Let the motor take no further step, whatever it is told."""

        self._server.call(lambda: self._device.freeze(self._clock.now()))

    def refuse(self, command: str) -> None:
        """Let a command be refused from now on."""

        def begin() -> None:
            self._device.refused = command

        self._server.call(begin)

    def crash_on(self, command: str) -> None:
        """Let it restart once, instead of answering that command."""

        def begin() -> None:
            self._device.crash_on = command

        self._server.call(begin)
