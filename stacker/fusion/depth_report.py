"""What is told of depth: the surface without the bias of the windows it was measured in, and how sure it is.

Made only when somebody looks at a stack's depth: pictures need none of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

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

_SMOOTH_SIGMA = 1.0
"""In cells: taking the bias out brings noise in. 0.7 and 1 differ by 0.01 slices."""

_OWN_DETAIL = (0.5, 3.0)
"""Logarithm of 1 + energy over noise. Noise alone has 0.7 in one frame and less in a picture fused of
several: below the first nothing is believed less, and beyond the second, 20 times the noise, not more."""

_LEAST_CELLS = 9
"""Window in which the place with the least detail is looked for: a silhouette's energy leaks over its rim as
far as the window of the measure reaches, but not into the middle of this one."""

_NEAR_CELLS, _AROUND_CELLS, _AROUND_STEP = 8, 16, 4
"""Sigmas of the surroundings in which detail, and what is measured, are averaged, and the cells of the blocks
that they are looked at in. Twice as large pictures need no others."""

_EVIDENCE, _WITHOUT = (1.02, 3.56, 2.31), -6.13
"""Coefficients of the detail around, of the confidence around, and of the least detail close by, and the
constant: is there anything that tells the depth?"""

_FLOORS = (0.05, 2.0, 0.1, 0.1, 0.2)
_AGREEMENT, _AGREED = (-1.51, -0.77, -0.59, -0.69, -0.99), -2.13
_GUIDED_FLOOR, _GUIDED = 0.1, (-0.43, -0.88)
"""Coefficients of the logarithms of differences in slices, the least of each that says anything, and the
constant: does everything around say the same? The differences are those of `_differences`, and of the index
from what luma and colour around explain of it.

All were fitted together to pairs of a right and a wrong pixel of the same picture, to put the right one
first, and, weighing 0.3 of that, to be the probability of right: in ten of ``benchmarks.stacks`` at 750 px
(all but slope, which has nothing wrong; seeds 1 and 3), five at 1500 px, and the bench's own three scenes,
those that are hardest counting most. In slices, since right is within a slice."""

_DOUBTFUL = 3.5
"""Difference in slices that is assumed of the latter two as long as they are not known, so that only what is
above all doubt is trusted in the fit. With 0.25, glints and mineral lose 0.005 to 0.01 of AUC."""

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

    The confidence is the product of two: that there is evidence, and that it agrees. A sum of the logarithms
    of odds would let one make up for the other: but what was filled is smooth because nothing is known there.
    Evidence is detail in the fused picture, at the cell and around it, and surroundings that are measured: a
    smooth wall beside a blurred silhouette has neither, though the silhouette's energy, which reaches it
    through the wide windows, looks like detail in a short run of frames. Agreement is a smooth surface that
    fits what was measured, and that changes where the picture does: beside a nearer thing the ground is
    veiled by its blur, and has its index, but the ground's colour.

    Returns
    -------
    tuple of ndarray of float32, shape (h, w)
        Index, and confidence from 0 to 1.
    """
    width = known.focus_width
    own = by_strips(_average, _WINDOW_CELLS, known.detail)
    index = by_strips(
        partial(_unbiased, width=width), _WINDOW_CELLS, known.index, known.mean, known.measured, known.detail
    )
    near, around = _around(by_strips(_detail_of, 0, own), _NEAR_CELLS), _around(known.measured, _AROUND_CELLS)
    evidence = by_strips(_evidence, _LEAST_CELLS, own, near, around)
    agreement = by_strips(_agreement, _WINDOW_CELLS, index, known.mean, known.detail, own)
    guesses = explained(index, by_strips(_trust, 0, evidence, agreement), known.picture)
    return index, by_strips(_confidence, 0, evidence, agreement, index, *guesses)


def _unbiased(index: Image, mean: Image, measured: Image, detail: Image, *, width: float) -> Image:
    """The surface, moved by what the window that was measured in makes of it too much."""
    least = np.float32(_NO_DETAIL)
    energy = detail + least
    seen = _average(energy * index) / _average(energy)
    limit = _BIAS_WIDTHS * width
    moved = index + measured * np.clip(mean - seen, -limit, limit)
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), _SMOOTH_SIGMA))


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


def _trust(evidence: Image, agreement: Image) -> Image:
    """Weight of a cell in the fit to luma and colour, whose outcome is not known yet."""
    unknown = np.float32(sum(_GUIDED) * np.log(_DOUBTFUL))
    return np.asarray(np.square(_both(evidence, agreement + unknown)) + np.float32(_LEAST_TRUST))


def _confidence(evidence: Image, agreement: Image, index: Image, *guesses: Image) -> Image:
    """Of the index, when it is known what luma and colours make of it."""
    for coefficient, guess in zip(_GUIDED, guesses, strict=True):
        agreement = agreement + _weighed(cv2.absdiff(guess, index), coefficient, _GUIDED_FLOOR)
    return _both(evidence, agreement)


def _weighed(slices: Image, coefficient: float, floor: float) -> Image:
    """Logarithm of a difference in slices, times its coefficient."""
    apart = slices + np.float32(floor)
    return np.asarray(cv2.log(apart, apart) * np.float32(coefficient))


def _both(evidence: Image, agreement: Image) -> Image:
    """Product of two probabilities, by the logarithms of their odds."""
    doubt = [cv2.exp(np.clip(-odds, -20, 20)) + np.float32(1) for odds in (evidence, agreement)]
    return np.asarray(1 / (doubt[0] * doubt[1]))


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
