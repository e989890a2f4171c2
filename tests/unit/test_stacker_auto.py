"""The default way of fusing: what it comes to, what it says about it, and what it does without a disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stacker import Options, Stack, Stacker
from stacker.fusion.methods import Method


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


@pytest.mark.parametrize("missing", [True, False], ids=["missing folder", "no folder"])
def test_without_a_scratch_file_it_is_the_pyramid_and_says_so(tmp_path: Path, missing: bool) -> None:
    folder = tmp_path / "none"
    if not missing:
        folder.write_text("a file")
    stack = stacked(glittering(), 2.0, options(scratch_dir=folder))
    assert stack.method == "pyramid"
    assert str(folder) in stack.reason
    assert np.array_equal(stack.image, stacked(glittering(), 2.0, options(Method.PYRAMID)).image)


def test_nothing_is_left_in_the_scratch_folder(tmp_path: Path) -> None:
    stack = stacked(glittering(), 2.0, options(scratch_dir=tmp_path))
    assert "depthmap" in stack.method
    assert list(tmp_path.iterdir()) == []
