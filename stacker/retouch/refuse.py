"""A part of a picture fused once more, by another method."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stacker.frames import Image
from stacker.fusion.methods import FusionSetup, Method, make_fusion
from stacker.fusion.window import Window, corners_in_reference
from stacker.outputs.registered import used_places
from stacker.registration.similarity import Matrix
from stacker.result import Stack

__all__ = ["fused_part"]

_MARGIN_PX = 64
"""Around what is wanted: bands of the pyramid and cells of the depth look that far."""


def fused_part(
    stack: Stack, method: Method, window: Window, pixels_of: Callable[[int], Image]
) -> tuple[Image, Image]:
    """Fuse the frames in a window of the reference view.

    Parameters
    ----------
    stack : Stack
        The result: its registration is used again.
    method : Method
        How.
    window : Window
        Where.
    pixels_of : callable
        Gives the pixels of a frame by its place in ``stack.reports``.

    Returns
    -------
    image : ndarray, shape (h, w, 3)
        In the frames' type; 0 where no frame reaches.
    reached : ndarray of bool, shape (h, w)
        Where any frame does.
    """
    wide = window.expanded(_MARGIN_PX)
    boxes = {}
    for place in used_places(stack):
        box = _back(stack.reports[place].matrix, wide).intersection(Window(0, 0, *stack.frame_size))
        if box.width and box.height:
            boxes[place] = box
    image = np.zeros((window.height, window.width, 3), stack.image.dtype)
    reached = np.zeros(image.shape[:2], bool)
    if not boxes:
        return image, reached
    size = max(box.width for box in boxes.values()), max(box.height for box in boxes.values())
    parts = {place: _sized(box, size, stack.frame_size) for place, box in boxes.items()}
    by_index = {stack.reports[place].index: place for place in parts}

    def part_of(place: int) -> Image:
        part = parts[place]
        return np.ascontiguousarray(pixels_of(place)[part.y : part.bottom, part.x : part.right])

    setup = FusionSetup(
        size,
        stack.image.dtype,
        stack.noise_sigma,
        stack.options.fusion,
        lambda index: part_of(by_index[index]),
        None,
        stack.options.scratch_dir,
    )
    fusion = make_fusion(method, setup)
    for place, part in parts.items():
        report = stack.reports[place]
        shifted = report.matrix @ np.array([[1, 0, part.x], [0, 1, part.y], [0, 0, 1.0]])
        fusion.add(part_of(place), shifted, report.levels, report.index)
    fused = fusion.finish()
    common = window.intersection(fused.extent)
    here, there = common.slices_in(window), common.slices_in(fused.extent)
    image[here], reached[here] = fused.image[there], fused.reached[there]
    return image, reached


def _back(transform: Matrix, window: Window) -> Window:
    """What part of a frame a window of the reference view needs."""
    shift = np.array([[1, 0, window.x], [0, 1, window.y], [0, 0, 1.0]])
    corners = corners_in_reference(np.linalg.inv(transform) @ shift, (window.width, window.height))
    low, high = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
    return Window(int(low[0]), int(low[1]), int(high[0] - low[0]) + 1, int(high[1] - low[1]) + 1)


def _sized(box: Window, size: tuple[int, int], frame: tuple[int, int]) -> Window:
    """A box of that size around another, inside the frame: all parts have one size."""
    return Window(min(box.x, frame[0] - size[0]), min(box.y, frame[1] - size[1]), *size)
