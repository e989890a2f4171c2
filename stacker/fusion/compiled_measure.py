"""What is measured of a picture before it is fused, as a compiled loop; see `stacker.fusion.compiled`."""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.loops.compiled_math import expand_eighths, fetch_part
from stacker.loops.jit import compiled, inner

__all__ = ["measure_rows"]

_F = np.float32


@inner
def _five_down(a: Any, b: Any, c: Any, d: Any, e: Any, even: Any, odd: Any) -> Any:
    """Sums down, 16 times the mean, of even and odd columns, which are padded by one at both ends."""
    kind, n = even.dtype.type, even.size - 2
    for x in range(n):
        near, ends = kind(b[2 * x]) + kind(d[2 * x]) + kind(c[2 * x]), kind(a[2 * x]) + kind(e[2 * x])
        even[x + 1] = kind(kind(ends + kind(c[2 * x]) + kind(c[2 * x])) + kind(near + near + near + near))
        near = kind(b[2 * x + 1]) + kind(d[2 * x + 1]) + kind(c[2 * x + 1])
        ends = kind(a[2 * x + 1]) + kind(e[2 * x + 1])
        odd[x + 1] = kind(
            kind(ends + kind(c[2 * x + 1]) + kind(c[2 * x + 1])) + kind(near + near + near + near)
        )
    even[0], odd[0], even[n + 1] = even[min(2, n)], odd[1], even[n]


@inner
def _five_across(even: Any, odd: Any, out: Any) -> Any:
    kind = out.dtype.type
    for x in range(out.size):
        near = kind(kind(odd[x] + odd[x + 1]) + even[x + 1])
        ends = kind(even[x] + even[x + 2])
        out[x] = kind(kind(ends + even[x + 1] + even[x + 1]) + kind(near + near + near + near))


@inner
def _halve(planes: Any, y: Any, columns: Any, out: Any) -> Any:
    """256 times a row of the picture at half size (Burt's 5 x 5 kernel, mirrored at the ends), by channel."""
    height, n = planes.shape[1], planes.shape[2] // 2
    r0, r1, r2, r3 = abs(2 * y - 2), abs(2 * y - 1), 2 * y, 2 * y + 1
    r4 = 2 * y + 2 if 2 * y + 2 < height else height - 2
    even, odd = columns[: n + 2], columns[n + 2 : 2 * n + 4]
    for c in range(3):
        p = planes[c]
        fetch_part(p[min(2 * y + 4, height - 1)], 0, 2 * n)
        _five_down(p[r0], p[r1], p[r2], p[r3], p[r4], even, odd)
        fetch_part(p[min(2 * y + 5, height - 1)], 0, 2 * n)
        _five_across(even, odd, out[c * n : (c + 1) * n])


@inner
def _in_units(line: Any, unit: Any, out: Any) -> Any:
    kind = out.dtype.type
    for x in range(out.size):
        out[x] = kind(kind(line[x]) * unit)


@inner
def _detail_energy(upper: Any, lower: Any, even: Any, odd: Any, weight: Any, out: Any) -> Any:
    """Add the energy of the band of 2 x 2 pixels; ``even``, ``odd``: 1/8 of the columns of pyrUp."""
    for x in range(out.size):
        a = _F(upper[2 * x]) - (even[x] + even[x + 2] + even[x + 1] * _F(6))
        b = _F(upper[2 * x + 1]) - (even[x + 1] + even[x + 2]) * _F(4)
        c = _F(lower[2 * x]) - (odd[x] + odd[x + 2] + odd[x + 1] * _F(6))
        d = _F(lower[2 * x + 1]) - (odd[x + 1] + odd[x + 2]) * _F(4)
        out[x] += weight * (a * a + b * b + c * c + d * d)


@inner
def _luma(r0: Any, r1: Any, g0: Any, g1: Any, b0: Any, b1: Any, scale: Any, kind: Any, out: Any) -> Any:
    for x in range(out.size):
        red = kind(r0[2 * x]) + kind(r0[2 * x + 1]) + kind(r1[2 * x]) + kind(r1[2 * x + 1])
        green = kind(g0[2 * x]) + kind(g0[2 * x + 1]) + kind(g1[2 * x]) + kind(g1[2 * x + 1])
        blue = kind(b0[2 * x]) + kind(b0[2 * x + 1]) + kind(b1[2 * x]) + kind(b1[2 * x + 1])
        out[x] = _F(kind(red + blue + green + green)) * scale


@inner
def _energy(planes: Any, y: Any, lines: Any, last: Any, weights: Any, room: Any, out: Any) -> Any:
    """Energy of two rows of the band; ``lines``: the last four of the half size, row r in place r % 4."""
    n = out.size
    even, odd = room[: n + 2], room[n + 2 : 2 * n + 4]
    before, here, behind = abs(y - 1) % 4, y % 4, min(y + 1, last) % 4
    if y == 0:
        before = min(1, last)
    out[:] = _F(0)
    for c in range(3):
        a, b, d = (3 * before + c) * n, (3 * here + c) * n, (3 * behind + c) * n
        expand_eighths(lines[a : a + n], lines[b : b + n], lines[d : d + n], _F(1 / 256), _F(0), even, odd)
        _detail_energy(planes[c, 2 * y], planes[c, 2 * y + 1], even, odd, weights[c], out)


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
    weights: Any,
    kernel: Any,
    luma_share: Any,
    kind: Any,
    unit: Any,
    half: Any,
    energy: Any,
    luma: Any,
    room: Any,
    y0: Any,
    y1: Any,
) -> Any:
    """The picture at half size, the energy of what that lacks, smoothed, and luma.

    All in one go, as long as rows are in the processor's cache; see `stacker.fusion.stages.Stages.measure`.
    Beyond the range two rows on each side are made for its own use. ``kind``: an array of the type that sums
    are made in. ``unit``: what they are multiplied by for ``half``. ``luma``: 0 x 0 when not wanted.
    """
    n, last = half.shape[2], half.shape[1] - 1
    column, raw = room[: 2 * n + 4], room[2 * n + 4 : 5 * n + 4]
    sums = room[5 * n + 4 :].view(kind.dtype)
    columns, lines = sums[: 2 * n + 4], sums[2 * n + 4 :]
    made = max(0, y0 - 2)
    for k in range(max(0, y0 - 1), min(last, y1) + 1):
        while made <= min(k + 1, last):
            line = lines[3 * (made % 4) * n : 3 * (made % 4 + 1) * n]
            _halve(planes, made, columns, line)
            if y0 <= made < y1:
                for c in range(3):
                    _in_units(line[c * n : (c + 1) * n], unit[0], half[c, made])
            made += 1
        _energy(planes, k, lines, last, weights, column, raw[k % 3 * n : (k % 3 + 1) * n])
        if luma.size > 0 and y0 <= k < y1:
            r, g, b = planes[0], planes[1], planes[2]
            i, j = 2 * k, 2 * k + 1
            _luma(r[i], r[j], g[i], g[j], b[i], b[j], luma_share, kind.dtype.type, luma[k])
        # A row is smoothed when the one below is there; the last one mirrors the one above.
        for y in range(max(y0, k - 1), min(y1, k + 1 if k == last else k)):
            above, here, below = (
                min(1, last) if y == 0 else y - 1,
                y,
                max(0, last - 1) if y == last else y + 1,
            )
            a, b, d = above % 3 * n, here % 3 * n, below % 3 * n
            _three(raw[a : a + n], raw[b : b + n], raw[d : d + n], kernel, column, energy[y])
