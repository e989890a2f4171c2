"""How near a plan may bring the lens to the subject."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.config import config_from_table
from rig.errors import UserError
from rig.planning.clearance import check_clearance, clearance_mm, least_clearance_mm
from rig.planning.rail import build_plan
from rig.planning.request import PlanRequest
from rig.planning.timing import StackTiming
from rig.runs.subject import LensMemory

RAIL = {"driver": "grbl", "pitch": "1 mm", "limits": ["-10 mm", "100 mm"], "backlash": "1 mm"}


def planned(start: float, end: float, distance: str | None, **more: object) -> object:
    lens = {"magnification": 1.0} | ({} if distance is None else {"working_distance": distance})
    config = config_from_table({"rail": RAIL, "lens": lens}, "test")
    return build_plan(config, PlanRequest(start, end, step_mm=1.0, **more))  # type: ignore[arg-type]


def test_the_larger_of_a_share_and_five_millimetres_has_to_be_left() -> None:
    assert least_clearance_mm(100.0) == 20.0
    assert least_clearance_mm(20.0) == 5.0


@pytest.mark.parametrize(
    ("start", "end", "distance", "margin", "fits"),
    [
        (0.0, 32.0, "40 mm", 0, True),
        (0.0, 32.0, "39 mm", 0, False),  # 7 mm left, 7.8 mm needed
        (0.0, 15.0, "20 mm", 0, True),
        (0.0, 15.1, "20 mm", 0, False),
        (32.0, 0.0, "42 mm", 0, True),  # away from the subject: the run-up begins 1 mm nearer
        (32.0, 0.0, "41 mm", 0, False),
        (0.0, 32.0, "41 mm", 1, False),  # the margin goes 1 mm beyond
        (0.0, 32.0, "42 mm", 1, True),
        (0.0, 50.0, None, 0, True),  # nobody knows: it is asked before anything moves
    ],
)
def test_plans_that_come_too_near_are_refused(
    start: float, end: float, distance: str | None, margin: int, fits: bool
) -> None:
    if fits:
        planned(start, end, distance, margin=margin)
        return
    with pytest.raises(UserError, match=r"have to be left \(20% of it, 5 mm at least\).*working_distance"):
        planned(start, end, distance, margin=margin)


def test_a_collision_is_called_one() -> None:
    with pytest.raises(UserError, match=r"run 5 mm into the nearest point"):
        check_clearance([0.0, 25.0], 25.0, 20.0)


@given(
    positions=st.lists(st.floats(0.0, 50.0), min_size=1, max_size=20),
    run_up=st.floats(0.0, 2.0),
    distance=st.floats(6.0, 200.0),
)
def test_the_lens_never_comes_nearer_than_is_said(
    positions: list[float], run_up: float, distance: float
) -> None:
    """The nearest point is in focus at the lowest position: there the lens is at its working distance."""
    highest = max(positions) + run_up
    subject_at = min(positions) + distance  # where the lens would touch it, in the rail's count
    assert clearance_mm(positions, highest, distance) == pytest.approx(subject_at - highest)


def test_a_distance_is_asked_once_for_each_magnification(tmp_path: Path) -> None:
    memory = LensMemory("Laowa 25 mm", tmp_path)
    assert memory.working_distance_mm(2.5) is None
    memory.keep(2.5, 45.0)
    memory.keep(5.0, 40.0)
    assert LensMemory("Laowa 25 mm", tmp_path).working_distance_mm(2.52) == 45.0
    assert memory.working_distance_mm(5.0) == 40.0
    assert memory.working_distance_mm(1.0) is None
    assert memory.working_distance_mm(None) is None
    assert LensMemory("another", tmp_path).working_distance_mm(2.5) is None


def test_the_default_speed_is_two_turns_a_second_at_most() -> None:
    def speed(**rail: object) -> float:
        return config_from_table({"rail": {**RAIL, **rail}}, "test").rail.speed_mm_s

    assert speed() == 2.0
    assert speed(pitch="0.5 mm") == 1.0
    assert speed(pitch="8 mm") == 2.0
    assert speed(pitch="0.5 mm", speed="3 mm/s") == 3.0


def test_settling_grows_with_the_move_and_ends() -> None:
    timing = StackTiming(
        shutter_s=0.1, settle_s=0.5, settle_per_mm_s=0.1, speed_mm_s=2.0, acceleration_mm_s2=50.0
    )
    assert timing.settle_after_s(0.01) == pytest.approx(0.501)
    assert timing.settle_after_s(-20.0) == pytest.approx(2.5)
    assert timing.settle_after_s(1000.0) == 10.0
