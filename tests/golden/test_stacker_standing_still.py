"""Frames that stand still stay where they are; those that drift slowly are followed from the first one on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stacker.batch.files import fuse_files
from stacker.frames import Image

_SIZE = 720, 480
_FRAMES = 24
_NEXT = 6
"""Frames on either side of the first one: while a drift has not shown yet they seem to stand still."""


def _texture() -> Image:
    noise = np.random.default_rng(5).standard_normal((_SIZE[1], _SIZE[0], 3)).astype(np.float32)
    fine, wide = cv2.GaussianBlur(noise, (0, 0), 1.6), cv2.GaussianBlur(noise, (0, 0), 9.0)
    return 110 + 30 * fine / float(fine.std()) + 25 * wide / float(wide.std())


def _frame(sharp: Image, at: float, motion: Image, rng: np.random.Generator) -> Image:
    """The texture as a slope from left to right, in focus at a share of the way."""
    off = np.abs(np.linspace(0, 1, _SIZE[0], dtype=np.float32) - np.float32(at))[None, :, None]
    soft = cv2.GaussianBlur(sharp, (0, 0), 3.0)
    share = np.minimum(3 * off, 1)
    moved = cv2.warpAffine(
        sharp + (soft - sharp) * share,
        motion,
        _SIZE,
        flags=cv2.INTER_LANCZOS4,
        borderMode=cv2.BORDER_REFLECT,
    )
    return np.clip(moved + rng.normal(0, 1.0, moved.shape) + 0.5, 0, 255).astype(np.uint8)


def _written(folder: Path, step_px: float) -> list[Path]:
    rng, sharp, paths = np.random.default_rng(1), _texture(), []
    for number in range(_FRAMES):
        shift = step_px * (number - _FRAMES // 2)
        motion = np.array([[1, 0, shift], [0, 1, 0.4 * shift]], np.float32)
        paths.append(folder / f"f{number:02d}.png")
        cv2.imwrite(str(paths[-1]), _frame(sharp, number / (_FRAMES - 1), motion, rng))
    return paths


@pytest.mark.parametrize("step_px", [0.0, 0.02, 0.03, 0.05])
def test_a_slow_drift_is_followed_from_the_first_frame_and_standing_still_is_left(
    tmp_path: Path, step_px: float
) -> None:
    result = fuse_files(_written(tmp_path, step_px))
    reports = sorted(result.stack.reports, key=lambda report: report.index)
    assert len(reports) == _FRAMES
    for report in reports:
        transform = np.asarray(report.transform).reshape(3, 3)
        shift = step_px * (report.index - _FRAMES // 2)
        middle = np.array([_SIZE[0] / 2, _SIZE[1] / 2, 1.0])
        off = (transform @ middle)[:2] - (middle[:2] - np.array([shift, 0.4 * shift]))
        if step_px == 0:
            assert np.array_equal(transform, np.eye(3))
        elif abs(report.index - _FRAMES // 2) <= _NEXT:  # farther ones were followed all along
            assert float(np.hypot(*off)) < 0.06, (report.index, off)
