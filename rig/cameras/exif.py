"""What a picture says of its exposure: when, by which body, with which settings."""

from __future__ import annotations

import calendar
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ExposureRecord", "read_exposure"]


@dataclass(frozen=True)
class ExposureRecord:
    """What is in the EXIF; None is what is not.

    ``taken_s`` is the body's own clock as seconds of a time without zone: only differences mean something.
    ``resolution_s`` is how finely it counts: 1 s, or less when the body writes subseconds.
    """

    taken_s: float | None = None
    resolution_s: float = 1.0
    body: str | None = None
    shutter_s: float | None = None
    f_number: float | None = None
    iso: int | None = None

    @property
    def settings(self) -> dict[str, str]:
        """The exposure, for a journal."""
        values = {"shutter_s": self.shutter_s, "f_number": self.f_number, "iso": self.iso}
        return {name: f"{value:g}" for name, value in values.items() if value is not None}


def read_exposure(path: Path) -> ExposureRecord:
    """Read the EXIF of a picture; a picture without any gives an empty record."""
    import exiv2

    try:
        image = exiv2.ImageFactory.open(str(path))
        image.readMetadata()
        data = image.exifData()
    except exiv2.Exiv2Error:  # no picture that exiv2 knows, or damaged metadata in a sound one
        return ExposureRecord()

    def text(*keys: str) -> str | None:
        for key in keys:
            found = data.findKey(exiv2.ExifKey(key))
            if found != data.end() and (value := found.toString().strip()):
                return str(value)
        return None

    taken_s, resolution_s = _time(
        text("Exif.Photo.DateTimeOriginal", "Exif.Image.DateTimeOriginal", "Exif.Image.DateTime"),
        text("Exif.Photo.SubSecTimeOriginal"),
    )
    names = (text("Exif.Image.Make"), text("Exif.Image.Model"), text("Exif.Photo.BodySerialNumber"))
    iso = _number(text("Exif.Photo.ISOSpeedRatings"))
    return ExposureRecord(
        taken_s=taken_s,
        resolution_s=resolution_s,
        body=" ".join(filter(None, names)) or None,
        shutter_s=_number(text("Exif.Photo.ExposureTime")),
        f_number=_number(text("Exif.Photo.FNumber")) or None,  # a lens without contacts writes 0
        iso=None if iso is None else round(iso),
    )


def _time(stamp: str | None, part: str | None) -> tuple[float | None, float]:
    if stamp is None:
        return None, 1.0
    try:
        date, clock = stamp.split(" ")
        fields: list[Any] = [int(x) for x in (*date.split(":"), *clock.split(":"))]
        whole = calendar.timegm((*fields[:6], 0, 0, 0))
    except ValueError:
        return None, 1.0
    digits = (part or "").strip()
    if not digits.isdigit():
        return float(whole), 1.0
    return whole + int(digits) / 10 ** len(digits), 10.0 ** -len(digits)


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    with contextlib.suppress(ValueError, ZeroDivisionError):
        top, _, bottom = text.split()[0].partition("/")
        return float(top) / float(bottom or 1)
    return None
