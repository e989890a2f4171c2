"""Near, far and step → a frozen plan: every position, and why. Pure: no device, no file, no clock.

Positions are in mm and grow towards the subject; `rig.planning.positions` spreads them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from rig.errors import UserError
from rig.formatting import format_length
from rig.optics.framing import field_of_last_frame, framing_growth
from rig.optics.setup import OpticalSetup
from rig.optics.stops import stop_mark
from rig.planning.positions import RailGeometry, check_limits, place
from rig.planning.shots import ShotSeries
from rig.planning.spacing import Spacing, StepSource
from rig.planning.timing import StackTiming, critical_path_s

__all__ = ["Picture", "RailGeometry", "Spacing", "StackPlan", "View", "plan_stack", "shared_fields"]


@dataclass(frozen=True)
class View:
    """What the frame shows: its width in the plane of focus, and the distances in front of the lens, in mm.

    ``pupil_distance_mm`` is v, entrance pupil to plane of focus: infinite when telecentric.
    None is what is not known.
    """

    frame_width_mm: float | None = None
    pupil_distance_mm: float | None = None
    working_distance_mm: float | None = None


@dataclass(frozen=True)
class Picture:
    """What becomes of a frame: the sensor's pixels, those delivered, and the room its files take.

    Parameters
    ----------
    pixel_pitch_mm : float, optional
        Of the sensor.
    deliver_px : int, optional
        Width of the picture to be delivered; None for the frame as it is.
    delivered_pixel_mm : float, optional
        Its pixel, on the sensor.
    frame_bytes : int, optional
        Size of a frame's files.
    frame_bytes_source : str, optional
        How that is known.
    warnings : tuple of str
    """

    pixel_pitch_mm: float | None = None
    deliver_px: int | None = None
    delivered_pixel_mm: float | None = None
    frame_bytes: int | None = None
    frame_bytes_source: str | None = None
    warnings: tuple[str, ...] = ()


class StackPlan(BaseModel):
    """A stack before it is shot: frozen, and the same after a trip through JSON.

    Lengths in mm, times in s. What depends on knowledge that was not there is None (null). Plans of format 1,
    in journals of older sessions, lack the fields that have a default here.

    Attributes
    ----------
    positions_mm : tuple of float
        In shooting order.
    start_mm, end_mm : float
        First and last position.
    step_mm : float or None
        Distance between neighbours: what was given, or the even spacing; None for a single frame.
    step_source : {"auto", "given", "frames"}
        Whether the depth of field, ``--step`` or ``--frames`` decided.
    frames : int
        Number of positions, those of the margin included.
    shots : ShotSeries
        What is taken at every position.
    margin_frames : int
        How many of them lie before the start that was asked for, and as many beyond the end.
    open_end : bool
        Whether the operator ends the stack (``--end ask``): these are then the most positions there can be.
    direction : {1, -1}
        1 towards the subject.
    travel_mm : float
        From first to last position.
    run_up_mm : float
        One-sided approach to the first position, against `direction`.
    limits_mm : tuple of float, or None
        The rail's limits, low and high.
    overlap : float or None
        Share of the depth of field that neighbours share; negative leaves gaps.
    max_step_mm : float or None
        Largest step that keeps the overlap asked for.
    magnification, f_number, marked_f_number : float or None
        Image over object; the true stop and what the camera calls it.
    effective_f_number, effective_f_number_source : float and str, or None
        Ne and how it came to be known.
    numerical_aperture, coc_mm, pixel_pitch_mm : float or None
        On the subject's side; circle of confusion, a diameter on the sensor; pitch of the sensor's pixels.
    deliver_px, delivered_pixel_mm : int and float, or None
        Width of the picture to be delivered, and its pixel on the sensor: c counts these pixels then, and
        what is said of diffraction holds for them.
    frame_bytes, frame_bytes_source : int and str, or None
        Size of the files of one shot, and how it is known.
    dof_mm, dof_geometric_mm, dof_wave_mm : float or None
        Total depth of field and its two parts.
    airy_diameter_mm, best_effective_f_number, subject_resolution_lp_mm : float or None
        Diffraction: disc on the sensor, balance p/λ, and finest line pairs per mm on the subject.
    frame_width_mm : float or None
        Width of the plane of focus in every frame.
    pupil_distance_mm : float or None
        v, from the entrance pupil to the plane of focus.
    framing_growth : float or None
        How much a fixed point of the first plane of focus grows over the travel, v/(v − Δ).
    last_field : float or None
        Share of the first frame's field that the last one covers, v/(v + Δ).
    shutter_s, iso : float and int, or None
        Exposure.
    timing : StackTiming
        The times that `duration_s` is made of.
    duration_s : float
        Predicted, from the first move until the last frame is here.
    dof_measured : bool
        Whether `dof_mm` was measured; its two parts are predicted all the same.
    calibration : tuple of str
        What was measured on this set-up and is used here, a line each.
    full_steps : int or None
        Full steps of the motor in a step that is a whole number of them: its frames are spaced truly.
    warnings : tuple of str
        What should be known before pressing the button.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    format_version: Literal[1, 2] = 2
    positions_mm: tuple[float, ...]
    start_mm: float
    end_mm: float
    step_mm: float | None
    step_source: StepSource
    frames: int
    shots: ShotSeries = ShotSeries()
    margin_frames: int = 0
    open_end: bool = False
    direction: Literal[1, -1]
    travel_mm: float
    run_up_mm: float
    limits_mm: tuple[float, float] | None = None
    overlap: float | None
    max_step_mm: float | None
    magnification: float | None
    f_number: float | None
    marked_f_number: float | None
    effective_f_number: float | None
    effective_f_number_source: str | None
    numerical_aperture: float | None
    coc_mm: float | None
    pixel_pitch_mm: float | None
    deliver_px: int | None = None
    delivered_pixel_mm: float | None = None
    frame_bytes: int | None = None
    frame_bytes_source: str | None = None
    dof_mm: float | None
    dof_geometric_mm: float | None
    dof_wave_mm: float | None
    airy_diameter_mm: float | None
    best_effective_f_number: float | None
    subject_resolution_lp_mm: float | None
    frame_width_mm: float | None
    pupil_distance_mm: float | None
    framing_growth: float | None
    last_field: float | None
    shutter_s: float | None
    iso: int | None
    timing: StackTiming
    duration_s: float
    dof_measured: bool = False
    calibration: tuple[str, ...] = ()
    full_steps: int | None = None
    warnings: tuple[str, ...]

    @property
    def total_bytes(self) -> int | None:
        """Room that all shots take."""
        return None if self.frame_bytes is None else self.exposures * self.frame_bytes

    @property
    def exposures(self) -> int:
        """How many shots are taken in all."""
        return self.frames * self.shots.count

    @property
    def stops(self) -> tuple[float, ...]:
        """Where each shot is taken, in the axis's own unit: mm."""
        return self.shots.per_shot(self.positions_mm)

    def lasts_s(self, timing: StackTiming, positions: Sequence[float] | None = None) -> float:
        """How long it takes with these times, s; the positions that are left, or all, with the run-up."""
        if positions is None:
            return critical_path_s(self.positions_mm, self.run_up_mm, timing)
        return critical_path_s(positions, 0.0, timing)

    @property
    def approach_mm(self) -> float:
        """Where the one-sided approach to the first position begins."""
        return self.start_mm - self.direction * self.run_up_mm

    @property
    def envelope_mm(self) -> tuple[float, float]:
        """Lowest and highest position that the carriage reaches, run-up included."""
        reached = (self.approach_mm, self.start_mm, self.end_mm)
        return min(reached), max(reached)


