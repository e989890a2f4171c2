"""What lies over every frame, a stamp, a border or dust, is not followed by registration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.planes import Overlay, Plane, PlaneFrame, Surface, plane_frames
from stacker.batch.files import FilesResult, fuse_files
from stacker.folder import load_stack

_SIZE = 720, 480


def _fused(folder: Path, plane: Plane) -> tuple[list[PlaneFrame], FilesResult]:
    frames = list(plane_frames(plane))
    paths = [folder / f"f{number:02d}.png" for number in range(len(frames))]
    for frame, path in zip(frames, paths, strict=True):
        cv2.imwrite(str(path), cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR))
    return frames, fuse_files(paths)


def _off_px(frames: list[PlaneFrame], result: FilesResult) -> float:
    """The worst error of any frame where it is in focus."""
    worst = 0.0
    for frame, report in zip(frames, result.stack.reports, strict=True):
        points = np.column_stack([frame.zone, np.ones(len(frame.zone))]).T
        off = ((np.asarray(report.transform).reshape(3, 3) - frame.place) @ points)[:2]
        worst = max(worst, float(np.linalg.norm(off, axis=0).max(initial=0.0)))
    return worst


@pytest.mark.parametrize(
    ("overlay", "surface", "box_px"),
    [
        (Overlay.STAMP, Surface.TEXTURE, (12, 430, 386, 468)),
        (Overlay.BORDER, Surface.TEXTURE, (13, 13, 706, 466)),
        (Overlay.WINDOW, Surface.TEXTURE, (122, 2, 598, 478)),
        (Overlay.DUST, Surface.ISLAND, None),
    ],
)
def test_what_lies_over_all_frames_is_not_followed(
    tmp_path: Path, overlay: Overlay, surface: Surface, box_px: tuple[int, int, int, int] | None
) -> None:
    frames, result = _fused(
        tmp_path, Plane(count=9, size=_SIZE, blur_px=8.0, surface=surface, overlay=overlay)
    )
    assert _off_px(frames, result) < 0.25  # 0.4 to 40 px if it is followed
    covered = result.stack.covered
    assert covered is not None
    assert covered.share < 0.2
    if box_px is not None:
        assert np.abs(np.subtract(covered.box_px, box_px)).max() <= 16
    assert any("lies over all frames" in note for note in result.notes)
    result.stack.save_folder(tmp_path / "kept")
    assert load_stack(tmp_path / "kept").covered == covered


@pytest.mark.parametrize("growth", [0.05, 0.0])
def test_nothing_is_hidden_where_nothing_lies_over_the_frames(tmp_path: Path, growth: float) -> None:
    plane = Plane(count=5, size=_SIZE, blur_px=8.0, growth=growth)
    _, result = _fused(tmp_path, plane)
    assert result.stack.covered is None
    assert not any("lies over" in note for note in result.notes)


def test_a_stamp_on_frames_that_stand_still_leaves_them_there(tmp_path: Path) -> None:
    still = Plane(count=9, size=_SIZE, blur_px=8.0, growth=0.0, jitter_px=0.0, jitter_rad=0.0)
    _, result = _fused(tmp_path, replace(still, overlay=Overlay.STAMP))
    assert all(np.array_equal(report.transform, np.eye(3).ravel()) for report in result.stack.reports)
