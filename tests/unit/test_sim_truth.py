"""The truth that stacks are held against, and the score."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hardware_sims.clock import SimClock
from hardware_sims.light import Light
from hardware_sims.optics import SimLens
from hardware_sims.scene import Raster, Scene, Sheet
from hardware_sims.scenes import make_scene
from hardware_sims.scoring import aligned, psnr_db, score
from hardware_sims.sensor import Sensor, srgb_encode
from hardware_sims.truth import Truth
from hardware_sims.view import Viewpoint
from hardware_sims.world import World

LENS = SimLens(1.0, 11.31, 5.657, 300.0)
STOP = 5.657


class Carriage:
    """Stands where it is put."""

    at_mm = 0.0

    def position_mm(self, t_s):
        return self.at_mm

    def vibration_um(self, t_s):
        return 0.0, 0.0


def make_world(scene, sensor, lens=LENS):
    carriage = Carriage()
    return World(scene, lens, sensor, Light(0.125, STOP, 100), carriage, SimClock(), workers=2), carriage


def frames_of(world, carriage, positions):
    frames = []
    for position in positions:
        carriage.at_mm = float(position)
        jpeg = np.frombuffer(world.expose(0.0, 0.125, STOP, 100).jpeg, np.uint8)
        frames.append(cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1])
    return frames


@pytest.fixture(scope="module")
def stack():
    """A statue in 26 frames on a small sensor with wide pixels."""
    world, carriage = make_world(make_scene("statue"), Sensor(450, 300, 80.0))
    positions = np.linspace(0, 32, 26)
    return world, positions, frames_of(world, carriage, positions)


def board_scene(depth_mm):
    def raster(grid):
        x, y = np.meshgrid(grid.x_mm, grid.y_mm)
        tone = (0.4 + 0.3 * np.sin(9 * x) * np.sin(7 * y + x)).astype(np.float32)
        return Raster(np.repeat(tone[..., None], 3, 2), np.ones_like(tone), np.full_like(tone, depth_mm))

    board = Sheet("board", "surface", (-9.0, -9.0, 9.0, 9.0), raster)
    return Scene("board", 9.6, 6.4, 32.0, 1, (board,))


def test_the_composite_by_depth_is_far_better_than_any_frame_and_their_mean(stack):
    world, positions, frames = stack
    truth = Truth(world)
    view, crop = truth.view(), truth.common(positions)
    laid = [truth.registered(f, p) for f, p in zip(frames, positions, strict=True)]
    best = max(score(f, view, crop, align=False).psnr_db for f in laid)
    mean = score(np.mean([f / 255.0 for f in laid], axis=0), view, crop, align=False).psnr_db
    composite = score(truth.composite_by_depth(frames, positions), view, crop, align=False).psnr_db
    assert composite > best + 3.0
    assert composite > mean + 3.0


def test_the_composite_lies_exactly_on_the_truth(stack):
    world, positions, frames = stack
    truth = Truth(world)
    crop = truth.common(positions)
    picture, view = truth.composite_by_depth(frames, positions)[crop], truth.view()[crop]
    assert aligned(picture, view)[1] < 0.15


def test_a_frame_laid_on_the_view_by_its_similarity_is_the_truth_where_it_is_in_focus():
    world, _ = make_world(board_scene(20.0), Sensor(480, 320, 20.0))
    truth = Truth(world, x_ref_mm=2.0)
    frame = srgb_encode(world.renderer.render(Viewpoint(20.0), STOP)).astype(np.float32)
    view = srgb_encode(truth.linear()).astype(np.float32)
    crop = truth.common([2.0, 20.0])
    assert psnr_db(truth.registered(frame, 20.0)[crop], view[crop]) > 45
    assert truth.magnified(20.0) == pytest.approx(300 / 318)
    # The middle stays, a point 100 px to the right of it comes to 100·300/318.
    x, y = truth.similarity(20.0) @ np.array([239.5 + 100.0, 159.5, 1.0])
    assert (x, y) == pytest.approx((239.5 + 100.0 * 300 / 318, 159.5))


def test_a_larger_canvas_at_another_scale_shows_the_same_view():
    world, _ = make_world(board_scene(20.0), Sensor(480, 320, 20.0))
    plain, wide = Truth(world), Truth(world, scale=1.25, size_px=(640, 440))
    shrunk = cv2.warpAffine(
        wide.linear(),
        np.array([[1.25, 0.0, 319.5 - 1.25 * 239.5], [0.0, 1.25, 219.5 - 1.25 * 159.5]]),
        (480, 320),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
    )
    assert psnr_db(shrunk, plain.linear()) > 38
    x, y = wide.similarity(0.0) @ np.array([239.5 + 80.0, 159.5, 1.0])
    assert (x, y) == pytest.approx((319.5 + 100.0, 219.5))


def test_depth_of_the_view():
    world, _ = make_world(board_scene(20.0), Sensor(480, 320, 20.0))
    assert np.all(Truth(world).depth_mm() == pytest.approx(20.0, abs=1e-3))


def test_where_the_best_frame_does_not_reach_the_next_one_is_taken():
    world, carriage = make_world(board_scene(20.0), Sensor(480, 320, 20.0))
    positions = [0.0, 20.0]
    frames = [np.full((320, 480, 3), value, np.uint8) for value in (50, 200)]
    picture = Truth(world).composite_by_depth(frames, positions)
    assert picture[160, 240, 0] == 200
    assert picture[3, 3, 0] == 50
    assert carriage.at_mm == 0.0


def test_view_as_8_and_16_bit():
    world, _ = make_world(board_scene(20.0), Sensor(160, 100, 60.0))
    truth = Truth(world)
    eight, sixteen = truth.view(8), truth.view(16)
    assert (eight.dtype, sixteen.dtype) == (np.uint8, np.uint16)
    assert np.abs(eight / 255.0 - sixteen / 65535.0).max() < 0.002
    with pytest.raises(ValueError, match="8 or 16"):
        truth.view(12)
    with pytest.raises(ValueError, match="as many positions"):
        truth.composite_by_depth([eight], [0.0, 1.0])
    with pytest.raises(ValueError, match="scale"):
        Truth(world, scale=0.0)


# ---- the score ----


def texture(shift=(0.0, 0.0), turn=0.0, zoom=1.0):
    y, x = np.mgrid[0:160, 0:240].astype(np.float64)
    u, w = (x - 119.5) / zoom - shift[0], (y - 79.5) / zoom - shift[1]
    u, w = u * math.cos(turn) + w * math.sin(turn), w * math.cos(turn) - u * math.sin(turn)
    tone = 0.5 + 0.2 * np.sin(u / 3.0) * np.cos(w / 4.0) + 0.1 * np.sin(w / 2.5 + u / 5.0)
    return np.repeat(tone[..., None], 3, axis=2).astype(np.float32)


def test_score_of_noise_is_its_level():
    noisy = texture() + np.random.default_rng(1).normal(0, 0.02, (160, 240, 3)).astype(np.float32)
    assert psnr_db(noisy, texture()) == pytest.approx(-20 * math.log10(0.02), abs=0.1)
    assert score(noisy, texture()).psnr_db == pytest.approx(-20 * math.log10(0.02), abs=0.3)
    assert math.isinf(psnr_db(texture(), texture()))


def test_brightness_is_forgiven():
    found = score(texture() * 0.8 + 0.05, texture())
    assert found.psnr_db > 60
    assert found.gain == pytest.approx(1.25, abs=0.01)


@pytest.mark.parametrize("moved", [{"shift": (0.6, -0.4)}, {"turn": 0.004}, {"zoom": 1.006}])
def test_a_fraction_of_a_pixel_is_forgiven(moved):
    found = score(texture(**moved), texture())
    assert found.psnr_db > 40
    assert found.psnr_db > psnr_db(texture(**moved), texture()) + 10
    assert 0.2 < found.shift_px < 2.0


def test_a_shift_of_pixels_is_not_forgiven():
    found = score(texture(shift=(6.0, 0.0)), texture())
    assert found.psnr_db < 30


def test_bits_do_not_matter():
    eight = np.round(texture() * 255).astype(np.uint8)
    sixteen = np.round(texture() * 65535).astype(np.uint16)
    assert score(eight, sixteen).psnr_db > 55


def test_pictures_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="cannot be compared"):
        score(texture(), texture()[:100])
