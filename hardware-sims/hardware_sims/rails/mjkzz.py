"""A simulated MJKZZ rail on a pty and on TCP.

What it does is what INDIGO's notes quote of the maker's manual. How fast its speed settings are is not
written there: here 0 is the ordered speed and n is an (n+1)th of it.
"""

from __future__ import annotations

from hardware_sims.clock import SimClock
from hardware_sims.rails.framing import FixedLength, Framing
from hardware_sims.rails.shell import CountingSimulator, SteppingDevice
from hardware_sims.rails.step_motor import StepMotor

__all__ = ["MjkzzSimulator"]

_MESSAGE = 8
_ANSWERED = 0x80
_BROADCAST = 0xFF
_STORED = "IDKGBEFNZ"
"""Settings that are kept and do nothing here: settle, hold, backlash, lag, start, end, flags, count, size."""
_REGISTERS = {101: 1, 102: 8, 103: 0, 104: 32767, 106: 1}
"""Low and high current, microstepping, highest position, address, as they are when switched on."""
_CURRENTS = (101, 102)
_VERSION = 0x01020304


class _Controller(SteppingDevice):
    """Behind the wire."""

    def __init__(self, motor: StepMotor, clock: SimClock) -> None:
        super().__init__(motor, clock)
        self.crash_on = ""
        """A command at which it restarts once, instead of answering."""
        self.refused = ""
        """A command that is refused from now on."""
        self._frozen = False
        self._forget()

    def _frames(self, clock: SimClock) -> Framing:
        return FixedLength(_MESSAGE, clock)

    def _forget(self) -> None:
        self._speed = 0
        self._registers = dict(_REGISTERS)
        self._stored = dict.fromkeys(_STORED, 0)

    def _take(self, message: bytes, now: float) -> None:
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
        self._answer(body + bytes([sum(body) % 256]))

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
        if not self._frozen:
            self._motor.move_to(target, now, self._motor.steps_s / (self._speed + 1))

    def freeze(self, now: float) -> None:
        """The motor takes no further step."""
        self._frozen = True
        self._motor.stop(now)

    def reset(self, now: float) -> None:
        """Start again with the settings of a start."""
        super().reset(now)
        self._forget()


class MjkzzSimulator(CountingSimulator[_Controller]):
    """An MJKZZ controller that drives a carriage; its speed setting 0 is the full speed."""

    _controller = _Controller

    def freeze(self) -> None:
        """Let the motor take no further step, whatever it is told."""
        self._server.call(lambda: self._device.freeze(self._clock.now()))

    def refuse(self, command: str) -> None:
        """Let a command be refused from now on."""
        self._device.refused = command

    def crash_on(self, command: str) -> None:
        """Let it restart once, instead of answering that command."""
        self._device.crash_on = command
