"""Frames that stand still stay where they are; those that drift slowly are followed from the first one on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from benchmarks.planes import Plane, PlaneFrame, plane_frames
from stacker.batch.files import fuse_files

_SIZE = 720, 480
_FRAMES, _FIRST = 24, 12
_NEXT = 6
"""Frames on either side of the first one: while a drift has not shown yet they seem to stand still."""


def _written(folder: Path, growth: float) -> tuple[list[PlaneFrame], list[Path]]:
    frames = list(
        plane_frames(
            Plane(count=_FRAMES, size=_SIZE, blur_px=8.0, growth=growth, jitter_px=0.0, jitter_rad=0.0)
        )
    )
    paths = [folder / f"f{number:02d}.png" for number in range(_FRAMES)]
    for frame, path in zip(frames, paths, strict=True):
        cv2.imwrite(str(path), cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR))
    return frames, paths


def test_frames_that_stand_still_stay_where_they_are(tmp_path: Path) -> None:
    _, paths = _written(tmp_path, 0.0)
    reports = fuse_files(paths).stack.reports
    assert all(np.array_equal(report.transform, np.eye(3).ravel()) for report in reports)


def test_a_slow_drift_is_followed_from_the_first_frame_on(tmp_path: Path) -> None:
    frames, paths = _written(tmp_path, 0.001)  # 0.02 px a step at the corners
    reports = {report.index: report for report in fuse_files(paths).stack.reports}
    corners = np.array([[x, y, 1.0] for x in (0, _SIZE[0]) for y in (0, _SIZE[1])]).T
    for index in range(_FIRST - _NEXT, _FIRST + _NEXT + 1):
        true = np.linalg.inv(frames[_FIRST].place) @ frames[index].place
        off = (np.asarray(reports[index].transform).reshape(3, 3) - true) @ corners
        assert float(np.linalg.norm(off[:2], axis=0).max()) < 0.08, index
