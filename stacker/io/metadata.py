"""EXIF, XMP, IPTC and ICC profile: read from the frames, written into the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

import exiv2

from stacker.colour.spaces import ADOBE_RGB, SPACES, SRGB
from stacker.errors import DataError
from stacker.frames import FrameMetadata
from stacker.io.bigtiff import as_tiff, is_bigtiff
from stacker.io.directories import Entry, Layout, pack_tiff, read_tiff
from stacker.io.jpeg_profile import profile_taken_out
from stacker.io.stack_xmp import facts_in, reason_of, says_simulated, xmp_packet
from stacker.io.stale import STALE_XMP, is_stale

__all__ = [
    "Made",
    "changed",
    "directory_of",
    "made_here",
    "make_room",
    "read_metadata",
    "told",
    "unpacked",
    "write_metadata",
]

# exiv2 prints every oddity of a maker note to stderr; real errors come as exceptions anyway.
exiv2.LogMsg.setLevel(exiv2.LogMsg.Level.mute)

_SOFTWARE = "focusrig stacker"
"""Is in the EXIF of all that is written."""

_NOTHING_YET = Entry(256, 3, 1, b"\0\0")
"""exiv2 takes no TIFF without any tag: this one, its width, it leaves alone."""

_MOST_BYTES, _LONG_BYTES = 40_000, 4_000
"""What the frames may bring along of EXIF and of XMP: a JPEG has 64 kB for each, and ours is added. A value
that is longer than a page is no caption, but some program's own data."""

_EXIF_VERSION = "48 50 51 50"
"""0232, when the frames have no EXIF at all: readers want one."""

_SPACE_OF_PROFILE: dict[bytes | None, int] = {
    **{space.icc: 1 if space is SRGB else 0xFFFF for space in SPACES.values()},
    **{space.linear.icc: 0xFFFF for space in SPACES.values()},
}
"""EXIF's ColorSpace knows sRGB, and all others as "uncalibrated" (CIPA DC-008)."""


def read_metadata(source: bytes | Path, name: str) -> FrameMetadata:
    """Read what a file says about itself.

    Parameters
    ----------
    source : bytes or Path
        The content of the whole file, or where it is.
    name : str
        For the message.

    Raises
    ------
    DataError
        When the file's structure is broken.
    """
    try:
        exif, xmp, iptc, icc = _parts(source)
        metadata = FrameMetadata(
            icc=icc or _declared_profile(exif),
            orientation=_orientation(exif),
            simulated=_says_simulated(exif) or says_simulated(xmp),
            sidecar=_pack(exif, xmp, iptc) if exif.count() or xmp.count() or iptc.count() else None,
        )
    except (exiv2.Exiv2Error, DataError) as error:
        raise DataError(f"{name} cannot be read as an image: {reason_of(error)}") from error
    return metadata


def _parts(source: bytes | Path) -> tuple[Any, Any, Any, bytes | None]:
    """EXIF, XMP and IPTC of exiv2, and the ICC profile."""
    if is_bigtiff(source):
        source = as_tiff(source)
    image = exiv2.ImageFactory.open(source if isinstance(source, bytes) else str(source))
    icc = None
    try:
        image.readMetadata()
    except exiv2.Exiv2Error as error:
        if error.code != exiv2.ErrorCode.kerInvalidIccProfile:
            raise
        # Of a JPEG. Whether a profile is any good is asked of its colours, as of those in other files.
        data, icc = profile_taken_out(source if isinstance(source, bytes) else source.read_bytes())
        image = exiv2.ImageFactory.open(data)
        image.readMetadata()
    if image.iccProfileDefined():
        icc = bytes(image.iccProfile().data())
    return image.exifData(), image.xmpData(), image.iptcData(), icc


class Made(Enum):
    """What a picture is that was fused here."""

    PICTURE = "picture"
    SLAB = "slab"


def made_here(path: Path) -> Made | None:
    """What the stacker has fused, as a file says of itself; None of photographs and of all else.

    Registered frames are photographs still, and so is what `stacker.write_image` was given.
    """
    try:
        facts = facts_in(_parts(path)[1]) if path.is_file() else {}
    except (exiv2.Exiv2Error, DataError, OSError):
        return None
    if "FramesUsed" not in facts:
        return None
    return Made.SLAB if "Slab" in facts else Made.PICTURE


