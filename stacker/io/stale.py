"""What a frame's file tells of itself, and is not so of the picture that is made of it."""

from __future__ import annotations

from typing import Any

__all__ = ["STALE_XMP", "is_stale"]

_GROUPS = ("Exif.Image.", "Exif.Photo.", "Exif.GPSInfo.")
"""What is about the photograph. The others are about other pictures in the frame's file, or of its maker."""

_MAKER_NOTE = "Exif.Photo.MakerNote"
"""Is left out: it is about the frame and not the picture (focus points, previews), its offsets may point to
where nothing is any more, and with it EXIF often has no room in a JPEG. Lens and serial number, which some
bodies write nowhere else, move to where EXIF has them."""

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


_DESCRIPTION = "Exif.Image.ImageDescription"

_LAYOUTS = ('{"shape"', "ImageJ=", "<?xml", "<OME")
"""How descriptions begin by which tifffile, ImageJ and OME tell of a file's arrays: tifffile calls a result
that says so of the frames "corrupted"."""


def is_stale(datum: Any) -> bool:
    """Whether a datum of EXIF, as exiv2 has it, is about the frame's file or its maker."""
    key = datum.key()
    if key == _DESCRIPTION and datum.toString().startswith(_LAYOUTS):
        return True
    if key in _STRUCTURE or key == _MAKER_NOTE or not key.startswith(_GROUPS):
        return True
    return key.startswith("Exif.Image.") and datum.tag() in _DNG_TAGS and datum.tag() not in _DNG_KEPT
