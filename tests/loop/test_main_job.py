"""The main job, measured: a stack shot on the bench against what the scene really looks like."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hardware_sims.bench import Bench, Order
from hardware_sims.scoring import psnr_db, score
from hardware_sims.truth import Truth

from rig.config import config_folder
from stacker import read_frame

pytestmark = [pytest.mark.timeout(400), pytest.mark.slow]

_WITHIN_DB = 2.0
"""The stack may be that much worse than the composite picked by the true depth."""
_ABOVE_DB = 3.0
"""It must be that much better than the best single frame and than the mean of the frames."""


def _measure(session: Path) -> dict[str, float]:
    """Score a session's stack, and what it is compared with, on the field that every frame covers."""
    journal = [json.loads(line) for line in (session / "journal.jsonl").read_text().splitlines()]
    by_event = {entry["event"]: entry for entry in journal}
    saved = sorted((e for e in journal if e["event"] == "frame_saved"), key=lambda e: e["index"])
    positions = [e["position_mm"] for e in saved]
    frames = [read_frame(session / e["files"][0]["file"]).pixels for e in saved]
    stacked = by_event["stacked"]
    bench = Bench(Order.read(by_event["bench_started"]["order"]))
    try:
        truth = Truth(bench.world, stacked["view_position_mm"])
        common = truth.common(positions)
        view = truth.view()[common]
        composite = truth.composite_by_depth(frames, positions)[common]
    finally:
        bench.close()
    left, top = stacked["origin_px"]
    height, width = frames[0].shape[:2]
    picture = read_frame(session / stacked["file"]).pixels[-top : height - top, -left : width - left]
    registered = [truth.registered(f, p)[common] for f, p in zip(frames, positions, strict=True)]
    mean = np.mean(registered, axis=0, dtype=np.float32).round().astype(np.uint8)
    measured = score(picture[common], view)
    return {
        "frames": len(frames),
        "stack": measured.psnr_db,
        "composite": score(composite, view).psnr_db,
        "single": max(psnr_db(f, view) for f in registered),
        "mean": psnr_db(mean, view),
        "shift_px": measured.shift_px,
    }


def _check(figures: dict[str, float]) -> None:
    assert figures["stack"] > figures["composite"] - _WITHIN_DB, figures
    assert figures["stack"] > figures["single"] + _ABOVE_DB, figures
    assert figures["stack"] > figures["mean"] + _ABOVE_DB, figures
    assert figures["shift_px"] < 3.0, figures  # what the fine alignment had to forgive, at the corners


_SMALL = "[simulator]\npixels = [900, 600]\n"
"""A quarter of the pixels: the suite has its time limit, and the bench renders most of it."""
_SHALLOW = 'depth = "12 mm"\n'
"""Subjects of fewer frames; one has all of the main job's 32 mm."""


def _default(folder: Path, scene: str, changes: str = "") -> Path:
    """The default configuration with another scene."""
    text = (config_folder() / "simulated.toml").read_text()
    assert tomllib.loads(text)["simulator"]["scene"] == "insect"
    path = folder / f"{scene}.toml"
    text = text.replace('scene = "insect"', f'scene = "{scene}"')
    path.write_text(text.replace("[simulator]\n", changes or "[simulator]\n"))
    return path


@pytest.mark.parametrize(
    ("scene", "end", "changes"),
    [
        ("insect", "32mm", _SMALL),
        ("bracelet", "12mm", _SMALL + _SHALLOW),
        ("statue", "12mm", _SMALL + _SHALLOW),
    ],
    ids=["insect", "bracelet", "statue"],
)
def test_the_default_stack_of_every_scene(
    workshop: Any, scene: str, end: str, changes: str, record_property: pytest.RecordProperty
) -> None:
    done = workshop.run(
        "rig", "shoot", "--start", "0", "--end", end, "--step", "auto",
        "--config", _default(workshop.folder, scene, changes), timeout=300,
    )  # fmt: skip
    assert done.code == 0, done
    assert "SIMULATED" in done.err
    figures = _measure(workshop.session())
    for name, value in figures.items():
        record_property(f"{scene}.{name}", round(value, 2))
    print(scene, {k: round(v, 2) for k, v in figures.items()})  # noqa: T201  (shown with -s and on failure)
    _check(figures)
    assert list(workshop.session().glob("SIMULATED_preview.jpg"))


