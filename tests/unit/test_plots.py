"""The sheet of the plots: a picture or a clear refusal, never half a file."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import cv2
import pytest

from rig.errors import UserError
from rig.plots.canvas import sheet


def _draw(path, **options):
    with sheet(path, 3, 2, **options) as figure:
        figure.subplots().plot([0, 1], [1, 2])


@pytest.mark.parametrize("name", ["plan.svg", "plan.PNG"])
def test_the_ending_chooses_the_format(tmp_path, name):
    path = tmp_path / name
    _draw(path)
    if name.endswith("svg"):
        assert ET.parse(path).getroot().tag.endswith("svg")
    else:
        assert cv2.imread(str(path)).shape == (300, 450, 3)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_the_same_plot_is_the_same_file(tmp_path):
    for name in ("a.svg", "b.svg"):
        _draw(tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_simulated_plot_says_so(tmp_path):
    for name, simulated in (("real.png", False), ("sim.png", True)):
        _draw(tmp_path / name, simulated=simulated)
    pictures = [cv2.imread(str(tmp_path / name)).astype(int) for name in ("real.png", "sim.png")]
    real, sim = (int((picture[..., 2] - picture[..., 1] > 100).sum()) for picture in pictures)
    assert real == 0
    assert sim > 100


@pytest.mark.parametrize(
    ("name", "word"), [("plan.jpg", "jpg"), ("plan", "no ending"), ("no/plan.svg", "folder")]
)
def test_what_cannot_be_a_plot_is_refused(tmp_path, name, word):
    with pytest.raises(UserError, match=word):
        _draw(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_drawing_leaves_the_old_plot(tmp_path):
    path = tmp_path / "plan.svg"
    _draw(path)
    before = path.read_bytes()
    with pytest.raises(RuntimeError), sheet(path, 3, 2):
        raise RuntimeError
    assert path.read_bytes() == before
