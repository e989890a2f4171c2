"""EXIF, XMP, IPTC and ICC profile: read from the frames, written into the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import exiv2

from stacker.colour.spaces import ADOBE_RGB, SPACES, SRGB
from stacker.errors import DataError
from stacker.frames import FrameMetadata
from stacker.io.bigtiff import big_parts, big_tags, is_bigtiff
from stacker.io.stack_xmp import says_simulated, xmp_packet

__all__ = [
    "STALE_XMP",
    "changed",
    "is_result",
    "make_room",
    "read_metadata",
    "tags_of_bigtiff",
    "told",
    "unpacked",
    "write_metadata",
]

# exiv2 prints every oddity of a maker note to stderr; real errors come as exceptions anyway.
exiv2.LogMsg.setLevel(exiv2.LogMsg.Level.mute)

_SOFTWARE = "focusrig stacker"
"""Is in the EXIF of all that is written, by which results are told from photographs."""

_GROUPS = ("Exif.Image.", "Exif.Photo.", "Exif.GPSInfo.")
"""What is about the photograph. The others are about other pictures in the frame's file, or of its maker."""

_MAKER_NOTE = "Exif.Photo.MakerNote"
"""Is left out: it is about the frame and not the picture (focus points, previews), its offsets may point to
where nothing is any more, and with it EXIF often has no room in a JPEG. Lens and serial number, which some
bodies write nowhere else, move to where EXIF has them."""

_IMAGE_RESOURCES = 34377
"""Photoshop's tag of a TIFF for what a PSD has as image resources."""

_DNG_TAGS, _DNG_KEPT = range(0xC612, 0xD000), frozenset({0xC62F, 0xC630})
"""Tags of a DNG say how its raw samples are to be developed; a TIFF with them would be taken for a DNG. Kept
are CameraSerialNumber and LensInfo."""

STALE_XMP = (
    "Xmp.crs.",  # how Camera Raw is to develop it: has been done
    "Xmp.xmpMM.",  # which document it is: another one now
    "Xmp.xmpNote.",
    "Xmp.xmpGImg.",
    "Xmp.xmp.Thumbnails",
    "Xmp.photoshop.SidecarForExtension",
    "Xmp.photoshop.EmbeddedXMPDigest",
    "Xmp.photoshop.DocumentAncestors",
    "Xmp.dc.format",
    "Xmp.tiff.Orientation",
    "Xmp.tiff.ImageWidth",
    "Xmp.tiff.ImageLength",
    "Xmp.tiff.BitsPerSample",
    "Xmp.tiff.Compression",
    "Xmp.tiff.PhotometricInterpretation",
    "Xmp.exif.PixelXDimension",
    "Xmp.exif.PixelYDimension",
)
"""What XMP says of the frame's file and is not so of ours."""

_MOST_BYTES, _LONG_BYTES = 40_000, 4_000
"""What the frames may bring along of EXIF and of XMP: a JPEG has 64 kB for each, and ours is added. A value
that is longer than a page is no caption, but some program's own data."""

_EXIF_VERSION = "48 50 51 50"
"""0232, when the frames have no EXIF at all: readers want one."""

_STRUCTURE = frozenset(
    f"Exif.Image.{tag}"
    for tag in (
        "NewSubfileType",
        "SubfileType",
        "ImageWidth",
        "ImageLength",
        "BitsPerSample",
        "Compression",
        "PhotometricInterpretation",
        "FillOrder",
        "StripOffsets",
        "SamplesPerPixel",
        "RowsPerStrip",
        "StripByteCounts",
        "PlanarConfiguration",
        "Predictor",
        "ColorMap",
        "TileWidth",
        "TileLength",
        "TileOffsets",
        "TileByteCounts",
        "SubIFDs",
        "ExtraSamples",
        "SampleFormat",
        "SMinSampleValue",
        "SMaxSampleValue",
        "JPEGTables",
        "JPEGProc",
        "JPEGInterchangeFormat",
        "JPEGInterchangeFormatLength",
        "YCbCrCoefficients",
        "YCbCrSubSampling",
        "ReferenceBlackWhite",
        "XMLPacket",
        "InterColorProfile",
        "IPTCNAA",
        "ImageResources",
        "ImageSourceData",
        "CFARepeatPatternDim",
        "CFAPattern",
        "TIFFEPStandardID",
    )
)
"""Tags by which a TIFF describes how its own pixels are stored."""


_OF_SMALL_PICTURES = ("Exif.SubImage1.", "Exif.Image.SubIFDs")
"""What a TIFF of ours says, for exiv2 in EXIF, about its small picture."""

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
        raise DataError(f"{name} cannot be read as an image: {error}") from error
    return metadata


