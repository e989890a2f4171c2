"""Which part of a picture to keep: as asked, what all frames reach, or what is as sharp as its inside."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from stacker.errors import UserError
from stacker.frames import Image
from stacker.fusion.borders import CommonField
from stacker.fusion.window import Spans, Window
from stacker.outputs.registered import picture_window, used_places
from stacker.result import Stack

__all__ = ["Crop", "CropKind", "common_field", "cropped", "parse_aspect", "parse_crop"]

_GRID = 400
"""Cells along the longer side: a border is found to a quarter of a percent of the picture."""

_SURE = 0.2
"""Confidence of the depth just inside above which a place has something that can be sharp. A bare or blurred
background beside the border is not cropped."""

_OFF = 1.0
"""Frames by which the depth at the border must differ from what it is just inside to be another frame's."""

_TOLERATED = 0.02
"""Share of a row or column at the border that may be unsharp: a hair that leaves the picture."""

_SMOOTH_CELLS = 5


class CropKind(Enum):
    """How a crop is found."""

    NONE = "none"
    """The whole picture."""
    GEOMETRY = "geometry"
    """What all used frames reach."""
    AUTO = "auto"
    """That, and around it what is sharp all the same: where the frames that are sharp at that depth reach."""
    BOX = "box"
    """As given."""


@dataclass(frozen=True)
class Crop:
    """What to keep of a picture.

    Attributes
    ----------
    kind : CropKind
        How it is found.
    box : tuple of int or None
        Left, top, width and height in pixels of the picture, for `CropKind.BOX`.
    aspect : Fraction or None
        Width over height that the crop is narrowed to; 0 for that of the frames.
    """

    kind: CropKind = CropKind.NONE
    box: tuple[int, int, int, int] | None = None
    aspect: Fraction | None = None


def parse_crop(text: str, aspect: str | None = None) -> Crop:
    """What a person says: ``auto``, ``geometry``, ``none``, or ``x,y,w,h`` in pixels.

    Parameters
    ----------
    text : str
        One of these.
    aspect : str, optional
        ``3:2`` and the like, or ``frame`` for that of the frames: what is kept has it.

    Returns
    -------
    Crop
        For `cropped`.

    Raises
    ------
    UserError
        When it is nothing of the kind.
    """
    ratio = None if aspect is None else parse_aspect(aspect)
    if text in {"auto", "geometry", "none"}:
        return Crop(CropKind(text), None, ratio)
    if not re.fullmatch(r"\s*\d+(\s*,\s*\d+){3}\s*", text):
        raise UserError(f"A crop is auto, geometry, none, or x,y,width,height in pixels, not {text}")
    x, y, width, height = (int(part) for part in text.split(","))
    if not (width and height):
        raise UserError(f"A crop of {width} × {height} px holds nothing")
    return Crop(CropKind.BOX, (x, y, width, height), ratio)


def parse_aspect(text: str) -> Fraction:
    """``3:2`` as a fraction; ``frame`` as 0.

    Raises
    ------
    UserError
        When it is neither.
    """
    if text == "frame":
        return Fraction(0)
    found = re.fullmatch(r"\s*(\d+)\s*:\s*(\d+)\s*", text)
    if found is None or not (int(found[1]) and int(found[2])):
        raise UserError(f"An aspect is frame, or width:height such as 3:2, not {text}")
    return Fraction(int(found[1]), int(found[2]))


def cropped(stack: Stack, crop: Crop) -> Stack:
    """A stack without its border; depth and all that lies pixel on pixel are cut with it.

    Parameters
    ----------
    stack : Stack
        Stays as it is.
    crop : Crop
        How the part that is kept is found.

    Returns
    -------
    Stack
        The same one where there is nothing to cut.

    Raises
    ------
    UserError
        When a box reaches out of the picture, or no pixel is reached by all frames and only that was asked
        for.
    """
    whole = picture_window(stack)
    kept = _narrowed(_window(stack, crop), crop.aspect, stack.frame_size)
    if kept == whole:
        return stack
    where = kept.slices_in(whole)
    return replace(
        stack,
        image=np.ascontiguousarray(stack.image[where]),
        valid=np.ascontiguousarray(stack.valid[where]),
        origin_px=(kept.x, kept.y),
        depth=None if stack.depth is None else stack.depth.cropped(where),
    )


def _window(stack: Stack, crop: Crop) -> Window:
    whole = picture_window(stack)
    if crop.kind is CropKind.NONE:
        return whole
    if crop.kind is CropKind.BOX:
        assert crop.box is not None
        x, y, width, height = crop.box
        if x + width > whole.width or y + height > whole.height:
            raise UserError(
                f"The crop {x},{y},{width},{height} reaches out of the picture, which is {whole.width} × "
                f"{whole.height} px"
            )
        return Window(whole.x + x, whole.y + y, width, height)
    common = common_field(stack)
    if common is None:
        raise UserError("No pixel is reached by all frames, so there is no common field: use --crop none")
    return common if crop.kind is CropKind.GEOMETRY or stack.depth is None else _sharp(stack, common)


