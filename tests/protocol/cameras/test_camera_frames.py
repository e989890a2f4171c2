"""Every frame is held against what is locked, and is complete, before it counts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hardware_sims.cameras.equipment import Equipment, MountedLens
from hardware_sims.cameras.faults import WireFault
from hardware_sims.cameras.schedule import FaultOrder
from hardware_sims.clock import SimClock
from hardware_sims.focus_drive import FocusDrive, FocusTravel

from rig.cameras.base import LockRequest
from rig.errors import CameraError, OperatorNeededError

REQUEST = LockRequest(shutter_s=0.125, aperture=5.6, iso=100, white_balance="Daylight")


def locked(bench: Any, **changes: Any) -> Any:
    camera = bench.connect(image_wait_s=1.5)
    camera.lock(replace(REQUEST, **changes))
    return camera


@pytest.mark.parametrize(
    ("personality", "control", "value", "said"),
    [
        ("canon", "iso", 800, "ISO 800 and not ISO 100"),
        ("sony", "shutter_s", 1 / 60, "s and not 1/8 s"),
        ("canon", "white_balance", "cloudy", "whitebalance is 'Cloudy' and not 'Daylight'"),
    ],
)
def test_a_dial_turned_by_hand_is_found_at_the_next_frame(
    body: Callable[..., Any], personality: str, tmp_path: Path, control: str, value: Any, said: str
) -> None:
    """Where the body lets us it is set back, and the frame is shot again."""
    bench = body(personality)
    camera = locked(bench)
    camera.collect(camera.fire(), tmp_path)
    bench.sim.body.turn(control, value)
    with pytest.raises(CameraError, match="as locked again") as caught:
        camera.collect(camera.fire(), tmp_path)
    assert said in str(caught.value)
    assert not isinstance(caught.value, OperatorNeededError)
    assert len(list(tmp_path.iterdir())) == 1
    (file,) = camera.collect(camera.fire(), tmp_path)
    assert bench.number_shown(file.path) == 3
    assert bench.world.exposures[-1].iso == 100


def test_a_mode_dial_turned_by_hand_needs_the_operator(
    body: Callable[..., Any], personality: str, tmp_path: Path
) -> None:
    bench = body(personality, physical_dial=True)
    camera = locked(bench)
    camera.collect(camera.fire(), tmp_path)
    bench.sim.body.turn("exposure_mode", "A")
    with pytest.raises(OperatorNeededError, match="set it on the camera, then go on"):
        camera.collect(camera.fire(), tmp_path)
    bench.sim.body.turn("exposure_mode", "M")
    camera.collect(camera.fire(), tmp_path)


def test_a_pair_is_complete_and_the_picture_comes_first(
    body: Callable[..., Any], personality: str, tmp_path: Path
) -> None:
    bench = body(personality)
    camera = locked(bench, image_format="RAW+JPEG")
    for number in (1, 2):
        picture, raw = camera.collect(camera.fire(), tmp_path)
        assert picture.camera_name.lower().endswith(".jpg")
        assert raw.camera_name.lower().endswith({"canon": ".cr3", "sony": ".dng"}[personality])
        assert raw.path.read_bytes()[:4] == b"II*\0"
        assert bench.number_shown(picture.path) == number


def test_a_truncated_raw_of_a_pair_is_refused_with_its_picture(
    body: Callable[..., Any], personality: str, tmp_path: Path
) -> None:
    bench = body(personality)
    camera = locked(bench, image_format="RAW+JPEG")
    bench.sim.faults.truncate_images(1, keep=0.7)  # the RAW comes first
    with pytest.raises(CameraError, match="ends before"):
        camera.collect(camera.fire(), tmp_path)
    assert not list(tmp_path.iterdir())
    assert len(camera.collect(camera.fire(), tmp_path)) == 2


def test_a_file_that_is_announced_twice_is_taken_once(body: Callable[..., Any], tmp_path: Path) -> None:
    bench = body("sony")
    camera = locked(bench)
    bench.sim.faults.duplicates = 1
    shown = [bench.number_shown(camera.collect(camera.fire(), tmp_path)[0].path) for _ in range(3)]
    assert shown == [1, 2, 3]


def test_a_frame_that_the_flash_did_not_light_is_refused(body: Callable[..., Any], tmp_path: Path) -> None:
    bench = body("canon")
    camera = locked(bench)
    camera.collect(camera.fire(), tmp_path)
    bench.sim.body.schedule.add(FaultOrder(kind="dark_frame"))
    with pytest.raises(CameraError, match=r"is dark.*Did the flash fire"):
        camera.collect(camera.fire(), tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    (file,) = camera.collect(camera.fire(), tmp_path)
    assert bench.number_shown(file.path) == 3
    bench.sim.faults.dark_frames = 1
    camera.lock(REQUEST)  # the light was changed on purpose
    assert camera.collect(camera.fire(), tmp_path)


@pytest.mark.parametrize("name", ["canon", "generic", "nikon", "sony"])
def test_a_late_event_is_of_no_frame_but_its_own(body: Callable[..., Any], name: str, tmp_path: Path) -> None:
    """libgphoto2's own capture would fail at the next frame with it: the driver waits for events only."""
    bench = body(name)
    camera = locked(bench)
    shown = []
    for late in (True, False, True, False):
        if late:
            bench.sim.body.schedule.add(FaultOrder(kind="late_event", seconds=0.3))
        shown.append(bench.number_shown(camera.collect(camera.fire(), tmp_path)[0].path))
    assert shown == [1, 2, 3, 4]


