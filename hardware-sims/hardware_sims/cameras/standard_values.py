"""Standard PTP properties of the simulated generic and Nikon bodies, and what their numbers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hardware_sims.cameras.datasets import Property, Range
from hardware_sims.cameras.exposure import PRESET_KELVIN, PROGRAMS, ExposureSettings, true_f_number
from hardware_sims.cameras.wire import DataType
from hardware_sims.colour import DAYLIGHT_K

__all__ = [
    "BATTERY",
    "COMPRESSION",
    "DATE_TIME",
    "EXPOSURE_BIAS",
    "EXPOSURE_MODE",
    "EXPOSURE_TIME",
    "FOCUS_MODE",
    "F_NUMBER",
    "ISO",
    "METERING",
    "STILL_MODE",
    "WHITE_BALANCE",
    "Control",
    "exposure_settings",
    "generic_controls",
    "generic_properties",
    "put",
]

BATTERY, COMPRESSION, WHITE_BALANCE, F_NUMBER = 0x5001, 0x5004, 0x5005, 0x5007
FOCUS_MODE, METERING, EXPOSURE_TIME, EXPOSURE_MODE = 0x500A, 0x500B, 0x500D, 0x500E
ISO, EXPOSURE_BIAS, DATE_TIME, STILL_MODE = 0x500F, 0x5010, 0x5011, 0x5013

_TICKS_PER_S = 10_000
"""Exposure times are whole ten-thousandths of a second."""

F_NUMBERS = (
    280, 320, 350, 400, 450, 500, 560, 630, 710, 800, 900, 1000, 1100, 1300, 1400, 1600, 1800, 2000, 2200,
)  # fmt: skip
ISOS = (64, 80, 100, 125, 160, 200, 250, 320, 400, 500, 640, 800, 1000, 1250, 1600, 3200, 6400, 12800)
_WHOLE = (8, 10, 13, 15, 20, 25, 30, 40, 50, 60, 80, 100, 125, 160, 200, 250, 320, 400, 500, 640, 800, 1000)
TICKS = tuple(
    sorted(
        {round(_TICKS_PER_S / n) for n in _WHOLE}
        | {1666, 2000, 2500, 3333, 4000, 5000, 6250, 8000, 10_000, 13_000, 16_000, 20_000, 25_000, 40_000}
        | {80_000, 150_000, 300_000}
    )
)


@dataclass(frozen=True)
class Control:
    """What a hand, or the state at power-on, calls a property.

    Parameters
    ----------
    code : int
        The property.
    words : mapping
        Words for its values.
    scale : float
        Of a number: the property holds it times this, at the nearest of its choices; 0 takes no numbers.
    """

    code: int
    words: Mapping[Any, int | str]
    scale: float = 0.0


def generic_properties() -> dict[int, Property]:
    """The property list of a body without vendor extension."""
    return {
        BATTERY: Property(DataType.UINT8, 80, Range(0, 100, 1), writable=False),
        COMPRESSION: Property(DataType.UINT8, 1, (1, 2, 3)),
        WHITE_BALANCE: Property(DataType.UINT16, 4, (1, 2, 4, 5, 6, 7)),
        F_NUMBER: Property(DataType.UINT16, 560, F_NUMBERS),
        FOCUS_MODE: Property(DataType.UINT16, 1, (1, 2)),
        METERING: Property(DataType.UINT16, 3, (2, 3, 4)),
        EXPOSURE_TIME: Property(DataType.UINT32, 1250, TICKS),
        EXPOSURE_MODE: Property(DataType.UINT16, 1, (1, 2, 3, 4)),
        ISO: Property(DataType.UINT16, 100, ISOS),
        EXPOSURE_BIAS: Property(DataType.INT16, 0, Range(-3000, 3000, 333)),
        DATE_TIME: Property(DataType.TEXT, "20260101T000000"),
        STILL_MODE: Property(DataType.UINT16, 1, (1, 2)),
    }


def generic_controls() -> dict[str, Control]:
    """What a hand can turn on any body with standard properties."""
    return {
        "exposure_mode": Control(EXPOSURE_MODE, {"M": 1, "P": 2, "A": 3, "S": 4}),
        "drive_mode": Control(STILL_MODE, {"single": 1, "continuous": 2}),
        "shutter_s": Control(EXPOSURE_TIME, {}, _TICKS_PER_S),
        "f_number": Control(F_NUMBER, {}, 100.0),
        "iso": Control(ISO, {}, 1.0),
        "white_balance": Control(
            WHITE_BALANCE, {"auto": 2, "daylight": 4, "fluorescent": 5, "tungsten": 6, "flash": 7}
        ),
        "focus_mode": Control(FOCUS_MODE, {"MF": 1, "AF": 2}),
        "image_format": Control(COMPRESSION, {"jpeg": 1, "raw": 2, "raw+jpeg": 3}),
    }


def put(found: dict[int, Property], controls: Mapping[str, Control], key: str, value: Any) -> int:
    """Turn a control; returns the property that changed.

    Raises
    ------
    ValueError
        When the control or the value is unknown.
    """
    if key not in controls:
        raise ValueError(f"this body has no {key!r} to set; it has: {', '.join(controls)}")
    control = controls[key]
    prop = found[control.code]
    if value in control.words:
        prop.value = control.words[value]
    elif control.scale and not isinstance(value, str) and isinstance(prop.choices, tuple):
        wanted = float(value) * control.scale
        prop.value = min((int(choice) for choice in prop.choices), key=lambda choice: abs(choice - wanted))
    else:
        offered = f"; it has: {', '.join(control.words)}" if control.words else ""
        raise ValueError(f"this body cannot have {key} = {value!r}{offered}")
    return control.code


def _word(found: Mapping[int, Property], control: str) -> str:
    """What a hand would call a property's value; empty for one that only a vendor has a word for."""
    known = generic_controls()[control]
    return next((str(w) for w, raw in known.words.items() if raw == found[known.code].value), "")


def exposure_settings(
    found: Mapping[int, Property], formats: Mapping[Any, int | str], manual_f_number: float | None = None
) -> ExposureSettings:
    """What the properties mean for an exposure; `formats` are the words of the compression setting."""
    kind = next((word for word, raw in formats.items() if raw == found[COMPRESSION].value), "jpeg")
    return ExposureSettings(
        shutter_s=int(found[EXPOSURE_TIME].value) / _TICKS_PER_S,
        f_number=true_f_number(manual_f_number or int(found[F_NUMBER].value) / 100),
        iso=int(found[ISO].value),
        raw=kind in ("raw", "raw+jpeg"),
        jpeg=kind != "raw",
        kelvin=PRESET_KELVIN.get(_word(found, "white_balance"), DAYLIGHT_K),
        program=PROGRAMS.get(_word(found, "exposure_mode"), PROGRAMS["M"]),
    )
