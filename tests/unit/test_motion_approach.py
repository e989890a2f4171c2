"""Move times, one-sided approach and the travel that a plan needs."""

from __future__ import annotations

import math
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.axes.base import AxisCapabilities, AxisLimits, AxisPosition, PositionTrust
from rig.axes.motion import (
    Approach,
    Approached,
    settle,
    travel_envelope,
)
from rig.clock import ScaledClock
from rig.errors import LimitError, MotionError
from rig.kinematics import move_time_s


@pytest.mark.parametrize(
    ("distance", "speed", "acceleration", "seconds"),
    [
        (1.0, 2.0, 50.0, 0.54),
        (-1.0, 2.0, 50.0, 0.54),
        (0.08, 2.0, 50.0, 0.08),  # just reaches the speed
        (0.02, 2.0, 50.0, 0.04),  # a triangle
        (0.0, 2.0, 50.0, 0.0),
        (32.0, 2.0, 50.0, 16.04),
    ],
)
def test_move_time(distance: float, speed: float, acceleration: float, seconds: float) -> None:
    assert move_time_s(distance, speed, acceleration) == pytest.approx(seconds)


@given(d=st.floats(1e-4, 100), v=st.floats(0.01, 50), a=st.floats(0.1, 1000))
def test_move_time_is_continuous_and_bounded(d: float, v: float, a: float) -> None:
    time_s = move_time_s(d, v, a)
    assert time_s >= d / v - 1e-12
    assert time_s >= 2 * math.sqrt(d / a) * (1 - 1e-9)
    assert move_time_s(d * 1.001, v, a) > time_s


UP = Approach(1, 0.2)
DOWN = Approach(-1, 0.2)


@pytest.mark.parametrize(
    ("approach", "target", "here", "engaged", "legs"),
    [
        (UP, 1.0, 0.0, False, (1.0,)),  # the way is its own run-up
        (UP, 1.0, 0.9, False, (0.8, 1.0)),  # too short a way
        (UP, 1.0, 0.9, True, (1.0,)),
        (UP, 1.0, 1.0, False, (0.8, 1.0)),  # the first frame, already there: who knows from which side
        (UP, 1.0, 1.0, True, ()),
        (UP, 1.0, 5.0, True, (0.8, 1.0)),
        (DOWN, 1.0, 5.0, False, (1.0,)),
        (DOWN, 1.0, 0.0, True, (1.2, 1.0)),
        (Approach(1, 0.0), 1.0, 5.0, False, (1.0,)),
        (Approach(1, 0.0), 1.0, 1.0, False, (1.0,)),
    ],
)
def test_legs(approach: Approach, target: float, here: float, engaged: bool, legs: tuple[float, ...]) -> None:
    assert approach.legs(target, here, engaged=engaged) == pytest.approx(legs)


@given(st.floats(-50, 50), st.floats(-50, 50), st.booleans(), st.sampled_from([1, -1]), st.floats(0.01, 2))
def test_the_last_leg_always_has_the_right_direction(
    target: float, here: float, engaged: bool, direction: int, run_up: float
) -> None:
    approach = Approach(1 if direction > 0 else -1, run_up)
    path = [here, *approach.legs(target, here, engaged=engaged)]
    assert path[-1] == pytest.approx(target, abs=2e-6)
    if len(path) > 1:
        assert direction * (path[-1] - path[-2]) > 0
        assert engaged or direction * (path[-1] - path[-2]) >= run_up - 2e-6


def test_negative_run_up_is_refused() -> None:
    with pytest.raises(ValueError, match="0 mm or more"):
        Approach(1, -0.1)


def test_envelope_has_the_run_ups() -> None:
    assert travel_envelope([0.0, 1.0, 2.0], UP) == AxisLimits(-0.2, 2.0)
    assert travel_envelope([2.0, 1.0, 0.0], DOWN) == AxisLimits(0.0, 2.2)
    assert travel_envelope([4.0], Approach()) == AxisLimits(4.0, 4.0)


class Ledger:
    """An axis that writes down where it was sent, for the logic above the wire."""

    def __init__(self) -> None:
        self.at, self.visited, self.fails = 0.0, [], False  # type: ignore[var-annotated]
        self.name = "ledger"
        self.capabilities = AxisCapabilities("mm", 1 / 3200, can_home=False)
        self.limits = AxisLimits(-1.0, 10.0)

    def position(self) -> AxisPosition:
        return AxisPosition(self.at, PositionTrust.TRUSTED)

    def move_to(self, position: float) -> AxisPosition:
        if self.fails:
            raise MotionError("stopped")
        self.at = position
        self.visited.append(position)
        return self.position()

    def set_reference(self, position: float) -> None:
        self.at = position

    def home(self) -> None:
        self.at = 0.0

    def move_time_s(self, distance: float) -> float:
        return abs(distance)

    def stop(self) -> None:
        self.fails = True

    def close(self) -> None:
        self.fails = True


def test_first_frame_makes_its_run_up_and_the_next_ones_need_none() -> None:
    axis = Ledger()
    mover = Approached(axis, UP)
    for target in (0.0, 0.1, 0.2):
        mover.move_to(target)
    assert axis.visited == pytest.approx([-0.2, 0.0, 0.1, 0.2])


def test_a_failed_move_and_a_foreign_one_make_a_new_run_up() -> None:
    axis = Ledger()
    mover = Approached(axis, UP)
    mover.move_to(1.0)
    axis.fails = True
    with pytest.raises(MotionError):
        mover.move_to(1.1)
    axis.fails, axis.visited = False, []
    mover.move_to(1.1)
    assert axis.visited == pytest.approx([0.9, 1.1])
    axis.at, axis.visited = 1.05, []  # jogged by someone
    mover.move_to(1.2)
    assert axis.visited == pytest.approx([1.0, 1.2])
    axis.visited = []
    mover.forget()
    mover.move_to(1.2)
    assert axis.visited == pytest.approx([1.0, 1.2])


def test_nothing_moves_when_the_run_up_is_outside() -> None:
    axis = Ledger()
    axis.at = 5.0
    with pytest.raises(LimitError, match=r"-1\.1"):
        Approached(axis, UP).move_to(-0.9)
    assert axis.visited == []


@settings(max_examples=80)
@given(st.lists(st.floats(-0.8, 10.0), min_size=1, max_size=20))
def test_random_targets_stay_inside(targets: list[float]) -> None:
    axis = Ledger()
    mover = Approached(axis, UP)
    for target in targets:
        assert mover.move_to(target).value == pytest.approx(target, abs=1e-3)
    assert all(axis.limits.low - 1e-6 <= p <= axis.limits.high for p in axis.visited)


def test_settling_ends_early_when_stopped() -> None:
    clock, stop = ScaledClock(100.0), threading.Event()
    started = time.monotonic()
    assert settle(clock, 1.0, stop) is False
    assert time.monotonic() - started >= 0.01
    stop.set()
    assert settle(clock, 1000.0, stop) is True
    assert settle(clock, 0.0) is False
