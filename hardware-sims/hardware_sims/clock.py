"""The bench's own time: the machine's monotonic clock, speeded up by a factor."""

from __future__ import annotations

import time

__all__ = ["SimClock"]


class SimClock:
    """Bench seconds since construction.

    Parameters
    ----------
    scale : float
        Bench seconds per real second, above 0.
    """

    def __init__(self, scale: float = 1.0) -> None:
        if not scale > 0:
            raise ValueError(f"a clock runs forward: scale must be above 0, not {scale}")
        self.scale = scale
        self._start = time.monotonic()

    def now(self) -> float:
        """Bench seconds since the clock was made."""
        return (time.monotonic() - self._start) * self.scale

    def sleep(self, seconds: float) -> None:
        """Wait that many bench seconds; not at all when negative."""
        time.sleep(max(0.0, seconds) / self.scale)
