"""The depth index: which frame is sharp where, between frames, and how sure that is."""

from __future__ import annotations

import pickle

import cv2
import numpy as np
import pytest

from stacker.focus.measure import FocusMeasure, half_luma
from stacker.frames import Image
from stacker.fusion.base import DepthIndex
from stacker.fusion.depth import DepthTracker
from stacker.fusion.depth_guide import explained
from stacker.fusion.depth_judge import FITTED, Judge
from stacker.fusion.depth_report import SIGNS, Evidence, reported
from stacker.fusion.depth_surface import confidence_of, filled, roughness
from stacker.fusion.stages import choose_stages
from stacker.fusion.window import Window

SIZE = (192, 128)
WINDOW = Window(0, 0, *SIZE)
COUNT = 9


def slope_truth() -> Image:
    """Index of the plane of focus: 0.5 at the left to 7.5 at the right."""
    return np.tile(np.linspace(0.5, 7.5, SIZE[0], dtype=np.float32), (SIZE[1], 1))


def slope_frame(index: int, noise: float = 1.0, seed: int = 0) -> Image:
    """A textured plane, each column blurred by its distance to the frame's plane of focus."""
    texture = np.random.default_rng(1).normal(120, 40, (SIZE[1], SIZE[0])).astype(np.float32)
    texture = cv2.GaussianBlur(texture, (0, 0), 0.8) * 1.5 - 60
    steps = [cv2.GaussianBlur(texture, (0, 0), max(0.01, 0.8 * s)) for s in np.arange(0, 8.1, 0.25)]
    level = np.rint(np.abs(slope_truth() - index) * 4).astype(int)
    blurred = np.take_along_axis(np.stack(steps), level[None], axis=0)[0]
    grain = np.random.default_rng((seed, index)).normal(0, noise, (*blurred.shape, 3))
    return (blurred[..., None] + grain).astype(np.float32)


def tracked(order: list[int], noise: float = 1.0) -> DepthTracker:
    tracker = DepthTracker(noise)
    tracker.cover(WINDOW)
    for index in order:
        tracker.add(half_luma(slope_frame(index, noise)), None, WINDOW, index)
    return tracker


@pytest.mark.parametrize("noise", [1.0, 5.0])
def test_the_index_of_a_slope_lies_between_frames(noise: float) -> None:
    found = tracked(list(range(COUNT)), noise).finish()
    inner = (slice(8, -8), slice(8, -8))
    error = (found.index - slope_truth())[inner]
    assert np.sqrt(np.square(error).mean()) < 0.2
    assert found.confidence[inner].mean() > 0.8


def test_the_order_of_frames_does_not_matter() -> None:
    first = tracked(list(range(COUNT))).finish()
    outward = tracked([*range(4, COUNT), 3, 2, 1, 0]).finish()
    np.testing.assert_allclose(first.index, outward.index, atol=2e-3)
    np.testing.assert_allclose(first.confidence, outward.confidence, atol=2e-3)


def test_a_snapshot_stays_as_it_is() -> None:
    tracker = tracked([0, 1, 2])
    before = DepthIndex.later(tracker.snapshot().finish).cropped((slice(8, 72), slice(20, 90)))
    expected = tracker.finish().index[8:72, 20:90]
    for index in range(3, COUNT):
        tracker.add(half_luma(slope_frame(index)), None, WINDOW, index)
    np.testing.assert_array_equal(before.index, expected)
    assert before.confidence.shape == expected.shape
    assert np.abs(tracker.finish().index[8:72, 20:90] - expected).max() > 0.5


def test_a_depth_that_is_made_later_can_be_sent_to_another_process() -> None:
    later = DepthIndex.later(tracked([0, 1, 2]).snapshot().finish)
    sent = pickle.loads(pickle.dumps(later))
    assert np.array_equal(sent.index, later.index, equal_nan=True)
    assert np.array_equal(sent.confidence, later.confidence)


