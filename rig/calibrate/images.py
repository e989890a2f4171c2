"""Frames as calibration wants them: linear light, what is burnt, how it was exposed, and the file's hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rig.cameras.frame_exif import FrameExif, read_exif
from rig.errors import DataError, UserError

__all__ = ["Array", "Picture", "read_picture", "srgb_to_linear"]

Array: TypeAlias = npt.NDArray[Any]

_BURNT = 254 / 255
"""A JPEG's rounding leaves burnt areas one step below white here and there."""

_WEIGHTS = np.array([0.25, 0.5, 0.25], np.float32)
"""As many red, green and blue pixels as a Bayer sensor has: the least noise, and near enough to luminance."""


@dataclass(frozen=True)
class Picture:
    """One frame.

    Attributes
    ----------
    name : str
        File name.
    sha256 : str
        Of the file.
    light : ndarray, shape (H, W), float32
        Linear light, 0 to 1.
    burnt : ndarray, shape (H, W), bool
        Where a channel is at white.
    exif : FrameExif
        How it was exposed, as far as the file says.
    simulated : bool
        Whether the file says that no real camera took it.
    """

    name: str
    sha256: str
    light: Array
    burnt: Array
    exif: FrameExif
    simulated: bool

    @property
    def width_px(self) -> int:
        """Columns."""
        return int(self.light.shape[1])


def srgb_to_linear(values: Array) -> Array:
    """Undo the sRGB tone curve: 0 to 1 in, 0 to 1 out.

    References
    ----------
    IEC 61966-2-1.

    Examples
    --------
    >>> float(srgb_to_linear(np.array(0.5)).round(4))
    0.214
    """
    v = np.asarray(values, dtype=np.float64)
    return np.asarray(np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4))


@lru_cache(maxsize=4)
def _curve(steps: int, *, linear: bool) -> Array:
    scale = np.arange(steps + 1) / steps
    return (scale if linear else srgb_to_linear(scale)).astype(np.float32)


def read_picture(path: Path, *, linear: bool = False) -> Picture:
    """Read a frame.

    Parameters
    ----------
    path : Path
        JPEG, TIFF or PNG.
    linear : bool
        The file holds linear light already (a RAW file developed without tone curve); otherwise the sRGB
        curve is undone.

    Raises
    ------
    UserError
        When there is no such file.
    DataError
        When it cannot be decoded.
    """
    from stacker import StackerError, read_frame

    try:
        data = path.read_bytes()
    except OSError as err:
        raise UserError(f"cannot read {path}: {err.strerror}") from err
    try:
        frame = read_frame(path)
    except StackerError as err:
        raise DataError(str(err)) from err
    pixels = frame.pixels
    if pixels.dtype.kind == "u":
        top = int(np.iinfo(pixels.dtype).max)
        light = _curve(top, linear=linear)[pixels] @ _WEIGHTS
    else:
        top = 1
        light = (pixels if linear else srgb_to_linear(pixels).astype(np.float32)) @ _WEIGHTS
    return Picture(
        name=path.name,
        sha256=hashlib.sha256(data).hexdigest(),
        light=light,
        burnt=np.asarray((pixels >= top * _BURNT).any(axis=2)),
        exif=read_exif(data),
        simulated=frame.metadata.simulated,
    )
