"""What goes wrong in a long session: each fault is survived or said, and no frame is filed under another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from hardware_sims.cameras.faults import WireFault
from hardware_sims.cameras.schedule import FaultOrder

from rig.cameras.base import LockRequest
from rig.cameras.judging import SETTLE_S
from rig.errors import CameraError

REQUEST = LockRequest(shutter_s=0.125, aperture=5.6, iso=100, white_balance="Daylight")
BUSY = 0x2019
RELEASE = {"canon": 0x9128, "sony": 0x9207}
LETTING_GO = {"canon": (0x9129, 0), "sony": (0x9207, 2)}
"""Operation, and how many of that code press the button before."""
TRANSFER = {"canon": 0x101B, "sony": 0x1009}


@pytest.fixture
def ready(body: Callable[..., Any], personality: str) -> tuple[Any, Any]:
    bench = body(personality)
    camera = bench.connect(image_wait_s=1.5)
    camera.lock(REQUEST)
    return bench, camera


def frame(bench: Any, camera: Any, folder: Path) -> int:
    (file,) = camera.collect(camera.fire(), folder)
    return int(bench.number_shown(file.path))


def test_a_truncated_picture_is_refused_and_the_next_is_fine(ready: tuple[Any, Any], tmp_path: Path) -> None:
    bench, camera = ready
    bench.sim.faults.truncate_images(1, keep=0.7)
    with pytest.raises(CameraError, match="ends before its end marker"):
        frame(bench, camera, tmp_path)
    assert not list(tmp_path.iterdir())
    assert frame(bench, camera, tmp_path) == 2


def test_a_transfer_that_ends_early_is_refused(
    body: Callable[..., Any], personality: str, tmp_path: Path
) -> None:
    """libgphoto2 asks a Canon body for the missing bytes for ever: the deadline ends it."""
    bench = body(personality)
    camera = bench.connect(image_wait_s=1.5, transfer_s=1.0)
    camera.lock(REQUEST)
    assert frame(bench, camera, tmp_path) == 1
    bench.sim.faults.shorten_transfers(1, missing_bytes=700)
    with pytest.raises(CameraError):
        frame(bench, camera, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_release_without_a_picture(ready: tuple[Any, Any], tmp_path: Path) -> None:
    bench, camera = ready
    bench.sim.faults.lost_images = 1
    with pytest.raises(CameraError, match="no file came"):
        frame(bench, camera, tmp_path)
    assert frame(bench, camera, tmp_path) == 1  # the world rendered no lost picture


@pytest.mark.parametrize("seen_before", [0, 2])
def test_a_late_file_is_never_filed_under_the_next_shot(
    ready: tuple[Any, Any], tmp_path: Path, seen_before: int
) -> None:
    """With frames before, a Sony body is known to count and the late file is known by its number."""
    bench, camera = ready
    for number in range(seen_before):
        assert frame(bench, camera, tmp_path) == number + 1
    lost = seen_before + 1
    bench.sim.faults.late_image_s = [
        1.9 * bench.clock.scale
    ]  # offered 0.4 real seconds after it was given up on
    with pytest.raises(CameraError, match="no file came"):
        frame(bench, camera, tmp_path)
    shown = []
    refused = []
    for _ in range(3):
        try:
            shown.append(frame(bench, camera, tmp_path))
        except CameraError as err:
            refused.append(str(err))
    assert lost not in shown
    assert all("earlier release" in message for message in refused)  # it cannot tell, so it takes neither
    assert shown == sorted(set(shown))
    assert len(shown) >= 2


def test_a_file_of_a_release_that_was_cut_off_is_waited_for_and_put_aside(
    body: Callable[..., Any], tmp_path: Path
) -> None:
    """The link breaks after the press; the file comes too soon after the next release for time to tell."""
    bench = body("sony")
    camera = bench.connect(image_wait_s=3.0)
    camera.lock(REQUEST)
    assert frame(bench, camera, tmp_path) == 1
    bench.sim.faults.late_image_s = [1.5 * bench.clock.scale]
    bench.sim.faults.on_operation(RELEASE["sony"], WireFault(drop=True), skip=2)  # pressed, not let go of
    with pytest.raises(CameraError, match="connected again"):
        camera.fire()
    assert len(bench.world.exposures) == 2
    assert frame(bench, camera, tmp_path) == 3


def test_a_late_file_that_comes_while_the_body_is_busy_is_not_taken_for_the_shot(
    ready: tuple[Any, Any], personality: str, tmp_path: Path
) -> None:
    """No frame before tells the body's clock, and both files have come once the button is let go of."""
    bench, camera = ready
    bench.sim.faults.late_image_s = [(1.5 + SETTLE_S + 0.6) * bench.clock.scale]
    with pytest.raises(CameraError, match="no file came"):
        frame(bench, camera, tmp_path)
    operation, skip = LETTING_GO[personality]
    bench.sim.faults.on_operation(operation, WireFault(response=BUSY, delay_s=1.5), skip=skip)
    with pytest.raises(CameraError, match="one of them is of an earlier release"):
        frame(bench, camera, tmp_path)
    assert frame(bench, camera, tmp_path) == 3


