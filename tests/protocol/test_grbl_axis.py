"""The production GRBL driver against the simulated firmware, over a pty and over TCP."""

from __future__ import annotations

import math
import random
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rig.axes.base import PositionTrust
from rig.axes.motion import Approach, Approached
from rig.errors import HardwareError, LimitError, MotionError, PositionUnknownError, UserError

STEP_MM = 1 / 3200
Make = Callable[..., Any]


@pytest.mark.parametrize("wire", ["pty", "tcp"])
def test_a_move_returns_when_the_carriage_rests_on_target(grbl: Make, wire: str) -> None:
    bench = grbl(20.0, start_mm=3.0)
    axis = bench.connect(wire)
    assert axis.position().trust is PositionTrust.UNKNOWN
    assert math.isnan(axis.position().value)
    axis.set_reference(3.0)
    for target in (4.0, 3.99, 31.9999, 0.0, 0.0):
        reached = axis.move_to(target)
        assert bench.speed_mm_s == 0.0
        assert bench.motor_mm == pytest.approx(target, abs=STEP_MM / 2 + 1e-9)
        assert reached.value == pytest.approx(bench.motor_mm, abs=1e-9)
        assert reached.trust is PositionTrust.TRUSTED
    assert axis.name == f"GRBL rail on {bench.sim.pty_path if wire == 'pty' else bench.sim.tcp_url}"
    assert axis.warnings == ()


def test_a_rail_whose_positive_direction_is_away(grbl: Make) -> None:
    bench = grbl(20.0, towards_subject="-", start_mm=1.0)
    axis = bench.connect()
    axis.set_reference(1.0)
    axis.move_to(3.0)
    assert bench.motor_mm == pytest.approx(3.0)
    assert any("X-2.00000" in line for line in bench.moves_received())


@pytest.mark.parametrize("scale", [20.0, 50.0])
def test_hundreds_of_random_moves_end_on_their_microstep(grbl: Make, scale: float) -> None:
    bench = grbl(scale)
    axis = bench.connect("tcp" if scale > 20 else "pty")
    axis.set_reference(0.0)
    generator = random.Random(3)
    at = 0.0
    for _ in range(150):
        at = min(32.0, max(0.0, at + generator.choice([-2.0, -0.3, -STEP_MM, STEP_MM, 0.01, 0.3, 2.0])))
        axis.move_to(at)
        assert bench.speed_mm_s == 0.0
        assert round(bench.motor_mm * 3200) == round(at * 3200)
    low, high = bench.carriage.reach_mm()
    assert low >= -1e-9
    assert high <= 32.0 + 1e-9


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    targets=st.lists(st.floats(-2.0, 6.0).map(lambda x: round(x, 5)), min_size=1, max_size=8),
    reference=st.floats(0.0, 4.0).map(lambda x: round(x, 5)),
    sign=st.sampled_from(["+", "-"]),
)
def test_whatever_is_asked_the_carriage_stays_inside(
    grbl_bench: Make, targets: list[float], reference: float, sign: str
) -> None:
    with grbl_bench(100.0, start_mm=reference, towards_subject=sign) as bench:
        axis = bench.connect("tcp", low_mm=0.0, high_mm=4.0)
        axis.set_reference(reference)
        for target in targets:
            sent = len(bench.sim.received())
            if 0.0 <= target <= 4.0:
                axis.move_to(target)
                assert bench.motor_mm == pytest.approx(target, abs=STEP_MM + 1e-9)
            else:
                with pytest.raises(LimitError, match="0 mm to 4 mm"):
                    axis.move_to(target)
                assert len(bench.sim.received()) == sent  # refused before anything was sent
        low, high = bench.carriage.reach_mm()
        assert low >= -1e-9
        assert high <= 4.0 + 1e-9


@pytest.mark.parametrize("target", [-0.01, 32.01, math.inf, math.nan])
def test_an_overrun_is_refused_before_anything_is_sent(grbl: Make, target: float) -> None:
    bench = grbl()
    axis = bench.connect()
    axis.set_reference(0.0)
    before = bench.sim.received()
    with pytest.raises(LimitError):
        axis.move_to(target)
    assert bench.sim.received() == before
    assert bench.moves_received() == []


