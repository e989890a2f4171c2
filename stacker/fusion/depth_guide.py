"""How much of the depth index the fused picture's luma and colours explain, place by place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from stacker.focus.measure import LUMA
from stacker.frames import Image

__all__ = ["explained"]

_COARSE = 3
"""The fit is made in blocks of so many cells."""

_SIZE = 7
"""Of the window in blocks: some 20 cells, wider than the blur of what stands one to three slices nearer."""

_VARIANCE = 25.0
"""Of luma or of a colour (0 to 255), below which nothing is an edge."""


def explained(index: Image, trust: Image, picture: Image) -> tuple[Image, Image]:
    """What locally linear functions of luma, and of the colours, make of the index.

    The guided filter (He, Sun and Tang, 2010), trusted cells counting more. Both come from the same moments.

    Parameters
    ----------
    index : ndarray of float32, shape (h, w)
        Of the sharpest frame.
    trust : ndarray of float32, shape (h, w)
        Weights, all above 0.
    picture : ndarray of float32, shape (h, w, 3)
        RGB, white at 255.

    Returns
    -------
    tuple of ndarray of float32, shape (h, w)
        By luma, and by the colours.
    """
    height, width = index.shape
    size = max(1, width // _COARSE), max(1, height // _COARSE)
    weight = cv2.resize(trust, size, interpolation=cv2.INTER_AREA)
    level = cv2.resize(trust * index, size, interpolation=cv2.INTER_AREA) / weight
    colours = cv2.split(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    window = _Window(weight)
    spread, common = _moments(window, level, colours)
    by_colour = window.functions(_solved(spread, common), colours, level)
    by_luma = window.functions([_along_luma(spread, common)], [_luma(colours)], level)
    return (
        _applied(by_luma, [cv2.transform(picture, LUMA)], (width, height)),
        _applied(by_colour, (cv2.extractChannel(picture, i) for i in range(3)), (width, height)),
    )


class _Window:
    """Weighted means over windows. In single precision the index comes out the same to 3e-4 slices: what the
    squares of grey pictures differ by is small, but `_VARIANCE` is added to it."""

    def __init__(self, weight: Image) -> None:
        self._weight = weight
        self._support = self._box(weight)

    def mean(self, plane: Image) -> Image:
        """Of cells, weighted."""
        return np.asarray(self._box(self._weight * plane) / self._support)

    def functions(self, slopes: Sequence[Image], planes: Sequence[Image], level: Image) -> list[Image]:
        """Slopes, and behind them the offset, averaged over all windows that a cell lies in; float32."""
        offset = self.mean(level)
        for slope, plane in zip(slopes, planes, strict=True):
            offset -= slope * self.mean(plane)
        around = self._box(self._support)
        return [(self._box(self._support * part) / around).astype(np.float32) for part in (*slopes, offset)]

    @staticmethod
    def _box(plane: Image) -> Image:
        return np.asarray(cv2.blur(plane, (_SIZE, _SIZE)))


_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def _moments(window: _Window, level: Image, colours: Sequence[Image]) -> tuple[list[Image], list[Image]]:
    """Covariances of the colours, in the order of `_PAIRS`, and of each with the index."""
    means, middle = [window.mean(plane) for plane in colours], window.mean(level)
    spread = [window.mean(colours[i] * colours[j]) - means[i] * means[j] for i, j in _PAIRS]
    common = [window.mean(colours[i] * level) - means[i] * middle for i in range(3)]
    return spread, common


def _solved(spread: Sequence[Image], common: Sequence[Image]) -> list[Image]:
    """Slopes along the three colours, by Cramer's rule."""
    rr, gg, bb = (plane + _VARIANCE for plane in spread[:3])
    rg, rb, gb = spread[3:]
    r, g, b = common
    of_rr, of_rg, of_rb = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    of_gg, of_gb, of_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    whole = rr * of_rr + rg * of_rg + rb * of_rb
    return [
        (of_rr * r + of_rg * g + of_rb * b) / whole,
        (of_rg * r + of_gg * g + of_gb * b) / whole,
        (of_rb * r + of_gb * g + of_bb * b) / whole,
    ]


def _along_luma(spread: Sequence[Image], common: Sequence[Image]) -> Image:
    """Slope along luma, of the same moments."""
    share = LUMA[0]
    variance = sum(
        (1 if i == j else 2) * share[i] * share[j] * plane
        for (i, j), plane in zip(_PAIRS, spread, strict=True)
    )
    return np.asarray(_luma(common) / (variance + _VARIANCE))


def _luma(planes: Sequence[Image]) -> Image:
    red, green, blue = LUMA[0]
    return np.asarray(planes[0] * red + planes[1] * green + planes[2] * blue)


def _applied(functions: Sequence[Image], planes: Iterable[Image], size: tuple[int, int]) -> Image:
    """What they make of a picture's planes, which are taken one by one."""
    *slopes, offset = functions
    made = cv2.resize(offset, size, interpolation=cv2.INTER_LINEAR)
    for slope, plane in zip(slopes, planes, strict=True):
        cv2.accumulateProduct(cv2.resize(slope, size, interpolation=cv2.INTER_LINEAR), plane, made)
    return np.asarray(made)
