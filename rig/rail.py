"""A rail alone, without camera and session: connecting to it, telling of it, moving it a little."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
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
from rig.axes.registry import open_for_setup
from rig.clock import Clock, ScaledClock
from rig.config import LoadedConfig, RigConfig, load_config
from rig.connection import open_rail_axis
from rig.errors import HardwareError, MotionError, PositionUnknownError, UserError
from rig.jogging import STEPS_MM, Jogger
from rig.operator import Operator
from rig.plan import StackPlan
from rig.planning import PlanRequest, plan_for
from rig.rail_state import RailState, with_kept_limits
from rig.simulate import Bench, bench_order
from rig.state import PositionCount, RigLock
from rig.stopping import Stopper

__all__ = ["HeldRail", "RailFacts", "Reached", "Zeroed", "check_motor", "connected", "find_rig", "locate"]


def find_rig(
    config: Path | None, port: str | None, *, simulate: bool = False, time_scale: float | None = None
) -> LoadedConfig:
    """Read the configuration of the rail that is meant.

    Parameters
    ----------
    port : str, optional
        Instead of the configured one.

    Raises
    ------
    UserError
        When the arguments contradict each other, or the configuration cannot be used.
    """
    loaded = load_config(config, simulate=simulate, time_scale=time_scale)
    if port is None:
        return loaded
    if loaded.config.simulated:
        if loaded.named or simulate:
            raise UserError(f"the simulated bench has a rail of its own; leave out --port {port}")
        raise UserError(
            f"the rail on {port} cannot be moved without its pitch and limits: copy the nearest of the "
            "configurations that come with focusrig to ./rig.toml, or name one by --config"
        )
    rail = loaded.config.rail.model_copy(update={"port": port})
    table = {**loaded.table, "rail": {**loaded.table["rail"], "port": port}}
    return replace(loaded, config=loaded.config.model_copy(update={"rail": rail}), table=table)


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
        Its value means nothing while the trust is unknown.
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

    @property
    def config(self) -> RigConfig:
        """The configuration's tables."""
        return self.loaded.config

    @property
    def count_survives(self) -> bool:
        """Whether the next connection is going to know where the rail stands, as far as can be foreseen."""
        return self.state is not None and self.state.would_recall(self.axis)

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
            warnings=axis.warnings,
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
        with self.stopped_by_operator():
            return Reached(before, self.axis.move_to(target_mm))

    @contextmanager
    def stopped_by_operator(self) -> Iterator[None]:
        """A motion that the operator stops is no fault: it raises Interrupted."""
        self.stopper.check()
        try:
            yield
        except MotionError:
            self.stopper.check()
            raise

    @contextmanager
    def jogged(self, steps_mm: tuple[float, ...] = STEPS_MM) -> Iterator[Jogger]:
        """Jog; however it ends, the rail is at rest then."""
        check_motor(self.config)
        jogger = Jogger(self.axis, steps_mm)
        with self.stopped_by_operator():
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
        _check_unlocked(self.axis)
        limits = self.axis.limits
        self.axis.set_reference(
            self.operator.ask_position_mm(
                f"Where the rail stands is not known: {self.unknown_because}. Its limits are "
                f"{limits.low:g} mm to {limits.high:g} mm. Where does the carriage stand?"
            )
        )
        self.unknown_because = None

    def home(self) -> AxisPosition:
        """Run the controller's homing cycle, and return where the rail stands then."""
        with self.stopped_by_operator():
            self.axis.home()
        self.unknown_because = None
        return self.axis.position()

    def zero(self, at_mm: float = 0.0) -> Zeroed:
        """Call the place where the rail stands `at_mm`, without moving it.

        Soft limits stay where they are on the bench when it is known by how much the count has changed.
        """
        _check_unlocked(self.axis)
        before = self.axis.position()
        shift_mm = None if before.trust is PositionTrust.UNKNOWN else at_mm - before.value
        if shift_mm is not None and isinstance(self.axis, CanRezero):
            self.axis.rezero(at_mm)
        else:
            self.axis.set_reference(at_mm)
        self.unknown_because = None
        kept = self.state is not None and self.state.renumber_limits(shift_mm)
        return Zeroed(self.axis.position(), shift_mm, kept)


