"""The bench's mechanics against direct simulation and simple physics."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hardware_sims.carriage import Carriage, Segment, Vibration
from hypothesis import given, settings
from hypothesis import strategies as st


def move(start_s: float, from_mm: float, to_mm: float, speed: float = 2.0, a: float = 50.0) -> list[Segment]:
    """A trapezoidal move, written independently of the planner."""
    distance, sign = abs(to_mm - from_mm), math.copysign(1.0, to_mm - from_mm)
    peak = min(speed, math.sqrt(distance * a))
    ramp_s, cruise_s = peak / a, distance / peak - peak / a
    ramp_mm = sign * peak * peak / (2 * a)
    return [
        Segment(start_s, ramp_s, from_mm, 0.0, sign * a),
        Segment(start_s + ramp_s, cruise_s, from_mm + ramp_mm, sign * peak, 0.0),
        Segment(start_s + ramp_s + cruise_s, ramp_s, to_mm - ramp_mm, sign * peak, -sign * a),
    ]


def end_of(segments: list[Segment]) -> float:
    return segments[-1].end_s


def test_rests_where_it_was_put() -> None:
    carriage = Carriage(start_mm=5.0)
    assert carriage.position_mm(-1e6) == carriage.position_mm(1e6) == 5.0
    assert carriage.speed_mm_s(3.0) == 0.0
    assert carriage.vibration_um(3.0) == (0.0, 0.0)


def test_follows_a_trapezoid() -> None:
    carriage = Carriage()
    segments = move(1.0, 0.0, 1.0)
    carriage.set_trajectory(1.0, segments)
    assert end_of(segments) == pytest.approx(1.54)
    assert carriage.motor_mm(1.04) == pytest.approx(0.04)
    assert carriage.speed_mm_s(1.2) == pytest.approx(2.0)
    assert carriage.speed_mm_s(1.53) == pytest.approx(0.5)
    assert carriage.motor_mm(9.0) == pytest.approx(1.0, abs=1e-12)
    assert carriage.motor_mm(0.5) == 0.0


def test_play_is_taken_up_before_the_carriage_turns() -> None:
    carriage = Carriage(backlash_mm=0.03)
    there = move(0.0, 0.0, 1.0)
    back = move(2.0, 1.0, 0.0)
    carriage.set_trajectory(0.0, there)
    carriage.set_trajectory(2.0, back)
    assert carriage.position_mm(1.9) == pytest.approx(1.0)
    first_s = next(i * 1e-4 for i in range(20_000, 40_000) if carriage.position_mm(i * 1e-4) < 1.0 - 1e-6)
    assert carriage.motor_mm(first_s) == pytest.approx(0.97, abs=3e-4)
    assert carriage.position_mm(9.0) == pytest.approx(0.03)


def test_cutting_a_trajectory_leaves_the_past_alone() -> None:
    carriage = Carriage()
    carriage.set_trajectory(0.0, move(0.0, 0.0, 4.0))
    before = [carriage.position_mm(i * 0.01) for i in range(100)]
    stop_mm = carriage.motor_mm(1.0)
    carriage.set_trajectory(1.0, [])
    assert [carriage.position_mm(i * 0.01) for i in range(100)] == before
    assert carriage.motor_mm(5.0) == pytest.approx(stop_mm)
    assert carriage.reach_mm() == (0.0, pytest.approx(stop_mm))


def test_a_slip_moves_everything_after_it() -> None:
    carriage = Carriage()
    carriage.set_trajectory(0.0, move(0.0, 0.0, 4.0))
    carriage.slip(1.0, -0.1)
    assert carriage.motor_mm(0.9) == pytest.approx(1.76)
    assert carriage.motor_mm(1.1) == pytest.approx(2.16 - 0.1)
    assert carriage.motor_mm(9.0) == pytest.approx(3.9)
    carriage.set_trajectory(9.0, move(9.0, 4.0, 0.0))
    assert carriage.motor_mm(20.0) == pytest.approx(-0.1)


def test_shake_decays_as_promised() -> None:
    carriage = Carriage(seed=4)
    segments = move(0.0, 0.0, 1.0)
    carriage.set_trajectory(0.0, segments)
    stop_s = end_of(segments)

    def worst(after_s: float) -> float:
        return max(math.hypot(*carriage.vibration_um(stop_s + after_s + i * 0.005)) for i in range(20))

    assert carriage.vibration_um(stop_s - 0.01) == (0.0, 0.0)
    assert worst(0.1) > 3.0  # several µm: a frame taken now is blurred
    assert worst(1.0) < 0.1  # far below 2 µm, a tenth of a 20 µm pixel at 1:1
    assert worst(5.0) == 0.0


def test_a_softer_stop_shakes_less_and_a_dead_stop_more() -> None:
    vibration = Vibration()
    assert vibration.amplitude_um(10.0, 0.0) == pytest.approx(vibration.amplitude_um(50.0, 0.0) / 5)
    assert vibration.amplitude_um(0.0, 2.0) > 2 * vibration.amplitude_um(50.0, 0.0)


def test_joined_pieces_ring_once() -> None:
    carriage = Carriage()
    carriage.set_trajectory(0.0, move(0.0, 0.0, 1.0))
    during = [carriage.vibration_um(i * 0.01) for i in range(53)]
    assert set(during) == {(0.0, 0.0)}


def test_the_same_seed_gives_the_same_shake() -> None:
    shakes = []
    for _ in range(2):
        carriage = Carriage(seed=7)
        for k in range(5):
            carriage.set_trajectory(k * 2.0, move(k * 2.0, k * 1.0, k + 1.0))
        shakes.append([carriage.vibration_um(0.6 + 2.0 * k) for k in range(5)])
    assert shakes[0] == shakes[1]
    assert len(set(shakes[0])) == 5


def test_pieces_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="before"):
        Carriage().set_trajectory(2.0, move(1.0, 0.0, 1.0))


@settings(max_examples=60, deadline=None)
@given(
    targets=st.lists(st.floats(-5, 5).map(lambda x: round(x, 3)), min_size=1, max_size=8),
    backlash_mm=st.sampled_from([0.0, 0.005, 0.1]),
)
def test_hysteresis_matches_a_stepped_simulation(targets: list[float], backlash_mm: float) -> None:
    carriage = Carriage(backlash_mm=backlash_mm)
    t, at = 0.0, 0.0
    for target in targets:
        if abs(target - at) < 1e-3:
            continue
        segments = move(t, at, target)
        carriage.set_trajectory(t, segments)
        t, at = end_of(segments) + 0.05, target
    stepped = 0.0
    for i in range(int(t / 1e-3) + 1):
        motor = carriage.motor_mm(i * 1e-3)
        stepped = min(max(stepped, motor), motor + backlash_mm)
        assert carriage.position_mm(i * 1e-3) == pytest.approx(stepped, abs=3e-3)
    assert carriage.position_mm(t) == pytest.approx(stepped, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.tuples(st.floats(0.05, 1.5), st.floats(-3, 3)), min_size=1, max_size=8))
def test_the_motor_never_jumps(cuts: list[tuple[float, float]]) -> None:
    """Trajectories that replace each other in mid-move keep the motor's path continuous."""
    carriage = Carriage()
    t = 0.0
    for after_s, target in cuts:
        at = carriage.motor_mm(t)
        if abs(target - at) > 1e-3:
            carriage.set_trajectory(t, move(t, at, target))
        t += after_s
    path = [carriage.motor_mm(i * 1e-3) for i in range(int(t * 1e3))]
    assert all(abs(b - a) < 2.1e-3 for a, b in pairwise(path))
