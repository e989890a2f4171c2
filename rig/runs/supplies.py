"""What runs out during a run: the camera's battery and the room on its card. Each warning is given once."""

from __future__ import annotations

from rig.cameras.base import BATTERY_WARN_PERCENT, CameraHealth
from rig.errors import CameraError
from rig.events import EventBus, Note

__all__ = ["SupplyWatch"]

_WARN_PERCENT = (BATTERY_WARN_PERCENT, 10.0)
"""At a tenth minutes are left."""


class SupplyWatch:
    """Tells the operator of a battery or a card that will not last.

    Parameters
    ----------
    bus : EventBus
        Is told.
    keeps_on_card : bool
        Frames go to the card, so that its room counts.
    """

    def __init__(self, bus: EventBus, *, keeps_on_card: bool) -> None:
        self._bus, self._keeps_on_card = bus, keeps_on_card
        self._thresholds = list(_WARN_PERCENT)
        self._card_warned = False

    def check(self, health: CameraHealth, frames: int) -> None:
        """Before a run: warn of the battery, and refuse a card without room.

        Raises
        ------
        CameraError
            With the frames that are to come and those that fit.
        """
        if self._keeps_on_card and health.shots_left is not None and health.shots_left < frames:
            raise CameraError(
                f"{frames} frames are to be kept on the camera's card, and it has room for "
                f"{health.shots_left}: change it, or set keep_on_card = false"
            )
        self.look(health, frames)

    def look(self, health: CameraHealth, frames_left: int) -> None:
        """During a run: warn once of each thing that runs out."""
        percent = health.battery_percent
        passed = [t for t in self._thresholds if percent is not None and percent <= t]
        if passed and frames_left:
            self._thresholds = [t for t in self._thresholds if t not in passed]
            self._warn(f"the camera's battery is at {health.battery}, with {frames_left} frames to go")
        short = health.shots_left is not None and health.shots_left < frames_left
        if self._keeps_on_card and short and not self._card_warned:
            self._card_warned = True
            self._warn(f"the camera's card has room for {health.shots_left} of {frames_left} frames to go")

    def _warn(self, message: str) -> None:
        self._bus.publish(Note(message, "warning"))
