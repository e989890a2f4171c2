"""Registration kept and used again on the same set under other light."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stacker import DataError, Options, UserError, fuse_files, load_transforms, write_image
from stacker.options import Method


def shifted(scene: np.ndarray, left: int, light: float = 1.0) -> np.ndarray:
    return np.rint(scene[:, left : left + 120] * light).astype(np.uint8)


@pytest.fixture
def scene() -> np.ndarray:
    return np.random.default_rng(4).integers(20, 250, (80, 160, 3)).astype(float)


def folder_of(folder: Path, pictures: list[np.ndarray], prefix: str = "f") -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{prefix}{number}.png" for number in range(1, len(pictures) + 1)]
    for path, picture in zip(paths, pictures, strict=True):
        write_image(path, picture)
    return paths


@pytest.mark.parametrize("method", list(Method))
def test_transforms_fit_the_same_set_under_other_light(
    scene: np.ndarray, method: Method, tmp_path: Path
) -> None:
    bright = folder_of(tmp_path / "bright", [shifted(scene, left) for left in (10, 0, 25)])
    stack = fuse_files(bright).stack
    stack.save_transforms(tmp_path / "t.json")
    saved = load_transforms(tmp_path / "t.json")
    assert saved.frame_size_px == (120, 80)
    assert [frame.transform for frame in saved.frames.values()] == [r.transform for r in stack.reports]

    dark = [np.full((80, 120, 3), 40, np.uint8) for _ in range(3)]  # nothing to register by
    for picture, light in zip(dark, (40, 50, 40), strict=True):
        picture[...] = light
    paths = folder_of(tmp_path / "dark", dark, "other")
    other = fuse_files(paths, Options(method=method), transforms=saved).stack
    assert other.transforms[2] == pytest.approx(stack.transforms[2])
    assert other.origin_px == stack.origin_px
    assert other.image.shape == stack.image.shape
    assert all(report.registered for report in other.reports)
    # brightness is matched anew: the reference has level 50, but two have 40
    levels = other.reports[1].levels
    assert levels.gain * 50 + levels.offset == pytest.approx([40, 40, 40], abs=0.2)
    assert np.abs(other.image[other.valid].astype(int) - 40).max() <= 1


def test_names_go_before_order(scene: np.ndarray, tmp_path: Path) -> None:
    paths = folder_of(tmp_path / "a", [shifted(scene, left) for left in (10, 0, 25)])
    stack = fuse_files(paths).stack
    stack.save_transforms(tmp_path / "t.json")
    saved = load_transforms(tmp_path / "t.json")
    paths[1].unlink()
    some = fuse_files([paths[0], paths[2]], transforms=saved).stack
    assert some.transforms[1] == pytest.approx(stack.transforms[2])
    renamed = paths[0].rename(paths[0].with_name("else.png"))
    with pytest.raises(UserError, match="of 3 frames, but there are 2"):
        fuse_files([renamed, paths[2]], transforms=saved)
    small = folder_of(tmp_path / "small", [np.zeros((40, 60, 3), np.uint8)] * 3)
    with pytest.raises(UserError, match=r"60 × 40 px, but the saved .* 120 × 80 px"):
        fuse_files(small, transforms=saved)


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        ("{", UserError, "no JSON"),
        ("[]", UserError, "no file of transforms"),
        ('{"format": "focusrig-transforms", "version": 7}', DataError, "version 7"),
        ('{"format": "focusrig-transforms", "version": 1}', DataError, "damaged"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, kind: type[Exception], reason: str) -> None:
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(kind, match=reason):
        load_transforms(tmp_path / "t.json")
    with pytest.raises(UserError, match="cannot be read"):
        load_transforms(tmp_path / "nothing.json")


def test_a_transform_that_is_none_is_damage(tmp_path: Path) -> None:
    frame = {"index": 0, "name": "f", "verdict": "registered", "transform": [0.0] * 9}
    table = {"format": "focusrig-transforms", "version": 1, "frame_size_px": [2, 2], "frames": [frame]}
    (tmp_path / "t.json").write_text(json.dumps(table))
    with pytest.raises(DataError, match="cannot be inverted"):
        load_transforms(tmp_path / "t.json")
