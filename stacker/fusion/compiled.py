"""The stages of the pyramid as compiled loops over rows; the same results as `stacker.fusion.plain`.

Every function works on a range of rows and lets go of the interpreter, so that a pool of threads can share a
picture. Pictures are planar, (3, height, width): neighbours in memory are neighbours in the picture, which is
what lets the compiler use vector instructions. Inner loops touch few arrays for the same reason.

The warp is separable (Catmull and Smith, "3-D transformations of images in scanline order", SIGGRAPH 1980):
lines are resampled first, columns then. Where scale and turn are slight, the whole part of the position
advances in step with the pixels over long runs, and a run is four multiplications a pixel with neighbours in
memory. OpenCV's cubic warp takes four times as long and rounds positions to 1/32 px.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stacker.fusion.jit import compiled, inner

__all__ = [
    "bound_rows",
    "collapse_rows",
    "energy_rows",
    "finish_rows",
    "fold_rows",
    "halve_rows",
    "luma_rows",
    "warp_rows",
    "weigh_rows",
]

_F = np.float32
_TILE_ROWS, _TILE_COLUMNS = 64, 512
"""What is warped at a time: its lines, 400 kB, stay in the processor's cache between the two passes."""

_OVERRUN = 32
"""Runs are worked on in multiples of that: what is too much is overwritten by the next run, which is quicker
than to treat the last few pixels of a vector one by one."""

_CUBIC = np.float32(-0.75)
"""Slope of the cubic at its neighbour, OpenCV's choice (Keys, "Cubic convolution interpolation", 1981)."""

_SKIPPED_TOGETHER = 128
"""Half-size pixels that are skipped when the frame counts for nothing in any of them."""


@inner
def _run(part: Any, step: Any, n: Any) -> Any:
    """For how many of n pixels the fraction part + step * x stays between 0 and 1; at least one.

    A pixel at the very end may come to lie outside by a rounding error, which its weights do not mind.
    """
    if abs(step) * n < 1e-9:
        return n
    count = math.ceil(min((1.0 - part) / step, n)) if step > 0 else math.floor(min(part / -step, n)) + 1
    return max(1, min(n, count))


@inner
def _overrun(n: Any) -> Any:
    return (n + _OVERRUN - 1) // _OVERRUN * _OVERRUN


@inner
def _cubic(start: Any, slope: Any, n: Any, weights: Any) -> Any:
    """Weights of the four neighbours of the fractions start + slope * x, of n pixels."""
    before, first, second, behind = weights[0, :n], weights[1, :n], weights[2, :n], weights[3, :n]
    for x in range(n):
        t = _F(start + slope * x)
        outer = _CUBIC * t * (_F(1) - t)
        nearer = ((_CUBIC + _F(2)) * t - (_CUBIC + _F(3))) * t * t + _F(1)
        before[x] = outer - outer * t
        first[x] = nearer
        second[x] = _F(1) - outer - nearer
        behind[x] = outer * t


@inner
def _blend(a: Any, b: Any, c: Any, d: Any, weights: Any, out: Any) -> Any:
    n = out.size
    before, first, second, behind = weights[0, :n], weights[1, :n], weights[2, :n], weights[3, :n]
    for x in range(n):
        out[x] = before[x] * a[x] + first[x] * b[x] + second[x] * c[x] + behind[x] * d[x]


@inner
def _load(row: Any, left: Any, lines: Any) -> Any:
    """Planar floats of a row of pixels from a column on, mirrored beyond its ends."""
    width, n = row.shape[0], lines.shape[1]
    first = min(n, max(0, -left))
    last = max(first, min(n, width - left))
    if last > first:
        flat = row.reshape(-1)[3 * (left + first) : 3 * (left + last)]
        red, green, blue = lines[0, first:last], lines[1, first:last], lines[2, first:last]
        for x in range(last - first):
            red[x] = flat[3 * x]
            green[x] = flat[3 * x + 1]
            blue[x] = flat[3 * x + 2]
    for channel in range(3):
        for x in range(first):
            lines[channel, x] = row[min(-1 - (left + x), width - 1), channel]
        for x in range(last, n):
            lines[channel, x] = row[max(0, min(width - 1, 2 * width - 1 - (left + x))), channel]


