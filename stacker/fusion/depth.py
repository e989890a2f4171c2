"""Follows which frame is the sharpest at each place, one frame at a time."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass

import cv2
import numpy as np

from stacker.focus.measure import LUMA, FocusMeasure
from stacker.frames import Image, full_scale
from stacker.fusion.base import DepthIndex
from stacker.fusion.depth_surface import confidence_of, filled, focus_width
from stacker.fusion.scratch import Scratch
from stacker.fusion.window import Window

__all__ = ["DepthTracker", "Surface"]

_POWER = 4.0
"""Weight of a frame is its energy to this power. Measured on rendered stacks, 8 and 12 leave up to twice the
error (the mean snaps to frames), and 2 lets far frames pull it."""

_NOTHING = -1e4
"""Logarithm of the sum of weights where no frame has been."""

_UNREACHED = -1e6
"""Logarithmic weight of cells that a frame does not reach."""

_DECIDED = 20.0
"""Distance of logarithmic weights beyond which one frame (2e-9 of the sum) does not show beside the other."""

_STRIP_CELLS = 32768
"""Handled at a time: intermediate values stay in the processor's cache."""

_SAMPLE = 4
"""One cell of so many along both sides is counted for the shares."""

_CLEAR = 2.0
"""Logarithm of energy over noise above which a cell has detail."""


@dataclass(frozen=True)
class Surface:
    """The depth index cell by cell.

    Attributes
    ----------
    index : ndarray of float32, shape (h, w)
        Index of the sharpest frame, between frames where it lies between them.
    confidence : ndarray of float32, shape (h, w)
        0 (a guess from the surroundings) to 1.
    peak : ndarray of float32, shape (h, w)
        Logarithm of 1 + the largest energy of detail over that of noise.
    focus_width : float
        How many slices share a focus; 1 or more.
    """

    index: Image
    confidence: Image
    peak: Image
    focus_width: float


