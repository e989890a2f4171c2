"""Where a wrong pick is likely: a place like no frame, not as another method has it, or at an unsure edge."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from stacker.frames import Image, full_scale
from stacker.outputs.crop import common_field
from stacker.outputs.partition import CELL_PX, Partition, partition_of
from stacker.outputs.registered import RegisteredFrames, picture_window
from stacker.result import Stack

__all__ = ["Suspect", "Suspects", "find_suspects", "overlay"]

_LOCAL_CELLS = 1.0
"""Standard deviation of the window over which differences are averaged: a hair's width."""

_METHOD_SHARE = 0.5
"""Of the difference from the frames by depth. The pyramid differs from them where detail lies behind detail,
and is mostly right; on rendered scenes it tells less than the difference from all frames."""

_EDGE_LEVELS = 2.0
"""What an edge in depth of three frames or more counts where nothing is sure, in 1/255 of white."""

_EDGE_FRAMES = 3.0
_EDGE_CELLS = 7

_LEAST_LEVELS, _LEAST_NOISE = 5.0, 2.0
"""A place is a suspect from here on: in 1/255 of white, and in the frames' noise. The eye sees 5 beside an
edge."""

_RIM_PX = 4
"""At the edge of a frame differences are averaged over what it does not reach."""

_MOST_SHARE = 0.03
"""Of the picture that is shown as suspect: where all is difficult, the worst of it."""

_FEWEST_CELLS = 6
"""Smaller places are noise, or not worth a brush."""

_JOINED_CELLS = 5
"""Places nearer than that are one."""

_NOISE_LEFT = 0.4
"""Variance of a frame's mean over a cell beside that of a pixel, and of the fused picture's: a quarter, and
somewhat less."""


@dataclass(frozen=True)
class Suspect:
    """A place to look at.

    Attributes
    ----------
    box : tuple of int
        Left, top, width and height in pixels of the picture.
    area_px : int
        Of what is suspect in it.
    score : float
        At its worst, in 1/255 of white: roughly by how much it is off.
    reason : str
        Why, in words.
    frames : tuple of str
        Names of the frames that meet there, the first and the last by depth.
    """

    box: tuple[int, int, int, int]
    area_px: int
    score: float
    reason: str
    frames: tuple[str, ...]


@dataclass(frozen=True)
class Suspects:
    """All of them.

    Attributes
    ----------
    places : tuple of Suspect
        The worst first.
    score : ndarray of float32, shape (h, w)
        Of every cell of 2 × 2 pixels, in 1/255 of white.
    threshold : float
        From which score on a place is suspect.
    more : int
        How many places were found beside these.
    """

    places: tuple[Suspect, ...]
    score: Image
    threshold: float
    more: int


def find_suspects(
    stack: Stack, limit: int = 20, progress: Callable[[int, int, str], None] | None = None
) -> Suspects:
    """Look for likely wrong picks.

    A place where the fused picture differs from every single frame has been mixed from several, which happens
    beside edges in depth and highlights; where it differs from the frames by the depth index, two methods
    disagree; and the depth itself may be unsure beside an edge. The three are added up, within the field that
    all frames reach: what lies around it is filled, and for `stacker.outputs.crop`.

    Parameters
    ----------
    stack : Stack
        With a depth index; its frames are files, which are read again.
    limit : int
        Places to tell of, at most.
    progress : callable, optional
        Told of every frame.

    Raises
    ------
    UserError
        When the depth is not known, or frames were arrays.
    DataError
        When a frame is gone or has changed.
    """
    partition = partition_of(stack, keep_unused=True)
    nearest, by_depth = _differences(stack, partition, progress)
    floor = np.float32(_NOISE_LEFT * stack.noise_sigma**2)
    mixed = np.sqrt(np.maximum(nearest - floor, 0))
    disagreed = np.float32(_METHOD_SHARE) * np.sqrt(np.maximum(by_depth - floor, 0))
    edges = _unsure_edges(stack)
    score = mixed + disagreed + edges
    field = _field(stack, score.shape)
    score[~(partition.reached & field)] = 0
    most = float(np.quantile(score[field], 1 - _MOST_SHARE))
    threshold = max(_LEAST_LEVELS, _LEAST_NOISE * stack.noise_sigma, most)
    found = _places(stack, (mixed, disagreed, edges), score, threshold)
    return Suspects(tuple(found[:limit]), score, threshold, max(0, len(found) - limit))