@inner
def _store(values: Any, gain: Any, offset: Any, rounding: Any, least: Any, most: Any, out: Any) -> Any:
    """Apply a gain and write into the frames' type."""
    for x in range(out.size):
        out[x] = min(max(values[x] * gain + offset + rounding, least), most)


@inner
def _warp_tile(
    pixels: Any,
    matrix: Any,
    gain: Any,
    offset: Any,
    limits: Any,
    out: Any,
    y0: Any,
    y1: Any,
    x0: Any,
    x1: Any,
) -> Any:
    a, b, tx = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    d, e, ty = matrix[1, 0], matrix[1, 1], matrix[1, 2]
    height, n = pixels.shape[0], x1 - x0
    lowest = min(d * x0, d * (x1 - 1)) + min(e * y0, e * (y1 - 1)) + ty
    highest = max(d * x0, d * (x1 - 1)) + max(e * y0, e * (y1 - 1)) + ty
    top, bottom = math.floor(lowest) - 1, math.floor(highest) + 3
    slope = a - b * d / e  # along a line of the frame: what is left when its slant is taken out
    room = n + _OVERRUN
    lines = np.empty((3, int(abs(slope) * n) + 8 + _OVERRUN), np.float32)
    across = np.empty((bottom - top, 3, room), np.float32)
    weights = np.empty((4, room), np.float32)
    for line in range(top, bottom):
        mirrored = line if line >= 0 else -1 - line
        mirrored = mirrored if mirrored < height else 2 * height - 1 - mirrored
        start = slope * x0 + b * (line - ty) / e + tx
        left = math.floor(start) - 2
        _load(pixels[max(0, min(height - 1, mirrored))], left, lines)
        x = 0
        while x < n:
            whole = math.floor(start + slope * x)
            part = start + slope * x - whole
            run = _run(part, slope - 1.0, n - x)
            i, m = whole - left, _overrun(run)
            _cubic(part, slope - 1.0, m, weights)
            for c in range(3):
                source = lines[c, i - 1 : i + 2 + m]
                target = across[line - top, c, x : x + m]
                _blend(source[:m], source[1:], source[2:], source[3:], weights, target)
            x += run
    values = np.empty((3, room), np.float32)
    for y in range(y0, y1):
        start = d * x0 + e * y + ty
        x = 0
        while x < n:
            whole = math.floor(start + d * x)
            part = start + d * x - whole
            run = _run(part, d, n - x)
            i, behind = whole - top, x + _overrun(run)
            _cubic(part, d, behind - x, weights)
            for c in range(3):
                _blend(
                    across[i - 1, c, x:behind], across[i, c, x:behind], across[i + 1, c, x:behind],
                    across[i + 2, c, x:behind], weights, values[c, x:behind],
                )  # fmt: skip
            x += run
        for c in range(3):
            _store(values[c], gain[c], offset[c], limits[0], limits[1], limits[2], out[c, y, x0:x1])


@compiled
def warp_rows(
    pixels: Any, matrix: Any, gain: Any, offset: Any, limits: Any, out: Any, y0: Any, y1: Any
) -> Any:
    """Rows of the frame on the canvas: out(c, y, x) = pixels at matrix @ (x, y, 1), times gain, plus offset.

    ``limits``: what to add before a fraction is cut off, least and greatest value, as float32.
    """
    width = out.shape[2]
    for top in range(y0, y1, _TILE_ROWS):
        bottom = min(y1, top + _TILE_ROWS)
        for x0 in range(0, width, _TILE_COLUMNS):
            x1 = min(width, x0 + _TILE_COLUMNS)
            _warp_tile(pixels, matrix, gain, offset, limits, out, top, bottom, x0, x1)


@inner
def _widen(row: Any, low: Any, high: Any) -> Any:
    for x in range(row.size):
        low[x] = min(low[x], row[x])
    for x in range(row.size):
        high[x] = max(high[x], row[x])


