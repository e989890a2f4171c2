"""A rail held by a command, on a simulated controller that is taken for real hardware."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rig.axes.base import JogReport, PositionTrust
from rig.config import LoadedConfig, config_from_table
from rig.errors import HardwareError, LimitError, MotionError, PositionUnknownError
from rig.planning.rail import PlanRequest, build_plan
from rig.rails.alone import connected
from rig.rails.jogging import Jogger
from rig.rails.stop import keepers
from rig.runs.set_up import SetUp
from rig.runs.stopping import Stopper

Make = Callable[..., Any]


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., LoadedConfig]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def make(bench: Any, **rail: Any) -> LoadedConfig:
        table = {
            "rail": {
                "driver": "grbl",
                "port": bench.sim.tcp_url,
                "pitch": "1 mm",
                "limits": ["0 mm", "32 mm"],
                "towards_subject": "+",
                **rail,
            }
        }
        return LoadedConfig(config_from_table(table, "rig.toml"), Path("rig.toml"), table)

    return make


def _held(loaded: LoadedConfig, **options: Any) -> Any:
    return connected(loaded, "rig rail test", None, Stopper(), **options)  # type: ignore[arg-type]


def test_a_controller_in_alarm_is_unlocked_on_request_only(grbl: Make, rig: Any) -> None:
    bench = grbl(1.0, settings={22: 1})  # with homing enabled it wants to be homed when it is switched on
    with _held(rig(bench)) as rail:
        facts = rail.facts()
        assert facts.locked is not None
        assert facts.position.trust is PositionTrust.UNKNOWN
        with pytest.raises(HardwareError, match="--unlock"):
            rail.zero()
    with pytest.raises(HardwareError, match="--unlock"), _held(rig(bench), here_is_mm=3.0):
        pass
    with _held(rig(bench), here_is_mm=3.0, unlock=True) as rail:
        assert rail.facts().locked is None
        assert rail.move(by_mm=0.5).after.value == pytest.approx(3.5)


def test_a_rail_that_homes_knows_where_it_is_afterwards(grbl: Make, rig: Any) -> None:
    bench = grbl(50.0, start_mm=10.0, settings={22: 1, 25: 3000, 130: 200.0})
    loaded = rig(bench, reference="home", home_position="32 mm", limits=["0 mm", "32 mm"])
    with _held(loaded) as rail:
        with pytest.raises(PositionUnknownError, match="rig rail home"):
            rail.move(to_mm=5.0)
        assert rail.home().value == pytest.approx(32.0)
        assert rail.move(to_mm=30.0).after.value == pytest.approx(30.0)
        with pytest.raises(LimitError):
            rail.move(to_mm=32.5)
    with _held(loaded) as rail:  # the count has gone on
        assert rail.where().value == pytest.approx(30.0, abs=1e-9)


@pytest.mark.parametrize("rate", [24, 25])
def test_a_rail_whose_homing_would_never_end_is_not_homed(grbl: Make, rig: Any, rate: int) -> None:
    bench = grbl(50.0, start_mm=10.0, settings={22: 1, rate: 0})
    with _held(rig(bench, reference="home", home_position="32 mm")) as rail:
        with pytest.raises(HardwareError, match=f"\\${rate}=0"):
            rail.home()
        assert "$H" not in bench.sim.received()


def test_what_was_said_is_on_disk_at_once(grbl: Make, rig: Any) -> None:
    """A crash must not leave a position and limits that count from different zeros."""
    bench = grbl(50.0, start_mm=10.0)
    loaded = rig(bench)
    with _held(loaded, here_is_mm=10.0) as rail:
        state = rail.state
        state.set_limits(loaded.config.rail, low_mm=1.0, high_mm=25.0)
        rail.move(to_mm=12.0)
    with _held(loaded) as rail:
        assert rail.where().value == pytest.approx(12.0)
        rail.zero()
        kept = state.read()  # as the next command would, if this one died now
        assert kept.reference is not None
        assert kept.limits is not None
        assert kept.reference.position_mm == pytest.approx(0.0)
        assert (kept.limits.low_mm, kept.limits.high_mm) == pytest.approx((-11.0, 13.0))
    with _held(loaded, here_is_mm=5.0):
        assert state.read().reference.position_mm == 5.0


def test_that_it_moves_is_on_disk_before_it_moves(grbl: Make, rig: Any) -> None:
    """Killed in the move, this command would leave a position that nobody believes."""
    bench = grbl(50.0, start_mm=10.0)
    loaded = rig(bench)
    with _held(loaded, here_is_mm=10.0) as rail:
        state = rail.state
        rail.move(to_mm=12.0)
        assert state.read().reference.under_way
    assert not state.read().reference.under_way
    with _held(loaded) as rail, rail.jogged():
        assert state.read().reference.under_way
        rail.zero()
        assert state.read().reference.under_way  # the jogging goes on


def test_what_was_kept_is_forgotten_when_the_rail_is_lost(grbl: Make, rig: Any) -> None:
    bench = grbl(50.0, start_mm=10.0)
    loaded = rig(bench)
    with _held(loaded, here_is_mm=10.0) as rail:
        rail.move(to_mm=12.0)
    with _held(loaded) as rail:
        assert rail.state.read().reference is not None
        rail.move(to_mm=15.0)
        bench.sim.close()
    assert rail.state.read().reference is None


def _rehearsing(rail: Any) -> SetUp:
    """A rehearsal on the way to its last position, 12 mm from where it goes back to."""
    setup = SetUp(rail, None, Jogger(rail.axis))  # type: ignore[arg-type]  # no frame is taken
    plan = build_plan(rail.config, PlanRequest(start_mm=10.0, end_mm=22.0, step_mm=1.0))
    setup.rehearse(plan)
    _look_until(setup, lambda report: report.moving and report.position.value > 12.0)
    return setup


def _look_until(setup: SetUp, seen: Callable[[JogReport], bool]) -> None:
    deadline = time.monotonic() + 20.0
    while not seen(setup.look()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_rehearsal_that_is_stopped_from_elsewhere_does_not_go_on(grbl: Make, rig: Any) -> None:
    """GRBL ends a jog at a hold as it does at its target, and the next leg would be sent."""
    bench = grbl(5.0, start_mm=10.0)
    with _held(rig(bench), here_is_mm=10.0) as rail:
        setup = _rehearsing(rail)
        (keeper,) = keepers(bench.sim.tcp_url)
        os.kill(keeper, signal.SIGUSR1)
        with pytest.raises(MotionError, match="stopped"):
            _look_until(setup, lambda report: not report.moving)
        stood_mm = bench.motor_mm
        for _ in range(20):
            assert not setup.look().moving
            time.sleep(0.01)
        assert not setup.rehearsing
        assert bench.motor_mm == stood_mm
        assert rail.where().value == pytest.approx(stood_mm, abs=0.001)


def test_a_step_by_hand_ends_a_rehearsal(grbl: Make, rig: Any) -> None:
    bench = grbl(5.0, start_mm=10.0)
    with _held(rig(bench), here_is_mm=10.0) as rail:
        setup = _rehearsing(rail)
        setup.jogger.nudge(-1)  # away from the subject
        _look_until(setup, lambda report: not report.moving)
        assert not setup.rehearsing
        assert 11.5 < bench.motor_mm < 22.0  # the rehearsal would have gone back to 10 mm