def test_the_picture_of_a_release_that_was_given_up_on_is_not_taken_for_the_next(
    body: Callable[..., Any], tmp_path: Path
) -> None:
    """A body that stays busy for the letting go of the button has fired, and its picture may come late."""
    bench = body("sony")
    camera = bench.connect(image_wait_s=5.0)
    camera.lock(REQUEST)
    bench.sim.faults.late_image_s = [11.5 * bench.clock.scale]  # asked for 10 s, and for the next soon after
    operation, skip = LETTING_GO["sony"]
    bench.sim.faults.on_operation(operation, WireFault(response=BUSY), count=9, skip=skip)
    with pytest.raises(CameraError, match="stayed busy"):
        camera.fire()
    assert len(bench.world.exposures) == 1
    assert frame(bench, camera, tmp_path) == 2


def test_a_run_that_ended_before_its_frame_was_collected_does_not_block_the_next(
    body: Callable[..., Any], tmp_path: Path
) -> None:
    """A full disk takes no line that a frame was fired; ``rig live`` shoots again on the same connection."""
    bench = body("canon")
    camera = bench.connect(image_wait_s=1.5)
    camera.lock(REQUEST)
    camera.fire()
    camera.restore()
    camera.lock(REQUEST)
    assert frame(bench, camera, tmp_path) == 2


def test_a_busy_body_is_asked_again(ready: tuple[Any, Any], personality: str, tmp_path: Path) -> None:
    bench, camera = ready
    bench.sim.faults.on_operation(RELEASE[personality], WireFault(response=BUSY), count=3)
    assert frame(bench, camera, tmp_path) == 1


def test_an_answer_that_comes_too_late_costs_a_connection_and_no_frame(
    ready: tuple[Any, Any], tmp_path: Path
) -> None:
    """PTP/IP waits for 2.5 s, after which the library is out of step with the body."""
    bench, camera = ready
    assert frame(bench, camera, tmp_path) == 1
    bench.sim.body.schedule.add(FaultOrder(kind="delay", seconds=3.0))
    process = camera.process_id
    with pytest.raises(CameraError, match="connected again"):
        camera.fire()
    assert camera.process_id != process
    shown = frame(bench, camera, tmp_path)
    assert shown == len(bench.world.exposures)  # the newest, whether or not the late release exposed


def test_a_link_lost_between_frames(ready: tuple[Any, Any], tmp_path: Path) -> None:
    bench, camera = ready
    assert frame(bench, camera, tmp_path) == 1
    bench.sim.drop_link()
    time.sleep(0.2)
    with pytest.raises(CameraError, match="connected again"):
        camera.fire()
    assert frame(bench, camera, tmp_path) == 2