def plan_stack(
    start_mm: float,
    end_mm: float,
    spacing: Spacing,
    rail: RailGeometry,
    timing: StackTiming,
    *,
    optics: OpticalSetup | None = None,
    view: View | None = None,
    picture: Picture | None = None,
    iso: int | None = None,
    measured_dof_mm: float | None = None,
    calibration: tuple[str, ...] = (),
    open_end: bool = False,
    shots: ShotSeries | None = None,
) -> StackPlan:
    """Plan a stack.

    Parameters
    ----------
    start_mm, end_mm : float
        First and last position; `end_mm` below `start_mm` moves away from the subject.
    spacing : Spacing
        Step, number of frames, or neither for the step that the depth of field allows.
    rail : RailGeometry
        Grid, limits and run-up.
    timing : StackTiming
        Times and motion, for the duration.
    optics : OpticalSetup, optional
        Needed when neither step nor frames are given.
    view : View, optional
        What the frame shows; nothing is known when absent.
    picture : Picture, optional
        What becomes of a frame; its full pixels are delivered when absent.
    iso : int, optional
        Kept in the plan.
    measured_dof_mm : float, optional
        Depth of field as measured; it takes the place of what the optics say.
    calibration : tuple of str
        What was measured, for the record.
    open_end : bool
        Whether the operator says when the end is reached, at `end_mm` at the latest.
    shots : ShotSeries, optional
        What is taken at every position; one frame when absent.

    Returns
    -------
    StackPlan

    Raises
    ------
    LimitError
        When a position, or the run-up to the first one, lies outside the limits.
    UserError
        When step, frames or overlap cannot be used, or the optics are needed and not known.
    """
    for name, value in (("start", start_mm), ("end", end_mm)):
        if not math.isfinite(value):
            raise UserError(f"{name} {value} is not a position; write a length such as 12.5mm")
    check_limits(start_mm, end_mm, rail)
    dof_mm, m = (optics.dof_mm, optics.magnification) if optics else (None, None)
    dof_mm = measured_dof_mm or dof_mm
    placed = place(start_mm, end_mm, spacing, rail, dof_mm=dof_mm, magnification=m)
    positions = placed.positions_mm
    travel_mm = positions[-1] - positions[0]
    shared, warnings = shared_fields(optics, picture, timing)
    framing, framing_warnings = _framing(view or View(), travel_mm)
    return StackPlan(
        **(shared | framing | {"dof_mm": dof_mm}),
        positions_mm=positions,
        start_mm=positions[0],
        end_mm=positions[-1],
        step_mm=placed.step_mm,
        step_source=placed.source,
        frames=len(positions),
        shots=shots or ShotSeries(),
        margin_frames=spacing.margin,
        open_end=open_end,
        direction=-1 if end_mm < start_mm else 1,
        travel_mm=abs(travel_mm),
        run_up_mm=rail.run_up_mm,
        limits_mm=(rail.low_mm, rail.high_mm),
        overlap=placed.overlap,
        max_step_mm=placed.max_step_mm,
        full_steps=placed.full_steps,
        iso=iso,
        duration_s=critical_path_s(positions, rail.run_up_mm, timing),
        dof_measured=measured_dof_mm is not None,
        calibration=calibration,
        warnings=(*placed.warnings, *warnings, *framing_warnings),
    )


