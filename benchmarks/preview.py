"""Live view through the whole of rig: ``python -m benchmarks.preview``.

A bench and ``rig camera preview`` run as processes of their own; this one is the viewers, over HTTP.
Printed for each body and set of drawings: the frames that the body offered, the share that was shown, what
each viewer saw, and what rig and its camera process cost. Targets: 90 % of the frames that are offered, at
under half a core without peaking. Exit code 1 when one is missed, 2 when the machine was so busy that frames
may be missing for want of a processor.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psutil

from benchmarks.live_view import MODELS

LEAST_SHARE, MOST_CORE = 0.9, 0.5
DRAWINGS = {
    "plain": [],
    "peaking": ["--peaking"],
    "everything": ["--peaking", "--histogram", "--magnify", "0.5,0.5,4"],
}
_FIRST_FRAME_S = 60.0


@dataclass
class Viewer:
    """Reads an MJPEG stream and counts."""

    address: str
    frames: int = 0
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        with urllib.request.urlopen(self.address, timeout=_FIRST_FRAME_S) as stream:
            while head := [stream.readline() for _ in range(4)]:
                if not head[0]:
                    return
                stream.read(int(head[2].split(b":")[1]) + 2)
                self.frames += 1


class Shown:
    """A running ``rig camera preview``; counts the frames that it tells of."""

    def __init__(self, port: str, drawings: list[str]) -> None:
        command = [sys.executable, "-c", "from rig.cli import main; main()", "camera", "preview", "--json"]
        command += ["--port", port, "--address", "0", *drawings]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.stream = json.loads(self.process.stdout.readline())["stream"]
        self.frames = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for _ in self.process.stdout:
            self.frames += 1

    def spent_s(self) -> float:
        """Processor time of rig and of its camera process."""
        own = psutil.Process(self.process.pid)
        times = [p.cpu_times() for p in (own, *own.children(recursive=True))]
        return float(sum(t.user + t.system for t in times))

    def close(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(2)
        self.process.wait(30)


@contextmanager
def bench(name: str, fps: float, pixels: list[int]) -> Iterator[tuple[str, Any]]:
    """A bench in a process of its own: the body's port, and a way to ask what it has offered."""
    simulator = {"personality": name, "live_fps": fps, "pixels": pixels}
    order = {"simulator": simulator, "camera": {"model": MODELS[name]}}
    with subprocess.Popen(
        [sys.executable, "-m", "hardware_sims"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        ports = json.loads(process.stdout.readline())
        if not ports["ready"]:
            raise SystemExit(ports["error"])
        host, port = ports["control_port"].split(":")
        try:
            with socket.create_connection((host, int(port))) as peer, peer.makefile("rw") as control:
                yield ports["camera_port"], control
        finally:
            process.stdin.close()


def offered(control: Any) -> int:
    """How many frames the body has offered."""
    control.write('{"do": "state"}\n')
    control.flush()
    return int(json.loads(control.readline())["state"]["live_frames_offered"])


def measure(port: str, control: Any, drawings: list[str], seconds: float, viewers: int) -> dict[str, float]:
    """Figures of one set of drawings."""
    with ExitStack() as stack:
        shown = Shown(port, drawings)
        stack.callback(shown.close)
        looking = [Viewer(shown.stream) for _ in range(viewers)]
        give_up = time.monotonic() + _FIRST_FRAME_S
        while shown.frames < 5:
            if time.monotonic() > give_up:
                raise SystemExit(f"no frame within {_FIRST_FRAME_S:.0f} s")
            time.sleep(0.05)
        before = (offered(control), shown.frames, shown.spent_s(), time.monotonic())
        seen = [viewer.frames for viewer in looking]
        time.sleep(seconds)
        took_s = time.monotonic() - before[3]
        came = offered(control) - before[0]
        return {
            "offered_fps": came / took_s,
            "share": (shown.frames - before[1]) / max(1, came),
            "viewers": min((v.frames - n) / max(1, came) for v, n in zip(looking, seen, strict=True)),
            "core": (shown.spent_s() - before[2]) / took_s,
        }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--personality", choices=MODELS, action="append", help="by default all of them")
    parser.add_argument("--drawing", choices=DRAWINGS, action="append", help="by default all of them")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--fps", type=float, default=20.0, help="what the bodies are to offer")
    parser.add_argument("--viewers", type=int, default=2)
    parser.add_argument("--pixels", type=int, nargs=2, default=(1800, 1200), help="of the simulated sensor")
    args = parser.parse_args()
    print(
        f"{'body':<12}{'drawn':<12}{'offered/s':>10}{'shown':>8}{'worst viewer':>14}{'of a core':>11}", end=""
    )
    print(f"{'a frame':>11}")
    missed = False
    for name in args.personality or MODELS:
        with bench(name, args.fps, list(args.pixels)) as (port, control):
            for drawn in args.drawing or DRAWINGS:
                f = measure(port, control, DRAWINGS[drawn], args.seconds, args.viewers)
                a_frame_ms = 1e3 * f["core"] / max(f["share"] * f["offered_fps"], 1e-6)
                print(
                    f"{name:<12}{drawn:<12}{f['offered_fps']:>10.1f}{f['share']:>8.1%}{f['viewers']:>14.1%}"
                    f"{f['core']:>11.1%}{a_frame_ms:>8.1f} ms",
                    flush=True,
                )
                missed |= f["share"] < LEAST_SHARE or (drawn == "plain" and f["core"] >= MOST_CORE)
    load = psutil.getloadavg()[0]
    if missed and load > (psutil.cpu_count() or 1):
        print(f"The machine is busy (load {load:.0f} on {psutil.cpu_count()} processors).")
        return 2
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
