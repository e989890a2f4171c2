"""Locking: everything manual and fixed, read back, put back; and what is said when the body will not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rig.cameras.base import LockReport, LockRequest, SettingReport, SettingVerdict

REQUEST = LockRequest(shutter_s=0.125, aperture=5.6, iso=100, white_balance="Daylight")
UNTOLD: dict[str, list[str]] = {"canon": ["image stabiliser", "focus bracketing"], "sony": []}
"""What these bodies cannot tell, and the operator is asked."""
WRONG = {
    "exposure_mode": "A",
    "drive_mode": "continuous",
    "shutter_s": 1 / 60,
    "f_number": 11.0,
    "iso": "auto",
    "white_balance": "auto",
    "focus_mode": "AF",
}


def setting(report: LockReport, name: str) -> SettingReport:
    return next(s for s in report.settings if s.name == name)


def test_a_body_that_is_right_is_left_alone(body: Callable[..., Any], personality: str) -> None:
    report = body(personality).connect().lock(REQUEST)
    told = [s for s in report.settings if s.name not in UNTOLD[personality]]
    assert {s.verdict for s in told} == {SettingVerdict.OK}
    assert [s.name for s in report.to_ask] == UNTOLD[personality]
    assert (report.shutter_s, report.aperture, report.iso) == (0.125, 5.6, 100)
    assert report.white_balance == "Daylight"


@pytest.mark.parametrize("mode", [2, 3])
def test_a_sony_body_of_either_protocol_is_set(body: Callable[..., Any], mode: int) -> None:
    bench = body("sony", mode=mode, initial=WRONG | {"capture_target": "card", "tone_optimizer": "auto"})
    report = bench.connect().lock(REQUEST)
    assert not report.refused
    assert (report.shutter_s, report.aperture, report.iso) == (0.125, 5.6, 100)
    for name in ("dynamic range optimiser", "capture target"):
        assert setting(report, name).verdict is SettingVerdict.SET


def test_wrong_settings_are_set_and_put_back(body: Callable[..., Any], personality: str) -> None:
    bench = body(personality, initial=WRONG)
    camera = bench.connect()
    before = camera.read_all()
    report = camera.lock(REQUEST)
    assert not report.refused
    assert [s.name for s in report.to_ask] == UNTOLD[personality]
    names = ("exposure mode", "focus mode", "drive mode", "ISO", "shutter", "aperture", "white balance")
    assert {setting(report, name).verdict for name in names} == {SettingVerdict.SET}
    used = bench.sim.body.exposure_settings()
    assert (used.shutter_s, round(used.f_number, 2), used.iso) == (0.125, 5.66, 100)

    camera.restore()
    after = camera.read_all()
    assert {name: state.value for name, state in after.items()} == {
        name: state.value for name, state in before.items()
    }


def test_a_second_lock_still_puts_the_first_state_back(body: Callable[..., Any], personality: str) -> None:
    bench = body(personality, initial={"iso": 800})
    camera = bench.connect()
    camera.lock(REQUEST)
    camera.lock(LockRequest(shutter_s=0.125, aperture=5.6, iso=200, white_balance="Daylight"))
    assert bench.sim.body.exposure_settings().iso == 200
    camera.restore()
    assert bench.sim.body.exposure_settings().iso == 800
    camera.restore()  # nothing is left to put back


def test_a_dial_on_the_body_is_refused_with_advice(body: Callable[..., Any], personality: str) -> None:
    bench = body(personality, initial={"exposure_mode": "A"}, physical_dial=True)
    report = bench.connect().lock(REQUEST)
    (refused,) = report.refused
    assert refused.name == "exposure mode"
    assert "turn the mode dial to M" in refused.message
    assert "connection" not in refused.message  # libgphoto2 says the same when it is lost
    assert refused.after == refused.before


@pytest.mark.parametrize(
    ("initial", "name"),
    [({"iso": "auto"}, "ISO"), ({"white_balance": "auto"}, "white balance")],
)
def test_what_changes_from_frame_to_frame_cannot_be_kept(
    body: Callable[..., Any], personality: str, initial: dict[str, str], name: str
) -> None:
    report = body(personality, initial=initial).connect().lock(LockRequest())
    (refused,) = report.refused
    assert refused.name == name
    assert "from frame to frame" in refused.message
    assert "in [capture]" in refused.message


def test_mirror_lock_is_off_or_a_release_would_only_raise_the_mirror(
    body: Callable[..., Any], tmp_path: Path
) -> None:
    camera = body("canon-dslr", initial={"mirror_lock": "on"}).connect(image_wait_s=1.5)
    report = setting(camera.lock(REQUEST), "mirror lock")
    assert (report.before, report.after, report.verdict) == ("1", "0", SettingVerdict.SET)
    assert camera.collect(camera.fire(), tmp_path)
    camera.restore()
    assert camera.read("mirrorlock").value == "1"


def test_a_nikons_mirror_is_up_when_asked_for(body: Callable[..., Any], tmp_path: Path) -> None:
    """Its exposure delay is waited for by libgphoto2, which asks until the body is ready."""
    bench = body("nikon", scale=1.0)
    camera = bench.connect()
    camera.lock(replace(REQUEST, mirror_up=True))
    shot = camera.fire()
    returned_s = bench.clock.now()
    camera.collect(shot, tmp_path)
    (exposure,) = bench.world.exposures
    offset_s = bench.clock.now() - bench.sim.body.shutter._clock.now()
    assert exposure.shake_um == 0.0
    assert returned_s >= exposure.start_s + exposure.shutter_s + offset_s - 1e-3


@pytest.mark.parametrize(
    ("personality", "names"),
    [
        ("sony-steps", ["image stabiliser"]),
        ("nikon", ["vibration reduction"]),
        ("generic", ["image stabiliser", "bracketing"]),
    ],
)
def test_what_a_body_cannot_tell_is_asked(
    body: Callable[..., Any], personality: str, names: list[str]
) -> None:
    assert [s.name for s in body(personality).connect().lock(REQUEST).to_ask] == names


def test_automatic_white_balance_is_refused_when_asked_for(
    body: Callable[..., Any], personality: str
) -> None:
    report = body(personality).connect().lock(LockRequest(white_balance="auto"))
    assert [s.name for s in report.refused] == ["white balance"]


def test_a_white_balance_in_kelvin(body: Callable[..., Any], personality: str) -> None:
    camera = body(personality).connect()
    report = camera.lock(LockRequest(white_balance="4300 K"))
    assert not report.refused
    assert camera.read("colortemperature").value == "4300"
    assert setting(report, "white balance").verdict is SettingVerdict.SET


@pytest.mark.parametrize(
    ("request_", "name", "offered"),
    [
        (LockRequest(iso=7), "ISO", "100"),
        (LockRequest(shutter_s=1e-5), "shutter", "1/8"),
        (LockRequest(aperture=64.0), "aperture", "5.6"),
        (LockRequest(white_balance="Moonlight"), "white balance", "Daylight"),
        (LockRequest(image_format="PNG"), "image format", ""),
    ],
)
def test_what_the_body_does_not_offer_is_refused_with_what_it_does(
    body: Callable[..., Any], personality: str, request_: LockRequest, name: str, offered: str
) -> None:
    report = body(personality).connect().lock(request_)
    (refused,) = report.refused
    assert refused.name == name
    assert offered in refused.message


def test_the_nearest_third_of_a_stop_is_taken(body: Callable[..., Any], personality: str) -> None:
    report = body(personality).connect().lock(LockRequest(shutter_s=0.3, aperture=5.657, iso=102))
    assert not report.refused
    assert report.shutter_s == pytest.approx(0.3, rel=0.12)
    assert (report.aperture, report.iso) == (5.6, 100)


def test_a_lens_without_contacts_is_legal(body: Callable[..., Any], personality: str) -> None:
    """On the Sony body the f-number is unset then, which would crash a plain read (fact 1)."""
    bench = body(personality, manual_lens_f_number=8.0)
    camera = bench.connect()
    report = camera.lock(LockRequest())
    assert report.aperture is None
    assert not report.refused
    assert setting(report, "aperture").message == "no electronic aperture"

    report = camera.lock(LockRequest(aperture=8.0))
    asked = setting(report, "aperture")
    assert asked.verdict is SettingVerdict.ASK
    assert asked.message == "no electronic aperture: set f/8 on the lens"


def test_a_body_without_manual_focus_to_choose_asks_the_operator(body: Callable[..., Any]) -> None:
    report = body("canon", offers_manual_focus=False).connect().lock(REQUEST)
    asked = setting(report, "focus mode")
    assert asked.verdict is SettingVerdict.ASK
    assert "MF" in asked.message


def test_bulb_is_no_fixed_time(body: Callable[..., Any]) -> None:
    camera = body("canon").connect()
    camera.write("shutterspeed", "bulb")
    (refused,) = camera.lock(LockRequest()).refused
    assert refused.name == "shutter"


def test_a_time_beyond_the_longest_is_held_open_by_us(body: Callable[..., Any]) -> None:
    report = body("canon").connect().lock(LockRequest(shutter_s=90.0))
    assert not report.refused
    assert (report.shutter_s, report.bulb) == (90.0, True)
    assert "long-exposure noise reduction" in [s.name for s in report.to_ask]


@pytest.mark.parametrize(("wanted", "raw", "jpeg"), [("RAW+JPEG", True, True), ("RAW", True, False)])
def test_the_image_format_is_chosen_by_what_it_gives(
    body: Callable[..., Any], personality: str, wanted: str, raw: bool, jpeg: bool
) -> None:
    bench = body(personality)
    report = bench.connect().lock(LockRequest(image_format=wanted))
    assert not report.refused
    used = bench.sim.body.exposure_settings()
    assert (used.raw, used.jpeg) == (raw, jpeg)


@pytest.mark.parametrize(("keeps", "target"), [(False, "card"), (True, "sdram")])
def test_frames_go_to_the_card_when_asked_and_the_target_is_put_back(
    body: Callable[..., Any], personality: str, keeps: bool, target: str
) -> None:
    bench = body(personality, initial={"capture_target": target})
    camera = bench.connect()
    before = camera.read("capturetarget").value
    report = camera.lock(LockRequest(keep_on_card=keeps))
    assert setting(report, "capture target").verdict is not SettingVerdict.REFUSED
    assert bench.sim.body.writes_to_card is keeps
    camera.restore()
    assert camera.read("capturetarget").value == before


def test_a_setting_that_is_accepted_and_not_made_is_made_again(
    body: Callable[..., Any], personality: str
) -> None:
    """Only the ISO is wrong, so that it is the setting that the body does not make."""
    bench = body(personality, initial={"iso": 800})
    bench.sim.faults.ignored_sets = 2
    report = bench.connect().lock(REQUEST)
    assert not report.refused
    assert bench.sim.body.exposure_settings().iso == 100


def test_a_setting_that_is_never_made_is_refused(body: Callable[..., Any], personality: str) -> None:
    bench = body(personality, initial={"iso": 800})
    bench.sim.faults.ignored_sets = 1000
    (refused,) = bench.connect().lock(REQUEST).refused
    assert (refused.name, refused.before, refused.after) == ("ISO", "800", "800")
    assert "the body stayed at '800'" in refused.message


def test_a_time_too_short_for_the_flash_is_refused(body: Callable[..., Any]) -> None:
    camera = body("sony").connect()
    (refused,) = camera.lock(LockRequest(shutter_s=1 / 500, flash=True)).refused
    assert refused.name == "flash sync"
    assert "1/160 s or longer" in refused.message
    assert not camera.lock(LockRequest(shutter_s=1 / 500)).refused
    assert not camera.lock(LockRequest(shutter_s=1 / 125, flash=True)).refused
