"""Brings frames onto the canvas as whole pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from stacker.frames import Image, full_scale
from stacker.fusion.burnt import burnt_pixels
from stacker.fusion.window import Window, corners_in_reference
from stacker.loops.scratch import Scratch
from stacker.registration.exposure import Levels
from stacker.registration.similarity import Matrix

__all__ = ["Placed", "place"]

_RIM_PX = 2
_RIM_WEIGHT = 0.01
"""Pixels at the rim of a warped frame are interpolated from its mirrored edge: used where nothing else is."""


@dataclass(frozen=True)
class Placed:
    """A frame on the canvas.

    Attributes
    ----------
    picture : ndarray, shape (h, w, 3), float32
        White at 255; mirrored beyond the frame's edges.
    inside : ndarray of uint8, shape (h, w), or None
        255 where the frame reaches; None when it fills the window.
    gate : ndarray of float32, shape (h, w), or None
        Weight by reach: 1 inside, little at the rim, 0 outside and where the frame is burnt.
    """

    picture: Image
    inside: Image | None
    gate: Image | None


def place(pixels: Image, transform: Matrix, levels: Levels, window: Window, scratch: Scratch) -> Placed:
    """Warp a frame into a window of the reference view.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3)
        RGB of any of the three types.
    transform : ndarray, shape (3, 3)
        Frame to reference view.
    levels : Levels
        What makes it as bright as the picture.
    window : Window
        What part of the reference view to fill.
    scratch : Scratch
        Holds the picture, until the next call.
    """
    height, width = pixels.shape[:2]
    levels = levels.applied
    shift = np.array([[1, 0, -window.x], [0, 1, -window.y], [0, 0, 1.0]]) @ transform
    offset = np.rint(shift[:2, 2]).astype(int)
    tilted = bool(np.any(shift[2] != (0, 0, 1)))
    unturned = np.allclose(shift[:2, :2], np.eye(2), atol=1e-7) and np.allclose(
        shift[:2, 2], offset, atol=1e-4
    )
    still = unturned and not tilted
    # In the frames' type: a rounding more is a twelfth of a level of variance, floats are four times the
    # memory and the time.
    warped = scratch.array("warped", window.height, window.width, 3, dtype=pixels.dtype)
    if still:
        left, top = int(offset[0]), int(offset[1])
        right, bottom = window.width - width - left, window.height - height - top
        cv2.copyMakeBorder(pixels, top, bottom, left, right, cv2.BORDER_REFLECT, warped)
    else:
        size = (window.width, window.height)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        inverse = np.linalg.inv(shift)
        if tilted:
            cv2.warpPerspective(pixels, inverse, size, warped, flags, cv2.BORDER_REFLECT)
        else:
            cv2.warpAffine(pixels, inverse[:2], size, warped, flags, cv2.BORDER_REFLECT)
    picture = _levelled(warped, levels, scratch.array("picture", *warped.shape))
    inside, gate = None, None
    if not still or (window.width, window.height) != (width, height):
        inside, gate = _reach(shift, (width, height), window, 0 if still else _RIM_PX)
    burnt = burnt_pixels(picture, levels)
    if burnt is not None:
        gate = np.ones(burnt.shape, np.float32) if gate is None else gate
        gate[burnt > 0] = 0
    return Placed(picture, inside, gate)


def _levelled(pixels: Image, levels: Levels, out: Image) -> Image:
    """White at 255, as bright as the picture, in floats."""
    factors = levels.gain * (255.0 / full_scale(pixels.dtype))
    picture = np.asarray(cv2.multiply(pixels, _colour(factors), out, dtype=cv2.CV_32F))
    return np.asarray(cv2.add(picture, _colour(levels.offset), picture)) if levels.offset.any() else picture


def _colour(values: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    """Three numbers as OpenCV takes them: a fourth belongs to a colour."""
    return (*(float(value) for value in values), 0.0)


def _reach(shift: Matrix, size: tuple[int, int], window: Window, rim_px: int) -> tuple[Image, Image]:
    corners = corners_in_reference(shift, size)
    inside = np.zeros((window.height, window.width), np.uint8)
    cv2.fillConvexPoly(inside, np.rint(corners).astype(np.int32), 255)
    gate = inside.astype(np.float32) * np.float32((_RIM_WEIGHT if rim_px else 1.0) / 255)
    if rim_px and min(size) > 4 * rim_px:
        inward = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * rim_px
        cv2.fillConvexPoly(gate, np.rint(corners + inward).astype(np.int32), 1.0)
    return inside, gate
