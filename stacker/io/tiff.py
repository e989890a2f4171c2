"""Writes TIFFs, in one go: strips are deflated and EXIF is made before they come to the file."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from isal import isal_zlib

from stacker.frames import FrameMetadata, Image
from stacker.io.bigtiff import needs_bigtiff
from stacker.io.directories import Layout, placed
from stacker.io.metadata import directory_of
from stacker.io.saving import Compression, Saving
from stacker.io.thumbnail import thumbnail_of

__all__ = ["TiffTag", "fill_tiff", "first_tags", "write_plane"]

TiffTag = tuple[int | str, int, int, bytes, bool]
"""As tifffile takes them: code or name, kind, count, value, and whether of the first page only."""

_STRIP_ROWS, _THREADS, _STRIPS_AHEAD = 64, 2, 16
"""Strips ahead of the one that is being written are in memory, deflated."""

_DEFLATE_LEVEL = 1
"""ISA-L's next one takes a third longer and saves nothing."""

_REDUCED = 1
"""NewSubfileType of a smaller version of another picture (TIFF 6.0, section 8)."""

_POINTERS = {34665: "ExifTag", 34853: "GPSTag"}
"""tifffile writes these two only where they are called by their names."""

_CODECS: dict[Compression, dict[str, Any]] = {
    Compression.NONE: {},
    Compression.LZW: {"compression": "lzw", "predictor": True},
    # Code 8, Adobe's: 32946, which others call deflate, is obsolete since the TIFF notes of 2002.
    Compression.DEFLATE: {"compression": "adobe_deflate", "predictor": True},
    Compression.ZSTD: {"compression": "zstd", "compressionargs": {"level": 3}, "predictor": True},
}


def write_plane(path: Path, plane: Image) -> None:
    """Write an array of one channel as a TIFF of its own type; not atomic."""
    with tifffile.TiffWriter(path) as tiff:
        _write(tiff, np.ascontiguousarray(plane), Compression.DEFLATE)


def fill_tiff(
    path: Path, samples: Image, about: FrameMetadata, saving: Saving, *, bigtiff: bool | None = None
) -> None:
    """Write a TIFF or, over 4 GB, a BigTIFF with EXIF and a thumbnail; not atomic.

    In EXIF's own place the thumbnail would be a second page, about which some programs ask. So it is where
    Photoshop puts it, among the image resources, and in a SubIFD, which exiv2 looks into.
    """
    small = thumbnail_of(samples, about.icc)
    height, width = samples.shape[:2]
    compression = saving.compression or Compression.DEFLATE
    with tifffile.TiffWriter(path, bigtiff=needs_bigtiff(samples) if bigtiff is None else bigtiff) as tiff:
        tags = first_tags(tiff, about, width, height, small.resource)
        _write(tiff, samples, compression, iccprofile=about.icc, subifds=1, extratags=tags)
        tiff.write(
            iter([small.jpeg]),
            shape=(small.height, small.width, 3),
            dtype=np.uint8,
            photometric="ycbcr",
            subsampling=(1, 1),
            compression="jpeg",
            subfiletype=_REDUCED,
            metadata=None,
            software=False,
        )


def first_tags(
    tiff: tifffile.TiffWriter, about: FrameMetadata, width: int, height: int, resources: bytes | None
) -> list[TiffTag]:
    """Put EXIF into a TIFF, or BigTIFF, in which there is nothing yet.

    Parameters
    ----------
    tiff : TiffWriter
        The file.
    about : FrameMetadata
        What is known of the frames.
    width, height : int
        Of the picture, in pixels.
    resources : bytes or None
        Photoshop's image resources.

    Returns
    -------
    list of TiffTag
        With which tifffile is to write the first page: two of them point to what was put there.

    Raises
    ------
    DataError
        When exiv2 does not take what is known.
    """
    layout = Layout(tiff.tiff.byteorder, tiff.tiff.is_bigtiff)
    entries = directory_of(about, width, height, layout, resources)
    flat, behind = placed(entries, tiff.filehandle.tell(), layout)
    tiff.filehandle.write(behind)
    return [(_POINTERS.get(one.tag, one.tag), one.kind, one.count, one.value, True) for one in flat]


def _write(tiff: tifffile.TiffWriter, samples: Image, compression: Compression, **page: Any) -> None:
    with ThreadPoolExecutor(_THREADS) as pool:
        tiff.write(
            _strips(samples, pool) if compression is Compression.DEFLATE else samples,
            shape=samples.shape,
            dtype=samples.dtype,
            photometric="rgb" if samples.ndim == 3 else "minisblack",
            rowsperstrip=_STRIP_ROWS,
            metadata=None,
            software=False,
            **_CODECS[compression],
            **page,
        )


def _strips(samples: Image, pool: ThreadPoolExecutor) -> Iterator[bytes]:
    """A picture as tifffile takes it when it is deflated already; by itself it uses a slower library."""
    tops = range(0, samples.shape[0], _STRIP_ROWS)
    for first in range(0, len(tops), _STRIPS_AHEAD):
        some = tops[first : first + _STRIPS_AHEAD]
        yield from pool.map(_deflated, (samples[top : top + _STRIP_ROWS] for top in some))


def _deflated(strip: Image) -> bytes:
    """Rows with predictor 2, or 3 of floats (Adobe's TIFF notes 1 and 3), by Intel's ISA-L.

    24 megapixels of 8 bits take 0.09 (noisy) to 0.15 s (smooth) on one thread of a Zen 5; libdeflate's
    quickest level, which imagecodecs has and tifffile uses, 0.53 and 0.28 for as much.
    """
    pixels = strip.reshape(*strip.shape[:2], -1)
    if strip.dtype.kind == "f":
        apart: Any = imagecodecs.floatpred_encode(pixels, axis=1)
    else:
        apart = np.empty_like(pixels)
        apart[:, 0] = pixels[:, 0]
        np.subtract(pixels[:, 1:], pixels[:, :-1], out=apart[:, 1:])
    return isal_zlib.compress(apart, _DEFLATE_LEVEL)
