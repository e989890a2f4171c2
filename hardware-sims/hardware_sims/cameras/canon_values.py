"""The properties of a simulated Canon EOS body, and what their numbers mean.

EOS bodies speak of exposure in eighths of a stop: a code is ``8 × stops + third``, where the third of a
stop is written 0, 3 or 5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hardware_sims.cameras.exposure import PRESET_KELVIN, PROGRAMS, ExposureSettings, true_f_number

__all__ = [
    "AVAILABLE_SHOTS",
    "BATTERY",
    "CAPTURE_DESTINATION",
    "FOCUS_MODE",
    "IMAGE_FORMAT",
    "INITIAL",
    "LENS_NAME",
    "MANUAL_FOCUS",
    "MIRROR_LOCK",
    "MIRROR_LOCK_STATE",
    "ON_HOST",
    "OUTPUT_DEVICE",
    "SHUTTER_COUNTER",
    "TO_BOTH",
    "TO_CARD",
    "TO_HOST",
    "EosProperty",
    "ImageFormat",
    "apply_initial",
    "battery_code",
    "exposure_settings",
    "fit_mirror",
    "mount_manual_lens",
    "properties",
    "put",
]

APERTURE, SHUTTER, ISO, EXPOSURE_BIAS = 0xD101, 0xD102, 0xD103, 0xD104
EXPOSURE_MODE, MODE_DIAL, DRIVE_MODE, METERING = 0xD105, 0xD138, 0xD106, 0xD107
FOCUS_MODE, WHITE_BALANCE, COLOR_TEMPERATURE, COLOR_SPACE = 0xD108, 0xD109, 0xD10A, 0xD10F
PICTURE_STYLE, BATTERY, CAMERA_TIME, POWER_OFF = 0xD110, 0xD111, 0xD113, 0xD114
OWNER, MODEL_ID, PTP_VERSION, AVAILABLE_SHOTS = 0xD115, 0xD116, 0xD119, 0xD11B
CAPTURE_DESTINATION, STORAGE, IMAGE_FORMAT = 0xD11C, 0xD11E, 0xD120
UTC_TIME, OLC_VERSION, SHUTTER_COUNTER, SERIAL = 0xD17C, 0xD199, 0xD1AC, 0xD1AF
OUTPUT_DEVICE, LENS_NAME = 0xD1B0, 0xD1D8
TONE_OPTIMIZER, BRACKETING, MIRROR_LOCK, MIRROR_LOCK_STATE = 0xD1C1, 0xD1D9, 0xD13A, 0xD1BF

TO_CARD, TO_HOST, TO_BOTH = 2, 4, 6
"""Where pictures go (`CAPTURE_DESTINATION`)."""
MANUAL_FOCUS = 3
ON_HOST = 2
"""Bit of `OUTPUT_DEVICE`: live view is shown by the host."""


@dataclass(frozen=True)
class ImageFormat:
    """One file of a picture as the image format property tells it."""

    kind: int
    size: int
    compression: int


EosValue = int | str | bytes | tuple[ImageFormat, ...]

JPEG_LARGE, RAW = ImageFormat(1, 0, 3), ImageFormat(6, 0, 4)
_FORMATS = {"jpeg": (JPEG_LARGE,), "raw": (RAW,), "raw+jpeg": (RAW, JPEG_LARGE)}

_BATTERY_CODES = ((88, 2), (63, 4), (38, 1), (13, 5), (0, 0))
"""Percent from which on a battery is shown as 100 %, 75 %, 50 %, 25 % and low."""

_THIRDS = (0, 3, 5)
_AUTO_ISO = 0
_AUTO_ISO_SPEED = 400
"""What the simulated meter picks; any fixed number shows that the set ISO is not the one in use."""
_BULB = 0x0C
_BULB_LOOKS_S = 30.0
"""What live view shows at bulb: the longest time that the body knows."""
_CODE_OF_1_S, _CODE_OF_F1, _CODE_OF_ISO_100 = 0x38, 0x08, 0x48


def _codes(first_stop: int, stops: int) -> tuple[int, ...]:
    return tuple(8 * stop + third for stop in range(first_stop, first_stop + stops) for third in _THIRDS)


APERTURES = (*_codes(3, 7), 0x50)
"""f/2 to f/22."""
SHUTTERS = (_BULB, *_codes(2, 18), 0xA0)
"""Bulb, 30 s to 1/8000 s."""
ISOS = (_AUTO_ISO, *_codes(9, 9), 0x90)
"""Auto, 100 to 51200."""

_MODES = {"P": 0, "S": 1, "A": 2, "M": 3, "bulb": 4}
_NUMBERS = ("shutter_s", "f_number", "iso")
_WHITE_BALANCES = {
    "auto": 0, "daylight": 1, "cloudy": 2, "tungsten": 3, "fluorescent": 4, "flash": 5, "shade": 8,
    "kelvin": 9,
}  # fmt: skip
_DRIVES = {"single": 0, "continuous": 1, "timer": 0x10}
_FOCUS = {"AF": 0, "AF-C": 1, "MF": 3}

INITIAL: Mapping[str, tuple[int, Mapping[Any, EosValue] | None]] = {
    "exposure_mode": (EXPOSURE_MODE, _MODES),
    "drive_mode": (DRIVE_MODE, _DRIVES),
    "shutter_s": (SHUTTER, None),
    "f_number": (APERTURE, None),
    "iso": (ISO, {"auto": _AUTO_ISO}),
    "white_balance": (WHITE_BALANCE, _WHITE_BALANCES),
    "focus_mode": (FOCUS_MODE, _FOCUS),
    "capture_target": (CAPTURE_DESTINATION, {"sdram": TO_HOST, "card": TO_CARD, "card+sdram": TO_BOTH}),
    "image_format": (IMAGE_FORMAT, _FORMATS),
    "tone_optimizer": (TONE_OPTIMIZER, {"standard": 0, "low": 1, "high": 2, "off": 3}),
    "bracketing": (BRACKETING, {"off": 0, "1": 8}),
    "mirror_lock": (MIRROR_LOCK, {"off": 0, "on": 1}),
}
"""Keys of `initial`: the property behind each, and the words for its values where words are used."""


@dataclass
class EosProperty:
    """A property of the EOS event stream.

    Parameters
    ----------
    value : int, str, bytes or tuple of ImageFormat
        The current value.
    choices : tuple or None
        What is allowed; None when the body does not say.
    writable : bool
        False for what only a dial or switch changes; the body does not tell hosts so beforehand.
    """

    value: EosValue
    choices: tuple[EosValue, ...] | None = None
    writable: bool = True


def properties(
    model: str, *, offers_manual_focus: bool, physical_dial: bool, now: int
) -> dict[int, EosProperty]:
    """The property list of a body in its default state.

    Parameters
    ----------
    offers_manual_focus : bool
        False for bodies whose focus mode has no "Manual" to choose, as the R5's real dumps.
    physical_dial : bool
        The exposure mode is a dial that a host cannot turn.
    now : int
        Seconds since the epoch, for the body's clock.
    """
    focus_choices = (0, 1, 3) if offers_manual_focus else (0, 1)
    plain: dict[int, EosProperty] = {
        APERTURE: EosProperty(0x30, APERTURES),
        SHUTTER: EosProperty(0x50, SHUTTERS),
        ISO: EosProperty(_CODE_OF_ISO_100, ISOS),
        EXPOSURE_BIAS: EosProperty(0, (0xE8, 0xF0, 0xF8, 0, 8, 0x10, 0x18)),
        EXPOSURE_MODE: EosProperty(3, tuple(_MODES.values()), writable=not physical_dial),
        MODE_DIAL: EosProperty(3),
        DRIVE_MODE: EosProperty(0, tuple(_DRIVES.values())),
        METERING: EosProperty(3, (1, 3, 4, 5)),
        FOCUS_MODE: EosProperty(3 if offers_manual_focus else 0, focus_choices),
        WHITE_BALANCE: EosProperty(1, tuple(_WHITE_BALANCES.values())),
        COLOR_TEMPERATURE: EosProperty(5200),
        COLOR_SPACE: EosProperty(1, (1, 2)),
        PICTURE_STYLE: EosProperty(0x81, (0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87)),
        BATTERY: EosProperty(2),
        CAMERA_TIME: EosProperty(now),
        POWER_OFF: EosProperty(0),
        OWNER: EosProperty(""),
        MODEL_ID: EosProperty(0x80000421),
        PTP_VERSION: EosProperty(0x100),
        AVAILABLE_SHOTS: EosProperty(999),
        CAPTURE_DESTINATION: EosProperty(TO_CARD, (TO_CARD, TO_HOST, TO_BOTH)),
        STORAGE: EosProperty(1),
        IMAGE_FORMAT: EosProperty((JPEG_LARGE,), tuple(_FORMATS.values())),
        UTC_TIME: EosProperty(now),
        OLC_VERSION: EosProperty(0x13),
        0xD1A8: EosProperty(1),
        0xD1A9: EosProperty(2, (0, 2, 4, 8, 0xFF)),
        SHUTTER_COUNTER: EosProperty(1234),
        SERIAL: EosProperty("SIM012345678"),
        OUTPUT_DEVICE: EosProperty(0, (0, 1, 2, 3)),
        0xD1B1: EosProperty(1),
        0xD1B2: EosProperty(0),
        MIRROR_LOCK_STATE: EosProperty(0),
        TONE_OPTIMIZER: EosProperty(3, (0, 1, 2, 3)),
        BRACKETING: EosProperty(0, (0, 3, 5, 8, 0x0B, 0x0D, 0x10)),
        0xD1C9: EosProperty(0, (0, 1)),
        0xD1D0: EosProperty(""),
        0xD1D1: EosProperty(""),
        0xD1D3: EosProperty(b""),
        LENS_NAME: EosProperty(_lens_for(model)),
        0xD1DD: EosProperty(61182),
    }
    return plain


def _lens_for(model: str) -> str:
    """A macro lens that fits the body's mount."""
    mirrorless = " R" in model
    return "RF100mm F2.8 L MACRO IS USM" if mirrorless else "EF100mm f/2.8L Macro IS USM"


