"""How far frames are to be apart: what was asked for, whether it can be, and what is to be said of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from rig.errors import UserError
from rig.formatting import format_length
from rig.planning.grid import COUNT_TOLERANCE, GRID_TOLERANCE, Grid
from rig.turns import uneven_step_note

__all__ = [
    "MAX_FRAMES",
    "Spacing",
    "StepSource",
    "advice",
    "check_count",
    "check_spacing",
    "note_one_frame",
    "overlap_or_default",
    "step_notes",
    "step_to_go_by",
]

StepSource = Literal["auto", "given", "frames"]
"""What decided about the step: the depth of field, ``--step`` or ``--frames``."""

_DEFAULT_OVERLAP = 0.30
"""Share of the depth of field: at worst 13–17 % of contrast is lost halfway between two frames."""

_HIGH_MAGNIFICATION_OVERLAP = 0.50
"""Above 20×, where rails are uneven by a good part of the step: 7–9 % lost."""

MAX_FRAMES = 20_000
"""More than that is a slip of the unit: it would wear out a tenth of a shutter in one stack."""

_FEW_MICROSTEPS = 4
"""Microsteps are uneven by more than one of their own length; below four a step is not to be relied on."""


@dataclass(frozen=True)
class Spacing:
    """How the positions are to be spread: at most one of `step_mm` and `frames`; neither is ``--step auto``.

    ``overlap`` is the share of the depth of field that neighbours share; None takes the default.
    ``margin`` is a number of frames before the start and as many beyond the end, a full step apart.
    ``max_frames`` is the most that is planned, all included.
    """

    step_mm: float | None = None
    frames: int | None = None
    overlap: float | None = None
    margin: int = 0
    max_frames: int = MAX_FRAMES


def overlap_or_default(asked: float | None, magnification: float | None) -> float:
    """Return the overlap that was asked for, else that for a magnification: 0.30, and 0.50 above 20×."""
    if asked is not None:
        return asked
    if magnification is not None and magnification > 20:
        return _HIGH_MAGNIFICATION_OVERLAP
    return _DEFAULT_OVERLAP


def check_spacing(spacing: Spacing) -> None:
    """Check that what was asked for can be meant.

    Raises
    ------
    UserError
        When step and frames contradict each other, or a number is out of its range.
    """
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
    if spacing.margin < 0:
        raise UserError(f"a margin of {spacing.margin} frames cannot be; write a number from 0 up")
    if spacing.max_frames < 1:
        raise UserError(f"at most {spacing.max_frames} frames is no stack; write a number from 1 up")


def check_count(frames: int, step_mm: float, spacing: Spacing) -> None:
    """Check that a step does not make more frames than allowed.

    Raises
    ------
    UserError
        With both numbers.
    """
    most = spacing.max_frames
    if frames <= most:
        return
    what = f"a step of {format_length(step_mm)} makes {frames} frames" + (
        f" with a margin of {spacing.margin} at each end" if spacing.margin else ""
    )
    if most == MAX_FRAMES:
        raise UserError(f"{what}; {most} is the most that is planned. Is the unit right?")
    raise UserError(
        f"{what}; {most} is the most that is allowed (--max-frames, or max_frames in [capture]). Allow more, "
        "shorten the travel, or lengthen the step: --deliver for a smaller picture, a smaller aperture, or "
        "less overlap"
    )


def note_one_frame(start_mm: float, end_mm: float, grid: Grid, spacing: Spacing) -> str:
    """Say why there is one frame only, of a start and an end in one microstep."""
    if start_mm == end_mm:
        note = f"start and end are the same, {start_mm:g} mm: one frame"
    else:
        apart = format_length(abs(end_mm - start_mm))
        note = f"start and end are less than {grid.one} apart ({apart}): one frame"
    if spacing.frames is not None and spacing.frames > 1:
        note += f", not {spacing.frames}"
    return note


def step_to_go_by(grid: Grid, spacing: Spacing, largest_mm: float | None) -> tuple[float, list[str]]:
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
        f"the depth of field asks for steps of {format_length(largest_mm)}, less than {grid.one}: planned "
        f"with {format_length(microstep)}"
    )
    return microstep, [note]


def _given_step(grid: Grid, step_mm: float) -> tuple[float, list[str]]:
    if step_mm < grid.microstep_mm * (1 - GRID_TOLERANCE):
        raise UserError(
            f"a step of {format_length(step_mm)} is less than {grid.one}, "
            f"{format_length(grid.microstep_mm)}: give at least that"
        )
    if step_mm <= grid.span_mm * (1 + COUNT_TOLERANCE):
        return step_mm, []
    note = (
        f"the step of {format_length(step_mm)} is longer than the travel of {format_length(grid.span_mm)}: "
        "only start and end are shot"
    )
    return step_mm, [note]


def _step_of_frames(grid: Grid, frames: int) -> float:
    if frames == 1:
        raise UserError(
            f"one frame cannot reach from start to end, {format_length(grid.span_mm)}: give --frames 2 or "
            "more, or the same --start and --end"
        )
    if frames > grid.count + 1:
        raise UserError(
            f"{frames} frames over {format_length(grid.span_mm)} would be less than {grid.one} apart, "
            f"{format_length(grid.microstep_mm)}: at most {grid.count + 1} are possible"
        )
    return grid.span_mm / (frames - 1)


def step_notes(
    step_mm: float,
    steps_per_mm: float,
    reached: float | None,
    spacing: Spacing,
    wanted: float,
    turn_mm: float | None = None,
) -> list[str]:
    """Say what is to be known of a step.

    Parameters
    ----------
    step_mm, steps_per_mm : float
        The step, and the rail's microsteps per mm.
    reached : float or None
        Overlap that results; None when the depth of field is not known.
    spacing : Spacing
        What was asked for.
    wanted : float
        Overlap asked for or advised.
    turn_mm : float, optional
        Travel of a turn, when a person turns a crank: its microsteps are parts of a turn, and even.
    """
    notes = []
    microsteps = step_mm * steps_per_mm
    uneven = None if turn_mm is None else uneven_step_note(step_mm, turn_mm, steps_per_mm)
    if uneven:
        notes.append(uneven)
    elif turn_mm is None and microsteps < _FEW_MICROSTEPS * (1 - GRID_TOLERANCE):
        notes.append(
            f"a step of {format_length(step_mm)} is only {microsteps:.1f} microsteps of the rail: "
            "microsteps are uneven, so are such steps"
        )
    if reached is None:
        notes.append(
            "the depth of field is not known (no aperture given): the overlap of the frames is not checked"
        )
    elif reached < -COUNT_TOLERANCE:
        notes.append(
            f"the frames leave gaps: the step of {format_length(step_mm)} is {1 - reached:.3g} times the "
            f"depth of field (overlap {reached:.0%}); detail between them stays soft"
        )
    elif spacing.frames is not None or (spacing.step_mm is not None and reached < wanted - 0.005):
        who = (
            "the step leaves an overlap of"
            if spacing.frames is None
            else f"{spacing.frames} frames overlap by"
        )
        notes.append(f"{who} {reached:.0%} of the depth of field{advice(reached, wanted)}")
    return notes


def advice(reached: float, wanted: float) -> str:
    """What to say behind an overlap: the one that is advised, when it falls short of that as printed."""
    return f" ({wanted:.0%} is advised)" if reached < wanted - 0.005 else ""
