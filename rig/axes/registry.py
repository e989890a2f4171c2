"""Drivers of axes by their name in the configuration; third parties add theirs by an entry point.

An entry point of the group ``focusrig.axes`` names a function ``(RailSettings, Clock) -> FocusAxis``.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, cast

from rig.axes.base import EPSILON_MM, AxisLimits, FocusAxis, Tally
from rig.axes.hand import Hand
from rig.clock import Clock
from rig.errors import UserError

__all__ = [
    "COUNTED",
    "AxisFactory",
    "ByHand",
    "CrankSettings",
    "RailSettings",
    "ShutterSettings",
    "drivers",
    "open_axis",
    "open_for_setup",
    "sets_speed",
    "shutter_outputs",
    "usual_baud",
]

AxisFactory = Callable[["RailSettings", Clock], FocusAxis]

_GROUP = "focusrig.axes"
_SETUP = {"grbl": "rig.axes.grbl_rail:open_grbl_for_setup"}
"""How controllers are opened whose settings may contradict the configuration, to be corrected."""
_OWN = {
    "crank": "rig.axes.crank:open_crank",
    "grbl": "rig.axes.grbl_rail:open_grbl",
    "mjkzz": "rig.axes.mjkzz:open_mjkzz",
    "trinamic": "rig.axes.trinamic:open_trinamic",
    "wemacro": "rig.axes.wemacro:open_wemacro",
    "zaber": "rig.axes.zaber:open_zaber",
}
_TURNED_BY_HAND = "crank"

_BAUD = {"mjkzz": 9600, "trinamic": 9600, "wemacro": 9600}
_USUAL_BAUD = 115200
COUNTED = frozenset({"crank", "wemacro"})
"""Drivers of rails that cannot be asked where they stand: their count is kept on disk."""
_SET_SPEED = frozenset({"grbl", "wemacro"})
"""Drivers that send the speed that is asked for; the others leave what is set on the controller."""
_APPROACH_SLOWLY = frozenset({"grbl"})
_OUTPUTS: dict[str, tuple[str, ...]] = {"grbl": ("coolant", "spindle"), "wemacro": ("camera",)}


def usual_baud(driver: str) -> int:
    """The speed at which a driver's controllers talk on a serial port, when nothing else is configured."""
    return _BAUD.get(driver, _USUAL_BAUD)


def shutter_outputs(driver: str) -> tuple[str, ...]:
    """Outputs of a driver's controllers that can press a release; those of a third party's are not known."""
    own = _OUTPUTS.get(driver, ())
    return own if driver in _OWN else ("camera", "coolant", "spindle")


def sets_speed(driver: str, *, approach: bool = False) -> bool:
    """Whether a driver sets the speed of moves, or of the last move to a frame; a third party's may."""
    return driver in (_APPROACH_SLOWLY if approach else _SET_SPEED) or driver not in _OWN


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
    output : {"coolant", "spindle", "camera"}
        Which one: flood coolant (M8, M9), spindle enable (M3, M5), or a socket made for a camera.
    pulse_s, off_s : float
        How long it is pressed, and how long at least it is let go of before it is pressed again, bench s.
        A WeMacro presses for a time of its own.
    """

    output: Literal["coolant", "spindle", "camera"]
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
    tally : Tally, optional
        Where the count of a controller is kept that cannot be asked where it stands; `open_axis` fills it in.
    approach_speed_mm_s : float, optional
        Of the last movement to a frame, at most `speed_mm_s`; the same as of all others when absent.
    reset_on_open : bool
        Let opening the port reset the controller, as an Arduino's does. Without, DTR is kept low; whether
        that helped is seen by the banner that does not come.
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
    tally: Tally | None = None
    reset_on_open: bool = True
    approach_speed_mm_s: float | None = None

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

    def count_at(self, position_mm: float, offset_mm: float) -> int:
        """The controller's count nearest to a position, never beyond the limits by rounding.

        Parameters
        ----------
        offset_mm : float
            The position at which it counts 0.
        """
        count = round(self.sign * (position_mm - offset_mm) * self.steps_per_mm)
        nearest_mm = self.sign * count / self.steps_per_mm + offset_mm
        if nearest_mm > self.high_mm + EPSILON_MM:
            return count - self.sign
        if nearest_mm < self.low_mm - EPSILON_MM:
            return count + self.sign
        return count

    def renumbered(self, shift_mm: float) -> RailSettings:
        """The same rail when its positions have grown by so much: limits and home stay on the bench."""
        home_mm = None if self.home_mm is None else self.home_mm + shift_mm
        return replace(self, low_mm=self.low_mm + shift_mm, high_mm=self.high_mm + shift_mm, home_mm=home_mm)


def drivers() -> dict[str, str]:
    """Every known driver and where it comes from; ours win over a third party's of the same name."""
    found = {point.name: point.value for point in importlib.metadata.entry_points(group=_GROUP)}
    return {**found, **_OWN}


def open_axis(settings: RailSettings, clock: Clock, by_hand: ByHand | None = None) -> FocusAxis:
    """Connect to the axis that the settings describe.

    Parameters
    ----------
    by_hand : ByHand, optional
        The person, for an axis that is turned by hand, and where the count of an axis is kept that cannot be
        asked where it stands.

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
    if by_hand is not None:
        settings = replace(settings, tally=by_hand.tally)
    return factory(settings, clock)


def open_for_setup(settings: RailSettings, clock: Clock) -> FocusAxis:
    """Connect to a controller whose settings are to be written; it moves nothing.

    Raises
    ------
    UserError
        When controllers of that driver have none that are written from here.
    HardwareError
        When the device is absent or not what was expected.
    """
    where = _SETUP.get(settings.driver)
    if where is None:
        raise UserError(
            f'the controllers of the driver "{settings.driver}" have no settings that are written from here'
        )
    module, _, name = where.partition(":")
    return cast(AxisFactory, getattr(importlib.import_module(module), name))(settings, clock)
