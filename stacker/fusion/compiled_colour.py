"""Taking noise out of the finest colour in a compiled loop; see `stacker.fusion.colour_noise`."""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.loops.compiled_math import blurred_across, blurred_down
from stacker.loops.jit import compiled, inner

__all__ = ["quieten_strips"]

_F = np.float32

_PAD = 3
"""Columns and rows that the blur reaches beyond a pixel, and the window of energy beyond that."""

_RING = 2 * _PAD + 1


@inner
def _colour(row: Any, red: Any, blue: Any) -> Any:
    """Red and blue less luma; green has half the negative of their sum."""
    for x in range(red.size):
        r, b = _F(row[3 * x]), _F(row[3 * x + 2])
        luma = _F(0.25) * (r + b) + _F(0.5) * _F(row[3 * x + 1])
        red[x] = r - luma
        blue[x] = b - luma


@inner
def _continue(line: Any) -> Any:
    """Three more at both ends."""
    n = line.size - 2 * _PAD
    for x in range(_PAD):
        line[x] = line[_PAD]
        line[n + _PAD + x] = line[n + _PAD - 1]


@inner
def _band(colour: Any, column: Any, kernel: Any, out: Any) -> Any:
    for x in range(out.size):
        out[x] = colour[x] - blurred_across(column, kernel, x)


@inner
def _energy(red: Any, blue: Any, out: Any) -> Any:
    """Mean square over three channels, three pixels more at both ends."""
    for x in range(red.size):
        both = red[x] + blue[x]
        out[x + 3] = (red[x] * red[x] + blue[x] * blue[x] + _F(0.25) * both * both) * _F(1 / 3)
    _continue(out)


@inner
def _across(line: Any, out: Any) -> Any:
    for x in range(out.size):
        near = line[x + 2] + line[x + 3] + line[x + 4]
        out[x] = (near + (line[x + 1] + line[x + 5]) + (line[x] + line[x + 6])) * _F(1 / 49)


@inner
def _lost(ring: Any, n: Any, noise: Any, out: Any) -> Any:
    """Fourth power of the share of the noise in the energy of seven rows, 1 at most."""
    a, b, c = ring[:n], ring[n : 2 * n], ring[2 * n : 3 * n]
    d, e, f, g = ring[3 * n : 4 * n], ring[4 * n : 5 * n], ring[5 * n : 6 * n], ring[6 * n : 7 * n]
    for x in range(n):
        energy = (a[x] + b[x] + c[x]) + (d[x] + e[x]) + (f[x] + g[x])
        share = noise / max(energy, noise)
        share *= share
        out[x] = share * share


@inner
def _take(red: Any, blue: Any, share: Any, limits: Any, row: Any) -> Any:
    for x in range(red.size):
        r, b = share[x] * red[x], share[x] * blue[x]
        g = _F(-0.5) * (r + b)
        row[3 * x] = min(max(_F(row[3 * x]) - r + limits[0], limits[1]), limits[2])
        row[3 * x + 1] = min(max(_F(row[3 * x + 1]) - g + limits[0], limits[1]), limits[2])
        row[3 * x + 2] = min(max(_F(row[3 * x + 2]) - b + limits[0], limits[1]), limits[2])


@inner
def _hold(low: Any, high: Any, channel: Any, row: Any) -> Any:
    """Between bounds where there are any."""
    for x in range(low.size):
        if low[x] <= high[x]:
            row[3 * x + channel] = min(max(row[3 * x + channel], low[x]), high[x])


@compiled
def quieten_strips(
    picture: Any,
    edges: Any,
    strip: Any,
    noise: Any,
    kernel: Any,
    limits: Any,
    low: Any,
    high: Any,
    upper: Any,
    left: Any,
    room: Any,
    s0: Any,
    s1: Any,
) -> Any:
    """Take noise out of the finest band of colour, in place; the range is one of strips.

    Parameters
    ----------
    picture : (H, 3 W)
        RGB, pixel by pixel.
    edges : (n, 2 * 6, 3 W)
        The six rows above and below each strip as they were.
    strip : int
        Rows of a strip; the last one may have fewer.
    noise : float32
        Mean square over the channels below which the band is noise, in samples squared.
    kernel : (4,)
        The middle and one side of the blur.
    limits : (3,)
        What to add before a fraction is cut off, least and greatest value.
    low, high : (3, h, w)
        Bounds of the picture where the first is not above the second; of no size where there are none.
    upper, left : int
        Row and column of the picture in them.
    room
        40 (W + 12) numbers.
    """
    height, n = picture.shape[0], picture.shape[1] // 3
    red, blue = room[: 7 * n], room[7 * n : 14 * n]  # rings of seven rows, all of these
    red_band, blue_band = room[14 * n : 21 * n], room[21 * n : 28 * n]
    energies = room[28 * n : 35 * n]
    column, share = room[35 * n : 36 * n + 6], room[36 * n + 6 : 37 * n + 6]
    for s in range(s0, s1):
        top, bottom = s * strip, min(height, s * strip + strip)
        rows = bottom - top
        for at in range(rows + 12):
            slot = at % _RING * n
            if at < 6:
                _colour(edges[s, at], red[slot : slot + n], blue[slot : slot + n])
            elif at < rows + 6:
                _colour(picture[top + at - 6], red[slot : slot + n], blue[slot : slot + n])
            else:
                _colour(edges[s, at - rows], red[slot : slot + n], blue[slot : slot + n])
            if at < 6:
                continue
            middle, kept = (at - 3) % _RING * n, (at - 6) % _RING * n
            for colour, band in ((red, red_band), (blue, blue_band)):
                blurred_down(colour, n, at - 6, kernel, column)
                _continue(column)
                _band(colour[middle : middle + n], column, kernel, band[kept : kept + n])
            _energy(red_band[kept : kept + n], blue_band[kept : kept + n], column)
            _across(column, energies[kept : kept + n])
            if at < 12:
                continue
            _lost(energies, n, noise, share)
            changed = (at - 9) % _RING * n
            bands = red_band[changed : changed + n], blue_band[changed : changed + n]
            y = top + at - 12
            _take(bands[0], bands[1], share, limits, picture[y])
            if low.size:
                for c in range(3):
                    known = low[c, upper + y, left : left + n], high[c, upper + y, left : left + n]
                    _hold(known[0], known[1], c, picture[y])
