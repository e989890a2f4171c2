"""The two implementations of the pyramid's arithmetic, against each other and against OpenCV."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import cv2
import numpy as np
import pytest

from stacker.focus.measure import DETAIL_GAIN
from stacker.fusion.bands import NOISE_GAINS, level_windows
from stacker.fusion.pyramid import PyramidFusion
from stacker.fusion.scoring import FusionParameters, Score
from stacker.fusion.stages import MeanCode, SourceCode, Stages, choose_stages
from stacker.fusion.window import Spans, Window
from stacker.loops.workers import over_rows
from stacker.registration.exposure import Levels

SIZE = (200, 136)
WHITE: dict[str, float] = {"u1": 255.0, "u2": 65535.0, "f4": 1.0}


def texture(seed: int, dtype: str) -> np.ndarray:
    rng = np.random.default_rng(seed)
    picture = cv2.GaussianBlur(rng.normal(0, 1, (SIZE[1], SIZE[0], 3)).astype(np.float32), (0, 0), 1.2)
    levels = np.clip(0.5 + 0.2 * picture / picture.std(), 0, 1) * WHITE[dtype]
    return (levels if dtype == "f4" else np.rint(levels)).astype(dtype)


def similarity(scale: float, turn: float, shift: tuple[float, float]) -> np.ndarray:
    a, b = scale * math.cos(turn), scale * math.sin(turn)
    return np.array([[a, -b, shift[0]], [b, a, shift[1]], [0, 0, 1.0]])


def fuse(stages: Stages, dtype: str) -> Any:
    """Four frames, each sharp in a quarter, turned, shifted, scaled and of different brightness."""
    fusion = PyramidFusion(SIZE, np.dtype(dtype), 1.0, FusionParameters(), stages)
    sharp = texture(1, dtype)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 3.0)
    for index in range(4):
        frame = blurred.copy()
        quarter = slice(SIZE[0] * index // 4, SIZE[0] * (index + 1) // 4)
        frame[:, quarter] = sharp[:, quarter]
        transform = similarity(1 + 0.01 * index, 0.002 * index, (-2.3 * index, 1.7 * index))
        fusion.add(frame, transform, Levels(np.full(3, 1 + 0.02 * index), np.zeros(3)), index)
    return fusion.finish()


@pytest.mark.timeout(400)  # compiles everything on a fresh checkout
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_compiled_and_plain_give_the_same_picture(dtype: str) -> None:
    fast, plain = fuse(choose_stages(True), dtype), fuse(choose_stages(False), dtype)
    assert fast.extent == plain.extent
    np.testing.assert_array_equal(fast.reached, plain.reached)
    difference = np.abs(fast.image.astype(float) - plain.image) * 255 / WHITE[dtype]
    # OpenCV rounds positions to 1/32 px, which moves a texture of this contrast by up to 2 levels; which way
    # depends on its version (4.11: 0.56 levels RMS in all).
    assert difference.max() < 4
    assert np.sqrt((difference**2).mean()) < 0.75
    assert fast.shares == pytest.approx(plain.shares, abs=0.02)


def test_without_a_warp_the_two_differ_by_rounding_alone() -> None:
    frames = [texture(seed, "u1") for seed in range(3)]
    pictures = []
    for compiled in (True, False):
        fusion = PyramidFusion(SIZE, np.dtype("u1"), 1.0, FusionParameters(), choose_stages(compiled))
        for index, frame in enumerate(frames):
            fusion.add(frame, np.eye(3), Levels.same(), index)
        pictures.append(fusion.finish().image.astype(int))
    difference = np.abs(pictures[0] - pictures[1])
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.02


@pytest.mark.parametrize("size", [(4, 4), (16, 20), (200, 304)])
@pytest.mark.parametrize(("dtype", "reduced"), [("u1", "u2"), ("u1", "f4"), ("u2", "f4"), ("f4", "f4")])
def test_both_measure_the_same(size: tuple[int, int], dtype: str, reduced: str) -> None:
    height, width = size
    planes = (np.random.default_rng(0).random((3, height, width)) * WHITE[dtype]).astype(dtype)
    weights, found = np.array([0.5, 1.0, 0.5], np.float32), []
    for compiled in (True, False):
        half = np.empty((3, height // 2, width // 2), reduced)
        energy, luma = np.empty(half.shape[1:], np.float32), np.empty(half.shape[1:], np.float32)
        choose_stages(compiled).measure(planes, 255 / WHITE[dtype], weights, half, energy, luma)
        found.append((half, energy, luma))
    for fast, plain in zip(*found, strict=True):
        np.testing.assert_allclose(fast, plain, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("dtype", "reduced"), [("u1", "u2"), ("u2", "f4"), ("f4", "f4")])
def test_both_fold_the_same(dtype: str, reduced: str) -> None:
    rng = np.random.default_rng(0)
    planes = (rng.random((3, 60, 400)) * WHITE[dtype]).astype(dtype)
    share, to_levels = rng.random((30, 200)).astype(np.float32), 255 / WHITE[dtype]
    share[5:20, 20:] = 0  # a frame that counts for nothing over several stretches of a row
    code, found = MeanCode.for_frames(np.dtype(dtype)), []
    for compiled in (True, False):
        stages, half = choose_stages(compiled), np.empty((3, 30, 200), reduced)
        energy, weights = np.empty((30, 200), np.float32), np.ones(3, np.float32)
        stages.measure(planes, to_levels, weights, half, energy, None)
        mean = np.full((3, 70, 420), code.bias, code.dtype)
        stages.fold(planes, to_levels, half, share, code, mean, (4, 6))
        found.append(code.values(mean))
    np.testing.assert_allclose(*found, atol=1.01 / code.unit if code.dtype.kind == "u" else 1e-4)


@pytest.mark.parametrize("by_cells", [True, False])
@pytest.mark.parametrize("beside_highlights", [True, False])
def test_both_weigh_the_same(by_cells: bool, beside_highlights: bool) -> None:
    rng = np.random.default_rng(0)
    energy, near = rng.random((2, 60, 80)).astype(np.float32)
    energy *= 100
    other = rng.random((30, 40) if by_cells else (60, 80)).astype(np.float32)
    gate = np.full((60, 80), 255, np.uint8)
    gate[:3], gate[:, :4] = 1, 3
    found = []
    for compiled in (True, False):
        share, strength, activity = energy.copy(), np.zeros((70, 90), np.float32), np.empty_like(energy)
        score = Score(0.7, 0.3, 7.0, lead=1.0, defer=0.5)
        places = near if beside_highlights else None
        choose_stages(compiled).weigh(share, other, score, gate, strength, (4, 5), activity, places)
        found.append((share, strength, activity))
    for fast, plain in zip(*found, strict=True):
        np.testing.assert_allclose(fast, plain, rtol=1e-5, atol=1e-5)


def test_both_favour_the_same() -> None:
    rng = np.random.default_rng(0)
    second, brightness = rng.random((2, 60, 80)).astype(np.float32)
    reached, found = rng.random((60, 80)) > 0.1, []
    for compiled in (True, False):
        out, memory = np.empty((60, 80), np.float32), np.random.default_rng(1).random((2, 64, 86))
        seen, near = memory.astype(np.float32)
        seen[:, ::3] = -1
        corner = 2, 3
        stages = choose_stages(compiled)
        stages.favour(second * 50, brightness.copy(), reached, (seen, near), corner, FusionParameters(), out)
        found.append((out, seen))
    for fast, plain in zip(*found, strict=True):
        np.testing.assert_allclose(fast, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "to_frame",
    [
        similarity(1.0, 0.0, (0.0, 0.0)),
        similarity(0.97, 0.004, (7.25, -3.5)),
        similarity(1.05, -0.02, (-20.0, 11.1)),
        np.array([[1.01, 0.02, 3.0], [-0.01, 0.99, -2.0], [0, 0, 1.0]]),
        similarity(1.0, 0.3, (10.0, -30.0)),
        np.array([[1.0, 0, 0], [0, 1.0, 0], [1e-4, 5e-5, 1.0]]),
    ],
    ids=["none", "slight", "near the limit", "affine", "turned far", "homography"],
)
def test_frames_are_warped_like_opencv_does(to_frame: np.ndarray) -> None:
    frame = texture(3, "u1")
    out = np.empty((3, SIZE[1] + 16, SIZE[0] + 16), np.uint8)
    choose_stages(True).warp(frame, to_frame, np.ones(3, np.float32), np.zeros(3, np.float32), out)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    size = (out.shape[2], out.shape[1])
    # As floats, and enlarged before: so that neither positions nor values are rounded noticeably.
    expected = cv2.warpPerspective(
        frame.astype(np.float32), to_frame, size, flags=flags, borderMode=cv2.BORDER_REFLECT
    )
    difference = np.abs(out.transpose(1, 2, 0) - np.clip(expected, 0, 255))
    assert np.sqrt((difference**2).mean()) < 0.9
    assert difference.max() < 6


@pytest.mark.parametrize(("scale", "down"), [(1.001, 59.936), (0.9893, 67.6848)])
def test_a_line_that_falls_on_one_of_the_frame_is_made_of_the_frame(scale: float, down: float) -> None:
    stages, one, zero = choose_stages(True), np.ones(3, np.float32), np.zeros(3, np.float32)
    out = np.empty((3, SIZE[1], SIZE[0]), np.uint8)
    stages.warp(texture(3, "u1"), np.eye(3), one, zero, out)  # what is left in memory is of another frame
    # Line 64, where a tile begins, falls on a whole line of the frame but for the last digit of a float.
    to_frame = similarity(scale, 0.0, (1.0, down))
    stages.warp(np.full((SIZE[1], SIZE[0], 3), 100, np.uint8), to_frame, one, zero, out)
    assert (out == 100).all()


def test_an_untouched_frame_stays_what_it_is_and_gain_and_offset_are_applied() -> None:
    frame = texture(5, "u1")
    out = np.empty((3, SIZE[1], SIZE[0]), np.uint8)
    stages = choose_stages(True)
    stages.warp(frame, np.eye(3), np.ones(3, np.float32), np.zeros(3, np.float32), out)
    np.testing.assert_array_equal(out.transpose(1, 2, 0), frame)
    gain, offset = np.array([0.5, 1.5, 1.0], np.float32), np.array([10, 0, -20], np.float32)
    stages.warp(frame, np.eye(3), gain, offset, out)
    expected = np.clip(np.floor(frame * gain + offset + 0.5), 0, 255)
    np.testing.assert_array_equal(out.transpose(1, 2, 0), expected)


@pytest.mark.parametrize(("dtype", "bias", "deviation"), [("u1", 0.005, 0.06), ("u2", 0.003, 0.03)])
def test_sixteen_bits_for_a_mean_lose_nothing_that_shows(dtype: str, bias: float, deviation: float) -> None:
    rng = np.random.default_rng(7)
    code = MeanCode.for_frames(np.dtype(dtype))
    exact, stored = np.zeros((64, 64)), code.stored(np.zeros((64, 64), np.float32))
    for count in range(1, 201):
        band = rng.normal(30, 4, exact.shape).astype(np.float32)
        exact += (band - exact) / count
        before = code.values(stored)
        stored = code.stored(before + (band - before) / count)
    error = code.values(stored) - exact
    assert abs(error.mean()) < bias
    assert error.std() < deviation


@pytest.mark.parametrize("levels", [1, 2, 3, 5, 8])
def test_windows_of_bands_nest_and_leave_margins(levels: int) -> None:
    frame, canvas = Window(-13, 7, 801, 603), Window(-50, -30, 900, 700)
    windows, outer = level_windows(frame, levels), level_windows(canvas, levels)
    assert len(windows) == levels + 1
    for level, (window, around) in enumerate(zip(windows, outer, strict=True)):
        if level < levels:
            assert window.width % 2 == 0
            assert window.height % 2 == 0
            assert window.halved(1).union(windows[level + 1]) == windows[level + 1]
        assert around.union(window) == around
        step = 1 << level
        assert window.x * step <= frame.x - 2 * step + step
        assert window.right * step >= frame.right + step


def test_spans_are_the_pixels_that_a_frame_reaches() -> None:
    transform = similarity(0.9, 0.1, (30.0, 12.0))
    window = Window(-8, -8, 240, 176)
    spans = Spans.of_frame(transform, SIZE, window, -0.5)
    y, x = np.mgrid[: window.height, : window.width]
    back = np.linalg.inv(transform) @ np.stack([x.ravel() + window.x, y.ravel() + window.y, np.ones(x.size)])
    half = 0.5 / 0.9
    inside = (np.abs(back[0] - (SIZE[0] - 1) / 2) <= (SIZE[0] - 1) / 2 + half) & (
        np.abs(back[1] - (SIZE[1] - 1) / 2) <= (SIZE[1] - 1) / 2 + half
    )
    assert np.count_nonzero((spans.mask(window.width) > 0) != inside.reshape(x.shape)) <= 4


def test_samples_are_rounded_and_clipped_to_their_type() -> None:
    stored = SourceCode.of(np.dtype(np.uint8)).stored(np.array([-3.0, 1.4, 1.6, 254.6, 300.0], np.float32))
    assert stored.tolist() == [0, 1, 2, 255, 255]
    floats = SourceCode.of(np.dtype(np.float32)).stored(np.array([-0.5, 1.5], np.float32))
    assert floats.tolist() == [-0.5, 1.5]


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 100, 1000])
def test_every_row_is_worked_on_once(rows: int) -> None:
    seen = np.zeros(rows, int)

    def loop(counts: np.ndarray, first: int, behind: int) -> None:
        counts[first:behind] += 1

    over_rows(loop, rows, seen)
    assert (seen == 1).all()


def test_a_later_process_needs_no_compiler() -> None:
    program = (
        "import sys, numpy as np; from stacker.fusion.fast import FastStages; "
        "from stacker.fusion.stages import MeanCode; code = MeanCode.for_frames(np.dtype(np.uint8)); "
        "half, mean = np.full((3, 16, 16), 100, np.float32), np.full((3, 32, 32), code.bias, np.uint16); "
        "out = np.empty((3, 32, 32), np.float32); FastStages().collapse(half, mean, code, out); "
        "assert (abs(out - 100) < 1e-3).all(); sys.exit('numba' in sys.modules)"
    )
    code = MeanCode.for_frames(np.dtype(np.uint8))
    half, mean = np.full((3, 16, 16), 100, np.float32), np.full((3, 32, 32), code.bias, np.uint16)
    choose_stages(True).collapse(half, mean, code, np.empty((3, 32, 32), np.float32))  # which may compile it
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_what_is_known_of_white_noise_is_what_it_leaves() -> None:
    noise = np.random.default_rng(1).standard_normal((1024, 1024)).astype(np.float32)
    detail = noise - cv2.GaussianBlur(noise, (5, 5), 1.0)
    assert np.square(detail).mean() == pytest.approx(DETAIL_GAIN, rel=0.02)
    picture = noise
    for gain in NOISE_GAINS[:5]:
        smaller = cv2.pyrDown(picture)
        assert (picture - cv2.pyrUp(smaller)).std() == pytest.approx(gain, rel=0.04)
        picture = smaller
