"""Simulated rails that count steps, each with its driver, for the tests that all of them have to pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hardware_sims.carriage import Carriage
from hardware_sims.clock import SimClock
from hardware_sims.rails.mjkzz import MjkzzSimulator
from hardware_sims.rails.shell import ControllerSimulator
from hardware_sims.rails.trinamic import TrinamicSimulator
from hardware_sims.rails.wemacro import WeMacroSimulator
from hardware_sims.rails.zaber import ZaberSimulator

from rig.axes.base import FocusAxis
from rig.axes.registry import ByHand, RailSettings, open_axis
from rig.cli.terminal import Terminal
from rig.clock import ScaledClock

STEP_MM = 1 / 3200


@dataclass
class Kept:
    """A count in memory instead of on disk."""

    told: list[tuple[str, float, float]] = field(default_factory=list)

    def turning(self, from_mm: float, to_mm: float) -> None:
        self.told.append(("turning", from_mm, to_mm))

    def at(self, position_mm: float) -> None:
        self.told.append(("at", position_mm, position_mm))

    def lost(self, position_mm: float) -> None:
        self.told.append(("lost", position_mm, position_mm))


@dataclass(frozen=True)
class Kind:
    """A driver and what it is run against."""

    driver: str
    simulator: Callable[..., ControllerSimulator[Any]]
    reports: bool
    stop: bytes
    """What the port keeper sends when the rig dies."""
    speed_mm_s: float


KINDS = {
    "mjkzz": Kind(
        "mjkzz",
        MjkzzSimulator,
        reports=True,
        stop=bytes.fromhex("0178000000000079"),
        speed_mm_s=2.0,
    ),
    "wemacro": Kind(
        "wemacro",
        WeMacroSimulator,
        reports=False,
        stop=bytes.fromhex("a55a2000000000000000e62e"),
        speed_mm_s=1289 / 3200,
    ),
    "trinamic": Kind(
        "trinamic",
        TrinamicSimulator,
        reports=True,
        stop=bytes.fromhex("010300000000000004"),
        speed_mm_s=2.0,
    ),
    "zaber": Kind("zaber", ZaberSimulator, reports=True, stop=b"/stop", speed_mm_s=2.0),
}

LIBRARIES = {"trinamic": "pytrinamic", "zaber": "zaber_motion"}
"""What has to be installed for a driver."""


@dataclass
class StepBench:
    """A simulator with its truth, and how to connect to it."""

    kind: Kind
    sim: Any
    carriage: Carriage
    clock: SimClock
    rail: RailSettings
    kept: Kept = field(default_factory=Kept)
    axes: list[FocusAxis] = field(default_factory=list)

    def connect(self, wire: str = "tcp", *, port: str | None = None, **changes: Any) -> Any:
        port = port or (self.sim.pty_path if wire == "pty" else self.sim.tcp_url)
        rail = replace(self.rail, port=port, **changes)
        axis = open_axis(rail, ScaledClock(self.clock.scale), ByHand(Terminal(yes=True), self.kept))
        self.axes.append(axis)
        return axis

    @property
    def motor_mm(self) -> float:
        return self.carriage.motor_mm(self.clock.now())

    @property
    def speed_mm_s(self) -> float:
        return self.carriage.speed_mm_s(self.clock.now())


@contextmanager
def step_bench(
    driver: str, scale: float = 20.0, *, start_mm: float = 0.0, towards_subject: str = "+", **sim: Any
) -> Iterator[StepBench]:
    """A bench with a rail of that kind at `start_mm`."""
    if driver in LIBRARIES:
        pytest.importorskip(LIBRARIES[driver])
    kind = KINDS[driver]
    clock = SimClock(scale)
    carriage = Carriage(start_mm=start_mm)
    with kind.simulator(
        carriage, clock, start_mm=start_mm, towards_subject=towards_subject, **sim
    ) as simulator:
        rail = RailSettings(driver, "", 3200.0, kind.speed_mm_s, 50.0, 0.0, 32.0, towards_subject, baud=9600)
        bench = StepBench(kind, simulator, carriage, clock, rail)
        try:
            yield bench
        finally:
            for axis in bench.axes:
                axis.close()


Make = Callable[..., StepBench]


@pytest.fixture
def rail() -> Iterator[Make]:
    """Makes benches (arguments of `step_bench`) that end with the test, with every axis connected to them."""
    with ExitStack() as stack:

        def make(*args: Any, **kwargs: Any) -> StepBench:
            return stack.enter_context(step_bench(*args, **kwargs))

        yield make


@pytest.fixture
def rail_bench() -> Callable[..., AbstractContextManager[StepBench]]:
    """`step_bench` itself."""
    return step_bench


@pytest.fixture(params=list(KINDS))
def driver(request: pytest.FixtureRequest) -> str:
    """Every driver in turn."""
    return str(request.param)
