"""The benchmark's yardstick: it must see what is wrong with a picture, and nothing else."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest

from benchmarks.geometry import NotLocated
from benchmarks.measured import CommandFailed, run_measured
from benchmarks.peers import PEERS, Missing, Places, run_peer
from benchmarks.quality import Result, as_markdown
from benchmarks.scores import frame_noise, places_of, score
from benchmarks.stacks import RenderedStack, load
from benchmarks.studio import Studio

WIDTH = 300


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> RenderedStack:
    return load("wings", seed=5, bits=8, width_px=WIDTH, cache=tmp_path_factory.mktemp("stacks"))


@pytest.fixture(scope="module")
def smooth(tmp_path_factory: pytest.TempPathFactory) -> RenderedStack:
    return load("porcelain", seed=5, bits=16, width_px=WIDTH, cache=tmp_path_factory.mktemp("stacks"))


def sixteen(picture: np.ndarray) -> np.ndarray:
    return np.round(np.clip(picture, 0, 1) * 65535).astype(np.uint16)


def test_a_cropped_and_brightened_truth_is_perfect(stack: RenderedStack) -> None:
    found = score(sixteen(0.85 * stack.truth() + 0.05)[9:-14, 12:-7], stack)
    assert found.psnr_db > 60
    assert found.ssim > 0.999
    assert found.gain == pytest.approx(1 / 0.85, rel=0.01)
    assert found.view == "middle"


@pytest.mark.parametrize("view", ["first", "last"])
def test_the_truth_from_another_frame_is_as_good(stack: RenderedStack, view: str) -> None:
    found = score(sixteen(stack.truth(view)), stack)
    assert found.view == view
    assert found.psnr_db > 50


def test_a_scaled_and_turned_truth_is_good(stack: RenderedStack) -> None:
    turned = cv2.getRotationMatrix2D((WIDTH / 2, WIDTH / 3), 2.0, 1.04)
    moved = cv2.warpAffine(stack.truth(), turned, (WIDTH, WIDTH * 2 // 3), flags=cv2.INTER_LANCZOS4)
    # Read between pixels twice: this loses a little of the finest detail, as stackers do too.
    assert score(sixteen(moved), stack).psnr_db > 36


def test_a_truth_between_pixels_is_as_good(stack: RenderedStack) -> None:
    # What pixels half a pixel farther right and down would have seen, rendered and not interpolated.
    studio = Studio(stack.recipe, stack.seed, stack.bits, WIDTH)
    between = studio.fine_truth(stack.reference, 2)[1::2, 1::2]
    studio.close()
    found = score(between, stack)
    assert found.psnr_db > 50  # 35 when the truth itself is interpolated
    # Noise alone is left: the same as of a picture that lies on the truth's pixels.
    noise = np.random.default_rng(1).normal(0, 0.01, between.shape)
    noisy, straight = (score(sixteen(x + noise), stack) for x in (between / 65535, stack.truth()))
    assert noisy.psnr_db == pytest.approx(straight.psnr_db, abs=0.3)


def test_a_trifle_changes_the_score_by_a_trifle(smooth: RenderedStack) -> None:
    picture = sixteen(nearest_frames(smooth)[0])
    figures = []
    for seed in range(3):
        hit = np.random.default_rng(seed).random(picture.shape) < 0.02
        figures.append(score(picture + np.uint16(257) * hit, smooth).psnr_db)
    assert np.ptp(figures) < 0.05


def test_a_frame_out_of_place_counts(stack: RenderedStack) -> None:
    right, _ = nearest_frames(stack)
    wrong, _ = nearest_frames(stack, displaced=6)
    assert score(sixteen(wrong), stack).psnr_db < score(sixteen(right), stack).psnr_db - 1.5


def test_blur_noise_and_a_part_out_of_place_count(stack: RenderedStack) -> None:
    truth = stack.truth()
    moved = truth.copy()
    moved[60:140, 60:160] = truth[60:140, 63:163]
    blurred = score(sixteen(cv2.GaussianBlur(truth, (0, 0), 1.0)), stack)
    noisy = score(sixteen(truth + np.random.default_rng(1).normal(0, 0.02, truth.shape)), stack)
    assert blurred.psnr_db < 35
    assert blurred.edge_rmse > 4
    assert noisy.psnr_db == pytest.approx(-20 * np.log10(0.02), abs=0.7)
    assert score(sixteen(moved), stack).psnr_db < 35


def test_what_is_transparent_does_not_count(stack: RenderedStack) -> None:
    truth = sixteen(stack.truth())
    alpha = np.full(truth.shape[:2], 65535, np.uint16)
    truth[:, :100], alpha[:, :100] = 0, 0
    found = score(np.dstack([truth, alpha]), stack)
    assert found.psnr_db > 50
    assert found.field < 0.7


def test_something_else_is_not_scored(stack: RenderedStack) -> None:
    noise = np.random.default_rng(2).integers(0, 255, (200, 300, 3), np.uint8)
    with pytest.raises(NotLocated, match="features of wings"):
        score(noise, stack)


def test_colour_and_grain_of_flat_places_are_told_apart(smooth: RenderedStack) -> None:
    truth = smooth.truth()
    assert places_of(smooth, "middle").flats.mean() > 0.1
    tinted = score(sixteen(truth + np.array([4, 0, -4]) / 255), smooth)
    grainy = score(sixteen(truth + np.random.default_rng(1).normal(0, 2 / 255, truth.shape)), smooth)
    assert tinted.colour_error == pytest.approx(8 / 3, rel=0.1)
    assert tinted.flat_noise < 0.1
    assert grainy.flat_noise == pytest.approx(2, rel=0.05)
    assert grainy.colour_error < 0.3
    # ISO 400: 12500 electrons are white; at the wall's tone a deviation of about one.
    assert 0.4 < frame_noise(smooth) < 2.5


def nearest_frames(stack: RenderedStack, displaced: int | None = None) -> tuple[np.ndarray, float]:
    """The frame nearest in depth at each pixel, by true transforms; and what the middle one alone has, in dB.

    One frame may be displaced by two pixels.
    """
    truth, depth, crop = stack.truth(), stack.depth_index(), stack.common()
    nearest = np.full(depth.shape, np.inf, np.float32)
    picture = np.zeros_like(truth)
    single = np.nan
    for index, (frame, matrix) in enumerate(zip(stack.frames(), stack.transforms(), strict=True)):
        matrix[0, 2] += 2.0 * (index == displaced)
        unit = frame / np.float32(np.iinfo(frame.dtype).max)
        laid = cv2.warpAffine(unit, matrix[:2], stack.size_px, flags=cv2.INTER_CUBIC)
        mine = np.abs(depth - index) < nearest
        nearest[mine], picture[mine] = np.abs(depth - index)[mine], laid[mine]
        if index == stack.reference:
            single = -10 * np.log10(np.mean((laid - truth)[crop] ** 2))
    return picture, float(single)


def test_frames_laid_by_their_true_transforms_make_the_truth(stack: RenderedStack) -> None:
    picture, single = nearest_frames(stack)
    crop = stack.common()
    assert -10 * np.log10(np.mean((picture - stack.truth())[crop] ** 2)) > single + 4


def test_stacks_are_kept(stack: RenderedStack) -> None:
    stamp = stack.paths[0].stat().st_mtime_ns
    again = load("wings", seed=5, bits=8, width_px=WIDTH, cache=stack.folder.parent)
    assert again == stack
    assert again.paths[0].stat().st_mtime_ns == stamp
    assert len(again.paths) == 14
    assert again.gains[again.reference] == 1.0


def test_cost_is_that_of_the_whole_tree(tmp_path) -> None:
    burn = "import time; block = bytearray(90_000_000)\nwhile time.process_time() < 0.3: pass"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}], check=True)"
    cost = run_measured([sys.executable, "-c", outer], tmp_path)
    assert 0.3 <= cost.cpu_s < 1.5
    assert 90 < cost.peak_mb < 140
    assert cost.wall_s > 0.3


def test_a_failing_command_says_so(tmp_path) -> None:
    with pytest.raises(CommandFailed, match="exit code 3: no film"):
        run_measured([sys.executable, "-c", "print('no film'); raise SystemExit(3)"], tmp_path)


def test_a_peer_that_is_not_there_is_missing(tmp_path) -> None:
    with pytest.raises(Missing, match="focusweave"):
        run_peer(PEERS["focusweave"], Places(tmp_path), [tmp_path / "0.tif"], tmp_path, 8)


def test_the_table_says_who_is_ahead() -> None:
    def result(peer, psnr_db, edge_rmse):
        scores = {"psnr_db": psnr_db, "edge_rmse": edge_rmse, "hair_rmse": None}
        return Result("wings", 1, 8, 750, 14, None, peer, {"cpu_s": 2.0}, scores, None)

    failed = Result("wings", 1, 8, 750, 14, None, "enfuse", None, None, "no control | points")
    text = as_markdown(
        [
            result("focusrig", 35.0, 5.0),
            result("focusweave", 33.5, 6.5),
            result("shine-pyramid", 34.0, 5.5),
            result("neural", 35.6, 4.9),
            failed,
        ]
    )
    assert "| wings, seed 1, 8 bit | 35.00 | 34.00 | +1.00 | 35.60 | -0.60 | 5.00 | 4.90 |" in text
    assert "failed: no control / points" in text
