"""Real photographs, where they are at hand: sensible figures for every stack. Looking is for people."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stacker import FilesResult, fuse_files, list_frames, read_frame

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
STACKS = {"pcb": 0.038, "pcb-depth": None, "imx219": 0.11, "ring": None, "keyboard": 0.0}
"""Folder, and how much the size is known to change over the stack. (imx219: 0.110 by SIFT features matched
from frame to frame, which shares nothing with the matcher under test; the folder's own note says 0.09.)"""


@pytest.fixture(scope="module", params=sorted(STACKS))
def fused(request: pytest.FixtureRequest) -> tuple[str, FilesResult]:
    folder = SHARED / request.param
    if not folder.is_dir():
        pytest.skip(f"the real stacks are not here ({folder})")
    return request.param, fuse_files(list_frames([folder]))


def _detail(picture: np.ndarray) -> np.ndarray:
    """Energy of fine structure in tiles of 32 px; noise is below the blur."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    band = cv2.GaussianBlur(grey, (0, 0), 1.2) - cv2.GaussianBlur(grey, (0, 0), 2.4)
    size = (grey.shape[1] // 32, grey.shape[0] // 32)
    return np.sqrt(cv2.resize(band * band, size, interpolation=cv2.INTER_AREA))


def test_a_real_stack_fuses(fused: tuple[str, FilesResult]) -> None:
    name, result = fused
    stack = result.stack
    assert result.skipped == ()
    assert all(report.registered for report in stack.reports), "every frame of these stacks can be registered"
    assert all(abs(report.rotation_deg) < 0.3 for report in stack.reports), "the cameras stood on stands"

    first = read_frame(result.paths[0])
    assert stack.image.shape[0] >= first.height
    assert stack.image.shape[1] >= first.width
    assert stack.metadata.simulated is False

    scales = [report.scale for report in stack.reports]
    known = STACKS[name]
    if known is not None:
        assert max(scales) / min(scales) - 1 == pytest.approx(known, abs=0.02)
    if max(scales) / min(scales) > 1.01:
        steps = np.sign(np.diff(scales))
        assert abs(steps.sum()) == len(steps), "the size changes one way"

    # At least as sharp as each single frame nearly everywhere.
    left, top = -stack.origin_px[0], -stack.origin_px[1]
    reference = read_frame(result.paths[len(result.paths) // 2]).pixels
    same_view = stack.image[top : top + first.height, left : left + first.width]
    ours, single = _detail(same_view), _detail(reference)
    assert (ours > 0.8 * single - 0.3).mean() > 0.97
    assert ours.mean() > 1.15 * single.mean()

    # Mean colour is that of the frames.
    difference = same_view.mean(axis=(0, 1)) - reference.mean(axis=(0, 1))
    assert np.abs(difference).max() < 6
