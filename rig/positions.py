"""Where the frames of a stack go: on the rail's grid, from start to end, both included and nothing beyond."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from rig.errors import LimitError, UserError
from rig.optics.depth_of_field import overlap_of_step, step_for_overlap
from rig.units import format_length

__all__ = [
    "DEFAULT_OVERLAP",
    "HIGH_MAGNIFICATION_OVERLAP",
    "MAX_FRAMES",
    "Placed",
    "RailGeometry",
    "Spacing",
    "StepSource",
    "check_limits",
    "default_overlap",
    "place",
]

StepSource = Literal["auto", "given", "frames"]
"""What decided about the step: the depth of field, ``--step`` or ``--frames``."""

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


def default_overlap(magnification: float | None) -> float:
    """Return the overlap for a magnification: 0.30, and 0.50 above 20×."""
    if magnification is not None and magnification > 20:
        return HIGH_MAGNIFICATION_OVERLAP
    return DEFAULT_OVERLAP


def check_limits(start_mm: float, end_mm: float, rail: RailGeometry) -> None:
    """Check that start, end and the run-up to the start lie inside the rail's limits.

    Raises
    ------
    LimitError
        Naming what lies outside.
    """
    slack = _GRID_TOLERANCE / rail.steps_per_mm
    run_up = start_mm + rail.run_up_mm if end_mm < start_mm else start_mm - rail.run_up_mm
    beginning = (
        f"start {start_mm:g} mm is approached from one side with a run-up of {rail.run_up_mm:g} mm "
        "(backlash in [rail]); its beginning at"
    )
    for what, position in (("start", start_mm), ("end", end_mm), (beginning, run_up)):
        if not rail.low_mm - slack <= position <= rail.high_mm + slack:
            raise LimitError(position, rail.low_mm, rail.high_mm, what)


@dataclass(frozen=True)
class Placed:
    """Positions and what was decided about them; fields as in `rig.plan.StackPlan`."""

    positions_mm: tuple[float, ...]
    step_mm: float | None
    source: StepSource
    overlap: float | None
    max_step_mm: float | None
    warnings: tuple[str, ...]


def place(
    start_mm: float,
    end_mm: float,
    spacing: Spacing,
    rail: RailGeometry,
    *,
    dof_mm: float | None,
    magnification: float | None,
) -> Placed:
    """Spread the positions of a stack.

    Parameters
    ----------
    start_mm, end_mm : float
        First and last position, inside the limits.
    spacing : Spacing
        Step, number of frames, or neither.
    rail : RailGeometry
        The grid.
    dof_mm : float or None
        Total depth of field; None when unknown, and then `spacing` must say step or frames.
    magnification : float or None
        Chooses the overlap when `spacing` has none.

    Raises
    ------
    UserError
        When step, frames or overlap cannot be used, or the depth of field is needed and not known.
    """
    _check_spacing(spacing)
    wanted = default_overlap(magnification) if spacing.overlap is None else spacing.overlap
    largest = None if dof_mm is None else float(step_for_overlap(dof_mm, wanted))
    source: StepSource = "auto"
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
        note = _one_frame(start_mm, end_mm, spacing)
        return Placed((grid.first_mm,), None, source, None, largest, (note,))
    if source == "auto" and dof_mm is not None and grid.span_mm < dof_mm:
        note = (
            f"the travel of {format_length(grid.span_mm)} is less than the depth of field, "
            f"{format_length(dof_mm)}: one frame in its middle has it all"
        )
        return Placed((grid.middle_mm,), None, source, None, largest, (note,))
    step, notes = _step(grid, spacing, largest)
    _check_count(math.ceil(grid.span_mm / step - _COUNT_TOLERANCE) + 1, step)
    if source == "given":
        positions = grid.stepped(step)
    else:
        positions = grid.evenly(step)
        step = grid.span_mm / (len(positions) - 1)
    reached = None if dof_mm is None else float(overlap_of_step(dof_mm, min(step, grid.span_mm)))
    notes += _step_notes(step, rail, reached, spacing, wanted)
    return Placed(positions, step, source, reached, largest, tuple(notes))


def _check_spacing(spacing: Spacing) -> None:
    step, frames, overlap = spacing.step_mm, spacing.frames, spacing.overlap
    if step is not None and frames is not None:
        raise UserError(f"--step {format_length(step)} and --frames {frames} contradict each other: give one")
    if step is not None and not (math.isfinite(step) and step > 0):
        raise UserError(
            f"step {step:g} mm is not above 0; write a length such as 0.2mm, or auto (the direction follows "
            "from --start and --end)"
        )
    if frames is not None and frames < 1:
        raise UserError(f"{frames} frames cannot be shot; write a number from 1 up")
    if overlap is not None and not 0 <= overlap < 1:
        raise UserError(f"overlap {overlap:g} is not a share from 0 to under 1; write 0.3 for 30 %")


def _check_count(frames: int, step_mm: float) -> None:
    if frames > MAX_FRAMES:
        raise UserError(
            f"a step of {format_length(step_mm)} makes {frames} frames; {MAX_FRAMES} is the most that is "
            "planned. Is the unit right?"
        )


def _one_frame(start_mm: float, end_mm: float, spacing: Spacing) -> str:
    if start_mm == end_mm:
        note = f"start and end are the same, {start_mm:g} mm: one frame"
    else:
        apart = format_length(abs(end_mm - start_mm))
        note = f"start and end are less than one microstep apart ({apart}): one frame"
    if spacing.frames is not None and spacing.frames > 1:
        note += f", not {spacing.frames}"
    return note


def _step(grid: _Grid, spacing: Spacing, largest_mm: float | None) -> tuple[float, list[str]]:
    """The step to go by: given, from the number of frames, or from the depth of field; and notes on it."""
    if spacing.step_mm is not None:
        return _given_step(grid, spacing.step_mm)
    if spacing.frames is not None:
        return _step_of_frames(grid, spacing.frames), []
    assert largest_mm is not None
    microstep = grid.microstep_mm
    if largest_mm >= microstep:
        return largest_mm, []
    note = (
        f"the depth of field asks for steps of {format_length(largest_mm)}, less than one microstep of the "
        f"rail: planned with {format_length(microstep)}"
    )
    return microstep, [note]


def _given_step(grid: _Grid, step_mm: float) -> tuple[float, list[str]]:
    if step_mm < grid.microstep_mm * (1 - _GRID_TOLERANCE):
        raise UserError(
            f"a step of {format_length(step_mm)} is less than one microstep of the rail, "
            f"{format_length(grid.microstep_mm)}: give at least that"
        )
    if step_mm <= grid.span_mm * (1 + _COUNT_TOLERANCE):
        return step_mm, []
    note = (
        f"the step of {format_length(step_mm)} is longer than the travel of {format_length(grid.span_mm)}: "
        "only start and end are shot"
    )
    return step_mm, [note]


def _step_of_frames(grid: _Grid, frames: int) -> float:
    if frames == 1:
        raise UserError(
            f"one frame cannot reach from start to end, {format_length(grid.span_mm)}: give --frames 2 or "
            "more, or the same --start and --end"
        )
    if frames > grid.count + 1:
        raise UserError(
            f"{frames} frames over {format_length(grid.span_mm)} would be less than one microstep of the "
            f"rail apart, {format_length(grid.microstep_mm)}: at most {grid.count + 1} are possible"
        )
    return grid.span_mm / (frames - 1)


def _step_notes(
    step_mm: float, rail: RailGeometry, reached: float | None, spacing: Spacing, wanted: float
) -> list[str]:
    notes = []
    microsteps = step_mm * rail.steps_per_mm
    if microsteps < _FEW_MICROSTEPS * (1 - _GRID_TOLERANCE):
        notes.append(
            f"a step of {format_length(step_mm)} is only {microsteps:.1f} microsteps of the rail: "
            "microsteps are uneven, so are such steps"
        )
    if reached is None:
        notes.append(
            "the depth of field is not known (no aperture given): the overlap of the frames is not checked"
        )
    elif reached < -_COUNT_TOLERANCE:
        notes.append(
            f"the frames leave gaps: the step of {format_length(step_mm)} is {1 - reached:.2g} times the "
            f"depth of field (overlap {reached:.0%}); detail between them stays soft"
        )
    elif spacing.frames is not None:
        notes.append(
            f"{spacing.frames} frames overlap by {reached:.0%} of the depth of field ({wanted:.0%} is "
            "advised)"
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

    def evenly(self, largest_step_mm: float) -> tuple[float, ...]:
        """Positions spread evenly, in as few intervals as keep to the step, even to a microstep."""
        intervals = math.ceil(self.span_mm / largest_step_mm - _COUNT_TOLERANCE)
        intervals = min(max(1, intervals), self.count)
        return tuple(self._mm(round(i * self.count / intervals)) for i in range(intervals + 1))

    def stepped(self, step_mm: float) -> tuple[float, ...]:
        """Positions a step apart, to the nearest microstep without adding up; the last interval shortens."""
        intervals = max(1, math.ceil(self.span_mm / step_mm - _COUNT_TOLERANCE))
        on_the_way = [round(i * step_mm * self._per_mm) for i in range(1, intervals)]
        microsteps = [0, *(min(m, self.count - 1) for m in on_the_way), self.count]
        return tuple(self._mm(m) for m in microsteps)
