"""Names of GRBL's numbered settings, as its wiki (Grbl v1.1 Configuration) has them; X axis only."""

from __future__ import annotations

__all__ = ["NAMES"]

NAMES = {
    0: "step pulse, µs",
    1: "hold the motors after a move, ms (255: always)",
    2: "invert step pins",
    3: "invert directions",
    4: "invert the enable pin",
    5: "invert limit pins",
    6: "invert the probe pin",
    10: "what status reports hold",
    11: "junction deviation, mm",
    12: "arc tolerance, mm",
    13: "report in inches",
    20: "soft limits",
    21: "hard limits",
    22: "homing",
    23: "invert homing directions",
    24: "homing, slow, mm/min",
    25: "homing, fast, mm/min",
    26: "homing debounce, ms",
    27: "homing pull-off, mm",
    30: "highest spindle speed",
    31: "lowest spindle speed",
    32: "laser mode",
    100: "steps per mm",
    110: "highest rate, mm/min",
    120: "acceleration, mm/s²",
    130: "travel, mm",
}
