"""How much a frame counts at a place: from the energy of its bands to its share in the running means."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from stacker.frames import Image
from stacker.loops.kernels import half_kernel

__all__ = [
    "BURNT_GATE",
    "CONFIDENT",
    "GLARE_IGNORED",
    "GLARE_SURE",
    "LOG_REACH",
    "NOTHING",
    "OUTSIDE_GATE",
    "OUTSIDE_LOG",
    "FusionParameters",
    "Score",
    "brightness_around",
    "glare",
    "glitter",
    "inherit",
    "merge",
    "smoothing",
]

NOTHING = -1e9
"""Logarithmic weight of a pixel that no frame has touched: exp of its distance to any score is 0."""

OUTSIDE_LOG = -1e4
"""Logarithmic weight of pixels that a frame does not reach: counts only where no frame does."""

_BURNT = 2 * OUTSIDE_LOG
"""Where a frame is burnt: what is mirrored beyond the edge of another is a better guess."""

BURNT_GATE, OUTSIDE_GATE = 0, 1
"""Reach of a frame where it is burnt, and where it is not at all; from 2 on it is a share, 255 the whole."""

LOG_REACH = np.concatenate([[_BURNT, OUTSIDE_LOG], 2 * np.log(np.arange(2, 256) / 255)]).astype(np.float32)
"""What is added to the logarithmic weight by the reach of a frame."""

_SIGMA = 0.42
"""Of the window over which energy is summed, in half-size pixels, on top of the sums over 2 x 2. Wider ones
choose more steadily in texture and beside highlights (0.6: glints +0.3 dB), narrower ones keep hairs and
edges (0.35: wings +0.1 dB); the mean over nine scenes changes by 0.1 dB from 0.35 to 0.7."""

CONFIDENT = 2.0
"""Logarithmic activity from which something is sharp without doubt: 4.4 times the noise, at `softness` 3."""

_GLARE_CELLS = 5
"""Quarter-size pixels over which brightness is averaged: the discs of defocused highlights are wider."""

GLARE_IGNORED = 0.04
"""Share of the brightness by which frames may differ for other reasons: noise, and errors of the gain."""

GLARE_SURE = 8.0
"""Logarithmic activity of the second band below which a frame is favoured less for being dark. The middle of
a highlight is darkest in frames that are far out of focus and have spread it beyond the window: without this
limit they swallow it (1.1 dB on 120 slices of crystals)."""

_STRIP_CELLS = 32768
"""Handled at a time: intermediate values stay in the processor's cache."""

_GLITTER_CELLS, _AROUND_CELLS = 11, 21
"""Quarter-size pixels that count as near a highlight, and over which its surroundings are averaged."""

_GLITTER_FROM, _GLITTER_FULL = 0.08, 0.2
"""How much brighter than its surroundings, of white, a highlight is: it may be out of focus itself."""


@dataclass(frozen=True)
class FusionParameters:
    """How hard the fusion chooses.

    Attributes
    ----------
    softness : float
        Multiplies the noise variance in the activity; larger averages more.
    exponent : float
        Power of the activity in the weight.
    inherit : float
        Share of the finer band in the activity of a coarser one, 0 to 1.
    inherit_beside_highlights : float
        The same where something bright and small is near: there the coarse bands of frames out of focus hold
        discs, and look the sharper the larger those are.
    coarser : float
        Share of the second band in the logarithmic activity of the finest, 0 to 1: it has less noise.
    glare : float
        How much brighter frames are held back. A highlight out of focus is a disc with a hard edge, which
        looks sharp; but it only ever adds light, so that of two frames the darker one is right.
    foreground : float
        Logarithmic activity that the nearest frame has ahead of the farthest, where it is sharp, when an
        opaque foreground is asked for.
    crisp : float
        Share of the finest band's luma that is given back when frames were interpolated: that takes it.
        Regression of the truth's finest band on ours gives factors of 1.05 to 1.12 in rendered stacks. 0.07
        brings wings +0.17, porcelain +0.2, slope +0.1 and mineral +0.5 dB; 0.04 and 0.1 are worse there. In
        luma alone: in colour there is more noise than detail.
    whole_pixels : bool
        Whether `Method.AUTO` takes places where things lie over each other from one frame each; see
        `stacker.fusion.overlaps`.
    contrast : bool
        Whether `Method.AUTO` gives contrast back where things are veiled by what lies over them; see
        `stacker.fusion.contrast`.
    """

    softness: float = 3.0
    exponent: float = 7.0
    inherit: float = 0.3
    inherit_beside_highlights: float = 0.76
    coarser: float = 0.25
    glare: float = 80.0
    foreground: float = 2.0
    crisp: float = 0.07
    whole_pixels: bool = True
    contrast: bool = True


