"""What a picture says of itself, for people: the few lines of its EXIF that matter beside a stack."""

from __future__ import annotations

from pathlib import Path

__all__ = ["exif_facts"]

_KEYS = {
    "camera": ("Exif.Image.Model",),
    "lens": ("Exif.Photo.LensModel",),
    "taken": ("Exif.Photo.DateTimeOriginal", "Exif.Image.DateTime"),
    "shutter": ("Exif.Photo.ExposureTime",),
    "aperture": ("Exif.Photo.FNumber",),
    "ISO": ("Exif.Photo.ISOSpeedRatings",),
    "focal length": ("Exif.Photo.FocalLength",),
    "exposure mode": ("Exif.Photo.ExposureProgram",),
    "white balance": ("Exif.Photo.WhiteBalance",),
    "flash": ("Exif.Photo.Flash",),
    "colour space": ("Exif.Photo.ColorSpace",),
}
"""Only what the EXIF standard names: makers' notes differ from body to body and from firmware to firmware."""


def exif_facts(path: Path) -> dict[str, str]:
    """Read the EXIF of a JPEG or RAW file, as words.

    Returns
    -------
    dict of str to str
        What is there of camera, lens, time, exposure and size; empty when the file says nothing.
    """
    import exiv2

    exiv2.LogMsg.setLevel(exiv2.LogMsg.Level.mute)  # what cannot be read is left out
    try:
        image = exiv2.ImageFactory.open(str(path))
        image.readMetadata()
    except exiv2.Exiv2Error:
        return {}
    exif, facts = image.exifData(), {}
    for title, keys in _KEYS.items():
        for key in keys:
            datum = exif.findKey(exiv2.ExifKey(key))
            if datum != exif.end():
                facts[title] = datum.print(exif)
                break
    if image.pixelWidth() and image.pixelHeight():
        facts["size"] = f"{image.pixelWidth()} × {image.pixelHeight()} px"
    return facts