def write_metadata(
    path: Path,
    metadata: FrameMetadata,
    width: int,
    height: int,
    thumbnail: bytes | None = None,
) -> None:
    """Put EXIF, XMP and IPTC into a finished file; the profile is written with the pixels.

    Other TIFFs than DNGs get them as they are written, of `directory_of`.

    Orientation becomes upright (the pixels have been turned) and the size becomes the result's.

    exiv2 gets the file's bytes, not its name: what it writes itself it does not check, and a disk that fills
    up would leave a picture cut off, and nobody told.

    Parameters
    ----------
    path : Path
        A JPEG, PNG, DNG or PSD.
    metadata : FrameMetadata
        What is known of the frames.
    width, height : int
        Of the picture, in pixels.
    thumbnail : bytes, optional
        A small JPEG of it. Not for DNG, where it would be a second page.

    Raises
    ------
    DataError
        When the file does not take them.
    OSError
        When it cannot be written.
    """
    try:
        exif, xmp, iptc = _of_picture(metadata, width, height)
        if thumbnail is not None:
            exiv2.ExifThumb(exif).setJpegThumbnail(thumbnail, (72, 1), (72, 1), 2)
        target = exiv2.ImageFactory.open(path.read_bytes())
        target.readMetadata()
        target.setExifData(_joined(target.exifData(), exif))
        content = _written(target, xmp, iptc)
    except exiv2.Exiv2Error as error:
        raise DataError(f"EXIF could not be written: {reason_of(error)}") from error
    path.write_bytes(content)


def directory_of(
    metadata: FrameMetadata, width: int, height: int, layout: Layout, resources: bytes | None = None
) -> tuple[Entry, ...]:
    """EXIF, XMP and IPTC as a TIFF has them, upright and of its size like `write_metadata`.

    Parameters
    ----------
    metadata : FrameMetadata
        What is known of the frames.
    width, height : int
        Of the picture, in pixels.
    layout : Layout
        Of the TIFF.
    resources : bytes, optional
        Photoshop's image resources, to which IPTC is added.

    Raises
    ------
    DataError
        When exiv2 does not take them.
    """
    try:
        exif, xmp, iptc = _of_picture(metadata, width, height)
        if layout.big:
            xmp = _with_exif(xmp, exif)
        if resources is not None:
            block = exiv2.DataValue(exiv2.TypeId.unsignedByte)
            block.read(resources, exiv2.ByteOrder.bigEndian)
            exif["Exif.Image.ImageResources"] = block
            if iptc.count():  # else exiv2 would write it among the resources only
                exif["Exif.Image.IPTCNAA"] = "0"
        carrier = exiv2.ImageFactory.open(pack_tiff([_NOTHING_YET], layout.order))
        carrier.readMetadata()
        carrier.setExifData(exif)
        found = read_tiff(_written(carrier, xmp, iptc))[1]
    except exiv2.Exiv2Error as error:
        raise DataError(f"EXIF could not be written: {reason_of(error)}") from error
    return tuple(entry for entry in found if entry.tag != _NOTHING_YET.tag)


def _with_exif(xmp: Any, exif: Any) -> Any:
    """XMP that tells EXIF as well, like a sidecar: in BigTIFFs exiftool 12.57 mistakes GPS."""
    sidecar = exiv2.ImageFactory.create(exiv2.ImageType.xmp)
    sidecar.setExifData(exif)
    sidecar.setXmpData(xmp)
    sidecar.writeMetadata()
    return sidecar.xmpData()


def _of_picture(metadata: FrameMetadata, width: int, height: int) -> tuple[Any, Any, Any]:
    """EXIF, XMP and IPTC of a picture that is upright and has that size."""
    exif, xmp, iptc = unpacked(metadata)
    exif["Exif.Image.Orientation"] = exiv2.UShortValue(1)
    exif["Exif.Photo.PixelXDimension"] = exiv2.ULongValue(width)
    exif["Exif.Photo.PixelYDimension"] = exiv2.ULongValue(height)
    exif["Exif.Image.ProcessingSoftware"] = _SOFTWARE
    if not told(exif, "Exif.Photo.ExifVersion"):
        exif["Exif.Photo.ExifVersion"] = _EXIF_VERSION
    if metadata.icc in _SPACE_OF_PROFILE:
        exif["Exif.Photo.ColorSpace"] = exiv2.UShortValue(_SPACE_OF_PROFILE[metadata.icc])
    return exif, xmp, iptc


def _joined(own: Any, exif: Any) -> Any:
    """EXIF added to what a DNG says of its samples, which is EXIF to exiv2 as well."""
    for datum in exif:
        own[datum.key()] = datum.value()
    return own


