"""The small picture in EXIF, by which cameras, file managers and catalogues show a file before it is read."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import imagecodecs
import numpy as np

from stacker.focus.reduction import reduced
from stacker.frames import Image

__all__ = ["THUMBNAIL_PX", "Thumbnail", "small_srgb", "thumbnail_of"]

THUMBNAIL_PX = 160
"""Of the longer side: what Exif 2.32, 4.8.1, asks for."""

_QUALITY = 85
"""Some 6 kB: a JPEG's whole EXIF has room for 64."""


_RESOURCE, _AS_JPEG = 1036, 1
"""Adobe's "Photoshop File Formats Specification" (2019): image resource IDs, thumbnail resource format."""


@dataclass(frozen=True)
class Thumbnail:
    """A small JPEG in sRGB, of three channels also where the picture has one.

    Attributes
    ----------
    jpeg : bytes
        The file; its colour is not reduced.
    width, height : int
        In pixels.
    """

    jpeg: bytes
    width: int
    height: int

    @property
    def resource(self) -> bytes:
        """The same as an image resource of Photoshop, for PSD and for tag 34377 of a TIFF."""
        row = (self.width * 24 + 31) // 32 * 4  # bytes, were it not compressed
        size = row * self.height
        head = struct.pack(">6IHH", _AS_JPEG, self.width, self.height, row, size, len(self.jpeg), 24, 1)
        body = head + self.jpeg
        return struct.pack(">4sHHI", b"8BIM", _RESOURCE, 0, len(body)) + body + b"\0" * (len(body) % 2)


def thumbnail_of(samples: Image, icc: bytes | None) -> Thumbnail:
    """Make a small JPEG of a picture.

    Parameters
    ----------
    samples : ndarray, shape (H, W) or (H, W, 3)
        uint8, uint16 or float32 from 0 to 1.
    icc : bytes or None
        Profile of the samples; a thumbnail has none and is sRGB.
    """
    small = small_srgb(samples, icc, THUMBNAIL_PX)
    if small.ndim == 2:
        small = np.repeat(small[..., None], 3, axis=2)
    data = imagecodecs.jpeg8_encode(np.ascontiguousarray(small), level=_QUALITY, subsampling="444")
    return Thumbnail(bytes(data), small.shape[1], small.shape[0])


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
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    small = reduced(samples, size).astype(np.float32)
    white = 1.0 if samples.dtype.kind == "f" else float(np.iinfo(samples.dtype).max)
    return _as_srgb(np.clip(np.rint(small * (255 / white)), 0, 255).astype(np.uint8), icc)


def _as_srgb(pixels: Image, icc: bytes | None) -> Image:
    if icc is None or pixels.ndim == 2:
        return pixels
    import PIL.Image
    import PIL.ImageCms

    try:
        profile = PIL.ImageCms.ImageCmsProfile(io.BytesIO(icc))
        small = PIL.Image.fromarray(pixels)
        PIL.ImageCms.profileToProfile(small, profile, PIL.ImageCms.createProfile("sRGB"), inPlace=True)
    except (PIL.ImageCms.PyCMSError, OSError, ValueError):
        return pixels  # a profile that nobody can read: the picture's own colours are near enough for a stamp
    return np.asarray(small)
