"""The clock of a body, as its frames carry it: wrong by an unknown constant, and often coarse. Pure."""

from __future__ import annotations

import calendar
from pathlib import Path

from rig.cameras.frame_exif import FrameExif, read_exif

__all__ = ["BodyClock", "exposure_fields", "read_frame_exif", "resolution_s", "taken_s"]

_WITH_PARTS_S = 0.01
"""Bodies write two or three digits of a second; two, to be on the safe side."""


def read_frame_exif(path: Path) -> FrameExif:
    """The EXIF of a file; empty when it has none."""
    return read_exif(path.read_bytes())


def taken_s(exif: FrameExif) -> float | None:
    """The body's own time as seconds of a time without zone: only differences mean something."""
    moment = exif.taken_at
    return None if moment is None else calendar.timegm(moment.timetuple()) + moment.microsecond / 1e6


def resolution_s(exif: FrameExif) -> float:
    """How finely the body counts: whole seconds, unless it wrote parts of one."""
    return _WITH_PARTS_S if exif.taken_at is not None and exif.taken_at.microsecond else 1.0


def exposure_fields(exif: FrameExif) -> dict[str, str]:
    """The exposure, for a journal."""
    values = {"shutter_s": exif.shutter_s, "f_number": exif.f_number, "iso": exif.iso}
    return {name: f"{value:g}" for name, value in values.items() if value is not None}


class BodyClock:
    """Bounds of how far a body's clock is ahead of ours, narrowed down frame by frame.

    Each frame was taken between its release and its coming; so its own time says how far the clocks are
    apart, give or take that interval. All frames together leave the overlap of these intervals.
    """

    def __init__(self) -> None:
        self._ahead_s = (-float("inf"), float("inf"))

    def window(self, exif: FrameExif) -> tuple[float, float] | None:
        """When a frame was taken by our clock, earliest and latest, s since the epoch; None without EXIF."""
        own_s = taken_s(exif)
        if own_s is None:
            return None
        return own_s - self._ahead_s[1], own_s + resolution_s(exif) - self._ahead_s[0]

    def learn(self, exif: FrameExif, released_s: float, arrived_s: float) -> None:
        """A frame was surely taken between these times of ours."""
        own_s = taken_s(exif)
        if own_s is None:
            return
        here = (own_s - arrived_s, own_s + resolution_s(exif) - released_s)
        both = (max(self._ahead_s[0], here[0]), min(self._ahead_s[1], here[1]))
        # No overlap: the body was set to another time in between.
        self._ahead_s = both if both[0] <= both[1] else here
