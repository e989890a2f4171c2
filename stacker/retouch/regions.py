"""Regions of retouches as masks over a part of the picture, at full size or reduced."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from stacker.errors import DataError, StackerError, UserError
from stacker.frames import Image, full_scale
from stacker.fusion.window import Window
from stacker.io.decode import read_frame
from stacker.retouch.book import MaskFile, Polygon, Region, Retouch, Strokes

__all__ = ["bounds_of", "mask_of", "read_mask"]

_SHIFT = 4
"""Bits behind the point of coordinates that OpenCV draws at: a sixteenth of a pixel."""

_RIM_PX = 2
"""At the rim of what it draws on, OpenCV cuts edges short."""

_SIGMAS = 2.5
"""Standard deviations of a Gaussian edge between black and white to the eye: 1 % and 99 % are 4.7 apart."""

_LEAST_SIGMA = 3.0
"""Pixels of the smaller mask that a wide feather is blurred in: within 1.5 of 255 of the full one."""

_KEPT_MASKS = 4
"""Mask files in memory: 61 MB each of a body of 61 megapixels."""


def bounds_of(retouch: Retouch, folder: Path) -> Window:
    """The rectangle of the reference view that a retouch can change, feather included.

    Raises
    ------
    UserError
        When its mask is not there.
    """
    region = retouch.region
    if isinstance(region, MaskFile):
        height, width = read_mask(region, folder).shape
        box = Window(*region.at_px, width, height)
    else:
        points, reach = _points(region)
        low, high = np.floor(points.min(axis=0) - reach), np.ceil(points.max(axis=0) + reach)
        box = Window(int(low[0]), int(low[1]), int(high[0] - low[0]) + 1, int(high[1] - low[1]) + 1)
    return box.expanded(int(np.ceil(retouch.feather_px)) + 1)


def _points(region: Polygon | Strokes) -> tuple[Image, float]:
    if isinstance(region, Polygon):
        return np.array(region.points_px, float), 0.0
    return np.array([point for line in region.lines_px for point in line], float), region.radius_px


def mask_of(retouch: Retouch, window: Window, step: int, folder: Path) -> Image:
    """How much of a retouch is seen at each pixel of a view.

    Parameters
    ----------
    retouch : Retouch
        With its region in pixels of the reference view.
    window : Window
        What is looked at, in the same; its sides are multiples of the step.
    step : int
        Pixels of the reference view per pixel of the view.
    folder : Path
        Where mask files are looked for.

    Returns
    -------
    ndarray of float32, shape (h, w)
        0 to 1.
    """
    sigma = retouch.feather_px / (2 * _SIGMAS) / step
    shrink = 1
    while sigma / (2 * shrink) >= _LEAST_SIGMA:
        shrink *= 2
    if shrink > 1:
        return _widely_blurred(retouch.region, window, step, folder, sigma, shrink)
    pad = int(np.ceil(4 * sigma)) + _RIM_PX
    mask = _shares(_drawn(retouch.region, window.expanded(pad * step), step, folder))
    if sigma > 0:
        cv2.GaussianBlur(mask, (0, 0), sigma, mask, borderType=cv2.BORDER_REPLICATE)
    return mask[pad : pad + window.height // step, pad : pad + window.width // step]


def _shares(mask: Image) -> Image:
    return np.asarray(np.multiply(mask, np.float32(1 / 255), dtype=np.float32))


def _widely_blurred(
    region: Region, window: Window, step: int, folder: Path, sigma: float, shrink: int
) -> Image:
    """A blur of many pixels, made of a smaller mask on a grid that is the same for every view."""
    grid = shrink * step
    pad = int(np.ceil(4 * sigma / shrink))
    near = window.aligned(grid).expanded(grid)
    mask = _drawn(region, near.expanded(pad * grid), step, folder)
    for _ in range(shrink.bit_length() - 1):  # by halves, which is several times quicker than at once
        mask = cv2.resize(mask, (mask.shape[1] // 2, mask.shape[0] // 2), interpolation=cv2.INTER_AREA)
    small = _shares(mask)
    # What making it smaller and larger again blurs is taken off: means of cells and their interpolation.
    rest = float(np.sqrt((sigma / shrink) ** 2 - (1 - 1 / shrink**2) / 4))
    cv2.GaussianBlur(small, (0, 0), rest, small, borderType=cv2.BORDER_REPLICATE)
    inner = small[pad : small.shape[0] - pad, pad : small.shape[1] - pad]
    size = near.width // step, near.height // step
    wide = cv2.resize(inner, size, interpolation=cv2.INTER_LINEAR)
    x, y = (window.x - near.x) // step, (window.y - near.y) // step
    return np.asarray(wide[y : y + window.height // step, x : x + window.width // step])


def _drawn(region: Region, window: Window, step: int, folder: Path) -> Image:
    """0 to 255, uint8."""
    shape = window.height // step, window.width // step
    if isinstance(region, MaskFile):
        return _placed(read_mask(region, folder), region, window, step)
    mask = np.zeros(shape, np.uint8)
    if isinstance(region, Polygon):
        cv2.fillPoly(mask, [_fixed(region.points_px, window, step)], 255, cv2.LINE_AA, _SHIFT)
        return mask
    thickness = max(1, round(2 * region.radius_px / step))
    for line in region.lines_px:
        points = _fixed(line if len(line) > 1 else (*line, *line), window, step)
        cv2.polylines(mask, [points], False, 255, thickness, cv2.LINE_AA, _SHIFT)
    return mask


def _fixed(points: tuple[tuple[float, float], ...], window: Window, step: int) -> Image:
    """Points in pixels of the view, as OpenCV takes them."""
    placed = (np.array(points, float) - (window.x, window.y) + 0.5) / step - 0.5
    return np.asarray(np.rint(placed * (1 << _SHIFT)).astype(np.int32))


def _placed(mask: Image, region: MaskFile, window: Window, step: int) -> Image:
    """The part of a mask in a window."""
    there = Window(*region.at_px, mask.shape[1], mask.shape[0])
    common = there.intersection(window)
    whole = np.zeros((window.height, window.width), np.uint8)
    if common.width and common.height:
        whole[common.slices_in(window)] = mask[common.slices_in(there)]
    size = window.width // step, window.height // step
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA))


def read_mask(region: MaskFile, folder: Path) -> Image:
    """A mask file as uint8, shape (h, w).

    Raises
    ------
    UserError
        When it is not there.
    DataError
        When it cannot be read.
    """
    path = folder / region.file
    try:
        about = path.stat()
    except OSError as error:
        raise UserError(f"The mask {path} of a retouch is not there") from error
    return _decoded(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=_KEPT_MASKS)
def _decoded(path: Path, _mtime_ns: int, _size_bytes: int) -> Image:
    """A file's content as long as it is the same file: decoding takes longer than a view may."""
    try:
        pixels = read_frame(path).pixels
    except StackerError as error:
        raise DataError(f"The mask of a retouch cannot be read: {error}") from error
    levels = pixels[..., 1] * (255.0 / full_scale(pixels.dtype))  # floats may be beyond white
    mask = np.rint(np.clip(np.nan_to_num(levels), 0, 255)).astype(np.uint8)
    mask.flags.writeable = False
    return np.asarray(mask)
