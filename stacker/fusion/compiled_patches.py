"""Looking at tiles and laying them into a picture, in compiled loops; see `stacker.fusion.patch_tiles`."""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.fusion.tiles import TILE_PX
from stacker.loops.compiled_math import any_above, blurred_across
from stacker.loops.jit import compiled, inner

__all__ = ["lay_rows", "look_rows"]

_F = np.float32

_REACH = 3
"""Pixels that the blur reaches."""


@inner
def _add_luma(tile: Any, y: Any, first: Any, behind: Any, times: Any, out: Any) -> Any:
    """Add luma, in samples, of a part of a tile's row to a line that begins where the part does."""
    red, green, blue = tile[0, y, first:behind], tile[1, y, first:behind], tile[2, y, first:behind]
    for x in range(out.size):
        outer = _F(red[x]) + _F(blue[x])
        out[x] += times * (_F(0.25) * outer + _F(0.5) * _F(green[x]))


@inner
def _reduced(line: Any, step: Any, out: Any) -> Any:
    """Sums of a line's numbers, ``step`` at a time, between black and white."""
    for x in range(out.size):
        total = line[x * step]
        for k in range(1, step):
            total += line[x * step + k]
        out[x] = min(max(total, _F(0)), _F(255))


@compiled
def look_rows(
    pixels: Any, places: Any, step: Any, to_levels: Any, plane: Any, room: Any, y0: Any, y1: Any
) -> Any:
    """Luma of tiles, reduced; the range is one of a tile's rows when it is.

    Parameters
    ----------
    pixels : (n, 3, T, T)
        Of the tiles.
    places : (n, 2)
        First row and column of each tile in what is filled; may be beyond it.
    step : int
        By how much they are reduced, a power of 2.
    to_levels : float32
        Factor from samples to levels, white at 255.
    plane : (h, w)
        Is filled where tiles are.
    room
        T numbers.
    """
    side, width = TILE_PX // step, plane.shape[1]
    times = to_levels / _F(step * step)
    for at in range(places.shape[0]):
        top, left = places[at, 0], places[at, 1]
        first, behind = max(0, -left), min(side, width - left)
        if behind <= first:
            continue
        line = room[: (behind - first) * step]
        for y in range(max(y0, -top), min(y1, plane.shape[0] - top)):
            line[:] = _F(0)
            for row in range(y * step, y * step + step):
                _add_luma(pixels[at], row, first * step, behind * step, times, line)
            _reduced(line, step, plane[top + y, left + first : left + behind])


@inner
def _spread(weights: Any, first: Any, behind: Any, step: Any, out: Any) -> Any:
    """Weights of pixels from reduced ones, linear between their middles; ``out`` begins with those that lie
    between the first two."""
    share = _F(0.5) / _F(step)
    off = 1 + step - 2 * ((step + 1) // 2)
    for k in range(first, behind):
        here, more = weights[k], (weights[k + 1] - weights[k]) * share
        for x in range(step):
            out[k * step + x] = here + more * _F(2 * x + off)


@inner
def _between(upper: Any, lower: Any, below: Any, first: Any, out: Any) -> Any:
    for x in range(out.size):
        out[x] = upper[first + x] + below * (lower[first + x] - upper[first + x])


@inner
def _detail(
    tile: Any, y: Any, first: Any, behind: Any, crisp: Any, kernel: Any, column: Any, out: Any
) -> Any:
    """A share of what the blur takes away from luma in a part of a tile's row; tiles are mirrored at their
    edges."""
    size = tile.shape[1]
    low, high = max(0, first - _REACH), min(size, behind + _REACH)
    part = column[low + _REACH : high + _REACH]
    part[:] = _F(0)
    for k in range(-_REACH, _REACH + 1):
        row = abs(y + k)
        row = 2 * size - 2 - row if row >= size else row
        _add_luma(tile, row, low, high, kernel[abs(k)], part)
    if low == 0:
        for k in range(1, _REACH + 1):
            column[_REACH - k] = column[_REACH + k]
    if high == size:
        for k in range(1, _REACH + 1):
            column[_REACH + size - 1 + k] = column[_REACH + size - 1 - k]
    out[first:behind] = _F(0)
    _add_luma(tile, y, first, behind, _F(1), out[first:behind])
    for x in range(first, behind):
        out[x] = crisp * (out[x] - blurred_across(column, kernel, x))


@inner
def _move(
    tile: Any, y: Any, first: Any, behind: Any, weight: Any, more: Any, limits: Any, row: Any, x0: Any
) -> Any:
    """Move a part of a picture's row, in which the tile begins at column x0, towards a tile."""
    for channel in range(3):
        line = tile[channel, y]
        for x in range(first, behind):
            here = 3 * (x0 + x) + channel
            mine = _F(row[here])
            taken = min(max(_F(line[x]) + more[x], limits[1]), limits[2])
            value = mine + weight[x] * (taken - mine)
            row[here] = min(max(value + limits[0], limits[1]), limits[2])


@compiled
def lay_rows(
    pixels: Any,
    places: Any,
    step: Any,
    weight: Any,
    origin: Any,
    crisp: Any,
    kernel: Any,
    limits: Any,
    picture: Any,
    room: Any,
    y0: Any,
    y1: Any,
) -> Any:
    """Move a picture towards tiles, in place; the range is one of a tile's rows.

    Parameters
    ----------
    pixels, places, step
        As of `look_rows`, but that no tile lies at the edge of the weights or beyond.
    weight : (h, w)
        How far, reduced; linear between the middles.
    origin : (2,)
        Row and column of the weights' first pixel in the picture.
    crisp : float32
        Share of the finest detail of luma that is added to the tiles.
    kernel : (4,)
        The middle and one side of the blur that leaves it behind.
    limits : (3,)
        What to add before a fraction is cut off, least and greatest value.
    picture : (H, 3 W)
        RGB, pixel by pixel.
    room
        4 T + 2 step + 8 numbers.
    """
    lead, side = (step + 1) // 2, TILE_PX // step
    more, column = room[:TILE_PX], room[TILE_PX : 2 * TILE_PX + 2 * _REACH]
    reduced, line = room[2 * TILE_PX + 6 : 2 * TILE_PX + side + 8], room[3 * TILE_PX + 8 :]
    more[:] = _F(0)
    for at in range(places.shape[0]):
        top, left = places[at, 0], places[at, 1]
        x0 = origin[1] + left * step
        for y in range(max(y0, -origin[0] - top * step), min(y1, picture.shape[0] - origin[0] - top * step)):
            upper = top - 1 + (y + lead) // step
            below = _F(0.5) * _F(2 * ((y + lead) % step) + 1 + step - 2 * lead) / _F(step)
            _between(weight[upper], weight[upper + 1], below, left - 1, reduced)
            if not any_above(reduced, _F(0)):
                continue
            row, k = picture[origin[0] + top * step + y], 0
            while k <= side:
                start = k
                while k <= side and reduced[k] + reduced[k + 1] > _F(0):
                    k += 1
                first = max(0, -x0, start * step - lead)
                behind = min(TILE_PX, picture.shape[1] // 3 - x0, k * step - lead)
                k += 1
                if behind <= first:
                    continue
                _spread(reduced, start, k - 1, step, line)
                if crisp > _F(0):
                    _detail(pixels[at], y, first, behind, crisp, kernel, column, more)
                _move(pixels[at], y, first, behind, line[lead:], more, limits, row, x0)
