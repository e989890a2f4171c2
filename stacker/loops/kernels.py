"""Weights of blurs as compiled loops take them."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from stacker.frames import Image

__all__ = ["half_kernel"]


@lru_cache
def half_kernel(reach: int, sigma: float) -> Image:
    """The middle and one side of the Gaussian that OpenCV blurs by.

    Parameters
    ----------
    reach : int
        Pixels on either side of the middle.
    sigma : float
        Standard deviation, in pixels.

    Returns
    -------
    ndarray of float32, shape (reach + 1,)
        The same array for all who ask: not to be changed.
    """
    return np.ascontiguousarray(cv2.getGaussianKernel(2 * reach + 1, sigma, cv2.CV_32F)[reach:, 0])
