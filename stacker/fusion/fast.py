"""The stages of the pyramid by compiled loops, shared out to threads by rows."""

from __future__ import annotations

import numpy as np

from stacker.focus.measure import BLOCK, FocusMeasure
from stacker.frames import Image
from stacker.fusion import compiled as loops
from stacker.fusion import compiled_depth as depth
from stacker.fusion.compiled_measure import measure_rows
from stacker.fusion.compiled_warp import MOST_SLOPE, WARP_ROOM, warp_rows
from stacker.fusion.history import POWER, UNREACHED, History
from stacker.fusion.plain import warp_by_opencv
from stacker.fusion.scoring import (
    CONFIDENT,
    GLARE_IGNORED,
    GLARE_SURE,
    LOG_REACH,
    FusionParameters,
    Score,
    smoothing,
)
from stacker.fusion.stages import MeanCode, SourceCode, half_to_levels
from stacker.fusion.window import Spans
from stacker.loops.compiled_math import TOGETHER
from stacker.loops.workers import in_samples, run_rows
from stacker.registration.similarity import Matrix

__all__ = ["FastStages"]

_FEWEST_MEASURED = 32
"""Rows: four more are made at the ends of every range."""

_SUMS = {"B": np.uint16, "H": np.int32, "f": np.float32}
"""What 256 samples add up to in, by their type: whole numbers of 16 bits are twice as fast as floats."""

_NONE: Image = np.zeros((0, 0), np.float32)
"""Stands for an array that is not wanted."""


class FastStages:
    """See `stacker.fusion.stages.Stages`."""

    def warp(self, pixels: Image, to_frame: Matrix, gain: Image, offset: Image, out: Image) -> None:
        """Bring a frame onto the canvas."""
        matrix = np.ascontiguousarray(to_frame, np.float64)
        linear = np.abs(matrix - np.eye(3))
        if linear[:2, :2].max() > MOST_SLOPE or linear[2].max() > 0:
            warp_by_opencv(pixels, to_frame, gain, offset, out)
            return
        limits = SourceCode.of(pixels.dtype).vector()
        run_rows(
            warp_rows,
            out.shape[1],
            np.ascontiguousarray(pixels).reshape(pixels.shape[0], -1),
            matrix,
            gain,
            offset,
            limits,
            out,
            room=WARP_ROOM,
        )

    def widen(self, planes: Image, spans: Spans, low: Image, high: Image, corner: tuple[int, int]) -> None:
        """Take pixels into account as smallest and largest."""
        run_rows(loops.bound_rows, planes.shape[1], planes, spans.first, spans.last, low, high, *corner)

    def measure(
        self, planes: Image, to_levels: float, weights: Image, half: Image, energy: Image, luma: Image | None
    ) -> None:
        """Halve a picture, and look at what that takes away."""
        unit = 1 if half.dtype == np.uint16 else to_levels / 256
        run_rows(
            measure_rows,
            energy.shape[0],
            planes,
            weights * np.float32(to_levels**2),
            smoothing(),
            np.float32(to_levels / 16),
            np.empty(0, _SUMS[planes.dtype.char]),
            np.array([unit], half.dtype),
            half,
            energy,
            _NONE if luma is None else luma,
            room=19 * half.shape[2] + 8,
            rows_together=_FEWEST_MEASURED,
        )

    def favour(
        self,
        second: Image,
        brightness: Image,
        reached: Image,
        memory: tuple[Image, Image],
        corner: tuple[int, int],
        parameters: FusionParameters,
        out: Image,
    ) -> None:
        """What goes into the finest band's score beside its own energy."""
        numbers = parameters.coarser, parameters.glare, 1 / GLARE_SURE, GLARE_IGNORED
        run_rows(
            loops.favour_rows,
            out.shape[0],
            second,
            brightness,
            reached.view(np.uint8),
            *memory,
            *corner,
            np.array(numbers, np.float32),
            out,
        )

    def follow(
        self,
        luma: Image,
        measure: FocusMeasure,
        reached: Image | None,
        history: History,
        corner: tuple[int, int],
        index: int,
        score: Image | None,
    ) -> None:
        """Take a frame into account in what is remembered of all."""
        height, width = (-(-side // BLOCK) for side in luma.shape)
        energy, light = (np.empty((height, width), np.float32) for _ in range(2))
        room = 2 * luma.shape[1] + 4
        run_rows(depth.blocks_rows, height, luma, measure.fine, energy, light, room=room, rows_together=4)
        wide, spill = measure.surroundings(energy, light)
        run_rows(
            depth.follow_rows,
            luma.shape[0],
            luma,
            measure.fine,
            measure.narrow,
            wide,
            spill,
            np.array([measure.norm, POWER, UNREACHED, index], np.float32),
            np.zeros((0, 0), np.uint8) if reached is None else np.ascontiguousarray(reached),
            *history.planes,
            *corner,
            _NONE if score is None else score,
            room=8 * luma.shape[1] + 13 * BLOCK * (width + 1),
        )

    def weigh(
        self,
        energy: Image,
        other: Image,
        score: Score,
        gate: Image,
        strength: Image,
        corner: tuple[int, int],
        activity: Image,
        near: Image | None = None,
    ) -> None:
        """Turn energy into this frame's share of all frames so far."""
        numbers = score.own_share, score.other_share, score.lead / CONFIDENT, CONFIDENT, score.defer
        run_rows(
            loops.weigh_rows,
            energy.shape[0],
            energy,
            other,
            _NONE if near is None else near,
            np.array(numbers, np.float32),
            np.float32(score.exponent),
            gate,
            LOG_REACH,
            strength,
            *corner,
            activity,
            room=3 * energy.shape[1] + 2,
        )

    def fold(
        self,
        planes: Image,
        to_levels: float,
        half: Image,
        share: Image,
        code: MeanCode,
        mean: Image,
        corner: tuple[int, int],
    ) -> None:
        """Move the mean of a band towards this frame's band."""
        run_rows(
            loops.fold_rows,
            share.shape[0],
            planes,
            np.float32(to_levels),
            half,
            np.float32(half_to_levels(half, to_levels)),
            share,
            np.float32(code.negligible),
            code.vector(),
            mean,
            *corner,
            room=8 * (half.shape[2] + 2),
        )

    def collapse(self, half: Image, mean: Image, code: MeanCode, out: Image) -> None:
        """The picture in levels from its half size and its band."""
        run_rows(
            loops.collapse_rows, half.shape[1], half, mean, code.vector(), out, room=2 * half.shape[2] + 4
        )

    def finish(
        self,
        half: Image,
        mean: Image,
        code: MeanCode,
        bounds: tuple[Image, Image],
        source: SourceCode,
        crisp: float,
        corner: tuple[int, int],
        out: Image,
    ) -> None:
        """A part of the full picture in the frames' type, held between the bounds."""
        run_rows(
            loops.finish_rows,
            out.shape[0],
            half,
            mean,
            code.vector(),
            *bounds,
            np.float32(1 / source.to_levels),
            source.vector(),
            np.float32(crisp),
            *corner,
            in_samples(out),
            room=20 * TOGETHER + 6 * (half.shape[2] + 2),
        )