@compiled
def bound_rows(
    planes: Any, first: Any, last: Any, low: Any, high: Any, top: Any, left: Any, y0: Any, y1: Any
) -> Any:
    """Take the pixels from first(y) to before last(y) of each row into account as smallest and largest."""
    for y in range(y0, y1):
        a, b = first[y], last[y]
        if b > a:
            for c in range(3):
                _widen(
                    planes[c, y, a:b],
                    low[c, top + y, left + a : left + b],
                    high[c, top + y, left + a : left + b],
                )


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


@compiled
def halve_rows(planes: Any, scale: Any, out: Any, y0: Any, y1: Any) -> Any:
    """Rows of the picture at half size (Burt's 5 x 5 kernel, mirrored at the ends), times a scale."""
    height, width = planes.shape[1], planes.shape[2]
    column = np.empty(width + 4, np.float32)
    share = _F(scale / 256)
    for y in range(y0, y1):
        r0, r1, r2, r3 = abs(2 * y - 2), abs(2 * y - 1), 2 * y, 2 * y + 1
        r4 = 2 * y + 2 if 2 * y + 2 < height else height - 2
        for c in range(3):
            p = planes[c]
            _five_down(p[r0], p[r1], p[r2], p[r3], p[r4], share, column)
            column[1], column[0] = column[3], column[4]
            column[width + 2], column[width + 3] = column[width], column[width - 1]
            _five_across(column, out[c, y])


@inner
def _expand_down(before: Any, here: Any, behind: Any, even: Any, odd: Any) -> Any:
    """Columns of pyrUp: the two rows that come of one, padded by a pixel at both ends."""
    n = here.size
    for x in range(n):
        even[x + 1] = (before[x] + behind[x]) * _F(0.125) + here[x] * _F(0.75)
    for x in range(n):
        odd[x + 1] = (here[x] + behind[x]) * _F(0.5)
    even[0], even[n + 1], odd[0], odd[n + 1] = even[2], even[n], odd[2], odd[n]


@inner
def _expanded(half: Any, y: Any, even: Any, odd: Any) -> Any:
    last = half.shape[0] - 1
    before = half[y - 1] if y > 0 else half[min(1, last)]
    _expand_down(before, half[y], half[min(y + 1, last)], even, odd)


@inner
def _detail_energy(row: Any, scale: Any, column: Any, weight: Any, out: Any) -> Any:
    for x in range(out.size):
        even = scale * _F(row[2 * x]) - ((column[x] + column[x + 2]) * _F(0.125) + column[x + 1] * _F(0.75))
        odd = scale * _F(row[2 * x + 1]) - (column[x + 1] + column[x + 2]) * _F(0.5)
        out[x] += weight * (even * even + odd * odd)


@compiled
def energy_rows(planes: Any, scale: Any, half: Any, weights: Any, out: Any, y0: Any, y1: Any) -> Any:
    """Energy of the band summed over 2 x 2 pixels, each channel with its weight."""
    even = np.empty(half.shape[2] + 2, np.float32)
    odd = np.empty(half.shape[2] + 2, np.float32)
    for y in range(y0, y1):
        out[y] = _F(0)
        for c in range(3):
            _expanded(half[c], y, even, odd)
            _detail_energy(planes[c, 2 * y], scale, even, weights[c], out[y])
            _detail_energy(planes[c, 2 * y + 1], scale, odd, weights[c], out[y])


@inner
def _luma_across(row: Any, scale: Any, out: Any) -> Any:
    for x in range(out.size):
        out[x] += scale * (_F(row[2 * x]) + _F(row[2 * x + 1]))


@compiled
def luma_rows(planes: Any, weights: Any, out: Any, y0: Any, y1: Any) -> Any:
    """Sum over 2 x 2 pixels and all channels, each with its weight."""
    for y in range(y0, y1):
        out[y] = _F(0)
        for c in range(3):
            _luma_across(planes[c, 2 * y], weights[c], out[y])
            _luma_across(planes[c, 2 * y + 1], weights[c], out[y])


@inner
def _mix(here: Any, other: Any, out: Any) -> Any:
    """A quarter of the way to the neighbouring row, padded by a pixel at both ends."""
    n = here.size
    for x in range(n):
        out[x + 1] = here[x] * _F(0.75) + other[x] * _F(0.25)
    out[0], out[n + 1] = out[1], out[n]


