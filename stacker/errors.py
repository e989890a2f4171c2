"""Every error that ``stacker`` raises on purpose, with the exit code of the command that meets it."""

from __future__ import annotations

from typing import ClassVar

__all__ = ["DataError", "StackerError", "UserError"]


class StackerError(Exception):
    """Root of the errors of ``stacker``; the message is a full sentence for the person at the keyboard."""

    exit_code: ClassVar[int] = 1


class UserError(StackerError):
    """What was asked for cannot be done: no frames, frames of different sizes, nowhere to write."""

    exit_code = 2


class DataError(StackerError):
    """Bytes that cannot be read or kept: a truncated image, an unknown format, a full disk."""

    exit_code = 4
