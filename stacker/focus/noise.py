"""How noisy the frames are."""

from __future__ import annotations

import math

import cv2
import numpy as np

from stacker.frames import Image, full_scale

__all__ = ["CALM_PERCENTILE", "FEWEST_BLOCKS", "NOT_BLACK", "NOT_CLIPPED", "estimate_noise"]

_BLOCK_PX = 16
_ENOUGH_PX, _STRIP_ROWS = 4e6, 128
"""16,000 blocks tell the calmest twentieth as well as 100,000, in a sixth of the time."""

CALM_PERCENTILE = 5.0
"""Noise is what remains in the calmest blocks: the rest holds texture."""

NOT_BLACK, NOT_CLIPPED, FEWEST_BLOCKS = 4.0, 250.0, 16
"""Levels between which a block tells of noise, and how many of them say anything."""

_NOT_PAINTED = 1e-3
"""Levels: what has less, far below the least noise of any frame, was painted, or flattened by compression,
and tells nothing of the rest."""

_BAND_GAIN = 0.867
"""Standard deviation of the finest Laplacian band of white noise of deviation 1."""

_TEXTURE_FALLS, _TEXTURE_FROM, _LEAST_PART = 0.25, 1.0, 0.09
"""Energy that texture has in the finest band for each that it has in the second one; from how many times the
finest band's on the second one's is texture's (noise has as much if a camera has smoothed it, a sixteenth if
it is white); and what part is noise at least. In the calmest blocks of the middle frames of twelve rendered
stacks, whose noise is known, the first is 0.12 to 0.4."""

_MIN_SIGMA = {"u1": 0.29, "u2": 0.02, "f4": 0.02}
"""Floor in units of 1/255 of white: rounding to 8 bits alone is 1/√12; deeper frames have analogue noise."""


def estimate_noise(pixels: Image) -> float:
    """Estimate the standard deviation of the noise in the green channel.

    Looks at the band that the fusion looks at, the finest of the Laplacian pyramid, block by block, and
    takes the calmest blocks that are not clipped. (Estimators of still finer structure, like Immerkær's,
    say half as much on camera JPEGs, whose noise has been smoothed.) Where these hold texture, as the frame
    is full of it, the second band has far more of that than the finest, and tells what to take off.

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
    parts = [_blocks(pixels[rows]) for rows in _strips(height, width)]
    finest, second, brightness = (np.concatenate(kind) for kind in zip(*parts, strict=True))
    usable = (brightness > NOT_BLACK) & (brightness < NOT_CLIPPED) & (finest > _NOT_PAINTED)
    if np.count_nonzero(usable) >= FEWEST_BLOCKS:
        finest, second = finest[usable], second[usable]
    calm = float(np.percentile(finest, CALM_PERCENTILE))
    part = _noise_part(finest, second, calm)
    return max(calm * math.sqrt(part * math.pi / 2) / _BAND_GAIN, floor)  # the mean of |x| is σ·√(2/π)


def _noise_part(finest: Image, second: Image, calm: float) -> float:
    """Which part of the energy of the calm blocks is noise: what is not, their second band tells."""
    among = finest <= max(calm, _NOT_PAINTED)
    if not among.any():
        return 1.0
    coarser = float(np.median(second[among] / np.maximum(finest[among], _NOT_PAINTED))) ** 2
    return max(_LEAST_PART, 1 - _TEXTURE_FALLS * max(0.0, coarser - _TEXTURE_FROM))


def _strips(height: int, width: int) -> list[slice]:
    """Rows to look at: all of a small frame, evenly spread strips of a large one."""
    apart = round(height * width / _ENOUGH_PX)
    if apart < 2 or height < _STRIP_ROWS:
        return [slice(0, height)]
    tops = range(0, height - _STRIP_ROWS + 1, apart * _STRIP_ROWS)
    return [slice(top, top + _STRIP_ROWS) for top in tops]


def _blocks(pixels: Image) -> tuple[Image, Image, Image]:
    """Means of the magnitude of the finest and of the second band, and of the brightness, block by block, in
    levels."""
    height, width = pixels.shape[:2]
    green = cv2.extractChannel(pixels, 1).astype(np.float32) * np.float32(255.0 / full_scale(pixels.dtype))
    half = cv2.pyrDown(green)
    size = (width // _BLOCK_PX, height // _BLOCK_PX)
    magnitudes = (np.abs(_band(*pair)) for pair in ((green, half), (half, cv2.pyrDown(half))))
    means = (cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (*magnitudes, green))
    finest, second, brightness = (mean.ravel() for mean in means)
    return finest, second, brightness


def _band(picture: Image, half: Image) -> Image:
    return np.asarray(cv2.subtract(picture, cv2.pyrUp(half, dstsize=(picture.shape[1], picture.shape[0]))))
