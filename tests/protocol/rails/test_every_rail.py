"""What every driver of a rail that counts steps has to keep, against its simulated controller."""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hardware_sims.rails.faults import RailFaultOrder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rig.axes.base import PositionTrust
from rig.errors import HardwareError, LimitError, MotionError, PositionUnknownError, UserError

STEP_MM = 1 / 3200
Make = Callable[..., Any]


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


@pytest.mark.parametrize(("wire", "sign"), [("pty", "+"), ("tcp", "-")])
def test_a_move_returns_when_the_carriage_rests_on_target(
    rail: Make, driver: str, wire: str, sign: str
) -> None:
    bench = rail(driver, 50.0, start_mm=3.0, towards_subject=sign)
    axis = bench.connect(wire)
    assert axis.position().trust is PositionTrust.UNKNOWN
    assert math.isnan(axis.position().value)
    assert axis.warnings == ()
    axis.set_reference(3.0)
    trust = PositionTrust.TRUSTED if bench.kind.reports else PositionTrust.HOST_COUNTED
    for target in (4.0, 3.99, 9.9999, 0.0, 0.0):
        reached = axis.move_to(target)
        assert bench.speed_mm_s == 0.0
        assert bench.motor_mm == pytest.approx(target, abs=STEP_MM / 2 + 1e-9)
        assert reached.value == pytest.approx(bench.motor_mm, abs=1e-9)
        assert reached.trust is trust
        assert axis.position() == reached
    assert bench.sim.rejected() == []
    port = bench.sim.pty_path if wire == "pty" else bench.sim.tcp_url
    assert axis.name.endswith(f" rail on {port}")


def test_random_moves_end_on_their_microstep(rail: Make, driver: str) -> None:
    bench = rail(driver, 200.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    generator = random.Random(5)
    at = 0.0
    for _ in range(60):
        at = min(32.0, max(0.0, at + generator.choice([-2.0, -0.3, -STEP_MM, STEP_MM, 0.01, 0.3, 2.0])))
        axis.move_to(at)
        assert bench.speed_mm_s == 0.0
        assert round(bench.motor_mm * 3200) == round(at * 3200)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    targets=st.lists(st.floats(-2.0, 6.0).map(lambda x: round(x, 5)), min_size=1, max_size=6),
    reference=st.floats(0.0, 4.0).map(lambda x: round(x, 5)),
    sign=st.sampled_from(["+", "-"]),
)
def test_whatever_is_asked_the_carriage_stays_inside(
    rail_bench: Make, driver: str, targets: list[float], reference: float, sign: str
) -> None:
    with rail_bench(driver, 500.0, start_mm=reference, towards_subject=sign) as bench:
        axis = bench.connect(low_mm=0.0, high_mm=4.0)
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


def test_an_overrun_is_refused_before_anything_is_sent(rail: Make, driver: str) -> None:
    bench = rail(driver)
    axis = bench.connect()
    axis.set_reference(0.0)
    before = bench.sim.received()
    for target in (-0.01, 32.01, math.inf, math.nan):
        with pytest.raises(LimitError):
            axis.move_to(target)
    assert bench.sim.received() == before


def test_nothing_moves_before_the_position_is_known(rail: Make, driver: str) -> None:
    bench = rail(driver)
    axis = bench.connect()
    with pytest.raises(PositionUnknownError, match=r"was not told where it stands.*nothing was moved"):
        axis.move_to(1.0)
    assert bench.carriage.reach_mm() == (0.0, 0.0)
    with pytest.raises(LimitError, match="reference"):
        axis.set_reference(99.0)