@contextmanager
def connected(
    loaded: LoadedConfig,
    what: str,
    operator: Operator,
    stopper: Stopper,
    *,
    here_is_mm: float | None = None,
    pictures: bool = False,
    to_set_up: bool = False,
    unlock: bool = False,
) -> Iterator[HeldRail]:
    """Connect the rail, hold its port against other rigs, and remember at the end where it was left.

    Parameters
    ----------
    what : str
        What for, in the message that others get: ``"rig rail move"``.
    here_is_mm : float, optional
        Where the operator says that it stands; otherwise it is what the controller's count tells. A simulated
        rail stands there, or at 0.
    pictures : bool
        Whether the bench of a simulated rig is going to take pictures.
    to_set_up : bool
        The controller's settings may contradict the configuration, as they are to be written; nothing moves.
    unlock : bool
        Unlock a controller that is in alarm, because somebody says that the way is free.

    Raises
    ------
    InUseError
        When another rig holds the port.
    HardwareError
        When the rail is not there.
    """
    config = loaded.config
    configured = AxisLimits(*config.rail.limits_mm)
    with ExitStack() as teardown:
        rail_port = camera_port = state = order = None
        if config.simulated:
            if here_is_mm is None:
                here_is_mm = min(max(0.0, configured.low), configured.high)
            order = {**bench_order(config, _one_frame(loaded), here_is_mm), "pictures": pictures}
            bench = teardown.enter_context(Bench(order))
            rail_port, camera_port = bench.rail_port, bench.camera_port
        else:
            config.rail.settings()  # says what is missing
            state = RailState.of(config.rail)
            loaded = with_kept_limits(loaded)
            teardown.enter_context(RigLock(state.name, what))
        clock = ScaledClock(config.time_scale)
        if to_set_up:
            axis = open_for_setup(loaded.config.rail.settings(rail_port), clock)
        else:
            axis = open_rail_axis(loaded.config, rail_port, clock, operator)
        teardown.callback(axis.close)
        teardown.callback(stopper.release)
        stopper.guard(axis)
        stopper.check()
        held = HeldRail(loaded, configured, axis, clock, stopper, operator, state, camera_port, order)
        if unlock and isinstance(axis, CanLock) and axis.locked:
            axis.unlock()
        if not to_set_up:
            locate(held, here_is_mm)
        if state is not None:
            teardown.callback(_keep, state, axis)
        yield held


def _one_frame(loaded: LoadedConfig) -> StackPlan:
    """A plan that lights a bench: of one frame, anywhere."""
    rail = loaded.config.rail.model_copy(update={"backlash_mm": 0.0})
    place = f"{rail.limits_mm[0]}mm"
    config = loaded.config.model_copy(update={"rail": rail})
    request = PlanRequest.from_text(start=place, end=place, frames=1)
    return plan_for(replace(loaded, config=config), request, calibrated=False)


def locate(held: HeldRail, here_is_mm: float | None) -> None:
    """Let the axis know where it stands, as far as anybody knows."""
    axis = held.axis
    if here_is_mm is not None:
        _check_unlocked(axis)
    if held.state is None:
        axis.set_reference(here_is_mm or 0.0)  # the bench was set up just so
    elif here_is_mm is not None:
        axis.set_reference(here_is_mm)
    elif axis.position().trust is PositionTrust.UNKNOWN:
        rail = held.config.rail
        by_count = rail.counted and not rail.by_hand  # a crank may have been turned meanwhile, a motor holds
        held.unknown_because = _go_on_counting(rail.name, axis) if by_count else held.state.recall(axis)


def _locked(axis: FocusAxis) -> str | None:
    return axis.locked if isinstance(axis, CanLock) else None


def _check_unlocked(axis: FocusAxis) -> None:
    """Raise HardwareError when a controller refuses to move, saying why, and what to do."""
    if why := _locked(axis):
        raise HardwareError(f"{why} Home it (rig rail home), or pass --unlock when the way is free")


def _go_on_counting(name: str, axis: FocusAxis) -> str | None:
    """Tell an axis that cannot be asked where its kept count says that it stands; else return why not."""
    counted = PositionCount(name).read()
    if counted is None:
        return "it was never told where it stands"
    if not counted.holds:
        return f"it was last {counted.text}"
    if not axis.limits.contains(counted.position_mm):
        return f"it was left at {counted.position_mm:g} mm, outside its limits"
    axis.set_reference(counted.position_mm)
    return None


def _keep(state: RailState, axis: FocusAxis) -> None:
    with suppress(HardwareError):  # a rail that does not answer any more keeps nothing, and has said so
        state.keep(axis)
