"""Brightness of one frame relative to another, per channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from stacker.focus.reduction import halved_often, reduced
from stacker.frames import Image, full_scale
from stacker.registration.light import PEDESTAL, POWER, light_of_samples, linear_light, toned
from stacker.registration.similarity import Matrix

__all__ = ["Gain", "Levels", "Tones", "relative_levels", "tones"]

Gain = np.ndarray[Any, np.dtype[np.float64]]
"""Factors for red, green and blue."""

_WIDTH_PX = 250
_CLIPPED = 0.96
"""Share of white from which a sample may be clipped: JPEG rounds the shoulder."""

_BEYOND = -1e4
"""What is beyond a frame's edge: pixels that have any of it are below 0."""

_CLIPPED_SHARE = 0.01
_BLACK = 2.0
_DARK = float(linear_light(np.full((1, 1), _BLACK, np.float32))[0, 0])
"""Of 255: what is darker tells nothing; on the tone curve, and in light."""

_SPILL_PX = 5
"""A clipped highlight that is out of focus spreads that far, in the reduced picture."""

_MIN_SHARE = 0.02
_LIMIT = 16.0
"""Four stops: more is another photograph, not flicker."""


_TIMES = 8
"""How much wider a frame is at least, when its values are turned into light, than what it is reduced to: what
is finer than that is averaged on the tone curve, where blur does not keep the sum."""

_TELLING_GAIN = 0.05
"""A smaller change of gain than this makes an offset below 0.7 of 255, which cannot be told from noise."""

_TELLING_ERROR = 0.03
"""Of 255: by how much an offset must fit better to be believed. A flat frame tells nothing."""

_FIT_BLUR_PX = 4.0
"""In the reduced picture: more than defocus differs between neighbours."""

_SAME = 0.25
"""Of 255: a smaller change at black and at white is not worth rounding once more."""

_BRIGHTER = 0.9
"""What a frame shows as white counts as burnt when the picture shows it darker than this share of white:
another frame tells there what this one cannot. Flicker is less."""


@dataclass(frozen=True)
class Levels:
    """What makes a frame as bright as another: gain · value + offset, channel by channel.

    Attributes
    ----------
    gain : ndarray, shape (3,)
        Factors for red, green and blue.
    offset : ndarray, shape (3,)
        In 1/255 of white.
    """

    gain: Gain
    offset: Gain

    @classmethod
    def same(cls) -> Levels:
        """As bright."""
        return cls(np.ones(3), np.zeros(3))

    def after(self, step: Levels) -> Levels:
        """Both, the step first."""
        return Levels(self.gain * step.gain, self.gain * step.offset + self.offset)

    def inverse(self) -> Levels:
        """What undoes this."""
        return Levels(1 / self.gain, -self.offset / self.gain)

    @property
    def none(self) -> bool:
        """Whether nothing that can be seen is changed."""
        changes = np.abs(self.offset).max(), np.abs(255.0 * (self.gain - 1) + self.offset).max()
        return bool(max(changes) < _SAME)

    @property
    def applied(self) -> Levels:
        """These, or those that change nothing where nothing that can be seen is changed."""
        return Levels.same() if self.none else self

    def factors(self, dtype: np.dtype[Any]) -> tuple[Image, Image]:
        """Gain and offset for samples of a type, float32, shape (3,) each."""
        offset = self.offset * (full_scale(dtype) / 255.0)
        return self.gain.astype(np.float32), offset.astype(np.float32)

    def burnt_from(self) -> Gain | None:
        """From which value on samples of the levelled frame are burnt.

        Returns
        -------
        ndarray or None, shape (3,)
            In 1/255 of white, infinite for channels in which the frame is not brighter than the picture; None
            when there is no other.
        """
        white = 255.0 * self.gain + self.offset
        brighter = white < _BRIGHTER * 255.0
        if not brighter.any():
            return None
        return np.where(brighter, _CLIPPED * 255.0 * self.gain + self.offset, np.inf)

    def mixed(self, other: Levels, share: float) -> Levels:
        """A share of the way to others."""
        gain = self.gain ** (1 - share) * other.gain**share
        return Levels(gain, (1 - share) * self.offset + share * other.offset)


@dataclass(frozen=True)
class Tones:
    """What is needed of a frame to compare its brightness.

    Attributes
    ----------
    colours : ndarray, shape (h, w, 3), float32
        Light of the frame reduced to 250 px, white at 255.
    clipped : ndarray, shape (h, w), float32
        Share of clipped pixels in each reduced one.
    """

    colours: Image
    clipped: Image


