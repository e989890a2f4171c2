"""The microsteps of a rail between two positions, and frames spread on them: in whole numbers, exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["COUNT_TOLERANCE", "GRID_TOLERANCE", "Grid", "intervals_for_step"]

COUNT_TOLERANCE = 1e-9
"""A span that is a whole number of steps but for rounding is that number of steps."""

GRID_TOLERANCE = 1e-6
"""In microsteps: a position that close to the grid is on it."""


def intervals_for_step(span: float, step: float) -> int:
    """Return how many intervals of at most that step a span takes: ceil(span/step − 1e-9), at least 1.

    Parameters
    ----------
    span, step : float
        In the same unit; `step` above 0.

    Examples
    --------
    >>> intervals_for_step(0.3, 0.1)
    3
    """
    return max(1, math.ceil(span / step - COUNT_TOLERANCE))


class Grid:
    """The span of a stack on the rail's microsteps, its ends drawn inwards so that nothing lies beyond.

    Parameters
    ----------
    start_mm, end_mm : float
        First and last position; `end_mm` may be the lower one.
    steps_per_mm : float
        Microsteps per mm, above 0.
    one : str
        What one of them is called: on a crank they are parts of a turn.

    Attributes
    ----------
    count : int
        Microsteps from first to last.
    microstep_mm, span_mm : float
        Length of one, and of all of them.
    """

    def __init__(
        self, start_mm: float, end_mm: float, steps_per_mm: float, one: str = "one microstep of the rail"
    ) -> None:
        self._per_mm = steps_per_mm
        self.one = one
        sign = -1 if end_mm < start_mm else 1
        first = math.ceil(sign * start_mm * steps_per_mm - GRID_TOLERANCE)
        last = math.floor(sign * end_mm * steps_per_mm + GRID_TOLERANCE)
        if last < first:  # both between two microsteps
            first = last = round(sign * start_mm * steps_per_mm)
        self._first, self._sign = first, sign
        self.count = last - first
        self.microstep_mm = 1 / steps_per_mm
        self.span_mm = self.count / steps_per_mm

    def positions_mm(self, microsteps: Sequence[int]) -> tuple[float, ...]:
        """Positions, in mm, from microsteps counted from the first one in shooting order."""
        # Adding 0.0 turns the −0.0 of a descending stack into 0.0.
        return tuple(self._sign * (self._first + m) / self._per_mm + 0.0 for m in microsteps)

    def intervals(self, step_mm: float) -> int:
        """Intervals of at most that step that the span takes."""
        return intervals_for_step(self.span_mm, step_mm)

    def evenly(self, largest_step_mm: float) -> list[int]:
        """Microsteps spread evenly, in as few intervals as keep to the step, even to a microstep."""
        intervals = min(self.intervals(largest_step_mm), self.count)
        return [round(i * self.count / intervals) for i in range(intervals + 1)]

    def whole_full_steps(self, largest_step_mm: float, microsteps: int) -> int | None:
        """Microsteps of a step that is a whole number of a motor's full steps, if one costs no more frames.

        Microsteps are uneven, and full steps are not: frames that are full steps apart all stand at the same
        place between two of them, so that their distances are true. None when no such step is long enough for
        as few frames, and short enough to keep to the largest one.
        """
        if microsteps <= 1 or self.count == 0:
            return None
        even = self.count / min(self.intervals(largest_step_mm), self.count)
        whole = math.ceil(even / microsteps - COUNT_TOLERANCE) * microsteps
        return whole if whole <= largest_step_mm * self._per_mm + GRID_TOLERANCE else None

    def stepped(self, step_mm: float) -> list[int]:
        """Microsteps a step apart, to the nearest one without adding up; the last interval shortens."""
        intervals = self.intervals(step_mm)
        on_the_way = (round(i * step_mm * self._per_mm) for i in range(1, intervals))
        return [0, *(min(m, self.count - 1) for m in on_the_way), self.count]

    def whole_step(self, step_mm: float) -> int:
        """The largest whole number of microsteps that is not above a step; at least 1."""
        return max(1, math.floor(step_mm * self._per_mm + GRID_TOLERANCE))
