"""What the renderer makes of simple scenes whose picture can be told by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hardware_sims.optics import SimLens, defocused_otf
from hardware_sims.render import Frame, Renderer, Viewpoint
from hardware_sims.scene import Raster, Scene, Sheet

LENS = SimLens(1.0, 11.31, 5.657, 300.0)
STOP = 5.657
FRAME = Frame(300, 200, 0.02)
BOUNDS = (-8.0, -8.0, 8.0, 8.0)


def sheet(kind, colour, cover, depth):
    """A sheet from functions of x and y in mm."""

    def raster(grid):
        x, y = np.meshgrid(grid.x_mm, grid.y_mm)
        tone = np.broadcast_to(colour(x, y), x.shape).astype(np.float32)
        covered = np.broadcast_to(cover(x, y, grid.step_mm), x.shape).astype(np.float32)
        z = np.broadcast_to(depth(x, y), x.shape).astype(np.float32)
        return Raster(np.repeat(tone[..., None], 3, axis=2), covered, z)

    return Sheet("test", kind, BOUNDS, raster)


def everywhere(x, y, step):
    return 1.0


def flat(value):
    return lambda x, y: value


def right_half(x, y, step):
    return np.clip(0.5 + x / step, 0.0, 1.0)


def disc_cover(at, radius):
    return lambda x, y, step: np.clip(0.5 + (radius - np.hypot(x - at[0], y - at[1])) / step, 0.0, 1.0)


def backdrop(tone, depth_mm=20.0):
    return sheet("backdrop", flat(tone), everywhere, flat(depth_mm))


def renderer(*sheets, frame=FRAME, lens=LENS, depth_mm=32.0):
    width, height = frame.width_px * frame.pitch_mm, frame.height_px * frame.pitch_mm
    return Renderer(Scene("test", width, height, depth_mm, 1, tuple(sheets)), lens, frame, workers=1)


def row(picture):
    """Middle row, green."""
    return picture[picture.shape[0] // 2, :, 1]


# ---- occlusion ----


def magnification_off_focus(off_mm: float) -> float:
    """Of a plane that much beyond the plane of focus: m·v/(v+z−x)."""
    v_mm = LENS.pupil_distance_mm
    return LENS.magnification * v_mm / (v_mm + off_mm)


def test_a_blurred_near_edge_spills_over_the_sharp_far():
    made = renderer(backdrop(1.0, 20.0), sheet("surface", flat(0.0), right_half, flat(12.0)))
    line = row(made.render(Viewpoint(20.0), STOP))
    blur_px = float(LENS.blur_diameter_mm(12.0, 20.0)) / 0.02
    assert blur_px > 30
    middle = 150
    # The edge's blur reaches half its diameter to both sides of where the edge is.
    assert line[middle] == pytest.approx(0.5, abs=0.03)
    assert line[int(middle - blur_px / 2 - 3)] > 0.98
    assert line[int(middle - blur_px / 4)] < 0.9
    assert line[int(middle + blur_px / 4)] > 0.1
    assert line[int(middle + blur_px / 2 + 3)] < 0.02
    assert np.all(np.diff(line[60:240]) < 4e-3)


def test_a_blurred_far_does_not_spill_over_a_sharp_near_edge():
    made = renderer(backdrop(1.0, 20.0), sheet("surface", flat(0.0), right_half, flat(12.0)))
    line = row(made.render(Viewpoint(12.0), STOP))
    assert np.all(line[:146] > 0.99)
    assert np.all(line[154:] < 0.01)


def test_far_texture_next_to_a_sharp_near_edge_is_blurred_with_what_the_near_hides():
    stripes = sheet("backdrop", lambda x, y: 0.5 + 0.4 * np.sign(np.sin(x * 40)), everywhere, flat(25.0))
    made = renderer(stripes, sheet("surface", flat(0.0), right_half, flat(5.0)))
    line = row(made.render(Viewpoint(5.0), STOP))
    assert np.abs(line[60:145] - 0.5).max() < 0.03


# ---- one surface in many slices ----


@pytest.mark.parametrize("carriage_mm", [0.0, 7.3, 16.0, 32.0])
@pytest.mark.parametrize("slope", [0.5, 3.0])
def test_nothing_leaks_through_a_tilted_surface(carriage_mm, slope):
    tilted = sheet("surface", flat(1.0), everywhere, lambda x, y: 16.0 + slope * x + 0.3 * np.sin(6 * y))
    picture = renderer(backdrop(0.0, 90.0), tilted).render(Viewpoint(carriage_mm), STOP)
    assert np.abs(picture - 1.0).max() < 0.01


def test_strands_along_the_axis_keep_their_light():
    strand = sheet(
        "strands",
        flat(1.0),
        lambda x, y, step: np.clip(0.5 + (0.15 - abs(y)) / step, 0, 1) * (np.abs(x) < 7),
        lambda x, y: 16.0 + 2.0 * x,
    )
    made = renderer(backdrop(0.0, 90.0), strand)
    sums = [made.render(Viewpoint(x), STOP)[:, 100:200, 1].sum() for x in (16.0, 13.0)]
    assert sums[1] == pytest.approx(sums[0], rel=0.03)


# ---- blur ----


@pytest.mark.parametrize("off_mm", [0.0, 0.15, 0.4, 0.9, 1.7, 3.0, 6.0, 12.0])
def test_a_flat_texture_is_blurred_as_the_exact_otf_says(off_mm):
    frame = Frame(384, 256, 0.02)
    rng = np.random.default_rng(3)
    waves = [(rng.normal(0, 14, 2), rng.uniform(0, 6.28), rng.uniform(0.01, 0.06)) for _ in range(24)]

    def texture(x, y):
        return 0.5 + sum(a * np.sin(k[0] * x + k[1] * y + p) for k, p, a in waves)

    made = renderer(sheet("backdrop", texture, everywhere, flat(14.0)), frame=frame)
    found = made.render(Viewpoint(14.0 - off_mm), STOP)[..., 1]
    # Each wave keeps its place and loses contrast by the OTF of its frequency on the sensor and by the pixel.
    local = magnification_off_focus(off_mm)
    blur_mm = float(LENS.blur_diameter_mm(14.0, 14.0 - off_mm))
    u = (np.arange(frame.width_px) + 0.5 - frame.width_px / 2) * 0.02 / local
    w = ((np.arange(frame.height_px) + 0.5 - frame.height_px / 2) * 0.02 / local)[:, None]
    expected = np.full(found.shape, 0.5)
    for k, phase, amplitude in waves:
        lp_mm = np.hypot(*k) / (2 * math.pi) / local
        otf = float(defocused_otf(np.array([lp_mm * 0.00055 * 11.31]), LENS.defocus_waves(blur_mm))[0])
        pixel = np.sinc(k[0] / (2 * math.pi) / local * 0.02) * np.sinc(k[1] / (2 * math.pi) / local * 0.02)
        expected += amplitude * otf * pixel * np.sin(k[0] * u + k[1] * w + phase)
    difference = found - expected
    assert np.sqrt(np.mean(difference**2)) < 0.005, "above the noise of a frame, 0.005 at half of white"


@pytest.mark.parametrize("off_mm", [4.0, 9.0, 20.0])
def test_the_blur_disc_has_the_geometric_diameter(off_mm):
    frame = Frame(400, 400, 0.02)
    radius = 0.1
    dot = sheet("surface", flat(1.0), disc_cover((0.0, 0.0), radius), flat(10.0))
    picture = renderer(backdrop(0.0, 90.0), dot, frame=frame).render(Viewpoint(10.0 - off_mm), STOP)[..., 1]
    own = radius * magnification_off_focus(off_mm)
    assert picture.sum() * 0.02**2 == pytest.approx(math.pi * own**2, rel=0.08), "light is lost or won"
    assert picture.min() > -0.04 * picture.max(), "a halo around a highlight"
    # Half of a disc's light is within 1/√2 of its radius; a small dot convolved with it moves that by little
    # (8·r50² grows by 1.4 of the dot's radius squared, found by convolving discs).
    at = (np.arange(400) + 0.5 - 200) * 0.02
    r = np.hypot(at[None, :], at[:, None]).ravel()
    order = np.argsort(r)
    within = np.cumsum(picture.ravel()[order])
    r50 = r[order][np.searchsorted(within, within[-1] / 2)]
    diameter = math.sqrt(8 * r50**2 - 1.4 * own**2)
    assert diameter == pytest.approx(float(LENS.blur_diameter_mm(10.0, 10.0 - off_mm)), rel=0.06)


def test_sorting_by_blur_is_finer_than_the_noise():
    tilted = sheet(
        "surface",
        lambda x, y: 0.5 + 0.3 * np.sin(25 * x) * np.sin(25 * y),
        everywhere,
        lambda x, y: 8 + 2 * x,
    )
    made = renderer(backdrop(0.0, 90.0), tilted)
    coarse, fine = (made.render(Viewpoint(8.0), STOP, fineness=f) for f in (1.0, 4.0))
    assert np.sqrt(np.mean((coarse - fine) ** 2)) < 0.004


# ---- perspective ----


def centroid(picture, about, reach=40):
    """Centre of light in a window, in px from the middle of the frame."""
    rows, columns = picture.shape[:2]
    y0, x0 = int(rows / 2 + about[1]), int(columns / 2 + about[0])
    window = picture[max(0, y0 - reach) : y0 + reach, max(0, x0 - reach) : x0 + reach, 1]
    y, x = np.mgrid[0 : window.shape[0], 0 : window.shape[1]]
    total = window.sum()
    return (
        (x * window).sum() / total + max(0, x0 - reach) + 0.5 - columns / 2,
        (y * window).sum() / total + max(0, y0 - reach) + 0.5 - rows / 2,
    )


@pytest.mark.parametrize(("depth_mm", "carriage_mm"), [(10.0, 10.0), (10.0, 8.0), (2.0, 6.0), (30.0, 24.0)])
@pytest.mark.parametrize("pupil_mm", [300.0, 97.0])
def test_a_dot_is_where_the_perspective_says(depth_mm, carriage_mm, pupil_mm):
    lens = SimLens(1.0, 11.31, 5.657, pupil_mm)
    at = (1.83, -1.21)
    dot = sheet("surface", flat(1.0), disc_cover(at, 0.11), flat(depth_mm))
    picture = renderer(backdrop(0.0, 90.0), dot, lens=lens).render(Viewpoint(carriage_mm), STOP)
    scale = pupil_mm / (pupil_mm + depth_mm - carriage_mm) / 0.02
    expected = (at[0] * scale, at[1] * scale)
    assert centroid(picture, expected) == pytest.approx(expected, abs=0.08)


def test_a_dot_on_a_slope_is_where_the_perspective_says():
    at, slope = (2.1, 0.7), 4.0
    dot = sheet("surface", flat(1.0), disc_cover(at, 0.1), lambda x, y: 9.0 + slope * (x - at[0]))
    picture = renderer(backdrop(0.0, 90.0), dot).render_sharp(Viewpoint(4.0), STOP)
    scale = 300 / (300 + 9.0 - 4.0) / 0.02
    assert centroid(picture, (at[0] * scale, at[1] * scale)) == pytest.approx(
        (at[0] * scale, at[1] * scale), abs=0.05
    )


def test_a_sideways_shift_moves_what_is_in_focus_by_the_magnification():
    dot = sheet("surface", flat(1.0), disc_cover((0.5, 0.5), 0.1), flat(10.0))
    picture = renderer(backdrop(0.0, 90.0), dot).render(Viewpoint(10.0, (0.013, -0.007)), STOP)
    expected = ((0.5 - 0.013) / 0.02, (0.5 + 0.007) / 0.02)
    assert centroid(picture, expected) == pytest.approx(expected, abs=0.03)


# ---- in focus ----


def test_in_focus_the_picture_is_the_truth():
    texture = sheet("surface", lambda x, y: 0.5 + 0.4 * np.sin(30 * x + 11 * y), everywhere, flat(12.0))
    made = renderer(backdrop(0.0, 90.0), texture)
    picture, truth = made.render(Viewpoint(12.0), STOP), made.render_sharp(Viewpoint(12.0), STOP)
    assert np.abs(picture - truth).max() < 0.002


def test_depth_is_that_of_the_nearest_surface():
    tilted = sheet("surface", flat(1.0), right_half, lambda x, y: 10.0 + 1.5 * x)
    made = renderer(backdrop(0.0, 90.0), tilted)
    depth = made.depth_mm(Viewpoint(3.0), STOP)
    assert np.all(depth[:, :145] == pytest.approx(90.0, abs=1e-3))
    u = (np.arange(160, 300) + 0.5 - 150) * 0.02
    # A pixel at u sees x = u(v+z−c)/v with z = 10 + 1.5x: solved for z.
    expected = 10.0 + 1.5 * u * (300 + 10 - 3.0) / (300 - 1.5 * u)
    assert np.abs(depth[100, 160:] - expected).max() < 0.01


def test_the_result_does_not_depend_on_threads_or_tiles():
    tilted = sheet("surface", lambda x, y: 0.5 + 0.3 * np.sin(20 * x), right_half, lambda x, y: 6 + 2 * x)
    sheets = (backdrop(0.2, 90.0), tilted)
    scene = Scene("test", 6.0, 4.0, 32.0, 1, sheets)
    one, three = (Renderer(scene, LENS, FRAME, workers=n).render(Viewpoint(6.0), STOP) for n in (1, 3))
    assert np.array_equal(one, three)


def test_the_scene_is_sampled_for_the_first_picture_unless_prepared_and_only_once():
    painted = []

    def tone(x, y):
        painted.append(x.shape)
        return 0.5

    def made():
        return renderer(sheet("backdrop", tone, everywhere, flat(20.0)), frame=Frame(64, 64, 0.02))

    waiting, ready = made(), made()
    assert not painted
    ready.prepare()
    tiles = len(painted)
    assert tiles
    ready.render(Viewpoint(6.0), STOP)
    assert len(painted) == tiles
    waiting.render(Viewpoint(6.0), STOP)
    assert len(painted) == 2 * tiles
