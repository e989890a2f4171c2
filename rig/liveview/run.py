"""Live view from beginning to end: frames are taken, drawn into, shown and filed; the body is put back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import cv2

from rig.atomic import make_folder, storage_error
from rig.liveview.feed import Feed, Grabber, Source
from rig.liveview.looks import Looks, Shown
from rig.liveview.server import LiveServer, parse_address

__all__ = ["Preview", "PreviewFrame", "served"]

_LOOK_S = 0.2
"""How often it is looked whether to stop."""
_IDLE_S = 5.0
"""Real seconds without a viewer after which the body may rest; loading a page again takes less."""


@dataclass(frozen=True)
class PreviewFrame:
    """A frame that was shown; ``path`` is None unless it was filed."""

    number: int
    shown: Shown
    path: Path | None = None


@contextmanager
def served(address: str | None) -> Iterator[tuple[Feed | None, LiveServer | None]]:
    """A feed and the server that shows it, at an address as a person writes it; neither without one.

    Raises
    ------
    UserError
        When the address is not on this computer, or taken.
    """
    if address is None:
        yield None, None
        return
    feed = Feed()
    server = LiveServer(feed, parse_address(address))
    try:
        yield feed, server
    finally:
        server.close()


class Preview:
    """Shows live view until enough frames were shown or somebody stops it.

    Parameters
    ----------
    source : Source
        The body's live view.
    looks : Looks
        What is drawn in.
    feed : Feed, optional
        Gets every frame. While nobody looks on, and no folder is filled, live view rests: the body is put
        back, and begins again for the next viewer.
    folder : Path, optional
        Gets every frame as a file; made when it is not there.
    idle_s : float
        How long nobody looks on before it rests, real seconds.
    """

    def __init__(
        self,
        source: Source,
        looks: Looks,
        *,
        feed: Feed | None = None,
        folder: Path | None = None,
        idle_s: float = _IDLE_S,
    ) -> None:
        self._looks, self._feed, self._folder, self._idle_s = looks, feed, folder, idle_s
        self._seen_s = time.monotonic()
        cv2.setNumThreads(1)  # a frame is small: handing parts of it to threads costs more than it brings
        self.grabber = Grabber(source)

    def frames(self, stopped: Callable[[], bool], count: int | None = None) -> Iterator[PreviewFrame]:
        """Yield every frame that is shown.

        Parameters
        ----------
        stopped : callable
            Whether to end.
        count : int, optional
            End after so many.

        Raises
        ------
        CameraError
            When the body has no live view, or fails.
        DataError, UserError
            When a file cannot be written.
        """
        if self._folder is not None:
            make_folder(self._folder)
        number = 0
        try:
            while not stopped() and number != count:
                self._rest_or_go_on()
                jpeg = self.grabber.take(_LOOK_S) if self.grabber.running else None
                if jpeg is None:
                    continue
                number += 1
                shown = self._looks.show(jpeg)
                if self._feed is not None:
                    self._feed.publish(shown.jpeg)
                yield PreviewFrame(number, shown, self._file(shown.jpeg, number))
        finally:
            self.grabber.stop()

    def _rest_or_go_on(self) -> None:
        """Let the body rest when nobody has looked on for a while; else see that live view is on."""
        if self._feed is None or self._folder is not None:
            self.grabber.start()
            return
        now_s = time.monotonic()
        if self._feed.viewers:
            self._seen_s = now_s
        if self.grabber.running:
            if now_s - self._seen_s > self._idle_s:
                self.grabber.stop()
        elif now_s - self._seen_s <= self._idle_s or self._feed.wait_for_viewer(_LOOK_S):
            self._seen_s = time.monotonic()
            self.grabber.start()

    def _file(self, jpeg: bytes, number: int) -> Path | None:
        if self._folder is None:
            return None
        mark = "SIMULATED_" if self._looks.simulated else ""
        path = self._folder / f"{mark}live_{number:05d}.jpg"
        part = path.with_name(f".{path.name}.part")
        try:
            part.write_bytes(jpeg)  # not flushed: twenty a second are not worth a disk's time
            part.replace(path)
        except OSError as err:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise storage_error(err, path) from err
        return path
