"""Targets of the bench have the sizes they claim, and its lens the depth of field that theory gives it."""

from __future__ import annotations

import numpy as np
import pytest
from hardware_sims.bench import Bench, Order, OrderError
from hardware_sims.depth_of_field import depth_of_field_mm
from hardware_sims.optics import WAVELENGTH_MM, SimLens
from hardware_sims.scene import Grid
from hardware_sims.scenes.targets import TARGETS, checker_side_mm, graduation_mm, make_target


def painted(name, width_mm=36.0, columns=720):
    step = width_mm / columns
    grid = Grid(-width_mm / 2, -width_mm / 3, step, columns, columns * 2 // 3)
    return make_target(name, width_mm=width_mm, at_mm=5.0).sheets[0].raster(grid)


@pytest.mark.parametrize(
    ("width_mm", "graduation", "side"), [(36.0, 1.0, 2.0), (8.0, 1.0, 0.5), (2.256, 0.1, 0.1)]
)
def test_graduations_are_round_lengths(width_mm, graduation, side):
    assert graduation_mm(width_mm) == pytest.approx(graduation)
    assert checker_side_mm(width_mm) == pytest.approx(side)


def test_the_ruler_has_its_lines_where_it_says():
    row = painted("ruler").colour[200, :, 0]
    dark = np.flatnonzero((row[1:] < 0.4) & (row[:-1] >= 0.4))
    assert np.diff(dark).mean() * 0.05 == pytest.approx(1.0, rel=0.01)


@pytest.mark.parametrize("name", TARGETS)
def test_targets_stand_where_they_are_put(name):
    depth = painted(name).depth_mm
    assert float(depth.mean()) == pytest.approx(5.0, abs=0.01)
    assert float(np.ptp(depth)) == pytest.approx({"tilted": 3.6, "slanted": 36.0}.get(name, 0.0), abs=0.06)


def test_unknown_targets_are_refused():
    with pytest.raises(ValueError, match="there are: card"):
        make_target("moon", width_mm=36.0)
    with pytest.raises(OrderError, match="there is no target 'moon'"):
        Order.read({"simulator": {"target": "moon"}})


@pytest.mark.parametrize("ne", [16.0, 32.0])
def test_where_diffraction_rules_the_depth_of_field_is_a_quarter_wave_to_each_side(ne):
    near, far = depth_of_field_mm(SimLens(1.0, ne, ne / 2, 1e6), 0.001)
    assert near + far == pytest.approx(4 * WAVELENGTH_MM * ne**2, rel=0.02)


def test_where_pixels_rule_it_is_geometric():
    near, far = depth_of_field_mm(SimLens(1.0, 4.0, 2.0, 1e6), 0.05)
    assert near + far == pytest.approx(2 * 4.0 * 0.1, rel=0.15)


def test_focused_far_the_same_light_gives_a_brighter_picture():
    order = {
        "simulator": {"target": "card", "pixels": [64, 64]},
        "lens": {"f_number": 5.657, "effective_f_number": 11.314, "focus": "far"},
    }
    bench = Bench(Order.read(order))
    try:
        assert bench.world.light.ambient(0.125, 5.657, 100) == pytest.approx(4.0)
    finally:
        bench.close()


def test_the_lens_is_what_it_truly_is():
    lens = Order.read({"simulator": {"lens": {"magnification": 1.07}}, "lens": {"magnification": 1.0}})
    assert lens.lens.truly(lens.simulator.lens).magnification == 1.07
