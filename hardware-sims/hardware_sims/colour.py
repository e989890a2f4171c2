"""The colour of the bench's light, and what a body's white balance makes of it."""

from __future__ import annotations

import numpy as np

from hardware_sims.scene import Array

__all__ = ["DAYLIGHT_K", "cast"]

DAYLIGHT_K = 5200.0
"""The light of the bench, and what bodies mean by daylight."""

_XYZ_TO_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
"""CIE XYZ to linear sRGB (IEC 61966-2-1)."""

_COLDEST_K, _HOTTEST_K = 1667.0, 25_000.0
"""Between these the approximation holds."""


def _chromaticity(kelvin: float) -> tuple[float, float]:
    """Of a black body, x and y: Kim et al., US patent 7024034 (2002)."""
    u = 1000.0 / kelvin
    if kelvin < 4000.0:
        x = -0.2661239 * u**3 - 0.2343589 * u**2 + 0.8776956 * u + 0.179910
    else:
        x = -3.0258469 * u**3 + 2.1070379 * u**2 + 0.2226347 * u + 0.240390
    if kelvin < 2222.0:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif kelvin < 4000.0:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    return x, y


def _light(kelvin: float) -> Array:
    x, y = _chromaticity(min(max(kelvin, _COLDEST_K), _HOTTEST_K))
    rgb = _XYZ_TO_RGB @ np.array([x / y, 1.0, (1.0 - x - y) / y])
    return np.asarray(np.maximum(rgb, 0.01))


def cast(light_k: float, set_k: float) -> tuple[float, float, float]:
    """What is left on a grey card: red, green and blue relative to green.

    Parameters
    ----------
    light_k : float
        Colour temperature of the light.
    set_k : float
        What the body balances for; the same leaves nothing.

    Examples
    --------
    >>> warm = cast(3200.0, 5200.0)
    >>> warm[0] > 1.2, warm[1], warm[2] < 0.8
    (True, 1.0, True)
    """
    if light_k == set_k:
        return 1.0, 1.0, 1.0
    ratio = _light(light_k) / _light(set_k)
    ratio = ratio / ratio[1]
    return float(ratio[0]), 1.0, float(ratio[2])
