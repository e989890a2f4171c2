"""What a unit of a lens's focus drive does, from a slanted target that the focus travels across.

On a target that leans, every part of the frame comes into focus at a depth of its own. As the lens is driven,
each part passes through its focus at one drive unit; together they say which depth is in focus at which unit.

The image of a plane that leans is a plane that leans (Scheimpflug): a point of the frame at the distance x
from where the axis meets the target is in focus when the image plane has shifted by m₀ · tan θ · x, whatever
the lens does to its magnification on the way. With the depth per pixel s = tan θ · p / m₀, p the size of a
pixel, that is m₀² · s for a pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rig.calibrate.focus import curve_of
from rig.calibrate.images import Array
from rig.errors import DataError

__all__ = ["DriveMeasurement", "DriveSweep", "Slope", "drive_peaks", "measure_drive", "measure_slope"]

_LEVEL = 0.735
"""Share of the contrast at which a tile's curve has to be seen to fall, on both sides."""
_STANDS_OUT = 4.0
"""Energy of a tile's peak over the middle one of all tiles and frames, most of which are out of focus."""
_FEWEST_TILES = 12
_OUTLIER = 4.0  # robust standard deviations
_DEGREES = (1, 2, 3)
"""Of the polynomial through the tiles; more than that a lens does not bend over the depth of a target."""
_COVERED = 0.02  # of the tiles at either end, which one noisy tile might stretch
_ROWS = 17
_UNEVEN = 0.1
_COARSE = 3.0  # frames within the width of a tile's curve, below which its place is a guess
_RESAMPLED = 50
_SHAPE_ERROR = 0.005
"""Of a shift: on the bench, where curves of focus are not symmetric, units come out up to that much short."""
_REWEIGHTED = 30
_TWISTED_DEG = 20.0


@dataclass(frozen=True)
class DriveSweep:
    """Frames along one direction of the drive.

    Attributes
    ----------
    units : ndarray, shape (n,)
        Commanded, rising.
    energy : ndarray, shape (n, rows, columns)
        Of the tiles.
    """

    units: Array
    energy: Array


@dataclass(frozen=True)
class Slope:
    """How the depth of a target grows across the frame.

    Attributes
    ----------
    mm_per_px : float
        Depth along the axis for a pixel of the frame, in the direction in which it grows.
    relative_sigma : float
        Its standard error, as a share of it.
    direction : tuple of float, or None
        Unit vector in the frame, right and down, in which depth falls away from the camera; None when only
        the size is known.
    """

    mm_per_px: float
    relative_sigma: float
    direction: tuple[float, float] | None = None


@dataclass(frozen=True)
class DriveMeasurement:
    """What was measured of a focus drive.

    Attributes
    ----------
    units : tuple of int
        Rising from 0, where the calibrated part of the sweep begins.
    shift_mm : tuple of float
        Shift of the image plane there, 0 at the first; negative, since units grow towards far.
    sigma_mm : float
        Standard error of a shift.
    began_at : int
        Commanded unit of the sweep that became 0.
    play_units, play_sigma_units : float
        What is turned after a reversal before the focus follows.
    near_um, far_um : float
        What one unit shifts the image plane at either end, µm.
    tile_units, tile_shift_mm : ndarray
        Of the parts of the frame on the way out, by commanded units.
    back_units, back_shift_mm : ndarray
        The same on the way back.
    warnings : tuple of str
    """

    units: tuple[int, ...]
    shift_mm: tuple[float, ...]
    sigma_mm: float
    began_at: int
    play_units: float
    play_sigma_units: float
    near_um: float
    far_um: float
    tile_units: Array
    tile_shift_mm: Array
    back_units: Array
    back_shift_mm: Array
    warnings: tuple[str, ...]


def drive_peaks(places: Array, energy: Array) -> Array:
    """Return where along a sweep each tile is sharpest; NaN where that cannot be seen.

    Parameters
    ----------
    places : ndarray, shape (n,)
        Rising.
    energy : ndarray, shape (n, rows, columns)

    Returns
    -------
    ndarray, shape (rows, columns)
    """
    rows, columns = energy.shape[1:]
    least = _STANDS_OUT * float(np.median(energy))
    peaks = np.full((rows, columns), np.nan)
    for row in range(rows):
        for column in range(columns):
            tile = energy[:, row, column]
            curve = curve_of(places, tile, _LEVEL)
            if tile.max() > least and math.isfinite(curve.width_mm):
                peaks[row, column] = curve.peak_mm
    return peaks


