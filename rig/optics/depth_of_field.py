"""Depth of field in object space: geometric, wave, and the two combined; limits; lens-focus steps.

Symbols, as everywhere in `rig.optics`: m magnification · N f-number · Ne effective f-number · P pupil
magnification (exit over entrance) · NA numerical aperture on the subject's side · c circle of confusion, a
*diameter* on the sensor · n refractive index around the subject · λ wavelength. Lengths in mm. Depths of
field are *totals*, near limit to far limit.
"""

from __future__ import annotations

import numpy as np

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
    "lens_focus_step",
    "microscopist_dof",
    "near_depth",
    "overlap_of_step",
    "step_for_overlap",
    "wave_defocus",
    "wave_dof",
    "wave_dof_from_f_number",
    "wave_dof_paraxial",
]

WAVELENGTH_MM = 0.00055
"""Green light, where eyes and sensors are most sensitive; the wavelength of published tables."""


def geometric_dof(effective_f_number: FloatOrArray, c: FloatOrArray, m: FloatOrArray) -> FloatOrArray:
    """Return the depth of field of geometric optics: g = 2 Ne c / m².

    Parameters
    ----------
    effective_f_number : float or array
        Ne, above 0.
    c : float or array
        Circle of confusion, a diameter on the sensor, mm, above 0.
    m : float or array
        Magnification, above 0. The formula holds above about 0.05; below, near and far limits differ and
        `near_depth` and `far_depth` are right.

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
    checked_positive(effective_f_number=effective_f_number, c=c, m=m)
    return tidy(2 * np.asarray(effective_f_number) * np.asarray(c) / np.asarray(m) ** 2)


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
    depth. The maximum of the two is 0.81–1.00 (wastes frames), their sum 1.10–1.57 (leaves gaps).

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


def entrance_pupil_distance(f: FloatOrArray, m: FloatOrArray, P: FloatOrArray = 1.0) -> FloatOrArray:  # noqa: N803
    """Return the distance from the entrance pupil to the plane of focus: v = f(1/m + 1/P).

    Parameters
    ----------
    f : float or array
        Focal length at this focus, mm, above 0.
    m, P : float or array
        Magnification and pupil magnification, above 0, of this focus.

    Returns
    -------
    float or array
        v, mm.

    Examples
    --------
    >>> entrance_pupil_distance(150.0, 1.0)
    300.0
    """
    checked_positive(f=f, m=m, P=P)
    return tidy(np.asarray(f) * (1 / np.asarray(m) + 1 / np.asarray(P)))


def near_depth(v: FloatOrArray, pupil: FloatOrArray, c: FloatOrArray, m: FloatOrArray) -> FloatOrArray:
    """Return how far the geometric depth of field reaches before the plane of focus: v·b/(A + b), b = c/m.

    Parameters
    ----------
    v : float or array
        Entrance pupil to plane of focus, mm (`entrance_pupil_distance`), above 0; for a thin lens the
        focus distance.
    pupil : float or array
        Diameter A of the entrance pupil, mm: f/N.
    c : float or array
        Circle of confusion, a diameter, mm.
    m : float or array
        Magnification.

    Returns
    -------
    float or array
        Depth before the plane of focus, mm.

    Examples
    --------
    >>> round(1000 - near_depth(1000.0, 50 / 16, 0.03, 50 / 950))
    846
    """
    checked_positive(v=v, pupil=pupil, c=c, m=m)
    b = np.asarray(c) / np.asarray(m)
    return tidy(np.asarray(v) * b / (np.asarray(pupil) + b))


def far_depth(v: FloatOrArray, pupil: FloatOrArray, c: FloatOrArray, m: FloatOrArray) -> FloatOrArray:
    """Return how far the geometric depth of field reaches behind the plane of focus: v·b/(A − b), b = c/m.

    Parameters are those of `near_depth`. Infinite from the hyperfocal distance on, where A ≤ b.

    Examples
    --------
    >>> round(1000 + far_depth(1000.0, 50 / 16, 0.03, 50 / 950))
    1223
    """
    checked_positive(v=v, pupil=pupil, c=c, m=m)
    b = np.asarray(c, dtype=np.float64) / np.asarray(m)
    rest = np.asarray(pupil) - b
    reach = np.divide(
        np.asarray(v) * b, rest, out=np.full(np.broadcast(v, rest).shape, np.inf), where=rest > 0
    )
    return tidy(reach)


def hyperfocal_distance(f: FloatOrArray, N: FloatOrArray, c: FloatOrArray) -> FloatOrArray:  # noqa: N803
    """Return the hyperfocal distance of a thin lens: H = f²/(N c) + f, mm.

    Examples
    --------
    >>> round(hyperfocal_distance(50.0, 16.0, 0.03))
    5258
    """
    checked_positive(f=f, N=N, c=c)
    return tidy(hyperfocal_distance_short(f, N, c) + np.asarray(f))


def hyperfocal_distance_short(f: FloatOrArray, N: FloatOrArray, c: FloatOrArray) -> FloatOrArray:  # noqa: N803
    """Return the short form that some calculators print, f²/(N c), mm.

    Examples
    --------
    >>> round(hyperfocal_distance_short(90.0, 2.8, 0.029), 1)
    99753.7
    """
    checked_positive(f=f, N=N, c=c)
    return tidy(np.asarray(f) ** 2 / (np.asarray(N) * np.asarray(c)))


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

    Examples
    --------
    >>> round(wave_defocus(wave_dof(0.28) / 2, 0.28), 6)
    0.25
    """
    checked_positive(na=na, n=n, wavelength=wavelength)
    return tidy(np.asarray(dz) * np.asarray(n) * _one_minus_cosine(na, n) / np.asarray(wavelength))


