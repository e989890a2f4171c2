"""What the stacker calls a frame: pixels in RGB and whatever the file said about them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacker.errors import DataError, UserError
from stacker.io.development import Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Frame", "FrameMetadata", "FrameSource", "Image", "as_frame", "check_alike", "full_scale"]

Image = np.ndarray[Any, np.dtype[Any]]
"""Pixels: H × W × 3 RGB, uint8, uint16 or float32 (0 to 1)."""

_MOST_FLOAT = 1e6
"""Twenty stops above white. Of 10³⁰ no energy can be told any more; fireflies of renderers have 10⁴."""

_DTYPES = (np.uint8, np.uint16, np.float32)


@dataclass(frozen=True)
class FrameMetadata:
    """What travels from the frames into the stacked picture.

    Attributes
    ----------
    icc : bytes or None
        The embedded ICC profile.
    sidecar : bytes or None
        EXIF, XMP and IPTC, as the content of an EXV file.
    orientation : int
        EXIF orientation (1 to 8) of the file; already applied to the pixels of a `Frame`.
    grey : bool
        The file has one channel; a stack of such frames is written with one channel again.
    simulated : bool
        The file's EXIF says that no real camera took it.
    raw : bool
        The file held what the sensor counted, and was developed here.
    """

    icc: bytes | None = field(default=None, repr=False)
    sidecar: bytes | None = field(default=None, repr=False)
    orientation: int = 1
    grey: bool = False
    simulated: bool = False
    raw: bool = False


@dataclass(frozen=True)
class FrameSource:
    """The file a frame was read from, so that it can be found and read again in the same way.

    Attributes
    ----------
    path : Path
        As it was given.
    size_bytes, mtime_ns : int
        Of the file when it was read.
    fingerprint : str
        Digest of the file's length and of parts of its content; files that differ in theirs differ.
    orientation : int
        EXIF orientation (1 to 8) that was applied to the pixels: the file's own or another frame's.
    recipe : Recipe or None
        How it was developed and balanced; None where its pixels are the file's own.
    """

    path: Path
    size_bytes: int
    mtime_ns: int
    fingerprint: str
    orientation: int = 1
    recipe: Recipe | None = None


@dataclass(frozen=True)
class Frame:
    """One photograph of a stack.

    Attributes
    ----------
    pixels : ndarray, shape (H, W, 3)
        RGB; uint8, uint16, or float32 from 0 (black) to 1 (white).
    name : str
        What to call it in messages and reports.
    path : Path or None
        Where it was read from.
    metadata : FrameMetadata
        Profile, EXIF and XMP of the file.
    source : FrameSource or None
        The file it was read from; None for arrays.
    notes : tuple of str
        What a person should know about how the file was understood.
    """

    pixels: Image
    name: str = "frame"
    path: Path | None = None
    metadata: FrameMetadata = FrameMetadata()
    source: FrameSource | None = None
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Columns, in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Rows, in pixels."""
        return int(self.pixels.shape[0])

    @property
    def bit_depth(self) -> int:
        """Bits per sample: 8, 16 or 32 (float)."""
        return int(self.pixels.dtype.itemsize) * 8


def full_scale(dtype: np.dtype[Any]) -> float:
    """Value of white in pixels of that type: 255, 65535, or 1 for floats."""
    return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)


def check_alike(frame: Frame, first: str, size: tuple[int, int], dtype: np.dtype[Any]) -> None:
    """See that a frame has the size and the samples of the first one, as all frames of a stack have.

    Parameters
    ----------
    frame : Frame
        Any of them.
    first : str
        The first one's name, for the message.
    size, dtype : (int, int), numpy.dtype
        Its width and height, in pixels, and the type of its samples.

    Raises
    ------
    UserError
        When it differs.
    """
    if (frame.width, frame.height) != size:
        width, height = size
        raise UserError(
            f"{frame.name} is {frame.width} × {frame.height} px, but {first} is {width} × {height} px: "
            "the frames of a stack have one size"
        )
    if frame.pixels.dtype != dtype:
        raise UserError(
            f"{frame.name} has {frame.pixels.dtype} samples, but {first} has {dtype}: "
            "the frames of a stack have one bit depth"
        )


def as_frame(pixels: NDArray[Any], name: str = "frame") -> Frame:
    """Wrap an array as a frame: grey becomes RGB, alpha is dropped, big-endian and float64 are converted.

    Parameters
    ----------
    pixels : ndarray, shape (H, W), (H, W, 1), (H, W, 2), (H, W, 3) or (H, W, 4)
        Grey, grey + alpha, RGB or RGB + alpha; bool, uint8, uint16, or floats from 0 to 1.
    name : str
        What to call it.

    Raises
    ------
    DataError
        When shape or type cannot be a picture, or when floats are not finite or over a million.
    """
    array = np.asarray(pixels)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or 0 in array.shape:
        raise DataError(f"{name} has shape {np.shape(pixels)}; a frame is height × width × 1 to 4 channels")
    grey = array.shape[2] < 3
    array = np.repeat(array[..., :1], 3, axis=2) if grey else array[..., :3]
    array = _native(array, name)
    return Frame(np.ascontiguousarray(array), name, None, FrameMetadata(grey=grey))


def _native(array: Image, name: str) -> Image:
    """Bring samples to one of the three types that the engine works on."""
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind == "f":
        least, most = float(array.min()), float(array.max())
        if not math.isfinite(least + most):
            raise DataError(f"{name} has samples that are not finite (NaN or infinity)")
        if max(-least, most) > _MOST_FLOAT:
            raise DataError(
                f"{name} has samples of {most if most > -least else least:.3g}, and white is 1 for floats: "
                "divide them by what is white"
            )
        return array.astype(np.float32)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype not in _DTYPES:
        raise DataError(f"{name} has {array.dtype} samples; 8-bit, 16-bit and float frames can be stacked")
    return array
