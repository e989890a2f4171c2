"""Time as an argument: every wait of the rig goes through a clock, so that a rehearsal can be speeded up."""

from __future__ import annotations

import threading
import time
from typing import Protocol

__all__ = ["Clock", "ScaledClock"]


class Clock(Protocol):
    """What the rig needs of time."""

    @property
    def scale(self) -> float:
        """Bench seconds per real second: 1 on real hardware."""
        ...

    def now(self) -> float:
        """Bench seconds since an arbitrary start, never going back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that many bench seconds."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set, at most that many bench seconds; true when it was set."""
        ...


class ScaledClock:
    """The monotonic clock of the machine, `scale` times as fast.

    Parameters
    ----------
    scale : float
        Bench seconds per real second, above 0. Anything but 1 is for simulated hardware only.
    """

    def __init__(self, scale: float = 1.0) -> None:
        if not scale > 0:
            raise ValueError(f"a clock runs forward: scale must be above 0, not {scale}")
        self._scale = scale

    @property
    def scale(self) -> float:
        """Bench seconds per real second."""
        return self._scale

    def now(self) -> float:
        """Bench seconds since an arbitrary start."""
        return time.monotonic() * self._scale

    def sleep(self, seconds: float) -> None:
        """Wait that many bench seconds; not at all when negative."""
        time.sleep(max(0.0, seconds) / self._scale)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set, at most that many bench seconds."""
        return event.wait(max(0.0, seconds) / self._scale)
