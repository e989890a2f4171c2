"""Is a file on disk a whole picture? For files that another program is perhaps still writing."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from rig.cameras.verify import BrokenImageError, check_image

__all__ = ["Wholeness", "is_picture", "is_raw", "wholeness"]

_JPEG = frozenset({".jpg", ".jpeg", ".jpe"})
_TIFF = frozenset({".tif", ".tiff"})
_RAW_IN_TIFF = frozenset({".arw", ".nef", ".nrw", ".dng", ".cr2", ".pef", ".srw", ".3fr", ".iiq"})
_RAW_IN_BOXES = frozenset({".cr3"})
_BOXES = frozenset({".heic", ".heif", ".hif"})
_RAW_UNKNOWN = frozenset({".raf", ".rw2", ".orf", ".x3f", ".rwl"})
_RAW = _RAW_IN_TIFF | _RAW_IN_BOXES | _RAW_UNKNOWN
_PICTURES = _JPEG | _TIFF | _BOXES | _RAW | {".png"}

_HALF_WRITTEN = ("~", ".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".download")
"""Ends of the names that programs give to files they have not finished."""


class Wholeness(Enum):
    """What can be said of a file by reading it."""

    WHOLE = "whole"
    BROKEN = "broken"
    """Cut short, or not decodable; perhaps only not yet."""
    UNTOLD = "untold"
    """Of a kind whose end cannot be told; only its size, when it has stopped growing, speaks for it."""


def is_picture(name: str) -> bool:
    """Whether a file of that name is a picture under its final name."""
    low = name.lower()
    return not low.startswith(".") and not low.endswith(_HALF_WRITTEN) and Path(low).suffix in _PICTURES


def is_raw(name: str) -> bool:
    """Whether a file of that name holds raw data."""
    return Path(name).suffix.lower() in _RAW


def wholeness(path: Path) -> tuple[Wholeness, str]:
    """Judge a file.

    A JPEG is walked to its end marker and decoded, a PNG's checksums are read; of a TIFF, and of the raw
    formats built like one, every strip must lie inside the file; of CR3 and HEIF the boxes must fill it.

    Returns
    -------
    Wholeness and str
        The verdict, and what is wrong with a broken file.

    Raises
    ------
    OSError
        When it cannot be read, as while another program keeps it to itself.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in _JPEG:
            check_image(path.read_bytes())
        elif suffix == ".png":
            _check_png(path)
        elif suffix in _TIFF | _RAW_IN_TIFF:
            _check_tiff(path)
        elif suffix in _RAW_IN_BOXES | _BOXES:
            _check_boxes(path)
        else:
            return Wholeness.UNTOLD, ""
    except BrokenImageError as err:
        return Wholeness.BROKEN, str(err)
    return Wholeness.WHOLE, ""


def _check_png(path: Path) -> None:
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG",)) as image:
            image.load()
    except (OSError, SyntaxError, ValueError) as err:  # what Pillow raises for damaged files
        if isinstance(err, PermissionError | FileNotFoundError):
            raise
        raise BrokenImageError(f"the PNG does not decode: {err}") from err


def _check_tiff(path: Path) -> None:
    import tifffile

    size = path.stat().st_size
    try:
        with tifffile.TiffFile(path) as tiff:
            pages: list[tifffile.TiffPage] = []
            for page in tiff.pages:
                if isinstance(page, tifffile.TiffPage):
                    pages += [page, *(p for p in page.pages or () if isinstance(p, tifffile.TiffPage))]
            ends = [
                offset + count
                for page in pages
                for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
            ]
    except PermissionError:
        raise
    except Exception as err:  # tifffile raises whatever a cut header makes of itself
        raise BrokenImageError(f"its directory cannot be read: {err}") from err
    if not ends:
        raise BrokenImageError("it holds no picture yet")
    if max(ends) > size:
        raise BrokenImageError(f"it ends after {size} bytes, its data would reach to {max(ends)}")


def _check_boxes(path: Path) -> None:
    size = path.stat().st_size
    at = 0
    with path.open("rb") as data:
        while at < size:
            data.seek(at)
            head = data.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length == 0:  # to the end of the file, wherever that is
                return
            if length < 8 or len(head) < 8:
                raise BrokenImageError(f"no box begins at byte {at}")
            at += length
    if at != size or size == 0:
        raise BrokenImageError(f"it ends after {size} bytes, its boxes would reach to {at}")
