"""Where the frames of a stack go: on the rail's grid, from start to end, both included.

Nothing lies beyond the end, and nothing before the start, unless a margin is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.errors import LimitError, UserError
from rig.formatting import format_length
from rig.optics.steps import overlap_of_step, step_for_overlap
from rig.planning.grid import GRID_TOLERANCE, Grid
from rig.planning.spacing import (
    Spacing,
    StepSource,
    check_count,
    check_spacing,
    note_one_frame,
    overlap_or_default,
    step_notes,
    step_to_go_by,
)
from rig.turns import hand_step, part_name

__all__ = ["Placed", "RailGeometry", "check_limits", "place"]


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
    turn_mm : float, optional
        Travel of a turn of a crank: a person turns it, in equal steps of whole parts of a turn (the
        microsteps of a crank).
    microsteps : int
        Microsteps in a full step of the motor; 1 when they are of no concern.
    """

    steps_per_mm: float
    low_mm: float
    high_mm: float
    run_up_mm: float
    turn_mm: float | None = None
    microsteps: int = 1


def check_limits(start_mm: float, end_mm: float, rail: RailGeometry, margin: str = "") -> None:
    """Check that start, end and the run-up to the start lie inside the rail's limits.

    Parameters
    ----------
    start_mm, end_mm : float
        First and last position.
    rail : RailGeometry
        The limits.
    margin : str
        The words for a margin that has been added, "a margin of 2 frames at each end", for the message.

    Raises
    ------
    LimitError
        Naming what lies outside.
    """
    slack = GRID_TOLERANCE / rail.steps_per_mm
    run_up = start_mm + rail.run_up_mm if end_mm < start_mm else start_mm - rail.run_up_mm
    beginning = (
        f"start {start_mm:g} mm is approached from one side with a run-up of {rail.run_up_mm:g} mm "
        "(backlash in [rail]); its beginning at"
    )
    first, last = ("start", "end")
    if margin:
        first, last = f"with {margin} the first frame at", f"with {margin} the last frame at"
        beginning = f"with {margin} {beginning}"
    for what, position in ((first, start_mm), (last, end_mm), (beginning, run_up)):
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
    full_steps: int | None = None


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
    check_spacing(spacing)
    wanted = overlap_or_default(spacing.overlap, magnification)
    largest = None if dof_mm is None else float(step_for_overlap(dof_mm, wanted))
    source = _source(spacing, largest)
    grid = _grid(start_mm, end_mm, rail)
    if grid.count == 0:
        base = _Frames([0], None, largest, [note_one_frame(start_mm, end_mm, grid, spacing)])
    elif source == "auto" and dof_mm is not None and grid.span_mm < dof_mm:
        note = (
            f"the travel of {format_length(grid.span_mm)} is less than the depth of field, "
            f"{format_length(dof_mm)}: one frame in its middle has it all"
        )
        base = _Frames([grid.count // 2], None, largest, [note])
    else:
        base = _from_start_to_end(grid, spacing, largest, rail)
    if spacing.margin:
        base = _with_margin(base, grid, spacing)
    positions, step = grid.positions_mm(base.microsteps), base.step_mm
    if spacing.margin:
        frames = "1 frame" if spacing.margin == 1 else f"{spacing.margin} frames"
        check_limits(positions[0], positions[-1], rail, f"a margin of {frames} at each end")
    reached = None
    notes = base.notes
    if step is not None:
        farthest = step if spacing.margin else min(step, grid.span_mm)
        reached = None if dof_mm is None else float(overlap_of_step(dof_mm, farthest))
        notes = [*notes, *step_notes(step, rail.steps_per_mm, reached, spacing, wanted, rail.turn_mm)]
    full_steps = None if base.whole is None else base.whole // rail.microsteps
    return Placed(positions, step, source, reached, largest, tuple(notes), full_steps)


def _grid(start_mm: float, end_mm: float, rail: RailGeometry) -> Grid:
    if rail.turn_mm is None:
        return Grid(start_mm, end_mm, rail.steps_per_mm)
    part = part_name(round(rail.turn_mm * rail.steps_per_mm))
    return Grid(start_mm, end_mm, rail.steps_per_mm, f"{part} of the crank")


def _source(spacing: Spacing, largest_mm: float | None) -> StepSource:
    if spacing.step_mm is not None:
        return "given"
    if spacing.frames is not None:
        return "frames"
    if largest_mm is None:
        raise UserError(
            "a step cannot be worked out without an aperture: give --aperture (or aperture in [capture], or "
            "numerical_aperture in [lens]), or state --step or --frames"
        )
    return "auto"


@dataclass(frozen=True)
class _Frames:
    """Microsteps in shooting order, the step, the step that a margin takes, and notes."""

    microsteps: list[int]
    step_mm: float | None
    largest_step_mm: float | None
    notes: list[str]
    whole: int | None = None
    """Microsteps of the step, where they make full steps of the motor."""


def _from_start_to_end(grid: Grid, spacing: Spacing, largest_mm: float | None, rail: RailGeometry) -> _Frames:
    turn_mm = rail.turn_mm
    if turn_mm is not None and spacing.step_mm is None and spacing.frames is None and largest_mm is not None:
        step, notes = hand_step(grid, turn_mm, largest_mm)
        check_count(grid.intervals(step) + 1, step, spacing)
        return _Frames(grid.stepped(step), step, step, notes)
    step, notes = step_to_go_by(grid, spacing, largest_mm)
    check_count(grid.intervals(step) + 1, step, spacing)
    if spacing.step_mm is not None:
        return _Frames(grid.stepped(step), step, step, notes)
    full = None if spacing.frames is not None else grid.whole_full_steps(step, rail.microsteps)
    if full is not None:
        return _Frames(grid.stepped(full / rail.steps_per_mm), full / rail.steps_per_mm, step, notes, full)
    microsteps = grid.evenly(step)
    return _Frames(microsteps, grid.span_mm / (len(microsteps) - 1), step, notes)


def _with_margin(base: _Frames, grid: Grid, spacing: Spacing) -> _Frames:
    """Frames before the first and after the last, at the full step: what is allowed, not the evened-out."""
    full_mm = base.largest_step_mm if spacing.step_mm is None else spacing.step_mm
    if full_mm is None or (spacing.frames is not None and base.step_mm is None):
        raise UserError(
            f"--margin {spacing.margin} needs a step, and --frames {spacing.frames} without travel has none: "
            "give --step"
        )
    full = grid.whole_step(full_mm)
    check_count(len(base.microsteps) + 2 * spacing.margin, full_mm, spacing)
    ahead = [k * full for k in range(1, spacing.margin + 1)]
    first, last = base.microsteps[0], base.microsteps[-1]
    microsteps = [*(first - m for m in reversed(ahead)), *base.microsteps, *(last + m for m in ahead)]
    step_mm = full * grid.microstep_mm if base.step_mm is None else base.step_mm
    return _Frames(microsteps, step_mm, full_mm, base.notes, base.whole)