_OF_THE_OPTICS = (
    "magnification",
    "f_number",
    "numerical_aperture",
    "coc_mm",
    "dof_mm",
    "dof_geometric_mm",
    "dof_wave_mm",
    "airy_diameter_mm",
    "best_effective_f_number",
    "subject_resolution_lp_mm",
)
_OF_THE_PICTURE = (
    "pixel_pitch_mm",
    "deliver_px",
    "delivered_pixel_mm",
    "frame_bytes",
    "frame_bytes_source",
)


def shared_fields(
    optics: OpticalSetup | None, picture: Picture | None, timing: StackTiming
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what plans say of optics, picture and times, whatever moves, and the warnings about it.

    Parameters
    ----------
    optics : OpticalSetup or None
        Its fields are all None when it is not known.
    picture : Picture or None
        The sensor's own pixels, as the optics have them, when absent.
    timing : StackTiming
        The camera's times.
    """
    picture = picture or Picture(pixel_pitch_mm=optics.pixel_pitch_mm if optics else None)
    stop = None if optics is None else optics.f_number
    fields: dict[str, Any] = {name: getattr(optics, name, None) for name in _OF_THE_OPTICS}
    fields |= {name: getattr(picture, name) for name in _OF_THE_PICTURE}
    fields |= {
        "marked_f_number": None if stop is None else float(stop_mark(stop)),
        "effective_f_number": None if optics is None else optics.effective.f_number,
        "effective_f_number_source": None if optics is None else optics.effective.text,
        "shutter_s": timing.shutter_s or None,
        "timing": timing,
    }
    return fields, (*picture.warnings, *(optics.warnings if optics else ()))


def _framing(view: View, delta_mm: float) -> tuple[dict[str, Any], list[str]]:
    """The fields of a plan that say how the picture grows over a move towards the subject, and warnings."""
    v_mm, warnings = view.pupil_distance_mm, []
    growth = last_field = None
    if view.working_distance_mm is not None and delta_mm >= view.working_distance_mm:
        warnings.append(
            f"the lens would touch the nearest point: the travel of {format_length(delta_mm)} is not below "
            f"the working distance of {format_length(view.working_distance_mm)}"
        )
    if v_mm is not None:
        try:
            growth = float(framing_growth(v_mm, delta_mm))
            last_field = float(field_of_last_frame(v_mm, delta_mm))
        except ValueError:
            growth = None
            warnings.append(
                f"the travel of {format_length(abs(delta_mm))} is as long as the distance from the lens's "
                f"entrance pupil to the plane of focus, {format_length(v_mm)}: the first part of the subject "
                "leaves the view"
            )
    fields = {
        "frame_width_mm": view.frame_width_mm,
        "pupil_distance_mm": v_mm,
        "framing_growth": growth,
        "last_field": last_field,
    }
    return fields, warnings
