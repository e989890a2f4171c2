"""A stack by the lens's own focus: positions in units of its drive, even in image space. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from rig.formatting import format_length
from rig.optics.lens_focus import widest_interval
from rig.optics.setup import OpticalSetup
from rig.optics.steps import lens_focus_step, overlap_of_step
from rig.plan import Picture, shared_fields
from rig.planning.focus_calibration import FocusCalibration
from rig.planning.lens_positions import DriveSpacing, check_units, image_shift, place_units
from rig.planning.shots import ShotSeries
from rig.planning.spacing import StepSource, advice, overlap_or_default
from rig.planning.timing import StackTiming, critical_path_s

__all__ = ["DriveSpacing", "LensPlan", "plan_lens_stack"]

NO_CALIBRATION = (
    "the focus drive is not calibrated (rig calibrate lens, or focus_calibration in [lens]): the plan is in "
    "drive units, and nobody can promise that its frames overlap"
)


class LensPlan(BaseModel):
    """A stack by lens focus before it is shot: frozen, and the same after a trip through JSON.

    Positions are whole units of the focus drive; lengths in mm, *on the sensor's side*; times in s. What is
    not known is None.

    Attributes
    ----------
    positions : tuple of int
        Drive units, in shooting order.
    start, end : int
        First and last of them.
    frames : int
        How many positions.
    direction : {1, -1}
        1 for rising drive units.
    step_units : int or None
        As given; None where the spacing is even in image space, or for one frame.
    step_source : {"auto", "given", "frames"}
        What decided.
    run_up_units : int or None
        How far the drive backs off before it goes one way; None as configured.
    calibrated : bool
        Whether a calibration says what a unit does; what depends on it is None otherwise.
    defocus_mm : tuple of float, or None
        Shift of the image plane at each position, from that of the first.
    uncertainty_mm : float or None
        Standard uncertainty of such a shift.
    depth_of_focus_mm : float or None
        Total depth in which a frame is sharp, √((2 Ne c)² + (4 λ Ne²)²).
    image_step_mm, max_image_step_mm : float or None
        Widest distance between neighbours, and the largest that keeps the overlap asked for.
    overlap, overlap_at_worst : float or None
        Share of the depth of focus that the neighbours farthest apart have in common; and if the calibration
        is off by its uncertainty at both.
    duration_s : float
        Without the drive's own moves, whose speed is not known.
    warnings : tuple of str
        What should be known before pressing the button.

    The other attributes are those of `rig.plan.StackPlan`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    format_version: Literal[1] = 1
    axis: Literal["lens"] = "lens"
    positions: tuple[int, ...]
    start: int
    end: int
    frames: int
    shots: ShotSeries = ShotSeries()
    direction: Literal[1, -1]
    step_units: int | None
    step_source: StepSource
    run_up_units: int | None = None
    calibrated: bool
    defocus_mm: tuple[float, ...] | None
    uncertainty_mm: float | None
    depth_of_focus_mm: float | None
    image_step_mm: float | None
    max_image_step_mm: float | None
    overlap: float | None
    overlap_at_worst: float | None
    magnification: float | None
    f_number: float | None
    marked_f_number: float | None
    effective_f_number: float | None
    effective_f_number_source: str | None
    numerical_aperture: float | None
    coc_mm: float | None
    pixel_pitch_mm: float | None
    deliver_px: int | None
    delivered_pixel_mm: float | None
    frame_bytes: int | None
    frame_bytes_source: str | None
    dof_mm: float | None
    dof_geometric_mm: float | None
    dof_wave_mm: float | None
    airy_diameter_mm: float | None
    best_effective_f_number: float | None
    subject_resolution_lp_mm: float | None
    shutter_s: float | None
    iso: int | None
    timing: StackTiming
    duration_s: float
    calibration: tuple[str, ...] = ()
    warnings: tuple[str, ...]

    @property
    def stops(self) -> tuple[float, ...]:
        """Where each shot is taken, in the axis's own unit: units of the drive."""
        return self.shots.per_shot(self.positions)

    @property
    def defocus_of_shots_mm(self) -> tuple[float, ...] | None:
        """What the calibration says of each shot's position; None without one."""
        return None if self.defocus_mm is None else self.shots.per_shot(self.defocus_mm)

    def lasts_s(self, timing: StackTiming, positions: Sequence[float] | None = None) -> float:
        """How long it takes with these times, s; the positions that are left, or all.

        A drive's unit is no length: every step takes the same time.
        """
        return _duration_s(self.frames if positions is None else len(positions), timing)

    @property
    def exposures(self) -> int:
        """How many shots are taken in all."""
        return self.frames * self.shots.count

    @property
    def total_bytes(self) -> int | None:
        """Room that all shots take."""
        return None if self.frame_bytes is None else self.exposures * self.frame_bytes


