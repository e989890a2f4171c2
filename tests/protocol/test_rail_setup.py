"""What is proposed for a controller, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hardware_sims.rails.dialect import GRBLHAL

from rig.axes.base import AxisLimits
from rig.axes.grbl_rail import open_grbl_for_setup
from rig.axes.grbl_setup import has_homing
from rig.axes.registry import RailSettings, open_for_setup
from rig.clock import ScaledClock
from rig.config import load_config
from rig.errors import UserError
from rig.rails.held import HeldRail
from rig.rails.setup import propose, write
from rig.runs.stopping import Stopper

Make = Callable[..., Any]
RAIL = RailSettings("grbl", "", 3200.0, 2.0, 50.0, 0.0, 32.0, "+")


def _held(bench: Any) -> HeldRail:
    axis = open_grbl_for_setup(replace(RAIL, port=bench.sim.tcp_url), ScaledClock(bench.clock.scale))
    bench.axes.append(axis)
    clock, limits = ScaledClock(1.0), AxisLimits(0.0, 32.0)
    return HeldRail(load_config(), limits, axis, clock, Stopper(), operator=None)  # type: ignore[arg-type]


def test_a_board_as_it_comes_is_set_up(grbl: Make) -> None:
    bench = grbl(settings={1: 25, 100: 250.0, 110: 500.0, 120: 10.0, 130: 200.0})
    rail = _held(bench)
    proposal = propose(rail)
    assert [(c.number, c.old, c.new) for c in proposal.changes] == [
        (1, 25.0, 255.0),
        (100, 250.0, 3200.0),
        (110, 500.0, 120.0),
        (120, 10.0, 50.0),
        (130, 200.0, 32.0),
    ]
    assert "steps per mm" in proposal.changes[1].name
    assert any("$22=0" in note for note in proposal.notes)
    write(rail, proposal)
    assert propose(rail).changes == ()
    written = [line for line in bench.sim.received() if line.startswith("$") and "=" in line]
    assert written == ["$1=255", "$100=3200", "$110=120", "$120=50", "$130=32"]


def test_what_else_a_report_holds_is_left_as_it_is(grbl: Make) -> None:
    assert [(c.number, c.new) for c in propose(_held(grbl(settings={10: 2, 130: 32.0}))).changes] == [
        (10, 3.0)
    ]
    rail = _held(grbl(dialect=GRBLHAL, settings={10: 511, 130: 32.0}))
    assert propose(rail).changes == ()


def test_homing_is_one_bit_of_several_on_grblhal() -> None:
    assert has_homing({22: 1.0})
    assert has_homing({22: 13.0})
    assert not has_homing({22: 12.0})
    assert not has_homing({})


@pytest.mark.parametrize("sign", ["+", "-"])
@pytest.mark.parametrize("mask", [0, 1])
def test_its_own_soft_limits_reach_from_its_home_to_the_far_limit(grbl: Make, sign: str, mask: int) -> None:
    """At whichever end the switch is, every position inside the limits can be gone to, and none beyond."""
    homing = {22: 1, 23: mask, 24: 120, 25: 600, 27: 1, 130: 60}
    bench = grbl(100.0, start_mm=10.0, travel_mm=(-3.0, 25.0), towards_subject=sign, settings=homing)
    at_high_end = (sign == "+") == (mask == 0)
    rail = replace(
        RAIL,
        port=bench.sim.tcp_url,
        towards_subject=sign,  # type: ignore[arg-type]
        home_mm=24.0 if at_high_end else -2.0,
        low_mm=0.0,
        high_mm=20.0,
    )
    axis = open_grbl_for_setup(rail, ScaledClock(bench.clock.scale))
    bench.axes.append(axis)
    wanted = axis.proposed_settings() | {20: 1.0}
    assert wanted[130] == (25.0 if at_high_end else 23.0)
    axis.write_settings(wanted)
    assert axis.warnings == ()
    axis.home()
    for target in (0.0, 20.0, 0.0):
        axis.move_to(target)
        assert bench.motor_mm == pytest.approx(target, abs=1e-3)
    axis.write_settings({130: 19.0})
    assert "it will refuse a part of them" in axis.warnings[0]


def test_soft_limits_of_the_controller_need_its_homing(grbl: Make) -> None:
    with pytest.raises(UserError, match=r"\$22=0"):
        propose(_held(grbl()), soft_limits=True)
    rail = _held(grbl(settings={22: 1, 130: 32.0}))
    assert any("--soft-limits" in note for note in propose(rail).notes)
    proposal = propose(rail, soft_limits=True)
    assert [(c.number, c.new) for c in proposal.changes] == [(20, 1.0)]
    write(rail, proposal)
    assert propose(rail, soft_limits=True).changes == ()


def test_a_driver_without_settings() -> None:
    with pytest.raises(UserError, match='"wemacro"'):
        open_for_setup(replace(RAIL, driver="wemacro"), ScaledClock(1.0))
