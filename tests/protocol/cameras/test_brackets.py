"""Several exposures at a position: set between the shots, read back, and every frame held against its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rig.cameras.base import LockRequest, SettingVerdict
from rig.cameras.frame_exif import read_exif
from rig.errors import CameraError

BRACKET_S = (1 / 32, 1 / 8, 1 / 2)
REQUEST = LockRequest(shutter_s=0.125, aperture=5.6, iso=100, white_balance="Daylight", bracket_s=BRACKET_S)


def take(camera: Any, shutter_s: float, folder: Path) -> Any:
    camera.expose_for(shutter_s)
    (file,) = camera.collect(camera.fire(), folder)
    return file


@pytest.mark.parametrize("body_name", ["canon", "sony", "sony-steps"])
def test_each_shot_has_its_own_exposure(body: Callable[..., Any], tmp_path: Path, body_name: str) -> None:
    bench = body(body_name, initial={"shutter_s": 1 / 60})
    camera = bench.connect()
    before = camera.read("shutterspeed").value
    assert not camera.lock(REQUEST).refused
    files = [take(camera, shutter_s, tmp_path) for shutter_s in (*BRACKET_S, *BRACKET_S)]
    taken = [e.shutter_s for e in bench.world.exposures]
    assert taken == pytest.approx([*BRACKET_S, *BRACKET_S], rel=0.1)
    assert [float(f.fields["shutter_s"]) for f in files] == pytest.approx(taken, rel=0.1)
    assert [bench.number_shown(f.path) for f in files] == [1, 2, 3, 4, 5, 6]
    assert read_exif(files[2].path.read_bytes()).shutter_s == pytest.approx(0.5)
    camera.restore()
    assert camera.read("shutterspeed").value == before


def test_a_dial_turned_within_a_bracket_is_found_and_set_to_that_shots_time(
    body: Callable[..., Any], personality: str, tmp_path: Path
) -> None:
    bench = body(personality)
    camera = bench.connect()
    camera.lock(REQUEST)
    take(camera, 1 / 8, tmp_path)
    camera.expose_for(1 / 2)
    bench.sim.body.turn("shutter_s", 1 / 250)
    with pytest.raises(CameraError, match=r"exposed for 1/25. s and not 0\.5 s.*as locked again"):
        camera.collect(camera.fire(), tmp_path)
    take(camera, 1 / 2, tmp_path)
    assert [e.shutter_s for e in bench.world.exposures] == pytest.approx([1 / 8, 1 / 250, 1 / 2], rel=0.1)


def test_a_time_that_is_not_there_is_refused_before_the_run(body: Callable[..., Any]) -> None:
    camera = body("sony").connect()
    report = camera.lock(LockRequest(shutter_s=1 / 4000, bracket_s=(1 / 64000, 1 / 4000)))
    (refused,) = report.refused
    assert refused.name == "bracket 1/64000 s"
    assert "not offered" in refused.message
    verdicts = {s.name: s.verdict for s in report.settings}
    assert verdicts["bracket 1/4000 s"] is SettingVerdict.OK


def test_a_set_that_is_not_made_is_made_again(body: Callable[..., Any], tmp_path: Path) -> None:
    bench = body("sony")
    camera = bench.connect()
    camera.lock(REQUEST)
    bench.sim.faults.ignored_sets = 1
    take(camera, 1 / 2, tmp_path)
    assert bench.world.exposures[-1].shutter_s == pytest.approx(0.5)


def test_a_link_lost_between_the_shots_goes_on_at_that_shots_time(
    body: Callable[..., Any], tmp_path: Path
) -> None:
    bench = body("canon")
    camera = bench.connect()
    camera.lock(REQUEST)
    take(camera, 1 / 32, tmp_path)
    bench.sim.drop_link()
    take(camera, 1 / 2, tmp_path)
    assert [e.shutter_s for e in bench.world.exposures] == pytest.approx([1 / 32, 1 / 2], rel=0.1)


def test_a_camera_that_is_not_locked_has_no_bracket(body: Callable[..., Any]) -> None:
    with pytest.raises(CameraError, match="not locked"):
        body("canon").connect().expose_for(0.5)
