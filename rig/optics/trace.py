"""What a lens is at one focus, from its surfaces: focal length, principal planes, pupils, distances.

Paraxial (near the axis), in mm; `rig.optics.surfaces` has the conventions. Internal focusing is why this is
needed: focal length, pupil ratio and working distance of a macro lens change with its focus, and no data
sheet gives them. `rig.optics.prescriptions` has lenses to trace.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rig.optics.numeric import checked_positive
from rig.optics.surfaces import System, stop_matrices, system_matrix

__all__ = [
    "LensTrace",
    "PrincipalPlanes",
    "Pupils",
    "WideOpen",
    "focal_length",
    "principal_planes",
    "pupils",
    "trace_lens",
    "wide_open_f_number",
]

FOCUSED_AT_INFINITY = 1e-3
"""Magnification below which a lens counts as focused at infinity.

Patents print distances to 0.01 mm, so the sensor of a 100 mm lens lies up to 1/4000 of f from where the
rounded surfaces form the image of infinity, on either side: the object distance traced from that is noise.
"""


def focal_length(system: System) -> float:
    """Return the focal length, mm, as the lens is focused: −1/C of its matrix; negative when it spreads.

    Parameters
    ----------
    system : System
        The lens at one focus.

    Raises
    ------
    ValueError
        For an afocal system, which has none.

    Examples
    --------
    A cemented doublet (Thorlabs AC254-100-A, N-BK7 and N-SF5), by its maker 100 mm ± 1 %:

    >>> from rig.optics.surfaces import Surface
    >>> doublet = System((Surface(62.8, 4.0, 1.5168), Surface(-45.7, 2.5, 1.6727),
    ...                   Surface(-128.2, 0.0, 1.0), Surface(math.inf, 97.1, 1.0)), stop=3)
    >>> round(focal_length(doublet))
    100
    """
    power = -float(system_matrix(system)[1, 0])
    # A metre of glass rounded in its last bit has some 1e-16 of power; nothing that forms images has 1e-12.
    if abs(power) < 1e-12:
        raise ValueError("the system is afocal: it has no focal length")
    return 1 / power


@dataclass(frozen=True)
class PrincipalPlanes:
    """Where a lens acts as if it were thin.

    Parameters
    ----------
    front_mm : float
        Front principal plane, from the first surface.
    rear_mm : float
        Rear principal plane, from the last surface.
    hiatus_mm : float
        HH', from the front one to the rear one; negative when they are crossed.
    """

    front_mm: float
    rear_mm: float
    hiatus_mm: float


def principal_planes(system: System) -> PrincipalPlanes:
    """Return the principal planes and the hiatus HH' between them.

    The hiatus is what D = f(2 + m + 1/m) + HH' needs to be exact (`rig.optics.magnification`).

    Parameters
    ----------
    system : System
        The lens at one focus.

    Returns
    -------
    PrincipalPlanes
        In mm; they move with the focus.

    Raises
    ------
    ValueError
        For an afocal system.

    References
    ----------
    W. J. Smith, Modern Optical Engineering, 4th ed., ch. 2.

    Examples
    --------
    A glass ball of 10 mm radius and index 1.5 has both at its centre:

    >>> from rig.optics.surfaces import Surface
    >>> ball = System((Surface(math.inf, 0.0, 1.0), Surface(10.0, 20.0, 1.5), Surface(-10.0, 5.0, 1.0)), 0)
    >>> planes = principal_planes(ball)
    >>> round(planes.front_mm, 9), round(planes.rear_mm, 9), abs(round(planes.hiatus_mm, 9))
    (10.0, -10.0, 0.0)
    """
    f = focal_length(system)
    back = system.surfaces[-1].thickness_mm
    matrix = system_matrix(system)
    at_sensor = f * (float(matrix[0, 0]) - 1)  # the rear principal plane from the sensor
    front = f * (1 - float(matrix[1, 1]))
    return PrincipalPlanes(front, back + at_sensor, system.length_mm + at_sensor - front)


@dataclass(frozen=True)
class Pupils:
    """The images of the stop, seen from both sides.

    Parameters
    ----------
    entrance_mm : float
        Entrance pupil from the first surface; infinite when the lens is telecentric towards the object.
    exit_mm : float
        Exit pupil from the sensor, so mostly negative; −∞ when telecentric towards the sensor.
    ratio : float
        P, size of the exit over that of the entrance pupil, at this focus. 0 when telecentric towards the
        object, infinite towards the sensor, negative when one pupil is an upside-down image of the stop
        (hypercentric); m/P and 1/m + 1/P hold with that sign.
    """

    entrance_mm: float
    exit_mm: float
    ratio: float


# What is divided by is of the order of 1; rounding leaves 1e-16 of it where a lens is telecentric.
_PARALLEL = 1e-12


def _over(numerator: float, denominator: float) -> float:
    """A quotient that is infinite, not an error, when a lens is telecentric."""
    return math.inf if abs(denominator) < _PARALLEL else numerator / denominator


def pupils(system: System) -> Pupils:
    """Return where the pupils are and how large one is to the other.

    Parameters
    ----------
    system : System
        The lens at one focus.

    Returns
    -------
    Pupils
        Places in mm, and P.

    References
    ----------
    W. J. Smith, Modern Optical Engineering, 4th ed., ch. 9: stops and pupils.

    Examples
    --------
    A stop 10 mm behind a thin lens of 50 mm is seen 12.5 mm behind it and larger by 5/4:

    >>> from rig.optics.surfaces import Surface
    >>> lens = System((Surface(50.0, 0.0, 1.5), Surface(-50.0, 10.0, 1.0), Surface(math.inf, 40.0, 1.0)), 2)
    >>> seen = pupils(lens)
    >>> round(seen.entrance_mm, 6), round(seen.exit_mm, 6), round(seen.ratio, 6)
    (12.5, -40.0, 0.8)
    """
    front, rear = stop_matrices(system)
    return Pupils(
        entrance_mm=_over(float(front[0, 1]), float(front[0, 0])),
        exit_mm=-_over(float(rear[0, 1]), float(rear[1, 1])),
        ratio=_over(float(front[0, 0]), float(rear[1, 1])),
    )


@dataclass(frozen=True)
class LensTrace:
    """What a lens is at one focus. All lengths in mm.

    Parameters
    ----------
    focal_length_mm : float
        Of this focus.
    magnification : float
        m, image over object; 0 when focused at infinity, negative for a relay's upright image.
    object_mm : float
        Plane of focus before the first surface (the working distance of the glass); infinite at infinity.
    object_to_image_mm : float
        Plane of focus to sensor, as focus distances are engraved; infinite at infinity.
    hiatus_mm : float
        Between the principal planes.
    pupils : Pupils
        Their places and P.
    pupil_to_object_mm : float
        v, from the entrance pupil to the plane of focus, positive towards the object: infinite when focused
        at infinity or telecentric, negative when hypercentric (the pupil lies beyond the plane of focus).
    """

    focal_length_mm: float
    magnification: float
    object_mm: float
    object_to_image_mm: float
    hiatus_mm: float
    pupils: Pupils
    pupil_to_object_mm: float


def trace_lens(system: System) -> LensTrace:
    """Return all that the trace knows about a lens whose sensor is where it is.

    Parameters
    ----------
    system : System
        The lens at one focus.

    Returns
    -------
    LensTrace
        The plane of focus is the one that the lens images on the sensor.

    Raises
    ------
    ValueError
        For an afocal system, and for a sensor on which no object before the lens is sharp.

    Notes
    -----
    v agrees with f(1/m + 1/P), with f and P of the same focus.

    Examples
    --------
    A thin lens of 50 mm with its stop, 100 mm before the sensor: 1:1, four focal lengths from end to end.

    >>> from rig.optics.surfaces import Surface
    >>> stop = Surface(math.inf, 0.0, 1.0)
    >>> seen = trace_lens(System((stop, Surface(50.0, 0.0, 1.5), Surface(-50.0, 100.0, 1.0)), stop=0))
    >>> seen.magnification, round(seen.object_to_image_mm, 9), round(seen.pupil_to_object_mm, 9)
    (1.0, 200.0, 100.0)
    >>> seen.pupils.ratio
    1.0
    """
    f = focal_length(system)
    matrix = system_matrix(system)
    m = -float(matrix[0, 0])
    seen = pupils(system)
    if abs(m) < FOCUSED_AT_INFINITY:
        m, object_mm = 0.0, math.inf
    else:
        object_mm = float(matrix[0, 1]) / m
    if object_mm < 0:
        raise ValueError(
            f"no object before the lens is sharp on this sensor: it would lie {-object_mm:g} mm behind the "
            "first surface"
        )
    telecentric = math.isinf(seen.entrance_mm)
    return LensTrace(
        focal_length_mm=f,
        magnification=m,
        object_mm=object_mm,
        object_to_image_mm=object_mm + system.length_mm,
        hiatus_mm=principal_planes(system).hiatus_mm,
        pupils=seen,
        pupil_to_object_mm=math.inf if telecentric else object_mm + seen.entrance_mm,
    )


WORST_CASE_ONLY = (
    "worst case, wide open only: the iris is taken to be as large as at infinity, no rim to clip the light. "
    "The real effective f-number is this or more, so a step from it leaves no gap but takes more frames; "
    "never scale a marked f-number with it"
)


@dataclass(frozen=True)
class WideOpen:
    """The effective f-number of a lens wide open, with what has to be said about it."""

    effective_f_number: float
    warning: str = WORST_CASE_ONLY


def wide_open_f_number(at_infinity: System, focused: System, f_number: float) -> WideOpen:
    """Return the working f-number of a lens wide open, were its iris as large as at infinity.

    Parameters
    ----------
    at_infinity : System
        The lens focused at infinity; with `f_number` it tells how wide the iris is.
    focused : System
        The same lens at the focus in question.
    f_number : float
        At infinity, wide open, above 0 (the design's 2.92, say, not the 2.8 on the barrel).

    Returns
    -------
    WideOpen
        Ne, the paraxial 1/(2·NA) on the sensor's side, and a warning to pass on.

    Raises
    ------
    ValueError
        For an f-number that is not above 0, an afocal system, or one that is telecentric at infinity.

    Warnings
    --------
    Lenses close the iris when they focus close, or their rims clip what a wide iris lets pass: the patent of
    the Sigma 105/2.8 states 5.73 at 1:1 where the same iris would give 4.85. So this is the fastest that
    the lens can be, never a value to scale a marked f-number with.

    Examples
    --------
    A thin lens of f/2 that is moved out to 1:1 works at f/4:

    >>> from rig.optics.surfaces import Surface
    >>> stop = Surface(math.inf, 0.0, 1.0)
    >>> def thin(to_sensor_mm):
    ...     return System((stop, Surface(50.0, 0.0, 1.5), Surface(-50.0, to_sensor_mm, 1.0)), stop=0)
    >>> round(wide_open_f_number(thin(50.0), thin(100.0), 2.0).effective_f_number, 9)
    4.0
    """
    checked_positive(f_number=f_number)
    front, _ = stop_matrices(at_infinity)
    at_iris = float(front[0, 0])  # height there of a ray that came in parallel to the axis at height 1
    if abs(at_iris) < _PARALLEL:
        raise ValueError(
            "telecentric at infinity: the iris does not limit light from there, so N is undefined"
        )
    iris_radius = abs(at_iris * focal_length(at_infinity)) / (2 * f_number)
    _, rear = stop_matrices(focused)
    # The ray from the sensor's axis point through the iris's edge has slope radius/B at the sensor.
    return WideOpen(abs(float(rear[0, 1])) / (2 * iris_radius))
