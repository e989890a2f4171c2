"""Photoshop's layers as a stream: records first, then pixels one layer after the other, then the lengths.

psdtags knows how every structure is written. It wants all layers in memory, though; so records are written
with lengths of 0, which are filled in when the pixels have been written.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import imagecodecs
import numpy as np
import psdtags
from isal import isal_zlib

from stacker.frames import Image
from stacker.loops.scratch import Scratch
from stacker.outputs.layered import Document, LayerHead

__all__ = ["LayerBlock"]

_DEFLATE_LEVEL = 1
"""0.05 s for 24 megapixels of 8 bits by Intel's ISA-L, where PackBits takes 0.16 in one call a row, and a
third to a half of the size, where PackBits saves a tenth; the next levels take longer and save nothing."""

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
        self._scratches = [Scratch() for _ in range(document.channels + 1)]

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
        deflated = list(pool.map(self._deflated, range(len(pixels)), pixels))
        channels = [white, *deflated, white][: len(planes) + 2]
        for length_at, data in zip(self._lengths[self._at], channels, strict=True):
            self._psd.write(self._file, "H", psdtags.PsdCompressionType.ZIP_PREDICTED)
            self._file.write(data)
            end = self._file.tell()
            self._file.seek(length_at)
            self._psd.write_size(self._file, len(data) + 2)
            self._file.seek(end)
        self._at += 1

    def _white(self, shape: tuple[int, ...]) -> bytes:
        """A channel that is white all over; most layers have one size."""
        if shape not in self._opaque:
            white = np.full(shape, np.iinfo(self._document.dtype).max, self._document.dtype)
            self._opaque[shape] = self._deflated(0, white)
        return self._opaque[shape]

    def _deflated(self, number: int, plane: Image) -> bytes:
        """A channel's data, each sample less the one before it."""
        differences = self._scratches[number].array("differences", *plane.shape, dtype=plane.dtype)
        imagecodecs.delta_encode(np.ascontiguousarray(plane), out=differences)
        if differences.dtype != differences.dtype.newbyteorder(self._psd.byteorder):
            differences.byteswap(inplace=True)
        return isal_zlib.compress(differences, _DEFLATE_LEVEL)


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
