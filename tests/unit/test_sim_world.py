"""Exposures: light, noise, motion, the file that comes out."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import cv2
import exiv2
import numpy as np
import pytest
from hardware_sims.clock import SimClock
from hardware_sims.exif import read_truth
from hardware_sims.light import Light
from hardware_sims.optics import SimLens
from hardware_sims.scene import Raster, Scene, Sheet
from hardware_sims.sensor import Sensor, srgb_encode
from hardware_sims.world import FixedCarriage, World

LENS = SimLens(1.0, 11.31, 5.657, 300.0)
LIGHT = Light(shutter_s=0.125, f_number=5.657, iso=100)
SENSOR = Sensor(240, 160, 20.0)


def grey_scene(tone, depth_mm=10.0):
    """A board of one tone, or a tone for each place."""

    def raster(grid):
        x, y = np.meshgrid(grid.x_mm, grid.y_mm)
        value = np.broadcast_to(tone(x, y) if callable(tone) else tone, x.shape).astype(np.float32)
        ones = np.ones_like(value)
        return Raster(np.repeat(value[..., None], 3, axis=2), ones, ones * np.float32(depth_mm))

    sheet = Sheet("board", "backdrop", (-6.0, -6.0, 6.0, 6.0), raster)
    return Scene("board", 4.8, 3.2, 20.0, 1, (sheet,))


def dot_scene():
    return grey_scene(lambda x, y: 0.02 + 0.9 * (np.hypot(x - 0.4, y + 0.3) < 0.12))


def world(scene, carriage=None, *, sensor=SENSOR, seed=1, light=LIGHT, dust=0):
    at = carriage or FixedCarriage(10.0)
    return World(scene, LENS, sensor, light, at, SimClock(), seed, workers=2, dust=dust)


def decoded(photo):
    return cv2.imdecode(np.frombuffer(photo.jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def linear(photo):
    v = decoded(photo) / 255.0
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


# ---- exposure ----


@pytest.mark.parametrize(
    ("settings", "stops"),
    [
        ((0.125, 5.657, 100), 0),
        ((0.25, 5.657, 100), 1),
        ((0.125, 4.0, 100), 1),
        ((0.125, 5.657, 200), 1),
        ((0.125, 8.0, 100), -1),
        ((0.5, 11.314, 100), 0),
    ],
)
def test_each_stop_doubles_the_light(settings, stops):
    photo = world(grey_scene(0.2)).expose(0.0, *settings)
    assert float(linear(photo).mean()) == pytest.approx(0.2 * 2.0**stops, rel=0.02)


def test_overexposure_clips_to_white():
    photo = world(grey_scene(0.7)).expose(0.0, 0.5, 5.657, 100)
    assert np.all(decoded(photo) == 255)


def test_flash_adds_light_that_the_shutter_does_not_change():
    made = world(grey_scene(0.2))
    without, short, long = (
        float(linear(made.expose(0.0, shutter, 5.657, 100, flash)).mean())
        for shutter, flash in ((1 / 250, False), (1 / 250, True), (1 / 125, True))
    )
    assert without < 0.01
    assert short == pytest.approx(0.2 * (1 + 0.032), rel=0.03)
    assert long == pytest.approx(0.2 * (1 + 0.064), rel=0.03)


@pytest.mark.parametrize("name", ["shutter_s", "f_number", "iso"])
def test_settings_without_sense_are_refused(name):
    values = {"shutter_s": 0.1, "f_number": 5.6, "iso": 100.0, name: 0.0}
    with pytest.raises(ValueError, match=name):
        world(grey_scene(0.2)).expose(0.0, **values)


def test_light_and_sensor_without_sense_are_refused():
    with pytest.raises(ValueError, match="iso"):
        Light(0.1, 5.6, -100)
    with pytest.raises(ValueError, match="flash_exposure"):
        Light(0.1, 5.6, 100, flash_exposure=-1)
    with pytest.raises(ValueError, match="16 × 16"):
        Sensor(8, 8, 20.0)
    with pytest.raises(ValueError, match="pitch_um"):
        Sensor(80, 80, 0.0)


# ---- noise ----


@pytest.mark.parametrize("iso", [100, 800])
@pytest.mark.parametrize("tone", [0.05, 0.2, 0.6])
def test_noise_is_that_of_counting_photons(tone, iso):
    sensor = Sensor(300, 300, 20.0)
    light = np.full((300, 300, 3), tone, np.float32)
    codes = sensor.develop(light, iso, (1, 2)).astype(float)
    electrons = tone * sensor.full_well_electrons * 100 / iso
    sigma_linear = math.sqrt(electrons + sensor.read_noise_electrons**2) / electrons * tone
    slope = float(srgb_encode(np.array(tone + 1e-4)) - srgb_encode(np.array(tone - 1e-4))) / 2e-4 * 255
    expected = math.hypot(sigma_linear * slope, 1 / math.sqrt(12))  # rounding to codes
    assert codes.std() == pytest.approx(expected, rel=0.06)
    assert codes.mean() == pytest.approx(255 * float(srgb_encode(np.array(tone))), abs=0.2)


def test_noise_of_pixels_channels_and_frames_is_independent():
    light = np.full((200, 200, 3), 0.2, np.float32)
    first, second = (SENSOR.develop(light, 800, (1, k)).astype(float) for k in (0, 1))
    for a, b in (
        (first[..., 0], first[..., 1]),
        (first[..., 0], second[..., 0]),
        (first[:, 1:, 0], first[:, :-1, 0]),
        (first[1:, :, 0], first[:-1, :, 0]),
        (first[:64, :, 0], first[128:192, :, 0]),
    ):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.03


def test_the_same_seed_makes_the_same_pictures_and_another_seed_others():
    shots = [
        [decoded(made.expose(0.0, 0.125, 5.657, 100)) for _ in range(2)]
        for made in (world(dot_scene(), seed=s) for s in (1, 1, 2))
    ]
    assert np.array_equal(shots[0][0], shots[1][0])
    assert np.array_equal(shots[0][1], shots[1][1])
    assert not np.array_equal(shots[0][0], shots[0][1])
    assert not np.array_equal(shots[0][0], shots[2][0])


def test_exposures_from_several_threads_come_out_whole():
    made, alone = world(dot_scene()), world(dot_scene())
    expected = {decoded(alone.expose(0.0, 0.125, 5.657, 100)).tobytes() for _ in range(6)}
    with ThreadPoolExecutor(4) as pool:
        photos = list(pool.map(lambda _: made.expose(0.0, 0.125, 5.657, 100), range(6)))
    assert {decoded(photo).tobytes() for photo in photos} == expected


# ---- motion ----


class Moving:
    """Travels at a speed, shakes along x."""

    def __init__(self, start_mm=10.0, speed_mm_s=0.0, shake_um=0.0, hertz=40.0):
        self.start_mm, self.speed_mm_s, self.shake_um, self.hertz = start_mm, speed_mm_s, shake_um, hertz

    def position_mm(self, t_s):
        return self.start_mm + self.speed_mm_s * t_s

    def vibration_um(self, t_s):
        return self.shake_um * math.sin(2 * math.pi * self.hertz * t_s), 0.0


def width_px(photo, axis):
    """Standard deviation of the dot's light along an axis."""
    light = np.clip(linear(photo)[..., 1] - 0.03, 0.0, None)
    light[light < 0.05] = 0.0
    line = light.sum(axis=1 - axis)
    at = np.arange(len(line))
    mean = (at * line).sum() / line.sum()
    return math.sqrt(((at - mean) ** 2 * line).sum() / line.sum())


