"""EXIF and XMP of BigTIFFs, the TIFFs over 4 GB: exiv2 neither reads nor writes them, tifffile has no EXIF.

XMP goes into its tag, and EXIF into XMP, as exiv2 does it for sidecars; maker, model, date, artist and
copyright also into the tags that TIFF itself has for them.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import exiv2
import numpy as np
import tifffile

from stacker.errors import DataError

__all__ = ["MOST_TIFF_BYTES", "big_parts", "big_tags", "is_bigtiff", "needs_bigtiff"]

MOST_TIFF_BYTES = (1 << 32) - (1 << 25)
"""Of samples before compression, whose effect is not known: places in a TIFF have 32 bits, and 32 MB are left
for all the rest."""

_BIG = (b"II+\0", b"MM\0+")

_XMP_TAG, _ORIENTATION_TAG, _ICC_TAG = 700, 274, 34675

_OWN_TAGS = {
    11: "Exif.Image.ProcessingSoftware",
    270: "Exif.Image.ImageDescription",
    271: "Exif.Image.Make",
    272: "Exif.Image.Model",
    305: "Exif.Image.Software",
    306: "Exif.Image.DateTime",
    315: "Exif.Image.Artist",
    33432: "Exif.Image.Copyright",
}
"""Texts that have tags of TIFF itself."""

_LENS_AND_BODY = ("LensModel", "LensSerialNumber", "BodySerialNumber")
"""EXIF that exiv2 does not turn into XMP by itself (CIPA DC-010)."""


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


def big_tags(exif: Any, xmp: Any) -> list[tuple[int, Any, int, Any, bool]]:
    """What to tell tifffile, for a picture that is upright."""
    tags: list[tuple[int, Any, int, Any, bool]] = [(_ORIENTATION_TAG, "H", 1, 1, True)]
    for tag, key in _OWN_TAGS.items():
        found = exif.findKey(exiv2.ExifKey(key))
        if found != exif.end():
            tags.append((tag, "s", 0, found.toString(), True))
    for name in _LENS_AND_BODY:
        found = exif.findKey(exiv2.ExifKey(f"Exif.Photo.{name}"))
        if found != exif.end():
            xmp[f"Xmp.exifEX.{name}"] = found.toString()
    sidecar = exiv2.ImageFactory.create(exiv2.ImageType.xmp)
    sidecar.setExifData(exif)  # becomes XMP too
    sidecar.setXmpData(xmp)
    sidecar.writeMetadata()
    with sidecar.io().data() as view:
        packet = bytes(view)
    return [*tags, (_XMP_TAG, "B", len(packet), packet, True)]


def big_parts(source: bytes | Path) -> tuple[Any, Any, Any, bytes | None]:
    """EXIF, XMP and IPTC of exiv2, and the ICC profile, of a BigTIFF.

    Raises
    ------
    DataError
        When its structure is broken.
    """
    try:
        with tifffile.TiffFile(io.BytesIO(source) if isinstance(source, bytes) else source) as file:
            tags: Any = file.pages.first.tags
            orientation, packet, icc = (tags.valueof(tag) for tag in (_ORIENTATION_TAG, _XMP_TAG, _ICC_TAG))
            texts = {key: tags.valueof(tag) for tag, key in _OWN_TAGS.items()}
    except (tifffile.TiffFileError, OSError, ValueError, IndexError) as error:
        raise DataError(f"the BigTIFF is broken: {error}") from error
    exif, xmp, iptc = _of_packet(packet) if isinstance(packet, bytes) else _nothing()
    for key, text in texts.items():
        if isinstance(text, str):
            exif[key] = text
    if isinstance(orientation, int):
        exif["Exif.Image.Orientation"] = exiv2.UShortValue(int(orientation))
    return exif, xmp, iptc, icc if isinstance(icc, bytes) else None


def _nothing() -> tuple[Any, Any, Any]:
    return exiv2.ExifData(), exiv2.XmpData(), exiv2.IptcData()


def _of_packet(packet: bytes) -> tuple[Any, Any, Any]:
    """XMP, and the EXIF and IPTC that it tells."""
    try:
        sidecar = exiv2.ImageFactory.open(packet)
        sidecar.readMetadata()
    except exiv2.Exiv2Error:
        return _nothing()  # XMP that is none, in a file that is sound
    exif, xmp = sidecar.exifData(), sidecar.xmpData()
    for name in _LENS_AND_BODY:
        found = xmp.findKey(exiv2.XmpKey(f"Xmp.exifEX.{name}"))
        if found != xmp.end():
            exif[f"Exif.Photo.{name}"] = found.toString()
    return exif, xmp, sidecar.iptcData()
