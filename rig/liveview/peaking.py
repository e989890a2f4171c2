"""Which edges of a small picture are in focus, and how sharp it is; judged against its own noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Gradients", "in_focus", "measure", "sharpness"]

Gray: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.uint8]

_FINE_PX, _COARSE_PX = 0.7, 1.6
"""Widths (standard deviations) of the two smoothings. The finer one takes the worst of a JPEG's noise away;
the coarser one is wider than an edge in focus and narrower than one that is out of it."""

_SHARP_EDGE_PX = 1.1
"""An edge counts as in focus up to this width. The picture of an edge in perfect focus, reduced and coded by
the body, is 0.6 to 0.8 px wide; a blur disc of 3 px on top of that makes 1.1 px."""

_ABOVE_NOISE = 4.0
"""Times the noise. Of white noise exp(−3²) = 0.01 % would lie above three times, but a JPEG's has longer
tails: of frames of the bench wholly out of focus up to 0.7 % lay above three times, 0.1 % above four."""

_BLOCK_PX = 16
_QUIET_SHARE = 0.2
"""Noise is what the quietest fifth of the blocks has: most pictures have that much wall, sky or blur."""

_BINS = 8
_FEWEST_BLOCKS = 12
"""Brightness is looked at in so many steps, since a camera's tone curve makes shadows noisier; a step with
fewer blocks than that is judged by the whole picture."""

_LEAST_NOISE, _MOST_NOISE = 0.4, 3.0
"""Codes a px: rounding makes the first; if the quietest fifth has more than the other, it is texture."""
_NOISIER = 3.0
"""So much noisier than the whole a step of brightness can be: beyond that it holds nothing but texture."""

_WHITE_FROM = 250
_NEIGHBOURS = np.ones((5, 5), np.uint8)

_COMPANY = 3
"""A peaked pixel has at least two neighbours that are, too: an edge has a length, noise has none."""


@dataclass(frozen=True)
class Gradients:
    """What is measured once and used by all: slopes of brightness, and how much of them is noise.

    ``power`` is the squared slope after the finer smoothing, (h, w), in (codes a px)²; ``noise`` the RMS
    slope of noise by brightness, (256,); ``mean`` the mean brightness of 255.
    """

    gray: Gray
    power: Floats
    noise: Floats
    mean: float


def measure(gray: Gray) -> Gradients:
    """Measure a picture.

    Parameters
    ----------
    gray : (h, w) uint8
        Brightness as the picture codes it; at least 32 px each way.
    """
    power = _slope_power(gray, _FINE_PX)
    return Gradients(gray, power, _noise(gray, power), float(cv2.mean(gray)[0]))


@cache
def _kernels(width_px: float) -> tuple[Floats, Floats]:
    """A Gaussian, and the central differences of it, codes a px."""
    smooth = cv2.getGaussianKernel(2 * math.ceil(2.5 * width_px) + 1, width_px).ravel()
    slope = np.convolve(smooth, (-0.5, 0.0, 0.5))
    return smooth.astype(np.float32), slope.astype(np.float32)


def _slope_power(gray: Gray, width_px: float) -> Floats:
    """Squared length of the gradient after smoothing, (codes a px)²."""
    smooth, slope = _kernels(width_px)
    along = cv2.sepFilter2D(gray, cv2.CV_32F, slope, smooth)
    across = cv2.sepFilter2D(gray, cv2.CV_32F, smooth, slope)
    cv2.multiply(along, along, along)
    return np.asarray(cv2.accumulateSquare(across, along), np.float32)


def _noise(gray: Gray, power: Floats) -> Floats:
    """RMS slope of noise at every brightness, (256,)."""
    rows, columns = (max(1, n // _BLOCK_PX) for n in gray.shape)
    window = (slice(0, rows * _BLOCK_PX), slice(0, columns * _BLOCK_PX))
    size = (columns, rows)
    block_power = cv2.resize(power[window], size, interpolation=cv2.INTER_AREA).ravel()
    level = cv2.resize(gray[window], size, interpolation=cv2.INTER_AREA).ravel()
    # Neither white nor black has noise: it is cut off there.
    usable = (level > 4) & (level < _WHITE_FROM)
    if not usable.any():
        return np.full(256, _LEAST_NOISE, np.float32)
    rms, level = np.sqrt(block_power[usable]), level[usable].astype(np.intp)
    whole = float(np.clip(np.quantile(rms, _QUIET_SHARE), _LEAST_NOISE, _MOST_NOISE))
    at, noise = [], []
    for step in range(_BINS):
        inside = level * _BINS // 256 == step
        if np.count_nonzero(inside) >= _FEWEST_BLOCKS:
            here = float(np.quantile(rms[inside], _QUIET_SHARE))
            at.append((step + 0.5) * 256 / _BINS)
            noise.append(min(max(here, _LEAST_NOISE), _NOISIER * whole, _MOST_NOISE))
    if not at:
        return np.full(256, whole, np.float32)
    return np.interp(np.arange(256), at, noise).astype(np.float32)


def in_focus(seen: Gradients) -> Mask:
    """Pixels on edges that are in focus.

    An edge of width σ (standard deviation of its spread) has after smoothing by s the slope 1/√(σ² + s²). So
    the ratio of the slopes after two smoothings, √((σ² + s₂²)/(σ² + s₁²)), tells its width whatever its
    contrast, and a strong edge out of focus is told from a weak one in focus.

    Returns
    -------
    (h, w) uint8
        255 where it is in focus, else 0.

    References
    ----------
    S. Zhuo and T. Sim, "Defocus map estimation from a single image", Pattern Recognition 44 (2011), 3.
    """
    narrow = (_SHARP_EDGE_PX**2 + _COARSE_PX**2) / (_SHARP_EDGE_PX**2 + _FINE_PX**2)
    threshold = cv2.LUT(seen.gray, (_ABOVE_NOISE * seen.noise) ** 2)
    coarse = _slope_power(seen.gray, _COARSE_PX)
    peaked = cv2.compare(seen.power, cv2.max(threshold, narrow * coarse), cv2.CMP_GT)
    # Where light is cut off at white there is an edge as sharp as can be, and it is none of the subject's.
    brightest = cv2.dilate(seen.gray, _NEIGHBOURS)
    lit = cv2.threshold(brightest, _WHITE_FROM - 1, 255, cv2.THRESH_BINARY_INV)[1]
    peaked = cv2.bitwise_and(peaked, lit)
    # The mean of nine of 0 and 255, rounded.
    company = cv2.threshold(cv2.blur(peaked, (3, 3)), 255 * _COMPANY // 9 - 1, 255, cv2.THRESH_BINARY)[1]
    return np.asarray(cv2.bitwise_and(peaked, company), np.uint8)


def sharpness(seen: Gradients, window: tuple[slice, slice] | None = None) -> float:
    """How sharp a picture is: RMS slope without what noise adds, as a share of the mean brightness, % a px.

    The larger, the sharper. It compares frames of one view under one light, not one subject with another.

    Parameters
    ----------
    window : tuple of slice, optional
        Rows and columns to look at.
    """
    part = (slice(None), slice(None)) if window is None else window
    power, gray = seen.power[part], np.ascontiguousarray(seen.gray[part])
    shares = cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel() / gray.size
    left = float(cv2.mean(power)[0]) - float(shares @ (seen.noise * seen.noise))
    return 100.0 * math.sqrt(max(0.0, left)) / max(float(cv2.mean(gray)[0]), 1.0)
