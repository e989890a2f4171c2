"""Play of the rail, from focus curves that are approached from both sides.

Coming from the far side, the carriage lags behind the screw by the play, so the same picture appears at a
commanded position that is lower by it. A sweep inwards, one outwards and one inwards again tell the play from
a drift: what the two inward sweeps differ by is drift, and its half is taken off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rig.calibrate.dof import CONTRAST_KEPT, check_sweep
from rig.calibrate.focus import curve_of
from rig.calibrate.images import Array
from rig.errors import DataError, UserError

__all__ = ["BacklashMeasurement", "SidedSweep", "measure_backlash"]

_GROUPS = 5
_NEAR = 0.3  # of the width: the peaks themselves are that near the truth
_SEARCH = 21
_REFINED = 5
_DEGREE = 8  # of the polynomial through a peak and its flanks
_FLANK = 0.15  # of the peak's contrast: farther down there are side lobes
_FEWEST_COMMON = 5
_FEWEST_INSIDE = 2.0  # frames within the depth of field: a polynomial through fewer leans any way
_SHAPE_ERROR = 0.002
"""Of the depth of field: on the bench, differences that parts of the frame and polynomials do not show."""

_DRIFTED = 0.5  # of the play: what the two inward sweeps differ by, above which the value means little
_RUN_UP_USED = 0.8


@dataclass(frozen=True)
class SidedSweep:
    """A sweep whose positions were all approached from one side.

    Attributes
    ----------
    positions_mm : ndarray, shape (n,)
        Commanded, rising.
    energy : ndarray, shape (n, rows, columns)
        Of the tiles.
    """

    positions_mm: Array
    energy: Array

    @property
    def total(self) -> Array:
        """Energy of the whole frame, shape (n,)."""
        return np.asarray(self.energy.reshape(len(self.positions_mm), -1).mean(axis=1))


@dataclass(frozen=True)
class BacklashMeasurement:
    """A measured play.

    Attributes
    ----------
    backlash_mm, sigma_mm : float
        With its standard error.
    drift_mm : float
        By which the second inward sweep differs from the first; 0 when there was one only.
    curves : tuple of (positions, contrast)
        Inwards, outwards (and inwards again), for the plot.
    warnings : tuple of str
    """

    backlash_mm: float
    sigma_mm: float
    drift_mm: float
    curves: tuple[tuple[Array, Array], ...]
    warnings: tuple[str, ...]


def measure_backlash(
    inwards: SidedSweep,
    outwards: SidedSweep,
    again: SidedSweep | None = None,
    *,
    run_up_mm: float | None = None,
) -> BacklashMeasurement:
    """Measure the play between sweeps from both sides.

    Parameters
    ----------
    inwards, outwards : SidedSweep
        Approached towards the subject, and away from it.
    again : SidedSweep, optional
        Inwards once more.
    run_up_mm : float, optional
        With which the positions were approached: the play can only be seen up to it.

    Raises
    ------
    UserError, DataError
        When a sweep does not pass through focus (see `rig.calibrate.dof.check_sweep`), in steps that are too
        coarse to place its peak.
    """
    sweeps = [s for s in (inwards, outwards, again) if s is not None]
    for sweep in sweeps:
        _check_step(sweep.positions_mm, check_sweep(sweep.positions_mm, sweep.energy).width_mm)
    if any(s.energy.shape[1:] != inwards.energy.shape[1:] for s in sweeps):
        raise UserError("the sweeps have frames of different sizes: take them in one go")
    play = _displacement(inwards.positions_mm, inwards.total, outwards.positions_mm, outwards.total)
    sigma = _scatter(inwards, outwards)
    drift = 0.0
    if again is not None:
        drift = -_displacement(inwards.positions_mm, inwards.total, again.positions_mm, again.total)
        play += drift / 2
        # A drift need not be even in time: a quarter of it stays as uncertainty.
        sigma = math.hypot(sigma, _scatter(inwards, again) / 2, drift / 4)
    return BacklashMeasurement(
        backlash_mm=play,
        sigma_mm=sigma,
        drift_mm=drift,
        curves=tuple((s.positions_mm, _contrast(s.positions_mm, s.total)) for s in sweeps),
        warnings=_warnings(play, sigma, drift, run_up_mm),
    )


def _check_step(positions_mm: Array, width_mm: float) -> None:
    step_mm = float(np.median(np.diff(positions_mm)))
    if width_mm < _FEWEST_INSIDE * step_mm:
        raise DataError(
            f"only {width_mm / step_mm:.1f} frames fall within the depth of field, too few to see what "
            f"displaces them: take a step of {width_mm / 7:.2g} mm"
        )


def _contrast(x: Array, total: Array, floor: float | None = None) -> Array:
    """Contrast relative to the peak, noise floor subtracted."""
    curve = curve_of(x, total, CONTRAST_KEPT, floor)
    return np.asarray(np.sqrt(np.maximum(total - curve.floor, 0.0)) / curve.peak)


def _displacement(x: Array, first: Array, y: Array, second: Array, degree: int = _DEGREE) -> float:
    """How much lower on the axis the second curve lies than the first.

    One polynomial goes through the points of both, the second moved by b: the b that fits best needs no
    interpolation between coarse samples, and no assumption that the curve is symmetric.
    """
    peak, moved = curve_of(x, first, CONTRAST_KEPT), curve_of(y, second, CONTRAST_KEPT)
    # The noise is one; a curve that is displaced shows more of one side and less of its floor.
    floor = min(peak.floor, moved.floor)
    a, b = _contrast(x, first, floor), _contrast(y, second, floor)
    best = peak.peak_mm - moved.peak_mm
    reach = _NEAR * (peak.width_mm if math.isfinite(peak.width_mm) else float(np.ptp(x)))
    low, high = best - reach, best + reach
    for _ in range(_REFINED):
        tried = np.linspace(low, high, _SEARCH)
        misfits = [_misfit(x, a, y + t, b, degree) for t in tried]
        if not math.isfinite(min(misfits)):
            raise DataError(
                f"fewer than {_FEWEST_COMMON} positions of each sweep show the peak: take smaller steps, "
                "over a longer travel"
            )
        best = float(tried[int(np.argmin(misfits))])
        step = (high - low) / (_SEARCH - 1)
        low, high = best - 2 * step, best + 2 * step
    return best


def _misfit(x: Array, a: Array, y: Array, b: Array, degree: int) -> float:
    # Only where both have been: beyond, one curve alone could be bent at will.
    low, high = max(x[0], y[0]), min(x[-1], y[-1])
    first, second = ((p >= low) & (p <= high) & (c > _FLANK) for p, c in ((x, a), (y, b)))
    if min(np.count_nonzero(first), np.count_nonzero(second)) < _FEWEST_COMMON:
        return math.inf
    places, values = np.r_[x[first], y[second]], np.r_[a[first], b[second]]
    scaled = 2 * (places - places.min()) / np.ptp(places) - 1
    design = np.polynomial.chebyshev.chebvander(scaled, degree)
    solution, *_ = np.linalg.lstsq(design, values, rcond=None)
    return float(((values - design @ solution) ** 2).mean())


def _scatter(first: SidedSweep, second: SidedSweep) -> float:
    """Standard error of a displacement: what parts of the frame say, and what another polynomial would."""
    n = len(first.positions_mm)
    a, b = first.energy.reshape(n, -1), second.energy.reshape(len(second.positions_mm), -1)
    groups = min(_GROUPS, a.shape[1])
    found = [
        _displacement(
            first.positions_mm,
            a[:, g::groups].mean(axis=1),
            second.positions_mm,
            b[:, g::groups].mean(axis=1),
        )
        for g in range(groups)
    ]
    parts = float(np.std(found, ddof=1) / math.sqrt(groups)) if groups > 1 else 0.0
    shapes = [
        _displacement(first.positions_mm, first.total, second.positions_mm, second.total, degree)
        for degree in (_DEGREE - 2, _DEGREE, _DEGREE + 2)
    ]
    width_mm = curve_of(first.positions_mm, first.total, CONTRAST_KEPT).width_mm
    return math.hypot(parts, float(np.std(shapes)), _SHAPE_ERROR * width_mm)


def _warnings(play: float, sigma: float, drift: float, run_up_mm: float | None) -> tuple[str, ...]:
    warnings = []
    if run_up_mm is not None and play > _RUN_UP_USED * run_up_mm:
        warnings.append(
            f"the play is nearly the run-up of {run_up_mm:g} mm or more: set backlash in [rail] to "
            f"{2 * play:.2g} mm or more and measure again"
        )
    if play < -3 * max(sigma, 1e-6):
        warnings.append(
            "the play comes out negative: the target drifted, or towards_subject in [rail] is the wrong way "
            "round"
        )
    if abs(drift) > max(_DRIFTED * abs(play), 3 * sigma) and abs(drift) > 0:
        warnings.append(
            f"between the first and the last sweep focus drifted by {drift * 1000:+.2g} µm: let the rig warm "
            "up, and check that nothing slips"
        )
    return tuple(warnings)
