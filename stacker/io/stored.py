"""Pictures as they are handed to an encoder: in the colour space, depth and channels of the file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stacker.colour.convert import Converted, convert_colours, convert_depth
from stacker.colour.profiles import profile_of, title_of
from stacker.colour.spaces import ColourSpace
from stacker.errors import UserError
from stacker.frames import FrameMetadata, Image
from stacker.io.bigtiff import needs_bigtiff
from stacker.io.dng import DNG_SPACE, MOST_DNG_BYTES
from stacker.io.saving import DEEPEST_BITS, FORMATS, Saving

__all__ = ["Stored", "as_stored", "in_space"]

_LONGEST_JPEG_PX = 65_500
"""That the library writes; the format itself ends 35 px later."""

_TOLD_SHARE = 0.0001
"""Colours outside of the space are told of from here: some pixels of noise are always outside."""


@dataclass(frozen=True)
class Stored:
    """What is handed to an encoder.

    Attributes
    ----------
    samples : ndarray, shape (H, W) or (H, W, 3)
        Grey or RGB, contiguous, in the type that is written.
    metadata : FrameMetadata
        With the profile of the samples.
    notes : tuple of str
        What a person should know.
    """

    samples: Image
    metadata: FrameMetadata
    notes: tuple[str, ...] = ()


def as_stored(pixels: Image, metadata: FrameMetadata, path: Path, saving: Saving) -> Stored:
    """The samples of a picture as they are written.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3)
        RGB; uint8, uint16 or float32 (0 to 1).
    metadata : FrameMetadata
        Of the frames; ``grey`` ones are written with one channel.
    path : Path
        Tells the format.
    saving : Saving
        What is wanted of it.

    Raises
    ------
    UserError
        When the picture is too large for the format.
    """
    suffix = path.suffix.lower()
    if FORMATS[suffix] == "JPEG" and max(pixels.shape[:2]) > _LONGEST_JPEG_PX:
        height, width = pixels.shape[:2]
        raise UserError(
            f"A JPEG has {_LONGEST_JPEG_PX} px at most on a side, and the picture is {width} × {height} px: "
            f"write a .tif ({path.name})"
        )
    if FORMATS[suffix] == "DNG":
        return _as_light(pixels, metadata, path)
    # A copy, as encoders refuse a picture of one pixel that is a view of another.
    chosen = pixels[..., 1].copy() if metadata.grey else pixels
    depth = min(DEEPEST_BITS[suffix], saving.bit_depth or pixels.dtype.itemsize * 8)
    if saving.colour_space is None:
        stored = Stored(np.ascontiguousarray(convert_depth(chosen, depth)), metadata)
    else:
        stored = in_space(chosen, metadata, saving.colour_space, depth)
    if FORMATS[suffix] == "TIFF" and needs_bigtiff(stored.samples):
        note = f"{path.name} may need more than 4 GB: written as BigTIFF, which not all programs read"
        return replace(stored, notes=(*stored.notes, note))
    return stored


def _as_light(pixels: Image, metadata: FrameMetadata, path: Path) -> Stored:
    """Samples of a DNG, which has three channels of grey pictures too."""
    size_bytes = 2 * pixels.size
    if size_bytes > MOST_DNG_BYTES:
        raise UserError(
            f"A DNG has 4 GB at most, and the picture needs {size_bytes / 1e9:.1f} GB: write a .tif "
            f"({path.name})"
        )
    stored = in_space(pixels[..., 1] if metadata.grey else pixels, metadata, DNG_SPACE, 16)
    if not metadata.grey:
        return stored
    return replace(stored, samples=np.repeat(stored.samples[..., None], 3, axis=2))


def in_space(samples: Image, metadata: FrameMetadata, space: ColourSpace, bit_depth: int) -> Stored:
    """A picture in another colour space; told are a missing profile, and colours that it cannot hold.

    Parameters
    ----------
    samples : ndarray, shape (H, W) or (H, W, 3)
        Grey or RGB; uint8, uint16, or float32 from 0 to 1.
    metadata : FrameMetadata
        With the profile of the samples; sRGB without one.
    space : ColourSpace
        Where to.
    bit_depth : int
        8, 16 or 32 (float, in which nothing is clipped).
    """
    source, target = profile_of(metadata), space.icc_grey if samples.ndim == 2 else space.icc
    if source == target:
        converted = Converted(np.ascontiguousarray(convert_depth(samples, bit_depth)), 0.0)
    else:
        converted = convert_colours(samples, source, target, bit_depth)
    notes = []
    if metadata.icc is None:
        result = "" if source == target else f" and converted to {space.title}"
        notes.append(f"the frames have no colour profile: taken as sRGB{result}")
    if converted.clipped > _TOLD_SHARE:
        notes.append(
            f"{converted.clipped:.2%} of the picture has colours of {title_of(source)} that {space.title} "
            "cannot hold: clipped"
        )
    return Stored(converted.pixels, replace(metadata, icc=target), tuple(notes))
