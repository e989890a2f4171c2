"""From a configuration and what was asked for to a plan of a stack by lens focus."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rig.config import LoadedConfig, RigConfig
from rig.errors import UserError
from rig.formatting import format_length
from rig.planning.delivery import picture_of
from rig.planning.lens_plan import DriveSpacing, LensPlan, plan_lens_stack
from rig.planning.limits import Room, check_length
from rig.planning.rail import measured_config, optical_setup, plan_limits, stack_timing
from rig.planning.request import PlanRequest
from rig.planning.shots_from_config import shots_of
from rig.units import parse_length_mm, parse_number

__all__ = ["Depth", "LensRequest", "lens_plan_for"]

_ROUNDING_MM = 1e-6


_RAIL_ONLY = frozenset({"pupil", "dof", "backlash"})
"""Kinds of measurement that a stack by lens focus has no use for: nothing travels in front of the lens."""


@dataclass(frozen=True)
class Depth:
    """A length along the axis in front of the lens; as a place, from the plane of focus of unit 0 on."""

    mm: float

    def __str__(self) -> str:
        return format_length(self.mm)


@dataclass(frozen=True)
class LensRequest:
    """What the operator asks for.

    Parameters
    ----------
    start, end : int or Depth
        The two ends, in drive units, or as depths, which need a calibration of the drive.
    step : int, Depth or None
        None for what the depth of focus allows, or when the number of frames is given.
    shot : PlanRequest
        All the rest; its positions and step say nothing.
    """

    start: int | Depth
    end: int | Depth
    step: int | Depth | None
    shot: PlanRequest

    @classmethod
    def from_text(cls, *, start: str, end: str, step: str = "auto", **options: Any) -> LensRequest:
        """Read the options of a command line: those of `PlanRequest.from_text`, positions in drive units.

        Raises
        ------
        UserError
            With option, value, and what would be right.
        """
        if options.get("margin"):
            raise UserError(
                f"--margin {options['margin']}: how far a lens can focus beyond its ends is not known; mark "
                "the ends farther apart"
            )
        auto = step.strip().lower() == "auto"
        return cls(
            _place(start, "--start"),
            _place(end, "--end"),
            None if auto else _step(step),
            PlanRequest.from_text(start="0", end="0", **options),
        )

    @classmethod
    def from_here(cls, *, step: str = "auto", **options: Any) -> LensRequest:
        """Frames from where the focus stands, which is unit 0, towards far: their number and their step.

        Raises
        ------
        UserError
            When either is missing.
        """
        frames = options.pop("frames", None)
        if frames is None or frames < 1 or step.strip().lower() == "auto":
            raise UserError(
                "--from-here needs to know how far to go: give --frames N and --step UNITS, such as "
                "--frames 20 --step 5"
            )
        units = _units(step, "--step")
        return cls.from_text(start="0", end=str((frames - 1) * units), step=step, **options)


def _place(text: str, what: str) -> int | Depth:
    """Drive units, or a length with its unit."""
    if not text.strip()[-1:].isalpha():
        return _units(text, what)
    return Depth(parse_length_mm(text, what))


def _step(text: str) -> int | Depth:
    step = _place(text, "--step")
    if not (step.mm if isinstance(step, Depth) else step) > 0:
        raise UserError(
            f'--step: "{text}" is not above 0; write a number of drive units such as 5, or a length such as '
            "0.2mm (the direction follows from --start and --end)"
        )
    return step


def _units(text: str, what: str) -> int:
    right = "a whole number of drive units, such as 450 (--axis lens)"
    number = parse_number(text, what, right)
    if number != int(number):
        raise UserError(f'{what}: "{text}" is no whole number; write {right}')
    return int(number)


def lens_plan_for(
    loaded: LoadedConfig, request: LensRequest, *, calibrated: bool = True, disk: Room | None = None
) -> LensPlan:
    """Plan a stack by lens focus on a rig; parameters as of `rig.planning.rail.plan_for`.

    Raises
    ------
    UserError
        When something asked for cannot be done or is longer than allowed, or something needed is not known.
    DataError
        When the frames do not fit on the disk.
    """
    measured = measured_config(loaded, request.shot, calibrated=calibrated, without=_RAIL_ONLY)
    config = measured.config
    capture, shot = config.capture, request.shot
    shots = shots_of(config)
    needed = request.step is None and shot.frames is None
    start, end = (_units_at(config, request, place) for place in (request.start, request.end))
    plan = plan_lens_stack(
        start,
        end,
        DriveSpacing(
            request.step if isinstance(request.step, int) else None,
            shot.frames,
            capture.overlap if shot.overlap is None else shot.overlap,
            shot.max_frames or capture.max_frames,
            abs(_shift_mm(config, request, request.step)) if isinstance(request.step, Depth) else None,
        ),
        config.lens.focus_calibration,
        stack_timing(config, shots),
        optics=optical_setup(config, shot, needed=needed),
        picture=picture_of(config, shot),
        iso=capture.iso,
        run_up_units=config.lens.focus_run_up,
        calibration=measured.notes,
        shots=shots,
    )
    check_length(plan, plan_limits(config, shot, disk))
    return plan


def _units_at(config: RigConfig, request: LensRequest, place: int | Depth) -> int:
    """The drive unit at which a depth is in focus.

    Raises
    ------
    UserError
        When the drive is not calibrated, or not as far as that.
    """
    if isinstance(place, int):
        return place
    shift_mm = _shift_mm(config, request, place)
    focus = config.lens.focus_calibration
    assert focus is not None
    low, high = focus.units
    units = np.arange(low, high + 1)
    shift = np.abs(focus.defocus_at(units) - focus.defocus_at(max(low, 0))) * np.sign(units)
    if low > 0 or not shift[0] - _ROUNDING_MM <= shift_mm <= shift[-1] + _ROUNDING_MM:
        raise UserError(
            f"{place} lies outside what the calibration of the focus drive covers, {low} to {high} drive "
            "units from unit 0: calibrate farther (rig calibrate lens --end), or mark another end"
        )
    return int(units[np.abs(shift - shift_mm).argmin()])


def _shift_mm(config: RigConfig, request: LensRequest, depth: Depth) -> float:
    """How far the image plane shifts when the focus goes that deep, mm; m₀² d / (1 + d (1 + m₀)/v).

    With m₀ = f/(s - f), v = s the distance to the plane of focus of unit 0, and 1/m = 1/m₀ + d/f, the image
    of what is d farther away lies m₀ m d nearer to the lens.
    """
    if config.lens.focus_calibration is None:
        raise UserError(
            f"{depth}: how far a unit of the focus drive goes is not known. Give drive units, or measure it "
            "(rig calibrate lens)"
        )
    optics = optical_setup(config, request.shot, needed=True)
    assert optics is not None
    m, v = optics.magnification, config.lens.pupil_distance_mm
    deeper = depth.mm * (1 + m) / v if v is not None and math.isfinite(v) else 0.0
    return m**2 * depth.mm / (1 + deeper)
