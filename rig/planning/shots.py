"""What is taken at every position of a stack: one frame, the same frame again, or an exposure bracket. Pure.

Of a run with several shots at a position the shots are counted through in the order in which they are taken:
shot ``index`` belongs to position ``index // count`` and is number ``index % count`` there.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from rig.errors import UserError
from rig.formatting import format_shutter
from rig.units import parse_time_s

__all__ = ["MOST_SHOTS", "Bracket", "Brackets", "PlannedShot", "ShotSeries", "parse_brackets", "shot_series"]

MOST_SHOTS = 15
"""At a position: more than any body brackets by itself, and nobody types more by mistake."""

_MOST_EV = 10.0
"""From the base exposure: beyond that a sensor shows nothing but black or white."""

_LEAST_EV = 1 / 3
"""Between two brackets: bodies set the shutter in thirds of a stop."""

_SAME_EV = 1 / 6
"""Half of that: a time so near to the base exposure's is the base exposure."""

_EV = re.compile(r"^([+-]?\d+(?:[.,]\d+)?|[+-]?\d+/\d+)\s*(?:ev)?$", re.IGNORECASE)
_RIGHT = 'write brackets = [-2, 0, 2] (in EV), or shutter times such as ["1/30 s", "1/8 s", "1/2 s"]'
_RIGHT_TYPED = "write -2,0,2 (in EV), or shutter times such as 1/30s,1/8s,1/2s"


@dataclass(frozen=True)
class Bracket:
    """One exposure of a bracket: EV from the base exposure, or a shutter time in s; the other is None."""

    ev: float | None = None
    shutter_s: float | None = None

    def time_s(self, base_s: float) -> float:
        """Its shutter time, s."""
        return self.shutter_s if self.shutter_s is not None else base_s * 2.0 ** (self.ev or 0.0)

    @property
    def label(self) -> str:
        """What files are called by: ``ev-2``, ``ev+0.7``, ``1-30s``."""
        if self.shutter_s is not None:
            return format_shutter(self.shutter_s).replace("/", "-").replace(" ", "")
        ev = self.ev or 0.0
        return f"ev{ev:+.2g}" if ev else "ev0"


@dataclass(frozen=True)
class Brackets:
    """The exposures of a position, in the order in which they are taken."""

    entries: tuple[Bracket, ...]


def parse_brackets(value: object, what: str = "brackets") -> Brackets:
    """Read brackets: numbers are EV, text with a unit shutter times; a text may hold several, with commas.

    Raises
    ------
    UserError
        With what is wrong and what would be right.

    Examples
    --------
    >>> [b.label for b in parse_brackets([-2, 0, "+2 EV"]).entries]
    ['ev-2', 'ev0', 'ev+2']
    >>> [b.shutter_s for b in parse_brackets("1/8s, 2s").entries]
    [0.125, 2.0]
    """
    parts: list[object]
    if isinstance(value, str):
        parts = [part.strip() for part in value.split(",")]
    elif isinstance(value, list | tuple):
        parts = list(value)
    else:
        raise _refusal(what, f"{value!r} is no list of exposures")
    entries = tuple(_bracket(part, what) for part in parts)
    if not 2 <= len(entries) <= MOST_SHOTS:
        raise _refusal(what, f"2 to {MOST_SHOTS} exposures make a bracket, and here are {len(entries)}")
    if len({entry.ev is None for entry in entries}) > 1:
        raise _refusal(what, "EV and shutter times are mixed")
    return Brackets(entries)


def _refusal(what: str, why: str) -> UserError:
    right = _RIGHT_TYPED if what.startswith("--") else _RIGHT
    return UserError(f"{what}: {why}; {right}" if what else f"{why}; {right}")


def _bracket(value: object, what: str) -> Bracket:
    if isinstance(value, int | float) and not isinstance(value, bool):
        ev = float(value)
    elif isinstance(value, str) and (match := _EV.match(value.strip())):
        number, _, parts = match[1].replace(",", ".").partition("/")
        if parts and not int(parts):
            raise _refusal(what, f"{value!r} divides by 0")
        ev = float(number) / int(parts or 1)
    elif isinstance(value, str):
        time_s = parse_time_s(value, what)
        if not time_s > 0:
            raise _refusal(what, f'"{value}" is not above 0')
        return Bracket(shutter_s=time_s)
    else:
        raise _refusal(what, f"{value!r} is neither EV nor a shutter time")
    if not abs(ev) <= _MOST_EV:
        raise _refusal(what, f"{value} is more than {_MOST_EV:g} EV from the base exposure")
    return Bracket(ev=ev)


