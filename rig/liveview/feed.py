"""Frames on their way: from the body in a thread of its own, to as many viewers as there are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Feed", "Grabber", "Source"]


class Source(Protocol):
    """Whatever has live view."""

    def frame(self) -> bytes:
        """The next frame; begins live view when it is off."""
        ...

    def end(self) -> None:
        """End it."""
        ...


class Feed:
    """The newest frame, for viewers that each see every frame once at most; slow ones miss some."""

    def __init__(self) -> None:
        self._fresh = threading.Condition()
        self._number = 0
        self._jpeg: bytes | None = None
        self._viewers = 0
        self._closed = False

    @property
    def viewers(self) -> int:
        """How many look on."""
        with self._fresh:
            return self._viewers

    @property
    def number(self) -> int:
        """How many frames were shown."""
        with self._fresh:
            return self._number

    @contextmanager
    def viewer(self) -> Iterator[None]:
        """Somebody looks on."""
        with self._fresh:
            self._viewers += 1
            self._fresh.notify_all()
        try:
            yield
        finally:
            with self._fresh:
                self._viewers -= 1
                self._fresh.notify_all()

    def publish(self, jpeg: bytes) -> None:
        """Show a frame."""
        with self._fresh:
            self._number, self._jpeg = self._number + 1, jpeg
            self._fresh.notify_all()

    def after(self, number: int, wait_s: float | None = None) -> tuple[int, bytes] | None:
        """The newest frame if it is newer than that; waits for it, and gives None at the end."""
        with self._fresh:
            self._fresh.wait_for(lambda: self._closed or self._number > number, wait_s)
            if self._closed or self._jpeg is None or self._number <= number:
                return None
            return self._number, self._jpeg

    def wait_for_viewer(self, wait_s: float) -> bool:
        """Whether somebody looks on, within that time."""
        with self._fresh:
            return self._fresh.wait_for(lambda: self._closed or self._viewers > 0, wait_s)

    def close(self) -> None:
        """Nothing comes any more."""
        with self._fresh:
            self._closed = True
            self._fresh.notify_all()


class Grabber:
    """Takes frames from a source as fast as it gives them, while the last one is being drawn into.

    Only the newest frame is kept: what nobody had time for is dropped.

    Parameters
    ----------
    source : Source
        Is used by the grabber's thread alone, from `start` to `stop`.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._changed = threading.Condition()
        self._newest: bytes | None = None
        self._trouble: Exception | None = None
        self._wanted = False
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether live view is on."""
        return self._thread is not None

    def start(self) -> None:
        """Begin live view, unless it is on."""
        if self._thread is None:
            self._wanted = True
            self._thread = threading.Thread(target=self._work, name="live view", daemon=True)
            self._thread.start()

    def take(self, wait_s: float) -> bytes | None:
        """The newest frame that was not taken yet; None when none comes in that time.

        Raises
        ------
        CameraError
            What the source raised.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._trouble is not None, wait_s)
            if self._trouble is not None:
                raise self._trouble
            frame, self._newest = self._newest, None
            return frame

    def stop(self) -> None:
        """End live view and have the body as it was; may be called twice.

        Raises
        ------
        CameraError
            When that failed.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._wanted = False
        thread.join()
        self._newest = self._trouble = None
        self._source.end()

    def _work(self) -> None:
        while self._wanted:
            try:
                frame = self._source.frame()
            except Exception as err:  # noqa: BLE001  (it is raised where somebody can tell the person)
                with self._changed:
                    self._trouble = err
                    self._changed.notify_all()
                return
            with self._changed:
                self._newest = frame
                self._changed.notify_all()
