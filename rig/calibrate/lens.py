"""The calibration of a lens's focus drive: take or read the frames, measure, and say it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rig.calibrate.capture import Capture
from rig.calibrate.dof import band_frequency
from rig.calibrate.drive import (
    DriveMeasurement,
    DriveSweep,
    Slope,
    drive_peaks,
    measure_drive,
    measure_slope,
)
from rig.calibrate.focus import band_energy
from rig.calibrate.frames import TakenFrame
from rig.calibrate.images import Array, read_picture
from rig.calibrate.jobs import sweep_plan
from rig.calibrate.outcome import Calibrated
from rig.calibrate.records import FrameHash, LensRecord
from rig.calibrate.sweep import Region, refuse_burnt
from rig.calibrate.task import Task
from rig.errors import UserError
from rig.formatting import format_length

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["calibrate_lens"]

_TILES_ACROSS = 18
"""Narrow tiles: within one the target is deep, and a curve as wide as that depth has a blunt peak."""
_LEAST_TILE_PX = 32
_RAIL_REACH, _RAIL_STEPS = 4.0, 3
"""Depths of field to each side, and frames in each: from there the lean is drawn out over the whole frame."""
_ANGLE_SIGMA_DEG = 1.0
"""What is read off a set square laid beside the target."""


def calibrate_lens(task: Task, *, end: int, step: int, angle_deg: float | None) -> Calibrated:
    """Measure what a unit of the focus drive does, and its play, from a slanted target.

    Parameters
    ----------
    task : Task
        On the rig, or with the session of such a measurement.
    end : int
        How far to drive towards far, units.
    step : int
        Units between frames.
    angle_deg : float or None
        Between the target and the plane of focus, known; None measures how the target leans with the rail.

    Raises
    ------
    RigError
        When the frames cannot be taken, or do not show the focus travel across the target.
    """
    m = task.setup.magnification
    if m is None:
        raise UserError("the magnification is not known: give --magnification, or set it in [lens]")
    if angle_deg is not None and not 5 <= angle_deg <= 80:
        raise UserError(f"--angle {angle_deg:g}: lay the target at 30 to 60 degrees to the plane of focus")
    if not 1 <= step <= end // 8:
        raise UserError(
            f"--end {end} and --step {step}: the focus is driven from unit 0 to --end, with at least nine "
            "frames on the way, such as --end 60 --step 2"
        )
    frames = task.images or _shoot(task, end, step, by_rail=angle_deg is None)
    parts = {name: _read(task, _of_part(frames, name)) for name in ("rail", "out", "back")}
    out, back = parts["out"], parts["back"]
    if out is None or back is None:
        raise UserError(
            "these frames do not say at which drive units they were taken: a focus drive is measured from "
            "the session of a rig calibrate lens, or on the rig"
        )
    slope = _slope(angle_deg, parts["rail"], out, m)
    measured = measure_drive(
        DriveSweep(out.places, out.energy), DriveSweep(back.places, back.energy), out.tile_px, slope, m
    )
    hashes = [h for part in parts.values() if part for h in part.hashes]
    record = LensRecord(
        focus_step=task.config.lens.focus_step,
        drive=measured.units,
        defocus_mm=measured.shift_mm,
        uncertainty_mm=measured.sigma_mm,
        play_units=measured.play_units,
        play_sigma_units=measured.play_sigma_units,
        **task.common(hashes, simulated=any(part.simulated for part in parts.values() if part)),
    )
    return Calibrated(
        rows=tuple(_rows(measured, slope, parts["rail"] is not None and angle_deg is None)),
        record=record,
        details={
            "began_at": measured.began_at,
            "per_unit_mm": abs(measured.shift_mm[-1]) / measured.units[-1],
            "near_um_per_unit": measured.near_um,
            "far_um_per_unit": measured.far_um,
            "depth_mm_per_px": slope.mm_per_px,
            "tiles": len(measured.tile_units),
        },
        warnings=measured.warnings,
        draw=lambda axes: _draw(axes, measured),
    )


@dataclass(frozen=True)
class _Part:
    """What was read from one sweep; ``places`` are mm of the rail or drive units, rising."""

    places: Array
    energy: Array
    tile_px: int
    pitch_mm: float
    hashes: tuple[FrameHash, ...]
    simulated: bool


def _shoot(task: Task, end: int, step: int, *, by_rail: bool) -> tuple[TakenFrame, ...]:
    """Through the target by the rail, then by the lens to far and back."""
    plan = sweep_plan(task, None, None, None, reach=_RAIL_REACH, steps=_RAIL_STEPS) if by_rail else None
    units = range(0, end + 1, step)
    count = (plan.frames if plan else 0) + 2 * len(units)
    run_up = task.config.lens.focus_run_up
    with task.capture(
        "lens", plan or task.still_plan(), count, target="slanted", motion=by_rail, drives_lens=True
    ) as rig:
        taken: list[TakenFrame] = []
        if plan:
            taken += rig.sweep(plan.positions_mm, part="rail")
            rig.move(task.here_mm)
            rig.wait(rig.settle_s)
        taken += _driven(rig, list(units), run_up)
    return tuple(taken)


def _driven(rig: Capture, units: list[int], run_up: int) -> list[TakenFrame]:
    lens = rig.open_lens()
    at, taken = 0, []

    def drive_to(unit: int) -> None:
        nonlocal at
        if unit != at:
            lens.drive(unit - at)
            at = unit

    drive_to(-run_up)
    for part, order, beyond in (("out", units, None), ("back", units[::-1], units[-1] + run_up)):
        if beyond is not None:
            drive_to(beyond)
        for unit in order:
            drive_to(unit)
            taken.append(rig.take(part=part, unit=unit))
    return taken


def _of_part(frames: Sequence[TakenFrame], part: str) -> list[tuple[float, TakenFrame]]:
    """Frames of a sweep with their places, rising."""
    found = []
    for frame in frames:
        if frame.tags.get("part") == part:
            place = frame.position_mm if part == "rail" else frame.tags.get("unit")
            if place is not None:
                found.append((float(place), frame))
    return sorted(found, key=lambda pair: pair[0])


def _read(task: Task, frames: list[tuple[float, TakenFrame]]) -> _Part | None:
    if not frames:
        return None
    ne, energies, hashes, simulated = task.effective_f_number(), [], [], False
    for _, frame in frames:
        picture = read_picture(frame.path, linear=task.linear)
        refuse_burnt(picture, Region())
        pitch_mm = task.pitch_mm(picture.width_px)
        tile = max(_LEAST_TILE_PX, picture.width_px // _TILES_ACROSS // 2 * 2)
        frequency = band_frequency(task.coc_px(pitch_mm), ne, pitch_mm)
        energies.append(band_energy(picture.light, frequency, tile))
        hashes.append(FrameHash(file=picture.name, sha256=picture.sha256))
        simulated = simulated or picture.simulated
    return _Part(
        np.array([place for place, _ in frames]),
        np.array(energies),
        tile,
        pitch_mm,
        tuple(hashes),
        simulated,
    )


def _slope(angle_deg: float | None, rail: _Part | None, out: _Part, m: float) -> Slope:
    if angle_deg is not None:
        angle = math.radians(angle_deg)
        relative = math.radians(_ANGLE_SIGMA_DEG) / (math.sin(angle) * math.cos(angle))
        return Slope(math.tan(angle) * out.pitch_mm / m, relative)
    if rail is None:
        raise UserError(
            "nothing says how steeply the target leans: give --angle, such as 45deg, or take the frames with "
            "a motorised rail"
        )
    return measure_slope(drive_peaks(rail.places, rail.energy), rail.tile_px)


def _rows(measured: DriveMeasurement, slope: Slope, by_rail: bool) -> list[tuple[str, str]]:
    span_mm = abs(measured.shift_mm[-1])
    mean_um = span_mm / measured.units[-1] * 1000
    ends = f"{measured.near_um:.4g} µm near, {measured.far_um:.4g} µm far"
    span = f"{format_length(span_mm)} ± {format_length(measured.sigma_mm)}"
    how = "by the rail" if by_rail else "by its angle"
    depth_um, sigma_um = (1000 * slope.mm_per_px * share for share in (1.0, slope.relative_sigma))
    depth = f"depth {how}, {depth_um:.4g} ± {sigma_um:.2g} µm a pixel"
    return [
        ("focus drive", f"{mean_um:.4g} µm of image shift a unit ({ends})"),
        ("calibrated", f"{measured.units[-1]} units, {span}"),
        ("play at reversal", f"{measured.play_units:.2f} ± {measured.play_sigma_units:.2g} units"),
        ("unit 0", f"where the focus stood {measured.began_at} units after the sweep began"),
        ("measured from", f"{len(measured.tile_units)} parts of the frame; {depth}"),
    ]


def _draw(axes: Axes, measured: DriveMeasurement) -> None:
    from rig.plots.canvas import ACCENT, GUIDE, SECOND

    began = measured.began_at
    axes.plot(measured.tile_units - began, measured.tile_shift_mm, "o", ms=2, color=ACCENT, label="to far")
    axes.plot(measured.back_units - began, measured.back_shift_mm, "o", ms=2, color=SECOND, label="back")
    axes.plot(measured.units, measured.shift_mm, "-", lw=1, color=GUIDE)
    axes.set_xlabel("drive units")
    axes.set_ylabel("shift of the image plane (mm)")
    axes.legend(title=f"play {measured.play_units:.1f} units")