def measure_slope(peaks: Array, tile_px: int) -> Slope:
    """Return how depth grows across the frame, from where along the rail each tile is sharpest.

    Parameters
    ----------
    peaks : ndarray, shape (rows, columns)
        mm towards the subject.
    tile_px : int
        Side of the tiles.

    Raises
    ------
    DataError
        When the target does not lean.
    """
    x, y, found = _places(peaks, tile_px, "the rail")
    design = np.stack([np.ones_like(x), x, y], axis=1)
    solution, kept = _without_outliers(design, found)
    residual = (found - design @ solution)[kept]
    size = float(np.hypot(*solution[1:]))
    scatter = float(residual.std()) * math.sqrt(len(found) / max(len(residual) - 3, 1))
    # Along the lean: a frame is wider than it is high, so one up or down is known less well.
    steepest = solution / max(size, 1e-30) * (0.0, 1.0, 1.0)
    sigma = scatter * math.sqrt(float(steepest @ np.linalg.pinv(design[kept].T @ design[kept]) @ steepest))
    if size < 3 * sigma:
        raise DataError(
            "the target does not lean: its parts are in focus at the same position of the rail. Lay it at 30 "
            "to 60 degrees to the axis, its texture all over the frame"
        )
    return Slope(size, sigma / size, (float(solution[1] / size), float(solution[2] / size)))


def measure_drive(
    out: DriveSweep, back: DriveSweep, tile_px: int, slope: Slope, magnification: float
) -> DriveMeasurement:
    """Measure a focus drive.

    Parameters
    ----------
    out, back : DriveSweep
        Driven towards far, and towards near again, the play taken up before the first frame of each.
    tile_px : int
        Side of the tiles.
    slope : Slope
        Of the target.
    magnification : float
        Where the axis meets the target and that point is in focus.

    Raises
    ------
    DataError
        When the focus does not travel across the target.
    """
    peaks = drive_peaks(out.units, out.energy)
    x, y, units = _places(peaks, tile_px, "the focus drive")
    plane = np.stack([np.ones_like(x), x, y], axis=1)
    lean, _ = _without_outliers(plane, units)
    steep = float(np.hypot(*lean[1:]))
    if steep * max(np.ptp(x), np.ptp(y)) < np.median(np.diff(out.units)):
        raise DataError(
            "the focus does not travel across the target: all its parts are sharp at the same drive unit. "
            "Lay it at 30 to 60 degrees to the axis"
        )
    along = (lean[1] * x + lean[2] * y) / steep
    shift = -(magnification**2) * slope.mm_per_px * along
    degree, kept = _best_degree(units, shift)
    fit = np.polynomial.Polynomial.fit(units[kept], shift[kept], degree)
    first, last = (int(v) for v in np.round(np.quantile(units[kept], [_COVERED, 1 - _COVERED])))
    rows = np.unique(np.round(np.linspace(first, last, min(_ROWS, last - first + 1))).astype(int))
    values = fit(rows) - fit(rows[0])
    if len(rows) < 2 or not np.all(np.diff(values) < 0):
        raise DataError(
            f"from unit {first} to {last} the focus does not go one way: drive it farther (--end), or in "
            "larger steps (--step)"
        )
    scatter_mm = _fit_error(units[kept], shift[kept], degree, rows)
    relative = math.hypot(slope.relative_sigma, _SHAPE_ERROR)
    sigma_mm = math.hypot(scatter_mm, relative * abs(float(values[-1])) / 2)
    returned = drive_peaks(back.units, back.energy)
    play, play_sigma = _play(peaks, returned)
    back_x, back_y, back_units = _places(returned, tile_px, "the focus drive, on its way back,")
    near_um, far_um = (abs(float(fit.deriv()(unit))) * 1000 for unit in (rows[0], rows[-1]))
    return DriveMeasurement(
        units=tuple(int(u - rows[0]) for u in rows),
        shift_mm=tuple(float(v) for v in values),
        sigma_mm=sigma_mm,
        began_at=int(rows[0]),
        play_units=play,
        play_sigma_units=play_sigma,
        near_um=near_um,
        far_um=far_um,
        tile_units=units,
        tile_shift_mm=shift - fit(rows[0]),
        back_units=back_units,
        back_shift_mm=-(magnification**2) * slope.mm_per_px * (lean[1] * back_x + lean[2] * back_y) / steep
        - fit(rows[0]),
        warnings=tuple(_warnings(out, near_um, far_um, play, play_sigma, slope, lean[1:] / steep)),
    )


def _places(peaks: Array, tile_px: int, what: str) -> tuple[Array, Array, Array]:
    """Places of the tiles from the middle of the frame, px, and where they were sharpest."""
    rows, columns = peaks.shape
    x = (np.arange(columns) - (columns - 1) / 2)[None, :] * tile_px + np.zeros((rows, 1))
    y = (np.arange(rows) - (rows - 1) / 2)[:, None] * tile_px + np.zeros((1, columns))
    good = np.isfinite(peaks)
    if np.count_nonzero(good) < _FEWEST_TILES:
        raise DataError(
            f"as {what} moved, {np.count_nonzero(good)} of {peaks.size} parts of the frame were seen to "
            f"become sharp and soft again; {_FEWEST_TILES} are needed: let it go farther, in finer steps, "
            "over a target with fine texture that leans at 30 to 60 degrees"
        )
    return x[good], y[good], peaks[good]


