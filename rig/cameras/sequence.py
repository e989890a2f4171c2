"""Telling a late file of a lost release from this release's, by the numbers that bodies put in names."""

from __future__ import annotations

import re

__all__ = ["FileSequence", "file_number"]

_NUMBER = re.compile(r"(\d{4,})\.\w+$")
_WRAPS = 10_000
"""Bodies number files with four digits, 9999 being followed by 0001; longer numbers end in the same four."""

_TRUSTED_AFTER = 1
"""So many steps of one from frame to frame show that the body counts, and does not reuse one name."""


def file_number(name: str) -> int | None:
    """The last four digits of a file's number; None when the name has none.

    Examples
    --------
    >>> file_number("capt_DSC00012.JPG"), file_number("IMG_9999.CR3"), file_number("x.jpg")
    (12, 9999, None)
    """
    match = _NUMBER.search(name)
    return int(match[1]) % _WRAPS if match else None


def _step(first: int, second: int) -> int:
    """How many files lie from one number to the next; 0 is not used."""
    step = (second - first) % _WRAPS
    return step - 1 if second < first else step


class FileSequence:
    """The numbers of the files of one connection.

    As long as no release is lost nothing is concluded from them. After a loss, a body that is known to count
    gives the late file away by its number; with any other one a surplus file has to be looked for.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._steps = 0
        self._lost = 0

    @property
    def is_clean(self) -> bool:
        """Whether no file of an earlier release can still come."""
        return self._lost == 0

    @property
    def late_numbers(self) -> tuple[int, ...]:
        """The numbers of the files that were given up on; empty when the body is not known to count."""
        if self._last is None or self._steps < _TRUSTED_AFTER:
            return ()
        numbers = []
        number = self._last
        for _ in range(self._lost):
            number = 1 if number == _WRAPS - 1 else number + 1
            numbers.append(number)
        return tuple(numbers)

    def taken(self, name: str) -> None:
        """A file was accepted as this release's."""
        number = file_number(name)
        if number is not None and self._last is not None and self._lost == 0:
            self._steps = self._steps + 1 if _step(self._last, number) == 1 else 0
        self._last, self._lost = number, 0

    def lost(self) -> None:
        """A release's file was given up on."""
        self._lost += 1
