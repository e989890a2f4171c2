"""Live view of a simulated body: frames at a steady rate while somebody looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["LiveView"]

_NOBODY_LOOKS_S = 2.0
"""Real seconds without a request after which no more frames are made; the next request begins again."""


class LiveView:
    """Makes frames in a thread of its own, each one once.

    Parameters
    ----------
    render : callable
        Gives a frame as JPEG, or None when there is none yet.
    fps : float
        Frames in a real second: live view is watched by people, not by the bench's clock.

    Attributes
    ----------
    offered, taken : int
        Frames made, and frames that a host has fetched.
    """

    def __init__(self, render: Callable[[], bytes | None], fps: float) -> None:
        self._render = render
        self._period_s = 1.0 / fps
        self._fresh = threading.Condition()
        self._frame: bytes | None = None
        self._asked_at = float("-inf")
        self._is_on = False
        self._thread: threading.Thread | None = None
        self.offered = self.taken = 0

    @property
    def is_on(self) -> bool:
        """Whether the body shows live view."""
        return self._is_on

    def switch(self, on: bool) -> None:
        """Begin or end live view; the first frame begins to be made."""
        with self._fresh:
            self._is_on = on
            self._frame = None
            self._asked_at = time.monotonic()
            if on and self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True, name="live view")
                self._thread.start()
            self._fresh.notify_all()

    def take(self, wait_s: float = 0.0) -> bytes | None:
        """The newest frame if nobody has taken it yet, within `wait_s` real seconds; None otherwise."""
        deadline = time.monotonic() + wait_s
        with self._fresh:
            self._asked_at = time.monotonic()
            self._fresh.notify_all()
            while self._is_on and self._frame is None:
                left_s = deadline - time.monotonic()
                if left_s <= 0 or not self._fresh.wait(left_s):
                    return None
            frame, self._frame = self._frame, None
            self.taken += frame is not None
            return frame

    def close(self) -> None:
        """End it for good."""
        self.switch(on=False)
        thread = self._thread
        if thread is not None:
            thread.join(timeout=10.0)

    def _work(self) -> None:
        due = time.monotonic()
        while True:
            with self._fresh:
                while self._is_on and time.monotonic() - self._asked_at > _NOBODY_LOOKS_S:
                    self._fresh.wait()
                    due = time.monotonic()
                if not self._is_on:
                    self._thread = None
                    return
            frame = self._render()
            with self._fresh:
                if frame is not None and self._is_on:
                    self._frame = frame
                    self.offered += 1
                    self._fresh.notify_all()
            due = max(due + self._period_s, time.monotonic() - self._period_s)
            time.sleep(max(0.0, due - time.monotonic()))
