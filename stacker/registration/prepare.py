"""What registration needs of a frame, made from that frame alone: it can be done on another thread."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np

from stacker.focus.reduction import halved, halves, reduced
from stacker.focus.sharpness import sharpness_of_grey
from stacker.frames import Image, full_scale
from stacker.loops.workers import by_loops, in_samples
from stacker.registration.exposure import Tones, tones
from stacker.registration.light import linear_light
from stacker.registration.match import MatchPyramid
from stacker.registration.sequence import detail_of

__all__ = ["Prepared", "prepare", "without_highlights"]

_BURNT = 0.92 * 255
_AROUND_PX = 2
"""Of the picture reduced four times: the rim of a highlight belongs to it."""

_HIGHLIGHTS_AT_MOST = 0.1
"""Share of the picture beyond which what is burnt is no highlight but a white background, whose edge is as
good as any."""

_FILL_SIGMA_PX = 8.0

_MOST_TIMES = 8
"""How much wider than what it is reduced to a frame can be in one go."""

_NEGLIGIBLE = 1e-3
"""Parts of a pixel that are taken for rounding errors."""

_STANDS_OUT, _FILLED = 0.65, 0.5
"""A burnt pixel belongs to a highlight where the picture around it has less than the first share of its
brightness, or where more than the second share of the pixels beside it are burnt as well."""


@dataclass(frozen=True)
class Prepared:
    """A frame reduced for registration.

    Attributes
    ----------
    size_px : tuple of int
        Width and height of the frame.
    factor : float
        Width of the pictures that are matched over that of the frame, at most 1.
    pyramid : MatchPyramid
        What is matched.
    tones : Tones
        What brightness is compared by.
    sharpness : float
        `stacker.sharpness` of the frame.
    detail : ndarray of float32
        What the order of frames is told by: `stacker.registration.sequence.detail_of`.
    with_highlights : ndarray of uint8, optional
        The grey picture as it was, where highlights of it were filled.
    """

    size_px: tuple[int, int]
    factor: float
    pyramid: MatchPyramid
    tones: Tones
    sharpness: float
    detail: Image
    with_highlights: Image | None = None

    @cached_property
    def glittering(self) -> MatchPyramid:
        """The pyramid with highlights, made when it is asked for."""
        if self.with_highlights is None:
            return self.pyramid
        made = MatchPyramid(linear_light(self.with_highlights.astype(np.float32)))
        hidden = self.pyramid.levels[0].hidden
        return made if hidden is None else made.without(hidden)


def prepare(pixels: Image, width_px: int = 1000) -> Prepared:
    """Reduce a frame for `Chain.add`; knows nothing of other frames, and may run on any thread.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3)
        RGB; uint8, uint16, or float32 from 0 to 1. Not kept.
    width_px : int
        Matching happens on frames reduced to this width at most.
    """
    width, height = pixels.shape[1], pixels.shape[0]
    factor = min(1.0, width_px / max(width, 1))
    size = round(width * factor), max(1, round(height * factor))
    grey, colours = _small(pixels, size)
    filled = without_highlights(grey)
    pyramid = MatchPyramid(linear_light(filled))
    measured = sharpness_of_grey(grey), detail_of(pyramid)
    kept = None if filled is grey else np.asarray(cv2.convertScaleAbs(grey))
    return Prepared((width, height), factor, pyramid, tones(colours), *measured, kept)


def _small(pixels: Image, size: tuple[int, int]) -> tuple[Image, Image]:
    """A grey picture of some size, white at 255, and one in colour for `tones`."""
    # The loop halves once: what is larger is halved again, and what keeps its size need only become grey.
    fits = size[0] < pixels.shape[1] < _MOST_TIMES * size[0] and min(size) > 1
    by_loop = pixels.dtype.kind == "u" and fits and by_loops()
    return _small_by_loop(pixels, size) if by_loop else _small_plainly(pixels, size)


def _small_plainly(pixels: Image, size: tuple[int, int]) -> tuple[Image, Image]:
    # Grey comes before the factor that is no power of two: one channel takes a third of the time.
    large = halved(pixels, size)
    grey = reduced(cv2.cvtColor(large, cv2.COLOR_RGB2GRAY), size).astype(np.float32)
    grey *= np.float32(255.0 / full_scale(pixels.dtype))
    return grey, large


def _small_by_loop(pixels: Image, size: tuple[int, int]) -> tuple[Image, Image]:
    from stacker.registration.compiled_reduce import reduce_rows

    halve = int(halves(pixels, size))
    height, width = pixels.shape[0] >> halve, pixels.shape[1] >> halve
    first, shares = _shares(width, size[0])
    grey: Image = np.empty((size[1], size[0]), np.float32)
    smaller: Image = np.empty((height // 2, width // 2, 3), pixels.dtype)
    kind = np.empty(0, np.uint16 if pixels.dtype == np.uint8 else np.int32)
    flat = np.ascontiguousarray(pixels).reshape(pixels.shape[0], -1)
    unit = np.float32(255.0 / full_scale(pixels.dtype))
    down = np.float64(height / size[1])
    loop = reduce_rows.bound(flat, halve, kind, down, first, shares, unit, grey, in_samples(smaller))
    loop(np.empty(11 * pixels.shape[1] + 8, np.float32), 0, height)
    return grey, smaller


@lru_cache(maxsize=4)
def _shares(width: int, size: int) -> tuple[Image, Image]:
    """Of each pixel of a smaller row, the first of those that lie in it, and the shares of those from there
    on: shape (size,) and (n, size)."""
    ratio = width / size
    begin = np.arange(size) * ratio
    first = np.floor(begin + _NEGLIGIBLE).astype(np.int64)
    columns = first + np.arange(math.ceil(ratio) + 1)[:, None]
    covered = np.minimum(columns + 1, begin + ratio) - np.maximum(columns, begin)
    covered[(covered < _NEGLIGIBLE) | (columns >= width)] = 0
    shares = covered / covered.sum(axis=0)
    return first.astype(np.uint32), shares.astype(np.float32)


def without_highlights(grey: Image) -> Image:
    """Fill burnt highlights with what is around them: reflections wander as the camera moves, all together,
    and are brighter than anything that stays.

    Parameters
    ----------
    grey : ndarray, shape (h, w), float32
        On the tone curve, white at 255.
    """
    height, width = grey.shape
    burnt = (grey > _BURNT).astype(np.uint8)
    if not 0 < burnt.mean() < _HIGHLIGHTS_AT_MOST or min(height, width) < 4 * _FILL_SIGMA_PX:
        return grey
    size = (max(1, width // 4), max(1, height // 4))
    small, share = (
        cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in (grey, burnt.astype(np.float32))
    )
    # A background that is nearly burnt is beyond the bar here and there, by its noise: that is no highlight.
    stands_out = cv2.GaussianBlur(small, (0, 0), _FILL_SIGMA_PX) < _STANDS_OUT * _BURNT
    highlight = ((share > _FILLED) | ((share > 0) & stands_out)).astype(np.float32)
    left_out = cv2.dilate(highlight, np.ones((2 * _AROUND_PX + 1, 2 * _AROUND_PX + 1), np.uint8))
    kept = 1 - left_out
    cover = cv2.GaussianBlur(kept, (0, 0), _FILL_SIGMA_PX) + np.float32(1e-6)
    fill = cv2.GaussianBlur(small * kept, (0, 0), _FILL_SIGMA_PX) / cover
    soft = cv2.GaussianBlur(left_out, (0, 0), 1.0)
    weight, fill = (
        cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR) for part in (soft, fill)
    )
    return np.asarray(grey + (fill - grey) * weight)
