"""From a configuration and what was asked for to a plan of a stack by lens focus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rig.config import LoadedConfig
from rig.delivery import picture_of
from rig.errors import UserError
from rig.lens_plan import DriveSpacing, LensPlan, plan_lens_stack
from rig.limits import Room, check_length
from rig.planning import measured_config, optical_setup, plan_limits, stack_timing
from rig.request import PlanRequest
from rig.shot_planning import shots_of
from rig.units import parse_number

__all__ = ["LensRequest", "lens_plan_for"]


_RAIL_ONLY = frozenset({"pupil", "dof", "backlash"})
"""Kinds of measurement that a stack by lens focus has no use for: nothing travels in front of the lens."""


@dataclass(frozen=True)
class LensRequest:
    """What the operator asks for.

    Parameters
    ----------
    start, end : int
        The two marked ends, in drive units.
    step_units : int or None
        None for what the depth of focus allows, or when the number of frames is given.
    shot : PlanRequest
        All the rest; its positions and step say nothing.
    """

    start: int
    end: int
    step_units: int | None
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
            _units(start, "--start"),
            _units(end, "--end"),
            None if auto else _units(step, "--step"),
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


def _units(text: str, what: str) -> int:
    right = "a whole number of drive units, such as 450 (--axis lens)"
    number = parse_number(text, what, right)
    if number != int(number):
        raise UserError(f'{what}: "{text}" is no whole number; write {right}')
    return int(number)


def lens_plan_for(
    loaded: LoadedConfig, request: LensRequest, *, calibrated: bool = True, disk: Room | None = None
) -> LensPlan:
    """Plan a stack by lens focus on a rig; parameters as of `rig.planning.plan_for`.

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
    needed = request.step_units is None and shot.frames is None
    plan = plan_lens_stack(
        request.start,
        request.end,
        DriveSpacing(
            request.step_units,
            shot.frames,
            capture.overlap if shot.overlap is None else shot.overlap,
            shot.max_frames or capture.max_frames,
        ),
        config.lens.focus_calibration,
        stack_timing(config, shots),
        optics=optical_setup(config, shot, needed=needed),
        picture=picture_of(config, shot),
        iso=capture.iso,
        calibration=measured.notes,
        shots=shots,
    )
    check_length(plan, plan_limits(config, shot, disk))
    return plan
