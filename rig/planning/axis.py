"""From what was asked for on a command line to a plan for the axis that moves the plane of focus."""

from __future__ import annotations

from typing import Any

from rig.config import LoadedConfig
from rig.config.rail import NO_RAIL_ADVICE
from rig.errors import UserError
from rig.plan import StackPlan
from rig.planning.ends import with_ends
from rig.planning.lens import LensRequest, lens_plan_for
from rig.planning.lens_plan import LensPlan
from rig.planning.limits import Room
from rig.planning.rail import plan_for
from rig.planning.request import PlanRequest

__all__ = ["AXES", "plan_asked_for"]

AXES = ("rail", "lens")
"""What can move the plane of focus."""


def plan_asked_for(
    loaded: LoadedConfig,
    axis: str,
    asked: dict[str, Any],
    *,
    from_here: bool = False,
    here_is_mm: float | None = None,
    calibrated: bool = True,
    disk: Room | None = None,
) -> StackPlan | LensPlan:
    """Plan what was asked for.

    Parameters
    ----------
    axis : str
        One of `AXES`.
    asked : dict
        The options of `rig.planning.request.PlanRequest.from_text`, as typed, with ``centre`` and ``range``.
    from_here : bool
        From where the focus of the lens stands.
    here_is_mm : float, optional
        Where the operator says that the carriage stands.

    Raises
    ------
    UserError
        When something asked for cannot be done.
    DataError
        When the frames do not fit on the disk.
    """
    if axis not in AXES:
        raise UserError(f'--axis: "{axis}" is not known; write {" or ".join(AXES)}')
    if axis == "lens":
        request = _by_lens(asked, from_here=from_here)
        return lens_plan_for(loaded, request, calibrated=calibrated, disk=disk)
    if from_here:
        raise UserError("--from-here counts from the focus of the lens: add --axis lens")
    if not loaded.config.rail.is_there:
        raise UserError(NO_RAIL_ADVICE)
    asked = with_ends(asked, loaded.config, here_is_mm)
    return plan_for(loaded, PlanRequest.from_text(**asked), calibrated=calibrated, disk=disk)


def _by_lens(asked: dict[str, Any], *, from_here: bool) -> LensRequest:
    start, end = asked["start"], asked["end"]
    if asked.get("centre") is not None or asked.get("range") is not None:
        raise UserError("--centre and --range are for rails; a stack by lens focus has --start and --end")
    if str(start).strip().lower() == "here":
        raise UserError("--start here is for rails; a stack from where the focus stands is --from-here")
    if str(end).strip().lower() == "ask":
        raise UserError("--end ask is for rails; mark the far end (rig mark far), or give --end UNITS")
    rest = {k: v for k, v in asked.items() if k not in ("start", "end", "centre", "range")}
    if from_here:
        if start is not None or end is not None:
            raise UserError(
                "--from-here says where the stack starts and --frames where it ends: leave out "
                "--start and --end"
            )
        return LensRequest.from_here(**rest)
    for name in ("start", "end"):
        if asked[name] is None:
            raise UserError(f"Missing option '--{name}': where the stack {name}s")
    return LensRequest.from_text(start=start, end=end, **rest)
