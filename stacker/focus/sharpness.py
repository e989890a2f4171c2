"""One figure for how sharp a frame is."""

from __future__ import annotations

import cv2
import numpy as np

from stacker.focus.reduction import halved, reduced, whole_tiles
from stacker.frames import Image, full_scale

__all__ = ["sharpness"]

_WIDTH_PX = 1000
_SHARP_PERCENTILE = 98.0
"""A frame of a stack is sharp in a thin slice only, so the figure looks at its sharpest tiles."""

_TILE_PX = 16


def sharpness(pixels: Image) -> float:
    """Measure how sharp the sharpest parts of a frame are.

    The energy of the Laplacian relative to brightness, in tiles, at no more than 1000 px width; the 98th
    percentile of the tiles. Comparable between frames of one stack, not between subjects.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3) or (H, W)
        RGB or grey; uint8, uint16, or float32 from 0 to 1.

    Returns
    -------
    float
        0 (nothing but blur) upwards, typically 1 to 50.
    """
    height, width = pixels.shape[:2]
    size = min(width, _WIDTH_PX), max(1, round(height * min(1.0, _WIDTH_PX / width)))
    large = halved(pixels, size)
    grey = reduced(cv2.cvtColor(large, cv2.COLOR_RGB2GRAY) if large.ndim == 3 else large, size)
    return sharpness_of_grey(grey.astype(np.float32) * np.float32(255.0 / full_scale(pixels.dtype)))


def sharpness_of_grey(grey: Image) -> float:
    """`sharpness` of a reduced grey picture, float32 from 0 to 255."""
    # A slight blur first: a single noisy pixel is not detail.
    laplacian = cv2.Laplacian(cv2.GaussianBlur(grey, (5, 5), 1.0), cv2.CV_32F)
    covered, tiles = whole_tiles(laplacian, _TILE_PX)
    energy = cv2.resize(cv2.multiply(covered, covered), tiles, interpolation=cv2.INTER_AREA)
    brightness = cv2.resize(whole_tiles(grey, _TILE_PX)[0], tiles, interpolation=cv2.INTER_AREA)
    relative = np.sqrt(energy) / (brightness + 16.0)  # 16 keeps deep shadows from counting as detail
    return float(np.percentile(relative, _SHARP_PERCENTILE)) * 100.0