def step_for_overlap(dof: FloatOrArray, overlap: FloatOrArray) -> FloatOrArray:
    """Return the distance between frames whose depths of field overlap by that share: d(1 − overlap).

    Parameters
    ----------
    dof : float or array
        Total depth of field, in any unit, above 0.
    overlap : float or array
        Share of the depth of field, below 1; negative leaves gaps.

    Examples
    --------
    >>> round(step_for_overlap(0.318, 0.3), 4)
    0.2226
    """
    checked_positive(dof=dof, one_minus_overlap=1 - np.asarray(overlap))
    return tidy(np.asarray(dof) * (1 - np.asarray(overlap)))


def overlap_of_step(dof: FloatOrArray, step: FloatOrArray) -> FloatOrArray:
    """Return the share of the depth of field that neighbouring frames share: 1 − step/d; negative for a gap.

    Examples
    --------
    >>> overlap_of_step(2.0, 1.0)
    0.5
    """
    checked_positive(dof=dof)
    return tidy(1 - np.abs(step) / np.asarray(dof))


def lens_focus_step(
    effective_f_number: FloatOrArray,
    c: FloatOrArray,
    overlap: FloatOrArray = 0.0,
    wavelength: FloatOrArray = WAVELENGTH_MM,
) -> FloatOrArray:
    """Return the step on the *sensor's* side for lens focus: √((2 Ne c)² + (4λNe²)²)·(1 − overlap).

    Parameters
    ----------
    effective_f_number : float or array
        Ne, above 0.
    c : float or array
        Circle of confusion, a diameter, mm.
    overlap : float or array
        Share of the depth of focus, below 1.
    wavelength : float or array
        Vacuum wavelength, mm.

    Returns
    -------
    float or array
        Shift of the image plane between frames, mm; at small m uniform in dioptres.

    Examples
    --------
    >>> round(lens_focus_step(8.0, 0.0075), 4)
    0.185
    """
    checked_positive(effective_f_number=effective_f_number, c=c, wavelength=wavelength)
    ne = np.asarray(effective_f_number)
    focus = np.hypot(2 * ne * np.asarray(c), 4 * np.asarray(wavelength) * ne**2)
    return step_for_overlap(focus, overlap)
