"""Tells which frames do not belong together, and whether the one that a stack begins with does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from stacker.colour.profiles import profile_of, same_colours, title_of
from stacker.colour.spaces import SRGB
from stacker.errors import StackerError, UserError
from stacker.frames import Frame
from stacker.registration.brightness import OTHER_EXPOSURE
from stacker.registration.exposure import Levels
from stacker.result import FrameReport

__all__ = ["Odd", "OddReference", "Shape", "levels_of_others"]

_TOGETHER = 0.5
"""Part of that by which the two frames behind the first may differ and still speak for all others."""


@dataclass(frozen=True)
class Odd:
    """A frame that is unlike the others.

    Attributes
    ----------
    index : int
        Its place among the files.
    reason : str
        In what it is unlike them.
    of_reference : str
        What the reason would be if the first frame were the odd one.
    kind : type
        Error that it is where odd frames are not left out.
    """

    index: int
    reason: str
    of_reference: str
    kind: type[StackerError]

    def error(self, name: str, way_out: str) -> StackerError:
        """That error, for a frame of that name."""
        return self.kind(f"{name} cannot be stacked: {self.reason}; {way_out}")


class OddReference(Exception):  # noqa: N818 - a message between two functions, not an error
    """The frame that was to be the reference is unlike the two after it.

    Parameters
    ----------
    odd : Odd, optional
        The frame, when it is to be left out.
    levels : Levels, optional
        What makes it as bright as they are, when that is all.
    """

    def __init__(self, odd: Odd | None, levels: Levels | None = None) -> None:
        super().__init__(odd)
        self.odd, self.levels = odd, levels


@dataclass(frozen=True)
class Shape:
    """What all frames of a stack have in common: size, bit depth, colours; and the name of one of them."""

    width: int
    height: int
    bit_depth: int
    name: str = field(compare=False)
    profile: bytes = field(compare=False, repr=False, default=SRGB.icc)

    @classmethod
    def of(cls, frame: Frame) -> Shape:
        """Of one frame."""
        return cls(frame.width, frame.height, frame.bit_depth, frame.name, profile_of(frame.metadata))

    def unlike(self, index: int, other: Shape) -> Odd | None:
        """In what a frame of another shape is odd; None when it is alike."""
        if self == other and same_colours(self.profile, other.profile):
            return None
        mine, its = self._told(other), other._told(self)
        # Seen before anything is looked at: the user's mistake.
        return Odd(index, _has(its, self.name, mine), _has(mine, other.name, its), UserError)

    def _told(self, other: Shape) -> str:
        if (self.width, self.height) != (other.width, other.height):
            return f"{self.width} × {self.height} px"
        if self.bit_depth != other.bit_depth:
            return f"{self.bit_depth}-bit"
        return f"in the colours of {title_of(self.profile)}"


def _has(this: str, name: str, others: str) -> str:
    return f"it is {this}, and {name} is {others}"


def levels_of_others(reports: Sequence[FrameReport]) -> Levels | None:
    """What makes the first frame as bright as the two behind it.

    Parameters
    ----------
    reports : sequence of FrameReport
        Of the first three frames; gains are relative to the first.

    Returns
    -------
    Levels or None
        None when the first is no brighter or darker than both, or they do not agree.
    """
    first, *others = reports
    steps = [float(np.log(np.array(report.gain) / np.array(first.gain)).mean()) for report in others]
    if min(np.abs(steps)) < OTHER_EXPOSURE or abs(steps[0] - steps[1]) > _TOGETHER * min(np.abs(steps)):
        return None
    return others[0].levels.mixed(others[1].levels, 0.5).inverse()
