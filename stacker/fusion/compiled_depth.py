"""The focus measure, and what the depth index follows, as compiled loops; see `stacker.focus.measure`."""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.focus.measure import BLOCK
from stacker.loops.compiled_math import (
    TOGETHER,
    adds_to,
    exponential,
    fetch_part,
    logarithm,
    mirrored,
    mirrored_row,
    raised,
)
from stacker.loops.jit import compiled, inner

__all__ = ["blocks_rows", "follow_rows"]

_F = np.float32
_WINDOW = 7
"""Rows of energy that the narrow window looks at."""


@inner
def _five(a: Any, b: Any, c: Any, d: Any, e: Any, kernel: Any, out: Any) -> Any:
    middle, near, far = kernel[0], kernel[1], kernel[2]
    for x in range(c.size):
        out[x] = middle * c[x] + near * (b[x] + d[x]) + far * (a[x] + e[x])


@inner
def _squared_detail(row: Any, column: Any, kernel: Any, out: Any) -> Any:
    middle, near, far = kernel[0], kernel[1], kernel[2]
    for x in range(row.size):
        sides = near * (column[x + 1] + column[x + 3]) + far * (column[x] + column[x + 4])
        detail = row[x] - middle * column[x + 2] - sides
        out[x] = detail * detail


@inner
def _energy(luma: Any, y: Any, kernel: Any, column: Any, out: Any) -> Any:
    """Squared detail of a row; ``column``: room for it and two more at both ends."""
    rows, n = luma.shape
    above, below = mirrored_row(y - 1, rows), mirrored_row(y + 1, rows)
    second, other = mirrored_row(y - 2, rows), mirrored_row(y + 2, rows)
    _five(luma[second], luma[above], luma[y], luma[below], luma[other], kernel, column[2 : n + 2])
    mirrored(column, 2, n)
    _squared_detail(luma[y], column, kernel, out)


@inner
def _add_blocks(row: Any, out: Any) -> Any:
    """Add the mean of every four of a line to a quarter of the block's mean."""
    share = _F(1 / 16)
    whole = row.size // 4
    for x in range(whole):
        out[x] += share * (row[4 * x] + row[4 * x + 1] + row[4 * x + 2] + row[4 * x + 3])
    if whole < out.size:  # beyond the end the last one is repeated
        last = row.size - 1
        for x in range(4 * whole, 4 * whole + 4):
            out[whole] += share * row[min(x, last)]


@compiled
def blocks_rows(luma: Any, kernel: Any, energy: Any, light: Any, room: Any, y0: Any, y1: Any) -> Any:
    """Means over blocks of 4 x 4: of the squared detail, and of the luma itself. Rows are those of blocks."""
    rows, n = luma.shape
    column, squared = room[: n + 4], room[n + 4 : 2 * n + 4]
    for y in range(y0, y1):
        energy[y] = _F(0)
        light[y] = _F(0)
        for at in range(BLOCK * y, BLOCK * y + BLOCK):
            inside = min(at, rows - 1)
            fetch_part(luma[min(at + 4, rows - 1)], 0, n)
            _energy(luma, inside, kernel, column, squared)
            _add_blocks(squared, energy[y])
            _add_blocks(luma[inside], light[y])


@inner
def _seven(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, kernel: Any, out: Any) -> Any:
    k0, k1, k2, k3 = kernel[0], kernel[1], kernel[2], kernel[3]
    for x in range(d.size):
        out[x] = k0 * d[x] + k1 * (c[x] + e[x]) + k2 * (b[x] + f[x]) + k3 * (a[x] + g[x])


