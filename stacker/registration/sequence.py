"""In which order the planes of focus of frames follow one another, told by what the frames show.

How much detail of each size there is at each place rises and falls as the plane of focus passes, so frames
whose planes are neighbours are alike in it. Their order is the shortest way through all of them; its ends are
where the way back would be longest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from stacker.frames import Image
from stacker.registration.levels import MatchPyramid

__all__ = ["detail_of", "order_of_focus"]

_Order = np.ndarray[Any, np.dtype[np.int64]]

_TILES = 12, 8
"""Across and down the picture."""

_LONGER = 1.4
"""How many times the shortest way the order of the names has to be before it is wrong. In 32 stacks, rendered
and real, it is 1.00 to 1.02 times that, in one of six frames 1.15; in frames that are shuffled 1.4 to 15."""

_SAME = 0.05
"""Of a step, below which two frames show the same."""

_LEAST_NEW = 0.6
"""Share of the steps that has to lead to something new: what is shot over and over has no order to be found,
and to fuse it once more would cost as much again."""

_FEWEST, _MOST = 5, 1000
"""Frames: fewer lie as far from each other as from any."""

_STARTS, _ROUNDS = 6, 50

_BLANK = 0.1
"""Of the median frame's detail: black frames, blank ones, and those of a failed flash have less."""

_BLACK = 0.1
"""Of 255: a mean that no frame with a subject is below."""


def detail_of(pyramid: MatchPyramid) -> Image:
    """How much detail a frame has for its brightness, by size and place: float32, shape (sizes, 8, 12)."""
    levels = pyramid.levels[1:] or pyramid.levels
    bands = (cv2.multiply(level.band, level.band) for level in levels)
    energy = np.stack([cv2.resize(band, _TILES, interpolation=cv2.INTER_AREA) for band in bands])
    return np.asarray(np.sqrt(energy) / np.float32(max(float(levels[-1].smooth.mean()), _BLACK)))


def order_of_focus(details: Sequence[Image]) -> list[int] | None:
    """Find the order of frames, where it plainly is another than the given one.

    Parameters
    ----------
    details : sequence of ndarray
        What `detail_of` says of each frame, in the order of their names.

    Returns
    -------
    list of int or None
        Places in ``details`` in the order of focus; None where the order of the names will do. A frame that
        shows nothing stays behind the one that it is behind.
    """
    strength = np.array([float(detail.mean()) for detail in details])
    blank = strength < _BLANK * np.median(strength) if len(details) else np.zeros(0, bool)
    shown: list[int] = np.flatnonzero(~blank).tolist()
    order = _order_of_focus([details[at] for at in shown])
    if order is None:
        return None
    found = [shown[at] for at in order]
    for at in np.flatnonzero(blank).tolist():
        found.insert(found.index(at - 1) + 1 if at else 0, at)
    return found


def _order_of_focus(details: Sequence[Image]) -> list[int] | None:
    count = len(details)
    if not _FEWEST <= count <= _MOST:
        return None
    apart = _apart(np.stack(details))
    tours = [_shortened(apart, _by_nearest(apart, start)) for start in range(0, count, -(-count // _STARTS))]
    best = min(tours, key=lambda tour: _round(apart, tour))
    order = np.roll(best, -1 - int(apart[best, np.roll(best, -1)].argmax()))
    if not _plainly_better(_steps(apart, np.arange(count)), _steps(apart, order)):
        return None
    forward = np.corrcoef(order, np.arange(count))[0, 1] >= 0
    return [int(index) for index in (order if forward else order[::-1])]


def _apart(details: Image) -> Image:
    """How far frames are apart, (n, n): for each size and place as a share of the most there is of it."""
    count, sizes = details.shape[:2]
    by_size = details.reshape(count, sizes, -1)
    most, least = by_size.max(axis=0), by_size.min(axis=0)
    shown = most > 0.3 * np.median(most, axis=1, keepdims=True)
    weight = np.where(shown, (most - least) / np.maximum(most, 1e-6), 0)
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
    shares = by_size / np.maximum(most, 1e-6)
    return np.array([(np.abs(shares - one) * weight).sum(axis=(1, 2)) for one in shares])


def _steps(apart: Image, order: _Order) -> Image:
    return np.asarray(apart[order[:-1], order[1:]])


def _plainly_better(named: Image, found: Image) -> bool:
    """Whether the steps of an order are plainly shorter than those of the names'.

    Steps between frames that show the same do not count, so that frames that go to and fro through the same
    planes are as good as any.
    """
    same = _SAME * float(np.sort(found)[found.size // 2 :].mean())
    shorter = found[found > same]
    if shorter.size < _LEAST_NEW * found.size:
        return False
    return float(named[named > same].mean()) > _LONGER * float(shorter.mean())


def _round(apart: Image, order: _Order) -> float:
    return float(apart[order, np.roll(order, -1)].sum())


def _by_nearest(apart: Image, start: int) -> _Order:
    """A tour that goes on to the nearest of the frames that are left."""
    order, left = [start], np.ones(len(apart), bool)
    left[start] = False
    while left.any():
        order.append(int(np.where(left, apart[order[-1]], np.inf).argmin()))
        left[order[-1]] = False
    return np.array(order)


def _shortened(apart: Image, order: _Order) -> _Order:
    """A tour in which no part can be turned round, and no frame moved, to make it shorter (Croes, 1958)."""
    for _ in range(_ROUNDS):
        before = _round(apart, order)
        for at in range(1, len(order) - 1):
            order = _turned(apart, order, at)
        for at in range(len(order)):
            order = _moved(apart, order, at)
        if _round(apart, order) > before - 1e-9:
            break
    return order


def _turned(apart: Image, order: _Order, at: int) -> _Order:
    """With the part from a place to a later one turned round, where that is best."""
    last, after = order[at + 1 :], np.append(order[at + 2 :], order[0])
    gain = apart[order[at - 1], order[at]] + apart[last, after]
    gain = gain - apart[order[at - 1], last] - apart[order[at], after]
    best = int(gain.argmax())
    if gain[best] <= 1e-9:
        return order
    end = at + best + 2
    return np.concatenate([order[:at], order[at:end][::-1], order[end:]])


def _moved(apart: Image, order: _Order, at: int) -> _Order:
    """With one frame put where it lengthens the tour least."""
    one, rest = order[at], np.delete(order, at)
    cost = apart[rest, one] + apart[one, np.roll(rest, -1)] - apart[rest, np.roll(rest, -1)]
    return np.insert(rest, int(cost.argmin()) + 1, one)
