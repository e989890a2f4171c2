"""Divides a picture among the frames by depth: weights that are soft at seams and add up to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from stacker.errors import UserError
from stacker.focus.measure import CELL_PX
from stacker.frames import Image, full_scale
from stacker.fusion.window import Spans, Window, window_of
from stacker.outputs.registered import picture_window, used_places
from stacker.result import LEAST_DETAIL, Stack

__all__ = ["Partition", "never_used", "partition_of", "upsampled"]

_SEAM = 0.5
"""Part of the way from one frame's depth to the next one's over which both are mixed. Half of it keeps masks
white or black on most of a slope, and no step is seen where two frames are equally sharp."""

_JUMP = 1.5
"""Frames between neighbouring cells: more is an edge in depth, where nothing between the two sides is meant.
What is found there between them comes from interpolating the depth."""

_EDGE_CELLS = 5
"""Side of the neighbourhood in which an edge is looked for: cells were made full pixels, which were made
cells again, and each of the two steps blurs by one."""

_SLOPE_CELLS, _STEP_SHARE = 11, 0.7
"""A step rises as much within the smaller neighbourhood as within this one, a slope 4 parts of 10."""

_FEATHER_CELLS = 0.8
"""Standard deviation of the blur of seams; with 5 taps it reaches two cells."""

_INSET_PX = 6.0
"""A frame is preferred where it reaches that far beyond: two cells of blur and one of interpolation."""

_TOUCHED_PX = 2.5
"""A cell whose pixels lie that far beyond a frame's outermost ones at most has one of its pixels in it."""

_OFF_INSET, _OFF_FRAME = 1e4, 1e8
"""Cost, in frames, of a frame that reaches a cell barely, and not at all: more than any stack has."""

_LEAST_SHARE = 1e-4
"""Of the picture: a frame that takes less of it, and is nowhere the sharpest to speak of, is not used. A
24 MP picture has 2400 pixels of that."""

_NO_WEIGHT = 1e-6
"""Less than the least weight that the blur of a seam leaves."""

_STRIP_PX = 128
"""Rows that are worked on at once: what is needed for them stays in the cache, and no large array comes and
goes."""

_NOBODY = 65535
"""Stands for a frame where none reaches."""

_Cells = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Partition:
    """Who makes which part of the picture.

    Attributes
    ----------
    places : tuple of int
        In ``stack.reports``, in order of their index: the frames that are used.
    lower : ndarray of uint16, shape (h, w)
        For every cell of the picture the frame before its depth, counted in ``places``.
    share : ndarray of float32, shape (h, w)
        0 to 1: share of the frame behind; the rest is the lower one's.
    reached : ndarray of bool, shape (h, w)
        Where any of the frames is; elsewhere all weights are 0.
    areas : tuple of float
        For each of ``places`` the share of the picture in which it has the greatest weight.
    """

    places: tuple[int, ...]
    lower: _Cells
    share: _Cells
    reached: _Cells
    areas: tuple[float, ...]

    def weight(self, number: int) -> Image:
        """Weight of a frame, cell by cell: those of all frames add up to 1 where any reaches.

        Parameters
        ----------
        number : int
            Of the frame in ``places``.

        Returns
        -------
        ndarray of float32, shape (h, w)
            0 to 1.
        """
        weight = np.zeros(self.share.shape, np.float32)
        np.subtract(np.float32(1), self.share, out=weight, where=self.lower == number)
        if number:
            np.copyto(weight, self.share, where=self.lower == number - 1)
        return np.asarray(
            cv2.GaussianBlur(weight, (5, 5), _FEATHER_CELLS, weight, borderType=cv2.BORDER_REPLICATE)
        )

    def mask(self, number: int, below: Image, window: Window, out: Image) -> None:
        """Opacity of a layer over the layers of all frames before it, so that the sum of all is weighted.

        Parameters
        ----------
        number : int
            Of the frame in ``places``.
        below : ndarray of float32, shape (h, w)
            Sum of the weights of the frames before it; this one's is added.
        window : Window
            Part of the picture, in its pixels.
        out : ndarray of uint8 or uint16
            As large as the window: is filled, white where the frame covers all that is below.
        """
        weight = self.weight(number)
        below += weight
        white = np.float32(full_scale(out.dtype))
        for top in range(0, window.height, _STRIP_PX):
            part = Window(window.x, window.y + top, window.width, min(_STRIP_PX, window.height - top))
            opacity = upsampled(weight, part)
            if not opacity.any():
                out[top : top + part.height] = 0
                continue
            # Where no frame so far has weight there is nothing to be divided.
            opacity /= np.maximum(upsampled(below, part), np.float32(_NO_WEIGHT))
            opacity *= white
            np.rint(np.minimum(opacity, white, out=opacity), out=opacity)
            out[top : top + part.height] = opacity


def partition_of(stack: Stack, keep_unused: bool = False) -> Partition:
    """Divide a picture among its frames by the depth that is known of it.

    Parameters
    ----------
    stack : Stack
        With a depth index.
    keep_unused : bool
        Keep frames that make nothing of the picture; those that lie beside it, as it was cropped, are no part
        of it.

    Raises
    ------
    UserError
        When the depth is not known.
    """
    if stack.depth is None:
        raise UserError(
            f"The method {stack.method} does not tell which frame is sharp where: stack with another one, "
            "such as auto"
        )
    index = _cells_of_depth(stack.depth.index)
    found = _divided(stack, index, [place for place in used_places(stack) if _touches(stack, place)])
    if keep_unused:
        return found
    kept = [
        place for place, area in zip(found.places, found.areas, strict=True) if _matters(stack, place, area)
    ]
    return found if len(kept) == len(found.places) else _divided(stack, index, kept)


