"""Drivers of axes by their name in the configuration; third parties add theirs by an entry point.

An entry point of the group ``focusrig.axes`` names a function ``(RailSettings, Clock) -> FocusAxis``.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

from rig.axes.base import AxisLimits, FocusAxis, Hand, Tally
from rig.clock import Clock
from rig.errors import UserError

__all__ = [
    "AxisFactory",
    "ByHand",
    "CrankSettings",
    "RailSettings",
    "ShutterSettings",
    "drivers",
    "open_axis",
]

AxisFactory = Callable[["RailSettings", Clock], FocusAxis]

_GROUP = "focusrig.axes"
_OWN = {"grbl": "rig.axes.grbl_rail:open_grbl", "crank": "rig.axes.crank:open_crank"}
_TURNED_BY_HAND = "crank"


@dataclass(frozen=True)
class CrankSettings:
    """What is to be known of a crank.

    Parameters
    ----------
    pitch_mm : float
        Travel of one turn.
    closer : {"clockwise", "counter-clockwise"}
        The turning direction that moves the camera towards the subject.
    parts : int
        Parts of a turn that a hand can tell apart: 4 for quarter turns.
    run_up_mm : float
        How far to turn back beyond a position that was overshot: more than the play of the screw.
    """

    pitch_mm: float
    closer: Literal["clockwise", "counter-clockwise"]
    parts: int = 4
    run_up_mm: float = 0.0


@dataclass(frozen=True)
class ShutterSettings:
    """An output of a rail's controller that presses a camera's release through an opto-coupler or relay.

    Parameters
    ----------
    output : {"coolant", "spindle"}
        Which one: flood coolant (M8, M9) or spindle enable (M3, M5).
    pulse_s, off_s : float
        How long it is pressed, and how long at least it is let go of before it is pressed again, bench s.
    """

    output: Literal["coolant", "spindle"]
    pulse_s: float
    off_s: float


@dataclass(frozen=True)
class ByHand:
    """Who turns a crank, and where the count is kept."""

    hand: Hand
    tally: Tally


@dataclass(frozen=True)
class RailSettings:
    """What a driver needs to know of a rail; lengths in mm, positions growing towards the subject.

    Parameters
    ----------
    driver : str
        Name of the driver, e.g. ``"grbl"``.
    port : str
        Serial port, or ``socket://host:port``.
    steps_per_mm : float
        Microsteps per mm: full steps × microsteps / pitch.
    speed_mm_s, acceleration_mm_s2 : float
        Highest speed to ask for, and the ramp.
    low_mm, high_mm : float
        Limits that no move passes.
    towards_subject : {"+", "-"}
        The controller's sign that moves the camera towards the subject.
    baud : int
        Of a serial port.
    home_mm : float, optional
        Position at which the rail stands after the controller's own homing cycle.
    crank : CrankSettings, optional
        Of a rail without a motor.
    shutter : ShutterSettings, optional
        Of a controller that fires the camera.
    """

    driver: str
    port: str
    steps_per_mm: float
    speed_mm_s: float
    acceleration_mm_s2: float
    low_mm: float
    high_mm: float
    towards_subject: Literal["+", "-"]
    baud: int = 115200
    home_mm: float | None = None
    crank: CrankSettings | None = None
    shutter: ShutterSettings | None = None

    def __post_init__(self) -> None:
        for name in ("steps_per_mm", "speed_mm_s", "acceleration_mm_s2"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        if not self.low_mm < self.high_mm:
            raise ValueError(f"limits must rise: {self.low_mm:g} mm to {self.high_mm:g} mm")
        if self.towards_subject not in {"+", "-"}:
            raise ValueError(f'towards_subject is "+" or "-", not {self.towards_subject!r}')

    @property
    def limits(self) -> AxisLimits:
        """Allowed positions, mm."""
        return AxisLimits(self.low_mm, self.high_mm)

    @property
    def sign(self) -> int:
        """+1 when the controller's positive direction is towards the subject, else -1."""
        return 1 if self.towards_subject == "+" else -1


def drivers() -> dict[str, str]:
    """Every known driver and where it comes from; ours win over a third party's of the same name."""
    found = {point.name: point.value for point in importlib.metadata.entry_points(group=_GROUP)}
    return {**found, **_OWN}


def open_axis(settings: RailSettings, clock: Clock, by_hand: ByHand | None = None) -> FocusAxis:
    """Connect to the axis that the settings describe.

    Parameters
    ----------
    by_hand : ByHand, optional
        The person, for an axis that is turned by hand.

    Raises
    ------
    UserError
        When no driver has that name, or a crank has nobody to turn it.
    HardwareError
        When the device is absent or not what was expected.
    """
    known = drivers()
    if settings.driver not in known:
        raise UserError(
            f"no rail driver is called {settings.driver!r}; there are: {', '.join(sorted(known))}"
        )
    if settings.driver == _TURNED_BY_HAND:
        if by_hand is None:
            raise UserError("a crank has to be turned by a person, and this command has nobody to ask")
        from rig.axes.crank import open_crank

        return open_crank(settings, clock, by_hand)
    module, _, name = known[settings.driver].partition(":")
    factory = cast(AxisFactory, getattr(importlib.import_module(module), name))
    return factory(settings, clock)
