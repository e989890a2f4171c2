"""Which parts of a picture a blur can reach, so that the rest is not worked on."""

from __future__ import annotations

import cv2
import numpy as np

from hardware_sims.layers import support
from hardware_sims.sampled import CELL_PX
from hardware_sims.scene import Array
from hardware_sims.view import CELL_MARGIN, Region, Shot, View

__all__ = ["active", "cells_of", "pixels_of", "reached", "rectangles"]

_FULL_PART = 0.65  # a rectangle filled more than this is not worth splitting


def active(shot: Shot, view: View, level: int) -> Array:
    """Cells in which a level's rungs have something to blur; bool, margin included."""
    indices = shot.ladder.level_steps(level)
    if not indices:
        return np.zeros(view.covered.shape, bool)
    low, high = support(shot.ladder.squares, indices)
    return np.asarray(view.covered & (view.least_blur < high) & (view.most_blur > low))


def reached(shot: Shot, view: View, level: int) -> Array | None:
    """Cells into which a level's rungs can spread something, margin included; None for none."""
    found = active(shot, view, level)
    if not found.any():
        return None
    pad = -(-max(shot.ladder.steps[i].radius for i in shot.ladder.level_steps(level)) * 2**level // CELL_PX)
    return np.asarray(cv2.dilate(found.astype(np.uint8), np.ones((2 * pad + 1, 2 * pad + 1), np.uint8)))


def cells_of(part: Region) -> Region:
    """Cells that hold a region given in sensor pixels."""
    return Region(
        part.top // CELL_PX, -(-part.bottom // CELL_PX), part.left // CELL_PX, -(-part.right // CELL_PX)
    )


def pixels_of(cells: Region, level: int) -> Region:
    """The pixels of a level (3 at most) in a region of cells."""
    size = CELL_PX >> level
    return Region(cells.top * size, cells.bottom * size, cells.left * size, cells.right * size)


def rectangles(mask: Array | None, window: Region, least: int) -> list[Region]:
    """Few rectangles, apart from each other, that hold all that is marked in a window and not much else.

    Parameters
    ----------
    mask : Array, optional
        Of cells with the margin; nothing is marked when None.
    window : Region
        Cells to look at.
    least : int
        Rectangles are not split below this many cells: the calls would cost more than the pixels.
    """
    if mask is None:
        return []
    inner = mask[
        window.top + CELL_MARGIN : window.bottom + CELL_MARGIN,
        window.left + CELL_MARGIN : window.right + CELL_MARGIN,
    ]
    ys, xs = np.flatnonzero(inner.any(axis=1)), np.flatnonzero(inner.any(axis=0))
    if not len(ys):
        return []
    y0, y1, x0, x1 = int(ys[0]), int(ys[-1]) + 1, int(xs[0]), int(xs[-1]) + 1
    tight = Region(window.top + y0, window.top + y1, window.left + x0, window.left + x1)
    rows, columns = tight.shape
    marked = np.count_nonzero(inner[y0:y1, x0:x1])
    if max(rows, columns) <= least or marked > _FULL_PART * rows * columns:
        return [tight]
    if rows > columns:
        middle = tight.top + rows // 2
        halves = tight._replace(bottom=middle), tight._replace(top=middle)
    else:
        middle = tight.left + columns // 2
        halves = tight._replace(right=middle), tight._replace(left=middle)
    return [part for half in halves for part in rectangles(mask, half, least)]
