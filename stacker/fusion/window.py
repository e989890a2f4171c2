"""Rectangles of the canvas, in pixels of the reference view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stacker.registration.similarity import Matrix

__all__ = ["Outline", "Spans", "Window", "corners_in_reference", "window_of"]

Outline = np.ndarray[tuple[int, int], np.dtype[np.float64]]
"""Centres of a frame's corner pixels in the reference view, clockwise from the top left; shape (4, 2)."""


@dataclass(frozen=True)
class Window:
    """A rectangle of whole pixels; ``x`` and ``y`` may be negative: left of and above the reference frame."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column behind the rectangle."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below the rectangle."""
        return self.y + self.height

    def union(self, other: Window) -> Window:
        """The smallest rectangle that holds both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        return Window(x, y, max(self.right, other.right) - x, max(self.bottom, other.bottom) - y)

    def intersection(self, other: Window) -> Window:
        """The part in both; empty (no width or height) when they do not meet."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        return Window(
            x, y, max(0, min(self.right, other.right) - x), max(0, min(self.bottom, other.bottom) - y)
        )

    def aligned(self, block: int) -> Window:
        """The smallest rectangle around this one whose edges are multiples of the block."""
        x, y = self.x // block * block, self.y // block * block
        return Window(x, y, -(-(self.right - x) // block) * block, -(-(self.bottom - y) // block) * block)

    def expanded(self, margin: int) -> Window:
        """The rectangle with a margin on all sides."""
        return Window(self.x - margin, self.y - margin, self.width + 2 * margin, self.height + 2 * margin)

    def halved(self, times: int) -> Window:
        """The same rectangle, whose edges are multiples of 2**times, in a picture halved so often."""
        return Window(self.x >> times, self.y >> times, self.width >> times, self.height >> times)

    def reduced(self, step: int) -> Window:
        """The rectangle in a picture reduced by a factor: what lies in this one, at least a pixel."""
        x, y = -(-self.x // step), -(-self.y // step)
        return Window(x, y, max(1, self.right // step - x), max(1, self.bottom // step - y))

    def slices_in(self, outer: Window, shrink: int = 1) -> tuple[slice, slice]:
        """Rows and columns of this rectangle in an array that covers the outer one, reduced by a factor."""
        top, left = (self.y - outer.y) // shrink, (self.x - outer.x) // shrink
        return slice(top, top + self.height // shrink), slice(left, left + self.width // shrink)

    def margins_in(self, outer: Window, shrink: int = 1) -> tuple[tuple[int, int], tuple[int, int]]:
        """Rows above and below it, and columns left and right of it, in an array as of `slices_in`."""
        above, left = (self.y - outer.y) // shrink, (self.x - outer.x) // shrink
        return (
            (above, (outer.bottom - self.bottom) // shrink),
            (left, (outer.right - self.right) // shrink),
        )


def corners_in_reference(transform: Matrix, size: tuple[int, int]) -> Outline:
    """Where the corners of a frame are.

    Parameters
    ----------
    transform : ndarray, shape (3, 3)
        Frame to reference view.
    size : tuple of int
        Width and height of the frame.
    """
    width, height = size
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [width - 1, height - 1, 1], [0, height - 1, 1]], float)
    placed = corners @ transform.T
    return np.asarray(placed[:, :2] / placed[:, 2:])


def window_of(transform: Matrix, size: tuple[int, int]) -> Window:
    """The whole pixels of the reference view that a frame reaches."""
    placed = corners_in_reference(transform, size)
    low, high = np.rint(placed.min(axis=0)).astype(int), np.rint(placed.max(axis=0)).astype(int)
    return Window(int(low[0]), int(low[1]), int(high[0] - low[0]) + 1, int(high[1] - low[1]) + 1)


@dataclass(frozen=True)
class Spans:
    """A convex shape as runs of pixels.

    Attributes
    ----------
    first, last : ndarray of int64, shape (h,)
        First column inside, and first one behind it, of every row; equal where there is none.
    """

    first: np.ndarray[tuple[int], np.dtype[np.int64]]
    last: np.ndarray[tuple[int], np.dtype[np.int64]]

    @classmethod
    def of_frame(
        cls, transform: Matrix, size: tuple[int, int], window: Window, inset_px: float, step: int = 1
    ) -> Spans:
        """The pixels of a window whose centres a frame reaches.

        Parameters
        ----------
        transform : ndarray, shape (3, 3)
            Frame to reference view.
        size : tuple of int
            Width and height of the frame.
        window : Window
            In pixels of the reference view.
        inset_px : float
            How far inside the outline through the frame's outermost pixel centres; -0.5 for all that a frame
            reaches.
        step : int
            Pixels of the reference view per row and column of the spans.
        """
        corners = corners_in_reference(transform, size) - (window.x, window.y)
        rows, columns = window.height // step, window.width // step
        y = np.arange(rows) * step + (step - 1) / 2
        low, high = np.full(rows, -np.inf), np.full(rows, np.inf)
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            dx, dy = x1 - x0, y1 - y0
            # Inside is where dx (y - y0) - dy (x - x0) is at least inset times the length of the edge.
            rest = dx * (y - y0) - inset_px * np.hypot(dx, dy) + dy * x0
            if abs(dy) < 1e-9:
                high = np.where(rest < -1e-6, -np.inf, high)
            elif dy > 0:
                high = np.minimum(high, rest / dy)
            else:
                low = np.maximum(low, rest / dy)
        first = np.clip(np.ceil((low - (step - 1) / 2) / step - 1e-6), 0, columns)
        last = np.clip(np.floor((high - (step - 1) / 2) / step + 1e-6) + 1, 0, columns)
        return cls(first.astype(np.int64), np.maximum(first, last).astype(np.int64))

    def mask(self, columns: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        """255 inside, 0 outside; shape (h, columns)."""
        at = np.arange(columns)
        inside = (at >= self.first[:, None]) & (at < self.last[:, None])
        return np.asarray(inside.astype(np.uint8) * np.uint8(255))
