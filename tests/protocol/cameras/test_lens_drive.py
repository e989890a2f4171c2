"""The lens's motor through the real libgphoto2: simulated bodies whose live view shows their focus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest
from hardware_sims.cameras import SimulatedCamera, make_camera
from hardware_sims.cameras.equipment import Equipment, MountedLens
from hardware_sims.clock import SimClock
from hardware_sims.focus_drive import FocusDrive, FocusTravel

from rig.axes.lens import LensAxis
from rig.axes.motion import Approach, Approached
from rig.cameras.base import LockRequest, SettingVerdict
from rig.cameras.gphoto import GPhotoCamera
from rig.cameras.lens_drive import LensDrive, open_lens_drive
from rig.cameras.settings import CameraSettings
from rig.clock import ScaledClock
from rig.errors import MotionError, UserError
from rig.lens_drive.focus_watch import LiveWatch

SCALE = 20.0
LOCK = LockRequest(shutter_s=1 / 8, aperture=5.6, iso=100, white_balance="Daylight")


@dataclass(frozen=True)
class Photo:
    jpeg: bytes
    width: int = 360
    height: int = 240
    raw: bytes | None = None


class BreathingWorld:
    """Shows a texture that grows as the lens is focused nearer."""

    def __init__(self, drive: FocusDrive) -> None:
        self._drive = drive
        rng = np.random.default_rng(3)
        texture = cv2.GaussianBlur(rng.normal(0, 1, (240, 360)).astype(np.float32), (0, 0), 2.0)
        self._texture = 110 + 40 * texture / texture.std()
        self._random = np.random.default_rng(4)

    def expose(self, *_arguments: Any, **_options: Any) -> Photo:
        return Photo(self.preview(0.0, 0.1, 5.6, 100) or b"")

    def preview(self, t_s: float, shutter_s: float, f_number: float, iso: int) -> bytes | None:
        scale = 1.0 + 0.05 * self._drive.extension_mm(t_s)
        matrix = np.array([[scale, 0, 180 * (1 - scale)], [0, scale, 120 * (1 - scale)]])
        seen = cv2.warpAffine(self._texture, matrix, (360, 240), borderMode=cv2.BORDER_REFLECT)
        seen = np.clip(seen + self._random.normal(0, 2, seen.shape), 0, 255).astype(np.uint8)
        done, data = cv2.imencode(".jpg", seen)
        assert done
        return bytes(data)


@dataclass
class Mounted:
    """A body with a lens, connected."""

    sim: SimulatedCamera
    motor: FocusDrive
    camera: GPhotoCamera
    stack: ExitStack

    def drive(self, size: int = 1) -> LensDrive:
        made = open_lens_drive(self.camera, size)
        self.stack.callback(made.close)
        made.begin()
        return made

    @property
    def units(self) -> float:
        """Where the focusing group is, motor units, positive nearer; once it is at rest."""
        return self.motor.extension_mm(1e9) / 0.005

    def axis(self) -> tuple[LensAxis, LensDrive]:
        drive = self.drive()
        axis = LensAxis(drive, LiveWatch(drive.live_frame))
        axis.set_reference(0)
        return axis, drive


@pytest.fixture
def mounted() -> Iterator[Any]:
    with ExitStack() as stack:

        def make(personality: str, *, near_mm: float = 3.0, far_mm: float = -5.0, **options: Any) -> Mounted:
            clock = SimClock(SCALE)
            motor = FocusDrive(FocusTravel(near_mm=near_mm, far_mm=far_mm), clock)
            equipment = Equipment(lens=MountedLens(drive=motor), live_fps=25.0)
            world: Any = BreathingWorld(motor)
            sim = make_camera(personality, world, clock, equipment=equipment, **options)
            stack.enter_context(sim)
            camera = GPhotoCamera(CameraSettings(port=sim.port_name, drives_lens=True), ScaledClock(SCALE))
            stack.callback(camera.close)
            return Mounted(sim, motor, camera, stack)

        yield make


@pytest.mark.parametrize(
    ("personality", "size", "units"),
    [("canon", 1, 6), ("canon-dslr", 2, 40), ("sony", 1, 2), ("sony-steps", 3, 16)],
)
def test_the_same_command_twice_drives_twice(mounted: Any, personality: str, size: int, units: int) -> None:
    """Fact 9: a widget set to the value that it has does nothing, so every drive has a widget of its own."""
    body = mounted(personality)
    assert not body.camera.lock(LOCK).refused
    drive = body.drive(size)
    for _ in range(3):
        assert drive.drive_focus(-1)
    assert body.units == 3 * units  # nearer, where there is no play
    for _ in range(5):
        drive.drive_focus(1)
    assert body.units == 3 * units + 12 - 5 * units if 5 * units > 12 else body.units == 3 * units


def test_focus_mode_and_live_view_are_made_what_the_drive_needs_and_put_back(mounted: Any) -> None:
    body = mounted("canon")
    report = {s.name: s for s in body.camera.lock(LOCK).settings}
    assert report["focus mode"].verdict is SettingVerdict.SET
    assert (report["focus mode"].before, report["focus mode"].after) == ("Manual", "One Shot")
    drive = body.drive()
    assert body.sim.body.live.is_on
    drive.close()
    body.camera.restore()
    assert not body.sim.body.live.is_on
    found = body.camera.read("focusmode")
    assert found is not None
    assert found.value == "Manual"


def test_nothing_focuses_when_a_lens_on_af_is_fired(mounted: Any) -> None:
    """Fact 4: the lens stays on AF for its motor, and releases must not use it."""
    body = mounted("canon")
    body.camera.lock(LOCK)
    body.drive()
    before = body.units
    assert body.camera.read("focusmode").value == "One Shot"
    body.camera.fire()
    assert body.units == before


@pytest.mark.parametrize("personality", ["canon", "sony"])
def test_a_lens_is_driven_one_way_and_seen_to_move(mounted: Any, personality: str) -> None:
    body = mounted(personality)
    body.camera.lock(LOCK)
    axis, _ = body.axis()
    size = 6 if personality == "canon" else 2
    approached = Approached(axis, Approach(1, 20 // size))
    places = []
    for target in (0, 3, 6):
        approached.move_to(target)
        places.append(body.units)
    assert places == [12, 12 - 3 * size, 12 - 6 * size]  # evenly, behind the motor by its play
    assert axis.is_measured
    body.sim.body.turn("lens_switch", "MF")
    with pytest.raises(MotionError, match="had no effect"):
        approached.move_to(9)


def test_sony_tells_of_an_end_and_canon_does_not(mounted: Any) -> None:
    for personality in ("sony", "canon"):
        body = mounted(personality, near_mm=0.1, far_mm=-0.12)
        body.camera.lock(LOCK)
        _, drive = body.axis()
        for _ in range(45):
            drive.drive_focus(1)
        assert body.units == -24 + 12
        assert drive.at_end(1) is (True if personality == "sony" else None)


def test_a_size_that_the_body_does_not_have_is_refused(mounted: Any) -> None:
    body = mounted("canon")
    with pytest.raises(UserError, match="steps 1 to 3"):
        open_lens_drive(body.camera, 4)
