"""What is drawn into a frame of live view: peaking, clipping, histogram, a magnified part, SIMULATED."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from rig.errors import UserError

__all__ = [
    "COLOURS",
    "Clipping",
    "Magnify",
    "clipping",
    "draw_histogram",
    "draw_inset",
    "draw_simulated",
    "draw_stripes",
    "histograms",
    "paint",
]

Picture: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.uint8]

COLOURS = {
    "red": (40, 40, 255),
    "yellow": (0, 230, 255),
    "green": (60, 255, 60),
    "cyan": (255, 255, 0),
    "magenta": (255, 0, 255),
    "blue": (255, 90, 30),
}
"""Of peaking, as blue, green, red."""

_MAGENTA, _WHITE = (255, 80, 255), (255, 255, 255)
_WHITE_FROM, _BLACK_TO = 253, 2
"""A JPEG's rounding leaves clipped areas a step or two beside white and black."""
_STRIPE_PX = 4
_OVER, _UNDER = (0, 0, 0), (255, 140, 40)

_INSET_SHARE = 0.45
"""Of the frame's width and height: large enough to see pixels, and the rest of the frame stays in view."""
_INSET_EDGE_PX = 2
_PANEL_HEIGHT_PX = 96
_PANEL_EDGE_PX = 8
_PANEL = (40, 40, 40)
_TEXT_EDGE_PX = 4
_FULL_AT = 0.99
"""Quantile of the histogram's columns that reaches the top: a spike of background would hide the rest."""