def test_a_link_lost_while_waiting_for_the_file(
    ready: tuple[Any, Any], personality: str, tmp_path: Path
) -> None:
    bench, camera = ready
    shot = camera.fire()
    bench.sim.drop_link()
    if personality == "sony":  # its pictures wait in memory, so this one survives
        (file,) = camera.collect(shot, tmp_path)
        assert bench.number_shown(file.path) == 1
    else:
        with pytest.raises(CameraError, match="is lost"):
            camera.collect(shot, tmp_path)
    assert frame(bench, camera, tmp_path) == 2


def test_a_link_lost_in_the_middle_of_a_download(
    ready: tuple[Any, Any], personality: str, tmp_path: Path
) -> None:
    bench, camera = ready
    bench.sim.faults.on_operation(TRANSFER[personality], WireFault(drop_at_byte=3000))
    with pytest.raises(CameraError, match="is lost"):
        frame(bench, camera, tmp_path)
    assert not list(tmp_path.iterdir())
    assert frame(bench, camera, tmp_path) == 2


def test_settings_survive_a_reconnection(ready: tuple[Any, Any], tmp_path: Path) -> None:
    """A body that is switched off and on, or touched meanwhile, is locked again before it fires."""
    bench, camera = ready
    camera.lock(LockRequest(shutter_s=1 / 30, aperture=8.0, iso=200, white_balance="Daylight"))
    bench.sim.drop_link()
    bench.sim.body.turn("iso", 800)
    with pytest.raises(CameraError, match="connected again"):
        camera.fire()
    frame(bench, camera, tmp_path)
    assert bench.world.exposures[-1].iso == 200
    camera.restore()
    assert bench.sim.body.exposure_settings().iso == 100


def test_a_body_that_is_gone_for_good(ready: tuple[Any, Any]) -> None:
    bench, camera = ready
    bench.sim.close()
    with pytest.raises(CameraError, match="connecting again failed") as caught:
        camera.fire()
    assert caught.value.exit_code == 3
    camera.close()


def test_the_process_killed_in_mid_call_is_an_error_and_no_hang(
    ready: tuple[Any, Any], tmp_path: Path
) -> None:
    bench, camera = ready
    bench.sim.faults.lost_images = 1
    shot = camera.fire()
    threading.Timer(0.3, os.kill, (camera.process_id, signal.SIGKILL)).start()
    with pytest.raises(CameraError, match=r"lost.*process died"):
        camera.collect(shot, tmp_path)
    assert frame(bench, camera, tmp_path) == 1


@pytest.mark.timeout(60)
def test_a_call_without_an_answer_ends_at_its_deadline(
    body: Callable[..., Any], personality: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = body(personality)
    camera = bench.connect()
    camera.lock(REQUEST)
    process = camera.process_id
    psutil.Process(process).suspend()  # as if the library waited for ever
    monkeypatch.setattr("rig.cameras.gphoto._RELEASE_S", 0.5)
    with pytest.raises(CameraError, match="did not answer within"):
        camera.fire()
    assert not psutil.pid_exists(process)


DISK_FULL = """
import resource, sys
from pathlib import Path
from rig.cameras.base import LockRequest
from rig.cameras.judging import SETTLE_S
from rig.cameras.gphoto import GPhotoCamera
from rig.cameras.settings import CameraSettings
from rig.clock import ScaledClock
from rig.errors import RigError

sys.dont_write_bytecode = True  # Python 3.11 does not notice that it was cut off
resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))
camera = GPhotoCamera(CameraSettings(port=sys.argv[1]), ScaledClock())
try:
    camera.lock(LockRequest(shutter_s=0.125))
    camera.collect(camera.fire(), Path(sys.argv[2]))
except RigError as err:
    sys.stdout.write(f"{err.exit_code} {type(err).__name__} {err}")
finally:
    camera.close()
"""


def test_a_full_disk_is_said_with_the_room_needed(
    body: Callable[..., Any], personality: str, tmp_path: Path
) -> None:
    bench = body(personality, scale=1.0)
    done = subprocess.run(
        [sys.executable, "-c", DISK_FULL, bench.sim.port_name, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.startswith("4 DataError"), done.stdout + done.stderr
    assert "bytes are needed" in done.stdout
    assert str(tmp_path) in done.stdout
    assert not list(tmp_path.iterdir())
