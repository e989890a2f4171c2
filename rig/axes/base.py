"""The one protocol for whatever moves the plane of focus: a rail, a crank, a lens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol, runtime_checkable

from rig.errors import LimitError

__all__ = [
    "EPSILON_MM",
    "ApproachesSlowly",
    "AxisCapabilities",
    "AxisLimits",
    "AxisPosition",
    "CanJog",
    "CanLock",
    "CanRezero",
    "FocusAxis",
    "HasController",
    "HasShutterOutput",
    "JogReport",
    "KeepsCount",
    "MovesAlong",
    "PositionTrust",
    "TakesSettings",
    "Tally",
]

EPSILON_MM = 1e-6
"""Far below a microstep: what a sum of floats may be off, and positions that close are the same."""


class PositionTrust(Enum):
    """How an axis knows where it is."""

    TRUSTED = "trusted"
    """Reported by the controller since a reference was set."""
    HOST_COUNTED = "host-counted"
    """Summed up on the host; the controller cannot be asked."""
    UNKNOWN = "unknown"
    """After power-up, reset, alarm or a lost connection. Nothing moves until referenced."""


@dataclass(frozen=True)
class AxisPosition:
    """Where an axis is. ``value`` is in the axis's unit, growing towards the subject; NaN while unknown."""

    value: float
    trust: PositionTrust


@dataclass(frozen=True)
class AxisLimits:
    """The closed range of allowed positions, in the axis's unit."""

    low: float
    high: float

    def contains(self, position: float) -> bool:
        """Whether the position is inside: both ends belong to the range, and what a sum of floats is off."""
        return self.low - EPSILON_MM <= position <= self.high + EPSILON_MM

    def check(self, position: float, what: str = "position") -> None:
        """Raise LimitError when a position lies outside."""
        if not self.contains(position):
            raise LimitError(position, self.low, self.high, what)


@dataclass(frozen=True)
class AxisCapabilities:
    """What an axis can do.

    Attributes
    ----------
    unit : {"mm", "steps"}
        ``"mm"`` when positions are exact lengths, ``"steps"`` when they are relative steps of a drive that
        needs calibration.
    resolution : float
        The smallest step, in that unit.
    can_home : bool
        Whether it finds a place of known position by itself, and knows which that is.
    """

    unit: Literal["mm", "steps"]
    resolution: float
    can_home: bool


class FocusAxis(Protocol):
    """An axis along which the plane of focus moves. Positions grow towards the subject.

    Every method raises `rig.errors.HardwareError` (or a subclass) when the device fails. Only `stop` may be
    called from another thread than the one that made the axis.
    """

    @property
    def name(self) -> str:
        """What to call the axis in messages, e.g. ``"GRBL rail on /dev/ttyUSB0"``."""
        ...

    @property
    def capabilities(self) -> AxisCapabilities:
        """What the axis can do."""
        ...

    @property
    def limits(self) -> AxisLimits:
        """Allowed positions."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the person at the rig should know of the controller, in whole sentences."""
        ...

    def position(self) -> AxisPosition:
        """Where the axis is now."""
        ...

    def set_reference(self, position: float) -> None:
        """Declare that the axis now stands at that position; the trust becomes known."""
        ...

    def home(self) -> None:
        """Run the controller's own homing cycle; raises UserError when it has none."""
        ...

    def move_to(self, position: float) -> AxisPosition:
        """Move and return when the motion has really ended.

        Raises LimitError before anything is sent when the target is outside the limits,
        PositionUnknownError when the position is not known, MotionError when the end was not reached.
        """
        ...

    def move_time_s(self, distance: float) -> float:
        """Shortest time for a move over that distance, from speed and ramp, in bench seconds."""
        ...

    def stop(self) -> None:
        """Stop now (feed hold), from any thread; the move in hand raises MotionError."""
        ...

    def close(self) -> None:
        """Stop if moving and let go of the device. May be called twice."""
        ...