@inner
def _fold_row(row: Any, scale: Any, column: Any, share: Any, code: Any, mean: Any, x0: Any, x1: Any) -> Any:
    """Move the mean towards the band by the frame's share, on half-size pixels x0 to x1."""
    unit, bias, rounding, least, most = code[0], code[1], code[2], code[3], code[4]
    p, m = row[2 * x0 : 2 * x1], mean[2 * x0 : 2 * x1]
    v, r = column[x0 : x1 + 2], share[x0 : x1 + 2]
    for x in range(x1 - x0):
        even = scale * _F(p[2 * x]) - ((v[x] + v[x + 2]) * _F(0.125) + v[x + 1] * _F(0.75))
        odd = scale * _F(p[2 * x + 1]) - (v[x + 1] + v[x + 2]) * _F(0.5)
        near = r[x + 1] * _F(0.75)
        was, then = _F(m[2 * x]), _F(m[2 * x + 1])
        was += (near + r[x] * _F(0.25)) * (even * unit + bias - was)
        then += (near + r[x + 2] * _F(0.25)) * (odd * unit + bias - then)
        m[2 * x] = min(max(was + rounding, least), most)
        m[2 * x + 1] = min(max(then + rounding, least), most)


@compiled
def fold_rows(
    planes: Any,
    scale: Any,
    half: Any,
    share: Any,
    negligible: Any,
    code: Any,
    mean: Any,
    top: Any,
    left: Any,
    y0: Any,
    y1: Any,
) -> Any:
    """Fold rows of a band into its running mean, each 2 x 2 pixels by their share of all frames so far."""
    n = half.shape[2]
    columns = np.empty((2, 3, n + 2), np.float32)
    shares = np.empty((2, n + 2), np.float32)
    last = share.shape[0] - 1
    for y in range(y0, y1):
        _mix(share[y], share[max(y - 1, 0)], shares[0])
        _mix(share[y], share[min(y + 1, last)], shares[1])
        expanded = False
        for x0 in range(0, n, _SKIPPED_TOGETHER):
            x1 = min(n, x0 + _SKIPPED_TOGETHER)
            if max(shares[0, x0 : x1 + 2].max(), shares[1, x0 : x1 + 2].max()) < negligible:
                continue
            if not expanded:
                for c in range(3):
                    _expanded(half[c], y, columns[0, c], columns[1, c])
                expanded = True
            for c in range(3):
                for k in range(2):
                    target = mean[c, top + 2 * y + k, left : left + 2 * n]
                    _fold_row(planes[c, 2 * y + k], scale, columns[k, c], shares[k], code, target, x0, x1)


@inner
def _logarithm(x: Any) -> Any:
    """Natural logarithm of a float32 above 0, to 1e-7; a call of the C library cannot be vectorised."""
    # x = 2**e * m with m from sqrt(1/2) to sqrt(2); log(1 + u) / u is a polynomial fitted on that range.
    e = (_F(x).view(np.int32) - np.int32(0x3F3504F3)) >> np.int32(23)
    u = np.int32(_F(x).view(np.int32) - (e << np.int32(23))).view(np.float32) - _F(1)
    p = _F(0.163216669) - _F(0.0991933181) * u
    p = _F(0.198877341) + u * (_F(-0.173538705) + u * p)
    p = _F(0.999999865) + u * (_F(-0.500006591) + u * (_F(0.333355799) + u * (_F(-0.249589789) + u * p)))
    return _F(e) * _F(0.693147181) + u * p


@inner
def _exponential(x: Any) -> Any:
    """e to a power of at most 0, to 1e-7 of it; 0 below e**-80."""
    x = max(x, _F(-80)) * _F(1.44269504)
    whole = np.floor(x + _F(0.5))
    f = x - whole
    p = _F(0.0555032721) + f * (_F(0.0096760371) + f * _F(0.00134004322))
    p = _F(1.00000008) + f * (_F(0.693147207) + f * (_F(0.240221074) + f * p))
    return p * np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)


@inner
def _activate(energy: Any, other: Any, shares: Any, activity: Any) -> Any:
    for x in range(activity.size):
        own = _logarithm(_F(1) + energy[x])
        own += shares[2] * min(own, shares[3])
        activity[x] = shares[0] * own + shares[1] * other[x]


