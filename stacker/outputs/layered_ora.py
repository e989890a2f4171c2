"""Writes OpenRaster (openraster.org, version 0.0.6): a zip of PNGs, for GIMP, Krita and MyPaint.

The format has no masks: a layer's mask becomes its alpha channel, and the colours under it stay. GIMP makes a
mask of it again with Layer > Mask > Add Layer Mask > Transfer layer's alpha channel.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree as ET

import cv2
import imagecodecs
import numpy as np

from stacker.colour.convert import convert_depth
from stacker.frames import Image, full_scale
from stacker.io.encode import with_png_profile
from stacker.io.metadata import write_metadata
from stacker.outputs.layered import Document

__all__ = ["OraSink"]

_MIME = "image/openraster"
_AT_ONCE = 2
"""Pictures that are encoded at once: one of 24 megapixels takes 1.3 s, longer than making the next layer, and
about 250 MB."""

_THUMBNAIL_PX = 256
"""Of its longer side, says the specification."""


class OraSink:
    """See `stacker.outputs.layered.LayerSink`.

    Parameters
    ----------
    path : Path
        Is created or replaced.
    document : Document
        What is coming.
    """

    def __init__(self, path: Path, document: Document) -> None:
        self.path, self._document = path, document
        self._pool = ThreadPoolExecutor(_AT_ONCE, "stacker-encode")
        self._encoding: deque[tuple[str, Future[bytes]]] = deque()
        self._count = 0
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self._zip.writestr("mimetype", _MIME)

    def add(self, planes: Image, mask: Image | None) -> None:
        """Write the next layer, while those behind it are made."""
        white = full_scale(self._document.dtype)
        alpha = np.full(planes.shape[1:], white, planes.dtype) if mask is None else mask
        self._put(f"data/layer{self._count:03d}.png", cv2.merge([*planes, alpha]))
        self._count += 1

    def _put(self, name: str, pixels: Image, encode: Callable[[Image], bytes] | None = None) -> None:
        """Have a picture encoded; write the one before it when enough are under way."""
        while len(self._encoding) >= _AT_ONCE:
            self._write_oldest()
        self._encoding.append((name, self._pool.submit(encode or self._encoded, pixels)))

    def _write_oldest(self) -> None:
        name, encoded = self._encoding.popleft()
        self._zip.writestr(name, encoded.result())

    def _encoded(self, pixels: Image) -> bytes:
        icc = self._document.profile
        # What OpenCV does for speed: a third of the usual time, and no larger.
        data = imagecodecs.png_encode(
            np.ascontiguousarray(pixels),
            level=1,
            strategy=imagecodecs.PNG.STRATEGY.RLE,
            filter=imagecodecs.PNG.FILTER.SUB,
        )
        return with_png_profile(bytes(data), icc) if icc else bytes(data)

    def _with_metadata(self, pixels: Image) -> bytes:
        """The merged picture with EXIF, XMP and IPTC: the format itself has no place for them."""
        height, width = pixels.shape[:2]
        with tempfile.TemporaryDirectory(dir=self.path.parent, prefix=".stacker-") as folder:
            carrier = Path(folder) / "merged.png"
            carrier.write_bytes(self._encoded(pixels))
            write_metadata(carrier, self._document.metadata, width, height)
            return carrier.read_bytes()

    def finish(self, merged: Image) -> None:
        """Write the merged picture, what the layers are, and close the file."""
        picture = np.squeeze(np.ascontiguousarray(np.moveaxis(merged, 0, -1)))
        picture = picture.reshape(self._document.height, self._document.width, -1)
        self._put("mergedimage.png", picture, self._with_metadata)
        shrink = min(1.0, _THUMBNAIL_PX / max(picture.shape[:2]))
        size = [max(1, round(side * shrink)) for side in (self._document.width, self._document.height)]
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        if small.dtype == np.uint16:
            small = convert_depth(small, 8)
        self._put("Thumbnails/thumbnail.png", small)
        while self._encoding:
            self._write_oldest()
        self._zip.writestr("stack.xml", self._stack_xml())
        self.close()

    def _stack_xml(self) -> bytes:
        document = self._document
        image = ET.Element("image", version="0.0.6", w=str(document.width), h=str(document.height))
        layers = ET.SubElement(image, "stack")
        for number, layer in reversed(list(enumerate(document.layers))):  # the top one first
            ET.SubElement(
                layers,
                "layer",
                {
                    "name": layer.name,
                    "src": f"data/layer{number:03d}.png",
                    "x": str(layer.window.x),
                    "y": str(layer.window.y),
                    "opacity": "1.0",
                    "visibility": "visible" if layer.visible else "hidden",
                    "composite-op": "svg:src-over",
                },
            )
        return bytes(ET.tostring(image, encoding="utf-8", xml_declaration=True))

    def close(self) -> None:
        """Let go of the file."""
        self._pool.shutdown()
        self._zip.close()
