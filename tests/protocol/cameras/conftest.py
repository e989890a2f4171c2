"""Simulated bodies before a stand-in world, and the production driver connected to them over the wire."""

from __future__ import annotations

import importlib.util
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hardware_sims.cameras import SimulatedCamera, make_camera
from hardware_sims.cameras.equipment import Equipment, MountedLens
from hardware_sims.clock import SimClock
from hardware_sims.dng import dng
from hardware_sims.exif import ExposureRecord, with_exif
from hardware_sims.focus_drive import FocusDrive, FocusTravel

from rig.cameras.gphoto import GPhotoCamera
from rig.cameras.registry import open_camera
from rig.cameras.settings import CameraSettings
from rig.clock import ScaledClock

SCALE = 4.0
LAG_S, READOUT_S = 0.05, 0.1
_BITS, _CELL_PX = 8, 32


@dataclass(frozen=True)
class NumberedPhoto:
    jpeg: bytes
    width: int
    height: int
    raw: bytes | None = None


@dataclass(frozen=True)
class Exposure:
    start_s: float
    shutter_s: float
    f_number: float
    iso: int
    shake_um: float = 0.0
    light_share: float = 1.0


@dataclass
class CountingWorld:
    """Every picture shows its number in black and white cells."""

    exposures: list[Exposure] = field(default_factory=list)
    previews: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def expose(
        self,
        start_s: float,
        shutter_s: float,
        f_number: float,
        iso: int,
        flash: bool = False,
        *,
        raw: bool = False,
        shake_um: float = 0.0,
        light_share: float = 1.0,
        kelvin: float | None = 5200.0,
        program: int = 1,
    ) -> NumberedPhoto:
        with self.lock:
            self.exposures.append(Exposure(start_s, shutter_s, f_number, iso, shake_um, light_share))
            number = len(self.exposures)
        image = (light_share * self.image(number)).astype(np.uint8)
        done, data = cv2.imencode(".jpg", image)
        assert done
        plain = data.tobytes()
        record = ExposureRecord(
            shutter_s, f_number, iso, 100.0, flash, f"number {number}", program, kelvin is None
        )
        jpeg = with_exif(plain, record, {"number": number})
        mosaic = 512 + 60 * image.astype(np.uint16)
        negative = with_exif(dng(mosaic, plain), record, {"number": number}) if raw else None
        return NumberedPhoto(jpeg, image.shape[1], image.shape[0], negative)

    @staticmethod
    def image(number: int) -> np.ndarray:
        cells = np.array([255 * (number >> bit & 1) for bit in range(_BITS)], np.uint8)
        image = np.repeat(np.repeat(cells[None, :], _CELL_PX, axis=1), 2 * _CELL_PX, axis=0)
        noise = np.random.default_rng(number).integers(0, 20, image.shape, dtype=np.uint8)
        return np.maximum(image, noise)

    def preview(self, t_s: float, shutter_s: float, f_number: float, iso: int) -> bytes | None:
        self.previews += 1
        done, data = cv2.imencode(".jpg", self.image(self.previews % 256))
        assert done
        return bytes(data.tobytes())


