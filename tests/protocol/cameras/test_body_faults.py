"""Each fault that can be ordered, as the unmodified libgphoto2 meets it: what is then to be survived."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hardware_sims.cameras.control import ControlServer
from hardware_sims.cameras.schedule import FaultOrder, Misbehaviour

EVERY = pytest.mark.parametrize("name", ["canon", "sony", "nikon", "generic"])
BUSY = {"canon": "-110", "sony": "-1|-2|-110", "nikon": "-1|-110", "generic": "-1|-110"}


def order(body: Any, kind: str, **more: Any) -> None:
    body.sim.body.schedule.add(FaultOrder(kind=kind, **more))


def whole(path: Path) -> bool:
    return path.read_bytes()[-2:] == b"\xff\xd9"


@EVERY
def test_busy(wired: Callable[..., Any], bare_error: type[Exception], name: str) -> None:
    body = wired(name)
    order(body, "busy", times=1)
    if name == "nikon":  # the library asks again by itself
        assert len(body.shot()) == 1
        return
    with pytest.raises(bare_error, match=BUSY[name]):
        body.release()
    assert len(body.shot()) == 1


@EVERY
def test_no_image(wired: Callable[..., Any], name: str) -> None:
    body = wired(name)
    order(body, "no_image")
    body.release()
    assert not body.files(1, 0.5)
    assert len(body.shot()) == 1
    assert len(body.world.exposures) == 1


@EVERY
def test_a_late_image(wired: Callable[..., Any], name: str) -> None:
    body = wired(name)
    order(body, "late_image", seconds=3.0)  # 0.75 real ones
    body.release()
    assert not body.files(1, 0.4)
    assert len(body.files(1, 3.0)) == 1


def test_a_late_event_spoils_the_next_capture(wired: Callable[..., Any], bare_error: type[Exception]) -> None:
    body = wired("sony")
    order(body, "late_event", seconds=0.1)
    body.library("capture")
    time.sleep(0.2)
    with pytest.raises(bare_error, match="-1"):
        body.library("capture")


@pytest.mark.parametrize("name", ["canon", "nikon", "generic"])
def test_a_late_event(wired: Callable[..., Any], name: str) -> None:
    body = wired(name)
    order(body, "late_event", seconds=0.8)
    body.release()
    assert not body.files(1, 0.5)
    assert len(body.files(1, 3.0)) == 1


@EVERY
def test_the_link_drops_in_a_file(wired: Callable[..., Any], bare_error: type[Exception], name: str) -> None:
    body = wired(name)
    order(body, "drop", at_byte=2000)
    with pytest.raises(bare_error, match=r"-1|-7"):
        body.shot()
    body.library.leave()
    body.connect()
    assert body.shot()


@EVERY
def test_the_link_drops(wired: Callable[..., Any], bare_error: type[Exception], name: str) -> None:
    body = wired(name)
    order(body, "drop_link")
    with pytest.raises(bare_error):
        body.shot()
    body.library.leave()
    body.connect()
    assert len(body.shot()) == 1


def test_an_answer_later_than_the_library_waits(
    wired: Callable[..., Any], bare_error: type[Exception]
) -> None:
    body = wired("generic")
    order(body, "delay", seconds=2.8)
    with pytest.raises(bare_error):
        body.release()


@pytest.mark.parametrize("name", ["canon", "nikon", "generic"])
def test_a_card_is_full(wired: Callable[..., Any], bare_error: type[Exception], name: str) -> None:
    body = wired(name)
    if name != "generic":
        body.library("write", "capturetarget", "Memory card")
    order(body, "card_full")
    with pytest.raises(bare_error, match="-1"):
        body.release()


@EVERY
def test_a_battery_is_dead(wired: Callable[..., Any], bare_error: type[Exception], name: str) -> None:
    body = wired(name)
    order(body, "battery_dead")
    with pytest.raises(bare_error):
        body.shot()
    body.library.leave()
    with pytest.raises(bare_error):
        body.connect()


@EVERY
def test_a_setting_is_accepted_and_not_made(wired: Callable[..., Any], name: str) -> None:
    body = wired(name)
    order(body, "ignored_setting")
    body.library("write", "iso", "800")
    if name in ("nikon", "generic"):
        time.sleep(2.1)  # the library answers from memory for 2 s
    assert body.value("iso") == "100"
    body.library("write", "iso", "800")
    assert body.value("iso") == "800"


def test_a_mirror_shakes_and_a_flash_does_not_fire(wired: Callable[..., Any]) -> None:
    body = wired("canon")
    order(body, "mirror_shake", um=50.0)
    order(body, "dark_frame", after=1)
    body.shot()
    body.shot()
    body.shot()
    seen = [(exposure.shake_um, exposure.light_share) for exposure in body.world.exposures]
    assert seen == [(50.0, 1.0), (0.0, 0.01), (0.0, 1.0)]


@pytest.mark.parametrize("name", ["canon", "sony", "nikon"])
def test_a_file_in_memory_is_there_twice(wired: Callable[..., Any], name: str) -> None:
    body = wired(name)
    order(body, "duplicate")
    (_, first), (_, second) = body.shot(2)
    assert first.read_bytes() == second.read_bytes()
    assert len(body.shot()) == 1


def test_a_file_on_the_card_is_announced_twice(wired: Callable[..., Any]) -> None:
    body = wired("generic")
    order(body, "duplicate")
    body.release()
    told = body.library("files", 3, 0.6)
    assert {name for _, name in told} == {"SIM_0001.JPG"}
    assert [name for name, _ in body.shot()] == ["SIM_0002.JPG"]


@EVERY
def test_a_file_is_cut_short(wired: Callable[..., Any], name: str) -> None:
    body = wired(name)
    order(body, "truncated", share=0.6)
    ((_, cut),) = body.shot()
    assert not whole(cut)
    ((_, good),) = body.shot()
    assert whole(good)


@pytest.mark.parametrize("name", ["sony", "nikon", "generic"])
def test_a_transfer_ends_early(wired: Callable[..., Any], name: str, tmp_path: Path) -> None:
    """From a card the size tells. Of a picture in the body's memory nothing does: where bytes are missing,
    libgphoto2 hands on whatever lay in its own, and that can be the end of another picture."""
    body = wired(name)
    order(body, "short_transfer")
    body.release()
    ((folder, file),) = body.library("files", 1, 3.0)
    told = body.library("fetch", folder, file, str(tmp_path / "short"))
    if name == "generic":
        assert told["announced"] - told["size"] == 1000
        assert not whole(tmp_path / "short")
    else:
        assert told["announced"] in (None, told["size"])


def test_a_focus_drive_comes_short(wired: Callable[..., Any]) -> None:
    body = wired("canon")
    body.library("write", "viewfinder", 1)
    order(body, "lost_focus_step")
    body.library("write", "manualfocusdrive", "Near 3")
    assert 0.0 <= body.extension_mm < 1.1
    before_mm = body.extension_mm
    body.library("write", "manualfocusdrive", "Near 3")
    assert body.extension_mm - before_mm == pytest.approx(1.2)


# ---- when ----


def test_faults_come_after_operations_at_times_and_at_random(wired: Callable[..., Any]) -> None:
    plan = Misbehaviour(
        every=3.0,
        kinds=[FaultOrder(kind="truncated"), FaultOrder(kind="mirror_shake")],
        fixed=[FaultOrder(kind="dark_frame", after=2), FaultOrder(kind="no_image", at_s=0.0)],
        seed=4,
    )
    happened = []
    for _ in range(2):
        body = wired("generic", misbehaviour=plan)
        deadline = time.monotonic() + 5.0
        while not body.sim.body.schedule.happened:  # what is due at 0 s
            assert time.monotonic() < deadline
            time.sleep(0.002)
        for _ in range(6):
            body.library("trigger")
            body.library("files", 4, 0.25)
        happened.append([(entry["operation"], entry["kind"]) for entry in body.sim.body.schedule.report()])
        body.library.leave()
    first, second = happened
    assert (0, "no_image") in first
    assert (3, "dark_frame") in first
    drawn = [entry for entry in first if entry[1] in ("truncated", "mirror_shake")]
    assert len(drawn) >= 2
    assert [entry for entry in first if entry[0]] == [entry for entry in second if entry[0]]  # seeded


# ---- on demand ----


@pytest.fixture
def talk(wired: Callable[..., Any]) -> Iterator[tuple[Any, Callable[[str], str]]]:
    body = wired("canon")
    server = ControlServer(body.sim.body)
    server.start()
    with socket.create_connection(server.address) as peer, peer.makefile("rw") as stream:

        def say(line: str) -> str:
            stream.write(line + "\n")
            stream.flush()
            return str(stream.readline()).strip()

        yield body, say
    server.close()


def test_the_control_socket_turns_faults_and_tells(talk: tuple[Any, Callable[[str], str]]) -> None:
    body, say = talk
    assert say('{"do": "turn", "control": "iso", "to": 800}') == '{"ok": true}'
    assert body.value("iso") == "800"
    assert say('{"do": "fault", "kind": "no_image"}') == '{"ok": true}'
    body.release()
    assert not body.files(1, 0.4)
    assert say('{"do": "turn", "control": "button", "to": "press"}') == '{"ok": true}'
    assert len(body.files(1)) == 1
    state = say('{"do": "state"}')
    for said in ('"iso": 800', '"lens_switch": "AF"', '"kind": "no_image"', '"model": "Canon EOS R5"'):
        assert said in state


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nonsense", "Expecting value"),
        ("[1]", "a JSON object"),
        ('{"do": "dance"}', "not 'dance'"),
        ('{"do": "turn", "control": "iso"}', "'control' and 'to'"),
        ('{"do": "turn", "control": "iso", "to": "moon"}', "cannot have iso"),
        ('{"do": "turn", "control": "zoom", "to": 1}', "has no 'zoom'"),
        ('{"do": "turn", "control": "battery", "to": 200}', "0 to 100 percent"),
        ('{"do": "turn", "control": "battery", "to": "new"}', "0 to 100 percent"),
        ('{"do": "turn", "control": "card", "to": "big"}', "a number of bytes"),
        ('{"do": "turn", "control": "lens_switch", "to": "XF"}', "AF and MF"),
        ('{"do": "fault", "kind": "flood"}', "kind"),
        ('{"do": "fault", "kind": "busy", "times": 0}', "times"),
        ('{"do": "fault", "kind": "busy", "sometimes": 1}', "sometimes"),
    ],
)
def test_the_control_socket_says_what_is_wrong(
    talk: tuple[Any, Callable[[str], str]], line: str, words: str
) -> None:
    _, say = talk
    answer = say(line)
    assert answer.startswith('{"ok": false')
    assert words in answer


def test_a_body_without_a_motor_cannot_lose_steps(wired: Callable[..., Any]) -> None:
    body = wired("generic")
    for later in ({}, {"after": 3}, {"at_s": 9.0}):
        with pytest.raises(ValueError, match="no operation to drive"):
            order(body, "busy", on="drive", **later)
    body.sim.body.equipment.lens.drive = None
    with pytest.raises(ValueError, match="no motor"):
        order(body, "lost_focus_step")


# ---- the wheel's own virtual camera ----


def test_the_wheels_nikon_is_found_shoots_and_fills_its_card(
    new_library: Any, bare_error: type[Exception], tmp_path: Path
) -> None:
    folder = tmp_path / "camera"
    folder.mkdir()
    cv2.imwrite(str(folder / "picture.jpg"), np.zeros((32, 32, 3), np.uint8))
    private = tmp_path / "private"
    private.mkdir()
    library = new_library(private, VCAMERADIR=str(folder))
    try:
        (found,) = library.connect(None)["found"]
        assert found == ["Nikon DSC D750", "usb:001,001"]
        assert library("read", "cameramodel")["value"] == "VC"
        taken = [tuple(library("capture")) for _ in range(26)]
        assert len(set(taken)) == 26
        told = library("fetch", *taken[0], str(tmp_path / "frame.jpg"))
        assert whole(tmp_path / "frame.jpg")
        assert told["announced"] == told["size"]
        with pytest.raises(bare_error, match="-3"):
            library("capture")
        library.leave()
        library.connect(None)  # recovered: the count begins anew with each connection
        library("capture")
    finally:
        library.close()
