"""Choosing frames by the depth in a compiled loop; as `stacker.fusion.depth_choice` does with OpenCV."""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.loops.compiled_math import copied, exponential
from stacker.loops.jit import compiled, inner

__all__ = ["choice_rows"]

_F = np.float32

_BESIDE = 1
"""Cells beyond a line to either side: a step is looked for between neighbours."""


@inner
def _line(plane: Any, y: Any, left: Any, out: Any) -> Any:
    """A row of a plane from that column on; beyond its edges what is there goes on."""
    rows, columns = plane.shape
    row = plane[max(0, min(rows - 1, y))]
    first, behind = min(out.size, max(0, -left)), max(0, min(out.size, columns - left))
    copied(row[left + first : left + behind], out[first:behind])
    for x in range(first):
        out[x] = row[0]
    for x in range(behind, out.size):
        out[x] = row[columns - 1]


@inner
def _steps(above: Any, here: Any, below: Any, limit: Any, lowest: Any, highest: Any) -> Any:
    """Whether the index differs by more than that anywhere among a cell and its eight neighbours."""
    for x in range(here.size):
        lowest[x] = min(above[x], here[x], below[x])
        highest[x] = max(above[x], here[x], below[x])
    found = False
    for x in range(here.size - 2):
        low = min(lowest[x], lowest[x + 1], lowest[x + 2])
        high = max(highest[x], highest[x + 1], highest[x + 2])
        found |= high - low > limit
    return found


@inner
def _widths(peak: Any, numbers: Any, sigma: Any, per_width: Any) -> Any:
    quiet, wider, width = numbers[1], numbers[2], numbers[3]
    for x in range(sigma.size):
        energy = exponential(-abs(peak[x]))  # of which less than that of noise would be 1 all the same
        sigma[x] = min(energy * quiet, _F(1)) * wider + width
        per_width[x] = _F(1) / sigma[x]


@inner
def _reach(near: Any, sigma: Any, glare: Any, numbers: Any, least: Any, most: Any) -> Any:
    usual, farther = numbers[5], numbers[6]
    for x in range(near.size):
        off = sigma[x] * (farther if glare[x] > _F(0) else usual)
        least[x] = min(least[x], near[x] - off)
        most[x] = max(most[x], near[x] + off)


@inner
def _scaled(values: Any, factor: Any) -> Any:
    """In place; whether any is above 0."""
    found = False
    for x in range(values.size):
        values[x] *= factor
        found |= values[x] > _F(0)
    return found


@compiled
def choice_rows(
    index: Any,
    peak: Any,
    glitter: Any,
    top: Any,
    left: Any,
    margin: Any,
    numbers: Any,
    near: Any,
    per_width: Any,
    glare: Any,
    least: Any,
    most: Any,
    found: Any,
    room: Any,
    y0: Any,
    y1: Any,
) -> Any:
    """Put together by what a band of cells is chosen; the range is one of its rows, and all of them.

    Parameters
    ----------
    index, peak, glitter : (h, w)
        Of all cells; beyond their edges they go on as they end.
    top, left : int
        First row and column of the band.
    margin : int
        Rows and columns around the band in which steps of the index are looked for, too.
    numbers : (7,)
        Step of the index from which there may be an edge; energy below which things are quiet; what is added
        to the width there, and the least width; factor of glitter; how many widths away frames count, and
        beside highlights.
    near, per_width, glare : (H, W)
        Are filled; see `stacker.fusion.depth_choice.Choice`. The first is the index.
    least, most : (W,)
        Are filled with the lowest and the highest index that counts in each column, if there is no step.
    found : (2,)
        Is filled: 1 if there is a step, else 0; and if highlights are near.
    room
        7 (W + 2 margin + 2) numbers.
    """
    n = near.shape[1]
    side = n + 2 * margin + 2 * _BESIDE
    lowest, highest = room[3 * side : 4 * side], room[4 * side : 5 * side]
    sigma, noise = room[5 * side : 5 * side + n], room[6 * side : 6 * side + n]
    least[:] = _F(1e9)
    most[:] = _F(-1e9)
    stepped, glaring = False, False
    begin = left - margin - _BESIDE
    for at in range(2):
        y = top + y0 - margin - 1 + at
        _line(index, y, begin, room[at * side : (at + 1) * side])
    for row in range(y0 - margin, y1 + margin):
        a, b, c = row - y0 + margin, row - y0 + margin + 1, row - y0 + margin + 2
        last = room[c % 3 * side : (c % 3 + 1) * side]
        _line(index, top + row + 1, begin, last)
        if not stepped:
            above, here = room[a % 3 * side : (a % 3 + 1) * side], room[b % 3 * side : (b % 3 + 1) * side]
            stepped = _steps(above, here, last, numbers[0], lowest, highest)
        if row < y0 or row >= y1:
            continue
        middle = b % 3 * side + margin + _BESIDE
        copied(room[middle : middle + n], near[row])
        _line(peak, top + row, left, noise)
        _widths(noise, numbers, sigma, per_width[row])
        _line(glitter, top + row, left, glare[row])
        glaring |= _scaled(glare[row], numbers[4])
        _reach(near[row], sigma, glare[row], numbers, least, most)
    found[0] = 1 if stepped else 0
    found[1] = 1 if glaring else 0
