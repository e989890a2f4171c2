"""Takes every pixel from the frame that is sharp there: for smooth opaque subjects and clean colour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from stacker.focus.measure import CELL_PX, LUMA, half_luma
from stacker.frames import Image
from stacker.fusion.base import DepthIndex, Fused
from stacker.fusion.colour_noise import ColourNoise
from stacker.fusion.depth import DepthTracker
from stacker.fusion.depth_choice import Choice, glitter_of_cells
from stacker.fusion.placing import Placed, place
from stacker.fusion.scoring import NOTHING, glitter
from stacker.fusion.smooth_faults import without_jumps
from stacker.fusion.softmean import (
    SoftMean,
    extent_of_preview,
    preview_step,
    reached_cells,
    telling_cells,
)
from stacker.fusion.tiles import brightness
from stacker.fusion.window import Window, window_of
from stacker.loops.scratch import Scratch
from stacker.registration.exposure import Levels
from stacker.registration.similarity import Matrix

__all__ = ["DepthMapFusion"]


class DepthMapFusion:
    """Two passes: the first follows the depth, the second takes each pixel from the frames around it.

    Parameters
    ----------
    size : tuple of int
        Width and height of the frames.
    dtype : dtype
        Their type.
    noise_sigma : float
        Standard deviation of their noise, in units of 1/255 of white.
    look_again : callable
        Gives the pixels of an added frame by its index.
    """

    def __init__(
        self,
        size: tuple[int, int],
        dtype: np.dtype[Any],
        noise_sigma: float,
        look_again: Callable[[int], Image],
    ) -> None:
        self._size, self._dtype = size, np.dtype(dtype)
        self._look_again = look_again
        self._depth, self._colour_noise = DepthTracker(noise_sigma), ColourNoise(size, noise_sigma)
        self._sketch = _Sketch()
        self._added: dict[int, tuple[Matrix, Levels]] = {}
        self._scratch = Scratch()

    def add(self, pixels: Image, transform: Matrix, levels: Levels, index: int) -> None:
        """Look at a frame for the first time; see `stacker.fusion.base.Fusion`."""
        window, placed = self._placed(pixels, transform, levels)
        self._depth.cover(window)
        self._sketch.cover(window)
        luma = half_luma(placed.picture)
        score = self._scratch.array("score", *luma.shape)
        self._depth.add(luma, telling_cells(placed), window, index, score)
        self._colour_noise.add(placed.picture.transpose(2, 0, 1), 1.0, transform, window)
        self._sketch.add(placed, score, window)
        self._added[index] = transform, levels

    def preview(self, max_width_px: int) -> Fused:
        """The sharpest frame at each place so far, reduced; see `stacker.fusion.base.Fusion`."""
        extent = self._require_frames()
        step = max(CELL_PX, preview_step(extent, max_width_px))
        picture, reached = self._sketch.reduced(step)
        return Fused(picture, reached, extent_of_preview(extent, step), self._depth.shares(), step=step)

    def finish(self) -> Fused:
        """The picture of all frames so far, each looked at again; see `stacker.fusion.base.Fusion`."""
        extent = self._require_frames()
        guide = self._sketch.luma()
        surface = self._depth.surface(guide)
        measured_index = self._depth.planes[1]
        surface = without_jumps(surface, measured_index, self._depth.measured(surface.peak), guide)
        mean = SoftMean()
        mean.cover(extent)
        rows, columns = surface.index.shape
        near_highlights = glitter_of_cells(glitter(guide))
        choice = Choice.of(surface, near_highlights, (0, rows), (0, columns))
        for index in sorted(self._added):
            window, placed = self._placed(self._look_again(index), *self._added[index])
            luma = half_luma(placed.picture)
            bright = brightness(luma)
            here = choice.part(window.slices_in(extent, CELL_PX))
            mean.add(placed, here.log_weight(index, self._depth.score(luma), bright), window)
        image, reached = mean.picture(self._dtype), mean.reached > 0
        self._scratch = Scratch()
        seen = self._depth.snapshot()
        depth = DepthIndex.later(lambda: seen.spread(surface, image))
        fused = Fused(image, reached, extent, self._depth.shares(), depth)
        return self._colour_noise.taken_from(fused)

    def _placed(self, pixels: Image, transform: Matrix, levels: Levels) -> tuple[Window, Placed]:
        window = window_of(transform, self._size).aligned(CELL_PX)
        return window, place(pixels, transform, levels, window, self._scratch)

    def _require_frames(self) -> Window:
        assert self._depth.extent is not None, "add() comes first"
        return self._depth.extent


class _Sketch:
    """The sharpest frame at each cell so far, at half size: for previews, and as a guide for the depth."""

    def __init__(self) -> None:
        self.extent: Window | None = None
        self._picture: Image = np.zeros((0, 0, 3), np.uint8)
        self._best: Image = np.zeros((0, 0), np.float32)
        self._reached: Image = np.zeros((0, 0), np.uint8)

    def cover(self, extent: Window) -> None:
        """Make room for a window, whose edges are multiples of ``CELL_PX``."""
        old = self.extent
        new = self.extent = extent if old is None else old.union(extent)
        if old is None:
            shape = new.height // CELL_PX, new.width // CELL_PX
            self._picture, self._best = np.zeros((*shape, 3), np.uint8), np.full(shape, NOTHING, np.float32)
            self._reached = np.zeros(shape, np.uint8)
            return
        pads = old.margins_in(new, CELL_PX)
        if any(sum(pads, ())):
            self._picture = np.pad(self._picture, (*pads, (0, 0)))
            self._best = np.pad(self._best, pads, constant_values=NOTHING)
            self._reached = np.pad(self._reached, pads)

    def add(self, placed: Placed, score: Image, window: Window) -> None:
        """Take a frame where it is the sharpest so far."""
        assert self.extent is not None
        where = window.slices_in(self.extent, CELL_PX)
        best, picture = self._best[where], self._picture[where]
        better = (score > best).astype(np.uint8)
        small = cv2.resize(placed.picture, (score.shape[1], score.shape[0]), interpolation=cv2.INTER_AREA)
        cv2.copyTo(cv2.convertScaleAbs(small), better, picture)
        cv2.max(best, score, best)
        cells = reached_cells(placed)
        if cells is None:
            self._reached[where] = 255
        else:
            self._reached[where] |= cells

    def luma(self) -> Image:
        """Luma of the sketch, white at 255."""
        return np.asarray(cv2.transform(self._picture.astype(np.float32), LUMA))

    def reduced(self, step: int) -> tuple[Image, np.ndarray[Any, np.dtype[np.bool_]]]:
        """Picture and reach with that many pixels of the reference view per pixel."""
        more = step // CELL_PX
        height, width = (max(1, side // more) for side in self._best.shape)
        picture = self._picture[: height * more, : width * more]
        reached = self._reached[::more, ::more][:height, :width] > 0
        return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), reached
