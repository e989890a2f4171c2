"""Stacks by the lens's own focus, against the truth: ``python -m benchmarks.lens_stack``.

For each personality ``rig shoot --axis lens`` runs on the bench: live view, drive, frames and stack. The
stacked image and the sharpest single frame are compared with the scene as it is, all of it in focus.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hardware_sims.bench import Bench, Order
from hardware_sims.scoring import score
from hardware_sims.truth import Truth

from stacker import read_frame

_BODIES = {"canon": ("Canon EOS R5", 1, 1), "sony": ("ILCE-7RM5", 2, 1), "nikon": ("Nikon D850", 1, 6)}
"""Model, size of step, and how many drive units are 30 µm of image shift on the bench."""
_RUN_UP = 8
"""Times 30 µm."""
_BORDER_PX = 24  # the first frame's edge, where later ones do not reach
_CONFIG = """\
[rail]
driver = "grbl"
pitch = "1 mm"
limits = ["-8 mm", "60 mm"]

[camera]
model = "{model}"
sensor_width = "36 mm"
pixels = [{width}, {height}]

[lens]
magnification = 1.0
pupil_distance = "300 mm"
focus_step = {step}
focus_run_up = {run_up}

[capture]
aperture = "f/5.6"
shutter = "1/8 s"
iso = 100
white_balance = "Daylight"
settle = "0 s"
accept_clipping = true

[simulator]
scene = "statue"
depth = "6 mm"
pixels = [{width}, {height}]
time_scale = 20
live_fps = 25
focus = {{ near = "3 mm", far = "-9 mm" }}
"""


def main() -> None:
    """Shoot, score and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bodies", nargs="*", choices=[*_BODIES, []], help="by default all")
    parser.add_argument("--frames", type=int, default=9)
    parser.add_argument("--step", type=int, default=25, help="times 30 µm of image shift")
    parser.add_argument("--width-px", type=int, default=750)
    args = parser.parse_args()
    print(f"{'body':<14}{'frames':>7}{'stack dB':>10}{'best frame dB':>15}")
    for name in args.bodies or _BODIES:
        with tempfile.TemporaryDirectory() as folder:
            session = _shoot(Path(folder), name, args.width_px, args.frames, args.step)
            stack_db, frame_db = _scores(session)
        print(f"{name:<14}{args.frames:>7}{stack_db:>10.1f}{frame_db:>15.1f}", flush=True)


def _shoot(folder: Path, name: str, width_px: int, frames: int, step: int) -> Path:
    model, size, units = _BODIES[name]
    config = folder / "bench.toml"
    height_px = round(width_px * 2 / 3)
    config.write_text(
        _CONFIG.format(model=model, step=size, run_up=_RUN_UP * units, width=width_px, height=height_px)
    )
    rig = [sys.executable, "-c", "from rig.cli import main; main()", "shoot", "--config", str(config)]
    words = ["--axis", "lens", "--from-here", "--frames", str(frames), "--step", str(step * units)]
    subprocess.run([*rig, *words, "--folder", str(folder / "sessions")], check=True, capture_output=True)
    return next((folder / "sessions").iterdir())


def _scores(session: Path) -> tuple[float, float]:
    """PSNR of the stack and of the frame that is nearest to the truth, dB."""
    journal = [json.loads(line) for line in (session / "journal.jsonl").read_text().splitlines()]
    events = {event["event"]: event for event in journal}
    bench = Bench(Order.read(events["bench_started"]["order"]))
    try:
        truth = Truth(bench.world, 0.0).view()
    finally:
        bench.close()
    height, width = truth.shape[:2]
    inner = (slice(_BORDER_PX, height - _BORDER_PX), slice(_BORDER_PX, width - _BORDER_PX))
    left, top = events["stacked"]["origin_px"]
    stack = read_frame(session / events["stacked"]["file"]).pixels
    stack = stack[-top : height - top, -left : width - left]
    singles = [score(frame[inner], truth[inner]).psnr_db for frame in _frames(session, journal)]
    return score(stack[inner], truth[inner]).psnr_db, max(singles)


def _frames(session: Path, journal: list[dict[str, Any]]) -> Iterator[Any]:
    for event in journal:
        if event["event"] == "frame_saved":
            yield read_frame(session / event["files"][0]["file"]).pixels


if __name__ == "__main__":
    main()
