"""Writes linear DNGs: pictures that raw converters develop, and that open looking as they did.

Samples are light in the primaries of ProPhoto RGB, 16 bits, under a white of D65: converters that know no
chromatic adaptation (LibRaw, dcraw) take matrices as made for it. Tags are of the DNG specification 1.4;
readers need 1.1 (lossless JPEG tiles of three channels).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile

from stacker.colour.convert import convert_colours
from stacker.colour.spaces import PROPHOTO, SRGB, adaptation
from stacker.frames import Image
from stacker.io.bigtiff import MOST_TIFF_BYTES

__all__ = ["DNG_SPACE", "MOST_DNG_BYTES", "write_dng"]

DNG_SPACE = PROPHOTO.linear
"""What samples of a DNG are: light, in primaries that hold what cameras see."""

MOST_DNG_BYTES = MOST_TIFF_BYTES
"""A DNG before version 1.6 is no BigTIFF, and few programs read later ones."""

_MODEL = "focusrig linear picture"
"""Not the camera's: profiles made for its sensor would be offered, and are wrong for what was fused."""

_D65 = SRGB.white
_D65_CODE = 21
"""EXIF LightSource."""

_THUMBNAIL_PX, _PREVIEW_PX = 256, 1024
"""Longer sides: what the specification asks of IFD 0, and what fills a catalogue's window."""

_PREVIEW_QUALITY = 85

_TILE_PX = 512
"""Sides; multiples of 16 as TIFF has it, small enough to be decoded side by side."""

_BYTE, _ASCII, _SHORT, _RATIONAL, _SRATIONAL, _FLOAT = 1, 2, 3, 5, 10, 11
_Tag = tuple[int, int, int, Any, bool]


def write_dng(path: Path, light: Image, *, as_it_is: bool) -> None:
    """Write the samples and all tags that tell of their colours; not atomic, without EXIF.

    Parameters
    ----------
    path : Path
        The file.
    light : ndarray of uint16, shape (H, W, 3)
        In `DNG_SPACE`.
    as_it_is : bool
        Whether the picture has been given its tones already, as a JPEG's: then converters are told to show it
        so. Otherwise they give it their own, as they do with every RAW file.
    """
    with tifffile.TiffWriter(path, byteorder="<") as file:
        plain: dict[str, Any] = {"metadata": None, "software": False}
        tags = [*_colour_tags(), *(_tone_tags() if as_it_is else ())]
        small = _shown(light, _THUMBNAIL_PX)
        file.write(small, subfiletype=1, photometric="rgb", subifds=2, extratags=tags, **plain)
        file.write(
            light,
            subfiletype=0,
            photometric=tifffile.PHOTOMETRIC.LINEAR_RAW,
            tile=(_tile_px(light), _tile_px(light)),
            compression="jpeg",
            compressionargs={
                "lossless": True,
                "predictor": 1,
                "level": 0,
                "bitspersample": 16,
                "colorspace": "rgb",
                "outcolorspace": "rgb",
            },
            extratags=_sample_tags(light.shape[1], light.shape[0]),
            **plain,
        )
        preview = _shown(light, _PREVIEW_PX)
        file.write(
            preview,
            subfiletype=1,
            photometric="rgb",  # becomes YCbCr in the JPEG
            subsampling=(1, 1),
            rowsperstrip=len(preview),  # one JPEG, that can be taken out
            compression="jpeg",
            compressionargs={"level": _PREVIEW_QUALITY},
            extratags=[(50970, 4, 1, 2, True)],  # PreviewColorSpace: sRGB
            **plain,
        )


def _tile_px(light: Image) -> int:
    """Side of the tiles. There are at least two: LibRaw and dcraw look for a single one elsewhere."""
    half = -(-int(max(light.shape[:2])) // 2)
    return min(_TILE_PX, -(-half // 16) * 16)


def _colour_tags() -> list[_Tag]:
    to_light = np.linalg.inv(np.linalg.solve(adaptation(_D65), DNG_SPACE.to_xyz_d50))
    return [
        (50706, _BYTE, 4, (1, 4, 0, 0), True),  # DNGVersion
        (50707, _BYTE, 4, (1, 1, 0, 0), True),  # DNGBackwardVersion
        (50708, _ASCII, 0, _MODEL, True),  # UniqueCameraModel
        (50778, _SHORT, 1, _D65_CODE, True),  # CalibrationIlluminant1
        (50721, _SRATIONAL, 9, _rationals(to_light), True),  # ColorMatrix1: from XYZ under that light
        (50964, _SRATIONAL, 9, _rationals(DNG_SPACE.to_xyz_d50), True),  # ForwardMatrix1: to XYZ under D50
        (50728, _RATIONAL, 3, (1, 1) * 3, True),  # AsShotNeutral: white is white
        (50730, _SRATIONAL, 1, (0, 1), True),  # BaselineExposure
        (50731, _RATIONAL, 1, (1, 1), True),  # BaselineNoise
        (50732, _RATIONAL, 1, (1, 1), True),  # BaselineSharpness
        (50734, _RATIONAL, 1, (1, 1), True),  # LinearResponseLimit
        (50936, _ASCII, 0, "focusrig", True),  # ProfileName
        (50941, 4, 1, 0, True),  # ProfileEmbedPolicy: allow copying
        (50966, _ASCII, 0, "focusrig stacker", True),  # PreviewApplicationName
    ]


def _tone_tags() -> list[_Tag]:
    """No curve, and black where it is: without them Adobe's converters darken shadows and raise contrast."""
    return [
        (50940, _FLOAT, 4, (0.0, 0.0, 1.0, 1.0), True),  # ProfileToneCurve
        (51110, 4, 1, 1, True),  # DefaultBlackRender: none
    ]


def _sample_tags(width: int, height: int) -> list[_Tag]:
    return [
        (50714, _SHORT, 3, (0, 0, 0), True),  # BlackLevel
        (50717, _SHORT, 3, (65535, 65535, 65535), True),  # WhiteLevel
        (50718, _RATIONAL, 2, (1, 1, 1, 1), True),  # DefaultScale
        (50719, 4, 2, (0, 0), True),  # DefaultCropOrigin
        (50720, 4, 2, (width, height), True),  # DefaultCropSize
        (50829, 4, 4, (0, 0, height, width), True),  # ActiveArea
    ]


def _rationals(matrix: Image) -> list[int]:
    return [part for value in np.ravel(matrix) for part in (round(float(value) * 1_000_000), 1_000_000)]


def _shown(light: Image, longest: int) -> Image:
    """A small sRGB picture of it, 8 bits."""
    height, width = light.shape[:2]
    shrink = min(1.0, longest / max(height, width))
    size = [max(1, round(side * shrink)) for side in (width, height)]
    small = np.asarray(cv2.resize(light, size, interpolation=cv2.INTER_AREA))
    return convert_colours(small, DNG_SPACE.icc, SRGB.icc, 8).pixels
