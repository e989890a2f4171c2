"""A connected rail: telling of it, moving it a little, jogging and homing it, saying where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from rig.axes.base import (
    AxisLimits,
    AxisPosition,
    CanLock,
    CanRezero,
    FocusAxis,
    HasController,
    PositionTrust,
)
from rig.clock import Clock
from rig.config import LoadedConfig, RigConfig
from rig.errors import HardwareError, PositionUnknownError, UserError
from rig.rails.jogging import STEPS_MM, Jogger
from rig.rails.state import RailState
from rig.runs.operator import Operator
from rig.runs.stopping import Stopper

__all__ = ["HeldRail", "RailFacts", "Reached", "Zeroed", "check_motor", "check_unlocked"]


def check_motor(config: RigConfig) -> None:
    """Raise UserError for a rail that a person turns: there is nothing to jog."""
    if config.rail.by_hand:
        raise UserError(
            "a crank is turned by hand, there is nothing to jog: turn it to the nearest point, then "
            "rig shoot --start here, with --end ask if you like"
        )


@dataclass(frozen=True)
class RailFacts:
    """What there is to know of a rail.

    Attributes
    ----------
    name, driver : str
    firmware : str or None
        What its controller calls itself.
    settings : dict
        The controller's settings by number; empty when it has none.
    position : AxisPosition
        Its value is NaN while the trust is unknown.
    unknown_because : str or None
        Why it is not known.
    locked : str or None
        Why its controller refuses to move; None when it does not.
    limits, configured_limits : AxisLimits
        Those in force, and the configuration's.
    resolution_mm, move_10_mm_s : float
        A microstep, and how long 10 mm take.
    can_home : bool
    warnings : tuple of str
    simulated : bool
    """

    name: str
    driver: str
    firmware: str | None
    settings: dict[int, float]
    position: AxisPosition
    unknown_because: str | None
    locked: str | None
    limits: AxisLimits
    configured_limits: AxisLimits
    resolution_mm: float
    move_10_mm_s: float
    can_home: bool
    warnings: tuple[str, ...]
    simulated: bool


@dataclass(frozen=True)
class Reached:
    """From where to where a rail has moved."""

    before: AxisPosition
    after: AxisPosition


@dataclass(frozen=True)
class Zeroed:
    """A rail that was told where it stands.

    ``shift_mm`` is by how much positions have grown, None when nobody knows; ``limits_kept`` whether soft
    limits are in force still.
    """

    position: AxisPosition
    shift_mm: float | None
    limits_kept: bool


@dataclass
class HeldRail:
    """A connected rail.

    Attributes
    ----------
    loaded : LoadedConfig
        The configuration, with the limits in force.
    axis : FocusAxis
        Guarded by the stopper.
    state : RailState or None
        Its memory; None of a simulated rail, which begins anew with every command.
    camera_port : str or None
        Of the bench that plays it, too.
    bench : dict or None
        The order of that bench.
    unknown_because : str or None
        Why nobody knows where it stands.
    notes : tuple of str
        What the operator should know of its connection, in whole sentences.
    zero_mm : float
        By how much positions have grown since it was connected.
    """

    loaded: LoadedConfig
    configured_limits: AxisLimits
    axis: FocusAxis
    clock: Clock
    stopper: Stopper
    operator: Operator
    state: RailState | None = None
    camera_port: str | None = None
    bench: dict[str, Any] | None = None
    unknown_because: str | None = None
    notes: tuple[str, ...] = ()
    zero_mm: float = 0.0
    _jogs: bool = False

    @property
    def config(self) -> RigConfig:
        """The configuration's tables."""
        return self.loaded.config

    @property
    def count_survives(self) -> bool:
        """Whether the next connection is going to know where the rail stands, as far as can be foreseen."""
        return self.state is not None and self.state.would_recall(self.axis)

    def keep(self) -> None:
        """Write where it stands, for the next command: at the end, and whenever somebody has said so."""
        if self.state is not None:
            with suppress(HardwareError):  # one that does not answer any more keeps nothing, and has said so
                self.state.keep(self.axis)

    def _set_off(self) -> None:
        """It is about to be moved."""
        if self.state is not None:
            self.state.set_off()

    def counts_anew(self) -> None:
        """Somebody has said where it stands."""
        if self.state is not None:
            self.state.counts_anew()
        self.keep()

    def facts(self) -> RailFacts:
        """Ask it everything."""
        axis = self.axis
        controller = axis if isinstance(axis, HasController) else None
        return RailFacts(
            name=axis.name,
            driver=self.config.rail.driver,
            firmware=None if controller is None else controller.firmware(),
            settings={} if controller is None else controller.settings(),
            position=axis.position(),
            unknown_because=self.unknown_because,
            locked=_locked(axis),
            limits=axis.limits,
            configured_limits=self.configured_limits,
            resolution_mm=axis.capabilities.resolution,
            move_10_mm_s=axis.move_time_s(10.0),
            can_home=axis.capabilities.can_home,
            warnings=(*self.notes, *axis.warnings),
            simulated=self.config.simulated,
        )

    def where(self) -> AxisPosition:
        """Where it stands.

        Raises
        ------
        PositionUnknownError
            When nobody knows; says why, and what to do.
        """
        position = self.axis.position()
        if position.trust is not PositionTrust.UNKNOWN:
            return position
        home = "home it (rig rail home, or --home), or " if self.axis.capabilities.can_home else ""
        raise PositionUnknownError(
            f"where the {self.axis.name} stands is not known: {self.unknown_because or 'it has lost it'}. "
            f"To move it, {home}say where it stands (--here-is 12mm). rig live and rig rail jog hold one "
            "connection, so that this is said once"
        )

    def move(self, *, to_mm: float | None = None, by_mm: float | None = None) -> Reached:
        """Move to a position, or by a distance.

        Raises
        ------
        PositionUnknownError
            When nobody knows where it stands.
        LimitError
            Before anything moves.
        Interrupted
            When the operator stopped it.
        """
        before = self.where()
        target_mm = before.value + by_mm if to_mm is None and by_mm is not None else to_mm
        assert target_mm is not None
        self._set_off()
        with self.stopper.motion():
            return Reached(before, self.axis.move_to(target_mm))

    @contextmanager
    def jogged(self, steps_mm: tuple[float, ...] = STEPS_MM) -> Iterator[Jogger]:
        """Jog; however it ends, the rail is at rest then."""
        check_motor(self.config)
        jogger = Jogger(self.axis, steps_mm)
        self._set_off()
        self._jogs = True
        with self.stopper.motion():
            try:
                yield jogger
            finally:
                with suppress(HardwareError):  # a stop from elsewhere has been told, or is about to be
                    jogger.stop()

    def ask_where(self) -> None:
        """Have the operator say where it stands, if nobody knows; jogging comes next."""
        check_motor(self.config)
        if self.axis.position().trust is not PositionTrust.UNKNOWN:
            return
        check_unlocked(self.axis)
        limits = self.axis.limits
        self.axis.set_reference(
            self.operator.ask_position_mm(
                f"Where the rail stands is not known: {self.unknown_because}. Its limits are "
                f"{limits.low:g} mm to {limits.high:g} mm. Where does the carriage stand?"
            )
        )
        self.unknown_because = None
        self.counts_anew()

    def home(self) -> AxisPosition:
        """Run the controller's homing cycle, and return where the rail stands then."""
        self._set_off()
        with self.stopper.motion():
            self.axis.home()
        self.unknown_because = None
        self.keep()
        return self.axis.position()

    def zero(self, at_mm: float = 0.0) -> Zeroed:
        """Call the place where the rail stands `at_mm`, without moving it.

        Limits stay where they are on the bench when it is known by how much the count has changed.
        """
        check_unlocked(self.axis)
        before = self.axis.position()
        shift_mm = None if before.trust is PositionTrust.UNKNOWN else at_mm - before.value
        if shift_mm is not None and isinstance(self.axis, CanRezero):
            self.axis.rezero(at_mm)
            self.zero_mm += shift_mm
        else:
            self.axis.set_reference(at_mm)
        self.unknown_because = None
        kept = self.state is not None and self.state.renumber(shift_mm)
        self.keep()
        if self._jogs:
            self._set_off()
        return Zeroed(self.axis.position(), shift_mm, kept)


def _locked(axis: FocusAxis) -> str | None:
    return axis.locked if isinstance(axis, CanLock) else None


def check_unlocked(axis: FocusAxis) -> None:
    """Raise HardwareError when a controller refuses to move, saying why, and what to do."""
    if why := _locked(axis):
        raise HardwareError(f"{why} Home it (rig rail home), or pass --unlock when the way is free")
