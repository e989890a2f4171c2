"""Is a file on disk a whole picture? For files that another program is perhaps still writing."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from rig.cameras.verify import BrokenImageError, check_image

__all__ = ["Wholeness", "is_picture", "is_raw", "wholeness"]

_JPEG = frozenset({".jpg", ".jpeg", ".jpe"})
_RAW_TOLD = frozenset({".arw", ".nef", ".nrw", ".dng", ".cr2", ".cr3", ".pef", ".srw", ".3fr", ".iiq"})
_RAW_UNTOLD = frozenset({".raf", ".rw2", ".orf", ".x3f", ".rwl"})
_RAW = _RAW_TOLD | _RAW_UNTOLD
_OTHERS = frozenset({".tif", ".tiff", ".heic", ".heif", ".hif"})
_PICTURES = _JPEG | _RAW | _OTHERS | {".png"}

_JPEG_START = b"\xff\xd8"
_STARTS = (b"II", b"MM")
"""Of a TIFF, and of raw data built like one."""

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

    What `rig.cameras.verify.check_image` knows is left to it; of a PNG the checksums are read. The file must
    be what its name says.

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
    if suffix in _RAW_UNTOLD:
        return Wholeness.UNTOLD, ""
    try:
        if suffix == ".png":
            _check_png(path)
        else:
            data = path.read_bytes()
            if not data.startswith(_JPEG_START if suffix in _JPEG else _STARTS) and data[4:8] != b"ftyp":
                raise BrokenImageError(f"it does not begin as a {suffix} does")
            check_image(data)
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
