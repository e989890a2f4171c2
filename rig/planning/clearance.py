"""How near a plan brings the lens to the subject, and how near it may. Pure.

The working distance is the free way from the lens to the plane of focus. Where the nearest point is in
focus, at the planned position farthest from the subject, the lens is that far from it; every mm beyond it,
towards the subject, is a mm less.
"""

from __future__ import annotations

from collections.abc import Sequence

from rig.errors import UserError
from rig.formatting import format_length

__all__ = ["check_clearance", "clearance_mm", "least_clearance_mm"]

_LEAST_SHARE, _LEAST_MM = 0.2, 5.0
"""What has to be left of a working distance, the larger of the two: a share of it, and what an eye beside the
rail still sees as a gap."""


def least_clearance_mm(working_distance_mm: float) -> float:
    """Return what has to be left of a working distance."""
    return max(_LEAST_SHARE * working_distance_mm, _LEAST_MM)


def clearance_mm(
    positions_mm: Sequence[float], highest_mm: float, working_distance_mm: float, margin_frames: int = 0
) -> float:
    """Return what is left between lens and subject at the position nearest to it.

    Parameters
    ----------
    positions_mm : sequence of float
        Of the plan, growing towards the subject or falling.
    highest_mm : float
        The highest position that is reached, run-ups included.
    working_distance_mm : float
        Of the lens.
    margin_frames : int
        How many positions at each end are a margin: the nearest point is in focus at the first without them.
    """
    ordered = sorted(positions_mm)
    nearest_in_focus_mm = ordered[min(margin_frames, len(ordered) - 1)]
    return working_distance_mm - max(0.0, highest_mm - nearest_in_focus_mm)


def check_clearance(
    positions_mm: Sequence[float], highest_mm: float, working_distance_mm: float, margin_frames: int = 0
) -> None:
    """Refuse a plan that brings the lens too near to the subject.

    Raises
    ------
    UserError
        With the clearance, what it has to be, and what to do.
    """
    left_mm = clearance_mm(positions_mm, highest_mm, working_distance_mm, margin_frames)
    least_mm = least_clearance_mm(working_distance_mm)
    if left_mm >= least_mm:
        return
    way_mm = working_distance_mm - left_mm
    end = (
        f"the lens would run {format_length(-left_mm)} into the nearest point"
        if left_mm < 0
        else f"the lens would come within {format_length(left_mm)} of the nearest point"
    )
    raise UserError(
        f"{end}: it moves {format_length(way_mm)} towards the subject from where that point is in focus, at "
        f"a working distance of {format_length(working_distance_mm)}. {format_length(least_mm)} have to be "
        f"left ({_LEAST_SHARE:.0%} of it, {_LEAST_MM:g} mm at least): shorten the travel, or correct "
        "working_distance in [lens]"
    )
