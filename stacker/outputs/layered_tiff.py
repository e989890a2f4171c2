"""Writes a TIFF with Photoshop's layers in its tag ImageSourceData, layer by layer."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
import psdtags
import tifffile

from stacker.errors import DataError
from stacker.frames import Image
from stacker.io.tiff import first_tags
from stacker.outputs.layer_block import LayerBlock
from stacker.outputs.layered import Document

__all__ = ["MOST_TIFF_BYTES", "TiffSink"]

MOST_TIFF_BYTES = 2**32 - 1
"""What a TIFF's offsets reach. A BigTIFF reaches farther, but Photoshop reads no layers from it."""

_TAG = 37724
_UNDEFINED = 7
_DIRECTORY_POINTER, _ENTRY_BYTES = 4, 12
"""TIFF 6.0, section 2."""

_THREADS = 4


class TiffSink:
    """See `stacker.outputs.layered.LayerSink`.

    The merged picture comes first in the file, without compression so that its place is known, and is filled
    in last; the layers lie behind everything else.

    Parameters
    ----------
    path : Path
        Is created or replaced.
    document : Document
        What is coming.
    """

    def __init__(self, path: Path, document: Document) -> None:
        self.path, self._document = path, document
        self._merged_at, self._directory_at = _begin(path, document)
        self._psd = psdtags.PsdFormat.BE32BIT  # of the same byte order as the TIFF
        self._pool = ThreadPoolExecutor(_THREADS, "stacker-encode")
        self._file: BinaryIO = path.open("rb+")
        self._file.seek(0, 2)
        self._file.write(b"\0" * (self._file.tell() % 2))
        self._start = self._file.tell()
        self._file.write(psdtags.TiffImageSourceData.SIGNATURE)
        self._file.write(self._psd.value + (b"Layr" if document.dtype == np.uint8 else b"Lr16"))
        self._length_at = self._file.tell()
        self._psd.write_size(self._file, 0)
        self._layers = LayerBlock(self._file, document, self._psd)

    def add(self, planes: Image, mask: Image | None) -> None:
        """Write the next layer."""
        self._layers.add(planes, mask, self._pool)

    def finish(self, merged: Image) -> None:
        """Write the merged picture and close the file."""
        size = self._file.tell() - self._length_at - 4
        self._file.write(b"\0" * (-size % 4))
        psdtags.write_psdtags(self._file, self._psd, None, 1, 4, tags=[psdtags.PsdUserMask()])
        length = self._file.tell() - self._start
        self._add_tag(struct.pack(">HHII", _TAG, _UNDEFINED, length, self._start))
        end = self._file.tell()
        if end > MOST_TIFF_BYTES:
            raise DataError(f"it has become {end / 1e9:.1f} GB, and a TIFF has 4 at most: write a .psb")
        self._put(self._length_at, struct.pack(">I", size + -size % 2))
        rows = np.ascontiguousarray(np.moveaxis(merged, 0, -1))
        self._put(self._merged_at, rows.astype(rows.dtype.newbyteorder(">")).tobytes())
        self.close()

    def _add_tag(self, entry: bytes) -> None:
        """Write the directory once more, behind everything, with an entry more: exiv2 keeps no such tag."""
        self._file.seek(self._directory_at)
        (count,) = struct.unpack(">H", self._file.read(2))
        entries = [self._file.read(_ENTRY_BYTES) for _ in range(count)]
        following = self._file.read(4)
        self._file.seek(0, 2)
        at = self._file.tell()
        self._file.write(struct.pack(">H", count + 1) + b"".join(sorted([*entries, entry])) + following)
        end = self._file.tell()
        self._put(_DIRECTORY_POINTER, struct.pack(">I", at))
        self._file.seek(end)

    def _put(self, at: int, data: bytes) -> None:
        self._file.seek(at)
        self._file.write(data)

    def close(self) -> None:
        """Let go of the file."""
        self._pool.shutdown()
        self._file.close()


def _begin(path: Path, document: Document) -> tuple[int, int]:
    """Write a TIFF with room for the picture; where that is, and where its directory is."""
    shape = (document.height, document.width) + (() if document.grey else (3,))
    resources = None if document.thumbnail is None else document.thumbnail.resource
    with tifffile.TiffWriter(path, byteorder=">") as begun:
        begun.write(
            shape=shape,
            dtype=document.dtype.newbyteorder(">"),
            photometric="minisblack" if document.grey else "rgb",
            iccprofile=document.profile,
            metadata=None,
            software=False,
            extratags=first_tags(begun, document.metadata, document.width, document.height, resources),
        )
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        return int(page.dataoffsets[0]), int(page.offset)
