"""Tiles of several frames mixed by depth, in a compiled loop; as `stacker.fusion.mixing.mix_plainly` does."""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.focus.measure import CELL_PX
from stacker.fusion.tiles import HALO_CELLS, TILE_PX
from stacker.loops.compiled_math import any_above, copied, exponential, raised
from stacker.loops.jit import compiled, inner

__all__ = ["mix_tiles"]

_F = np.float32

_CELLS = TILE_PX // CELL_PX
_SEEN = _CELLS + 2 * HALO_CELLS
"""Cells along a side of a tile, and with its halo. Loops that are so short vectorise when that is known."""


@inner
def _gathered(plane: Any, first: Any, out: Any) -> Any:
    """The cells of a tile from those of its band, one row after the other."""
    for y in range(_SEEN):
        copied(plane[y, first : first + _SEEN], out[y * _SEEN : (y + 1) * _SEEN])


@inner
def _weigh(code: Any, index: Any, near: Any, far: Any, per_width: Any, code_of: Any, out: Any) -> Any:
    """Logarithmic weights of the cells of a frame by its distance from the index, and by its reach."""
    outside, rim = code_of[2], code_of[3]
    for x in range(out.size):
        off = max(near[x] - index, index - far[x], _F(0)) * per_width[x]
        weight = _F(-0.5) * off * off
        weight += outside if code[x] == 0 else _F(0)
        out[x] = weight + (rim if code[x] == 255 else _F(0))


@inner
def _add_sharpness(code: Any, edge: Any, code_of: Any, out: Any) -> Any:
    per_code, first = code_of[0], code_of[1]
    for x in range(out.size):
        out[x] += edge[x] * (_F(code[x]) * per_code + first)


@inner
def _take_glare(bright: Any, glare: Any, out: Any) -> Any:
    for x in range(out.size):
        out[x] -= glare[x] * _F(bright[x])


@inner
def _any_near(weight: Any, most: Any, negligible: Any) -> Any:
    """Whether any weight counts beside the largest."""
    found = False
    for x in range(weight.size):
        found |= weight[x] - most[x] > -negligible
    return found


@inner
def _powers(weight: Any, most: Any, negligible: Any, total: Any) -> Any:
    for x in range(weight.size):
        less = weight[x] - most[x]
        power = exponential(less)
        weight[x] = power if less > -negligible else _F(0)
        total[x] += weight[x]


@inner
def _shares(weight: Any, total: Any) -> Any:
    for x in range(weight.size):
        weight[x] /= total[x]


@inner
def _count_rows(weight: Any, counts: Any) -> Any:
    """In which rows of cells a record has any weight: 1, else 0."""
    for y in range(_SEEN):
        some = any_above(weight[y * _SEEN : (y + 1) * _SEEN], _F(0))
        counts[y] = _F(1) if some else _F(0)


@inner
def _widened(here: Any, other: Any, out: Any) -> Any:
    """Weights of a row of pixels: a quarter of the way to the neighbouring row and column."""
    for x in range(_CELLS):
        near = (here[x + 1] * _F(0.75) + other[x + 1] * _F(0.25)) * _F(0.75)
        out[2 * x] = near + (here[x] * _F(0.75) + other[x] * _F(0.25)) * _F(0.25)
        out[2 * x + 1] = near + (here[x + 2] * _F(0.75) + other[x + 2] * _F(0.25)) * _F(0.25)


@inner
def _taken(pixels: Any, out: Any) -> Any:
    for x in range(TILE_PX):
        out[x] = _F(pixels[x])


@inner
def _mixed(one: Any, weight: Any, other: Any, its_weight: Any, out: Any) -> Any:
    for x in range(TILE_PX):
        out[x] = weight[x] * _F(one[x]) + its_weight[x] * _F(other[x])


@inner
def _add(pixels: Any, weight: Any, out: Any) -> Any:
    for x in range(TILE_PX):
        out[x] += weight[x] * _F(pixels[x])


@inner
def _stored(red: Any, green: Any, blue: Any, limits: Any, out: Any) -> Any:
    """A row of the picture, pixel by pixel."""
    for x in range(red.size):
        out[3 * x] = min(max(red[x] + limits[0], limits[1]), limits[2])
        out[3 * x + 1] = min(max(green[x] + limits[0], limits[1]), limits[2])
        out[3 * x + 2] = min(max(blue[x] + limits[0], limits[1]), limits[2])


