"""``rig camera``: list, info, check, set, shoot and watch, as commands on simulated bodies over the wire."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from rig.cameras.base import LockRequest
from rig.cameras.settings import CameraSettings
from rig.cli import build_app
from rig.clock import ScaledClock
from rig.errors import CameraError, UserError
from rig.tether import Tether, Tethered, follow, lock_request

APP = build_app()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(APP, ["camera", *map(str, arguments)])


def answer(*arguments: object) -> Any:
    result = run(*arguments, "--json")
    assert result.exception is None, result.output
    return json.loads(result.stdout)


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No rig.toml of the person who runs the tests is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_a_list_names_what_answers_and_what_does_not(body: Callable[..., Any]) -> None:
    port = body("canon").sim.port_name
    there, away = answer("list", "--port", port, "--port", "ptpip:127.0.0.1:9:9")
    assert there["port"] == port
    assert there["model"] == "Canon EOS R5"
    assert there["profile"] == "Canon"
    assert there["simulated"]
    assert "no camera answers" in away["trouble"]


def test_a_simulated_body_is_checked_without_an_aperture_that_a_plan_would_need(tmp_path: Path) -> None:
    config = tmp_path / "bare.toml"
    config.write_text(
        '[rail]\ndriver = "grbl"\npitch = "1 mm"\nlimits = ["0 mm", "60 mm"]\n'
        '[camera]\nmodel = "ILCE-7RM5"\n[simulator]\n'
    )
    settings = {s["name"]: s for s in answer("check", "--config", config)["settings"]}
    assert settings["exposure mode"]["verdict"] == "ok"
    assert settings["aperture"]["after"] == "f/5.6"


def test_an_empty_list_says_what_to_check() -> None:
    result = run("list", "--json")
    assert json.loads(result.stdout) == []
    assert isinstance(result.exception, CameraError)
    for word in ("gio mount", "PC Remote", "cable", "ptpip:"):
        assert word in str(result.exception)


def test_facts_of_a_body(body: Callable[..., Any], personality: str) -> None:
    facts = answer("info", "--port", body(personality).sim.port_name, "--settings")
    assert facts["info"]["simulated"]
    assert facts["info"]["battery"]
    assert facts["firmware"]
    assert facts["storages"][0]["free_bytes"] > 0
    able = {what["name"]: what["available"] for what in facts["capabilities"]}
    assert able["aperture"]
    assert able["release without autofocus"]
    assert "iso" in {state["name"] for state in facts["settings"]}


def test_a_check_changes_nothing_and_a_fix_does(body: Callable[..., Any], personality: str) -> None:
    bench = body(personality, initial={"iso": 800})
    port = ("--port", bench.sim.port_name, "--iso", 100)
    before = answer("check", *port)
    verdicts = {setting["name"]: setting for setting in before["settings"]}
    assert before["ready"]
    assert verdicts["ISO"]["verdict"] == "set"
    assert verdicts["ISO"]["after"] == "800"
    assert {"battery", "release"} < set(verdicts)
    assert bench.sim.body.exposure_settings().iso == 800
    after = answer("check", *port, "--fix")
    assert after["iso"] == 100
    assert bench.sim.body.exposure_settings().iso == 100


def test_a_check_says_what_values_mean_and_what_is_left_to_do(body: Callable[..., Any]) -> None:
    wrong = {"exposure_mode": "A", "tone_optimizer": "standard"}
    port = ("--port", body("canon", initial=wrong).sim.port_name)
    said = {setting["name"]: setting["message"] for setting in answer("check", *port)["settings"]}
    assert said["exposure mode"] == "would be set to 'Manual'; if the body refuses, turn the mode dial to M"
    assert said["auto lighting optimiser"] == "would be set to 'x3' (that is off)"
    told = run("check", *port, "--fix")
    assert "that is off" in told.stdout
    assert "ready for a stack once you have seen to: image stabiliser, focus bracketing" in told.stderr
    refused = run("check", "--port", body("canon", initial={"iso": "auto"}).sim.port_name)
    assert "ready for a stack" not in refused.stderr
    assert "e.g. iso = 100 in [capture]" in " ".join(refused.stdout.split())


def test_a_check_judges_the_battery_as_a_run_does(body: Callable[..., Any]) -> None:
    """Canon bodies tell quarters, and "Low" in the end; a run warns from the last quarter on."""
    bench = body("canon")
    for percent, told in ((20, "25%"), (5, "Low")):
        bench.sim.body.turn("battery", percent)
        settings = answer("check", "--port", bench.sim.port_name)["settings"]
        (battery,) = (setting for setting in settings if setting["name"] == "battery")
        assert (battery["after"], battery["verdict"]) == (told, "ask the operator")


def test_a_dial_that_only_a_hand_can_turn_is_refused(body: Callable[..., Any]) -> None:
    bench = body("sony", initial={"exposure_mode": "A"}, physical_dial=True)
    result = run("check", "--port", bench.sim.port_name)
    assert isinstance(result.exception, CameraError)
    assert result.exception.exit_code == 3
    assert "turn the mode dial to M" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("iso", "201", "200, 250"),
        ("isso", "200", "did you mean iso"),
        ("batterylevel", "5%", "cannot be set"),
    ],
)
def test_what_cannot_be_set_is_said(body: Callable[..., Any], name: str, value: str, said: str) -> None:
    result = run("set", name, value, "--port", body("sony").sim.port_name)
    assert isinstance(result.exception, UserError)
    assert said in str(result.exception)


def test_a_value_is_set_and_stays(body: Callable[..., Any], personality: str) -> None:
    bench = body(personality)
    told = answer("set", "whitebalance", "cloudy", "--port", bench.sim.port_name)
    assert (told["verdict"], told["after"]) == ("set", "Cloudy")
    assert bench.connect().read("whitebalance").value == "Cloudy"


def test_one_frame_is_taken_and_the_body_put_back(body: Callable[..., Any], tmp_path: Path) -> None:
    bench = body("canon", scale=1.0, initial={"iso": 800})
    (port, out) = (("--port", bench.sim.port_name), ("--out", tmp_path / "one"))
    told = answer("shoot", *port, *out, "--iso", 100, "--shutter", "1/30", "--exif")
    (file,) = told["files"]
    assert Path(file["path"]).name == "frame_0001.jpg"
    assert bench.number_shown(Path(file["path"])) == 1
    assert file["levels"]["width_px"] == 256
    assert "256 × 64 px" in file["exif"]["size"]
    assert [e.iso for e in bench.world.exposures] == [100]
    assert bench.sim.body.exposure_settings().iso == 800


def press(bench: Any) -> None:
    """A finger on the body's button."""
    with bench.sim.body.responder.lock:
        assert bench.sim.body._release()


