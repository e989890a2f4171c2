"""Brings frames onto the canvas and remembers the darkest and brightest value seen at each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from stacker.frames import Image, full_scale
from stacker.fusion.scratch import Scratch
from stacker.fusion.window import Window, corners_in_reference
from stacker.registration.exposure import Gain
from stacker.registration.similarity import Matrix

__all__ = ["Bounds", "Placed", "place"]

_RIM_PX = 2
_RIM_WEIGHT = 0.01
"""Pixels at the rim of a warped frame are interpolated from its mirrored edge: used where nothing else is."""

_GAIN_TOLERANCE = 1e-3
"""A quarter of a level at white: smaller differences of brightness are not worth a pass over the frame."""

_FLOAT = np.dtype(np.float32)
_DEPTHS = {np.dtype(np.uint8): cv2.CV_8U, np.dtype(np.uint16): cv2.CV_16U, _FLOAT: cv2.CV_32F}


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
        Weight by reach: 1 inside, little at the rim, 0 outside.
    """

    picture: Image
    inside: Image | None
    gate: Image | None


def place(pixels: Image, transform: Matrix, gain: Gain, window: Window, scratch: Scratch) -> Placed:
    """Warp a frame into a window of the reference view.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3)
        RGB of any of the three types.
    transform : ndarray, shape (3, 3)
        Frame to reference view.
    gain : ndarray, shape (3,)
        Factors for red, green and blue.
    window : Window
        What part of the reference view to fill.
    scratch : Scratch
        Holds the picture, until the next call.
    """
    height, width = pixels.shape[:2]
    factors = (
        (gain if np.abs(gain - 1).max() > _GAIN_TOLERANCE else np.ones(3)) * 255.0 / full_scale(pixels.dtype)
    )
    source = _times(pixels, factors, scratch.array("source", height, width, 3))
    shift = np.array([[1, 0, -window.x], [0, 1, -window.y], [0, 0, 1.0]]) @ transform
    offset = np.rint(shift[:2, 2]).astype(int)
    still = np.allclose(shift[:2, :2], np.eye(2), atol=1e-7) and np.allclose(shift[:2, 2], offset, atol=1e-4)
    picture = scratch.array("picture", window.height, window.width, 3)
    if still:
        left, top = int(offset[0]), int(offset[1])
        right, bottom = window.width - width - left, window.height - height - top
        cv2.copyMakeBorder(source, top, bottom, left, right, cv2.BORDER_REFLECT, picture)
    else:
        size = (window.width, window.height)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        inverse = np.linalg.inv(shift)[:2]
        cv2.warpAffine(source, inverse, size, picture, flags, cv2.BORDER_REFLECT)
    if still and (window.width, window.height) == (width, height):
        return Placed(picture, None, None)
    return Placed(picture, *_reach(shift, (width, height), window, 0 if still else _RIM_PX))


def _times(pixels: Image, factors: Gain, out: Image | None = None, dtype: np.dtype[Any] = _FLOAT) -> Image:
    """Multiply channel by channel into another type, rounded and clipped to it."""
    scalar: Any = (*(float(factor) for factor in factors), 1.0)  # OpenCV takes four numbers for a colour
    return np.asarray(cv2.multiply(pixels, scalar, out, dtype=_DEPTHS[dtype]))


def _reach(shift: Matrix, size: tuple[int, int], window: Window, rim_px: int) -> tuple[Image, Image]:
    corners = corners_in_reference(shift, size)
    inside = np.zeros((window.height, window.width), np.uint8)
    cv2.fillConvexPoly(inside, np.rint(corners).astype(np.int32), 255)
    gate = inside.astype(np.float32) * np.float32((_RIM_WEIGHT if rim_px else 1.0) / 255)
    if rim_px and min(size) > 4 * rim_px:
        inward = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * rim_px
        cv2.fillConvexPoly(gate, np.rint(corners + inward).astype(np.int32), 1.0)
    return inside, gate


class Bounds:
    """Smallest and largest value of every pixel and channel, in the frames' own type.

    Bands taken from different frames can add up to values that no frame has: rings round highlights. The
    result is held between these bounds.
    """

    def __init__(
        self, extent: Window, dtype: np.dtype[np.uint8] | np.dtype[np.uint16] | np.dtype[np.float32]
    ) -> None:
        self.extent = extent
        self._dtype = np.dtype(dtype)
        self._white = full_scale(self._dtype)
        shape = (extent.height, extent.width, 3)
        self._low = np.full(shape, self._white, self._dtype)
        self._high = np.zeros(shape, self._dtype)
        self.reached: Image = np.zeros(shape[:2], np.uint8)

    def cover(self, extent: Window) -> None:
        """Grow to a larger extent."""
        old = self.extent
        if extent == old:
            return
        pads = (old.y - extent.y, extent.bottom - old.bottom), (old.x - extent.x, extent.right - old.right)
        self._low = np.pad(self._low, (*pads, (0, 0)), constant_values=self._white)
        self._high = np.pad(self._high, (*pads, (0, 0)))
        self.reached = np.pad(self.reached, pads)
        self.extent = extent

    def add(self, placed: Placed, window: Window) -> None:
        """Take a frame into account."""
        where = window.slices_in(self.extent)
        low, high, reached = self._low[where], self._high[where], self.reached[where]
        own = _times(placed.picture, np.full(3, self._white / 255.0), dtype=self._dtype)
        if placed.inside is None:
            cv2.min(low, own, low)
            cv2.max(high, own, high)
            reached[...] = 255
            return
        cv2.copyTo(cv2.min(low, own), placed.inside, low)
        cv2.copyTo(cv2.max(high, own), placed.inside, high)
        cv2.bitwise_or(reached, placed.inside, reached)

    def finish(self, picture: Image) -> Image:
        """Hold a fused picture (white at 255) between the bounds and give it the frames' type."""
        scaled = _times(picture, np.full(3, self._white / 255.0), dtype=self._dtype)
        held = cv2.min(cv2.max(scaled, self._low), cv2.max(self._high, self._low))
        unseen = cv2.bitwise_not(self.reached)
        return np.asarray(cv2.copyTo(scaled, unseen, held) if unseen.any() else held)