def apply_initial(found: dict[int, EosProperty], initial: Mapping[str, Any]) -> None:
    """Bring the properties into the state that `initial` describes.

    Raises
    ------
    ValueError
        When a key or a value is unknown.
    """
    for key, value in initial.items():
        put(found, key, value)


def put(found: dict[int, EosProperty], key: str, value: Any) -> tuple[int, ...]:
    """Bring one property into a state that `INITIAL` has words for; returns what changed.

    Raises
    ------
    ValueError
        When the key or the value is unknown.
    """
    if key not in INITIAL:
        raise ValueError(f"a Canon body has no {key!r} to set; it has: {', '.join(INITIAL)}")
    code, words = INITIAL[key]
    if code not in found:
        raise ValueError(f"this Canon body has no {key!r}")
    raw: EosValue
    if words is not None and value in words:
        raw = words[value]
    elif isinstance(value, str) or key not in _NUMBERS:
        offered = f"; it has: {', '.join(words)}" if words else ""
        raise ValueError(f"a Canon body cannot have {key} = {value!r}{offered}")
    else:
        raw = _nearest_code(key, float(value))
    found[code].value = raw
    if code != EXPOSURE_MODE:
        return (code,)
    found[MODE_DIAL].value = raw
    return code, MODE_DIAL


