"""Whether a lens went as far as it was driven, by how large its frames are: focusing changes their size.

A drive that comes out short leaves no gap, and live view sees that the focus moved but not how far. The
frames do: registered to each other they tell the lens's breathing to a few hundredths of a pixel, and a short
drive stands out from its neighbours.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rig.events import Event, FrameStacked

__all__ = ["DrivePace", "ShortDrives", "short_drives"]

_FEWEST_DRIVES = 6
"""With fewer, nobody can say which of them are the odd ones."""
_SHORT = 0.75
"""Of what the drives around it do: a lens's own units change more slowly, and differ by some percent."""
_SURE = 4.0
"""Standard deviations that a short drive lies below the others."""
_MOST_SPREAD = 0.15
"""Relative. Where the frames' sizes scatter by more, the lens breathes too little to tell."""


@dataclass(frozen=True)
class ShortDrives:
    """What is missing: ``short`` of ``drives`` drives came out short, by ``missing_units`` together."""

    short: int
    drives: int
    missing_units: float


def short_drives(units: Sequence[float], scales: Sequence[float]) -> ShortDrives | None:
    """Find drives that did clearly less than those around them.

    The pace, growth a unit, may rise or fall along the travel: a line goes through it by the median of the
    slopes between all pairs of drives (Theil 1950, Sen 1968), which up to 29 % of short drives do not bend.
    The scatter is that of the drives above the line, where no short one is.

    Parameters
    ----------
    units : sequence of float
        Where each frame was counted to be, in the order of the stack.
    scales : sequence of float
        How large its content is, above 0.

    Returns
    -------
    ShortDrives or None
        None when it cannot be told: too few frames, or a lens that does not breathe.
    """
    moved = np.diff(np.asarray(units, np.float64))
    if len(moved) < _FEWEST_DRIVES or not moved.all():
        return None
    pace = np.diff(np.log(np.asarray(scales, np.float64))) / moved
    pace = pace * (1.0 if np.median(pace) > 0 else -1.0)
    at = (np.asarray(units[:-1]) + np.asarray(units[1:])) / 2
    first, second = np.triu_indices(len(pace), 1)
    slope = float(np.median((pace[second] - pace[first]) / (at[second] - at[first])))
    usual = slope * at + float(np.median(pace - slope * at))
    rest = pace - usual
    scatter = 1.4826 * float(np.median(rest[rest >= 0]))
    if usual.min() <= 0 or scatter > _MOST_SPREAD * float(np.median(usual)):
        return None
    short = rest < -np.maximum((1 - _SHORT) * usual, _SURE * scatter)
    missing = np.clip(1 - pace / usual, 0.0, 1.0) * np.abs(moved)
    return ShortDrives(int(short.sum()), len(moved), float(missing[short].sum()))


class DrivePace:
    """Listens to the live stacker and tells what is missing at the end.

    Parameters
    ----------
    units : mapping of int to float
        Where each stacked frame is, by its index.
    """

    def __init__(self, units: Mapping[int, float]) -> None:
        self._units = units
        self._scales: dict[int, float | None] = {}

    def __call__(self, event: Event) -> None:
        """Take note of a frame that was stacked; of a frame that is stacked again, the last time counts."""
        if isinstance(event, FrameStacked) and event.index in self._units:
            self._scales[event.index] = event.scale if event.registered else None

    def shortfall(self) -> ShortDrives | None:
        """What is missing between the frames that were matched; None when it cannot be told."""
        matched = [(self._units[i], scale) for i, scale in sorted(self._scales.items()) if scale is not None]
        return short_drives([unit for unit, _ in matched], [scale for _, scale in matched])

    def told(self, shortfall: ShortDrives) -> str:
        """What to say of it, and what can be done."""
        order = sorted(self._scales)  # a stack may end before its plan does
        steps = (abs(self._units[b] - self._units[a]) for a, b in itertools.pairwise(order))
        step = next((s for s in steps if s), 1.0)
        more = math.ceil(shortfall.missing_units / step) + 1
        last, first = self._units[order[-1]], self._units[order[0]]
        real = last - math.copysign(shortfall.missing_units, last - first)
        rest = f"rig shoot --axis lens --from-here --frames {more} --step {step:g} takes the rest"
        if last < first:  # from here, a stack goes towards far
            rest = f"{more} frames more towards near take the rest"
        return (
            f"{shortfall.short} of {shortfall.drives} drives of the lens came out short, by about "
            f"{shortfall.missing_units:.0f} units together: there is no gap, but the last frame is sharp at "
            f"about unit {real:.0f} and not at {last:g}, so the far end of the stack is missing. The lens is "
            f"still there: {rest}"
        )