def test_the_true_position_is_the_mean_over_the_exposure():
    made = world(dot_scene(), Moving(start_mm=8.0, speed_mm_s=2.0))
    photo = made.expose(0.5, 0.25, 5.657, 100)
    assert photo.position_mm == pytest.approx(8.0 + 2.0 * 0.625, abs=1e-3)
    assert read_truth(photo.jpeg)["position_mm"] == pytest.approx(photo.position_mm)


def test_shake_smears_along_its_axis_only():
    still = world(dot_scene(), Moving()).expose(0.0, 0.125, 5.657, 100)
    shaken = world(dot_scene(), Moving(shake_um=80.0)).expose(0.0, 0.125, 5.657, 100)
    # A sine of 4 px amplitude has a variance of 8 px²; the camera sees it at 1:1.
    assert width_px(shaken, 1) ** 2 - width_px(still, 1) ** 2 == pytest.approx(8.0, rel=0.15)
    assert width_px(shaken, 0) == pytest.approx(width_px(still, 0), rel=0.03)


def test_travel_during_the_exposure_blurs():
    still = world(dot_scene(), Moving(start_mm=10.0)).expose(0.0, 0.125, 5.657, 100)
    # 32 mm/s through focus: 2 mm to each side.
    moving = world(dot_scene(), Moving(start_mm=8.0, speed_mm_s=32.0)).expose(0.0, 0.125, 5.657, 100)
    assert moving.position_mm == pytest.approx(10.0, abs=1e-3)
    assert linear(moving).max() <= linear(still).max()
    assert (
        np.abs(np.gradient(linear(moving)[..., 1], axis=1)).max()
        < 0.75 * np.abs(np.gradient(linear(still)[..., 1], axis=1)).max()
    )


