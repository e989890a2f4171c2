"""Carries brightness from frame to frame, past frames of another exposure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from stacker.registration.exposure import Levels

__all__ = ["OTHER_EXPOSURE", "Brightness", "step_size"]

OTHER_EXPOSURE = 0.08
"""Change of gain, as a logarithm, that is no flicker: a quarter of a stop in sRGB."""

_Seen = TypeVar("_Seen")


@dataclass(frozen=True)
class _Lit(Generic[_Seen]):
    seen: _Seen
    levels: Levels


class Brightness(Generic[_Seen]):
    """A chain of levels.

    Each frame is compared with the one before it. What is measured across a stop of exposure is less sure
    than between equals (tone curves are not known, and much is clipped), so nothing is compared with an odd
    frame: the one behind it is held against the one before it. A change that has come to stay is followed.

    Parameters
    ----------
    step : callable
        Takes two frames, and gives what makes the second as bright as the first.
    first : Levels, optional
        What makes the first frame as bright as the others are to be; nothing by default.
    """

    def __init__(self, step: Callable[[_Seen, _Seen], Levels], first: Levels | None = None) -> None:
        self._step = step
        self._given = first
        self._first: _Lit[_Seen] | None = None
        self._last: _Lit[_Seen] | None = None
        self._steady: _Lit[_Seen] | None = None  # the last one that was exposed like its neighbours
        self._first_steady: _Lit[_Seen] | None = None

    def rewind(self) -> None:
        """Make the first frame the neighbour of the next one; see `Chain.rewind`."""
        self._last, self._steady = self._first, self._first_steady

    def add(self, seen: _Seen) -> Levels:
        """Levels of the next frame."""
        if self._last is None:
            levels = self._given or Levels.same()
            self._first = self._last = _Lit(seen, levels)
            if self._given is None:
                self._steady = self._first_steady = self._first
            return levels
        levels, steady = self._measured(self._last, seen)
        self._last = _Lit(seen, levels)
        if steady:
            self._steady = self._last
            self._first_steady = self._first_steady or self._last
        return levels

    def _measured(self, last: _Lit[_Seen], seen: _Seen) -> tuple[Levels, bool]:
        """Levels of a frame, and whether frames behind it may be compared with it."""
        step = self._step(last.seen, seen)
        if self._steady is last or step_size(step) < OTHER_EXPOSURE:
            return last.levels.after(step), step_size(step) < OTHER_EXPOSURE
        if self._steady is None:
            return last.levels.after(step), True
        farther = self._step(self._steady.seen, seen)
        if step_size(farther) < step_size(step):
            return self._steady.levels.after(farther), True
        return last.levels.after(step), True


def step_size(levels: Levels) -> float:
    """Change of gain, as a logarithm without its sign, averaged over the channels."""
    return float(np.abs(np.log(levels.gain).mean()))
