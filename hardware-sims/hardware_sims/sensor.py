"""The bench's sensor: photons, noise, clipping, tone curve."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import cv2
import numpy as np

from hardware_sims.scene import Array

__all__ = ["BLACK_LEVEL", "NEUTRAL", "WHITE_LEVEL", "Sensor", "srgb_encode"]

BLACK_LEVEL, WHITE_LEVEL = 512, 16383
"""Of the sensor's own values: 14 bits above a pedestal that keeps the noise of black, as real bodies have."""

NEUTRAL = (0.5, 1.0, 0.65)
"""What red, green and blue pixels count on white, relative to green: as daylight on common sensors."""

_RAW_NOISE = 1  # tells a mosaic's noise from a developed picture's of the same exposure

_STRIP_ROWS = 128  # noise is drawn per strip, so that strips can be developed side by side with one result
_CODES = (
    16384  # steps of the linear scale behind the tone curve: under a quarter of an 8-bit step in the shadows
)


def srgb_encode(linear: Array) -> Array:
    """Linear light 0 to 1 to sRGB 0 to 1 (IEC 61966-2-1); clips."""
    v = np.clip(linear, 0.0, 1.0)
    return np.where(v <= 0.0031308, v * 12.92, 1.055 * np.power(v, 1.0 / 2.4) - 0.055)


def _tone_curve() -> Array:
    return np.round(255.0 * srgb_encode(np.arange(_CODES + 1) / _CODES)).astype(np.uint8)


_TONE = _tone_curve()


@lru_cache(maxsize=1)
def _normal_quantiles() -> Array:
    """Middle values of 65536 equally likely slices of the normal distribution."""
    quantile = NormalDist().inv_cdf
    return np.array([quantile((k + 0.5) / 65536.0) for k in range(65536)], np.float32)


def _normal(shape: tuple[int, ...], seed: tuple[int, ...]) -> Array:
    """Normal deviates to ±4.3 from 16 random bits each: several times faster than exact ones."""
    words = -(-math.prod(shape) // 4)
    bits = np.random.SFC64(seed).random_raw(words).view(np.uint16)[: math.prod(shape)]
    return np.asarray(_normal_quantiles()[bits].reshape(shape))


@dataclass(frozen=True, slots=True)
class Sensor:
    """A colour sensor that counts photons.

    Parameters
    ----------
    width_px, height_px : int
        Pixels.
    pitch_um : float
        Size of a pixel.
    full_well_electrons : float
        Electrons of white at ISO 100; what a pixel of 4 to 6 µm holds, whatever `pitch_um`, since a simulated
        pixel stands for a real one.
    read_noise_electrons : float
        Noise of reading one pixel.
    jpeg_quality : int
        1 to 100.
    """

    width_px: int
    height_px: int
    pitch_um: float
    full_well_electrons: float = 50_000.0
    read_noise_electrons: float = 4.0
    jpeg_quality: int = 95

    def __post_init__(self) -> None:
        if self.width_px < 16 or self.height_px < 16:
            raise ValueError(f"a sensor has at least 16 × 16 px, not {self.width_px} × {self.height_px}")
        if not (math.isfinite(self.pitch_um) and self.pitch_um > 0):
            raise ValueError(f"sensor pitch_um must be a finite number above 0, not {self.pitch_um}")

    @property
    def pitch_mm(self) -> float:
        """Size of a pixel in mm."""
        return self.pitch_um / 1000.0

    def develop(
        self,
        light: Array,
        iso: float,
        seed: tuple[int, ...],
        run: Callable[[Callable[[int], None], Iterable[int]], Iterable[Any]] = map,
        bits: int = 8,
    ) -> Array:
        """Turn light into a picture of 8 or 16 bits.

        Parameters
        ----------
        light : Array
            (height, width, 3) float32, linear, exposure and ISO applied: 1 is white.
        iso : float
            Fewer electrons make white at a higher ISO, so noise grows.
        seed : tuple of int
            Of the noise.
        run : callable
            `map` or one that works in parallel; the result is the same.
        bits : int
            Of a sample: 8, or 16, which take longer.

        Returns
        -------
        Array
            (height, width, 3) uint8 or uint16 RGB, sRGB curve.

        Raises
        ------
        ValueError
            For bits other than 8 or 16.
        """
        if bits not in (8, 16):
            raise ValueError(f"a picture has 8 or 16 bits, not {bits}")
        white = self.full_well_electrons * 100.0 / iso
        picture = np.empty(light.shape, np.uint8 if bits == 8 else np.uint16)

        def strip(top: int) -> None:
            rows = slice(top, top + _STRIP_ROWS)
            electrons = light[rows] * np.float32(white)
            grain = _normal(electrons.shape, (*seed, top))
            # Above some ten photons a Poisson count is a normal one with its variance.
            variance = np.maximum(electrons, 0.0) + np.float32(self.read_noise_electrons**2)
            electrons += cv2.sqrt(variance).reshape(electrons.shape) * grain
            if bits == 16:
                picture[rows] = np.round(65535.0 * srgb_encode(electrons / np.float32(white)))
                return
            electrons *= np.float32(_CODES / white)
            np.clip(electrons, 0.0, np.float32(_CODES), out=electrons)
            picture[rows] = _TONE[electrons.astype(np.uint16)]

        list(run(strip, range(0, light.shape[0], _STRIP_ROWS)))
        return picture

    def mosaic(
        self,
        light: Array,
        iso: float,
        seed: tuple[int, ...],
        run: Callable[[Callable[[int], None], Iterable[int]], Iterable[Any]] = map,
    ) -> Array:
        """What the sensor's pixels count, before anything is developed.

        Each pixel is behind a filter of the pattern RGGB. Under the bench's light green counts most: red and
        blue reach `NEUTRAL` of it on white, so they have room above what a JPEG shows as white.

        Parameters
        ----------
        light, iso, seed, run
            As in `develop`; the noise is another exposure's, since every pixel is counted once only.

        Returns
        -------
        Array
            (height, width) uint16, `BLACK_LEVEL` to `WHITE_LEVEL`, linear.
        """
        well = self.full_well_electrons * 100.0 / iso
        counts = np.empty(light.shape[:2], np.uint16)

        def strip(top: int) -> None:
            rows = slice(top, top + _STRIP_ROWS)  # an even number of rows: every strip begins with red
            electrons = np.empty(light[rows].shape[:2], np.float32)
            for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
                seen = light[rows][row::2, column::2, channel]
                electrons[row::2, column::2] = seen * np.float32(well * NEUTRAL[channel])
            grain = _normal(electrons.shape, (*seed, top, _RAW_NOISE))
            variance = np.maximum(electrons, 0.0) + np.float32(self.read_noise_electrons**2)
            electrons += cv2.sqrt(variance).reshape(electrons.shape) * grain
            values = electrons * np.float32((WHITE_LEVEL - BLACK_LEVEL) / well) + np.float32(BLACK_LEVEL)
            counts[rows] = np.clip(np.round(values), 0, WHITE_LEVEL)

        list(run(strip, range(0, light.shape[0], _STRIP_ROWS)))
        return counts

    def jpeg(self, picture: Array) -> bytes:
        """Encode an RGB picture as JPEG without colour subsampling."""
        flags = [
            cv2.IMWRITE_JPEG_QUALITY,
            self.jpeg_quality,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        ]
        done, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), flags)
        if not done:
            raise RuntimeError(f"OpenCV could not encode a picture of shape {picture.shape} as JPEG")
        return bytes(encoded.tobytes())
