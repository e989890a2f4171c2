"""Where a wrong pick is likely: a place like no frame, or where detail of a frame was lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from stacker.focus.measure import CELL_PX
from stacker.frames import Image, full_scale
from stacker.outputs.crop import common_field
from stacker.outputs.lost_detail import LostDetail, coarse
from stacker.outputs.partition import Partition, partition_of
from stacker.outputs.registered import RegisteredFrames, picture_window
from stacker.result import Stack

__all__ = ["Suspect", "Suspects", "find_suspects", "overlay"]

_LOCAL_CELLS = 1.0
"""Standard deviation of the window over which differences are averaged: a hair's width."""

_METHOD_SHARE = 0.5
"""Of the difference from the frames by depth. The pyramid differs from them where detail lies behind detail,
and is mostly right; on rendered scenes it tells less than the difference from all frames."""

_BORNE_OUT_LEVELS = 5.0
"""So far a place that is like no frame counts by itself, in 1/255 of white: the eye sees that on a smooth
surface. More has to be borne out by lost detail, or by a tone that no frame has: where two depths are seen at
once, the picture rightly has the detail of both, which no frame has."""

_TONE_CELLS, _TONE_SIGMA = 4, 1.0
"""Tone is what is left of differences in windows of so many cells, blurred by that standard deviation: wider
than the detail of two depths, in which both signs are."""

_LEAST_LEVELS, _LEAST_NOISE = 5.0, 2.0
"""A place is a suspect from here on: in 1/255 of white, and in the frames' noise. The eye sees 5 beside an
edge."""

_COMMON_SHARE, _STANDS_OUT = 0.1, 3.0
"""A suspect stands out so many times from what that part of the picture exceeds in being mixed. Where veined
wings are seen through each other all over, nothing does."""

_RIM_PX = 4
"""At the edge of a frame differences are averaged over what it does not reach."""

_MOST_SHARE = 0.02
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
    beside edges in depth and highlights. That is borne out where detail that is in focus in one frame is not
    in the picture (`stacker.outputs.lost_detail`), or where the picture has a tone that no frame has. And
    where it differs from the frames by the depth index and such detail is lost, two methods disagree. What
    stands out is told, within the field that all frames reach: what lies around it is filled, and for
    `stacker.outputs.crop`.

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
    evidence = _evidence(stack, partition, progress)
    score = np.maximum(evidence.mixed, evidence.disagreed)
    field = _field(stack, score.shape)
    score[~(partition.reached & field)] = 0
    common = float(np.quantile(evidence.mixed[field], 1 - _COMMON_SHARE))
    most = float(np.quantile(score[field], 1 - _MOST_SHARE))
    threshold = max(_LEAST_LEVELS, _LEAST_NOISE * stack.noise_sigma, _STANDS_OUT * common, most)
    labels, order, boxes = _places(score, threshold)
    found = (
        _suspect(stack, partition, evidence, score, labels, label, boxes[label]) for label in order[:limit]
    )
    return Suspects(tuple(found), score, threshold, max(0, len(order) - limit))


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


@dataclass(frozen=True)
class _Evidence:
    """What speaks against each cell, in 1/255 of white; float32, shape (h, w).

    Attributes
    ----------
    mixed, disagreed : ndarray
        By how much it is like no frame, and like those that the depth names, as far as it is borne out.
    lost : LostDetail
        What bears it out.
    """

    mixed: Image
    disagreed: Image
    lost: LostDetail


def _evidence(
    stack: Stack, partition: Partition, progress: Callable[[int, int, str], None] | None
) -> _Evidence:
    """Compare all frames with the picture."""
    canvas = picture_window(stack)
    picture = _cells(np.moveaxis(stack.image, -1, 0))
    nearest = np.full(picture.shape[1:], np.inf, np.float32)
    by_depth, total = np.zeros_like(nearest), np.zeros_like(nearest)
    tone = np.full(coarse(nearest, _TONE_CELLS).shape, np.inf, np.float32)
    lost = LostDetail(picture, stack.noise_sigma, len(partition.places))
    frames = RegisteredFrames(stack, partition.places)
    with closing(frames.laid(canvas)) as laid_frames:
        for number, laid in enumerate(laid_frames):
            planes = _cells(laid.planes)
            inside = frames.inside(laid.place, canvas, CELL_PX)[: nearest.shape[0], : nearest.shape[1]]
            square, toned = _differences(planes, picture)
            toned[coarse(inside.astype(np.float32), _TONE_CELLS) < 1] = np.inf
            np.minimum(tone, toned, out=tone)
            lost.add(planes, square, inside)
            weight = partition.weight(number) * inside
            total += weight
            by_depth += weight * square
            off = _local(square)
            off[~inside] = np.inf
            np.minimum(nearest, off, out=nearest)
            if progress is not None:
                progress(number + 1, len(partition.places), stack.reports[laid.place].name)
    lost.finish()
    nearest[~np.isfinite(nearest)] = 0
    tone[~np.isfinite(tone)] = 0
    toned = cv2.resize(np.sqrt(tone), nearest.shape[::-1], interpolation=cv2.INTER_LINEAR)
    floor = np.float32(_NOISE_LEFT * stack.noise_sigma**2)
    by_depth = _local(by_depth / np.maximum(total, np.float32(1e-6)))
    borne_out = np.maximum(lost.level + np.float32(_BORNE_OUT_LEVELS), toned)
    mixed = np.minimum(_beyond(nearest, floor), borne_out)
    disagreed = np.minimum(np.float32(_METHOD_SHARE) * _beyond(by_depth, floor), lost.level)
    return _Evidence(mixed, disagreed, lost)