def unpacked(metadata: FrameMetadata) -> tuple[Any, Any, Any]:
    """EXIF, XMP and IPTC of exiv2, to be read or changed; empty where nothing is known.

    Raises
    ------
    DataError
        When what was packed is damaged.
    """
    if metadata.sidecar is None:
        return exiv2.ExifData(), exiv2.XmpData(), exiv2.IptcData()
    try:
        source = exiv2.ImageFactory.open(metadata.sidecar)
        source.readMetadata()
        return source.exifData(), source.xmpData(), source.iptcData()
    except exiv2.Exiv2Error as error:
        raise DataError(f"EXIF could not be read: {reason_of(error)}") from error


def changed(metadata: FrameMetadata, change: Callable[[Any, Any, Any], None]) -> FrameMetadata:
    """The same metadata after a function has changed its EXIF, XMP and IPTC.

    Raises
    ------
    DataError
        When they become too long to be kept.
    """
    exif, xmp, iptc = unpacked(metadata)
    change(exif, xmp, iptc)
    try:
        return replace(metadata, sidecar=_exv(exif, xmp, iptc))
    except exiv2.Exiv2Error as error:
        raise DataError(f"EXIF could not be kept: {reason_of(error)}") from error


def _pack(exif: Any, xmp: Any, iptc: Any) -> bytes:
    """EXIF, XMP and IPTC as the bytes of an EXV file: plain data that can be kept and sent elsewhere."""
    for key, find in (
        ("Exif.Photo.LensModel", exiv2.lensName),
        ("Exif.Photo.BodySerialNumber", exiv2.serialNumber),
    ):
        found = find(exif)  # None when there is none, unlike other iterators of exiv2
        if found is not None and not told(exif, key):
            exif[key] = found.print(exif)
    _drop(exif, is_stale)
    _drop(xmp, lambda datum: datum.key().startswith(STALE_XMP))
    make_room(exif, xmp)
    return _exv(exif, xmp, iptc)


def make_room(exif: Any, xmp: Any) -> None:
    """Leave out what is too long for a JPEG's segment, and all XMP if even that is not enough."""
    if sum(datum.size() for datum in exif) > _MOST_BYTES:
        _drop(exif, _is_long)
    if xmp.count() and len(xmp_packet(xmp).encode()) > _MOST_BYTES:
        _drop(xmp, _is_long)
        if len(xmp_packet(xmp).encode()) > _MOST_BYTES:
            xmp.clear()


def _is_long(datum: Any) -> bool:
    return len(datum.toString()) > _LONG_BYTES


def _exv(exif: Any, xmp: Any, iptc: Any) -> bytes:
    carrier = exiv2.ImageFactory.create(exiv2.ImageType.exv)
    carrier.setExifData(exif)
    return _written(carrier, xmp, iptc)


def _written(carrier: Any, xmp: Any, iptc: Any) -> bytes:
    """The file of an image of exiv2 that is in memory."""
    carrier.setXmpData(xmp)
    carrier.setIptcData(iptc)
    carrier.writeMetadata()
    with carrier.io().data() as view:
        return bytes(view)


def told(exif: Any, key: str) -> str:
    """What EXIF says, empty when nothing."""
    found = exif.findKey(exiv2.ExifKey(key))
    return "" if found == exif.end() else str(found.toString()).strip()


def _drop(data: Any, unwanted: Callable[[Any], bool]) -> None:
    position = data.begin()
    while position != data.end():
        position = data.erase(position) if unwanted(position) else _advance(position)


def _advance(position: Any) -> Any:
    """Step an exiv2 iterator."""
    next(position)
    return position


def _orientation(exif: Any) -> int:
    found = exif.findKey(exiv2.ExifKey("Exif.Image.Orientation"))
    if found == exif.end():
        return 1
    value = int(found.toInt64())
    return value if 1 <= value <= 8 else 1


def _declared_profile(exif: Any) -> bytes | None:
    """Adobe RGB has no embedded profile in the files of cameras: interoperability index R03 tells (DCF 2.0,
    optional colour space), or, by some makers, a ColorSpace of 2.
    """
    adobe = (
        told(exif, "Exif.Iop.InteroperabilityIndex") == "R03" or told(exif, "Exif.Photo.ColorSpace") == "2"
    )
    return ADOBE_RGB.icc if adobe else None


def _says_simulated(exif: Any) -> bool:
    tags = ("Make", "Model", "ImageDescription", "Software")
    return any("SIMULATED" in told(exif, f"Exif.Image.{tag}") for tag in tags)
