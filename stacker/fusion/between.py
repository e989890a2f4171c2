"""Gives detail back to what lies between planes of focus that are far apart.

Two or three frames of a deep subject leave most of it between their planes: the best that any of them has is
blurred there, and the more so the farther apart they are. Where that is, the frames themselves say: the two
that are next to the place are sharp alike there, while on a plane one of them is far ahead.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from stacker.focus.measure import LUMA, half_luma_of_samples
from stacker.frames import Image, full_scale
from stacker.fusion.blending import add_blocks
from stacker.fusion.burnt import off_burnt
from stacker.fusion.sharpening import STRIP_PX
from stacker.fusion.softening import far_apart
from stacker.loops.workers import over_rows

__all__ = ["anything_between", "how_far_between", "share_between", "sharpen_between"]

_MOST, _FRAMES = 0.9, range(2, 6)
"""Share of the detail that is added where two frames are alike and stand infinitely far apart, and of how
many frames. Of 29 stacks of two to sixteen (docs/algorithm.md) 0.7 brings five sixths as much. Of six and
seven frames some gain 0.1 to 0.2 dB, and bristles lose 0.4."""

_LEAST_OFF, _ALIKE = 1e-7, 16.0
"""Part of a slice that an index is off at least, as float32 knows it, and the logarithm of odds over which
two frames that are alike become one that is far ahead."""

_SPREAD_FROM, _SPREAD_FULL, _MEAN_FROM, _MEAN_FULL, _MOST_PEAK = 3.1, 3.6, -12.0, -13.0, 12.0
"""Of two frames it may be that all is on one plane or the other, as in pairs that programs blur: then the
logarithms of odds are alike, however weak the blur. Standard deviation (weighted by energy, up to the
exponential of the last number) and mean from which anything lies between, and from which all does
(docs/algorithm.md)."""

_DETAIL_FROM, _DETAIL_FULL = 1.5, 3.5
"""Logarithm of energy over noise from which there may be something to sharpen, and from which there is."""

_SIGMA_CELLS, _EVEN_CELLS = 1.0, 1.5
"""Of the blur that leaves the detail behind, and of the surroundings in which frames are compared; in cells
of two pixels. The finest band says nothing of what is blurred by more than a pixel."""

_CRISP, _PER_LOG, _MOST_TIMES, _CRISP_CELLS = 0.1, 0.8, 1.2, 3.0
"""Blur takes the finest band first. So the share is taken times the first number less the second times the
logarithm of what a pixel's own band has over the detail, in energy around (sigma in cells), up to the third:
a regression of what the truth has more falls so in ten rendered stacks and four photographs blurred by depth
(docs/algorithm.md). With 1.6 at most deep smooth subjects gain more (porcelain 0.1 dB), and JPEGs lose."""

_FINE_NOISE, _DETAIL_NOISE, _LEAST_ENERGY = 0.3, 0.07, 0.01
"""What noise of a variance of 1 in each channel has in the one and in the other; and what is no energy."""


def share_between(focus_length: float, frames: int) -> float:
    """What share of the detail to add where two frames are alike; 0 where they are many.

    Parameters
    ----------
    focus_length : float
        For how many slices things stay sharp; see `stacker.fusion.depth_surface.focus_length`.
    frames : int
        Of the stack.
    """
    return _MOST * far_apart(focus_length) if frames in _FRAMES else 0.0


def how_far_between(index: Image, peak: Image) -> Image:
    """How far places lie between two planes of focus rather than on one, where they have detail.

    Parameters
    ----------
    index, peak : ndarray of float32, shape (h, w)
        As they were measured, cell by cell: the mean of the index, weighted by a power of the energy of
        detail, and the logarithm of the highest energy over that of noise.

    Returns
    -------
    ndarray of float32, shape (h, w)
        0 to 1.
    """
    alike = np.clip(1 + _odds(index) / np.float32(_ALIKE), 0, 1)
    alike *= _detail(peak)
    return np.asarray(cv2.GaussianBlur(alike, (0, 0), _SIGMA_CELLS))


def anything_between(index: Image, peak: Image) -> float:
    """Whether anything lies between the planes of two frames at all.

    Parameters
    ----------
    index, peak : ndarray of float32, shape (h, w)
        See `how_far_between`.

    Returns
    -------
    float
        0 to 1: 0 where each frame simply has its part of the picture, as in pairs that programs blur.
    """
    odds = _odds(index)
    energy = _detail(peak) * np.exp(np.minimum(peak, np.float32(_MOST_PEAK)))
    whole = max(float(energy.sum(dtype=np.float64)), _LEAST_ENERGY)
    mean = float((energy * odds).sum(dtype=np.float64)) / whole
    spread = math.sqrt(float((energy * (odds - mean) ** 2).sum(dtype=np.float64)) / whole)
    wide = (spread - _SPREAD_FROM) / (_SPREAD_FULL - _SPREAD_FROM)
    far = (mean - _MEAN_FROM) / (_MEAN_FULL - _MEAN_FROM)
    return min(1.0, max(0.0, wide, far))


def _odds(index: Image) -> Image:
    """Logarithm of the odds of the other frame, from the index as it was measured."""
    off = np.maximum(np.abs(index - np.rint(index)), np.float32(_LEAST_OFF))
    return np.asarray(cv2.GaussianBlur(np.log(off / (1 - off)), (0, 0), _EVEN_CELLS))


def _detail(peak: Image) -> Image:
    """Whether there is something to sharpen, 0 to 1, from the energy as it was measured."""
    return np.clip((peak - _DETAIL_FROM) / np.float32(_DETAIL_FULL - _DETAIL_FROM), 0, 1)


def sharpen_between(
    picture: Image, between: Image, highest: Image, share: float, noise_sigma: float = 0.0
) -> None:
    """Add a share of the detail to a picture, in place, but beside highlights and where it is crisp already.

    Parameters
    ----------
    picture : ndarray, shape (H, W, 3)
        RGB of any of the three types.
    between : ndarray of float32, shape (H // 2, W // 2)
        See `how_far_between`.
    highest : ndarray, shape (H // 2, W // 2)
        What any frame has of a channel, in the type of the picture.
    share : float
        See `share_between`.
    noise_sigma : float
        Of the frames, in units of 1/255 of white.
    """
    rows, columns = between.shape
    # Of an odd picture half the size is not half the scale: it would drift off by a pixel towards the end.
    luma = half_luma_of_samples(picture[: 2 * rows, : 2 * columns])
    half: Image = cv2.subtract(luma, cv2.GaussianBlur(luma, (0, 0), _SIGMA_CELLS))
    half *= _as_blurred(picture, luma, half, noise_sigma**2)
    half *= between
    half *= np.float32(share * full_scale(picture.dtype) / 255)
    height, width = half.shape
    half *= cv2.resize(off_burnt(highest), (width, height), interpolation=cv2.INTER_LINEAR)
    add_blocks(picture, half, 2)


def _as_blurred(picture: Image, luma: Image, detail: Image, noise: float) -> Image:
    """How much of the share to take, by how far the finest band lags behind the detail; cell by cell."""
    height, width = luma.shape
    fine = np.empty((height, width), np.float32)
    framed = cv2.copyMakeBorder(luma, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    factors = LUMA * np.float32(255 / full_scale(picture.dtype))

    def strips(first: int, behind: int) -> None:
        for top in range(first, behind, STRIP_PX):
            bottom = min(behind, top + STRIP_PX)
            wide = cv2.resize(framed[top : bottom + 2], None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
            mine = picture[2 * top : 2 * bottom, : 2 * width].astype(np.float32)
            off = cv2.subtract(cv2.transform(mine, factors), wide[2:-2, 2:-2])
            size = width, bottom - top
            fine[top:bottom] = cv2.resize(cv2.multiply(off, off), size, interpolation=cv2.INTER_AREA)

    over_rows(strips, height, rows_together=STRIP_PX)
    energies = []
    for energy, part in (fine, _FINE_NOISE), (detail * detail, _DETAIL_NOISE):
        around = cv2.GaussianBlur(energy, (0, 0), _CRISP_CELLS)
        energies.append(np.maximum(around - np.float32(part * noise), np.float32(_LEAST_ENERGY)))
    ahead = np.log(energies[0] / energies[1])
    return np.asarray(np.clip(_CRISP - _PER_LOG * ahead, 0, _MOST_TIMES).astype(np.float32))