@inner
def _between(blocks: Any, y: Any, small: Any, out: Any) -> Any:
    """A line of a picture that is four times as large as its blocks, bilinear; whole blocks are written."""
    rows, n = blocks.shape
    quarter, part = y // BLOCK, y % BLOCK
    upper = quarter - 1 if part < BLOCK // 2 else quarter
    below = _F((part + 0.5) / BLOCK + 0.5 if part < BLOCK // 2 else (part + 0.5) / BLOCK - 0.5)
    above, lower = blocks[max(0, upper)], blocks[min(rows - 1, upper + 1)]
    for x in range(n):
        small[x + 1] = above[x] + below * (lower[x] - above[x])
    small[0], small[n + 1] = small[1], small[n]
    for x in range(n):
        before, here, behind = small[x], small[x + 1], small[x + 2]
        out[4 * x] = _F(0.375) * before + _F(0.625) * here
        out[4 * x + 1] = _F(0.125) * before + _F(0.875) * here
        out[4 * x + 2] = _F(0.875) * here + _F(0.125) * behind
        out[4 * x + 3] = _F(0.625) * here + _F(0.375) * behind


@inner
def _weigh(column: Any, kernel: Any, wide: Any, spill: Any, norm: Any, power: Any, weight: Any) -> Any:
    """Logarithm of the energy, into ``wide``, and of the weight."""
    k0, k1, k2, k3 = kernel[0], kernel[1], kernel[2], kernel[3]
    for x in range(weight.size):
        near = k1 * (column[x + 2] + column[x + 4]) + k2 * (column[x + 1] + column[x + 5])
        narrow = k0 * column[x + 3] + near + k3 * (column[x] + column[x + 6])
        energy = logarithm(_F(1) + norm * (narrow + wide[x]))
        wide[x] = energy
        weight[x] = power * (energy - spill[x])


@inner
def _leave_out(gate: Any, unreached: Any, energy: Any, weight: Any) -> Any:
    for x in range(gate.size):
        reached = gate[x] != 0
        weight[x] = weight[x] if reached else unreached
        energy[x] = energy[x] if reached else _F(0)


@inner
def _divide(weight: Any, power: Any, score: Any) -> Any:
    for x in range(score.size):
        score[x] = weight[x] / power


@inner
def _rises(energy: Any, peak: Any) -> Any:
    found = False
    for x in range(energy.size):
        found |= energy[x] > peak[x]
    return found


@inner
def _merge(weight: Any, total: Any, share: Any) -> Any:
    for x in range(weight.size):
        lead = weight[x] - total[x]
        less = exponential(-abs(lead))
        part = _F(1) / (_F(1) + less)
        share[x] = part if lead >= _F(0) else part * less
        total[x] = max(weight[x], total[x]) + logarithm(_F(1) + less)


@inner
def _move(share: Any, index: Any, mean: Any, variance: Any) -> Any:
    for x in range(share.size):
        off = index - mean[x]
        moved = share[x] * off
        mean[x] += moved
        variance[x] = (variance[x] + moved * off) * (_F(1) - share[x])


@compiled
def follow_rows(
    luma: Any,
    fine: Any,
    narrow: Any,
    wide: Any,
    spill: Any,
    numbers: Any,
    gate: Any,
    total: Any,
    mean: Any,
    variance: Any,
    peak: Any,
    top: Any,
    left: Any,
    score: Any,
    room: Any,
    y0: Any,
    y1: Any,
) -> Any:
    """Take a frame into account; see `stacker.fusion.stages.Stages.follow`.

    ``fine``, ``narrow``: half of the kernels, their middle first. ``wide``, ``spill``: over blocks.
    ``numbers``: what energy is multiplied by, power, weight of what is not reached, index.
    """
    rows, n = luma.shape
    padded = BLOCK * wide.shape[1]
    column, small = room[: n + 6], room[n + 6 : n + 8 + wide.shape[1]]
    lines = room[n + 8 + wide.shape[1] :]
    around, spilled, weight = lines[:padded], lines[padded : 2 * padded], lines[2 * padded : 2 * padded + n]
    ring = lines[3 * padded :]
    done = max(0, y0 - 3)
    for y in range(y0, y1):
        then = min(y + 1, rows - 1)
        while done < min(rows, y + 4):
            _energy(luma, done, fine, column, ring[done % _WINDOW * n : (done % _WINDOW + 1) * n])
            done += 1
        a, b, c = (mirrored_row(y - 3, rows), mirrored_row(y - 2, rows), mirrored_row(y - 1, rows))
        e, f, g = (mirrored_row(y + 1, rows), mirrored_row(y + 2, rows), mirrored_row(y + 3, rows))
        _seven(
            ring[a % _WINDOW * n :], ring[b % _WINDOW * n :], ring[c % _WINDOW * n :],
            ring[y % _WINDOW * n : (y % _WINDOW + 1) * n],
            ring[e % _WINDOW * n :], ring[f % _WINDOW * n :], ring[g % _WINDOW * n :], narrow, column[3:],
        )  # fmt: skip
        mirrored(column, 3, n)
        _between(wide, y, small, around)
        _between(spill, y, small, spilled)
        _weigh(column, narrow, around, spilled, numbers[0], numbers[1], weight)
        if gate.shape[0]:
            _leave_out(gate[y], numbers[2], around, weight)
        if score.shape[0]:
            _divide(weight, numbers[1], score[y])
        for x0 in range(0, n, TOGETHER):
            x1 = min(n, x0 + TOGETHER)
            a, b = left + x0, left + x1
            fetch_part(luma[min(y + 7, rows - 1)], x0, x1)
            fetch_part(peak[top + then], a, b)
            fetch_part(total[top + then], a, b)
            if _rises(around[x0:x1], peak[top + y, a:b]):
                raised(around[x0:x1], peak[top + y, a:b])
            if adds_to(weight[x0:x1], total[top + y, a:b]):
                fetch_part(mean[top + then], a, b)
                fetch_part(variance[top + then], a, b)
                _merge(weight[x0:x1], total[top + y, a:b], spilled)
                _move(spilled[: x1 - x0], numbers[3], mean[top + y, a:b], variance[top + y, a:b])
