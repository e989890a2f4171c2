"""Formulas take floats or arrays alike; this is the little that makes that so."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["FloatOrArray", "checked_positive", "per_distance", "tidy"]

FloatOrArray: TypeAlias = float | npt.NDArray[np.float64]
"""A number, or an array of numbers that numpy broadcasts against the other arguments."""


def tidy(value: FloatOrArray) -> FloatOrArray:
    """Return a plain `float` for a scalar result (numpy has its own kind) and arrays as they are."""
    return float(value) if np.ndim(value) == 0 else np.asarray(value, dtype=np.float64)


def checked_positive(**values: FloatOrArray) -> None:
    """Check that every argument is above 0; formulas of optics have no meaning elsewhere.

    Raises
    ------
    ValueError
        Naming the first argument that is not (NaN is not either).
    """
    for name, value in values.items():
        if not np.all(np.asarray(value) > 0):
            raise ValueError(f"{name} must be above 0, not {value}")


def per_distance(**values: FloatOrArray) -> FloatOrArray:
    """Return 1 over a signed distance: the form in which infinite (telecentric) is no special case.

    Raises
    ------
    ValueError
        When it is 0 or NaN, naming it.

    Examples
    --------
    >>> float(per_distance(v=float("inf"))), float(per_distance(v=-200.0))
    (0.0, -0.005)
    """
    ((name, value),) = values.items()
    distance = np.asarray(value, dtype=np.float64)
    if np.any(distance == 0) or np.any(np.isnan(distance)):
        raise ValueError(f"{name} must be a distance other than 0, not {value}")
    return np.asarray(1 / distance)