def test_shares_add_up_and_follow_the_slope() -> None:
    shares = tracked(list(range(COUNT))).shares()
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares[index] for index in range(1, 8)) > 0.08
    assert shares[4] == pytest.approx(1 / 7, abs=0.04)


def test_what_is_flat_is_filled_from_its_surroundings() -> None:
    tracker = DepthTracker(1.0)
    tracker.cover(WINDOW)
    flat = (slice(40, 88), slice(70, 122))
    for index in range(COUNT):
        frame = slope_frame(index)
        frame[flat] = 120 + np.random.default_rng((7, index)).normal(0, 1, frame[flat].shape)
        tracker.add(half_luma(frame), None, WINDOW, index)
    found = tracker.finish()
    assert np.abs(found.index - slope_truth())[48:80, 80:112].max() < 1.0


def test_noise_alone_is_not_believed() -> None:
    tracker = DepthTracker(2.0)
    tracker.cover(WINDOW)
    for index in range(COUNT):
        frame = np.random.default_rng((7, index)).normal(120, 2, (SIZE[1], SIZE[0], 3))
        tracker.add(half_luma(frame.astype(np.float32)), None, WINDOW, index)
    confidence = tracker.finish().confidence
    assert confidence.mean() < 0.15
    assert confidence.max() < 0.6


