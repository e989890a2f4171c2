"""Settings of a rail's controller as the configuration wants them: old and new, written when confirmed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rig.axes.base import HasController, TakesSettings
from rig.axes.grbl_settings import NAMES
from rig.axes.grbl_setup import has_homing
from rig.errors import UserError
from rig.rails.held import HeldRail

__all__ = ["Change", "Proposal", "propose", "write"]

_SAME = 1e-4
"""Relative: controllers keep three decimals of numbers such as 3200."""
_SOFT = 20


@dataclass(frozen=True)
class Change:
    """One setting that should be another; ``name`` says what it is."""

    number: int
    name: str
    old: float
    new: float


@dataclass(frozen=True)
class Proposal:
    """What should be written to which controller, and what is to be said of the rest."""

    rail: str
    firmware: str
    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def propose(rail: HeldRail, *, soft_limits: bool = False) -> Proposal:
    """Compare the controller's settings with what pitch, motor, microsteps, speed, ramp and limits ask for.

    Parameters
    ----------
    rail : HeldRail
        Connected to be set up.
    soft_limits : bool
        The controller is to guard its travel, too (``$20``), which it can from its home only (``$22``).

    Raises
    ------
    UserError
        When the controller has no such settings, or soft limits are asked for without homing.
    """
    axis = rail.axis
    if not isinstance(axis, TakesSettings) or not isinstance(axis, HasController):
        raise UserError(f"the {axis.name} has no settings that could be written")
    kept, wanted = axis.settings(), axis.proposed_settings()
    if soft_limits:
        if not has_homing(kept):
            raise UserError(
                "the controller guards its travel from its home only, and has no homing ($22=0): wire a "
                "limit switch and send $22=1 first. The limits of the configuration hold all the same"
            )
        wanted[_SOFT] = 1.0
    changes = tuple(
        Change(number, NAMES.get(number, ""), kept[number], new)
        for number, new in sorted(wanted.items())
        if number in kept and not _same(kept[number], new)
    )
    return Proposal(axis.name, axis.firmware(), changes, tuple(_notes(kept, soft_limits=soft_limits)))


def _notes(kept: Mapping[int, float], *, soft_limits: bool) -> list[str]:
    if not has_homing(kept):
        return [
            "no homing ($22=0): the controller guards no limits itself, the configuration's are all there are"
        ]
    if not kept.get(_SOFT) and not soft_limits:
        return [
            "it homes ($22=1): --soft-limits has it guard its travel itself, too ($20=1, $130 from its home)"
        ]
    return []


def _same(kept: float, wanted: float) -> bool:
    return math.isclose(kept, wanted, rel_tol=_SAME, abs_tol=_SAME)


def write(rail: HeldRail, proposal: Proposal) -> None:
    """Write what was proposed, and read it back. The position is unknown afterwards.

    Raises
    ------
    HardwareError
        When the controller refuses one, or does not keep it.
    """
    axis = rail.axis
    assert isinstance(axis, TakesSettings)
    if proposal.changes:
        axis.write_settings({change.number: change.new for change in proposal.changes})
