"""The same stack on every simulated controller: only the name of the driver changes in the configuration."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hardware_sims.exif import read_truth

pytestmark = pytest.mark.timeout(100)

CONTROLLERS = ["mjkzz", "wemacro", "trinamic", "zaber"]
"""Beside GRBL, on which every other test runs."""
LIBRARIES = {"trinamic": "pytrinamic", "zaber": "zaber_motion"}
"""The makers' libraries that drivers need."""

COUNTED = """\
[rail]
driver = "wemacro"
port = "{rail}"
pitch = "1 mm"
speed = "0.403 mm/s"
limits = ["-0.5 mm", "10 mm"]
towards_subject = "+"
shutter = {{ output = "camera", off = "20 ms" }}

[camera]
driver = "folder"
watch = "card"
sensor_width = "36 mm"
pixels = [300, 200]
image_wait = "15 s"
shutter_lag = "20 ms"
readout = "20 ms"

[lens]
magnification = 1.0

[capture]
aperture = "f/5.6"
shutter = "1/125 s"
iso = 100
settle = "0.1 s"
"""


def positions(folder: Path) -> list[float]:
    frames = sorted((folder / "frames").glob("*stack_*.jpg"))
    return [float(str(read_truth(f.read_bytes())["position_mm"])) for f in frames]


@pytest.mark.parametrize("driver", CONTROLLERS)
def test_only_the_name_of_the_driver_changes(workshop: Any, driver: str) -> None:
    if driver in LIBRARIES:
        pytest.importorskip(LIBRARIES[driver])
    config = workshop.config(extra="backlash = '0 mm'", time_scale=40)
    config.write_text(config.read_text().replace('driver = "grbl"', f'driver = "{driver}"'))
    span = ("--start", "0", "--end", "0.6mm", "--step", "0.2mm")
    done = workshop.run("rig", "shoot", "--simulate", "--config", config, *span, "--yes", "--no-stack")
    assert done.code == 0, done
    assert positions(workshop.session()) == pytest.approx([0.0, 0.2, 0.4, 0.6], abs=0.0002)
    (order,) = [e["order"] for e in workshop.journal() if e["event"] == "bench_started"]
    assert order["rail"]["driver"] == driver


def _install(folder: Path) -> dict[str, str]:
    """A package as pip installs it, with a driver of its own; returns what a process needs to find it."""
    info = folder / "homemade_rail-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: homemade-rail\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[focusrig.axes]\nhomemade = homemade_rail:open_rail\n")
    (folder / "homemade_rail.py").write_text(
        "from rig.axes.grbl import GrblAxis\n"
        "class Homemade(GrblAxis):\n"
        "    name = 'homemade rail'\n"
        "def open_rail(settings, clock):\n"
        "    return Homemade(settings, clock)\n"
    )
    return {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


def test_a_driver_from_an_installed_package(workshop: Any) -> None:
    env = _install(workshop.folder / "site-packages")
    config = workshop.config(extra="backlash = '0 mm'", time_scale=20)
    text = config.read_text().replace('driver = "grbl"', 'driver = "homemade"')
    config.write_text(text)
    span = ("--config", config, "--start", "0", "--end", "0.2mm", "--step", "0.2mm", "--yes", "--no-stack")
    unknown = workshop.run("rig", "shoot", "--simulate", *span)
    assert unknown.code == 2, unknown
    assert "homemade" in unknown.err
    rehearsed = workshop.run("rig", "shoot", "--simulate", *span, env_extra=env)
    assert rehearsed.code == 2, rehearsed  # a bench can only play what it knows
    assert "rail.driver = 'homemade'" in rehearsed.err
    with workshop.bench(time_scale=20, shutter_s=0.125, backlash="0 mm") as bench:
        port = bench["camera_port"]
        real = text[: text.index("[simulator]")].replace("[camera]", f'[camera]\nport = "{port}"', 1)
        config.write_text(real.replace("[rail]", f'[rail]\nport = "{bench["rail_pty"]}"', 1))
        done = workshop.run("rig", "shoot", *span, "--here-is", "0", env_extra=env)
        assert done.code == 0, done
        assert "homemade rail" in done.err
    (session,) = [s for s in (workshop.folder / "sessions").iterdir() if "SIMULATED" not in s.name]
    assert positions(session) == pytest.approx([0.0, 0.2], abs=0.0002)


def test_a_rail_that_cannot_be_asked_is_found_again_by_its_count(workshop: Any) -> None:
    (workshop.folder / "card").mkdir()
    with workshop.bench(
        time_scale=1.5, folder=str(workshop.folder / "card"), rail={"driver": "wemacro"}, backlash="0 mm"
    ) as bench:
        (workshop.folder / "rig.toml").write_text(COUNTED.format(rail=bench["rail_tcp"]))
        span = ("--start", "0.2mm", "--end", "0.4mm", "--step", "0.2mm", "--yes", "--no-stack")
        first = workshop.run("rig", "shoot", *span, "--here-is", "0")
        assert first.code == 0, first
        (count,) = (workshop.folder / "state").rglob("wemacro.json")
        kept = json.loads(count.read_text())
        assert kept["turning_to_mm"] is None
        again = workshop.run("rig", "shoot", *span, "--here-is", "last")
        assert again.code == 0, again
        for session in (workshop.folder / "sessions").iterdir():
            assert positions(session) == pytest.approx([0.2, 0.4], abs=0.0002)  # the true ones
        count.write_text(json.dumps(kept | {"lost": True}))
        refused = workshop.run("rig", "shoot", *span, "--here-is", "last")
        assert refused.code == 2, refused
        assert "before its controller restarted or was used otherwise" in refused.err


def test_rig_rail_goes_on_with_the_kept_count(workshop: Any) -> None:
    with workshop.bench(time_scale=1.5, rail={"driver": "wemacro", "start_mm": 3.0}) as bench:
        text = COUNTED.format(rail=bench["rail_tcp"])
        (workshop.folder / "rig.toml").write_text(text)

        def rail(*words: str) -> Any:
            return workshop.run("rig", "rail", *words, "--json")

        assert rail("move", "3.2mm", "--here-is", "3mm").code == 0
        moved = rail("move", "--by", "-0.1mm")
        assert moved.code == 0, moved
        assert json.loads(moved.out) == {"position_mm": 3.1, "trust": "host-counted", "from_mm": 3.2}
        (count,) = (workshop.folder / "state").rglob("wemacro.json")
        count.write_text(json.dumps(json.loads(count.read_text()) | {"turning_to_mm": 2.0}))
        refused = rail("move", "0mm")
        assert refused.code == 3, refused
        assert "between 3.1 mm and 2 mm" in refused.err
