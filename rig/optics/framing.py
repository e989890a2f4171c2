"""How the picture grows while a rail carries the camera towards the subject.

v is the signed distance from the entrance pupil to the plane of focus, mm: infinite for a telecentric lens,
negative for a hypercentric one. On a rail it stays the same from frame to frame. All formulas go through 1/v,
so that the telecentric lens is no special case.
"""

from __future__ import annotations

import numpy as np

from rig.optics.numeric import FloatOrArray, per_distance, tidy

__all__ = [
    "field_of_last_frame",
    "framing_growth",
]


def framing_growth(v: FloatOrArray, delta: FloatOrArray) -> FloatOrArray:
    """Return how much a fixed point of the first frame's plane of focus grows: v/(v − Δ).

    Parameters
    ----------
    v : float or array
        Entrance pupil to plane of focus, mm.
    delta : float or array
        Move Δ towards the subject, mm; negative is away.

    Returns
    -------
    float or array
        Scale in the new frame over scale in the first one.

    Raises
    ------
    ValueError
        When the entrance pupil would reach the point (0 < v ≤ Δ).

    References
    ----------
    Central projection through the entrance pupil; Littlefield, photomacrography.net, on telecentric stacks.

    Examples
    --------
    >>> round(framing_growth(300.0, 32.0), 3)
    1.119
    >>> framing_growth(float("inf"), 32.0)
    1.0
    """
    rest = 1 - np.asarray(delta) * np.asarray(per_distance(v=v))
    if np.any(rest <= 0):
        raise ValueError(
            f"a move of {delta} mm takes the entrance pupil, {v} mm away, through the plane of focus"
        )
    return tidy(1 / rest)


def field_of_last_frame(v: FloatOrArray, delta: FloatOrArray) -> FloatOrArray:
    """Return the share of the first frame's field that the frame after the move covers: v/(v + Δ).

    It is the scale at which that frame is registered to the first one: its plane of focus is at v + Δ there.
    (1 − share)/2 of the frame has to stay free on every side.

    Parameters are those of `framing_growth`.

    Raises
    ------
    ValueError
        When the last plane of focus is not before the entrance pupil (v and v + Δ of different signs).

    Examples
    --------
    >>> round(field_of_last_frame(300.0, 32.0), 3)
    0.904
    """
    rest = 1 + np.asarray(delta) * np.asarray(per_distance(v=v))
    if np.any(rest <= 0):
        raise ValueError(f"the plane of focus {delta} mm on is not in the view of a pupil at {v} mm")
    return tidy(1 / rest)
