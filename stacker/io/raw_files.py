"""Tells RAW files from others by what is in them, and whole ones from those that are cut off."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any, BinaryIO

import tifffile

from stacker.errors import DataError
from stacker.io.raw_names import RAW_SUFFIXES
from stacker.io.tiff_pages import pages_in_turn

__all__ = ["holds_raw", "require_whole"]

_HEAD_BYTES = 108
"""The longest header that is looked at: Fujifilm's."""

_TIFF = (b"II*\0", b"MM\0*")
_RAF = b"FUJIFILMCCD-RAW"
_CR3 = b"ftypcrx "  # behind the size of the box
_OTHERS = (b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FOVb", b"\0MRM", b"II\x1a\0\0\0HEAPCCDR")
"""Panasonic and Leica, three of Olympus, Sigma, Minolta, Canon's CRW."""

_KIND, _MOSAIC, _LINEAR_RAW = 262, 32803, 34892
"""PhotometricInterpretation, with its values of TIFF/EP (ISO 12234-2) and of the DNG specification."""

_STRIPS, _TILES, _JPEG = (273, 279), (324, 325), (513, 514)
"""Tags of where data lies and how long it is."""


def holds_raw(file: BinaryIO, name: str) -> bool:
    """Whether a file holds what a sensor counted, whatever it is called.

    Where the content does not tell (a TIFF without a mosaic, an unknown start), its name does.
    """
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    if head.startswith((_RAF, *_OTHERS)) or head[4:12] == _CR3:
        return True
    if head.startswith(_TIFF):
        return head[8:10] == b"CR" or _named_raw(name) or _tiff_holds_raw(file)
    return _named_raw(name) and not head.startswith((b"\xff\xd8\xff", b"\x89PNG"))


def require_whole(source: Path | bytes, name: str) -> None:
    """Refuse a RAW file that ends before its data does: converters fill what is missing with black.

    Raises
    ------
    DataError
        When it does.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(_HEAD_BYTES)
        if head.startswith(_TIFF):
            ends = _ends_in_tiff(file)
        elif head.startswith(_RAF):
            ends = _ends_in_raf(head)
        elif head[4:8] == b"ftyp":
            ends = _ends_of_boxes(file, size)
        else:
            return
        end = max(ends, default=0)
    if end > size:
        raise DataError(f"{name} is cut off: the RAW file ends after {size} of {end} bytes")


def _named_raw(name: str) -> bool:
    return PurePath(name).suffix.lower() in RAW_SUFFIXES


def _tiff_holds_raw(file: BinaryIO) -> bool:
    return any(page.tags.valueof(_KIND) in (_MOSAIC, _LINEAR_RAW) for page in _pages(file))


def _ends_in_tiff(file: BinaryIO) -> Iterator[int]:
    for page in _pages(file):
        for starts, lengths in (_STRIPS, _TILES, _JPEG):
            yield from map(sum, zip(_values(page, starts), _values(page, lengths), strict=False))


def _values(page: Any, tag: int) -> tuple[int, ...]:
    value = page.tags.valueof(tag)
    return () if value is None else (value,) if isinstance(value, int) else tuple(value)


def _pages(file: BinaryIO) -> Iterator[Any]:
    """The images of a file built like TIFF, sub-images included; ends where its tables cannot be followed:
    makers bend TIFF, and their files are for the converter to read.
    """
    file.seek(0)
    try:
        with tifffile.TiffFile(file) as tiff:
            for page in pages_in_turn(tiff.pages):
                yield page
                yield from pages_in_turn(page.pages or ())
    except (tifffile.TiffFileError, ValueError, IndexError, KeyError, TypeError, OSError, struct.error):
        return


def _ends_in_raf(head: bytes) -> Iterator[int]:
    """Preview, header of the mosaic, mosaic: each its offset and length."""
    for at in (84, 92, 100):
        yield int.from_bytes(head[at : at + 4], "big") + int.from_bytes(head[at + 4 : at + 8], "big")


def _ends_of_boxes(file: BinaryIO, size: int) -> Iterator[int]:
    """Of the boxes of an ISO base media file (ISO/IEC 14496-12)."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0: to the end of the file
            return
        at += length
        yield at
