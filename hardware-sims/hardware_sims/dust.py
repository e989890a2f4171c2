"""Dust on the bench's sensor: grains on the glass before it, whose shadows the aperture makes soft."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from hardware_sims.scene import Array

__all__ = ["dust_shade"]

_GLASS_MM = 0.7
"""From the grains to the pixels, as far as in air: 1 mm of filter and cover, and a little air."""

_GRAINS_MM = 0.02, 0.08
"""Diameters: smaller ones are not seen, larger ones the sensor's own shaking throws off."""

_DENSE = 0.6
"""Part of the light that a grain stops: pollen and flakes are not black."""

_FINE = 4
"""Parts of a pixel in which a shadow is drawn."""


@lru_cache(maxsize=4)
def dust_shade(
    width_px: int, height_px: int, pitch_mm: float, effective_f_number: float, count: int, seed: int
) -> Array:
    """What grains on the sensor's glass let through.

    The shadow of a grain is its disc blurred by that of the aperture, which is ``_GLASS_MM`` over the
    effective f-number wide: a smaller grain takes as much of the light as its area is of the blur's.

    Parameters
    ----------
    width_px, height_px : int
        Of the sensor.
    pitch_mm : float
        Of its pixels.
    effective_f_number : float
        At which the picture is taken: the smaller the aperture, the harder the shadows.
    count, seed : int
        Of the grains; the same ones lie at the same places at any aperture.

    Returns
    -------
    Array
        (height, width) float32, 0 to 1.
    """
    rng = np.random.default_rng((seed, 0xD057))
    through = np.ones((height_px, width_px), np.float32)
    blur_px = _GLASS_MM / effective_f_number / pitch_mm
    low, high = (math.log(d) for d in _GRAINS_MM)
    for _ in range(count):
        x, y, size = rng.uniform(0, width_px), rng.uniform(0, height_px), math.exp(rng.uniform(low, high))
        grain_px = size / pitch_mm
        reach = math.ceil((grain_px + blur_px) / 2) + 2
        left, top = round(x) - reach, round(y) - reach
        shadow = 1 - _shadow(x - left, y - top, grain_px, blur_px, 2 * reach + 1)
        rows = slice(max(0, -top), min(2 * reach + 1, height_px - top))
        columns = slice(max(0, -left), min(2 * reach + 1, width_px - left))
        through[max(0, top) : top + rows.stop, max(0, left) : left + columns.stop] *= shadow[rows, columns]
    through.flags.writeable = False
    return through


def _shadow(x: float, y: float, grain_px: float, blur_px: float, side: int) -> Array:
    """The part of the light that a grain at x, y takes, in a square of pixels."""
    at = (np.arange(side * _FINE) + 0.5) / _FINE - 0.5
    grain = (np.hypot(at[:, None] - y, at - x) <= grain_px / 2).astype(np.float32)
    grain *= np.float32(math.pi * (grain_px * _FINE) ** 2 / 4 / max(1.0, float(grain.sum())))
    reach = math.ceil(blur_px * _FINE / 2)
    across = np.arange(-reach, reach + 1)
    disc = (np.hypot(across[:, None], across) <= max(0.5, blur_px * _FINE / 2)).astype(np.float32)
    soft = cv2.filter2D(grain, -1, disc / disc.sum(), borderType=cv2.BORDER_CONSTANT)
    return np.asarray(_DENSE * np.minimum(cv2.resize(soft, (side, side), interpolation=cv2.INTER_AREA), 1))
