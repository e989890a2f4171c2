"""Regions of retouches as masks over a part of the picture, at full size or reduced."""

from __future__ import annotations

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

_SIGMAS = 2.5
"""Standard deviations of a Gaussian edge between black and white to the eye: 1 % and 99 % are 4.7 apart."""


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
    pad = int(np.ceil(4 * sigma))
    wide = window.expanded(pad * step)
    mask = _drawn(retouch.region, wide, step, folder)
    if sigma > 0:
        cv2.GaussianBlur(mask, (0, 0), sigma, mask, borderType=cv2.BORDER_REPLICATE)
    inner = mask[pad : pad + window.height // step, pad : pad + window.width // step]
    return np.asarray(inner, np.float32) * np.float32(1 / 255)


def _drawn(region: Region, window: Window, step: int, folder: Path) -> Image:
    """0 to 255, float32."""
    shape = window.height // step, window.width // step
    if isinstance(region, MaskFile):
        return _placed(read_mask(region, folder), region, window, step)
    mask = np.zeros(shape, np.uint8)
    if isinstance(region, Polygon):
        cv2.fillPoly(mask, [_fixed(region.points_px, window, step)], 255, cv2.LINE_AA, _SHIFT)
        return mask.astype(np.float32)
    thickness = max(1, round(2 * region.radius_px / step))
    for line in region.lines_px:
        points = _fixed(line if len(line) > 1 else (*line, *line), window, step)
        cv2.polylines(mask, [points], False, 255, thickness, cv2.LINE_AA, _SHIFT)
    return mask.astype(np.float32)


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
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA).astype(np.float32))


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
        pixels = read_frame(path).pixels
    except UserError as error:
        raise UserError(f"The mask {path} of a retouch is not there") from error
    except StackerError as error:
        raise DataError(f"The mask of a retouch cannot be read: {error}") from error
    return np.asarray((pixels[..., 1] * (255.0 / full_scale(pixels.dtype))).astype(np.uint8))
