"""The person at the rig, asked on the terminal, also while a display shows how a run goes."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

import typer

from rig.axes.hand import HandAnswer, Turning
from rig.cli.watch import Watcher
from rig.errors import Interrupted, RigError, UserError

__all__ = ["Terminal"]

_LOOK_S = 0.05
"""How often a waiting question looks whether the run was stopped from elsewhere."""

_KEYS = {
    "": HandAnswer.DONE,
    "u": HandAnswer.MISTAKE,
    "b": HandAnswer.LAST_WAS_WRONG,
    "e": HandAnswer.END,
    "q": HandAnswer.STOP,
}
_HELP = """\
  Enter  turned as asked: the frame is taken
  u      I turned otherwise: say how far, and be told how to come back
  b      the frame before was wrong already: take it again
  e      the farthest outline was sharp in the last frame: the stack ends there
  q      stop; rig resume goes on"""


@contextmanager
def _asking() -> Iterator[None]:
    """While a question waits for its answer, Ctrl-C is one: no."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except (KeyboardInterrupt, typer.Abort) as err:
        raise Interrupted() from err
    finally:
        signal.signal(signal.SIGINT, before)


class Terminal:
    """The operator (`rig.runs.operator.Operator`), asked on the terminal.

    Parameters
    ----------
    yes : bool
        Take every confirmation as given. A turn of the crank is never taken as done.
    display : Watcher, optional
        Makes room while something is asked.
    """

    def __init__(self, *, yes: bool, display: Watcher | None = None) -> None:
        self._yes, self._display = yes, display
        self._explained = False

    def confirm(self, question: str) -> None:
        """Go on at a yes only.

        Raises
        ------
        UserError
            At anything else, and when nobody is at a terminal.
        Interrupted
            At Ctrl-C.
        """
        typer.echo(question, err=True)
        if self._yes:
            return
        if not sys.stdin.isatty():
            raise UserError("nobody is at a terminal to confirm this; pass --yes when it is right")
        with _asking():
            if not typer.confirm("Go on?", default=False, err=True):
                raise UserError("not confirmed; nothing was moved")

    def ask_position_mm(self, question: str) -> float:
        """Read a length; a bare number is in mm.

        Raises
        ------
        UserError
            When nobody is at a terminal.
        Interrupted
            At Ctrl-C.
        """
        if not sys.stdin.isatty():
            raise UserError(f"{question} Pass --here-is LENGTH.")
        from rig.units import parse_length_mm

        while True:
            with _asking():
                answer = typer.prompt(question, err=True)
            try:
                return parse_length_mm(answer, "position", bare="accept")
            except RigError as err:
                typer.echo(str(err), err=True)

    def check_present(self) -> None:
        """A crank, and ``--end ask``, need somebody at a terminal, also with ``--yes``: else UserError."""
        if not sys.stdin.isatty():
            raise UserError(
                "a person is asked on the terminal, and the standard input is none; run this in a terminal "
                "(--yes cannot turn a crank, nor tell whether an outline is sharp)"
            )

    def turn(self, turning: Turning, stopped: Callable[[], bool]) -> HandAnswer:
        """Ask for turns; Enter says done, letters say otherwise, ^D stops."""
        with self._room() as screen:
            if not self._explained:
                screen.write(f"{_HELP}\n")
                self._explained = True
            while True:
                where = self._display.where() if self._display else ""
                text = _line(f"{where}{turning.text}, then Enter (u b e q ?) ", screen, stopped)
                if text is None:
                    return HandAnswer.STOP
                answer = _KEYS.get(text.strip().lower())
                if answer is not None:
                    return answer
                screen.write(f"{_HELP}\n")

    def answer(self, question: str, stopped: Callable[[], bool]) -> str | None:
        """Read a line; None at ^D or when stopped."""
        with self._room() as screen:
            return _line(f"{question}: ", screen, stopped)

    @contextmanager
    def _room(self) -> Iterator[TextIO]:
        """A screen of our own while asking: the display waits, and redirected output does not hide us."""
        with self._display.paused() if self._display else _nothing():
            if sys.stderr.isatty():
                yield sys.stderr
                return
            with open(os.ttyname(sys.stdin.fileno()), "w", encoding="utf-8") as screen:  # noqa: PTH123
                yield screen


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _line(question: str, screen: TextIO, stopped: Callable[[], bool]) -> str | None:
    """Ask, and return the next line typed; None at its end (^D) or when stopped.

    What was typed before the question is dropped: a second Enter must not stand for a turn of the crank.
    """
    fd = sys.stdin.fileno()
    try:
        termios.tcflush(fd, termios.TCIFLUSH)
        screen.write(question)
        screen.flush()
        while not stopped():
            if select.select([fd], [], [], _LOOK_S)[0]:
                data = os.read(fd, 4096)  # the terminal hands over whole lines
                if not data.endswith(b"\n"):
                    break
                return data.decode(errors="replace").rstrip("\r\n")
    except (OSError, termios.error):  # the terminal has gone
        return None
    screen.write("\n")
    screen.flush()
    return None
