"""A simulated Zaber device with one axis, in the part of the published ASCII protocol that moves it."""

from __future__ import annotations

from collections import deque
from typing import Literal

from hardware_sims.carriage import Carriage
from hardware_sims.clock import SimClock
from hardware_sims.rails.faults import RailMisbehaviour
from hardware_sims.rails.shell import LOG_FRAMES, ControllerSimulator
from hardware_sims.rails.step_motor import StepMotor

__all__ = ["ZaberSimulator"]

_LONGEST_LINE = 256
_DEVICE = 1


class _Device:
    """Behind the wire; a `shell.SteppingDevice`."""

    def __init__(self, motor: StepMotor, steps_s: float, ramp_s: float, home_count: int) -> None:
        self._motor, self._steps_s, self._ramp_s = motor, steps_s, ramp_s
        self._home_count = home_count
        self._line = bytearray()
        self._out = bytearray()
        self._on = True
        self._flags = {"WR"}
        self._homing = False
        self.received: deque[bytes] = deque(maxlen=LOG_FRAMES)
        self.rejected: deque[str] = deque(maxlen=LOG_FRAMES)

    def opened(self, now: float, kind: str) -> None:
        """Nothing is said when a port is opened."""

    def receive(self, data: bytes, now: float) -> None:
        if not self._on:
            return
        for byte in data:
            if byte not in b"\r\n":
                self._line.append(byte)
                del self._line[:-_LONGEST_LINE]
            elif self._line:
                self._take(bytes(self._line), now)
                self._line.clear()

    def take_output(self) -> bytes:
        out = bytes(self._out)
        self._out.clear()
        return out

    def babble(self, data: bytes) -> None:
        self._out += data

    def _take(self, line: bytes, now: float) -> None:
        self.received.append(line)
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
        flag = min(self._flags, default="--")
        told = f"RJ {status} {flag} BADCOMMAND" if answer is None else f"OK {status} {flag} {answer}"
        self._out += f"@{_DEVICE:02d} {axis or 0} {message + ' ' if message else ''}{told}\r\n".encode(
            "ascii"
        )

    def _obey(self, words: list[str], now: float) -> str | None:
        """Do it, and return what is told; None when it is refused."""
        match words:
            case [] | ["warnings", "clear"]:
                return "0"
            case ["get", "pos"]:
                return str(self._motor.count(now))
            case ["warnings"]:
                return " ".join([f"{len(self._flags):02d}", *sorted(self._flags)])
            case ["move", "abs", number] if number.lstrip("-").isdigit():
                self._motor.move_to(int(number), self._steps_s, self._ramp_s, now)
            case ["stop"]:
                self._homing = False
                self._motor.stop(now)
            case ["home"]:
                self._homing = True
                self._motor.move_to(self._home_count, self._steps_s, self._ramp_s, now)
            case _:
                return None
        return "0"

    def advance(self, now: float) -> None:
        if self._homing and not self._motor.moving(now):
            self._homing = False
            self._motor.renumber(0, now)
            self._home_count = 0
            self._flags.discard("WR")
        self._motor.settle(now)

    def next_event_s(self) -> float | None:
        return self._motor.ends_s() if self._on else None

    def reset(self, now: float) -> None:
        """Start again: it counts from 0 where it stands, without a reference."""
        here = self._motor.stop(now)
        self._motor.renumber(0, now)
        self._home_count -= here
        self._homing, self._on = False, True
        self._flags = {"WR"}
        self._line.clear()
        self._out.clear()

    def power_off(self, now: float) -> None:
        """The motor stops dead, nothing is heard or said."""
        self.reset(now)
        self._on = False

    def power_on(self, now: float) -> None:
        """The power is back."""
        self.reset(now)


class ZaberSimulator(ControllerSimulator[_Device]):
    """A Zaber device that drives a carriage.

    Parameters
    ----------
    carriage : Carriage
        What the motor moves; it stands at `start_mm`.
    clock : SimClock
        Bench time.
    steps_per_mm, max_speed_mm_s, acceleration_mm_s2 : float
        Microsteps per mm, speed and ramp.
    towards_subject : {"+", "-"}
        The sign of the count that grows towards the subject.
    start_mm : float
        Where the carriage stands, mm towards the subject.
    home_mm : float
        Where the home sensor is, mm towards the subject.
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
        home_mm: float = -20.0,
        misbehaviour: RailMisbehaviour | None = None,
    ) -> None:
        sign = 1 if towards_subject == "+" else -1
        motor = StepMotor(carriage, steps_per_mm=steps_per_mm, sign=sign, start_mm=start_mm)
        device = _Device(
            motor,
            max_speed_mm_s * steps_per_mm,
            max_speed_mm_s / acceleration_mm_s2,
            round(sign * (home_mm - start_mm) * steps_per_mm),
        )
        super().__init__(device, carriage, clock, "zaber", misbehaviour)
