"""A simulated WeMacro rail on a pty and on TCP.

What it does is what INDIGO's authors measured on a controller and built into their own simulator, as far as
it shows at the wire; ramps are assumed, since their times show none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from hardware_sims.carriage import Carriage
from hardware_sims.clock import SimClock
from hardware_sims.rails.faults import RailMisbehaviour
from hardware_sims.rails.framing import FixedLength, Framing
from hardware_sims.rails.shell import ControllerSimulator, SteppingDevice
from hardware_sims.rails.step_motor import StepMotor

__all__ = ["WeMacroSimulator"]

_FRAME = 12
_BEGINS = b"\xa5\x5a"
_SHUTTER, _STOP, _FORWARD, _BACKWARD, _CONFIGURE = 0x04, 0x20, 0x40, 0x41, 0x80
_OPTIONS = 0x0A
"""Bits of a configuration: beep, and return."""
_STARTED, _FORWARD_ENDED, _BACKWARD_ENDED, _SHOT = 0xF0, 0xF5, 0xF6, 0xF7
_SLOW_STEPS_S, _FAST_STEPS_S = 1289.0, 12809.0
_RAMP_S = 0.005
_SHOT_S = 0.3
_STOP_ANSWER_S = 0.01
_DEAF_AFTER_CONFIG_S = 0.03
"""Real seconds: it is the controller's electronics that is slow, not the bench."""


def _crc(data: bytes) -> int:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


class _Controller(SteppingDevice):
    """Behind the wire."""

    def __init__(self, motor: StepMotor, clock: SimClock, contact: Callable[[bool], None] | None) -> None:
        super().__init__(motor, clock)
        self._contact = contact
        self._due: list[tuple[float, int]] = []
        """Statuses that are going to be said, and when."""
        self._arrival: int | None = None
        """What is said when the motor comes to rest; None when no move is under way."""
        self._after_shot: tuple[int, int] | None = None
        """Steps and status of a move that waits for the release to be let go of."""
        self._shot_ends_s: float | None = None
        self._configured_s = -1.0
        self._fast = False

    def _frames(self, clock: SimClock) -> Framing:
        return FixedLength(_FRAME, clock, _BEGINS)

    def say(self, status: int) -> None:
        """Send a status."""
        self._answer(bytes([0x5A, 0xA5, status]))

    # --- commands -------------------------------------------------------------------------------------

    def _take(self, frame: bytes, now: float) -> None:
        if _crc(frame[:10]) != int.from_bytes(frame[10:], "little"):
            self.rejected.append("checksum")
            return
        if now - self._configured_s < _DEAF_AFTER_CONFIG_S * self._clock.scale:
            self.rejected.append("too soon after a configuration")
            return
        command, own, value = frame[2], frame[3:6], int.from_bytes(frame[6:10], "big")
        if command in {_FORWARD, _BACKWARD} and not any(own) and value <= 0xFFFFFF:
            self._move(command, value, now)
        elif command == _STOP and not any(own) and not value:
            self._stop(now)
        elif command == _SHUTTER and not any(own) and not value:
            self._press(now)
        elif command & ~_OPTIONS == _CONFIGURE and own[0] in {0, 0xFF} and not any(own[1:]):
            self._fast = own[0] == 0xFF
            self._configured_s = now
        else:
            self.rejected.append("unknown or out of range")

    def _move(self, command: int, steps: int, now: float) -> None:
        signed = steps if command == _FORWARD else -steps
        status = _FORWARD_ENDED if command == _FORWARD else _BACKWARD_ENDED
        if self._shot_ends_s is not None and steps:
            self._after_shot = (signed, status)
            return
        self._begin(signed, status, now)

    def _begin(self, steps: int, status: int, now: float) -> None:
        here = self._motor.stop(now)
        if not steps:
            self._arrival = None
            self.say(status)
            return
        self._motor.move_to(here + steps, now, _FAST_STEPS_S if self._fast else _SLOW_STEPS_S, _RAMP_S)
        self._arrival = status

    def _stop(self, now: float) -> None:
        """A stopped move reports its end as one that has arrived does; at rest nothing is said."""
        self._motor.stop(now)
        stopped = self._arrival or (self._after_shot and self._after_shot[1])
        if stopped:
            self._due.append((now + _STOP_ANSWER_S, stopped))
        self._arrival = self._after_shot = None

    def _press(self, now: float) -> None:
        if self._shot_ends_s is None:
            self._shot_ends_s = now + _SHOT_S
            if self._contact is not None:
                self._contact(True)

    # --- time -----------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        if not self._on:
            return
        if self._arrival is not None and not self._motor.moving(now):
            self._motor.settle(now)
            self.say(self._arrival)
            self._arrival = None
        if self._shot_ends_s is not None and now >= self._shot_ends_s:
            self._let_go()
            self.say(_SHOT)
            if self._after_shot is not None:
                (steps, status), self._after_shot = self._after_shot, None
                self._begin(steps, status, now)
        for due_s, status in [entry for entry in self._due if entry[0] <= now]:
            self._due.remove((due_s, status))
            self.say(status)

    def next_event_s(self) -> float | None:
        if not self._on:
            return None
        events = [due_s for due_s, _ in self._due]
        events += [s for s in (self._shot_ends_s, self._motor.ends_s()) if s is not None]
        return min(events, default=None)

    def _let_go(self) -> None:
        self._shot_ends_s = None
        if self._contact is not None:
            self._contact(False)

    # --- what can happen to it ------------------------------------------------------------------------

    def reset(self, now: float) -> None:
        """Start again, the motors with power: slow, at rest, and saying so."""
        super().reset(now)
        if self._shot_ends_s is not None:
            self._let_go()
        self._due.clear()
        self._arrival = self._after_shot = None
        self._fast = False
        self._configured_s = -1.0
        self.say(_STARTED)


class WeMacroSimulator(ControllerSimulator[_Controller]):
    """A WeMacro controller that drives a carriage.

    Parameters
    ----------
    carriage : Carriage
        What the motor moves; it stands at `start_mm`.
    clock : SimClock
        Bench time.
    steps_per_mm : float
        Microsteps per mm.
    towards_subject : {"+", "-"}
        Whether forward (``40``) is towards the subject.
    start_mm : float
        Where the carriage stands, mm towards the subject.
    contact : callable, optional
        A camera's release on the controller's socket: told when it is pressed and let go of.
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
        towards_subject: Literal["+", "-"] = "+",
        start_mm: float = 0.0,
        contact: Callable[[bool], None] | None = None,
        misbehaviour: RailMisbehaviour | None = None,
    ) -> None:
        motor = StepMotor(
            carriage, steps_per_mm=steps_per_mm, towards_subject=towards_subject, start_mm=start_mm
        )
        super().__init__(_Controller(motor, clock, contact), carriage, clock, misbehaviour)

    def say(self, status: int) -> None:
        """Let it say a status that nothing has caused."""
        self._server.call(lambda: self._device.say(status))
