"""Depth of field in object space: geometric, wave, and the two combined; limits.

Symbols, as everywhere in `rig.optics`: m magnification · N f-number · Ne effective f-number · P pupil
magnification (exit over entrance) · NA numerical aperture on the subject's side · c circle of confusion, a
*diameter* on the sensor · n refractive index around the subject · λ wavelength. Lengths in mm. Depths of
field are *totals*, near limit to far limit.
"""

from __future__ import annotations

import numpy as np

from rig.optics.limits import (
    entrance_pupil_distance,
    far_depth,
    hyperfocal_distance,
    hyperfocal_distance_short,
    near_depth,
)
from rig.optics.numeric import FloatOrArray, checked_positive, tidy

__all__ = [
    "WAVELENGTH_MM",
    "berek_dof",
    "combined_dof",
    "entrance_pupil_distance",
    "far_depth",
    "geometric_dof",
    "hyperfocal_distance",
    "hyperfocal_distance_short",
    "microscopist_dof",
    "near_depth",
    "wave_defocus",
    "wave_dof",
    "wave_dof_from_f_number",
    "wave_dof_paraxial",
]

WAVELENGTH_MM = 0.00055
"""Green light, where eyes and sensors are most sensitive; the wavelength of published tables."""


def geometric_dof(
    effective_f_number: FloatOrArray, c: FloatOrArray, m: FloatOrArray, n: FloatOrArray = 1.0
) -> FloatOrArray:
    """Return the depth of field of geometric optics: g = 2 n Ne c / m².

    Parameters
    ----------
    effective_f_number : float or array
        Ne, above 0.
    c : float or array
        Circle of confusion, a diameter on the sensor, mm, above 0.
    m : float or array
        Magnification, above 0. The formula holds above about 0.05; below, near and far limits differ and
        `near_depth` and `far_depth` are right.
    n : float or array
        Refractive index around the subject: there the cone of light is narrower by n, so the same blur is
        reached n times as far off.

    Returns
    -------
    float or array
        Total depth, mm.

    References
    ----------
    Littlefield, R., photomacrography.net, "starting steps" for the MP-E 65; Canon MP-E 65 manual.

    Examples
    --------
    >>> round(geometric_dof(11.1, 0.00752, 1.0), 4)
    0.1669
    """
    checked_positive(effective_f_number=effective_f_number, c=c, m=m, n=n)
    return tidy(2 * np.asarray(n) * np.asarray(effective_f_number) * np.asarray(c) / np.asarray(m) ** 2)


def _one_minus_cosine(na: FloatOrArray, n: FloatOrArray) -> FloatOrArray:
    """1 − √(1 − (NA/n)²) without cancellation for small NA."""
    sine2 = (np.asarray(na, dtype=np.float64) / np.asarray(n, dtype=np.float64)) ** 2
    if np.any(sine2 >= 1):
        raise ValueError(f"NA must be below the refractive index: NA {na}, n {n}")
    return np.asarray(sine2 / (1 + np.sqrt(1 - sine2)))


def wave_dof(
    na: FloatOrArray, n: FloatOrArray = 1.0, wavelength: FloatOrArray = WAVELENGTH_MM
) -> FloatOrArray:
    """Return the depth of field of wave optics, exact: w = λ / (2n(1 − √(1 − (NA/n)²))).

    Parameters
    ----------
    na : float or array
        Numerical aperture on the subject's side, above 0 and below n.
    n : float or array
        Refractive index around the subject: 1 air, 1.33 water, 1.515 oil.
    wavelength : float or array
        λ in vacuum, mm.

    Returns
    -------
    float or array
        Total depth, mm: ± a quarter wave of defocus at the edge of the pupil, where contrast falls by 26 % at
        the worst frequency.

    Notes
    -----
    The paraxial nλ/NA² is 2 % off at NA 0.28 and 9 % at 0.55.

    References
    ----------
    Zerene Stacker documentation, tables 2-A and 2-C (2023 revision); Inoué, Video Microscopy.

    Examples
    --------
    >>> round(wave_dof(0.28) * 1000, 2)
    6.87
    """
    checked_positive(na=na, n=n, wavelength=wavelength)
    return tidy(np.asarray(wavelength) / (2 * np.asarray(n) * _one_minus_cosine(na, n)))


def wave_dof_paraxial(
    na: FloatOrArray, n: FloatOrArray = 1.0, wavelength: FloatOrArray = WAVELENGTH_MM
) -> FloatOrArray:
    """Return the paraxial wave depth of field, nλ/NA²: for comparison with published tables.

    Parameters are those of `wave_dof`; total depth in mm. Off by NA²/4n² or more: plan with `wave_dof`.

    References
    ----------
    Zerene Stacker documentation, table 2-C; Murphy, Fundamentals of Light Microscopy, table 4-1.

    Examples
    --------
    >>> round(wave_dof_paraxial(0.14) * 1000, 1)
    28.1
    """
    checked_positive(na=na, n=n, wavelength=wavelength)
    return tidy(np.asarray(n) * np.asarray(wavelength) / np.asarray(na) ** 2)


