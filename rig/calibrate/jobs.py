"""One function per command: take or read the frames, measure, and say it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rig.calibrate.capture import TakenFrame
from rig.calibrate.dof import CONTRAST_KEPT, DofMeasurement, band_frequency, measure_dof
from rig.calibrate.outcome import Calibrated
from rig.calibrate.records import DofRecord
from rig.calibrate.sweep import Sweep, read_sweep
from rig.calibrate.task import Task
from rig.units import format_length

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["calibrate_dof"]

_DOF_REACH = 2.0
"""Depths of field to each side of focus: there the fine detail is gone, and the noise floor shows."""

_DOF_STEPS = 8
"""Frames per predicted depth of field: enough when the prediction is half the truth, or twice it."""


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
        start_mm, end_mm, step_mm = _dof_range(task, start_mm, end_mm, step_mm)
        plan = task.plan(start_mm, end_mm, step_mm=step_mm)
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


def _dof_range(
    task: Task, start_mm: float | None, end_mm: float | None, step_mm: float | None
) -> tuple[float, float, float]:
    if start_mm is not None and end_mm is not None and step_mm is not None:
        return start_mm, end_mm, step_mm
    dof_mm = task.predicted_dof_mm()
    here_mm = task.here_mm
    reach_mm = _DOF_REACH * dof_mm
    return (
        here_mm - reach_mm if start_mm is None else start_mm,
        here_mm + reach_mm if end_mm is None else end_mm,
        step_mm or max(dof_mm / _DOF_STEPS, 1 / task.config.rail.steps_per_mm),
    )


def read_band(task: Task, frames: Sequence[TakenFrame], *, greys: bool = False) -> Sweep:
    """Read a sweep in the band by which the depth of field is defined."""
    ne, sensor_mm = task.effective_f_number(), task.config.camera.sensor_width_mm

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
