"""Where a stack on a rail begins and ends, however that was said: near and far, near and how many frames,
centre and range, or from where the carriage stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rig.config import RigConfig
from rig.errors import PositionUnknownError, UserError
from rig.planning.request import parse_positive_length
from rig.rails.state import RailState
from rig.state import PositionCount
from rig.units import parse_length_mm

__all__ = ["Here", "counts_from_here", "here_of", "with_ends"]

_HERE = "here"


@dataclass(frozen=True)
class Here:
    """Where the carriage stands: as the operator says, else as kept from the last command, else 0 is there.

    ``kept`` says that the controller has to confirm it once it is connected. ``unknown_because`` is set where
    it was known once, and is not any more.
    """

    position_mm: float
    kept: bool = False
    unknown_because: str | None = None

    def known_mm(self) -> float:
        """The position.

        Raises
        ------
        PositionUnknownError
            When it was lost; says what to do.
        """
        if self.unknown_because is not None:
            raise PositionUnknownError(
                f"where the carriage stands is not known: {self.unknown_because}. Say where it stands "
                "(--here-is 12mm), or home a rail that has a switch (rig rail home)"
            )
        return self.position_mm


def here_of(config: RigConfig, given_mm: float | None) -> Here:
    """Return where the carriage stands, as far as is known without asking it.

    Parameters
    ----------
    given_mm : float or None
        What the operator says.
    """
    rail = config.rail
    if given_mm is not None or config.simulated or rail.by_hand or rail.port is None:
        return Here(given_mm or 0.0)
    if rail.counted:
        counted = PositionCount(rail.name).read()
        if counted is None:
            return Here(0.0)
        return Here(
            counted.position_mm, unknown_because=None if counted.holds else f"it was last {counted.text}"
        )
    memory = RailState.of(rail).read()
    if memory.reference is not None:
        return Here(memory.reference.position_mm, kept=True)
    return Here(0.0, unknown_because=None if memory.lost is None else memory.unknown_because)


def counts_from_here(asked: Mapping[str, Any]) -> bool:
    """Whether what was asked for depends on where the carriage stands."""
    return any(str(asked.get(name)).strip().lower() == _HERE for name in ("start", "centre"))


def with_ends(asked: Mapping[str, Any], config: RigConfig, here_is_mm: float | None) -> dict[str, Any]:
    """Return what was asked for with ``start`` and ``end`` worked out, as texts with a unit.

    Parameters
    ----------
    asked : mapping
        The options as typed: ``start``, ``end``, ``centre``, ``range``, ``step``, ``frames`` and others.

    Raises
    ------
    UserError
        When they contradict each other, or one that is needed is missing.
    """
    rest = {k: v for k, v in asked.items() if k not in ("centre", "range")}
    centre, half = asked.get("centre"), asked.get("range")
    if centre is not None or half is not None:
        return {**rest, **_around(asked, centre, half, config, here_is_mm)}
    if asked["start"] is None:
        raise UserError(
            "Missing option '--start': where the stack starts (a position, or here; or --centre and --range)"
        )
    start_mm = _place_mm(asked["start"], "--start", config, here_is_mm)
    rest["start"] = _text(start_mm)
    if asked["end"] is None:
        rest |= _counted(asked, start_mm)
    return rest


def _around(
    asked: Mapping[str, Any],
    centre: str | None,
    half: str | None,
    config: RigConfig,
    here_is_mm: float | None,
) -> dict[str, str]:
    if centre is None or half is None:
        raise UserError("--centre and --range belong together: --centre 12mm --range 3mm is 9 mm to 15 mm")
    if asked["start"] is not None or asked["end"] is not None:
        raise UserError("--centre and --range say where the stack lies: leave out --start and --end")
    half_mm = parse_positive_length(half, "--range")
    assert half_mm is not None
    centre_mm = _place_mm(centre, "--centre", config, here_is_mm)
    return {"start": _text(centre_mm - half_mm), "end": _text(centre_mm + half_mm)}


def _counted(asked: Mapping[str, Any], start_mm: float) -> dict[str, Any]:
    """The end of so many frames by that step, towards the subject."""
    step, frames = asked["step"], asked["frames"]
    if frames is None or step.strip().lower() == "auto":
        raise UserError(
            "Missing option '--end': where the stack ends (or --frames and --step: so many frames by that "
            "step, towards the subject)"
        )
    if frames < 1:
        raise UserError(f"{frames} frames cannot be shot; write a number from 1 up")
    step_mm = parse_length_mm(step, "--step", bare="accept")
    if not step_mm > 0:
        raise UserError(f'--step: "{step}" is not above 0; write a length such as 0.2mm')
    return {"end": _text(start_mm + (frames - 1) * step_mm), "frames": None}


def _place_mm(text: str, what: str, config: RigConfig, here_is_mm: float | None) -> float:
    if text.strip().lower() != _HERE:
        return parse_length_mm(text, what, bare="accept")
    if config.rail.reference == "home":
        raise UserError(
            f"{what} here: this rail homes itself before a stack, so where it stands now means nothing; give "
            "a position, or mark the ends with rig live"
        )
    return here_of(config, here_is_mm).known_mm()


def _text(position_mm: float) -> str:
    return f"{position_mm:.9f}mm"
