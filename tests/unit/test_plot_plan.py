"""The plan as a picture: what must be seen in it, for one frame and for two thousand."""

from __future__ import annotations

import math

import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from rig.optics.aperture import ApertureKnowledge
from rig.optics.setup import describe_setup
from rig.plan import RailGeometry, Spacing, StackPlan, View, plan_stack
from rig.planning.timing import StackTiming
from rig.plots.canvas import SECOND, WARN
from rig.plots.plan import draw_plan, plot_plan
from rig.plots.track import Track, window_frames

RAIL = RailGeometry(3200, -1, 60, 0.2)
TIMING = StackTiming(shutter_s=0.125, settle_s=1.0, speed_mm_s=2.0, acceleration_mm_s2=50.0)
DOF_MM = 0.318


def plan(start=1.0, end=33.0, *, known=True, view=None, **spacing) -> StackPlan:
    optics = describe_setup(1.0, 2**2.5, ApertureKnowledge(given=11.1), 0.00752, 0.00376) if known else None
    return plan_stack(start, end, Spacing(**spacing), RAIL, TIMING, optics=optics, view=view)


def drawn(p: StackPlan) -> tuple[Figure, str]:
    figure = Figure()
    draw_plan(figure, p, 2 / 3)
    return figure, "\n".join(t.get_text() for t in figure.findobj(Text))


def in_colour(figure: Figure, colour: str) -> int:
    """Bars of a colour, whatever their opacity."""
    rgb = to_rgba(colour)[:3]
    single = [r for r in figure.findobj(Rectangle) if r.get_facecolor()[:3] == rgb and r.get_fill()]
    many = [c for c in figure.findobj(PolyCollection) if tuple(c.get_facecolor()[0][:3]) == rgb]
    return len(single) + sum(len(c.get_paths()) for c in many)


@pytest.mark.parametrize(
    ("spacing", "frames", "rows"),
    [({"end": 1.0}, 1, 1), ({"end": 1.2, "step_mm": 0.2}, 2, 2), ({"frames": 17}, 17, 17), ({}, 145, 12),
     ({"step_mm": 0.016}, 2001, 12)],
)  # fmt: skip
def test_a_few_frames_are_all_drawn_and_many_by_their_first(spacing, frames, rows):
    p = plan(**spacing)
    assert p.frames == frames
    figure, text = drawn(p)
    below = figure.axes[1]
    assert below.get_ylabel() == "frame"
    (dots,) = [c for c in below.collections if len(c.get_offsets()) == rows]
    assert dots.get_offsets()[:, 0].tolist() == pytest.approx(p.positions_mm[:rows])
    assert ("the first 12 frames" in text) == (rows < frames)
    above = figure.axes[0].get_xlim()
    assert above[0] < p.approach_mm
    assert above[1] > p.end_mm


def test_gaps_are_red_and_counted():
    figure, text = drawn(plan(end=11.0, step_mm=0.5))
    assert in_colour(figure, WARN) == 20 + 11, "twenty along the travel, eleven between the first twelve"
    assert "20 gaps between 21 frames" in text
    assert "gap 182 µm" in text
    figure, text = drawn(plan(end=11.0))
    assert in_colour(figure, WARN) == 0
    assert "gap" not in text


def test_bars_are_as_deep_as_the_depth_of_field():
    p = plan(end=2.0)
    figure, _ = drawn(p)
    bars = [r for r in figure.axes[1].findobj(Rectangle) if r.get_width() == pytest.approx(p.dof_mm)]
    assert len(bars) == p.frames
    assert [b.get_x() + b.get_width() / 2 for b in bars] == pytest.approx(p.positions_mm)


def test_margins_run_up_and_limits_are_named():
    p = plan(end=33.0, margin=2)
    figure, text = drawn(p)
    for words in ("margin: 2 at each end", "run-up 200 µm", "limit 60 mm →", "limit -1 mm", "149 frames"):
        assert words in text
    ticks = figure.axes[0].collections
    orange = [c for c in ticks if any(tuple(e) == to_rgba(SECOND) for e in c.get_edgecolors())]
    assert sum(tuple(e) == to_rgba(SECOND) for e in orange[0].get_edgecolors()) == 4
    assert "margin" not in drawn(plan())[1]


@pytest.mark.parametrize(
    ("v", "words", "widths"),
    [
        (300.0, "sees 90.4%", [1, 300 / 332]),
        (-300.0, "sees 111.9%", [1, 300 / 268]),
        (math.inf, "no change, telecentric", [1]),
        (None, "growth not known", [1]),
    ],
)
def test_framing(v, words, widths):
    figure, text = drawn(plan(view=View(frame_width_mm=36.0, pupil_distance_mm=v)))
    assert words in text
    nested = [r for r in figure.axes[2].findobj(Rectangle) if not r.get_fill()]
    assert [r.get_width() for r in nested] == pytest.approx(widths)
    assert all(r.get_height() == pytest.approx(r.get_width() * 2 / 3) for r in nested)


def test_an_unknown_depth_of_field_is_said():
    figure, text = drawn(plan(known=False, step_mm=0.4))
    assert "depth of field not known" in text
    assert "81 frames" in text
    assert not [r for r in figure.axes[1].findobj(Rectangle) if r.get_alpha()]


def test_two_thousand_frames_are_a_small_file(tmp_path):
    path = tmp_path / "plan.svg"
    plot_plan(plan(step_mm=0.016), path, aspect=2 / 3)
    assert path.stat().st_size < 200_000
    plot_plan(plan(end=1.0), tmp_path / "plan.png", simulated=True)
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")


def test_the_window_grows_to_eighteen():
    tracks = [Track(tuple(map(float, range(n))), None, "position", str) for n in (1, 18, 19, 500)]
    assert [window_frames(track) for track in tracks] == [1, 18, 12, 12]
