"""Converts pictures between profiles and depths, strip by strip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from stacker.colour.profiles import transformed
from stacker.colour.quick import shaper_of
from stacker.frames import Image, full_scale

__all__ = ["Converted", "convert_colours", "convert_depth"]

_STRIP_BYTES = 4_000_000
"""Of the working copy of a strip, float32: what is computed at a time in each thread."""

_VISIBLY = 1 / 255
"""How far outside a colour must be to count as one that cannot be held."""

_TYPES = {8: np.uint8, 16: np.uint16, 32: np.float32}


@dataclass(frozen=True)
class Converted:
    """A converted picture.

    Attributes
    ----------
    pixels : ndarray
        In the new type.
    clipped : float
        Share of pixels whose colour the target cannot hold: they became the nearest it can by channel.
    """

    pixels: Image
    clipped: float


def convert_colours(pixels: Image, source: bytes, target: bytes, bit_depth: int) -> Converted:
    """Convert between profiles, exact with 16 bits: by little CMS in floats, and by tables and a matrix where
    both are of spaces of ours.

    Relative colorimetric, with black point compensation; what lies outside the target is clipped channel by
    channel, but kept in floats. Samples of whole numbers are rounded.

    Parameters
    ----------
    pixels : ndarray, shape (H, W) or (H, W, 3)
        Grey or RGB; uint8, uint16, or float32 from 0 to 1.
    source, target : bytes
        ICC profiles.
    bit_depth : int
        Of the result: 8, 16 or 32 (float).
    """
    result = np.empty(pixels.shape, _TYPES[bit_depth])
    coded = pixels.ndim == 3 and pixels.dtype.kind == "u" and bit_depth < 32
    shaper = shaper_of(source, target) if coded else None

    def strip(rows: slice) -> int:
        if shaper is not None:
            light = shaper.light(pixels[rows])
            outside = shaper.outside(light, _VISIBLY)
            shaper.encode(light, result[rows])
            return int(np.count_nonzero(outside))
        values = transformed(np.ascontiguousarray(pixels[rows]), source, target)
        if bit_depth == 32:
            result[rows] = values
            return 0
        outside = (values < -_VISIBLY) | (values > 1 + _VISIBLY)
        _store(values, 1.0, result[rows])
        return int(np.count_nonzero(outside.any(axis=-1) if pixels.ndim == 3 else outside))

    outside = sum(_in_strips(strip, pixels))
    return Converted(result, outside / (pixels.shape[0] * pixels.shape[1]))


def convert_depth(pixels: Image, bit_depth: int) -> Image:
    """Convert samples to 8, 16 or 32 bits (float); white stays white, whole numbers are rounded.

    They are not dithered: noise of 0.3 of 255, which photographs have, hides the steps (docs/outputs.md).

    Parameters
    ----------
    pixels : ndarray
        uint8, uint16, or float32 from 0 to 1.
    bit_depth : int
        8, 16 or 32.
    """
    target = np.dtype(_TYPES[bit_depth])
    if pixels.dtype == target:
        return pixels
    result = np.empty(pixels.shape, target)
    white = full_scale(pixels.dtype)

    def strip(rows: slice) -> None:
        _store(pixels[rows].astype(np.float32), white, result[rows])

    for _ in _in_strips(strip, pixels):
        pass
    return result


def _store(values: Image, white: float, out: Image) -> None:
    """Write floats, which are spoiled, as samples of another type."""
    values *= np.float32(full_scale(out.dtype) / white)
    if out.dtype.kind == "u":
        np.rint(values, out=values)
        np.clip(values, 0, full_scale(out.dtype), out=values)
    np.copyto(out, values, casting="unsafe")


def _in_strips(task: Callable[[slice], Any], pixels: Image) -> Iterator[Any]:
    """Results of a task for each strip of rows, computed side by side."""
    height = pixels.shape[0]
    rows = max(1, _STRIP_BYTES // max(1, 4 * pixels[0].size))
    strips = [slice(top, min(top + rows, height)) for top in range(0, height, rows)]
    with ThreadPoolExecutor(max(1, cv2.getNumThreads()), "stacker-colour") as threads:
        yield from threads.map(task, strips)
