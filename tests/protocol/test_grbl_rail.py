"""What setting a rail up needs of a GRBL controller: jogging, counting from elsewhere, its own count."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rig.axes.base import CanJog, CanRezero, HasController, KeepsCount, PositionTrust
from rig.errors import LimitError, MotionError, PositionUnknownError
from rig.rails import stop as rail_stop

STEP_MM = 1 / 3200
Make = Callable[..., Any]


def _rest(axis: Any, *, seconds: float = 20.0) -> float:
    deadline = time.monotonic() + seconds
    while (report := axis.jog_report()).moving:
        assert time.monotonic() < deadline, report
        time.sleep(0.005)
    return float(report.position.value)


@pytest.mark.parametrize("wire", ["pty", "tcp"])
def test_a_jog_returns_at_once_and_ends_where_it_was_sent(grbl: Make, wire: str) -> None:
    bench = grbl(20.0, start_mm=3.0)
    axis = bench.connect(wire)
    assert isinstance(axis, CanJog)
    with pytest.raises(PositionUnknownError):
        axis.jog_to(4.0)
    axis.set_reference(3.0)
    axis.jog_to(8.0)
    assert axis.jog_report().moving
    axis.jog_to(9.0)  # goes on from there
    assert _rest(axis) == pytest.approx(9.0, abs=0.001)
    assert bench.motor_mm == pytest.approx(9.0, abs=STEP_MM)
    assert [line for line in bench.sim.received() if line.startswith("$J")] == [
        "$J=G53G21G90X5.00000F120.000",
        "$J=G53G21G90X6.00000F120.000",
    ]
    axis.move_to(10.0)  # a plain move works again
    assert bench.motor_mm == pytest.approx(10.0, abs=STEP_MM)


def test_a_jog_beyond_a_limit_is_not_sent(grbl: Make) -> None:
    bench = grbl(20.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    for target in (-0.001, 32.01, 1e6):
        with pytest.raises(LimitError):
            axis.jog_to(target)
    assert not [line for line in bench.sim.received() if line.startswith("$J")]


def test_the_end_of_a_jog_brakes_at_once_and_keeps_the_position(grbl: Make) -> None:
    bench = grbl(5.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    axis.jog_to(30.0)
    axis.jog_to(32.0)
    deadline = time.monotonic() + 20
    while bench.motor_mm < 0.5 and time.monotonic() < deadline:
        time.sleep(0.002)
    position = axis.end_jog()
    assert bench.speed_mm_s == 0.0
    assert 0.5 <= bench.motor_mm < 29.0
    assert "\x85" in bench.sim.received()
    assert position.trust is PositionTrust.TRUSTED
    assert position.value == pytest.approx(bench.motor_mm, abs=0.001)
    assert axis.end_jog() == axis.position()  # nothing to end
    axis.move_to(1.0)
    assert bench.motor_mm == pytest.approx(1.0, abs=2 * STEP_MM)


def test_a_jog_that_is_stopped_from_elsewhere_says_so(grbl: Make) -> None:
    bench = grbl(5.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    axis.jog_to(30.0)
    axis.stop()
    with pytest.raises(MotionError):
        _rest(axis)
    assert bench.speed_mm_s == 0.0
    assert axis.position().trust is PositionTrust.TRUSTED
    axis.jog_to(0.0)
    _rest(axis)
    assert bench.motor_mm == pytest.approx(0.0, abs=2 * STEP_MM)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=st.lists(st.tuples(st.sampled_from("jjjje"), st.floats(-5.0, 40.0)), min_size=1, max_size=12))
def test_no_jogging_leaves_the_limits(grbl_bench: Make, keys: list[tuple[str, float]]) -> None:
    with grbl_bench(50.0, start_mm=16.0) as bench:
        axis = bench.connect("tcp")
        axis.set_reference(16.0)
        for key, target in keys:
            if key == "e":
                axis.end_jog()
                continue
            try:
                axis.jog_to(target)
            except LimitError:
                assert not 0.0 <= target <= 32.0
        _rest(axis)
        low, high = bench.carriage.reach_mm()
        assert low >= -STEP_MM
        assert high <= 32.0 + STEP_MM


def test_counting_from_elsewhere_leaves_the_limits_on_the_bench(grbl: Make) -> None:
    bench = grbl(20.0, start_mm=10.0)
    axis = bench.connect()
    assert isinstance(axis, CanRezero)
    with pytest.raises(PositionUnknownError):
        axis.rezero(0.0)
    axis.set_reference(10.0)
    axis.rezero(0.0)
    assert (axis.limits.low, axis.limits.high) == (-10.0, 22.0)
    axis.move_to(22.0)
    assert bench.motor_mm == pytest.approx(32.0, abs=STEP_MM)
    with pytest.raises(LimitError):
        axis.move_to(22.1)


def test_a_count_outlives_a_connection_that_resets_nothing(grbl: Make) -> None:
    bench = grbl(20.0, start_mm=2.0)
    first = bench.connect("tcp")
    assert isinstance(first, KeepsCount)
    first.set_reference(2.0)
    first.move_to(7.1234)
    count, at = first.count(), first.position().value
    first.close()
    second = bench.connect("tcp")
    assert second.count_survived
    assert second.position().trust is PositionTrust.UNKNOWN  # until it is told
    assert second.count() == pytest.approx(count, abs=0.001)
    second.recall(count, at)
    assert (second.count(), second.position().value) == (count, at)
    second.move_to(2.0)
    assert bench.motor_mm == pytest.approx(2.0, abs=STEP_MM)
    second.close()
    assert not bench.connect("pty").count_survived  # DTR resets the board


def test_the_controller_tells_its_firmware_and_settings(grbl: Make) -> None:
    axis = grbl(20.0).connect()
    assert isinstance(axis, HasController)
    assert axis.firmware() == "Grbl 1.1h (1.1h.20190830)"
    assert axis.settings()[100] == 3200.0


def test_the_keeper_of_the_port_holds_the_rail_at_a_signal(grbl: Make) -> None:
    """Whatever the program that owns the rail is doing meanwhile: here, nothing at all."""
    bench = grbl(1.0)
    axis = bench.connect("tcp", steps_per_mm=3200.0)
    axis.set_reference(0.0)
    axis.jog_to(30.0)
    (keeper,) = rail_stop.keepers(bench.sim.tcp_url)
    os.kill(keeper, signal.SIGUSR1)
    deadline = time.monotonic() + 20
    while bench.speed_mm_s > 0.0 or bench.motor_mm == 0.0:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert bench.motor_mm < 29.0
    assert rail_stop.keepers("socket://127.0.0.1:1") == []
