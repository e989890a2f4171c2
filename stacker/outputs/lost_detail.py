"""Detail that is in focus in one frame and not in the picture: a hair that gave way to what lies behind."""

from __future__ import annotations

from collections import deque
from typing import Any

import cv2
import numpy as np

from stacker.frames import Image

__all__ = ["LostDetail", "coarse"]

_BAND_CELLS = 1.0
"""What is finer than this, the standard deviation of a blur, is detail."""

_AROUND_CELLS = 1.0
"""Standard deviation of the window over which detail is compared: a hair's width."""

_COARSE = 4
"""Focus is judged over windows of so many cells: wide enough that the rim of an out-of-focus disc, which
moves from frame to frame, stays within one."""

_APART_SHARE, _LEAST_APART, _MOST_APART = 5, 1, 8
"""Detail is in focus where it is stronger than in the frames a fifth of the stack away: 3 of 16. In deep
stacks 8 frames away, which keeps memory bounded; neighbours are as sharp as a frame itself."""

_CELL_NOISE = 0.3
"""Variance of the detail of a frame's cells, which are means over 4 interpolated pixels, beside that of a
pixel's noise."""

_ABOVE_NOISE = 3.0
"""Weaker detail, in variances of its noise, is none."""

_LEAST_ENERGY = 1e-3
"""In (1/255 of white)²: keeps divisions finite where a frame is flat."""


class LostDetail:
    """Compares frames with the picture, one after the other in the order of focus.

    A frame's detail is lost as far as the picture's does not contain it: with D the frame's detail and P the
    picture's, the part 1 - <D, P> / <D, D> within a small window. What is only blurred in a frame is in the
    sharper detail of the picture, and so is each of two depths that are seen through each other. It counts by
    how far the picture is off from the frame where the frame has its detail, and as far as that peaks in this
    frame, so that it is in focus there.

    Parameters
    ----------
    picture : ndarray of float32, shape (3, h, w)
        Means of cells, in 1/255 of white.
    noise_sigma : float
        Of a frame's pixels, in 1/255 of white.
    frames : int
        That will be added.

    Attributes
    ----------
    level : ndarray of float32, shape (h, w)
        By how much the picture is off from what was lost, in 1/255 of white; complete after `finish`.
    frame : ndarray of uint16, shape (h, w)
        Which of the frames has that, counted from 0.
    """

    def __init__(self, picture: Image, noise_sigma: float, frames: int) -> None:
        self._detail = np.stack([_detail(plane) for plane in picture])
        self._noise = np.float32(len(picture) * _CELL_NOISE * noise_sigma**2)
        self._apart = min(max(frames // _APART_SHARE, _LEAST_APART), _MOST_APART)
        self._waiting: deque[tuple[int, Image]] = deque()
        self._focus: dict[int, Image] = {}
        self._added = 0
        self.level = np.zeros(picture.shape[1:], np.float32)
        self.frame = np.zeros(picture.shape[1:], np.uint16)

    def add(self, planes: Image, square: Image, inside: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
        """Compare the next frame.

        Parameters
        ----------
        planes : ndarray of float32, shape (3, h, w)
            Its cells.
        square : ndarray of float32, shape (h, w)
            Mean square difference from the picture, cell by cell.
        inside : ndarray of bool, shape (h, w)
            What the frame reaches.
        """
        energy, shared = np.zeros_like(square), np.zeros_like(square)
        for plane, wanted in zip(planes, self._detail, strict=True):
            detail = _detail(plane)
            energy += detail * detail
            shared += detail * wanted
        off = _around(energy * square)
        energy, shared = _around(energy), _around(shared)
        off /= energy + self._noise
        np.sqrt(off, out=off)
        energy += np.float32(_LEAST_ENERGY)
        off *= np.clip(1 - shared / energy, 0, 1)
        off *= np.clip(1 - np.float32(_ABOVE_NOISE) * self._noise / energy, 0, 1)
        off[~inside] = 0
        self._focus[self._added] = coarse(energy, _COARSE)
        self._waiting.append((self._added, off.astype(np.float16)))
        self._added += 1
        if len(self._waiting) > self._apart:
            self._settle()

    def finish(self) -> None:
        """Settle what waited for frames to come."""
        while self._waiting:
            self._settle()

    def _settle(self) -> None:
        """Judge the frame that has waited longest: those on both sides of it are known."""
        number, off = self._waiting.popleft()
        own = self._focus[number] + self._noise
        beside = [self._focus[at] for at in (number - self._apart, number + self._apart) if at in self._focus]
        peak = np.clip(1 - np.maximum.reduce(beside) / own, 0, 1) if beside else np.ones_like(own)
        self._focus.pop(number - self._apart, None)
        lost = cv2.resize(peak, off.shape[::-1], interpolation=cv2.INTER_LINEAR) * off.astype(np.float32)
        self.frame[lost > self.level] = number
        np.maximum(self.level, lost, out=self.level)


def _detail(plane: Image) -> Image:
    return np.asarray(plane - cv2.GaussianBlur(plane, (0, 0), _BAND_CELLS))


def _around(cells: Image) -> Image:
    return np.asarray(cv2.GaussianBlur(cells, (0, 0), _AROUND_CELLS))


def coarse(cells: Image, side: int) -> Image:
    """Means over windows of so many cells a side; the last ones may have fewer."""
    height, width = cells.shape
    return np.asarray(
        cv2.resize(cells, (-(-width // side), -(-height // side)), interpolation=cv2.INTER_AREA)
    )
