"""The band of a picture that is matched, and how it changes, as a compiled loop; see
`stacker.registration.levels`."""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.loops.compiled_math import mirrored, mirrored_row
from stacker.loops.jit import compiled, inner

__all__ = ["COARSE_REACH", "FINE_REACH", "band_rows"]

_F = np.float32

FINE_REACH, COARSE_REACH = 4, 12
"""Pixels to each side that the two blurs look at."""


@inner
def _first_down(
    row: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, kernel: Any, out: Any
) -> Any:
    """A row and four pairs of rows around it, the nearest first."""
    k0, k1, k2, k3, k4 = kernel[0], kernel[1], kernel[2], kernel[3], kernel[4]
    for x in range(row.size):
        near = k1 * (a[x] + b[x]) + k2 * (c[x] + d[x])
        out[x] = k0 * row[x] + near + (k3 * (e[x] + f[x]) + k4 * (g[x] + h[x]))


@inner
def _further_down(
    a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, kernel: Any, first: Any, out: Any
) -> Any:
    """Four more pairs, with that part of the kernel."""
    k1, k2, k3, k4 = kernel[first], kernel[first + 1], kernel[first + 2], kernel[first + 3]
    for x in range(a.size):
        near = k1 * (a[x] + b[x]) + k2 * (c[x] + d[x])
        out[x] += near + (k3 * (e[x] + f[x]) + k4 * (g[x] + h[x]))


@inner
def _fine_across(c: Any, kernel: Any, out: Any) -> Any:
    k0, k1, k2, k3, k4 = kernel[0], kernel[1], kernel[2], kernel[3], kernel[4]
    for x in range(out.size):
        near = k1 * (c[x + 3] + c[x + 5]) + k2 * (c[x + 2] + c[x + 6])
        out[x] = k0 * c[x + 4] + near + (k3 * (c[x + 1] + c[x + 7]) + k4 * (c[x] + c[x + 8]))


@inner
def _less_coarse(c: Any, kernel: Any, fine: Any, out: Any) -> Any:
    """What the fine blur has over the coarse one."""
    k0, k1, k2, k3, k4 = kernel[0], kernel[1], kernel[2], kernel[3], kernel[4]
    k5, k6, k7, k8 = kernel[5], kernel[6], kernel[7], kernel[8]
    k9, k10, k11, k12 = kernel[9], kernel[10], kernel[11], kernel[12]
    for x in range(out.size):
        near = k1 * (c[x + 11] + c[x + 13]) + k2 * (c[x + 10] + c[x + 14])
        near += k3 * (c[x + 9] + c[x + 15]) + k4 * (c[x + 8] + c[x + 16])
        far = k5 * (c[x + 7] + c[x + 17]) + k6 * (c[x + 6] + c[x + 18])
        far += k7 * (c[x + 5] + c[x + 19]) + k8 * (c[x + 4] + c[x + 20])
        last = k9 * (c[x + 3] + c[x + 21]) + k10 * (c[x + 2] + c[x + 22])
        last += k11 * (c[x + 1] + c[x + 23]) + k12 * (c[x] + c[x + 24])
        out[x] = fine[x] - (k0 * c[x + 12] + near + (far + last))


@inner
def _difference(one: Any, other: Any, out: Any) -> Any:
    for x in range(out.size):
        out[x] = one[x] - other[x]


@inner
def _scharr_down(above: Any, here: Any, below: Any, sums: Any, changes: Any) -> Any:
    """The columns of both gradients (Scharr's, of the change from one pixel to the next)."""
    for x in range(here.size):
        sums[x + 1] = _F(3 / 32) * (above[x] + below[x]) + _F(10 / 32) * here[x]
        changes[x + 1] = below[x] - above[x]


@inner
def _scharr_across(sums: Any, changes: Any, gradient_x: Any, gradient_y: Any) -> Any:
    for x in range(gradient_x.size):
        gradient_x[x] = sums[x + 2] - sums[x]
        gradient_y[x] = _F(3 / 32) * (changes[x] + changes[x + 2]) + _F(10 / 32) * changes[x + 1]


@inner
def _down(picture: Any, y: Any, fine: Any, coarse: Any, fine_column: Any, coarse_column: Any) -> Any:
    """Columns of both blurs, mirrored beyond their ends."""
    rows, n = picture.shape
    for first in range(1, COARSE_REACH, 4):
        a, b = picture[mirrored_row(y - first, rows)], picture[mirrored_row(y + first, rows)]
        c, d = picture[mirrored_row(y - first - 1, rows)], picture[mirrored_row(y + first + 1, rows)]
        e, f = picture[mirrored_row(y - first - 2, rows)], picture[mirrored_row(y + first + 2, rows)]
        g, h = picture[mirrored_row(y - first - 3, rows)], picture[mirrored_row(y + first + 3, rows)]
        if first == 1:
            _first_down(picture[y], a, b, c, d, e, f, g, h, fine, fine_column[FINE_REACH:])
            _first_down(picture[y], a, b, c, d, e, f, g, h, coarse, coarse_column[COARSE_REACH:])
        else:
            _further_down(a, b, c, d, e, f, g, h, coarse, first, coarse_column[COARSE_REACH:])
    mirrored(fine_column, FINE_REACH, n)
    mirrored(coarse_column, COARSE_REACH, n)


@compiled
def band_rows(
    picture: Any,
    fine: Any,
    coarse: Any,
    band: Any,
    gradient_x: Any,
    gradient_y: Any,
    finest: Any,
    room: Any,
    y0: Any,
    y1: Any,
) -> Any:
    """What a narrow blur has over a wide one; the range is that of all rows.

    Parameters
    ----------
    picture : (h, w)
        At its size.
    fine, coarse : (5,), (13,)
        The blurs: their middle and one side.
    band, gradient_x, gradient_y : (h, w)
        Are filled; the gradients are Scharr's, mirrored at the edges.
    finest : (h, w)
        Is filled with what the narrow blur takes away; 0 x 0 when not wanted.
    room
        ``6 w + 36`` numbers.
    """
    rows, n = picture.shape
    fine_column, rest = room[: n + 2 * FINE_REACH], room[n + 2 * FINE_REACH :]
    coarse_column, rest = rest[: n + 2 * COARSE_REACH], rest[n + 2 * COARSE_REACH :]
    smooth, sums, changes = rest[:n], rest[n : 2 * n + 2], rest[2 * n + 2 : 3 * n + 4]
    for y in range(y0, y1 + 1):
        if y < rows:
            _down(picture, y, fine, coarse, fine_column, coarse_column)
            _fine_across(fine_column, fine, smooth)
            _less_coarse(coarse_column, coarse, smooth, band[y])
            if finest.size > 0:
                _difference(picture[y], smooth, finest[y])
        if y > 0:
            above, below = band[mirrored_row(y - 2, rows)], band[mirrored_row(y, rows)]
            _scharr_down(above, band[y - 1], below, sums, changes)
            mirrored(sums, 1, n)
            mirrored(changes, 1, n)
            _scharr_across(sums, changes, gradient_x[y - 1], gradient_y[y - 1])
