"""Brightness of one frame relative to another, per channel."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from stacker.frames import Image
from stacker.registration.similarity import Matrix

__all__ = ["Gain", "relative_gain"]

Gain = np.ndarray[Any, np.dtype[np.float64]]
"""Factors for red, green and blue."""

_CLIPPED = 245.0
_BLACK = 2.0
_SPILL_PX = 5
"""A clipped highlight that is out of focus spreads that far, in the reduced picture."""

_MIN_SHARE = 0.02
_LIMIT = 16.0
"""Four stops: more is another photograph, not flicker."""


def relative_gain(fixed: Image, moving: Image, transform: Matrix) -> Gain:
    """Find what a frame has to be multiplied with to be as bright as another.

    Defocus moves light about but keeps its sum, so the ratio of the means over the common part is right for
    frames with different planes of focus. Clipped places and their surroundings are left out.

    Parameters
    ----------
    fixed, moving : ndarray, shape (H, W, 3), float32
        Reduced RGB pictures, white at 255.
    transform : ndarray, shape (3, 3)
        Points of ``fixed`` to points of ``moving``.

    Returns
    -------
    ndarray, shape (3,)
        Factors for ``moving``; ones where too little is left to measure.
    """
    size = (fixed.shape[1], fixed.shape[0])
    warped = cv2.warpAffine(
        moving,
        transform[:2],
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(-1.0, -1.0, -1.0),
    )
    clipped = ((fixed.max(axis=2) > _CLIPPED) | (warped.max(axis=2) > _CLIPPED)).astype(np.uint8)
    spill = cv2.dilate(clipped, np.ones((2 * _SPILL_PX + 1, 2 * _SPILL_PX + 1), np.uint8))
    dark = np.maximum(fixed, warped).max(axis=2) < _BLACK
    for unusable in (spill > 0, clipped > 0):
        usable = (warped.min(axis=2) >= 0) & ~unusable & ~dark
        if np.count_nonzero(usable) >= _MIN_SHARE * usable.size:
            sums = fixed[usable].sum(axis=0, dtype=np.float64), warped[usable].sum(axis=0, dtype=np.float64)
            return np.asarray(np.clip(sums[0] / np.maximum(sums[1], 1e-6), 1 / _LIMIT, _LIMIT))
    return np.ones(3)
