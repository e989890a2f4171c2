"""Stacks by lens focus: even behind the lens, in whole drive units, and honest without a calibration."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text

from rig.config import config_folder, load_config
from rig.errors import DataError, UserError
from rig.optics.aperture import ApertureKnowledge
from rig.optics.lens_focus import evenly_in_image_space
from rig.optics.setup import OpticalSetup, describe_setup
from rig.planning.focus_calibration import FocusCalibration
from rig.planning.lens import LensRequest, lens_plan_for
from rig.planning.lens_plan import DriveSpacing, LensPlan, plan_lens_stack
from rig.planning.limits import Room
from rig.planning.timing import StackTiming
from rig.plots.plan import draw_lens_plan

TIMING = StackTiming(shutter_s=0.125, settle_s=1.0, speed_mm_s=2.0, acceleration_mm_s2=50.0)
CURVED = FocusCalibration(
    drive=(0, 100, 250, 400, 600),
    defocus=("0 mm", "0.9 mm", "1.9 mm", "2.7 mm", "3.5 mm"),
    uncertainty="10 um",
)


def optics(ne: float = 8.0, c_mm: float = 0.0075) -> OpticalSetup:
    setup = describe_setup(0.1, ne, ApertureKnowledge(given=ne), c_mm, c_mm / 2)
    assert setup is not None
    return setup


def plan(start=0, end=450, focus=CURVED, ne=8.0, known=True, **spacing) -> LensPlan:
    return plan_lens_stack(
        start, end, DriveSpacing(**spacing), focus, TIMING, optics=optics(ne) if known else None, iso=100
    )


def test_the_step_is_that_of_the_formula():
    """Ne 8, c 7.5 µm: 2·8·0.0075 = 0.12 and 4·0.00055·64 = 0.1408 make 0.185 mm of depth of focus."""
    p = plan()
    assert p.depth_of_focus_mm == pytest.approx(math.hypot(0.12, 0.1408))
    assert p.max_image_step_mm == pytest.approx(0.7 * p.depth_of_focus_mm)
    span = 2.9  # 2.7 mm at 400 and a quarter of the way to 3.5 mm at 600
    assert p.frames == math.ceil(span / p.max_image_step_mm) + 1 == 24
    assert p.defocus_mm[-1] == pytest.approx(span)
    assert (p.start, p.end, p.positions[0], p.positions[-1]) == (0, 450, 0, 450)
    first, last = p.positions[1] - p.positions[0], p.positions[-1] - p.positions[-2]
    assert first < last / 2, "the drive moves the focus less at its far end"
    assert p.overlap == pytest.approx(1 - p.image_step_mm / p.depth_of_focus_mm)
    assert p.overlap_at_worst == pytest.approx(
        1 - (p.image_step_mm + math.sqrt(2) * 0.01) / p.depth_of_focus_mm
    )
    assert p.calibrated
    assert LensPlan.model_validate_json(p.model_dump_json()) == p


@st.composite
def calibrations(draw: st.DrawFn) -> FocusCalibration:
    rows = draw(st.lists(st.tuples(st.integers(1, 300), st.floats(0.01, 2.0)), min_size=1, max_size=6))
    sign = draw(st.sampled_from([1, -1]))
    drive = np.cumsum([draw(st.integers(-500, 500)), *(d for d, _ in rows)])
    shift = sign * np.cumsum([0.0, *(s for _, s in rows)])
    return FocusCalibration(
        drive=tuple(int(d) for d in drive), defocus=[f"{s:.9f} mm" for s in shift], uncertainty="0 mm"
    )


@settings(deadline=None, max_examples=80)
@given(focus=calibrations(), ne=st.floats(2.8, 32), ends=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_positions_are_even_in_image_space(focus, ne, ends):
    low, high = focus.units
    start, end = (round(low + share * (high - low)) for share in ends)
    p = plan(start, end, focus, ne)
    assert all(isinstance(x, int) for x in p.positions)
    assert p.frames == len(p.positions)
    if p.frames == 1:
        assert min(start, end) <= p.positions[0] <= max(start, end)
        return
    assert (p.positions[0], p.positions[-1]) == (start, end), "both ends included"
    assert all(p.direction * (b - a) > 0 for a, b in itertools.pairwise(p.positions))
    shift = focus.defocus_at(p.positions)
    assert np.allclose(np.asarray(p.defocus_mm), shift - shift[0])
    whole = focus.defocus_at(np.arange(min(start, end), max(start, end) + 1))
    unit = np.abs(np.diff(whole)).max()
    span = abs(shift[-1] - shift[0])
    intervals = math.ceil(span / p.max_image_step_mm - 1e-9)
    assert p.frames <= intervals + 1
    if p.frames == intervals + 1:
        targets = np.linspace(shift[0], shift[-1], intervals + 1)
        assert np.abs(shift - targets).max() <= unit / 2 + 1e-9, "to the nearest drive unit"
    else:
        assert "too coarse" in p.warnings[0]
    assert p.image_step_mm <= p.max_image_step_mm + unit + 1e-9


@settings(deadline=None, max_examples=60)
@given(shift=st.lists(st.floats(0.001, 5), min_size=1, max_size=200), intervals=st.integers(1, 80))
def test_units_are_the_nearest_and_never_twice(shift, intervals):
    values = np.concatenate([[0.0], np.cumsum(shift)])
    chosen = evenly_in_image_space(values, intervals)
    assert chosen[0] == 0
    assert chosen[-1] == len(values) - 1
    assert np.all(np.diff(chosen) > 0)
    assert np.array_equal(chosen, evenly_in_image_space(-values, intervals)), "falling is the same"
    for target in np.linspace(0, values[-1], intervals + 1):
        assert np.abs(values[chosen] - target).min() == pytest.approx(np.abs(values - target).min())


def test_a_step_or_a_number_of_frames_of_ones_own():
    p = plan(step_units=40)
    assert p.positions == (*range(0, 450, 40), 450)
    assert p.step_units == 40
    assert p.overlap < 0, "40 units near 0 are 0.36 mm"
    assert "leave gaps" in p.warnings[0]
    p = plan(frames=24)
    assert p.positions == plan().positions
    assert "24 frames overlap by" in p.warnings[0]
    assert plan(450, 0).positions == tuple(reversed(plan().positions))


def test_one_frame():
    assert plan(7, 7).positions == (7,)
    assert "the same" in plan(7, 7).warnings[0]
    p = plan(0, 20)
    assert p.positions == (10,)
    assert "less than the depth of focus" in p.warnings[0]


def test_without_calibration_nothing_is_promised():
    p = plan(focus=None, frames=10)
    assert p.positions == tuple(range(0, 451, 50))
    assert not p.calibrated
    assert p.overlap is p.defocus_mm is p.image_step_mm is p.uncertainty_mm is None
    assert "nobody can promise that its frames overlap" in p.warnings[0]
    assert plan(focus=None, step_units=100).positions == (0, 100, 200, 300, 400, 450)
    assert plan(focus=None, known=False, step_units=100).depth_of_focus_mm is None


def test_a_poor_calibration_is_no_promise():
    poor = CURVED.model_copy(update={"uncertainty_mm": 0.1})
    p = plan(focus=poor)
    assert p.overlap > 0 > p.overlap_at_worst
    assert any("uncertain by 100 µm: there may be gaps" in w for w in p.warnings)


def test_a_polynomial():
    focus = FocusCalibration(drive=(0, 600), polynomial=["0 mm", "10 um", "-5 nm"], uncertainty="5 um")
    assert focus.defocus_at([0, 100, 600]) == pytest.approx([0, 0.95, 4.2])
    p = plan(focus=focus)
    gaps = np.diff(p.defocus_mm)
    assert gaps.max() - gaps.min() < 0.02 + 1e-9, "even, but for half a drive unit at each end of each"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"drive": (0, 100, 100, 400, 600)}, "does not rise"),
        ({"defocus": ("0 mm", "0.9 mm", "0.8 mm", "2.7 mm", "3.5 mm")}, "turns back"),
        ({"defocus": ("0 mm", "0.9 mm")}, "5 rows and defocus 2"),
        ({"polynomial": ("0 mm", "1 um")}, "either defocus"),
        ({"defocus": None}, "either defocus"),
        ({"uncertainty": "-1 um"}, "below 0"),
        ({"drive": (0, 600), "defocus": None, "polynomial": ("0 mm", "10 um", "-15 nm")}, "turns back"),
        ({"defocus": None, "polynomial": ("0 mm", "10 um")}, "no range"),
    ],
)
def test_calibrations_that_cannot_be(changes, says):
    table = {
        "drive": CURVED.drive,
        "defocus": [f"{d} mm" for d in CURVED.defocus_mm],
        "uncertainty": "10 um",
        **changes,
    }
    with pytest.raises(ValueError, match=says):
        FocusCalibration.model_validate({k: v for k, v in table.items() if v is not None})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"end": 700}, "end 700 lies outside what focus_calibration covers, 0 to 600"),
        ({"start": -1}, "start -1 lies outside"),
        ({"focus": None}, "without its calibration"),
        ({"known": False}, "--aperture"),
        ({"step_units": 5, "frames": 4}, "contradict"),
        ({"step_units": -5}, "not above 0"),
        ({"frames": 0}, "0 frames"),
        ({"frames": 1}, "one frame cannot reach"),
        ({"frames": 500}, "at most 451"),
        ({"max_frames": 23}, "makes 24 frames; 23 is the most"),
        ({"step_units": 1, "max_frames": 100}, "makes 451 frames"),
        ({"end": 2_000_000}, "is that a slip"),
    ],
)
def test_refusals(options, says):
    with pytest.raises(UserError, match=says):
        plan(**options)


@pytest.fixture
def rig_file(tmp_path) -> Path:
    text = (config_folder() / "canon-r5-mpe65.toml").read_text()
    table = (
        '\n[lens.focus_calibration]\ndrive = [0, 200, 600]\ndefocus = ["0 mm", "2 mm", "5 mm"]\n'
        'uncertainty = "10 um"\nmeasured = "with a ruler"\n'
    )
    path = tmp_path / "lens.toml"
    path.write_text(text + table)
    return path


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"step": "0mm"}, '--step: "0mm" is not above 0'),
        ({"step": "-0.2mm"}, '--step: "-0.2mm" is not above 0'),
        ({"step": "0"}, '--step: "0" is not above 0'),
        ({"end": "1e3 units"}, 'unknown unit, "units"'),
    ],
)
def test_what_was_typed_is_named(options, says):
    with pytest.raises(UserError, match=says):
        LensRequest.from_text(**{"start": "0", "end": "450"} | options)
    assert LensRequest.from_text(start="0", end="1e3").end == 1000, "drive units, whatever letters are in it"


def test_from_the_configuration(rig_file):
    loaded = load_config(rig_file)
    p = lens_plan_for(loaded, LensRequest.from_text(start="0", end="450"))
    assert p.calibrated
    assert p.uncertainty_mm == 0.01
    assert p.effective_f_number == pytest.approx(2 * 2**2.5)
    assert p.total_bytes == p.frames * p.frame_bytes
    web = lens_plan_for(loaded, LensRequest.from_text(start="0", end="450", deliver="1000px"))
    assert web.frames < p.frames
    assert web.coc_mm == pytest.approx(2 * 36 / 1000)
    with pytest.raises(DataError, match="are free in here"):
        lens_plan_for(loaded, LensRequest.from_text(start="0", end="450"), disk=Room(1000, "here"))
    with pytest.raises(UserError, match="--max-duration"):
        lens_plan_for(loaded, LensRequest.from_text(start="0", end="450", max_duration="5s"))
    for wrong in (
        {"end": "4.5"},
        {"end": "4 ells"},
        {"end": "450", "step": "0.5"},
        {"end": "9", "margin": 1},
    ):
        with pytest.raises(UserError, match=r"--end|--step|--margin"):
            LensRequest.from_text(start="0", **wrong)


def test_pictures():
    for p, words in (
        (plan(), ("24 frames by lens focus", "shift of the image plane", "dark is shared")),
        (plan(step_units=40), ("gaps between 13 frames", "red is sharp in none")),
        (plan(focus=None, frames=5), ("not calibrated: overlaps cannot be shown",)),
    ):  # fmt: skip
        figure = Figure()
        draw_lens_plan(figure, p)
        text = "\n".join(t.get_text() for t in figure.findobj(Text))
        for word in words:
            assert word in text