def silhouette_frame(index: int) -> Image:
    """A textured half in focus in frame 2 of 9 before a smooth, darker wall that no frame is focused on."""
    rng = np.random.default_rng(3)
    texture = cv2.GaussianBlur(rng.normal(150, 60, (SIZE[1], SIZE[0])).astype(np.float32), (0, 0), 0.8)
    cover = np.zeros_like(texture)
    cover[:, : SIZE[0] // 3] = 1
    sigma = max(0.01, 1.2 * abs(index - 2))
    front, cover = cv2.GaussianBlur(texture * cover, (0, 0), sigma), cv2.GaussianBlur(cover, (0, 0), sigma)
    grain = np.random.default_rng((9, index)).normal(0, 1, (*cover.shape, 3))
    return ((front + 40 * (1 - cover))[..., None] + grain).astype(np.float32)


def test_what_was_measured_of_a_picture_outlives_the_next_one() -> None:
    measure = FocusMeasure(1.0)
    first = measure.raw(half_luma(slope_frame(4)))
    before = first.copy()
    assert before.max() > 20
    measure.raw(half_luma(slope_frame(0)))
    measure.measure(half_luma(slope_frame(0)))
    np.testing.assert_array_equal(first, before)


def test_a_smooth_wall_beside_a_silhouette_is_not_believed() -> None:
    tracker = DepthTracker(1.0)
    tracker.cover(WINDOW)
    for index in range(COUNT):
        tracker.add(half_luma(silhouette_frame(index)), None, WINDOW, index)
    guide = silhouette_frame(2) / np.float32(255)
    found = tracker.finish(guide)
    edge = SIZE[0] // 3
    front, beside = found.confidence[8:-8, 8 : edge - 8], found.confidence[8:-8, edge + 12 : edge + 36]
    # The silhouette's energy reaches the wall, which seems to have detail in the same frame.
    assert np.abs(found.index[8:-8, edge + 12 : edge + 48] - 2).max() < 0.5
    assert np.median(front) > 0.9
    assert np.quantile(beside, 0.9) < np.quantile(front, 0.1)
    assert np.median(found.confidence[8:-8, edge + 36 : edge + 48]) < 0.5


def windowed(index: Image, detail: Image) -> Image:
    """What a window that weighs by detail sees."""
    seen = cv2.GaussianBlur(detail * index, (0, 0), 1.5) / cv2.GaussianBlur(detail, (0, 0), 1.5)
    return np.asarray(seen, np.float32)


def seen(index: Image, detail: Image, picture: Image, measured: Image | None = None) -> Evidence:
    """Measured at one depth, in a short run of frames, with a clear peak."""
    sure = np.ones_like(index) if measured is None else measured
    variance, peak = np.full_like(index, 0.1), np.full_like(index, 5)
    return Evidence(index, index, sure, sure, variance, peak, detail, picture, 1.0)


def told(truth: Image, mean: Image, detail: Image, picture: Image) -> tuple[Image, Image]:
    return reported(seen(mean, detail, picture))


def test_detail_on_one_side_of_a_steep_place_does_not_move_it() -> None:
    columns = np.arange(96, dtype=np.float32)
    truth = np.tile(columns * np.float32(0.6), (64, 1))
    detail = np.random.default_rng(5).gamma(0.6, 60, truth.shape).astype(np.float32)
    mean = windowed(truth, detail)
    index, _ = told(truth, mean, detail, np.full((*truth.shape, 3), 100, np.float32))
    inner = (slice(8, -8), slice(8, -8))
    smoothed = cv2.GaussianBlur(mean, (0, 0), 1.0)
    error = [np.sqrt(np.square(found - truth)[inner].mean()) for found in (mean, smoothed, index)]
    assert error[0] > 0.12
    assert error[2] < 0.5 * error[0]
    assert error[2] < 0.7 * error[1]


def test_ground_that_has_the_index_of_what_stands_before_it_is_not_believed() -> None:
    # Near things at index 2 end at column 40 of the picture; the blur of their edge reaches 5 cells farther.
    index = np.full((96, 128), 5.0, np.float32)
    index[:, :45] = 2
    index = cv2.GaussianBlur(index, (0, 0), 1.0)
    picture = np.full((96, 128, 3), (70, 80, 90), np.float32)
    picture[:, :40] = (180, 140, 60)
    picture += np.random.default_rng(2).normal(0, 2, picture.shape).astype(np.float32)
    detail = np.full(index.shape, 30, np.float32)
    _, confidence = told(index, index, detail, picture)
    of_one_colour = told(index, index, detail, np.full_like(picture, 100))[1]
    beside, ground = (slice(8, -8), slice(41, 45)), (slice(8, -8), slice(46, 49))
    assert (1 - confidence[beside]).mean() > 1.3 * (1 - of_one_colour[beside]).mean()
    assert (1 - confidence[ground]).mean() < 0.95 * (1 - of_one_colour[ground]).mean()
    assert confidence[8:-8, 56:90].min() > 0.98


def test_what_is_steep_is_doubted_more_where_all_around_is_level() -> None:
    # A ramp between two levels, and the same where the ground goes on rising 30 cells beside it.
    columns = np.tile(np.arange(256, dtype=np.float32), (96, 1))
    ramp = np.float32(0.5) * np.clip(columns - 128, -4, 4)
    relief = ramp + np.sign(columns - 128) * np.clip(np.abs(columns - 128) - 30, 0, 40) / 2
    detail, picture = np.full_like(ramp, 30), np.full((*ramp.shape, 3), 100, np.float32)
    place = (slice(8, -8), slice(127, 130))
    level, hilly = (1 - told(plane, plane, detail, picture)[1][place].mean() for plane in (ramp, relief))
    assert level > 1.1 * hilly


def test_a_place_with_something_else_in_other_frames_is_doubted() -> None:
    index = np.full((96, 128), 5, np.float32)
    known = seen(index, np.full_like(index, 30), np.full((*index.shape, 3), 100, np.float32))
    known.variance[:, 60:64] = 16  # four slices, where things stay sharp for one
    doubt = 1 - reported(known)[1]
    assert doubt[8:-8, 60:64].mean() > 5 * doubt[8:-8, 80:].mean()


def test_less_noise_than_was_assumed_is_noticed_where_frames_are_calm() -> None:
    rng = np.random.default_rng(6)
    quiet = half_luma(rng.normal(100, 0.5, (256, 256, 3)).astype(np.float32))
    busy = half_luma(rng.normal(100, 30, (256, 256, 3)).astype(np.float32))
    measure = FocusMeasure(5.0)
    assert 0.005 < measure.calm(quiet) < 0.02  # a tenth of the noise
    assert measure.calm(busy) > 10
    painted = busy.copy()
    painted[:64] = 16
    assert measure.calm(painted) > 10
    unreached = np.zeros(quiet.shape, np.uint8)
    assert measure.calm(quiet, unreached) == 1  # nothing is known


def test_noise_is_smoothed_more_than_a_step_of_depth() -> None:
    noise = cv2.GaussianBlur(np.random.default_rng(8).normal(0, 1, (96, 128)).astype(np.float32), (0, 0), 1.0)
    level = noise * np.float32(0.1 / noise.std())
    step = np.zeros_like(level)
    step[:, 64:] = 8
    detail, picture = np.full_like(level, 30), np.full((*level.shape, 3), 100, np.float32)
    inner, unsure = (slice(12, -12), slice(12, -12)), np.zeros_like(level)
    smooth, edge = (reported(seen(of, detail, picture, unsure))[0] for of in (level, step))
    assert smooth[inner].std() < 0.75 * cv2.GaussianBlur(level, (0, 0), 1.0)[inner].std()
    assert np.abs(edge - cv2.GaussianBlur(step, (0, 0), 1.0))[inner].max() < 0.3


def test_luma_and_colours_explain_a_step_of_depth_where_they_have_one() -> None:
    index = np.full((96, 128), 5.0, np.float32)
    index[:, :46] = 2
    picture = np.full((96, 128, 3), (60, 100, 140), np.float32)
    picture[:, :40] = (140, 100, 60)  # of the same luma
    trust = np.ones_like(index)
    trust[:, 36:50] = 1e-4
    by_luma, by_colour = explained(index, trust, picture)
    steps = [float(np.median(plane[:, 40] - plane[:, 39])) for plane in (by_luma, by_colour)]
    assert steps[0] < 0.3
    assert steps[1] > 0.7
    assert np.abs(by_colour - 5)[:, 40:46].mean() < 0.85 * np.abs(by_luma - 5)[:, 40:46].mean()
    assert np.abs(by_colour[:, 60:] - 5).max() < 0.05


def test_what_is_made_later_covers_what_the_picture_does() -> None:
    tracker = DepthTracker(1.0)
    tracker.cover(Window(-8, -4, SIZE[0] + 16, SIZE[1] + 12))
    for index in range(COUNT):
        tracker.add(half_luma(slope_frame(index)), None, WINDOW, index)
    picture = slope_frame(4) / np.float32(255)
    later = tracker.later(picture, WINDOW)
    assert later.index.shape == (SIZE[1], SIZE[0])
    inner = (slice(8, -8), slice(8, -8))
    assert np.sqrt(np.square(later.index - slope_truth())[inner].mean()) < 0.2
    around = cv2.copyMakeBorder(picture, 4, 8, 8, 8, cv2.BORDER_REPLICATE)
    # OpenCV rounds the last bit by where an array happens to begin in memory.
    np.testing.assert_allclose(later.confidence, tracker.finish(around).confidence[4:-8, 8:-8], atol=1e-6)


def test_a_defocused_highlight_does_not_draw_the_texture_beside_it() -> None:
    def seen(index: int) -> Image:
        frame = slope_frame(4, noise=1.0, seed=index)
        frame = cv2.GaussianBlur(frame, (0, 0), max(0.01, 1.2 * abs(index - 4)))
        disc = np.zeros(frame.shape[:2], np.float32)
        radius = 2.0 + 3.0 * abs(index - 4)
        cv2.circle(disc, (96, 64), round(radius), 1.0, -1, cv2.LINE_AA)
        return frame + disc[..., None] * np.float32(min(140.0, 3000 / radius**2))

    tracker = DepthTracker(1.0)
    tracker.cover(WINDOW)
    for index in range(COUNT):
        tracker.add(half_luma(seen(index)), None, WINDOW, index)
    index = tracker.finish().index[44:84, 76:116]
    assert np.mean(np.abs(index - 4) < 1) > 0.9


def test_what_no_frame_reaches_has_no_index_and_the_extent_grows() -> None:
    tracker = DepthTracker(1.0)
    luma = half_luma(slope_frame(4))
    inside = np.full(luma.shape, 255, np.uint8)
    inside[:, :10] = 0
    tracker.cover(WINDOW)
    tracker.add(luma, inside, WINDOW, 4)
    tracker.cover(Window(-20, 10, 100, 200))
    assert tracker.extent == Window(-20, 0, 212, 210)
    found = tracker.finish()
    assert found.index.shape == found.confidence.shape == (210, 212)
    assert np.isnan(found.index[60, 10])
    assert np.isnan(found.index[60, 36])
    assert np.isnan(found.index[180, 100])
    assert found.index[60, 120] == pytest.approx(4)
    assert found.confidence[60, 10] == 0


def test_energy_of_noise_alone_is_that_of_noise() -> None:
    noise = np.random.default_rng(2).normal(100, 3, (256, 256, 3)).astype(np.float32)
    energy, _ = FocusMeasure(3.0).measure(half_luma(noise))
    assert np.exp(energy).mean() - 1 == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("size", [(192, 128), (190, 130), (90, 5)])
def test_compiled_and_plain_follow_alike(size: tuple[int, int]) -> None:
    window = Window(0, 0, size[0] // 2 * 4, size[1] // 2 * 4)
    canvas = Window(-4, -8, window.width + 12, window.height + 10)
    inside = np.full((window.height // 2, window.width // 2), 255, np.uint8)
    inside[:2, 5:] = 0
    trackers = [DepthTracker(1.0, stages=choose_stages(compiled)) for compiled in (True, False)]
    scores = [np.empty(inside.shape, np.float32) for _ in trackers]
    for tracker, score in zip(trackers, scores, strict=True):
        tracker.cover(canvas)
        for index in range(4):
            rng = np.random.default_rng(index)
            luma = rng.normal(120, 20, inside.shape).astype(np.float32)
            luma[:, ::7] += 50 * (index == 2)
            tracker.add(luma, inside, window, index, score)
    np.testing.assert_allclose(*scores, rtol=1e-4, atol=1e-3)
    for compiled, plain in zip(*(tracker.planes for tracker in trackers), strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("size", [(130, 94), (131, 93), (6, 4)])
def test_compiled_and_plain_surfaces_agree(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    index = cv2.GaussianBlur(rng.uniform(0, 40, size[::-1]).astype(np.float32), (0, 0), 2.0)
    index[: size[1] // 2] += 9
    variance, peak = rng.uniform(0, 3, (2, *index.shape)).astype(np.float32)
    np.testing.assert_allclose(roughness(index, True), roughness(index, False), atol=0.05)
    for regularised in (False, True):
        by_loop, plainly = (
            confidence_of(index, variance, 4 * peak, regularised=regularised, compiled=compiled)
            for compiled in (True, False)
        )
        np.testing.assert_allclose(by_loop, plainly, atol=0.02)
    trust = np.clip(plainly * 3, 0, 1)
    trust[:, size[0] // 2 :] = 0
    by_loop, plainly = (filled(index, trust, None, (0, 40), compiled) for compiled in (True, False))
    np.testing.assert_allclose(by_loop, plainly, atol=0.01)
    assert plainly.max() <= 40


def test_compiled_and_plain_judges_agree_and_are_read_as_they_are_printed() -> None:
    assert Judge.read(str(FITTED)) == FITTED
    assert len(FITTED.least) == len(FITTED.most) == len(SIGNS)
    signs = np.random.default_rng(4).normal(0, 3, (len(SIGNS), 5, 700)).astype(np.float32)
    by_loop, plainly = np.empty((2, 5, 700), np.float32)
    for out, compiled in ((by_loop, True), (plainly, False)):
        FITTED.confidence(signs, out, compiled)
    np.testing.assert_allclose(by_loop, plainly, atol=1e-5)
    assert plainly.min() < 0.1
    assert plainly.max() > 0.9
