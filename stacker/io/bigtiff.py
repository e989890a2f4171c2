"""BigTIFFs, the TIFFs over 4 GB."""

from __future__ import annotations

import struct
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np

from stacker.errors import DataError
from stacker.io.directories import Entry, pack_tiff, read_tiff

__all__ = ["MOST_TIFF_BYTES", "as_tiff", "is_bigtiff", "needs_bigtiff"]

MOST_TIFF_BYTES = (1 << 32) - (1 << 25)
"""Of samples before compression, whose effect is not known: places in a TIFF have 32 bits, and 32 MB are left
for all the rest."""

_BIG = (b"II+\0", b"MM\0+")

_OF_PIXELS = frozenset({273, 279, 324, 325, 330})
"""Tags that tell where strips, tiles and other pictures are, which does not fit into a TIFF."""


def needs_bigtiff(samples: np.ndarray[Any, np.dtype[Any]]) -> bool:
    """Whether a TIFF of them may have more than 4 GB."""
    return bool(samples.size * samples.dtype.itemsize > MOST_TIFF_BYTES)


def is_bigtiff(source: bytes | Path) -> bool:
    """Whether a file, or its content, is a BigTIFF."""
    if isinstance(source, bytes):
        return source.startswith(_BIG)
    try:
        with source.open("rb") as file:
            return file.read(4) in _BIG
    except OSError:
        return False


def as_tiff(source: bytes | Path) -> bytes:
    """A TIFF that tells what a BigTIFF tells, and has no picture: for exiv2, which reads no BigTIFFs.

    Raises
    ------
    DataError
        When its structure is broken.
    """
    try:
        if isinstance(source, bytes):
            return _without_pixels(source)
        with source.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            return _without_pixels(data)
    except (struct.error, OverflowError, OSError, ValueError) as error:
        raise DataError(f"the BigTIFF is broken: {error}") from error


def _without_pixels(data: bytes | mmap) -> bytes:
    layout, entries = read_tiff(data)
    kept: list[Entry] = [entry for entry in entries if entry.tag not in _OF_PIXELS]
    return pack_tiff(kept, layout.order)
