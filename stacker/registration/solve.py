"""One step of matching at one size: which points are looked at, and the least squares over them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from stacker.frames import Image
from stacker.loops.workers import by_loops
from stacker.registration.levels import TILE_PX, Level, MatchPyramid
from stacker.registration.similarity import Matrix, about_centre, inverse

__all__ = [
    "Points",
    "System",
    "chosen_points",
    "covariance",
    "in_focus",
    "increment",
    "linearised",
    "solved",
    "standard_errors",
]

Vector = np.ndarray[Any, np.dtype[np.float64]]

_MAX_POINTS = 20_000
_QUANTILE_POINTS = 10_000
_MIN_POINTS = 64
_MEDIAN_POINTS = 5_000
_STRONG = 0.99
_MOST_CONDITION = 1e8
_CONTRASTS, _LEAST_SPREAD = (0.25, 4.0), 1e-3
_NOWHERE_PX = np.float32(-1e6)
_CELLS = 8
"""Across and down the picture: within a cell errors may go together, as they do where a part of the subject
lies nearer than the rest, and where neighbouring points see the same noise through the band's filter."""

_FAINT = 0.01
"""Of the square of a strong gradient: what is fainter is the noise of a plain background, and where that is
most of the picture, what is not noise would look like an outlier."""


@dataclass(frozen=True)
class Points:
    """Places of the fixed picture that are compared.

    Attributes
    ----------
    x, y : ndarray, shape (n,), float32
        Pixels of the level.
    u, v : ndarray, shape (n,), float32
        The same about the centre, half the long side being 1.
    band : ndarray, shape (3, n), float32
        The fixed picture's band and its gradients there.
    """

    x: Image
    y: Image
    u: Image
    v: Image
    band: Image


@dataclass(frozen=True)
class System:
    """Linear equations for the motion that is left.

    Attributes
    ----------
    jacobian : ndarray, shape (10, n)
        Scale, rotation, shift x, shift y, stretch, shear, two of perspective, contrast, offset.
    residual, weight : ndarray, shape (n,)
        What the motion does not explain yet, and how much each point counts.
    normal, told : ndarray of float64, shapes (10, 10) and (10,)
        The weighted normal equations.
    """

    jacobian: Image
    residual: Image
    weight: Image
    normal: Vector
    told: Vector


