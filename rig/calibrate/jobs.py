"""One function per command: take or read the frames, measure, and say it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rig.calibrate.dof import CONTRAST_KEPT, DofMeasurement, band_frequency, measure_dof
from rig.calibrate.frames import TakenFrame
from rig.calibrate.outcome import Calibrated
from rig.calibrate.pupil import PupilMeasurement, measure_pupil
from rig.calibrate.records import DofRecord, PupilRecord
from rig.calibrate.sweep import Region, Sweep, read_sweep
from rig.calibrate.task import Task
from rig.formatting import format_length
from rig.plan import StackPlan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["calibrate_dof", "calibrate_pupil"]

_DOF_REACH = 2.0
"""Depths of field to each side of focus: there the fine detail is gone, and the noise floor shows."""

_DOF_STEPS = 8
"""Frames per predicted depth of field: enough when the prediction is half the truth, or twice it."""

_PUPIL_REACH = 3.0
_PUPIL_STEPS = 3
"""Farther, since growth goes with travel; and coarser: blur is not measured, only followed."""

_PUPIL_GOOD = 0.05
"""Relative error above which a longer travel is advised: 5 % of v is 5 % of the room to leave in framing."""


def calibrate_dof(
    task: Task, *, start_mm: float | None = None, end_mm: float | None = None, step_mm: float | None = None
) -> Calibrated:
    """Measure the depth of field from a sweep over a textured target.

    Parameters
    ----------
    task : Task
        With images, or on the rig.
    start_mm, end_mm, step_mm : float, optional
        The sweep; by default two predicted depths of field to each side of where the carriage stands.

    Raises
    ------
    RigError
        When the frames cannot be taken or do not show a depth of field; the message says what to do.
    """
    frames = task.images
    if not frames:
        plan = sweep_plan(task, start_mm, end_mm, step_mm, reach=_DOF_REACH, steps=_DOF_STEPS)
        with task.capture("dof", plan, plan.frames, target="texture") as rig:
            frames = tuple(rig.sweep(plan.positions_mm))
    sweep = read_band(task, frames)
    measured = measure_dof(sweep.positions_mm, sweep.energy, sweep.frequency_per_px)
    coc_mm = task.coc_px(task.pitch_mm(sweep.width_px)) * task.pitch_mm(sweep.width_px)
    record = DofRecord(
        dof_mm=measured.dof_mm,
        dof_sigma_mm=measured.sigma_mm,
        coc_mm=coc_mm,
        **task.common(sweep.frames, simulated=sweep.simulated),
    )
    return Calibrated(
        rows=tuple(_dof_rows(measured, sweep, coc_mm)),
        record=record,
        details={
            "peak_mm": measured.peak_mm,
            "frequency_per_px": measured.frequency_per_px,
            "tiles": measured.tiles,
            "subject_depth_mm": measured.depth_mm,
            "noise_floor": measured.floor,
            "offset_mm": measured.offset_mm.tolist(),
            "contrast": measured.contrast.tolist(),
        },
        warnings=measured.warnings,
        draw=lambda axes: _draw_dof(axes, measured),
    )


def sweep_plan(
    task: Task,
    start_mm: float | None,
    end_mm: float | None,
    step_mm: float | None,
    *,
    reach: float,
    steps: int,
) -> StackPlan:
    """Plan a sweep: what is not given follows from the predicted depth of field around the carriage.

    ``reach`` is in depths of field to each side, ``steps`` the frames in each.
    """
    if start_mm is None or end_mm is None or step_mm is None:
        dof_mm = task.predicted_dof_mm()
        start_mm = task.here_mm - reach * dof_mm if start_mm is None else start_mm
        end_mm = task.here_mm + reach * dof_mm if end_mm is None else end_mm
        step_mm = step_mm or max(dof_mm / steps, 1 / task.config.rail.steps_per_mm)
    return task.plan(start_mm, end_mm, step_mm=step_mm)


def calibrate_pupil(
    task: Task, *, start_mm: float | None = None, end_mm: float | None = None, step_mm: float | None = None
) -> Calibrated:
    """Measure the distance from the entrance pupil to the plane of focus, from a sweep.

    Parameters are those of `calibrate_dof`; the region is left out, since growth shows at the edges.
    """
    frames = task.images
    task = replace(task, region=Region())
    if not frames:
        plan = sweep_plan(task, start_mm, end_mm, step_mm, reach=_PUPIL_REACH, steps=_PUPIL_STEPS)
        with task.capture("pupil", plan, plan.frames, target="texture") as rig:
            frames = tuple(rig.sweep(plan.positions_mm))
    sweep = read_band(task, frames, greys=True)
    measured = measure_pupil(sweep.positions_mm, sweep.energy, sweep.greys)
    record = PupilRecord(
        pupil_distance_mm=measured.pupil_distance_mm,
        inverse_per_mm=measured.inverse_per_mm,
        inverse_sigma_per_mm=measured.inverse_sigma_per_mm,
        **task.common(sweep.frames, simulated=sweep.simulated),
    )
    return Calibrated(
        rows=(
            ("pupil distance", _pupil_text(measured)),
            ("growth", _growth_text(measured)),
            ("followed", f"{measured.points} points"),
            ("frames", frames_text(sweep)),
        ),
        record=record,
        details={
            "low_mm": json_number(measured.low_mm),
            "high_mm": json_number(measured.high_mm),
            "telecentric": measured.telecentric,
            "positions_mm": measured.positions_mm.tolist(),
            "growth": [json_number(g) for g in measured.growth],
        },
        warnings=_pupil_warnings(measured),
        draw=lambda axes: _draw_pupil(axes, measured),
    )


def json_number(value: float) -> float | None:
    """A number as JSON has it: null for what is not finite."""
    return float(value) if math.isfinite(value) else None


def _pupil_text(measured: PupilMeasurement) -> str:
    if measured.telecentric:
        return f"infinite (telecentric), more than {measured.low_mm:.4g} mm as far as these frames can tell"
    side = ", behind the subject (hypercentric)" if measured.pupil_distance_mm < 0 else ""
    between = f"{measured.low_mm:.4g} to {measured.high_mm:.4g} mm, two standard errors"
    return f"{measured.pupil_distance_mm:.4g} mm ({between}){side}"


def _growth_text(measured: PupilMeasurement) -> str:
    travel = float(np.ptp(measured.positions_mm))
    half = measured.inverse_per_mm * travel / 2  # what is in focus in the middle of the sweep
    grown = (1 + half) / (1 - half) - 1
    return f"{grown:+.3%} over {format_length(travel)} towards the subject"


def _pupil_warnings(measured: PupilMeasurement) -> tuple[str, ...]:
    relative = measured.inverse_sigma_per_mm / max(abs(measured.inverse_per_mm), 1e-12)
    if measured.telecentric or relative < _PUPIL_GOOD:
        return ()
    return (f"known to {relative:.0%} only: a longer travel measures it better",)


def _draw_pupil(axes: Axes, measured: PupilMeasurement) -> None:
    from rig.plots.canvas import ACCENT, SECOND

    x, seen = measured.positions_mm, np.isfinite(measured.growth)
    main = float(x[int(np.nanargmin(np.abs(measured.growth - 1)))])
    axes.plot(x, 1 / (1 - measured.inverse_per_mm * (x - main)), color=SECOND, label=_pupil_text(measured))
    axes.plot(x[seen], measured.growth[seen], "o", color=ACCENT, ms=4, label="each frame")
    axes.set_xlabel("position (mm, towards the subject)")
    axes.set_ylabel("size of the subject in the picture")
    axes.legend()


def read_band(task: Task, frames: Sequence[TakenFrame], *, greys: bool = False) -> Sweep:
    """Read a sweep in the band by which the depth of field is defined."""
    ne, sensor_mm = task.effective_f_number(), task.sensor_width_mm

    def frequency(width_px: int) -> float:
        pitch_mm = None if sensor_mm is None else sensor_mm / width_px
        return band_frequency(task.coc_px(pitch_mm), ne, pitch_mm)

    return read_sweep(frames, frequency, region=task.region, linear=task.linear, greys=greys)


def _dof_rows(measured: DofMeasurement, sweep: Sweep, coc_mm: float) -> Iterator[tuple[str, str]]:
    value, sigma = format_length(measured.dof_mm), format_length(measured.sigma_mm)
    yield "depth of field", f"{value} ± {sigma} (for a circle of confusion of {format_length(coc_mm)})"
    yield "best focus", f"{measured.peak_mm:.4f} mm"
    band = f"{measured.frequency_per_px:.3g} cycles per pixel"
    yield "band", f"one octave around {band}, noise floor {measured.floor:.1%} of the peak"
    depth = format_length(measured.depth_mm)
    yield "subject", f"{measured.tiles} parts in focus somewhere, {depth} deep"
    yield "frames", frames_text(sweep)


def frames_text(sweep: Sweep) -> str:
    """How many frames, and over which travel."""
    x = sweep.positions_mm
    return f"{len(x)} from {x[0]:.4f} mm to {x[-1]:.4f} mm"


def _draw_dof(axes: Axes, measured: DofMeasurement) -> None:
    from rig.plots.canvas import ACCENT, GUIDE, SECOND

    half = measured.dof_mm / 2
    axes.axvspan(-half, half, color=SECOND, alpha=0.15, lw=0, label=f"{format_length(measured.dof_mm)}")
    axes.axhline(CONTRAST_KEPT, color=GUIDE, lw=0.8)
    axes.plot(measured.offset_mm, measured.contrast, color=ACCENT)
    axes.set_xlabel("distance from best focus (mm)")
    axes.set_ylabel(f"contrast at {measured.frequency_per_px:.3g} cycles/px")
    axes.set_ylim(0, None)
    axes.legend(title="depth of field")
