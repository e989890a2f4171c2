"""A day of frames from bodies that misbehave: ``python -m benchmarks.camera_soak``.

Whole runs of ``rig shoot`` on the simulated bench, the production drivers over the real libgphoto2, with a
fault about every ten operations (a release and a fetched file are one each). Every simulated frame carries
its true position in its maker note: it is compared with the journal. A run that a fault ends is gone on with,
as a person would, by ``rig resume``. Bench time is scaled; the waits of libgphoto2 stay real, so that faults
that take many seconds are drawn less often than those that do not.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from hardware_sims.exif import read_truth

from rig.config import LoadedConfig, config_from_table
from rig.errors import HardwareError
from rig.events import Event, FrameSaved
from rig.journal import read_journal
from rig.planning.rail import PlanRequest, plan_for
from rig.runs.shoot import ShootOptions, Stopper, resume, shoot

__all__ = ["Nobody", "SoakReport", "main", "soak", "soak_table"]

MODELS = {
    "canon": "Canon EOS R5",
    "canon-dslr": "Canon EOS 80D",
    "generic": "Generic PTP/IP body",
    "nikon": "D850",
    "sony": "ILCE-7RM5",
    "sony-steps": "ILCE-7RM2",
}
"""By personality, as the bench calls them."""
STEP_MM = 0.02
LARGEST_GROWTH = 0.05
_RESUMES = 20
_SETTLED = 0.1
"""Of the frames: after so many, imports and pools are there, and growth is counted from."""

_QUICK = (
    {"kind": "busy", "times": 2},
    {"kind": "drop_link"},
    {"kind": "drop"},
    {"kind": "truncated"},
    {"kind": "duplicate"},
    {"kind": "ignored_setting"},
    {"kind": "late_event"},
)
_SLOW = ({"kind": "no_image"}, {"kind": "late_image", "seconds": 40.0}, {"kind": "delay", "seconds": 3.0})
"""Each costs seconds of real time: no picture, a picture that is too late, an answer that is."""
_QUICK_SHARES = 3
"""A quick fault is so many times as likely as a slow one."""


@dataclass
class SoakReport:
    """What a soak came to.

    ``growth`` is that of this process's memory from a tenth of the frames to the end, relative;
    ``descriptors`` by how many open files grew meanwhile.
    """

    personality: str
    frames: int
    lost: list[int] = field(default_factory=list)
    misfiled: list[int] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    resumed: int = 0
    growth: float = 0.0
    descriptors: int = 0
    seconds: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        """Whether no frame was lost or misfiled, and nothing grew."""
        return not (self.lost or self.misfiled or self.descriptors > 0 or self.growth > LARGEST_GROWTH)


@dataclass
class _Usage:
    """Memory and open files of this process, sampled at every saved frame."""

    rss: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    said: Callable[[str], None] | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, FrameSaved):
            here = psutil.Process()
            self.rss.append(here.memory_info().rss)
            self.descriptors.append(here.num_fds())
            if self.said and not len(self.rss) % 50:
                self.said(f"{len(self.rss)} frames")


class Nobody:
    """Nobody is asked on a simulated bench."""

    def confirm(self, question: str) -> None:
        """Say yes."""

    def ask_position_mm(self, question: str) -> float:
        """Not asked: the bench is set up again as it was."""
        raise HardwareError(question)


def soak(
    personality: str,
    frames: int,
    folder: Path,
    *,
    every: float = 10.0,
    seed: int = 1,
    time_scale: float = 20.0,
    image_format: str = "JPEG",
    said: Callable[[str], None] | None = None,
) -> SoakReport:
    """Shoot that many frames with faults, and compare what was filed with the truth.

    Parameters
    ----------
    personality : str
        The body, of `MODELS`.
    folder : Path
        Where the session goes.
    every : float
        Mean number of operations from one fault to the next.
    seed : int
        Of the faults.
    time_scale : float
        Bench seconds per real second.
    image_format : str
        ``"JPEG"`` or ``"RAW+JPEG"``.
    said : callable, optional
        Is told how far it is.
    """
    table = soak_table(personality, every, seed, time_scale, image_format)
    loaded = LoadedConfig(config_from_table(table, "soak"), Path("soak.toml"), table)
    request = PlanRequest.from_text(start="0", end=f"{STEP_MM * (frames - 1):.4f}mm", frames=frames)
    plan = plan_for(loaded, request)
    usage, report, began = _Usage(said=said), SoakReport(personality, frames), time.monotonic()
    options = ShootOptions(stack=False)
    try:
        shoot(loaded, plan, options, Nobody(), Stopper(), [usage], folder=folder)
    except HardwareError as err:
        report.reasons[_short(err)] += 1
        _go_on(folder, options, usage, report)
    (session,) = folder.iterdir()
    _compare(session, frames, report)
    first = max(1, round(_SETTLED * len(usage.rss))) - 1
    report.growth = max(usage.rss[-5:]) / usage.rss[first] - 1
    report.descriptors = min(usage.descriptors[-5:]) - max(usage.descriptors[: first + 1])
    report.seconds = time.monotonic() - began
    return report


def _go_on(folder: Path, options: ShootOptions, usage: _Usage, report: SoakReport) -> None:
    (session,) = folder.iterdir()
    for _ in range(_RESUMES):
        report.resumed += 1
        try:
            resume(session, options, Nobody(), Stopper(), [usage])
        except HardwareError as err:
            report.reasons[_short(err)] += 1
        else:
            return


def _short(err: Exception) -> str:
    return str(err)[:160]


def soak_table(
    personality: str, every: float, seed: int, time_scale: float, image_format: str
) -> dict[str, Any]:
    """The configuration of a soak: a small fast bench, and what goes wrong on it."""
    pixels = [96, 64]
    return {
        "rail": {
            "driver": "grbl",
            "pitch": "1 mm",
            "speed": "5 mm/s",
            "acceleration": "100 mm/s^2",
            "limits": ["-2 mm", "60 mm"],
            "backlash": "0.05 mm",
            "towards_subject": "+",
        },
        "camera": {
            "model": MODELS[personality],
            "sensor_width": "36 mm",
            "pixels": pixels,
            "image_wait": "1.5 s",
            "transfer": "3 s",
        },
        "lens": {"magnification": 1.0, "pupil_distance": "300 mm"},
        "capture": {
            "aperture": "f/5.6",
            "shutter": "1/8 s",
            "iso": 100,
            "white_balance": "Daylight",
            "image_format": image_format,
            "settle": "0.1 s",
            "attempts": 8,
            "return_to_start": False,
            "accept_clipping": True,
        },
        "simulator": {
            "scene": "insect",
            "personality": personality,
            "pixels": pixels,
            "time_scale": time_scale,
            "faults": {"every": every, "seed": seed, "kinds": [*_QUICK * _QUICK_SHARES, *_SLOW]},
        },
    }


def _compare(session: Path, frames: int, report: SoakReport) -> None:
    """Hold every filed frame's true position against the journal's."""
    entries = read_journal(session / "journal.jsonl")
    saved = {e["index"]: e for e in entries if e["event"] == "frame_saved"}
    report.lost = [index for index in range(frames) if index not in saved]
    for index, entry in saved.items():
        for file in entry["files"]:
            true_mm = float(str(read_truth((session / file["file"]).read_bytes())["position_mm"]))
            if abs(true_mm - entry["position_mm"]) > STEP_MM / 2:
                report.misfiled.append(index)
    report.rejected = sum(e["event"] == "frame_rejected" for e in entries)
    for entry in entries:
        if entry["event"] == "bench_closed":
            report.faults.update(fault["kind"] for fault in entry.get("faults", []))


def main() -> int:
    """Print a table; exit code 1 when a frame was lost or misfiled, or something grew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--personality", nargs="+", choices=sorted(MODELS), default=sorted(MODELS))
    parser.add_argument("--frames", type=int, default=1000, help="per personality (1000)")
    parser.add_argument("--every", type=float, default=10.0, help="operations from fault to fault (10)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--time-scale", type=float, default=20.0)
    parser.add_argument("--format", default="JPEG", choices=["JPEG", "RAW+JPEG"])
    args = parser.parse_args()
    reports = []
    for personality in args.personality:
        with tempfile.TemporaryDirectory() as folder:
            report = soak(
                personality,
                args.frames,
                Path(folder),
                every=args.every,
                seed=args.seed,
                time_scale=args.time_scale,
                image_format=args.format,
                said=lambda text, who=personality: print(f"{who}: {text}", file=sys.stderr),
            )
        reports.append(report)
        _show(report)
    return 0 if all(report.good for report in reports) else 1


def _show(report: SoakReport) -> None:
    print(f"{report.personality}: {report.frames} frames in {report.seconds:.0f} s")
    print(f"  faults            {sum(report.faults.values())}: {json.dumps(dict(report.faults))}")
    print(f"  shot again        {report.rejected}; run resumed {report.resumed} times")
    for reason, times in report.reasons.items():
        print(f"    {times} × {reason}")
    print(f"  lost              {len(report.lost)}")
    print(f"  misfiled          {len(report.misfiled)}")
    print(f"  memory growth     {report.growth:+.1%} (limit {LARGEST_GROWTH:.0%})")
    print(f"  open files        {report.descriptors:+d}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
