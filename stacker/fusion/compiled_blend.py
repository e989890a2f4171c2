"""Sharpening a picture and blending it into another one, in compiled loops.

See `stacker.fusion.sharpening` and `stacker.fusion.blending`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.loops.compiled_math import blurred_across, blurred_down, mirrored
from stacker.loops.jit import compiled, inner

__all__ = ["blend_rows", "compare_rows", "sharpen_strips"]

_F = np.float32

_REACH = 3
"""Rows and columns that the blur reaches beyond a pixel; `sharpening.sharpen` gives as many rows more."""

_RING = 2 * _REACH + 1


@inner
def _luma(row: Any, out: Any) -> Any:
    for x in range(out.size):
        outer = _F(row[3 * x]) + _F(row[3 * x + 2])
        out[x] = _F(0.25) * outer + _F(0.5) * _F(row[3 * x + 1])


@inner
def _detail(luma: Any, column: Any, kernel: Any, share: Any, out: Any) -> Any:
    """A share of what the blur takes away; ``column`` is blurred down and has three more at both ends."""
    for x in range(out.size):
        out[x] = share * (luma[x] - blurred_across(column, kernel, x))


@inner
def _thrice(values: Any, out: Any) -> Any:
    for x in range(values.size):
        out[3 * x] = values[x]
        out[3 * x + 1] = values[x]
        out[3 * x + 2] = values[x]


@inner
def _add(more: Any, limits: Any, row: Any) -> Any:
    for x in range(row.size):
        row[x] = min(max(_F(row[x]) + more[x] + limits[0], limits[1]), limits[2])


@compiled
def sharpen_strips(
    picture: Any,
    edges: Any,
    strip: Any,
    share: Any,
    kernel: Any,
    limits: Any,
    room: Any,
    s0: Any,
    s1: Any,
) -> Any:
    """Add a share of the finest detail of luma to a picture, in place; the range is one of strips.

    Parameters
    ----------
    picture : (H, 3 W)
        RGB, pixel by pixel.
    edges : (n, 2 * 3, 3 W)
        The three rows above and below each strip as they were; mirrored at the edges of the picture.
    strip : int
        Rows of a strip; the last one may have fewer.
    share : float32
        How much to add.
    kernel : (4,)
        The middle and one side of the blur.
    limits : (3,)
        What to add before a fraction is cut off, least and greatest value.
    room
        12 W + 6 numbers.
    """
    height, n = picture.shape[0], picture.shape[1] // 3
    ring = room[: _RING * n]
    column, detail = room[_RING * n : (_RING + 1) * n + 6], room[(_RING + 1) * n + 6 : (_RING + 2) * n + 6]
    more = room[(_RING + 2) * n + 6 : (_RING + 5) * n + 6]
    for s in range(s0, s1):
        top, bottom = s * strip, min(height, s * strip + strip)
        rows = bottom - top
        for at in range(rows + 2 * _REACH):
            slot = at % _RING
            if at < _REACH:
                _luma(edges[s, at], ring[slot * n : slot * n + n])
            elif at < rows + _REACH:
                _luma(picture[top + at - _REACH], ring[slot * n : slot * n + n])
            else:
                _luma(edges[s, at - rows], ring[slot * n : slot * n + n])
            if at >= 2 * _REACH:
                first = at - 2 * _REACH
                blurred_down(ring, n, first, kernel, column)
                mirrored(column, _REACH, n)
                middle = (first + _REACH) % _RING
                _detail(ring[middle * n : middle * n + n], column, kernel, share, detail)
                _thrice(detail, more)
                _add(more, limits, picture[top + first])


@inner
def _spread(blocks: Any, side: Any, out: Any) -> Any:
    """A row of pixels from one of blocks, linear between their middles; half a block more at both ends."""
    step = _F(1) / _F(side)
    for k in range(blocks.size - 1):
        here, more = blocks[k], (blocks[k + 1] - blocks[k]) * step
        for x in range(side):
            out[k * side + x] = here + more * (_F(x) + _F(0.5))


@inner
def _move(other: Any, weight: Any, limits: Any, row: Any) -> Any:
    for x in range(row.size):
        mine = _F(row[x])
        value = mine + weight[x] * (_F(other[x]) - mine)
        row[x] = min(max(value + limits[0], limits[1]), limits[2])


@compiled
def blend_rows(
    picture: Any, other: Any, share: Any, side: Any, limits: Any, room: Any, y0: Any, y1: Any
) -> Any:
    """Move a picture towards another one, in place.

    Parameters
    ----------
    picture, other : (H, 3 W)
        RGB, pixel by pixel.
    share : (h + 3, w + 3)
        How far, block by block, with one block more before the first and two behind the last; linear between
        the middles of blocks.
    side : int
        Of a block, even.
    limits : (3,)
        What to add before a fraction is cut off, least and greatest value.
    room
        w + 3 + side * (w + 2) + 3 W numbers.
    """
    blocks = share.shape[1]
    row, wide = room[:blocks], room[blocks : blocks + side * (blocks - 1)]
    half, n = side // 2, picture.shape[1]
    weight = room[blocks + side * (blocks - 1) : blocks + side * (blocks - 1) + n]
    for y in range(y0, y1):
        upper = (y + half) // side
        below = (_F((y + half) % side) + _F(0.5)) / _F(side)
        for x in range(blocks):
            row[x] = share[upper, x] + below * (share[upper + 1, x] - share[upper, x])
        _spread(row, side, wide)
        _thrice(wide[half : half + n // 3], weight)
        _move(other[y], weight, limits, picture[y])


@inner
def _half_luma(upper: Any, lower: Any, numbers: Any, out: Any) -> Any:
    """Luma of two rows at half their size, rounded before as OpenCV does it if samples are whole."""
    scale, rounding = numbers[0], numbers[1]
    whole = rounding > _F(0)
    for x in range(out.size):
        red = _F(0.25) * (_F(upper[6 * x]) + _F(upper[6 * x + 3]) + (_F(lower[6 * x]) + _F(lower[6 * x + 3])))
        green = _F(upper[6 * x + 1]) + _F(upper[6 * x + 4]) + (_F(lower[6 * x + 1]) + _F(lower[6 * x + 4]))
        blue = _F(upper[6 * x + 2]) + _F(upper[6 * x + 5]) + (_F(lower[6 * x + 2]) + _F(lower[6 * x + 5]))
        green, blue = _F(0.25) * green, _F(0.25) * blue
        red = np.floor(red + rounding) if whole else red
        green = np.floor(green + rounding) if whole else green
        blue = np.floor(blue + rounding) if whole else blue
        out[x] = scale * (_F(0.25) * (red + blue) + _F(0.5) * green)


@inner
def _gather(own: Any, sums: Any, most: Any) -> Any:
    for x in range(own.size):
        sums[x] += own[x]
        most[x] = max(most[x], own[x])


@inner
def _gather_off(own: Any, other: Any, sums: Any, squares: Any, most: Any) -> Any:
    for x in range(own.size):
        off = own[x] - other[x]
        most[x] = max(most[x], other[x])
        sums[x] += off
        squares[x] += off * off


@inner
def _means(line: Any, cells: Any, out: Any) -> Any:
    share = _F(1) / _F(cells * cells)
    for block in range(out.size):
        total = _F(0)
        for x in range(block * cells, block * cells + cells):
            total += line[x]
        out[block] = total * share


@inner
def _highest(line: Any, cells: Any, out: Any) -> Any:
    for block in range(out.size):
        most = line[block * cells]
        for x in range(block * cells, block * cells + cells):
            most = max(most, line[x])
        out[block] = most


@compiled
def compare_rows(
    picture: Any,
    other: Any,
    side: Any,
    numbers: Any,
    luma: Any,
    brightest: Any,
    other_brightest: Any,
    off: Any,
    difference: Any,
    room: Any,
    y0: Any,
    y1: Any,
) -> Any:
    """Look at two pictures block by block; see `stacker.fusion.blending.Blocks`. Rows are those of blocks.

    Parameters
    ----------
    picture, other : (H, 3 W)
        RGB, pixel by pixel.
    side : int
        Of a block, even.
    numbers : (2,)
        Factor from samples to levels, and what is added before a fraction is cut off; 0 where none is.
    luma, brightest, other_brightest, off, difference : (h, w)
        Are filled.
    room
        3.5 side w numbers.
    """
    cells, n = side // 2, luma.shape[1] * side // 2
    own, others = room[:n], room[n : 2 * n]
    sums, most = room[2 * n : 3 * n], room[3 * n : 4 * n]
    sums_off, squares, other_most = room[4 * n : 5 * n], room[5 * n : 6 * n], room[6 * n : 7 * n]
    for y in range(y0, y1):
        sums[:] = _F(0)
        most[:] = _F(0)
        sums_off[:] = _F(0)
        squares[:] = _F(0)
        other_most[:] = _F(0)
        for row in range(y * side, y * side + side, 2):
            _half_luma(picture[row], picture[row + 1], numbers, own)
            _half_luma(other[row], other[row + 1], numbers, others)
            _gather(own, sums, most)
            _gather_off(own, others, sums_off, squares, other_most)
        _means(sums, cells, luma[y])
        _highest(most, cells, brightest[y])
        _highest(other_most, cells, other_brightest[y])
        _means(sums_off, cells, off[y])
        _means(squares, cells, difference[y])
