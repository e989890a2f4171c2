"""The driver on bodies of other makes than Sony and Canon: Nikon, and whatever speaks standard PTP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tifffile

from rig.cameras.base import LockRequest, SettingVerdict

JPEG = b"\xff\xd8"
REQUEST = LockRequest(shutter_s=0.125, aperture=5.6, iso=100, white_balance="Daylight")


@pytest.mark.parametrize("personality", ["nikon", "generic"])
def test_three_frames(body: Callable[..., Any], personality: str, tmp_path: Path) -> None:
    bench = body(personality)
    camera = bench.connect()
    report = camera.lock(REQUEST)
    assert not report.refused
    assert (report.shutter_s, report.aperture, report.iso) == (0.125, 5.6, 100)
    shown = []
    for _ in range(3):
        (file,) = camera.collect(camera.fire(), tmp_path)
        shown.append(bench.number_shown(file.path))
    assert shown == [1, 2, 3]
    camera.restore()


@pytest.mark.parametrize("personality", ["nikon", "generic"])
def test_a_wrong_setting_is_set(body: Callable[..., Any], personality: str) -> None:
    bench = body(personality, initial={"iso": 400, "white_balance": "auto"})
    report = bench.connect().lock(REQUEST)
    assert not report.refused
    changed = {s.name for s in report.settings if s.verdict is SettingVerdict.SET}
    assert {"ISO", "white balance"} <= changed
    assert bench.sim.body.exposure_settings().iso == 100


@pytest.mark.parametrize("personality", ["canon", "sony", "sony-steps", "nikon"])
def test_raw_and_jpeg_of_a_release_are_collected_together(
    body: Callable[..., Any], personality: str, tmp_path: Path
) -> None:
    bench = body(personality, initial={"image_format": "raw+jpeg"})
    camera = bench.connect()
    camera.lock(REQUEST)
    for number in (1, 2):
        files = camera.collect(camera.fire(), tmp_path)
        raw, jpeg = sorted(files, key=lambda file: file.path.read_bytes()[:2] == JPEG)
        assert bench.number_shown(jpeg.path) == number
        with tifffile.TiffFile(raw.path) as tiff:
            preview = tiff.pages.first.pages[1].asarray()
        middle = preview[preview.shape[0] // 2, 16::32].mean(axis=-1)
        assert sum(int(level > 128) << bit for bit, level in enumerate(middle)) == number
