"""What is told of depth: the surface without the bias of the windows it was measured in, and how sure it is.

Made only when somebody looks at a stack's depth: pictures need none of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from stacker.focus.measure import LUMA
from stacker.frames import Image
from stacker.fusion.depth_guide import explained
from stacker.fusion.depth_surface import LOCAL, by_strips, roughness

__all__ = ["Evidence", "reported"]

_WINDOW_SIGMA, _WINDOW_CELLS = 1.5, 7
"""Of the window that detail is averaged over: the narrow one of `stacker.focus.measure`."""

_NO_DETAIL = 0.1
"""Energy over noise that every cell is taken to have, so that a mean weighted by it always exists."""

_BIAS_WIDTHS = 0.2
"""A window that has more detail on one side is wrong by so many focus widths at most: what differs by more is
no bias, but another depth or a mistake. Mineral's error where textured is 0.25, 0.24 and 0.24 slices with
0.15, 0.2 and 0.4 (0.35 without any correction), that of glints 0.24, 0.25 and 0.27 (0.23), mean of four
seeds at 750 px."""

_SMOOTH_SIGMA, _WIDER_SIGMA = 1.0, 2.0
"""In cells: taking the bias out brings noise in. With the second it is taken out twice, since shapes are
smoothed away as well."""

_NOISE_WIDTHS = 0.3
"""Smoothing more that moves the index by more focus widths than this smooths no noise, but a step of depth.
Without a limit, 14.1 instead of 13.2 % of bristles and 2.1 instead of 1.7 % of wings are wrong by more than a
slice (750 px, seed 1)."""

_UNBIASED_CELLS, _SIDED_CELLS = 18, 8
"""How far around a cell is looked: twice the window and both smoothings, and the blur of the contrast."""

_OWN_DETAIL = (0.5, 3.0)
"""Logarithm of 1 + energy over noise. Noise alone has 0.7 in one frame and less in a picture fused of
several: below the first nothing is believed less, and beyond the second, 20 times the noise, not more."""

_LEAST_CELLS = 9
"""Window in which the place with the least detail is looked for: a silhouette's energy leaks over its rim as
far as the window of the measure reaches, but not into the middle of this one."""

_NEAR_CELLS, _AROUND_CELLS, _WIDE_CELLS, _AROUND_STEP = 8, 16, 24, 4
"""Sigmas of the surroundings in which detail, and what is measured, are averaged, and in which the spread of
the index is looked at, and the cells of the blocks for that. Twice as large pictures need no others."""

_EVIDENCE, _WITHOUT = (2.4, 3.06, 0.77), -8.27
"""Coefficients of the detail around, of the confidence around, and of the least detail close by, and the
constant: is there anything that tells the depth?"""

_FLOORS = (0.05, 2.0, 0.1, 0.1, 0.2)
_AGREEMENT, _AGREED = (-1.38, -0.71, -0.93, -0.55, -0.96), -0.9
"""Coefficients of the logarithms of differences in slices, the least of each that says anything, and the
constant: does what was measured say the same? The differences are those of `_differences`."""

_SIDED_FLOORS = (0.02, 1.0)
_SIDED, _MEASURED, _SIDE = (-0.77, -0.31), 0.26, 0.66
_FOUND_FLOOR, _FOUND = 0.1, (-0.52, -0.77, -0.19, 1.17)
"""Coefficients of the logarithms of the slope, in slices a cell, and of the picture's contrast, of 255,
of the odds of what was measured, and the constant; then of the logarithms of four more differences in slices:
of the index from what luma and what colours explain of it, and from its mean in wide surroundings, and its
standard deviation there. Is the cell on the side of an edge of depth that its index is of? What is steep is
doubted less where the surroundings have relief.

All were fitted together to pairs of a right and a wrong pixel of the same picture, to put the right one
first, and, weighing 0.3 of that, to be the probability of right: in ten of ``benchmarks.stacks`` at 750 px
(all but slope, which has nothing wrong; seeds 1 and 3), four at 1500 px (seed 1), and thirteen at 750 px of
other seeds with 10 to 60 frames, other apertures and noise, of these scenes and the bench's own three. Each
scene counts alike, and those that are hardest most. In slices, since right is within a slice."""

_CONTRAST_SIGMA = 2.0
"""In cells: of the blur that the picture's contrast is the difference from."""

_CERTAIN = 1e-3
"""Probabilities nearer to 0 or 1 say no more."""

_DOUBTFUL = 3.5
"""Difference in slices from what luma and colours explain that is assumed as long as it is not known, so that
only what is above all doubt is trusted in the fit."""

_LEAST_TRUST = 1e-4
"""Of the fit to luma and colour, where nothing is trusted."""