@runtime_checkable
class HasShutterOutput(Protocol):
    """An axis whose controller can press a camera's release."""

    def press_shutter(self) -> None:
        """Close the contact for the configured pulse, then leave it open for the configured time.

        Raises
        ------
        HardwareError
            When the controller does not obey; the contact is then open as far as can be told.
        """
        ...


@runtime_checkable
class MovesAlong(Protocol):
    """An axis that wants to know a whole way at once: a person is asked once for back and forth."""

    def move_along(self, legs: Sequence[float]) -> AxisPosition:
        """Move to each of these positions in turn; otherwise as `FocusAxis.move_to`."""
        ...


@dataclass(frozen=True)
class JogReport:
    """How a jog is getting on: where the axis is now, and whether it still moves."""

    position: AxisPosition
    moving: bool


@runtime_checkable
class CanJog(Protocol):
    """An axis that can be sent on its way and told of another target, or of none, before it has arrived."""

    def jog_to(self, position: float) -> None:
        """Begin to move to a position, or go on to it after the jogs before; returns at once.

        Raises
        ------
        LimitError
            Before anything is sent, when the position is outside the limits.
        PositionUnknownError
            When it is not known where the axis stands.
        """
        ...

    def jog_report(self) -> JogReport:
        """Where it is; raises MotionError when a jog was stopped from elsewhere."""
        ...

    def end_jog(self) -> AxisPosition:
        """Brake now, forget every jog, and return at rest; nothing to end is no error."""
        ...


@runtime_checkable
class CanRezero(Protocol):
    """An axis whose positions can be counted from elsewhere; its limits stay where they are on the bench."""

    def rezero(self, position: float) -> None:
        """Call the place where the axis stands `position`; the limits are renumbered with it."""
        ...


@runtime_checkable
class KeepsCount(Protocol):
    """An axis whose controller goes on counting while no program is connected."""

    @property
    def count_survived(self) -> bool:
        """Whether nothing is known to have interrupted the count: making the connection did not reset it."""
        ...

    def count(self) -> float | None:
        """The controller's own count where the axis stands, in the axis's unit; None when it has none."""
        ...

    def recall(self, count: float, position: float) -> None:
        """Declare that the axis stands at that position, its controller counting so; as `set_reference`."""
        ...


@runtime_checkable
class HasController(Protocol):
    """An axis on a controller that tells its firmware and has numbered settings."""

    def firmware(self) -> str:
        """What the controller calls itself, e.g. ``"Grbl 1.1h"``."""
        ...

    def settings(self) -> dict[int, float]:
        """Its settings by number."""
        ...


@runtime_checkable
class ApproachesSlowly(Protocol):
    """An axis that can make the last movement to a position slower than others."""

    def approach_to(self, position: float) -> AxisPosition:
        """As `FocusAxis.move_to`, at the speed that is configured for approaching."""
        ...


@runtime_checkable
class CanLock(Protocol):
    """An axis whose controller refuses to move after an alarm, until it is homed or unlocked."""

    @property
    def locked(self) -> str | None:
        """Why it is locked, in words; None when it is not. Asks the controller."""
        ...

    def unlock(self) -> None:
        """Unlock it, because a person says so. The position stays unknown until it is homed or told."""
        ...


@runtime_checkable
class TakesSettings(Protocol):
    """An axis whose controller's settings can be proposed and written."""

    def proposed_settings(self) -> dict[int, float]:
        """What should be set for the configured pitch, motor, microsteps, speed, ramp and limits."""
        ...

    def write_settings(self, changes: Mapping[int, float]) -> None:
        """Write settings, at rest, and check that they were taken.

        The position is unknown afterwards: another count of steps per mm gives places other numbers.

        Raises
        ------
        HardwareError
            When the controller refuses one, or does not keep it.
        """
        ...


class Tally(Protocol):
    """Where the count of an axis that cannot tell its position outlives the program."""

    def turning(self, from_mm: float, to_mm: float) -> None:
        """A move begins: until it is done, the axis is somewhere between."""
        ...

    def at(self, position_mm: float) -> None:
        """The axis stands there."""
        ...

    def lost(self, position_mm: float) -> None:
        """Something happened while the axis stood there, after which nobody knows where it is."""
        ...
