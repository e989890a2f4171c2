"""Tiles of several frames mixed by depth, in a compiled loop; as `stacker.fusion.mixing.mix_plainly` does."""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.fusion.compiled_math import exponential
from stacker.fusion.jit import compiled, inner

__all__ = ["keep_tiles", "mix_tiles"]

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


@inner
def _encode(score: Any, gate: Any, code_of: Any, out: Any) -> Any:
    """Score and reach in a byte."""
    for x in range(out.size):
        code = np.int32(min(max(score[x] * code_of[0] + code_of[1], _F(1)), _F(254)))
        out[x] = code if gate[x] == 255 else (255 if gate[x] > 1 else 0)


@inner
def _copy(source: Any, target: Any) -> Any:
    for x in range(source.size):
        target[x] = source[x]


@inner
def _contend(codes: Any, margin: Any, best: Any, found: Any) -> Any:
    """Count cells that are as good as the best so far but for a margin, and those reached first."""
    good, new = 0, 0
    for x in range(best.size):
        code, before = np.int32(codes[x]), np.int32(best[x])
        good += 1 if 0 < code < 255 and code + margin >= before else 0
        new += 1 if code > 0 and before == 0 else 0
        best[x] = max(before, np.int32(1) if code == 255 else code)
    found[1] += good
    found[2] += new


@compiled
def keep_tiles(
    planes: Any,
    score: Any,
    bright: Any,
    gate: Any,
    top: Any,
    left: Any,
    code_of: Any,
    margin: Any,
    enough: Any,
    best: Any,
    pixels: Any,
    codes: Any,
    found: Any,
    room: Any,  # noqa: ARG001 - every loop is offered some
    t0: Any,
    t1: Any,
) -> Any:
    """Cut tiles of a band out of a frame; the range is one of tiles.

    Parameters
    ----------
    planes, score, bright, gate
        Of the frame; see `stacker.fusion.tiles.Cut`.
    top, left : int
        Row and column of the band in ``planes``; even, and some of it may lie beyond.
    code_of : (2,)
        Factor and offset from scores to codes.
    margin, enough : int
        How much lower than the best code so far a cell may be, and how many such cells make a tile worth
        keeping; one that is reached for the first time does, too.
    best : (n, T / 2, T / 2)
        Largest code so far, 0 where there was none; is updated.
    pixels, codes : (n, 3, T, T), (n, 2, C, C)
        Are filled, the pixels of what is worth keeping only; what lies beyond the frame stays as it was.
    found : (n, 3)
        Is filled: reach (0 nothing, 1 some of a tile, 2 all of it and its halo), cells that contend, cells
        that are new.
    """
    height, width = score.shape
    side, cells = pixels.shape[2], codes.shape[2]
    for tile in range(t0, t1):
        y0, x0 = top // 2 - 1, (left + tile * side) // 2 - 1
        found[tile, :] = 0
        first, behind = min(cells, max(0, -x0)), min(cells, max(0, width - x0))
        behind = max(first, behind)
        least, most = 255, 0
        for j in range(cells):
            row, light = codes[tile, 0, j], codes[tile, 1, j]
            if y0 + j < 0 or y0 + j >= height:
                row[:] = 0
                light[:] = 0
            else:
                row[:first] = 0
                row[behind:] = 0
                light[:first] = 0
                light[behind:] = 0
                _copy(bright[y0 + j, x0 + first : x0 + behind], light[first:behind])
                _encode(
                    score[y0 + j, x0 + first : x0 + behind], gate[y0 + j, x0 + first : x0 + behind], code_of,
                    row[first:behind],
                )  # fmt: skip
            for x in range(cells):
                least = min(least, int(row[x]))
                most = max(most, int(row[x]))
            if 0 < j < cells - 1:
                _contend(row[1 : cells - 1], margin, best[tile, j - 1], found[tile])
        if most == 0:
            continue
        found[tile, 0] = 2 if least > 0 and most < 255 else 1
        if found[tile, 1] < enough and found[tile, 2] == 0:
            continue
        x0, x1 = left + tile * side, left + (tile + 1) * side
        a, b = max(0, x0), min(planes.shape[2], x1)
        for c in range(3):
            for y in range(max(0, -top), min(side, planes.shape[1] - top)):
                _copy(planes[c, top + y, a:b], pixels[tile, c, y, a - x0 : b - x0])
