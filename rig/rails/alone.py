"""A rail alone, without camera and session: finding it, connecting to it, and knowing where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from rig.axes.base import AxisLimits, CanLock, FocusAxis, PositionTrust
from rig.clock import ScaledClock
from rig.config import LoadedConfig, load_config
from rig.errors import UserError
from rig.rails.held import HeldRail, check_unlocked
from rig.rails.state import RailState, with_kept_limits
from rig.runs.connection import open_rail_axis
from rig.runs.operator import Operator
from rig.runs.stopping import Stopper
from rig.simulate import Bench, bench_order, one_frame
from rig.state import PositionCount, RigLock

__all__ = ["connected", "find_rig"]


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
        As of `rig.runs.connection.open_rail_axis`.
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
            order = {**bench_order(config, one_frame(loaded), here_is_mm), "pictures": pictures}
            bench = teardown.enter_context(Bench(order))
            rail_port, camera_port = bench.rail_port, bench.camera_port
        else:
            config.rail.settings()  # says what is missing
            state = RailState.of(config.rail)
            configured = AxisLimits(*state.outer_mm(config.rail))
            loaded = with_kept_limits(loaded)
            teardown.enter_context(RigLock(state.name, what))
        clock, notes = ScaledClock(config.time_scale), list[str]()
        axis = open_rail_axis(loaded.config, rail_port, clock, operator, notes.append, to_set_up=to_set_up)
        teardown.callback(axis.close)
        teardown.callback(stopper.release)
        stopper.guard(axis)
        stopper.check()
        held = HeldRail(loaded, configured, axis, clock, stopper, operator, state, camera_port, order)
        held.notes = tuple(notes)
        if unlock and isinstance(axis, CanLock) and axis.locked:
            axis.unlock()
        if not to_set_up:
            _locate(held, here_is_mm)
        teardown.callback(held.keep)
        yield held


def _locate(held: HeldRail, here_is_mm: float | None) -> None:
    """Let the axis know where it stands, as far as anybody knows."""
    axis = held.axis
    if here_is_mm is not None:
        check_unlocked(axis)
    if held.state is None:
        axis.set_reference(here_is_mm or 0.0)  # the bench was set up just so
    elif here_is_mm is not None:
        axis.set_reference(here_is_mm)
        held.counts_anew()
    elif axis.position().trust is PositionTrust.UNKNOWN:
        rail = held.config.rail
        by_count = rail.counted and not rail.by_hand  # a crank may have been turned meanwhile, a motor holds
        held.unknown_because = _go_on_counting(rail.name, axis) if by_count else held.state.recall(axis)


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
