"""The equations of a step of matching as compiled loops; as `stacker.registration.solve` does it plainly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stacker.loops.jit import compiled, inner

__all__ = ["PART", "cell_sums", "equations", "room_for"]

_F, _I, _L, _U = np.float32, np.int32, np.int64, np.uint64

PART = 512
"""Points that are worked on together: what is made of them stays in the processor's first cache."""

_BINS = 2048


def room_for(points: int) -> int:
    """Numbers of room that `equations` needs."""
    return 7 * points + PART + _BINS


@inner
def _along(x: Any, y: Any, row: Any, out: Any) -> Any:
    for i in range(x.size):
        out[i] = row[0] * x[i] + row[1] * y[i] + row[2]


@inner
def _divided(values: Any, below: Any) -> Any:
    for i in range(values.size):
        values[i] /= below[i]


@inner
def _within(x: Any, y: Any, right: Any, bottom: Any, inside: Any) -> Any:
    """1 where a point is a pixel or more within the level, else 0; and how many are."""
    count = _F(0)
    for i in range(x.size):
        across = (_F(1) <= x[i]) & (x[i] <= right - _F(1))
        found = _F(across & (_F(1) <= y[i]) & (y[i] <= bottom - _F(1)))
        inside[i] = found
        count += found
    return count


@inner
def _located(x: Any, y: Any, rows: Any, columns: Any, places: Any, across: Any, down: Any) -> Any:
    """Where four neighbours of points begin in a flat picture, and how far from there the points are.

    Beyond the picture it goes on as it ends.
    """
    right, bottom = _F(columns - 1), _F(rows - 1)
    for i in range(x.size):
        here, there = min(max(x[i], _F(0)), right), min(max(y[i], _F(0)), bottom)
        column, row = min(_I(here), _I(columns - 2)), min(_I(there), _I(rows - 2))
        places[i] = row * _I(columns) + column
        across[i], down[i] = here - _F(column), there - _F(row)


@inner
def _sampled(picture: Any, columns: Any, places: Any, across: Any, down: Any, seen: Any) -> Any:
    """Bilinear samples. Places without a sign: others could count from the end, which takes time to see."""
    for i in range(seen.size):
        at = _U(places[i])
        under = at + _U(columns)
        upper = picture[at] + across[i] * (picture[at + _U(1)] - picture[at])
        lower = picture[under] + across[i] * (picture[under + _U(1)] - picture[under])
        seen[i] = upper + down[i] * (lower - upper)


@inner
def _gather(values: Any, seen: Any, inside: Any, sums: Any) -> Any:
    """Add up what standard deviations and the mean are made of; parts in float32, their sum in float64."""
    value = square = other = other_square = whole = _F(0)
    for i in range(values.size):
        a, b = values[i] * inside[i], seen[i] * inside[i]
        value += a
        square += a * a
        other += b
        other_square += b * b
        whole += seen[i]
    sums[1] += value
    sums[2] += square
    sums[3] += other
    sums[4] += other_square
    sums[5] += whole


@inner
def _deviation(total: Any, squares: Any, count: Any) -> Any:
    return math.sqrt(max(0.0, squares / count - (total / count) * (total / count)))


@inner
def _rank(value: Any) -> Any:
    """A whole number, 0 to 2**32 - 1, in the order of the values."""
    bits = _F(value).view(np.int32)
    return _L(bits ^ ((bits >> _I(31)) & _I(0x7FFFFFFF))) + _L(0x80000000)


@inner
def _of_rank(rank: Any) -> Any:
    bits = _I(rank - _L(0x80000000))
    return _I(bits ^ ((bits >> _I(31)) & _I(0x7FFFFFFF))).view(np.float32)


@inner
def _nth(values: Any, n: Any, counts: Any) -> Any:
    """The value before which n others come: its rank is found by 11 bits, 11 and 10."""
    known, left = _L(0), n
    for shift in (21, 10, 0):
        bins = _BINS if shift > 0 else _BINS // 2
        for k in range(bins):
            counts[k] = 0
        for i in range(values.size):
            rank = _rank(values[i]) >> shift
            if shift == 21 or rank // bins == known:
                counts[rank % bins] += 1
        k = 0
        while k < bins - 1 and counts[k] <= left:
            left -= counts[k]
            k += 1
        known = known * bins + k
    return _of_rank(known)


