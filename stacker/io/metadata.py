"""EXIF, XMP and ICC profile: read from the frames, written into the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import exiv2

from stacker.colour.spaces import ADOBE_RGB, SPACES, SRGB
from stacker.errors import DataError
from stacker.frames import FrameMetadata

__all__ = ["is_result", "read_metadata", "write_metadata"]

# exiv2 prints every oddity of a maker note to stderr; real errors come as exceptions anyway.
exiv2.LogMsg.setLevel(exiv2.LogMsg.Level.mute)

_SOFTWARE = "focusrig stacker"
"""Is in the EXIF of all that is written, by which results are told from photographs."""

_STALE_GROUPS = (
    "Exif.Thumbnail.",
    "Exif.SubImage",
    "Exif.Image2.",
    "Exif.Image3.",
    "Exif.Iop.",
    "Exif.MpfInfo.",
)
"""Groups about other pictures in the frame's file."""

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
    )
)
"""Tags by which a TIFF describes how its own pixels are stored."""


_SPACE_OF_PROFILE: dict[bytes | None, int] = {
    space.icc: 1 if space is SRGB else 0xFFFF for space in SPACES.values()
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
        image = exiv2.ImageFactory.open(source if isinstance(source, bytes) else str(source))
        image.readMetadata()
        exif, xmp = image.exifData(), image.xmpData()
        icc = bytes(image.iccProfile().data()) if image.iccProfileDefined() else None
        metadata = FrameMetadata(
            icc=icc or _declared_profile(exif),
            orientation=_orientation(exif),
            simulated=_says_simulated(exif),
            sidecar=_pack(exif, xmp) if exif.count() or xmp.count() else None,
        )
    except exiv2.Exiv2Error as error:
        raise DataError(f"{name} cannot be read as an image: {error}") from error
    return metadata


def is_result(path: Path) -> bool:
    """Whether the stacker has written a picture, as it says of itself."""
    try:
        image = exiv2.ImageFactory.open(str(path))
        image.readMetadata()
        exif = image.exifData()
        found = exif.findKey(exiv2.ExifKey("Exif.Image.ProcessingSoftware"))
        return bool(found != exif.end() and found.toString() == _SOFTWARE)
    except exiv2.Exiv2Error:
        return False


def write_metadata(path: Path, metadata: FrameMetadata, width: int, height: int) -> None:
    """Put the frames' EXIF and XMP into a finished file; the profile is written with the pixels.

    Orientation becomes upright (the pixels have been turned) and the size becomes the result's.

    Raises
    ------
    DataError
        When the file does not take them.
    """
    try:
        if metadata.sidecar is None:
            exif, xmp = exiv2.ExifData(), exiv2.XmpData()
        else:
            source = exiv2.ImageFactory.open(metadata.sidecar)
            source.readMetadata()
            exif, xmp = source.exifData(), source.xmpData()
        exif["Exif.Image.Orientation"] = exiv2.UShortValue(1)
        exif["Exif.Photo.PixelXDimension"] = exiv2.ULongValue(width)
        exif["Exif.Photo.PixelYDimension"] = exiv2.ULongValue(height)
        exif["Exif.Image.ProcessingSoftware"] = _SOFTWARE
        if metadata.icc in _SPACE_OF_PROFILE:
            exif["Exif.Photo.ColorSpace"] = exiv2.UShortValue(_SPACE_OF_PROFILE[metadata.icc])
        target = exiv2.ImageFactory.open(str(path))
        target.readMetadata()
        target.setExifData(exif)
        target.setXmpData(xmp)
        target.writeMetadata()
    except exiv2.Exiv2Error as error:
        raise DataError(f"EXIF could not be written: {error}") from error


def _pack(exif: Any, xmp: Any) -> bytes:
    """EXIF and XMP as the bytes of an EXV file: plain data that can be kept and sent to another process."""
    _drop(exif, lambda key: key in _STRUCTURE or key.startswith(_STALE_GROUPS))
    try:
        return _exv(exif, xmp)
    except exiv2.Exiv2Error:
        # An EXV segment holds 64 kB; only maker notes are ever longer.
        _drop(exif, lambda key: not key.startswith(("Exif.Image.", "Exif.Photo.", "Exif.GPSInfo.")))
        _drop(exif, lambda key: key == "Exif.Photo.MakerNote")
        return _exv(exif, xmp)


def _exv(exif: Any, xmp: Any) -> bytes:
    carrier = exiv2.ImageFactory.create(exiv2.ImageType.exv)
    carrier.setExifData(exif)
    carrier.setXmpData(xmp)
    carrier.writeMetadata()
    with carrier.io().data() as view:
        return bytes(view)


def _drop(exif: Any, unwanted: Any) -> None:
    position = exif.begin()
    while position != exif.end():
        position = exif.erase(position) if unwanted(position.key()) else _advance(position)


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
    for key, value in (("Exif.Iop.InteroperabilityIndex", "R03"), ("Exif.Photo.ColorSpace", "2")):
        found = exif.findKey(exiv2.ExifKey(key))
        if found != exif.end() and found.toString() == value:
            return ADOBE_RGB.icc
    return None


def _says_simulated(exif: Any) -> bool:
    for key in ("Exif.Image.Make", "Exif.Image.Model", "Exif.Image.ImageDescription", "Exif.Image.Software"):
        found = exif.findKey(exiv2.ExifKey(key))
        if found != exif.end() and "SIMULATED" in found.toString():
            return True
    return False