def _field(stack: Stack, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Cells that all frames reach; all of them where there are none."""
    field = np.zeros(shape, bool)
    canvas, common = picture_window(stack), common_field(stack)
    if common is None:
        return ~field
    inner = common.expanded(-_RIM_PX)
    top, left = -(-(inner.y - canvas.y) // CELL_PX), -(-(inner.x - canvas.x) // CELL_PX)
    field[top : (inner.bottom - canvas.y) // CELL_PX, left : (inner.right - canvas.x) // CELL_PX] = True
    return field if field.any() else ~field


def _differences(
    stack: Stack, partition: Partition, progress: Callable[[int, int, str], None] | None
) -> tuple[Image, Image]:
    """Mean square difference from the frame that is most like the picture, and from the frames by depth.

    In units of (1/255 of white)², cell by cell.
    """
    canvas = picture_window(stack)
    picture = _cells(np.moveaxis(stack.image, -1, 0))
    nearest = np.full(picture.shape[1:], np.inf, np.float32)
    mosaic, total = np.zeros_like(picture), np.zeros(nearest.shape, np.float32)
    frames = RegisteredFrames(stack, partition.places)
    with closing(frames.laid(canvas)) as laid_frames:
        for number, laid in enumerate(laid_frames):
            planes = _cells(laid.planes)
            inside = frames.inside(laid.place, canvas, CELL_PX)[: nearest.shape[0], : nearest.shape[1]]
            off = _local(planes - picture)
            off[~inside] = np.inf
            np.minimum(nearest, off, out=nearest)
            weight = partition.weight(number) * inside
            total += weight
            mosaic += weight * planes
            if progress is not None:
                progress(number + 1, len(partition.places), stack.reports[laid.place].name)
    mosaic /= np.maximum(total, np.float32(1e-6))
    np.copyto(mosaic, picture, where=total <= 0)  # so that nothing spreads from there
    nearest[~np.isfinite(nearest)] = 0
    return nearest, _local(mosaic - picture)


def _cells(planes: Image) -> Image:
    """Means of cells in 1/255 of white, float32, shape (3, h, w); a last odd row or column is a cell too."""
    height, width = planes.shape[1:]
    scale = np.float32(255 / full_scale(planes.dtype))
    size = -(-width // CELL_PX), -(-height // CELL_PX)
    found = np.empty((len(planes), size[1], size[0]), np.float32)
    for plane, out in zip(planes, found, strict=True):
        even = cv2.copyMakeBorder(plane, 0, height % CELL_PX, 0, width % CELL_PX, cv2.BORDER_REPLICATE)
        out[...] = cv2.resize(even, size, interpolation=cv2.INTER_AREA) * scale
    return found


def _local(difference: Image) -> Image:
    """Mean square over the channels and a small window."""
    return np.asarray(cv2.GaussianBlur(np.square(difference).mean(axis=0), (0, 0), _LOCAL_CELLS))


def _unsure_edges(stack: Stack) -> Image:
    """What edges in depth count, in 1/255 of white: nothing where the depth is sure."""
    assert stack.depth is not None
    index = np.nan_to_num(np.ascontiguousarray(stack.depth.index[::CELL_PX, ::CELL_PX]))
    unsure = 1 - cv2.blur(stack.depth.confidence[::CELL_PX, ::CELL_PX], (3, 3))
    kernel = np.ones((_EDGE_CELLS, _EDGE_CELLS), np.uint8)
    rise = np.minimum((cv2.dilate(index, kernel) - cv2.erode(index, kernel)) / _EDGE_FRAMES, 1)
    return np.asarray(_EDGE_LEVELS * rise * unsure, np.float32)


def _places(stack: Stack, parts: tuple[Image, Image, Image], score: Image, threshold: float) -> list[Suspect]:
    """Connected places above the threshold, the worst first."""
    above = (score > threshold).astype(np.uint8)
    joined = cv2.dilate(above, np.ones((_JOINED_CELLS, _JOINED_CELLS), np.uint8))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(joined)
    labels[above == 0] = 0
    areas = np.bincount(labels.ravel(), minlength=count)
    excess = np.bincount(labels.ravel(), (score - np.float32(threshold)).ravel(), minlength=count)
    order = [label for label in np.argsort(-excess) if label and areas[label] >= _FEWEST_CELLS]
    return [_suspect(stack, parts, score, labels, int(label), boxes[label]) for label in order]


def _suspect(
    stack: Stack, parts: tuple[Image, Image, Image], score: Image, labels: Image, label: int, box: Image
) -> Suspect:
    left, top, columns, rows = (int(value) for value in box[:4])
    where = slice(top, top + rows), slice(left, left + columns)
    here = labels[where] == label
    # Without what was added to join neighbours.
    down, across = np.flatnonzero(here.any(axis=1)), np.flatnonzero(here.any(axis=0))
    top, left, rows, columns = (
        top + int(down[0]),
        left + int(across[0]),
        *(int(found[-1] - found[0]) + 1 for found in (down, across)),
    )
    where = slice(top, top + rows), slice(left, left + columns)
    here = labels[where] == label
    strongest = int(np.argmax([float(part[where][here].sum()) for part in parts]))
    height, width = stack.image.shape[:2]
    x, y = left * CELL_PX, top * CELL_PX
    return Suspect(
        (x, y, min(columns * CELL_PX, width - x), min(rows * CELL_PX, height - y)),
        int(here.sum()) * CELL_PX**2,
        round(float(score[where][here].max()), 1),
        _REASONS[strongest],
        _meeting(stack, where),
    )


_REASONS = (
    "mixed: like none of the frames",
    "methods disagree: not what the depth says",
    "an edge in depth that is not sure",
)


def _meeting(stack: Stack, where: tuple[slice, slice]) -> tuple[str, ...]:
    """The frames at both ends of the depth around a place."""
    assert stack.depth is not None
    rows, columns = (slice(part.start * CELL_PX, part.stop * CELL_PX) for part in where)
    index = stack.depth.index[rows, columns]
    if np.isnan(index).all():
        return ()
    ends = np.rint(np.nanpercentile(index, (5, 95)))
    used = [report for report in stack.reports if report.used]
    names = [min(used, key=lambda report: abs(report.index - end)).name for end in ends]
    return tuple(dict.fromkeys(names))


def overlay(stack: Stack, suspects: Suspects) -> Image:
    """The picture in dim grey, suspects bright, framed and numbered; uint8, shape (H, W, 3)."""
    height, width = stack.image.shape[:2]
    grey = stack.image[..., 1].astype(np.float32) * np.float32(255 / full_scale(stack.image.dtype))
    shown = np.repeat((grey * 0.55).astype(np.uint8)[..., None], 3, axis=2)
    above = cv2.resize(
        suspects.score,
        (suspects.score.shape[1] * CELL_PX, suspects.score.shape[0] * CELL_PX),
        interpolation=cv2.INTER_LINEAR,
    )[:height, :width]
    shown[above > suspects.threshold] = _ORANGE
    thick = max(1, round(max(height, width) / 1500))
    for number, place in enumerate(suspects.places, start=1):
        x, y, columns, rows = place.box
        far = x + columns - 1 + 2 * thick, y + rows - 1 + 2 * thick
        cv2.rectangle(shown, (x - 2 * thick, y - 2 * thick), far, _YELLOW, thick)
        above_box = y - 4 * thick if y > 20 * thick else far[1] + 14 * thick
        cv2.putText(
            shown,
            str(number),
            (x, above_box),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.45 * thick,
            _YELLOW,
            thick,
            cv2.LINE_AA,
        )
    return shown


_ORANGE, _YELLOW = (255, 120, 0), (255, 230, 0)