def common_field(stack: Stack) -> Window | None:
    """The largest part of the picture that all used frames reach, in the reference view."""
    field = CommonField()
    for place in used_places(stack):
        field.add(stack.reports[place].matrix, stack.frame_size)
    found = field.window()
    found = None if found is None else found.intersection(picture_window(stack))
    return found if found is not None and found.width and found.height else None


def _narrowed(window: Window, aspect: Fraction | None, frame_size: tuple[int, int]) -> Window:
    """The largest part of an aspect, in the middle."""
    if aspect is None:
        return window
    ratio = aspect or Fraction(*frame_size)
    width = min(window.width, max(1, round(window.height * ratio)))
    height = min(window.height, max(1, round(width / ratio)))
    return Window(
        window.x + (window.width - width) // 2, window.y + (window.height - height) // 2, width, height
    )


def _sharp(stack: Stack, common: Window) -> Window:
    """The common field with as much around it as is sharp.

    Around the common field the subject goes on at about the depth that it has at the field's edge. Where the
    frame that is sharp at that depth does not reach, the picture was filled from others, which are blurred
    there: the depth index tells another depth. Such places are kept out.
    """
    whole = picture_window(stack)
    step = max(1, max(whole.width, whole.height) // _GRID)
    filled = _filled(stack, common, step)
    rows, columns = filled.shape
    inner = Window(common.x - whole.x, common.y - whole.y, common.width, common.height)
    # First and last cell that lie wholly inside.
    sides = [-(-inner.x // step), -(-inner.y // step), inner.right // step - 1, inner.bottom // step - 1]
    if sides[2] < sides[0] or sides[3] < sides[1]:
        return common
    limits = [0, 0, columns - 1, rows - 1]
    open_sides = [0, 1, 2, 3]
    while open_sides:
        for side in list(open_sides):
            outward = -1 if side < 2 else 1
            trial = list(sides)
            trial[side] += outward
            if sides[side] == limits[side] or _strip(filled, trial, side).mean() > _TOLERATED:
                open_sides.remove(side)
            else:
                sides = trial
    return _pixels(sides, limits, step, inner, whole)


def _strip(filled: Image, sides: list[int], side: int) -> Image:
    """The row or column at one side of a rectangle."""
    left, top, right, bottom = sides
    if side in {0, 2}:
        return filled[top : bottom + 1, sides[side]]
    return filled[sides[side], left : right + 1]


def _pixels(sides: list[int], limits: list[int], step: int, inner: Window, whole: Window) -> Window:
    """Cells as pixels: a side that has not moved stays, one at the end takes the rest."""
    left = 0 if sides[0] == 0 else min(inner.x, sides[0] * step)
    top = 0 if sides[1] == 0 else min(inner.y, sides[1] * step)
    right = whole.width if sides[2] == limits[2] else max(inner.right, (sides[2] + 1) * step)
    bottom = whole.height if sides[3] == limits[3] else max(inner.bottom, (sides[3] + 1) * step)
    return Window(whole.x + left, whole.y + top, right - left, bottom - top)


def _filled(stack: Stack, common: Window, step: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Cells that were filled from frames that are not sharp there, or that nothing reaches."""
    assert stack.depth is not None
    whole = picture_window(stack)
    index = np.nan_to_num(
        np.ascontiguousarray(stack.depth.index[step // 2 :: step, step // 2 :: step]), nan=-1
    )
    index = cv2.medianBlur(index, _SMOOTH_CELLS)
    sure = stack.depth.confidence[step // 2 :: step, step // 2 :: step] > _SURE
    invalid = ~stack.valid[step // 2 :: step, step // 2 :: step]
    rows, columns = index.shape
    across = _clamped(columns, common.x - whole.x, common.right - whole.x, step)
    down = _clamped(rows, common.y - whole.y, common.bottom - whole.y, step)
    expected, known = index[np.ix_(down, across)], sure[np.ix_(down, across)]
    places = used_places(stack)
    indexes = np.array([stack.reports[place].index for place in places], float)
    rank = np.rint(np.interp(expected, indexes, np.arange(len(places)))).astype(int)
    missing = np.zeros(index.shape, bool)
    cells = Window(whole.x, whole.y, columns * step, rows * step)
    for number, place in enumerate(places):
        spans = Spans.of_frame(stack.reports[place].matrix, stack.frame_size, cells, 0.0, step)
        missing |= (rank == number) & (spans.mask(columns) == 0)
    return np.asarray(invalid | (missing & known & (np.abs(index - expected) > _OFF)))


def _clamped(count: int, first_px: int, last_px: int, step: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """For every row or column the nearest one well inside the common field, which smoothing leaves inside."""
    low = min(-(-first_px // step) + _SMOOTH_CELLS // 2, count - 1)
    return np.clip(np.arange(count), low, max(low, last_px // step - 1 - _SMOOTH_CELLS // 2))