@inner
def _score(activity: Any, gate: Any, reach: Any, exponent: Any, score: Any) -> Any:
    for x in range(score.size):
        score[x] = exponent * activity[x]
    for x in range(score.size):
        if gate[x] != 255:
            score[x] += reach[gate[x]]


@inner
def _merge(score: Any, strength: Any, share: Any) -> Any:
    for x in range(share.size):
        lead = score[x] - strength[x]
        less = _exponential(-abs(lead))
        part = _F(1) / (_F(1) + less)
        share[x] = part if lead >= _F(0) else part * less
        strength[x] = max(score[x], strength[x]) + _logarithm(_F(1) + less)


@compiled
def weigh_rows(
    energy: Any,
    other: Any,
    shares: Any,
    exponent: Any,
    gate: Any,
    reach: Any,
    strength: Any,
    top: Any,
    left: Any,
    activity: Any,
    y0: Any,
    y1: Any,
) -> Any:
    """Energy to share, in place; see `stacker.fusion.stages.Stages.weigh`."""
    n = energy.shape[1]
    score = np.empty(n, np.float32)
    for y in range(y0, y1):
        _activate(energy[y], other[y], shares, activity[y])
        _score(activity[y], gate[y], reach, exponent, score)
        _merge(score, strength[top + y, left : left + n], energy[y])


@inner
def _expand_across(column: Any, mean: Any, code: Any, out: Any) -> Any:
    unit, bias = _F(1) / code[0], code[1]
    for x in range(out.size // 2):
        even = (column[x] + column[x + 2]) * _F(0.125) + column[x + 1] * _F(0.75)
        out[2 * x] = even + (_F(mean[2 * x]) - bias) * unit
        out[2 * x + 1] = (column[x + 1] + column[x + 2]) * _F(0.5) + (_F(mean[2 * x + 1]) - bias) * unit


@compiled
def collapse_rows(half: Any, mean: Any, code: Any, out: Any, y0: Any, y1: Any) -> Any:
    """The picture from its half size and its band."""
    even = np.empty(half.shape[2] + 2, np.float32)
    odd = np.empty(half.shape[2] + 2, np.float32)
    for y in range(y0, y1):
        for c in range(3):
            _expanded(half[c], y, even, odd)
            _expand_across(even, mean[c, 2 * y], code, out[c, 2 * y])
            _expand_across(odd, mean[c, 2 * y + 1], code, out[c, 2 * y + 1])


@inner
def _hold(values: Any, scale: Any, low: Any, high: Any, limits: Any, out: Any) -> Any:
    """Write into the frames' type, between the bounds where there are any."""
    for x in range(out.size):
        value = min(max(values[x] * scale + limits[0], limits[1]), limits[2])
        held = min(max(value, _F(low[x])), _F(high[x]) + limits[0])
        out[x] = held if low[x] <= high[x] else value


@compiled
def finish_rows(
    half: Any,
    mean: Any,
    code: Any,
    low: Any,
    high: Any,
    scale: Any,
    limits: Any,
    top: Any,
    left: Any,
    out: Any,
    y0: Any,
    y1: Any,
) -> Any:
    """The full picture, pixel by pixel RGB, in the frames' type, from its half size and the finest band.

    Rows are those of ``out``, whose first pixel is at row ``top`` and column ``left`` of the rest.
    """
    columns = np.empty((2, half.shape[2] + 2), np.float32)
    values = np.empty(2 * half.shape[2], np.float32)
    row = np.empty((3, 2 * half.shape[2]), out.dtype)
    for y in range(y0, y1):
        at = top + y
        for c in range(3):
            _expanded(half[c], at // 2, columns[0], columns[1])
            _expand_across(columns[at % 2], mean[c, at], code, values)
            _hold(values, scale, low[c, at], high[c, at], limits, row[c])
        red, green, blue = row[0, left:], row[1, left:], row[2, left:]
        for x in range(out.shape[1]):
            out[y, x, 0] = red[x]
            out[y, x, 1] = green[x]
            out[y, x, 2] = blue[x]
