"""Scenes that are hard for fusion: seeded, finite, within their depth; and what they need of the renderer."""

from __future__ import annotations

import numpy as np
import pytest
from hardware_sims.optics import SimLens
from hardware_sims.render import Frame, Renderer, Viewpoint
from hardware_sims.scene import Grid
from hardware_sims.scenes import SCENES, STUDIES, make_scene
from hardware_sims.sensor import Sensor

LENS = SimLens(1.0, 11.31, 5.657, 300.0)
STOP = 5.657
FRAME = Frame(120, 80, 0.3)
GRID = Grid(-18.0, -12.0, 0.45, 80, 53)


def test_there_are_nine_and_none_is_on_the_bench() -> None:
    six = {"bristles", "glints", "porcelain", "slope", "mineral", "wings"}
    assert set(STUDIES) == six | {"needles", "medal", "petals"}
    assert not set(STUDIES) & set(SCENES)


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_of_its_seed_and_within_its_depth(name: str) -> None:
    first, again, other = (
        [sheet.raster(GRID) for sheet in make_scene(name, seed=seed).sheets] for seed in (1, 1, 2)
    )
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.colour, b.colour)
        assert np.array_equal(a.cover, b.cover)
    assert any(not np.array_equal(a.colour, b.colour) for a, b in zip(first, other, strict=True))
    sheets = make_scene(name).sheets
    subject = [r for sheet, r in zip(sheets, first, strict=True) if sheet.kind != "backdrop"]
    depth = np.concatenate([raster.depth_mm[raster.cover > 0.3] for raster in subject])
    assert np.percentile(depth, 1) > -3
    assert np.percentile(depth, 99) < 35
    assert np.ptp(depth) > 15


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_as_sharp_as_the_range_in_focus(name: str) -> None:
    renderer = Renderer(make_scene(name), LENS, FRAME)
    view = Viewpoint(16.0)
    sharp, seen = renderer.render_sharp(view, STOP), renderer.render(view, STOP)
    assert np.isfinite(seen).all()
    assert 0.02 < seen.mean() < 1.0
    shown = [np.clip(picture, 0, 1) for picture in (sharp, seen)]
    assert np.abs(shown[0] - shown[1]).mean() > 1e-3
    # What a range reaches is as sharp as can be, and the view with a range of nothing is the plain one.
    reached = renderer.render_reached(view, STOP, (-20.0, 200.0))
    assert np.abs(np.clip(reached, 0, 1) - shown[0]).mean() < 1e-3
    assert np.abs(renderer.render_reached(view, STOP, (16.0, 16.0)) - seen).max() < 1e-4
    renderer.close()


def test_glints_are_brighter_than_white_and_wings_let_light_through() -> None:
    glints = [sheet.raster(GRID).colour.max() for sheet in make_scene("glints").sheets]
    assert max(glints) > 4.0
    _, *wings = Renderer(make_scene("wings"), LENS, FRAME).covers(Viewpoint(16.0), STOP)
    for cover in wings:
        assert np.mean((cover > 0.2) & (cover < 0.8)) > 0.02


def test_sixteen_bits_are_the_same_picture_in_finer_steps() -> None:
    sensor = Sensor(48, 32, 20.0)
    light = np.linspace(0, 1.2, 48 * 32 * 3, dtype=np.float32).reshape(32, 48, 3)
    coarse, fine = (sensor.develop(light.copy(), 100.0, (3,), bits=bits) for bits in (8, 16))
    assert fine.dtype == np.uint16
    assert np.abs(fine / 257.0 - coarse).max() < 0.7
    assert len(np.unique(fine)) > 2000
    with pytest.raises(ValueError, match="8 or 16 bits, not 12"):
        sensor.develop(light, 100.0, (3,), bits=12)
