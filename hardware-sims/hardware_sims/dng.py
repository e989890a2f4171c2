"""RAW files of the simulated bodies: linear Bayer values in a DNG that any raw converter reads.

References
----------
Adobe, Digital Negative Specification 1.4 (2012): tags of the main image and of the preview.
"""

from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import tifffile

from hardware_sims.scene import Array
from hardware_sims.sensor import BLACK_LEVEL, NEUTRAL, WHITE_LEVEL

__all__ = ["dng"]

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SIGNED_RATIONAL = 1, 2, 3, 4, 5, 10
_CFA_REPEAT, _CFA_PATTERN = 33421, 33422
_VERSION, _BACKWARD, _UNIQUE_MODEL, _BLACK, _WHITE = 50706, 50707, 50708, 50714, 50717
_COLOR_MATRIX, _AS_SHOT_NEUTRAL, _BASELINE_EXPOSURE, _ILLUMINANT = 50721, 50728, 50730, 50778
_DAYLIGHT_65 = 21
_THUMBNAIL_PX = 256
_COLOR_FILTER_ARRAY = 32803

_SRGB_FROM_XYZ = np.array(
    [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.9692660, 1.8760108, 0.0415560],
        [0.0556434, -0.2040259, 1.0572252],
    ]
)
"""IEC 61966-2-1, white at D65: the scene's colours are linear sRGB."""


def dng(mosaic: Array, preview: bytes) -> bytes:
    """Make a DNG: a thumbnail first, the Bayer values and a full preview as its sub-images.

    Parameters
    ----------
    mosaic : Array
        (height, width) uint16, RGGB, from `Sensor.mosaic`.
    preview : bytes
        The same picture as a baseline JPEG without EXIF; it is embedded as it is.

    Returns
    -------
    bytes
        Without EXIF; see `hardware_sims.exif.with_exif`.
    """
    shown = cv2.imdecode(np.frombuffer(preview, np.uint8), cv2.IMREAD_COLOR)
    if shown is None:
        raise ValueError("the preview of a DNG has to be a JPEG")
    share = min(1.0, _THUMBNAIL_PX / max(shown.shape[:2]))
    small = cv2.resize(shown, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    out = io.BytesIO()
    with tifffile.TiffWriter(out, byteorder="<") as tiff:
        tiff.write(
            np.ascontiguousarray(small[..., ::-1]),
            photometric="rgb",
            subfiletype=1,
            subifds=2,
            metadata=None,
            software=False,
            extratags=_about_the_camera(),
        )
        tiff.write(
            mosaic,
            photometric=_COLOR_FILTER_ARRAY,
            subfiletype=0,
            metadata=None,
            software=False,
            extratags=[
                (_CFA_REPEAT, _SHORT, 2, (2, 2), True),
                (_CFA_PATTERN, _BYTE, 4, bytes((0, 1, 1, 2)), True),
                (_BLACK, _SHORT, 1, BLACK_LEVEL, True),
                (_WHITE, _SHORT, 1, WHITE_LEVEL, True),
            ],
        )
        tiff.write(
            iter([preview]),
            shape=(*shown.shape[:2], 3),
            dtype=np.uint8,
            photometric="ycbcr",
            compression="jpeg",
            subsampling=(1, 1),
            rowsperstrip=shown.shape[0],
            subfiletype=1,
            metadata=None,
            software=False,
        )
    return _without_chain(out.getvalue())


def _without_chain(data: bytes) -> bytes:
    """Sub-images found through the list of their offsets only.

    tifffile links them to each other besides, which TIFF allows and readers of DNG do not expect.
    """
    unlinked = bytearray(data)
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        for sub in tiff.pages.first.subifds or ():
            (entries,) = struct.unpack_from("<H", data, sub)
            struct.pack_into("<I", unlinked, sub + 2 + 12 * entries, 0)
    return bytes(unlinked)


def _about_the_camera() -> list[tuple[int, int, int, object, bool]]:
    matrix = np.diag(NEUTRAL) @ _SRGB_FROM_XYZ
    return [
        (_VERSION, _BYTE, 4, bytes((1, 4, 0, 0)), True),
        (_BACKWARD, _BYTE, 4, bytes((1, 1, 0, 0)), True),
        (_UNIQUE_MODEL, _ASCII, 0, "SIMULATED camera", True),
        (_COLOR_MATRIX, _SIGNED_RATIONAL, 9, _rationals(matrix), True),
        (_AS_SHOT_NEUTRAL, _RATIONAL, 3, _rationals(np.array(NEUTRAL)), True),
        (_BASELINE_EXPOSURE, _SIGNED_RATIONAL, 1, (0, 1), True),
        (_ILLUMINANT, _SHORT, 1, _DAYLIGHT_65, True),
    ]


def _rationals(values: Array) -> tuple[int, ...]:
    """Numerators and denominators in turn, in steps of a ten-thousandth."""
    return tuple(int(part) for value in values.ravel() for part in (round(10_000 * float(value)), 10_000))
