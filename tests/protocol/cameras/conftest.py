"""Simulated bodies before a stand-in world, and the production driver connected to them over the wire."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hardware_sims.cameras import SimulatedCamera, make_camera
from hardware_sims.clock import SimClock
from hardware_sims.dng import dng

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
    ) -> NumberedPhoto:
        with self.lock:
            self.exposures.append(Exposure(start_s, shutter_s, f_number, iso, shake_um, light_share))
            number = len(self.exposures)
        image = self.image(number)
        done, data = cv2.imencode(".jpg", image)
        assert done
        jpeg = data.tobytes()
        mosaic = 512 + 60 * image.astype(np.uint16)
        return NumberedPhoto(jpeg, image.shape[1], image.shape[0], dng(mosaic, jpeg) if raw else None)

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
