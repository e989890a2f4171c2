"""Rails on an MJKZZ serial motion controller, which can be asked where it stands."""

from __future__ import annotations

import time
from collections.abc import Callable

from rig.axes.mjkzz_protocol import HIGHEST, LOWEST, Answer, message, read_answer
from rig.axes.port import Port
from rig.axes.registry import RailSettings
from rig.axes.step_axis import CountingAxis
from rig.clock import Clock
from rig.errors import HardwareError, MotionError, UserError
from rig.kinematics import move_time_s

__all__ = ["MjkzzLink", "open_mjkzz"]

_STOP = message("x")
_ANSWER_S = 1.0
"""Real seconds for an answer; two messages at 9600 baud take 17 ms."""
_TRIES = 3
_POLL_S = 0.005
"""Real seconds between questions for the position; the line itself takes longer."""
_STALL_S = 5.0
"""Bench seconds without a step, and at least `_ANSWER_S` real ones: it does not move any more."""
_SLOWER = 20.0
"""Its speed is a setting without a unit: moves may take that much longer than configured."""
_FASTER = 10.0
"""A count that changes that much faster than configured was not changed by steps."""
_JUMP_STEPS = 64
"""Taken between two questions are never held to be a jump: a hundredth of a turn."""
_RECOMMENDED = 3
"""The manual's highest recommended speed setting; higher ones are slower."""


def open_mjkzz(settings: RailSettings, clock: Clock) -> CountingAxis:
    """Driver entry for the registry."""
    return CountingAxis(settings, clock, lambda interrupted: MjkzzLink(settings, clock, interrupted))


