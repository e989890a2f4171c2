"""Telling a late file of a lost release from this release's: by numbers in names and by the body's clock."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import PurePath

__all__ = ["FileSequence", "ShotFiles", "TakenTimes", "file_number", "is_raw_name"]

_READABLE = frozenset({".jpg", ".jpeg", ".hif", ".heif", ".heic", ".tif", ".tiff", ".png"})
"""Suffixes of pictures that are developed; whatever else a body sends is RAW."""

_EARLIER = timedelta(seconds=1.5)
"""A clock that tells whole seconds makes a frame look up to 1 s early."""
_CLOCK_WAS_SET = 2
"""So many frames in a row that are too early were taken rightly, by a clock that somebody set back."""

_NUMBER = re.compile(r"(\d{4,})\.\w+$")
_MADE_UP = re.compile(r"^capt\d{4}\.")
"""Files that a Canon body hands over from its memory are counted by libgphoto2, as they come."""
_WRAPS = 10_000
"""Bodies number files with four digits, 9999 being followed by 0001; longer numbers end in the same four."""

_TRUSTED_AFTER = 1
"""So many steps of one from frame to frame show that the body counts, and does not reuse one name."""


def file_number(name: str) -> int | None:
    """The last four digits of a file's number; None when the name has none that the body gave it.

    Examples
    --------
    >>> file_number("capt_DSC00012.JPG"), file_number("IMG_9999.CR3"), file_number("capt0007.jpg")
    (12, 9999, None)
    """
    if _MADE_UP.match(name):
        return None
    match = _NUMBER.search(name)
    return int(match[1]) % _WRAPS if match else None


def _step(first: int, second: int) -> int:
    """How many files lie from one number to the next; 0 is not used."""
    step = (second - first) % _WRAPS
    return step - 1 if second < first else step


class FileSequence:
    """The numbers of the files of one connection, and whether a file of an earlier release can still come."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._steps = 0
        self._lost = False

    @property
    def is_clean(self) -> bool:
        """Whether no file of an earlier release can still come."""
        return not self._lost

    @property
    def old_numbers(self) -> tuple[int, ...]:
        """Numbers that no new file has; empty when the body is not known to count."""
        return () if self._last is None or self._steps < _TRUSTED_AFTER else (self._last,)

    def taken(self, name: str) -> None:
        """A file was accepted as this release's."""
        number = file_number(name)
        if number is not None and self._last is not None and self.is_clean:
            self._steps = self._steps + 1 if _step(self._last, number) == 1 else 0
        self._last, self._lost = number, False

    def lost(self) -> None:
        """A release's file was given up on: the body may have fired, or not, and it may still come."""
        self._lost = True


def is_raw_name(name: str) -> bool:
    """Whether a file's name is a RAW file's."""
    return PurePath(name).suffix.lower() not in _READABLE


class ShotFiles:
    """The names of one release's files as they come: a picture, or a picture and its RAW of one stem.

    Parameters
    ----------
    files : int
        How many one release gives.
    """

    def __init__(self, files: int) -> None:
        self._wanted = files
        self.names: list[str] = []

    @property
    def complete(self) -> bool:
        """Whether all have come."""
        return len(self.names) >= self._wanted

    def fits(self, name: str) -> bool:
        """Whether a file can be of the same release as those that have come: same number, other kind."""
        return all(
            file_number(have) == file_number(name) and is_raw_name(have) != is_raw_name(name)
            for have in self.names
        )


class TakenTimes:
    """When frames were taken, by the body's clock and by ours: a file of an earlier release is too early.

    Both clocks run alike; how far they are apart is learnt from the frames that were accepted.
    """

    def __init__(self) -> None:
        self._ahead: timedelta | None = None
        self._refused = 0

    @property
    def is_known(self) -> bool:
        """Whether a frame's time can tell anything."""
        return self._ahead is not None

    def refused(self) -> None:
        """A frame was too early; after some of them the clock is learnt anew."""
        self._refused += 1
        if self._refused >= _CLOCK_WAS_SET:
            self.forget()

    def is_earlier(self, taken_at: datetime | None, fired_at: datetime) -> bool:
        """Whether a frame was taken before the release that it is offered for.

        Parameters
        ----------
        taken_at : datetime or None
            By the body's clock; None says nothing.
        fired_at : datetime
            When the release was sent, by ours; without time zone.
        """
        if taken_at is None or self._ahead is None:
            return False
        return taken_at - fired_at < self._ahead - _EARLIER

    def accepted(self, taken_at: datetime | None, fired_at: datetime) -> None:
        """Learn from a frame that was accepted."""
        self._refused = 0
        if taken_at is not None:
            apart = taken_at - fired_at
            # Being late says nothing of the clocks, so the smallest difference counts.
            self._ahead = apart if self._ahead is None else min(self._ahead, apart)

    def forget(self) -> None:
        """Learn anew: the body's clock may have been set."""
        self._ahead, self._refused = None, 0
