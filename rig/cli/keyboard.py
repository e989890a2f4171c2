"""Keys as they are pressed, and a line that tells how things stand."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from rig.errors import UserError

__all__ = ["Keyboard", "StatusLine"]

_REST_S = 0.05
"""An arrow key sends three bytes; they come together, also over ssh."""
_ARROWS = {b"A": "up", b"B": "down", b"C": "right", b"D": "left"}


class Keyboard:
    """The terminal, giving keys one by one and not echoing them; as it was before at the end.

    Ctrl-C still is a signal.

    Parameters
    ----------
    instead : str
        What to use where there is no terminal, for the message.

    Raises
    ------
    UserError
        When the standard input is no terminal.
    """

    def __init__(self, instead: str) -> None:
        if not sys.stdin.isatty():
            raise UserError(f"keys are read from a terminal, and the standard input is none; {instead}")
        self._fd = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._fd)

    def __enter__(self) -> Keyboard:
        tty.setcbreak(self._fd)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)
        except termios.error:  # the terminal has gone, and with it what there was to put back
            return

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """The terminal is as it was before meanwhile, for questions that are answered with a line."""
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)
        try:
            yield
        finally:
            with suppress(termios.error):
                tty.setcbreak(self._fd)

    def key(self, wait_s: float) -> str | None:
        """The next key: a letter, ``"left"``, ``"space"``, …; None for none, ``"q"`` at its end."""
        data = self._byte(wait_s)
        if data is None:
            return None
        if data in (b"", b"\x04"):
            return "q"
        if data == b"\x1b":
            return self._escape()
        return {b" ": "space", b"\n": "enter", b"\r": "enter"}.get(data, data.decode("latin-1").lower())

    def _escape(self) -> str:
        if self._byte(_REST_S) not in (b"[", b"O"):
            return "escape"
        rest = b""
        while (data := self._byte(_REST_S)) is not None and data:
            rest += data
            if data.isalpha() or data == b"~":
                break
        return _ARROWS.get(rest, "unknown")

    def _byte(self, wait_s: float) -> bytes | None:
        if not select.select([self._fd], [], [], wait_s)[0]:
            return None
        try:
            return os.read(self._fd, 1)
        except OSError:
            return b""


class StatusLine:
    """A line on standard error that is written over; said above it is what stays."""

    def __init__(self) -> None:
        self._shown = ""

    def show(self, text: str) -> None:
        """Replace the line."""
        if text != self._shown:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
            self._shown = text

    def say(self, text: str) -> None:
        """Write a line that stays."""
        shown, self._shown = self._shown, ""
        sys.stderr.write(f"\r\x1b[K{text}\n")
        sys.stderr.flush()
        if shown:
            self.show(shown)

    def end(self) -> None:
        """Leave the line."""
        if self._shown:
            sys.stderr.write("\n")
            sys.stderr.flush()
            self._shown = ""