@pytest.mark.alone
def test_the_image_is_there_2_s_after_the_last_frame(workshop: Any) -> None:
    """At 2 megapixels and at the pace of life: faster, the bench takes all cores for rendering."""
    done = workshop.run(
        "rig", "shoot", "--start", "0", "--end", "3mm", "--time-scale", "1",
        "--config", _default(workshop.folder, "statue"),
    )  # fmt: skip
    assert done.code == 0, done
    stacked = next(e for e in workshop.journal() if e["event"] == "stacked")
    assert stacked["seconds_after_last_frame"] < 2.0


@pytest.mark.parametrize(
    ("config", "maker"), [("grbl-sony-a7rv-105mm.toml", "Sony"), ("canon-r5-mpe65.toml", "Canon")]
)
def test_rehearsals_of_the_shipped_rigs(workshop: Any, config: str, maker: str) -> None:
    """The real configuration on the bench; a coarser criterion than its 4 µm pixels keeps it at 30 frames."""
    text = (config_folder() / config).read_text()
    assert "simulator" not in tomllib.loads(text)
    small = workshop.folder / config
    small.write_text(f'{text}\n{_SMALL}scene = "statue"\n')
    done = workshop.run(
        "rig", "shoot", "--config", small, "--simulate", "--time-scale", "8",
        "--start", "0", "--end", "32mm", "--coc", "80um", "--json", timeout=300,
    )  # fmt: skip
    assert done.code == 0, done
    started = next(line for line in done.lines if line["event"] == "run_started")
    assert started["simulated"]
    assert maker in started["camera"]
    figures = _measure(workshop.session())
    print(maker, {k: round(v, 2) for k, v in figures.items()})  # noqa: T201
    _check(figures)


def test_a_step_of_2_mm_gives_17_frames_taken_where_the_plan_says(workshop: Any) -> None:
    """Each picture carries its true position: one-sided approach and finished motion, seen from the world."""
    import exiv2

    done = workshop.run(
        "rig", "shoot", "--start", "0", "--end", "32mm", "--step", "2mm", "--no-stack",
        "--config", workshop.config(extra='backlash = "100 um"'),
    )  # fmt: skip
    assert done.code == 0, done
    saved = [e for e in workshop.journal() if e["event"] == "frame_saved"]
    assert [e["position_mm"] for e in saved] == pytest.approx([2.0 * i for i in range(17)])
    assert [e["reported_mm"] for e in saved] == pytest.approx([2.0 * i for i in range(17)], abs=0.0008)
    for entry in saved:
        path = workshop.session() / entry["files"][0]["file"]
        image = exiv2.ImageFactory.open(str(path))
        image.readMetadata()
        exif = image.exifData()
        assert "SIMULATED" in exif["Exif.Image.Make"].toString()
        truth = json.loads(bytes(exif["Exif.Photo.MakerNote"].value().data()).decode().rstrip("\0"))
        assert truth["position_mm"] == pytest.approx(entry["position_mm"], abs=0.001)


def test_backing_out_shoots_in_falling_order(workshop: Any) -> None:
    done = workshop.run(
        "rig", "shoot", "--start", "4mm", "--end", "0", "--step", "1mm", "--config", workshop.config()
    )
    assert done.code == 0, done
    saved = [e["position_mm"] for e in workshop.journal() if e["event"] == "frame_saved"]
    assert saved == [4.0, 3.0, 2.0, 1.0, 0.0]
    stack = cv2.imread(str(next(workshop.session().glob("*.tif"))))
    assert stack.shape[1] >= 300
