"""What a frame says of its own exposure, held against what is locked: the last word on every setting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import exiv2

from rig.cameras.base import LockReport
from rig.cameras.bodies.values import same_f_number, same_iso, same_shutter

__all__ = ["FrameExif", "differences", "read_exif"]

exiv2.LogMsg.setLevel(exiv2.LogMsg.Level.mute)  # it prints every oddity of a maker note

_MANUAL_PROGRAM = 1
_AUTOMATIC, _BRACKETED = 0, 2

_BULB_TOLERANCE_S = 1.5
"""Real seconds: a bulb exposure is timed by messages to the body, which come when they come."""


@dataclass(frozen=True)
class FrameExif:
    """What a frame's EXIF says; None where it says nothing.

    Parameters
    ----------
    shutter_s : float or None
        Exposure time.
    f_number : float or None
        None also for a lens that the body knows no f-number of, for which bodies write 0.
    iso : int or None
        ISO speed.
    program : int or None
        ``ExposureProgram``: 1 is manual.
    mode : int or None
        ``ExposureMode``: 0 automatic, 1 manual, 2 automatic bracketing.
    white_balance : int or None
        ``WhiteBalance``: 0 automatic, 1 manual.
    flash_fired : bool or None
        Whether a flash that the body knows of fired.
    taken_at : datetime or None
        By the body's own clock, which may be wrong; without time zone.
    body : str or None
        Maker, model and serial number, as far as they are there.
    """

    shutter_s: float | None = None
    f_number: float | None = None
    iso: int | None = None
    program: int | None = None
    mode: int | None = None
    white_balance: int | None = None
    flash_fired: bool | None = None
    taken_at: datetime | None = None
    body: str | None = None


def read_exif(data: bytes) -> FrameExif:
    """Read the EXIF of a JPEG or RAW file; empty where there is none or none that can be read."""
    try:
        image = exiv2.ImageFactory.open(data)
        image.readMetadata()
        found = image.exifData()
    except exiv2.Exiv2Error:
        return FrameExif()
    flash = _whole(found, "Exif.Photo.Flash")
    return FrameExif(
        shutter_s=_number(found, "Exif.Photo.ExposureTime"),
        f_number=_number(found, "Exif.Photo.FNumber"),
        iso=_whole(found, "Exif.Photo.ISOSpeedRatings") or None,
        program=_whole(found, "Exif.Photo.ExposureProgram"),
        mode=_whole(found, "Exif.Photo.ExposureMode"),
        white_balance=_whole(found, "Exif.Photo.WhiteBalance"),
        flash_fired=None if flash is None else bool(flash & 1),
        taken_at=_moment(found),
        body=_body(found),
    )


def _value(found: exiv2.ExifData, key: str) -> exiv2.Exifdatum | None:
    place = found.findKey(exiv2.ExifKey(key))
    return None if place == found.end() or not place.count() else place


def _number(found: exiv2.ExifData, key: str) -> float | None:
    """A positive number; None for 0 and 0/0, which bodies write for what they do not know."""
    place = _value(found, key)
    if place is None:
        return None
    numerator, denominator = place.toRational(0)
    return numerator / denominator if numerator and denominator else None


def _whole(found: exiv2.ExifData, key: str) -> int | None:
    place = _value(found, key)
    return None if place is None else int(place.toInt64(0))


def _body(found: exiv2.ExifData) -> str | None:
    keys = ("Exif.Image.Make", "Exif.Image.Model", "Exif.Photo.BodySerialNumber")
    texts = (place.toString().strip() for key in keys if (place := _value(found, key)) is not None)
    return " ".join(filter(None, texts)) or None


def _moment(found: exiv2.ExifData) -> datetime | None:
    place = _value(found, "Exif.Photo.DateTimeOriginal")
    if place is None:
        return None
    try:
        moment = datetime.strptime(place.toString(), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007  (bodies name no zone)
    except ValueError:
        return None
    parts = _value(found, "Exif.Photo.SubSecTimeOriginal")
    digits = parts.toString().strip() if parts is not None else ""
    return moment + timedelta(seconds=float(f"0.{digits}")) if digits.isdigit() else moment


def differences(
    frame: FrameExif, locked: LockReport, *, raw_only: bool = False, time_scale: float = 1.0
) -> tuple[str, ...]:
    """Where a frame was taken otherwise than locked.

    Parameters
    ----------
    frame : FrameExif
        What it says of itself; what it does not say cannot differ.
    locked : LockReport
        What is in force.
    raw_only : bool
        There is no JPEG, so that the white balance is chosen afterwards.
    time_scale : float
        The body's seconds in a real one, on a bench that runs fast.

    Returns
    -------
    tuple of str
        A sentence part each, empty when all is as locked.
    """
    from rig.formatting import format_shutter  # brings numpy, which a camera's own process need not load

    found = []
    if frame.shutter_s and locked.shutter_s and not _same_time(frame.shutter_s, locked, time_scale):
        found.append(
            f"it was exposed for {format_shutter(frame.shutter_s)} and not {format_shutter(locked.shutter_s)}"
        )
    if frame.f_number and locked.aperture and not same_f_number(frame.f_number, locked.aperture):
        found.append(f"it was taken at f/{frame.f_number:g} and not f/{locked.aperture:g}")
    if frame.iso and locked.iso and not same_iso(frame.iso, locked.iso):
        found.append(f"it was taken at ISO {frame.iso} and not ISO {locked.iso}")
    if frame.program is not None and frame.program > _MANUAL_PROGRAM:
        found.append("it was not exposed manually")
    elif frame.mode in (_AUTOMATIC, _BRACKETED) and frame.program != _MANUAL_PROGRAM:
        found.append("it was exposed automatically or bracketed")
    if frame.white_balance == _AUTOMATIC and not raw_only:
        found.append("its white balance was automatic")
    return tuple(found)


def _same_time(shutter_s: float, locked: LockReport, time_scale: float) -> bool:
    assert locked.shutter_s is not None
    if locked.bulb:
        return abs(shutter_s - locked.shutter_s) <= _BULB_TOLERANCE_S * time_scale
    return same_shutter(shutter_s, locked.shutter_s)