@inner
def _median(values: Any, counts: Any) -> Any:
    lower = _nth(values, (values.size - 1) // 2, counts)
    if values.size % 2 == 1:
        return lower
    before, above = 0, _F(3e38)
    for i in range(values.size):
        if values[i] > lower:
            above = min(above, values[i])
        else:
            before += 1
    return (lower + above) * _F(0.5) if before == values.size // 2 else lower


@inner
def _slopes(own: Any, slope_x: Any, slope_y: Any, along_x: Any, along_y: Any, out: Any) -> Any:
    """The mean of both pictures' gradients, the moving one's turned into the frame of the fixed one."""
    for i in range(out.size):
        out[i] = _F(0.5) * (own[i] + along_x * slope_x[i] + along_y * slope_y[i])


@inner
def _similarity(gx: Any, gy: Any, u: Any, v: Any, along: Any, across: Any) -> Any:
    for i in range(gx.size):
        along[i] = gx[i] * u[i] + gy[i] * v[i]
        across[i] = gy[i] * u[i] - gx[i] * v[i]


@inner
def _affine(gx: Any, gy: Any, u: Any, v: Any, stretch: Any, shear: Any) -> Any:
    for i in range(gx.size):
        stretch[i] = gx[i] * u[i] - gy[i] * v[i]
        shear[i] = gx[i] * v[i] + gy[i] * u[i]


@inner
def _perspective(along: Any, u: Any, v: Any, across: Any, down: Any) -> Any:
    for i in range(along.size):
        across[i] = -along[i] * u[i]
        down[i] = -along[i] * v[i]


@inner
def _brightness(seen: Any, factor: Any, mean: Any, contrast: Any, offset: Any) -> Any:
    for i in range(seen.size):
        contrast[i] = seen[i] * factor - mean
        offset[i] = _F(1)


@inner
def _weigh(
    values: Any, seen: Any, inside: Any, factor: Any, middle: Any, per_spread: Any, residual: Any, weight: Any
) -> Any:
    for i in range(values.size):
        off = values[i] - seen[i] * factor - middle
        residual[i] = off
        share = off * per_spread
        weight[i] = inside[i] / (_F(1) + share * share)


@inner
def _times(a: Any, b: Any, out: Any) -> Any:
    for i in range(out.size):
        out[i] = a[i] * b[i]


@inner
def _dot(a: Any, b: Any) -> Any:
    total = _F(0)
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@inner
def _mapped(matrix: Any, x: Any, y: Any, map_x: Any, map_y: Any, below: Any) -> Any:
    _along(x, y, matrix[0], map_x)
    _along(x, y, matrix[1], map_y)
    if matrix[2, 0] != 0 or matrix[2, 1] != 0:
        _along(x, y, matrix[2], below)
        _divided(map_x, below)
        _divided(map_y, below)


@inner
def _contrast(values: Any, seen: Any, inside: Any, count: Any, limits: Any, sums: Any) -> Any:
    """Contrast of the one relative to the other, and the mean of all of the other with that contrast."""
    sums[:] = 0
    for a in range(0, values.size, PART):
        b = min(a + PART, values.size)
        _gather(values[a:b], seen[a:b], inside[a:b], sums)
    own, other = _deviation(sums[1], sums[2], count), _deviation(sums[3], sums[4], count)
    factor = _F(min(max(own / max(other, 1e-6), limits[0]), limits[1]))
    mean = _F(sums[5] / values.size) * factor
    sums[:] = 0
    return factor, mean


@inner
def _scatter(values: Any, seen: Any, inside: Any, factor: Any, step: Any, some: Any, counts: Any) -> Any:
    """Median of what is left, and that of how far it is from there: of every few points that are seen."""
    found, at = 0, 0
    for i in range(values.size):
        if inside[i] > 0:
            if at == 0:
                some[found] = values[i] - seen[i] * factor
                found += 1
            at = at + 1 if at + 1 < step else 0
    middle = _median(some[:found], counts)
    for i in range(found):
        some[i] = abs(some[i] - middle)
    return middle, _median(some[:found], counts)


@inner
def _rows(
    fixed: Any,
    u: Any,
    v: Any,
    seen: Any,
    matrix: Any,
    factor: Any,
    mean: Any,
    jacobian: Any,
    a: Any,
    b: Any,
) -> Any:
    """Points a to b of the Jacobian. Cut out of it row by row: of a cut of two axes no row is known to be one
    piece of memory."""
    n = u.size
    p, q, gx, gy, along = u[a:b], v[a:b], jacobian[2, a:b], jacobian[3, a:b], jacobian[0, a:b]
    sx, sy = seen[n + a : n + b], seen[2 * n + a : 2 * n + b]
    _slopes(fixed[1, a:b], sx, sy, factor * matrix[0, 0], factor * matrix[1, 0], gx)
    _slopes(fixed[2, a:b], sx, sy, factor * matrix[0, 1], factor * matrix[1, 1], gy)
    _similarity(gx, gy, p, q, along, jacobian[1, a:b])
    _affine(gx, gy, p, q, jacobian[4, a:b], jacobian[5, a:b])
    _perspective(along, p, q, jacobian[6, a:b], jacobian[7, a:b])
    _brightness(seen[a:b], factor, mean, jacobian[8, a:b], jacobian[9, a:b])


@inner
def _add_normal(
    jacobian: Any, residual: Any, weight: Any, a: Any, b: Any, weighted: Any, normal: Any, told: Any
) -> Any:
    for k in range(10):
        _times(weight[a:b], jacobian[k, a:b], weighted)
        told[k] += _dot(weighted, residual[a:b])
        for j in range(k, 10):
            normal[k, j] += _dot(weighted, jacobian[j, a:b])


@compiled
def equations(
    x: Any,
    y: Any,
    u: Any,
    v: Any,
    fixed: Any,
    band: Any,
    gradient_x: Any,
    gradient_y: Any,
    rows: Any,
    columns: Any,
    matrix: Any,
    numbers: Any,
    jacobian: Any,
    residual: Any,
    weight: Any,
    normal: Any,
    told: Any,
    room: Any,
    first: Any,
    behind: Any,
) -> Any:
    """Set up the equations of a step, over all points: the range is that of them.

    Parameters
    ----------
    x, y, u, v, fixed
        See `stacker.registration.solve.Points`; ``fixed`` is its ``band``.
    band, gradient_x, gradient_y : (h * w,)
        Of the moving picture, row by row.
    rows, columns : int
        Of it; two at least.
    matrix : (3, 3), float32
        The transform.
    numbers : (5,)
        Fewest points, least and greatest contrast, every which point is looked at for medians, and least
        spread.
    jacobian : (10, n)
        Is filled; see `stacker.registration.solve.System`.
    residual, weight : (n,)
        Are filled.
    normal, told : (10, 10) and (10,), float64, zeros
        The weighted normal equations are put there; zeros stay where too few points are seen.
    room
        `room_for` as many points.
    """
    n = behind - first
    map_x, map_y, inside = room[:n], room[n : 2 * n], room[2 * n : 3 * n]
    seen, places, rest = room[3 * n : 6 * n], room[6 * n : 7 * n].view(np.int32), room[7 * n :]
    weighted, counts = rest[:PART], rest[PART:].view(np.int32)
    _mapped(matrix, x, y, map_x, map_y, inside)
    count = _within(map_x, map_y, _F(columns - 1), _F(rows - 1), inside)
    if count < numbers[0]:
        return
    _located(map_x, map_y, rows, columns, places, map_x, map_y)
    _sampled(band, columns, places, map_x, map_y, seen[:n])
    _sampled(gradient_x, columns, places, map_x, map_y, seen[n : 2 * n])
    _sampled(gradient_y, columns, places, map_x, map_y, seen[2 * n :])
    factor, mean = _contrast(fixed[0], seen[:n], inside, count, numbers[1:3], told)
    middle, spread = _scatter(fixed[0], seen[:n], inside, factor, int(numbers[3]), map_x, counts)
    per_spread = _F(1) / (_F(3) * max(_F(1.48) * spread, numbers[4]))
    for a in range(0, n, PART):
        b = min(a + PART, n)
        _rows(fixed, u, v, seen, matrix, factor, mean, jacobian, a, b)
        off, counted = residual[a:b], weight[a:b]
        _weigh(fixed[0, a:b], seen[a:b], inside[a:b], factor, middle, per_spread, off, counted)
        _add_normal(jacobian, residual, weight, a, b, weighted[: b - a], normal, told)
    for k in range(10):
        for j in range(k):
            normal[k, j] = normal[j, k]


@compiled
def cell_sums(
    u: Any, v: Any, jacobian: Any, residual: Any, weight: Any, out: Any, room: Any, first: Any, behind: Any
) -> Any:
    """Add up the gradient of the weighted squares cell by cell; the range is that of all points.

    Parameters
    ----------
    u, v, jacobian, residual, weight
        See `equations`.
    out : (c * c, 10), float64
        Is added to: the cells of a grid over a square of 2 x 2 about the centre, row by row.
    room
        Two numbers for each point.
    """
    n, side = behind - first, int(math.sqrt(out.shape[0]))
    cells, counts = room[:n].view(np.int32), room[n : 2 * n]
    half, last = _F(side) * _F(0.5), _I(side - 1)
    for i in range(n):
        column, row = _I((u[i] + _F(1)) * half), _I((v[i] + _F(1)) * half)
        cells[i] = min(max(row, _I(0)), last) * _I(side) + min(max(column, _I(0)), last)
        counts[i] = residual[i] * weight[i]
    for i in range(n):
        at, much = _U(cells[i]), counts[i]
        for k in range(10):  # the same cell comes many times in turn: sums of ten unknowns do not wait
            out[at, k] += jacobian[k, i] * much
