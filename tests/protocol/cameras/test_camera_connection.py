"""Connecting: who is there, what is said when nobody is, and what is left behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from rig.cameras.registry import open_camera
from rig.cameras.settings import CameraSettings
from rig.clock import ScaledClock
from rig.errors import CameraError, UserError


def test_describes_the_body(body: Callable[..., Any], personality: str) -> None:
    bench = body(personality)
    info = bench.connect().describe()
    model = {"canon": "Canon EOS R5", "sony": "ILCE-7RM5"}[personality]
    assert info.model == model
    assert personality in info.manufacturer.lower()
    assert info.port == bench.sim.port_name
    assert info.simulated
    assert info.battery is not None
    assert info.battery.endswith("%")


def test_the_lens_is_told_where_the_body_tells_it(body: Callable[..., Any]) -> None:
    assert body("canon").connect().describe().lens == "RF100mm F2.8 L MACRO IS USM"


def test_the_body_answers_nothing_that_it_does_not_know(body: Callable[..., Any], personality: str) -> None:
    bench = body(personality)
    bench.connect().describe()
    assert not bench.sim.body.responder.unknown


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("port", "words"),
    [
        ("ptpip:127.0.0.1:{free}:{free}", ("no camera answers", "switched on")),
        ("ptpip:not-a-number:1:1", ("numeric address",)),
        ("usb:001,099", ("no camera was found", "cable", "usb:001,099")),
        (None, ("no camera was found on USB", "PC Remote")),
    ],
)
def test_a_camera_that_is_not_there(port: str | None, words: tuple[str, ...]) -> None:
    port = port.format(free=_free_port()) if port else None
    started = time.monotonic()
    with pytest.raises(CameraError) as caught:
        open_camera(CameraSettings(port=port), ScaledClock())
    assert caught.value.exit_code == 3
    assert all(word in str(caught.value) for word in words)
    if port and port.startswith("ptpip:127"):
        assert port in str(caught.value)
    assert time.monotonic() - started < 10.0  # a fraction of a second on an idle machine


def test_an_unknown_driver_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="gphoto2"):
        open_camera(CameraSettings(driver="gphoto9"), ScaledClock())


def test_the_users_own_gphoto_settings_are_neither_read_nor_changed(
    body: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "gphoto" / "settings"
    settings.parent.mkdir()
    settings.write_text("ptp2=capturetarget=card\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    camera = body("canon").connect()
    assert camera.read("capturetarget").value == "Internal RAM"
    camera.write("capturetarget", "Memory card")
    camera.close()
    assert settings.read_text() == "ptp2=capturetarget=card\n"


def _locales() -> list[str]:
    listed = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout.split()
    return [name for name in listed if name.lower().startswith(("de_", "fr_")) and "utf" in name.lower()]


def test_values_are_english_whatever_the_users_language(
    body: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    locales = _locales()
    if not locales:
        pytest.skip("no German or French locale is installed here")
    monkeypatch.setenv("LC_ALL", locales[0])
    monkeypatch.setenv("LANGUAGE", locales[0][:2])
    assert body("sony").connect().read("whitebalance").value == "Daylight"


def test_nothing_is_left_behind(
    body: Callable[..., Any], personality: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = body(personality)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # other tests make cameras at the same time
    descriptors = psutil.Process().num_fds()
    threads = psutil.Process().num_threads()
    camera = bench.connect()
    pid = camera.process_id
    assert list(tmp_path.glob("focusrig-camera-*"))
    camera.close()
    camera.close()
    assert not psutil.pid_exists(pid)
    assert not list(tmp_path.glob("focusrig-camera-*"))
    deadline = time.monotonic() + 5.0  # the simulated body hangs up in a thread of its own
    while psutil.Process().num_fds() > descriptors or psutil.Process().num_threads() > threads:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_camera_process_ends_when_the_rig_is_killed(body: Callable[..., Any], tmp_path: Path) -> None:
    bench = body("sony")
    program = (
        "import sys, time\n"
        "from rig.cameras.gphoto import GPhotoCamera\n"
        "from rig.cameras.settings import CameraSettings\n"
        "from rig.clock import ScaledClock\n"
        "camera = GPhotoCamera(CameraSettings(port=sys.argv[1]), ScaledClock())\n"
        "sys.stdout.write(f'{camera.process_id}\\n')\n"
        "sys.stdout.flush()\n"
        "time.sleep(60)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", program, bench.sim.port_name], stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
    assert child.wait(10.0) is None or not child.is_running()
    assert not list(tmp_path.glob("focusrig-camera-*"))


def test_a_second_program_is_told_who_has_the_body(
    body: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many bodies let a second one in over a network, and answer both wrongly."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    bench = body("canon")
    camera = bench.connect()
    command = [sys.executable, "-c", "from rig.cli import main; main()", "camera", "info"]
    second = [*command, "--port", bench.sim.port_name]
    environment = os.environ | {"XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run(second, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 3
    said = " ".join(done.stderr.split())
    assert f"{bench.sim.port_name} is in use by process {os.getpid()}, " in said
    assert "end that first" in said
    assert camera.read("iso").value == "100"
    camera.close()
    assert bench.connect().read("iso").value == "100"
    assert list(tmp_path.rglob("*.lock"))
    bench.stack.close()
    assert not list(tmp_path.rglob("*.lock"))  # simulated bodies have another port every time


LEAVE = """
import os, sys
from pathlib import Path
from rig.cameras.gphoto_guards import prepare_surroundings
prepare_surroundings(Path(sys.argv[1]))
from rig.cameras.gphoto_session import GPhotoSession
session = GPhotoSession(Path(sys.argv[1]))
session.connect(sys.argv[2], None)
os.fstat(0)
sys.stdout.write("connected\\n")
sys.stdout.flush()
os.read(int(sys.argv[3]), 1)
session.leave()
os.fstat(0)
sys.stdout.write("left")
"""


@pytest.mark.parametrize("link", ["alive", "dead"])
def test_leaving_raises_nothing_and_keeps_descriptor_0(
    body: Callable[..., Any], tmp_path: Path, link: str
) -> None:
    """libgphoto2 closes it when it leaves a body on a network, and fails when the link is dead."""
    bench = body("canon")
    heard, say = os.pipe()
    arguments = [str(tmp_path), bench.sim.port_name, str(heard)]
    with subprocess.Popen(
        [sys.executable, "-c", LEAVE, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        pass_fds=[heard],
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "connected\n"
        if link == "dead":
            bench.sim.drop_link()
        os.write(say, b"!")
        assert process.stdout.read() == "left"
    os.close(heard)
    os.close(say)
