"""Photoshop's layers as a stream: records first, then pixels one layer after the other, then the lengths.

psdtags knows how every structure is written. It wants all layers in memory, though; so records are written
with lengths of 0, which are filled in when the pixels have been written.
"""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import imagecodecs
import numpy as np
import psdtags

from stacker.frames import Image
from stacker.outputs.layered import Document, LayerHead

__all__ = ["LayerBlock", "compressed_rows"]

_DEFLATE_LEVEL = 1
"""16-bit samples: 0.5 s for 24 megapixels, a quarter saved; the usual level takes several times as long and
saves some percent more."""

_ALPHA = psdtags.PsdChannelId.TRANSPARENCY_MASK
"""Opaque all over; without it ImageMagick forgets the mask."""

_USER_MASK = psdtags.PsdChannelId.USER_LAYER_MASK


class LayerBlock:
    """Layers of a document in an open file, from where it stands.

    Parameters
    ----------
    file : file
        Binary, can be read from and written to anywhere.
    document : Document
        What is coming.
    psd : psdtags.PsdFormat
        Byte order and width of lengths.
    """

    def __init__(self, file: BinaryIO, document: Document, psd: psdtags.PsdFormat) -> None:
        self._file, self._document, self._psd = file, document, psd
        self._lengths: list[list[int]] = []
        psd.write(file, "h", len(document.layers))
        for layer in document.layers:
            self._write_head(layer)
        self._at = 0
        self._opaque: dict[tuple[int, ...], bytes] = {}

    def _write_head(self, layer: LayerHead) -> None:
        box = layer.window
        rectangle = psdtags.PsdRectangle(box.y, box.x, box.bottom, box.right)
        kinds = [psdtags.PsdChannelId(channel) for channel in range(self._document.channels)]
        channels = [_Channel(kind) for kind in (_ALPHA, *kinds, _USER_MASK)]
        flags = psdtags.PsdLayerFlag.PHOTOSHOP5
        if not layer.visible:
            flags |= psdtags.PsdLayerFlag.VISIBLE  # the bit says hidden, whatever it is called
        psdtags.PsdLayer(
            name=layer.name.encode("ascii", "replace").decode()[:255],
            channels=list(channels),
            rectangle=rectangle,
            mask=psdtags.PsdLayerMask(default_color=0, rectangle=rectangle),
            flags=flags,
            info=[psdtags.PsdString(psdtags.PsdKey.UNICODE_LAYER_NAME, layer.name)],
        ).write(self._file, self._psd)
        self._lengths.append([channel.length_at for channel in channels])

    def add(self, planes: Image, mask: Image | None, pool: ThreadPoolExecutor) -> None:
        """Write the pixels of the next layer; see `LayerSink.add`."""
        white = self._white(planes.shape[1:])
        pixels = [*planes] if mask is None else [*planes, mask]
        encoded = [white, *pool.map(self._encoded, pixels), white][: len(planes) + 2]
        for length_at, data in zip(self._lengths[self._at], encoded, strict=True):
            self._file.write(data)
            end = self._file.tell()
            self._file.seek(length_at)
            self._psd.write_size(self._file, len(data))
            self._file.seek(end)
        self._at += 1

    def _white(self, shape: tuple[int, ...]) -> bytes:
        """A channel that is white all over; most layers have one size."""
        if shape not in self._opaque:
            counts = self._psd.byteorder + ("I" if self._psd.isb64 else "H")
            one = np.full((1, shape[1]), np.iinfo(self._document.dtype).max, self._document.dtype)
            length, row = compressed_rows(one, counts)
            kind = self._psd.pack("H", psdtags.PsdCompressionType.RLE)
            self._opaque[shape] = kind + length * shape[0] + row * shape[0]
        return self._opaque[shape]

    def _encoded(self, plane: Image) -> bytes:
        """A channel's compression and data."""
        if plane.dtype == np.uint8:
            counts = self._psd.byteorder + ("I" if self._psd.isb64 else "H")
            lengths, rows = compressed_rows(plane, counts)
            return self._psd.pack("H", psdtags.PsdCompressionType.RLE) + lengths + rows
        data = imagecodecs.delta_encode(np.ascontiguousarray(plane))
        swapped = data.astype(data.dtype.newbyteorder(self._psd.byteorder))
        return self._psd.pack("H", psdtags.PsdCompressionType.ZIP_PREDICTED) + bytes(
            imagecodecs.deflate_encode(swapped.tobytes(), level=_DEFLATE_LEVEL)
        )


def compressed_rows(plane: Image, counts: str) -> tuple[bytes, bytes]:
    """Rows by PackBits: their lengths, as `struct` names the type, and their bytes."""
    rows = [bytes(imagecodecs.packbits_encode(row)) for row in np.ascontiguousarray(plane)]
    return struct.pack(f"{counts[0]}{len(rows)}{counts[1]}", *map(len, rows)), b"".join(rows)


class _Channel(psdtags.PsdChannel):
    """A channel whose pixels come later: remembers where its length belongs."""

    def __init__(self, kind: psdtags.PsdChannelId) -> None:
        super().__init__(channelid=kind)
        self.length_at = 0

    def write(
        self,
        fh: BinaryIO,
        psdformat: psdtags.PsdFormat,
        /,
        compression: psdtags.PsdCompressionType | None = None,  # noqa: ARG002
    ) -> bytes:
        psdformat.write(fh, "h", self.channelid)
        self.length_at = fh.tell()
        psdformat.write_size(fh, 0)
        return b""
