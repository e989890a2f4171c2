"""Whether a frame is the one that was released, and was taken as locked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from rig.cameras.base import LockReport, Shot
from rig.cameras.frame_exif import FrameExif, differences
from rig.cameras.protocol import Fetched
from rig.cameras.sequence import FileSequence, TakenTimes
from rig.errors import CameraError

__all__ = ["SETTLE_S", "FrameJudge", "strayed"]

_PAIR_APART_S = 1.0
"""The two files of a pair are of one exposure; bodies without subseconds may round them apart."""

SETTLE_S = 2.5
"""Real seconds. A picture that is late by more has its time to give it away."""


_UNLIT = 0.25
"""Of the level of the frame before: over four stops less light, since levels are no measure of light but its
root. From one frame of a stack to the next not even the bellows' share of light comes near to that."""


class FrameJudge:
    """Knows the frames of one connection by their numbers, their times, and how bright they are.

    Attributes
    ----------
    sequence : FileSequence
        The numbers in their names.
    times : TakenTimes
        When they were taken.
    """

    def __init__(self) -> None:
        self.sequence, self.times = FileSequence(), TakenTimes()
        self._levels: dict[tuple[float | None, ...], float] = {}

    def forget(self) -> None:
        """The body's clock may have been set, and the light may have been changed."""
        self.times.forget()
        self._levels.clear()

    def start_anew(self) -> None:
        """Nothing is late any more."""
        self.sequence = FileSequence()

    @property
    def settle_s(self) -> float:
        """How long a file of an earlier release is to be waited for before the next one, real seconds.

        Longer than what the times of two frames can be told apart by.
        """
        return 0.0 if self.sequence.is_clean else SETTLE_S

    @property
    def quiet_s(self) -> float:
        """How long a surplus file is looked for beside this release's, where no clock can tell them apart."""
        return 0.0 if self.sequence.is_clean or self.times.is_known else SETTLE_S

    def identify(self, shot: Shot, fetched: Fetched) -> None:
        """Accept files as this release's, and learn from them.

        Raises
        ------
        CameraError
            When they are of an earlier release, or of two.
        """
        first = fetched.files[0]
        fired_at = datetime.fromisoformat(shot.fired_wall).replace(tzinfo=None)
        early = self.times.is_earlier(first.exif.taken_at, fired_at)
        self.sequence.taken(first.camera_name)
        if early:
            self.times.refused()
            self.sequence.lost()  # this release's own file is still to come
            raise CameraError(
                f"{first.camera_name} was taken at {first.exif.taken_at} by the camera's clock, before shot "
                f"{shot.number}: it is of an earlier release"
            )
        if any(_apart_s(first.exif, other.exif) > _PAIR_APART_S for other in fetched.files[1:]):
            names = " and ".join(file.camera_name for file in fetched.files)
            raise CameraError(f"{names} were taken at different times: they are no pair")
        self.times.accepted(first.exif.taken_at, fired_at)

    def lit(self, fetched: Fetched) -> None:
        """Accept a frame as lit like the one before it of the same exposure.

        Raises
        ------
        CameraError
            When it is so much darker that a flash or a lamp has failed.
        """
        first = fetched.files[0]
        if first.level is None:
            return
        exposure = (first.exif.shutter_s, first.exif.f_number, first.exif.iso)
        before = self._levels.get(exposure)
        if before is not None and first.level < _UNLIT * before:
            raise CameraError(
                f"{first.camera_name} is dark: its mean level is {first.level:.0f} of 255, that of the frame "
                f"before was {before:.0f} at the same exposure. Did the flash fire, is the light on?"
            )
        self._levels[exposure] = first.level


def strayed(
    fetched: Fetched,
    locked: LockReport,
    held: Mapping[str, str],
    *,
    raw_only: bool,
    time_scale: float = 1.0,
) -> tuple[str, ...]:
    """Where a frame, or the body straight after it, is not as locked; a sentence part each.

    Parameters
    ----------
    held : mapping
        What is locked: values by the names of their entries.
    raw_only : bool
        There is no JPEG, so that the white balance is chosen afterwards.
    time_scale : float
        The body's seconds in a real one.
    """
    seen = fetched.watched
    turned = (f"{k} is {seen[k]!r} and not {v!r}" for k, v in held.items() if k in seen and seen[k] != v)
    return (*differences(fetched.files[0].exif, locked, raw_only=raw_only, time_scale=time_scale), *turned)


def _apart_s(first: FrameExif, second: FrameExif) -> float:
    if first.taken_at is None or second.taken_at is None:
        return 0.0
    return abs((first.taken_at - second.taken_at).total_seconds())
