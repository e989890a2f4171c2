"""A fetched file on its way to the disk: checked, read for what it says of itself, flushed."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from rig.cameras.frame_exif import read_exif
from rig.cameras.protocol import FetchedFile, FetchOrder
from rig.cameras.verify import BrokenImageError, check_image

__all__ = ["FilesInHand", "StorageError", "UnusableFileError", "write_checked"]


class UnusableFileError(Exception):
    """No file came, or none that can be this release's, or a broken one: `kind` of `Trouble` says which."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class StorageError(Exception):
    """A file could not be written."""

    def __init__(self, cause: OSError, path: str, needed_bytes: int) -> None:
        super().__init__(f"{path}: {cause.strerror or cause}")
        self.errno, self.needed_bytes = cause.errno or 0, needed_bytes


class FilesInHand:
    """The files of a release, checked and written while the camera is asked for more.

    A context manager that leaves none of them behind after an exception.

    Parameters
    ----------
    order : FetchOrder
        Where they go.
    """

    def __init__(self, order: FetchOrder) -> None:
        self._order = order
        self._pool = ThreadPoolExecutor(order.files)
        self._files: list[Future[FetchedFile]] = []

    def add(self, data: bytes, announced: int | None, name: str) -> None:
        """Take a file's bytes in hand; what is wrong with them is raised by `results`."""
        index = len(self._files)
        self._files.append(self._pool.submit(write_checked, data, announced, name, self._order, index))

    def results(self) -> list[FetchedFile]:
        """The files, in the order in which they came.

        Raises
        ------
        UnusableFileError
            When one is broken.
        StorageError
            When one could not be written.
        """
        return [file.result() for file in self._files]

    def __enter__(self) -> FilesInHand:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()
        for file in self._files if kind is not None else ():
            if file.exception() is None:
                Path(file.result().path).unlink(missing_ok=True)


def write_checked(
    data: bytes, announced: int | None, name: str, order: FetchOrder, index: int
) -> FetchedFile:
    """Check a file and put it on the disk, flushed; nothing half-written stays.

    Raises
    ------
    UnusableFileError
        When it is broken.
    StorageError
        When the disk does not take it.
    """
    suffix = Path(name).suffix
    path = Path(order.directory) / f"{order.stem}{f'-{index}' if index else ''}{suffix}.part"
    try:
        # The disk flushes while the processor decodes, and the camera answers meanwhile.
        with ThreadPoolExecutor(1) as disk:
            written = disk.submit(_write_flushed, path, data)
            level = check_image(data, announced)
            exif = read_exif(data)
            digest = written.result()
    except BrokenImageError as err:
        path.unlink(missing_ok=True)
        raise UnusableFileError("broken", f"{name}: {err}") from err
    except OSError as err:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise StorageError(err, str(path), len(data)) from err
    return FetchedFile(str(path), name, len(data), digest, exif, level)


def _write_flushed(path: Path, data: bytes) -> str:
    """Write and flush; returns the SHA-256."""
    with path.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    return hashlib.sha256(data).hexdigest()
