"""Firing and collecting: every frame of its own release, complete, on disk; and the exposure really over."""

from __future__ import annotations

import hashlib
import math
import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from rig.cameras.base import CapturedFile, LockRequest
from rig.errors import CameraError

REQUEST = LockRequest(shutter_s=0.125, aperture=5.6, iso=100, white_balance="Daylight")


def test_ten_frames_with_overlapped_download(
    body: Callable[..., Any], personality: str, tmp_path: Path
) -> None:
    bench = body(personality)
    camera = bench.connect()
    camera.lock(REQUEST)
    collected: list[tuple[CapturedFile, ...]] = []
    shots = []
    for _ in range(10):
        shot = camera.fire()
        shots.append(shot)
        # As in a run: the carriage would move in this thread meanwhile.
        fetch = threading.Thread(target=lambda s=shot: collected.append(camera.collect(s, tmp_path)))
        fetch.start()
        fetch.join()
    assert [shot.number for shot in shots] == list(range(1, 11))
    assert [bench.number_shown(files[0].path) for files in collected] == list(range(1, 11))
    assert len({files[0].path for files in collected}) == 10
    for (file,) in collected:
        data = file.path.read_bytes()
        assert file.path.parent == tmp_path
        assert file.size_bytes == len(data)
        assert file.sha256 == hashlib.sha256(data).hexdigest()
        assert file.fields["shutter_s"] == "0.125"
        assert Path(file.camera_name).suffix.lower() == ".jpg"


def test_what_was_locked_is_what_exposes(body: Callable[..., Any], personality: str, tmp_path: Path) -> None:
    bench = body(personality)
    camera = bench.connect()
    camera.lock(LockRequest(shutter_s=1 / 30, aperture=11.0, iso=400, white_balance="Daylight"))
    camera.collect(camera.fire(), tmp_path)
    (exposure,) = bench.world.exposures
    assert math.isclose(exposure.shutter_s, 1 / 30, rel_tol=0.12)
    assert math.isclose(exposure.f_number, 11.31, rel_tol=0.01)
    assert exposure.iso == 400


@pytest.mark.parametrize("shutter_s", [1 / 60, 1.0])
def test_fire_returns_when_the_exposure_is_over_and_not_much_later(
    body: Callable[..., Any], personality: str, tmp_path: Path, shutter_s: float
) -> None:
    bench = body(personality)
    camera = bench.connect()
    camera.lock(LockRequest(shutter_s=shutter_s, aperture=5.6, iso=100, white_balance="Daylight"))
    before_s = bench.clock.now()
    shot = camera.fire()
    returned_s = bench.clock.now()
    camera.collect(shot, tmp_path)
    (exposure,) = bench.world.exposures
    # The simulator's clock starts with it and the rig's with the machine; both run at the same rate.
    sim = bench.sim.body.shutter
    offset_s = bench.clock.now() - sim._clock.now()
    over_s = exposure.start_s + exposure.shutter_s + 0.1 + offset_s
    assert returned_s >= over_s - 1e-3
    assert before_s <= shot.fired_at_s <= returned_s
    assert (
        returned_s - before_s < shutter_s + 0.15 + 0.5 * bench.clock.scale
    )  # half a real second for a busy machine
    assert datetime.fromisoformat(shot.fired_wall).utcoffset() is not None


def test_a_release_before_the_last_frame_was_collected_is_refused(
    body: Callable[..., Any], personality: str, tmp_path: Path
) -> None:
    bench = body(personality)
    camera = bench.connect()
    camera.lock(REQUEST)
    shot = camera.fire()
    with pytest.raises(CameraError, match="not collected"):
        camera.fire()
    camera.collect(shot, tmp_path)
    with pytest.raises(CameraError, match="not the one"):
        camera.collect(shot, tmp_path)


def test_nothing_fires_before_the_exposure_is_locked(body: Callable[..., Any]) -> None:
    with pytest.raises(CameraError, match="not locked"):
        body("sony").connect().fire()


def test_settings_are_put_back_after_frames(
    body: Callable[..., Any], personality: str, tmp_path: Path
) -> None:
    bench = body(personality, initial={"iso": 1600, "white_balance": "cloudy"})
    camera = bench.connect()
    camera.lock(REQUEST)
    camera.collect(camera.fire(), tmp_path)
    camera.restore()
    assert bench.sim.body.exposure_settings().iso == 1600
    assert camera.read("whitebalance").value == "Cloudy"


def test_pictures_for_the_card_are_fetched_and_stay_there(body: Callable[..., Any], tmp_path: Path) -> None:
    bench = body("canon")
    camera = bench.connect()
    camera.lock(replace(REQUEST, keep_on_card=True))
    (file,) = camera.collect(camera.fire(), tmp_path)
    assert file.camera_name == "IMG_0001.JPG"
    assert bench.number_shown(file.path) == 1
    assert "IMG_0001.JPG" in {item.name for item in bench.sim.body.objects.select()}


def test_a_picture_from_before_is_not_taken_for_the_first_frame(
    body: Callable[..., Any], personality: str, tmp_path: Path
) -> None:
    """The operator pressed the button while the rig was getting ready."""
    bench = body(personality)
    camera = bench.connect()
    camera.lock(REQUEST)
    with bench.sim.body.responder.lock:
        assert bench.sim.body._release()
    time.sleep(0.5)
    (file,) = camera.collect(camera.fire(), tmp_path)
    assert bench.number_shown(file.path) == 2


def test_slow_starters_are_given_their_time(body: Callable[..., Any], tmp_path: Path) -> None:
    camera = body("sony", model="ILCE-7M4").connect()
    connected = time.monotonic()
    camera.lock(REQUEST)
    shot = camera.fire()
    assert time.monotonic() - connected > 2.5
    camera.collect(shot, tmp_path)


def test_names_of_temporary_files_cannot_be_taken_for_frames(
    body: Callable[..., Any], personality: str, tmp_path: Path
) -> None:
    camera = body(personality).connect()
    camera.lock(REQUEST)
    (file,) = camera.collect(camera.fire(), tmp_path)
    assert re.fullmatch(r"shot-00001-[0-9a-f]+\.(jpg|JPG)\.part", file.path.name)
