"""Frames that go through the card and nothing else: fetched from there, kept or not; cards that cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rig.cameras.base import LockRequest, SettingVerdict
from rig.errors import OperatorNeededError

REQUEST = LockRequest(shutter_s=0.125, aperture=5.6, iso=100, white_balance="Daylight", card_only=True)


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("name", ["canon", "nikon"])
def test_frames_come_from_the_card_and_stay_there_only_when_asked(
    body: Callable[..., Any], tmp_path: Path, name: str, keeps: bool
) -> None:
    bench = body(name, initial={"image_format": "raw+jpeg"})
    camera = bench.connect()
    before = camera.read("capturetarget").value
    report = camera.lock(LockRequest(**{**vars(REQUEST), "keep_on_card": keeps}))
    assert not report.refused
    verdicts = {s.name: s for s in report.settings}
    assert verdicts["capture target"].after == "Memory card"
    assert camera.read("capturetarget").value == "Memory card"
    assert verdicts["card"].verdict is SettingVerdict.OK
    for number in (1, 2):
        files = camera.collect(camera.fire(), tmp_path)
        assert len(files) == 2
        assert bench.number_shown(files[0].path) == number
    left = [item for item in bench.sim.body.objects.select() if not item.is_folder]
    assert len(left) == (4 if keeps else 0)
    camera.restore()
    assert camera.read("capturetarget").value == before


def test_a_sony_body_says_why_not(body: Callable[..., Any]) -> None:
    (refused,) = body("sony").connect().lock(REQUEST).refused
    assert refused.name == "capture target"
    assert "keep_on_card = true" in refused.message


@pytest.mark.parametrize(("card", "words"), [(0, "no card in the camera"), ("full", "the card is full")])
def test_a_card_that_takes_nothing_is_refused_before_the_run(
    body: Callable[..., Any], card: Any, words: str
) -> None:
    bench = body("canon")
    camera = bench.connect()
    bench.sim.body.turn("card", card)
    (refused,) = camera.lock(REQUEST).refused
    assert refused.name == "card"
    assert words in refused.message


def test_a_card_that_fills_up_in_the_run_ends_it(body: Callable[..., Any], tmp_path: Path) -> None:
    bench = body("canon")
    camera = bench.connect()
    camera.lock(REQUEST)
    camera.collect(camera.fire(), tmp_path)
    bench.sim.body.turn("card", "full")
    with pytest.raises(OperatorNeededError, match="card"):
        camera.fire()


def test_a_frame_that_is_refused_stays_on_the_card(body: Callable[..., Any], tmp_path: Path) -> None:
    bench = body("canon")
    camera = bench.connect()
    camera.lock(REQUEST)
    bench.sim.body.turn("iso", 1600)
    with pytest.raises(Exception, match="not taken as locked"):
        camera.collect(camera.fire(), tmp_path)
    assert len([item for item in bench.sim.body.objects.select() if not item.is_folder]) == 1
