"""Brightness of one frame relative to another, per channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from stacker.frames import Image, full_scale
from stacker.registration.similarity import Matrix

__all__ = ["Gain", "Tones", "relative_gain", "tones"]

Gain = np.ndarray[Any, np.dtype[np.float64]]
"""Factors for red, green and blue."""

_WIDTH_PX = 250
_CLIPPED = 0.96
"""Share of white from which a sample may be clipped: JPEG rounds the shoulder."""

_CLIPPED_SHARE = 0.01
_BLACK = 2.0
_SPILL_PX = 5
"""A clipped highlight that is out of focus spreads that far, in the reduced picture."""

_MIN_SHARE = 0.02
_LIMIT = 16.0
"""Four stops: more is another photograph, not flicker."""


@dataclass(frozen=True)
class Tones:
    """What is needed of a frame to compare its brightness.

    Attributes
    ----------
    colours : ndarray, shape (h, w, 3), float32
        The frame reduced to 250 px, white at 255.
    clipped : ndarray, shape (h, w), float32
        Share of clipped pixels in each reduced one.
    """

    colours: Image
    clipped: Image


def tones(pixels: Image) -> Tones:
    """Reduce a frame for `relative_gain`.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3)
        RGB; uint8, uint16, or float32 from 0 to 1.
    """
    white = full_scale(pixels.dtype)
    ratio = min(1.0, _WIDTH_PX / pixels.shape[1])
    size = (max(1, round(pixels.shape[1] * ratio)), max(1, round(pixels.shape[0] * ratio)))
    colours = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    clipped = (pixels.max(axis=2) > _CLIPPED * white).astype(np.float32)
    return Tones(
        colours * np.float32(255.0 / white),
        np.asarray(cv2.resize(clipped, size, interpolation=cv2.INTER_AREA)),
    )


def relative_gain(fixed: Tones, moving: Tones, transform: Matrix) -> Gain:
    """Find what a frame has to be multiplied with to be as bright as another.

    Defocus moves light about but keeps its sum, so the ratio of the means over the common part is right for
    frames with different planes of focus. Clipped places and their surroundings are left out.

    Parameters
    ----------
    fixed, moving : Tones
        The reduced frames.
    transform : ndarray, shape (3, 3)
        Points of ``fixed.colours`` to points of ``moving.colours``.

    Returns
    -------
    ndarray, shape (3,)
        Factors for ``moving``; ones where too little is left to measure.
    """
    warped = _warp(moving.colours, transform, fixed.colours.shape, -1.0)
    clipped = np.maximum(fixed.clipped, _warp(moving.clipped, transform, fixed.colours.shape, 1.0))
    burnt = (clipped > _CLIPPED_SHARE).astype(np.uint8)
    spill = cv2.dilate(burnt, np.ones((2 * _SPILL_PX + 1, 2 * _SPILL_PX + 1), np.uint8))
    dark = np.maximum(fixed.colours, warped).max(axis=2) < _BLACK
    for unusable in (spill > 0, burnt > 0, clipped > 0.5):
        usable = (warped.min(axis=2) >= 0) & ~unusable & ~dark
        if np.count_nonzero(usable) >= _MIN_SHARE * usable.size:
            light = fixed.colours[usable].sum(axis=0, dtype=np.float64)
            other = warped[usable].sum(axis=0, dtype=np.float64)
            return np.asarray(np.clip(light / np.maximum(other, 1e-6), 1 / _LIMIT, _LIMIT))
    return np.ones(3)


def _warp(image: Image, transform: Matrix, shape: tuple[int, ...], border: float) -> Image:
    return np.asarray(
        cv2.warpAffine(
            image,
            transform[:2],
            (shape[1], shape[0]),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(border, border, border),
        )
    )
