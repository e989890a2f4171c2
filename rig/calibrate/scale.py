"""Pixels per millimetre in the plane of focus, from a ruler's graduation or a checkerboard."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from rig.calibrate.images import Array
from rig.errors import DataError

__all__ = ["PeriodMeasurement", "checker_period", "ruler_period"]

_LONGEST = 1 / 6  # of the frame's smaller side: a graduation has at least six lines in it
_SHORTEST_PX = 3.0
_PROMINENT = 150.0
"""Power of a graduation's peak over the median around it. The highest of a million values of noise is 20."""

_HARMONICS = (1, 2, 3)
_WINDOWS = 7
_ROUNDS = 5  # each halves the step, from half a line of the spectrum: the phase then does the rest
_REFINED_WIDTH_PX, _REFINED_PERIOD_PX = 3000, 8  # a larger frame is reduced as far as its period allows
_LEAST_CORNERS = 3
_EVEN = 0.03  # of a square: corners farther off a grid than that are no checkerboard
_SQUARE = 0.005  # relative difference between a checkerboard's two directions that is worth a word


@dataclass(frozen=True)
class PeriodMeasurement:
    """Length of a repeated pattern, in px.

    Attributes
    ----------
    period_px, sigma_px : float
        With its standard error: how evenly it repeats across the frame.
    angle_deg : float
        How the pattern is turned; 0 repeats along the rows.
    count : float
        Repetitions that were looked at.
    place_px, error_px : ndarray
        Where along the pattern it was looked at, and how far the pattern is off its own mean period there.
    warnings : tuple of str
    """

    period_px: float
    sigma_px: float
    angle_deg: float
    count: float
    place_px: Array
    error_px: Array
    warnings: tuple[str, ...] = ()


