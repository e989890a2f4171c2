"""The colour of light of a colour temperature."""

from __future__ import annotations

import numpy as np

from stacker.frames import Image

__all__ = ["planckian_xyz"]


def planckian_xyz(kelvin: float) -> Image:
    """Of a black body, CIE 1931 XYZ with Y = 1.

    Parameters
    ----------
    kelvin : float
        1000 to 15000 K; the fit is within 9e-5 of u and v there.

    References
    ----------
    Krystek, M. (1985). An algorithm to calculate correlated colour temperature. Color Research and
    Application 10, 38-40.

    Examples
    --------
    >>> x, y, z = planckian_xyz(6500)
    >>> f"{x / (x + y + z):.3f} {y / (x + y + z):.3f}"
    '0.314 0.324'
    """
    t = kelvin
    u = (0.860117757 + 1.54118254e-4 * t + 1.28641212e-7 * t**2) / (
        1 + 8.42420235e-4 * t + 7.08145163e-7 * t**2
    )
    v = (0.317398726 + 4.22806245e-5 * t + 4.20481691e-8 * t**2) / (
        1 - 2.89741816e-5 * t + 1.61456053e-7 * t**2
    )
    x, y = 3 * u / (2 * u - 8 * v + 4), 2 * v / (2 * u - 8 * v + 4)
    return np.array([x / y, 1.0, (1 - x - y) / y])
