"""Brings frames onto the canvas: a separable cubic warp as compiled loops.

The warp is separable (Catmull and Smith, "3-D transformations of images in scanline order", SIGGRAPH 1980):
columns of the frame are resampled first, for one line of the canvas, and that line after them. Columns are
taken in runs over which the four lines that are blended stay the same: the whole width, or nearly, where a
frame is not turned. Along the line the pixels that are blended move on by one more, or one less, than the
pixels of the canvas every so often: as that happens once in a block at most, a block is a blend of five
neighbours in memory, one of which has no weight. Lines of a frame that is not turned have the same weights.
OpenCV's cubic warp takes eight times as long, and in some versions rounds positions to 1/32 px.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stacker.loops.jit import compiled, inner

__all__ = ["MOST_SLOPE", "WARP_ROOM", "warp_rows"]

_F, _I = np.float32, np.int32  # 64 bits have no vector instructions
_TILE_ROWS, _TILE_COLUMNS = 64, 512
"""What is warped at a time: what a line of the tile is made of stays in the processor's first cache."""

_BLOCK = 32
"""Pixels of a line that are worked on together; a few of them where the scale differs much."""

_VECTOR = 16
"""Runs are worked on in multiples of that: what is too much is overwritten by the next run, which is quicker
than to treat the last few pixels of a vector one by one."""

_FINENESS = 4096.0
"""Parts of a pixel to which the place of a line is rounded: the weights of one then serve the next."""

_CUBIC = np.float32(-0.75)
"""Slope of the cubic at its neighbour, OpenCV's choice (Keys, "Cubic convolution interpolation", 1981)."""

MOST_SLOPE = 1 / 8
"""How much slope, turn or shear a frame is resampled with in this way; see `_advance` and `_run`."""

_TILT = MOST_SLOPE / (1 - MOST_SLOPE)
_MARGIN = 8
_REACHED = math.ceil(_TILE_COLUMNS * (1 + MOST_SLOPE) + _TILE_ROWS * MOST_SLOPE) + _MARGIN + _VECTOR
_PITCH = (_REACHED + 2 * _BLOCK) // 64 * 64 + 64
"""From one line of a tile to the next. A constant, as is `_OUT`: the compiler then sees at a glance, once a
block, that what is written is apart from what is read."""

_LINES = math.ceil(_TILE_ROWS * (1 + MOST_SLOPE + _TILT * MOST_SLOPE) + _REACHED * _TILT) + _MARGIN
_OUT = _TILE_COLUMNS + _BLOCK
_BLOCKS = _TILE_COLUMNS // (_BLOCK // 4)
WARP_ROOM = 3 * _PITCH + (1 + 5 * _BLOCK) * _BLOCKS + 3 * _OUT + 3 * _LINES * _PITCH
"""Room that `warp_rows` needs for the tile that it warps, of pixels of up to four bytes."""


@inner
def _take_apart(row: Any, left: Any, n: Any, lines: Any) -> Any:
    """Three lines of n samples, of a row of RGB pixels from a column on; mirrored beyond its ends."""
    width = row.size // 3
    first = min(n, max(0, -left))
    last = max(first, min(n, width - left))
    inside, out = row[3 * (left + first) : 3 * (left + last)], lines[first:]
    for x in range(last - first):
        out[x] = inside[3 * x]
        out[x + _PITCH] = inside[3 * x + 1]
        out[x + 2 * _PITCH] = inside[3 * x + 2]
    for channel in range(3):
        line = lines[channel * _PITCH :]
        for x in range(first):
            line[x] = row[3 * min(-1 - (left + x), width - 1) + channel]
        for x in range(last, n):
            line[x] = row[3 * max(0, min(width - 1, 2 * width - 1 - (left + x))) + channel]


@inner
def _cubic(t: Any) -> Any:
    """Weights of the four neighbours of a fraction."""
    outer = _CUBIC * t * (_F(1) - t)
    first = ((_CUBIC + _F(2)) * t - (_CUBIC + _F(3))) * t * t + _F(1)
    behind = outer * t
    return outer - behind, first, _F(1) - outer - first, behind


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
def _across_lines(apart: Any, at: Any, part: Any, slope: Any, n: Any, lines: Any) -> Any:
    """Three lines of n numbers from four times three that begin at a place, at part + slope * x."""
    begin, step = _F(part), _F(slope)
    a = apart[at:]
    # Channels are written out: by a loop over them the warp takes a tenth longer.
    for x in range(n):
        before, first, second, behind = _cubic(begin + step * _F(_I(x)))
        lines[x] = (
            before * _F(a[x])
            + first * _F(a[x + 3 * _PITCH])
            + second * _F(a[x + 6 * _PITCH])
            + behind * _F(a[x + 9 * _PITCH])
        )
        lines[x + _PITCH] = (
            before * _F(a[x + _PITCH])
            + first * _F(a[x + 4 * _PITCH])
            + second * _F(a[x + 7 * _PITCH])
            + behind * _F(a[x + 10 * _PITCH])
        )
        lines[x + 2 * _PITCH] = (
            before * _F(a[x + 2 * _PITCH])
            + first * _F(a[x + 5 * _PITCH])
            + second * _F(a[x + 8 * _PITCH])
            + behind * _F(a[x + 11 * _PITCH])
        )


@inner
def _advance(slope: Any) -> Any:
    """Pixels of a block in which the neighbours move on by one too many or too few once at most.

    What is worked on beyond them is overwritten by the next block.
    """
    off = abs(slope - 1.0)
    if off * (_BLOCK - 1) < 1:
        return _BLOCK
    return _BLOCK // 2 if off * (_BLOCK // 2 - 1) < 1 else _BLOCK // 4


