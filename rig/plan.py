"""Near, far and step → a frozen plan: every position, and why. Pure: no device, no file, no clock.

Positions are in mm and grow towards the subject. They lie on the rail's grid of microsteps, reach from start to
end, both included, and never beyond.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from rig.errors import LimitError, UserError
from rig.optics.depth_of_field import overlap_of_step, step_for_overlap
from rig.optics.framing import field_of_last_frame, framing_growth
from rig.optics.setup import OpticalSetup
from rig.optics.stops import stop_mark
from rig.timing import StackTiming, critical_path_s
from rig.units import format_length

__all__ = [
    "DEFAULT_OVERLAP",
    "HIGH_MAGNIFICATION_OVERLAP",
    "MAX_FRAMES",
    "RailGeometry",
    "Spacing",
    "StackPlan",
    "View",
    "default_overlap",
    "plan_stack",
]

DEFAULT_OVERLAP = 0.30
"""Share of the depth of field: at worst 13–17 % of contrast is lost halfway between two frames."""

HIGH_MAGNIFICATION_OVERLAP = 0.50
"""Above 20×, where rails are uneven by a good part of the step: 7–9 % lost."""

MAX_FRAMES = 20_000
"""More than that is a slip of the unit: it would wear out a tenth of a shutter in one stack."""

_FEW_MICROSTEPS = 4
"""Microsteps are uneven by more than one of their own length; below four a step is not to be relied on."""

_COUNT_TOLERANCE = 1e-9
"""A span that is a whole number of steps but for rounding is that number of steps."""

_GRID_TOLERANCE = 1e-6
"""In microsteps: a position that close to the grid is on it."""


@dataclass(frozen=True)
class RailGeometry:
    """What a plan needs to know of the rail.

    Parameters
    ----------
    steps_per_mm : float
        Microsteps per mm, above 0: the grid on which positions lie.
    low_mm, high_mm : float
        The limits, both allowed.
    run_up_mm : float
        How far the carriage backs off before it approaches the first position.
    """

    steps_per_mm: float
    low_mm: float
    high_mm: float
    run_up_mm: float


@dataclass(frozen=True)
class Spacing:
    """How the positions are to be spread: at most one of `step_mm` and `frames`; neither is ``--step auto``.

    ``overlap`` is the share of the depth of field that neighbours share; None takes `default_overlap`.
    """

    step_mm: float | None = None
    frames: int | None = None
    overlap: float | None = None


@dataclass(frozen=True)
class View:
    """What the frame shows: its width in the plane of focus, and the distances in front of the lens, in mm.

    ``pupil_distance_mm`` is v, entrance pupil to plane of focus: infinite when telecentric, None when unknown.
    """

    frame_width_mm: float | None = None
    pupil_distance_mm: float | None = None
    working_distance_mm: float | None = None


class StackPlan(BaseModel):
    """A stack before it is shot: frozen, and the same after a trip through JSON.

    Lengths in mm, times in s. What depends on knowledge that was not there is None (null).

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
        Number of positions.
    direction : {1, -1}
        1 towards the subject.
    travel_mm : float
        From first to last position.
    run_up_mm : float
        One-sided approach to the first position, against `direction`.
    overlap : float or None
        Share of the depth of field that neighbours share; negative leaves gaps.
    max_step_mm : float or None
        Largest step that keeps the overlap asked for.
    magnification, f_number, marked_f_number : float or None
        Image over object; the true stop and what the camera calls it.
    effective_f_number, effective_f_number_source : float and str, or None
        Ne and how it came to be known.
    numerical_aperture, coc_mm, pixel_pitch_mm : float or None
        On the subject's side; circle of confusion, a diameter on the sensor; pitch of the pixels.
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
    warnings : tuple of str
        What should be known before pressing the button.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    format_version: Literal[1] = 1
    positions_mm: tuple[float, ...]
    start_mm: float
    end_mm: float
    step_mm: float | None
    step_source: Literal["auto", "given", "frames"]
    frames: int
    direction: Literal[1, -1]
    travel_mm: float
    run_up_mm: float
    overlap: float | None
    max_step_mm: float | None
    magnification: float | None
    f_number: float | None
    marked_f_number: str | None
    effective_f_number: float | None
    effective_f_number_source: str | None
    numerical_aperture: float | None
    coc_mm: float | None
    pixel_pitch_mm: float | None
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
    warnings: tuple[str, ...]

    @property
    def approach_mm(self) -> float:
        """Where the one-sided approach to the first position begins."""
        return self.start_mm - self.direction * self.run_up_mm

    @property
    def envelope_mm(self) -> tuple[float, float]:
        """Lowest and highest position that the carriage reaches, run-up included."""
        reached = (self.approach_mm, self.start_mm, self.end_mm)
        return min(reached), max(reached)


