"""Where the frames of a stack by lens focus go: whole drive units, even in image space where it is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rig.errors import UserError
from rig.formatting import format_length
from rig.optics.lens_focus import evenly_in_image_space, widest_interval
from rig.planning.focus_calibration import FocusCalibration
from rig.planning.grid import intervals_for_step
from rig.planning.spacing import MAX_FRAMES, StepSource

__all__ = ["DriveSpacing", "PlacedUnits", "check_units", "image_shift", "place_units"]

_MOST_UNITS = 1_000_000
"""A focus drive has a few thousand units from stop to stop; more is a slip."""


@dataclass(frozen=True)
class DriveSpacing:
    """How the positions are to be spread: at most one of `step_units`, `step_mm` and `frames`; none is auto.

    ``step_mm`` is on the sensor's side. ``overlap`` is the share of the depth of focus that neighbours share;
    None takes the default.
    """

    step_units: int | None = None
    frames: int | None = None
    overlap: float | None = None
    max_frames: int = MAX_FRAMES
    step_mm: float | None = None

    @property
    def step(self) -> float | None:
        """The step that was asked for, in units of the drive or in mm; None for none."""
        return self.step_mm if self.step_units is None else self.step_units


@dataclass(frozen=True)
class PlacedUnits:
    """What decided, which of the drive units from start to end are positions, and notes on them."""

    source: StepSource
    chosen: npt.NDArray[np.intp]
    notes: tuple[str, ...] = ()


def check_units(start: int, end: int, spacing: DriveSpacing) -> None:
    """Check that what was asked for can be meant.

    Raises
    ------
    UserError
        When step and frames contradict each other, or a number is out of its range.
    """
    step, frames = spacing.step, spacing.frames
    if abs(end - start) > _MOST_UNITS:
        raise UserError(
            f"{abs(end - start)} drive units from start to end; no lens has more than {_MOST_UNITS}: is that "
            "a slip?"
        )
    if step is not None and frames is not None:
        raise UserError(f"--step and --frames {frames} contradict each other: give one")
    if step is not None and not step > 0:
        raise UserError(f"a step of {step:g} is not above 0; write a number of drive units such as 5")
    if frames is not None and frames < 1:
        raise UserError(f"{frames} frames cannot be shot; write a number from 1 up")
    if frames == 1 and start != end:
        raise UserError("one frame cannot reach from start to end: give --frames 2 or more")
    if frames is not None and frames > abs(end - start) + 1 and start != end:
        raise UserError(
            f"{frames} frames over {abs(end - start)} drive units would be less than one unit apart: at most "
            f"{abs(end - start) + 1} are possible"
        )


def image_shift(focus: FocusCalibration, units: npt.NDArray[np.int_]) -> npt.NDArray[np.float64]:
    """Return the shift of the image plane, mm, at drive units.

    Raises
    ------
    UserError
        When the first or last of them lies outside the calibration.
    """
    low, high = focus.units
    for what, unit in (("start", units[0]), ("end", units[-1])):
        if not low <= unit <= high:
            raise UserError(
                f"{what} {unit} lies outside what focus_calibration covers, {low} to {high} drive units: "
                "calibrate farther, or mark another end"
            )
    return focus.defocus_at(units)


def place_units(
    units: npt.NDArray[np.int_],
    shift: npt.NDArray[np.float64] | None,
    spacing: DriveSpacing,
    focus_mm: float | None,
    largest_mm: float | None,
) -> PlacedUnits:
    """Choose the positions among the drive units from start to end, both included.

    Parameters
    ----------
    units : array of int
        Every drive unit from start to end.
    shift : array of float, or None
        Shift of the image plane at each, mm; None without calibration.
    spacing : DriveSpacing
        Step, number of frames, or neither.
    focus_mm, largest_mm : float or None
        Depth of focus, and the largest step that keeps the overlap; None when not known.

    Raises
    ------
    UserError
        When there would be too many frames, or nothing says how far they are to be apart.
    """
    span = len(units) - 1
    source: StepSource = "given" if spacing.step else "frames" if spacing.frames else "auto"
    if source == "auto":
        _check_known(shift, largest_mm)
    if span == 0:
        return PlacedUnits(
            source, np.zeros(1, np.intp), (f"start and end are the same, {units[0]}: one frame",)
        )
    if spacing.step_units is not None:
        intervals = math.ceil(span / spacing.step_units)
        _check_count(intervals + 1, spacing.max_frames)
        return PlacedUnits(source, np.append(np.arange(intervals) * spacing.step_units, span))
    even = np.arange(span + 1.0) if shift is None else shift
    if spacing.frames is not None:
        return _evenly(source, even, spacing.frames - 1, spacing)
    length_mm = float(abs(even[-1] - even[0]))
    if spacing.step_mm is not None:
        return _evenly(source, even, intervals_for_step(length_mm, spacing.step_mm), spacing)
    assert focus_mm is not None
    assert largest_mm is not None
    if length_mm < focus_mm:
        note = (
            f"the image plane moves by {format_length(length_mm)} only, less than the depth of focus, "
            f"{format_length(focus_mm)}: one frame in its middle has it all"
        )
        middle = np.abs(even - (even[0] + even[-1]) / 2).argmin(keepdims=True)
        return PlacedUnits(source, middle, (note,))
    return _evenly(source, even, intervals_for_step(length_mm, largest_mm), spacing)


def _check_known(shift: npt.NDArray[np.float64] | None, largest_mm: float | None) -> None:
    if shift is None:
        raise UserError(
            "a step of the focus drive cannot be worked out without its calibration (rig calibrate lens, or "
            "focus_calibration in [lens]): give --step N in drive units, or --frames N"
        )
    if largest_mm is None:
        raise UserError(
            "a step cannot be worked out without an aperture: give --aperture (or aperture in [capture]), or "
            "state --step or --frames"
        )


def _evenly(
    source: StepSource, even: npt.NDArray[np.float64], intervals: int, spacing: DriveSpacing
) -> PlacedUnits:
    _check_count(intervals + 1, spacing.max_frames)
    chosen = evenly_in_image_space(even, intervals)
    if len(chosen) == intervals + 1:
        return PlacedUnits(source, chosen)
    coarsest = format_length(widest_interval(even))
    note = (
        f"the focus drive is too coarse for {intervals + 1} frames: one unit moves the focus by up to "
        f"{coarsest}; {len(chosen)} frames, one a unit where it is coarse"
    )
    return PlacedUnits(source, chosen, (note,))


def _check_count(frames: int, most: int) -> None:
    if frames > most:
        raise UserError(
            f"that makes {frames} frames; {most} is the most that is allowed (--max-frames, or max_frames in "
            "[capture])"
        )
