"""Exit codes beside those of `stacker.errors`, and how Ctrl-C and other signals end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["INTERRUPTED", "end_tidily", "interruptible", "told_of"]

INTERRUPTED = 130
"""What shells expect of a program ended by Ctrl-C: 128 + SIGINT."""


@contextmanager
def interruptible() -> Iterator[None]:
    """End with a sentence and the exit code of Ctrl-C; typer would say nothing."""
    import typer  # not above: this module is loaded before Ctrl-C can be told of

    try:
        yield
    except KeyboardInterrupt as interrupt:
        typer.echo(told_of(interrupt), err=True)
        raise typer.Exit(INTERRUPTED) from None


def told_of(interrupt: KeyboardInterrupt) -> str:
    """A sentence about Ctrl-C, which may have come too late."""
    return f"stacker: interrupted, {str(interrupt) or 'nothing written'}"


def end_tidily() -> None:
    """Have the signals that end a program by default take away what is half done first, like Ctrl-C.

    The exit code is the one that shells tell of such an end, 128 and the signal's number. A signal that is
    ignored (nohup) stays so.
    """
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # SIGHUP is not everywhere
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, frame: object) -> None:  # noqa: ARG001
    signal.signal(number, signal.SIG_IGN)  # once is enough, and tidying up is not to be stopped
    sys.exit(128 + number)
