"""From values on a tone curve to light and back: what adds up where things are out of focus is light."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from stacker.frames import Image, full_scale

__all__ = ["PEDESTAL", "POWER", "light_of_samples", "linear_light", "toned"]

POWER = 2.4
"""Of the tone curve of sRGB (IEC 61966-2-1)."""

PEDESTAL = 0.055 * 255.0
"""Of 255: where that curve would be a power."""

_TO_SHARE = 255.0 ** (1 / POWER) / (1.055 * 255.0)

_WHITE = 65535.0
"""Of light in whole numbers."""


def linear_light(values: Image) -> Image:
    """Undo the tone curve of sRGB, white at 255 in both; float32.

    Frames that hold linear light already are bent by it, all in the same way.
    """
    # The curve's straight foot, below 4 % of white, is left out: it is within 1e-3 of white of the power.
    share = np.maximum(values, 0) + np.float32(PEDESTAL)
    share *= np.float32(_TO_SHARE)
    return np.asarray(cv2.pow(share, POWER, share))


def toned(light: Image) -> Image:
    """What `linear_light` undoes; float32."""
    share = cv2.pow(np.asarray(light, np.float32), 1 / POWER)
    return np.asarray(share * np.float32(1 / _TO_SHARE) - np.float32(PEDESTAL))


def light_of_samples(pixels: Image) -> tuple[Image, float]:
    """Light of a picture in any of the frames' types.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3)
        uint8, uint16, or float32 from 0 to 1.

    Returns
    -------
    light : ndarray, shape (H, W, 3)
        uint16 of whole numbers, float32 of floats.
    white : float
        What white is in it.
    """
    if pixels.dtype.kind == "f":
        return linear_light(pixels * np.float32(255.0 / full_scale(pixels.dtype))), 255.0
    table = _table(int(full_scale(pixels.dtype)))
    return (cv2.LUT(pixels, table) if pixels.dtype == np.uint8 else table[pixels]), _WHITE


@lru_cache(maxsize=2)
def _table(white: int) -> Image:
    values = np.arange(white + 1, dtype=np.float32) * np.float32(255.0 / white)
    return np.rint(linear_light(values).ravel() * np.float32(_WHITE / 255.0)).astype(np.uint16)
