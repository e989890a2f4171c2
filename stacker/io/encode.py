"""Encodes results: TIFF, PNG, JPEG and DNG, with their metadata."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import imagecodecs

from stacker.frames import FrameMetadata, Image
from stacker.io.atomic import replace_atomically, require_folder
from stacker.io.dng import write_dng
from stacker.io.jpeg_profile import with_profile
from stacker.io.metadata import write_metadata
from stacker.io.saving import OUTPUT_SUFFIXES, Chroma, Saving
from stacker.io.stored import as_stored
from stacker.io.thumbnail import thumbnail_of
from stacker.io.tiff import fill_tiff

__all__ = ["require_writable", "with_png_profile", "write_image"]

_QUALITY = 95
"""Of JPEGs: the file is half of what 100 makes, and the difference from it is not seen."""


def require_writable(path: Path) -> None:
    """Make sure, before any work is done, that a result can be written there.

    Raises
    ------
    UserError
        When the format is unknown, the folder is missing, or nothing may be written into it.
    """
    require_folder(path, OUTPUT_SUFFIXES)


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


def _png(path: Path, samples: Image, about: FrameMetadata, saving: Saving) -> None:  # noqa: ARG001
    data: Any = imagecodecs.png_encode(samples, level=1)
    path.write_bytes(with_png_profile(bytes(data), about.icc) if about.icc else data)


def _dng(path: Path, samples: Image, about: FrameMetadata, saving: Saving) -> None:  # noqa: ARG001
    write_dng(path, samples, as_it_is=not about.raw)


def _jpeg(path: Path, samples: Image, about: FrameMetadata, saving: Saving) -> None:
    data: Any = imagecodecs.jpeg8_encode(
        samples, level=saving.quality or _QUALITY, subsampling=(saving.chroma or Chroma.FULL).value
    )
    path.write_bytes(with_profile(bytes(data), about.icc) if about.icc else data)


def with_png_profile(data: bytes, icc: bytes) -> bytes:
    """Insert an iCCP chunk behind the header (PNG specification, 11.3.3.3)."""
    body = b"iCCPICC profile\0\0" + zlib.compress(icc)
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return data[:33] + chunk + data[33:]
