"""What is left of the contrast between two frames of a stack."""

from __future__ import annotations

import numpy as np

from rig.optics.depth_of_field import WAVELENGTH_MM, wave_defocus
from rig.optics.diffraction import defocused_mtf, mtf_cutoff
from rig.optics.numeric import FloatOrArray, checked_positive, tidy

__all__ = ["seam_contrast_loss"]


def seam_contrast_loss(
    step: FloatOrArray,
    na: FloatOrArray,
    m: FloatOrArray,
    pixel_pitch: FloatOrArray,
    n: FloatOrArray = 1.0,
    wavelength: FloatOrArray = WAVELENGTH_MM,
) -> FloatOrArray:
    """Return the worst share of contrast lost halfway between two frames: 1 − MTF(defocused)/MTF(in focus).

    Parameters
    ----------
    step : float or array
        Distance between the frames, mm, above 0; a subject halfway is half of it out of focus in both.
    na : float or array
        Numerical aperture on the subject's side, above 0 and below n.
    m : float or array
        Magnification, above 0.
    pixel_pitch : float or array
        p, mm, above 0.
    n, wavelength : float or array
        Refractive index around the subject; λ in vacuum, mm.

    Returns
    -------
    float or array
        0 to above 1 (contrast reversed): the largest over frequencies up to half the pixels' Nyquist
        frequency, or up to the lens's cut-off, whichever is less.

    References
    ----------
    Hopkins, Proc. R. Soc. A 231 (1955) 91, through `rig.optics.diffraction.defocused_mtf`.

    Examples
    --------
    >>> round(seam_contrast_loss(0.7 * 0.318, 1 / 22.2, 1.0, 0.00376), 2)
    0.17
    """
    checked_positive(step=step, na=na, m=m, pixel_pitch=pixel_pitch, n=n, wavelength=wavelength)
    cutoff = np.asarray(mtf_cutoff(np.asarray(m) / (2 * np.asarray(na)), wavelength))
    # At the cut-off itself both contrasts are 0 and their ratio is noise.
    top = np.minimum(0.25 / np.asarray(pixel_pitch) / cutoff, 0.99)
    s = top[..., np.newaxis] * np.linspace(0.02, 1.0, 50)
    waves = np.asarray(wave_defocus(np.asarray(step) / 2, na, n, wavelength))[..., np.newaxis]
    kept = np.asarray(defocused_mtf(s, waves)) / np.asarray(defocused_mtf(s, 0.0))
    return tidy(np.max(1 - kept, axis=-1))
