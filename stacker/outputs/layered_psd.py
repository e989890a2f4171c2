"""Writes PSD and PSB, as Adobe's "Photoshop File Formats Specification" (2019) has them, layer by layer."""

from __future__ import annotations

import struct
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
import psdtags

from stacker.frames import Image
from stacker.io.metadata import write_metadata
from stacker.outputs.layer_block import LayerBlock
from stacker.outputs.layered import Document

__all__ = ["MOST_PSD_BYTES", "MOST_PSD_SIDE_PX", "PsdSink", "needs_psb"]

MOST_PSD_BYTES = 2**31 - 1
"""Readers take lengths for signed numbers; Photoshop itself refuses to save more."""

MOST_PSD_SIDE_PX = 30_000

_GREY, _RGB, _RAW = 1, 3, 0
_ICC_RESOURCE = 1039
_CARRIER_PX = 16
"""exiv2 does not recognise files of less than some hundred bytes."""

_THREADS = 4
"""Channels of a layer: colours and mask."""


def needs_psb(document: Document) -> str:
    """Why a document is too large for PSD; empty when it is not.

    What compression will save is not known before, so the largest size that the file could have counts.
    """
    if max(document.width, document.height) > MOST_PSD_SIDE_PX:
        return f"it is {document.width} × {document.height} px, and a PSD has {MOST_PSD_SIDE_PX} at most"
    if document.largest_bytes > MOST_PSD_BYTES:
        return f"it may need {document.largest_bytes / 1e9:.1f} GB, and a PSD has 2 at most"
    return ""


class PsdSink:
    """See `stacker.outputs.layered.LayerSink`.

    Parameters
    ----------
    path : Path
        Is created or replaced.
    document : Document
        What is coming.
    large : bool
        PSB instead of PSD.
    """

    def __init__(self, path: Path, document: Document, large: bool) -> None:
        self.path, self._document = path, document
        self._psd = psdtags.PsdFormat.BE64BIT if large else psdtags.PsdFormat.BE32BIT
        self._pool = ThreadPoolExecutor(_THREADS, "stacker-encode")
        self._file: BinaryIO = path.open("wb+")
        _write_header(self._file, document, large)
        resources = image_resources(document)
        self._file.write(struct.pack(">II", 0, len(resources)) + resources)
        self._starts = self._begin_layers()
        self._layers = LayerBlock(self._file, document, self._psd)

    def _begin_layers(self) -> list[tuple[int, bool]]:
        """Open the sections around the layers: where their lengths belong, and whether they have 64 bits.

        8-bit layers stand in the section for layers, deeper ones in a block ``Lr16`` behind it.
        """
        starts = [self._length()]
        if self._document.dtype == np.uint8:
            return [*starts, self._length()]
        self._psd.write_size(self._file, 0)  # the section for layers, empty
        self._file.write(struct.pack(">I", 0))  # of the mask of all layers
        self._file.write(b"8BIMLr16")
        return [*starts, self._length()]

    def _length(self) -> tuple[int, bool]:
        at = self._file.tell()
        self._psd.write_size(self._file, 0)
        return at, self._psd.isb64

    def add(self, planes: Image, mask: Image | None) -> None:
        """Write the next layer."""
        self._layers.add(planes, mask, self._pool)

    def finish(self, merged: Image) -> None:
        """Write the merged picture and close the file."""
        eight = self._document.dtype == np.uint8
        outer, inner = self._starts
        self._end(inner, 2 if eight else 4)
        if eight:
            self._file.write(struct.pack(">I", 0))  # of the mask of all layers
        self._end(outer, 1)
        self._write_merged(merged)
        self.close()

    def _end(self, start: tuple[int, bool], multiple: int) -> None:
        """Fill a section up to a multiple of bytes and write its length."""
        at, wide = start
        body = at + (8 if wide else 4)
        size = self._file.tell() - body
        self._file.write(b"\0" * (-size % multiple))
        size += -size % multiple
        end = self._file.tell()
        self._file.seek(at)
        self._file.write(struct.pack(">Q" if wide else ">I", size))
        self._file.seek(end)

    def _write_merged(self, merged: Image) -> None:
        self._file.write(struct.pack(">H", _RAW))  # deflated ones are more than many programs expect here
        for plane in merged:
            self._file.write(np.ascontiguousarray(plane, plane.dtype.newbyteorder(">")).data)

    def close(self) -> None:
        """Let go of the file."""
        self._pool.shutdown()
        self._file.close()


def _write_header(file: BinaryIO, document: Document, large: bool) -> None:
    mode = _GREY if document.grey else _RGB
    bits = document.dtype.itemsize * 8
    file.write(
        struct.pack(
            ">4sH6xHIIHH",
            b"8BPS",
            2 if large else 1,
            document.channels,
            document.height,
            document.width,
            bits,
            mode,
        )
    )


def image_resources(document: Document) -> bytes:
    """Thumbnail, profile, EXIF and XMP as Photoshop's image resources, without their length.

    exiv2 writes the latter into a small PSD, whose resources are taken.
    """
    with tempfile.TemporaryDirectory(prefix=".stacker-") as folder:
        carrier = Path(folder) / "carrier.psd"
        one = Document(_CARRIER_PX, _CARRIER_PX, np.dtype(np.uint8), False, (), document.metadata)
        with carrier.open("wb") as file:
            _write_header(file, one, False)
            file.write(struct.pack(">IIIH", 0, 0, 0, _RAW) + bytes(3 * _CARRIER_PX**2))
        write_metadata(carrier, document.metadata, document.width, document.height)
        content = carrier.read_bytes()
    (length,) = struct.unpack_from(">I", content, 30)
    found = content[34 : 34 + length]
    if document.thumbnail is not None:
        found = document.thumbnail.resource + found
    icc = document.profile
    if icc is None:
        return found
    return struct.pack(">4sHHI", b"8BIM", _ICC_RESOURCE, 0, len(icc)) + icc + b"\0" * (len(icc) % 2) + found
