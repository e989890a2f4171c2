"""Where a frame that is brighter than the picture has nothing to say, because its sensor was full."""

from __future__ import annotations

import cv2
import numpy as np

from stacker.frames import Image
from stacker.registration.exposure import Levels

__all__ = ["burnt_cells", "burnt_pixels"]

_RIM_PX = 5
"""Width of what a burnt pixel spoils: samples beside it are interpolated from it."""


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
