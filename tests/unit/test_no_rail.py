"""A configuration without a rail: what it is good for, and what is said where only a rail will do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rig.calibrate.task import Task
from rig.config import LoadedConfig, config_from_table
from rig.config.loading import load_config
from rig.errors import UserError
from rig.planning.axis import plan_asked_for
from rig.planning.rail import PlanRequest
from rig.simulate import bench_order

TABLE = """\
[camera]
model = "ILCE-7RM5"
sensor_width = "36 mm"
pixels = [600, 400]

[lens]
magnification = 1.0

[capture]
aperture = "f/5.6"
shutter = "1/8 s"
"""
NOTHING = {"step": "auto", "frames": None, "margin": 0}


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedConfig:
    path = tmp_path / "rig.toml"
    path.write_text(TABLE)
    return load_config(path)


def test_a_stack_by_the_lens_needs_no_rail(loaded: LoadedConfig) -> None:
    plan = plan_asked_for(loaded, "lens", {**NOTHING, "start": "0", "end": "20", "frames": 3})
    assert plan.frames == 3
    order = bench_order(loaded.config, plan, 0.0)  # type: ignore[arg-type]
    assert "driver" not in order["rail"]
    assert config_from_table(loaded.table, "journal").rail is loaded.config.rail


def test_what_needs_one_says_so(loaded: LoadedConfig) -> None:
    with pytest.raises(UserError, match=r"add a \[rail\] table.*--axis lens"):
        plan_asked_for(loaded, "rail", {**NOTHING, "start": "0", "end": "1mm"})
    with pytest.raises(UserError, match=r"add a \[rail\] table"):
        loaded.config.rail.settings()
    with pytest.raises(UserError, match=r"add a \[rail\] table"):
        loaded.config.rail.settings("/dev/ttyUSB0")
    with pytest.raises(UserError, match=r"add a \[rail\] table"):
        Task(loaded, PlanRequest.from_text(start="0", end="0")).plan(-1.0, 1.0)


def test_a_rail_that_is_there_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "rig.toml"
    path.write_text('[rail]\ndriver = "grbl"\n' + TABLE)
    with pytest.raises(UserError, match=r"rail\.pitch"):
        load_config(path)


def test_a_camera_alone_is_checked_without_one(tmp_path: Path) -> None:
    path = tmp_path / "rig.toml"
    path.write_text(TABLE)
    words = ["camera", "check", "--simulate", "--json", "--config", str(path)]
    done = subprocess.run(
        [sys.executable, "-c", "from rig.cli import main; main()", *words],
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"exposure mode"' in done.stdout
