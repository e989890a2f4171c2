"""Writing that survives a power cut: a file has its final name only when its bytes are on the disk."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import suppress
from pathlib import Path

from rig.errors import DataError, RigError, UserError

__all__ = [
    "FULL",
    "copy_flushed",
    "make_folder",
    "publish_file",
    "storage_error",
    "sync_directory",
    "write_atomically",
]

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What says that a disk, a quota or a file is full."""
_NOT_FOR_FOLDERS = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
"""What fsync of a folder returns on some network and FUSE file systems, which flush as they see fit."""


def storage_error(err: OSError, path: Path) -> RigError:
    """The error to raise for an operating-system error while writing `path`.

    Returns
    -------
    RigError
        DataError when the disk (or quota, or file-size limit) is full, UserError when the place cannot be
        written to at all.
    """
    if err.errno in FULL:
        return DataError(f"no room left to write {path} ({os.strerror(err.errno or 0)}): free some space")
    return UserError(f"{path} cannot be written: {err.strerror or err}")


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it lies in, where they are not there.

    Raises
    ------
    DataError, UserError
        As `storage_error`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise storage_error(err, folder) from err


def sync_directory(folder: Path) -> None:
    """Flush a folder, so that a rename inside it outlives a power cut, where its file system can do that.

    Raises
    ------
    OSError
        When the disk does not take it.
    """
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as err:
        if err.errno not in _NOT_FOR_FOLDERS:
            raise
    finally:
        os.close(fd)


def publish_file(part: Path, final: Path) -> None:
    """Give a flushed temporary file its final name, never over an existing one.

    Raises
    ------
    DataError
        When the final name is taken, or the disk is full.
    UserError
        When the place cannot be written to.
    """
    taken = DataError(f"{final} exists already; a frame is never overwritten")
    try:
        os.link(part, final)
        part.unlink()
    except FileExistsError:
        raise taken from None
    except OSError:
        # Some file systems (FAT cards, network shares) know no hard links.
        if final.exists():
            raise taken from None
        try:
            part.rename(final)
        except OSError as err:
            raise storage_error(err, final) from err
    try:
        sync_directory(final.parent)
    except OSError as err:
        raise storage_error(err, final) from err


def copy_flushed(source: Path, part: Path) -> tuple[int, str]:
    """Copy a file to a temporary name, flushed.

    Returns
    -------
    int, str
        Its size in bytes, and its SHA-256.

    Raises
    ------
    OSError
        When the source cannot be read: what that means the caller knows.
    DataError
        When the disk is full.
    UserError
        When the place cannot be written to.
    """
    data = source.read_bytes()
    try:
        with part.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
    except OSError as err:
        raise storage_error(err, part) from err
    return len(data), hashlib.sha256(data).hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all, replacing an older one.

    Raises
    ------
    DataError
        When the disk is full; nothing half-written is left.
    UserError
        When the place cannot be written to.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
        sync_directory(path.parent)
    except OSError as err:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise storage_error(err, path) from err
