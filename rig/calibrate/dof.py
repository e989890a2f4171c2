"""Depth of field, measured: how far a textured subject can leave the plane of focus before a band blurs.

The energy of the octave around ν₀ = min(1/(2c), half the diffraction cut-off) is followed through a sweep;
the depth of field is the width of its peak where the contrast √(E/E₀) is 0.735, which is what a quarter wave
of defocus leaves at the worst frequency. Neither f-number, pupil nor magnification is needed for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rig.calibrate.focus import FocusCurve, curve_of
from rig.calibrate.images import Array
from rig.errors import DataError, UserError
from rig.optics.diffraction import mtf_cutoff

__all__ = [
    "CONTRAST_KEPT",
    "DofMeasurement",
    "band_frequency",
    "check_sweep",
    "measure_dof",
]

CONTRAST_KEPT = 0.735
"""Contrast at the limits of the depth of field, relative to that in focus."""

_FEWEST_FRAMES = 9
"""Fewer cannot tell a peak from two sides and a floor."""

_HIGHEST_FREQUENCY = 0.34  # the octave around it ends at 0.48 cycles per pixel
_TEXTURE = 0.5  # energy above the floor, in floors: below, the peak is in the noise
_SMOOTH = 6.0  # standard deviations of what jumps from frame to frame: a peak of noise is lower
_TILE_TEXTURE = 2.0
_COMMON_STEPS = 161
_METHOD_ERROR = 0.035
"""Relative: against the optics of a perfect lens the method is −4 to +7 % off, for amplitudes that fall with
frequency to the power 0.3 to 1.6; that is a standard deviation of 3.5 %."""

_ENDS_SHARP = 0.35
"""Contrast at an end of the sweep above which the noise floor, that of the least sharp frames, is a guess."""

_TILT_TOLD = 0.5  # of the depth of field: a tile that deep makes its curve some 5 % wider
_RESAMPLED = 200
_FEWEST_INSIDE = 4  # frames within the depth of field: the peak is then followed to a few per cent


@dataclass(frozen=True)
class DofMeasurement:
    """A measured depth of field.

    Attributes
    ----------
    dof_mm, sigma_mm : float
        Total depth, and its standard error: scatter between the tiles, and what the method itself is off.
    frequency_per_px : float
        ν₀ in cycles per pixel.
    peak_mm : float
        Position of best focus; on a subject with depth, the middle of the tiles'.
    offset_mm, contrast : ndarray, shape (k,)
        The focus curve: contrast relative to best focus against distance from it, mean of the tiles.
    tiles : int
        Parts of the frame that had texture and came into focus.
    depth_mm : float
        Between the nearest and the farthest of them (5th to 95th percentile).
    floor : float
        Noise floor, as a share of the peak's energy.
    warnings : tuple of str
    """

    dof_mm: float
    sigma_mm: float
    frequency_per_px: float
    peak_mm: float
    offset_mm: Array
    contrast: Array
    tiles: int
    depth_mm: float
    floor: float
    warnings: tuple[str, ...]


def band_frequency(coc_px: float, effective_f_number: float | None, pixel_pitch_mm: float | None) -> float:
    """Return ν₀ in cycles per pixel: min(1/(2c), half the diffraction cut-off).

    Parameters
    ----------
    coc_px : float
        Circle of confusion, a diameter in pixels, above 0.
    effective_f_number, pixel_pitch_mm : float, optional
        For the cut-off 1/(λ Ne); left out of account when either is not known.

    Examples
    --------
    >>> band_frequency(2.0, None, None)
    0.25
    >>> round(band_frequency(2.0, 32.0, 0.00376), 3)
    0.107
    """
    frequency = 1 / (2 * coc_px)
    if effective_f_number is not None and pixel_pitch_mm is not None:
        frequency = min(frequency, pixel_pitch_mm * float(mtf_cutoff(effective_f_number)) / 2)
    return min(frequency, _HIGHEST_FREQUENCY)


def check_sweep(positions_mm: Array, energy: Array) -> FocusCurve:
    """Find the one peak of a sweep over the whole frame, or say what is wrong with the sweep.

    Parameters
    ----------
    positions_mm : ndarray, shape (n,)
        Rising.
    energy : ndarray, shape (n, ...)
        Band energy of the frames.

    Raises
    ------
    UserError
        When there are too few frames.
    DataError
        When nothing has texture, or the peak is not inside the sweep.
    """
    n = len(positions_mm)
    if n < _FEWEST_FRAMES:
        raise UserError(
            f"a sweep of {n} frames is too short to find the peak of sharpness and both its sides: take at "
            f"least {_FEWEST_FRAMES}, better 25, from well before focus to well behind it"
        )
    if np.any(np.diff(positions_mm) <= 0):
        raise UserError("the frames of a sweep must be in the order of rising positions, each at its own")
    total = energy.reshape(n, -1).mean(axis=1)
    curve = curve_of(positions_mm, total, CONTRAST_KEPT)
    if not curve.peak**2 > max(_TEXTURE * curve.floor, _SMOOTH * _roughness(total)):
        raise DataError(
            "nothing in these frames has texture: from the sharpest to the least sharp the fine detail "
            f"changes by {curve.peak**2 / max(curve.floor, 1e-12):.0%} only, which is noise. Either the "
            "sweep never comes near focus: move the rail until the target is sharp, and begin from there. "
            "Or use a target with fine detail all over, such as a banknote or sandpaper, lit from the side, "
            "at low ISO"
        )
    if not np.isfinite(curve.width_mm):
        end = "first" if np.isnan(curve.low_mm) else "last"
        way = "begin the sweep farther away" if end == "first" else "let it end closer to the subject"
        raise DataError(
            f"the sweep never passes through focus: towards its {end} frame, at "
            f"{positions_mm[0 if end == 'first' else -1]:.4g} mm, the picture does not blur again "
            f"(sharpest at {curve.peak_mm:.4g} mm). Move the rail so that the target is in focus in the "
            f"middle, or {way}"
        )
    return curve


def _roughness(energy: Array) -> float:
    """Standard deviation of what jumps from frame to frame, from the second differences."""
    return float(1.4826 * np.median(np.abs(np.diff(energy, 2))) / np.sqrt(6.0))


def measure_dof(positions_mm: Array, energy: Array, frequency: float) -> DofMeasurement:
    """Measure the depth of field from the band energies of a sweep.

    Parameters
    ----------
    positions_mm : ndarray, shape (n,)
        Of the frames, rising.
    energy : ndarray, shape (n, rows, columns)
        From `rig.calibrate.focus.band_energy`.
    frequency : float
        ν₀ in cycles per pixel, for the record.

    Raises
    ------
    UserError, DataError
        As `check_sweep`, and when no part of the frame has a peak with two sides.

    References
    ----------
    Hopkins, H. H. (1955), "The frequency response of a defocused optical system", Proc. R. Soc. A 231, 91:
    a quarter wave leaves 73.5 % of the contrast at the worst frequency.
    """
    positions = np.asarray(positions_mm, dtype=np.float64)
    whole = check_sweep(positions, energy)
    tiles = energy.reshape(len(positions), -1)
    curves = [curve_of(positions, tiles[:, k], CONTRAST_KEPT) for k in range(tiles.shape[1])]
    good = [
        k
        for k, c in enumerate(curves)
        if np.isfinite(c.width_mm) and c.peak**2 > _TILE_TEXTURE * c.floor and c.width_mm > 0
    ]
    if not good:
        raise DataError(
            "no part of the frame comes into focus and goes out of it again within the sweep: make the sweep "
            "longer, or ask for the part that does with --region"
        )
    peaks = np.array([curves[k].peak_mm for k in good])
    reach = (positions[-1] - positions[0]) / 2
    offset = np.linspace(-reach, reach, _COMMON_STEPS)
    aligned = np.array([_aligned(positions, tiles[:, k], curves[k], offset) for k in good])
    curve = _mean_curve(offset, aligned)
    dof = curve.width_mm
    if not np.isfinite(dof):
        raise DataError(
            "the sweep is too short for the depth of the subject: make it longer, or ask for one part with "
            "--region"
        )
    known = np.isfinite(aligned).any(axis=0)
    contrast = np.sqrt(np.maximum(np.nanmean(aligned[:, known], axis=0), 0.0)) / curve.peak
    return DofMeasurement(
        dof_mm=dof,
        sigma_mm=float(np.hypot(_standard_error(offset, aligned), _METHOD_ERROR * dof)),
        frequency_per_px=frequency,
        peak_mm=float(np.median(peaks)),
        offset_mm=offset[known],
        contrast=contrast,
        tiles=len(good),
        depth_mm=float(np.subtract(*np.percentile(peaks, [95, 5]))),
        floor=whole.floor / (whole.floor + whole.peak**2),
        warnings=_warnings(positions, dof, _tile_depth(curves, energy.shape[1:], good), contrast),
    )


def _aligned(positions: Array, energy: Array, curve: FocusCurve, offset: Array) -> Array:
    """Energy above the floor relative to the peak, about the tile's own focus; NaN outside the sweep."""
    relative = (energy - curve.floor) / curve.peak**2
    return np.interp(offset, positions - curve.peak_mm, relative, left=np.nan, right=np.nan)


