"""Undoing what has begun when what comes next fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

__all__ = ["on_failure"]


@contextmanager
def on_failure(undo: Callable[[], object]) -> Iterator[None]:
    """Call `undo` when the block raises anything, Ctrl-C included; what was raised goes on."""
    with ExitStack() as failed:
        failed.callback(undo)
        yield
        failed.pop_all()
