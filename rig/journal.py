"""The append-only journal of a session: one JSON object a line, on disk before anything is told or moved."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from rig.atomic import storage_error, sync_directory
from rig.errors import DataError, UserError

__all__ = ["Entry", "Journal", "read_journal"]

Entry = dict[str, Any]
"""One line: ``event``, ``at`` (ISO 8601 with offset), ``n`` (its number) and the event's own fields."""


def _parse(path: Path) -> tuple[list[Entry], int]:
    """All whole lines of a journal and the length in bytes that they take."""
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path.parent} is not a session: it has no {path.name}") from None
    except OSError as err:
        raise UserError(f"{path} cannot be read: {err.strerror}") from err
    entries: list[Entry] = []
    good = 0
    for number, line in enumerate(raw.splitlines(keepends=True), start=1):
        try:
            if not line.endswith(b"\n"):
                raise ValueError("no end of line")
            entry = json.loads(line)
            if not isinstance(entry, dict) or "event" not in entry:
                raise ValueError("not a journal line")
        except ValueError as err:
            if good + len(line) == len(raw):  # the last line: power went while it was written
                break
            raise DataError(f"{path} is damaged at line {number} ({err}); {_way_out(path, number)}") from err
        entries.append(entry)
        good += len(line)
    return entries, good


def _way_out(path: Path, damaged: int) -> str:
    """What is to be done about a damaged line; the frames are never what is damaged."""
    if damaged == 1:
        frames = path.parent / "frames"
        return f"it held the plan: this run cannot be resumed; to stack its frames: stacker fuse {frames}"
    return (
        f"the lines before it are sound. To go on, keep a copy of the file, delete line {damaged} and all "
        f"after it, and rig resume {path.parent}: what those lines told of is shot again"
    )


def read_journal(path: Path) -> list[Entry]:
    """Read a journal without touching it.

    A torn last line (power went while it was written) does not count.

    Raises
    ------
    UserError
        When there is no journal there.
    DataError
        When a line other than the last is damaged.
    """
    return _parse(path)[0]


class Journal:
    """The journal of one session, open for appending by one process.

    Parameters
    ----------
    path : Path
        The file; made when absent. A torn last line is cut off.

    Raises
    ------
    UserError
        When another process has the session open.
    DataError
        When the file is damaged or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as err:
            raise storage_error(err, path) from err
        self._file = os.fdopen(fd, "ab", buffering=0)  # nothing may linger in a buffer after a failed write
        with ExitStack() as unless_opened:
            unless_opened.callback(self._file.close)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UserError(f"{path.parent} is in use by another rig process") from None
            self.entries, self._end = _parse(path)
            try:
                os.ftruncate(fd, self._end)
                sync_directory(path.parent)
            except OSError as err:
                raise storage_error(err, path) from err
            unless_opened.pop_all()

    def append(self, event: str, **fields: Any) -> Entry:
        """Write one line and return it once it is on the disk.

        Raises
        ------
        DataError
            When the disk is full; the journal then ends with its last whole line.
        UserError
            When it cannot be written otherwise.
        """
        entry: Entry = {
            "n": len(self.entries),
            "event": event,
            "at": datetime.now().astimezone().isoformat(timespec="milliseconds"),
            **fields,
        }
        line = json.dumps(entry, ensure_ascii=False, allow_nan=False, default=str).encode() + b"\n"
        try:
            # What a failed write left may not have been cut off then.
            if os.fstat(self._file.fileno()).st_size != self._end:
                os.ftruncate(self._file.fileno(), self._end)
            written = self._file.write(line)
            if written != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())
        except OSError as err:
            with suppress(OSError):
                os.ftruncate(self._file.fileno(), self._end)
            raise storage_error(err, self.path) from err
        self._end += len(line)
        self.entries.append(entry)
        return entry

    def close(self) -> None:
        """Close the file and let go of the session."""
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
