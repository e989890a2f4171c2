"""Simulated rails with the production drivers on them, for the benchmarks of motion."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import Any

from hardware_sims.carriage import Carriage
from hardware_sims.clock import SimClock
from hardware_sims.rails.dialect import GRBLHAL
from hardware_sims.rails.faults import RailMisbehaviour
from hardware_sims.rails.grbl import GrblSimulator
from hardware_sims.rails.mjkzz import MjkzzSimulator
from hardware_sims.rails.trinamic import TrinamicSimulator
from hardware_sims.rails.wemacro import WeMacroSimulator
from hardware_sims.rails.zaber import ZaberSimulator

from rig.axes.base import FocusAxis
from rig.axes.registry import ByHand, RailSettings, open_axis
from rig.cli.terminal import Terminal
from rig.clock import ScaledClock

__all__ = ["KINDS", "LOW_MM", "SPAN_MM", "STEPS_PER_MM", "Rail", "RailKind", "add_rails"]

STEPS_PER_MM = 3200.0
LOW_MM, SPAN_MM = 0.0, 12.0
_ACCELERATION_MM_S2 = 50.0
_PULL_OFF_MM = 0.5
_HOME_MM = LOW_MM + SPAN_MM - _PULL_OFF_MM
"""GRBL homes towards positive X and calls its place minus the pull-off: its soft limits are then ours."""
_HOMED = {20: 1, 22: 1, 24: 120, 25: 600, 27: _PULL_OFF_MM, 130: SPAN_MM}


@dataclass(frozen=True)
class RailKind:
    """A simulated controller, and how it is driven; ``homed`` with soft limits of its own."""

    driver: str
    simulator: Any
    speed_mm_s: float
    homed: bool = False
    dialect: dict[str, Any] = field(default_factory=dict)


KINDS = {
    "grbl": RailKind("grbl", GrblSimulator, 2.0),
    "grbl-homed": RailKind("grbl", GrblSimulator, 2.0, homed=True),
    "grblhal": RailKind("grbl", GrblSimulator, 2.0, dialect={"dialect": GRBLHAL}),
    "wemacro": RailKind("wemacro", WeMacroSimulator, 1289 / STEPS_PER_MM),
    "mjkzz": RailKind("mjkzz", MjkzzSimulator, 2.0),
    "trinamic": RailKind("trinamic", TrinamicSimulator, 2.0),
    "zaber": RailKind("zaber", ZaberSimulator, 2.0),
}


class _Memory:
    """A count that is kept while the benchmark runs."""

    def turning(self, from_mm: float, to_mm: float) -> None:
        """A move begins."""

    def at(self, position_mm: float) -> None:
        """The axis stands there."""

    def lost(self, position_mm: float) -> None:
        """Nobody knows any more."""


class Rail:
    """A simulated rail, its truth, and the axis that drives it.

    Parameters
    ----------
    kind : RailKind
        Which.
    scale : float
        Bench seconds per real second.
    start_mm : float
        Where the carriage stands.
    misbehaviour : RailMisbehaviour, optional
        What goes wrong.
    """

    def __init__(
        self, kind: RailKind, scale: float, start_mm: float, misbehaviour: RailMisbehaviour | None = None
    ) -> None:
        self.kind, self.clock, self.carriage = kind, SimClock(scale), Carriage(start_mm=start_mm)
        self.rig_clock, self.memory = ScaledClock(scale), _Memory()
        extra: dict[str, Any] = dict(kind.dialect)
        if kind.driver == "grbl":
            extra |= {"travel_mm": (LOW_MM - 2.0, LOW_MM + SPAN_MM), "dtr_reset": False}
        if kind.homed:
            extra["settings"] = _HOMED
        self.sim = kind.simulator(
            self.carriage, self.clock, start_mm=start_mm, misbehaviour=misbehaviour, **extra
        )
        self.sim.start()
        self.axis: FocusAxis | None = None

    def connect(self) -> FocusAxis:
        """Open its port, whichever that is now."""
        self.disconnect()
        self.axis = open_axis(self.settings(), self.rig_clock, ByHand(Terminal(yes=True), self.memory))
        return self.axis

    def settings(self) -> RailSettings:
        """What a driver needs to know of it; the port is the one that it has now."""
        return RailSettings(
            self.kind.driver,
            self.sim.tcp_url,
            STEPS_PER_MM,
            self.kind.speed_mm_s,
            _ACCELERATION_MM_S2,
            LOW_MM,
            LOW_MM + SPAN_MM,
            "+",
            home_mm=_HOME_MM if self.kind.homed else None,
        )

    def disconnect(self) -> None:
        """Close the port."""
        if self.axis is not None:
            self.axis.close()
            self.axis = None

    @property
    def motor_mm(self) -> float:
        """Where the motor is."""
        return self.carriage.motor_mm(self.clock.now())

    def close(self) -> None:
        """End both."""
        self.disconnect()
        self.sim.close()


def add_rails(parser: argparse.ArgumentParser) -> None:
    """Let the rails be chosen."""
    parser.add_argument("--rail", choices=KINDS, action="append", help="by default every one")
