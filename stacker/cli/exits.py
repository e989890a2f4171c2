"""Exit codes beside those of `stacker.errors`, and how Ctrl-C ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["INTERRUPTED", "interruptible"]

INTERRUPTED = 130
"""What shells expect of a program ended by Ctrl-C: 128 + SIGINT."""


@contextmanager
def interruptible() -> Iterator[None]:
    """End with a sentence and the exit code of Ctrl-C; typer would say nothing."""
    import typer  # not above: this module is loaded before Ctrl-C can be told of

    try:
        yield
    except KeyboardInterrupt:
        typer.echo("stacker: interrupted, nothing written", err=True)
        raise typer.Exit(INTERRUPTED) from None
