"""Directories of TIFFs, taken out of one file to be put into another: TIFF 6.0, section 2, and BigTIFF's.

exiv2 makes and understands EXIF, but knows no BigTIFF, and would write a whole file again to put it in. So it
makes it in a TIFF without a picture, from where it is copied; and gets what BigTIFFs hold in such a TIFF.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from mmap import mmap

__all__ = ["Entry", "Layout", "pack_tiff", "placed", "read_tiff"]

_LONG = 4
_KIND_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Of a value of each kind that a TIFF has."""

_PLACE_KINDS = {4: 4, 13: 4, 16: 8, 18: 8}
"""Bytes of the kinds that places are told in; the latter two are BigTIFF's."""

_POINTERS: Mapping[int | None, frozenset[int]] = {None: frozenset({34665, 34853}), 34665: frozenset({40965})}
"""Tags that point to directories: EXIF and GPS; in the one of EXIF interoperability (CIPA DC-008, 4.6.3)."""

_MOST_BYTES = 1 << 26
"""What is longer tells of pixels or layers."""

_MOST_ENTRIES = 1 << 16
"""As many as a TIFF counts. A BigTIFF counts further, and what is no directory counts by the billion."""


@dataclass(frozen=True)
class Entry:
    """A tag.

    Attributes
    ----------
    tag : int
        Its code.
    kind : int
        What its values are: 1 to 13.
    count : int
        How many.
    value : bytes
        The values, in the byte order of the file.
    inside : tuple of Entry
        The directory that it points to; then it is told where that is when it has a place.
    """

    tag: int
    kind: int
    count: int
    value: bytes
    inside: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Layout:
    """How a file is written.

    Attributes
    ----------
    order : str
        ``<`` or ``>``.
    big : bool
        Whether it is a BigTIFF.
    """

    order: str
    big: bool

    @property
    def counted(self) -> str:
        """How the entries of a directory are counted."""
        return "Q" if self.big else "H"

    @property
    def place(self) -> str:
        """How places in the file are told."""
        return "Q" if self.big else "I"

    def pack(self, kinds: str, *numbers: int) -> bytes:
        """Numbers in the byte order of the file."""
        return struct.pack(self.order + kinds, *numbers)

    def unpack(self, kinds: str, data: bytes | mmap, at: int) -> tuple[int, ...]:
        """Numbers of a file."""
        return struct.unpack_from(self.order + kinds, data, at)

    def size(self, kinds: str) -> int:
        """Bytes of numbers."""
        return struct.calcsize(self.order + kinds)


def read_tiff(data: bytes | mmap) -> tuple[Layout, tuple[Entry, ...]]:
    """The first directory of a TIFF or BigTIFF, as far as it tells of more than pixels.

    Raises
    ------
    struct.error, OverflowError
        When it is not whole. What it points to is left out then: programs that copy tags one by one leave
        EXIF's pointing into pixels.
    """
    order = "<" if data[:1] == b"I" else ">"
    layout = Layout(order, struct.unpack_from(order + "H", data, 2)[0] == 43)
    (at,) = layout.unpack(layout.place, data, 8 if layout.big else 4)
    return layout, _read(data, at, layout)


def _read(data: bytes | mmap, at: int, layout: Layout, within: int | None = None) -> tuple[Entry, ...]:
    found = []
    head, room = layout.size("HH" + layout.place), layout.size(layout.place)
    (count,) = layout.unpack(layout.counted, data, at)
    if count > _MOST_ENTRIES:
        raise struct.error(f"a directory of {count} entries")
    first = at + layout.size(layout.counted)
    for start in range(first, first + count * (head + room), head + room):
        tag, kind, number = layout.unpack("HH" + layout.place, data, start)
        if tag in _POINTERS.get(within, ()) and kind in _PLACE_KINDS:
            (place,) = layout.unpack("Q" if _PLACE_KINDS[kind] == 8 else "I", data, start + head)
            with suppress(struct.error, OverflowError):
                inside = _read(data, place, layout, tag)
                found += [Entry(tag, _LONG, 1, b"", inside)] if inside else []
        elif kind in _KIND_BYTES:
            size, place = number * _KIND_BYTES[kind], start + head
            if size > room:
                (place,) = layout.unpack(layout.place, data, place)
            if size <= min(_MOST_BYTES, len(data) - place):
                found.append(Entry(tag, kind, number, data[place : place + size]))
    return tuple(found)


def placed(entries: Iterable[Entry], at: int, layout: Layout) -> tuple[list[Entry], bytes]:
    """Give what entries point to a place in a file.

    Parameters
    ----------
    entries : iterable of Entry
        Of a directory that is somewhere else.
    at : int
        Even.
    layout : Layout
        Of the file.

    Returns
    -------
    tuple of list of Entry and bytes
        The same entries, which now tell the place; and what is to be there.
    """
    found, body = [], b""
    for entry in entries:
        if not entry.inside:
            found.append(entry)
            continue
        found.append(replace(entry, value=layout.pack("I", at + len(body)), inside=()))
        body += _packed(entry.inside, at + len(body), layout)
    return found, body


def _packed(entries: Sequence[Entry], at: int, layout: Layout) -> bytes:
    room = layout.size(layout.place)
    behind = at + layout.size(layout.counted) + len(entries) * layout.size("HH" + 2 * layout.place) + room
    flat, body = placed(entries, behind, layout)
    head = layout.pack(layout.counted, len(flat))
    for entry in sorted(flat, key=lambda one: one.tag):
        value = entry.value
        if len(value) > room:
            value = layout.pack(layout.place, behind + len(body))
            body += entry.value + b"\0" * (len(entry.value) % 2)
        head += layout.pack("HH" + layout.place, entry.tag, entry.kind, entry.count)
        head += value.ljust(room, b"\0")
    return head + layout.pack(layout.place, 0) + body


def pack_tiff(entries: Sequence[Entry], order: str) -> bytes:
    """A TIFF that is nothing but one directory.

    Parameters
    ----------
    entries : sequence of Entry
        One at least: exiv2 takes no empty ones.
    order : str
        Of the values' bytes, ``<`` or ``>``.
    """
    layout = Layout(order, False)
    return (b"II" if order == "<" else b"MM") + layout.pack("HI", 42, 8) + _packed(entries, 8, layout)
