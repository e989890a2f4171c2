"""Live view beside other work on the same body: it goes on by itself, and is paused for a frame."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rig.errors import RigError
from rig.liveview.feed import Feed, Source
from rig.liveview.looks import Looks
from rig.liveview.run import Preview

__all__ = ["BackgroundView"]


class BackgroundView:
    """Live view in a thread of its own, from `start` to `stop`; it rests while nobody looks on.

    Parameters
    ----------
    source : Source
        The body's live view; nothing else may be asked of the body while this runs.
    looks : Looks
        What is drawn in.
    feed : Feed
        Gets every frame.
    """

    def __init__(self, source: Source, looks: Looks, feed: Feed) -> None:
        self._source, self._looks, self._feed = source, looks, feed
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._trouble: RigError | None = None

    def start(self) -> None:
        """Begin, unless it runs."""
        if self._thread is None:
            self._over.clear()
            self._thread = threading.Thread(target=self._work, name="background view", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        try:
            for _ in Preview(self._source, self._looks, feed=self._feed).frames(self._over.is_set):
                continue
        except RigError as err:
            self._trouble = err

    def stop(self) -> None:
        """End, the body put back; may be called twice."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._over.set()
            thread.join()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The body is free for something else meanwhile."""
        running = self._thread is not None
        self.stop()
        try:
            yield
        finally:
            if running:
                self.start()

    def take_trouble(self) -> RigError | None:
        """What ended live view since this was last asked; it is not begun again by itself then."""
        trouble, self._trouble = self._trouble, None
        return trouble