@dataclass(frozen=True)
class Evidence:
    """What the frames have told, cell by cell; all float32 of shape (h, w).

    Attributes
    ----------
    index : ndarray
        Of the surface.
    mean : ndarray
        The index as it was measured.
    measured : ndarray
        Confidence in that; see `stacker.fusion.depth_surface.confidence_of`.
    detail : ndarray
        Energy over noise in the fused picture; `stacker.focus.measure.FocusMeasure.raw`.
    picture : ndarray of float32, shape (h, w, 3)
        The fused picture, RGB, white at 255; of one colour where it is not known.
    focus_width : float
        How many slices share a focus.
    """

    index: Image
    mean: Image
    measured: Image
    detail: Image
    picture: Image
    focus_width: float


def reported(known: Evidence) -> tuple[Image, Image]:
    """The index without bias, and how far it is to be believed to be within one slice of the truth.

    A window's index is the mean of what lies in it, weighted by the energy of detail. On steep ground, with
    more detail on one side, that is the depth of another place. The fused picture tells where the detail is,
    so the surface is looked at through the same window, and moved by what that makes of it too much.

    The confidence is the product of three: that there is evidence, that it agrees, and that it is of the
    right side of edges of depth. A sum of the logarithms of odds would let one make up for another: but what
    was filled is smooth because nothing is known there, and the rim of a step as smooth as steep ground.
    Evidence is detail in the fused picture, at the cell and around it, and surroundings that are measured: a
    smooth wall beside a blurred silhouette has neither, though the silhouette's energy, which reaches it
    through the wide windows, looks like detail in a short run of frames. Agreement is a smooth surface that
    fits what was measured: that is noise. Edges are where the surface is steeper than around, and not where
    the picture changes: beside a nearer thing the ground is veiled by its blur, and has its index, but the
    ground's colour.

    Returns
    -------
    tuple of ndarray of float32, shape (h, w)
        Index, and confidence from 0 to 1.
    """
    index = by_strips(
        partial(_unbiased, width=known.focus_width),
        _UNBIASED_CELLS,
        known.index,
        known.mean,
        known.measured,
        known.detail,
    )
    odds = _odds(known, index)
    trust = by_strips(_trust, 0, *odds)
    found = *explained(index, trust, known.picture), *_surroundings(index, trust)
    return index, by_strips(_confidence, 0, *odds, index, *found)


def _odds(known: Evidence, index: Image) -> tuple[Image, Image, Image]:
    """Logarithms of the odds of evidence, of agreement, and of the right side as far as a cell tells."""
    own = by_strips(_average, _WINDOW_CELLS, known.detail)
    near, around = _around(by_strips(_detail_of, 0, own), _NEAR_CELLS), _around(known.measured, _AROUND_CELLS)
    return (
        by_strips(_evidence, _LEAST_CELLS, own, near, around),
        by_strips(_agreement, _WINDOW_CELLS, index, known.mean, known.detail, own),
        by_strips(_sided, _SIDED_CELLS, index, known.measured, _luma(known.picture)),
    )


def _unbiased(index: Image, mean: Image, measured: Image, detail: Image, *, width: float) -> Image:
    """The surface, moved by what the window that was measured in makes of it too much."""
    energy = detail + np.float32(_NO_DETAIL)
    own, limit = _average(energy), _BIAS_WIDTHS * width

    def moved(surface: Image) -> Image:
        seen = _average(energy * surface) / own
        return np.asarray(surface + measured * np.clip(mean - seen, -limit, limit))

    once = moved(index)
    narrow = cv2.GaussianBlur(once, (0, 0), _SMOOTH_SIGMA)
    wide = cv2.GaussianBlur(moved(cv2.GaussianBlur(once, (0, 0), _WIDER_SIGMA)), (0, 0), _SMOOTH_SIGMA)
    apart = wide - narrow
    return np.asarray(
        narrow + apart / (1 + np.square(np.square(apart * np.float32(1 / (_NOISE_WIDTHS * width)))))
    )


def _evidence(own: Image, near: Image, around: Image) -> Image:
    least = cv2.erode(own, np.ones((_LEAST_CELLS, _LEAST_CELLS), np.uint8))
    planes = near, around, cv2.log(least + np.float32(1))
    odds = np.full_like(own, _WITHOUT)
    for coefficient, plane in zip(_EVIDENCE, planes, strict=True):
        cv2.scaleAdd(plane, coefficient, odds, odds)
    return odds


def _agreement(index: Image, mean: Image, detail: Image, own: Image) -> Image:
    odds = np.full_like(index, _AGREED)
    differences = _differences(index, mean, detail, own)
    for coefficient, floor, slices in zip(_AGREEMENT, _FLOORS, differences, strict=True):
        odds += _weighed(slices, coefficient, floor)
    return odds


