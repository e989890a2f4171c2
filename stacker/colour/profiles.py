"""Profiles that pictures bring along: what they are called, whether they can be used, whether two agree."""

from __future__ import annotations

import io
from functools import lru_cache

import imagecodecs
import numpy as np

from stacker.colour.spaces import SRGB
from stacker.frames import FrameMetadata, Image

__all__ = ["profile_of", "same_colours", "title_of", "transformed", "trouble_with"]

_MODELS = {b"RGB ": "RGB", b"GRAY": "grey", b"CMYK": "CMYK", b"Lab ": "Lab"}

_LEAST_DIFFERENCE = 1 / 255
"""Profiles that differ by less tell of the same colours: copies of sRGB differ by 0.3 of 255."""

_EXACT = int(imagecodecs.CMS.FLAGS.NOOPTIMIZE | imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION)
"""Without NOOPTIMIZE little CMS interpolates in a table of 33³ colours: off by up to a tenth of white."""


def profile_of(metadata: FrameMetadata) -> bytes:
    """The profile that a frame's samples are to be understood by: its own, or that of sRGB."""
    return metadata.icc or (SRGB.icc_grey if metadata.grey else SRGB.icc)


@lru_cache(maxsize=16)
def title_of(icc: bytes) -> str:
    """What a profile calls itself."""
    from PIL import ImageCms

    try:
        return str(ImageCms.getProfileDescription(io.BytesIO(icc))).strip() or "a profile without a name"
    except ImageCms.PyCMSError:
        return "a broken profile"


@lru_cache(maxsize=16)
def trouble_with(icc: bytes, grey: bool) -> str | None:
    """Why a profile cannot be used for a picture; None when it can.

    Parameters
    ----------
    icc : bytes
        The profile.
    grey : bool
        Whether the picture has one channel instead of red, green and blue.
    """
    if icc[36:40] != b"acsp":  # ICC.1, 7.2.9
        return "is broken"
    model = icc[16:20]
    if model != (b"GRAY" if grey else b"RGB "):
        kind = _MODELS.get(model, "something else")
        return f"is for {kind}, and the picture is {'grey' if grey else 'RGB'}"
    probe = np.zeros((1, 1) if grey else (1, 1, 3), np.float32)
    try:
        transformed(probe, icc, SRGB.icc_grey if grey else SRGB.icc)
    except imagecodecs.CmsError:
        return "is broken"
    return None


@lru_cache(maxsize=16)
def same_colours(one: bytes, other: bytes) -> bool:
    """Whether two profiles that can be used make the same colours of the same samples; if one of them is of
    grey pictures, the same greys.
    """
    if one == other:
        return True
    steps = np.linspace(0, 1, 6, dtype=np.float32)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    if b"GRAY" in {one[16:20], other[16:20]}:
        colours = np.repeat(steps[None, :, None], 3, axis=2)
    off = np.abs(_in_srgb(colours, one) - _in_srgb(colours, other))
    return bool(off.max() < _LEAST_DIFFERENCE)


def _in_srgb(colours: Image, icc: bytes) -> Image:
    if icc[16:20] != b"GRAY":
        return transformed(colours, icc, SRGB.icc)
    return np.repeat(transformed(colours[..., 0], icc, SRGB.icc_grey)[..., None], 3, axis=2)


def transformed(samples: Image, source: bytes, target: bytes) -> Image:
    """Samples by one profile as samples by another, relative to white, black on black.

    Parameters
    ----------
    samples : ndarray, shape (H, W) or (H, W, 3)
        Grey or RGB; uint8, uint16, or float32 from 0 to 1.
    source, target : bytes
        Profiles of the same number of channels.

    Returns
    -------
    ndarray of float32, same shape
        Below 0 and above 1 where the target cannot hold a colour, if its profile is of primaries and curves.

    Raises
    ------
    imagecodecs.CmsError
        When a profile is broken.
    """
    model = "gray" if samples.ndim == 2 else "rgb"
    found = imagecodecs.cms_transform(
        samples,
        source,
        target,
        colorspace=model,
        outcolorspace=model,
        outdtype="float32",
        intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
        flags=_EXACT,
    )
    return np.asarray(found).reshape(samples.shape)
