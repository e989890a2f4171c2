"""Writes results: TIFF, PNG and JPEG, complete under their final name or not there at all."""

from __future__ import annotations

import errno
import os
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import imagecodecs

from stacker.errors import DataError, StackerError, UserError
from stacker.frames import FrameMetadata, Image
from stacker.io.dng import write_dng
from stacker.io.metadata import write_metadata
from stacker.io.saving import OUTPUT_SUFFIXES, Chroma, Saving
from stacker.io.stored import as_stored
from stacker.io.thumbnail import thumbnail_of
from stacker.io.tiff import fill_tiff

__all__ = [
    "replace_atomically",
    "require_folder",
    "require_writable",
    "storage_error",
    "sync",
    "umask",
    "with_png_profile",
    "write_image",
    "write_text",
]

_QUALITY = 95
"""Of JPEGs: the file is half of what 100 makes, and the difference from it is not seen."""

_FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def require_writable(path: Path) -> None:
    """Make sure, before any work is done, that a result can be written there.

    Raises
    ------
    UserError
        When the format is unknown, the folder is missing, or nothing may be written into it.
    """
    require_folder(path, OUTPUT_SUFFIXES)


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
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise UserError(f"{path} cannot be written: there is no folder {path.parent}")
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".stacker-"):
            pass
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror} ({path.parent})") from error


def write_image(
    path: Path, pixels: Image, metadata: FrameMetadata | None = None, saving: Saving | None = None
) -> tuple[str, ...]:
    """Write a picture atomically: under a temporary name beside it, flushed to the disk, then renamed.

    Parameters
    ----------
    path : Path
        Ends in ``.tif``, ``.tiff``, ``.png``, ``.jpg``, ``.jpeg`` or ``.dng``. An existing file is replaced.
    pixels : ndarray, shape (H, W, 3)
        RGB; uint8, uint16 or float32 (0 to 1).
    metadata : FrameMetadata, optional
        Profile, EXIF and XMP to write. ``grey`` frames are written with one channel.
    saving : Saving, optional
        Depth, colour space, compression; as the pixels are, by default.

    Returns
    -------
    tuple of str
        What a person should know: colours that were clipped, a profile that was missing.

    Raises
    ------
    UserError
        When the path cannot be written to, or the format does not have what is asked for.
    DataError
        When the disk is full or the write fails.
    """
    saving = saving or Saving()
    require_writable(path)
    saving.check(path)
    stored = as_stored(pixels, metadata or FrameMetadata(), path, saving)
    encode = {".png": _png, ".jpg": _jpeg, ".jpeg": _jpeg, ".dng": _dng}.get(path.suffix.lower())

    def fill(temporary: Path) -> None:
        samples, about = stored.samples, stored.metadata
        if encode is None:
            fill_tiff(temporary, samples, about, saving)
            return
        encode(temporary, samples, about, saving)
        small = None if encode is _dng else thumbnail_of(samples, about.icc).jpeg  # a DNG has its own
        write_metadata(temporary, about, samples.shape[1], samples.shape[0], small)

    replace_atomically(path, fill)
    return stored.notes


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


def storage_error(error: OSError, path: Path) -> DataError:
    """What a failed write means to a person."""
    reason = "the disk is full" if error.errno in _FULL_DISK else error.strerror or str(error)
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


def _png(path: Path, samples: Image, about: FrameMetadata, saving: Saving) -> None:  # noqa: ARG001
    data: Any = imagecodecs.png_encode(samples, level=1)
    path.write_bytes(with_png_profile(bytes(data), about.icc) if about.icc else data)


def _dng(path: Path, samples: Image, about: FrameMetadata, saving: Saving) -> None:  # noqa: ARG001
    write_dng(path, samples, as_it_is=not about.raw)


def _jpeg(path: Path, samples: Image, about: FrameMetadata, saving: Saving) -> None:
    data: Any = imagecodecs.jpeg8_encode(
        samples, level=saving.quality or _QUALITY, subsampling=(saving.chroma or Chroma.FULL).value
    )
    path.write_bytes(_with_jpeg_profile(bytes(data), about.icc) if about.icc else data)


def with_png_profile(data: bytes, icc: bytes) -> bytes:
    """Insert an iCCP chunk behind the header (PNG specification, 11.3.3.3)."""
    body = b"iCCPICC profile\0\0" + zlib.compress(icc)
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return data[:33] + chunk + data[33:]


def _with_jpeg_profile(data: bytes, icc: bytes) -> bytes:
    """Insert the profile as APP2 segments behind the JFIF header (ICC.1, annex B.4)."""
    room = 65519  # bytes of profile in a segment: 65535 less length, name and counters
    parts = [icc[at : at + room] for at in range(0, len(icc), room)]
    segments = b""
    for number, part in enumerate(parts, 1):
        body = b"ICC_PROFILE\0" + bytes((number, len(parts))) + part
        segments += b"\xff\xe2" + (len(body) + 2).to_bytes(2, "big") + body
    end_of_jfif = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    return data[:end_of_jfif] + segments + data[end_of_jfif:]
