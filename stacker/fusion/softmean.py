"""A weighted mean of pictures on a canvas, with weights of any range."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from stacker.focus.measure import CELL_PX
from stacker.frames import Image, full_scale
from stacker.fusion.placing import Placed
from stacker.fusion.samples import move_towards
from stacker.fusion.scoring import NOTHING, OUTSIDE_LOG, merge
from stacker.fusion.window import Window

__all__ = [
    "SoftMean",
    "extent_of_preview",
    "preview_step",
    "reached_cells",
    "telling_cells",
]

_OUTSIDE_FROM = 1e-5
_NEGLIGIBLE = 1e-4
"""Share of a picture in the mean that does not show in 8 bits."""

_STRIP_CELLS = 32


class SoftMean:
    """Running weighted mean; weights come as logarithms, their sum is kept as one, so that nothing overflows.

    The mean lies between the pictures that went in, at each pixel and in each channel: no ringing and no
    colour that no frame has.
    """

    def __init__(self) -> None:
        self.extent: Window | None = None
        self._mean: Image = np.zeros((0, 0, 3), np.float32)
        self._total: Image = np.zeros((0, 0), np.float32)
        self.reached: Image = np.zeros((0, 0), np.uint8)

    def cover(self, extent: Window) -> None:
        """Make room for a window, whose edges are multiples of ``CELL_PX``."""
        old = self.extent
        new = self.extent = extent if old is None else old.union(extent)
        if old is None:
            self._mean = np.zeros((new.height, new.width, 3), np.float32)
            self._total = np.full((new.height // CELL_PX, new.width // CELL_PX), NOTHING, np.float32)
            self.reached = np.zeros((new.height, new.width), np.uint8)
            return
        if old == new:
            return
        pads, cells = old.margins_in(new), old.margins_in(new, CELL_PX)
        self._mean = np.pad(self._mean, (*pads, (0, 0)))
        self._total = np.pad(self._total, cells, constant_values=NOTHING)
        self.reached = np.pad(self.reached, pads)

    def add(self, placed: Placed, log_weight: Image, window: Window) -> None:
        """Mix a frame in.

        Parameters
        ----------
        placed : Placed
            The frame on the canvas.
        log_weight : ndarray of float32, shape (h / 2, w / 2)
            Logarithm of its weight; changed.
        window : Window
            Where it lies; covered before, edges multiples of ``CELL_PX``.
        """
        assert self.extent is not None, "cover() comes first"
        if placed.gate is not None:
            gate = placed.gate[::CELL_PX, ::CELL_PX]
            log_weight += 2 * np.log(np.maximum(gate, np.float32(_OUTSIDE_FROM)))
            log_weight[gate <= _OUTSIDE_FROM] += OUTSIDE_LOG
        total = self._total[window.slices_in(self.extent, CELL_PX)]
        first = (total == np.float32(NOTHING)).astype(np.uint8)
        share = merge(log_weight, total)
        mean, reached = (array[window.slices_in(self.extent)] for array in (self._mean, self.reached))
        if placed.inside is None:
            reached[...] = 255
        else:
            cv2.bitwise_or(reached, placed.inside, reached)
        _mix(mean, placed.picture, share, first)

    def picture(self, dtype: np.dtype[Any]) -> Image:
        """The mean over the extent, in a type of frames."""
        white = full_scale(dtype)
        result = np.empty(self._mean.shape, dtype)
        for top in range(0, len(result), _STRIP_CELLS):
            rows = slice(top, top + _STRIP_CELLS)
            scaled = np.clip(self._mean[rows] * np.float32(white / 255.0), 0, white)
            result[rows] = scaled if dtype.kind == "f" else np.rint(scaled, out=scaled)
        return result

    def reduced(self, step: int) -> Image:
        """Every ``step``-th pixel's surroundings as uint8; shape (H // step, W // step, 3), at least one."""
        height, width = self._mean.shape[:2]
        size = (max(1, width // step), max(1, height // step))
        small = cv2.resize(self._mean[: size[1] * step, : size[0] * step], size, interpolation=cv2.INTER_AREA)
        return np.asarray(np.clip(np.rint(small), 0, 255).astype(np.uint8))


def reached_cells(placed: Placed) -> Image | None:
    """Where a placed frame reaches, cell by cell; None where it fills the window."""
    return None if placed.inside is None else placed.inside[::CELL_PX, ::CELL_PX]


def telling_cells(placed: Placed) -> Image | None:
    """Where a placed frame reaches and is not burnt, above 0, cell by cell; None where that is everywhere."""
    return None if placed.gate is None else (placed.gate[::CELL_PX, ::CELL_PX] > 0).astype(np.uint8)


def preview_step(extent: Window, max_width_px: int) -> int:
    """Largest power of 2 by which an extent can be reduced and stay that wide."""
    step = 1
    while extent.width // (2 * step) >= max_width_px:
        step *= 2
    return step


def extent_of_preview(extent: Window, step: int) -> Window:
    """The extent in pixels of a reduced picture, at least one."""
    width, height = (max(1, side // step) for side in (extent.width, extent.height))
    return Window(extent.x // step, extent.y // step, width, height)


def _mix(mean: Image, picture: Image, share: Image, first: Image) -> None:
    """Move the mean towards a picture by its share, given for cells; ``first`` is 1 where it is the first."""
    rows, columns = share.shape
    for top in range(0, rows, _STRIP_CELLS):
        bottom = min(top + _STRIP_CELLS, rows)
        # A cell more on each side, so that strips meet.
        above, below = max(0, top - 1), min(rows, bottom + 1)
        cells = share[above:below]
        if float(cells.max()) < _NEGLIGIBLE:
            continue
        size = (columns * CELL_PX, (below - above) * CELL_PX)
        skip = (top - above) * CELL_PX
        part = slice(top * CELL_PX, bottom * CELL_PX)
        wide = cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR)[skip : skip + part.stop - part.start]
        new = first[top:bottom]
        if new.any():  # black, of which nothing must be left by shares that change smoothly
            whole = cv2.resize(new, (size[0], len(wide)), interpolation=cv2.INTER_NEAREST)
            wide[whole > 0] = 1
        move_towards(mean[part], picture[part], wide)
