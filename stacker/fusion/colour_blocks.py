"""How much noise frames have in the finest band of colour: what a place has in the frame that has least."""

from __future__ import annotations

import cv2
import numpy as np

from stacker.focus.measure import LUMA
from stacker.frames import Image
from stacker.fusion.sharpening import FINEST_PX, FINEST_SIGMA
from stacker.fusion.window import Window
from stacker.registration.similarity import Matrix

__all__ = ["ColourBlocks", "finest_colour"]

_BLOCK_PX = 16
"""256 pixels tell the variance of noise to 10 %."""

_ACROSS, _DOWN = 16, 12
"""Blocks that are looked at, spread over the picture: 1 ms a frame, whatever its size."""

_RIM_PX = 2
"""Nearer to its edge a frame is interpolated from beyond it."""


def finest_colour(picture: Image) -> Image:
    """Each channel less luma, and less what a blur leaves of that; float32 RGB, shape (h, w, 3)."""
    kernel = cv2.getGaussianKernel(2 * FINEST_PX + 1, FINEST_SIGMA, cv2.CV_32F)
    colour = cv2.subtract(picture, cv2.merge([cv2.transform(picture, LUMA)] * 3))
    blurred = cv2.sepFilter2D(colour, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.subtract(colour, blurred))


class ColourBlocks:
    """Follows the least energy that the finest band of colour has in some blocks of the picture.

    A texture loses its finest colour when it is out of focus, noise does not: the frame in which a block has
    the least holds nothing but noise there. One frame alone cannot tell the two apart.

    Parameters
    ----------
    size : tuple of int
        Width and height of the frames.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._rows = self._columns = np.zeros((0, 1), np.int64)
        self._least: Image | None = None

    def add(self, planes: Image, to_levels: float, transform: Matrix, window: Window) -> None:
        """Take a frame into account.

        Parameters
        ----------
        planes : ndarray, shape (3, h, w)
            It on the canvas, in any type.
        to_levels : float
            Factor from samples to 1/255 of white.
        transform : ndarray, shape (3, 3)
            Frame to reference view.
        window : Window
            What part of that the planes cover.
        """
        if self._least is None:
            self._rows = _places(window.y, window.height, _DOWN)
            self._columns = _places(window.x, window.width, _ACROSS)
            self._least = np.full((len(self._rows), len(self._columns)), np.inf, np.float32)
        if not self._least.size:
            return
        reached = self._reached(transform)
        # Blocks with what the blur sees around them, side by side: a small picture.
        rows = np.clip(self._rows - window.y, 0, planes.shape[1] - 1).ravel()
        columns = np.clip(self._columns - window.x, 0, planes.shape[2] - 1).ravel()
        sample = planes[:, rows[:, None], columns].transpose(1, 2, 0).astype(np.float32)
        band = finest_colour(np.ascontiguousarray(sample))
        side, inner = _BLOCK_PX + 2 * FINEST_PX, slice(FINEST_PX, -FINEST_PX)
        blocks = band.reshape(len(self._rows), side, len(self._columns), side, 3)[:, inner, :, inner]
        energy = np.square(blocks).mean(axis=(1, 3, 4)) * np.float32(to_levels) ** 2
        np.minimum(self._least, energy, out=self._least, where=reached)

    @property
    def variance(self) -> float:
        """Of the noise in the finest band, mean over the channels, in levels squared: half of the blocks have
        less. 0 when nothing is known."""
        known = self._least[np.isfinite(self._least)] if self._least is not None else np.zeros(0)
        return float(np.median(known)) if known.size else 0.0

    def _reached(self, transform: Matrix) -> Image:
        """Which blocks lie within a frame; bool, shape of the blocks."""
        shape = len(self._rows), len(self._columns)
        inside = np.ones(shape, bool)
        inverse = np.linalg.inv(transform)
        for edge_y in (0, -1):
            for edge_x in (0, -1):
                x, y = np.meshgrid(self._columns[:, edge_x], self._rows[:, edge_y])
                u, v, w = np.einsum("ij,jkl->ikl", inverse, np.stack([x, y, np.ones(shape)]))
                for place, length in ((u / w, self._size[0]), (v / w, self._size[1])):
                    inside &= (place >= _RIM_PX) & (place <= length - 1 - _RIM_PX)
        return inside


def _places(start: int, length: int, most: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Rows or columns of blocks with their surroundings, evenly spread; shape (n, side)."""
    side = _BLOCK_PX + 2 * FINEST_PX
    count = min(most, length // side)
    first = start + ((np.arange(count) + 0.5) * length / max(1, count)).astype(np.int64) - side // 2
    return np.asarray(first[:, None] + np.arange(side), np.int64)
