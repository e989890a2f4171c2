"""Verdicts on frames: exposure for now, measured on the decoded image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FrameLevels", "frame_levels", "frame_pixels"]

_CLIPPED = 254 / 255
"""A JPEG's rounding leaves clipped areas one step below white here and there."""


@dataclass(frozen=True)
class FrameLevels:
    """How a frame is exposed.

    ``mean`` is the mean level on the scale of 8 bits (0 to 255); ``clipped_fraction`` the share of pixels
    with a channel at white; ``width_px`` and ``height_px`` the frame's size.
    """

    mean: float
    clipped_fraction: float
    width_px: int
    height_px: int


def frame_levels(path: Path) -> FrameLevels:
    """Measure the exposure of a frame on disk.

    Raises
    ------
    DataError
        When the frame cannot be decoded.
    """
    pixels, top = frame_pixels(path)
    clipped = (pixels >= top * _CLIPPED).any(axis=2)
    return FrameLevels(
        mean=float(pixels.mean()) / top * 255.0,
        clipped_fraction=float(clipped.mean()),
        width_px=pixels.shape[1],
        height_px=pixels.shape[0],
    )


def frame_pixels(path: Path) -> tuple[NDArray[Any], float]:
    """Decode a frame: RGB pixels as they are in the file, (height, width, 3), and what white is there.

    Raises
    ------
    DataError
        When the frame cannot be decoded.
    """
    import numpy as np

    from rig.errors import DataError
    from stacker import StackerError, read_frame

    try:
        pixels = read_frame(path).pixels
    except StackerError as err:
        raise DataError(str(err)) from err
    return pixels, float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind == "u" else 1.0
