"""Exposures that no body times by itself: the button is held, and the shutter is open for just as long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rig.cameras.base import LockRequest
from rig.cameras.frame_exif import read_exif
from rig.errors import CameraError

SCALE = 40.0
REQUEST = LockRequest(shutter_s=45.0, aperture=5.6, iso=100, white_balance="Daylight")


@pytest.mark.parametrize("body_name", ["canon", "nikon", "sony", "sony-steps"])
def test_the_shutter_is_open_as_long_as_the_button_is_held(
    body: Callable[..., Any], tmp_path: Path, body_name: str
) -> None:
    bench = body(body_name, scale=SCALE)
    camera = bench.connect()
    before = camera.read("shutterspeed").value
    report = camera.lock(REQUEST)
    assert not report.refused
    assert (report.shutter_s, report.bulb) == (45.0, True)
    (file,) = camera.collect(camera.fire(), tmp_path)
    (exposure,) = bench.world.exposures
    # The clock runs 40 times as fast: a tenth of a second of delay on a loaded machine is 4 s there.
    assert 45.0 <= exposure.shutter_s < 45.0 + 1.5 * SCALE
    told_s = read_exif(file.path.read_bytes()).shutter_s
    assert told_s == pytest.approx(exposure.shutter_s, abs=0.01)
    camera.expose_for(30.0)
    camera.collect(camera.fire(), tmp_path)
    assert bench.world.exposures[-1].shutter_s == pytest.approx(30.0, rel=0.1)
    camera.restore()
    assert camera.read("shutterspeed").value == before


def test_a_link_lost_with_the_shutter_open_closes_it_and_takes_the_frame_again(
    body: Callable[..., Any], personality: str, tmp_path: Path
) -> None:
    bench = body(personality, scale=8.0)  # 5.6 s to pull the cable in
    camera = bench.connect()
    camera.lock(REQUEST)

    def pull_the_cable() -> None:
        until = time.monotonic() + 30
        while not bench.sim.body.shutter.is_busy and time.monotonic() < until:
            time.sleep(0.01)
        bench.sim.drop_link()

    hand = threading.Thread(target=pull_the_cable)
    hand.start()
    with pytest.raises(CameraError, match="connected again"):
        camera.fire()
    hand.join()
    until = time.monotonic() + 30
    while bench.sim.body.shutter.is_busy:
        assert time.monotonic() < until, "the shutter stays open"
        time.sleep(0.02)
    taken = None
    for _ in range(3):
        try:
            (taken,) = camera.collect(camera.fire(), tmp_path)
        except CameraError:
            continue
        break
    assert taken is not None
    assert bench.number_shown(taken.path) >= 2, "the broken exposure is never filed for the next"
    assert bench.world.exposures[bench.number_shown(taken.path) - 1].shutter_s > 44.9


def test_a_hand_holds_the_button_too(body: Callable[..., Any]) -> None:
    bench = body("canon", scale=SCALE)
    camera = bench.connect()
    camera.write("shutterspeed", "bulb")
    bench.sim.body.turn("button", "press")
    with pytest.raises(ValueError, match="under way"):
        bench.sim.body.turn("button", "press")
    bench.sim.body.turn("button", "let_go")
    with pytest.raises(ValueError, match="not held"):
        bench.sim.body.turn("button", "let_go")
    until = time.monotonic() + 30
    while not bench.world.exposures:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert bench.world.exposures[0].shutter_s > 0.0
