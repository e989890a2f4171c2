"""The stages of the pyramid as compiled loops over rows; the same results as `stacker.fusion.plain`.

Every function works on a range of rows, so that a pool of threads can share a picture, and gets ``room``:
float32 to put lines down in. Pictures are planar, (3, height, width): neighbours in memory are neighbours in
the picture, which is what lets the compiler use vector instructions. Inner loops touch few arrays for the
same reason.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.loops.compiled_math import (
    TOGETHER,
    adds_to,
    any_above,
    copied,
    expand_down,
    expand_eighths,
    exponential,
    fetch_part,
    logarithm,
)
from stacker.loops.jit import compiled, inner

__all__ = [
    "bound_rows",
    "collapse_rows",
    "favour_rows",
    "finish_rows",
    "fold_rows",
    "weigh_rows",
]

_F = np.float32


@inner
def _widen(row: Any, low: Any, high: Any) -> Any:
    for x in range(row.size):
        low[x] = min(low[x], row[x])
    for x in range(row.size):
        high[x] = max(high[x], row[x])


@compiled
def bound_rows(
    planes: Any, first: Any, last: Any, low: Any, high: Any, top: Any, left: Any, _room: Any, y0: Any, y1: Any
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
def _expanded(half: Any, y: Any, even: Any, odd: Any) -> Any:
    last = half.shape[0] - 1
    before = half[y - 1] if y > 0 else half[min(1, last)]
    expand_down(before, half[y], half[min(y + 1, last)], even, odd)


@inner
def _mix(here: Any, other: Any, out: Any) -> Any:
    """A quarter of what is a quarter of the way to the neighbouring row, padded by a pixel at both ends."""
    n = here.size
    for x in range(n):
        out[x + 1] = here[x] * _F(0.75 / 4) + other[x] * _F(0.25 / 4)
    out[0], out[n + 1] = out[1], out[n]


@inner
def _fold_row(
    row: Any, scale: Any, column: Any, share: Any, rounding: Any, mean: Any, x0: Any, x1: Any
) -> Any:
    """Move the mean towards the band by the frame's share, on half-size pixels x0 to x1.

    What is stored lies between what was and the band, which is in range: nothing has to be clipped.
    """
    p, m = row[2 * x0 : 2 * x1], mean[2 * x0 : 2 * x1]
    v, r = column[x0 : x1 + 2], share[x0 : x1 + 2]
    for x in range(x1 - x0):
        even = scale * _F(p[2 * x]) - (v[x] + v[x + 2] + v[x + 1] * _F(6))
        odd = scale * _F(p[2 * x + 1]) - (v[x + 1] + v[x + 2]) * _F(4)
        near = r[x + 1] * _F(3)
        was, then = _F(m[2 * x]), _F(m[2 * x + 1])
        m[2 * x] = was + (near + r[x]) * (even - was) + rounding
        m[2 * x + 1] = then + (near + r[x + 2]) * (odd - then) + rounding


@inner
def _counts(above: Any, below: Any, x0: Any, x1: Any, least: Any) -> Any:
    return any_above(above[x0 : x1 + 2], least) or any_above(below[x0 : x1 + 2], least)


@compiled
def fold_rows(
    planes: Any,
    scale: Any,
    half: Any,
    half_scale: Any,
    share: Any,
    negligible: Any,
    code: Any,
    mean: Any,
    top: Any,
    left: Any,
    room: Any,
    y0: Any,
    y1: Any,
) -> Any:
    """Fold rows of a band into its running mean, each 2 x 2 pixels by their share of all frames so far."""
    n = half.shape[2]
    m = n + 2
    above, below = room[6 * m : 7 * m], room[7 * m : 8 * m]
    last = share.shape[0] - 1
    unit, offset, rounding = code[0], code[1] * _F(-1 / 8), code[2]
    least = negligible * _F(1 / 4)  # of shares as they are mixed
    for y in range(y0, y1):
        _mix(share[y], share[max(y - 1, 0)], above)
        _mix(share[y], share[min(y + 1, last)], below)
        expanded = False
        x1 = 0
        while x1 < n:
            x0, x1 = x1, min(n, x1 + TOGETHER)
            if not _counts(above, below, x0, x1, least):
                continue
            while x1 < n and _counts(above, below, x1, min(n, x1 + TOGETHER), least):
                x1 = min(n, x1 + TOGETHER)
            if not expanded:
                for c in range(3):
                    even = room[2 * c * m : (2 * c + 1) * m]
                    odd = room[(2 * c + 1) * m : (2 * c + 2) * m]
                    before, behind = half[c, y - 1 if y > 0 else min(1, last)], half[c, min(y + 1, last)]
                    expand_eighths(before, half[c, y], behind, unit * half_scale, offset, even, odd)
                expanded = True
            for c in range(3):
                for a in range(x0, x1, TOGETHER):
                    b = min(x1, a + TOGETHER)
                    for k in range(2):
                        column, near = room[(2 * c + k) * m : (2 * c + k + 1) * m], above if k == 0 else below
                        now, then = 2 * y + k, min(2 * y + 2 + k, 2 * last)
                        fetch_part(planes[c, then], 2 * a, 2 * b)
                        fetch_part(mean[c, top + then], left + 2 * a, left + 2 * b)
                        target = mean[c, top + now, left : left + 2 * n]
                        _fold_row(planes[c, now], unit * scale, column, near, rounding, target, a, b)


@inner
def _activate(energy: Any, other: Any, shares: Any, activity: Any) -> Any:
    for x in range(activity.size):
        own = logarithm(_F(1) + energy[x])
        own += shares[2] * min(own, shares[3])
        activity[x] = shares[0] * own + shares[1] * other[x]


@inner
def _activate_near(energy: Any, other: Any, near: Any, shares: Any, activity: Any) -> Any:
    for x in range(activity.size):
        own = logarithm(_F(1) + energy[x])
        own += shares[4] * near[x] * (other[x] - own)
        own += shares[2] * min(own, shares[3])
        activity[x] = shares[0] * own + shares[1] * other[x]


@inner
def _between_cells(cells: Any, y: Any, small: Any, out: Any) -> Any:
    """A line of a picture that is twice as large as its cells, bilinear."""
    rows, n = cells.shape
    here = cells[y // 2]
    other = cells[max(0, y // 2 - 1)] if y % 2 == 0 else cells[min(rows - 1, y // 2 + 1)]
    for x in range(n):
        small[x + 1] = here[x] * _F(0.75) + other[x] * _F(0.25)
    small[0], small[n + 1] = small[1], small[n]
    for x in range(n):
        near = small[x + 1] * _F(0.75)
        out[2 * x] = near + small[x] * _F(0.25)
        out[2 * x + 1] = near + small[x + 2] * _F(0.25)


@inner
def _score(activity: Any, gate: Any, reach: Any, exponent: Any, score: Any) -> Any:
    """The logarithmic weight."""
    held = False
    for x in range(score.size):
        score[x] = exponent * activity[x]
        held |= gate[x] != 255
    if held:
        for x in range(score.size):
            score[x] += reach[gate[x]]


@inner
def _merge(score: Any, strength: Any, share: Any) -> Any:
    for x in range(share.size):
        lead = score[x] - strength[x]
        less = exponential(-abs(lead))
        part = _F(1) / (_F(1) + less)
        share[x] = part if lead >= _F(0) else part * less
        strength[x] = max(score[x], strength[x]) + logarithm(_F(1) + less)


@compiled
def weigh_rows(
    energy: Any,
    other: Any,
    near: Any,
    shares: Any,
    exponent: Any,
    gate: Any,
    reach: Any,
    strength: Any,
    top: Any,
    left: Any,
    activity: Any,
    room: Any,
    y0: Any,
    y1: Any,
) -> Any:
    """Energy to share, in place; see `stacker.fusion.stages.Stages.weigh`. ``near``: 0 x 0 for none."""
    n = energy.shape[1]
    score, line, small = room[:n], room[n : 2 * n], room[2 * n : 3 * n + 2]
    by_cells = other.shape[0] < energy.shape[0]
    for y in range(y0, y1):
        then = min(y + 1, energy.shape[0] - 1)
        if by_cells:
            _between_cells(other, y, small, line)
        else:
            copied(other[y], line)
        if near.size > 0:
            _activate_near(energy[y], line, near[y], shares, activity[y])
        else:
            _activate(energy[y], line, shares, activity[y])
        for x0 in range(0, n, TOGETHER):
            x1 = min(n, x0 + TOGETHER)
            fetch_part(energy[then], x0, x1)
            fetch_part(strength[top + then], left + x0, left + x1)
            fetch_part(activity[then], x0, x1)
            _score(activity[y, x0:x1], gate[y, x0:x1], reach, exponent, score[x0:x1])
            sums = strength[top + y, left + x0 : left + x1]
            if adds_to(score[x0:x1], sums):
                _merge(score[x0:x1], sums, energy[y, x0:x1])
            else:
                energy[y, x0:x1] = _F(0)


@inner
def _favour(second: Any, bright: Any, reached: Any, seen: Any, near: Any, numbers: Any, out: Any) -> Any:
    """`stacker.fusion.scoring.glare`, and its sum with the second band's activity."""
    coarser, strength, per_sure, ignored = numbers[0], numbers[1], numbers[2], numbers[3]
    for x in range(out.size):
        activity = logarithm(_F(1) + second[x])
        here, before = bright[x], seen[x]
        inside = reached[x] != 0
        before = here if inside and before < _F(0) else before
        seen[x] = before
        excess = here - before
        slack = abs(before) * ignored
        excess -= min(max(excess, -slack), slack)
        excess *= strength if inside else _F(0)
        excess *= min(activity * per_sure, _F(1)) if excess < _F(0) else _F(1)
        out[x] = coarser * activity + (coarser - _F(1)) * near[x] * excess


