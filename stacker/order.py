"""Which frames are the near ones: asked of rail positions or of the photographer, never guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum

from stacker.errors import UserError

__all__ = ["Nearness", "Order", "near_end", "nearness_by_index", "order_of"]

Nearness = Callable[[int], float]
"""How near to the camera the plane of focus of a frame is, by its index: 0 the farthest, 1 the nearest."""


class Order(Enum):
    """Which end of a stack is in focus in its first frame."""

    NEAR_FIRST = "near-first"
    """The nearest: a rail that moves the camera in, a lens that is focused away from the camera."""
    FAR_FIRST = "far-first"
    """The farthest."""


def order_of(positions_mm: Sequence[float] | None, said: Order | None) -> Order:
    """Find out which end comes first.

    Parameters
    ----------
    positions_mm : sequence of float, optional
        Rail positions in order of the frames, growing towards the subject: the farther in the camera is,
        the farther lies what is in focus.
    said : Order, optional
        What the photographer says.

    Raises
    ------
    UserError
        When nobody knows, or they contradict each other.
    """
    known = None
    if positions_mm is not None and positions_mm[0] != positions_mm[-1]:
        known = Order.NEAR_FIRST if positions_mm[-1] > positions_mm[0] else Order.FAR_FIRST
    if known is not None and said not in {None, known}:
        assert said is not None
        raise UserError(f"The positions run {known.value}, but the order is said to be {said.value}")
    found = known or said
    if found is None:
        raise UserError(
            "An opaque foreground needs to know which frames are near: give their positions, or say whether "
            "the first is the nearest (--order near-first) or the farthest (--order far-first)"
        )
    return found


def near_end(nearness: Nearness | None, positions_mm: Mapping[int, float | None]) -> int:
    """Which end of a stack is the nearer one, as far as that is known.

    Parameters
    ----------
    nearness : callable or None
        Of the frames, where somebody has said which are near.
    positions_mm : mapping of int to float or None
        Rail positions by the frames' index, growing towards the subject, where nobody has.

    Returns
    -------
    int
        1 its beginning, -1 its end, 0 where nothing tells.
    """
    if nearness is not None:
        away = {index: -nearness(index) for index in positions_mm}
    else:
        away = {index: place for index, place in positions_mm.items() if place is not None}
    if not away:
        return 0
    first, last = away[min(away)], away[max(away)]
    return int(last > first) - int(last < first)


def nearness_by_index(order: Order, count: int) -> Nearness:
    """Nearness in a stack of evenly spaced frames.

    Parameters
    ----------
    order : Order
        Which end the first frame has in focus.
    count : int
        Number of frames.

    Returns
    -------
    callable
        Takes the index of a frame, gives 0 for the farthest to 1 for the nearest.

    Examples
    --------
    >>> nearness_by_index(Order.NEAR_FIRST, 5)(1)
    0.75
    """
    last = max(1, count - 1)
    if order is Order.FAR_FIRST:
        return lambda index: index / last
    return lambda index: 1 - index / last
