"""GRBL's lines: status reports, settings, error and alarm numbers in plain words. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

__all__ = [
    "LineKind",
    "StatusReport",
    "alarm_text",
    "classify",
    "error_text",
    "parse_setting",
    "parse_status",
]

ERRORS = {
    1: "a G-code word must begin with a letter",
    2: "a number is missing or malformed",
    3: "the $ command is not known",
    4: "a value must not be negative",
    5: "homing is not enabled ($22=0)",
    6: "the step pulse is too short",
    7: "the settings memory could not be read; defaults are in use",
    8: "a $ command is only possible while nothing moves",
    9: "it is locked: home it or unlock it first",
    10: "soft limits need homing ($22=1)",
    11: "the line is too long",
    12: "the step rate is too high",
    13: "the safety door is open",
    14: "a start-up line is too long",
    15: "the jog goes beyond the controller's travel",
    16: "the jog command is not valid",
    17: "laser mode needs PWM",
    20: "a command is not supported",
    21: "two commands of one kind are in a line",
    22: "the feed rate is missing",
    23: "a command needs a whole number",
    24: "two commands want the same axis words",
    25: "a word is repeated in the line",
    26: "axis words are missing",
    27: "the line number is too large",
    28: "a value word is missing",
    29: "there is no such work coordinate system",
    30: "G53 needs G0 or G1",
    31: "axis words without a use",
    32: "an arc without axis words",
    33: "the target of the move is not valid",
    34: "an arc of impossible radius",
    35: "an arc without offsets",
    36: "words without a use",
    37: "the tool length offset is not on its axis",
    38: "the tool number is too large",
}
"""Numbers of GRBL 1.1; grblHAL keeps these and adds more."""

ALARMS = {
    1: "a hard limit switch was hit; the position is lost",
    2: "the target was beyond the controller's soft limits",
    3: "it was reset while moving; the position is lost",
    4: "the probe was not in its expected state",
    5: "the probe did not touch",
    6: "homing failed: reset during the cycle",
    7: "homing failed: the safety door was opened",
    8: "homing failed: the switch stayed closed when backing off ($27)",
    9: "homing failed: no switch found within the travel ($130)",
    10: "an emergency stop is active or homing of two motors failed",
}

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


def error_text(number: int) -> str:
    """What ``error:number`` means."""
    return (
        f"{ERRORS.get(number, 'not a number of GRBL 1.1: see the manual of the firmware')} (error:{number})"
    )


def alarm_text(number: int) -> str:
    """What ``ALARM:number`` means."""
    return (
        f"{ALARMS.get(number, 'not a number of GRBL 1.1: see the manual of the firmware')} (ALARM:{number})"
    )