@compiled
def favour_rows(
    second: Any,
    bright: Any,
    reached: Any,
    seen: Any,
    near: Any,
    top: Any,
    left: Any,
    numbers: Any,
    out: Any,
    room: Any,  # noqa: ARG001 - every loop is offered some
    y0: Any,
    y1: Any,
) -> Any:
    """A second part of the finest band's score; see `stacker.fusion.stages.Stages.favour`."""
    a, b = left, left + out.shape[1]
    for y in range(y0, y1):
        _favour(second[y], bright[y], reached[y], seen[top + y, a:b], near[top + y, a:b], numbers, out[y])


@inner
def _expand_across(column: Any, mean: Any, code: Any, out: Any) -> Any:
    unit, bias = _F(1) / code[0], code[1]
    for x in range(out.size // 2):
        even = (column[x] + column[x + 2]) * _F(0.125) + column[x + 1] * _F(0.75)
        out[2 * x] = even + (_F(mean[2 * x]) - bias) * unit
        out[2 * x + 1] = (column[x + 1] + column[x + 2]) * _F(0.5) + (_F(mean[2 * x + 1]) - bias) * unit


@compiled
def collapse_rows(half: Any, mean: Any, code: Any, out: Any, room: Any, y0: Any, y1: Any) -> Any:
    """The picture from its half size and its band."""
    n = half.shape[2] + 2
    even, odd = room[:n], room[n : 2 * n]
    for y in range(y0, y1):
        for c in range(3):
            _expanded(half[c], y, even, odd)
            _expand_across(even, mean[c, 2 * y], code, out[c, 2 * y])
            _expand_across(odd, mean[c, 2 * y + 1], code, out[c, 2 * y + 1])


@inner
def _hold(values: Any, scale: Any, low: Any, high: Any, limits: Any, out: Any) -> Any:
    """Values of the frames' type, between the bounds where there are any."""
    for x in range(out.size):
        value = min(max(values[x] * scale + limits[0], limits[1]), limits[2])
        held = min(max(value, _F(low[x])), _F(high[x]) + limits[0])
        out[x] = held if low[x] <= high[x] else value


@inner
def _luma_of_band(red: Any, green: Any, blue: Any, code: Any, scale: Any, out: Any) -> Any:
    unit, bias = scale / (_F(4) * code[0]), _F(4) * code[1]
    for x in range(out.size):
        out[x] = (_F(red[x]) + _F(2) * _F(green[x]) + _F(blue[x]) - bias) * unit


@inner
def _add(values: Any, out: Any) -> Any:
    for x in range(out.size):
        out[x] += values[x]


@inner
def _interleave(red: Any, green: Any, blue: Any, out: Any) -> Any:
    for x in range(red.size):
        out[3 * x] = red[x]
        out[3 * x + 1] = green[x]
        out[3 * x + 2] = blue[x]


@compiled
def finish_rows(
    half: Any,
    mean: Any,
    code: Any,
    low: Any,
    high: Any,
    scale: Any,
    limits: Any,
    crisp: Any,
    top: Any,
    left: Any,
    out: Any,
    room: Any,
    y0: Any,
    y1: Any,
) -> Any:
    """The full picture, pixel by pixel RGB, in the frames' type, from its half size and the finest band.

    Rows are those of ``out`` (H, 3 W), whose first pixel is at row ``top`` and column ``left`` of the rest.
    ``crisp`` is the part of the finest band's luma that is added to every channel once more.
    """
    n, width = half.shape[2], out.shape[1] // 3
    values, detail = room[: 4 * TOGETHER], room[4 * TOGETHER : 8 * TOGETHER]
    held = room[8 * TOGETHER : 20 * TOGETHER]
    m = n + 2
    columns = room[20 * TOGETHER : 20 * TOGETHER + 6 * m]
    known = -1
    for y in range(y0, y1):
        at = top + y
        then = min(at + 1, mean.shape[1] - 1)
        if at // 2 != known:
            known = at // 2
            for c in range(3):
                even, odd = columns[2 * c * m : (2 * c + 1) * m], columns[(2 * c + 1) * m : (2 * c + 2) * m]
                _expanded(half[c], known, even, odd)
        # From an even column on, as bands are expanded by two; a few hundred at a time stay in the cache.
        for a in range(left // 2 * 2, left + width, 4 * TOGETHER):
            b = min(2 * n, a + 4 * TOGETHER)
            size = b - a
            _luma_of_band(mean[0, at, a:b], mean[1, at, a:b], mean[2, at, a:b], code, crisp, detail[:size])
            for c in range(3):
                first = (2 * c + at % 2) * m + a // 2
                fetch_part(mean[c, then], a, b)
                fetch_part(low[c, then], a, b)
                fetch_part(high[c, then], a, b)
                _expand_across(columns[first : first + size // 2 + 2], mean[c, at, a:b], code, values[:size])
                _add(detail, values[:size])
                line = held[4 * c * TOGETHER : 4 * c * TOGETHER + size]
                _hold(values, scale, low[c, at, a:b], high[c, at, a:b], limits, line)
            x0, x1 = max(a, left), min(b, left + width)
            red, green = held[x0 - a : x1 - a], held[4 * TOGETHER + x0 - a : 4 * TOGETHER + x1 - a]
            blue = held[8 * TOGETHER + x0 - a : 8 * TOGETHER + x1 - a]
            _interleave(red, green, blue, out[y, 3 * (x0 - left) : 3 * (x1 - left)])
