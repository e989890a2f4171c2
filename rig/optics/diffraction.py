"""What diffraction leaves: Airy disc, contrast, the best aperture, the resolution on the subject."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from rig.optics.depth_of_field import WAVELENGTH_MM
from rig.optics.numeric import FloatOrArray, checked_positive, tidy

__all__ = [
    "STRONG_WARNING_FACTOR",
    "WARNING_FACTOR",
    "airy_diameter",
    "best_effective_f_number",
    "defocused_mtf",
    "diffraction_mtf",
    "mtf50_frequency",
    "mtf_cutoff",
    "sensor_resolution",
]

WARNING_FACTOR = 1.6
"""Above this many p/λ a perfect lens passes under half the contrast at half the Nyquist frequency."""

STRONG_WARNING_FACTOR = 2.0
"""Above this many p/λ the cut-off lies below the Nyquist frequency: nothing is left for the finest pixels."""

RESOLVED_CONTRAST = 0.1
"""Contrast at which detail is still told apart: about Rayleigh's criterion (9 %)."""


def airy_diameter(effective_f_number: FloatOrArray, wavelength: FloatOrArray = WAVELENGTH_MM) -> FloatOrArray:
    """Return the diameter of the Airy disc on the sensor, first dark ring to first dark ring: 2.44 λ Ne, mm.

    Parameters
    ----------
    effective_f_number : float or array
        Ne, above 0.
    wavelength : float or array
        λ, mm.

    References
    ----------
    Airy (1835); Hecht, Optics, section 10.2.5.

    Examples
    --------
    >>> round(airy_diameter(11.1) * 1000, 1)
    14.9
    """
    checked_positive(effective_f_number=effective_f_number, wavelength=wavelength)
    # 2.4393 is twice the first zero of J1 over π; the field writes 2.44.
    return tidy(2.44 * np.asarray(wavelength) * np.asarray(effective_f_number))


def mtf_cutoff(effective_f_number: FloatOrArray, wavelength: FloatOrArray = WAVELENGTH_MM) -> FloatOrArray:
    """Return the frequency on the sensor from which a perfect lens passes nothing: 1/(λ Ne), cycles/mm.

    Parameters are those of `airy_diameter`.

    References
    ----------
    Goodman, Introduction to Fourier Optics, section 6.3 (incoherent light).

    Examples
    --------
    >>> round(mtf_cutoff(11.1), 1)
    163.8
    """
    checked_positive(effective_f_number=effective_f_number, wavelength=wavelength)
    return tidy(1 / (np.asarray(wavelength) * np.asarray(effective_f_number)))


def mtf50_frequency(
    effective_f_number: FloatOrArray, wavelength: FloatOrArray = WAVELENGTH_MM
) -> FloatOrArray:
    """Return the frequency on the sensor at which a perfect lens passes half: 0.404/(λ Ne), cycles/mm.

    Parameters are those of `airy_diameter`.

    References
    ----------
    `diffraction_mtf` solved for 0.5.

    Examples
    --------
    >>> round(mtf50_frequency(11.1), 1)
    66.2
    """
    return tidy(0.404 * np.asarray(mtf_cutoff(effective_f_number, wavelength)))


def diffraction_mtf(
    frequency: FloatOrArray, effective_f_number: FloatOrArray, wavelength: FloatOrArray = WAVELENGTH_MM
) -> FloatOrArray:
    """Return the contrast that a perfect lens in focus passes: (2/π)(arccos s − s√(1 − s²)), s = ν λ Ne.

    Parameters
    ----------
    frequency : float or array
        ν on the sensor, cycles/mm, not negative.
    effective_f_number, wavelength : float or array
        Ne, above 0; λ in mm.

    Returns
    -------
    float or array
        0 to 1.

    References
    ----------
    Goodman, Introduction to Fourier Optics, section 6.3.

    Examples
    --------
    >>> round(diffraction_mtf(mtf50_frequency(8.0), 8.0), 3)
    0.5
    """
    s = np.clip(np.asarray(frequency) / np.asarray(mtf_cutoff(effective_f_number, wavelength)), 0, 1)
    return tidy(2 / math.pi * (np.arccos(s) - s * np.sqrt(1 - s**2)))


@lru_cache(maxsize=1)
def _gauss_legendre() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Nodes and weights of the integral: enough for 10 waves, and costly to work out again each time."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    return nodes, weights


