"""What is left of the contrast between two frames of a stack."""

from __future__ import annotations

import numpy as np

from rig.optics.depth_of_field import WAVELENGTH_MM, wave_defocus
from rig.optics.diffraction import defocused_mtf, mtf_cutoff
from rig.optics.numeric import checked_positive

__all__ = ["seam_contrast_loss"]


def seam_contrast_loss(
    step: float,
    na: float,
    m: float,
    pixel_pitch: float,
    n: float = 1.0,
    wavelength: float = WAVELENGTH_MM,
) -> float:
    """Return the worst share of contrast lost halfway between two frames: 1 − MTF(defocused)/MTF(in focus).

    Parameters
    ----------
    step : float
        Distance between the frames, mm, above 0; a subject halfway is half of it out of focus in both.
    na : float
        Numerical aperture on the subject's side, above 0 and below n.
    m : float
        Magnification, above 0.
    pixel_pitch : float
        p, mm, above 0.
    n, wavelength : float
        Refractive index around the subject; λ in vacuum, mm.

    Returns
    -------
    float
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
    cutoff = float(mtf_cutoff(m / (2 * na), wavelength))
    # At the cut-off itself both contrasts are 0 and their ratio is noise.
    top = min(0.25 / pixel_pitch / cutoff, 0.99)
    s = np.linspace(0.02, 1.0, 50) * top
    waves = float(wave_defocus(step / 2, na, n, wavelength))
    return float(np.max(1 - np.asarray(defocused_mtf(s, waves)) / np.asarray(defocused_mtf(s, 0.0))))
