"""The folder camera and a program that drops files slowly, cut short, in pairs, late and twice."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rig.cameras.base import Firing, LockRequest
from rig.cameras.folder import FolderCamera
from rig.cameras.registry import open_camera
from rig.cameras.settings import CameraSettings
from rig.clock import ScaledClock
from rig.errors import CameraError, DataError, Interrupted, UserError

sys.path.insert(0, str(Path(__file__).parents[1]))
from dropping import Dropper, dng, jpeg


class Place:
    """A watched folder, the program that drops files into it, and what the person is told."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder, scratch, self.incoming = (tmp_path / n for n in ("watched", "scratch", "incoming"))
        for folder in (self.folder, scratch, self.incoming):
            folder.mkdir()
        self.program = Dropper(self.folder, scratch)
        self.told: list[str] = []

    def camera(
        self, press: Callable[[], None] | None = None, *, wait_s: float = 5.0, **settings: Any
    ) -> FolderCamera:
        wanted = CameraSettings(
            "folder", watch=self.folder, image_wait_s=wait_s, shutter_lag_s=0.0, readout_s=0.0, **settings
        )
        camera = open_camera(wanted, ScaledClock(), Firing(press, self.told.append))
        assert isinstance(camera, FolderCamera)
        camera.lock(LockRequest(shutter_s=0.008, iso=100))
        return camera

    def shoot(self, camera: FolderCamera) -> list[str]:
        return [file.camera_name for file in camera.collect(camera.fire(), self.incoming)]


def _in_turn(steps: Iterator[Callable[[], None]]) -> Callable[[], None]:
    """A release that does the next of these at each press."""

    def press() -> None:
        next(steps)()

    return press


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    here = Place(tmp_path)
    yield here
    here.program.done()


def test_a_file_that_grows_slowly_is_taken_when_it_is_whole(place: Place) -> None:
    data = jpeg(taken=time.time())
    camera = place.camera(lambda: place.program.write("IMG_0001.JPG", data, pieces=5, pause=0.15).go())
    (file,) = camera.collect(camera.fire(), place.incoming)
    assert (file.camera_name, file.size_bytes) == ("IMG_0001.JPG", len(data))
    assert (
        file.sha256 == hashlib.sha256(data).hexdigest() == hashlib.sha256(file.path.read_bytes()).hexdigest()
    )
    assert file.fields == {"shutter_s": "0.008", "iso": "100"}
    assert (place.folder / "IMG_0001.JPG").exists()
    assert camera.describe().model == "SONY ILCE-7M4"


def test_a_full_disk_of_ours_is_no_fault_of_the_camera(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost frame is taken again, three times, which would be of no use here."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    camera = place.camera(lambda: place.program.write("IMG_0001.JPG", jpeg()).go())
    shot = camera.fire()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="no room left"):
        camera.collect(shot, place.incoming)


def test_a_file_that_stays_cut_short_is_never_taken(place: Place) -> None:
    camera = place.camera(lambda: place.program.write("A1.JPG", jpeg(), share=0.7).go(), wait_s=1.5)
    with pytest.raises(CameraError, match=r"A1\.JPG \(the JPEG ends before its end marker"):
        place.shoot(camera)


def test_a_file_that_gets_its_name_when_it_is_whole(place: Place) -> None:
    """As careful programs do; it may carry an old time of change."""

    def press() -> None:
        part = place.folder / "IMG_0001.JPG.part"
        part.write_bytes(jpeg())
        os.utime(part, (1e9, 1e9))
        place.program.sleep(0.3).rename("IMG_0001.JPG.part", "IMG_0001.JPG").go()

    assert place.shoot(place.camera(press)) == ["IMG_0001.JPG"]


def test_pairs_wait_for_each_other(place: Place) -> None:
    def press() -> None:
        place.program.write("DSC1.ARW", dng(), pieces=3, pause=0.2).sleep(0.3).write("DSC1.JPG", jpeg()).go()

    assert place.shoot(place.camera(press, files_per_frame=2)) == ["DSC1.JPG", "DSC1.ARW"]


def test_half_a_pair_is_said(place: Place) -> None:
    camera = place.camera(lambda: place.program.write("DSC1.JPG", jpeg()).go(), files_per_frame=2, wait_s=1.5)
    with pytest.raises(CameraError, match=r"DSC1\.JPG \(waits for its RAW or JPEG\)"):
        place.shoot(camera)


def test_the_raw_of_a_frame_that_was_taken_without_it_is_no_next_frame(place: Place) -> None:
    order = iter(
        [
            lambda: place.program.write("DSC1.JPG", jpeg()).sleep(1.2).write("DSC1.ARW", dng()).go(),
            lambda: place.program.sleep(1.5).write("DSC2.JPG", jpeg(2)).go(),
        ]
    )
    camera = place.camera(_in_turn(order))
    assert place.shoot(camera) == ["DSC1.JPG"]
    assert place.shoot(camera) == ["DSC2.JPG"]
    assert any("DSC1.ARW belongs to a frame" in text and "files_per_frame = 2" in text for text in place.told)


