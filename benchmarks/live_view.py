"""Live view of the simulated bodies: ``python -m benchmarks.live_view``.

For each personality a bench is started in a process of its own. Printed are the frames that it offers at its
full width in a real second, what a bare loop of libgphoto2's ``capture_preview`` receives of them, and what
both processes cost. Exit code 1 when a body offers fewer than 15 frames a second; 2 when it does because the
machine is busy with other things, and a core of its own would have given them.
"""

from __future__ import annotations

import argparse
import io
import json
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

LEAST_FPS = 15.0
MODELS = {
    "canon": "Canon EOS R5",
    "canon-dslr": "Canon EOS 80D",
    "sony": "ILCE-7RM5",
    "sony-steps": "ILCE-7RM2",
    "nikon": "D850",
}
_FIRST_FRAME_S = 30.0


@dataclass(frozen=True)
class Figures:
    """What one personality came to; processor time as a share of one core."""

    personality: str
    width_px: int
    seconds: float
    offered: int
    received: int
    first_frame_s: float
    library_core: float
    bench_core: float

    @property
    def offered_fps(self) -> float:
        """Frames offered in a second."""
        return self.offered / self.seconds

    @property
    def fps_of_a_core(self) -> float:
        """Frames that the bench would make in a second with a core of its own."""
        return self.offered_fps / max(self.bench_core, 1e-6)

    @property
    def received_fps(self) -> float:
        """Frames received in a second."""
        return self.received / self.seconds


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--personality", choices=MODELS, action="append", help="by default all of them")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--fps", type=float, default=20.0, help="what the bodies are to offer")
    parser.add_argument("--scene", default="insect")
    parser.add_argument("--pixels", type=int, nargs=2, default=(1800, 1200), help="of the simulated sensor")
    parser.add_argument("--picture", type=Path, help="keep the last frame here")
    args = parser.parse_args()
    if args.pixels[0] < 1024:
        print("The sensor is narrower than 1024 px: so are the frames.")
    print(f"{'personality':<12}{'width':>7}{'offered/s':>11}{'received/s':>12}{'share':>8}", end="")
    print(f"{'first frame':>13}{'library':>10}{'bench':>9} of a core{'a core makes':>16}")
    found = []
    for name in args.personality or MODELS:
        # Each in its own process: libgphoto2 is measured from its start, and keeps nothing from the last one.
        command = [sys.executable, "-c", "from benchmarks.live_view import child; child()"]
        order = json.dumps(
            [name, args.seconds, args.fps, args.scene, list(args.pixels), str(args.picture or "")]
        )
        done = subprocess.run(command, input=order, stdout=subprocess.PIPE, text=True, check=True)
        f = Figures(**json.loads(done.stdout))
        found.append(f)
        print(
            f"{f.personality:<12}{f.width_px:>7}{f.offered_fps:>11.1f}{f.received_fps:>12.1f}"
            f"{f.received / max(1, f.offered):>8.1%}{f.first_frame_s:>11.1f} s{f.library_core:>10.1%}"
            f"{f.bench_core:>9.1%}{f.fps_of_a_core:>24.0f}/s"
        )
    slow = [f for f in found if f.offered_fps < LEAST_FPS]
    if slow and all(f.fps_of_a_core >= LEAST_FPS for f in slow):
        print(f"The machine is busy (load {psutil.getloadavg()[0]:.0f} on {psutil.cpu_count()} processors).")
        return 2
    return 1 if slow else 0


def child() -> None:
    """Measure one personality; order and figures are JSON on standard input and output."""
    name, seconds, fps, scene, pixels, picture = json.load(sys.stdin)
    simulator = {"scene": scene, "pixels": pixels, "personality": name, "live_fps": fps}
    order = {"simulator": simulator, "camera": {"model": MODELS[name]}}
    with (
        subprocess.Popen(
            [sys.executable, "-m", "hardware_sims"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as bench,
        tempfile.TemporaryDirectory() as private,
    ):
        assert bench.stdin is not None
        assert bench.stdout is not None
        bench.stdin.write(json.dumps(order) + "\n")
        bench.stdin.flush()
        ports = json.loads(bench.stdout.readline())
        if not ports["ready"]:
            raise SystemExit(ports["error"])
        try:
            figures = _measure(name, seconds, ports, bench.pid, Path(private), picture)
        finally:
            bench.stdin.close()
    json.dump(figures.__dict__, sys.stdout)


def _measure(
    name: str, seconds: float, ports: dict[str, Any], bench_pid: int, private: Path, picture: str
) -> Figures:
    host, port = ports["control_port"].split(":")
    with socket.create_connection((host, int(port))) as peer, peer.makefile("rw") as control:
        camera = _connected(ports["camera_port"], private)
        began = time.monotonic()
        frame = _first_frame(camera)
        first_frame_s = time.monotonic() - began
        bench = psutil.Process(bench_pid)
        offered, bench_s, own_s = _offered(control), _spent_s(bench), time.process_time()
        received, began = 0, time.monotonic()
        while time.monotonic() - began < seconds:
            frame = _frame(camera)
            received += 1
        took_s = time.monotonic() - began
        figures = Figures(
            name,
            _width_px(frame),
            took_s,
            _offered(control) - offered,
            received,
            first_frame_s,
            (time.process_time() - own_s) / took_s,
            (_spent_s(bench) - bench_s) / took_s,
        )
        if picture:
            Path(picture).write_bytes(frame)
        camera.exit()
    return figures


def _connected(port: str, private: Path) -> Any:
    from rig.cameras.gphoto_guards import prepare_surroundings, use_only_network_ports

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
    return camera


def _frame(camera: Any) -> bytes:
    file = camera.capture_preview()
    return bytes(memoryview(file.get_data_and_size()))


def _first_frame(camera: Any) -> bytes:
    """The first frame; bodies refuse while there is none, and the library gives up soon."""
    import gphoto2 as gp

    give_up = time.monotonic() + _FIRST_FRAME_S
    while True:
        try:
            return _frame(camera)
        except gp.GPhoto2Error:
            if time.monotonic() > give_up:
                raise


def _offered(control: Any) -> int:
    control.write('{"do": "state"}\n')
    control.flush()
    return int(json.loads(control.readline())["state"]["live_frames_offered"])


def _spent_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _width_px(jpeg: bytes) -> int:
    from PIL import Image

    with Image.open(io.BytesIO(jpeg)) as image:
        return image.width


if __name__ == "__main__":
    sys.exit(main())
