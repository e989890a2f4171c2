"""A lens as a row of surfaces, and how light goes through it near the axis.

Light runs to the right: from the object, through the first surface, to the sensor behind the last one. A ray
is its height y and its reduced slope nu (refractive index times slope); both change linearly from surface to
surface, so a lens is a 2×2 matrix. Distances along the axis are in mm and positive to the right of what they
are measured from, unless their name says otherwise. Air is before the lens and before the sensor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Surface", "System", "stop_matrices", "system_matrix", "trace_ray"]


@dataclass(frozen=True)
class Surface:
    """One surface of a lens and the space behind it.

    Parameters
    ----------
    radius_mm : float
        Radius of curvature at the vertex, positive when its centre lies to the right; infinite for a plane.
    thickness_mm : float
        Along the axis to the next surface, 0 or more; behind the last surface, to the sensor.
    index : float
        Refractive index behind the surface, 1 or more (patents: at the d line, 587.6 nm).

    Raises
    ------
    ValueError
        Outside these ranges.
    """

    radius_mm: float
    thickness_mm: float
    index: float

    def __post_init__(self) -> None:
        if self.radius_mm == 0 or math.isnan(self.radius_mm):
            raise ValueError(f"radius_mm must not be {self.radius_mm:g}; a plane has an infinite radius")
        if not 0 <= self.thickness_mm < math.inf:
            raise ValueError(f"thickness_mm must be finite and 0 or more, not {self.thickness_mm:g}")
        if not 1 <= self.index < math.inf:
            raise ValueError(f"index must be finite and 1 or more, not {self.index:g}")


@dataclass(frozen=True)
class System:
    """A centred lens at one focus, between an object in air and a sensor in air.

    Parameters
    ----------
    surfaces : tuple of Surface
        From the object to the sensor; the last one's thickness reaches the sensor.
    stop : int
        Which of them (counted from 0) is the plane of the iris.

    Raises
    ------
    ValueError
        When the stop is no surface of the lens, or bends light, or the sensor is not in air.
    """

    surfaces: tuple[Surface, ...]
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.stop < len(self.surfaces):
            raise ValueError(f"the stop is surface {self.stop} (from 0) of {len(self.surfaces)}")
        iris = self.surfaces[self.stop]
        before = self.surfaces[self.stop - 1].index if self.stop else 1.0
        if math.isfinite(iris.radius_mm) or iris.index != before:
            raise ValueError("the stop must be a plane with the same medium on both sides")
        if self.surfaces[-1].index != 1:
            raise ValueError(f"the sensor must be in air, not in index {self.surfaces[-1].index:g}")

    @property
    def length_mm(self) -> float:
        """From the first surface to the sensor, mm."""
        return math.fsum(surface.thickness_mm for surface in self.surfaces)


def trace_ray(system: System, height_mm: float, slope: float) -> npt.NDArray[np.float64]:
    """Return the heights of a paraxial ray at every surface and at the sensor.

    Parameters
    ----------
    system : System
        The lens.
    height_mm : float
        At the first surface.
    slope : float
        Before the first surface, in air: mm of height per mm of axis.

    Returns
    -------
    array of float64, shape (surfaces + 1,)
        Heights in mm, the last one at the sensor.

    References
    ----------
    W. J. Smith, Modern Optical Engineering, 4th ed., ch. 3: y-nu trace.

    Examples
    --------
    A ray parallel to the axis of a thin lens of 50 mm (here two surfaces without distance) meets the axis
    50 mm behind it:

    >>> stop = Surface(math.inf, 0.0, 1.0)
    >>> lens = System((stop, Surface(50.0, 0.0, 1.5), Surface(-50.0, 50.0, 1.0)), stop=0)
    >>> trace_ray(lens, 1.0, 0.0).round(6).tolist()
    [1.0, 1.0, 1.0, 0.0]
    """
    heights, _ = _propagate(system.surfaces, 1.0, height_mm, slope)
    return np.array(heights)


def _propagate(
    surfaces: tuple[Surface, ...], index: float, y: float, nu: float
) -> tuple[list[float], tuple[float, float]]:
    """Heights at the surfaces and behind the last space, and y and nu there. `index` is before the first."""
    heights = []
    for surface in surfaces:
        heights.append(y)
        nu -= y * (surface.index - index) / surface.radius_mm
        index = surface.index
        y += nu * surface.thickness_mm / index
    return [*heights, y], (y, nu)


def _matrix(surfaces: tuple[Surface, ...], index: float = 1.0) -> npt.NDArray[np.float64]:
    """What a ray's (y, nu) before the surfaces becomes behind their last space; its determinant is 1."""
    columns = [_propagate(surfaces, index, *ray)[1] for ray in ((1.0, 0.0), (0.0, 1.0))]
    return np.array(columns).T


def system_matrix(system: System) -> npt.NDArray[np.float64]:
    """Return the matrix that takes a ray (y, nu) from the first surface to the sensor.

    Parameters
    ----------
    system : System
        The lens.

    Returns
    -------
    array of float64, shape (2, 2)
        [[A, B], [C, D]] with determinant 1 and C = −1/f.

    Examples
    --------
    >>> stop = Surface(math.inf, 0.0, 1.0)
    >>> lens = System((stop, Surface(50.0, 0.0, 1.5), Surface(-50.0, 50.0, 1.0)), stop=0)
    >>> system_matrix(lens).round(6).tolist()
    [[0.0, 50.0], [-0.02, 1.0]]
    """
    return _matrix(system.surfaces)


def stop_matrices(system: System) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the matrices of the halves: from the first surface to the stop, and from there to the sensor.

    Parameters
    ----------
    system : System
        The lens.

    Returns
    -------
    array, array of float64, shape (2, 2)
        As `system_matrix`; their product, the rear one first, is the whole lens.

    Examples
    --------
    >>> lens = System((Surface(50.0, 0.0, 1.5), Surface(-50.0, 10.0, 1.0), Surface(math.inf, 40.0, 1.0)), 2)
    >>> front, rear = stop_matrices(lens)
    >>> np.allclose(rear @ front, system_matrix(lens))
    True
    """
    before, behind = system.surfaces[: system.stop], system.surfaces[system.stop :]
    return _matrix(before), _matrix(behind, behind[0].index)
