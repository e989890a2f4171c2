"""Brings frames onto the canvas: a separable cubic warp as compiled loops.

The warp is separable (Catmull and Smith, "3-D transformations of images in scanline order", SIGGRAPH 1980):
lines are resampled first, columns then. Where scale and turn are slight, the whole part of the position
advances in step with the pixels over long runs, and a run is four multiplications a pixel with neighbours in
memory. OpenCV's cubic warp takes four times as long and rounds positions to 1/32 px.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stacker.fusion.jit import compiled, inner

__all__ = ["MOST_SLOPE", "WARP_ROOM", "warp_rows"]

_F = np.float32
_TILE_ROWS, _TILE_COLUMNS = 64, 512
"""What is warped at a time: its lines, 400 kB, stay in the processor's cache between the two passes."""

_OVERRUN = 32
"""Runs are worked on in multiples of that: what is too much is overwritten by the next run, which is quicker
than to treat the last few pixels of a vector one by one."""

_CUBIC = np.float32(-0.75)
"""Slope of the cubic at its neighbour, OpenCV's choice (Keys, "Cubic convolution interpolation", 1981)."""

MOST_SLOPE = 1 / 8
"""How much slope, turn or shear lines are resampled for one after the other: runs of 8 pixels or more. Those
take 0.7 s of processor time for 24 megapixels, runs of 32 take 0.25 s, and OpenCV 1 to 2 s."""

_LINES = math.ceil(_TILE_ROWS * (1 + MOST_SLOPE) + _TILE_COLUMNS * MOST_SLOPE) + 6
_COLUMNS = _TILE_COLUMNS + _OVERRUN
_REACHED = math.ceil(_TILE_COLUMNS * (1 + 2 * MOST_SLOPE)) + 8 + _OVERRUN
WARP_ROOM = 6 * _REACHED + 3 * _LINES * _COLUMNS + 7 * _COLUMNS
"""Room that `warp_rows` needs for the tile that it warps."""


@inner
def _run(part: Any, step: Any, n: Any) -> Any:
    """For how many of n pixels the fraction part + step * x stays between 0 and 1; at least one.

    A pixel at the very end may come to lie outside by a rounding error, which its weights do not mind.
    """
    if abs(step) * n < 1e-9:
        return n
    count = math.ceil(min((1.0 - part) / step, n)) if step > 0 else math.floor(min(part / -step, n)) + 1
    return max(1, min(n, count))


@inner
def _overrun(n: Any) -> Any:
    return (n + _OVERRUN - 1) // _OVERRUN * _OVERRUN


@inner
def _cubic(start: Any, slope: Any, n: Any, weights: Any) -> Any:
    """Weights of the four neighbours of the fractions start + slope * x, of n pixels: n of each in turn."""
    before, first, second, behind = (
        weights[:n],
        weights[n : 2 * n],
        weights[2 * n : 3 * n],
        weights[3 * n : 4 * n],
    )
    begin, step = _F(start), _F(slope)
    for x in range(n):
        t = begin + step * _F(np.int32(x))  # 64 bits have no vector instructions
        outer = _CUBIC * t * (_F(1) - t)
        nearer = ((_CUBIC + _F(2)) * t - (_CUBIC + _F(3))) * t * t + _F(1)
        before[x] = outer - outer * t
        first[x] = nearer
        second[x] = _F(1) - outer - nearer
        behind[x] = outer * t


@inner
def _blend(a: Any, b: Any, c: Any, d: Any, weights: Any, out: Any) -> Any:
    n = out.size
    before, first, second, behind = (
        weights[:n],
        weights[n : 2 * n],
        weights[2 * n : 3 * n],
        weights[3 * n : 4 * n],
    )
    for x in range(n):
        out[x] = before[x] * a[x] + first[x] * b[x] + second[x] * c[x] + behind[x] * d[x]


@inner
def _load(row: Any, left: Any, n: Any, apart: Any, lines: Any) -> Any:
    """Three lines of n floats, of a row of RGB pixels from a column on; mirrored beyond its ends."""
    width = row.size // 3
    first = min(n, max(0, -left))
    last = max(first, min(n, width - left))
    inside = row[3 * (left + first) : 3 * (left + last)]
    # Taken apart in their own type and widened after that: the compiler has vector instructions for either.
    count = last - first
    red, green, blue = apart[:count], apart[count : 2 * count], apart[2 * count : 3 * count]
    for x in range(count):
        red[x] = inside[3 * x]
        green[x] = inside[3 * x + 1]
        blue[x] = inside[3 * x + 2]
    for c in range(3):
        part, out = apart[c * count : (c + 1) * count], lines[c * n + first : c * n + last]
        for x in range(count):
            out[x] = part[x]
    for channel in range(3):
        for x in range(first):
            lines[channel * n + x] = row[3 * min(-1 - (left + x), width - 1) + channel]
        for x in range(last, n):
            lines[channel * n + x] = row[3 * max(0, min(width - 1, 2 * width - 1 - (left + x))) + channel]