def defocused_mtf(frequency: FloatOrArray, waves: FloatOrArray) -> FloatOrArray:
    """Return the contrast that a perfect lens passes out of focus: the OTF of a defocused circular pupil.

    H(s) = (4/π) ∫₀^{1−s} √(1 − (x + s)²) · cos(8π W s x) dx, the overlap of the
    pupil with itself, shifted by 2s radii, with the phase of W waves of defocus at its edge.

    Parameters
    ----------
    frequency : float or array
        s, as a share of the cut-off frequency, 0 to 1.
    waves : float or array
        W, defocus at the pupil's edge in waves (`rig.optics.depth_of_field.wave_defocus`).

    Returns
    -------
    float or array
        1 at frequency 0; negative where contrast is reversed. To 1e-5 for defocus under some 10 waves.

    References
    ----------
    Hopkins, H. H., "The frequency response of a defocused optical system", Proc. R. Soc. A 231 (1955) 91.

    Examples
    --------
    >>> round(1 - defocused_mtf(0.49, 0.25) / defocused_mtf(0.49, 0.0), 3)
    0.265
    """
    s = np.asarray(frequency, dtype=np.float64)[..., np.newaxis]
    nodes, weights = _gauss_legendre()
    x = (nodes + 1) / 2 * (1 - s)
    height = np.sqrt(np.clip(1 - (x + s) ** 2, 0, None))
    phase = 8 * math.pi * np.asarray(waves)[..., np.newaxis] * s * x
    integral = np.sum(weights * height * np.cos(phase), axis=-1) * (1 - s[..., 0]) / 2
    return tidy(4 / math.pi * integral)


def best_effective_f_number(
    pixel_pitch: FloatOrArray, wavelength: FloatOrArray = WAVELENGTH_MM
) -> FloatOrArray:
    """Return the effective f-number where sharpness and the number of frames balance: p/λ.

    At c = 2 p the geometric and the wave part of the depth of field are equal there. Above 1.6 p/λ half the
    contrast at half the Nyquist frequency is gone, above 2 p/λ all contrast at the Nyquist frequency.

    Parameters
    ----------
    pixel_pitch : float or array
        p, mm: of the sensor, or of the delivered picture.
    wavelength : float or array
        λ, mm.

    References
    ----------
    2 Ne c = 4 λ Ne² with c = 2 p.

    Examples
    --------
    >>> round(best_effective_f_number(0.00376), 2)
    6.84
    """
    checked_positive(pixel_pitch=pixel_pitch, wavelength=wavelength)
    return tidy(np.asarray(pixel_pitch) / np.asarray(wavelength))


def sensor_resolution(
    effective_f_number: FloatOrArray,
    pixel_pitch: FloatOrArray | None,
    wavelength: FloatOrArray = WAVELENGTH_MM,
) -> FloatOrArray:
    """Return the finest detail told apart on the sensor, line pairs per mm; times m, on the subject.

    Parameters
    ----------
    effective_f_number : float or array
        Ne, above 0.
    pixel_pitch : float, array or None
        p, mm; None for the lens alone.
    wavelength : float or array
        λ, mm.

    Returns
    -------
    float or array
        The frequency at which a perfect lens in focus, seen through square pixels (sinc), leaves 10 %
        contrast, and at most the Nyquist frequency 1/(2p). Lens faults and shake come on top.

    References
    ----------
    10 % is about Rayleigh's criterion (9 % for two lines); the pixel's sinc: Boreman, Modulation Transfer
    Function in Optical and Electro-Optical Systems, ch. 2.

    Examples
    --------
    >>> round(sensor_resolution(11.1, 0.00376))
    123
    """
    ne = np.asarray(effective_f_number, dtype=np.float64)
    high = np.asarray(mtf_cutoff(ne, wavelength))
    pitch = np.asarray(0.0)
    if pixel_pitch is not None:
        checked_positive(pixel_pitch=pixel_pitch)
        pitch = np.asarray(pixel_pitch)
        high = np.minimum(high, 0.5 / pitch)

    def resolved(frequency: FloatOrArray) -> FloatOrArray:
        contrast = np.asarray(diffraction_mtf(frequency, ne, wavelength)) * np.sinc(frequency * pitch)
        return np.asarray(contrast >= RESOLVED_CONTRAST)

    low = np.where(resolved(high), high, 0.0)
    for _ in range(60):  # halving: far below the precision of anything that goes in
        middle = (low + high) / 2
        fine = resolved(middle)
        low, high = np.where(fine, middle, low), np.where(fine, high, middle)
    return tidy(low)