def test_nothing_moves_before_the_position_is_known(grbl: Make) -> None:
    bench = grbl()
    axis = bench.connect()
    with pytest.raises(PositionUnknownError, match="say where it stands"):
        axis.move_to(1.0)
    assert bench.moves_received() == []
    with pytest.raises(LimitError, match="reference"):
        axis.set_reference(99.0)


def test_a_controller_left_in_inches_and_relative_mode(grbl: Make) -> None:
    bench = grbl(tcp_reset=False)
    bench.sim.inject(b"G20G91G93\nG92X5\nG10L2P1X7\n")
    axis = bench.connect("tcp")
    axis.set_reference(0.0)
    axis.move_to(2.0)
    assert bench.motor_mm == pytest.approx(2.0)


def test_work_positions_are_read_with_their_offset(grbl: Make) -> None:
    bench = grbl(settings={10: 0})
    bench.sim.inject(b"G10L2P1X-4.321\n")
    axis = bench.connect()
    axis.set_reference(1.0)
    axis.move_to(2.5)
    assert axis.position().value == pytest.approx(2.5, abs=2e-3)
    assert bench.motor_mm == pytest.approx(1.5)


def test_one_sided_approach_takes_out_the_backlash(grbl: Make) -> None:
    bench = grbl(50.0, start_mm=10.0, backlash_mm=0.05)
    axis = bench.connect()
    axis.set_reference(10.0)
    mover = Approached(axis, Approach(1, 0.2))
    generator = random.Random(1)
    for target in [10.0, 9.0, *(generator.uniform(1.0, 20.0) for _ in range(40))]:
        mover.move_to(target)
        truth = bench.carriage.position_mm(bench.clock.now())
        assert truth == pytest.approx(target, abs=STEP_MM / 2 + 1e-9)
    axis.move_to(20.0)
    axis.move_to(5.0)  # from above, without the approach: the play shows, so the test can fail
    assert bench.carriage.position_mm(bench.clock.now()) == pytest.approx(5.05, abs=1e-3)


