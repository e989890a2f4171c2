"""What is measured of a picture before it is fused, as a compiled loop; see `stacker.fusion.compiled`."""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.fusion.compiled_math import copied, expand_down
from stacker.fusion.jit import compiled, inner

__all__ = ["measure_rows"]

_F = np.float32


@inner
def _five_down(a: Any, b: Any, c: Any, d: Any, e: Any, scale: Any, out: Any) -> Any:
    for x in range(c.size):
        ends, near = _F(a[x]) + _F(e[x]), _F(b[x]) + _F(d[x])
        out[x + 2] = (ends + _F(4) * near + _F(6) * _F(c[x])) * scale


@inner
def _five_across(column: Any, out: Any) -> Any:
    for x in range(out.size):
        ends, near = column[2 * x] + column[2 * x + 4], column[2 * x + 1] + column[2 * x + 3]
        out[x] = ends + _F(4) * near + _F(6) * column[2 * x + 2]


@inner
def _halve(planes: Any, y: Any, share: Any, column: Any, out: Any) -> Any:
    """A row of the picture at half size (Burt's 5 x 5 kernel, mirrored at the ends), channel by channel."""
    height, width = planes.shape[1], planes.shape[2]
    n = width // 2
    r0, r1, r2, r3 = abs(2 * y - 2), abs(2 * y - 1), 2 * y, 2 * y + 1
    r4 = 2 * y + 2 if 2 * y + 2 < height else height - 2
    for c in range(3):
        p = planes[c]
        _five_down(p[r0], p[r1], p[r2], p[r3], p[r4], share, column)
        column[1], column[0] = column[3], column[4]
        column[width + 2], column[width + 3] = column[width], column[width - 1]
        _five_across(column, out[c * n : (c + 1) * n])


@inner
def _detail_energy(row: Any, scale: Any, column: Any, weight: Any, out: Any) -> Any:
    for x in range(out.size):
        even = scale * _F(row[2 * x]) - ((column[x] + column[x + 2]) * _F(0.125) + column[x + 1] * _F(0.75))
        odd = scale * _F(row[2 * x + 1]) - (column[x + 1] + column[x + 2]) * _F(0.5)
        out[x] += weight * (even * even + odd * odd)


@inner
def _luma_across(row: Any, scale: Any, out: Any) -> Any:
    for x in range(out.size):
        out[x] += scale * (_F(row[2 * x]) + _F(row[2 * x + 1]))


@inner
def _luma(planes: Any, y: Any, weights: Any, out: Any) -> Any:
    out[:] = _F(0)
    for c in range(3):
        _luma_across(planes[c, 2 * y], weights[c], out)
        _luma_across(planes[c, 2 * y + 1], weights[c], out)


@inner
def _energy(planes: Any, y: Any, scale: Any, lines: Any, last: Any, weights: Any, room: Any, out: Any) -> Any:
    """Energy of two rows of the band; ``lines``: the last four of the half size, row r in place r % 4."""
    n = out.size
    even, odd = room[: n + 2], room[n + 2 : 2 * n + 4]
    before, here, behind = abs(y - 1) % 4, y % 4, min(y + 1, last) % 4
    if y == 0:
        before = min(1, last)
    out[:] = _F(0)
    for c in range(3):
        a, b, d = (3 * before + c) * n, (3 * here + c) * n, (3 * behind + c) * n
        expand_down(lines[a : a + n], lines[b : b + n], lines[d : d + n], even, odd)
        _detail_energy(planes[c, 2 * y], scale, even, weights[c], out)
        _detail_energy(planes[c, 2 * y + 1], scale, odd, weights[c], out)


@inner
def _three(above: Any, here: Any, below: Any, kernel: Any, column: Any, out: Any) -> Any:
    """Average over a small window, mirrored at the ends."""
    n = out.size
    middle, near = kernel[0], kernel[1]
    for x in range(n):
        column[x + 1] = middle * here[x] + near * (above[x] + below[x])
    column[0], column[n + 1] = column[min(2, n)], column[max(1, n - 1)]
    for x in range(n):
        out[x] = middle * column[x + 1] + near * (column[x] + column[x + 2])


@compiled
def measure_rows(
    planes: Any,
    scale: Any,
    weights: Any,
    kernel: Any,
    luma_weights: Any,
    half: Any,
    energy: Any,
    luma: Any,
    room: Any,
    y0: Any,
    y1: Any,
) -> Any:
    """The picture at half size, the energy of what that lacks, smoothed, and luma.

    All in one go, as long as rows are in the processor's cache; see `stacker.fusion.stages.Stages.measure`.
    Beyond the range two rows on each side are made for its own use. ``luma``: 0 x 0 when not wanted.
    """
    n, last, width = half.shape[2], half.shape[1] - 1, planes.shape[2]
    column, rest = room[: width + 4], room[width + 4 : 2 * width + 8]
    lines, raw = room[2 * width + 8 : 2 * width + 8 + 12 * n], room[2 * width + 8 + 12 * n :]
    made = max(0, y0 - 2)
    for k in range(max(0, y0 - 1), min(last, y1) + 1):
        while made <= min(k + 1, last):
            line = lines[3 * (made % 4) * n : 3 * (made % 4 + 1) * n]
            _halve(planes, made, _F(scale / 256), column, line)
            if y0 <= made < y1:
                for c in range(3):
                    copied(line[c * n : (c + 1) * n], half[c, made])
            made += 1
        _energy(planes, k, scale, lines, last, weights, rest, raw[k % 3 * n : (k % 3 + 1) * n])
        if luma.size > 0 and y0 <= k < y1:
            _luma(planes, k, luma_weights, luma[k])
        # A row is smoothed when the one below is there; the last one mirrors the one above.
        for y in range(max(y0, k - 1), min(y1, k + 1 if k == last else k)):
            above, here, below = (
                min(1, last) if y == 0 else y - 1,
                y,
                max(0, last - 1) if y == last else y + 1,
            )
            a, b, d = above % 3 * n, here % 3 * n, below % 3 * n
            _three(raw[a : a + n], raw[b : b + n], raw[d : d + n], kernel, column, energy[y])
