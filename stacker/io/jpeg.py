"""Decodes JPEGs, whole or not at all: libjpeg itself fills what is missing with grey, and says nothing.

Damage inside the picture makes the decoder lose its place: it comes to the last block with data left over,
or runs out of data before it. Both are seen by asking for one row of blocks more than there is. In a sound
file that row is empty, which decodes to even mid-grey; in a damaged one it holds what was left over. This
costs a few percent of the decoding, where decoding again strictly would double it. Restart markers confine
damage to an interval, which this does not see; there the markers are counted.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace

import imagecodecs
import numpy as np

from stacker.errors import DataError
from stacker.frames import Image
from stacker.io.cmyk import as_rgb
from stacker.io.pages import Pages

__all__ = ["decode_jpeg"]

# Inside a scan, FF is followed by 00 (stuffing), D0 to D7 (restart) or FF (fill); anything else is a marker.
_MARKER_IN_SCAN = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])", re.DOTALL)

_SIZES = {0xC0, 0xC1, 0xC2}
"""Markers of the frame header: baseline, extended and progressive Huffman coding."""

_ALL_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Of all ways of coding; the three others are tables and an extension (ITU-T T.81, table B.1)."""

_JPEG_LS = 0xF7

_BITS = 8

_BLOCK = 8
_EMPTY = 128
_TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
"""ITU-T T.871, without the offset of 128."""

_TALLEST = 65_500
"""Largest height of a JPEG in the library that decodes them."""

_FILLER_PER_PX = 0.5
"""Bytes of meaningless data per pixel: more than they take to decode."""


@dataclass(frozen=True)
class _Header:
    """Where a file says how high it is, where its data ends, and how its blocks are arranged."""

    height_at: int
    end_at: int
    height: int
    width: int
    unit_height: int  # rows and columns that are coded together
    unit_width: int
    components: int
    scans: int = 0
    restart_interval: int = 0

    @property
    def restarts(self) -> int:
        """How many restart markers there must be; 0 where that is not known."""
        if not self.restart_interval or self.scans != 1:
            return 0
        units = -(-self.height // self.unit_height) * -(-self.width // self.unit_width)
        return -(-units // self.restart_interval) - 1


def decode_jpeg(data: bytes, name: str, pages: Pages | None = None) -> tuple[Image, str | None]:
    """Decode a file.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        For the message.
    pages : Pages, optional
        Where the pixels are to be; fresh memory by default.

    Returns
    -------
    tuple of ndarray of uint8 and str or None
        RGB or grey pixels, as stored; how they became so if they were something else.

    Raises
    ------
    DataError
        When the file is cut off or damaged inside.
    """
    header = _walk(data, name)
    if header is None or header.components not in {1, 3}:
        import PIL.Image

        # Not of every file: Pillow warns of pictures of more than 89 megapixels, and refuses twice that.
        with PIL.Image.open(io.BytesIO(data)) as opened:
            if opened.mode not in {"RGB", "L"}:
                return as_rgb(opened)
    if header is None or header.width < 3 * header.unit_width:
        return np.asarray(imagecodecs.jpeg8_decode(data)), None  # too small to be told
    return _decode_checked(data, header, name, pages), None


def _walk(data: bytes, name: str) -> _Header | None:
    """Go through the segments to the end-of-image marker."""
    at, header, scans, interval = 2, None, 0, 0

    def ended(end: int) -> _Header | None:
        return header and replace(header, end_at=end, scans=scans, restart_interval=interval)

    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xD9:
            return ended(at)
        if marker == _JPEG_LS:
            raise DataError(f"{name} is a JPEG-LS, which is not read: convert it to a TIFF")
        if marker in _ALL_SIZES and data[at + 4] != _BITS:
            raise DataError(
                f"{name} is a JPEG of {data[at + 4]} bits per sample, and those of {_BITS} are read: convert "
                "it to a TIFF of 16 bits"
            )
        if marker in _SIZES:
            header = _read_header(data, at)
        if marker == 0xDD:
            interval = int.from_bytes(data[at + 4 : at + 6], "big")
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:
            scans += 1
            found = _MARKER_IN_SCAN.search(data, at)
            if found is None:
                break
            at = found.start()
            if found.group(1) == b"\xd9":
                return ended(at)
    raise DataError(f"{name} is cut off: the JPEG has no end-of-image marker after {len(data)} bytes")


def _read_header(data: bytes, at: int) -> _Header | None:
    height, width = int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
    factors = [data[at + 11 + 3 * i] for i in range(data[at + 9])]
    if not height or not factors:
        return None
    tallest, widest = max(f & 15 for f in factors), max(f >> 4 for f in factors)
    if height + 2 * tallest * _BLOCK > _TALLEST:
        return None
    return _Header(at + 5, 0, height, width, tallest * _BLOCK, widest * _BLOCK, len(factors))


def _decode_checked(data: bytes, header: _Header, name: str, pages: Pages | None) -> Image:
    height, unit = header.height, header.unit_height
    taller = bytearray(data)
    padded = -(-height // unit) * unit + unit
    taller[header.height_at : header.height_at + 2] = padded.to_bytes(2, "big")
    room = None
    if pages is not None and header.components == 3:
        room = pages.array(padded, header.width, 3)
    pixels: Image = imagecodecs.jpeg8_decode(taller, out=room)
    # The first blocks behind the end may hold the rest of the last byte, and halved colour is interpolated.
    beyond = pixels[-unit // 2 :, header.unit_width + 2 :]
    ends_empty = (pixels[height - 1, -_BLOCK:] == _EMPTY).all()
    if (
        (beyond != _EMPTY).any()
        or (ends_empty and _runs_out(data, header))
        or (header.restarts and _count_restarts(data, header) != header.restarts)
    ):
        raise DataError(
            f"{name} is damaged: its JPEG data does not fit its size of {header.width} × {height} px"
        )
    if unit > _BLOCK and height % 2 == 0 and height > 3 and header.components == 3:
        pixels[height - 1] = _own_colour(*pixels[height - 3 : height][::-1])
    return pixels[:height]


def _count_restarts(data: bytes, header: _Header) -> int:
    return sum(
        data.count(bytes((0xFF, number)), header.height_at, header.end_at) for number in range(0xD0, 0xD8)
    )


def _runs_out(data: bytes, header: _Header) -> bool:
    """Whether the decoder comes to the end of the data before the last block: then more data changes it."""
    size = int(_FILLER_PER_PX * header.width * header.height)
    filler = np.random.default_rng(0).integers(0, 255, size, np.uint8).tobytes()  # 255 begins a marker
    longer = data[: header.end_at] + b"\0" + filler + data[header.end_at :]
    corner: Image = imagecodecs.jpeg8_decode(longer)[-1, -_BLOCK:]
    return bool((corner != _EMPTY).any())


def _own_colour(last: Image, above: Image, second: Image) -> Image:
    """Give the last line the colour that it has where the picture ends there.

    Halved colour is interpolated: two lines hold 3 : 1 and 1 : 3 of two lines of colour. The last line was
    mixed with one that is not of the picture; the two above it tell its own.
    """
    ours, nearer, farther = (line @ _TO_YCC.T for line in (last, above, second))
    ours[:, 1:] = (3 * nearer[:, 1:] - farther[:, 1:]) / 2
    return np.asarray(np.clip(np.rint(ours @ np.linalg.inv(_TO_YCC).T), 0, 255).astype(np.uint8))
