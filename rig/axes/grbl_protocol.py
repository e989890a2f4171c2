"""GRBL's lines: status reports, settings, banners, and what kind of line each is. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from rig.axes.grbl_words import Firmware

__all__ = [
    "LineKind",
    "StatusReport",
    "banner_firmware",
    "classify",
    "parse_setting",
    "parse_status",
]

_REPORT = re.compile(r"<([A-Za-z]+)(?::(\d+))?((?:\|[^|<>]*)*)>")
_NUMBER = re.compile(r"[+-]?\d{1,9}(?:\.\d{0,9})?")
_SETTING = re.compile(r"\$(\d{1,4})=([+-]?\d{1,9}(?:\.\d{0,9})?)(?:\s.*)?")
_BANNER = re.compile(r"(Grbl(?:HAL)?) (\d+)\.(\d+)\w* ?\[.*", re.IGNORECASE)


class LineKind(Enum):
    """What a line from the controller is."""

    OK = "ok"
    ERROR = "error"
    ALARM = "alarm"
    STATUS = "status"
    BANNER = "banner"
    INFO = "info"
    """Messages in brackets and settings."""
    OTHER = "other"
    """Nothing that GRBL says: noise, or another device."""


@dataclass(frozen=True)
class StatusReport:
    """The answer to ``?``; positions are those of the X axis as printed, with three decimals."""

    state: str
    """Idle, Run, Hold, Jog, Alarm, Door, Check, Home or Sleep."""
    substate: int | None
    machine: float | None
    work: float | None
    offset: float | None

    @property
    def held(self) -> bool:
        """Whether a feed hold is complete."""
        return self.state == "Hold" and self.substate in {0, None}

    @property
    def moves(self) -> bool:
        """Whether the motors may be turning."""
        return self.state in {"Run", "Jog", "Home"} or (self.state in {"Hold", "Door"} and not self.held)


def parse_status(line: str) -> StatusReport | None:
    """Understand a status report; None when the line is not a whole one."""
    match = _REPORT.fullmatch(line.strip())
    if match is None:
        return None
    fields: dict[str, float | None] = {}
    for part in match[3].split("|")[1:]:
        name, _, value = part.partition(":")
        first = value.split(",")[0]
        if name in {"MPos", "WPos", "WCO"}:
            if not _NUMBER.fullmatch(first):
                return None  # a damaged number must not pass for a position
            fields[name] = float(first)
    return StatusReport(
        state=match[1].capitalize(),
        substate=int(match[2]) if match[2] else None,
        machine=fields.get("MPos"),
        work=fields.get("WPos"),
        offset=fields.get("WCO"),
    )


def parse_setting(line: str) -> tuple[int, float] | None:
    """Understand a line of ``$$``; None when it is something else."""
    match = _SETTING.fullmatch(line.strip())
    return (int(match[1]), float(match[2])) if match else None


def classify(line: str) -> tuple[LineKind, int | None]:
    """Kind of a line, and the number of an error or alarm (None where it carries none).

    A banner carries its version as 100 × major + minor.
    """
    text = line.strip()
    if text == "ok":
        return LineKind.OK, None
    for prefix, kind in (("error:", LineKind.ERROR), ("ALARM:", LineKind.ALARM)):
        rest = text[len(prefix) :]
        if text.startswith(prefix) and rest.isascii() and rest.isdigit() and len(rest) < 5:
            return kind, int(rest)
    if text.startswith("<"):
        return LineKind.STATUS if parse_status(text) else LineKind.OTHER, None
    banner = _BANNER.fullmatch(text)
    if banner:
        return LineKind.BANNER, 100 * int(banner[2][:4]) + int(banner[3][:2])
    if (text.startswith("[") and text.endswith("]")) or parse_setting(text):
        return LineKind.INFO, None
    return LineKind.OTHER, None


def banner_firmware(line: str) -> Firmware:
    """Whose error and alarm numbers the controller with that banner speaks."""
    return Firmware.GRBLHAL if line.strip().lower().startswith("grblhal") else Firmware.GRBL
