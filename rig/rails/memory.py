"""The file of a rail: what is in it."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

__all__ = ["KeptDirection", "KeptLimits", "KeptUsb", "RailMemory", "Reference"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reference(_Model):
    """Where a carriage stood when it was left.

    ``count_mm`` is the controller's count, ``position_mm`` where that was, counted by the operator.
    ``under_way`` says that a command has set off from there, and has not said since where it came to rest.
    """

    count_mm: float
    position_mm: float
    at: AwareDatetime
    under_way: bool = False

    @property
    def text(self) -> str:
        """A sentence's end: ``6 mm (22 Nov 14:31)``."""
        return f"{self.position_mm:g} mm ({self.at.astimezone():%d %b %H:%M})"


class KeptLimits(_Model):
    """Soft limits that were set at the rig, in the operator's count; None leaves the configured one."""

    low_mm: float | None = None
    high_mm: float | None = None
    at: AwareDatetime


class KeptDirection(_Model):
    """The sign that somebody has seen to be right: positive towards the subject, or negative."""

    towards_subject: Literal["+", "-"]
    at: AwareDatetime


class KeptUsb(_Model):
    """What the USB side of a rail's port says of itself: vendor and product, and number or socket."""

    usb: str
    serial_number: str | None = None
    socket: str | None = None

    @property
    def text(self) -> str:
        """In a few words."""
        which = f"number {self.serial_number}" if self.serial_number else f"in the socket {self.socket}"
        return f"USB {self.usb}, {which}"


class RailMemory(_Model):
    """The file of a rail.

    ``zero_mm`` is by how much positions have grown since they were counted as the configuration counts
    (``rig rail zero``), ``counted_since`` when somebody last said where the rail stands, or zeroed it.
    ``lost`` is where it was last known to stand, when nobody knows any more where it does.
    """

    format_version: Literal[1] = 1
    reference: Reference | None = None
    lost: Reference | None = None
    limits: KeptLimits | None = None
    direction: KeptDirection | None = None
    usb: KeptUsb | None = None
    zero_mm: float = 0.0
    counted_since: AwareDatetime | None = None

    @property
    def unknown_because(self) -> str:
        """Why nothing is kept of where it stands."""
        if self.lost is None:
            return "it was never told where it stands, or moved since by something else"
        return f"it was last known to be at {self.lost.text}, and has lost that since"

    def direction_confirmed(self, towards_subject: str) -> bool:
        """Whether somebody has seen that this sign is right."""
        return self.direction is not None and self.direction.towards_subject == towards_subject
