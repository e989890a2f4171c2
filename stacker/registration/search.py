"""Searches for the motion between two pictures from size to size, and which size is believed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stacker.registration.levels import MatchPyramid
from stacker.registration.similarity import Matrix, Similarity, rescaled
from stacker.registration.solve import (
    Points,
    System,
    chosen_points,
    in_focus,
    increment,
    linearised,
    solved,
    standard_errors,
)

__all__ = ["BRIGHTNESS", "UNKNOWNS", "Refined", "finer", "searched"]

Vector = np.ndarray[Any, np.dtype[np.float64]]

BRIGHTNESS = (8, 9)
UNKNOWNS = (0, 1, 2, 3, *BRIGHTNESS)
"""Rows of `System.jacobian`: a similarity, contrast and offset."""

_ITERATIONS_COARSE, _ITERATIONS_FINE = 12, 6
_CONVERGED_COARSE_PX, _CONVERGED_FINE_PX = 0.02, 0.003

_MIN_AGREEMENT = 0.8
"""Where fine structure agrees less, it is noise, or the sensor's pattern, which does not move with the
subject. A higher bar would give up sharp registration of stacks with much defocus."""

_SURE_ENOUGH = 1.5e-4
"""Standard errors of a coarser size, as a share of the width, that need no finer one: 0.15 px of 1000."""

_PARTLY, _SURER, _WITHIN_ERRORS, _PARTLY_FOCUSED = 0.3, 0.6, 4.0, 0.5
"""Frames far apart before a slope share a strip of it, where both are a little blurred. Elsewhere one is
sharp and the other is not, so on the whole fine structure agrees by 0.3 to 0.75, as little as beside noise.
It is believed if it makes the standard errors that much smaller, lies within so many of those of the coarser
size, and is in focus. A tilted page in 6 frames (600 px) that wander unevenly lay 0.4 to 1.6 px off beside
the middle frame by what the coarser sizes and the pace said, and lies 0.05 to 0.1 px off."""


@dataclass(frozen=True)
class Refined:
    """What was found at one size.

    Attributes
    ----------
    level : int
        The size; 0 for the whole picture.
    transform : ndarray, shape (3, 3)
        Points of the fixed picture to those of the moving one, in pixels of the level.
    points, system : Points, System
        What was solved last.
    agreement : float
        Share of the fixed picture's structure that the moving one explains, 0 to 1.
    """

    level: int
    transform: Matrix
    points: Points
    system: System
    agreement: float


def searched(
    fixed: MatchPyramid, moving: MatchPyramid, start: Matrix, sizes: Sequence[int]
) -> Refined | None:
    """Refine from size to size, until the pictures agree no more.

    Parameters
    ----------
    fixed, moving : MatchPyramid
        Pictures of the same size.
    start : ndarray, shape (3, 3)
        Points of the fixed picture to those of the moving one, in pixels of the whole.
    sizes : sequence of int
        Levels, coarse to fine.

    Returns
    -------
    Refined or None
        Of the finest level that is believed; None where there is nothing to hold on to at one before it.
    """
    last: Refined | None = None
    for index in sizes:
        refined = _refine(fixed, moving, index, rescaled(start, fixed.levels[index].factor))
        if refined is None:
            return None
        if refined.agreement < _MIN_AGREEMENT and last is not None:
            break
        start = rescaled(refined.transform, 1 / fixed.levels[index].factor)
        last = refined
    return last


def finer(fixed: MatchPyramid, moving: MatchPyramid, coarse: Refined, focus_top: float) -> Refined:
    """The finest size that is surer than the one given, though the pictures agree there in a part only.

    Parameters
    ----------
    fixed, moving : MatchPyramid
        Pictures of the same size.
    coarse : Refined
        What `searched` found; is given back where nothing finer is believed.
    focus_top : float
        Focus that counts as full; see `stacker.registration.solve.in_focus`.
    """
    vaguely = None if coarse.level == 0 else _errors_px(fixed, coarse)
    if vaguely is None or np.linalg.norm(vaguely) < _SURE_ENOUGH * fixed.width:
        return coarse
    believed, at = coarse, coarse
    for index in range(coarse.level - 1, -1, -1):
        ratio = fixed.levels[index].factor / fixed.levels[at.level].factor
        fine = _refine(fixed, moving, index, rescaled(at.transform, ratio))
        if fine is None or fine.agreement < _PARTLY:
            break
        at, surely = fine, _errors_px(fixed, fine)
        if surely is None or np.linalg.norm(surely) > _SURER * np.linalg.norm(vaguely):
            continue
        moved = np.abs(_vector_px(fixed, fine) - _vector_px(fixed, coarse))
        if np.all(moved < _WITHIN_ERRORS * vaguely) and _focused(fixed, moving, fine, focus_top):
            believed = fine
    return believed


def _focused(fixed: MatchPyramid, moving: MatchPyramid, found: Refined, focus_top: float) -> bool:
    factor = fixed.levels[found.level].factor
    return in_focus(found.points, found.system, fixed, moving, factor, focus_top) >= _PARTLY_FOCUSED


def _errors_px(fixed: MatchPyramid, found: Refined) -> Vector | None:
    """Standard errors of scale, rotation and both shifts, in pixels of the whole picture."""
    errors = standard_errors(found.system, found.points, UNKNOWNS)
    return None if errors is None else errors[:4] / fixed.levels[found.level].factor


def _vector_px(fixed: MatchPyramid, found: Refined) -> Vector:
    """Scale and rotation, as movement of the ends of the long side, and both shifts; the same pixels."""
    whole = rescaled(found.transform, 1 / fixed.levels[found.level].factor)
    motion = Similarity.nearest(whole, fixed.centre)
    radius = max(fixed.levels[0].size) / 2
    return np.array([math.log(motion.scale) * radius, motion.rotation_rad * radius, *motion.shift_px])


def _refine(fixed: MatchPyramid, moving: MatchPyramid, index: int, start: Matrix) -> Refined | None:
    """Iterate at one size, from the map of fixed to moving points given."""
    points = fixed.kept(index, chosen_points)
    if points is None:
        return None
    size = fixed.levels[index].size
    radius = max(size) / 2
    iterations = _ITERATIONS_FINE if index == 0 else _ITERATIONS_COARSE
    tolerance = _CONVERGED_FINE_PX if index == 0 else _CONVERGED_COARSE_PX
    transform, system = start, None
    for _ in range(iterations):
        system = linearised(points, moving.levels[index], transform)
        found = None if system is None else solved(system, UNKNOWNS)
        if found is None:
            return None
        transform = transform @ increment(found[:4] / np.array([radius, radius, 1, 1]), size)
        if max(abs(found[:4])) < tolerance:
            break
    if system is None or not _plausible(transform, *size):
        return None
    return Refined(index, transform, points, system, _agreement(points, system))


def _agreement(points: Points, system: System) -> float:
    """Share of the fixed picture's structure that the moving one explains, 0 to 1."""
    used = system.weight > 0
    values, residual = points.band[0][used], system.residual[used]
    return max(0.0, 1 - float(residual.var()) / max(2 * float(values.var()), 1e-9))


def _plausible(transform: Matrix, width: int, height: int) -> bool:
    """Between neighbours nothing halves or doubles, turns by 30° or leaves the frame."""
    motion = Similarity.nearest(transform, ((width - 1) / 2, (height - 1) / 2))
    shift = max(abs(motion.shift_px[0]) / width, abs(motion.shift_px[1]) / height)
    return 0.5 < motion.scale < 2 and abs(motion.rotation_rad) < 0.5 and shift < 0.5
