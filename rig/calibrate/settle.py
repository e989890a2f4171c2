"""How long to wait after a move: pairs of frames, one soon after it and one at rest, at growing waits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rig.calibrate.images import Array
from rig.errors import DataError, UserError

__all__ = ["Pair", "SettleMeasurement", "measure_settle", "shift_text"]

_SHARPNESS_KEPT = 0.97
"""Contrast of fine detail, relative to rest, from which a frame counts as sharp: noise varies it by 1 %."""

_NOISE = 3.0  # times the shift between frames at rest: what counts as shake
_GRID_S = 0.01
_FEWEST_WAITS = 3
_FEWEST_FOR_DECAY = 3
_MEAN_SWING = 1.4  # the larger of two swings caught at random has on average 1/1.4 of the amplitude


@dataclass(frozen=True)
class Pair:
    """A frame taken some time after a move, compared with one at rest at the same place.

    Attributes
    ----------
    wait_s : float
        Between the end of the move and the release.
    shift_px : float
        How far the picture was from where it is at rest; infinite when it could not be told.
    sharpness : float
        Contrast of the fine detail relative to rest.
    """

    wait_s: float
    shift_px: float
    sharpness: float


@dataclass(frozen=True)
class SettleMeasurement:
    """A measured settle time.

    Attributes
    ----------
    settle_s : float
        Recommended wait.
    shaking_s : float or None
        Longest wait at which shake was still seen; None when there was none.
    decay_s : float or None
        Time in which the shake falls to 1/e, when it could be followed.
    pairs : tuple of Pair
        By rising wait.
    tolerance_px : float
    warnings : tuple of str
    """

    settle_s: float
    shaking_s: float | None
    decay_s: float | None
    pairs: tuple[Pair, ...]
    tolerance_px: float
    warnings: tuple[str, ...]


def shift_text(shift_px: float) -> str:
    """How far frames were shifted, in words.

    Examples
    --------
    >>> shift_text(2.345), shift_text(math.inf)
    ('shifted by up to 2.3 px', 'smeared past recognition')
    """
    return "smeared past recognition" if math.isinf(shift_px) else f"shifted by up to {shift_px:.2g} px"


def measure_settle(pairs: Sequence[Pair], tolerance_px: float) -> SettleMeasurement:
    """Find the wait from which on frames are where, and as sharp as, they are at rest.

    Parameters
    ----------
    pairs : sequence of Pair
        At several waits, each better more than once: a swing may be caught where it crosses the middle.
    tolerance_px : float
        Shift that does not matter, px.

    Raises
    ------
    UserError
        When there are too few waits.
    DataError
        When frames still shake after the longest wait.
    """
    ordered = tuple(sorted(pairs, key=lambda p: p.wait_s))
    waits = sorted({p.wait_s for p in ordered})
    if len(waits) < _FEWEST_WAITS:
        raise UserError(
            f"{len(waits)} different waits are too few to see a shake die away: take pairs at "
            f"{_FEWEST_WAITS} or more, from none to several seconds"
        )
    bad = [p.wait_s for p in ordered if p.shift_px > tolerance_px or p.sharpness < _SHARPNESS_KEPT]
    shaking = max(bad, default=None)
    if shaking == waits[-1]:
        worst = next(p for p in reversed(ordered) if p.wait_s == shaking)
        raise DataError(
            f"frames are not at rest {shaking:g} s after a move: {shift_text(worst.shift_px)} "
            f"(tolerance {tolerance_px:g} px), sharpness {worst.sharpness:.0%} of rest. Fix the target, keep "
            "off the floor, see what swings, and measure again; or allow more with --tolerance"
        )
    settle = waits[0] if shaking is None else next(w for w in waits if w > shaking)
    decay, still_s = _decay(ordered, tolerance_px)
    warnings: tuple[str, ...] = ()
    if shaking is None:
        warnings = ("no shake was seen even without waiting; at a shorter exposure it may show",)
    elif still_s is not None:
        settle = max(settle, min(still_s, waits[-1]))
    return SettleMeasurement(
        settle_s=round(math.ceil(settle / _GRID_S - 1e-6) * _GRID_S, 6),
        shaking_s=shaking,
        decay_s=decay,
        pairs=ordered,
        tolerance_px=tolerance_px,
        warnings=warnings,
    )


def _decay(pairs: Sequence[Pair], tolerance_px: float) -> tuple[float | None, float | None]:
    """Time constant of the shake, and when it falls below the tolerance; None when it is not to be seen."""
    waits = np.unique([p.wait_s for p in pairs])
    shifts = np.array([max(p.shift_px for p in pairs if p.wait_s == w) for w in waits])
    rest = _rest_noise(waits, shifts)
    seen = np.isfinite(shifts) & (shifts > max(_NOISE * rest, 1e-6))
    if np.count_nonzero(seen) < _FEWEST_FOR_DECAY:
        return None, None
    slope, level = np.polyfit(waits[seen], np.log(shifts[seen]), 1)
    if slope >= 0:
        return None, None
    amplitude = _MEAN_SWING * math.exp(level)
    decay = -1 / float(slope)
    return decay, max(0.0, decay * math.log(amplitude / tolerance_px))


def _rest_noise(waits: Array, shifts: Array) -> float:
    """What a shift is measured to be when there is none: that of the longest third of the waits."""
    late = waits >= np.quantile(waits, 2 / 3)
    finite = shifts[late & np.isfinite(shifts)]
    return float(np.median(finite)) if len(finite) else 0.0