class DepthTracker:
    """Mean and spread of the index of the sharp frames, cell by cell.

    A frame counts with its energy to a high power. The weighted mean and variance of the index are updated
    as frames come (West, "Updating mean and variance estimates", 1979), the sum of weights is kept as a
    logarithm: three numbers a cell for any number of frames in any order. Where one frame or a few
    neighbours are sharp the mean is their centre, between frames where it lies between them, and the spread
    is small; noise, or detail at two depths, makes the spread large.

    Parameters
    ----------
    noise_sigma : float
        Standard deviation of the frames' noise, in units of 1/255 of white.
    step : int
        Pixels of the reference view per cell.
    """

    def __init__(self, noise_sigma: float, step: int = 2) -> None:
        self.step = step
        self.extent: Window | None = None
        self._measure = FocusMeasure(noise_sigma)
        self._scratch = Scratch()
        self._sum: Image = np.zeros((0, 0), np.float32)  # logarithm of the sum of weights
        self._mean: Image = self._sum
        self._variance: Image = self._sum
        self._peak: Image = self._sum  # logarithm of the largest energy
        self._indexes: list[int] = []
        self._lent = False  # to a snapshot, which has to stay as it is

    def cover(self, extent: Window) -> None:
        """Make room for a window, whose edges are multiples of ``step``."""
        old = self.extent
        self.extent = extent if old is None else old.union(extent)
        if old == self.extent:
            return
        new, step = self.extent, self.step
        if old is None:
            self._sum = np.full((new.height // step, new.width // step), _NOTHING, np.float32)
            self._mean, self._variance, self._peak = (np.zeros_like(self._sum) for _ in range(3))
            return
        pads = (
            ((old.y - new.y) // step, (new.bottom - old.bottom) // step),
            ((old.x - new.x) // step, (new.right - old.right) // step),
        )
        self._sum = np.pad(self._sum, pads, constant_values=_NOTHING)
        self._mean, self._variance = np.pad(self._mean, pads), np.pad(self._variance, pads)
        self._peak = np.pad(self._peak, pads)

    def add(self, luma: Image, reached: Image | None, window: Window, index: int) -> Image:
        """Take a frame into account.

        Parameters
        ----------
        luma : ndarray of float32, shape (h, w)
            Of the frame on the canvas at half size, white at 255; see `stacker.focus.measure.half_luma`.
        reached : ndarray of uint8, shape (h, w), optional
            0 where the frame does not reach; None where it fills the window.
        window : Window
            Where it lies, in pixels of the reference view; covered before.
        index : int
            The frame's place in the stack.

        Returns
        -------
        ndarray of float32, shape (h, w)
            How sharp the frame is there, to be compared with other frames at the same place: logarithm of
            the energy of detail over that of noise, less what highlights spill. Overwritten by the next call.
        """
        assert self.extent is not None, "cover() comes first"
        energy, spill = self._measure.measure(luma)
        weight = cv2.addWeighted(energy, _POWER, spill, -_POWER, 0.0, spill)
        if reached is not None:
            weight[reached == 0], energy[reached == 0] = _UNREACHED, 0
        if self._lent:
            self._sum, self._mean = self._sum.copy(), self._mean.copy()
            self._variance, self._peak = self._variance.copy(), self._peak.copy()
            self._lent = False
        where = window.slices_in(self.extent, self.step)
        peak = self._peak[where]
        cv2.max(peak, energy, peak)
        total, mean, variance = self._sum[where], self._mean[where], self._variance[where]
        for rows in _strips(*weight.shape):
            _follow(total[rows], mean[rows], variance[rows], weight[rows], index, self._scratch)
        self._indexes = [*self._indexes, index]
        return np.multiply(weight, np.float32(1 / _POWER), out=weight)

    def score(self, luma: Image) -> Image:
        """How sharp a frame is, as `add` says, without taking it into account."""
        energy, spill = self._measure.measure(luma)
        return np.asarray(cv2.subtract(energy, spill, spill))

    def release(self) -> None:
        """Give the memory of intermediate pictures back until the next frame."""
        self._scratch.release()
        self._measure.release()

    def snapshot(self) -> DepthTracker:
        """What is known so far, which stays as it is when more frames are added here."""
        self._lent = True
        return copy(self)

    def shares(self) -> dict[int, float]:
        """Share of the detailed parts in which each frame is the sharpest, by index; adds up to 1.

        Places without detail above the noise do not count: there the winner is chance.
        """
        assert self._indexes, "add() comes first"
        total, mean, peak = (plane[::_SAMPLE, ::_SAMPLE] for plane in (self._sum, self._mean, self._peak))
        clear = peak > _CLEAR
        if not clear.any():
            clear = total > _NOTHING
        nearest = np.rint(mean[clear]).astype(np.int64)
        counts = np.bincount(nearest, minlength=max(self._indexes) + 1)
        whole = max(1, int(counts[self._indexes].sum()))
        return {index: float(counts[index]) / whole for index in self._indexes}

    def surface(self, guide: Image | None = None) -> Surface:
        """The index cell by cell, regularised, and what else is known.

        Parameters
        ----------
        guide : ndarray of float32, shape (h, w), optional
            Luma of a fused picture over the extent at half size, white at 255.
        """
        assert self._indexes, "add() comes first"
        measured = confidence_of(self._mean, self._variance, self._peak)
        measured[self._sum <= _NOTHING] = 0
        index = filled(self._mean, measured, guide)
        np.clip(index, min(self._indexes), max(self._indexes), out=index)
        confidence = confidence_of(index, self._variance, self._peak, regularised=True)
        confidence[self._sum <= _NOTHING] = 0
        return Surface(index, confidence, self._peak, focus_width(self._peak, self._variance))

    def finish(self, guide: Image | None = None) -> DepthIndex:
        """Which frame is the sharpest at each pixel of the extent; more may be added afterwards.

        Parameters
        ----------
        guide : ndarray, shape (H, W, 3), optional
            The fused picture over the extent, in any type: what is filled follows its edges.
        """
        return self.spread(self.surface(None if guide is None else _luma_of(guide)))

    def spread(self, surface: Surface) -> DepthIndex:
        """A surface at full resolution."""
        assert self.extent is not None, "add() comes first"
        size = (self.extent.width, self.extent.height)
        index = cv2.resize(surface.index, size, interpolation=cv2.INTER_LINEAR)
        confidence = cv2.resize(surface.confidence, size, interpolation=cv2.INTER_LINEAR)
        unseen = (self._sum <= _NOTHING).astype(np.uint8)
        if unseen.any():
            outside = cv2.resize(unseen, size, interpolation=cv2.INTER_NEAREST) > 0
            index[outside], confidence[outside] = np.nan, 0
        return DepthIndex(index, confidence)


def _luma_of(picture: Image) -> Image:
    """Luma at half size of a picture of any type, white at 255."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    factors = LUMA * np.float32(255.0 / full_scale(picture.dtype))
    return np.asarray(cv2.transform(small.astype(np.float32), factors))


def _strips(height: int, width: int) -> Iterator[slice]:
    rows = max(1, _STRIP_CELLS // width)
    for top in range(0, height, rows):
        yield slice(top, top + rows)


def _follow(total: Image, mean: Image, variance: Image, weight: Image, index: int, scratch: Scratch) -> None:
    """Update a strip by one frame; `total` and `weight` are logarithms."""
    lead, less, share = (scratch.array(name, *weight.shape) for name in ("lead", "less", "share"))
    np.subtract(weight, total, out=lead)
    np.clip(lead, -_DECIDED, _DECIDED, out=lead)
    np.add(total, lead, out=total)
    np.negative(lead, out=lead)
    cv2.exp(lead, less)
    np.add(less, np.float32(1), out=less)
    # Share of the new frame in the new sum, 1 / (1 + exp(total - weight)).
    np.divide(np.float32(1), less, out=share)
    cv2.log(less, less)
    np.add(total, less, out=total)
    np.maximum(total, weight, out=total)
    off, moved = lead, less
    np.subtract(np.float32(index), mean, out=off)
    np.multiply(share, off, out=moved)
    np.add(mean, moved, out=mean)
    np.multiply(moved, off, out=moved)
    np.add(variance, moved, out=variance)
    np.subtract(np.float32(1), share, out=share)
    np.multiply(variance, share, out=variance)
