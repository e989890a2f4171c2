"""What dust is looked for in: the logarithm of a frame's light, in cells, as the frame is stored."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from stacker.frames import Image, full_scale
from stacker.io.decode import read_frame
from stacker.io.development import SensorLevels
from stacker.io.grey import decoded_light
from stacker.io.sensor.mosaic import Mosaic

__all__ = ["LightPlane", "light_of_counts", "light_of_file"]

_DARK, _FULL = 0.004, 0.95
"""Of white: outside of these, black level, noise and clipping decide how much light seems to be lost."""

_LUMA = (0.2126, 0.7152, 0.0722)
"""ITU-R BT.709, in linear light."""

_X_TRANS_CELL = 3
"""Of whose pixels two are red, five green and two blue, wherever it lies."""

_FULL_CODE = 250
"""Of 255: a brighter sample of a JPEG may be clipped in one of its colours."""

_REDUCED = {
    1: cv2.IMREAD_GRAYSCALE,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
}


@dataclass(frozen=True)
class LightPlane:
    """The light of one frame.

    Attributes
    ----------
    log : ndarray of float32, shape (h, w)
        Natural logarithm of the mean light of each cell.
    usable : ndarray of bool, shape (h, w)
        Where it is neither too dark nor clipped.
    step_px : int
        Side of a cell.
    size_px : tuple of int
        Width and height of the frame as stored; of a RAW frame, of the sensor.
    """

    log: Image
    usable: Image
    step_px: int
    size_px: tuple[int, int]


def light_of_counts(counts: Image, colours: Image, levels: SensorLevels) -> LightPlane:
    """Of what a sensor counted, in cells of a whole pattern, so that its colours do not matter.

    Parameters
    ----------
    counts : ndarray of uint16, shape (h, w)
        LibRaw's.
    colours : ndarray, shape (h, w)
        LibRaw's colour of each pixel.
    levels : SensorLevels
        Of the body.
    """
    mosaic = Mosaic.of(colours)
    step = 2 if mosaic is None or mosaic.period == 2 else _X_TRANS_CELL
    height, width = (side // step * step for side in counts.shape)
    shape = height // step, width // step
    total, most = np.zeros(shape, np.float32), np.zeros(shape, counts.dtype)
    for y in range(step):
        for x in range(step):
            part = counts[y:height:step, x:width:step]
            total += part
            np.maximum(most, part, out=most)
    black, white = float(np.mean(levels.black)), float(levels.white)
    light = (total / np.float32(step * step) - np.float32(black)) / np.float32(white - black)
    return _plane(light, (light > _DARK) & (most < _FULL * white), step, levels.size_px)


def light_of_file(path: Path, most_px: int | None = None) -> LightPlane:
    """Of a file that is developed; its curve is taken for that of sRGB.

    Parameters
    ----------
    path : Path
        JPEG, PNG or TIFF.
    most_px : int, optional
        Width or height beyond which cells have two pixels, or four: JPEGs are decoded in a part of the time.

    Raises
    ------
    UserError, DataError
        When it cannot be read.
    """
    if path.suffix.lower() in {".jpg", ".jpeg"}:
        drafted = _drafted(path, most_px)
        if drafted is not None:
            return drafted
    pixels = read_frame(path, orientation=1).pixels
    size = pixels.shape[1], pixels.shape[0]
    step = _step(size, most_px)
    light = decoded_light(pixels.astype(np.float32) / np.float32(full_scale(pixels.dtype)))
    light = light @ np.array(_LUMA, np.float32)
    clipped = (pixels.max(axis=2) > _FULL_CODE / 255 * full_scale(pixels.dtype)).astype(np.float32)
    small = size[0] // step, size[1] // step
    if step > 1:
        light, clipped = (_halved(part, small, step) for part in (light, clipped))
    return _plane(light, (light > _DARK) & (clipped == 0), step, size)


def _halved(values: Image, size: tuple[int, int], step: int) -> Image:
    whole = values[: size[1] * step, : size[0] * step]
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA))


def _step(size_px: tuple[int, int], most_px: int | None) -> int:
    if most_px is None:
        return 1
    longest = max(size_px)
    return 1 if longest <= most_px else 2 if longest <= 2 * most_px else 4


def _drafted(path: Path, most_px: int | None) -> LightPlane | None:
    """The luma of a JPEG, decoded without its colours, and smaller on the way; None for other files."""
    import PIL.Image

    try:
        data = path.read_bytes()
        with warnings.catch_warnings():
            # Pillow is wary of more than 89 megapixels, which are a photographer's own here.
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(io.BytesIO(data)) as opened:
                size, mode, kind = opened.size, opened.mode, opened.format
    except (OSError, PIL.Image.DecompressionBombError):
        return None
    step = _step(size, most_px)
    if kind != "JPEG" or mode not in {"RGB", "L"}:
        return None
    grey = cv2.imdecode(np.frombuffer(data, np.uint8), _REDUCED[step] | cv2.IMREAD_IGNORE_ORIENTATION)
    if grey is None:
        return None
    codes = decoded_light(np.arange(256, dtype=np.float32) / np.float32(255))
    light = codes[grey]
    return _plane(light, (light > _DARK) & (grey < _FULL_CODE), step, size)


def _plane(light: Image, usable: Image, step: int, size_px: tuple[int, int]) -> LightPlane:
    log = np.log(np.maximum(light, np.float32(_DARK / 4))).astype(np.float32)
    return LightPlane(log, usable, step, size_px)