@inner
def _weigh(start: Any, slope: Any, advance: Any, blocks: Any, places: Any, weights: Any) -> Any:
    """For each block of a line at start + slope * x: the first of its neighbours, and weights of five."""
    step = slope - 1.0
    for block in range(blocks):
        begin = start + slope * (block * advance)
        whole = math.floor(begin + min(0.0, step * (advance - 1)))
        places[block] = whole - 1
        part, more = _F(begin - whole), _F(step)
        w = weights[5 * _BLOCK * block :]
        for x in range(_BLOCK):
            t = part + more * _F(_I(x))
            later = t >= _F(1)
            before, first, second, behind = _cubic(t - _F(1) if later else t)
            w[x] = _F(0) if later else before
            w[x + _BLOCK] = before if later else first
            w[x + 2 * _BLOCK] = first if later else second
            w[x + 3 * _BLOCK] = second if later else behind
            w[x + 4 * _BLOCK] = behind if later else _F(0)


@inner
def _along_line(
    lines: Any,
    advance: Any,
    blocks: Any,
    places: Any,
    weights: Any,
    gain: Any,
    offset: Any,
    limits: Any,
    out: Any,
) -> Any:
    """Resample three lines, apply a gain, and put them down in the frames' type."""
    rounding, least, most = limits[0], limits[1], limits[2]
    gain_r, gain_g, gain_b = gain[0], gain[1], gain[2]
    more_r, more_g, more_b = offset[0] + rounding, offset[1] + rounding, offset[2] + rounding
    for block in range(blocks):
        a, w, o = lines[places[block] :], weights[5 * _BLOCK * block :], out[block * advance :]
        for x in range(_BLOCK):
            red = green = blue = _F(0)
            for k in range(5):
                v = w[x + k * _BLOCK]
                red += v * a[x + k]
                green += v * a[x + k + _PITCH]
                blue += v * a[x + k + 2 * _PITCH]
            o[x] = min(max(red * gain_r + more_r, least), most)
            o[x + _OUT] = min(max(green * gain_g + more_g, least), most)
            o[x + 2 * _OUT] = min(max(blue * gain_b + more_b, least), most)


@inner
def _take_lines(pixels: Any, top: Any, bottom: Any, left: Any, n: Any, apart: Any) -> Any:
    """Lines of the frame, three for each row; mirrored beyond its ends."""
    height = pixels.shape[0]
    for y in range(top, bottom):
        mirrored = y if y >= 0 else -1 - y
        mirrored = mirrored if mirrored < height else 2 * height - 1 - mirrored
        row = pixels[max(0, min(height - 1, mirrored))]
        _take_apart(row, left, n, apart[3 * _PITCH * (y - top) :])


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
    n = x1 - x0
    slope = matrix[1, 0] / a  # along a line of the frame; downwards what is left when its slant is taken out
    fall = matrix[1, 1] - slope * b
    ty = matrix[1, 2] - slope * tx
    # One more on each side than is needed: places are rounded, and computed in another order below.
    left = math.floor(a * x0 + tx + min(b * y0, b * (y1 - 1))) - 3
    reached = math.ceil(a * n + abs(b) * (y1 - y0)) + _MARGIN
    reached = (reached + _VECTOR - 1) // _VECTOR * _VECTOR
    highest = ty + min(slope * left, slope * (left + reached)) + min(fall * y0, fall * (y1 - 1))
    lowest = ty + max(slope * left, slope * (left + reached)) + max(fall * y0, fall * (y1 - 1))
    top, bottom = math.floor(highest) - 2, math.floor(lowest) + 4
    lines, rest = room[: 3 * _PITCH], room[3 * _PITCH :]
    weights, rest = rest[: 5 * _BLOCK * _BLOCKS], rest[5 * _BLOCK * _BLOCKS :]
    places, rest = rest[:_BLOCKS].view(np.int32), rest[_BLOCKS:]
    values, apart = rest[: 3 * _OUT].view(pixels.dtype), rest[3 * _OUT :].view(pixels.dtype)
    _take_lines(pixels, top, bottom, left, reached, apart)
    advance, weighed = _advance(a), -1.0
    blocks = (n + advance - 1) // advance
    count = math.ceil(a * n) + _MARGIN
    for y in range(y0, y1):
        # What is rounded is where the line comes into the frame: so a view comes out as the whole does.
        ahead = math.floor((b * y + tx) / a)
        enters = math.floor((b * y + tx - a * ahead) * _FINENESS + 0.5) / _FINENESS
        start = enters + a * (x0 + ahead)
        first = math.floor(start) - 2
        begin, x = slope * first + fall * y + ty - top, 0
        while x < count:
            whole = math.floor(begin + slope * x)
            part = begin + slope * x - whole
            run = _run(part, slope, count - x)
            k = (run + _VECTOR - 1) // _VECTOR * _VECTOR
            _across_lines(apart, 3 * (whole - 1) * _PITCH + first - left + x, part, slope, k, lines[x:])
            x += run
        if start - first != weighed:
            weighed = start - first
            _weigh(weighed, a, advance, blocks, places, weights)
        _along_line(lines, advance, blocks, places, weights, gain, offset, limits, values)
        for c in range(3):
            row, line = out[c, y, x0:x1], values[c * _OUT :]
            for i in range(n):
                row[i] = line[i]


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