@pytest.mark.parametrize("subsec", [True, False])
def test_a_late_frame_is_not_filed_under_the_next_release(place: Place, subsec: bool) -> None:
    """Its EXIF tells, on a body whose clock is an hour off; the coarser the clock, the later it has to be."""
    hour = 3600.0
    taken = time.time() + hour
    camera = place.camera(
        lambda: place.program.write("X_0001.JPG", jpeg(1, taken=taken, subsec=subsec)).go(), wait_s=8
    )
    assert place.shoot(camera) == ["X_0001.JPG"]
    time.sleep(0.2 if subsec else 2.0)

    def late() -> None:
        old = jpeg(2, taken=taken + 0.2, subsec=subsec)
        new = jpeg(3, taken=time.time() + hour, subsec=subsec)
        place.program.write("X_0002.JPG", old).sleep(1.0).write("X_0003.JPG", new).go()

    camera._firing = Firing(late, place.told.append)
    assert place.shoot(camera) == ["X_0003.JPG"]
    assert any("X_0002.JPG was taken" in text and "before the release" in text for text in place.told)


def test_two_frames_for_one_release_are_both_refused(place: Place) -> None:
    now = time.time()
    order = iter(
        [
            lambda: (
                place.program.write("A1.JPG", jpeg(1, taken=now)).write("B1.JPG", jpeg(2, taken=now)).go()
            ),
            lambda: place.program.write("A2.JPG", jpeg(3, taken=time.time())).go(),
        ]
    )
    camera = place.camera(_in_turn(order))
    with pytest.raises(CameraError, match=r"2 pictures came for one release \(A1\.JPG, B1\.JPG\)"):
        place.shoot(camera)
    assert place.shoot(camera) == ["A2.JPG"]


def test_a_frame_that_is_written_again_at_once_is_still_one(place: Place) -> None:
    """As by a program that adds to the EXIF of what it has just saved, and not a second one."""
    again, looks = jpeg(2, taken=time.time()), list[int]()

    def press() -> None:
        (place.folder / "A1.JPG").write_bytes(jpeg(1))

    def stopped() -> bool:
        looks.append(1)
        if len(looks) in (2, 3):  # after the first the frame was complete
            (place.folder / "A1.JPG").write_bytes(again)
        return False

    camera = place.camera()
    camera._firing = Firing(press, stopped=stopped)
    (file,) = camera.collect(camera.fire(), place.incoming)
    assert file.sha256 == hashlib.sha256(again).hexdigest()
    assert len(looks) > 3


def test_a_frame_that_came_unasked_is_left_alone(place: Place) -> None:
    camera = place.camera(lambda: place.program.write("A2.JPG", jpeg(2)).go())
    place.program.write("A1.JPG", jpeg(1), pieces=3, pause=0.2).go()
    while not (place.folder / "A1.JPG").exists():
        time.sleep(0.01)
    assert place.shoot(camera) == ["A2.JPG"]
    assert any("A1.JPG came unasked" in text for text in place.told)


def test_another_body_and_a_turned_dial_are_found(place: Place) -> None:
    now = time.time
    order = iter(
        [
            lambda: place.program.write("A1.JPG", jpeg(1, taken=now())).go(),
            lambda: place.program.write("B1.JPG", jpeg(2, taken=now(), body="X-T5")).sleep(0.8)
            .write("A2.JPG", jpeg(3, taken=now())).go(),
            lambda: place.program.write("A3.JPG", jpeg(4, taken=now(), shutter="1/60")).go(),
        ]
    )  # fmt: skip
    camera = place.camera(_in_turn(order))
    assert place.shoot(camera) == ["A1.JPG"]
    assert place.shoot(camera) == ["A2.JPG"]
    assert any("B1.JPG was taken by another body" in text for text in place.told)
    with pytest.raises(
        CameraError, match=r"A3\.JPG is not as agreed: it was exposed for 1/60 s and not 1/125 s"
    ):
        place.shoot(camera)


def test_without_a_shutter_output_a_person_is_told_and_waited_for(place: Place) -> None:
    camera = place.camera()
    place.program.sleep(0.6).write("A1.JPG", jpeg()).go()
    assert place.shoot(camera) == ["A1.JPG"]
    assert any("fire the camera now" in text and str(place.folder) in text for text in place.told)


def test_nothing_comes(place: Place) -> None:
    with pytest.raises(CameraError, match=r"within 0\.3 s: did the camera fire, .* image_wait in \[camera\]"):
        place.shoot(place.camera(wait_s=0.3))


def test_waiting_ends_when_the_run_is_stopped(place: Place) -> None:
    camera = place.camera()
    camera._firing = Firing(stopped=lambda: True)
    with pytest.raises(Interrupted):
        camera.fire()


def test_what_is_there_already_does_not_count(place: Place) -> None:
    for number in range(40):
        (place.folder / f"OLD_{number:04d}.JPG").write_bytes(b"\xff\xd8")
    camera = place.camera(lambda: place.program.write("OLD_0003.JPG", jpeg()).go())
    assert any("40 pictures are in" in text and "only new ones count" in text for text in place.told)
    assert place.shoot(camera) == ["OLD_0003.JPG"]  # overwritten: that is new


def test_no_folder(tmp_path: Path) -> None:
    for watch, words in ((None, "camera.watch is missing"), (tmp_path / "nowhere", "there is no folder")):
        with pytest.raises(UserError, match=words):
            open_camera(CameraSettings("folder", watch=watch), ScaledClock())
