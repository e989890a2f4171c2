"""``rig camera preview`` on simulated bodies: frames, the body put back, no live view, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hardware_sims.cameras.faults import WireFault
from typer.testing import CliRunner, Result

from rig.cli import build_app
from rig.errors import CameraError, UserError

APP = build_app()
CANON_LIVE_FRAME = 0x9153
SONY_OBJECT = 0x1009
NIKON_LIVE_FRAME = 0x9203
NOT_SUPPORTED = 0x2005
BUSY = 0x2019


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def preview(*arguments: object) -> Result:
    return CliRunner().invoke(APP, ["camera", "preview", *map(str, arguments)])


def test_frames_become_files_and_the_body_is_put_back(
    body: Callable[..., Any], personality: str, tmp_path: Path
) -> None:
    bench = body(personality)
    port = ("--port", bench.sim.port_name, "--out", tmp_path / "live")
    result = preview(*port, "--frames", 5, "--peaking", "--histogram", "--magnify", "0.5,0.5", "--json")
    assert result.exception is None, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["frame"] for line in lines] == [1, 2, 3, 4, 5]
    assert all(Path(line["path"]).name.startswith("SIMULATED_live_") for line in lines)
    assert {line["width_px"] for line in lines} == {256}
    assert all(line["mean"] > 0 and line["peaked"] is not None for line in lines)
    assert bench.sim.body.live.taken >= 5
    if personality == "canon":  # a Sony body shows live view whenever it is asked; there is nothing to end
        assert not bench.sim.body.live.is_on
        assert bench.connect().read("viewfinder").value == "0"


def test_live_view_that_was_on_stays_on(body: Callable[..., Any], tmp_path: Path) -> None:
    bench = body("canon")
    camera = bench.connect()
    camera.write("output", "PC")
    assert bench.sim.body.live.is_on
    from rig.cameras.preview import BodyLiveView

    view = BodyLiveView(camera)
    assert view.frame()[:2] == b"\xff\xd8"
    view.end()
    view.end()
    assert bench.sim.body.live.is_on


def test_a_nikon_that_is_busy_for_long_is_asked_again(body: Callable[..., Any]) -> None:
    """libgphoto2 gives up on it in the end, and hands over a frame of no bytes as if all were well."""
    from rig.cameras.preview import BodyLiveView

    bench = body("nikon")
    view = BodyLiveView(bench.connect())
    assert view.frame()[:2] == b"\xff\xd8"
    bench.sim.faults.on_operation(NIKON_LIVE_FRAME, WireFault(response=BUSY), 25)  # it asks 20 times
    assert view.frame()[:2] == b"\xff\xd8"
    view.end()


@pytest.mark.parametrize(("personality_", "code"), [("canon", CANON_LIVE_FRAME), ("sony", SONY_OBJECT)])
def test_a_body_without_live_view_says_so(
    body: Callable[..., Any], tmp_path: Path, personality_: str, code: int
) -> None:
    bench = body(personality_)
    bench.sim.faults.on_operation(code, WireFault(response=NOT_SUPPORTED), 1000)
    result = preview("--port", bench.sim.port_name, "--out", tmp_path)
    assert isinstance(result.exception, CameraError)
    assert "no live view" in str(result.exception)
    assert personality_ == "sony" or not bench.sim.body.live.is_on
    assert not list(tmp_path.glob("*.jpg"))


def test_a_generic_body_has_none(body: Callable[..., Any], tmp_path: Path) -> None:
    result = preview("--port", body("generic").sim.port_name, "--out", tmp_path)
    assert isinstance(result.exception, CameraError)
    assert "Generic PTP/IP body shows no live view" in str(result.exception)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--magnify", "5,5"), ("--address", "0.0.0.0:80"), ("--address", "nowhere")],
)
def test_what_cannot_be_shown_is_refused_before_the_body_is_touched(option: str, value: str) -> None:
    result = preview(option, value, "--port", "ptpip:127.0.0.1:9:9")
    assert isinstance(result.exception, UserError)
    assert option in str(result.exception)


def test_ctrl_c_ends_live_view_and_puts_the_body_back(body: Callable[..., Any], tmp_path: Path) -> None:
    bench = body("canon")
    command = "from rig.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", command, "camera", "preview", "--json", "--port", bench.sim.port_name],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"XDG_CONFIG_HOME": str(tmp_path)},
    )
    assert process.stdout is not None
    try:
        address = json.loads(process.stdout.readline())
        with urllib.request.urlopen(address["stream"], timeout=30) as stream:
            assert stream.readline() == b"--focusrig-frame\r\n"
            assert bench.sim.body.live.is_on
            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()
        assert process.wait(30) == 0
        assert all("sharpness" in json.loads(line) for line in rest.splitlines())
        assert not bench.sim.body.live.is_on
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
