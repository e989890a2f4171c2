"""A short soak: whole runs with faults, every frame in its place; long ones by `benchmarks.camera_soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.camera_soak import soak


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("personality", "image_format"), [("canon", "JPEG"), ("sony", "RAW+JPEG")])
def test_twenty_frames_with_faults_are_all_there_and_in_place(
    personality: str, image_format: str, tmp_path: Path
) -> None:
    report = soak(personality, 20, tmp_path, every=10, seed=3, time_scale=40, image_format=image_format)
    assert sum(report.faults.values()) >= 2
    assert not report.lost
    assert not report.misfiled
    assert report.descriptors <= 0
