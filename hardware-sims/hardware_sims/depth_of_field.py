"""What the depth of field of the bench's lens truly is, by its own wave optics."""

from __future__ import annotations

import numpy as np

from hardware_sims.optics import WAVELENGTH_MM, SimLens, defocused_otf

__all__ = ["depth_of_field_mm"]

_CONTRAST_KEPT = 0.735
"""What a quarter wave of defocus leaves of a perfect lens's contrast at the worst frequency."""

_FREQUENCIES = 64


def depth_of_field_mm(lens: SimLens, pitch_mm: float, limit_px: float = 2.0) -> tuple[float, float]:
    """How far before and behind the plane of focus no frequency that matters loses too much contrast.

    Parameters
    ----------
    lens : SimLens
        At the aperture in use.
    pitch_mm : float
        Sensor pixel.
    limit_px : float
        Frequencies up to 1/(2·limit_px) cycles per pixel matter: half the Nyquist frequency for 2.

    Returns
    -------
    tuple of float
        Depth towards the camera and away from it, mm: where the contrast of the worst frequency, relative to
        that in focus, falls to 0.735.
    """
    cut_off = 1.0 / (WAVELENGTH_MM * lens.effective_f_number)
    highest = min(0.98, 1.0 / (2.0 * limit_px * pitch_mm) / cut_off)
    frequency = np.linspace(0.0, highest, _FREQUENCIES + 1)[1:]
    sharp = defocused_otf(frequency, 0.0)

    def kept(distance_mm: float) -> float:
        waves = lens.defocus_waves(float(lens.blur_diameter_mm(distance_mm, 0.0)))
        return float((defocused_otf(frequency, waves) / sharp).min())

    def limit(sign: float) -> float:
        low, high = 0.0, 1e-4
        while kept(sign * high) > _CONTRAST_KEPT:
            high *= 2.0
        for _ in range(40):
            middle = (low + high) / 2.0
            low, high = (middle, high) if kept(sign * middle) > _CONTRAST_KEPT else (low, middle)
        return (low + high) / 2.0

    return limit(-1.0), limit(1.0)
