"""Tiles of several frames mixed by depth, in a compiled loop; as `stacker.fusion.mixing.mix_plainly` does."""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.fusion.compiled_math import exponential
from stacker.fusion.jit import compiled, inner

__all__ = ["mix_tiles"]

_F = np.float32


@inner
def _weigh(
    code: Any,
    bright: Any,
    index: Any,
    near: Any,
    far: Any,
    edge: Any,
    per_width: Any,
    glare: Any,
    code_of: Any,
    out: Any,
) -> Any:
    """Logarithmic weights of a row of cells of a frame."""
    per_code, first, outside, rim = code_of[0], code_of[1], code_of[2], code_of[3]
    for x in range(out.size):
        off = max(near[x] - index, index - far[x], _F(0)) * per_width[x]
        weight = edge[x] * (_F(code[x]) * per_code + first) - _F(0.5) * off * off
        weight -= glare[x] * _F(bright[x])
        weight += outside if code[x] == 0 else _F(0)
        out[x] = weight + (rim if code[x] == 255 else _F(0))


@inner
def _highest(weight: Any, out: Any) -> Any:
    for x in range(out.size):
        out[x] = max(out[x], weight[x])


@inner
def _powers(weight: Any, most: Any, negligible: Any, total: Any) -> Any:
    for x in range(total.size):
        less = weight[x] - most[x]
        power = exponential(less)
        weight[x] = power if less > -negligible else _F(0)
        total[x] += weight[x]


@inner
def _shares(weight: Any, total: Any) -> Any:
    for x in range(total.size):
        weight[x] /= total[x]


@inner
def _between(here: Any, other: Any, out: Any) -> Any:
    """Weights of a row of pixels: a quarter of the way to the neighbouring row; gives the largest."""
    largest = _F(0)
    for x in range(out.size):
        out[x] = here[x] * _F(0.75) + other[x] * _F(0.25)
        largest = max(largest, out[x])
    return largest


@inner
def _add(pixels: Any, column: Any, out: Any) -> Any:
    for x in range(out.size // 2):
        near = column[x + 1] * _F(0.75)
        out[2 * x] += (near + column[x] * _F(0.25)) * _F(pixels[2 * x])
        out[2 * x + 1] += (near + column[x + 2] * _F(0.25)) * _F(pixels[2 * x + 1])


@compiled
def mix_tiles(
    pixels: Any,
    codes: Any,
    indexes: Any,
    first: Any,
    columns: Any,
    near: Any,
    far: Any,
    edge: Any,
    per_width: Any,
    glare: Any,
    code_of: Any,
    negligible: Any,
    limits: Any,
    top: Any,
    left: Any,
    out: Any,
    room: Any,
    t0: Any,
    t1: Any,
) -> Any:
    """Mean of tiles by their weights, put into a picture; the range is one of tiles.

    Parameters
    ----------
    pixels : (n, 3, T, T)
        Records of all tiles, one tile after the other.
    codes : (n, 2, C, C)
        Score and reach, and brightness; C is T / 2 and a halo of one cell on each side.
    indexes : (n,)
        Of the frames.
    first : (m + 1,)
        First record of each tile, and their number.
    columns : (m,)
        Place of each tile in the band, in tiles.
    near, far, edge, per_width, glare : (C, cells of the band)
        `stacker.fusion.depth_choice.Choice`; ``edge`` times its power.
    code_of : (4,)
        Factor and offset from codes to scores, logarithmic weights outside and at the rim.
    negligible : float32
        Logarithm of the largest weight over one that is left out.
    limits : (3,)
        What to add before a fraction is cut off, least and greatest value.
    top, left : int
        Row and column of the band in ``out``; some of it may lie beyond.
    out : (H, W, 3)
        The picture.
    room
        C * C numbers for each record of a tile, 3 T + 3 C more.
    """
    side, cells = pixels.shape[2], codes.shape[2]
    for tile in range(t0, t1):
        n, record = first[tile + 1] - first[tile], first[tile]
        rest = n * cells * cells
        most, total = room[rest : rest + cells], room[rest + cells : rest + 2 * cells]
        column = room[rest + 2 * cells : rest + 3 * cells]
        values = room[rest + 3 * cells : rest + 3 * cells + 3 * side]
        a = columns[tile] * (side // 2)
        b = a + cells
        for y in range(cells):
            most[:] = _F(-1e9)
            total[:] = _F(0)
            for k in range(n):
                weight = room[(k * cells + y) * cells : (k * cells + y + 1) * cells]
                _weigh(
                    codes[record + k, 0, y], codes[record + k, 1, y], indexes[record + k], near[y, a:b],
                    far[y, a:b], edge[y, a:b], per_width[y, a:b], glare[y, a:b], code_of, weight,
                )  # fmt: skip
                _highest(weight, most)
            for k in range(n):
                _powers(room[(k * cells + y) * cells : (k * cells + y + 1) * cells], most, negligible, total)
            for k in range(n):
                _shares(room[(k * cells + y) * cells : (k * cells + y + 1) * cells], total)
        x0 = left + columns[tile] * side
        start, behind = max(0, -x0), min(side, out.shape[1] - x0)
        for y in range(max(0, -top), min(side, out.shape[0] - top)):
            here = y // 2 + 1
            other = here - 1 if y % 2 == 0 else here + 1
            values[:] = _F(0)
            for k in range(n):
                at = k * cells * cells
                largest = _between(
                    room[at + here * cells : at + (here + 1) * cells],
                    room[at + other * cells : at + (other + 1) * cells],
                    column,
                )
                if largest > _F(0):
                    for c in range(3):
                        _add(pixels[record + k, c, y], column, values[c * side : (c + 1) * side])
            for c in range(3):
                for x in range(start, behind):
                    value = values[c * side + x] + limits[0]
                    out[top + y, x0 + x, c] = min(max(value, limits[1]), limits[2])