def _differences(planes: Image, picture: Image) -> tuple[Image, Image]:
    """Mean square difference over the channels: of cells, and of the tone of windows of them."""
    square = np.zeros(picture.shape[1:], np.float32)
    tone = np.zeros(coarse(square, _TONE_CELLS).shape, np.float32)
    for plane, wanted in zip(planes, picture, strict=True):
        difference = plane - wanted
        tone += np.square(cv2.GaussianBlur(coarse(difference, _TONE_CELLS), (0, 0), _TONE_SIGMA))
        square += np.square(difference, out=difference)
    return square / len(planes), tone / len(planes)


def _beyond(square: Image, floor: np.float32) -> Image:
    """What is more than noise, as a level."""
    return np.asarray(np.sqrt(np.maximum(square - floor, 0)))


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


def _local(square: Image) -> Image:
    """Mean over a small window."""
    return np.asarray(cv2.GaussianBlur(square, (0, 0), _LOCAL_CELLS))


def _places(score: Image, threshold: float) -> tuple[Image, list[int], Image]:
    """Connected places above the threshold: their labels, which of these are worth telling of, the worst
    first, and a box for each label.
    """
    above = (score > threshold).astype(np.uint8)
    joined = cv2.dilate(above, np.ones((_JOINED_CELLS, _JOINED_CELLS), np.uint8))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(joined)
    labels[above == 0] = 0
    areas = np.bincount(labels.ravel(), minlength=count)
    excess = np.bincount(labels.ravel(), (score - np.float32(threshold)).ravel(), minlength=count)
    order = [int(label) for label in np.argsort(-excess) if label and areas[label] >= _FEWEST_CELLS]
    return labels, order, boxes


def _suspect(
    stack: Stack,
    partition: Partition,
    evidence: _Evidence,
    score: Image,
    labels: Image,
    label: int,
    box: Image,
) -> Suspect:
    left, top, columns, rows = (int(value) for value in box[:4])
    here = labels[top : top + rows, left : left + columns] == label
    # Without what was added to join neighbours.
    down, across = np.flatnonzero(here.any(axis=1)), np.flatnonzero(here.any(axis=0))
    here = here[down[0] : down[-1] + 1, across[0] : across[-1] + 1]
    top, left, (rows, columns) = top + int(down[0]), left + int(across[0]), here.shape
    where = slice(top, top + rows), slice(left, left + columns)
    height, width = stack.image.shape[:2]
    x, y = left * CELL_PX, top * CELL_PX
    return Suspect(
        (x, y, min(columns * CELL_PX, width - x), min(rows * CELL_PX, height - y)),
        int(here.sum()) * CELL_PX**2,
        round(float(score[where][here].max()), 1),
        _reason(stack, partition, evidence, where, here),
        _meeting(stack, where),
    )


def _reason(
    stack: Stack, partition: Partition, evidence: _Evidence, where: tuple[slice, slice], here: Image
) -> str:
    """What speaks against a place the most, and what frame has the detail that is lost there."""
    mixed, disagreed, lost = (
        part[where][here] for part in (evidence.mixed, evidence.disagreed, evidence.lost.level)
    )
    if disagreed.sum() <= mixed.sum() and lost.mean() < _BORNE_OUT_LEVELS:
        return "mixed: like none of the frames"
    number = int(np.bincount(evidence.lost.frame[where][here], lost).argmax())
    name = stack.reports[partition.places[number]].name
    if disagreed.sum() > mixed.sum():
        return f"methods disagree: {name} is sharp here"
    return f"lost: {name} has detail that the picture has not"


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
