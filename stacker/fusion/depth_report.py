"""What is told of depth: the surface without the bias of the windows it was measured in, and how sure it is.

Made only when somebody looks at a stack's depth: pictures need none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from stacker.focus.measure import LUMA
from stacker.frames import Image
from stacker.fusion.depth_guide import explained
from stacker.fusion.depth_judge import FITTED
from stacker.fusion.depth_surface import LOCAL, by_strips, roughness, strips_with_halo
from stacker.loops.workers import over_rows

__all__ = ["SIGNS", "Evidence", "reported", "signs"]

Signs = tuple[Image, ...]

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

_UNBIASED_CELLS, _SIGNS_CELLS = 18, 8
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

_FLOORS = (0.05, 2.0, 0.1, 0.1, 0.2)
_CONTRAST_FLOOR = 1.0
_FOUND_FLOOR = 0.1
_SPREAD_FLOOR = 0.1
"""The least of each difference that says anything, in slices; of the picture's contrast, of 255; of
differences from what surroundings say, in slices; and of the spread of what was measured, in focus
lengths."""

_CLEAR_PEAK, _LEAST_LENGTH = 6.0, 0.2
"""Logarithm of energy over noise beyond which a peak says no more, and the least focus length that spreads
are compared with."""

_CONTRAST_SIGMA = 2.0
"""In cells: of the blur that the picture's contrast is the difference from."""

_CERTAIN = 1e-3
"""Probabilities nearer to 0 or 1 say no more."""

_LEAST_TRUST = 1e-4
"""Of the fit to luma and colour, where nothing is trusted."""


_EVIDENCE = (-0.34, 6.02, 2.42, -6.34)
"""Coefficients, and the constant, of a logistic function of the first three signs below: is there anything
that tells the depth? Cells are trusted by that where surroundings are asked."""

SIGNS = (
    *("detail around", "measured around", "least detail"),
    *("roughness", "range", "measured - seen", "measured - index", "seen - index"),
    *("spread", "peak"),
    *("contrast", "measured"),
    *("luma's guess", "colours' guess", "mean around", "deviation around"),
)
"""What confidence is judged by, in the order of `signs`: of evidence, of agreement, of one depth, of a cell
alone, and of its surroundings. All but the first three, the peak and the odds of what was measured are
logarithms of differences in slices (spread: in focus lengths; contrast: of 255)."""


@dataclass(frozen=True)
class Evidence:
    """What the frames have told, cell by cell; all float32 of shape (h, w).

    Attributes
    ----------
    index : ndarray
        Of the surface.
    mean : ndarray
        The index as it was measured.
    measured, believed : ndarray
        Confidence in that, and in the surface; see `stacker.fusion.depth_surface.confidence_of`.
    variance, peak : ndarray
        Of the index, in slices squared, and the logarithm of 1 + the largest energy of detail over noise.
    detail : ndarray
        Energy over noise in the fused picture; `stacker.focus.measure.FocusMeasure.raw`.
    picture : ndarray of float32, shape (h, w, 3)
        The fused picture, RGB, white at 255; of one colour where it is not known.
    focus_length : float
        For how many slices things stay sharp.
    """

    index: Image
    mean: Image
    measured: Image
    believed: Image
    variance: Image
    peak: Image
    detail: Image
    picture: Image
    focus_length: float

    @property
    def focus_width(self) -> float:
        """How many slices share a focus; 1 or more, since there is nothing between two slices."""
        return max(1.0, self.focus_length)


def reported(known: Evidence) -> tuple[Image, Image]:
    """The index without bias, and how far it is to be believed to be within one slice of the truth.

    A window's index is the mean of what lies in it, weighted by the energy of detail. On steep ground, with
    more detail on one side, that is the depth of another place. The fused picture tells where the detail is,
    so the surface is looked at through the same window, and moved by what that makes of it too much.

    Confidence is what `stacker.fusion.depth_judge` makes of sixteen signs. Evidence is detail in the fused
    picture, at the cell and around it, and surroundings that are measured: a smooth wall beside a
    blurred silhouette has neither, though the silhouette's energy, which reaches it through the wide windows,
    looks like detail in a short run of frames. Agreement is a smooth surface that fits what was measured:
    that is noise. One depth is a short run of frames for a peak of that height, beside how long things stay
    sharp elsewhere: a plain bar before a wall with much detail gets the wall's index, as that is seen through
    its blur, but its rims are sharp in other frames. Sides of edges are told by what the picture's luma and
    colours explain of the index: beside a nearer thing the ground is veiled by its blur, and has its index,
    but the ground's colour.

    Returns
    -------
    tuple of ndarray of float32, shape (h, w)
        Index, and confidence from 0 to 1.
    """
    planes = _looked_at(known)
    index = planes[0]
    confidence = np.empty_like(index)
    told = partial(_signs, focus_length=known.focus_length)

    def judged(first: int, behind: int) -> None:
        for rows, around_them, inner in strips_with_halo(first, behind, index.shape, _SIGNS_CELLS):
            made = told(*(plane[around_them] for plane in planes))
            FITTED.confidence(np.stack([plane[inner] for plane in made]), confidence[rows])

    over_rows(judged, len(index), rows_together=4 * _SIGNS_CELLS)
    return index, confidence