def battery_code(percent: float) -> int:
    """What the body shows of its battery."""
    return next(code for least, code in _BATTERY_CODES if percent >= least)


def _nearest_code(key: str, value: float) -> int:
    meaning = {"shutter_s": _shutter_s, "f_number": _f_number, "iso": _iso_speed}[key]
    choices = {"shutter_s": SHUTTERS[1:], "f_number": APERTURES, "iso": ISOS[1:]}[key]
    return min(choices, key=lambda code: abs(math.log2(meaning(code) / value)))


def _stops(code: int) -> float:
    """A code in stops: eighths as the body writes thirds (3 and 5 stand for 1/3 and 2/3)."""
    return code // 8 + {0: 0.0, 3: 1 / 3, 5: 2 / 3}[code % 8]


def _shutter_s(code: int) -> float:
    return float(2.0 ** (_stops(_CODE_OF_1_S) - _stops(code)))


def _f_number(code: int) -> float:
    return float(2.0 ** ((_stops(code) - _stops(_CODE_OF_F1)) / 2))


def _iso_speed(code: int) -> float:
    return float(100 * 2.0 ** (_stops(code) - _stops(_CODE_OF_ISO_100)))


def mount_manual_lens(found: dict[int, EosProperty]) -> None:
    """Take away the f-number: a lens without contacts leaves the body with none to show or to choose."""
    found[APERTURE].value, found[APERTURE].choices = 0, ()


def fit_mirror(found: dict[int, EosProperty]) -> None:
    """Add what only a body with a mirror has."""
    found[MIRROR_LOCK] = EosProperty(0, (0, 1))


def _word(words: Mapping[str, int], value: EosValue) -> str:
    return next(word for word, code in words.items() if code == value)


def _kelvin(found: Mapping[int, EosProperty]) -> float | None:
    word = _word(_WHITE_BALANCES, found[WHITE_BALANCE].value)
    set_k = found[COLOR_TEMPERATURE].value
    assert isinstance(set_k, int)
    return float(set_k) if word == "kelvin" else PRESET_KELVIN[word]


def exposure_settings(
    found: Mapping[int, EosProperty], manual_f_number: float | None = None
) -> ExposureSettings:
    """What the properties mean for an exposure; with a manual lens its own f-number counts."""
    shutter, aperture, iso = (found[code].value for code in (SHUTTER, APERTURE, ISO))
    assert isinstance(shutter, int)
    assert isinstance(aperture, int)
    assert isinstance(iso, int)
    formats = found[IMAGE_FORMAT].value
    assert isinstance(formats, tuple)
    return ExposureSettings(
        shutter_s=_BULB_LOOKS_S if shutter == _BULB else _shutter_s(shutter),
        bulb=shutter == _BULB,
        kelvin=_kelvin(found),
        program=PROGRAMS[_word(_MODES, found[EXPOSURE_MODE].value)],
        f_number=true_f_number(manual_f_number or _f_number(aperture)),
        iso=_AUTO_ISO_SPEED if iso == _AUTO_ISO else round(_iso_speed(iso)),
        raw=RAW in formats,
        jpeg=JPEG_LARGE in formats,
    )
