"""What the camera driver adds to a frame: ``python -m benchmarks.driver_overhead``.

A simulated body in a process of its own offers one 2 MP JPEG at every release. The production driver fires
and collects frames of it (locked entries and EXIF read, decoded, hashed, written, flushed), and a bare loop
of the same libgphoto2 calls does no more than release, wait for the file, fetch it and drop it. Blocks of
both take turns, so that a busy machine slows both. Exit code 1 when the medians are over 30 ms apart.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

LIMIT_S = 0.030
MODELS = {"canon": "Canon EOS R5", "sony": "ILCE-7RM5"}
_PIXELS = (1800, 1200)
_LAG_S, _SHUTTER_S, _READOUT_S, _PROCESSING_S = 0.05, 1 / 8, 0.1, 0.1
_POLL_PAUSE_S = 0.001
_CANON_STEPS = ("Press Full MF", "Release")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--personality", choices=MODELS, action="append", help="by default both")
    parser.add_argument("--frames", type=int, default=40, help="of each kind (40)")
    parser.add_argument("--block", type=int, default=10, help="frames of one kind in a row (10)")
    args = parser.parse_args()
    good = True
    for personality in args.personality or MODELS:
        found = measure(personality, args.frames, args.block)
        good &= found.overhead_s < LIMIT_S
        print(found.text, flush=True)
    return 0 if good else 1


@dataclass(frozen=True)
class Overhead:
    """Seconds from release to file, of the bare loop and of the driver, and the load meanwhile."""

    personality: str
    size_mb: float
    bare_s: list[float]
    driver_s: list[float]
    driver_cpu_s: float
    load: float

    @property
    def overhead_s(self) -> float:
        """What the driver takes longer, median of either."""
        return statistics.median(self.driver_s) - statistics.median(self.bare_s)

    @property
    def text(self) -> str:
        """For people."""
        own_ms = 1e3 * (_LAG_S + _SHUTTER_S + _READOUT_S + _PROCESSING_S)
        bare, driver = (1e3 * statistics.median(times) for times in (self.bare_s, self.driver_s))
        worst = 1e3 * (statistics.quantiles(self.driver_s, n=10)[-1] - statistics.median(self.bare_s))
        return (
            f"{self.personality}: {len(self.driver_s)} frames each of {self.size_mb:.1f} MB\n"
            f"  the body's own times  {own_ms:.0f} ms\n"
            f"  bare loop, median     {bare:.1f} ms\n"
            f"  driver, median        {driver:.1f} ms\n"
            f"  driver adds           {1e3 * self.overhead_s:.1f} ms (limit {1e3 * LIMIT_S:.0f}); "
            f"nine of ten under {worst:.1f} ms\n"
            f"  its processor time    {1e3 * self.driver_cpu_s:.1f} ms a frame\n"
            f"  load                  {self.load:.1f} on {psutil.cpu_count()} processors"
        )


def measure(personality: str, frames: int, block: int) -> Overhead:
    """Both loops on one body, in turns: a body has one host at a time, so each block connects anew."""
    from rig.cameras.base import LockRequest
    from rig.cameras.gphoto import GPhotoCamera
    from rig.cameras.settings import CameraSettings
    from rig.clock import ScaledClock

    bare: list[float] = []
    driver: list[float] = []
    spent_s, size = 0.0, 0
    with ExitStack() as stack:
        port = stack.enter_context(_body(personality))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        while len(driver) < frames:
            bare += _bare_block(port, block)
            settings = CameraSettings(port=port, shutter_lag_s=_LAG_S, readout_s=_READOUT_S)
            camera = GPhotoCamera(settings, ScaledClock())
            try:
                camera.lock(LockRequest(shutter_s=_SHUTTER_S, aperture=5.6, iso=100))
                camera.collect(camera.fire(), folder)  # the first frame opens files and loads decoders
                before_s = _spent_s(camera.process_id)
                for _ in range(block):
                    began = time.monotonic()
                    (file,) = camera.collect(camera.fire(), folder)
                    driver.append(time.monotonic() - began)
                    size = file.size_bytes
                    file.path.unlink()
                spent_s += _spent_s(camera.process_id) - before_s
            finally:
                camera.close()
    load = psutil.getloadavg()[0]
    return Overhead(personality, size / 1e6, bare, driver, spent_s / len(driver), load)


def _spent_s(worker: int) -> float:
    """Processor time of this process and of the one that owns the camera."""
    times = [psutil.Process(pid).cpu_times() for pid in (os.getpid(), worker)]
    return sum(t.user + t.system for t in times)


# --- the body, in a process of its own ---


@contextmanager
def _body(personality: str) -> Iterator[str]:
    code = "from benchmarks.driver_overhead import body; body()"
    with subprocess.Popen(
        [sys.executable, "-c", code, personality], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def body() -> None:
    """Play a body until standard input ends."""
    from hardware_sims.cameras import make_camera
    from hardware_sims.clock import SimClock

    camera = make_camera(
        sys.argv[1],
        _Still(),
        SimClock(1.0),
        shutter_lag_s=_LAG_S,
        readout_s=_READOUT_S,
        processing_s=_PROCESSING_S,
        initial={"capture_target": "sdram"},
    )
    with camera:
        sys.stdout.write(camera.port_name + "\n")
        sys.stdout.flush()
        sys.stdin.read()


class _Photo:
    width, height = _PIXELS
    raw = None

    def __init__(self, jpeg: bytes) -> None:
        self.jpeg = jpeg


class _Still:
    """A world that shows one picture, made beforehand: rendering is nobody's overhead."""

    def __init__(self) -> None:
        import cv2
        import numpy as np

        # As large as a macro picture is: soft shapes, fine structure in a part of it, and noise.
        rng = np.random.default_rng(1)
        soft = cv2.GaussianBlur(rng.normal(0, 1, (_PIXELS[1], _PIXELS[0], 3)), (0, 0), 12)
        fine = cv2.GaussianBlur(rng.normal(0, 1, soft.shape), (0, 0), 1.0)
        fine[: _PIXELS[1] // 2] = 0
        scene = 110 + 40 * soft / soft.std() + 30 * fine / fine.std() + rng.normal(0, 2, soft.shape)
        done, data = cv2.imencode(".jpg", np.clip(scene, 0, 255).astype(np.uint8))
        assert done
        self._jpeg = data.tobytes()

    def expose(
        self, _start_s: float, shutter_s: float, f_number: float, iso: int, flash: bool = False, **_more: Any
    ) -> _Photo:
        """The picture, with EXIF of this exposure."""
        from hardware_sims.exif import ExposureRecord, with_exif

        return _Photo(with_exif(self._jpeg, ExposureRecord(shutter_s, f_number, iso, 100.0, flash, ""), {}))

    def preview(self, *_when_and_how: Any) -> bytes | None:
        """No live view."""
        return None


# --- the bare loop, in a process of its own as the driver's calls are ---


def _bare_block(port: str, frames: int) -> list[float]:
    code = "from benchmarks.driver_overhead import bare; bare()"
    with tempfile.TemporaryDirectory() as private:
        done = subprocess.run(
            [sys.executable, "-c", code, port, str(frames), private],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    times: list[float] = json.loads(done.stdout)
    return times


def bare() -> None:
    """Release, wait for the file, fetch it, drop it; times as JSON on standard output."""
    from rig.cameras.gphoto_guards import prepare_surroundings, use_only_network_ports

    port, frames, private = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    prepare_surroundings(private)
    import gphoto2 as gp

    use_only_network_ports(private)
    ports, abilities = gp.PortInfoList(), gp.CameraAbilitiesList()
    ports.load()
    abilities.load()
    camera = gp.Camera()
    camera.set_abilities(abilities[abilities.lookup_model("PTP/IP Camera")])
    camera.set_port_info(ports[ports.lookup_path(port)])
    camera.init()
    names = {child.get_name() for child in _leaves(camera.get_config())}
    release = _canon_release(camera) if "eosremoterelease" in names else camera.trigger_capture
    times = []
    for _ in range(frames + 1):
        while camera.wait_for_event(1)[0] != gp.GP_EVENT_TIMEOUT:
            pass
        began = time.monotonic()
        release()
        path = _next_file(gp, camera)
        camera.file_get_info(*path)
        file = camera.file_get(*path, gp.GP_FILE_TYPE_NORMAL)
        bytes(memoryview(file.get_data_and_size()))
        times.append(time.monotonic() - began)
        camera.file_delete(*path)
    sys.stdout.write(json.dumps(times[1:]))
    camera.exit()


def _next_file(gp: Any, camera: Any) -> tuple[str, str]:
    while True:
        kind, data = camera.wait_for_event(1)
        if kind == gp.GP_EVENT_FILE_ADDED:
            return data.folder, data.name
        if kind == gp.GP_EVENT_TIMEOUT:
            time.sleep(_POLL_PAUSE_S)


def _leaves(widget: Any) -> Iterator[Any]:
    if widget.count_children():
        for child in widget.get_children():
            yield from _leaves(child)
    else:
        yield widget


def _canon_release(camera: Any) -> Callable[[], None]:
    def release() -> None:
        for value in _CANON_STEPS:
            widget = camera.get_single_config("eosremoterelease")
            widget.set_value(value)
            camera.set_single_config("eosremoterelease", widget)

    return release


if __name__ == "__main__":
    sys.exit(main())
