"""The frames of a finished stack, read again, made sure to be the same, and laid on the picture."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from stacker.batch.ahead import one_ahead
from stacker.errors import DataError, UserError
from stacker.frames import Frame, FrameSource, Image
from stacker.fusion.stages import choose_stages
from stacker.fusion.window import Spans, Window, window_of
from stacker.io.decode import fingerprint, read_again
from stacker.loops.scratch import Scratch
from stacker.result import FrameReport, Stack

__all__ = ["Laid", "RegisteredFrames", "picture_window", "read_unchanged", "used_places"]

_MARGIN_PX = 4
"""Beyond a frame's edge it is mirrored: weights, which change over cells of 2 px, fade out there."""

_WELL_INSIDE_PX = 2.0
"""Pixels at the rim of a warped frame are interpolated from its mirrored edge."""

_FEW = 3
"""Files that are named when many have changed."""


@dataclass(frozen=True)
class Laid:
    """A frame on the picture.

    Attributes
    ----------
    place : int
        In ``stack.reports``.
    frame : Frame
        What was read, without its pixels.
    window : Window
        Where the planes lie, in pixels of the reference view.
    planes : ndarray, shape (3, h, w)
        Red, green and blue in the frames' type, as bright as the picture; mirrored beyond the frame's edge.
        Until the next one is laid.
    """

    place: int
    frame: Frame
    window: Window
    planes: Image


def picture_window(stack: Stack) -> Window:
    """Where the picture lies in the reference view."""
    height, width = stack.image.shape[:2]
    return Window(*stack.origin_px, width, height)


def used_places(stack: Stack) -> list[int]:
    """Places in ``stack.reports`` of the frames that were not left out."""
    return [place for place, report in enumerate(stack.reports) if report.used]


def read_unchanged(source: FrameSource) -> Frame:
    """Read a frame as it was read when it was stacked; it has to be the same.

    Raises
    ------
    DataError
        When it is gone, cannot be decoded, or is not the same any more.
    """
    try:
        frame = read_again(source)
    except UserError as error:
        raise DataError(_gone(source)) from error
    if frame.source is None or frame.source.fingerprint != source.fingerprint:
        raise DataError(_changed([source]))
    return frame


class RegisteredFrames:
    """Reads the frames of a stack once more, one ahead of what is asked for.

    Parameters
    ----------
    stack : Stack
        A result or a stack folder that was loaded.
    places : sequence of int, optional
        In ``stack.reports``; all that were used by default.

    Raises
    ------
    UserError
        When frames were arrays, which are not kept.
    DataError
        When files are gone or have changed since: looked at before any work is done.
    """

    def __init__(self, stack: Stack, places: Sequence[int] | None = None) -> None:
        self._stack = stack
        self.places = tuple(used_places(stack) if places is None else places)
        self._stages, self._scratch = choose_stages(), Scratch()
        self._check()

    def _check(self) -> None:
        changed = []
        for place in self.places:
            source = self.source(place)
            try:
                with source.path.open("rb") as file:
                    same = fingerprint(file) == source.fingerprint
            except FileNotFoundError as error:
                raise DataError(_gone(source)) from error
            except OSError as error:
                raise DataError(f"{source.path} cannot be read: {error.strerror}") from error
            if not same:
                changed.append(source)
        if changed:
            raise DataError(_changed(changed))

    def source(self, place: int) -> FrameSource:
        """The file of a frame.

        Raises
        ------
        UserError
            When it came as an array.
        """
        source = self._stack.sources[place]
        if source is None:
            name = self._stack.reports[place].name
            raise UserError(f"{name} was no file, so it cannot be read again: stack files instead of arrays")
        return source

    def window(self, place: int) -> Window:
        """The part of the picture that a frame reaches with a margin, in the reference view; empty when there
        is none.
        """
        report = self._stack.reports[place]
        reach = window_of(report.matrix, self._stack.frame_size).expanded(_MARGIN_PX)
        return reach.intersection(picture_window(self._stack))

    def laid(self, window: Window | None = None) -> Generator[Laid, None, None]:
        """The frames on the picture, in the order of ``places``; close it when not all are taken.

        Parameters
        ----------
        window : Window, optional
            What part of the reference view to fill; by default as far as each frame reaches.
        """

        def read() -> Generator[tuple[int, Frame], None, None]:
            for place in self.places:
                yield place, read_unchanged(self.source(place))

        with closing(one_ahead(read(), "stacker-decode")) as frames:
            for place, frame in frames:
                yield self.lay(place, frame, window or self.window(place))

    def inside(self, place: int, window: Window, step: int = 1) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Where a frame reaches in a window, reduced by a factor; shape (h / step, w / step), rounded up."""
        wide = Window(window.x, window.y, -(-window.width // step) * step, -(-window.height // step) * step)
        spans = Spans.of_frame(
            self._stack.reports[place].matrix, self._stack.frame_size, wide, _WELL_INSIDE_PX, step
        )
        return np.asarray(spans.mask(wide.width // step) > 0)

    def lay(self, place: int, frame: Frame, window: Window) -> Laid:
        """Lay a frame that has been read on a part of the reference view."""
        report = self._stack.reports[place]
        planes = self._scratch.array("planes", 3, window.height, window.width, dtype=frame.pixels.dtype)
        factors = report.levels.applied.factors(frame.pixels.dtype)
        self._stages.warp(frame.pixels, frame_from(report, window), *factors, planes)
        without = Frame(frame.pixels[:0, :0].copy(), frame.name, frame.path, frame.metadata, frame.source)
        return Laid(place, without, window, planes)


def frame_from(report: FrameReport, window: Window) -> Image:
    """Pixels of a window of the reference view to pixels of the frame, shape (3, 3)."""
    corner = np.array([[1, 0, window.x], [0, 1, window.y], [0, 0, 1.0]])
    return np.asarray(np.linalg.inv(report.matrix) @ corner)


def _gone(source: FrameSource) -> str:
    return (
        f"The frame {source.path} is not there any more: put it back, say where the frames are now "
        "(--frames FOLDER), or stack again"
    )


def _changed(sources: Sequence[FrameSource]) -> str:
    names = ", ".join(str(source.path) for source in sources[:_FEW])
    more = f" and {len(sources) - _FEW} more" if len(sources) > _FEW else ""
    verb = "has" if len(sources) == 1 else "have"
    return f"{names}{more} {verb} changed since the stack was made: put the old files back, or stack again"
