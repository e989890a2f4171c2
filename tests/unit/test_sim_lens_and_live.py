"""What frames, RAW files and live view show of the bench's lens, light and shake."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

import cv2
import exiv2
import numpy as np
import pytest
import tifffile
from hardware_sims.clock import SimClock
from hardware_sims.exif import read_truth
from hardware_sims.light import Light
from hardware_sims.optics import SimLens
from hardware_sims.scene import Raster, Scene, Sheet
from hardware_sims.sensor import BLACK_LEVEL, NEUTRAL, WHITE_LEVEL, Sensor
from hardware_sims.world import FixedCarriage, World

LENS = SimLens(1.0, 11.31, 5.657, 300.0)
LIGHT = Light(0.125, 5.657, 100)
RIGHT = (0.125, 5.657, 100)


class Focused:
    """A lens driven to where the test wants it."""

    extension_mm_now = 0.0

    def extension_mm(self, _t_s: float) -> float:
        return self.extension_mm_now


def board(depth_mm: float, tone: float | None = None, square_mm: float = 0.08) -> Scene:
    """A flat board with fine squares, or of one tone."""

    def raster(grid: object) -> Raster:
        x, y = np.meshgrid(grid.x_mm, grid.y_mm)  # type: ignore[attr-defined]
        squares = (np.floor(x / square_mm) + np.floor(y / square_mm)) % 2
        value = np.full(x.shape, tone, np.float32) if tone else (0.1 + 0.6 * squares).astype(np.float32)
        ones = np.ones_like(value)
        return Raster(np.repeat(value[..., None], 3, axis=2), ones, ones * np.float32(depth_mm))

    return Scene("board", 4.8, 3.2, 4.0, 1, (Sheet("board", "backdrop", (-6, -6, 6, 6), raster),))


@pytest.fixture
def focus() -> Focused:
    return Focused()


@pytest.fixture
def made(focus: Focused) -> Iterator[list[World]]:
    worlds: list[World] = []
    yield worlds
    for one in worlds:
        one.close()


def world(
    made: list[World], focus: Focused, scene: Scene | None = None, at_mm: float = 1.0, **more: object
) -> World:
    sensor = Sensor(240, 160, 20.0)
    scene = scene or board(1.0)
    one = World(scene, LENS, sensor, LIGHT, FixedCarriage(at_mm), SimClock(), 1, 2, focus, **more)  # type: ignore[arg-type]
    made.append(one)
    return one


def grey(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE).astype(float)


def sharpness(jpeg: bytes) -> float:
    return float(np.abs(np.diff(grey(jpeg), axis=1)).mean())


def live(one: World, f_number: float = 5.657, shutter_s: float = 0.125) -> bytes:
    deadline = time.monotonic() + 30.0
    while (frame := one.preview(0.0, shutter_s, f_number, 100)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return frame


# ---- the lens ----


def test_a_driven_lens_is_out_of_focus_where_it_was_sharp_and_says_where_it_is(
    made: list[World], focus: Focused
) -> None:
    one = world(made, focus)
    sharp = one.expose(0.0, *RIGHT)
    focus.extension_mm_now = -1.5  # focused 1.5 mm farther than the board
    soft = one.expose(0.0, *RIGHT)
    assert sharpness(soft.jpeg) < 0.5 * sharpness(sharp.jpeg)
    truth = read_truth(soft.jpeg)
    assert truth["position_mm"] == pytest.approx(1.0)
    assert truth["extension_mm"] == pytest.approx(-1.5)
    assert truth["focus_mm"] == pytest.approx(1.0 + 150.0 * (1 + 1 / 0.99) - 300.0)


def test_driving_the_lens_to_a_board_makes_it_sharp(made: list[World], focus: Focused) -> None:
    one = world(made, focus, board(2.5))
    soft = one.expose(0.0, *RIGHT)
    focus.extension_mm_now = 150.0 * (1 / (301.5 / 150.0 - 1) - 1)  # the plane of focus at 2.5 mm
    sharp = one.expose(0.0, *RIGHT)
    assert read_truth(sharp.jpeg)["focus_mm"] == pytest.approx(2.5)
    assert sharpness(sharp.jpeg) > 2.0 * sharpness(soft.jpeg)


def test_focusing_breathes(made: list[World], focus: Focused) -> None:
    def dots(grid: object) -> Raster:
        x, y = np.meshgrid(grid.x_mm, grid.y_mm)  # type: ignore[attr-defined]
        value = (0.05 + 0.8 * ((np.abs(np.abs(x) - 1.6) < 0.15) & (np.abs(y) < 0.4))).astype(np.float32)
        ones = np.ones_like(value)
        return Raster(np.repeat(value[..., None], 3, axis=2), ones, ones)

    scene = Scene("dots", 4.8, 3.2, 4.0, 1, (Sheet("dots", "backdrop", (-6, -6, 6, 6), dots),))
    one = world(made, focus, scene, farthest_mm=-6.0)

    def apart_px() -> float:
        profile = grey(one.expose(0.0, *RIGHT).jpeg)[70:90].mean(axis=0)
        profile = np.maximum(profile - 0.4 * profile.max(), 0.0)
        x = np.arange(240)
        left, right = x < 120, x >= 120
        return float(
            (x * profile)[right].sum() / profile[right].sum()
            - (x * profile)[left].sum() / profile[left].sum()
        )

    before = apart_px()
    focus.extension_mm_now = -6.0
    # The pupil stays, so the picture shrinks as m·v does: to (1 + 0.96)/2.
    assert apart_px() / before == pytest.approx(0.98, abs=0.003)


# ---- mirror, flash ----


def test_a_mirrors_knock_smears_a_short_exposure(made: list[World], focus: Focused) -> None:
    one = world(made, focus)
    still = one.expose(0.0, 1 / 30, 5.657, 400)
    knocked = one.expose(0.0, 1 / 30, 5.657, 400, shake_um=150.0)

    def vertical(jpeg: bytes) -> float:
        return float(np.abs(np.diff(grey(jpeg), axis=0)).mean())

    assert vertical(knocked.jpeg) < 0.8 * vertical(still.jpeg)


def test_a_flash_that_did_not_fire_leaves_the_frame_dark(made: list[World], focus: Focused) -> None:
    one = world(made, focus)
    assert grey(one.expose(0.0, *RIGHT, light_share=0.01).jpeg).mean() < 20.0
    assert grey(one.expose(0.0, *RIGHT).jpeg).mean() > 100.0


# ---- RAW ----


def test_a_raw_file_holds_what_the_pixels_counted(made: list[World], focus: Focused) -> None:
    photo = world(made, focus, board(1.0, tone=0.4)).expose(0.0, *RIGHT, raw=True)
    assert photo.raw is not None
    with tifffile.TiffFile(io.BytesIO(photo.raw)) as tiff:
        first = tiff.pages.first
        assert first.tags["DNGVersion"].value == bytes((1, 4, 0, 0))
        neutral = first.tags["AsShotNeutral"].value
        bayer, preview = first.pages  # the sub-images
        counts = bayer.asarray()
        assert (bayer.photometric, counts.shape, counts.dtype) == (32803, (160, 240), np.uint16)
        assert bayer.tags["BlackLevel"].value == BLACK_LEVEL
        assert bayer.tags["WhiteLevel"].value == WHITE_LEVEL
        assert tuple(bayer.tags["CFAPattern"].value) == (0, 1, 1, 2)
        assert preview.asarray().shape == (160, 240, 3)
    assert [neutral[2 * k] / neutral[2 * k + 1] for k in range(3)] == list(NEUTRAL)
    signal = (counts.astype(float) - BLACK_LEVEL) / (WHITE_LEVEL - BLACK_LEVEL)
    for row, column, share in ((0, 0, NEUTRAL[0]), (0, 1, 1.0), (1, 0, 1.0), (1, 1, NEUTRAL[2])):
        seen = signal[row::2, column::2]
        assert seen.mean() == pytest.approx(0.4 * share, rel=0.01)
        electrons = 50_000 * 0.4 * share  # photon noise
        assert seen.std() * 50_000 == pytest.approx(np.sqrt(electrons + 16.0), rel=0.1)


def test_a_raw_file_says_that_it_is_simulated_and_keeps_the_truth(made: list[World], focus: Focused) -> None:
    photo = world(made, focus).expose(0.0, *RIGHT, raw=True)
    assert photo.raw is not None
    assert read_truth(photo.raw) == read_truth(photo.jpeg)
    image = exiv2.ImageFactory.open(photo.raw)
    image.readMetadata()
    data = image.exifData()
    assert data["Exif.Image.Make"].toString().startswith("SIMULATED")
    assert data["Exif.Photo.ExposureTime"].toString() == "1/8"
    assert len(exiv2.PreviewManager(image).getPreviewProperties()) == 2


def test_a_raw_converter_makes_the_same_greys(made: list[World], focus: Focused) -> None:
    rawpy = pytest.importorskip("rawpy")
    photo = world(made, focus, board(1.0, tone=0.4)).expose(0.0, *RIGHT, raw=True)
    with rawpy.imread(io.BytesIO(photo.raw)) as raw:
        assert raw.raw_image_visible.shape == (160, 240)
        developed = (
            raw.postprocess(use_camera_wb=True, no_auto_bright=True, gamma=(1.0, 1.0), output_bps=16)
            / 65535.0
        )
        assert raw.extract_thumb().data is not None
    assert developed[20:-20, 20:-20].mean(axis=(0, 1)) == pytest.approx([0.4] * 3, rel=0.03)


# ---- live view ----


def test_live_view_is_sharp_where_a_frame_would_be(made: list[World], focus: Focused) -> None:
    one = world(made, focus)
    assert one.preview(0.0, 0.125, 5.657, 100) is None  # the first takes a moment
    sharp = live(one)
    assert grey(sharp).shape == (160, 240)
    focus.extension_mm_now = -1.5
    soft = live(one)
    assert sharpness(soft) < 0.5 * sharpness(sharp)


def test_live_view_looks_as_the_frame_will(made: list[World], focus: Focused) -> None:
    one = world(made, focus, board(1.0, square_mm=0.5))
    live(one)
    focus.extension_mm_now = -3.0
    seen, frame = live(one), one.expose(0.0, *RIGHT)
    assert float(np.corrcoef(grey(seen).ravel(), grey(frame.jpeg).ravel())[0, 1]) > 0.98


def test_live_view_is_as_bright_as_the_exposure_will_be(made: list[World], focus: Focused) -> None:
    one = world(made, focus, board(1.0, tone=0.2))
    right, half = (grey(live(one, shutter_s=shutter_s)).mean() for shutter_s in (0.125, 0.0625))
    assert right == pytest.approx(grey(one.expose(0.0, *RIGHT).jpeg).mean(), abs=4.0)
    assert half == pytest.approx(grey(one.expose(0.0, 0.0625, 5.657, 100).jpeg).mean(), abs=4.0)


def test_live_view_follows_the_carriage(made: list[World], focus: Focused) -> None:
    one = world(made, focus, board(3.0))
    soft = live(one)
    one.carriage = FixedCarriage(3.0)
    assert sharpness(live(one)) > 1.5 * sharpness(soft)
