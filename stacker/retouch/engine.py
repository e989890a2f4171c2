"""Applies retouches to a finished picture: to all of it, or quickly to what is looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stacker.errors import UserError
from stacker.frames import Image
from stacker.fusion.methods import Method
from stacker.fusion.stages import choose_stages
from stacker.fusion.window import Spans, Window, corners_in_reference
from stacker.outputs.registered import frame_from, picture_window, read_unchanged, used_places
from stacker.result import Stack
from stacker.retouch.book import FromFrame, FromMethod, Retouch
from stacker.retouch.painting import Box, Layer, paint, tiled
from stacker.retouch.refuse import fused_part
from stacker.retouch.regions import bounds_of, mask_of

__all__ = ["Retoucher"]

_CACHE_BYTES = 1_500_000_000
"""Of frames, as taken or laid on the picture: 15 of 24 megapixels and 8 bits, with their reductions."""

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
        Memory for decoded frames, and as much for what was fused again.

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
        self._frames: OrderedDict[tuple[int, bool], _Reductions] = OrderedDict()  # as taken, or laid
        self._room = cache_bytes
        self._whole_step = _step_for(self._canvas.width, self._canvas.height, _VIEW_PX)
        self._parts: OrderedDict[tuple[Method, Window], tuple[_Reductions, _Reductions]] = OrderedDict()

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
        """Decode a frame and lay it on the picture now, so that the first view of it does not wait.

        Raises
        ------
        DataError
            When it is gone or has changed.
        """
        self._laid(self.place_of(name))

    def prepare(self, retouches: Sequence[Retouch]) -> None:
        """Read and make now all that these retouches show, so that their first view does not wait.

        Raises
        ------
        UserError, DataError
            As `preview`.
        """
        for retouch in retouches:
            bounds = bounds_of(retouch, self._folder).intersection(self._canvas)  # reads its mask
            if isinstance(retouch.source, FromFrame):
                self._laid(self.place_of(retouch.source.name))
            elif isinstance(retouch.source, FromMethod) and bounds.width and bounds.height:
                self._fused_again(retouch.source.method, bounds, self._whole_step)
        # Reduces the picture, and has the memory that a view needs: fresh pages cost a fifth of its time.
        self.preview((0, 0, self._canvas.width, self._canvas.height), retouches)

    def preview(
        self,
        region: tuple[int, int, int, int],
        retouches: Sequence[Retouch],
        max_px: int = _VIEW_PX,
    ) -> Image:
        """A part of the picture with retouches, reduced by a power of 2 to a number of pixels.

        Quick once the frames that are seen are there: see `load` and `prepare`.

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
        step = _step_for(view.width, view.height, max_px)
        left, top = view.x // step * step, view.y // step * step
        columns, rows = max(1, (view.right - left) // step), max(1, (view.bottom - top) // step)
        part = Window(self._canvas.x + left, self._canvas.y + top, columns * step, rows * step)
        image = self._picture.part(self._on_picture(part), step).copy()
        layers = [layer for one in retouches if (layer := self._layer(one, part, step, laid=True))]
        paint(image, layers)
        return image

    def apply(self, retouches: Sequence[Retouch]) -> Image:
        """The whole picture with retouches, in order; the stack's own picture stays as it is.

        Parameters
        ----------
        retouches : sequence of Retouch
            The last one lies on top.

        Returns
        -------
        ndarray, shape (H, W, 3)
            RGB, in the frames' type.

        Raises
        ------
        UserError, DataError
            As `preview`.
        """
        image = self._stack.image.copy()
        for retouch in retouches:  # one after the other: masks and frames of all together may be large
            layer = self._layer(retouch, self._canvas, 1, laid=False)
            if layer is not None:
                paint(image, [layer])
        return image

    def _layer(self, retouch: Retouch, view: Window, step: int, *, laid: bool) -> Layer | None:
        """A retouch in a view; None where it is not seen."""
        bounds = bounds_of(retouch, self._folder).intersection(view)
        if not (bounds.width and bounds.height):
            return None
        width, height = view.width // step, view.height // step
        # Outward to whole pixels of the view.
        left, top = (bounds.x - view.x) // step, (bounds.y - view.y) // step
        right, bottom = -(-(bounds.right - view.x) // step), -(-(bounds.bottom - view.y) // step)
        box = tiled(Box(left, top, right, bottom), width, height)
        if box.left >= box.right or box.top >= box.bottom:
            return None
        part = _part_of(view, box, step)
        share = mask_of(retouch, part, step, self._folder)
        if isinstance(retouch.source, FromFrame) and share.any():
            place = self.place_of(retouch.source.name)
            if not self._reaches(place, part):
                share = share * self._inside(place, part, step)
        if not share.any():
            return None
        opaque = not isinstance(retouch.source, FromMethod)
        return Layer(box, share, self._pixels_of(retouch, view, step, laid), opaque)

    def _on_picture(self, window: Window) -> Window:
        return Window(window.x - self._canvas.x, window.y - self._canvas.y, window.width, window.height)

    def _pixels_of(
        self, retouch: Retouch, view: Window, step: int, laid: bool
    ) -> Callable[[Box], tuple[Image, Image | None]]:
        """What a retouch shows in a box of a view, and how much of it: read and fused before this returns."""
        source = retouch.source
        if isinstance(source, FromMethod):
            bounds = bounds_of(retouch, self._folder).intersection(self._canvas)
            fused = self._fused_again(source.method, bounds, step)
            return lambda box: fused(_part_of(view, box, step))
        if isinstance(source, FromFrame) and not laid:
            place = self.place_of(source.name)
            pixels = self._frame(place).level(1)
            return lambda box: (self._warped(place, pixels, _part_of(view, box, 1)), None)
        picture = self._laid(self.place_of(source.name)) if isinstance(source, FromFrame) else self._picture
        return lambda box: (picture.part(self._on_picture(_part_of(view, box, step)), step), None)

    def _reaches(self, place: int, part: Window) -> bool:
        """Whether a frame reaches all of a part, well within its edge."""
        shift = np.array([[1, 0, part.x], [0, 1, part.y], [0, 0, 1.0]])
        to_frame = np.linalg.inv(self._stack.reports[place].matrix) @ shift
        corners = corners_in_reference(to_frame, (part.width, part.height))
        return bool((corners >= 0).all() and (corners <= np.array(self._stack.frame_size) - 1).all())

    def _inside(self, place: int, part: Window, step: int) -> Image:
        report = self._stack.reports[place]
        spans = Spans.of_frame(report.matrix, self._stack.frame_size, part, -0.5, step)
        return np.asarray(spans.mask(part.width // step) > 0)

    def _warped(self, place: int, pixels: Image, part: Window) -> Image:
        """A frame in a part of the reference view."""
        report = self._stack.reports[place]
        planes = np.empty((3, part.height, part.width), pixels.dtype)
        factors = report.levels.applied.factors(pixels.dtype)
        self._stages.warp(pixels, frame_from(report, part), *factors, planes)
        return np.asarray(cv2.merge(list(planes)))

    def _laid(self, place: int) -> _Reductions:
        """A frame as it lies on the whole picture: a view of it is no work any more."""

        def make() -> _Reductions:
            read = self._frames.get((place, False))
            pixels = self._read(place) if read is None else read.level(1)
            laid = _Reductions(self._warped(place, pixels, self._canvas))
            laid.level(self._whole_step)
            return laid

        return self._kept((place, True), make)

    def _frame(self, place: int) -> _Reductions:
        """A frame as it was taken."""
        return self._kept((place, False), lambda: _Reductions(self._read(place)))

    def _kept(self, key: tuple[int, bool], make: Callable[[], _Reductions]) -> _Reductions:
        found = self._frames.pop(key, None)
        if found is None:
            found = make()
        self._frames[key] = found  # the latest last
        while len(self._frames) > 1 and sum(one.size_bytes for one in self._frames.values()) > self._room:
            self._frames.popitem(last=False)
        return found

    def _read(self, place: int) -> Image:
        source = self._stack.sources[place]
        if source is None:
            name = self._stack.reports[place].name
            raise UserError(f"{name} was no file, so it cannot be read again: stack files instead")
        return read_unchanged(source).pixels

    @property
    def _parts_bytes(self) -> int:
        return sum(one.size_bytes for part in self._parts.values() for one in part)

    def _fused_again(
        self, method: Method, bounds: Window, step: int
    ) -> Callable[[Window], tuple[Image, Image | None]]:
        on_picture = self._on_picture(bounds).aligned(_ALIGNED_PX)
        window = Window(
            on_picture.x + self._canvas.x, on_picture.y + self._canvas.y, on_picture.width, on_picture.height
        )
        found = self._parts.pop((method, window), None)
        if found is None:
            image, reached = fused_part(
                self._stack, method, window, lambda place: self._frame(place).level(1)
            )
            found = _Reductions(image), _Reductions(reached.astype(np.float32))
        self._parts[method, window] = found  # the latest last
        while len(self._parts) > 1 and self._parts_bytes > self._room:
            self._parts.popitem(last=False)
        image_of, reached_of = found
        image_of.level(step), reached_of.level(step)

        def part_of(part: Window) -> tuple[Image, Image]:
            # The part may reach farther than what was fused, where the mask is 0.
            inner = part.intersection(window)
            image = np.zeros((part.height // step, part.width // step, 3), self._stack.image.dtype)
            share = np.zeros(image.shape[:2], np.float32)
            here = inner.slices_in(part, step)
            inside = Window(inner.x - window.x, inner.y - window.y, inner.width, inner.height)
            image[here], share[here] = image_of.part(inside, step), reached_of.part(inside, step)
            return image, share

        return part_of


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


def _part_of(view: Window, box: Box, step: int) -> Window:
    """A box of a view in the reference view."""
    width, height = box.right - box.left, box.bottom - box.top
    return Window(view.x + box.left * step, view.y + box.top * step, width * step, height * step)


def _step_for(width: int, height: int, max_px: int) -> int:
    """The power of 2 by which a part is reduced to a number of pixels."""
    step = 1
    while (width // step) * (height // step) > max_px:
        step *= 2
    return step
