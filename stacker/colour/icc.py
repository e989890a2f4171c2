"""Writes ICC profiles.

They are made here because no library in use has ones that could be passed on: little CMS names what it makes
"RGB built-in". Version 4 with parametric curves is exact with 16 bits, which a table of 16-bit entries is not
near black, and takes half a kilobyte.
"""

from __future__ import annotations

import struct
from itertools import accumulate

import numpy as np

from stacker.colour.curves import ToneCurve
from stacker.frames import Image

__all__ = ["grey_profile", "rgb_profile"]

_D50 = (0xF6D6, 0x10000, 0xD32D)
"""White as all profiles encode it: 0.9642, 1, 0.8249 in units of 1/65536."""

_COPYRIGHT = "No copyright, use freely"
_CREATED = (2026, 1, 1, 0, 0, 0)
"""The same in all copies, so that equal profiles are equal bytes."""


def rgb_profile(title: str, to_xyz_d50: Image, adapted: Image, curve: ToneCurve) -> bytes:
    """A display profile of three primaries and one curve (ICC.1:2022, 8.4.3).

    Parameters
    ----------
    title : str
        Its description.
    to_xyz_d50 : ndarray, shape (3, 3)
        Linear red, green and blue to XYZ under D50.
    adapted : ndarray, shape (3, 3)
        XYZ under the space's own white to XYZ under D50.
    curve : ToneCurve
        The same for all channels.
    """
    columns = np.rint(to_xyz_d50 * 65536).astype(int)
    columns[:, 1] = _D50 - columns[:, 0] - columns[:, 2]  # so that white is white to the last digit
    tags = {b"wtpt": _xyz(_D50), b"chad": _fixed_array(adapted.ravel())}
    tags |= {name + b"XYZ": _xyz(columns[:, at]) for at, name in enumerate((b"r", b"g", b"b"))}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(curve))
    return _profile(b"RGB ", title, tags)


def grey_profile(title: str, curve: ToneCurve) -> bytes:
    """A profile of one channel (ICC.1:2022, 8.4.4)."""
    return _profile(b"GRAY", title, {b"wtpt": _xyz(_D50), b"kTRC": _curve(curve)})


def _profile(model: bytes, title: str, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": _text(title), b"cprt": _text(_COPYRIGHT), **tags}
    bodies = list(dict.fromkeys(tags.values()))  # equal ones are stored once
    starts = accumulate((len(body) for body in bodies), initial=128 + 4 + 12 * len(tags))
    places = dict(zip(bodies, starts, strict=False))
    table = struct.pack(">I", len(tags)) + b"".join(
        name + struct.pack(">II", places[body], len(body)) for name, body in tags.items()
    )
    content = table + b"".join(bodies)
    return _header(model, 128 + len(content)) + content


def _header(model: bytes, size: int) -> bytes:
    """ICC.1:2022, 7.2: version 4.4, a display, relative colorimetric intent."""
    return struct.pack(
        ">I4xI4s4s4s6H4s24xI3I48x",
        size,
        0x04400000,
        b"mntr",
        model,
        b"XYZ ",
        *_CREATED,
        b"acsp",
        1,
        *_D50,
    )


def _text(text: str) -> bytes:
    """A multiLocalizedUnicodeType with one record, padded to four bytes."""
    coded = text.encode("utf-16-be")
    body = struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", len(coded), 28) + coded
    return body + bytes(-len(body) % 4)


def _xyz(values: Image | tuple[int, int, int]) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *(int(value) for value in values))


def _fixed_array(values: Image) -> bytes:
    return struct.pack(f">4s4x{len(values)}i", b"sf32", *(round(float(value) * 65536) for value in values))


def _curve(curve: ToneCurve) -> bytes:
    """A parametricCurveType: type 3 with a straight part, otherwise type 0."""
    numbers = [curve.gamma]
    if curve.toe:
        numbers += [curve.slope, curve.offset, curve.toe_slope, curve.toe]
    fixed = (round(number * 65536) for number in numbers)
    return struct.pack(f">4s4xHxx{len(numbers)}i", b"para", 3 if curve.toe else 0, *fixed)