def signs(known: Evidence) -> tuple[Image, Signs]:
    """The index, and what its confidence is judged by: a plane for each of `SIGNS`, for fitting."""
    planes = _looked_at(known)
    return planes[0], _signs(*planes, focus_length=known.focus_length)


def _looked_at(known: Evidence) -> Signs:
    """What `_signs` takes; the index is the first."""
    index = _without_bias(known)
    own, near, around = _detail_around(known)
    planes = index, known.mean, known.detail, own, near, around, known.variance, known.peak, known.measured
    return *planes, known.picture, *_found(known, index, own, near, around)


def _signs(
    index: Image,
    mean: Image,
    detail: Image,
    own: Image,
    near: Image,
    around: Image,
    variance: Image,
    peak: Image,
    measured: Image,
    picture: Image,
    *found: Image,
    focus_length: float,
) -> Signs:
    return (
        *_evidence(own, near, around),
        *_agreement(index, mean, detail, own),
        *_single(focus_length)(variance, peak),
        *_alone(measured, _luma(picture)),
        *_around_signs(index, *found),
    )


def _without_bias(known: Evidence) -> Image:
    planes = known.index, known.mean, known.measured, known.detail
    return by_strips(partial(_unbiased, width=known.focus_width), _UNBIASED_CELLS, *planes)


def _detail_around(known: Evidence) -> tuple[Image, Image, Image]:
    """Detail in a window, and that and what is measured in wide surroundings."""
    own = by_strips(_average, _WINDOW_CELLS, known.detail)
    return own, _around(by_strips(_detail_of, 0, own), _NEAR_CELLS), _around(known.measured, _AROUND_CELLS)


def _found(known: Evidence, index: Image, own: Image, near: Image, around: Image) -> tuple[Image, ...]:
    """The index, as luma, the colours and wide surroundings have it, and its spread there."""
    evidence = by_strips(_odds(_evidence, _EVIDENCE), _LEAST_CELLS, own, near, around)
    trust = by_strips(_trust, 0, evidence, known.measured, known.believed)
    return *explained(index, trust, known.picture), *_surroundings(index, trust)


def _odds(planes: Callable[..., Signs], coefficients: tuple[float, ...]) -> Callable[..., Image]:
    return lambda *known: _weighed(planes(*known), coefficients)


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


def _evidence(own: Image, near: Image, around: Image) -> Signs:
    least = cv2.erode(own, np.ones((_LEAST_CELLS, _LEAST_CELLS), np.uint8))
    return near, around, cv2.log(least + np.float32(1))


def _agreement(index: Image, mean: Image, detail: Image, own: Image) -> Signs:
    differences = _differences(index, mean, detail, own)
    return tuple(_logarithm(slices, floor) for slices, floor in zip(differences, _FLOORS, strict=True))


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


def _single(focus_length: float) -> Callable[[Image, Image], Signs]:
    """What tells whether what was measured is the mean of two depths, or one of them while another shows."""
    per_length = 1 / max(_LEAST_LENGTH, focus_length)

    def planes(variance: Image, peak: Image) -> Signs:
        spread = cv2.sqrt(variance) * np.float32(per_length)
        return _logarithm(spread, _SPREAD_FLOOR), np.minimum(peak, np.float32(_CLEAR_PEAK))

    return planes


def _alone(measured: Image, luma: Image) -> Signs:
    """What a cell tells of its side without asking its surroundings: is the picture plain there, and how sure
    was the measurement?"""
    contrast = cv2.absdiff(luma, cv2.GaussianBlur(luma, (0, 0), _CONTRAST_SIGMA))
    sure = cv2.log(measured + np.float32(_CERTAIN)) - cv2.log(np.float32(1 + _CERTAIN) - measured)
    return _logarithm(contrast, _CONTRAST_FLOOR), sure


def _around_signs(index: Image, *found: Image) -> Signs:
    """``found``: see `_found`."""
    *guesses, spread = found
    differences = *(cv2.absdiff(guess, index) for guess in guesses), spread
    return tuple(_logarithm(slices, _FOUND_FLOOR) for slices in differences)


def _trust(evidence: Image, measured: Image, believed: Image) -> Image:
    """Weight of a cell in what is asked of surroundings: is there evidence, was it sure, does it agree?"""
    doubt = cv2.exp(np.clip(-evidence, -20, 20)) + np.float32(1)
    return np.asarray(np.square(measured * believed / doubt) + np.float32(_LEAST_TRUST))


def _weighed(planes: Signs, coefficients: tuple[float, ...]) -> Image:
    """Sum of planes times their coefficients, and the constant."""
    *factors, constant = coefficients
    odds = np.full_like(planes[0], constant)
    for factor, plane in zip(factors, planes, strict=True):
        cv2.scaleAdd(plane, factor, odds, odds)
    return odds


def _logarithm(plane: Image, floor: float) -> Image:
    apart = plane + np.float32(floor)
    return np.asarray(cv2.log(apart, apart))


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
