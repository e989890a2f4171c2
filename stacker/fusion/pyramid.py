"""Pyramid fusion on a canvas that grows: places frames, keeps their bounds, folds them into the bands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from stacker.frames import Image, full_scale
from stacker.fusion.bands import Bands, grown, level_windows, pyramid_levels
from stacker.fusion.base import Fused
from stacker.fusion.burnt import burnt_cells
from stacker.fusion.colour_noise import ColourNoise, Held
from stacker.fusion.depth import DepthTracker
from stacker.fusion.depth_choice import glitter_of_cells
from stacker.fusion.gate import Gate
from stacker.fusion.scoring import FusionParameters
from stacker.fusion.softening import Softening
from stacker.fusion.stages import MeanCode, SourceCode, Stages, choose_stages
from stacker.fusion.store import FrameStore
from stacker.fusion.window import Outline, Spans, Window, corners_in_reference, window_of
from stacker.loops.scratch import Scratch, uniform
from stacker.registration.exposure import Levels
from stacker.registration.similarity import Matrix

__all__ = ["PyramidFusion"]

_SLACK = 64
"""The canvas has room for a 64th more on each side, and grows by that at least: growing means to copy all."""

_RIM_PX = 2.0
"""What a frame shows nearer to its edge than that is interpolated from beyond the edge."""


@dataclass
class _Bounds:
    """Smallest and largest value of every sample of the canvas, in the frames' own type.

    Bands taken from different frames can add up to values that no frame has: rings round highlights. The
    result is held between these bounds. The smallest is above the largest where no frame has been.
    """

    low: Image  # (3, h, w)
    high: Image
    burnt: Image | None = None  # (h, w), above 0 where a frame is that is burnt there and sets no bounds

    @classmethod
    def empty(cls, window: Window, dtype: np.dtype[Any]) -> _Bounds:
        shape = 3, window.height, window.width
        least, most = _range(dtype)
        return cls(uniform(shape, most, dtype), uniform(shape, least, dtype))

    def grow(self, before: Window, after: Window) -> None:
        least, most = _range(self.low.dtype)
        self.low = grown(self.low, before, after, most)
        self.high = grown(self.high, before, after, least)
        if self.burnt is not None:
            self.burnt = grown(self.burnt, before, after, 0)

    def widen_but(self, planes: Image, inside: Image, burnt: Image, where: tuple[slice, slice]) -> None:
        """`Stages.widen` for a frame that is burnt in places."""
        if self.burnt is None:
            self.burnt = np.zeros(self.low.shape[1:], np.uint8)
        self.burnt[where] |= inside & burnt
        kept = np.asarray(cv2.subtract(inside, burnt))
        for plane, low, high in zip(planes, self.low, self.high, strict=True):
            cv2.copyTo(cv2.min(low[where], plane), kept, low[where])
            cv2.copyTo(cv2.max(high[where], plane), kept, high[where])


class PyramidFusion:
    """Streaming fusion whose memory does not depend on the number of frames; see `stacker.fusion.bands`.

    Parameters
    ----------
    size : tuple of int
        Width and height of the frames.
    dtype : dtype
        Their type.
    noise_sigma : float
        Standard deviation of their noise, in units of 1/255 of white.
    parameters : FusionParameters
        How hard the fusion chooses.
    stages : Stages, optional
        Does the arithmetic; the fastest there is by default.
    nearness : callable, optional
        How near to the camera the plane of focus of a frame is, by index: 0 the farthest to 1 the nearest.
        When it is given the foreground is taken for opaque: nearer frames lead where they are sharp.
    store : FrameStore, optional
        Keeps the frames as they lie on the canvas.
    """

    def __init__(
        self,
        size: tuple[int, int],
        dtype: np.dtype[Any],
        noise_sigma: float,
        parameters: FusionParameters,
        stages: Stages | None = None,
        nearness: Callable[[int], float] | None = None,
        store: FrameStore | None = None,
    ) -> None:
        self._size, self._source = size, SourceCode.of(np.dtype(dtype))
        self._stages = choose_stages() if stages is None else stages
        self._softening = Softening()
        self._code = MeanCode.for_frames(np.dtype(dtype))
        self._band_count = pyramid_levels(*size)
        self._bands = Bands(self._band_count, noise_sigma, parameters, self._code, self._stages)
        self._nearness, self._foreground = nearness, parameters.foreground
        self._crisp = parameters.crisp
        self.colour_noise = ColourNoise(size, noise_sigma)
        self._depth, self._store = DepthTracker(noise_sigma, stages=self._stages), store
        self._bounds: _Bounds | None = None
        self._reach = self._room = Window(0, 0, 0, 0)
        self._scratch = Scratch()
        self.outlines: list[Outline] = []

    @property
    def depth(self) -> DepthTracker:
        """What is known of the depth."""
        return self._depth

    def glitter(self) -> Image:
        """Where highlights are near (0 to 1), for the cells of ``depth``."""
        return glitter_of_cells(self._bands.glitter)

    @property
    def crisp(self) -> float:
        """Share of the finest detail that is given back to the picture; see `FusionParameters`."""
        return self._crisp * self._softening.share

    def add(self, pixels: Image, transform: Matrix, levels: Levels, index: int) -> None:
        """Fold a frame in; see `stacker.fusion.base.Fusion`."""
        frame = window_of(transform, self._size)
        self.outlines.append(corners_in_reference(transform, self._size))
        window = level_windows(frame, self._band_count)[0]
        bounds = self._cover(frame)
        planes = self._scratch.array("planes", 3, window.height, window.width, dtype=self._source.dtype)
        to_frame = np.linalg.inv(transform) @ np.array([[1, 0, window.x], [0, 1, window.y], [0, 0, 1.0]])
        levels = levels.applied
        self._softening.add(to_frame, window.width, window.height)
        self._stages.warp(pixels, to_frame, *levels.factors(self._source.dtype), planes)
        del pixels  # which nobody may need any more
        self.colour_noise.add(planes, self._source.to_levels, transform, window)
        spans = Spans.of_frame(transform, self._size, window, -0.5)
        rows, columns = window.slices_in(level_windows(self._room, self._band_count)[0])
        burnt = burnt_cells(planes, levels, self._source.to_levels)
        if burnt is None:
            self._stages.widen(planes, spans, bounds.low, bounds.high, (rows.start, columns.start))
        else:
            pixels_burnt = burnt.repeat(2, axis=0).repeat(2, axis=1)
            bounds.widen_but(planes, spans.mask(window.width), pixels_burnt, (rows, columns))
        whole = Spans.of_frame(transform, self._size, window, -0.5, step=2)
        inner = Spans.of_frame(transform, self._size, window, _RIM_PX, step=2)
        gate = Gate.of(whole, inner, window.width // 2, burnt)
        luma = self._scratch.array("luma", window.height // 2, window.width // 2)
        lead = 0.0 if self._nearness is None else self._foreground * self._nearness(index)
        self._bands.add(planes, self._source.to_levels, luma, gate, frame, lead)
        score = self._bands.spare(luma) if self._store is not None else None
        self._depth.add(luma, gate.telling, window, index, score)
        if self._store is not None and score is not None:
            self._store.put(index, planes, score, luma, gate.weight, window, self._depth.peak(window))

    def preview(self, max_width_px: int) -> Fused:
        """The picture so far, reduced; see `stacker.fusion.base.Fusion`."""
        level = 0
        while level < self._band_count and (self._reach.width >> (level + 1)) >= max_width_px:
            level += 1
        step = 1 << level
        if level == 0:
            fused = self.finish()
            levels = fused.image.astype(np.float32) * np.float32(self._source.to_levels)
            return Fused(_eight_bits(levels), fused.reached, fused.extent, fused.shares)
        extent = self._reach.reduced(step)
        rows, columns = extent.slices_in(self._bands.window(level))
        picture = self._bands.collapse(level)[:, rows, columns].transpose(1, 2, 0)
        return Fused(
            _eight_bits(picture), self._reached(extent, step), extent, self._depth.shares(), step=step
        )

    def finish(self) -> Fused:
        """The picture of all frames so far; see `stacker.fusion.base.Fusion`."""
        return self.colour_noise.taken_from(self.fused(), self.held())

    def fused(self, veiled: float = 0.0) -> Fused:
        """The same with the noise that averaging leaves in it; ``veiled`` is a share of the finest luma that
        is added besides `crisp`."""
        self._release()
        image = self._picture(veiled)
        depth = self._depth.later(image, self._reach)
        return Fused(image, self._reached(self._reach, 1), self._reach, self._depth.shares(), depth)

    def held(self) -> Held:
        """Between what the picture stays."""
        bounds = self._require_frames()
        rows, columns = self._reach.slices_in(level_windows(self._room, self._band_count)[0])
        return Held(bounds.low, bounds.high, rows.start, columns.start)

    def _picture(self, veiled: float) -> Image:
        """The picture of all frames so far, over what they reach."""
        bounds = self._require_frames()
        rows, columns = self._reach.slices_in(level_windows(self._room, self._band_count)[0])
        image = np.empty((self._reach.height, self._reach.width, 3), self._source.dtype)
        half = self._bands.collapse(1)
        sides = bounds.low, bounds.high
        corner = rows.start, columns.start
        self._stages.finish(
            half, self._bands.finest, self._code, sides, self._source, self.crisp + veiled, corner, image
        )
        return image

    def _release(self) -> None:
        """Give the memory of intermediate pictures back until the next frame."""
        self._scratch.release()
        self._bands.release()
        self._depth.release()

    def _cover(self, frame: Window) -> _Bounds:
        """Make room for a frame."""
        before = self._room
        if self._bounds is None:
            # Most stacks reach a little beyond their first frame, and growing costs as much as half a frame.
            self._reach, self._room = frame, frame.expanded(max(frame.width, frame.height) // _SLACK)
            self._bounds = _Bounds.empty(level_windows(self._room, self._band_count)[0], self._source.dtype)
        else:
            self._reach = self._reach.union(frame)
            self._room = _with_slack(before, self._reach)
            if self._room != before:
                self._release()  # an array and its larger copy take the place of what is not needed just now
                self._bounds.grow(
                    *(level_windows(room, self._band_count)[0] for room in (before, self._room))
                )
        if self._room != before:
            self._bands.cover(self._room)
            self._depth.cover(level_windows(self._room, self._band_count)[0])
        return self._bounds

    def _reached(self, extent: Window, step: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        bounds = self._require_frames()
        canvas = level_windows(self._room, self._band_count)[0]
        rows = slice(extent.y * step - canvas.y, extent.bottom * step - canvas.y, step)
        columns = slice(extent.x * step - canvas.x, extent.right * step - canvas.x, step)
        reached = np.asarray(bounds.low[0, rows, columns] <= bounds.high[0, rows, columns])
        return reached if bounds.burnt is None else reached | (bounds.burnt[rows, columns] > 0)

    def _require_frames(self) -> _Bounds:
        assert self._bounds is not None, "add() comes first"
        return self._bounds


def _with_slack(room: Window, reach: Window) -> Window:
    """Room for what frames reach, and for more on the sides where it has become too small."""
    slack_x, slack_y = room.width // _SLACK, room.height // _SLACK
    left = room.x if reach.x >= room.x else reach.x - slack_x
    top = room.y if reach.y >= room.y else reach.y - slack_y
    right = room.right if reach.right <= room.right else reach.right + slack_x
    bottom = room.bottom if reach.bottom <= room.bottom else reach.bottom + slack_y
    return Window(left, top, right - left, bottom - top)


def _range(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Least and greatest value that samples of a type have."""
    if dtype.kind == "f":
        greatest = float(np.finfo(dtype).max)
        return -greatest, greatest
    return 0.0, full_scale(dtype)


def _eight_bits(levels: Image) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
