"""How far the depth index is to be believed, in a compiled loop; see `stacker.fusion.depth_judge`."""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.loops.compiled_math import exponential
from stacker.loops.jit import compiled, inner

__all__ = ["CELLS", "judge_rows"]

_F = np.float32

CELLS = 512
"""Handled at a time: their signs stay in the processor's nearest cache."""


@inner
def _within(plane: Any, least: Any, most: Any, out: Any) -> Any:
    for x in range(plane.size):
        out[x] = min(max(plane[x], least), most)


@inner
def _eight(unit: Any, at: Any) -> Any:
    """Weights of a unit: known not to change while others are written."""
    return (
        *(unit[at], unit[at + 1], unit[at + 2], unit[at + 3]),
        *(unit[at + 4], unit[at + 5], unit[at + 6], unit[at + 7]),
    )


@inner
def _weighed(lines: Any, x: Any, by: Any) -> Any:
    """Sum of eight signs, whose lines lie behind each other."""
    near = (by[0] * lines[x] + by[1] * lines[CELLS + x]) + (
        by[2] * lines[2 * CELLS + x] + by[3] * lines[3 * CELLS + x]
    )
    far = (by[4] * lines[4 * CELLS + x] + by[5] * lines[5 * CELLS + x]) + (
        by[6] * lines[6 * CELLS + x] + by[7] * lines[7 * CELLS + x]
    )
    return near + far


@inner
def _add_unit(first: Any, second: Any, unit: Any, weight: Any, odds: Any) -> Any:
    of_first, of_second, constant = _eight(unit, 0), _eight(unit, 8), unit[16]
    for x in range(CELLS):
        total = constant + (_weighed(first, x, of_first) + _weighed(second, x, of_second))
        odds[x] += weight * max(total, _F(0))


@inner
def _probability(odds: Any, out: Any) -> Any:
    for x in range(out.size):
        less = exponential(-abs(odds[x]))
        part = _F(1) / (_F(1) + less)
        out[x] = part if odds[x] >= _F(0) else part * less


@compiled
def judge_rows(
    signs: Any, bounds: Any, first: Any, second: Any, out: Any, room: Any, y0: Any, y1: Any
) -> Any:
    """Probability that the index is right, cell by cell.

    Parameters
    ----------
    signs : (16, H, W)
        Planes.
    bounds : (2, 16)
        The least and the most of each sign.
    first : (units, 17)
        Weights of the signs in each unit, and its constant.
    second : (units + 1,)
        Weights of the units, and the constant.
    out : (H, W)
        Is filled.
    room
        17 times `CELLS` numbers.
    """
    units = first.shape[0]
    odds, lines = room[:CELLS], room[CELLS : 17 * CELLS]
    for y in range(y0, y1):
        for x0 in range(0, signs.shape[2], CELLS):
            n = min(CELLS, signs.shape[2] - x0)
            for i in range(16):
                at = i * CELLS
                _within(signs[i, y, x0 : x0 + n], bounds[0, i], bounds[1, i], lines[at : at + n])
            odds[:] = second[units]
            for unit in range(units):
                _add_unit(lines[: 8 * CELLS], lines[8 * CELLS :], first[unit], second[unit], odds)
            _probability(odds, out[y, x0 : x0 + n])
