"""Plans: where the frames go, what is refused, and what a plan says of itself."""

from __future__ import annotations

import itertools
import json
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rig.errors import LimitError, UserError
from rig.kinematics import move_time_s
from rig.optics.aperture import ApertureKnowledge
from rig.optics.setup import OpticalSetup, describe_setup
from rig.plan import RailGeometry, Spacing, StackPlan, View, plan_stack
from rig.planning.timing import StackTiming, critical_path_s

RAIL = RailGeometry(steps_per_mm=3200, low_mm=-2, high_mm=60, run_up_mm=0.5)
TIMING = StackTiming(
    shutter_s=0.125, settle_s=1.0, shutter_lag_s=0.05, readout_s=0.1, speed_mm_s=2.0, acceleration_mm_s2=50.0
)


def optics(dof_scale: float = 1.0, m: float = 1.0) -> OpticalSetup:
    """The simulated bench's: Ne 11.31, c 40 µm, depth of field 0.948 mm (times the scale)."""
    setup = describe_setup(m, 2**2.5, ApertureKnowledge(given=2**3.5 * dof_scale), 0.04, 0.02)
    assert setup is not None
    return setup


def plan(start=0.0, end=32.0, *, rail=RAIL, with_optics=True, view=None, **spacing) -> StackPlan:
    return plan_stack(
        start,
        end,
        Spacing(**spacing),
        rail,
        TIMING,
        optics=optics() if with_optics else None,
        view=view,
        iso=100,
    )


def test_auto_is_what_the_depth_of_field_allows():
    p = plan()
    assert p.dof_mm == pytest.approx(0.9479, abs=1e-4)
    assert p.max_step_mm == pytest.approx(0.7 * p.dof_mm)
    assert p.frames == 50  # ceil(32 / 0.6635) = 49 intervals
    assert p.step_mm == pytest.approx(32 / 49)
    assert p.positions_mm[0] == 0.0
    assert p.positions_mm[-1] == 32.0
    assert p.overlap == pytest.approx(1 - p.step_mm / p.dof_mm)
    assert p.step_source == "auto"
    assert p.warnings == ()


def test_two_millimetres_make_seventeen_positions():
    p = plan(step_mm=2.0)
    assert p.positions_mm == tuple(float(x) for x in range(0, 33, 2))
    assert p.step_mm == 2.0
    assert "leave gaps" in p.warnings[0]


@pytest.mark.parametrize(
    ("start", "end", "step", "positions"),
    [
        (0, 1, 0.3, (0, 0.3, 0.6, 0.9, 1)),
        (0, 0.9, 0.3, (0, 0.3, 0.6, 0.9)),
        (1, 0, 0.3, (1, 0.7, 0.4, 0.1, 0)),
        (0, 0.1, 2, (0, 0.1)),
        (-1, 1, 1, (-1, 0, 1)),
        (0, 3 / 3200, 1.5 / 3200, (0, 2 / 3200, 3 / 3200)),
        (0, 2 / 3200, 1.5 / 3200, (0, 1 / 3200, 2 / 3200)),
    ],
)
def test_a_given_step_keeps_its_value(start, end, step, positions):
    p = plan(start, end, step_mm=step)
    assert p.positions_mm == pytest.approx(positions, abs=1e-9)
    assert p.step_mm == step


def test_away_from_the_subject():
    p = plan(32.0, 0.0)
    assert p.direction == -1
    assert p.positions_mm == tuple(reversed(plan().positions_mm))
    assert p.approach_mm == 32.5
    assert p.envelope_mm == (0.0, 32.5)
    assert "-0.0" not in p.model_dump_json()


@pytest.mark.parametrize("spacing", [{}, {"step_mm": 2.0}, {"frames": 5}])
def test_start_is_end(spacing):
    p = plan(3.0, 3.0, **spacing)
    assert p.positions_mm == (3.0,)
    assert p.frames == 1
    assert p.step_mm is None
    assert "start and end are the same, 3 mm: one frame" in p.warnings[0]


def test_less_than_a_microstep_apart():
    p = plan(3.0, 3.0001)
    assert p.positions_mm == (3.0,)
    assert "less than one microstep of the rail apart" in p.warnings[0]
    between = plan(3.0001, 3.0002)
    assert between.frames == 1
    assert between.positions_mm[0] == pytest.approx(3.0, abs=1 / 3200)


def test_less_than_the_depth_of_field_is_one_frame_in_the_middle():
    p = plan(3.0, 3.5)
    assert p.positions_mm == (3.25,)
    assert "one frame in its middle" in p.warnings[0]
    assert plan(3.0, 3.5, frames=2).positions_mm == (3.0, 3.5)


def test_frames():
    p = plan(frames=17)
    assert p.positions_mm == tuple(float(x) for x in range(0, 33, 2))
    assert p.step_source == "frames"
    assert p.overlap == pytest.approx(1 - 2 / 0.94785, abs=1e-4)
    assert "leave gaps" in p.warnings[0]
    assert "overlap by 49%" in plan(frames=67).warnings[0]