def chosen_points(level: Level) -> Points | None:
    """The pixels with the strongest gradients: flat ones cost time and say nothing about motion."""
    width, height = level.size
    gradient_x, gradient_y = level.gradient_x, level.gradient_y
    strength = cv2.accumulateSquare(gradient_y, cv2.multiply(gradient_x, gradient_x))
    strength[:2], strength[-2:], strength[:, :2], strength[:, -2:] = 0, 0, 0, 0
    count = min(_MAX_POINTS, strength.size // 2)
    sample = np.sort(strength.ravel()[:: _step(strength.size, width)])
    if count < _MIN_POINTS or sample[-1] == 0:
        return None
    shares = 1 - count / strength.size, _STRONG
    enough, strong = (sample[int(share * (sample.size - 1))] for share in shares)
    # Places in the flat picture: NumPy takes a fifth of the time to find and to gather them.
    places = np.flatnonzero(strength > max(float(enough), _FAINT * float(strong)))
    if places.size < _MIN_POINTS:
        return None
    rows, columns = np.divmod(places, width)
    x, y = columns.astype(np.float32), rows.astype(np.float32)
    radius = np.float32(max(width, height) / 2)
    u, v = (x - np.float32((width - 1) / 2)) / radius, (y - np.float32((height - 1) / 2)) / radius
    band = np.stack([part.take(places) for part in (level.band, gradient_x, gradient_y)])
    return Points(x, y, u, v, band)


def _step(size: int, width: int) -> int:
    """From one point of the sample to the next: no factor of the width, or the sample is of a few columns.

    Of a square of 1000 px every hundredth point is in one of ten columns, between which hairs go down: noise
    was then all that was strong, and there were 260,000 points of it.
    """
    step = max(1, size // _QUANTILE_POINTS)
    while math.gcd(step, width) > 1:
        step -= 1
    return step


def linearised(
    points: Points, level: Level, transform: Matrix, compiled: bool | None = None
) -> System | None:
    """Set the equations up about a transform of points of the fixed level to points of the moving one.

    Parameters
    ----------
    points : Points
        Of the fixed level.
    level : Level
        The moving one.
    transform : ndarray, shape (3, 3)
        From pixels of the one to those of the other.
    compiled : bool, optional
        Whether to use the compiled loop; where numba is installed by default.

    Returns
    -------
    System or None
        None where too few of the points are seen in the moving picture.
    """
    make = _linearised_by_loop if by_loops(compiled) else _linearised_plainly
    m = transform.astype(np.float32)
    return make(points if level.hidden is None else _seen(points, level.hidden, m), level, m)


def _seen(points: Points, hidden: Image, m: Image) -> Points:
    """The same points; those that lie on something hidden are put where nothing is."""
    x, y = (np.rint(part).astype(np.intp) for part in _mapped(m, points.x, points.y))
    rows, columns = hidden.shape
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    covered = inside & (hidden[np.clip(y, 0, rows - 1), np.clip(x, 0, columns - 1)] > 0)
    return replace(points, x=np.where(covered, _NOWHERE_PX, points.x))


def _linearised_by_loop(points: Points, level: Level, m: Image) -> System | None:
    from stacker.registration.compiled_solve import equations, room_for

    n, (rows, columns) = points.x.size, level.band.shape
    made, normal, told = np.empty((12, n), np.float32), np.zeros((10, 10)), np.zeros(10)
    jacobian, residual, weight = made[:10], made[10], made[11]
    where = points.x, points.y, points.u, points.v, points.band
    pictures = (part.reshape(-1) for part in (level.band, level.gradient_x, level.gradient_y))
    numbers = np.array([_MIN_POINTS, *_CONTRASTS, 1 + n // _MEDIAN_POINTS, _LEAST_SPREAD], np.float32)
    equations.bound(*where, *pictures, rows, columns, m, numbers, jacobian, residual, weight, normal, told)(
        np.empty(room_for(n), np.float32), 0, n
    )
    if normal[9, 9] == 0:
        return None
    return System(jacobian, residual, weight, normal, told)


def _linearised_plainly(points: Points, level: Level, m: Image) -> System | None:
    width, height = level.size
    map_x, map_y = _mapped(m, points.x, points.y)
    inside = (map_x >= 1) & (map_x <= width - 2) & (map_y >= 1) & (map_y <= height - 2)
    count = np.count_nonzero(inside)
    if count < _MIN_POINTS:
        return None
    compared = slice(None) if count == inside.size else inside  # a slice makes no copies
    sampled = _sample(level, map_x, map_y)
    values = points.band[0]
    contrast = np.float32(_contrast(values[compared], sampled[0][compared]))
    seen, slope_x, slope_y = (part * contrast for part in sampled)
    # Gradient of the moving picture in the fixed one's frame, averaged with the fixed one's own.
    gx = 0.5 * (points.band[1] + m[0, 0] * slope_x + m[1, 0] * slope_y)
    gy = 0.5 * (points.band[2] + m[0, 1] * slope_x + m[1, 1] * slope_y)
    u, v = points.u, points.v
    along, across = gx * u + gy * v, gy * u - gx * v
    jacobian = np.stack(
        (along, across, gx, gy, gx * u - gy * v, gx * v + gy * u, -along * u, -along * v, seen - seen.mean(),
         np.ones_like(gx))
    )  # fmt: skip
    residual = values - seen
    sample = residual[compared][:: 1 + residual.size // _MEDIAN_POINTS].copy()
    middle = np.median(sample)
    residual -= middle
    spread = max(1.48 * float(np.median(np.abs(sample - middle))), _LEAST_SPREAD)
    weight = (inside / (1 + (residual / np.float32(3 * spread)) ** 2)).astype(np.float32)
    weighted = jacobian * weight
    normal, told = weighted @ jacobian.T, weighted @ residual
    return System(jacobian, residual, weight, normal.astype(np.float64), told.astype(np.float64))


def solved(system: System, unknowns: tuple[int, ...]) -> Vector | None:
    """Least squares for some of the Jacobian's rows."""
    conditioned = _conditioned(system, unknowns)
    if conditioned is None:
        return None
    inverse, scale = conditioned
    return np.asarray(inverse @ (system.told[list(unknowns)] / scale) / scale)


def standard_errors(
    system: System, points: Points, unknowns: tuple[int, ...], compiled: bool | None = None
) -> Vector | None:
    """Of what `solved` finds.

    Weights are not inverse variances here, so errors come through the weighted normal equations (the
    "sandwich" of Huber, "The behavior of maximum likelihood estimates under nonstandard conditions", 1967),
    with residuals that may go together within cells of the picture (Liang and Zeger, "Longitudinal data
    analysis using generalized linear models", Biometrika 73, 1986).
    """
    scatter = _scatter(system, points, unknowns, compiled)
    return None if scatter is None else np.asarray(np.sqrt((scatter[0] ** 2).sum(axis=1)) / scatter[1])


def covariance(system: System, points: Points, unknowns: tuple[int, ...]) -> Vector | None:
    """The same with how errors go together; shape (n, n)."""
    scatter = _scatter(system, points, unknowns)
    return (
        None if scatter is None else np.asarray(scatter[0] @ scatter[0].T / np.outer(scatter[1], scatter[1]))
    )


def _scatter(
    system: System, points: Points, unknowns: tuple[int, ...], compiled: bool | None = None
) -> tuple[Vector, Vector] | None:
    """What each cell adds to the errors, and what that is to be divided by."""
    conditioned = _conditioned(system, unknowns)
    if conditioned is None:
        return None
    inverse, scale = conditioned
    told = (_told_by_loop if by_loops(compiled) else _told_plainly)(system, points)[list(unknowns)]
    return np.asarray(inverse @ (told / scale[:, None])), scale


def _told_plainly(system: System, points: Points) -> Vector:
    """What each cell says of each of the unknowns."""
    column, row = (((part + 1) * np.float32(_CELLS / 2)).astype(np.intp) for part in (points.u, points.v))
    cell = np.clip(row, 0, _CELLS - 1) * _CELLS + np.clip(column, 0, _CELLS - 1)
    counts = system.weight * system.residual
    return np.stack([np.bincount(cell, part * counts, _CELLS**2) for part in system.jacobian])


def _told_by_loop(system: System, points: Points) -> Vector:
    from stacker.registration.compiled_solve import cell_sums

    n, told = points.u.size, np.zeros((_CELLS**2, len(system.jacobian)))
    made = system.jacobian, system.residual, system.weight, told
    cell_sums.bound(points.u, points.v, *made)(np.empty(2 * n, np.float32), 0, n)
    return told.T


def _conditioned(system: System, unknowns: tuple[int, ...]) -> tuple[Vector, Vector] | None:
    """The inverse of the normal equations with a diagonal of ones, and what they were divided by."""
    normal = system.normal[_square(unknowns)]
    scale = np.sqrt(np.diag(normal))
    if not np.all(scale > 0):
        return None
    values, vectors = np.linalg.eigh(normal / np.outer(scale, scale))
    if not values[-1] < _MOST_CONDITION * values[0]:
        return None
    return np.asarray((vectors / values) @ vectors.T), np.asarray(scale)


@lru_cache
def _square(unknowns: tuple[int, ...]) -> tuple[Any, ...]:
    """Where some rows and columns cross."""
    return np.ix_(unknowns, unknowns)


def increment(step: Vector, size: tuple[int, int]) -> Matrix:
    """The transform that a solution (scale, rotation, shift x, shift y, and perhaps stretch, shear, two of
    perspective) stands for, in pixels of a level.
    """
    a, b, tx, ty, c, d, e, f = np.concatenate([step, np.zeros(8 - len(step))])
    radius = max(size) / 2
    turn = np.array([[1 + a + c, -b + d, tx / radius], [b + d, 1 + a - c, ty / radius], [e, f, 1.0]])
    onto = about_centre(size)
    found = inverse(onto) @ turn @ onto
    return np.asarray(found / found[2, 2])


def _mapped(m: Image, x: Image, y: Image) -> tuple[Image, Image]:
    map_x, map_y = m[0, 0] * x + m[0, 1] * y + m[0, 2], m[1, 0] * x + m[1, 1] * y + m[1, 2]
    if m[2, 0] or m[2, 1]:
        below = m[2, 0] * x + m[2, 1] * y + m[2, 2]
        return map_x / below, map_y / below
    return map_x, map_y


def in_focus(
    points: Points, system: System, fixed: MatchPyramid, moving: MatchPyramid, factor: float, focus_top: float
) -> float:
    """0 to 1: how much of what the equations rest on is in focus in both pictures.

    Parameters
    ----------
    points, system : Points, System
        What was solved last, of a level with that factor.
    fixed, moving : MatchPyramid
        The pictures; they lie within a tile or two of each other.
    factor : float
        Of the level.
    focus_top : float
        Focus that counts as full.
    """
    focus = np.minimum(_focus_at(fixed, points, factor), _focus_at(moving, points, factor))
    share = np.minimum(focus * np.float32(1 / max(focus_top, 1e-9)), np.float32(1))
    told = system.weight * (system.jacobian[2] ** 2 + system.jacobian[3] ** 2)
    return float((told * share).sum() / max(float(told.sum()), 1e-12))


def _focus_at(picture: MatchPyramid, points: Points, factor: float) -> Image:
    rows, columns = picture.focus.shape
    tiles = np.float32(1 / (TILE_PX * factor))
    # What the tiles leave at the right and at the bottom is taken to be as what is beside it.
    column = np.minimum(((points.x + 0.5) * tiles).astype(np.int32), columns - 1)
    row = np.minimum(((points.y + 0.5) * tiles).astype(np.int32), rows - 1)
    return np.asarray(picture.focus[row, column])


def _sample(level: Level, map_x: Image, map_y: Image) -> list[Image]:
    """Bilinear samples at scattered points: band and gradients."""
    row = 512  # remap wants a rectangle with no side over 32767
    padded = -(-map_x.size // row) * row
    grid = [np.resize(part, padded).reshape(-1, row) for part in (map_x, map_y)]
    return [
        cv2.remap(part, grid[0], grid[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).ravel()[
            : map_x.size
        ]
        for part in (level.band, level.gradient_x, level.gradient_y)
    ]


def _contrast(fixed: Image, moving: Image) -> float:
    """Contrast of one set of samples relative to another."""
    return float(np.clip(fixed.std() / max(float(moving.std()), 1e-6), *_CONTRASTS))
