"""What a GRBL controller refuses, and what it does unasked, in words. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from rig.axes.grbl_words import Firmware, alarm_text, error_text
from rig.errors import HardwareError

__all__ = ["CommandRefusedError", "Fault"]


class CommandRefusedError(HardwareError):
    """The controller answered a line with ``error:n``."""

    def __init__(self, name: str, line: str, number: int, firmware: Firmware) -> None:
        self.number = number
        super().__init__(f"the {name} refused {line!r}: {error_text(number, firmware)}")


@dataclass(frozen=True)
class Fault:
    """Something that the controller did unasked, after which its position means nothing."""

    alarm: int | None
    """Number of the alarm; None for a restart."""
    firmware: Firmware = Firmware.GRBL

    def __str__(self) -> str:
        if self.alarm is None:
            return "it restarted by itself"
        return f"it raised an alarm: {alarm_text(self.alarm, self.firmware)}"
