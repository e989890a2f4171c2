"""What GRBL's and grblHAL's error and alarm numbers mean, in plain words; the two firmwares differ. No I/O.

Sources: GRBL 1.1's interface document, and ``errors.h`` and ``alarms.h`` of grblHAL's core.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["Firmware", "alarm_text", "error_text"]


class Firmware(Enum):
    """Whose numbers a controller speaks."""

    GRBL = "GRBL"
    GRBLHAL = "grblHAL"


_ERRORS = {
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
    11: "the line is too long, or was overrun by the next one",
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
"""Of GRBL 1.1; grblHAL keeps these, but for those below."""

_HAL_ERRORS = {
    18: "it was reset while carrying out the line",
    19: "a value must be above 0",
    38: "the entry of the tool table is not valid",
    39: "a value is out of its range",
    40: "a tool change is waiting",
    41: "the spindle does not turn",
    42: "the plane is not valid for this command",
    43: "the feed rate is above the axis's highest",
    44: "the spindle speed is out of its range",
    45: "a limit switch is engaged",
    46: "it has to be homed first",
    47: "no such tool",
    48: "two value words contradict each other",
    49: "its self-test failed",
    50: "the emergency stop is active",
    51: "a motor driver reports a fault",
    52: "the value of the setting is out of its range",
    53: "the setting is not there or is switched off",
    54: "the retract position is below the drill depth",
    55: "the homing configuration is not valid",
    56: "the coordinate system is locked",
    57: "brackets or quotes do not match",
    58: "the auxiliary port is not available",
    60: "the card could not be mounted",
    61: "a file could not be read",
    62: "a folder could not be opened",
    63: "the folder was not found",
    64: "no card is mounted",
    65: "no file system is mounted",
    66: "the file system is read-only",
    70: "Bluetooth could not be started",
    71: "an expression has an unknown operator",
    72: "an expression divides by zero",
    73: "an argument of an expression is out of range",
    74: "an argument of an expression is not valid",
    75: "an expression is malformed",
    76: "the result of an expression is not valid",
    77: "it wants a password first",
    78: "access was denied",
    79: "that is not possible during a critical event",
    80: "flow control works in macros only",
    81: "flow control is malformed",
    82: "flow control is nested too deeply",
    83: "flow control ran out of memory",
    84: "a file could not be opened",
    253: "an error of a plug-in or macro",
}

_ALARMS = {
    1: "a hard limit switch was hit; the position is lost",
    2: "the target was beyond the controller's soft limits",
    3: "it was reset while moving; the position is lost",
    4: "the probe was not in its expected state",
    5: "the probe did not touch",
    6: "homing failed: reset during the cycle",
    7: "homing failed: the safety door was opened",
    8: "homing failed: the switch stayed closed when backing off ($27)",
    9: "homing failed: no switch found within the travel ($130)",
    10: "homing failed: the second switch of two motors was not found",
}

_HAL_ALARMS = {
    10: "the emergency stop is active",
    11: "it has to be homed first",
    12: "a limit switch is engaged; move off it or disable hard limits",
    13: "the probe protection was triggered",
    14: "the spindle did not reach its speed in time",
    15: "homing failed: the second switch of two motors was not found",
    16: "its power-on self-test failed",
    17: "a motor driver reports a fault; the position may be lost",
    18: "homing failed",
    19: "a Modbus device does not answer",
    20: "an I/O expander does not answer",
    21: "the settings memory could not be written",
}


def _text(number: int, own: dict[int, str], hal: dict[int, str], firmware: Firmware) -> str:
    words = own.get(number)
    if firmware is Firmware.GRBLHAL:
        words = hal.get(number, words)
    return words or f"not a number of {firmware.value}: see the manual of the firmware"


def error_text(number: int, firmware: Firmware = Firmware.GRBL) -> str:
    """What ``error:number`` means."""
    return f"{_text(number, _ERRORS, _HAL_ERRORS, firmware)} (error:{number})"


def alarm_text(number: int, firmware: Firmware = Firmware.GRBL) -> str:
    """What ``ALARM:number`` means."""
    return f"{_text(number, _ALARMS, _HAL_ALARMS, firmware)} (ALARM:{number})"