def never_used(stack: Stack, partition: Partition) -> list[int]:
    """Places in ``stack.reports`` of frames that were stacked and make nothing of the picture."""
    areas = dict(zip(partition.places, partition.areas, strict=True))
    return [place for place in used_places(stack) if not _matters(stack, place, areas.get(place, 0.0))]


def _touches(stack: Stack, place: int) -> bool:
    reach = window_of(stack.reports[place].matrix, stack.frame_size).intersection(picture_window(stack))
    return bool(reach.width and reach.height)


def _matters(stack: Stack, place: int, area: float) -> bool:
    return area >= _LEAST_SHARE or (area > 0 and stack.shares[place] >= LEAST_DETAIL)


def _range(cells: Image, unknown: _Cells, side: int) -> tuple[Image, Image]:
    """Smallest and largest depth around each cell."""
    kernel = np.ones((side, side), np.uint8)
    low = cv2.erode(np.where(unknown, np.float32(np.inf), cells), kernel)
    high = cv2.dilate(np.where(unknown, np.float32(-np.inf), cells), kernel)
    low[unknown] = high[unknown] = 0
    return low, high


def _cells_of_depth(index: Image) -> Image:
    """The depth of every cell, with edges that are steps: NaN where it is not known."""
    cells = np.ascontiguousarray(index[::CELL_PX, ::CELL_PX])
    unknown = np.isnan(cells)
    low, high = _range(cells, unknown, _EDGE_CELLS)
    far_low, far_high = _range(cells, unknown, _SLOPE_CELLS)
    rise = high - low
    edge = (rise > _JUMP) & (rise > np.float32(_STEP_SHARE) * (far_high - far_low))
    np.copyto(cells, np.where(cells - low < high - cells, low, high), where=edge)
    return cells


def _divided(stack: Stack, index: Image, places: Sequence[int]) -> Partition:
    if not places:
        raise UserError("No frame of this stack was used, so there is nothing to divide")
    indexes = [float(stack.reports[place].index) for place in places]
    ranks = np.interp(index, indexes, np.arange(len(places), dtype=float)).astype(np.float32)
    ranks[np.isnan(index)] = 0
    lower = np.minimum(np.floor(ranks), len(places) - 1).astype(np.uint16)
    share = np.clip((ranks - lower - np.float32(0.5)) / np.float32(_SEAM) + np.float32(0.5), 0, 1)
    share = np.asarray(share * share * (3 - 2 * share), np.float32)  # smoothstep
    unfit = np.zeros(index.shape, bool)
    for number, place in enumerate(places):
        outside = _spans(stack, place, index.shape, _INSET_PX).mask(index.shape[1]) == 0
        unfit |= outside & (lower == number) & (share < 1)
        if number:
            unfit |= outside & (lower == number - 1) & (share > 0)
    rows, columns = np.nonzero(unfit)
    lower[rows, columns], share[rows, columns] = _nearest_that_reaches(stack, places, ranks, rows, columns), 0
    reached = _cells_of(stack.valid)
    lower[~reached] = _NOBODY
    winner = (lower + (share > 0.5))[reached]
    areas = np.bincount(winner, minlength=len(places)) / index.size
    return Partition(tuple(places), lower, share, reached, tuple(float(area) for area in areas))


def _nearest_that_reaches(
    stack: Stack, places: Sequence[int], ranks: Image, rows: _Cells, columns: _Cells
) -> _Cells:
    """For some cells the frame nearest in depth among those that are well around it, or at least touch it."""
    best, least = np.zeros(rows.size, np.uint16), np.full(rows.size, np.inf, np.float32)
    for number, place in enumerate(places):
        cost = np.abs(ranks[rows, columns] - np.float32(number))
        for inset, penalty in ((_INSET_PX, _OFF_INSET), (-_TOUCHED_PX, _OFF_FRAME)):
            spans = _spans(stack, place, ranks.shape, inset)
            inside = (columns >= spans.first[rows]) & (columns < spans.last[rows])
            cost[~inside] += np.float32(penalty)
        closer = cost < least
        best[closer], least[closer] = number, cost[closer]
    return best


def _spans(stack: Stack, place: int, shape: tuple[int, ...], inset_px: float) -> Spans:
    """Cells of the picture that a frame is in, by a margin."""
    report, canvas = stack.reports[place], picture_window(stack)
    rows, columns = shape
    cells = Window(canvas.x, canvas.y, columns * CELL_PX, rows * CELL_PX)
    return Spans.of_frame(report.matrix, stack.frame_size, cells, inset_px, CELL_PX)


def _cells_of(mask: _Cells) -> _Cells:
    """Cells of which any pixel is set."""
    height, width = mask.shape
    pads = (0, height % CELL_PX), (0, width % CELL_PX)
    even = np.pad(mask, pads, "edge")
    return np.asarray(even.reshape(-1, CELL_PX, even.shape[1] // CELL_PX, CELL_PX).any(axis=(1, 3)))


def upsampled(cells: Image, window: Window) -> Image:
    """Cells of a picture as the pixels of a part of it, interpolated between their centres."""
    first, last = max(0, window.y // CELL_PX - 1), window.bottom // CELL_PX + 2
    left, right = max(0, window.x // CELL_PX - 1), window.right // CELL_PX + 2
    part = cells[first:last, left:right]
    size = part.shape[1] * CELL_PX, part.shape[0] * CELL_PX
    wide = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)
    y, x = window.y - first * CELL_PX, window.x - left * CELL_PX
    return np.asarray(wide[y : y + window.height, x : x + window.width])