@inner
def _weigh_cells(
    codes: Any,
    indexes: Any,
    choice: Any,
    edged: Any,
    glaring: Any,
    code_of: Any,
    negligible: Any,
    lines: Any,
    weights: Any,
    counts: Any,
) -> Any:
    """Shares of the records of a tile, cell by cell, and in which rows they count.

    Parameters
    ----------
    choice : (5 * C * C,)
        Near, far, edge, width and glare of its cells.
    lines : (2 * C * C,)
        Room.
    weights, counts : (n * C * C,), (n * C,)
        Are filled; a count is 0 in rows in which a record has no weight anywhere.
    """
    cells = _SEEN * _SEEN
    near, far, edge = choice[:cells], choice[cells : 2 * cells], choice[2 * cells : 3 * cells]
    per_width, glare = choice[3 * cells : 4 * cells], choice[4 * cells : 5 * cells]
    most = lines[:cells]
    most[:] = _F(-1e9)
    for k in range(indexes.size):
        weight = weights[k * cells : (k + 1) * cells]
        code = codes[k, 0]
        _weigh(code, indexes[k], near, far, per_width, code_of, weight)
        if edged:
            _add_sharpness(code, edge, code_of, weight)
        if glaring:
            _take_glare(codes[k, 1], glare, weight)
        raised(weight, most)
    total = lines[cells : 2 * cells]
    total[:] = _F(0)
    # Not row by row: lines of so few cells are a third ends that are not vectorised.
    for k in range(indexes.size):
        weight = weights[k * cells : (k + 1) * cells]
        if _any_near(weight, most, negligible):
            _powers(weight, most, negligible, total)
        else:
            weight[:] = _F(0)
    for k in range(indexes.size):
        weight = weights[k * cells : (k + 1) * cells]
        _shares(weight, total)
        _count_rows(weight, counts[k * _SEEN : (k + 1) * _SEEN])


@inner
def _mix_row(pixels: Any, y: Any, weights: Any, counts: Any, lines: Any, values: Any) -> Any:
    """A row of pixels of all channels, from those records that count there: two at a time.

    Shares add up to 1, so a record that is alone is taken as it is.
    """
    cells = _SEEN * _SEEN
    here = y // 2 + 1
    other = here - 1 if y % 2 == 0 else here + 1
    one, two = lines[:TILE_PX], lines[TILE_PX:]
    waiting, mixed = -1, 0
    for k in range(pixels.shape[0]):
        if counts[k * _SEEN + here] == _F(0) and counts[k * _SEEN + other] == _F(0):
            continue
        at = k * cells
        row = weights[at + here * _SEEN : at + (here + 1) * _SEEN]
        beside = weights[at + other * _SEEN : at + (other + 1) * _SEEN]
        if mixed == 0 and waiting < 0:
            _widened(row, beside, one)
            waiting = k
            continue
        _widened(row, beside, two)
        for c in range(3):
            out = values[c * TILE_PX : (c + 1) * TILE_PX]
            if mixed == 0:
                _mixed(pixels[waiting, c, y], one, pixels[k, c, y], two, out)
            else:
                _add(pixels[k, c, y], two, out)
        mixed += 1
    if mixed == 0:
        for c in range(3):
            _taken(pixels[max(0, waiting), c, y], values[c * TILE_PX : (c + 1) * TILE_PX])


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
    codes : (n, 2, C * C)
        Score and reach, and brightness; C is T / 2 and a halo of one cell on each side.
    indexes : (n,)
        Of the frames.
    first : (m + 1,)
        First record of each tile, and their number.
    columns : (m,)
        Place of each tile in the band, in tiles.
    near, far, edge, per_width, glare : (C, cells of the band)
        `stacker.fusion.depth_choice.Choice`; ``edge`` times its power. Edge and glare are of no size where
        they are 0 all over.
    code_of : (4,)
        Factor and offset from codes to scores, logarithmic weights outside and at the rim.
    negligible : float32
        Logarithm of the largest weight over one that is left out.
    limits : (3,)
        What to add before a fraction is cut off, least and greatest value.
    top, left : int
        Row and column of the band in ``out``; some of it may lie beyond.
    out : (H, 3 W)
        The picture, pixel by pixel.
    room
        C * C + C numbers for each record of a tile, 7 C * C + 5 T more.
    """
    side, cells = TILE_PX, _SEEN * _SEEN
    choice, lines = room[: 5 * cells], room[5 * cells : 7 * cells]
    end = 7 * cells
    values, wide = room[end : end + 3 * side], room[end + 3 * side : end + 5 * side]
    end += 5 * side
    edged, glaring = edge.size > 0, glare.size > 0
    for tile in range(t0, t1):
        record, behind = first[tile], first[tile + 1]
        n = behind - record
        weights, counts = room[end : end + n * cells], room[end + n * cells : end + n * (cells + _SEEN)]
        a = columns[tile] * _CELLS
        _gathered(near, a, choice[:cells])
        _gathered(far, a, choice[cells : 2 * cells])
        if edged:
            _gathered(edge, a, choice[2 * cells : 3 * cells])
        _gathered(per_width, a, choice[3 * cells : 4 * cells])
        if glaring:
            _gathered(glare, a, choice[4 * cells : 5 * cells])
        _weigh_cells(
            codes[record:behind], indexes[record:behind], choice, edged, glaring, code_of, negligible, lines,
            weights, counts,
        )  # fmt: skip
        x0 = left + columns[tile] * side
        start, stop = max(0, -x0), min(side, out.shape[1] // 3 - x0)
        for y in range(max(0, -top), min(side, out.shape[0] - top)):
            _mix_row(pixels[record:behind], y, weights, counts, wide, values)
            red, green, blue = values[:side], values[side : 2 * side], values[2 * side :]
            row = out[top + y, 3 * (x0 + start) : 3 * (x0 + stop)]
            _stored(red[start:stop], green[start:stop], blue[start:stop], limits, row)
