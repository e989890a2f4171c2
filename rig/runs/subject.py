"""What keeps a lens off the subject: which way a rail really goes, and how far away the subject is.

Both are asked of the operator once, and kept: a wrong sign in a configuration drives the lens the wrong way,
and no controller knows better. ``--yes`` answers neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, PositiveFloat, ValidationError

from rig.axes.base import FocusAxis
from rig.config import RigConfig
from rig.errors import DataError, Interrupted, UserError
from rig.formatting import format_length
from rig.rails.state import RailState, now
from rig.runs.operator import Operator
from rig.runs.stopping import Stopper
from rig.state import state_file, write_state
from rig.units import parse_length_mm

__all__ = ["AWAY_MM", "LensMemory", "confirm_direction", "known_working_distance_mm"]

AWAY_MM = 0.5
"""Far enough to be seen on a rail, and near enough to do no harm on the way towards the subject."""

_SAME_MAGNIFICATION = 0.02
"""Relative: a lens refocused by so little has nearly the same working distance."""


def confirm_direction(
    config: RigConfig, axis: FocusAxis, operator: Operator, stopper: Stopper, state: RailState
) -> bool:
    """See that the rail goes the way that its configuration says; returns whether it was asked for now.

    A rail that a person turns, and one that was confirmed before with the same sign, is not moved.

    Parameters
    ----------
    axis : FocusAxis
        Knows where it stands. It is moved by 0.5 mm away from the subject, and stays there.
    state : RailState
        Where the answer is kept.

    Raises
    ------
    UserError
        When nobody is there to look, or who looked has seen it go the other way: nothing is shot then.
    LimitError
        When there is no room for the move.
    Interrupted
        When the operator stops it.
    """
    sign = config.rail.towards_subject
    if config.rail.by_hand or sign is None or state.read().direction_confirmed(sign):
        return False
    here_mm = axis.position().value
    if not axis.limits.contains(here_mm - AWAY_MM):
        raise UserError(
            f"{axis.name}: which way it goes has never been confirmed, and the {AWAY_MM:g} mm away from the "
            f"subject that this takes are not there: it stands at {here_mm:g} mm, its limit is "
            f"{axis.limits.low:g} mm. Move it {AWAY_MM:g} mm towards the subject (rig rail jog), if there is "
            "room, or widen limits in [rail]"
        )
    _somebody(
        operator,
        f"which way the {axis.name} goes has never been confirmed: somebody has to see it move "
        f"{AWAY_MM:g} mm away from the subject. Run this in a terminal once (--yes does not answer it)",
    )
    stopped = stopper.event.is_set
    ready = operator.answer(
        f"Before the first stack on this rail: it moves {AWAY_MM:g} mm, AWAY from the subject if "
        f'towards_subject = "{sign}" is right, and towards it if not. See that {AWAY_MM:g} mm are free both '
        "ways, watch the camera, and press Enter",
        stopped,
    )
    if ready is None:
        raise Interrupted("stopped by the operator; nothing was moved")
    with stopper.motion():
        axis.move_to(here_mm - AWAY_MM)
    seen = operator.answer("Did the camera move AWAY from the subject? yes or no", stopped)
    if seen is None:
        raise Interrupted()
    if seen.strip().lower() not in {"y", "yes"}:
        other = "-" if sign == "+" else "+"
        raise UserError(
            "not confirmed, so nothing is shot: if the camera moved towards the subject, "
            f'towards_subject = "{sign}" in [rail] is wrong; write towards_subject = "{other}"'
        )
    state.keep_direction(sign)
    return True


class _Distance(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    magnification: PositiveFloat | None
    working_distance_mm: PositiveFloat
    at: AwareDatetime


class _Distances(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    distances: tuple[_Distance, ...] = ()


@dataclass(frozen=True)
class LensMemory:
    """The working distances of one lens, as the operator said them, one for each magnification.

    Parameters
    ----------
    name : str
        Of the lens.
    folder : Path, optional
        Instead of the user's state folder.
    """

    name: str
    folder: Path | None = None

    @property
    def path(self) -> Path:
        """The file; it need not exist."""
        return state_file("lenses", self.name, self.folder)

    def _read(self) -> _Distances:
        try:
            return _Distances.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return _Distances()
        except (OSError, ValidationError) as err:
            raise DataError(
                f"{self.path}, which holds the working distances of {self.name}, cannot be read; delete it, "
                "and it is asked again"
            ) from err

    def working_distance_mm(self, magnification: float | None) -> float | None:
        """What was said for that magnification; None when nothing was."""
        for entry in self._read().distances:
            known = entry.magnification
            if known == magnification or (
                known is not None
                and magnification is not None
                and abs(known / magnification - 1) <= _SAME_MAGNIFICATION
            ):
                return entry.working_distance_mm
        return None

    def keep(self, magnification: float | None, working_distance_mm: float) -> None:
        """Remember it."""
        said = _Distance(magnification=magnification, working_distance_mm=working_distance_mm, at=now())
        memory = _Distances(distances=(*self._read().distances, said))
        write_state(self.path, memory.model_dump_json(indent=1))


def known_working_distance_mm(
    config: RigConfig, magnification: float | None, operator: Operator, stopper: Stopper
) -> float | None:
    """Return the working distance of a motorised rig, asked of the operator when nobody knows it yet.

    Parameters
    ----------
    config : RigConfig
        With what the names of lens and body bring along (`rig.config.equipment.equipped`). What it says
        goes first.

    Returns
    -------
    float or None
        None where no motor can drive the lens into anything: a crank, or a simulated rig that does not say.

    Raises
    ------
    UserError
        When it is not known and nobody is there to say.
    Interrupted
        When the operator stops.
    """
    if config.lens.working_distance_mm is not None:
        return config.lens.working_distance_mm
    if config.simulated or config.rail.by_hand:
        return None
    memory = LensMemory(config.lens.name or "unnamed lens")
    kept_mm = memory.working_distance_mm(magnification)
    if kept_mm is not None:
        return kept_mm
    _somebody(
        operator,
        "the working distance is not known, from the front of the lens to the plane of focus: write "
        'working_distance = "140 mm" in [lens], or run this in a terminal and say it (--yes does not)',
    )
    at = "" if magnification is None else f" at {magnification:g}:1"
    question = (
        f"How far is it from the front of the lens, its hood and lights included, to what is in focus{at}? "
        "It is asked once (working_distance in [lens]), so that the lens is never driven into the subject. "
        "A length, such as 140mm"
    )
    while True:
        said = operator.answer(question, stopper.event.is_set)
        if said is None:
            raise Interrupted("stopped by the operator; nothing was moved")
        try:
            distance_mm = parse_length_mm(said, "working distance", bare="accept")
        except UserError as err:
            question = f"{err}. A length"
            continue
        if distance_mm > 0:
            break
        question = f"{format_length(distance_mm)} is not above 0. A length, such as 140mm"
    memory.keep(magnification, distance_mm)
    return distance_mm


def _somebody(operator: Operator, else_: str) -> None:
    """See that somebody can answer; raises UserError with these words when not."""
    try:
        operator.check_present()
    except UserError as err:
        raise UserError(else_) from err