def ruler_period(light: Array) -> PeriodMeasurement:
    """Measure the distance of a ruler's lines.

    The strongest line of the two-dimensional spectrum is refined with its harmonics to a small part of a
    pixel, then by the phase of windows across the frame; their scatter is the uncertainty. However the ruler
    is turned, and wherever it lies in the frame, does not matter.

    Parameters
    ----------
    light : ndarray, shape (H, W)
        Linear light.

    Raises
    ------
    DataError
        When no graduation is to be seen.
    """
    image = light - float(light.mean())
    found = _strongest(image * _window(image.shape))
    period = 1 / math.hypot(*found)
    factor = max(1, min(math.ceil(light.shape[1] / _REFINED_WIDTH_PX), int(period / _REFINED_PERIOD_PX)))
    if factor > 1:
        rows, columns = (size // factor for size in image.shape)
        image = image[: rows * factor, : columns * factor]
        image = image.reshape(rows, factor, columns, factor).mean(axis=(1, 3))
    refined = _refined(image * _window(image.shape), (found[0] * factor, found[1] * factor))
    measured = _by_phase(image, refined)
    return replace(
        measured,
        period_px=measured.period_px * factor,
        sigma_px=measured.sigma_px * factor,
        place_px=measured.place_px * factor,
        error_px=measured.error_px * factor,
    )


def _window(shape: tuple[int, ...]) -> Array:
    return np.asarray(np.hanning(shape[0])[:, None] * np.hanning(shape[1])[None, :])


def _strongest(image: Array) -> tuple[float, float]:
    """Frequency, x and y in cycles per px, of the strongest repetition."""
    height, width = image.shape
    power = np.abs(np.fft.rfft2(image)) ** 2
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    radius = np.hypot(fy, fx)
    lowest = 1 / (_LONGEST * min(height, width))
    allowed = (radius >= lowest) & (radius <= 1 / _SHORTEST_PX)
    # Pictures have more power at low frequencies: what counts is how far a peak stands out at its own.
    bins = np.minimum((radius * min(height, width) / 4).astype(int), min(height, width))
    medians = _medians(power, bins, allowed)
    prominence = np.where(allowed, power / np.maximum(medians[bins], 1e-30), 0.0)
    # The peak is the strongest of those that stand out; harmonics stand out, too, but are weaker.
    candidate = np.where(prominence >= _PROMINENT, power, 0.0)
    row, column = np.unravel_index(int(candidate.argmax()), power.shape)
    if not candidate[row, column] > 0:
        raise DataError(
            "no graduation is to be seen: nothing repeats in this frame. Lay a ruler into the plane of "
            "focus, its lines in focus and across the longer side, at least six of them in the frame, each "
            f"at least {_SHORTEST_PX:g} px from the next; --region picks the part with the lines"
        )
    return float(fx[0, column]), float(fy[row, 0])


def _medians(power: Array, bins: Array, allowed: Array) -> Array:
    medians = np.full(int(bins.max()) + 1, np.inf)
    order = np.argsort(bins[allowed], kind="stable")
    values, labels = power[allowed][order], bins[allowed][order]
    starts = np.flatnonzero(np.r_[True, np.diff(labels) > 0])
    for part, label in zip(np.split(values, starts[1:]), labels[starts], strict=True):
        medians[label] = np.median(part)
    return medians


def _refined(image: Array, frequency: tuple[float, float]) -> tuple[float, float]:
    """The frequency near a spectrum's peak at which the harmonics together are strongest."""
    height, width = image.shape
    x, y = np.arange(width) - width / 2, np.arange(height) - height / 2
    low = [k for k in _HARMONICS if k * math.hypot(*frequency) < 0.45]

    def strength(fx: float, fy: float) -> float:
        total = 0.0
        for k in low:
            along = image @ np.exp(-2j * np.pi * k * fx * x)
            total += abs(np.exp(-2j * np.pi * k * fy * y) @ along) ** 2
        return total

    fx, fy = frequency
    step_x, step_y = 0.5 / width, 0.5 / height
    for _ in range(_ROUNDS):
        fx = _summit(partial(_swapped, strength, fy), fx, step_x)
        fy = _summit(partial(strength, fx), fy, step_y)
        step_x, step_y = step_x / 2, step_y / 2
    return fx, fy


def _swapped(of: Callable[[float, float], float], second: float, first: float) -> float:
    return of(first, second)


def _summit(of: Callable[[float], float], at: float, step: float) -> float:
    """Top of the parabola through three values, at most a step away."""
    left, middle, right = of(at - step), of(at), of(at + step)
    bend = left - 2 * middle + right
    if bend >= 0:
        return at + step * float(np.sign(right - left))
    return at + step * float(np.clip(0.5 * (left - right) / bend, -1.0, 1.0))


def _by_phase(image: Array, frequency: tuple[float, float]) -> PeriodMeasurement:
    """Correct a frequency by the drift of the pattern's phase across the frame."""
    fx, fy = frequency
    f = math.hypot(fx, fy)
    height, width = image.shape
    yy, xx = np.mgrid[:height, :width]
    along = ((xx - width / 2) * fx + (yy - height / 2) * fy) / f
    wave = np.exp(-2j * np.pi * f * along)
    reach = (abs(fx) * width + abs(fy) * height) / f / 2
    half = reach / (_WINDOWS - 1) * 2
    places = np.linspace(-reach + half, reach - half, _WINDOWS)
    phases, weights = [], []
    for place in places:
        window = np.clip(1 - np.abs(along - place) / half, 0.0, 1.0)
        value = complex((image * window * wave).sum())
        phases.append(np.angle(value))
        weights.append(abs(value))
    phase, weight = np.unwrap(phases), np.array(weights)
    trusted = weight > 0.2 * weight.max()
    if np.count_nonzero(trusted) < 3:
        raise DataError(
            "the graduation covers too little of the frame: lay the ruler across all of it, or pick the part "
            "with the lines by --region"
        )
    x, p = places[trusted], phase[trusted]
    slope, level = np.polyfit(x, p, 1)
    left = p - (slope * x + level)
    exact = f + slope / (2 * np.pi)
    spread = math.sqrt(float((left**2).sum()) / (len(x) - 2) / float(((x - x.mean()) ** 2).sum()))
    period = 1 / exact
    return PeriodMeasurement(
        period_px=period,
        sigma_px=period**2 * spread / (2 * np.pi),
        angle_deg=math.degrees(math.atan(fy / fx)) if fx else 90.0,
        count=2 * reach * exact,
        place_px=x,
        error_px=left / (2 * np.pi) * period,
    )


def checker_period(light: Array) -> PeriodMeasurement:
    """Measure the side of a checkerboard's squares.

    Parameters
    ----------
    light : ndarray, shape (H, W)
        Linear light; the board needs a light rim.

    Raises
    ------
    DataError
        When no checkerboard is found.

    References
    ----------
    Duda, A., Frese, U. (2018), "Accurate detection and localization of checkerboard corners for calibration"
    (OpenCV's findChessboardCornersSB).
    """
    grey = np.asarray(np.sqrt(np.clip(light, 0, 1)) * 255 + 0.5, dtype=np.uint8)
    flags = cv2.CALIB_CB_LARGER | cv2.CALIB_CB_EXHAUSTIVE
    found, corners, meta = cv2.findChessboardCornersSBWithMeta(grey, (_LEAST_CORNERS, _LEAST_CORNERS), flags)
    measured = _board(grey, np.asarray(corners), np.asarray(meta)) if found else None
    if measured is None:
        raise DataError(
            "no checkerboard is to be seen: put it into the plane of focus, whole in the frame with a light "
            "rim around it, at least 4 × 4 squares of 10 px or more"
        )
    return measured


def _board(grey: Array, corners: Array, meta: Array) -> PeriodMeasurement | None:
    """A checkerboard from its corners; None for what was only taken for one."""
    rows, columns = meta.shape
    grid = corners.reshape(rows, columns, 2)
    half = max(2, int(np.median(np.hypot(*np.diff(grid, axis=1).reshape(-1, 2).T)) / 3))
    how = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-3)
    refined = cv2.cornerSubPix(
        grey, corners.astype(np.float32).reshape(-1, 1, 2), (half, half), (-1, -1), how
    )
    places = np.asarray(refined, dtype=np.float64).reshape(-1, 2)
    if not _alternates(grey, places.reshape(rows, columns, 2)):
        return None
    j, i = np.divmod(np.arange(len(places)), columns)
    index = np.stack([i - i.mean(), j - j.mean(), np.ones(len(places))], axis=1)
    solution, *_ = np.linalg.lstsq(index, places, rcond=None)
    left = places - index @ solution
    across, down = solution[0], solution[1]
    period = math.sqrt(abs(float(across[0] * down[1] - across[1] * down[0])))
    rms = math.sqrt(float((left**2).sum()) / (2 * len(places) - 6))
    sides = float(np.hypot(*across)), float(np.hypot(*down))
    if rms > _EVEN * period:
        return None
    sigma = rms / math.sqrt(2.0) / math.sqrt(float((index[:, :2] ** 2).sum()) / 2)
    warnings: tuple[str, ...] = ()
    if abs(sides[0] / sides[1] - 1) > _SQUARE:
        longer = abs(sides[0] / sides[1] - 1)
        what = (
            f"the squares are {longer:.1%} longer one way than the other: the board is not square to the axis"
        )
        warnings = (what,)
    angle = math.degrees(math.atan2(across[1], across[0]))
    return PeriodMeasurement(
        period_px=period,
        sigma_px=sigma,
        angle_deg=(angle + 45) % 90 - 45,
        count=float(columns),
        place_px=index[:, 0] * period,
        error_px=left @ across / sides[0],
        warnings=warnings,
    )


def _maps(places: Array) -> tuple[Array, Array]:
    return places[..., 0].astype(np.float32), places[..., 1].astype(np.float32)


def _alternates(grey: Array, corners: Array) -> bool:
    """Whether the squares between corners are dark and light in turn, as those of a skipped grid are not."""
    middles = (corners[:-1, :-1] + corners[1:, :-1] + corners[:-1, 1:] + corners[1:, 1:]) / 4
    tones = np.asarray(cv2.remap(grey, *_maps(middles), cv2.INTER_LINEAR), dtype=np.float64)
    sign = (-1.0) ** np.add.outer(np.arange(tones.shape[0]), np.arange(tones.shape[1]))
    swing = (tones - tones.mean()) * sign
    return bool(abs(swing.mean()) > 2 * swing.std())