@dataclass(frozen=True)
class Score:
    """How the parts of a band's score are put together.

    Attributes
    ----------
    own_share, other_share : float
        Logarithmic activity is own_share * a + other_share * what else is known, where a = log(1 + energy).
    exponent : float
        The logarithmic weight is that, times exponent.
    lead : float
        Is added to a where the frame is sharp, and in proportion to a below `CONFIDENT`.
    defer : float
        How far a is moved towards what else is known beside highlights, before that.
    """

    own_share: float
    other_share: float
    exponent: float
    lead: float = 0.0
    defer: float = 0.0


def smoothing() -> Image:
    """The middle and one side of the three weights by which energy is averaged along rows and columns."""
    return half_kernel(1, _SIGMA)


def brightness_around(luma: Image, brightness: Image) -> Image:
    """How bright it is around each cell of half the resolution of ``luma`` (white at 255): 0 to 1, put into
    ``brightness``."""
    cv2.resize(luma, brightness.shape[::-1], brightness, interpolation=cv2.INTER_AREA)
    brightness *= np.float32(1 / 255)
    np.clip(brightness, 0, 1, out=brightness)
    return np.asarray(cv2.blur(brightness, (_GLARE_CELLS, _GLARE_CELLS), brightness))


def glare(brightness: Image, reached: Image, first_seen: Image, strength: float, activity: Image) -> Image:
    """How much a frame's activity has to be lowered because it is brighter than the first frame.

    Parameters
    ----------
    brightness : ndarray of float32, shape (h, w)
        See `brightness_around`; overwritten.
    reached : ndarray of bool, shape (h, w)
        Where the frame is.
    first_seen : ndarray of float32, shape (h, w)
        Brightness in the first frame that reached each place, 0 to 1; below 0 where none has. Is completed.
    strength : float
        `FusionParameters.glare`.
    activity : ndarray of float32, shape (h, w)
        Logarithmic activity of the second band: being dark is a merit only of what is sharp.

    Returns
    -------
    ndarray of float32, shape (h, w)
        Negative where the frame is darker.
    """
    rows = max(1, _STRIP_CELLS // brightness.shape[1])
    for top in range(0, brightness.shape[0], rows):
        part = slice(top, top + rows)
        _hold_back(brightness[part], reached[part], first_seen[part], strength, activity[part])
    return brightness


def _hold_back(
    brightness: Image, reached: Image, first_seen: Image, strength: float, activity: Image
) -> None:
    """`glare` of some rows, in place of their brightness."""
    np.copyto(first_seen, brightness, where=reached & (first_seen < 0))
    excess = np.subtract(brightness, first_seen, out=brightness)
    ignored = np.abs(first_seen) * np.float32(GLARE_IGNORED)
    excess -= np.clip(excess, -ignored, ignored)
    excess *= np.float32(strength) * reached
    sure = np.minimum(activity * np.float32(1 / GLARE_SURE), np.float32(1))
    np.multiply(excess, sure, out=excess, where=excess < 0)


def glitter(luma: Image) -> Image:
    """Where something bright and small is near: 0 to 1, at half the size of ``luma`` (white at 255)."""
    small = _halved(luma) * np.float32(1 / 255)
    near = np.ones((_GLITTER_CELLS, _GLITTER_CELLS), np.uint8)
    above = cv2.dilate(small, near) - cv2.blur(small, (_AROUND_CELLS, _AROUND_CELLS))
    part = np.clip((above - np.float32(_GLITTER_FROM)) / np.float32(_GLITTER_FULL - _GLITTER_FROM), 0, 1)
    return np.asarray(cv2.blur(part, near.shape))


def inherit(activity: Image) -> Image:
    """Logarithmic activity for the next coarser band: averaged as a power, so that the sharp parts decide.

    What is given is overwritten.
    """
    coarser = cv2.pyrDown(cv2.exp(activity, activity))
    return np.asarray(cv2.log(coarser, coarser))


def merge(weight: Image, strength: Image) -> Image:
    """Add a logarithmic weight to the logarithm of the sum of weights, and say which share of it that is."""
    larger = np.maximum(strength, weight)
    step = np.minimum(strength, weight)
    np.subtract(step, larger, out=step)
    cv2.exp(step, step)
    np.add(step, np.float32(1), out=step)
    cv2.log(step, step)
    np.add(larger, step, out=strength)
    np.subtract(weight, strength, out=step)
    return np.asarray(cv2.exp(step, step))


def _halved(plane: Image) -> Image:
    """Mean over 2 x 2; of a single row or column over what there is."""
    size = max(1, plane.shape[1] // 2), max(1, plane.shape[0] // 2)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA))