@pytest.mark.parametrize(
    ("spacing", "says"),
    [
        ({"step_mm": 0.0}, "not above 0"),
        ({"step_mm": -0.2}, "not above 0"),
        ({"step_mm": math.nan}, "not above 0"),
        ({"step_mm": math.inf}, "not above 0"),
        ({"step_mm": 0.0001}, "less than one microstep of the rail, 0.312 µm"),
        ({"step_mm": 0.001}, "32001 frames"),
        ({"step_mm": 0.2, "frames": 5}, "contradict"),
        ({"frames": 0}, "0 frames"),
        ({"frames": -3}, "-3 frames"),
        ({"frames": 1}, "one frame cannot reach"),
        ({"frames": 200_000}, "less than one microstep of the rail apart"),
        ({"overlap": 1.0}, "not a share"),
        ({"overlap": -0.1}, "not a share"),
        ({"overlap": 0.9999999}, "is the most that is planned"),
    ],
)
def test_refused_spacings(spacing, says):
    with pytest.raises(UserError, match=says) as caught:
        plan(**spacing)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("end", [math.nan, math.inf, -math.inf])
def test_positions_that_are_none(end):
    with pytest.raises(UserError, match="is not a position"):
        plan(0.0, end)


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        (0, 60.001, r"end 60.0010 mm lies outside the rail's limits, -2 mm to 60 mm"),
        (-3, 10, "start -3.0000 mm lies outside"),
        (-2, 10, "run-up of 0.5 mm"),
        (60, 10, "run-up of 0.5 mm"),
        (-1.6, -1.9, None),
        (-1.5, 60, None),
    ],
)
def test_limits_hold_for_the_run_up_too(start, end, says):
    if says is None:
        assert plan(start, end).frames >= 1
        return
    with pytest.raises(LimitError, match=says) as caught:
        plan(start, end)
    assert caught.value.exit_code == 2


def test_few_microsteps_warn():
    coarse = RailGeometry(steps_per_mm=4, low_mm=-2, high_mm=60, run_up_mm=0.5)
    p = plan(rail=coarse)
    assert any("only 2.6 microsteps" in w for w in p.warnings)
    assert all(x * 4 == int(x * 4) for x in p.positions_mm)
    assert not any("microsteps" in w for w in plan(step_mm=4 / 3200, end=1.0).warnings)


def test_a_step_never_rounds_to_zero():
    coarse = RailGeometry(steps_per_mm=1, low_mm=-2, high_mm=60, run_up_mm=0.5)
    p = plan(rail=coarse)
    assert p.step_mm == 1.0
    assert p.frames == 33
    assert "less than one microstep of the rail: planned with 1 mm" in p.warnings[0]


def test_overlap_is_half_above_twenty_times():
    p = plan_stack(0, 1, Spacing(), RAIL, TIMING, optics=optics(m=21.0))
    assert p.overlap == pytest.approx(0.5, abs=0.01)
    assert plan_stack(0, 1, Spacing(), RAIL, TIMING, optics=optics(m=20.0)).overlap == pytest.approx(
        0.3, abs=0.01
    )


def test_without_optics_a_step_or_frames_are_needed():
    with pytest.raises(UserError, match="--aperture"):
        plan(with_optics=False)
    p = plan(with_optics=False, step_mm=2.0)
    assert p.frames == 17
    assert p.dof_mm is None
    assert p.overlap is None
    assert "not checked" in p.warnings[0]


def test_framing():
    p = plan(view=View(frame_width_mm=36.0, pupil_distance_mm=300.0))
    assert p.framing_growth == pytest.approx(300 / 268)
    assert p.last_field == pytest.approx(300 / 332)
    flat = plan(view=View(pupil_distance_mm=math.inf))
    assert (flat.framing_growth, flat.last_field) == (1.0, 1.0)
    away = plan(32.0, 0.0, view=View(pupil_distance_mm=300.0))
    assert away.framing_growth == pytest.approx(300 / 332)
    through = plan(view=View(pupil_distance_mm=20.0, working_distance_mm=10.0))
    assert through.framing_growth is None
    assert any("would touch the nearest point" in w for w in through.warnings)
    assert any("leaves the view" in w for w in through.warnings)


def test_a_plan_is_frozen_and_survives_json():
    p = plan(view=View(pupil_distance_mm=math.inf))
    with pytest.raises(ValidationError):
        p.frames = 3
    assert StackPlan.model_validate_json(p.model_dump_json()) == p
    assert StackPlan.model_validate(json.loads(json.dumps(p.model_dump(mode="json")))) == p
    with pytest.raises(ValidationError):
        StackPlan.model_validate({**p.model_dump(), "more": 1})


positions = st.floats(-1.4, 59.4)
grids = st.sampled_from([3200.0, 200.0, 1000 / 3.175, 160.0])


