"""Motion that every axis shares: one-sided approach, settling."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rig.axes.base import EPSILON_MM, ApproachesSlowly, AxisLimits, AxisPosition, FocusAxis, MovesAlong
from rig.clock import Clock

__all__ = [
    "Approach",
    "Approached",
    "settle",
    "travel_envelope",
]


@dataclass(frozen=True)
class Approach:
    """From which side every position is reached, so that backlash is always taken up the same way.

    Parameters
    ----------
    direction : {1, -1}
        Sign of the last movement before a frame: +1 towards the subject.
    run_up_mm : float
        How far before the target a leg begins that comes from the wrong side: more than the backlash.
        0 when the axis has none.
    """

    direction: Literal[1, -1] = 1
    run_up_mm: float = 0.0

    def __post_init__(self) -> None:
        if self.run_up_mm < 0:
            raise ValueError(f"a run-up is a length of 0 mm or more, not {self.run_up_mm:g} mm")

    def start_mm(self, target_mm: float) -> float:
        """Where the run-up to a target begins."""
        return target_mm - self.direction * self.run_up_mm

    def legs(self, target_mm: float, here_mm: float, *, engaged: bool) -> tuple[float, ...]:
        """Positions to go to, in order, so that the last movement has the right direction.

        Parameters
        ----------
        target_mm, here_mm : float
            Where to and from where.
        engaged : bool
            Whether the last movement of the axis was in the approach's direction and took up the backlash.

        Returns
        -------
        tuple of float
            The target alone, or the start of the run-up and the target; empty when already there.
        """
        ahead_mm = self.direction * (target_mm - here_mm)
        if self.run_up_mm <= 0:
            return (target_mm,)
        if engaged and abs(ahead_mm) <= EPSILON_MM:
            return ()
        if ahead_mm > 0 and (engaged or ahead_mm >= self.run_up_mm - EPSILON_MM):
            return (target_mm,)  # the way there is itself the run-up
        return (self.start_mm(target_mm), target_mm)


def travel_envelope(positions_mm: Iterable[float], approach: Approach) -> AxisLimits:
    """Everything that a run over these positions may pass through, run-ups included; for the preflight.

    Any frame may have to be taken again, so each position counts with its run-up.

    Raises
    ------
    ValueError
        When there is no position.
    """
    positions = list(positions_mm)
    reached = positions + [approach.start_mm(p) for p in positions]
    return AxisLimits(min(reached), max(reached))


class Approached:
    """An axis that reaches every position from the same side.

    Parameters
    ----------
    axis : FocusAxis
        What moves.
    approach : Approach
        Side and run-up.
    """

    def __init__(self, axis: FocusAxis, approach: Approach) -> None:
        self._axis, self._approach = axis, approach
        self._at_mm: float | None = None  # where the last approach ended, None when unsure

    def forget(self) -> None:
        """The axis was moved by someone else: the next approach makes its run-up."""
        self._at_mm = None

    def move_to(self, target_mm: float) -> AxisPosition:
        """Move there from the approach's side.

        Raises
        ------
        LimitError
            Before anything moves, when the target or its run-up lies outside the limits.
        MotionError, PositionUnknownError
            As the axis does; the next approach then makes its run-up.
        """
        here = self._axis.position()
        engaged = (
            self._at_mm is not None and abs(self._at_mm - here.value) < 2 * self._axis.capabilities.resolution
        )
        legs = self._approach.legs(target_mm, here.value, engaged=engaged)
        self.check(legs)
        self._at_mm = None
        reached = here
        if isinstance(self._axis, MovesAlong):
            if legs:
                reached = self._axis.move_along(legs)
        else:
            for leg in legs[:-1]:
                self._axis.move_to(leg)
            approach = self._axis.move_to
            if isinstance(self._axis, ApproachesSlowly):
                approach = self._axis.approach_to
            for leg in legs[-1:]:
                reached = approach(leg)
        self._at_mm = reached.value
        return reached

    def check(self, legs: Iterable[float]) -> None:
        """Raise LimitError when a leg ends outside the limits of the axis."""
        for leg in legs:
            self._axis.limits.check(leg, "the position, or the run-up to it, at")


def settle(clock: Clock, seconds: float, stop: threading.Event | None = None) -> bool:
    """Wait for the shake after a move to decay; true when the stop event ended the wait early."""
    if stop is None:
        clock.sleep(seconds)
        return False
    return clock.wait(stop, seconds)
