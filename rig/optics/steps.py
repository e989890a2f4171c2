"""From a depth of field to the step between frames: of a rail, and of a lens that focuses.

Symbols as in `rig.optics.depth_of_field`; lengths in mm.
"""

from __future__ import annotations

import numpy as np

from rig.optics.depth_of_field import WAVELENGTH_MM
from rig.optics.numeric import FloatOrArray, checked_positive, tidy

__all__ = ["focus_step_dioptres", "lens_focus_step", "overlap_of_step", "step_for_overlap"]


def step_for_overlap(dof: FloatOrArray, overlap: FloatOrArray) -> FloatOrArray:
    """Return the distance between frames whose depths of field overlap by that share: d(1 − overlap).

    Parameters
    ----------
    dof : float or array
        Total depth of field, in any unit, above 0.
    overlap : float or array
        Share of the depth of field, below 1; negative leaves gaps. The worst contrast is lost halfway between
        two frames: 26 to 33 % at an overlap of 0, 13 to 17 % at 0.3, 7 to 9 % at 0.5
        (`rig.optics.seams.seam_contrast_loss`).

    References
    ----------
    Zerene Stacker documentation: "about 0.7 times the values given".

    Examples
    --------
    >>> round(step_for_overlap(0.318, 0.3), 4)
    0.2226
    """
    checked_positive(dof=dof, one_minus_overlap=1 - np.asarray(overlap))
    return tidy(np.asarray(dof) * (1 - np.asarray(overlap)))


def overlap_of_step(dof: FloatOrArray, step: FloatOrArray) -> FloatOrArray:
    """Return the share of the depth of field that neighbouring frames share: 1 − step/d; negative for a gap.

    Parameters
    ----------
    dof, step : float or array
        Total depth of field, above 0, and distance between frames, in one unit.

    References
    ----------
    The inverse of `step_for_overlap`.

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
        Shift of the image plane between frames, mm; at small m uniform in dioptres (`focus_step_dioptres`).

    References
    ----------
    Depth of focus, geometric 2 Ne c and wave ±λ/4, combined as in `combined_dof`.

    Examples
    --------
    >>> round(lens_focus_step(8.0, 0.0075), 4)
    0.185
    """
    checked_positive(effective_f_number=effective_f_number, c=c, wavelength=wavelength)
    ne = np.asarray(effective_f_number)
    focus = np.hypot(2 * ne * np.asarray(c), 4 * np.asarray(wavelength) * ne**2)
    return step_for_overlap(focus, overlap)


def focus_step_dioptres(image_step: FloatOrArray, f: FloatOrArray, m: FloatOrArray) -> FloatOrArray:
    """Return a step of the image plane as a step of the subject's vergence: Δ'/(f(1 + m))², in dioptres.

    Steps that are even on the sensor's side are even in dioptres as long as m stays small: a lens-focus stack
    from 2 m to 0.5 m has most of its frames at the near end.

    Parameters
    ----------
    image_step : float or array
        Δ', shift of the image plane between frames, mm (`lens_focus_step`).
    f : float or array
        Focal length, mm, above 0.
    m : float or array
        Magnification, above 0.

    Returns
    -------
    float or array
        1/m (dioptres).

    References
    ----------
    Derivative of 1/s + 1/s' = 1/f with s' = f(1 + m).

    Examples
    --------
    >>> round(focus_step_dioptres(lens_focus_step(8.0, 0.0075, 0.3), 50.0, 0.02), 4)
    0.0498
    """
    checked_positive(f=f, m=m)
    return tidy(1000 * np.asarray(image_step) / (np.asarray(f) * (1 + np.asarray(m))) ** 2)
