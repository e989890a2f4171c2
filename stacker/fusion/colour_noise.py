"""Takes noise out of the finest colour of a fused picture, where there is nothing but noise.

Frames are averaged over fewer of them than there are wherever there is detail to keep, so that noise stays.
In luma detail and noise cannot be told apart at the size of a pixel. In colour they can: sensors see every
colour at a quarter or half of their pixels only, and files of cameras keep it at half the size, so that the
finest band has next to nothing of it but noise. On the noisy ``slope`` of ``benchmarks.stacks`` the best
factor for the finest band of colour is 0.02 (regression of the truth on the picture), for luma it is 1.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from stacker.frames import Image, full_scale
from stacker.fusion.base import Fused
from stacker.fusion.colour_blocks import ColourBlocks, finest_colour
from stacker.fusion.samples import OPENCV_TYPES
from stacker.fusion.sharpening import FINEST_PX, FINEST_SIGMA, STRIP_PX, strips_of
from stacker.fusion.stages import SourceCode
from stacker.fusion.window import Window
from stacker.loops.kernels import half_kernel
from stacker.loops.workers import by_loops, in_samples, over_rows, run_rows
from stacker.registration.similarity import Matrix

__all__ = ["LEAST_SIGMA", "ColourNoise", "Held", "quieten_colour"]

LEAST_SIGMA = 1.0
"""Frames with less noise are left alone: what would be taken is half a level, which nobody sees."""

_LEFT = 1.15
"""Share of the variance of a frame's noise below which the picture's colour is taken for noise: energy in 49
pixels differs by chance. With the fourth power 1.0 leaves slope 0.09 dB worse and colourful edges at ISO 6400
(petals) 0.1 better, 1.3 the other way round 0.06 and 0.13; with the square 1.0 is as good on slope, and
petals lose 0.25 dB."""

_BAND_VARIANCE = 0.872 * (0.875 + 0.375 + 0.875) / 3
"""Variance of the finest band of colour over that of white noise: what the band takes, and the mean over red,
green and blue of what luma, (R + 2 G + B) / 4, leaves."""

_WINDOW_PX = 3
"""Reach of the window in which the band's energy is averaged: 49 pixels tell noise from colour."""

_REACH_PX = FINEST_PX + _WINDOW_PX
"""Rows that are looked at above and below those that are changed."""


@dataclass(frozen=True)
class Held:
    """Between what values a picture stays: what no frame has does not come in.

    Attributes
    ----------
    low, high : ndarray, shape (3, h, w)
        Least and greatest samples of all frames, in their type; the least is above the greatest where there
        are none.
    top, left : int
        Row and column of the picture in them.
    """

    low: Image
    high: Image
    top: int
    left: int

    @classmethod
    def nowhere(cls, dtype: np.dtype[Any]) -> Held:
        """Of a picture for which nothing is known."""
        return cls(np.zeros((3, 0, 0), dtype), np.zeros((3, 0, 0), dtype), 0, 0)

    def hold(self, rows: Image, first: int) -> None:
        """Hold rows (h, W, 3) of the picture, from that one on, in place."""
        if not self.low.size:
            return
        down = slice(self.top + first, self.top + first + rows.shape[0])
        across = slice(self.left, self.left + rows.shape[1])
        low, high = (bound[:, down, across].transpose(1, 2, 0) for bound in (self.low, self.high))
        np.copyto(rows, np.clip(rows, low, high), where=low <= high)


class ColourNoise:
    """Measures the noise of frames in the finest band of colour, and takes it out of what they are fused to.

    Parameters
    ----------
    size : tuple of int
        Width and height of the frames.
    noise_sigma : float
        Standard deviation of the frames' noise, in units of 1/255 of white; nothing is done below
        `LEAST_SIGMA`.
    """

    def __init__(self, size: tuple[int, int], noise_sigma: float) -> None:
        self._blocks = ColourBlocks(size) if noise_sigma >= LEAST_SIGMA else None
        # Where every frame is full of texture, the one in which a block has the least may not be noise alone.
        self._most = _BAND_VARIANCE * noise_sigma**2

    def add(self, planes: Image, to_levels: float, transform: Matrix, window: Window) -> None:
        """Take a frame into account; see `ColourBlocks.add`."""
        if self._blocks is not None:
            self._blocks.add(planes, to_levels, transform, window)

    def taken_from(self, fused: Fused, held: Held | None = None) -> Fused:
        """`quieten_colour` of what frames were fused to, in place; a single frame stays as it is."""
        if self._blocks is not None and len(fused.shares) > 1:
            quieten_colour(fused.image, min(self._blocks.variance, self._most), held)
        return fused


def quieten_colour(
    picture: Image, variance: float, held: Held | None = None, compiled: bool | None = None
) -> None:
    """Take what is weaker than noise from the finest band of colour, in place; luma is not touched.

    A place keeps the share 1 - (noise / energy)⁴ of its colour in that band. Wiener's would be 1 - noise /
    energy; but averaging has taken some of the colour already where there is any (a seventh in a texture as
    noisy as slope), so what stands out of the noise is left as it is: threads and dots stay.

    Parameters
    ----------
    picture : ndarray, shape (H, W, 3)
        RGB of any of the three types.
    variance : float
        Of the frames' noise in that band, mean over the channels, white at 255.
    held : Held, optional
        Between what the picture stays.
    compiled : bool, optional
        Whether to use the compiled loop; where numba is installed by default.
    """
    if variance <= 0:
        return
    held = Held.nowhere(picture.dtype) if held is None else held
    noise = np.float32(_LEFT * variance * (full_scale(picture.dtype) / 255) ** 2)
    tops, bottoms, beside = strips_of(len(picture), _REACH_PX)
    edges = picture[np.clip(beside, 0, len(picture) - 1)]
    if by_loops(compiled):
        from stacker.fusion.compiled_colour import quieten_strips

        flat = in_samples(picture), edges.reshape(*edges.shape[:2], -1)
        kernel = half_kernel(FINEST_PX, FINEST_SIGMA)
        settings = STRIP_PX, noise, kernel, SourceCode.of(picture.dtype).vector()
        room = 40 * (picture.shape[1] + 2 * _REACH_PX)
        bounds = held.low, held.high, held.top, held.left
        run_rows(quieten_strips, len(tops), *flat, *settings, *bounds, room=room, rows_together=1)
        return

    def strips(first: int, behind: int) -> None:
        for strip in range(first, behind):
            rows = picture[tops[strip] : bottoms[strip]]
            seen = np.concatenate([edges[strip, :_REACH_PX], rows, edges[strip, _REACH_PX:]])
            lost = _noise_of(seen.astype(np.float32), noise)
            rows[...] = cv2.subtract(rows, lost, dtype=OPENCV_TYPES[picture.dtype.char])
            held.hold(rows, int(tops[strip]))

    over_rows(strips, len(tops), rows_together=1)


def _noise_of(seen: Image, noise: np.float32) -> Image:
    """What to take from all rows but the outermost `_REACH_PX`."""
    band = finest_colour(seen)
    window = (2 * _WINDOW_PX + 1,) * 2
    mean = cv2.transform(band * band, np.full((1, 3), 1 / 3, np.float32))
    share = noise / np.maximum(cv2.blur(mean, window, borderType=cv2.BORDER_REPLICATE), noise)
    return np.asarray((band * (share**4)[..., None])[_REACH_PX:-_REACH_PX])
