"""Reads frames: JPEG, PNG, TIFF and RAW, whole or not at all."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
import tifffile

from stacker.colour.profiles import trouble_with
from stacker.errors import DataError, UserError
from stacker.frames import Frame, FrameMetadata, FrameSource, Image, as_frame
from stacker.io.cmyk import cmyk_as_rgb
from stacker.io.development import Development, Recipe
from stacker.io.grey import balanced
from stacker.io.jpeg import decode_jpeg
from stacker.io.metadata import read_metadata
from stacker.io.pages import Pages
from stacker.io.raw_files import holds_raw
from stacker.io.sensor.dust_mending import mend_dust
from stacker.io.sidecars import with_sidecar
from stacker.io.tiff_pages import require_one_picture

__all__ = ["check_image", "decode", "fingerprint", "is_raw_file", "read_again", "read_frame", "upright"]

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# What is wrong with a TIFF comes as an exception; without a handler it would be printed as well.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_LAB = (tifffile.PHOTOMETRIC.CIELAB, tifffile.PHOTOMETRIC.ICCLAB, tifffile.PHOTOMETRIC.ITULAB)
_JPEGS = (tifffile.COMPRESSION.JPEG, tifffile.COMPRESSION.OJPEG)

_SAMPLES, _SAMPLE_BYTES = 64, 4096

_SHALLOW = range(9, 16)
"""Bits that are kept in words of 16."""

_READ_BYTES = 4_000_000
"""What is read of a TIFF at a time; without a limit the whole file is there once more, in pieces."""

_SPARSE = 8
"""Every eighth line tells which part of the scale a picture uses."""

_MOST_FLOAT = 16.0
"""Highlights of linear floats pass white by stops, not by hundreds."""


def read_frame(
    path: Path | str,
    orientation: int | None = None,
    recipe: Recipe | None = None,
    pages: Pages | None = None,
) -> Frame:
    """Read one frame, upright, with its metadata.

    Parameters
    ----------
    path : Path or str
        A JPEG, PNG, TIFF or RAW file.
    orientation : int, optional
        EXIF orientation (1 to 8) to apply instead of the file's own: a camera that points down changes its
        mind between frames.
    recipe : Recipe, optional
        How all frames of its stack are developed; by default as the camera meant this one. Frames that come
        developed are mended by the recipe's dust and get its gains.
    pages : Pages, optional
        Memory for the pixels, as far as the format can be decoded into memory that is there.

    Raises
    ------
    UserError
        When the file is not there or may not be read.
    DataError
        When it is no complete image; the message names the file.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            if holds_raw(file, path.name):
                frame = _frame_of_raw(path, str(path), orientation, recipe)
            elif _magic(file) in _TIFF:  # which is read strip by strip: whole, it would be in memory twice
                frame = _frame_of_tiff(file, path, str(path), orientation)
            else:
                file.seek(0)
                frame = decode(file.read(), str(path), orientation, pages)
            print_of_file = fingerprint(file)
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    turned = orientation or frame.metadata.orientation
    source = FrameSource(path, about.st_size, about.st_mtime_ns, print_of_file, turned, recipe)
    if recipe is not None and not frame.metadata.raw:
        mended = mend_dust(frame.pixels, turned, recipe)
        frame = replace(frame, pixels=balanced(mended, recipe.gains))
    metadata = with_sidecar(frame.metadata, path)
    return replace(frame, name=path.name, path=path, metadata=metadata, source=source)


def read_again(source: FrameSource) -> Frame:
    """Read a frame as it was read before; see `read_frame`."""
    return read_frame(source.path, source.orientation, source.recipe)


def is_raw_file(path: Path) -> bool:
    """Whether a file holds what a sensor counted; False when it cannot be read."""
    try:
        with path.open("rb") as file:
            return holds_raw(file, path.name)
    except OSError:
        return False