@inner
def _store(values: Any, gain: Any, offset: Any, limits: Any, out: Any) -> Any:
    """Apply a gain and write into the frames' type."""
    rounding, least, most = limits[0], limits[1], limits[2]
    for x in range(out.size):
        out[x] = min(max(values[x] * gain + offset + rounding, least), most)


@inner
def _along_line(
    lines: Any, reached: Any, start: Any, slope: Any, n: Any, weights: Any, m: Any, out: Any
) -> Any:
    """Resample three lines at start + slope * x, into three of m numbers."""
    x = 0
    while x < n:
        whole = math.floor(start + slope * x)
        part = start + slope * x - whole
        run = _run(part, slope - 1.0, n - x)
        k = _overrun(run)
        _cubic(part, slope - 1.0, k, weights)
        for c in range(3):
            source = lines[c * reached + whole - 1 : (c + 1) * reached]
            _blend(source, source[1:], source[2:], source[3:], weights, out[c * m + x : c * m + x + k])
        x += run


@inner
def _across_lines(across: Any, start: Any, slope: Any, n: Any, weights: Any, m: Any, out: Any) -> Any:
    """Resample columns at start + slope * x, into three lines of m numbers."""
    x = 0
    while x < n:
        whole = math.floor(start + slope * x)
        part = start + slope * x - whole
        run = _run(part, slope, n - x)
        k = _overrun(run)
        _cubic(part, slope, k, weights)
        for c in range(3):
            a = across[(3 * whole - 3 + c) * m + x :]
            _blend(a, a[3 * m :], a[6 * m :], a[9 * m :], weights, out[c * m + x : c * m + x + k])
        x += run


@inner
def _warp_tile(
    pixels: Any,
    matrix: Any,
    gain: Any,
    offset: Any,
    limits: Any,
    out: Any,
    room: Any,
    y0: Any,
    y1: Any,
    x0: Any,
    x1: Any,
) -> Any:
    a, b, tx = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    d, e, ty = matrix[1, 0], matrix[1, 1], matrix[1, 2]
    height, n = pixels.shape[0], x1 - x0
    lowest = min(d * x0, d * (x1 - 1)) + min(e * y0, e * (y1 - 1)) + ty
    highest = max(d * x0, d * (x1 - 1)) + max(e * y0, e * (y1 - 1)) + ty
    top, bottom = math.floor(lowest) - 1, math.floor(highest) + 3
    slope = a - b * d / e  # along a line of the frame: what is left when its slant is taken out
    reached, m = int(abs(slope) * n) + 8 + _OVERRUN, n + _OVERRUN
    across, rest = room[: 3 * (bottom - top) * m], room[3 * (bottom - top) * m :]
    weights, values, lines = rest[: 4 * m], rest[4 * m : 7 * m], rest[7 * m : 7 * m + 3 * reached]
    apart = rest[7 * m + 3 * reached :].view(pixels.dtype)
    for y in range(top, bottom):
        mirrored = y if y >= 0 else -1 - y
        mirrored = mirrored if mirrored < height else 2 * height - 1 - mirrored
        start = slope * x0 + b * (y - ty) / e + tx
        left = math.floor(start) - 2
        _load(pixels[max(0, min(height - 1, mirrored))], left, reached, apart, lines)
        _along_line(lines, reached, start - left, slope, n, weights, m, across[3 * (y - top) * m :])
    for y in range(y0, y1):
        _across_lines(across, d * x0 + e * y + ty - top, d, n, weights, m, values)
        for c in range(3):
            _store(values[c * m : (c + 1) * m], gain[c], offset[c], limits, out[c, y, x0:x1])


@compiled
def warp_rows(
    pixels: Any,
    matrix: Any,
    gain: Any,
    offset: Any,
    limits: Any,
    out: Any,
    room: Any,
    y0: Any,
    y1: Any,
) -> Any:
    """Rows of the frame on the canvas: out(c, y, x) = pixels at matrix @ (x, y, 1), times gain, plus offset.

    ``pixels``: (H, 3 W), red, green and blue in turn.
    ``limits``: what to add before a fraction is cut off, least and greatest value, as float32.
    """
    width = out.shape[2]
    for top in range(y0, y1, _TILE_ROWS):
        bottom = min(y1, top + _TILE_ROWS)
        for x0 in range(0, width, _TILE_COLUMNS):
            x1 = min(width, x0 + _TILE_COLUMNS)
            _warp_tile(pixels, matrix, gain, offset, limits, out, room, top, bottom, x0, x1)
