"""Where a frame has something to say: on its reach, away from its rim, and not where it is burnt."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from stacker.frames import Image
from stacker.fusion.scoring import BURNT_GATE, OUTSIDE_GATE
from stacker.fusion.window import Spans

__all__ = ["Gate"]

_RIM_WEIGHT = 3
"""Of 255. Pixels at the rim of a warped frame come partly from beyond its edge: for where nothing else is."""


@dataclass(frozen=True)
class Gate:
    """How far a frame reaches, over a grid.

    Attributes
    ----------
    weight : ndarray of uint8, shape (h, w)
        255 inside, little at the rim; `OUTSIDE_GATE` and `BURNT_GATE` where the frame has nothing to say.
    burnt : ndarray of uint8, shape (h, w), or None
        Where that is, above 0.
    """

    weight: Image
    burnt: Image | None = None

    @classmethod
    def of(cls, whole: Spans, inner: Spans, columns: int, burnt: Image | None = None) -> Gate:
        """From the pixels that a frame reaches, those away from its rim, and those that are burnt."""
        weight = np.full((whole.first.size, columns), OUTSIDE_GATE, np.uint8)
        runs = zip(weight, whole.first, whole.last, inner.first, inner.last, strict=True)
        for row, first, last, clear, rim in runs:
            row[first:last] = _RIM_WEIGHT
            row[clear:rim] = 255
        return _gate_without(weight, burnt)

    @property
    def telling(self) -> Image:
        """Where the frame has something to say: 1, and 0 elsewhere; uint8, shape (h, w)."""
        return (self.weight > OUTSIDE_GATE).view(np.uint8)

    def halved(self) -> Gate:
        """On the next coarser grid, on which what is burnt spreads by a pixel: so far does a band see."""
        burnt = None if self.burnt is None else np.asarray(cv2.pyrDown(self.burnt))
        return _gate_without(np.asarray(cv2.pyrDown(self.weight)), burnt)

    def padded(self, margins: tuple[int, int, int, int]) -> Gate:
        """With margins that the frame does not reach: rows above and below, columns left and right."""
        border = cv2.BORDER_CONSTANT
        burnt = None if self.burnt is None else np.asarray(cv2.copyMakeBorder(self.burnt, *margins, border))
        weight = np.asarray(cv2.copyMakeBorder(self.weight, *margins, border, value=OUTSIDE_GATE))
        return Gate(weight, burnt)


def _gate_without(weight: Image, burnt: Image | None) -> Gate:
    """The gate of a frame that is burnt where that is above 0."""
    if burnt is None:
        return Gate(weight)
    weight[burnt > 0] = BURNT_GATE
    return Gate(weight, (burnt > 0).astype(np.uint8) * np.uint8(255))
