"""Pictures of printing inks as RGB."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from stacker.colour.spaces import SRGB
from stacker.errors import DataError
from stacker.frames import Image

if TYPE_CHECKING:
    import PIL.Image

__all__ = ["as_rgb", "cmyk_as_rgb"]

_INKS = 4


def cmyk_as_rgb(pixels: Image, icc: bytes | None, name: str) -> tuple[Image, str]:
    """The pixels of a TIFF as sRGB.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, inks)
        0 is no ink.
    icc : bytes or None
        The file's profile.
    name : str
        For the message.

    Returns
    -------
    tuple of ndarray of uint8, shape (H, W, 3), and str
        RGB, and how it became so.

    Raises
    ------
    DataError
        When they are of other than four inks with 8 bits each, which little CMS is not given here.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != _INKS:
        bits = pixels.dtype.itemsize * 8
        inks = pixels.shape[2] if pixels.ndim == 3 else 1
        raise DataError(
            f"{name} is a TIFF of {inks} inks with {bits} bits; four with 8 are read: convert it to RGB"
        )
    import PIL.Image

    height, width = pixels.shape[:2]
    picture = PIL.Image.frombytes("CMYK", (width, height), np.ascontiguousarray(pixels).tobytes())
    if icc:
        picture.info["icc_profile"] = icc
    return as_rgb(picture)


def as_rgb(opened: PIL.Image.Image) -> tuple[Image, str]:
    """CMYK as sRGB, through its profile if it has one that can be used; and what was done."""
    import PIL.ImageCms

    profile = opened.info.get("icc_profile")
    if profile:
        try:
            converted = PIL.ImageCms.profileToProfile(
                opened,
                io.BytesIO(profile),
                io.BytesIO(SRGB.icc),
                PIL.ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
            )
        except PIL.ImageCms.PyCMSError:
            pass
        else:
            return np.asarray(converted), f"is {opened.mode}, converted to sRGB through its profile"
    return np.asarray(opened.convert("RGB")), f"is {opened.mode} without a profile: its colours are a guess"
