"""Functions that the compiled loops share."""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.loops.jit import fetch, inner

__all__ = [
    "TOGETHER",
    "adds_to",
    "any_above",
    "blurred_across",
    "blurred_down",
    "copied",
    "expand_down",
    "expand_eighths",
    "exponential",
    "fetch_part",
    "logarithm",
    "mirrored",
    "mirrored_row",
    "raised",
]

_F = np.float32

TOGETHER = 128
"""Numbers that are passed over when a frame counts for nothing in any of them."""


@inner
def logarithm(x: Any) -> Any:
    """Natural logarithm of a float32 above 0, to 1e-7; a call of the C library cannot be vectorised."""
    # x = 2**e * m with m from sqrt(1/2) to sqrt(2); log(1 + u) / u is a polynomial fitted on that range.
    e = (_F(x).view(np.int32) - np.int32(0x3F3504F3)) >> np.int32(23)
    u = np.int32(_F(x).view(np.int32) - (e << np.int32(23))).view(np.float32) - _F(1)
    p = _F(0.163216669) - _F(0.0991933181) * u
    p = _F(0.198877341) + u * (_F(-0.173538705) + u * p)
    p = _F(0.999999865) + u * (_F(-0.500006591) + u * (_F(0.333355799) + u * (_F(-0.249589789) + u * p)))
    return _F(e) * _F(0.693147181) + u * p


@inner
def exponential(x: Any) -> Any:
    """e to a power of at most 0, to 1e-7 of it near 0 and 4e-6 at e**-80, which it is at least."""
    x = max(x, _F(-80)) * _F(1.44269504)
    whole = np.floor(x + _F(0.5))
    f = x - whole
    p = _F(0.0555032721) + f * (_F(0.0096760371) + f * _F(0.00134004322))
    p = _F(1.00000008) + f * (_F(0.693147207) + f * (_F(0.240221074) + f * p))
    return p * np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)


@inner
def copied(source: Any, target: Any) -> Any:
    """Fill a line with another one."""
    for x in range(target.size):
        target[x] = source[x]


@inner
def fetch_part(line: Any, first: Any, behind: Any) -> Any:
    """Have a part of a line in the processor's cache before it is needed, 64 bytes at a time."""
    for x in range(first, behind, 64 // line.itemsize):
        fetch(line, x)


@inner
def mirrored_row(y: Any, rows: Any) -> Any:
    """Row that stands for one beyond the first or the last."""
    inward = 2 * rows - 2 - y if y >= rows else abs(y)
    return max(0, min(rows - 1, inward))


@inner
def raised(values: Any, out: Any) -> Any:
    """Keep the larger of each pair."""
    for x in range(out.size):
        out[x] = max(out[x], values[x])


@inner
def mirrored(line: Any, margin: Any, n: Any) -> Any:
    """Continue ``n`` numbers that begin behind a margin into it, and into as much behind them."""
    for x in range(1, margin + 1):
        line[margin - x] = line[margin + min(x, n - 1)]
        line[margin + n - 1 + x] = line[margin + max(0, n - 1 - x)]


@inner
def expand_down(before: Any, here: Any, behind: Any, even: Any, odd: Any) -> Any:
    """Columns of pyrUp: the two rows that come of one, padded by a pixel at both ends."""
    n = here.size
    for x in range(n):
        even[x + 1] = (before[x] + behind[x]) * _F(0.125) + here[x] * _F(0.75)
    for x in range(n):
        odd[x + 1] = (here[x] + behind[x]) * _F(0.5)
    even[0], even[n + 1], odd[0], odd[n + 1] = even[2], even[n], odd[2], odd[n]


@inner
def expand_eighths(before: Any, here: Any, behind: Any, share: Any, offset: Any, even: Any, odd: Any) -> Any:
    """The same of which pyrUp is eight times as much: c[x] + c[x + 2] + 6 c[x + 1], 4 (c[x + 1] + c[x + 2]).

    Lines are multiplied by a share; an eighth of what is to be added to them is the offset.
    """
    n = here.size
    outer, middle, half = share * _F(1 / 64), share * _F(6 / 64), share * _F(4 / 64)
    for x in range(n):
        own, last = _F(here[x]), _F(behind[x])
        even[x + 1] = (_F(before[x]) + last) * outer + (own * middle + offset)
        odd[x + 1] = (own + last) * half + offset
    even[0], even[n + 1], odd[0], odd[n + 1] = even[2], even[n], odd[2], odd[n]


@inner
def any_above(values: Any, limit: Any) -> Any:
    """Whether any is: the largest of a line takes thirty times as long, as it is not vectorised."""
    found = False
    for x in range(values.size):
        found |= values[x] > limit
    return found


@inner
def adds_to(weight: Any, total: Any) -> Any:
    """Whether a logarithmic weight anywhere changes the logarithm of a sum that is kept in float32."""
    found = False
    for x in range(weight.size):
        found |= weight[x] - total[x] > _F(-17)
    return found


@inner
def blurred_down(ring: Any, n: Any, first: Any, kernel: Any, out: Any) -> Any:
    """Blur seven rows down, the first in that place of the ring; the three more at both ends are left."""
    a = ring[first % 7 * n : first % 7 * n + n]
    b = ring[(first + 1) % 7 * n : (first + 1) % 7 * n + n]
    c = ring[(first + 2) % 7 * n : (first + 2) % 7 * n + n]
    d = ring[(first + 3) % 7 * n : (first + 3) % 7 * n + n]
    e = ring[(first + 4) % 7 * n : (first + 4) % 7 * n + n]
    f = ring[(first + 5) % 7 * n : (first + 5) % 7 * n + n]
    g = ring[(first + 6) % 7 * n : (first + 6) % 7 * n + n]
    for x in range(n):
        near = kernel[1] * (c[x] + e[x]) + kernel[2] * (b[x] + f[x])
        out[x + 3] = kernel[0] * d[x] + near + kernel[3] * (a[x] + g[x])


@inner
def blurred_across(column: Any, kernel: Any, x: Any) -> Any:
    """The blur of seven numbers of a line that has three more at both ends."""
    near = kernel[1] * (column[x + 2] + column[x + 4]) + kernel[2] * (column[x + 1] + column[x + 5])
    return kernel[0] * column[x + 3] + near + kernel[3] * (column[x] + column[x + 6])
