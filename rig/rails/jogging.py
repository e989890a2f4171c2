"""Moving an axis by keys: in three step sizes, never farther ahead than a step, never beyond a limit."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from rig.axes.base import EPSILON_MM, AxisPosition, CanJog, FocusAxis, JogReport, PositionTrust
from rig.errors import MotionError, PositionUnknownError, RigError, UserError
from rig.units import parse_length_mm

__all__ = ["STEPS_MM", "Jogger", "SteppedJog", "parse_steps"]

STEPS_MM = (0.01, 0.1, 1.0)
"""Between what a microscope objective needs and the way to it."""
_END_S = 10.0
"""Real seconds for a move that was stopped to end; a hold takes 1.5 s at the longest."""
_STOP_EVERY_S = 0.02
"""A move that began just after a stop gets 0.04 mm far at 2 mm/s."""


def parse_steps(text: str) -> tuple[float, ...]:
    """Read ``"10um,0.1mm,1mm"``: three step sizes, rising.

    Raises
    ------
    UserError
        When they are not three lengths above 0 that rise.
    """
    steps = tuple(parse_length_mm(part, "--steps", bare="accept") for part in text.split(","))
    if len(steps) != 3 or not 0 < steps[0] < steps[1] < steps[2]:
        raise UserError(f'--steps: "{text}" is not three rising lengths; write for instance 10um,0.1mm,1mm')
    return steps


@dataclass(frozen=True)
class _Unheard:
    """An error of the worker that nobody has been told of."""

    error: RigError


class SteppedJog:
    """Jogging for an axis that cannot be sent on its way (`CanJog`): its moves, in a thread of its own.

    Parameters
    ----------
    axis : FocusAxis
        Nothing else is asked of it while it moves.
    """

    def __init__(self, axis: FocusAxis) -> None:
        self._axis = axis
        self._next_mm: float | None = None
        self._turn = threading.Lock()
        self._worker: threading.Thread | None = None
        self._last = axis.position()
        self._trouble: _Unheard | None = None
        self._ending = False

    def jog_to(self, position: float) -> None:
        """Begin to move there, or go there after the move in hand.

        Raises
        ------
        PositionUnknownError
            When nothing says where the rail stands.
        """
        self._axis.limits.check(position)
        with self._turn:
            self._next_mm = position
            if self._worker is not None:
                return
            here = self._axis.position()
            if here.trust is PositionTrust.UNKNOWN:
                self._next_mm = None
                raise PositionUnknownError(f"the {self._axis.name} does not know where it stands")
            self._worker = threading.Thread(target=self._work, name="jog", daemon=True)
            self._worker.start()

    def _work(self) -> None:
        while True:
            with self._turn:
                target, self._next_mm = self._next_mm, None
                if target is None or self._ending or self._trouble is not None:
                    self._worker = None
                    return
            try:
                self._last = self._axis.move_to(target)
            except RigError as err:
                if not (self._ending and isinstance(err, MotionError)):
                    self._trouble = _Unheard(err)

    def jog_report(self) -> JogReport:
        """Where it is; while it moves, where it last was.

        Raises
        ------
        RigError
            What went wrong in the move, once.
        """
        if self._worker is not None:
            return JogReport(self._last, moving=True)
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            raise trouble.error
        self._last = self._axis.position()
        return JogReport(self._last, moving=False)

    def end_jog(self) -> AxisPosition:
        """Stop now, and forget the moves to come.

        Raises
        ------
        MotionError
            When the rail does not end its move.
        """
        worker = self._worker
        if worker is not None:
            self._ending = True
            with self._turn:
                self._next_mm = None
            deadline = time.monotonic() + _END_S
            while worker.is_alive() and time.monotonic() < deadline:
                self._axis.stop()  # again and again: a move that is only about to begin does not hear it
                worker.join(_STOP_EVERY_S)
            self._ending = False
            if worker.is_alive():
                raise MotionError(f"the {self._axis.name} does not end its move")
        return self.jog_report().position


class Jogger:
    """Moves an axis a step at a time, as somebody presses keys.

    A step is sent only when less than one is still to go: whoever lets go of a key that repeats sees the
    axis stop within two steps. Where a step would end is known, and inside the limits, before it is sent.

    Parameters
    ----------
    axis : FocusAxis
        Knows where it stands.
    steps_mm : tuple of float
        Rising; the middle one is chosen at first.
    """

    def __init__(self, axis: FocusAxis, steps_mm: tuple[float, ...] = STEPS_MM) -> None:
        self._axis: CanJog = axis if isinstance(axis, CanJog) else SteppedJog(axis)
        self._limits = axis
        self.steps_mm = steps_mm
        self._chosen = len(steps_mm) // 2
        self._direction = 0
        self._target_mm = 0.0

    @property
    def step_mm(self) -> float:
        """The step in force."""
        return self.steps_mm[self._chosen]

    @property
    def target_mm(self) -> float:
        """Where the axis was sent last, or came to rest when it was to turn back."""
        return self._target_mm

    def choose(self, index: int) -> None:
        """Choose a step by its number; what lies beyond is the last one."""
        self._chosen = min(max(index, 0), len(self.steps_mm) - 1)

    def coarser(self, by: int = 1) -> None:
        """Choose the next larger step, or with -1 the next smaller."""
        self.choose(self._chosen + by)

    def nudge(self, direction: int) -> str | None:
        """Go a step, positive towards the subject; returns what is to be said of it, if anything.

        Raises
        ------
        PositionUnknownError
            When the axis does not know where it stands.
        MotionError
            When it was stopped from elsewhere, or failed.
        """
        report = self._axis.jog_report()
        if report.moving and direction != self._direction:
            report = JogReport(self._axis.end_jog(), moving=False)
            self._target_mm = report.position.value
        if report.position.trust is PositionTrust.UNKNOWN:
            raise PositionUnknownError(f"where the {self._limits.name} stands is not known")
        here = self._target_mm if report.moving else report.position.value
        if report.moving and abs(here - report.position.value) > self.step_mm:
            return None
        limits = self._limits.limits
        target = min(limits.high, max(limits.low, here + direction * self.step_mm))
        if (target - here) * direction <= EPSILON_MM:
            end = limits.high if direction > 0 else limits.low
            return f"this is the limit, {end:g} mm"
        self._axis.jog_to(target)
        self._direction, self._target_mm = direction, target
        short = abs(target - here) < self.step_mm - EPSILON_MM
        return f"up to the limit, {target:g} mm" if short else None

    def go_to(self, position_mm: float) -> None:
        """Begin to go to a position; errors as of `nudge`, and LimitError before anything is sent."""
        report = self._axis.jog_report()
        self._direction = 1 if position_mm >= report.position.value else -1
        self._target_mm = position_mm
        self._axis.jog_to(position_mm)

    def stop(self) -> AxisPosition:
        """Brake now, and forget what was to come."""
        return self._axis.end_jog()

    def report(self) -> JogReport:
        """Where the axis is; raises what went wrong."""
        return self._axis.jog_report()
