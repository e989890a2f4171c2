"""A frame made small for matching, in one compiled loop over it; see `stacker.registration.prepare`.

Step by step it is OpenCV's `resize` and `cvtColor`, rounded where they round.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.loops.compiled_math import fetch_part
from stacker.loops.jit import compiled, inner

__all__ = ["reduce_rows"]

_F, _U = np.float32, np.uint32
_RED, _GREEN, _BLUE = np.uint32(9798), np.uint32(19235), np.uint32(3735)
"""Of 32768: ITU-R BT.601's luma as OpenCV has it."""

_NEGLIGIBLE = 1e-3
"""Parts of a row that are taken for rounding errors."""


@inner
def _add_two(upper: Any, lower: Any, sums: Any) -> Any:
    kind = sums.dtype.type
    for x in range(sums.size):
        sums[x] = kind(kind(upper[x]) + kind(lower[x]))


@inner
def _halved_apart(sums: Any, red: Any, green: Any, blue: Any) -> Any:
    """Channels of a row at half size, from the sum of two rows of RGB."""
    kind, two, bits = sums.dtype.type, sums.dtype.type(2), sums.dtype.type(2)
    for x in range(red.size):
        red[x] = kind(sums[6 * x] + sums[6 * x + 3] + two) >> bits
        green[x] = kind(sums[6 * x + 1] + sums[6 * x + 4] + two) >> bits
        blue[x] = kind(sums[6 * x + 2] + sums[6 * x + 5] + two) >> bits


@inner
def _apart(row: Any, red: Any, green: Any, blue: Any) -> Any:
    for x in range(red.size):
        red[x] = row[3 * x]
        green[x] = row[3 * x + 1]
        blue[x] = row[3 * x + 2]


@inner
def _grey(red: Any, green: Any, blue: Any, out: Any) -> Any:
    for x in range(out.size):
        total = _U(red[x]) * _RED + _U(green[x]) * _GREEN + _U(blue[x]) * _BLUE + _U(16384)
        out[x] = _F(np.int32(total >> _U(15)))


@inner
def _add_share(grey: Any, share: Any, total: Any) -> Any:
    for x in range(total.size):
        total[x] += share * grey[x]


@inner
def _across(total: Any, first: Any, shares: Any, unit: Any, out: Any) -> Any:
    """Shares of some neighbours, rounded as whole numbers are, in units."""
    one, two, three = shares[0], shares[1], shares[2]
    for x in range(out.size):
        at = np.uint64(first[x])
        near = one[x] * total[at] + two[x] * total[at + np.uint64(1)]
        out[x] = near + three[x] * total[at + np.uint64(2)]
    for k in range(3, shares.shape[0]):
        share = shares[k]
        for x in range(out.size):
            out[x] += share[x] * total[np.uint64(first[x]) + np.uint64(k)]
    for x in range(out.size):
        out[x] = unit * np.floor(out[x] + _F(0.5))


@inner
def _quarter(r0: Any, r1: Any, g0: Any, g1: Any, b0: Any, b1: Any, kind: Any, out: Any) -> Any:
    """Two rows at half their size."""
    two = kind(2)
    for x in range(out.size // 3):
        red = kind(kind(r0[2 * x] + r0[2 * x + 1]) + kind(r1[2 * x] + r1[2 * x + 1]))
        green = kind(kind(g0[2 * x] + g0[2 * x + 1]) + kind(g1[2 * x] + g1[2 * x + 1]))
        blue = kind(kind(b0[2 * x] + b0[2 * x + 1]) + kind(b1[2 * x] + b1[2 * x + 1]))
        out[3 * x] = kind(red + two) >> two
        out[3 * x + 1] = kind(green + two) >> two
        out[3 * x + 2] = kind(blue + two) >> two


@compiled
def reduce_rows(
    pixels: Any,
    halve: Any,
    kind: Any,
    down: Any,
    first: Any,
    shares: Any,
    unit: Any,
    grey: Any,
    smaller: Any,
    room: Any,
    y0: Any,
    y1: Any,
) -> Any:
    """A grey picture of some size, and a smaller one in colour; the range is that of all rows that are read.

    Parameters
    ----------
    pixels : (H, 3 W), uint8 or uint16
        RGB, pixel by pixel.
    halve : int
        Whether (1 or 0) to halve them first; odd last rows and columns are left out then.
    kind
        An array of a type that holds the sum of four samples.
    down : float64
        Rows, halved or not, for each of the grey picture's.
    first, shares : (w,), (n, w), uint32 and float32
        Columns, halved or not, for each of the grey picture's: the first, and how much it and those behind
        it count.
    unit : float32
        What grey values are multiplied by after rounding.
    grey : (h, w), float32
        Is filled.
    smaller : (H / 2, 3 W / 2)
        Is filled with half the size, or a quarter; 0 x 0 when not wanted.
    room
        ``11 W`` numbers and 8 more.
    """
    n = pixels.shape[1] // 6 if halve == 1 else pixels.shape[1] // 3
    light, rest = room[:n], room[n:]
    total, rest = rest[: n + 8], rest[n + 8 :]
    lines = rest.view(kind.dtype)
    sums = lines[6 * n : 12 * n]
    total[:] = _F(0)
    done = 0
    for y in range(y0, y1):
        at = y % 2 * 3 * n
        red, green, blue = lines[at : at + n], lines[at + n : at + 2 * n], lines[at + 2 * n : at + 3 * n]
        if halve == 1:
            then = min(2 * y + 2, pixels.shape[0] - 2)
            fetch_part(pixels[then], 0, 6 * n)
            fetch_part(pixels[then + 1], 0, 6 * n)
            _add_two(pixels[2 * y], pixels[2 * y + 1], sums)
            _halved_apart(sums, red, green, blue)
        else:
            _apart(pixels[y], red, green, blue)
        _grey(red, green, blue, light)
        more = True
        while more and done < grey.shape[0]:
            begin, end = max(y, done * down), min(y + 1.0, (done + 1) * down)
            _add_share(light, _F((end - begin) / down), total[:n])
            more = False
            if (done + 1) * down - (y + 1) < _NEGLIGIBLE:
                _across(total, first, shares, unit, grey[done])
                total[:n] = _F(0)
                done += 1
                more = y + 1 - done * down > _NEGLIGIBLE
        if smaller.size > 0 and y % 2 == 1 and y // 2 < smaller.shape[0]:
            r, g, b = lines[:n], lines[n : 2 * n], lines[2 * n : 3 * n]
            _quarter(r, red, g, green, b, blue, kind.dtype.type, smaller[y // 2])