def test_a_full_card_needs_the_operator(body: Callable[..., Any], tmp_path: Path) -> None:
    bench = body("sony")
    camera = locked(bench, keep_on_card=True)
    camera.collect(camera.fire(), tmp_path)
    bench.sim.body.turn("card", "full")
    with pytest.raises(OperatorNeededError, match="card"):
        camera.collect(camera.fire(), tmp_path)
    bench.sim.body.turn("card", "empty")
    (file,) = camera.collect(camera.fire(), tmp_path)
    assert bench.number_shown(file.path) == 2


def test_the_battery_is_watched_with_every_frame(
    body: Callable[..., Any], personality: str, tmp_path: Path
) -> None:
    bench = body(personality)
    camera = locked(bench)
    bench.sim.body.turn("battery", 20)
    camera.collect(camera.fire(), tmp_path)
    percent = camera.health().battery_percent
    assert percent in (20.0, 25.0)  # Canon bodies tell quarters


def test_a_battery_that_dies_needs_the_operator(body: Callable[..., Any], tmp_path: Path) -> None:
    bench = body("sony")
    camera = locked(bench)
    camera.collect(camera.fire(), tmp_path)
    bench.sim.body.turn("battery", 0)
    with pytest.raises(OperatorNeededError, match=r"connecting again failed.*battery was last at 88"):
        camera.fire()


def test_a_release_does_not_focus(body: Callable[..., Any], tmp_path: Path) -> None:
    """The lens stands on AF, as driving it needs: every release with autofocus would move it."""
    drive = FocusDrive(FocusTravel(), SimClock(4.0))
    bench = body("canon", initial={"focus_mode": "AF"}, equipment=Equipment(lens=MountedLens(drive=drive)))
    camera = bench.connect()
    camera.lock(REQUEST)
    bench.sim.body.turn("focus_mode", "AF")
    before_mm = bench.sim.body.state()["lens_extension_mm"]
    with pytest.raises(CameraError, match="focusmode"):  # it is put back to manual by the check
        camera.collect(camera.fire(), tmp_path)
    assert bench.sim.body.state()["lens_extension_mm"] == before_mm


def test_calls_of_several_threads_get_their_own_answers(body: Callable[..., Any]) -> None:
    """One connection answers one call at a time: whoever asks in between would get another's answer."""
    camera = body("sony").connect()
    names = ("iso", "shutterspeed", "f-number", "whitebalance")
    wanted = {name: camera.read(name).value for name in names}
    assert len(set(wanted.values())) == len(names)
    wrong: list[object] = []

    def ask(name: str) -> None:
        for _ in range(25):
            try:
                found = camera.ask("reading", "read", (name,))
            except Exception as err:  # noqa: BLE001  (whatever it is, it is not the answer)
                found = {name: err}
            if name not in found or getattr(found[name], "value", None) != wanted[name]:
                wrong.append((name, found))

    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
    assert not wrong
    assert not any(thread.is_alive() for thread in threads)


def test_two_cameras_at_once_do_not_interfere(body: Callable[..., Any], tmp_path: Path) -> None:
    """Each has a process; calls for one from several threads are done one after the other."""
    shown: dict[str, list[int]] = {}

    def shoot(who: str) -> None:
        bench = body(who)
        camera = locked(bench)
        reader = threading.Thread(target=lambda: [camera.read("iso") for _ in range(5)])
        reader.start()
        folder = tmp_path / who
        folder.mkdir()
        files = [camera.collect(camera.fire(), folder)[0] for _ in range(4)]
        reader.join()
        shown[who] = [bench.number_shown(file.path) for file in files]

    threads = [threading.Thread(target=shoot, args=(who,)) for who in ("canon", "sony")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shown == {"canon": [1, 2, 3, 4], "sony": [1, 2, 3, 4]}


def test_a_body_that_is_busy_with_letting_go_has_fired_once(body: Callable[..., Any], tmp_path: Path) -> None:
    """Half press, full press, then a busy answer: asked again at once, a Sony body would fire twice."""
    bench = body("sony")
    camera = locked(bench)
    bench.sim.faults.on_operation(0x9207, WireFault(response=0x2019), count=2, skip=2)
    shown = [bench.number_shown(camera.collect(camera.fire(), tmp_path)[0].path) for _ in range(3)]
    assert shown == [1, 2, 3]
    assert len(bench.world.exposures) == 3


@pytest.mark.parametrize("up", [False, True])
def test_a_mirror_that_is_up_does_not_knock(body: Callable[..., Any], tmp_path: Path, up: bool) -> None:
    bench = body("canon", model="Canon EOS 90D", mirror_um=30.0)
    camera = locked(bench, mirror_up=up)
    camera.collect(camera.fire(), tmp_path)
    assert bench.world.exposures[-1].shake_um == (0.0 if up else 30.0)
    camera.restore()
    assert camera.read("output").value == "Off"