def wave_dof_from_f_number(
    effective_f_number: FloatOrArray, m: FloatOrArray, wavelength: FloatOrArray = WAVELENGTH_MM
) -> FloatOrArray:
    """Return the exact wave depth of field in air of a lens given by Ne and m, through NA = m/(2 Ne).

    Parameters
    ----------
    effective_f_number, m : float or array
        Ne and magnification, above 0; Ne above m/2, or there is no such lens in air.
    wavelength : float or array
        λ in vacuum, mm.

    References
    ----------
    Zerene Stacker documentation, table 2-A (2023 revision) and the example of its calculator.

    Examples
    --------
    >>> round(wave_dof_from_f_number(32.0, 1.0), 3)
    2.253
    """
    checked_positive(effective_f_number=effective_f_number, m=m)
    return wave_dof(np.asarray(m) / (2 * np.asarray(effective_f_number)), 1.0, wavelength)


def combined_dof(geometric: FloatOrArray, wave: FloatOrArray) -> FloatOrArray:
    """Return the depth of field that both blurs leave together: d = √(g² + w²).

    Parameters
    ----------
    geometric, wave : float or array
        The two parts, in one unit, not negative.

    Notes
    -----
    Against the optical transfer function of a defocused circular pupil (contrast loss up to half Nyquist held
    at the quarter-wave level), for Ne 2.8–64 and pixels of 3.76 and 5.36 µm, this is 0.99–1.14 times the true
    depth. The maximum of the two is 0.81–1.00 (0.77 where both are equal; wastes frames), their sum 1.11–1.57
    (leaves gaps).

    References
    ----------
    `benchmarks.optics` prints these ratios from the Hopkins integral, with code of its own.

    Examples
    --------
    >>> combined_dof(3.0, 4.0)
    5.0
    """
    return tidy(np.hypot(geometric, wave))


def microscopist_dof(
    na: FloatOrArray,
    m: FloatOrArray,
    e: FloatOrArray,
    n: FloatOrArray = 1.0,
    wavelength: FloatOrArray = WAVELENGTH_MM,
) -> FloatOrArray:
    """Return the microscopist's total depth of field, the sum nλ/NA² + n·e/(m·NA).

    Parameters
    ----------
    na, m : float or array
        Numerical aperture and magnification, above 0.
    e : float or array
        The smallest distance the detector resolves, mm, on the sensor.
    n, wavelength : float or array
        Refractive index; vacuum wavelength in mm.

    Notes
    -----
    Another definition than `combined_dof`, kept for comparison: sums the two blurs.

    References
    ----------
    Nikon MicroscopyU, "Depth of field and depth of focus".

    Examples
    --------
    >>> round(microscopist_dof(0.25, 10.0, 0.0076) * 1000, 2)
    11.84
    """
    checked_positive(na=na, m=m, e=e)
    wave = wave_dof_paraxial(na, n, wavelength)
    return tidy(wave + np.asarray(n) * np.asarray(e) / (np.asarray(m) * np.asarray(na)))


def berek_dof(
    na: FloatOrArray,
    total_magnification: FloatOrArray,
    n: FloatOrArray = 1.0,
    k: FloatOrArray = 0.34,
    wavelength: FloatOrArray = WAVELENGTH_MM,
) -> FloatOrArray:
    """Return Berek's depth of field for an eye at a microscope: n(λ/(2 NA²) + k/(NA·M)).

    Parameters
    ----------
    na : float or array
        Numerical aperture, above 0.
    total_magnification : float or array
        M, objective times eyepiece, above 0.
    n : float or array
        Refractive index.
    k : float or array
        What the eye resolves at 250 mm, mm: 0.34 (Leica, Olympus) or 1/7 (Nikon).
    wavelength : float or array
        Vacuum wavelength, mm.

    Notes
    -----
    A visual criterion with *half* the photographic wave term: not for planning stacks.

    References
    ----------
    Nikon Eclipse E200 manual; Leica Science Lab, "Depth of field in microscope images".

    Examples
    --------
    >>> round(berek_dof(0.1, 40.0, k=1 / 7) * 1000, 1)
    63.2
    """
    checked_positive(na=na, total_magnification=total_magnification, n=n, k=k, wavelength=wavelength)
    na = np.asarray(na)
    wave = np.asarray(wavelength) / (2 * na**2)
    return tidy(np.asarray(n) * (wave + np.asarray(k) / (na * np.asarray(total_magnification))))


def wave_defocus(
    dz: FloatOrArray, na: FloatOrArray, n: FloatOrArray = 1.0, wavelength: FloatOrArray = WAVELENGTH_MM
) -> FloatOrArray:
    """Return the defocus in waves at the pupil's edge: W = Δz·n(1 − √(1 − (NA/n)²))/λ.

    Parameters
    ----------
    dz : float or array
        Distance from the plane of focus in object space, mm.
    na, n, wavelength : float or array
        As in `wave_dof`.

    References
    ----------
    Path difference between the rim and the axis of the cone; Born and Wolf, section 8.8.

    Examples
    --------
    >>> round(wave_defocus(wave_dof(0.28) / 2, 0.28), 6)
    0.25
    """
    checked_positive(na=na, n=n, wavelength=wavelength)
    return tidy(np.asarray(dz) * np.asarray(n) * _one_minus_cosine(na, n) / np.asarray(wavelength))
