"""Files that a body tells of in its events, from the event to the bytes; runs in the process that owns it."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from typing import Any

import gphoto2 as gp

__all__ = ["FileEvents", "FilePath", "StallGuard"]

FilePath = tuple[str, str]
"""Folder and name of a file in a body."""

_IN_MEMORY = "/"
"""The folder of pictures that were never on a card: libgphoto2 has fetched them when it tells of them."""

_POLL_MS = 1
_PAUSE_S = 0.005

_STALL_S, _STALL_TIMES = 10.0, 10.0
"""Fetching a file that takes longer than that, and that many times as long as any before, does not end."""
_LOOK_S = 0.5


class StallGuard:
    """Ends this process when libgphoto2 does not come back from fetching a file; a new one is then made.

    While it waits for events it fetches what a Canon body offers, megabyte by megabyte, and never stops to
    ask where the announced size is not reached (2.5.34): only the deadline of a whole release, 90 s, would.
    What is too long is measured by the files that came before, so that a slow network has its time.
    """

    def __init__(self) -> None:
        self._longest_s: float | None = None
        self._since_s: float | None = None
        threading.Thread(target=self._watch, daemon=True, name="stall guard").start()

    def begins(self) -> None:
        """A call that may fetch a file begins."""
        self._since_s = time.monotonic()

    def ended(self, *, with_file: bool) -> None:
        """It has ended."""
        if with_file and self._since_s is not None:
            self._longest_s = max(self._longest_s or 0.0, time.monotonic() - self._since_s)
        self._since_s = None

    @property
    def limit_s(self) -> float | None:
        """How long a file may take; None before there was one."""
        return None if self._longest_s is None else max(_STALL_S, _STALL_TIMES * self._longest_s)

    def _watch(self) -> None:
        while True:
            time.sleep(_LOOK_S)
            since_s, limit_s = self._since_s, self.limit_s
            if since_s is not None and limit_s is not None and time.monotonic() - since_s > limit_s:
                print(  # noqa: T201  (its last words, which the rig passes on)
                    f"fetching a file did not end within {limit_s:.0f} s, those before took "
                    f"{self._longest_s:.1f} s at most: perhaps it ends before its announced size",
                    file=sys.stderr,
                    flush=True,
                )
                os._exit(1)


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
        self._guard: StallGuard | None = None

    def guard(self) -> None:
        """End this process when the body offers a file that does not end; only Canon's are fetched here."""
        self._guard = StallGuard()

    def next(self) -> FilePath | None:
        """The file that has waited longest, else the next that the body tells of; None without any."""
        return self._arrived.pop(0) if self._arrived else self.poll()

    def poll(self) -> FilePath | None:
        """The next file that the body tells of; None when it has nothing to tell."""
        while True:
            kind, data = self._wait()
            if kind == gp.GP_EVENT_FILE_ADDED:
                return data.folder, data.name
            if kind == gp.GP_EVENT_TIMEOUT:
                return None

    def _wait(self) -> tuple[int, Any]:
        if self._guard is None:
            told: tuple[int, Any] = self._camera.wait_for_event(_POLL_MS)
            return told
        with_file = False
        self._guard.begins()
        try:
            told = self._camera.wait_for_event(_POLL_MS)
            with_file = told[0] == gp.GP_EVENT_FILE_ADDED
        finally:
            self._guard.ended(with_file=with_file)
        return told

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
