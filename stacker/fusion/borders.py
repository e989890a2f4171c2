"""Which part of the canvas becomes the picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.fusion.window import Window, corners_in_reference
from stacker.registration.similarity import Matrix

__all__ = ["CommonField", "reached_window"]

_GRID = 400
"""Cells along the long side in which the largest rectangle is looked for before it is fitted to the pixel."""

_Polygon = np.ndarray[tuple[int, int], np.dtype[np.float64]]
_Mask = np.ndarray[Any, np.dtype[np.bool_]]


def reached_window(reached: _Mask, extent: Window) -> Window:
    """The part of a canvas without the margin that no frame reaches.

    Parameters
    ----------
    reached : ndarray of bool, shape (H, W)
        Where any frame reaches.
    extent : Window
        Where that array lies in the reference view.
    """
    rows, columns = np.flatnonzero(reached.any(axis=1)), np.flatnonzero(reached.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    width, height = int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top
    return Window(extent.x + left, extent.y + top, width, height)


class CommonField:
    """What all frames reach, as a convex polygon that only ever shrinks: it takes no memory per frame."""

    def __init__(self) -> None:
        self._polygon: _Polygon | None = None

    def add(self, transform: Matrix, size: tuple[int, int]) -> None:
        """Take a frame into account.

        Parameters
        ----------
        transform : ndarray, shape (3, 3)
            Frame to reference view.
        size : tuple of int
            Width and height of the frame.
        """
        corners = corners_in_reference(transform, size)
        self._polygon = corners if self._polygon is None else _clipped(self._polygon, corners)

    def window(self) -> Window | None:
        """The largest upright rectangle of whole pixels in what all frames reach; None where that is nothing.

        A rectangle lies in a convex polygon when its four corners do. It is found on a coarse grid first,
        and its sides are then moved outward pixel by pixel.
        """
        polygon = self._polygon
        if polygon is None or len(polygon) < 3:
            return None
        low = np.floor(polygon.min(axis=0)).astype(int)
        high = np.ceil(polygon.max(axis=0)).astype(int)
        step = max(1, int((high - low).max()) // _GRID)
        columns, rows = np.arange(low[0], high[0] + 1, step), np.arange(low[1], high[1] + 1, step)
        grid_x, grid_y = np.meshgrid(columns, rows)
        found = _largest_rectangle(_inside(polygon, grid_x, grid_y))
        if found is None:
            return None
        top, bottom, left, right = found
        sides = [int(columns[left]), int(rows[top]), int(columns[right]), int(rows[bottom])]
        return _stretched(polygon, sides, step)


def _clipped(polygon: _Polygon, by: _Polygon) -> _Polygon:
    """The part of a convex polygon inside another (Sutherland and Hodgman, CACM 17, 1974).

    Both run clockwise on the screen.
    """
    for start, end in zip(by, np.roll(by, -1, axis=0), strict=True):
        if len(polygon) == 0:
            break
        side = _side(start, end, polygon[:, 0], polygon[:, 1])
        kept: list[Any] = []
        for index, point in enumerate(polygon):
            here, before = side[index], side[index - 1]
            if (here >= 0) != (before >= 0):
                share = before / (before - here)
                kept.append(polygon[index - 1] + share * (point - polygon[index - 1]))
            if here >= 0:
                kept.append(point)
        polygon = np.array(kept).reshape(-1, 2)
    return polygon


def _side(start: Any, end: Any, x: Any, y: Any) -> Any:
    """Above 0 on the inner side of an edge."""
    return (end[0] - start[0]) * (y - start[1]) - (end[1] - start[1]) * (x - start[0])


def _inside(polygon: _Polygon, x: Any, y: Any) -> _Mask:
    inside = np.ones(np.shape(x), bool)
    for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        # half a hundredth of a pixel is what rounding leaves of a frame that has not moved
        inside &= _side(start, end, x, y) >= -0.005 * np.hypot(*(end - start))
    return inside


def _largest_rectangle(mask: _Mask) -> tuple[int, int, int, int] | None:
    """First and last row, first and last column of the largest rectangle of set cells.

    The set cells of each column are one run, as the shape is convex: so are the rows that a span of columns
    has in common.
    """
    columns = np.flatnonzero(mask.any(axis=0))
    if columns.size == 0:
        return None
    first, last = mask.argmax(axis=0), mask.shape[0] - 1 - mask[::-1].argmax(axis=0)
    best, found = 0, None
    for left in columns:
        reach = slice(left, columns[-1] + 1)
        top = np.maximum.accumulate(first[reach])
        bottom = np.minimum.accumulate(last[reach])
        areas = (bottom - top + 1) * np.arange(1, top.size + 1)
        at = int(areas.argmax())
        if areas[at] > best and bottom[at] >= top[at]:
            best, found = int(areas[at]), (int(top[at]), int(bottom[at]), int(left), int(left) + at)
    return found


def _stretched(polygon: _Polygon, sides: list[int], step: int) -> Window:
    """Move the sides (left, top, right, bottom) outward for as long as all corners stay inside."""
    for _ in range(step):
        for side, direction in enumerate((-1, -1, 1, 1)):
            trial = list(sides)
            trial[side] += direction
            corners_x = np.array([trial[0], trial[2], trial[2], trial[0]])
            corners_y = np.array([trial[1], trial[1], trial[3], trial[3]])
            if _inside(polygon, corners_x, corners_y).all():
                sides = trial
    left, top, right, bottom = sides
    return Window(left, top, right - left + 1, bottom - top + 1)
