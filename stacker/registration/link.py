"""A frame of a chain, as far as others are matched to it."""

from __future__ import annotations

from dataclasses import dataclass

from stacker.registration.exposure import Levels
from stacker.registration.levels import MatchPyramid
from stacker.registration.place import Place
from stacker.registration.prepare import Prepared

__all__ = ["Link"]


@dataclass(frozen=True)
class Link:
    """A frame that others can be matched to.

    Attributes
    ----------
    seen : Prepared
        The frame, reduced.
    place : Place
        Where it lies relative to the first one.
    levels : Levels
        What makes it as bright as the first one.
    position_mm : float or None
        On the rail.
    """

    seen: Prepared
    place: Place
    levels: Levels
    position_mm: float | None

    @property
    def pyramid(self) -> MatchPyramid:
        """What is matched."""
        return self.seen.pyramid
