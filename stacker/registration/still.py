"""Tells whether the frames of a stack have stood still, so that nothing needs to be moved.

A tripod and a lens that does not breathe, a camera that has laid its frames on each other already, pictures
blurred by a program: registration finds motions there that are its own errors, and following them costs
sharpness (everything is interpolated), adds up along the chain, and gives a picture of another size than the
frames. Stacks that do move show it in their first step: a lens or a rail changes the size of things by whole
pixels a frame, thin slices of a microscope by a tenth of one, which is ten times its error.
"""

from __future__ import annotations

import numpy as np

from stacker.registration.pace import Vector, vector_of
from stacker.registration.place import Place

__all__ = ["Stillness"]

_STEP_ERRORS, _STEP_PX = 4.0, 0.1
"""Standard errors, and pixels of what is matched, by which a step may seem to move all the same."""

_STRAY_ERRORS, _STRAY_PX = 2.5, 0.15
"""The same for where a frame seems to lie, by the sum of the errors of the steps: what blur does to a match
does not change its sign from frame to frame. What moves by less than a step may is found out by that."""

_MOST_PX = 0.6
"""What seems to move by more has moved, however unsure that is."""

_MISSED_PX = 0.08
"""What frames may be off that were left where they are: less is not worth a new beginning. (29 stacks of
photographs that drift gain 0.10 dB in the mean, and 0.09 with 0.12 px.)"""


class Stillness:
    """Whether a chain has stood still so far.

    Parameters
    ----------
    holds : bool
        False where it is known that the frames move.

    Attributes
    ----------
    holds : bool
        True until something has moved, and never again then.
    missed : bool
        Frames were left where they are that had moved, as is known by now: by less than a step may in each
        step, but on and on.
    """

    def __init__(self, holds: bool = True) -> None:
        self.holds, self.missed = holds, False
        self._errors = np.zeros(4)

    def turn_round(self) -> None:
        """The next step starts from the first frame again."""
        self._errors = np.zeros(4)

    def step(self, measured: Vector, error: Vector, place: Place, first: Place, radius: float) -> None:
        """Look at a step that was measured.

        Parameters
        ----------
        measured, error : ndarray, shape (4,)
            Motion from the frame before, and its standard errors; see `stacker.registration.pace.Vector`.
        place, first : Place
            Of the frame, and of the first one of the chain.
        radius : float
            Of the pictures that were matched: middle to corner.
        """
        if not self.holds:
            return
        self._errors = self._errors + error
        off = vector_of(first.motion_of(place), radius)
        moved = _exceeds(measured, np.maximum(_STEP_ERRORS * error, _STEP_PX))
        strayed = _exceeds(off, np.maximum(_STRAY_ERRORS * self._errors, _STRAY_PX))
        if moved or strayed or place.distortion is not None:
            self.holds = False
            self.missed = float(np.abs(off - measured).max()) > _MISSED_PX


def _exceeds(motion: Vector, limit: Vector) -> bool:
    return bool(np.any(np.abs(motion) > np.minimum(limit, _MOST_PX)))
