"""Gives detail back to what lies between planes of focus that are far apart.

Two or three frames of a deep subject leave most of it between their planes: the best that any of them has is
blurred there, and the more so the farther apart they are. Where that is, the frames themselves say: the two
that are next to the place are sharp alike there, while on a plane one of them is far ahead.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from stacker.focus.measure import half_luma_of_samples
from stacker.frames import Image, full_scale
from stacker.fusion.blending import add_blocks
from stacker.fusion.burnt import off_burnt

__all__ = ["how_far_between", "share_between", "sharpen_between"]

_MOST, _FADES, _FRAMES = 0.9, 0.08, range(2, 6)
"""Share of the detail that is added where two frames are alike and stand infinitely far apart, the slices
that things stay sharp for over which that falls to a third, and of how many frames. Of 29 stacks of two to
sixteen (docs/algorithm.md) 0.7 brings five sixths as much; 0.06 and 0.1 slices bring 0.02 dB less, 0.01 more
on average. Six and seven frames gain, too, but it takes as long as a frame, and speed is held by those."""

_LEAST_OFF, _ALIKE = 1e-7, 16.0
"""Part of a slice that an index is off at least, as float32 knows it, and the logarithm of odds over which
two frames that are alike become one that is far ahead."""

_DETAIL_FROM, _DETAIL_FULL = 1.5, 3.5
"""Logarithm of energy over noise from which there may be something to sharpen, and from which there is."""

_SIGMA_CELLS, _EVEN_CELLS = 1.0, 1.5
"""Of the blur that leaves the detail behind, and of the surroundings in which frames are compared; in cells
of two pixels. The finest band says nothing of what is blurred by more than a pixel."""


def share_between(focus_length: float, frames: int) -> float:
    """What share of the detail to add where two frames are alike; 0 where they are many.

    Parameters
    ----------
    focus_length : float
        For how many slices things stay sharp; see `stacker.fusion.depth_surface.focus_length`.
    frames : int
        Of the stack.
    """
    return _MOST * math.exp(-max(0.0, focus_length) / _FADES) if frames in _FRAMES else 0.0


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
    off = np.maximum(np.abs(index - np.rint(index)), np.float32(_LEAST_OFF))
    odds = cv2.GaussianBlur(np.log(off / (1 - off)), (0, 0), _EVEN_CELLS)
    alike = np.clip(1 + odds / np.float32(_ALIKE), 0, 1)
    alike *= np.clip((peak - _DETAIL_FROM) / np.float32(_DETAIL_FULL - _DETAIL_FROM), 0, 1)
    return np.asarray(cv2.GaussianBlur(alike, (0, 0), _SIGMA_CELLS))


def sharpen_between(picture: Image, between: Image, highest: Image, share: float) -> None:
    """Add a share of the detail to a picture, in place, but beside highlights.

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
    """
    half = half_luma_of_samples(picture)
    half -= cv2.GaussianBlur(half, (0, 0), _SIGMA_CELLS)
    half *= between
    half *= np.float32(share * full_scale(picture.dtype) / 255)
    height, width = half.shape
    half *= cv2.resize(off_burnt(highest), (width, height), interpolation=cv2.INTER_LINEAR)
    add_blocks(picture, half, 2)