def _parts(source: bytes | Path) -> tuple[Any, Any, Any, bytes | None]:
    """EXIF, XMP and IPTC of exiv2, and the ICC profile."""
    if is_bigtiff(source):
        return big_parts(source)
    image = exiv2.ImageFactory.open(source if isinstance(source, bytes) else str(source))
    image.readMetadata()
    icc = bytes(image.iccProfile().data()) if image.iccProfileDefined() else None
    return image.exifData(), image.xmpData(), image.iptcData(), icc


def is_result(path: Path) -> bool:
    """Whether the stacker has written a picture, as it says of itself."""
    try:
        return told(_parts(path)[0], "Exif.Image.ProcessingSoftware") == _SOFTWARE
    except (exiv2.Exiv2Error, DataError):
        return False


def write_metadata(
    path: Path,
    metadata: FrameMetadata,
    width: int,
    height: int,
    thumbnail: bytes | None = None,
    resources: bytes | None = None,
) -> None:
    """Put EXIF, XMP and IPTC into a finished file; the profile is written with the pixels.

    Orientation becomes upright (the pixels have been turned) and the size becomes the result's.

    Parameters
    ----------
    path : Path
        A JPEG, PNG, TIFF, DNG or PSD.
    metadata : FrameMetadata
        What is known of the frames.
    width, height : int
        Of the picture, in pixels.
    thumbnail : bytes, optional
        A small JPEG of it. Not for TIFF, where it would be a second page.
    resources : bytes, optional
        Photoshop's image resources, for a TIFF.

    Raises
    ------
    DataError
        When the file does not take them.
    """
    try:
        exif, xmp, iptc = _of_picture(metadata, width, height)
        if not told(exif, "Exif.Photo.ExifVersion"):
            exif["Exif.Photo.ExifVersion"] = _EXIF_VERSION
        if thumbnail is not None:
            exiv2.ExifThumb(exif).setJpegThumbnail(thumbnail, (72, 1), (72, 1), 2)
        if resources is not None:
            block = exiv2.DataValue(exiv2.TypeId.unsignedByte)
            block.read(resources, exiv2.ByteOrder.bigEndian)
            exif["Exif.Image.ImageResources"] = block
            if iptc.count():  # else exiv2 would write it among the resources only
                exif["Exif.Image.IPTCNAA"] = "0"
        target = exiv2.ImageFactory.open(str(path))
        target.readMetadata()
        own = target.exifData()
        if not told(own, "Exif.Image.DNGVersion"):
            _drop(own, lambda datum: not datum.key().startswith(_OF_SMALL_PICTURES))
        target.setExifData(_joined(own, exif))
        target.setXmpData(xmp)
        target.setIptcData(iptc)
        target.writeMetadata()
    except exiv2.Exiv2Error as error:
        raise DataError(f"EXIF could not be written: {error}") from error


def tags_of_bigtiff(
    metadata: FrameMetadata, width: int, height: int, resources: bytes
) -> list[tuple[int, Any, int, Any, bool]]:
    """What `write_metadata` would write, as far as a BigTIFF has it: tags for tifffile."""
    exif, xmp, _ = _of_picture(metadata, width, height)
    return [*big_tags(exif, xmp), (_IMAGE_RESOURCES, "B", len(resources), resources, True)]


def _of_picture(metadata: FrameMetadata, width: int, height: int) -> tuple[Any, Any, Any]:
    """EXIF, XMP and IPTC of a picture that is upright and has that size."""
    exif, xmp, iptc = unpacked(metadata)
    exif["Exif.Image.Orientation"] = exiv2.UShortValue(1)
    exif["Exif.Photo.PixelXDimension"] = exiv2.ULongValue(width)
    exif["Exif.Photo.PixelYDimension"] = exiv2.ULongValue(height)
    exif["Exif.Image.ProcessingSoftware"] = _SOFTWARE
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
        raise DataError(f"EXIF could not be read: {error}") from error


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
        raise DataError(f"EXIF could not be kept: {error}") from error


def _pack(exif: Any, xmp: Any, iptc: Any) -> bytes:
    """EXIF, XMP and IPTC as the bytes of an EXV file: plain data that can be kept and sent elsewhere."""
    for key, find in (
        ("Exif.Photo.LensModel", exiv2.lensName),
        ("Exif.Photo.BodySerialNumber", exiv2.serialNumber),
    ):
        found = find(exif)  # None when there is none, unlike other iterators of exiv2
        if found is not None and not told(exif, key):
            exif[key] = found.print(exif)
    _drop(exif, _is_stale)
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


def _is_stale(datum: Any) -> bool:
    key = datum.key()
    if key in _STRUCTURE or key == _MAKER_NOTE or not key.startswith(_GROUPS):
        return True
    return key.startswith("Exif.Image.") and datum.tag() in _DNG_TAGS and datum.tag() not in _DNG_KEPT


def _exv(exif: Any, xmp: Any, iptc: Any) -> bytes:
    carrier = exiv2.ImageFactory.create(exiv2.ImageType.exv)
    carrier.setExifData(exif)
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
