"""A fetched file on its way to the disk: checked, read for what it says of itself, flushed."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from rig.cameras.frame_exif import read_exif
from rig.cameras.protocol import FetchedFile, FetchOrder
from rig.cameras.verify import BrokenImageError, check_image

__all__ = ["StorageError", "UnusableFileError", "write_checked"]


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


def write_checked(
    data: bytes, announced: int | None, name: str, order: FetchOrder, index: int
) -> FetchedFile:
    """Check a file and put it on the disk, flushed; nothing half-written stays."""
    suffix = Path(name).suffix
    path = Path(order.directory) / f"{order.stem}{f'-{index}' if index else ''}{suffix}.part"
    try:
        # The disk flushes while the processor decodes.
        with ThreadPoolExecutor(1) as disk:
            written = disk.submit(_write_flushed, path, data)
            check_image(data, announced)
            exif = read_exif(data)
            digest = hashlib.sha256(data).hexdigest()
            written.result()
    except BrokenImageError as err:
        path.unlink(missing_ok=True)
        raise UnusableFileError("broken", f"{name}: {err}") from err
    except OSError as err:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise StorageError(err, str(path), len(data)) from err
    return FetchedFile(str(path), name, len(data), digest, exif)


def _write_flushed(path: Path, data: bytes) -> None:
    with path.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