def _magic(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(4)


def fingerprint(file: BinaryIO) -> str:
    """Digest of a file's length and of 64 samples of 4 kB spread evenly over it: as quick for 400 MB as for
    one. Files with different fingerprints are different; photographs with the same one are the same.
    """
    size = file.seek(0, os.SEEK_END)
    digest = hashlib.sha256(size.to_bytes(8, "big"))
    stride = max(_SAMPLE_BYTES, -(-size // _SAMPLES))
    for at in (*range(0, size, stride), max(0, size - _SAMPLE_BYTES)):
        file.seek(at)
        digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:32]


def check_image(source: Path | str | bytes) -> tuple[int, int]:
    """Make sure that an image is complete and can be decoded.

    Parameters
    ----------
    source : Path, str or bytes
        A file, or its content.

    Returns
    -------
    tuple of int
        Width and height in pixels, upright.

    Raises
    ------
    DataError
        When it is not.
    """
    frame = decode(source, "the image") if isinstance(source, bytes) else read_frame(source)
    return frame.width, frame.height


def decode(data: bytes, name: str, orientation: int | None = None, pages: Pages | None = None) -> Frame:
    """Decode the bytes of a file; see `read_frame`."""
    if not data:
        raise DataError(f"{name} is empty (0 bytes)")
    if holds_raw(io.BytesIO(data), name):
        return _frame_of_raw(data, name, orientation, None)
    if data.startswith(_TIFF):
        return _frame_of_tiff(io.BytesIO(data), data, name, orientation)
    return _frame(lambda: _decode_pixels(data, name, pages), data, name, orientation)


def _frame_of_tiff(file: BinaryIO, source: bytes | Path, name: str, orientation: int | None) -> Frame:
    return _frame(lambda: _decode_tiff(file, name), source, name, orientation)


def _frame_of_raw(source: bytes | Path, name: str, orientation: int | None, recipe: Recipe | None) -> Frame:
    from stacker.colour.spaces import find_space
    from stacker.io.raw import develop, levels_of, opened
    from stacker.io.raw_metadata import camera_of, read_raw_metadata

    with opened(source, name) as raw:
        note = None
        if recipe is None or recipe.levels is None:
            levels, note = levels_of(raw, camera_of(source), Development())
            recipe = replace(recipe or Recipe(), levels=levels)
        pixels, own = develop(raw, recipe, name)
    frame = as_frame(pixels, name)
    space = find_space(recipe.space)
    metadata = replace(
        read_raw_metadata(source, name),
        grey=frame.metadata.grey,
        orientation=own,
        icc=space.icc_grey if frame.metadata.grey else space.icc,
        raw=True,
    )
    turned = upright(frame.pixels, orientation or own)
    return replace(frame, pixels=turned, metadata=metadata, notes=() if note is None else (note,))


def _frame(
    decoded: Callable[[], tuple[Image, str | None]], source: bytes | Path, name: str, orientation: int | None
) -> Frame:
    """A frame from its pixels and how they became RGB, if they were not, with what the source says of it."""
    try:
        pixels, converted = decoded()
    except DataError:
        raise
    except Exception as error:
        # Where a decoder stumbles over an index of its own, that says nothing of the file.
        why = "" if isinstance(error, LookupError) else f": {error}"
        raise DataError(f"{name} cannot be decoded, it may be damaged or cut off{why}") from error
    frame = as_frame(pixels, name)
    metadata = replace(read_metadata(source, name), grey=frame.metadata.grey)
    metadata, notes = _with_profile(metadata, converted)
    turned = upright(frame.pixels, orientation or metadata.orientation)
    return replace(frame, pixels=turned, metadata=metadata, notes=(*notes, *_notes(turned)))


def _with_profile(metadata: FrameMetadata, converted: str | None) -> tuple[FrameMetadata, tuple[str, ...]]:
    """Leave out a profile that is not of the pixels, and say so: it would mislead."""
    if converted is not None:
        return replace(metadata, icc=None), (converted,)
    trouble = metadata.icc and trouble_with(metadata.icc, metadata.grey)
    if not trouble:
        return metadata, ()
    return replace(metadata, icc=None), (f"the colour profile {trouble}: left out, colours taken as sRGB",)


def _notes(pixels: Image) -> tuple[str, ...]:
    """Warn of samples that do not use their scale as they should, and of which no tag says why."""
    if pixels.dtype == np.uint16 and pixels[::_SPARSE].max() < 4096:
        return ("samples stay under 4096 of 65535, as of 12 bits that no tag declares: taken as is, dark",)
    if pixels.dtype == np.float32 and pixels[::_SPARSE].max() > _MOST_FLOAT:
        return ("samples are far above 1, which is white for floats: divide them by what is white",)
    return ()


def _decode_pixels(data: bytes, name: str, pages: Pages | None) -> tuple[Image, str | None]:
    """Pixels as stored, and how they became RGB if they were something else."""
    if data.startswith(_JPEG):
        return decode_jpeg(data, name, pages)
    if data.startswith(_PNG):
        return imagecodecs.png_decode(_whole_png(data, name)), None
    raise DataError(f"{name} is neither JPEG, PNG, TIFF nor RAW")


def _whole_png(data: bytes, name: str) -> bytes:
    """A complete PNG without its profile, about which the decoder may complain to the terminal."""
    at, profile = len(_PNG), slice(0)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunk, crc = data[at + 4 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        if len(crc) < 4 or zlib.crc32(chunk) != int.from_bytes(crc, "big"):
            break
        if chunk[:4] == b"IEND":
            return data[: profile.start] + data[profile.stop :] if profile.stop else data
        if chunk[:4] == b"iCCP":
            profile = slice(at, at + 12 + length)
        at += 12 + length
    raise DataError(f"{name} is cut off or damaged: a PNG chunk at byte {at} is incomplete")


def _decode_tiff(file: BinaryIO, name: str) -> tuple[Image, str | None]:
    """The first page: others may be thumbnails or masks. And how it became RGB, if it was not."""
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        require_one_picture(tiff, name)
        page: Any = tiff.pages[0]
        _require_known_colours(page, name)
        pixels = np.asarray(page.asarray(buffersize=_READ_BYTES))
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            return _apply_palette(pixels, np.asarray(page.colormap)), None
        if page.photometric == tifffile.PHOTOMETRIC.SEPARATED:
            apart = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE
            return cmyk_as_rgb(np.moveaxis(pixels, 0, -1) if apart else pixels, page.iccprofile, name)
        white = _white_of_tiff(tiff, page)
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and pixels.dtype.kind == "u":
            pixels = pixels.dtype.type(white or np.iinfo(pixels.dtype).max) - pixels
        if pixels.ndim == 3 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
            pixels = np.moveaxis(pixels, 0, -1)
    if white and pixels.dtype.kind == "u" and pixels.dtype.itemsize == 2 and pixels.max() <= white:
        return _stretched(pixels, white), None
    return pixels, None


def _require_known_colours(page: Any, name: str) -> None:
    """Refuse what would pass for RGB: of these kinds only the samples of JPEGs become RGB on the way."""
    kind = page.photometric
    if kind in _LAB or (kind == tifffile.PHOTOMETRIC.YCBCR and page.compression not in _JPEGS):
        raise DataError(f"{name} is a TIFF of {kind.name} samples, which are not read: convert it to RGB")


def _white_of_tiff(tiff: Any, page: Any) -> int:
    """The sample of white where 16-bit words hold fewer bits, if the file says so; else 0.

    It says so by storing fewer bits (10, 12, 14), by the tags MaxSampleValue and SMaxSampleValue, or by OME's
    SignificantBits. ImageJ's display range is no such statement: it is what somebody liked to look at.
    """
    bits = int(np.max(page.bitspersample))
    if bits in _SHALLOW:
        return (1 << bits) - 1
    for tag in (281, 341):
        value = page.tags.valueof(tag)
        if value is not None and bits == 16:
            most = int(np.max(value))
            return most if most in {(1 << depth) - 1 for depth in _SHALLOW} else 0
    if tiff.is_ome:
        found = re.search(r'SignificantBits="(\d+)"', tiff.ome_metadata or "")
        if found and int(found.group(1)) in _SHALLOW:
            return (1 << int(found.group(1))) - 1
    return 0


def _stretched(pixels: Image, white: int) -> Image:
    """Samples on the whole scale of 16 bits: what the file calls white becomes 65535."""
    scaled: Image = (pixels.astype(np.uint32) * 65535 + white // 2) // white
    return scaled.astype(np.uint16)


def _apply_palette(indexes: Image, colormap: Image) -> Image:
    """TIFF palettes are 3 × N of 16 bits; the picture they colour has 8."""
    colours: Image = (colormap.T >> 8).astype(np.uint8)
    return colours[indexes]


def upright(pixels: Image, orientation: int) -> Image:
    """Undo the turn that EXIF orientation describes (1 to 8, CIPA DC-008)."""
    if orientation in {5, 6, 7, 8}:
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