def default_overlap(magnification: float | None) -> float:
    """Return the overlap for a magnification: 0.30, and 0.50 above 20×."""
    if magnification is not None and magnification > 20:
        return HIGH_MAGNIFICATION_OVERLAP
    return DEFAULT_OVERLAP


def plan_stack(
    start_mm: float,
    end_mm: float,
    spacing: Spacing,
    rail: RailGeometry,
    timing: StackTiming,
    *,
    optics: OpticalSetup | None = None,
    view: View | None = None,
    iso: int | None = None,
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
    iso : int, optional
        Kept in the plan.

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
    view = view or View()
    direction: Literal[1, -1] = -1 if end_mm < start_mm else 1
    _check_limits(start_mm, end_mm, direction, rail)
    placed = _place(start_mm, end_mm, spacing, rail, optics)
    positions = placed.positions_mm
    travel = positions[-1] - positions[0]
    growth, last_field, framing_warnings = _framing(view, travel)
    return StackPlan(
        positions_mm=positions,
        start_mm=positions[0],
        end_mm=positions[-1],
        step_mm=placed.step_mm,
        step_source=placed.source,
        frames=len(positions),
        direction=direction,
        travel_mm=abs(travel),
        run_up_mm=rail.run_up_mm,
        overlap=placed.overlap,
        max_step_mm=placed.max_step_mm,
        **_optics_fields(optics),
        frame_width_mm=view.frame_width_mm,
        pupil_distance_mm=view.pupil_distance_mm,
        framing_growth=growth,
        last_field=last_field,
        shutter_s=timing.shutter_s or None,
        iso=iso,
        timing=timing,
        duration_s=critical_path_s(positions, rail.run_up_mm, timing),
        warnings=(*placed.warnings, *(optics.warnings if optics else ()), *framing_warnings),
    )


def _optics_fields(optics: OpticalSetup | None) -> dict[str, float | str | None]:
    names = (
        "magnification numerical_aperture coc_mm pixel_pitch_mm dof_mm dof_geometric_mm dof_wave_mm "
        "airy_diameter_mm best_effective_f_number subject_resolution_lp_mm f_number"
    ).split()
    fields: dict[str, float | str | None] = {name: getattr(optics, name, None) for name in names}
    stop = None if optics is None else optics.f_number
    fields["marked_f_number"] = None if stop is None else f"f/{stop_mark(stop)}"
    fields["effective_f_number"] = None if optics is None else optics.effective.f_number
    fields["effective_f_number_source"] = None if optics is None else optics.effective.source.value
    return fields


def _check_limits(start_mm: float, end_mm: float, direction: int, rail: RailGeometry) -> None:
    slack = _GRID_TOLERANCE / rail.steps_per_mm
    run_up = start_mm - direction * rail.run_up_mm
    for what, position in (("start", start_mm), ("end", end_mm)):
        if not rail.low_mm - slack <= position <= rail.high_mm + slack:
            raise LimitError(position, rail.low_mm, rail.high_mm, what)
    if not rail.low_mm - slack <= run_up <= rail.high_mm + slack:
        what = f"start {start_mm:g} mm needs a run-up of {rail.run_up_mm:g} mm so that it is approached from one side; its beginning"
        raise LimitError(run_up, rail.low_mm, rail.high_mm, what)


@dataclass(frozen=True)
class _Placed:
    """Positions and what was decided about them."""

    positions_mm: tuple[float, ...]
    step_mm: float | None
    source: Literal["auto", "given", "frames"]
    overlap: float | None
    max_step_mm: float | None
    warnings: tuple[str, ...]


def _place(
    start_mm: float, end_mm: float, spacing: Spacing, rail: RailGeometry, optics: OpticalSetup | None
) -> _Placed:
    _check_spacing(spacing)
    overlap = spacing.overlap
    if overlap is None:
        overlap = default_overlap(optics.magnification if optics else None)
    dof = optics.dof_mm if optics else None
    largest = None if dof is None else float(step_for_overlap(dof, overlap))
    source: Literal["auto", "given", "frames"] = "auto"
    if spacing.step_mm is not None:
        source = "given"
    elif spacing.frames is not None:
        source = "frames"
    elif largest is None:
        raise UserError(
            "a step cannot be worked out without an aperture: give --aperture (or aperture in [capture], or "
            "numerical_aperture in [lens]), or state --step or --frames"
        )
    grid = _Grid(start_mm, end_mm, rail.steps_per_mm)
    if grid.count == 0:
        return _Placed(
            (grid.first_mm,), None, source, None, largest, (_one_frame(start_mm, end_mm, spacing),)
        )
    if source == "auto" and dof is not None and grid.span_mm < dof:
        note = (
            f"the travel of {format_length(grid.span_mm)} is less than the depth of field, {format_length(dof)}: one "
            "frame in its middle has it all"
        )
        return _Placed((grid.middle_mm,), None, source, None, largest, (note,))
    step, notes = _step(grid, spacing, largest)
    if spacing.step_mm is None:
        intervals = max(1, math.ceil(grid.span_mm / step - _COUNT_TOLERANCE))
        _check_count(intervals + 1, step)
        positions = grid.evenly(intervals)
        step = grid.span_mm / intervals
    else:
        _check_count(math.ceil(grid.span_mm / step) + 1, step)
        positions = grid.stepped(step)
    reached = None if dof is None else float(overlap_of_step(dof, min(step, grid.span_mm)))
    notes += _step_notes(step, rail, reached, spacing, overlap)
    return _Placed(positions, step, source, reached, largest, tuple(notes))


def _check_spacing(spacing: Spacing) -> None:
    step, frames, overlap = spacing.step_mm, spacing.frames, spacing.overlap
    if step is not None and frames is not None:
        raise UserError(f"--step {format_length(step)} and --frames {frames} contradict each other: give one")
    if step is not None and not (math.isfinite(step) and step > 0):
        raise UserError(
            f"step {step:g} mm is not above 0; write a length such as 0.2mm, or auto (the direction follows from "
            "--start and --end)"
        )
    if frames is not None and frames < 1:
        raise UserError(f"{frames} frames cannot be shot; write a number from 1 up")
    if overlap is not None and not 0 <= overlap < 1:
        raise UserError(f"overlap {overlap:g} is not a share from 0 to under 1; write 0.3 for 30 %")


def _check_count(frames: int, step_mm: float) -> None:
    if frames > MAX_FRAMES:
        raise UserError(
            f"a step of {format_length(step_mm)} makes {frames} frames; {MAX_FRAMES} is the most that is planned. Is "
            "the unit right?"
        )


def _one_frame(start_mm: float, end_mm: float, spacing: Spacing) -> str:
    if start_mm == end_mm:
        note = f"start and end are the same, {start_mm:g} mm: one frame"
    else:
        note = f"start and end are less than one microstep apart ({format_length(abs(end_mm - start_mm))}): one frame"
    if spacing.frames is not None and spacing.frames > 1:
        note += f", not {spacing.frames}"
    return note


def _step(grid: _Grid, spacing: Spacing, largest_mm: float | None) -> tuple[float, list[str]]:
    """The step to go by: given, from the number of frames, or from the depth of field."""
    microstep = grid.microstep_mm
    if spacing.step_mm is not None:
        if spacing.step_mm < microstep * (1 - _GRID_TOLERANCE):
            raise UserError(
                f"a step of {format_length(spacing.step_mm)} is less than one microstep of the rail, "
                f"{format_length(microstep)}: give at least that"
            )
        if spacing.step_mm > grid.span_mm * (1 + _COUNT_TOLERANCE):
            return spacing.step_mm, [
                f"the step of {format_length(spacing.step_mm)} is longer than the travel of "
                f"{format_length(grid.span_mm)}: only start and end are shot"
            ]
        return spacing.step_mm, []
    if spacing.frames is not None:
        if spacing.frames == 1:
            raise UserError(
                f"one frame cannot reach from start to end, {format_length(grid.span_mm)}: give --frames 2 or more, "
                "or the same --start and --end"
            )
        if spacing.frames > grid.count + 1:
            raise UserError(
                f"{spacing.frames} frames over {format_length(grid.span_mm)} would be less than one microstep of the "
                f"rail apart, {format_length(microstep)}: at most {grid.count + 1} are possible"
            )
        return grid.span_mm / (spacing.frames - 1), []
    assert largest_mm is not None
    if largest_mm < microstep:
        return microstep, [
            f"the depth of field asks for steps of {format_length(largest_mm)}, less than one microstep of the rail: "
            f"planned with {format_length(microstep)}"
        ]
    return largest_mm, []


def _step_notes(
    step_mm: float, rail: RailGeometry, reached: float | None, spacing: Spacing, wanted: float
) -> list[str]:
    notes = []
    microsteps = step_mm * rail.steps_per_mm
    if microsteps < _FEW_MICROSTEPS * (1 - _GRID_TOLERANCE):
        notes.append(
            f"a step of {format_length(step_mm)} is only {microsteps:.1f} microsteps of the rail: microsteps are uneven, "
            "so are such steps"
        )
    if reached is None:
        notes.append(
            "the depth of field is not known (no aperture given): the overlap of the frames is not checked"
        )
    elif reached < -_COUNT_TOLERANCE:
        notes.append(
            f"the frames leave gaps: the step of {format_length(step_mm)} is {1 - reached:.2g} times the depth of field "
            f"(overlap {reached:.0%}); detail between them stays soft"
        )
    elif spacing.frames is not None:
        notes.append(
            f"{spacing.frames} frames overlap by {reached:.0%} of the depth of field ({wanted:.0%} is advised)"
        )
    elif spacing.step_mm is not None and reached < wanted - 0.005:
        notes.append(
            f"the step leaves an overlap of {reached:.0%} of the depth of field ({wanted:.0%} is advised)"
        )
    return notes


class _Grid:
    """The span of a stack on the rail's microsteps, its ends drawn inwards so that nothing lies beyond."""

    def __init__(self, start_mm: float, end_mm: float, steps_per_mm: float) -> None:
        self._per_mm = steps_per_mm
        sign = -1 if end_mm < start_mm else 1
        first = math.ceil(sign * start_mm * steps_per_mm - _GRID_TOLERANCE)
        last = math.floor(sign * end_mm * steps_per_mm + _GRID_TOLERANCE)
        if last < first:  # both between two microsteps
            first = last = round(sign * start_mm * steps_per_mm)
        self._first, self._sign = first, sign
        self.count = last - first
        """Microsteps from first to last."""
        self.microstep_mm = 1 / steps_per_mm
        self.span_mm = self.count / steps_per_mm

    @property
    def first_mm(self) -> float:
        """The first position."""
        return self._mm(0)

    @property
    def middle_mm(self) -> float:
        """The microstep in the middle."""
        return self._mm(self.count // 2)

    def _mm(self, microsteps: int) -> float:
        # Adding 0.0 turns the −0.0 of a descending stack into 0.0.
        return self._sign * (self._first + microsteps) / self._per_mm + 0.0

    def evenly(self, intervals: int) -> tuple[float, ...]:
        """Positions of that many intervals, no two of which differ by more than a microstep."""
        intervals = min(intervals, self.count)
        return tuple(self._mm(round(i * self.count / intervals)) for i in range(intervals + 1))

    def stepped(self, step_mm: float) -> tuple[float, ...]:
        """Positions a step apart (to the nearest microstep, errors do not add up); the last interval is shorter."""
        intervals = math.ceil(self.span_mm / step_mm - _COUNT_TOLERANCE)
        inner = (
            self._mm(min(round(i * step_mm * self._per_mm), self.count)) for i in range(max(1, intervals))
        )
        return (*inner, self._mm(self.count))


def _framing(view: View, delta_mm: float) -> tuple[float | None, float | None, tuple[str, ...]]:
    warnings = []
    if view.working_distance_mm is not None and delta_mm >= view.working_distance_mm:
        warnings.append(
            f"the lens would touch the nearest point: the travel of {format_length(delta_mm)} is not below the working "
            f"distance of {format_length(view.working_distance_mm)}"
        )
    if view.pupil_distance_mm is None:
        return None, None, tuple(warnings)
    try:
        growth = float(framing_growth(view.pupil_distance_mm, delta_mm))
        last_field = float(field_of_last_frame(view.pupil_distance_mm, delta_mm))
    except ValueError:
        warnings.append(
            f"the travel of {format_length(abs(delta_mm))} is as long as the distance from the lens's entrance pupil to "
            f"the plane of focus, {format_length(view.pupil_distance_mm)}: the first part of the subject leaves the view"
        )
        return None, None, tuple(warnings)
    return growth, last_field, tuple(warnings)