def _without_outliers(design: Array, values: Array) -> tuple[Array, Array]:
    """Least squares without what lies far off; the solution, and which were kept."""
    solution = np.linalg.lstsq(design, values, rcond=None)[0]
    for _ in range(_REWEIGHTED):  # least absolute deviations, which a tenth of outliers does not bend
        weight = 1 / np.sqrt(np.maximum(np.abs(values - design @ solution), 1e-9 * np.ptp(values)))
        solution = np.linalg.lstsq(design * weight[:, None], values * weight, rcond=None)[0]
    kept = np.ones(len(values), bool)
    for _ in range(4):
        off = np.abs(values - design @ solution)
        limit = _OUTLIER * 1.4826 * float(np.median(off[kept]))
        kept = off <= max(limit, 1e-9)
        solution = np.linalg.lstsq(design[kept], values[kept], rcond=None)[0]
    return solution, kept


def _best_degree(units: Array, shift: Array) -> tuple[int, Array]:
    """Degree of the polynomial by the information criterion of Schwarz, and the tiles that it goes by."""
    found = []
    scaled = (units - units.mean()) / max(np.ptp(units), 1e-9)
    for degree in _DEGREES:
        design = np.vander(scaled, degree + 1)
        solution, kept = _without_outliers(design, shift)
        squares = float(np.minimum((shift - design @ solution) ** 2, _variance(shift, design, kept)).sum())
        criterion = len(units) * math.log(max(squares, 1e-18)) + (degree + 1) * math.log(len(units))
        found.append((criterion, degree, kept))
    _, degree, kept = min(found, key=lambda one: one[0])
    return degree, kept


def _variance(shift: Array, design: Array, kept: Array) -> float:
    """What an outlier counts at the most."""
    solution = np.linalg.lstsq(design[kept], shift[kept], rcond=None)[0]
    return float(_OUTLIER**2 * np.mean((shift[kept] - design[kept] @ solution) ** 2))


def _fit_error(units: Array, shift: Array, degree: int, rows: Array) -> float:
    """Standard error of the curve, by fitting it to tiles drawn anew; the largest along it."""
    rng = np.random.default_rng(0)  # the same tiles give the same error
    curves = []
    for _ in range(_RESAMPLED):
        drawn = rng.integers(0, len(units), len(units))
        fit = np.polynomial.Polynomial.fit(units[drawn], shift[drawn], degree)
        curves.append(fit(rows) - fit(units.mean()))
    return float(np.std(curves, axis=0).max())


def _play(out: Array, back: Array) -> tuple[float, float]:
    """Median difference of the units at which a tile is sharp, with its standard error."""
    apart = (out - back)[np.isfinite(out) & np.isfinite(back)]
    if len(apart) < _FEWEST_TILES:
        raise DataError(
            f"{len(apart)} parts of the frame were in focus on the way out and on the way back; "
            f"{_FEWEST_TILES} are needed: drive farther (--end), in finer steps"
        )
    middle = float(np.median(apart))
    spread = 1.4826 * float(np.median(np.abs(apart - middle)))
    return middle, max(1.2533 * spread / math.sqrt(len(apart)), 1e-3)


def _warnings(
    out: DriveSweep,
    near_um: float,
    far_um: float,
    play: float,
    play_sigma: float,
    slope: Slope,
    direction: Array,
) -> list[str]:
    notes = []
    if max(near_um, far_um) > (1 + _UNEVEN) * min(near_um, far_um):
        notes.append(
            f"a unit shifts the image plane by {near_um:.3g} µm at the near end and {far_um:.3g} µm at the "
            "far one: begin stacks at the focus at which this sweep began"
        )
    rows, columns = out.energy.shape[1:]
    tiles = out.energy.reshape(len(out.units), rows * columns).T
    widths = [curve_of(out.units, tile, _LEVEL).width_mm for tile in tiles]
    step = float(np.median(np.diff(out.units)))
    inside = float(np.nanmedian(widths)) / step
    if inside < _COARSE:
        notes.append(
            f"only {inside:.1f} frames fall within the focus of a part of the frame: smaller steps (--step) "
            "would measure it better"
        )
    if play < -3 * play_sigma:
        notes.append("the play comes out negative: something moved between the way out and the way back")
    if slope.direction is not None:
        across = abs(float(np.dot(slope.direction, direction)))
        apart_deg = math.degrees(math.acos(min(across, 1.0)))
        if apart_deg > _TWISTED_DEG:
            notes.append(
                f"rail and lens see the target lean in directions {apart_deg:.0f} degrees apart: is it flat?"
            )
    return notes
