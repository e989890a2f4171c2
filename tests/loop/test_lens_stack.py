"""Stacks by the lens's own focus: whole commands, simulated bodies, marks and when they end."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CONFIG = """\
[rail]
driver = "grbl"
pitch = "1 mm"
limits = ["-2 mm", "60 mm"]

[camera]
model = "{model}"
sensor_width = "36 mm"
pixels = [240, 160]
{port}
[lens]
magnification = 1.0
pupil_distance = "300 mm"
{drive}

[capture]
aperture = "f/5.6"
shutter = "1/8 s"
iso = 100
white_balance = "Daylight"
settle = "0 s"
accept_clipping = true
{simulator}
"""

SIMULATOR = """
[simulator]
scene = "statue"
pixels = [240, 160]
depth = "12 mm"
time_scale = 20
live_fps = 25
focus = {{ near = "2 mm", far = "{far}" }}
"""


BY_SIZES = "focus_step = 2\nfocus_run_up = 6"
BY_NUMBERS = "focus_run_up = 30"
"""On Nikon bodies a unit is one step of the motor: there is a play of 12 to take up."""


def config(
    folder: Path, model: str, *, port: str = "", far: str | None = "-6 mm", drive: str = BY_SIZES
) -> Path:
    path = folder / "lens.toml"
    simulator = SIMULATOR.format(far=far) if far else ""
    line = f'port = "{port}"\n' if port else ""
    path.write_text(CONFIG.format(model=model, port=line, simulator=simulator, drive=drive))
    return path


@pytest.mark.parametrize(
    ("model", "drive", "step"),
    [("ILCE-7RM5", BY_SIZES, 5), ("Nikon D850", BY_NUMBERS, 10)],
    ids=["sony", "nikon"],
)
def test_a_stack_by_lens_focus_is_driven_one_way_journaled_in_units_and_stacked(
    workshop: Any, model: str, drive: str, step: int
) -> None:
    path = config(workshop.folder, model, drive=drive)
    words = ["--axis", "lens", "--from-here", "--frames", "3", "--step", step, "--json"]
    done = workshop.run("rig", "shoot", "--config", path, *words)
    assert done.code == 0, done
    saved = [e for e in workshop.journal() if e["event"] == "frame_saved"]
    assert [e["position_units"] for e in saved] == [0, step, 2 * step]
    (locked,) = (e for e in workshop.journal() if e["event"] == "preflight")
    assert locked["verdicts"]["focus mode"] in ("ok", "set"), "driven in the focus mode that the body needs"
    assert all("position_mm" not in e and e["trust"] == "host-counted" for e in saved)
    assert any(e["event"] == "drive_measured" and 0 < e["pause_s"] < 5 for e in workshop.journal())
    events = {e["event"]: e for e in done.lines}
    assert events["frame_saved"]["position_units"] == 2 * step
    driven_s = events["preflight_passed"]["predicted_s"] - events["run_started"]["predicted_s"]
    assert driven_s > 0, "what two drives take was seen before the first frame"
    assert (workshop.folder / events["stack_ready"]["file"]).stat().st_size > 0
    assert "not calibrated" in done.out


@pytest.fixture
def real(workshop: Any) -> Iterator[dict[str, Any]]:
    """A bench that no rig has started: to a rig, its Canon body is real, and stays as it was left."""
    order = {
        "simulator": {
            "scene": "statue", "pixels": [240, 160], "depth": 12.0, "personality": "canon", "live_fps": 25,
            "time_scale": 5, "focus": {"near": "2 mm", "far": "-6 mm"},
        },
        "exposure": {"shutter_s": 0.125, "iso": 100},
        "lens": {"f_number": 5.657},
        "camera": {"model": "Canon EOS R5"},
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "hardware_sims"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        yield json.loads(process.stdout.readline())
    finally:
        process.communicate()


def turn(about: dict[str, Any], control: str, to: object) -> None:
    host, port = about["control_port"].rsplit(":", 1)
    with socket.create_connection((host, int(port))) as line, line.makefile("rw") as stream:
        stream.write(json.dumps({"do": "turn", "control": control, "to": to}) + "\n")
        stream.flush()
        assert json.loads(stream.readline())["ok"]


@pytest.mark.timeout(300)
def test_marks_hold_from_command_to_command_until_the_lens_is_out_of_reach(
    workshop: Any, real: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(workshop.folder / "state"))  # where marks are kept
    path = config(workshop.folder, "Canon EOS R5", port=real["camera_port"], far=None)

    def rig(*words: object) -> Any:
        return workshop.run("rig", *words, "--config", path)

    nowhere = rig("shoot", "--axis", "lens", "--start", 0, "--end", 4, "--step", 4, "--yes")
    assert nowhere.code == 2, nowhere
    assert "rig mark near" in nowhere.err
    assert rig("mark", "near").code == 0
    far = rig("mark", "far", "--move", 4, "--json")
    assert far.code == 0, far
    assert json.loads(far.out)["far"] == 4
    shot = rig("shoot", "--axis", "lens", "--start", 0, "--end", 4, "--step", 4, "--yes", "--no-stack")
    assert shot.code == 0, shot
    turn(real, "lens_switch", "MF")
    stuck = rig("mark", "far", "--move", 4)
    assert stuck.code == 3, stuck
    void = rig("mark", "far")
    assert void.code == 2, void
    assert "broken off" in void.err or "refused" in void.err


def test_ctrl_c_ends_a_drive_to_a_mark_as_it_ends_everything(workshop: Any, real: dict[str, Any]) -> None:
    path = config(workshop.folder, "Canon EOS R5", port=real["camera_port"], far=None)
    assert workshop.run("rig", "mark", "near", "--config", path).code == 0
    run = workshop.start("rig", "mark", "far", "--move", 200, "--config", path)
    (count,) = (workshop.folder / "state" / "focusrig" / "lenses").glob("*.json")
    deadline = time.monotonic() + 60.0
    while json.loads(count.read_text())["units"] is not None:  # it is forgotten before the lens is driven
        assert time.monotonic() < deadline
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130, (out, err)
    assert json.loads(count.read_text())["units"] is None
