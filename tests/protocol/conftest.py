"""A simulated GRBL rail and the production driver on it, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pytest
from hardware_sims.carriage import Carriage
from hardware_sims.clock import SimClock
from hardware_sims.rails.grbl import GrblSimulator

from rig.axes.grbl import GrblAxis
from rig.axes.registry import RailSettings, open_axis
from rig.clock import ScaledClock

STEP_MM = 1 / 3200
RAIL = RailSettings("grbl", "", 3200.0, 2.0, 50.0, 0.0, 32.0, "+")


@dataclass
class Bench:
    """A simulator with its truth, and how to connect to it."""

    sim: GrblSimulator
    carriage: Carriage
    clock: SimClock
    rail: RailSettings
    axes: list[GrblAxis] = field(default_factory=list)

    def connect(self, wire: Literal["pty", "tcp"] = "pty", **changes: Any) -> GrblAxis:
        port = self.sim.pty_path if wire == "pty" else self.sim.tcp_url
        rail = replace(self.rail, port=port, **changes)
        axis = open_axis(rail, ScaledClock(self.clock.scale))
        assert isinstance(axis, GrblAxis)
        self.axes.append(axis)
        return axis

    @property
    def motor_mm(self) -> float:
        return self.carriage.motor_mm(self.clock.now())

    @property
    def speed_mm_s(self) -> float:
        return self.carriage.speed_mm_s(self.clock.now())

    def moves_received(self) -> list[str]:
        return [line for line in self.sim.received() if "X" in line and line != "$X"]


@contextmanager
def open_bench(
    scale: float = 20.0, *, start_mm: float = 0.0, backlash_mm: float = 0.0, **sim: Any
) -> Iterator[Bench]:
    """A bench of its own, for tests that need many (hypothesis)."""
    clock = SimClock(scale)
    carriage = Carriage(backlash_mm=backlash_mm, start_mm=start_mm)
    with GrblSimulator(carriage, clock, start_mm=start_mm, **sim) as simulator:
        rail = replace(RAIL, towards_subject=sim.get("towards_subject", "+"))
        bench = Bench(simulator, carriage, clock, rail)
        try:
            yield bench
        finally:
            for axis in bench.axes:
                axis.close()


@pytest.fixture
def grbl() -> Iterator[Callable[..., Bench]]:
    """Makes benches (arguments of `open_bench`) that end with the test, with every axis connected to them."""
    with ExitStack() as stack:

        def make(*args: Any, **kwargs: Any) -> Bench:
            return stack.enter_context(open_bench(*args, **kwargs))

        yield make


@pytest.fixture
def grbl_bench() -> Callable[..., AbstractContextManager[Bench]]:
    """`open_bench` itself."""
    return open_bench