class MjkzzLink:
    """The conversation with an MJKZZ controller (`rig.axes.step_axis.StepLink`).

    Its speed, current and microstepping are left as they are set on it. A move is finished when the count
    has been the target twice. Whatever else ends a move but a stop leaves the count in doubt.

    Parameters
    ----------
    settings : RailSettings
        The rail; its speed only tells what is too slow, and too fast, to be true.
    clock : Clock
        Its scale shortens the time-outs of motion on a simulated bench.
    interrupted : callable
        Asked during waits; when it turns true the wait ends with MotionError.

    Raises
    ------
    HardwareError
        When nothing answers, or something else.
    """

    reports_position = True
    can_home = False

    def __init__(self, settings: RailSettings, clock: Clock, interrupted: Callable[[], bool]) -> None:
        self._clock, self._interrupted = clock, interrupted
        self._steps_s = settings.speed_mm_s * settings.steps_per_mm
        self._ramp_steps_s2 = settings.acceleration_mm_s2 * settings.steps_per_mm
        self._fault: str | None = None
        # Twice, since half a message that was left in the controller would swallow the first.
        self._port = Port(settings.port, settings.baud, _STOP + _STOP, binary=True)
        self.name = f"MJKZZ rail on {settings.port}"
        try:
            self._ask("v")
            self.halt()
            self._speed = self._ask("s").value
        except BaseException:
            self.close()
            raise

    @property
    def warnings(self) -> tuple[str, ...]:
        """That it is set to be slower than is recommended."""
        if 0 <= self._speed <= _RECOMMENDED:
            return ()
        return (
            (
                f"the speed setting of the {self.name} is {self._speed}; its maker recommends 0 to "
                f"{_RECOMMENDED} (0 is the fastest)"
            ),
        )

    # --- moving ---------------------------------------------------------------------------------------

    def ready(self) -> None:
        """See that it is at rest."""
        self.halt()

    def where(self) -> int:
        """Its count."""
        return self._ask("p").value

    def home(self) -> None:
        """It has no homing: UserError."""
        raise UserError(f"the {self.name} has no homing")

    def travel_time_s(self, steps: int) -> float:
        """Bench seconds, by the configured speed and ramp."""
        return move_time_s(steps, self._steps_s, self._ramp_steps_s2)

    def travel(self, start: int, target: int) -> None:
        """Move, and ask until the count is the target and stays there."""
        if not LOWEST <= target <= HIGHEST:
            raise MotionError(f"the {self.name} counts from {LOWEST} to {HIGHEST}, not to {target}")
        try:
            accepted = self._ask("P", target)
            if accepted.value != target:
                raise MotionError(f"the {self.name} took the target {target} for {accepted.value}")
            self._follow(start, target)
        except HardwareError as err:
            if not self._interrupted():
                self._fault = str(err)
            raise

    def _follow(self, start: int, target: int) -> None:
        scale = self._clock.scale
        began = moved = asking = time.monotonic()
        patience_s = max(_ANSWER_S, _STALL_S / scale)
        longest_s = _ANSWER_S + _SLOWER * self.travel_time_s(target - start) / scale
        at, arrivals = start, 0
        while arrivals < 2:
            if self._interrupted():
                raise MotionError(f"the {self.name} was stopped")
            before, before_s, asking = at, asking, time.monotonic()
            at = self.where()
            now = time.monotonic()
            if not min(before, target) <= at <= max(before, target):
                raise MotionError(
                    f"the {self.name} is on no way to {target}: its count went from {before} to {at}"
                )
            # From the question before to this answer, since answers may be late.
            possible = _JUMP_STEPS + _FASTER * self._steps_s * (now - before_s) * scale
            if abs(at - before) > possible:
                raise MotionError(
                    f"the count of the {self.name} went from {before} to {at} at once, {_FASTER:g} times "
                    "faster than [rail] speed: it restarted, or the configured speed is far too low"
                )
            if at != before:
                moved = now
            arrivals = arrivals + 1 if at == target else 0
            if now - moved > patience_s or now - began > longest_s:
                raise MotionError(f"the {self.name} does not arrive: its count is {at} instead of {target}")
            time.sleep(_POLL_S)

    def send_stop(self) -> None:
        """Send a stop and do not wait."""
        self._port.write(_STOP)

    def halt(self) -> int:
        """Stop, and return the count when it does not change any more."""
        at = self._ask("x").value
        deadline = time.monotonic() + _ANSWER_S
        while (now := self.where()) != at:
            if time.monotonic() > deadline:
                raise MotionError(f"the {self.name} does not stop")
            at = now
        return at

    # --- talking --------------------------------------------------------------------------------------

    def take_fault(self) -> str | None:
        """Why its count is in doubt; it says nothing by itself."""
        fault, self._fault = self._fault, None
        return fault

    def _ask(self, command: str, value: int = 0) -> Answer:
        """Send a message until it is answered: each may be repeated without doing more.

        Raises
        ------
        HardwareError
            When it is refused, or not answered.
        """
        asked = message(command, value)
        for _ in range(_TRIES):
            self._port.read_bytes(0.0)  # a late answer to something else
            self._port.write(asked)
            answer = self._listen(asked)
            if answer is not None:
                if not answer.obeyed:
                    raise HardwareError(f"the {self.name} refused {asked.hex(' ')} ({command} {value})")
                return answer
        tail = self._port.tail
        if not tail:
            raise HardwareError(
                f"nothing answers on {self._port.name}: is the controller powered, and is this its port?"
            )
        raise HardwareError(
            f"the {self.name} did not answer {asked.hex(' ')}; it last sent {tail[-24:].hex(' ')}. Check the "
            "baud rate ([rail] baud, 9600 for an MJKZZ) and that this is the rail's port"
        )

    def _listen(self, asked: bytes) -> Answer | None:
        deadline = time.monotonic() + _ANSWER_S
        heard = b""
        while (left_s := deadline - time.monotonic()) > 0:
            data = self._port.read_bytes(left_s)
            if not data:
                return None
            answer, heard = read_answer(heard + data, asked)
            if answer is not None:
                return answer
        return None

    def close(self) -> None:
        """Let go of the port."""
        self._port.close()
