"""A picture prepared for matching: the band that is matched, at several sizes, and where it is in focus."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

import cv2
import numpy as np

from stacker.focus.reduction import whole_tiles
from stacker.frames import Image
from stacker.loops.kernels import half_kernel
from stacker.loops.workers import by_loops

__all__ = ["TILE_PX", "Level", "MatchPyramid"]

T = TypeVar("T")

_FINE_SIGMA_PX, _COARSE_SIGMA_PX = 1.0, 3.0
"""What is matched is the band between the two. Defocus changes wide structures too: matched as they are, a
plane of focus that sweeps over the picture looks like a change of scale (0.23 px a step on rendered glints,
0.17 px in the band)."""

_COARSEST_PX = 120
"""Long side at which the search begins: a shift of 10 % of the frame is then 12 px."""

_LEAST_BY_LOOP_PX = 16

TILE_PX = 8
"""Focus is judged in tiles of that size: some periods of what distinguishes sharp from blurred."""

_NOISE_PERCENTILE, _NOISE_TIMES = 10.0, 1.6
"""The quietest tiles show the noise; tiles of nothing but noise scatter by less than the factor."""

_DARK = 4.0
"""Of 255: noise that is there without light."""

_HIDDEN_PX, _HIDDEN_SHARE = 13, 0.2
"""What is hidden reaches as far as a level's band blurs it, and counts from that share of a level's pixel."""

_QUIET = 0.002
"""Energy of the band over brightness below which a tile shows nothing."""


@dataclass(frozen=True)
class Level:
    """One size of a picture.

    Attributes
    ----------
    smooth : ndarray, shape (h, w), float32
        The picture.
    band, gradient_x, gradient_y : ndarray, shape (h, w), float32
        What is matched, and how it changes per pixel.
    factor : float
        Width over that of the finest level.
    hidden : ndarray of uint8, shape (h, w), optional
        Not 0 where something else than the subject is seen: nothing is matched there.
    """

    smooth: Image
    band: Image
    gradient_x: Image
    gradient_y: Image
    factor: float
    hidden: Image | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return int(self.smooth.shape[1]), int(self.smooth.shape[0])


class MatchPyramid:
    """A grey picture prepared for matching, at several sizes.

    Parameters
    ----------
    grey : ndarray, shape (H, W), float32
        The picture, in linear light: blur moves light about evenly there, while on a tone curve the bright
        side of every edge grows with blur, and a subject before a dark background seems to swell.

    Attributes
    ----------
    levels : list of Level
        Finest first, each half as large as the one before.
    focus : ndarray, shape (h, w), float32
        In tiles, the energy of the finest detail over that of the band that is matched: a figure for focus
        that does not depend on contrast, and depends little on the kind of texture.
    focus_top : float
        Of the parts that are most in focus.
    contrast : float
        Of the coarsest level, in levels of 255: how much there is to see.
    """

    def __init__(self, grey: Image) -> None:
        self.width, self.height = int(grey.shape[1]), int(grey.shape[0])
        smooth = grey
        level, finest = _level(smooth, 1.0, True)
        self.levels = [level]
        self.focus, self.focus_top = _focus(smooth, finest, level.band)
        size = max(grey.shape)
        while size / 2 >= _COARSEST_PX and min(smooth.shape) >= 32:
            # resize, not pyrDown: it keeps pixel centres where `rescaled` expects them for every size
            factor = self.levels[-1].factor / 2
            target = (max(1, round(self.width * factor)), max(1, round(self.height * factor)))
            smooth = cv2.resize(smooth, target, interpolation=cv2.INTER_AREA)
            self.levels.append(_level(smooth, factor, False)[0])
            size //= 2

        self._kept: dict[int, object] = {}
        self.contrast = float(self.levels[-1].smooth.std())

    def without(self, hidden: Image) -> MatchPyramid:
        """The same picture, parts of which are not to be matched.

        Parameters
        ----------
        hidden : ndarray of uint8, shape (h, w)
            Not 0 where something lies over the subject; of any size.
        """
        other = copy.copy(self)
        other.levels = [_without(level, hidden) for level in self.levels]
        other.focus, other.focus_top = _focus_without(self.focus, hidden)
        other.contrast = float(other.levels[-1].smooth.std())
        other._kept = {}  # noqa: SLF001 - of the same class
        return other

    def kept(self, index: int, make: Callable[[Level], T]) -> T:
        """What a function makes of a level; made once, since each picture is matched to several."""
        if index not in self._kept:
            self._kept[index] = make(self.levels[index])
        return cast("T", self._kept[index])

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the picture, in pixel-centre coordinates."""
        return (self.width - 1) / 2, (self.height - 1) / 2

    @property
    def radius(self) -> float:
        """From the middle to the corners, in pixels."""
        return float(np.hypot(self.width, self.height)) / 2


