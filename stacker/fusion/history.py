"""What is remembered of all frames so far at each cell, to tell which frame is the sharpest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stacker.frames import Image
from stacker.loops.scratch import blank, uniform

__all__ = ["CRISP", "POWER", "UNREACHED", "History"]

POWER = 4.0
"""Weight of a frame is its energy to this power. Measured on rendered stacks, 8 and 12 leave up to twice the
error (the mean snaps to frames), and 2 lets far frames pull it."""

CRISP = 5.0
"""Logarithm of energy over noise from which there is detail without doubt."""

_UNSEEN = -1e4
"""Logarithm of the sum of weights where no frame has been: above `UNREACHED`, so that frames leave it so
where they do not reach. Bands are mirrored there: `stacker.fusion.scoring.NOTHING` is below that."""

UNREACHED = -1e6
"""Logarithmic weight of cells that a frame does not reach."""


@dataclass(frozen=True)
class History:
    """Weighted mean and variance of the frames' indexes, cell by cell.

    Attributes
    ----------
    total : ndarray of float32, shape (h, w)
        Logarithm of the sum of weights.
    mean, variance : ndarray of float32, shape (h, w)
        Of the index.
    peak : ndarray of float32, shape (h, w)
        Logarithm of 1 + the largest energy of detail over that of noise.
    """

    total: Image
    mean: Image
    variance: Image
    peak: Image

    @classmethod
    def empty(cls, height: int, width: int) -> History:
        """Of no frame."""
        shape = height, width
        return cls(uniform(shape, _UNSEEN), *(blank(shape) for _ in range(3)))

    @property
    def planes(self) -> tuple[Image, Image, Image, Image]:
        """All four."""
        return self.total, self.mean, self.variance, self.peak

    @property
    def seen(self) -> Image:
        """Where any frame has been, bool."""
        return np.asarray(self.total > _UNSEEN)

    def padded(self, pads: tuple[tuple[int, int], tuple[int, int]]) -> History:
        """With more cells around, where no frame has been."""
        height, width = (side + sum(pad) for side, pad in zip(self.total.shape, pads, strict=True))
        larger = History.empty(height, width)
        inner = tuple(
            slice(before, before + side) for (before, _), side in zip(pads, self.total.shape, strict=True)
        )
        for plane, wider in zip(self.planes, larger.planes, strict=True):
            wider[inner] = plane
        return larger

    def copied(self) -> History:
        """With arrays of its own."""
        return History(*(plane.copy() for plane in self.planes))