def number_shown(path: Path) -> int:
    """The number in a picture of `CountingWorld`."""
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    middle = image[image.shape[0] // 2, _CELL_PX // 2 :: _CELL_PX]
    return sum(int(level > 128) << bit for bit, level in enumerate(middle))


@dataclass
class CameraBench:
    """A simulated body, the world before it, and how to connect to it."""

    sim: SimulatedCamera
    world: CountingWorld
    clock: ScaledClock
    stack: ExitStack

    def connect(self, **settings: Any) -> GPhotoCamera:
        plain = {"port": self.sim.port_name, "shutter_lag_s": LAG_S, "readout_s": READOUT_S}
        camera = open_camera(CameraSettings(**{**plain, **settings}), self.clock)
        assert isinstance(camera, GPhotoCamera)
        self.stack.callback(camera.close)
        return camera

    @property
    def number_shown(self) -> Callable[[Path], int]:
        return number_shown


@pytest.fixture(params=["canon", "sony"])
def personality(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def body() -> Iterator[Callable[..., CameraBench]]:
    """Makes simulated bodies (arguments of `make_camera`) that are switched off after the test."""
    with ExitStack() as stack:

        def make(personality: str, *, scale: float = SCALE, **options: Any) -> CameraBench:
            world = CountingWorld()
            timing = {"shutter_lag_s": LAG_S, "readout_s": READOUT_S, "processing_s": 0.05}
            sim = make_camera(personality, world, SimClock(scale), **{**timing, **options})
            stack.enter_context(sim)
            return CameraBench(sim, world, ScaledClock(scale), stack)

        yield make


@dataclass
class WiredBody:
    """A simulated body with libgphoto2, as it comes, connected to it."""

    sim: SimulatedCamera
    world: CountingWorld
    clock: SimClock
    drive: FocusDrive
    library: Any
    pictures: Path

    def connect(self) -> None:
        self.library.connect(self.sim.port_name)

    def release(self) -> None:
        """Release without autofocus."""
        if self.sim.body.codes["release"] != 0x9128:
            self.library("trigger")
            return
        self.library("write", "eosremoterelease", "Press Full MF")
        self.library("write", "eosremoterelease", "Release")

    def files(self, count: int, seconds: float = 3.0) -> list[tuple[str, Path]]:
        """Names and fetched copies of the next files, as many as come within the time."""
        found = []
        for folder, name in self.library("files", count, seconds):
            path = self.pictures / name
            told = self.library("fetch", folder, name, str(path))
            assert told["announced"] in (None, told["size"])
            found.append((name, path))
        return found

    def shot(self, count: int = 1) -> list[tuple[str, Path]]:
        self.release()
        return self.files(count)

    def value(self, name: str) -> Any:
        """A configuration value past the library's cache."""
        self.library("files", 1, 0.05)
        return self.library("read", name)["value"]

    @property
    def extension_mm(self) -> float:
        """Where the lens comes to rest."""
        deadline = time.monotonic() + 5.0
        while self.drive.is_turning():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return self.drive.extension_mm(self.clock.now())


@pytest.fixture(scope="module")
def bare_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """libgphoto2 in one process for all the tests of a file: loading it takes longer than most of them."""
    library = _library_module().BareLibrary(tmp_path_factory.mktemp("bare"))
    yield library
    library.close()


@pytest.fixture
def wired(bare_library: Any, tmp_path: Path) -> Iterator[Callable[..., WiredBody]]:
    """Makes simulated bodies (arguments of `make_camera`) with a lens to drive; connects to them."""
    with ExitStack() as stack:

        def make(
            personality: str, *, scale: float = SCALE, travel: FocusTravel | None = None, **options: Any
        ) -> WiredBody:
            world, clock = CountingWorld(), SimClock(scale)
            drive = FocusDrive(travel or FocusTravel(), clock)
            options.setdefault("equipment", Equipment(lens=MountedLens(drive=drive), live_fps=60.0))
            options["equipment"].lens.drive = drive
            timing = {"shutter_lag_s": LAG_S, "readout_s": READOUT_S, "processing_s": 0.05}
            sim = stack.enter_context(make_camera(personality, world, clock, **{**timing, **options}))
            stack.callback(bare_library.leave)
            wired_body = WiredBody(sim, world, clock, drive, bare_library, tmp_path)
            wired_body.connect()
            if personality.startswith(("canon", "nikon")):  # libgphoto2 keeps this from test to test
                bare_library("write", "capturetarget", "Internal RAM")
            return wired_body

        yield make


@pytest.fixture
def bare_error() -> type[Exception]:
    """What the bare library raises."""
    error: type[Exception] = _library_module().BareError
    return error


@pytest.fixture
def new_library() -> Any:
    """Makes bare libraries of a test's own."""
    return _library_module().BareLibrary


def _library_module() -> Any:
    # Modules beside tests are not importable by name under importlib's import mode.
    name = "tests_protocol_cameras_library"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("library.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]