class PlannedShot(BaseModel):
    """One shot of a position.

    Attributes
    ----------
    label : str
        What its files are called by; empty for the only shot.
    shutter_s : float or None
        Its exposure time; None takes what the whole stack has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str = ""
    shutter_s: float | None = None


class ShotSeries(BaseModel):
    """All shots of a position, in the order in which they are taken.

    Attributes
    ----------
    shots : tuple of PlannedShot
        At least one.
    base : int
        Which of them is stacked while shooting: the base exposure of a bracket, else the first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shots: tuple[PlannedShot, ...] = (PlannedShot(),)
    base: int = 0

    @property
    def count(self) -> int:
        """How many there are at a position."""
        return len(self.shots)

    @property
    def is_bracket(self) -> bool:
        """Whether their exposures differ."""
        return any(shot.shutter_s is not None for shot in self.shots)

    @property
    def times_s(self) -> tuple[float, ...]:
        """Exposure times of a bracket, in order; empty when all are the stack's own."""
        return tuple(shot.shutter_s for shot in self.shots if shot.shutter_s is not None)

    def position(self, index: int) -> int:
        """The number of the position that a shot belongs to, from 0."""
        return index // self.count

    def shot(self, index: int) -> PlannedShot:
        """Which shot of its position it is."""
        return self.shots[index % self.count]

    def is_base(self, index: int) -> bool:
        """Whether it is stacked while shooting."""
        return index % self.count == self.base

    def group(self, index: int) -> range:
        """All shots of its position."""
        first = self.position(index) * self.count
        return range(first, first + self.count)

    def folder(self, index: int) -> str:
        """The folder of its files: ``frames`` for those that are stacked, one beside it for others."""
        return "frames" if self.is_base(index) else f"frames_{self.shot(index).label}"

    def per_shot(self, values: Iterable[float]) -> tuple[float, ...]:
        """What is known of every position, of every shot."""
        return tuple(itertools.chain.from_iterable(itertools.repeat(v, self.count) for v in values))


def shot_series(
    brackets: Brackets | None, shots_per_position: int, shutter_s: float | None, *, flash: bool = False
) -> ShotSeries:
    """Work out the shots of a position.

    Parameters
    ----------
    brackets : Brackets or None
        The exposures, if they differ.
    shots_per_position : int
        How often the same is taken, if they do not.
    shutter_s : float or None
        The base exposure, s.
    flash : bool
        Whether a flash lights the frames.

    Raises
    ------
    UserError
        When both are asked for, or a bracket cannot be made.

    Examples
    --------
    >>> shot_series(parse_brackets("-2,0,2"), 1, 0.125).times_s
    (0.03125, 0.125, 0.5)
    """
    if brackets is None:
        if not 1 <= shots_per_position <= MOST_SHOTS:
            raise UserError(f"{shots_per_position} shots per position; 1 to {MOST_SHOTS} can be taken")
        if shots_per_position == 1:
            return ShotSeries()
        labels = (f"shot{number}" for number in range(1, shots_per_position + 1))
        return ShotSeries(shots=tuple(PlannedShot(label=label) for label in labels))
    if shots_per_position != 1:
        raise UserError(
            f"brackets say already how many shots there are at a position: {len(brackets.entries)}; leave "
            "out shots_per_position (--shots-per-position)"
        )
    if shutter_s is None:
        raise UserError(
            'brackets need a base exposure: write shutter = "1/8 s" in [capture], or give --shutter'
        )
    if flash:
        raise UserError(
            "brackets vary the shutter time, and the light of a flash does not follow it: leave out the "
            "brackets or the flash (flash = false in [capture])"
        )
    return _bracket_series(brackets, shutter_s)


def _bracket_series(brackets: Brackets, base_s: float) -> ShotSeries:
    times = [entry.time_s(base_s) for entry in brackets.entries]
    stops = [math.log2(time_s / base_s) for time_s in times]
    ordered = sorted(stops)
    closest = min(b - a for a, b in itertools.pairwise(ordered))
    if closest < _LEAST_EV - 1e-6:
        raise UserError(
            f"brackets: two exposures are {closest:.2g} EV apart; bodies set the shutter in thirds of a "
            "stop, so let them be 1/3 EV apart at least"
        )
    base = min(range(len(stops)), key=lambda i: abs(stops[i]))
    if abs(stops[base]) > _SAME_EV:
        raise UserError(
            f"brackets: the base exposure of {format_shutter(base_s)} is none of them, and it is the one "
            "that the test frame has and that is stacked: add 0 (EV), or that time"
        )
    shots = (
        PlannedShot(label=entry.label, shutter_s=time_s)
        for entry, time_s in zip(brackets.entries, times, strict=True)
    )
    return ShotSeries(shots=tuple(shots), base=base)