def _differences(index: Image, mean: Image, detail: Image, own: Image) -> tuple[Image, ...]:
    """What speaks against the index, in slices: its roughness and range, what was measured less what a window
    would see of it, what was measured less itself, and what a window would see less itself."""
    window, least = np.ones((LOCAL, LOCAL), np.uint8), np.float32(_NO_DETAIL)
    seen = _average((detail + least) * index) / (own + least)
    return (
        roughness(index),
        np.asarray(cv2.dilate(index, window) - cv2.erode(index, window)),
        np.asarray(cv2.absdiff(mean, seen)),
        np.asarray(cv2.absdiff(mean, index)),
        np.asarray(cv2.absdiff(seen, index)),
    )


def _sided(index: Image, measured: Image, luma: Image) -> Image:
    across, down = (cv2.Sobel(index, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    contrast = cv2.absdiff(luma, cv2.GaussianBlur(luma, (0, 0), _CONTRAST_SIGMA))
    sure = cv2.log(measured + np.float32(_CERTAIN)) - cv2.log(np.float32(1 + _CERTAIN) - measured)
    odds = sure * np.float32(_MEASURED) + np.float32(_SIDE)
    for coefficient, floor, plane in zip(
        _SIDED, _SIDED_FLOORS, (cv2.magnitude(across, down), contrast), strict=True
    ):
        odds += _weighed(plane, coefficient, floor)
    return np.asarray(odds)


def _trust(evidence: Image, agreement: Image, sided: Image) -> Image:
    """Weight of a cell in what is asked of its surroundings, whose outcome is not known yet."""
    unknown = np.float32(sum(_FOUND[:2]) * np.log(_DOUBTFUL + _FOUND_FLOOR))
    return np.asarray(np.square(_all(evidence, agreement, sided + unknown)) + np.float32(_LEAST_TRUST))


def _confidence(evidence: Image, agreement: Image, sided: Image, *found: Image) -> Image:
    """Of the index, when it is known what its surroundings make of it.

    ``found``: the index, what luma, the colours and wide surroundings say instead, and its spread there.
    """
    index, *guesses, spread = found
    differences = *(cv2.absdiff(guess, index) for guess in guesses), spread
    for coefficient, slices in zip(_FOUND, differences, strict=True):
        sided = sided + _weighed(slices, coefficient, _FOUND_FLOOR)
    return _all(evidence, agreement, sided)


def _weighed(slices: Image, coefficient: float, floor: float) -> Image:
    """Logarithm of a difference in slices, times its coefficient."""
    apart = slices + np.float32(floor)
    return np.asarray(cv2.log(apart, apart) * np.float32(coefficient))


def _all(*odds: Image) -> Image:
    """Product of probabilities, by the logarithms of their odds."""
    doubt = np.ones_like(odds[0])
    for one in odds:
        doubt *= cv2.exp(np.clip(-one, -20, 20)) + np.float32(1)
    return np.asarray(1 / doubt)


def _average(energy: Image) -> Image:
    return np.asarray(cv2.GaussianBlur(energy, (_WINDOW_CELLS, _WINDOW_CELLS), _WINDOW_SIGMA))


def _detail_of(energy: Image) -> Image:
    return np.clip(cv2.log(energy + np.float32(1)), *_OWN_DETAIL)


def _around(plane: Image, sigma_cells: float) -> Image:
    """Mean over wide surroundings."""
    height, width = plane.shape
    size = (max(1, width // _AROUND_STEP), max(1, height // _AROUND_STEP))
    blocks = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    cv2.GaussianBlur(blocks, (0, 0), sigma_cells / _AROUND_STEP, blocks)
    return np.asarray(cv2.resize(blocks, (width, height), interpolation=cv2.INTER_LINEAR))


def _surroundings(index: Image, trust: Image) -> tuple[Image, Image]:
    """Mean and standard deviation of the index in wide surroundings, trusted cells counting more."""
    height, width = index.shape
    size = (max(1, width // _AROUND_STEP), max(1, height // _AROUND_STEP))
    weight = cv2.resize(trust, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    level = cv2.resize(trust * index, size, interpolation=cv2.INTER_AREA) / weight
    # In double, as squares of large indexes differ by little.
    support, total, squares = (
        cv2.GaussianBlur(weight * plane, (0, 0), _WIDE_CELLS / _AROUND_STEP)
        for plane in (np.ones_like(level), level, level * level)
    )
    mean = total / support
    deviation = np.sqrt(np.maximum(squares / support - mean * mean, 0))
    near, far = (
        cv2.resize(plane.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        for plane in (mean, deviation)
    )
    return near, far


def _luma(picture: Image) -> Image:
    return np.asarray(cv2.transform(picture, LUMA))
