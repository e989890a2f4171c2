"""What an operator is told before the carriage of a real rail goes anywhere."""

from __future__ import annotations

from collections.abc import Sequence

from rig.axes.motion import Approach, travel_envelope
from rig.config.rail import RailConfig
from rig.state import PositionCount

__all__ = ["describe_first_move"]


def describe_first_move(
    axis: str,
    rail: RailConfig,
    stops_mm: Sequence[float],
    start_mm: float,
    here_is_mm: float,
    approach: Approach,
) -> str:
    """Say where the carriage is about to go, and how close to the subject it is going to come.

    Parameters
    ----------
    axis : str
        What the rail is called.
    rail : RailConfig
        How it finds its position, and which way is which.
    stops_mm : sequence of float
        Positions that are still to be gone to, the first one first; at least one.
    start_mm : float
        Position of the first frame, to which it goes back at the end.
    here_is_mm : float
        Where the carriage is taken to stand, unless the rail homes itself.
    approach : Approach
        The way to a position.
    """
    homes = rail.reference == "home"
    here_mm = rail.home_position_mm if homes else here_is_mm
    legs = " then ".join(f"{leg:g} mm" for leg in approach.legs(stops_mm[0], here_mm, engaged=False))
    closest_mm = max(travel_envelope(stops_mm, approach).high, start_mm)
    begins = (
        f"the rail homes itself; after that, at {here_mm:g} mm,"
        if homes
        else f"the carriage is taken to stand at {here_mm:g} mm;"
    )
    way = (
        "You turn the crank; nothing moves by itself."
        if rail.by_hand
        else f"Positive is towards the subject (towards_subject = {rail.towards_subject!r})."
    )
    return (
        f"{axis}: {begins} the first move goes to {legs}. The closest point is {closest_mm:g} mm, "
        f"{closest_mm - here_mm:+g} mm towards the subject from there. {way}"
        + (_count_says(rail.name, here_mm) if rail.counted else "")
    )


def _count_says(rail: str, here_mm: float) -> str:
    """What the count says of a rail that cannot be asked, where that is something else than assumed."""
    counted = PositionCount(rail).read()
    if counted is None or (counted.holds and abs(counted.position_mm - here_mm) < 1e-6):
        return ""
    told = f" The count of the last run says {counted.text}"
    return f"{told}: --here-is last goes on from there." if counted.holds else f"{told}."
