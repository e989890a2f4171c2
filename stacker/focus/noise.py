"""How noisy the frames are."""

from __future__ import annotations

import math

import cv2
import numpy as np

from stacker.frames import Image, full_scale

__all__ = ["estimate_noise"]

_BLOCK_PX = 16
_CALM_PERCENTILE = 5.0
"""Noise is what remains in the calmest blocks: the rest holds texture."""

_BAND_GAIN = 0.867
"""Standard deviation that the calmest blocks show of the finest Laplacian band of white noise of deviation 1:
0.92 of the mean's 0.94."""

_FINE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
"""Immerkær, "Fast noise variance estimation", 1996: blind to all but the finest texture, gain 1 for noise."""

_FINE_CALM = 0.86
"""What the calmest blocks of white noise have of the mean; for the band it is 0.92, within `_BAND_GAIN`."""

_MOST_OVER_FINE = 2.0
"""The band says at most 1.1 times what the fine structure says for camera noise, up to 2.2 for JPEGs of
quality 95, and up to 20 times for frames that are sharp and textured all over, which have no calm block."""

_MIN_SIGMA = {"u1": 0.29, "u2": 0.02, "f4": 0.02}
"""Floor in units of 1/255 of white: rounding to 8 bits alone is 1/√12; deeper frames have analogue noise."""


def estimate_noise(pixels: Image) -> float:
    """Estimate the standard deviation of the noise in the green channel.

    Looks at the band that the fusion looks at, the finest of the Laplacian pyramid, block by block, and
    takes the calmest blocks that are not clipped. Estimators of still finer structure, like Immerkær's, say
    half as much on camera JPEGs, whose noise has been smoothed, but hold the estimate down where a frame is
    textured all over.

    Measured on rendered frames (`hardware_sims`, ISO 100 to 6400, and a twentieth of the light): 0.9 to 1.04
    of the noise in three of four, 0.75 where dark parts have three times the noise of light ones. JPEG takes
    noise away in calm blocks first: 0.6 to 0.9 at quality 95, 0.3 to 0.7 at 80.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3)
        RGB; uint8, uint16, or float32 from 0 to 1.

    Returns
    -------
    float
        Standard deviation in units of 1/255 of full scale, above 0.
    """
    floor = _MIN_SIGMA[pixels.dtype.str[1:]]
    height, width = pixels.shape[:2]
    if min(height, width) < 2 * _BLOCK_PX:
        return max(1.0, floor)
    green = cv2.extractChannel(pixels, 1).astype(np.float32) * np.float32(255.0 / full_scale(pixels.dtype))
    band = cv2.subtract(green, cv2.pyrUp(cv2.pyrDown(green), dstsize=(width, height)))
    blocks = (width // _BLOCK_PX, height // _BLOCK_PX)
    brightness = cv2.resize(green, blocks, interpolation=cv2.INTER_AREA)
    usable = (brightness > 4) & (brightness < 250)
    if np.count_nonzero(usable) < 16:
        usable[:] = True
    coarse = _calm_sigma(band, blocks, usable) / _BAND_GAIN
    fine = _calm_sigma(cv2.filter2D(green, cv2.CV_32F, _FINE), blocks, usable) / _FINE_CALM
    return max(min(coarse, _MOST_OVER_FINE * fine), floor)


def _calm_sigma(response: Image, blocks: tuple[int, int], usable: Image) -> float:
    """Standard deviation in the calmest blocks of a filtered picture."""
    mean = cv2.resize(np.abs(response), blocks, interpolation=cv2.INTER_AREA)
    calm = float(np.percentile(mean[usable], _CALM_PERCENTILE))
    return calm * math.sqrt(math.pi / 2)  # mean of |x| of a Gaussian is σ·√(2/π)
