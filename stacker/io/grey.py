"""White balance from a place that is known to be grey."""

from __future__ import annotations

import cv2
import numpy as np

from stacker.errors import DataError, UserError
from stacker.frames import Image, full_scale
from stacker.io.development import GreyPatch

__all__ = ["balanced", "decoded_light", "encoded_light", "factors_of_grey", "gains_of_grey"]

_FULL = 0.98
"""Of white: from there on a sample may be clipped, and its colour is another's."""

_FULL_SHARE = 0.02
"""Of the patch, which noise may take there."""

_BLACK = 0.002
"""Of white, in linear light: noise and black level decide the colour of what is darker."""

_KEPT_WHITE = 0.9
"""In linear light: what is brighter in all three colours keeps more and more of its own white."""

_LUMA = np.array([0.2126, 0.7152, 0.0722])
"""ITU-R BT.709, in linear light."""


def factors_of_grey(light: Image, patch: GreyPatch, name: str) -> tuple[float, float, float]:
    """Factors of red, green and blue that make a patch grey, green unchanged.

    Parameters
    ----------
    light : ndarray of float32, shape (h, w, 3)
        Linear light, upright, 1 for white.
    patch : GreyPatch
        The place.
    name : str
        Of the frame, for messages.

    Raises
    ------
    UserError
        When the patch is not within the frame.
    DataError
        When it is clipped or black there.
    """
    height, width = light.shape[:2]
    x, y, r = patch.x_px, patch.y_px, patch.radius_px
    if not (r <= x <= width - 1 - r and r <= y <= height - 1 - r):
        raise UserError(
            f"The grey patch at {x:g}, {y:g} with a radius of {r:g} px is not within {name}, "
            f"which is {width} × {height} px"
        )
    rows, columns = np.mgrid[int(y - r) : int(y + r) + 2, int(x - r) : int(x + r) + 2]
    inside = (rows < height) & (columns < width) & ((rows - y) ** 2 + (columns - x) ** 2 <= r * r)
    seen = light[rows[inside], columns[inside]].astype(np.float64)
    if not len(seen):  # smaller than a pixel
        seen = light[[round(y)], [round(x)]].astype(np.float64)
    if (seen >= _FULL).any(axis=1).mean() > _FULL_SHARE:
        raise DataError(f"The grey patch at {x:g}, {y:g} of {name} is clipped: take a darker grey")
    mean = seen.mean(axis=0)
    if mean.min() < _BLACK:
        raise DataError(
            f"The grey patch at {x:g}, {y:g} of {name} is black ({100 * mean.min():.2f} % of white): "
            "take a brighter grey"
        )
    red, green, blue = mean
    return float(green / red), 1.0, float(green / blue)


def gains_of_grey(pixels: Image, patch: GreyPatch, name: str) -> tuple[float, float, float]:
    """The same for a frame on the curve of sRGB; the patch keeps its brightness."""
    light = _linear(pixels)
    factors = np.array(factors_of_grey(light, patch, name))
    x, y, r = round(patch.x_px), round(patch.y_px), max(1, round(patch.radius_px))
    mean = light[max(0, y - r) : y + r + 1, max(0, x - r) : x + r + 1].reshape(-1, 3).mean(axis=0)
    red, green, blue = factors * float(_LUMA @ mean / (_LUMA @ (factors * mean)))
    return float(red), float(green), float(blue)


def balanced(pixels: Image, gains: tuple[float, float, float]) -> Image:
    """Multiply the light of a frame on the curve of sRGB, channel by channel.

    What is white in the frame stays white: its true colour is not known.

    Parameters
    ----------
    pixels : ndarray, shape (h, w, 3)
        uint8, uint16 or float32.
    gains : tuple of 3 floats
        In linear light.
    """
    if gains == (1.0, 1.0, 1.0):
        return pixels
    factors = np.array(gains, np.float32)
    if pixels.dtype.kind == "f":
        return _of_rows(pixels, factors)
    white = full_scale(pixels.dtype)
    codes = np.arange(int(white) + 1, dtype=np.float32) / np.float32(white)
    out = np.empty_like(pixels)
    for channel in range(3):
        table = encoded_light(decoded_light(codes) * factors[channel])
        out[..., channel] = np.rint(np.clip(table, 0, 1) * white).astype(pixels.dtype)[pixels[..., channel]]
    bright = np.float32(white) * encoded_light(np.array([_KEPT_WHITE], np.float32))[0]
    burnt = pixels.min(axis=2) > bright
    if burnt.any():
        some = pixels[burnt].astype(np.float32) / np.float32(white)
        out[burnt] = np.rint(np.clip(_of_rows(some, factors), 0, 1) * white).astype(pixels.dtype)
    return out


def _of_rows(values: Image, factors: Image) -> Image:
    """Encoded values times factors, the factors fading to none where all three are white."""
    light = decoded_light(values)
    least = light.min(axis=-1, keepdims=True)
    own = np.clip((least - np.float32(_KEPT_WHITE)) / np.float32(1 - _KEPT_WHITE), 0, 1)
    return np.asarray(encoded_light(light * (factors + (1 - factors) * own)), np.float32)


def _linear(pixels: Image) -> Image:
    return decoded_light(pixels.astype(np.float32) / np.float32(full_scale(pixels.dtype)))


def decoded_light(values: Image) -> Image:
    """Undo the curve of sRGB (IEC 61966-2-1)."""
    high = cv2.pow(np.maximum((values + np.float32(0.055)) / np.float32(1.055), 0), 2.4)
    return np.asarray(np.where(values <= 0.04045, values / np.float32(12.92), high.reshape(values.shape)))


def encoded_light(light: Image) -> Image:
    """The curve of sRGB (IEC 61966-2-1)."""
    high = cv2.pow(np.maximum(light, 0).astype(np.float32), 1 / 2.4).reshape(light.shape)
    return np.asarray(
        np.where(light <= 0.0031308, light * np.float32(12.92), np.float32(1.055) * high - np.float32(0.055))
    )
