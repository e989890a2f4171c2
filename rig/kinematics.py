"""Motion as arithmetic: what plans predict with and axes derive their time-outs from."""

from __future__ import annotations

import math

__all__ = ["move_time_s"]


def move_time_s(distance_mm: float, speed_mm_s: float, acceleration_mm_s2: float) -> float:
    """Return the shortest time for a move from rest to rest: a trapezoid of speed, a triangle when short.

    Parameters
    ----------
    distance_mm : float
        Either sign.
    speed_mm_s, acceleration_mm_s2 : float
        Highest speed and acceleration, above 0.

    Returns
    -------
    float
        d/v + v/a, or 2√(d/a) when the speed is never reached (d < v²/a), in s.

    Examples
    --------
    >>> move_time_s(2.0, 2.0, 50.0)
    1.04
    >>> move_time_s(0.02, 2.0, 50.0)
    0.04
    """
    distance = abs(distance_mm)
    if distance < speed_mm_s**2 / acceleration_mm_s2:
        return 2 * math.sqrt(distance / acceleration_mm_s2)
    return distance / speed_mm_s + speed_mm_s / acceleration_mm_s2
