"""Applies retouches to a finished picture: to all of it, or quickly to what is looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stacker.errors import UserError
from stacker.frames import Image
from stacker.fusion.methods import Method
from stacker.fusion.stages import choose_stages
from stacker.fusion.window import Spans, Window
from stacker.outputs.registered import picture_window, read_again, used_places
from stacker.registration.exposure import Levels
from stacker.result import Stack
from stacker.retouch.book import FromFrame, FromMethod, Retouch
from stacker.retouch.refuse import fused_part
from stacker.retouch.regions import bounds_of, mask_of

__all__ = ["Retoucher"]

_CACHE_BYTES = 1_500_000_000
"""Of decoded frames: 15 of 24 megapixels and 8 bits, with their reductions."""

_VIEW_PX = 1_000_000
"""Pixels of a view, unless asked otherwise."""

_ALIGNED_PX = 64
"""Sides of parts that are fused again are multiples of this: of any reduction that a view has."""


class Retoucher:
    """Shows and applies retouches of a stack.

    Parameters
    ----------
    stack : Stack
        A result or a stack folder that was loaded; its frames are files.
    folder : Path, optional
        Where mask files are looked for: where the file of retouches is.
    cache_bytes : int
        Memory for decoded frames.

    Examples
    --------
    >>> from stacker import load_stack
    >>> retoucher = Retoucher(load_stack("picture.stack"))  # doctest: +SKIP
    >>> view = retoucher.preview((3000, 2000, 1000, 1000), book.retouches)  # doctest: +SKIP
    """

    def __init__(self, stack: Stack, folder: Path | None = None, cache_bytes: int = _CACHE_BYTES) -> None:
        self._stack, self._folder = stack, folder or Path()
        self._canvas = picture_window(stack)
        self._stages = choose_stages()
        self._picture = _Reductions(stack.image)
        self._frames: OrderedDict[int, _Reductions] = OrderedDict()
        self._room = cache_bytes
        self._parts: dict[tuple[Method, Window], tuple[_Reductions, _Reductions]] = {}

    def check(self, retouch: Retouch) -> None:
        """Make sure that a retouch can be applied.

        Raises
        ------
        UserError
            When its frame is not in the stack, or its region is outside of the picture or of the frame.
        """
        bounds = bounds_of(retouch, self._folder).intersection(self._canvas)
        if not (bounds.width and bounds.height):
            raise UserError(
                f"The region lies outside of the picture, which is {self._canvas.width} × "
                f"{self._canvas.height} px"
            )
        mask = mask_of(retouch, bounds, 1, self._folder)
        if not mask.any():
            raise UserError("The region has no area within the picture")
        if isinstance(retouch.source, FromFrame):
            place = self.place_of(retouch.source.name)
            if not (mask * self._inside(place, bounds, 1)).any():
                raise UserError(f"{retouch.source.name} does not reach the region")

    def place_of(self, name: str) -> int:
        """Where a frame is in ``stack.reports``.

        Raises
        ------
        UserError
            When it was not stacked.
        """
        for place in used_places(self._stack):
            if self._stack.reports[place].name == name:
                return place
        raise UserError(f"There is no frame {name} in this stack")

    def load(self, name: str) -> None:
        """Decode a frame now, so that the first view of it does not wait.

        Raises
        ------
        DataError
            When it is gone or has changed.
        """
        self._frame(self.place_of(name))

    def preview(
        self,
        region: tuple[int, int, int, int],
        retouches: Sequence[Retouch],
        max_px: int = _VIEW_PX,
    ) -> Image:
        """A part of the picture with retouches, reduced by a power of 2 to a number of pixels.

        Quick once the frames that are seen are decoded (see `load`), and once a method was tried there.

        Parameters
        ----------
        region : tuple of int
            Left, top, width and height in pixels of the picture.
        retouches : sequence of Retouch
            In order.
        max_px : int
            Pixels of the view at most.

        Returns
        -------
        ndarray, shape (h, w, 3)
            In the frames' type.

        Raises
        ------
        UserError
            When the region is outside of the picture, or a frame is not in the stack.
        DataError
            When a frame is gone or has changed.
        """
        x, y, width, height = region
        whole = Window(0, 0, self._canvas.width, self._canvas.height)
        view = Window(x, y, width, height).intersection(whole)
        if not (view.width and view.height):
            raise UserError(f"The region {x},{y},{width},{height} lies outside of the picture")
        step = 1
        while (view.width // step) * (view.height // step) > max_px:
            step *= 2
        left, top = view.x // step * step, view.y // step * step
        columns, rows = max(1, (view.right - left) // step), max(1, (view.bottom - top) // step)
        part = Window(self._canvas.x + left, self._canvas.y + top, columns * step, rows * step)
        return self._retouched(part, step, retouches)

    def apply(self, retouches: Sequence[Retouch]) -> Image:
        """The whole picture with retouches, in order; the stack's own picture stays as it is.

        Raises
        ------
        UserError, DataError
            As `preview`.
        """
        return self._retouched(self._canvas, 1, retouches)

    def _retouched(self, view: Window, step: int, retouches: Sequence[Retouch]) -> Image:
        image = self._picture.part(self._on_picture(view), step).copy()
        for retouch in retouches:
            bounds = bounds_of(retouch, self._folder).intersection(view)
            # Outward to whole pixels of the view.
            left, top = (bounds.x - view.x) // step * step, (bounds.y - view.y) // step * step
            right, bottom = -(-(bounds.right - view.x) // step), -(-(bounds.bottom - view.y) // step)
            columns = min(right, view.width // step) - left // step
            rows = min(bottom, view.height // step) - top // step
            if not (bounds.width and bounds.height) or columns <= 0 or rows <= 0:
                continue
            part = Window(view.x + left, view.y + top, columns * step, rows * step)
            mask = mask_of(retouch, part, step, self._folder)
            if mask.any():
                _mix(image[part.slices_in(view, step)], *self._taken(retouch, part, step, mask))
        return image

    def _on_picture(self, window: Window) -> Window:
        return Window(window.x - self._canvas.x, window.y - self._canvas.y, window.width, window.height)

    def _taken(self, retouch: Retouch, part: Window, step: int, mask: Image) -> tuple[Image, Image]:
        """What a retouch shows in a part, and how much of it."""
        source = retouch.source
        if isinstance(source, FromFrame):
            place = self.place_of(source.name)
            return self._laid(place, part, step), mask * self._inside(place, part, step)
        if isinstance(source, FromMethod):
            bounds = bounds_of(retouch, self._folder).intersection(self._canvas)
            return self._fused_again(source.method, bounds, part, step, mask)
        return self._picture.part(self._on_picture(part), step), mask

    def _inside(self, place: int, part: Window, step: int) -> Image:
        report = self._stack.reports[place]
        spans = Spans.of_frame(report.matrix, self._stack.frame_size, part, -0.5, step)
        return np.asarray(spans.mask(part.width // step) > 0)

    def _laid(self, place: int, part: Window, step: int) -> Image:
        """A frame in a part of the reference view, reduced."""
        report, frame = self._stack.reports[place], self._frame(place)
        half = (step - 1) / 2
        to_view = np.array([[step, 0, part.x + half], [0, step, part.y + half], [0, 0, 1.0]])
        shrunk = (1 / step - 1) / 2
        to_small = np.array([[1 / step, 0, shrunk], [0, 1 / step, shrunk], [0, 0, 1.0]])
        pixels = frame.level(step)
        planes = np.empty((3, part.height // step, part.width // step), pixels.dtype)
        levels = Levels.same() if report.levels.none else report.levels
        to_frame = to_small @ np.linalg.inv(report.matrix) @ to_view
        self._stages.warp(pixels, to_frame, *levels.factors(pixels.dtype), planes)
        return np.asarray(cv2.merge(list(planes)))

    def _frame(self, place: int) -> _Reductions:
        found = self._frames.pop(place, None)
        if found is None:
            source = self._stack.sources[place]
            if source is None:
                name = self._stack.reports[place].name
                raise UserError(f"{name} was no file, so it cannot be read again: stack files instead")
            found = _Reductions(read_again(source).pixels)
        self._frames[place] = found  # the latest last
        while len(self._frames) > 1 and sum(one.size_bytes for one in self._frames.values()) > self._room:
            self._frames.popitem(last=False)
        return found

    def _fused_again(
        self, method: Method, bounds: Window, part: Window, step: int, mask: Image
    ) -> tuple[Image, Image]:
        on_picture = self._on_picture(bounds).aligned(_ALIGNED_PX)
        window = Window(
            on_picture.x + self._canvas.x, on_picture.y + self._canvas.y, on_picture.width, on_picture.height
        )
        if (method, window) not in self._parts:
            image, reached = fused_part(
                self._stack, method, window, lambda place: self._frame(place).level(1)
            )
            self._parts[method, window] = _Reductions(image), _Reductions(reached.astype(np.float32))
        image_of, reached_of = self._parts[method, window]
        # The part may reach a view's pixel farther than what was fused, where the mask is 0.
        inner = part.intersection(window)
        image = np.zeros((part.height // step, part.width // step, 3), self._stack.image.dtype)
        share = np.zeros(mask.shape, np.float32)
        here = inner.slices_in(part, step)
        inside = Window(inner.x - window.x, inner.y - window.y, inner.width, inner.height)
        image[here], share[here] = image_of.part(inside, step), reached_of.part(inside, step)
        return image, mask * share


class _Reductions:
    """A picture at full size, a half, a quarter and so on, each made when it is first asked for."""

    def __init__(self, pixels: Image) -> None:
        self._levels = {1: pixels}

    @property
    def size_bytes(self) -> int:
        """Of all that there are."""
        return sum(level.nbytes for level in self._levels.values())

    def level(self, step: int) -> Image:
        """Reduced by a power of 2: means of squares of pixels; a rest at the far sides is dropped."""
        if step not in self._levels:
            larger = self.level(step // 2)
            height, width = (max(1, side // 2) for side in larger.shape[:2])
            even: Any = larger[: 2 * height, : 2 * width]
            self._levels[step] = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
        return self._levels[step]

    def part(self, window: Window, step: int) -> Image:
        """A window, in pixels of the full size and multiples of the step."""
        rows, columns = (
            slice(start // step, (start + length) // step)
            for start, length in ((window.y, window.height), (window.x, window.width))
        )
        return self.level(step)[rows, columns]


def _mix(image: Image, source: Image, share: Image) -> None:
    """Move a picture towards another by a share, in place."""
    if image.dtype.kind == "f":
        image += share[..., None] * (source - image)
        return
    mixed = image + share[..., None] * (source.astype(np.float32) - image)
    np.copyto(image, np.rint(mixed).astype(image.dtype))
