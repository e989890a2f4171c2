"""How far narrow things stand out from their surroundings, where they are looked for.

That is what an opening takes away, or a closing fills in (Serra, "Image Analysis
and Mathematical Morphology", 1982: top hats).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from stacker.frames import Image

__all__ = ["Mask", "Pixels", "Positions", "Standing", "standing_in_both"]

_NEAR_PX = 7
"""Window in which the height of what stands out is looked for."""

_USUAL_PX = 31
"""Window in which it is looked for how far things of a frame stand out where they are alone. In windows of 15
the far print on the near part of a circuit board is too seldom known for what it is, in those of 61 needles
are lost (docs/algorithm.md)."""

_WIDE_PX = 63
"""Window in which the same is looked for once more: print seen through the rim of a wide part stands out as
usual among its like, but not beside print that is in the clear."""

_BURNT = 250
"""Luma from which something bright is as bright as can be, and not less so behind a veil: it wins only where
it is known to be the nearer one."""

Pixels = np.ndarray[Any, np.dtype[np.int64]]
Positions = np.ndarray[Any, np.dtype[np.int16]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Standing:
    """How far things stand out at some pixels.

    Attributes
    ----------
    height, own : ndarray of uint8, shape (n,)
        The most in the few pixels around, and each pixel's own; of what is darker or brighter than its
        surroundings, whichever is more.
    detail : ndarray of uint8, shape (n,)
        See `detail_around`.
    usual, widely : ndarray of float32, shape (n,)
        The height of things around that are alone, as log(1 + x), in two windows; that of the place where
        there are none.
    burnt : ndarray of bool, shape (n,)
        Where it is brighter than its surroundings and reaches white.
    """

    height: Image
    own: Image
    detail: Image
    usual: Image
    widely: Image
    burnt: Mask

    def part(self, which: Pixels | slice) -> Standing:
        """Some of the pixels, in the order that is asked for."""
        return Standing(*(each[which] for each in self.values()))

    def where(self, mine: Mask, other: Standing) -> Standing:
        """Some pixels of this one, the rest of another."""
        pairs = zip(self.values(), other.values(), strict=True)
        return Standing(*(np.where(mine, own, its) for own, its in pairs))

    def beside_usual(self) -> Image:
        """How far each pixel stands out over what is usual: natural logarithm."""
        return np.asarray(np.log1p(self.own, dtype=np.float32) - self.usual)

    def veiled(self, widely: bool = False) -> Image:
        """By how much less than usual it stands out: natural logarithm."""
        usual = self.widely if widely else self.usual
        return np.asarray(usual - np.log1p(self.height, dtype=np.float32))

    def values(self) -> tuple[Image, ...]:
        """All there is of the pixels."""
        return self.height, self.own, self.detail, self.usual, self.widely, self.burnt


def standing_in_both(
    luma: Image, detail: Image, narrow_px: int, at: Pixels, beginning: Positions, end: Positions
) -> tuple[Standing, Standing]:
    """How far pixels stand out in two frames each.

    Parameters
    ----------
    luma, detail, narrow_px
        See `stacker.fusion.overlaps.Places`.
    at : ndarray of int64, shape (n,)
        The pixels, counted row by row.
    beginning, end : ndarray of int16, shape (n,)
        The first frame that shows detail at each of them, and the last; where that is the same one, what is
        there is alone.
    """
    both, alone = np.concatenate([beginning, end]), np.tile(beginning == end, 2)
    by_frame = np.argsort(both, kind="stable")
    behind = np.cumsum(np.bincount(both))
    parts = []
    for frame in np.flatnonzero(np.diff(behind, prepend=0)):
        which = by_frame[behind[frame - 1] if frame else 0 : behind[frame]]
        parts.append(_standing(luma[frame], detail[frame], narrow_px, at[which % at.size], alone[which]))
    joined = Standing(*(np.concatenate(each) for each in zip(*map(Standing.values, parts), strict=True)))
    back = np.empty_like(by_frame)
    back[by_frame] = np.arange(by_frame.size)
    found = joined.part(back)
    return found.part(slice(at.size)), found.part(slice(at.size, None))


def _standing(luma: Image, detail: Image, narrow_px: int, at: Pixels, alone: Mask) -> Standing:
    """Of some pixels of one frame, looked at no farther around than they need."""
    rows, columns = np.divmod(at, luma.shape[1])
    beside = narrow_px + _NEAR_PX // 2
    top, left = max(0, rows.min() - beside), max(0, columns.min() - beside)
    part = np.ascontiguousarray(luma[top : rows.max() + beside + 1, left : columns.max() + beside + 1])
    rows, columns = rows - top, columns - left
    here = rows * part.shape[1] + columns
    wide, near = np.ones((narrow_px, narrow_px), np.uint8), np.ones((_NEAR_PX, _NEAR_PX), np.uint8)
    bright = cv2.subtract(part, cv2.morphologyEx(part, cv2.MORPH_OPEN, wide))
    dark = cv2.subtract(cv2.morphologyEx(part, cv2.MORPH_CLOSE, wide), part)
    brights, darks, peaks = (cv2.dilate(each, near).ravel().take(here) for each in (bright, dark, part))
    own = np.where(darks > brights, dark.ravel().take(here), bright.ravel().take(here))
    height = np.maximum(brights, darks)
    some = np.zeros(part.shape, np.uint8)
    some.ravel()[here] = np.where(alone & (own > height // 2), height, np.uint8(0))
    usual, widely = _usual(some, (rows, columns), height)
    burnt = (peaks >= _BURNT) & (brights >= darks)
    return Standing(height, own, detail.ravel().take(at), usual, widely, burnt)


def _usual(some: Image, here: tuple[Pixels, Pixels], height: Image) -> tuple[Image, ...]:
    """Mean height of things around some pixels, as log(1 + x), in windows of `_USUAL_PX` and `_WIDE_PX`;
    ``some`` is 0 where there is none of them, and ``height`` is that of the pixels."""
    # Weighted by themselves: beside something that stands out, what hardly does tells nothing.
    tables = cv2.integral2(some, sdepth=cv2.CV_32S, sqdepth=cv2.CV_64F)
    found = []
    for side_px in (_USUAL_PX, _WIDE_PX):
        window = [
            (np.maximum(each - side_px // 2, 0), np.minimum(each + side_px // 2 + 1, end))
            for each, end in zip(here, some.shape, strict=True)
        ]
        corners = [row * (some.shape[1] + 1) + column for row, column in itertools.product(*window)]
        total, squares = (_sum_between(table, corners) for table in tables)
        usual = np.where(total > 0, squares / np.maximum(total, 1), height)
        found.append(np.log1p(usual, dtype=np.float32))
    return tuple(found)


def _sum_between(table: Image, corners: list[Pixels]) -> Image:
    """Sums over windows by a table of sums (Crow 1984), of which all four corners are given."""
    one, beside, below, opposite = (table.ravel().take(corner) for corner in corners)
    return np.asarray(one - beside - below + opposite)
