"""Regularising the depth index in compiled loops; as `stacker.fusion.depth_surface` does with OpenCV.

Windows are 5 x 5. Sums are made of differences to the index in the middle: squares of the indexes themselves
would leave few digits of the small variance, the fewer the longer the stack.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.loops.compiled_math import exponential, logarithm, mirrored, mirrored_row
from stacker.loops.jit import compiled, inner

__all__ = ["confidence_rows", "nearer_rows", "roughness_rows", "settle_rows", "smooth_rows"]

_F = np.float32


@inner
def _sums(a: Any, b: Any, c: Any, d: Any, e: Any, out: Any) -> Any:
    """Of five rows less their middle one; what follows is of the same differences. Two more at both ends."""
    for x in range(c.size):
        out[x + 2] = (a[x] + b[x]) + (d[x] + e[x]) - _F(4) * c[x]
    mirrored(out, 2, out.size - 4)


@inner
def _squares(a: Any, b: Any, c: Any, d: Any, e: Any, out: Any) -> Any:
    for x in range(c.size):
        first, second, fourth, fifth = a[x] - c[x], b[x] - c[x], d[x] - c[x], e[x] - c[x]
        out[x + 2] = first * first + second * second + fourth * fourth + fifth * fifth
    mirrored(out, 2, out.size - 4)


@inner
def _slopes(a: Any, b: Any, d: Any, e: Any, out: Any) -> Any:
    for x in range(a.size):
        out[x + 2] = _F(2) * (e[x] - a[x]) + (d[x] - b[x])
    mirrored(out, 2, out.size - 4)


@inner
def _middles(row: Any, out: Any) -> Any:
    for x in range(row.size):
        out[x + 2] = row[x]
    mirrored(out, 2, out.size - 4)


@inner
def _rough(middle: Any, sums: Any, squares: Any, slopes: Any, out: Any) -> Any:
    """Standard deviation around a plane by least squares: its slope is a sum by ramp over 50."""
    for x in range(out.size):
        here = middle[x + 2]
        a, b, d, e = middle[x] - here, middle[x + 1] - here, middle[x + 3] - here, middle[x + 4] - here
        sum_a, sum_b = sums[x] + _F(5) * a, sums[x + 1] + _F(5) * b
        sum_d, sum_e = sums[x + 3] + _F(5) * d, sums[x + 4] + _F(5) * e
        mean = (sums[x + 2] + (sum_a + sum_b) + (sum_d + sum_e)) * _F(1 / 25)
        power = (
            squares[x + 2]
            + (squares[x] + a * (sums[x] + sum_a))
            + (squares[x + 1] + b * (sums[x + 1] + sum_b))
        )
        power += (squares[x + 3] + d * (sums[x + 3] + sum_d)) + (squares[x + 4] + e * (sums[x + 4] + sum_e))
        right = (_F(2) * (sum_e - sum_a) + (sum_d - sum_b)) * _F(1 / 50)
        down = (slopes[x + 2] + (slopes[x] + slopes[x + 1]) + (slopes[x + 3] + slopes[x + 4])) * _F(1 / 50)
        variance = power * _F(1 / 25) - mean * mean - _F(2) * (right * right + down * down)
        out[x] = np.sqrt(max(variance, _F(0)))


@inner
def _roughness(index: Any, y: Any, lines: Any, out: Any) -> Any:
    """Of a row; ``lines``: room for four of them with two more at both ends."""
    rows, n = index.shape
    a, b, c = index[mirrored_row(y - 2, rows)], index[mirrored_row(y - 1, rows)], index[y]
    d, e = index[mirrored_row(y + 1, rows)], index[mirrored_row(y + 2, rows)]
    side = n + 4
    middle, sums = lines[:side], lines[side : 2 * side]
    squares, slopes = lines[2 * side : 3 * side], lines[3 * side : 4 * side]
    _middles(c, middle)
    _sums(a, b, c, d, e, sums)
    _squares(a, b, c, d, e, squares)
    _slopes(a, b, d, e, slopes)
    _rough(middle, sums, squares, slopes, out)


@compiled
def roughness_rows(index: Any, out: Any, room: Any, y0: Any, y1: Any) -> Any:
    """Standard deviation of the index around a plane. ``room``: 4 W + 16 numbers."""
    for y in range(y0, y1):
        _roughness(index, y, room, out[y])


@inner
def _odds(rough: Any, variance: Any, peak: Any, numbers: Any, out: Any) -> Any:
    per_width, at_peak, at_spread, at_roughness = numbers[0], numbers[1], numbers[2], numbers[3]
    at_nothing, clear, least_spread, least_roughness = numbers[4], numbers[5], numbers[6], numbers[7]
    for x in range(out.size):
        spread = logarithm(np.sqrt(variance[x]) * per_width + least_spread)
        bumps = logarithm(rough[x] * per_width + least_roughness)
        odds = at_peak * min(peak[x], clear) + at_spread * spread + at_roughness * bumps + at_nothing
        odds = min(max(odds, _F(-20)), _F(20))
        less = exponential(-abs(odds))
        part = _F(1) / (_F(1) + less)
        out[x] = part if odds >= _F(0) else part * less


@inner
def _scaled(values: Any, factor: Any, out: Any) -> Any:
    for x in range(out.size):
        out[x] = values[x] * factor


@compiled
def confidence_rows(
    index: Any, variance: Any, peak: Any, numbers: Any, rough: Any, out: Any, room: Any, y0: Any, y1: Any
) -> Any:
    """Probability that the index is right; see `stacker.fusion.depth_surface.confidence_of`.

    Parameters
    ----------
    index, variance, peak : (H, W)
        As they were measured, or regularised.
    numbers : (9,)
        1 / focus width; coefficients of peak, spread and roughness, and the constant; the peak that is clear;
        floors of spread and roughness; factor of ``rough``.
    rough : (H, W)
        Is filled with the roughness; of no size where that is not wanted.
    out : (H, W)
        Is filled.
    room
        5 W + 16 numbers.
    """
    n = index.shape[1]
    line = room[4 * n + 16 : 5 * n + 16]
    for y in range(y0, y1):
        _roughness(index, y, room, line)
        _odds(line, variance[y], peak[y], numbers, out[y])
        if rough.size > 0:
            _scaled(line, numbers[8], rough[y])


@inner
def _add_weighed(weight: Any, row: Any, middle: Any, sums: Any) -> Any:
    for x in range(row.size):
        sums[x + 2] += weight[x] * (row[x] - middle[x])


@inner
def _add_squares(weight: Any, row: Any, middle: Any, squares: Any) -> Any:
    for x in range(row.size):
        off = row[x] - middle[x]
        squares[x + 2] += weight[x] * (off * off)


@inner
def _add_five(a: Any, b: Any, c: Any, d: Any, e: Any, out: Any) -> Any:
    for x in range(c.size):
        out[x + 2] = (a[x] + b[x]) + c[x] + (d[x] + e[x])
    mirrored(out, 2, out.size - 4)


@inner
def _towards(
    middle: Any, weights: Any, sums: Any, squares: Any, confidence: Any, surface_variance: Any, out: Any
) -> Any:
    """Towards the mean around, the more the less that varies, and the less a cell itself is believed."""
    for x in range(out.size):
        here = middle[x + 2]
        a, b, d, e = middle[x] - here, middle[x + 1] - here, middle[x + 3] - here, middle[x + 4] - here
        sum_a, sum_b = sums[x] + weights[x] * a, sums[x + 1] + weights[x + 1] * b
        sum_d, sum_e = sums[x + 3] + weights[x + 3] * d, sums[x + 4] + weights[x + 4] * e
        weight = (weights[x] + weights[x + 1]) + weights[x + 2] + (weights[x + 3] + weights[x + 4])
        power = (
            squares[x + 2]
            + (squares[x] + a * (sums[x] + sum_a))
            + (squares[x + 1] + b * (sums[x + 1] + sum_b))
        )
        power += (squares[x + 3] + d * (sums[x + 3] + sum_d)) + (squares[x + 4] + e * (sums[x + 4] + sum_e))
        whole = _F(1) / (weight + _F(25e-6))
        mean = (sums[x + 2] + (sum_a + sum_b) + (sum_d + sum_e)) * whole
        variance = max(power * whole - mean * mean, _F(0))
        out[x] = here + mean - variance / (variance + surface_variance) * confidence[x] * mean


@inner
def _trust(upper: Any, lower: Any, out: Any) -> Any:
    for x in range(out.size):
        above = upper[2 * x] * upper[2 * x] + upper[2 * x + 1] * upper[2 * x + 1]
        out[x] = _F(0.25) * (above + (lower[2 * x] * lower[2 * x] + lower[2 * x + 1] * lower[2 * x + 1]))


@inner
def _weighed(upper: Any, lower: Any, above: Any, below: Any, out: Any) -> Any:
    """Sums of two rows of indexes by the squares of their confidence, ``above`` and ``below``."""
    for x in range(out.size):
        first = above[2 * x] * above[2 * x] * upper[2 * x] + below[2 * x] * below[2 * x] * lower[2 * x]
        k = 2 * x + 1
        out[x] = _F(0.25) * (first + (above[k] * above[k] * upper[k] + below[k] * below[k] * lower[k]))


@compiled
def smooth_rows(
    index: Any,
    confidence: Any,
    surface_variance: Any,
    smooth: Any,
    trust: Any,
    total: Any,
    room: Any,
    y0: Any,
    y1: Any,
) -> Any:
    """Smooth the index over its surface, and add it up in blocks of 2 x 2; the range is one of their rows.

    Parameters
    ----------
    index, confidence : (H, W)
        Sides are even.
    surface_variance : float32
        What counts as noise of one surface rather than as its shape.
    smooth : (H, W)
        Is filled: the index.
    trust, total : (H / 2, W / 2)
        Are filled: the mean of the squared confidence, and of that times the index.
    room
        4 W + 16 numbers.
    """
    rows, n = index.shape
    side = n + 4
    middle, weights = room[:side], room[side : 2 * side]
    sums, squares = room[2 * side : 3 * side], room[3 * side : 4 * side]
    for block in range(y0, y1):
        for y in range(2 * block, 2 * block + 2):
            above, second = mirrored_row(y - 1, rows), mirrored_row(y - 2, rows)
            below, other = mirrored_row(y + 1, rows), mirrored_row(y + 2, rows)
            _middles(index[y], middle)
            _add_five(
                confidence[second], confidence[above], confidence[y], confidence[below], confidence[other],
                weights,
            )  # fmt: skip
            sums[:] = _F(0)
            squares[:] = _F(0)
            for at in (second, above, below, other):
                _add_weighed(confidence[at], index[at], index[y], sums)
                _add_squares(confidence[at], index[at], index[y], squares)
            mirrored(sums, 2, sums.size - 4)
            mirrored(squares, 2, squares.size - 4)
            _towards(middle, weights, sums, squares, confidence[y], surface_variance, smooth[y])
        upper, lower = 2 * block, 2 * block + 1
        _trust(confidence[upper], confidence[lower], trust[block])
        _weighed(smooth[upper], smooth[lower], confidence[upper], confidence[lower], total[block])


@inner
def _between(here: Any, other: Any, out: Any) -> Any:
    """A quarter of the way to another row, one more at both ends."""
    n = here.size
    for x in range(n):
        out[x + 1] = _F(0.75) * here[x] + _F(0.25) * other[x]
    out[0], out[n + 1] = out[1], out[n]


@inner
def _settle(column: Any, confidence: Any, least: Any, most: Any, smooth: Any) -> Any:
    for x in range(smooth.size // 2):
        near = _F(0.75) * column[x + 1]
        first, second = near + _F(0.25) * column[x], near + _F(0.25) * column[x + 2]
        first += confidence[2 * x] * (smooth[2 * x] - first)
        second += confidence[2 * x + 1] * (smooth[2 * x + 1] - second)
        smooth[2 * x] = min(max(first, least), most)
        smooth[2 * x + 1] = min(max(second, least), most)


@compiled
def settle_rows(far: Any, confidence: Any, limits: Any, smooth: Any, room: Any, y0: Any, y1: Any) -> Any:
    """Take what the surroundings say where the index is not believed, in place.

    Parameters
    ----------
    far : (H / 2, W / 2)
        That, bilinear between the middles of blocks of 2 x 2.
    confidence, smooth : (H, W)
        Sides are even.
    limits : (2,)
        Between which indexes the outcome stays.
    room
        W / 2 + 2 numbers.
    """
    rows, n = far.shape
    column = room[: n + 2]
    for y in range(y0, y1):
        here = y // 2
        other = min(max(here - 1 if y % 2 == 0 else here + 1, 0), rows - 1)
        _between(far[here], far[other], column)
        _settle(column, confidence[y], limits[0], limits[1], smooth[y])


@inner
def _nearer(total: Any, weight: Any, support: Any, far: Any) -> Any:
    for x in range(far.size):
        own = total[x] / max(weight[x], _F(1e-9))
        far[x] += (own - far[x]) * (weight[x] / (weight[x] + support))


@compiled
def nearer_rows(
    total: Any,
    weight: Any,
    support: Any,
    far: Any,
    room: Any,  # noqa: ARG001 - every loop is offered some
    y0: Any,
    y1: Any,
) -> Any:
    """Take what wide surroundings say back by what is known nearby, in place.

    Parameters
    ----------
    total, weight : (H, W)
        Weighted sums of what is known, and the sums of weights.
    support : float32
        Weight of what the wide surroundings say.
    far : (H, W)
        That.
    """
    for y in range(y0, y1):
        _nearer(total[y], weight[y], support, far[y])