def test_a_stop_from_another_thread(rail: Make, driver: str) -> None:
    bench = rail(driver, 2.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    stopper = threading.Thread(target=lambda: wait_for(lambda: bench.motor_mm > 0.1) and axis.stop())
    stopper.start()
    with pytest.raises(MotionError, match="was stopped"):
        axis.move_to(30.0)
    stopper.join()
    assert bench.speed_mm_s == 0.0
    assert 0.1 < bench.motor_mm < 29.0
    if bench.kind.reports:
        assert axis.position().value == pytest.approx(bench.motor_mm, abs=STEP_MM)
        assert axis.position().trust is PositionTrust.TRUSTED
    else:
        with pytest.raises(PositionUnknownError, match="cannot tell how far it came"):
            axis.move_to(1.0)
        assert bench.kept.told[-1] == ("turning", 0.0, 30.0)
    axis.set_reference(5.0)
    start = bench.motor_mm
    axis.move_to(6.0)
    assert bench.motor_mm == pytest.approx(start + 1.0, abs=STEP_MM)
    axis.stop()  # nothing to stop is no error
    axis.move_to(5.0)


def test_a_stop_from_another_program(rail: Make, driver: str) -> None:
    """``rig rail stop`` has it sent by the process that owns the port; WeMacro answers as to an arrival."""
    bench = rail(driver, 2.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    keeper = axis._link._port._process.pid
    far_mm = 5.0 if driver == "wemacro" else 16.0

    def stop() -> None:
        if wait_for(lambda: bench.motor_mm > 0.6 * far_mm):
            os.kill(keeper, signal.SIGUSR1)

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(MotionError, match="was stopped"):
        axis.move_to(far_mm)
    stopper.join()
    assert bench.speed_mm_s == 0.0
    assert bench.motor_mm < far_mm
    known = axis.position()
    if bench.kind.reports:
        assert known.value == pytest.approx(bench.motor_mm, abs=STEP_MM)
    else:
        assert known.trust is PositionTrust.UNKNOWN
    axis.set_reference(3.0)
    axis.move_to(2.9)


def test_a_pulled_cable(rail: Make, driver: str) -> None:
    bench = rail(driver, 2.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    bench.sim.misbehave(RailFaultOrder(kind="vanish", after=0, seconds=0.2))
    with pytest.raises(HardwareError, match=r"the connection to socket.* was lost"):
        axis.move_to(3.0)
    with pytest.raises(HardwareError, match="lost"):
        axis.move_to(1.0)
    axis.close()
    assert wait_for(lambda: bench.speed_mm_s == 0.0)  # a move already inside the limits may finish
    assert bench.motor_mm <= 3.0 + 1e-9
    assert wait_for(lambda: bench.sim.state()["rail_tcp"] != axis.name.split()[-1])
    again = bench.connect()
    assert again.position().trust is PositionTrust.UNKNOWN
    again.set_reference(3.0)
    again.move_to(2.0)


def test_power_loss_in_a_move_leaves_no_position(rail: Make, driver: str) -> None:
    bench = rail(driver, 10.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    axis.move_to(1.0)
    bench.sim.misbehave(RailFaultOrder(kind="power_loss", after=0, seconds=5.0))
    with pytest.raises(HardwareError):
        axis.move_to(4.0)
    assert bench.speed_mm_s == 0.0
    with pytest.raises(PositionUnknownError):
        axis.move_to(2.0)
    axis.set_reference(2.0)
    axis.move_to(3.0)


def test_nothing_answers(driver: str, rail: Make) -> None:
    bench = rail(driver)
    bench.sim.misbehave(RailFaultOrder(kind="power_loss", seconds=1e6))
    with pytest.raises(HardwareError, match=r"nothing answers on .*powered"):
        bench.connect()


def test_a_closed_rail_says_so(rail: Make, driver: str) -> None:
    axis = rail(driver).connect()
    axis.close()
    axis.close()
    with pytest.raises(HardwareError, match="closed"):
        axis.move_to(1.0)


@pytest.mark.parametrize("sign", ["+", "-"])
def test_homing(rail: Make, driver: str, sign: str) -> None:
    bench = rail(driver, 50.0, start_mm=3.0, towards_subject=sign)
    axis = bench.connect(home_mm=0.5)
    if not axis.capabilities.can_home:
        with pytest.raises(UserError, match='reference = "here"'):
            axis.home()
        return
    axis.home()
    assert bench.motor_mm == pytest.approx(-20.0)
    assert axis.position().value == pytest.approx(0.5)
    assert axis.position().trust is PositionTrust.TRUSTED
    axis.move_to(2.0)
    assert bench.motor_mm == pytest.approx(-18.5)
    axis.close()
    with pytest.raises(UserError, match="where the rail stands after homing"):
        bench.connect().home()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(min_size=1, max_size=20), at=st.floats(0, 1))
def test_noise_in_a_move_never_makes_an_end(rail_bench: Make, driver: str, noise: bytes, at: float) -> None:
    """Whatever is heard besides: the move ends on target at rest, or it is an error and nothing is known."""
    with rail_bench(driver, 50.0) as bench:
        axis = bench.connect()
        axis.set_reference(0.0)
        babbler = threading.Timer(0.03 * at, bench.sim.babble, args=(noise,))
        babbler.start()
        try:
            axis.move_to(1.0)
        except HardwareError:
            assert bench.speed_mm_s == 0.0
            assert axis.position().trust is PositionTrust.UNKNOWN
        else:
            assert bench.speed_mm_s == 0.0
            assert bench.motor_mm == pytest.approx(1.0)
        babbler.join()


def test_bytes_spoiled_on_the_line(rail: Make, driver: str) -> None:
    """Commands and answers lose and change bytes: no move is taken for done that was not."""
    bench = rail(driver, 200.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    for number in range(8):
        way = "rail" if number % 2 else "host"
        kind = "flipped_bytes" if number % 4 < 2 else "dropped_bytes"
        bench.sim.misbehave(RailFaultOrder(kind=kind, count=1, to=way))
        target = 0.05 * (1 + number % 5)
        try:
            axis.move_to(target)
            assert bench.motor_mm == pytest.approx(target, abs=1e-6)
        except HardwareError:
            assert bench.speed_mm_s == 0.0
            axis.set_reference(round(bench.motor_mm, 6))
    for _ in range(10):  # what was ordered may still spoil something
        try:
            axis.move_to(0.4)
            break
        except HardwareError:
            axis.set_reference(round(bench.motor_mm, 6))
    assert bench.motor_mm == pytest.approx(0.4, abs=1e-6)


# --- the rig dies -------------------------------------------------------------------------------------

HOLDER = """
import sys
from rig.axes.registry import ByHand, RailSettings, open_axis
from rig.clock import ScaledClock
from rig.state import NoCount
driver, port, speed = sys.argv[1], sys.argv[2], float(sys.argv[3])
settings = RailSettings(driver, port, 3200.0, speed, 50.0, 0.0, 32.0, "+", baud=9600)
axis = open_axis(settings, ScaledClock(1.0), ByHand(None, NoCount()))
axis.set_reference(0.0)
print("moving", flush=True)
axis.move_to(30.0)
"""


def test_the_carriage_is_stopped_when_the_rig_dies(rail: Make, driver: str) -> None:
    """Killed; what else ends it, and the keeper itself, is tested with GRBL (`test_grbl_faults`)."""
    bench = rail(driver, 1.0)
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(HOLDER),
            driver,
            bench.sim.tcp_url,
            str(bench.kind.speed_mm_s),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "moving"
    assert wait_for(lambda: bench.speed_mm_s > 0.0)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert wait_for(lambda: bench.speed_mm_s == 0.0)
    assert bench.motor_mm < 15.0  # 30 mm would have taken a minute
    assert wait_for(lambda: bench.kind.stop in bench.sim.received())