@settings(deadline=None, max_examples=200)
@given(start=positions, end=positions, per_mm=grids, spacing=st.one_of(
    st.builds(Spacing, overlap=st.floats(0, 0.8)),
    st.builds(Spacing, step_mm=st.floats(0.01, 70)),
    st.builds(Spacing, frames=st.integers(2, 300)),
))  # fmt: skip
@example(start=0.0, end=32.0, per_mm=3200.0, spacing=Spacing(step_mm=0.1))
@example(start=0.3, end=0.0, per_mm=3200.0, spacing=Spacing(step_mm=0.1))
@example(start=0.0, end=0.015, per_mm=200.0, spacing=Spacing(step_mm=0.01))
def test_positions_hold_what_is_promised(start, end, per_mm, spacing):
    rail = RailGeometry(per_mm, -2, 60, 0.5)
    microstep = 1 / per_mm
    try:
        p = plan_stack(start, end, spacing, rail, TIMING, optics=optics())
    except UserError as err:
        refusal = str(err)
    else:
        refusal = ""
    if refusal:  # only for more frames, or a finer step, than there are microsteps
        assert "microstep" in refusal
        return
    low, high = min(start, end), max(start, end)
    grid = [x * per_mm for x in p.positions_mm]
    assert all(abs(g - round(g)) < 1e-6 for g in grid), "on the grid"
    if p.frames == 1:
        return
    assert all(low - 1e-9 <= x <= high + 1e-9 for x in p.positions_mm), "nothing beyond"
    assert abs(p.positions_mm[0] - start) < microstep, "start included"
    assert abs(p.positions_mm[-1] - end) < microstep, "end included"
    steps = [p.direction * (b - a) for a, b in itertools.pairwise(p.positions_mm)]
    assert min(steps) > 0, "no step rounds to zero, none goes back"
    assert max(steps) < p.step_mm + 1.0001 * microstep
    if spacing.step_mm is None:
        assert max(steps) - min(steps) < 1.0001 * microstep, "spread evenly"
        if spacing.frames is not None:
            assert p.frames == spacing.frames
        else:
            assert p.step_mm <= p.max_step_mm + 1e-9 or any("microstep" in w for w in p.warnings)
    else:
        assert p.step_mm == spacing.step_mm
        for k, x in enumerate(p.positions_mm[:-1]):
            assert abs(abs(x - p.positions_mm[0]) - k * spacing.step_mm) < 1.0001 * microstep, (
                "errors do not add up"
            )
    assert p.frames == len(p.positions_mm)


@settings(deadline=None, max_examples=100)
@given(n=st.integers(1, 2000), step=st.integers(1, 400))
def test_a_whole_number_of_steps_is_that_number(n, step):
    """Binary fractions must not add a frame: 0.3 in steps of 0.1 is 4 frames."""
    step_mm = step / 1000
    rail = RailGeometry(1000, -1, 1000, 0.5)
    p = plan_stack(0.0, n * step_mm, Spacing(step_mm=step_mm), rail, TIMING)
    assert p.frames == n + 1


@pytest.mark.parametrize(
    ("distance", "seconds"), [(0, 0), (0.02, 0.04), (0.08, 0.08), (2.0, 1.04), (-2.0, 1.04), (32, 16.04)]
)
def test_move_times(distance, seconds):
    """2 mm/s and 50 mm/s²: full speed is reached in 0.04 s, within 0.04 mm, and left likewise."""
    assert move_time_s(distance, 2.0, 50.0) == pytest.approx(seconds)


def timing(**changes):
    return TIMING.model_copy(update=changes)


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        # run-up 2 × (0.25 + 0.04), first settle 1; exposure 0.275; move 1.04 + settle 1
        ({}, 0.58 + 1 + 3 * 0.275 + 2 * 2.04),
        ({"download_s": 1.0}, 0.58 + 1 + 3 * 0.275 + 2 * 2.04 + 1.0),  # hidden but for the last
        ({"download_s": 3.0}, 0.58 + 1 + 3 * 0.275 + 2 * 3.0 + 3.0),  # the download is the slower one
        ({"download_s": 1.0, "overlap_download": False}, 0.58 + 1 + 3 * 0.275 + 2 * 3.04 + 1.0),
        ({"flash_interval_s": 2.0}, 0.58 + 1 + 3 * 0.275 + 2 * 2.04),  # charged meanwhile
        ({"flash_interval_s": 5.0}, 0.58 + 1 + 0.275 + 2 * 5.0),
    ],
)
def test_critical_path(changes, seconds):
    assert critical_path_s((0.0, 2.0, 4.0), 0.5, timing(**changes)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("shots_s", "changes"), [((0.03, 0.125, 0.5), 3), ((0.125, 0.125, 0.125), 0), ((0.125, 0.5), 2), ((), 0)]
)
def test_the_shutter_is_set_before_every_shot_whose_time_is_another(shots_s, changes):
    slow, quick = timing(shots_s=shots_s, shutter_change_s=2.0), timing(shots_s=shots_s)
    positions = (0.0, 2.0, 4.0)
    took_s = critical_path_s(positions, 0.5, slow) - critical_path_s(positions, 0.5, quick)
    assert took_s == pytest.approx(3 * changes * 2.0)


def test_one_frame_takes_its_time_too():
    assert critical_path_s((3.0,), 0.0, TIMING) == pytest.approx(1.275)


def test_duration_of_the_plan_is_the_critical_path():
    p = plan()
    assert p.duration_s == critical_path_s(p.positions_mm, 0.5, TIMING)
