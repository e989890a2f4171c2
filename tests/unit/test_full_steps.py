"""Positions on the grid: nothing adds up over a thousand frames; full steps where they cost nothing."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.planning.grid import Grid
from rig.planning.positions import RailGeometry, place
from rig.planning.spacing import Spacing

RAIL = RailGeometry(3200.0, -100.0, 100.0, 0.2, microsteps=16)
FULL_MM = 16 / 3200


@pytest.mark.parametrize("step_mm", [0.0313, 0.0319999, 1 / 30])
def test_a_thousand_frames_stand_on_the_grid_and_no_rounding_adds_up(step_mm: float) -> None:
    placed = place(0.1, 0.1 + 999 * step_mm, Spacing(step_mm=step_mm), RAIL, dof_mm=None, magnification=None)
    assert len(placed.positions_mm) == 1000
    first = placed.positions_mm[0]
    exact = Fraction(step_mm)
    for index, position in enumerate(placed.positions_mm[:-1]):
        microsteps = position * 3200
        assert abs(microsteps - round(microsteps)) < 1e-6
        away = abs(Fraction(position) - Fraction(first) - index * exact)
        assert away <= Fraction(1, 2 * 3200) + Fraction(1, 10**9)


def test_a_step_of_its_own_is_made_of_full_steps_when_that_costs_no_frame() -> None:
    # 30 % overlap of 0.0576 mm leaves 0.0403 mm: 25 intervals in 0.99 mm; 8 full steps are 0.04 mm
    placed = place(0.0, 0.99, Spacing(overlap=0.3), RAIL, dof_mm=0.0576, magnification=1.0)
    assert placed.full_steps == 8
    assert placed.step_mm == pytest.approx(8 * FULL_MM)
    distances = [b - a for a, b in zip(placed.positions_mm, placed.positions_mm[1:], strict=False)]
    assert distances[:-1] == pytest.approx([8 * FULL_MM] * (len(distances) - 1))
    assert distances[-1] <= 8 * FULL_MM + 1e-9
    assert placed.positions_mm[-1] == pytest.approx(0.99)


def test_what_is_asked_for_is_not_changed() -> None:
    by_step = place(0.0, 1.0, Spacing(step_mm=0.033), RAIL, dof_mm=0.05, magnification=1.0)
    by_frames = place(0.0, 1.0, Spacing(frames=30), RAIL, dof_mm=0.05, magnification=1.0)
    assert by_step.full_steps is None
    assert by_step.step_mm == 0.033
    assert by_frames.full_steps is None
    assert len(by_frames.positions_mm) == 30


@given(
    span=st.floats(0.05, 20.0),
    largest=st.floats(0.001, 0.5),
    microsteps=st.sampled_from([1, 2, 4, 8, 16, 32, 64]),
)
def test_full_steps_never_cost_a_frame_nor_a_longer_step(
    span: float, largest: float, microsteps: int
) -> None:
    grid = Grid(0.0, span, 3200.0)
    whole = grid.whole_full_steps(largest, microsteps)
    if whole is None:
        return
    assert whole % microsteps == 0
    assert whole / 3200 <= largest * (1 + 1e-9) + 1e-9
    assert len(grid.stepped(whole / 3200)) <= len(grid.evenly(largest))
