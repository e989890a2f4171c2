"""Cutting tiles out of frames in a compiled loop; as `stacker.fusion.tiles.cut_plainly` does."""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.focus.measure import CELL_PX
from stacker.fusion.tiles import HALO_CELLS, TILE_PX
from stacker.loops.compiled_math import copied
from stacker.loops.jit import compiled, inner

__all__ = ["keep_tiles"]

_F = np.float32

_CELLS = TILE_PX // CELL_PX
_SEEN = _CELLS + 2 * HALO_CELLS
"""Cells along a side of a tile, and with its halo. Loops that are so short vectorise when that is known."""


@inner
def _encode(score: Any, gate: Any, code_of: Any, out: Any) -> Any:
    """Score and reach in a byte. Integers of 32 bits: wider ones are few to a vector."""
    factor, offset = code_of[0], code_of[1]
    for x in range(out.size):
        reach = np.int32(gate[x])
        code = np.int32(min(max(score[x] * factor + offset, _F(1)), _F(254)))
        rim = np.int32(255) if reach > np.int32(1) else np.int32(0)
        out[x] = code if reach == np.int32(255) else rim


@inner
def _reach(codes: Any, found: Any) -> Any:
    """Count cells of a row that are within the frame, and those that it reaches."""
    within, reached = np.int32(0), np.int32(0)
    for x in range(_SEEN):
        code = np.int32(codes[x])
        reached = np.int32(reached + np.int32(code != np.int32(0)))
        within = np.int32(within + np.int32((code != np.int32(0)) & (code != np.int32(255))))
    found[0] += within
    found[1] += reached


@inner
def _clear(codes: Any) -> Any:
    for x in range(codes.size):
        codes[x] = 0


@inner
def _cut(line: Any, x0: Any, inside: Any, out: Any) -> Any:
    """A row of a tile from column x0 of the frame's; 0 beyond the frame."""
    if inside and 0 <= x0 <= line.size - _SEEN:
        for x in range(_SEEN):
            out[x] = line[x0 + x]
        return
    first, behind = min(out.size, max(0, -x0)), min(out.size, max(0, line.size - x0))
    if first > 0 or behind < out.size or not inside:
        _clear(out)
    if inside and behind > first:
        copied(line[x0 + first : x0 + behind], out[first:behind])


@inner
def _cut_on(line: Any, x0: Any, out: Any) -> Any:
    """A row of a tile from column x0 of the frame's, which goes on as it ends."""
    if 0 <= x0 <= line.size - TILE_PX:
        for x in range(TILE_PX):
            out[x] = line[x0 + x]
        return
    first, behind = min(out.size, max(0, -x0)), min(out.size, max(0, line.size - x0))
    for x in range(first):
        out[x] = line[0]
    if behind > first:
        copied(line[x0 + first : x0 + behind], out[first:behind])
    for x in range(behind, out.size):
        out[x] = line[line.size - 1]


@inner
def _contend(codes: Any, margin: Any, best: Any, found: Any) -> Any:
    """Count cells of a row that are as good as the best so far but for a margin, and those reached first."""
    good, new, slack = np.int32(0), np.int32(0), np.int32(margin)
    for x in range(_CELLS):
        code, before = np.int32(codes[x]), np.int32(best[x])
        scored = (code > np.int32(0)) & (code < np.int32(255))
        good = np.int32(good + np.int32(scored & (np.int32(code + slack) >= before)))
        new = np.int32(new + np.int32((code > np.int32(0)) & (before == np.int32(0))))
    found[1] += good
    found[2] += new


@inner
def _raise(codes: Any, best: Any) -> Any:
    for x in range(_CELLS):
        code, before = np.int32(codes[x]), np.int32(best[x])
        code = np.int32(1) if code == np.int32(255) else code
        best[x] = max(before, code)


@inner
def _judge(codes: Any, margin: Any, best: Any, found: Any) -> Any:
    """Fill in what is found of a tile, and the best codes: in loops of their own, which vectorise."""
    found[:] = 0
    for y in range(_SEEN):
        _reach(codes[y], found)
    within, reached = found[0], found[1]
    found[:] = 0
    for y in range(_CELLS):
        _contend(codes[y + HALO_CELLS, HALO_CELLS : _CELLS + HALO_CELLS], margin, best[y], found)
    for y in range(_CELLS):
        _raise(codes[y + HALO_CELLS, HALO_CELLS : _CELLS + HALO_CELLS], best[y])
    found[0] = 2 if within == codes.size else int(reached > 0)


@compiled
def keep_tiles(
    planes: Any,
    score: Any,
    bright: Any,
    gate: Any,
    top: Any,
    left: Any,
    code_of: Any,
    margins: Any,
    enough: Any,
    best: Any,
    pixels: Any,
    codes: Any,
    found: Any,
    room: Any,
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
    margins : (n,)
        How much lower than the best code so far a cell of each tile may be.
    enough : int
        How many such cells make a tile worth keeping; one that is reached for the first time does, too.
    best : (n, T / 2, T / 2)
        Largest code so far, 0 where there was none; is updated.
    pixels, codes : (n, 3, T, T), (n, 2, C, C)
        Are filled, the pixels of what is worth keeping only; codes are 0 beyond the frame, pixels go on.
    found : (n, 3)
        Is filled: reach (0 nothing, 1 some of a tile, 2 all of it and its halo), cells that contend, cells
        that are new.
    room
        A number for every four cells of a row of the frame.
    """
    # Along rows of the frame: tile by tile, every line would be another page.
    height, width = score.shape
    side, cells = pixels.shape[2], codes.shape[2]
    line = room.view(np.uint8)[:width]
    for j in range(cells):
        y = top // 2 - 1 + j
        inside = 0 <= y < height
        at = max(0, min(height - 1, y))
        if inside:
            _encode(score[at], gate[at], code_of, line)
        for tile in range(t0, t1):
            x0 = (left + tile * side) // 2 - 1
            _cut(line, x0, inside, codes[tile, 0, j])
            _cut(bright[at], x0, inside, codes[tile, 1, j])
    for tile in range(t0, t1):
        _judge(codes[tile, 0], margins[tile], best[tile], found[tile])
    for c in range(3):
        for y in range(side):
            at = max(0, min(planes.shape[1] - 1, top + y))
            for tile in range(t0, t1):
                if found[tile, 0] > 0 and (found[tile, 1] >= enough or found[tile, 2] > 0):
                    _cut_on(planes[c, at], left + tile * side, pixels[tile, c, y])
