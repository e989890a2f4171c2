"""The small picture in EXIF, by which cameras, file managers and catalogues show a file before it is read."""

from __future__ import annotations

import io
from typing import Any

import cv2
import imagecodecs
import numpy as np
import PIL.Image
import PIL.ImageCms

from stacker.frames import Image

__all__ = ["THUMBNAIL_PX", "small_srgb", "thumbnail_of"]

THUMBNAIL_PX = 160
"""Of the longer side: what Exif 2.32, 4.8.1, asks for."""

_QUALITY = 85
"""Some 6 kB: a JPEG's whole EXIF has room for 64."""


def thumbnail_of(samples: Image, icc: bytes | None) -> bytes:
    """Make a small JPEG of a picture.

    Parameters
    ----------
    samples : ndarray, shape (H, W) or (H, W, 3)
        uint8, uint16 or float32 from 0 to 1.
    icc : bytes or None
        Profile of the samples; a thumbnail has none and is sRGB.
    """
    return bytes(imagecodecs.jpeg8_encode(small_srgb(samples, icc, THUMBNAIL_PX), level=_QUALITY))


def small_srgb(samples: Image, icc: bytes | None, longest_px: int) -> Image:
    """A picture at most so large, for screens.

    Parameters
    ----------
    samples : ndarray, shape (H, W) or (H, W, 3)
        uint8, uint16 or float32 from 0 to 1.
    icc : bytes or None
        Profile of the samples.
    longest_px : int
        Of the longer side; smaller pictures stay as they are.

    Returns
    -------
    ndarray of uint8, shape (h, w) or (h, w, 3)
        sRGB.
    """
    height, width = samples.shape[:2]
    shrink = min(1.0, longest_px / max(height, width))
    size = [max(1, round(side * shrink)) for side in (width, height)]
    small: Any = cv2.resize(samples, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    white = 1.0 if samples.dtype.kind == "f" else float(np.iinfo(samples.dtype).max)
    return _as_srgb(np.clip(np.rint(small * (255 / white)), 0, 255).astype(np.uint8), icc)


def _as_srgb(pixels: Image, icc: bytes | None) -> Image:
    if icc is None or pixels.ndim == 2:
        return pixels
    try:
        profile = PIL.ImageCms.ImageCmsProfile(io.BytesIO(icc))
        small = PIL.Image.fromarray(pixels)
        PIL.ImageCms.profileToProfile(small, profile, PIL.ImageCms.createProfile("sRGB"), inPlace=True)
    except (PIL.ImageCms.PyCMSError, OSError, ValueError):
        return pixels  # a profile that nobody can read: the picture's own colours are near enough for a stamp
    return np.asarray(small)
