"""Is a picture whole? Asked of the bytes before they count as a frame."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from PIL import ImageStat
from PIL.JpegImagePlugin import JpegImageFile

if TYPE_CHECKING:
    from tifffile import TiffPage

__all__ = ["BrokenImageError", "check_image", "is_jpeg"]

_START_OF_IMAGE, _START_OF_SCAN, _END_OF_IMAGE = 0xD8, 0xDA, 0xD9
_TIFF_STARTS = (b"II*\0", b"MM\0*")
_SHORTEST_BYTES = 12
"""Fewer do not even tell a kind of picture: the longest of the starts, that of boxes, is of twelve bytes."""
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""Inside a scan a 0xFF is data when a zero or a restart number follows; anything else ends the scan."""


class BrokenImageError(ValueError):
    """The bytes are not a whole picture."""


def is_jpeg(data: bytes) -> bool:
    """Whether the bytes begin as a JPEG does."""
    return data[:2] == b"\xff\xd8"


def check_image(data: bytes, announced_size: int | None = None) -> float | None:
    """Refuse a picture that is cut short or does not decode.

    A JPEG is walked through to its end marker and then decoded, grey and at an eighth of its size: every bit
    of its scans is read, at a third of the work. Of a RAW file built like TIFF (ARW, CR2, NEF, DNG) every
    strip and tile has to lie within the bytes, of one built of boxes (CR3, HEIF) every box; what neither is
    like is checked for its size only.

    Parameters
    ----------
    data : bytes
        The file.
    announced_size : int, optional
        The size that the camera named.

    Returns
    -------
    float or None
        The mean level of a JPEG, 0 to 255; None of what is not decoded.

    Raises
    ------
    BrokenImageError
        Saying what is wrong.
    """
    if not data:
        raise BrokenImageError("the file is empty")
    if announced_size is not None and announced_size != len(data):
        raise BrokenImageError(f"the camera announced {announced_size} bytes and sent {len(data)}")
    if len(data) < _SHORTEST_BYTES:
        raise BrokenImageError(f"the file ends after {len(data)} bytes, before any picture")
    if is_jpeg(data):
        _walk_jpeg(data)
        return _decode_jpeg(data)
    if data[:4] in _TIFF_STARTS:
        _walk_tiff(data)
    elif data[4:8] == b"ftyp":
        _walk_boxes(data)
    return None


def _walk_jpeg(data: bytes) -> None:
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            raise BrokenImageError(f"the JPEG has no marker at byte {position}")
        marker = data[position + 1]
        if marker == 0xFF:  # padding before a marker
            position += 1
            continue
        if marker == _END_OF_IMAGE:
            return
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == _START_OF_SCAN:
            found = _MARKER_IN_SCAN.search(data, position)
            if found is None:
                break
            position = found.start()
    if data[position : position + 2] == b"\xff\xd9":
        return
    raise BrokenImageError(f"the JPEG ends before its end marker, after {len(data)} bytes")


def _decode_jpeg(data: bytes) -> float:
    try:
        with JpegImageFile(io.BytesIO(data)) as image:
            image.draft("L", (max(1, image.width // 8), max(1, image.height // 8)))
            image.load()
            return float(ImageStat.Stat(image.convert("L")).mean[0])
    except (OSError, SyntaxError, ValueError) as err:  # what Pillow raises for damaged files
        raise BrokenImageError(f"the JPEG does not decode: {err}") from err


def _walk_tiff(data: bytes) -> None:
    from tifffile import TiffFile, TiffPage

    try:
        with TiffFile(io.BytesIO(data)) as file:
            pages = [page.aspage() for page in file.pages]
            pages += [sub.aspage() for page in pages for sub in page.pages or ()]
            end = max((_end_of(page) for page in pages if isinstance(page, TiffPage)), default=0)
    except Exception as err:  # tifffile believes the tables, and stumbles over them in every way there is
        raise BrokenImageError(f"the RAW file's tables cannot be read: {err}") from err
    if end > len(data):
        raise BrokenImageError(f"the RAW file ends before its picture, after {len(data)} of {end} bytes")


def _end_of(page: TiffPage) -> int:
    """Where the last strip or tile of a picture ends, bytes."""
    return max(
        (at + size for at, size in zip(page.dataoffsets, page.databytecounts, strict=False)), default=0
    )


def _walk_boxes(data: bytes) -> None:
    """Boxes of ISO base media: a size in four bytes, or in eight after the type, 0 reaching to the end."""
    position = 0
    while position < len(data):
        if position + 8 > len(data):
            raise BrokenImageError(f"the RAW file ends before its picture, after {len(data)} bytes")
        size = int.from_bytes(data[position : position + 4], "big")
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        elif size == 0:
            return
        if size < 8:
            raise BrokenImageError(f"the RAW file has a box of {size} bytes at byte {position}")
        position += size
    if position > len(data):
        raise BrokenImageError(f"the RAW file ends before its picture, after {len(data)} of {position} bytes")