def tones(pixels: Image) -> Tones:
    """Reduce a frame for `relative_levels`.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3)
        RGB; uint8, uint16, or float32 from 0 to 1.
    """
    white = full_scale(pixels.dtype)
    ratio = min(1.0, _WIDTH_PX / pixels.shape[1])
    size = (max(1, round(pixels.shape[1] * ratio)), max(1, round(pixels.shape[0] * ratio)))
    pixels = halved_often(pixels, size, _TIMES)
    # 0 or 255, so that shares of a hundredth outlast rounding.
    clipped = (_of_channels(cv2.max, pixels) > _CLIPPED * white).view(np.uint8) * np.uint8(255)
    share = np.zeros((size[1], size[0]), np.float32)
    if clipped.any():
        share = reduced(clipped, size, 2) * np.float32(1 / 255.0)
    light, brightest = light_of_samples(pixels)
    return Tones(reduced(light, size, 2) * np.float32(255.0 / brightest), share)


def relative_levels(fixed: Tones, moving: Tones, transform: Matrix) -> Levels:
    """Find what makes a frame as bright as another.

    Defocus moves light about but keeps its sum, so the ratio of the means over the common part is right for
    frames with different planes of focus; of values on the tone curve it would not be. Clipped places and
    their surroundings are left out.

    Parameters
    ----------
    fixed, moving : Tones
        The reduced frames.
    transform : ndarray, shape (3, 3)
        Points of ``fixed.colours`` to points of ``moving.colours``.

    Returns
    -------
    Levels
        For ``moving``; those that change nothing where too little is left to measure.
    """
    warped = _warp(moving.colours, transform, fixed.colours.shape, _BEYOND)
    clipped = np.maximum(fixed.clipped, _warp(moving.clipped, transform, fixed.colours.shape, 1.0))
    burnt = (clipped > _CLIPPED_SHARE).astype(np.uint8)
    spill = cv2.dilate(burnt, np.ones((2 * _SPILL_PX + 1, 2 * _SPILL_PX + 1), np.uint8))
    dark = cv2.max(_of_channels(cv2.max, fixed.colours), _of_channels(cv2.max, warped)) < _DARK
    within = _of_channels(cv2.min, warped) >= 0
    for unusable in (spill > 0, burnt > 0, clipped > 0.5):
        usable = within & ~unusable & ~dark
        if np.count_nonzero(usable) >= _MIN_SHARE * usable.size:
            return _fitted(fixed.colours, warped, usable)
    return Levels.same()


def _of_channels(kind: Callable[[Image, Image], Image], picture: Image) -> Image:
    """The largest or smallest of three channels; NumPy takes 25 times as long along an axis of three."""
    red, green, blue = cv2.split(picture)
    return kind(kind(red, green), blue)


def _fitted(light: Image, other: Image, usable: np.ndarray[Any, np.dtype[np.bool_]]) -> Levels:
    """Gain from the means of light; with the foot of the tone curve taken into account where that fits
    better."""
    counted = usable.view(np.uint8)
    # Another exposure multiplies light, and so what lies above the pedestal of the tone curve: one that is
    # 1 EV off is 3.5 of 255 wrong in the dark when it is made up for by a gain alone.
    ratio = _mean(light, counted) / np.maximum(_mean(other, counted), 1e-6)
    curved = np.clip(ratio ** (1 / POWER), 1 / _LIMIT, _LIMIT)
    value = np.maximum(_mean(toned(other), counted), 1e-6)
    plain = np.clip(curved + PEDESTAL * (curved - 1) / value, 1 / _LIMIT, _LIMIT)
    if np.abs(np.log(plain)).max() < _TELLING_GAIN:
        return Levels(plain, np.zeros(3))
    candidates = Levels(plain, np.zeros(3)), Levels(curved, PEDESTAL * (curved - 1))
    # Compared where defocus does not matter: clipped and outer places filled with what is like them in both.
    weight = usable.astype(np.float32)
    cover = cv2.GaussianBlur(weight, (0, 0), _FIT_BLUR_PX)
    inner = usable & (cover > 0.5)
    inner = inner if inner.any() else usable
    spread = (
        cv2.GaussianBlur(picture * weight[..., None], (0, 0), _FIT_BLUR_PX) for picture in (light, other)
    )
    near = [toned(picture[inner] / cover[inner][:, None]) for picture in spread]
    errors = [float(np.abs(near[0] - near[1] * each.gain - each.offset).mean()) for each in candidates]
    return candidates[int(errors[1] < errors[0] - _TELLING_ERROR)]


def _mean(picture: Image, where: Image) -> Gain:
    return np.array(cv2.mean(picture, where)[:3], np.float64)


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