def test_speed_is_capped_and_time_predicted(grbl: Make) -> None:
    bench = grbl(10.0, max_speed_mm_s=1.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    assert axis.speed_mm_s == 1.0
    assert any("$110" in w for w in axis.warnings)
    assert axis.move_time_s(5.0) == pytest.approx(5.02)
    started = time.monotonic()
    axis.move_to(5.0)
    elapsed = time.monotonic() - started
    assert 0.502 <= elapsed < 0.502 + 0.25
    assert any(line.endswith("F60.000") for line in bench.moves_received())


def test_overhead_of_a_move_is_small(grbl: Make) -> None:
    """Median over 40 moves; 30 ms leaves room for a loaded machine (3 ms on an idle one)."""
    bench = grbl(20.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    overheads = []
    for index in range(40):
        started = time.monotonic()
        axis.move_to(0.5 * (index % 2))
        moved_s = axis.move_time_s(0.5) / 20.0 if index else 0.0
        overheads.append(time.monotonic() - started - moved_s)
    assert sorted(overheads)[20] < 0.03


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"settings": {13: 1}}, HardwareError, r"inches \(\$13=1\)"),
        ({"steps_per_mm": 250.0}, HardwareError, "250 steps/mm.*3200"),
    ],
)
def test_settings_that_contradict_the_configuration(
    grbl: Make, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    bench = grbl(**changes)
    with pytest.raises(error, match=words):
        bench.connect()


def test_settings_that_deserve_a_warning(grbl: Make) -> None:
    bench = grbl(settings={1: 25, 120: 10})
    warnings = bench.connect().warnings
    assert "send $1=255" in warnings[0]
    assert "10 mm/s²" in warnings[1]


def test_homing(grbl: Make) -> None:
    bench = grbl(
        50.0, start_mm=10.0, travel_mm=(-5.0, 40.0), settings={22: 1, 23: 1, 24: 30, 25: 300, 27: 1, 130: 60}
    )
    axis = bench.connect(home_mm=0.0)
    assert axis.capabilities.can_home
    assert axis.position().trust is PositionTrust.UNKNOWN
    axis.home()
    assert bench.motor_mm == pytest.approx(-4.0)  # the end and the pull-off
    assert axis.position().value == pytest.approx(0.0)
    axis.move_to(5.0)
    assert bench.motor_mm == pytest.approx(1.0)


def test_homing_that_is_not_there(grbl: Make) -> None:
    bench = grbl()
    axis = bench.connect(home_mm=0.0)
    assert not axis.capabilities.can_home
    with pytest.raises(UserError, match=r"\$22=0"):
        axis.home()


def test_stopping_a_homing_cycle_loses_the_position(grbl: Make) -> None:
    bench = grbl(2.0, start_mm=10.0, settings={22: 1, 25: 300})
    axis = bench.connect(home_mm=0.0)
    seen: list[float] = []

    def stop() -> None:
        seen.append(bench.motor_mm)
        axis.stop()

    threading.Timer(0.3, stop).start()
    with pytest.raises(MotionError, match="stopped"):
        axis.home()
    assert bench.speed_mm_s == 0.0
    # GRBL is deaf to a hold while it homes: waiting for one would let 15 mm pass
    assert abs(bench.motor_mm - seen[0]) < 5.0
    assert "!" not in bench.sim.received()
    assert axis.position().trust is PositionTrust.UNKNOWN
    axis.unlock()
    axis.set_reference(12.0)
    axis.move_to(12.5)


@pytest.mark.parametrize("wire", ["pty", "tcp"])
def test_stop_from_another_thread_holds_within_the_braking_distance(grbl: Make, wire: str) -> None:
    bench = grbl(1.0, start_mm=0.0)
    axis = bench.connect(wire)
    axis.set_reference(0.0)
    seen: list[float] = []

    def stop() -> None:
        seen.append(bench.motor_mm)
        axis.stop()

    timer = threading.Timer(0.7, stop)
    timer.start()
    with pytest.raises(MotionError, match="was stopped"):
        axis.move_to(30.0)
    assert bench.speed_mm_s == 0.0
    coasted = bench.motor_mm - seen[0]
    # v²/2a; and the stop travels through two pipes: up to 50 ms at 2 mm/s on a loaded machine
    assert 0 < coasted <= 2.0**2 / (2 * 50.0) + 0.1
    after = axis.position()  # the hold was completed before the reset: no step was lost
    assert after.trust is PositionTrust.TRUSTED
    assert after.value == pytest.approx(bench.motor_mm, abs=1e-3)
    assert axis.move_to(1.0).value == pytest.approx(1.0)
    assert bench.motor_mm == pytest.approx(1.0, abs=1e-9)


def test_stop_at_any_moment_leaves_a_usable_axis(grbl: Make) -> None:
    bench = grbl(20.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    generator = random.Random(5)
    stopped = 0
    for index in range(25):
        timer = threading.Timer(generator.uniform(0.0, 0.06), axis.stop)
        timer.start()
        try:
            axis.move_to(1.0 if index % 2 else 0.0)
        except MotionError:
            stopped += 1
        timer.join()
        assert bench.speed_mm_s == 0.0
        position = axis.position()
        assert position.trust is PositionTrust.TRUSTED
        assert position.value == pytest.approx(bench.motor_mm, abs=1e-3)
    assert stopped > 5
    axis.move_to(0.5)
    assert bench.motor_mm == pytest.approx(0.5, abs=1e-9)


def test_stop_from_a_signal_handler_of_the_moving_thread(grbl: Make) -> None:
    bench = grbl(2.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    before = signal.signal(signal.SIGALRM, lambda *_: axis.stop())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(MotionError, match="was stopped"):
            axis.move_to(30.0)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert bench.speed_mm_s == 0.0
    assert axis.position().value == pytest.approx(bench.motor_mm, abs=1e-3)


def test_an_exception_from_elsewhere_never_leaves_the_motor_running(grbl: Make) -> None:
    """Ctrl-C without a handler of ours raises in the middle of the wait."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    bench = grbl(2.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            axis.move_to(30.0)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert bench.speed_mm_s == 0.0
    assert axis.position().trust is PositionTrust.TRUSTED
    axis.move_to(0.0)


def test_stop_when_nothing_moves_is_nothing(grbl: Make) -> None:
    bench = grbl()
    axis = bench.connect()
    axis.set_reference(0.0)
    axis.stop()
    assert "!" not in bench.sim.received()
    axis.move_to(1.0)


def test_closing_twice_and_using_afterwards(grbl: Make) -> None:
    bench = grbl()
    axis = bench.connect()
    axis.close()
    axis.close()
    with pytest.raises(HardwareError, match="closed"):
        axis.position()
    assert "!" not in bench.sim.received()  # an orderly end is no emergency
