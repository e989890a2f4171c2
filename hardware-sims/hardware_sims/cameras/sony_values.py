"""The properties of a simulated Sony body, and what their numbers mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hardware_sims.cameras.datasets import Property, Range
from hardware_sims.cameras.exposure import PRESET_KELVIN, PROGRAMS, ExposureSettings, true_f_number
from hardware_sims.cameras.wire import DataType

__all__ = [
    "BATTERY",
    "CAPTURE_TARGET",
    "CONTROLS",
    "FOCUS_DRIVE",
    "FOCUS_ENABLED",
    "FOCUS_MODE",
    "FOCUS_POSITION",
    "FULL_RELEASE",
    "F_NUMBER",
    "HALF_RELEASE",
    "INITIAL",
    "MANUAL_FOCUS",
    "OBJECTS_IN_MEMORY",
    "STEPPED",
    "STILL_IMAGE",
    "TO_BOTH",
    "TO_CARD",
    "TO_MEMORY",
    "WHITE_BALANCE",
    "apply_initial",
    "exposure_settings",
    "mount_manual_lens",
    "properties",
    "put",
]

WHITE_BALANCE, F_NUMBER, FOCUS_MODE, METERING = 0x5005, 0x5007, 0x500A, 0x500B
EXPOSURE_MODE, EXPOSURE_BIAS, DRIVE_MODE, COMPRESSION = 0x500E, 0x5010, 0x5013, 0x5004
DYNAMIC_RANGE, SHUTTER, COLOR_TEMPERATURE = 0xD201, 0xD20D, 0xD20F
FOCUS_FOUND, OBJECTS_IN_MEMORY, BATTERY, ISO = 0xD213, 0xD215, 0xD218, 0xD21E
LIVE_VIEW_STATUS, CAPTURE_TARGET, FOCUS_AREA = 0xD221, 0xD222, 0xD22C
JPEG_QUALITY, FILE_FORMAT, PRIORITY = 0xD252, 0xD253, 0xD25A
HALF_RELEASE, FULL_RELEASE, FOCUS_DRIVE = 0xD2C1, 0xD2C2, 0xD2D1
STILL_IMAGE = 0xD2C7
"""The control by which libgphoto2 opens the shutter at bulb; it lets go with the full release."""
FLASH_MODE, STABILIZER, SILENT_MODE, SHUTTER_KIND = 0x500C, 0xD0D9, 0xD0DB, 0xD0DF
FOCUS_ENABLED, FOCUS_POSITION = 0xD235, 0xD24C
TO_MEMORY, TO_CARD, TO_BOTH = 1, 0x10, 0x11
"""Where pictures go (`CAPTURE_TARGET`)."""
MANUAL_FOCUS = 1

CONTROLS = {
    HALF_RELEASE: DataType.UINT16,
    FULL_RELEASE: DataType.UINT16,
    0xD2C3: DataType.UINT16,
    STILL_IMAGE: DataType.UINT16,
    0xD2C8: DataType.UINT16,
    FOCUS_DRIVE: DataType.INT16,
    0xD2D2: DataType.UINT16,
}
"""What a host may press, and the type of its value."""

AUTO_ISO = 0xFFFFFF
_AUTO_ISO_SPEED = 400
"""What the simulated meter picks; any fixed number shows that the set ISO is not the one in use."""


def _seconds(numerator: int, denominator: int) -> int:
    return numerator << 16 | denominator


_TENTHS = (300, 250, 200, 150, 130, 100, 80, 60, 50, 40, 32, 25, 20, 16, 13, 10, 8, 6, 5, 4)
_FRACTIONS = (3, 4, 5, 6, 8, 10, 13, 15, 20, 25, 30, 40, 50, 60, 80, 100, 125, 160, 200, 250)
_FAST = (320, 400, 500, 640, 800, 1000, 1250, 1600, 2000, 2500, 3200, 4000, 5000, 6400, 8000)
_TIMES = tuple(_seconds(t, 10) for t in _TENTHS) + tuple(_seconds(1, d) for d in _FRACTIONS + _FAST)
_BULB = 0
_BULB_LOOKS_S = 30.0
"""What live view shows at bulb: the longest time that the body knows."""
SHUTTERS = (_BULB, *_TIMES)
"""Bulb, 30 s to 1/8000 s."""
F_NUMBERS = (
    280,
    320,
    350,
    400,
    450,
    500,
    560,
    630,
    710,
    800,
    900,
    1000,
    1100,
    1300,
    1400,
    1600,
    1800,
    2000,
    2200,
)
ISOS = (
    AUTO_ISO, 50, 64, 80, 100, 125, 160, 200, 250, 320, 400, 500, 640, 800, 1000, 1250, 1600,
    2000, 2500, 3200, 4000, 5000, 6400, 12800, 25600,
)  # fmt: skip

STEPPED: dict[int, tuple[int, ...]] = {F_NUMBER: F_NUMBERS, SHUTTER: SHUTTERS, ISO: ISOS}
"""What bodies of the older protocol step up and down instead of setting it."""

_MANUAL, _PROGRAM, _APERTURE_PRIORITY, _SHUTTER_PRIORITY = 1, 0x00010002, 0x00020003, 0x00030004
_MODES_3 = {"M": _MANUAL, "P": _PROGRAM, "A": _APERTURE_PRIORITY, "S": _SHUTTER_PRIORITY}
_MODES_2 = {"M": 1, "P": 2, "A": 3, "S": 4}
_DRIVES_3 = {"single": 1, "continuous": 0x00010002, "timelapse": 0x00020003}
_DRIVES_2 = {"single": 1, "continuous": 2, "timer": 0x8004}
_WHITE_BALANCES = {
    "auto": 2,
    "daylight": 4,
    "fluorescent": 5,
    "tungsten": 6,
    "flash": 7,
    "cloudy": 0x8010,
    "shade": 0x8011,
}
_FOCUS = {"MF": 1, "AF": 2, "AF-C": 0x8004}
_KELVIN_MODE = 0x8012
_OFF_ON = {"off": 1, "on": 2}
_FORMATS_3 = {"raw": 1, "raw+jpeg": 2, "jpeg": 3}
_FORMATS_2 = {"raw": 0x10, "raw+jpeg": 0x13, "jpeg": 2}

INITIAL: Mapping[str, tuple[int, Mapping[Any, int] | None]] = {
    "exposure_mode": (EXPOSURE_MODE, None),
    "drive_mode": (DRIVE_MODE, None),
    "shutter_s": (SHUTTER, None),
    "f_number": (F_NUMBER, None),
    "iso": (ISO, {"auto": AUTO_ISO}),
    "white_balance": (WHITE_BALANCE, _WHITE_BALANCES),
    "focus_mode": (FOCUS_MODE, _FOCUS),
    "tone_optimizer": (DYNAMIC_RANGE, {"off": 1, "auto": 0x1F}),
    "capture_target": (CAPTURE_TARGET, {"sdram": TO_MEMORY, "card": TO_CARD, "card+sdram": TO_BOTH}),
    "image_format": (FILE_FORMAT, None),
    "flash": (FLASH_MODE, {"off": 2, "fill": 3}),
    "stabilizer": (STABILIZER, _OFF_ON),
    "silent": (SILENT_MODE, _OFF_ON),
    "shutter_kind": (SHUTTER_KIND, {"auto": 1, "mechanical": 2, "electronic": 3}),
}
"""Keys of `initial`: the property behind each, and the words for its values where words are used."""


def properties(mode: int, *, physical_dial: bool) -> dict[int, Property]:
    """The property list of a body in its default state.

    Parameters
    ----------
    mode : {3, 2}
        The protocol.
    physical_dial : bool
        The exposure mode is read-only.
    """
    wide = DataType.UINT32 if mode == 3 else DataType.UINT16
    modes, drives = (_MODES_3, _DRIVES_3) if mode == 3 else (_MODES_2, _DRIVES_2)
    found = {
        WHITE_BALANCE: Property(DataType.UINT16, 4, (*_WHITE_BALANCES.values(), _KELVIN_MODE)),
        F_NUMBER: Property(DataType.UINT16, 560, F_NUMBERS),
        FOCUS_MODE: Property(DataType.UINT16, 1, (1, 2, 0x8004, 0x8006)),
        METERING: Property(DataType.UINT16, 0x8001, (0x8001, 0x8002, 0x8004)),
        EXPOSURE_MODE: Property(wide, 1, tuple(modes.values()), writable=not physical_dial),
        EXPOSURE_BIAS: Property(DataType.INT16, 0, Range(-5000, 5000, 333)),
        DRIVE_MODE: Property(wide, 1, tuple(drives.values())),
        DYNAMIC_RANGE: Property(DataType.UINT8, 1, (1, 0x1F, 0x11, 0x12, 0x13, 0x14, 0x15)),
        SHUTTER: Property(DataType.UINT32, _seconds(1, 8), SHUTTERS if mode == 3 else None),
        COLOR_TEMPERATURE: Property(DataType.UINT16, 5200, Range(2500, 9900, 100)),
        FOCUS_FOUND: Property(DataType.UINT8, 1, (1, 2, 3, 5, 6), writable=False),
        OBJECTS_IN_MEMORY: Property(DataType.UINT16, 0, writable=False),
        BATTERY: Property(DataType.INT8, 88, writable=False),
        ISO: Property(DataType.UINT32, 100, ISOS),
        LIVE_VIEW_STATUS: Property(DataType.UINT8, 1, (0, 1), writable=False),
        CAPTURE_TARGET: Property(DataType.UINT16, 1, (1, 0x10, 0x11)),
        FOCUS_AREA: Property(DataType.UINT16, 1, (1, 2, 3)),
        FLASH_MODE: Property(DataType.UINT16, 2, (2, 3)),
    }
    if mode == 3:
        found[JPEG_QUALITY] = Property(DataType.UINT8, 2, (1, 2, 3, 4))
        found[FILE_FORMAT] = Property(DataType.UINT8, 3, tuple(_FORMATS_3.values()))
        found[FOCUS_ENABLED] = Property(DataType.UINT8, 1, (0, 1), writable=False)
        found[FOCUS_POSITION] = Property(DataType.UINT8, 50, Range(0, 100, 1), writable=False)
        found[PRIORITY] = Property(DataType.UINT8, 0, (0, 1))
        found[STABILIZER] = Property(DataType.UINT8, 1, (1, 2))
        found[SILENT_MODE] = Property(DataType.UINT8, 1, (1, 2))
        found[SHUTTER_KIND] = Property(DataType.UINT8, 2, (1, 2, 3))
    else:
        found[COMPRESSION] = Property(DataType.UINT8, 2, (2, 3, 0x10, 0x13))
    return found


def apply_initial(found: dict[int, Property], initial: Mapping[str, Any]) -> None:
    """Bring the properties into the state that `initial` describes.

    Raises
    ------
    ValueError
        When a key or a value is unknown.
    """
    for key, value in initial.items():
        put(found, key, value)


def put(found: dict[int, Property], key: str, value: Any) -> int:
    """Bring one property into a state that `INITIAL` has words for; returns its code.

    Raises
    ------
    ValueError
        When the key or the value is unknown.
    """
    if key not in INITIAL:
        raise ValueError(f"a Sony body has no {key!r} to set; it has: {', '.join(INITIAL)}")
    code, words = INITIAL[key]
    is_older = COMPRESSION in found
    if key == "image_format":
        code, words = (COMPRESSION, _FORMATS_2) if is_older else (FILE_FORMAT, _FORMATS_3)
    elif key == "exposure_mode":
        words = _MODES_2 if is_older else _MODES_3
    elif key == "drive_mode":
        words = _DRIVES_2 if is_older else _DRIVES_3
    if code not in found:
        raise ValueError(f"a Sony body of the older protocol has no {key!r}")
    raw = _raw_value(key, value, words)
    if not found[code].allows(raw):
        raise ValueError(f"a Sony body cannot have {key} = {value!r}")
    found[code].value = raw
    return code


def _raw_value(key: str, value: Any, words: Mapping[Any, int] | None) -> int:
    if words is not None and value in words:
        return words[value]
    if key == "shutter_s":
        return min(_TIMES, key=lambda raw: abs((raw >> 16) / (raw & 0xFFFF) - value))
    if key == "f_number":
        return min(F_NUMBERS, key=lambda raw: abs(raw / 100 - value))
    if key == "iso":
        return int(value)
    offered = f"; it has: {', '.join(words)}" if words else ""
    raise ValueError(f"a Sony body cannot have {key} = {value!r}{offered}")


def mount_manual_lens(found: dict[int, Property]) -> None:
    """Take away the f-number: a lens without contacts leaves the body with none to show or to choose."""
    found[F_NUMBER].value, found[F_NUMBER].choices = 0, ()


def _kelvin(found: Mapping[int, Property]) -> float | None:
    value = found[WHITE_BALANCE].value
    if value == _KELVIN_MODE:
        return float(found[COLOR_TEMPERATURE].value)
    return PRESET_KELVIN[next(word for word, code in _WHITE_BALANCES.items() if code == value)]


def _program(found: Mapping[int, Property]) -> int:
    modes = _MODES_2 if COMPRESSION in found else _MODES_3
    return PROGRAMS[next(word for word, code in modes.items() if code == found[EXPOSURE_MODE].value)]


def exposure_settings(
    found: Mapping[int, Property], manual_f_number: float | None = None
) -> ExposureSettings:
    """What the properties mean for an exposure; with a manual lens its own f-number counts."""
    shutter, iso = int(found[SHUTTER].value), int(found[ISO].value)
    code, words = (FILE_FORMAT, _FORMATS_3) if FILE_FORMAT in found else (COMPRESSION, _FORMATS_2)
    kind = next((word for word, raw in words.items() if raw == found[code].value), "jpeg")
    return ExposureSettings(
        shutter_s=_BULB_LOOKS_S if shutter == _BULB else (shutter >> 16) / (shutter & 0xFFFF),
        bulb=shutter == _BULB,
        kelvin=_kelvin(found),
        program=_program(found),
        f_number=true_f_number(manual_f_number or int(found[F_NUMBER].value) / 100),
        iso=_AUTO_ISO_SPEED if iso == AUTO_ISO else iso,
        raw=kind in ("raw", "raw+jpeg"),
        jpeg=kind != "raw",
    )