def _level(smooth: Image, factor: float, want_finest: bool) -> tuple[Level, Image]:
    """A level, and what is finer than its band if that is wanted."""
    # In less than a blur looks at, OpenCV mirrors to and fro.
    if min(smooth.shape) > _LEAST_BY_LOOP_PX and by_loops():
        return _level_by_loop(smooth, factor, want_finest)
    return _level_plainly(smooth, factor)


def _level_plainly(smooth: Image, factor: float) -> tuple[Level, Image]:
    fine = cv2.GaussianBlur(smooth, (0, 0), _FINE_SIGMA_PX)
    coarse = cv2.GaussianBlur(smooth, (0, 0), _COARSE_SIGMA_PX)
    band = cv2.subtract(fine, coarse, coarse)
    gradient_x = cv2.Scharr(band, cv2.CV_32F, 1, 0, scale=1 / 32)
    gradient_y = cv2.Scharr(band, cv2.CV_32F, 0, 1, scale=1 / 32)
    return Level(smooth, band, gradient_x, gradient_y, factor), cv2.subtract(smooth, fine, fine)


def _level_by_loop(smooth: Image, factor: float, want_finest: bool) -> tuple[Level, Image]:
    from stacker.registration.compiled_levels import COARSE_REACH, FINE_REACH, band_rows

    smooth = np.ascontiguousarray(smooth)
    rows, columns = smooth.shape
    fine, coarse = half_kernel(FINE_REACH, _FINE_SIGMA_PX), half_kernel(COARSE_REACH, _COARSE_SIGMA_PX)
    band, gradient_x, gradient_y = (np.empty_like(smooth) for _ in range(3))
    finest = np.empty_like(smooth) if want_finest else np.empty((0, 0), np.float32)
    loop = band_rows.bound(smooth, fine, coarse, band, gradient_x, gradient_y, finest)
    loop(np.empty(6 * columns + 36, np.float32), 0, rows)
    return Level(smooth, band, gradient_x, gradient_y, factor), finest


def _focus(smooth: Image, finest: Image, band: Image) -> tuple[Image, float]:
    # In linear light the variance of photon noise grows with the light.
    light = _in_tiles(smooth) + np.float32(_DARK)
    above = cv2.divide(_energy(finest), light)
    beside = cv2.divide(_energy(band), light)
    noise = _NOISE_TIMES * float(np.percentile(above, _NOISE_PERCENTILE))
    floor = _NOISE_TIMES * float(np.percentile(beside, _NOISE_PERCENTILE))
    clean = np.maximum(above - np.float32(noise), np.float32(0))
    focus = clean / (beside + np.float32(2 * noise + floor + _QUIET))
    return focus, float(np.percentile(focus, 98.5))


def _without(level: Level, hidden: Image) -> Level:
    share = cv2.resize(hidden.astype(np.float32), level.size, interpolation=cv2.INTER_AREA)
    reach = np.ones((_HIDDEN_PX, _HIDDEN_PX), np.uint8)
    here = cv2.dilate((share > _HIDDEN_SHARE).astype(np.uint8), reach)
    seen = 1 - here
    smooth = np.where(seen, level.smooth, np.float32(cv2.mean(level.smooth, seen)[0]))
    band, gradient_x, gradient_y = (
        cv2.multiply(part, seen.astype(np.float32))
        for part in (level.band, level.gradient_x, level.gradient_y)
    )
    return Level(smooth, band, gradient_x, gradient_y, level.factor, here)


def _focus_without(focus: Image, hidden: Image) -> tuple[Image, float]:
    share = cv2.resize(hidden.astype(np.float32), focus.shape[::-1], interpolation=cv2.INTER_AREA)
    near = cv2.dilate(share, np.ones((3, 3), np.uint8)) > 0
    seen = focus[~near] if not near.all() else focus
    return np.where(near, np.float32(0), focus), float(np.percentile(seen, 98.5))


def _energy(picture: Image) -> Image:
    energy = _in_tiles(cv2.multiply(picture, picture))
    return np.asarray(cv2.blur(energy, (3, 3), borderType=cv2.BORDER_REPLICATE))


def _in_tiles(picture: Image) -> Image:
    covered, tiles = whole_tiles(picture, TILE_PX)
    return np.asarray(cv2.resize(covered, tiles, interpolation=cv2.INTER_AREA))