# ---- the file ----


def test_the_file_says_simulated_and_how_it_was_exposed():
    photo = world(dot_scene()).expose(3.0, 1 / 60, 8.0, 400, flash=True)
    image = exiv2.ImageFactory.open(photo.jpeg)
    image.readMetadata()
    exif = {datum.key(): datum.toString() for datum in image.exifData()}
    assert exif["Exif.Image.Make"].startswith("SIMULATED")
    assert exif["Exif.Image.ImageDescription"].startswith("SIMULATED")
    assert exif["Exif.Photo.ExposureTime"] == "1/60"
    assert exif["Exif.Photo.FNumber"] == "8/1"
    assert exif["Exif.Photo.ISOSpeedRatings"] == "400"
    assert exif["Exif.Photo.FocalLength"] == "150/1"
    assert exif["Exif.Photo.Flash"] == "1"
    assert len(exif["Exif.Photo.DateTimeOriginal"]) == 19
    truth = read_truth(photo.jpeg)
    assert truth["simulated"] is True
    assert truth["position_mm"] == pytest.approx(10.0)
    assert truth["scene"] == "board"
    assert (photo.width, photo.height) == (240, 160)
    assert decoded(photo).shape == (160, 240, 3)
    assert photo.render_s > 0


def test_colour_is_not_subsampled():
    # Red and green columns one pixel wide keep their colours only at 4:4:4.
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2, 0] = 200
    stripes[:, 1::2, 1] = 200
    back = cv2.imdecode(np.frombuffer(SENSOR.jpeg(stripes), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(back.astype(int) - stripes).mean() < 8


def test_a_real_pictures_maker_note_is_not_read_as_truth():
    done, jpeg = cv2.imencode(".jpg", np.zeros((32, 32, 3), np.uint8))
    assert done
    with pytest.raises(ValueError, match="not a simulated picture"):
        read_truth(jpeg.tobytes())


# ---- dust ----


def test_dust_lies_at_the_same_place_of_all_pictures_and_is_harder_at_a_smaller_aperture():
    dusty, clean = world(grey_scene(0.3), dust=30), world(grey_scene(0.3))
    shots = [(0.125, 5.657), (0.125, 5.657), (1.0, 16.0)]
    first, again, small = (
        cv2.blur(linear(dusty.expose(0.0, s, f, 100)) / linear(clean.expose(0.0, s, f, 100)), (3, 3)).min(
            axis=2
        )
        for s, f in shots
    )
    assert first.min() < 0.8
    place = np.unravel_index(first.argmin(), first.shape)
    assert again[place] == pytest.approx(first[place], abs=0.05)
    assert small.min() < first.min() - 0.05
    assert 0.002 < (first < 0.97).mean() < 0.3
