"""EXIF of simulated pictures; says SIMULATED wherever a reader looks, and keeps the truth for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

import exiv2

__all__ = ["MAKE", "ExposureRecord", "read_truth", "with_exif"]

MAKE = "SIMULATED focusrig bench"
"""What the maker's name is in every simulated picture."""

_MANUAL = 1


@dataclass(frozen=True, slots=True)
class ExposureRecord:
    """What a body writes about an exposure; `program` is EXIF's number, 1 for manual."""

    shutter_s: float
    f_number: float
    iso: float
    focal_length_mm: float
    flash: bool
    description: str
    program: int = 1
    automatic_white_balance: bool = False


def with_exif(picture: bytes, record: ExposureRecord, truth: Mapping[str, object]) -> bytes:
    """Put EXIF into a JPEG or a DNG.

    Parameters
    ----------
    picture : bytes
        Without EXIF.
    record : ExposureRecord
        What a real body would write.
    truth : mapping
        What only the bench knows, such as the true carriage position; JSON in the maker note.
    """
    now = datetime.now(UTC).astimezone()
    image = exiv2.ImageFactory.open(picture)
    image.readMetadata()  # a DNG's own tags are metadata to exiv2, and would be gone otherwise
    data = image.exifData()
    data["Exif.Image.Make"] = MAKE
    data["Exif.Image.Model"] = "SIMULATED camera"
    data["Exif.Image.ImageDescription"] = f"SIMULATED {record.description}"
    data["Exif.Image.Software"] = "focusrig hardware_sims"
    data["Exif.Image.Orientation"] = "1"
    data["Exif.Photo.ExposureTime"] = _rational(record.shutter_s, 1_000_000)
    data["Exif.Photo.FNumber"] = _rational(round(record.f_number, 1), 10)
    data["Exif.Photo.ISOSpeedRatings"] = str(round(record.iso))
    data["Exif.Photo.FocalLength"] = _rational(record.focal_length_mm, 10)
    data["Exif.Photo.Flash"] = "1" if record.flash else "0"
    data["Exif.Photo.ExposureProgram"] = str(record.program)
    data["Exif.Photo.ExposureMode"] = "1" if record.program == _MANUAL else "0"
    data["Exif.Photo.WhiteBalance"] = "0" if record.automatic_white_balance else "1"
    data["Exif.Photo.ColorSpace"] = "1"
    data["Exif.Photo.DateTimeOriginal"] = now.strftime("%Y:%m:%d %H:%M:%S")
    data["Exif.Photo.SubSecTimeOriginal"] = f"{now.microsecond // 1000:03d}"
    data["Exif.Photo.MakerNote"] = exiv2.DataValue(json.dumps(dict(truth)).encode())
    image.writeMetadata()
    return bytes(image.io().data())


def read_truth(picture: bytes) -> dict[str, object]:
    """What the bench kept in a picture's maker note; for tests only.

    Raises
    ------
    ValueError
        When the picture is not one of the bench's.
    """
    image = exiv2.ImageFactory.open(picture)
    image.readMetadata()
    data = image.exifData()
    if not data["Exif.Image.Make"].toString().startswith("SIMULATED"):
        raise ValueError("not a simulated picture: its maker's name does not start with SIMULATED")
    codes = data["Exif.Photo.MakerNote"].toString().split()
    truth = json.loads(bytes(int(code) for code in codes))
    return dict(truth)


def _rational(value: float, largest_denominator: int) -> str:
    fraction = Fraction(value).limit_denominator(largest_denominator)
    return f"{fraction.numerator}/{fraction.denominator}"
