"""Writes files that are complete under their final name or not there at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from stacker.errors import DataError, StackerError, UserError

__all__ = [
    "publish_folder",
    "replace_atomically",
    "require_folder",
    "require_name",
    "require_place",
    "storage_error",
    "sync",
    "umask",
    "write_text",
]

_FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_CUT_SHORT = re.compile(r"\d+ requested and \d+ written")
"""What NumPy says, by whom tifffile writes arrays; it hands on no errno."""


def require_folder(path: Path, suffixes: Sequence[str]) -> None:
    """Make sure that a file of one of these kinds can be written there.

    Parameters
    ----------
    path : Path
        The file.
    suffixes : sequence of str
        What its name may end in.

    Raises
    ------
    UserError
        When its name ends otherwise, the folder is missing, or nothing may be written into it.
    """
    if path.suffix.lower() not in suffixes:
        raise UserError(f"{path} cannot be written: the name must end in {', '.join(suffixes)}")
    require_place(path)


def require_place(path: Path) -> None:
    """Make sure that a file of whatever kind can be written there; see `require_folder`."""
    require_name(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise UserError(f"{path} cannot be written: there is no folder {path.parent}")
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".stacker-"):
            pass
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror} ({path.parent})") from error


def require_name(path: Path) -> None:
    """Refuse a name that the file system does not take, one that is too long above all: what is written
    has another until it is finished, and would fail then.

    Raises
    ------
    UserError
        When nothing can be called so.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error


def replace_atomically(path: Path, fill: Callable[[Path], None]) -> None:
    """Fill a file under a temporary name beside its place, flush it, and give it its name.

    Raises
    ------
    DataError
        When it could not be written; nothing is left behind.
    """
    # Hidden, and no picture by its name: programs that watch the folder leave it alone.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".stacker-", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        fill(temporary)
        temporary.chmod(0o666 & ~umask())  # mkstemp makes private files; a picture is an ordinary one
        sync(temporary)
        temporary.replace(path)
    except StackerError as error:
        raise DataError(f"{path} could not be written: {error}") from error
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


def publish_folder(part: Path, folder: Path) -> None:
    """Give a finished folder its name; an older one is set aside first and removed afterwards.

    Parameters
    ----------
    part : Path
        What is finished, of `tempfile.mkdtemp` beside its place.
    folder : Path
        The name.

    Raises
    ------
    OSError
        When it cannot be had; an older folder has it again, also when Ctrl-C comes between.
    """
    part.chmod(0o777 & ~umask())  # mkdtemp makes private folders; a result is an ordinary one
    if not folder.exists():
        part.rename(folder)
        return
    aside = part.with_name(part.name + "-old")
    try:
        folder.rename(aside)
        part.rename(folder)
    except BaseException:
        if aside.exists() and not folder.exists():
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def storage_error(error: OSError, path: Path) -> DataError:
    """What a failed write means to a person."""
    full = error.errno in _FULL_DISK or _CUT_SHORT.fullmatch(str(error))
    reason = "the disk is full" if full else error.strerror or str(error)
    return DataError(f"{path} could not be written: {reason}")


def umask() -> int:
    """The permissions that this process does not give to files it makes."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def sync(path: Path) -> None:
    """Make sure that a file is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically.

    Raises
    ------
    DataError
        When it cannot be written.
    """
    try:
        replace_atomically(path, lambda temporary: _put(temporary, text))
    except OSError as error:
        raise storage_error(error, path) from error


def _put(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
