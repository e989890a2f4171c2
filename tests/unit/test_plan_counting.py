"""How many frames, and where: what holds for every stack that can be asked for."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from rig.config import config_folder, load_config
from rig.errors import LimitError, UserError
from rig.optics.aperture import ApertureKnowledge
from rig.optics.setup import OpticalSetup, describe_setup
from rig.plan import RailGeometry, Spacing, StackPlan, plan_stack
from rig.planning.rail import PlanRequest, build_plan
from rig.planning.timing import StackTiming

TIMING = StackTiming(shutter_s=0.125, settle_s=1.0, speed_mm_s=2.0, acceleration_mm_s2=50.0)
LOW, HIGH, RUN_UP = -2.0, 60.0, 0.5


def optics(ne: float = 11.1, pitch: float = 0.00376) -> OpticalSetup:
    setup = describe_setup(1.0, 2**2.5, ApertureKnowledge(given=ne), 2 * pitch, pitch)
    assert setup is not None
    return setup


def plan(start: float, end: float, spacing: Spacing, per_mm: float = 3200.0, ne: float = 11.1) -> StackPlan:
    rail = RailGeometry(per_mm, LOW, HIGH, RUN_UP)
    return plan_stack(start, end, spacing, rail, TIMING, optics=optics(ne))


positions = st.floats(-1.4, 59.4)
grids = st.sampled_from([3200.0, 200.0, 1000 / 3.175, 160.0])
spacings = st.one_of(
    st.builds(Spacing, overlap=st.floats(0, 0.8), margin=st.integers(0, 3)),
    st.builds(Spacing, step_mm=st.floats(0.02, 20), margin=st.integers(0, 3)),
    st.builds(Spacing, frames=st.integers(2, 200), margin=st.integers(0, 3)),
)


@settings(deadline=None, max_examples=150)
@given(start=positions, end=positions, per_mm=grids, spacing=spacings, ne=st.floats(4, 40))
@example(start=0.0, end=32.0, per_mm=3200.0, spacing=Spacing(step_mm=0.1, margin=1), ne=11.1)
@example(start=32.0, end=0.0, per_mm=1000 / 3.175, spacing=Spacing(margin=2), ne=40.0)
@example(start=-1.4, end=59.4, per_mm=200.0, spacing=Spacing(margin=3), ne=4.0)
def test_every_plan_keeps_its_promises(start, end, per_mm, spacing, ne):
    try:
        p = plan(start, end, spacing, per_mm, ne)
    except UserError as err:
        refusal = err
    else:
        refusal = None
    if refusal:  # without a margin, everything here is inside
        words = ("margin",) if isinstance(refusal, LimitError) else ("microstep", "needs a step")
        assert any(word in str(refusal) for word in words)
        return
    microstep = 1 / per_mm
    rounding = 1.5e-6 * microstep + 1e-9  # a position that near to the grid is on it (rig.planning.grid)
    assert p.frames == len(p.positions_mm)
    assert all(abs(x * per_mm - round(x * per_mm)) < 1e-6 for x in p.positions_mm), "on the grid"
    low, high = p.envelope_mm
    assert low >= LOW - rounding, "inside the limits, run-up and all"
    assert high <= HIGH + rounding
    steps = [p.direction * (b - a) for a, b in itertools.pairwise(p.positions_mm)]
    assert all(s > 0.999 * microstep for s in steps), "one way, never twice in one place"
    inner = p.positions_mm[spacing.margin : p.frames - spacing.margin]
    if len(inner) == 1:
        return
    assert all(min(start, end) - rounding <= x <= max(start, end) + rounding for x in inner), "nothing beyond"
    assert abs(inner[0] - start) < microstep, "start included"
    assert abs(inner[-1] - end) < microstep, "end included"
    limit = {"auto": p.max_step_mm, "given": spacing.step_mm, "frames": p.step_mm}[p.step_source]
    step = max(limit, microstep)  # said with a warning where less was wanted
    assert max(steps) < step + microstep, "no interval above the step but for the grid"
    outer = steps[: spacing.margin] + steps[p.frames - 1 - spacing.margin :]
    assert all(step - microstep < s <= step + 1e-9 for s in outer), "margins at the full step"
    span = abs(inner[-1] - inner[0])
    if p.step_source == "frames":
        assert len(inner) == spacing.frames
    else:
        assert len(inner) == math.ceil(span / step - 1e-9) + 1, "as few as do"
        assert (len(inner) - 2) * step < span, "one fewer would leave an interval too long"


@settings(deadline=None, max_examples=30)
@given(span=st.floats(0.5, 50), more=st.floats(0, 8), step=st.floats(0.05, 5), longer=st.floats(1, 3))
def test_more_travel_never_makes_fewer_frames_and_a_longer_step_never_more(span, more, step, longer):
    assume(span + more < 59)
    frames = plan(0.0, span, Spacing(step_mm=step)).frames
    assert plan(0.0, span + more, Spacing(step_mm=step)).frames >= frames
    assert plan(0.0, span, Spacing(step_mm=step * longer)).frames <= frames
    auto = plan(0.0, span, Spacing(overlap=0.3)).frames
    assert plan(0.0, span, Spacing(overlap=0.5)).frames >= auto
    assert plan(0.0, span, Spacing(overlap=0.3), ne=16.0).frames <= auto, "more depth of field, fewer frames"


@settings(deadline=None, max_examples=30)
@given(start=positions, end=positions, frames=st.integers(2, 300))
def test_the_overlap_of_a_number_of_frames_is_the_one_between_them(start, end, frames):
    assume(abs(end - start) > 0.2)
    p = plan(start, end, Spacing(frames=frames))
    widest = max(abs(b - a) for a, b in itertools.pairwise(p.positions_mm))
    assert p.overlap == pytest.approx(1 - widest / p.dof_mm, abs=1 / 3200 / p.dof_mm)
    assert any("leave gaps" in w for w in p.warnings) == (p.overlap < -1e-9)


@pytest.mark.parametrize(
    ("effective", "dof_um", "step_um", "bare", "with_margins"),
    [("11.1", 318, 223, 145, 147), (None, 242, 170, 190, 192)],
)
def test_the_worked_examples(effective, dof_um, step_um, bare, with_margins):
    """105 mm macro at 1:1 and f/5.6 on 3.76 µm pixels, 32 mm deep; the second with the lens unknown."""
    config = load_config(config_folder() / "grbl-sony-a7rv-105mm.toml").config
    for margin, frames in ((0, bare), (1, with_margins)):
        request = PlanRequest.from_text(start="1", end="33", effective_aperture=effective, margin=margin)
        p = build_plan(config, request)
        assert p.frames == frames
        assert p.margin_frames == margin
        assert p.dof_mm * 1000 == pytest.approx(dof_um, abs=0.6)
        assert p.max_step_mm * 1000 == pytest.approx(step_um, abs=0.6)
        assert p.positions_mm[margin] == 1
        assert p.positions_mm[-1 - margin] == 33


@pytest.mark.parametrize(
    ("start", "end", "spacing", "positions"),
    [
        (1.0, 2.0, Spacing(step_mm=0.4, margin=1), (0.6, 1, 1.4, 1.8, 2, 2.4)),
        (2.0, 1.0, Spacing(step_mm=0.5, margin=2), (3, 2.5, 2, 1.5, 1, 0.5, 0)),
        (1.0, 2.0, Spacing(frames=3, margin=1), (0.5, 1, 1.5, 2, 2.5)),
        (3.0, 3.0, Spacing(step_mm=0.5, margin=1), (2.5, 3, 3.5)),
    ],
)
def test_margins(start, end, spacing, positions):
    p = plan(start, end, spacing)
    assert p.positions_mm == pytest.approx(positions)
    assert p.start_mm == p.positions_mm[0]
    assert p.margin_frames == spacing.margin


def test_a_margin_around_one_frame_is_at_the_step_that_the_depth_of_field_allows():
    p = plan(3.0, 3.1, Spacing(margin=1))
    assert p.frames == 3
    assert p.step_mm == pytest.approx(p.max_step_mm, abs=1 / 3200)
    assert p.overlap == pytest.approx(0.3, abs=0.002)
    assert "one frame in its middle" in p.warnings[0]


@pytest.mark.parametrize(
    ("start", "end", "spacing", "says"),
    [
        (0.0, 59.8, Spacing(step_mm=0.3, margin=1), "1 frame at each end the last frame at 60.1000 mm"),
        (-1.0, 5.0, Spacing(step_mm=0.6, margin=2), "2 frames at each end the first frame at -2.2000 mm"),
        (-1.0, 5.0, Spacing(step_mm=0.3, margin=2), "run-up of 0.5 mm"),
        (3.0, 3.0, Spacing(frames=1, margin=1), "needs a step"),
        (3.0, 4.0, Spacing(step_mm=0.1, margin=-1), "margin of -1 frames cannot be"),
    ],
)  # fmt: skip
def test_margins_that_cannot_be(start, end, spacing, says):
    with pytest.raises(UserError, match=says):
        plan(start, end, spacing)