def plan_lens_stack(
    start: int,
    end: int,
    spacing: DriveSpacing,
    focus: FocusCalibration | None,
    timing: StackTiming,
    *,
    optics: OpticalSetup | None = None,
    picture: Picture | None = None,
    iso: int | None = None,
    run_up_units: int | None = None,
    calibration: tuple[str, ...] = (),
    shots: ShotSeries | None = None,
) -> LensPlan:
    """Plan a stack by lens focus.

    Parameters
    ----------
    start, end : int
        Drive units of the nearest and the farthest sharp point, or the other way round.
    spacing : DriveSpacing
        Step in drive units, number of frames, or neither for the step that the depth of focus allows.
    focus : FocusCalibration or None
        What a drive unit does.
    timing : StackTiming
        The camera's times.
    optics : OpticalSetup, optional
        Needed when neither step nor frames are given.
    picture : Picture, optional
        What becomes of a frame.
    iso, run_up_units : int, optional
        Kept in the plan.
    calibration : tuple of str
        What was measured, for the record.
    shots : ShotSeries, optional
        What is taken at every position; one frame when absent.

    Returns
    -------
    LensPlan

    Raises
    ------
    UserError
        When step or frames cannot be used, an end lies outside the calibration, or the calibration or the
        optics are needed and not there.
    """
    check_units(start, end, spacing)
    wanted = overlap_or_default(spacing.overlap, optics.magnification if optics else None)
    focus_mm = None if optics is None else _depth_of_focus(optics)
    largest_mm = None if focus_mm is None else focus_mm * (1 - wanted)
    direction: Literal[1, -1] = -1 if end < start else 1
    units = np.arange(start, end + direction, direction)
    shift = None if focus is None else image_shift(focus, units)
    placed = place_units(units, shift, spacing, focus_mm, largest_mm)
    positions = tuple(int(u) for u in units[placed.chosen])
    defocus = None if shift is None else shift[placed.chosen] - shift[placed.chosen[0]]
    widest = None if defocus is None or len(positions) < 2 else widest_interval(defocus)
    reached, worst = _overlaps(widest, focus_mm, focus)
    notes = _overlap_notes(reached, worst, spacing, wanted, focus) if focus else [NO_CALIBRATION]
    shared, warnings = shared_fields(optics, picture, timing)
    return LensPlan(
        **shared,
        positions=positions,
        start=positions[0],
        end=positions[-1],
        frames=len(positions),
        shots=shots or ShotSeries(),
        direction=direction,
        step_units=spacing.step_units if len(positions) > 1 else None,
        step_source=placed.source,
        run_up_units=run_up_units,
        calibrated=focus is not None,
        defocus_mm=None if defocus is None else tuple(float(d) for d in defocus),
        uncertainty_mm=None if focus is None else focus.uncertainty_mm,
        depth_of_focus_mm=focus_mm,
        image_step_mm=widest,
        max_image_step_mm=largest_mm,
        overlap=reached,
        overlap_at_worst=worst,
        iso=iso,
        calibration=calibration,
        duration_s=_duration_s(len(positions), timing),
        warnings=(*placed.notes, *notes, *warnings),
    )


def _duration_s(frames: int, timing: StackTiming) -> float:
    # The body is asked for live view and drives while the lens moves: the frame is here before.
    timing = timing.model_copy(update={"overlap_download": False})
    return critical_path_s([0.0] * frames, 0.0, timing)


def _depth_of_focus(optics: OpticalSetup) -> float:
    return float(lens_focus_step(optics.effective.f_number, optics.coc_mm, 0.0, optics.wavelength_mm))


def _overlaps(
    widest_mm: float | None, focus_mm: float | None, calibration: FocusCalibration | None
) -> tuple[float | None, float | None]:
    if widest_mm is None or focus_mm is None or calibration is None:
        return None, None
    # Two shifts, each uncertain: their difference is by √2 more so.
    worst_mm = widest_mm + math.sqrt(2) * calibration.uncertainty_mm
    return float(overlap_of_step(focus_mm, widest_mm)), float(overlap_of_step(focus_mm, worst_mm))


def _overlap_notes(
    reached: float | None,
    worst: float | None,
    spacing: DriveSpacing,
    wanted: float,
    calibration: FocusCalibration,
) -> list[str]:
    if reached is None or worst is None:
        return []
    notes = []
    if reached < 0:
        notes.append(
            f"the frames leave gaps: neighbours are up to {1 - reached:.3g} times the depth of focus apart "
            f"(overlap {reached:.0%}); detail between them stays soft"
        )
    elif spacing.frames is not None:
        notes.append(f"{spacing.frames} frames overlap by {reached:.0%} at least{advice(reached, wanted)}")
    elif reached < wanted - 0.005:
        notes.append(f"the overlap is {reached:.0%} in places ({wanted:.0%} is advised)")
    if worst < 0 <= reached:
        notes.append(
            f"the calibration is uncertain by {format_length(calibration.uncertainty_mm)}: there may be "
            "gaps. Measure it better, or ask for more overlap"
        )
    return notes
