"""Sizes in bytes and in pixels, read from text and written for people."""

from __future__ import annotations

import math
import re

from rig.errors import UserError
from rig.units import parse_number

__all__ = ["format_bytes", "parse_bytes", "parse_pixels"]

_FACTORS = {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 2**10, "mib": 2**20, "gib": 2**30}
"""Cards and disks are sold, and cameras count, in powers of ten; some programs in powers of two."""


def parse_bytes(value: object, what: str = "size") -> int:
    """Read a size of files: ``"60 MB"``, ``"64GB"``, ``"1.5 TB"``, ``"500 MiB"``.

    Returns
    -------
    int
        Bytes, above 0.

    Raises
    ------
    UserError
        With the value, `what` and a right spelling.

    Examples
    --------
    >>> parse_bytes("60 MB")
    60000000
    """
    right = '"60 MB" or "64 GB"'
    match = re.fullmatch(r"\s*([\d.eE+]+)\s*([A-Za-z]+)\s*", value) if isinstance(value, str) else None
    factor = _FACTORS.get(match[2].lower()) if match else None
    where = f"{what}: " if what else ""
    if match is None or factor is None:
        shown = f'"{value}"' if isinstance(value, str) else repr(value)
        raise UserError(f"{where}{shown} is not a size with its unit; write for instance {right}")
    size = round(parse_number(match[1], what, right) * factor)
    if size < 1:
        raise UserError(f'{where}"{value}" is not above 0; write for instance {right}')
    return size


def parse_pixels(value: object, what: str = "deliver") -> int:
    """Read a width in pixels: ``"2000px"``, ``"2000 px"``, ``2000``.

    Returns
    -------
    int
        From 1 up.

    Raises
    ------
    UserError
        When it is not a whole number of pixels above 0.
    """
    right = '"2000px"'
    text = re.sub(r"\s*(?:px|pixels?)\s*$", "", value) if isinstance(value, str) else value
    pixels = parse_number(text, what, right)
    if pixels < 1 or pixels != math.floor(pixels):
        where = f"{what}: " if what else ""
        raise UserError(f"{where}{value} is not a whole number of pixels above 0; write {right}")
    return int(pixels)


def format_bytes(size: float) -> str:
    """Write a size for people, in powers of ten.

    Examples
    --------
    >>> format_bytes(60e6), format_bytes(8.7e9)
    ('60 MB', '8.7 GB')
    """
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= 0.9995 * factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size:.0f} bytes"
