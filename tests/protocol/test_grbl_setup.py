"""Pausing, unlocking and setting up a simulated GRBL rail through the production driver."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from rig.axes.base import CanLock, PositionTrust, TakesSettings
from rig.axes.grbl_rail import open_grbl_for_setup
from rig.axes.registry import RailSettings
from rig.clock import ScaledClock
from rig.errors import HardwareError, MotionError

Make = Callable[..., Any]


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def test_closing_in_the_middle_of_a_jog_stops_it(grbl: Make) -> None:
    bench = grbl(1.0)
    axis = bench.connect("tcp")
    axis.set_reference(0.0)
    axis.jog_to(30.0)
    assert until(lambda: bench.speed_mm_s > 1.0)
    axis.close()
    assert until(lambda: bench.speed_mm_s == 0.0, 2.0)


def test_a_move_is_paused_and_gone_on_with(grbl: Make) -> None:
    bench = grbl(2.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    held: list[float] = []

    def pause() -> None:
        assert until(lambda: bench.speed_mm_s == 2.0)
        axis.pause()
        assert until(lambda: bench.speed_mm_s == 0.0)
        time.sleep(0.4)
        held.append(bench.motor_mm)
        axis.resume()

    thread = threading.Thread(target=pause)
    thread.start()
    assert axis.move_to(3.0).value == pytest.approx(3.0)
    thread.join()
    assert 0.0 < held[0] < 3.0
    assert bench.motor_mm == pytest.approx(3.0)


def test_a_paused_move_can_be_stopped(grbl: Make) -> None:
    bench = grbl(2.0)
    axis = bench.connect()
    axis.set_reference(0.0)

    def pause_and_stop() -> None:
        assert until(lambda: bench.speed_mm_s == 2.0)
        axis.pause()
        assert until(lambda: bench.speed_mm_s == 0.0)
        axis.stop()

    thread = threading.Thread(target=pause_and_stop)
    thread.start()
    with pytest.raises(MotionError, match="was stopped"):
        axis.move_to(30.0)
    thread.join()
    rests_mm = bench.motor_mm
    axis.resume()  # nothing is in hand: a late resume must not set anything in motion
    time.sleep(0.1)
    assert bench.motor_mm == rests_mm
    assert axis.position().trust is PositionTrust.TRUSTED


# --- setting up ---------------------------------------------------------------------------------------


def test_settings_that_contradict_can_be_put_right(grbl: Make) -> None:
    bench = grbl(steps_per_mm=250.0, settings={1: 25})
    rail = RailSettings("grbl", bench.sim.tcp_url, 3200.0, 2.0, 50.0, 0.0, 32.0, "+")
    axis = open_grbl_for_setup(rail, ScaledClock(bench.clock.scale))
    bench.axes.append(axis)
    assert isinstance(axis, TakesSettings)
    assert axis.settings()[100] == 250.0
    axis.set_reference(0.0)
    with pytest.raises(HardwareError, match="set up"):
        axis.move_to(1.0)
    proposed = axis.proposed_settings()
    assert proposed[100] == 3200.0
    assert proposed[130] == 32.0
    axis.write_settings(proposed)
    assert {n: axis.settings()[n] for n in proposed} == proposed
    axis.set_reference(0.0)
    axis.move_to(1.0)
    assert bench.motor_mm == pytest.approx(1.0)
    with pytest.raises(HardwareError, match=r"\$ command is not known"):
        axis.write_settings({99: 1.0})


def test_unlocking_is_asked_for_and_does_not_make_the_position_known(grbl: Make) -> None:
    bench = grbl(settings={22: 1})
    axis = bench.connect()
    assert isinstance(axis, CanLock)
    assert "wants to be homed" in (axis.locked or "")
    assert "$X" not in bench.sim.received()
    axis.unlock()
    assert axis.locked is None
    assert axis.position().trust is PositionTrust.UNKNOWN


@pytest.mark.parametrize(("resets", "kept"), [(True, False), (False, True)])
def test_whether_opening_resets_is_seen_by_the_banner(grbl: Make, resets: bool, kept: bool) -> None:
    bench = grbl(dtr_reset=resets)
    bench.sim.inject(b"G1X1F120\n")
    assert until(lambda: bench.motor_mm == pytest.approx(1.0))
    axis = bench.connect(reset_on_open=False)
    assert axis.count_survived is kept
    assert any("reset the controller all the same" in w for w in axis.warnings) is resets
    assert axis.position().trust is PositionTrust.UNKNOWN
    axis.set_reference(1.0)
    axis.move_to(2.0)
    assert bench.motor_mm == pytest.approx(2.0)
