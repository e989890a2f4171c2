"""Averages whole pixels by local sharpness: for few frames and for noisy ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.focus.measure import CELL_PX, half_luma
from stacker.frames import Image
from stacker.fusion.base import Fused
from stacker.fusion.colour_noise import ColourNoise
from stacker.fusion.depth import DepthTracker
from stacker.fusion.placing import place
from stacker.fusion.softmean import SoftMean, extent_of_preview, preview_step, telling_cells
from stacker.fusion.window import Window, window_of
from stacker.loops.scratch import Scratch
from stacker.registration.exposure import Levels
from stacker.registration.similarity import Matrix

__all__ = ["WeightedFusion"]

_EXPONENT = 8.0
"""Power of the energy of detail in the weight."""


class WeightedFusion:
    """Streaming mean of the frames, pixel by pixel, weighted by a power of the detail around.

    One level, no bands: nothing rings and no colour arises that no frame has, but what is sharp in front of
    something else keeps a blurred rim as wide as the window in which detail is measured.

    Parameters
    ----------
    size : tuple of int
        Width and height of the frames.
    dtype : dtype
        Their type.
    noise_sigma : float
        Standard deviation of their noise, in units of 1/255 of white.
    """

    def __init__(self, size: tuple[int, int], dtype: np.dtype[Any], noise_sigma: float) -> None:
        self._size, self._dtype = size, np.dtype(dtype)
        self._depth, self._colour_noise = DepthTracker(noise_sigma), ColourNoise(size, noise_sigma)
        self._mean = SoftMean()
        self._scratch = Scratch()

    def add(self, pixels: Image, transform: Matrix, levels: Levels, index: int) -> None:
        """Fold a frame in; see `stacker.fusion.base.Fusion`."""
        window = window_of(transform, self._size).aligned(CELL_PX)
        self._depth.cover(window)
        self._mean.cover(window)
        placed = place(pixels, transform, levels, window, self._scratch)
        luma = half_luma(placed.picture)
        score = self._scratch.array("score", *luma.shape)
        self._depth.add(luma, telling_cells(placed), window, index, score)
        self._colour_noise.add(placed.picture.transpose(2, 0, 1), 1.0, transform, window)
        self._mean.add(placed, score * np.float32(_EXPONENT), window)

    def preview(self, max_width_px: int) -> Fused:
        """The picture so far, reduced; see `stacker.fusion.base.Fusion`."""
        extent = self._require_frames()
        step = preview_step(extent, max_width_px)
        small = extent_of_preview(extent, step)
        reached = self._mean.reached[::step, ::step][: small.height, : small.width] > 0
        return Fused(self._mean.reduced(step), reached, small, self._depth.shares(), step=step)

    def finish(self) -> Fused:
        """The picture of all frames so far; see `stacker.fusion.base.Fusion`."""
        extent = self._require_frames()
        self._scratch = Scratch()  # what it holds is as large as the picture and not needed here
        image = self._mean.picture(self._dtype)
        depth = self._depth.later(image, extent)
        fused = Fused(image, self._mean.reached > 0, extent, self._depth.shares(), depth)
        return self._colour_noise.taken_from(fused)

    def _require_frames(self) -> Window:
        assert self._mean.extent is not None, "add() comes first"
        return self._mean.extent
