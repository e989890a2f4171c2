"""Follows which frame is the sharpest at each place, one frame at a time."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from stacker.focus.measure import CELL_PX, LUMA, FocusMeasure, half_luma_of_samples, half_of_samples
from stacker.frames import Image
from stacker.fusion.base import DepthIndex
from stacker.fusion.depth_report import Evidence, reported
from stacker.fusion.depth_surface import (
    confidence_and_roughness,
    confidence_of,
    filled,
    focus_lengths,
    roughness,
)
from stacker.fusion.history import History
from stacker.fusion.stages import Stages, choose_stages
from stacker.fusion.window import Window

__all__ = ["DepthTracker", "Surface"]

_SAMPLE = 4
"""One cell of so many along both sides is counted for the shares."""

_CLEAR = 2.0
"""Logarithm of energy over noise above which a cell has detail."""

_QUIETER = 0.25
"""Energy of a frame where it is calmest over that of noise, below which the noise was taken for larger than
it is, as the frame that it was estimated in had texture everywhere (frames out of focus have less)."""


@dataclass(frozen=True)
class Surface:
    """The depth index cell by cell.

    Attributes
    ----------
    index : ndarray of float32, shape (h, w)
        Index of the sharpest frame, between frames where it lies between them.
    confidence : ndarray of float32, shape (h, w)
        0 (a guess from the surroundings) to 1: what pictures are chosen by. What is told of depth is
        `stacker.fusion.depth_report.reported`.
    peak : ndarray of float32, shape (h, w)
        Logarithm of 1 + the largest energy of detail over that of noise.
    focus_length : float
        For how many slices things stay sharp: `stacker.fusion.depth_surface.focus_length`.
    known_roughness : ndarray of float32, shape (h, w), optional
        `roughness`, where it was reckoned along with something else.
    """

    index: Image
    confidence: Image
    peak: Image
    focus_length: float
    known_roughness: Image | None = None

    @property
    def focus_width(self) -> float:
        """How many slices share a focus; 1 or more, since there is nothing between two slices."""
        return max(1.0, self.focus_length)

    @cached_property
    def roughness(self) -> Image:
        """How far the index is from a plane around each cell, in focus widths; float32, shape (h, w)."""
        if self.known_roughness is not None:
            return self.known_roughness
        return np.asarray(roughness(self.index) / np.float32(self.focus_width))

    def with_index(self, index: Image) -> Surface:
        """The same with another index."""
        return replace(self, index=index, known_roughness=None)


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
    stages : Stages, optional
        Does the arithmetic; the fastest there is by default.
    """

    def __init__(self, noise_sigma: float, stages: Stages | None = None) -> None:
        self.extent: Window | None = None
        self._stages = choose_stages() if stages is None else stages
        self._measure = FocusMeasure(noise_sigma)
        self._history = History.empty(0, 0)
        self._indexes: list[int] = []
        self._calm = 1.0  # energy over that of noise where the calmest frame is calmest
        self._lent = False  # to a snapshot, which has to stay as it is

    def cover(self, extent: Window) -> None:
        """Make room for a window, whose edges are multiples of `CELL_PX`."""
        old = self.extent
        self.extent = extent if old is None else old.union(extent)
        if old == self.extent:
            return
        new = self.extent
        if old is None:
            self._history = History.empty(new.height // CELL_PX, new.width // CELL_PX)
            return
        self._history, self._lent = self._history.padded(old.margins_in(new, CELL_PX)), False

    def add(
        self, luma: Image, reached: Image | None, window: Window, index: int, score: Image | None = None
    ) -> None:
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
        score : ndarray of float32, shape (h, w), optional
            Is filled with how sharp the frame is there, to be compared with other frames at the same place:
            logarithm of the energy of detail over that of noise, less what highlights spill.
        """
        assert self.extent is not None, "cover() comes first"
        if self._lent:
            self._history, self._lent = self._history.copied(), False
        rows, columns = window.slices_in(self.extent, CELL_PX)
        corner = rows.start, columns.start
        self._calm = min(self._calm, self._measure.calm(luma, reached))
        self._stages.follow(luma, self._measure, reached, self._history, corner, index, score)
        self._indexes = [*self._indexes, index]

    @property
    def unseen(self) -> Image:
        """Cells of the extent of which no frame has told anything: 1, and 0 elsewhere; uint8."""
        return (~self._history.seen).view(np.uint8)

    @property
    def planes(self) -> tuple[Image, Image, Image, Image]:
        """Logarithm of the sum of weights, mean and variance of the index, and highest energy."""
        return self._history.planes

    def peak(self, window: Window) -> Image:
        """Highest energy in a window of the reference view that was covered, as in `planes`; not a copy."""
        assert self.extent is not None, "cover() comes first"
        return np.asarray(self._history.peak[window.slices_in(self.extent, CELL_PX)])

    def score(self, luma: Image) -> Image:
        """How sharp a frame is, as `add` says, without taking it into account."""
        energy, spill = self._measure.measure(luma)
        return np.asarray(cv2.subtract(energy, spill, spill))

    def release(self) -> None:
        """Give the memory of intermediate pictures back until the next frame."""
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
        some = History(*(plane[::_SAMPLE, ::_SAMPLE] for plane in self._history.planes))
        clear = some.peak > _CLEAR
        if not clear.any():
            clear = some.seen
        nearest = np.rint(some.mean[clear]).astype(np.int64)
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
        _, mean, variance, peak = self._history.planes
        length, clear = focus_lengths(peak, variance, 0.0, _CLEAR)
        measured = self.measured(peak, length)
        index = filled(mean, measured, guide, (min(self._indexes), max(self._indexes)))
        confidence, rough = confidence_and_roughness(index, variance, peak, length, max(1.0, clear))
        confidence[~self._history.seen] = 0
        return Surface(index, confidence, peak, clear, rough)

    def measured(self, peak: Image, length: float | None = None) -> Image:
        """How far to believe the index as it was measured, 0 to 1; float32, of the shape of ``peak``.

        Parameters
        ----------
        peak : ndarray of float32, shape (h, w)
            Logarithm of energy over noise in the sharpest frame: of `planes`, or as it is known better.
        length : float, optional
            `stacker.fusion.depth_surface.focus_length` of that, where it is known.
        """
        _, mean, variance, _ = self._history.planes
        confidence = confidence_of(mean, variance, peak, length=length)
        confidence[~self._history.seen] = 0
        return confidence

    def later(self, image: Image, extent: Window) -> DepthIndex:
        """The same as `finish` of what is known now, made when it is first looked at.

        Parameters
        ----------
        image : ndarray, shape (H, W, 3)
            The fused picture: the guide.
        extent : Window
            What it covers, and the index will; within the extent here.
        """
        canvas, seen = self.extent, self.snapshot()
        assert canvas is not None, "add() comes first"
        down, across = extent.margins_in(canvas)

        def make() -> DepthIndex:
            return seen.finish(cv2.copyMakeBorder(image, *down, *across, cv2.BORDER_REPLICATE))

        return DepthIndex.later(make).cropped(extent.slices_in(canvas))

    def finish(self, guide: Image | None = None) -> DepthIndex:
        """Which frame is the sharpest at each pixel of the extent; more may be added afterwards.

        Parameters
        ----------
        guide : ndarray, shape (H, W, 3), optional
            The fused picture over the extent, in any type: what is filled follows its edges, and what has
            detail of its own in it is believed.
        """
        return self.spread(self.surface(None if guide is None else half_luma_of_samples(guide)), guide)

    def spread(self, surface: Surface, picture: Image | None = None) -> DepthIndex:
        """A surface at full resolution as it is told, with its confidence.

        Parameters
        ----------
        surface : Surface
            Of `surface`.
        picture : ndarray, shape (H, W, 3), optional
            The fused picture over the extent, in any type: what has detail of its own in it is believed.
            Without one the frames' energy has to do, into which that of strong edges around has leaked.
        """
        assert self.extent is not None, "add() comes first"
        size = (self.extent.width, self.extent.height)
        planes = reported(self.evidence(surface, picture))
        np.clip(planes[0], min(self._indexes), max(self._indexes), out=planes[0])
        index, confidence = (cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in planes)
        unseen = self.unseen
        if unseen.any():
            outside = cv2.resize(unseen, size, interpolation=cv2.INTER_NEAREST) > 0
            index[outside], confidence[outside] = np.nan, 0
        return DepthIndex(index, confidence)

    def evidence(self, surface: Surface, picture: Image | None = None) -> Evidence:
        """What there is to tell the index and its confidence from; see `spread`."""
        _, mean, variance, peak = self._history.planes
        louder = np.float32(1 / self._calm if self._calm < _QUIETER else 1)
        if louder > 1:
            peak = np.log1p(np.expm1(peak) * louder)
        measured = self.measured(peak)
        if picture is None:
            half, detail = np.zeros((*mean.shape, 3), np.float32), np.expm1(peak)
        else:
            half = half_of_samples(picture)
            detail = self._measure.raw(np.asarray(cv2.transform(half, LUMA))) * louder
        (length,) = focus_lengths(peak, variance, _CLEAR)
        planes = surface.index, mean, measured, surface.confidence, variance, peak, detail
        return Evidence(*planes, half, length)
