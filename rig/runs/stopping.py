"""Stopping a run from outside: the person, a signal, a closed terminal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rig.axes.base import FocusAxis
from rig.errors import Interrupted, MotionError

__all__ = ["Stopper"]

_HOLD_EVERY_S = 0.02
"""A move that began just after a stop gets 0.04 mm far at 2 mm/s."""


class Stopper:
    """One way to stop a run, from a signal handler or any thread: sets the event and holds every axis.

    A hold reaches a move in hand only, and a move may just be about to begin: so the hold is repeated until
    the run lets go of its axes.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self._axes: tuple[FocusAxis, ...] = ()  # replaced, never changed: the holding thread goes through it
        self._released = threading.Event()

    def guard(self, axis: FocusAxis) -> None:
        """From now on a stop holds this axis, too, beside those guarded before."""
        self._axes = (*self._axes, axis)

    def release(self) -> None:
        """Nothing moves any more; stop holding."""
        self._released.set()

    def stop(self) -> None:
        """Stop. Returns at once: the hold is sent by a thread, since a handler must not wait for a lock."""
        if not self.event.is_set():
            self.event.set()
            threading.Thread(target=self._hold, name="feed-hold", daemon=True).start()

    def _hold(self) -> None:
        while not self._released.is_set():
            for axis in self._axes:
                axis.stop()
            self._released.wait(_HOLD_EVERY_S)

    @contextmanager
    def motion(self) -> Iterator[None]:
        """A motion that is stopped from here is no fault: it raises Interrupted, also before it begins."""
        self.check()
        try:
            yield
        except MotionError:
            self.check()
            raise

    def check(self) -> None:
        """Raise Interrupted when a stop was asked for."""
        if self.event.is_set():
            raise Interrupted()