def test_frames_of_a_finger_are_filed_in_order_and_checked(
    body: Callable[..., Any], personality: str, tmp_path: Path
) -> None:
    bench = body(personality)
    tethered = Tethered(bench.connect(), simulated=True)
    done = threading.Event()

    def finger() -> None:
        for number in range(1, 4):
            press(bench)
            while len(list(tmp_path.glob("*.jpg"))) < number and not done.is_set():
                time.sleep(0.02)

    thread = threading.Thread(target=finger)
    thread.start()
    try:
        frames = list(follow(tethered, tmp_path, stopped=done.is_set, frames=3))
    finally:
        done.set()
        thread.join()
    assert [f.path.name for f in frames if f.path] == [f"SIMULATED_frame_{n:04d}.jpg" for n in (1, 2, 3)]
    assert [bench.number_shown(f.path) for f in frames if f.path] == [1, 2, 3]
    assert all(f.levels is not None and not f.refused for f in frames)
    assert not list(tmp_path.glob("*.part"))


def test_a_broken_frame_of_a_finger_is_said_and_the_next_one_filed(
    body: Callable[..., Any], tmp_path: Path
) -> None:
    bench = body("sony")
    tethered = Tethered(bench.connect(), simulated=True)
    bench.sim.faults.truncate_images(1, 0.5)
    press(bench)
    frames = follow(tethered, tmp_path, stopped=lambda: False, frames=1)
    refused = next(frames)
    assert refused.path is None
    assert refused.refused
    press(bench)
    (kept,) = frames
    assert kept.path is not None
    assert bench.number_shown(kept.path) == 2


def test_whoever_names_no_configuration_means_the_body_that_is_plugged_in(tmp_path: Path) -> None:
    tether = Tether.find(None, None)
    assert not tether.simulated
    assert tether.settings() == CameraSettings()
    assert isinstance(tether.clock, ScaledClock)
    assert tether.clock.scale == 1
    assert Tether.find(None, None, simulate=True, time_scale=7).clock.scale == 7
    with pytest.raises(UserError, match="--port"):
        Tether.find(None, "usb:001,002", simulate=True)
    with pytest.raises(UserError, match="--time-scale"):
        Tether.find(None, None, time_scale=2)
    with pytest.raises(UserError, match="--here-is"):
        Tether.find(None, None, here_is_mm=12.0)


def test_a_camera_alone_is_asked_for_what_a_stack_asks_for(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text(
        """
        rail = { driver = "grbl", pitch = "1 mm", limits = ["0 mm", "60 mm"] }
        camera = { mirror_up = true, keep_on_card = true }
        capture = { shutter = "1/500 s", iso = 400, flash = true, flash_sync = "1/200 s" }
        """
    )
    wanted = lock_request(Tether.find(config, None), LockRequest(iso=100))
    assert wanted == LockRequest(
        1 / 500, iso=100, keep_on_card=True, mirror_up=True, flash=True, flash_sync_s=1 / 200
    )
    assert lock_request(Tether.find(None, None), LockRequest(iso=100)) == LockRequest(iso=100)


def test_raw_and_jpeg_of_one_release_share_a_number(body: Callable[..., Any], tmp_path: Path) -> None:
    bench = body("canon", initial={"image_format": "raw+jpeg"})
    tethered = Tethered(bench.connect(), simulated=True)
    frames = follow(tethered, tmp_path, stopped=lambda: False, frames=2)
    for number in (1, 2):
        press(bench)
        names = [frame.path.name for frame in (next(frames), next(frames)) if frame.path]
        assert names == [f"SIMULATED_frame_{number:04d}{ending}" for ending in (".cr3", ".jpg")]
    assert next(frames, None) is None