@dataclass(frozen=True)
class Magnify:
    """A part of the frame that is shown larger.

    Parameters
    ----------
    x, y : float
        Its middle, as shares of width and height.
    zoom : float
        How many times as large.
    """

    x: float
    y: float
    zoom: float = 4.0

    @classmethod
    def from_text(cls, text: str) -> Magnify:
        """Read ``x,y`` or ``x,y,zoom``.

        Raises
        ------
        UserError
            When it is something else.
        """
        try:
            numbers = [float(part) for part in text.split(",")]
        except ValueError:
            numbers = []
        right = len(numbers) in (2, 3) and all(0 <= share <= 1 for share in numbers[:2])
        if not right or not all(1 <= zoom <= 16 for zoom in numbers[2:]):
            raise UserError(
                f'--magnify: "{text}" is no place in the frame; write x,y or x,y,zoom with shares of width '
                "and height from 0 to 1 and a zoom from 1 to 16: 0.5,0.5,4 is the middle, four times as large"
            )
        return cls(*numbers)

    def window(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Rows and columns of the part, inside a picture of that shape."""
        rows, columns = shape[:2]
        height = max(1, round(rows * _INSET_SHARE / self.zoom))
        width = max(1, round(columns * _INSET_SHARE / self.zoom))
        top = min(max(0, round(self.y * rows - height / 2)), rows - height)
        left = min(max(0, round(self.x * columns - width / 2)), columns - width)
        return slice(top, top + height), slice(left, left + width)


@dataclass(frozen=True)
class Clipping:
    """Where light or shadow is lost: masks (h, w), 255 at white in any channel, and at black in all."""

    over: Mask
    under: Mask

    @property
    def over_share(self) -> float:
        """Share of the frame that is white."""
        return cv2.countNonZero(self.over) / self.over.size

    @property
    def under_share(self) -> float:
        """Share of the frame that is black."""
        return cv2.countNonZero(self.under) / self.under.size


def clipping(picture: Picture) -> Clipping:
    """Find what is clipped in a picture, (h, w, 3) uint8."""
    blue, green, red = cv2.split(picture)
    brightest = cv2.max(cv2.max(blue, green), red)
    over = cv2.threshold(brightest, _WHITE_FROM - 1, 255, cv2.THRESH_BINARY)[1]
    under = cv2.threshold(brightest, _BLACK_TO, 255, cv2.THRESH_BINARY_INV)[1]
    return Clipping(np.asarray(over, np.uint8), np.asarray(under, np.uint8))


def paint(picture: Picture, mask: Mask, colour: tuple[int, int, int]) -> None:
    """Give the pixels of a mask a colour, in place."""
    cv2.copyTo(_ink(*picture.shape[:2], colour), mask, picture)


@lru_cache(maxsize=4)
def _ink(rows: int, columns: int, colour: tuple[int, int, int]) -> Picture:
    """A sheet of one colour: made once, since filling one takes as long as finding what is in focus."""
    return np.full((rows, columns, 3), colour, np.uint8)


def draw_stripes(picture: Picture, clipped: Clipping) -> None:
    """Stripe what is clipped, in place: black over white, blue over black."""
    diagonal = _diagonal(*picture.shape[:2])
    for mask, colour in ((clipped.over, _OVER), (clipped.under, _UNDER)):
        if cv2.countNonZero(mask):
            paint(picture, np.asarray(cv2.bitwise_and(mask, diagonal), np.uint8), colour)


@lru_cache(maxsize=2)
def _diagonal(rows: int, columns: int) -> Mask:
    stripes = np.add.outer(np.arange(rows), np.arange(columns)) // _STRIPE_PX % 2
    return (255 * stripes).astype(np.uint8)


def histograms(picture: Picture) -> NDArray[np.float32]:
    """How often every code occurs in blue, green and red, as shares, (3, 256)."""
    counts = [cv2.calcHist([picture], [channel], None, [256], [0, 256]).ravel() for channel in range(3)]
    return np.asarray(np.stack(counts) / (picture.shape[0] * picture.shape[1]), np.float32)


def draw_histogram(picture: Picture, shares: NDArray[np.float32], clipped: Clipping) -> None:
    """Draw the histogram of the three colours into the lower left, in place, and the clipped shares in words.

    Parameters
    ----------
    shares : (3, 256) float32
        `histograms` of the picture before anything was drawn into it.
    """
    rows, columns = picture.shape[:2]
    height, width = min(_PANEL_HEIGHT_PX, rows // 3), min(256, columns // 2)
    top, left = rows - height - _PANEL_EDGE_PX, _PANEL_EDGE_PX
    panel = picture[top : top + height, left : left + width]
    panel[:] = _PANEL
    full = max(float(np.quantile(shares, _FULL_AT)), 1e-6)
    tall = cv2.resize(shares.T, (3, width), interpolation=cv2.INTER_AREA)  # (width, 3)
    reach = np.minimum(tall / full, 1.0) * (height - 1)
    up = np.arange(height - 1, -1, -1)[:, None, None]  # the panel's rows, counted from its foot
    np.maximum(panel, np.where(up < reach[None], 210, 0).astype(np.uint8), out=panel)
    words = f"white {clipped.over_share:.1%}  black {clipped.under_share:.1%}"
    _write(picture, words, (left + _TEXT_EDGE_PX, top - 8), 0.45, _WHITE)


def draw_inset(picture: Picture, part: Magnify) -> None:
    """Show a part larger in the corner that is farthest from it, in place, and frame where it is."""
    rows, columns = picture.shape[:2]
    down, along = part.window(picture.shape)
    height, width = round(rows * _INSET_SHARE), round(columns * _INSET_SHARE)
    larger = cv2.resize(picture[down, along], (width, height), interpolation=cv2.INTER_LINEAR)
    cv2.rectangle(picture, (along.start - 1, down.start - 1), (along.stop, down.stop), _WHITE, 1)
    top = 0 if part.y > 0.5 else rows - height
    left = 0 if part.x > 0.5 else columns - width
    picture[top : top + height, left : left + width] = larger
    cv2.rectangle(
        picture, (left, top), (left + width - 1, top + height - 1), _WHITE, _INSET_EDGE_PX, cv2.LINE_8
    )
    _write(picture, f"{part.zoom:g}x", (left + 8, top + 20), 0.5, _WHITE)


def draw_simulated(picture: Picture) -> None:
    """Say that no camera took this, in place."""
    _write(picture, "SIMULATED", (picture.shape[1] // 2 - 60, 24), 0.7, _MAGENTA)


def _write(
    picture: Picture, words: str, place: tuple[int, int], size: float, colour: tuple[int, int, int]
) -> None:
    """Words on a dark ground, legible on anything; `place` is the left end of their base line."""
    (width, height), below = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    left, foot = place
    first = (left - _TEXT_EDGE_PX, foot - height - _TEXT_EDGE_PX)
    cv2.rectangle(picture, first, (left + width + _TEXT_EDGE_PX, foot + below), _PANEL, cv2.FILLED)
    cv2.putText(picture, words, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