def _mean_curve(offset: Array, aligned: Array) -> FocusCurve:
    counted = np.isfinite(aligned).mean(axis=0) > 0.5  # where most tiles have been
    return curve_of(offset[counted], np.nanmean(aligned[:, counted], axis=0), CONTRAST_KEPT, floor=0.0)


def _standard_error(offset: Array, aligned: Array) -> float:
    """Bootstrap over the tiles: what another choice of them would have given."""
    rng = np.random.default_rng(1)  # the same answer for the same frames
    widths = [
        _mean_curve(offset, aligned[rng.integers(0, len(aligned), len(aligned))]).width_mm
        for _ in range(_RESAMPLED)
    ]
    return float(np.nanstd(widths))


def _tile_depth(curves: list[FocusCurve], shape: tuple[int, ...], good: list[int]) -> float:
    """How deep the subject is within a tile: median step of best focus between neighbouring tiles."""
    peaks = np.full(shape[0] * shape[1], np.nan)
    peaks[good] = [curves[k].peak_mm for k in good]
    grid = peaks.reshape(shape)
    steps = np.concatenate([np.abs(np.diff(grid, axis=0)).ravel(), np.abs(np.diff(grid, axis=1)).ravel()])
    steps = steps[np.isfinite(steps)]
    return float(np.median(steps)) if len(steps) else 0.0


def _warnings(positions: Array, dof: float, tile_depth: float, contrast: Array) -> tuple[str, ...]:
    warnings = []
    left = max(contrast[0], contrast[-1])
    if left > _ENDS_SHARP:
        warnings.append(
            f"the sweep ends where {left:.0%} of the contrast is left, so the noise floor is "
            f"a guess: let it reach {2 * dof:.3g} mm to each side of focus"
        )
    step = float(np.median(np.diff(positions)))
    if dof / step < _FEWEST_INSIDE:
        warnings.append(
            f"only {dof / step:.1f} frames fall within the depth of field: a step of {dof / 8:.3g} mm would "
            "measure it better"
        )
    if tile_depth > _TILT_TOLD * dof:
        warnings.append(
            f"the subject is {tile_depth:.2g} mm deep within the parts that are looked at, so the depth of "
            "field comes out too large: use a flatter target, square to the axis"
        )
    return tuple(warnings)
