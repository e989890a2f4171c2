"""Files that a body tells of in its events, from the event to the bytes; runs in the process that owns it."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import gphoto2 as gp

__all__ = ["FileEvents", "FilePath"]

FilePath = tuple[str, str]
"""Folder and name of a file in a body."""

_IN_MEMORY = "/"
"""The folder of pictures that were never on a card: libgphoto2 has fetched them when it tells of them."""

_POLL_MS = 1
_PAUSE_S = 0.005


class FileEvents:
    """The files that a body has told of and nobody has asked for yet, and those that it tells of next.

    Parameters
    ----------
    camera : gphoto2.Camera
        The body, connected.

    Notes
    -----
    Every method may raise ``gphoto2.GPhoto2Error``.
    """

    def __init__(self, camera: Any) -> None:
        self._camera = camera
        self._arrived: list[FilePath] = []

    def next(self) -> FilePath | None:
        """The file that has waited longest, else the next that the body tells of; None without any."""
        return self._arrived.pop(0) if self._arrived else self.poll()

    def poll(self) -> FilePath | None:
        """The next file that the body tells of; None when it has nothing to tell."""
        while True:
            kind, data = self._camera.wait_for_event(_POLL_MS)
            if kind == gp.GP_EVENT_FILE_ADDED:
                return data.folder, data.name
            if kind == gp.GP_EVENT_TIMEOUT:
                return None

    def drain(self) -> None:
        """Read the body's events until there are none; files among them wait for whoever wants them."""
        while (path := self.poll()) is not None:
            self._arrived.append(path)

    def drain_for(self, seconds: float) -> None:
        """Read the body's events for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.drain()
            time.sleep(_PAUSE_S)

    def any_within(self, seconds: float) -> bool:
        """Whether a file waits, or one comes within so long."""
        until = time.monotonic() + seconds
        while not self._arrived and time.monotonic() < until:
            self.drain()
            time.sleep(_PAUSE_S)
        return bool(self._arrived)

    def clear(self) -> None:
        """Put aside whatever waits."""
        self.drain()
        for path in self._arrived:
            self.forget(path)
        self._arrived.clear()

    def take(self, path: FilePath) -> tuple[bytes, int | None, str]:
        """A file's bytes, the size that was announced for it, and its name."""
        try:
            announced = self._announced(path)
            # The CameraFile is kept while its bytes are used: they die with it.
            file = self._camera.file_get(*path, gp.GP_FILE_TYPE_NORMAL)
            data = memoryview(file.get_data_and_size())
            try:
                return bytes(data), announced, path[1]
            finally:
                data.release()
        finally:
            self.forget(path)

    def _announced(self, path: FilePath) -> int | None:
        """The size that the body named; None for a Nikon's memory, of which no record is kept."""
        try:
            size: int = self._camera.file_get_info(*path).file.size
        except gp.GPhoto2Error as err:
            if path[0] != _IN_MEMORY or err.code != gp.GP_ERROR:
                raise
            return None
        return size

    def forget(self, path: FilePath) -> None:
        """Drop libgphoto2's copy of a picture that was never on a card; it would stay in memory otherwise."""
        if path[0] == _IN_MEMORY:
            with suppress(gp.GPhoto2Error):  # it is a copy only: nothing is lost when it stays
                self._camera.file_delete(*path)

    def delete(self, path: FilePath) -> None:
        """Take a file off the card; what was in memory is gone already."""
        if path[0] != _IN_MEMORY:
            self._camera.file_delete(*path)
