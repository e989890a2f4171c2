"""The default way of fusing: what it comes to, what it says about it, and what it does without a disk."""

from __future__ import annotations

import errno
from pathlib import Path

import cv2
import numpy as np
import pytest

from stacker import Options, Stack, Stacker
from stacker.fusion import auto
from stacker.fusion.auto import AutoFusion
from stacker.fusion.methods import Method
from stacker.fusion.pyramid import PyramidFusion
from stacker.fusion.scoring import FusionParameters
from stacker.fusion.store import FrameStore
from stacker.registration.exposure import Levels


def stacked(picture: np.ndarray, noise: float, options: Options) -> Stack:
    rng = np.random.default_rng(1)
    stacker = Stacker(options)
    for _ in range(3):
        noisy = picture + rng.normal(0, noise, picture.shape)
        stacker.add(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
    return stacker.finish()


def options(method: Method = Method.AUTO, scratch_dir: Path | None = None) -> Options:
    return Options(align=False, exposure=False, method=method, scratch_dir=scratch_dir)


def plain() -> np.ndarray:
    return np.full((96, 128, 3), 120.0)


def glittering() -> np.ndarray:
    picture = plain()
    picture[20:26:3, 10:90:4] = 255
    return picture


def test_it_says_what_it_came_to_and_why() -> None:
    stack = stacked(glittering(), 0.5, options())
    assert stack.method == "pyramid + depthmap"
    assert "% depth map: one depth" in stack.reason
    assert "% pyramid: detail at several depths" in stack.reason


def test_what_lies_between_two_planes_of_focus_gets_detail_back() -> None:
    rng = np.random.default_rng(4)
    truth = 120 + 60 * cv2.GaussianBlur(rng.normal(0, 1, (240, 360, 3)), (0, 0), 1.0)
    blurs = (0.0, 1.2, 3.0), (3.0, 1.2, 0.0)  # thirds from left to right, of either frame
    frames = []
    for thirds in blurs:
        parts = [cv2.GaussianBlur(truth, (0, 0), blur) if blur else truth for blur in thirds]
        seen = np.hstack([part[:, 120 * k : 120 * (k + 1)] for k, part in enumerate(parts)])
        frames.append(np.clip(np.rint(seen + rng.normal(0, 1, seen.shape)), 0, 255).astype(np.uint8))

    def errors(method: Method) -> list[float]:
        stacker = Stacker(options(method))
        for frame in frames:
            stacker.add(frame)
        off = stacker.finish().image[8:-8] - truth[8:-8]
        return [float(np.sqrt(np.mean(off[:, left : left + 88] ** 2))) for left in (16, 136, 256)]

    left, between, right = np.array(errors(Method.AUTO)) / errors(Method.PYRAMID)
    assert between < 0.96
    assert max(left, right) < 1.02


def test_one_frame_is_the_picture() -> None:
    stacker = Stacker(options())
    frame = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    stacker.add(frame)
    stack = stacker.finish()
    assert np.array_equal(stack.image, frame)
    assert stack.reason == "one frame is the picture"


@pytest.mark.parametrize("missing", [True, False], ids=["missing folder", "no folder"])
def test_without_a_scratch_file_it_is_the_pyramid_and_says_so(tmp_path: Path, missing: bool) -> None:
    folder = tmp_path / "none"
    if not missing:
        folder.write_text("a file")
    stack = stacked(glittering(), 2.0, options(scratch_dir=folder))
    assert stack.method == "pyramid"
    assert str(folder) in stack.reason
    assert np.array_equal(stack.image, stacked(glittering(), 2.0, options(Method.PYRAMID)).image)


@pytest.mark.parametrize(
    ("fails_in", "method", "told"),
    [
        ("depth_picture", "pyramid", "the scratch file cannot be read: Input/output error"),
        (
            "take_whole_pixels",
            "pyramid + depthmap",
            "; not all whole pixels where things lie over each other",
        ),
    ],
)
def test_what_came_of_a_scratch_file_that_fails_at_the_end_is_told(
    monkeypatch: pytest.MonkeyPatch, fails_in: str, method: str, told: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(auto, fails_in, fail)
    stack = stacked(glittering(), 0.5, options())
    assert stack.method == method
    assert told in stack.reason


def test_nothing_is_left_in_the_scratch_folder(tmp_path: Path) -> None:
    stack = stacked(glittering(), 2.0, options(scratch_dir=tmp_path))
    assert "depthmap" in stack.method
    assert list(tmp_path.iterdir()) == []


def test_where_no_frame_reaches_it_is_the_pyramid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "preference", lambda blocks, *_: np.ones_like(blocks.luma))
    monkeypatch.setattr(auto, "apart", lambda _: 0.0)  # which sharpens what is made up as well
    picture = np.full((440, 600, 3), 130, np.uint8)
    picture[::9, ::7] = 255
    store, setup = FrameStore(tmp_path, picture.dtype), ((600, 440), picture.dtype, 3.0, FusionParameters())
    of_auto = AutoFusion(PyramidFusion(*setup, store=store), store, 3.0, lambda: 0, opaque=False)
    of_pyramid = PyramidFusion(*setup)
    for index, (turn_deg, scale) in enumerate([(0, 1), (15, 1), (15, 0.6), (14, 0.5)]):
        transform = np.vstack([cv2.getRotationMatrix2D((300, 220), turn_deg, scale), (0, 0, 1)])
        for fusion in (of_auto, of_pyramid):
            fusion.add(picture, transform, Levels.same(), index)
    fused, pyramid = of_auto.finish(), of_pyramid.finish()
    off = cv2.absdiff(fused.image, pyramid.image).max(axis=2)
    beyond = cv2.erode((~fused.reached).view(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert beyond.mean() > 0.1
    assert off[beyond].max() <= 1 < off[fused.reached].max()
