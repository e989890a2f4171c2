"""Where a sensor was full: what a frame that is brighter than the picture has to say, and what discs are."""

from __future__ import annotations

import cv2
import numpy as np

from stacker.frames import Image, full_scale
from stacker.registration.exposure import Levels

__all__ = ["burnt_cells", "burnt_pixels", "off_burnt"]

_RIM_PX = 5
"""Width of what a burnt pixel spoils: samples beside it are interpolated from it."""

_BURNT, _BLOCKS_ALONG, _NEAR_BLOCKS, _SOFT_BLOCKS = 0.98, 375, 11, 1.5
"""Share of white from which a highlight is burnt, into how many blocks a picture is parted along its long
side, how many around are near one, and the sigma of that edge."""


def burnt_cells(planes: Image, levels: Levels, to_levels: float) -> Image | None:
    """Where a levelled frame is burnt, for cells of 2 x 2 pixels.

    Parameters
    ----------
    planes : ndarray, shape (3, h, w)
        The frame, levelled.
    levels : Levels
        What was done to it.
    to_levels : float
        Factor from samples to 1/255 of white.

    Returns
    -------
    ndarray of uint8, shape (h/2, w/2), or None
        255 where it is, 0 elsewhere; None when the frame is not brighter than the picture.
    """
    limits = levels.burnt_from()
    if limits is None:
        return None
    burnt = np.zeros(planes.shape[1:], np.uint8)
    for plane, limit in zip(planes, limits, strict=True):
        burnt |= np.asarray(plane >= np.float32(limit / to_levels), np.uint8)
    widened = np.asarray(cv2.dilate(burnt, np.ones((_RIM_PX, _RIM_PX), np.uint8)))
    height, width = burnt.shape
    cells = widened.reshape(height // 2, 2, width // 2, 2).max(axis=(1, 3))
    return np.asarray(cells * np.uint8(255))


def burnt_pixels(picture: Image, levels: Levels) -> Image | None:
    """The same for a picture of pixels, shape (h, w, 3), white at 255; the result has shape (h, w)."""
    cells = burnt_cells(picture.transpose(2, 0, 1), levels, 1.0)
    return None if cells is None else np.asarray(cells.repeat(2, axis=0).repeat(2, axis=1))


def off_burnt(highest: Image) -> Image:
    """How far places are from highlights that are burnt in any frame: the rims of their discs are no detail.

    Parameters
    ----------
    highest : ndarray, shape (h, w)
        What any frame has of a channel, in the frames' type.

    Returns
    -------
    ndarray of float32
        0 near them, 1 elsewhere; of the whole picture, reduced.
    """
    burnt = (highest >= _BURNT * full_scale(highest.dtype)).astype(np.float32)
    height, width = burnt.shape
    scale = min(1.0, _BLOCKS_ALONG / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    some = (cv2.resize(burnt, size, interpolation=cv2.INTER_AREA) > 0).astype(np.float32)
    wide = cv2.dilate(some, np.ones((_NEAR_BLOCKS, _NEAR_BLOCKS), np.uint8))
    return np.asarray(1 - cv2.GaussianBlur(wide, (0, 0), _SOFT_BLOCKS))
