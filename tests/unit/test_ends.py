"""Where a stack begins and ends, however it was said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rig.config import LoadedConfig, config_from_table
from rig.errors import LimitError, PositionUnknownError, UserError
from rig.planning.axis import plan_asked_for
from rig.planning.ends import Here, counts_from_here, here_of
from rig.rails.state import RailMemory, RailState, Reference
from rig.state import PositionCount

RAIL = {"driver": "grbl", "port": "/dev/ttyUSB0", "pitch": "1 mm", "limits": ["-2 mm", "60 mm"]}


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedConfig:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return _rig()


def _rig(**rail: Any) -> LoadedConfig:
    table = {"rail": RAIL | rail}
    return LoadedConfig(config_from_table(table, "rig.toml"), Path("rig.toml"), table)


def _asked(**options: Any) -> dict[str, Any]:
    return {
        "start": None,
        "end": None,
        "centre": None,
        "range": None,
        "step": "auto",
        "frames": None,
    } | options


def _keep(position_mm: float) -> None:
    from datetime import datetime

    kept = Reference(count_mm=7.0, position_mm=position_mm, at=datetime.now().astimezone())
    RailState("/dev/ttyUSB0").write(RailMemory(reference=kept))


@pytest.mark.parametrize(
    ("options", "positions"),
    [
        ({"start": "1", "step": "0.5mm", "frames": 4}, [1.0, 1.5, 2.0, 2.5]),
        ({"start": "1mm", "step": "500um", "frames": 1}, [1.0]),
        ({"start": "here", "step": "1", "frames": 3}, [3.0, 4.0, 5.0]),
        ({"start": "Here", "end": "5mm", "frames": 2}, [3.0, 5.0]),
        ({"centre": "10mm", "range": "1mm", "frames": 3}, [9.0, 10.0, 11.0]),
        ({"centre": "here", "range": "1mm", "step": "2mm"}, [2.0, 4.0]),
        ({"start": "0", "end": "1mm", "frames": 2}, [0.0, 1.0]),
    ],
)
def test_ways_to_say_it(rig: LoadedConfig, options: dict[str, Any], positions: list[float]) -> None:
    plan = plan_asked_for(rig, "rail", _asked(**options), here_is_mm=3.0)
    assert plan.stops == pytest.approx(positions, abs=1e-9)
    assert counts_from_here(_asked(**options)) == (
        "here" in (options.get("start", "").lower(), options.get("centre"))
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "--start"),
        ({"end": "5mm"}, "--start"),
        ({"start": "0"}, "--end"),
        ({"start": "0", "frames": 5}, "--end"),
        ({"start": "0", "step": "1mm"}, "--end"),
        ({"start": "0", "step": "-1mm", "frames": 5}, "above 0"),
        ({"start": "0", "step": "1mm", "frames": 0}, "0 frames"),
        ({"start": "there", "end": "1"}, "--start"),
        ({"centre": "5mm"}, "--range"),
        ({"range": "5mm"}, "--centre"),
        ({"centre": "5mm", "range": "-1mm"}, "--range"),
        ({"centre": "5mm", "range": "1mm", "start": "0"}, "--start"),
        ({"start": "0", "end": "1mm", "step": "1mm", "frames": 5}, "contradict"),
    ],
)
def test_what_cannot_be_meant(rig: LoadedConfig, options: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        plan_asked_for(rig, "rail", _asked(**options))


@pytest.mark.parametrize(
    "options", [{"start": "50", "step": "3mm", "frames": 5}, {"centre": "0", "range": "3"}]
)
def test_the_limits_hold_however_it_was_said(rig: LoadedConfig, options: dict[str, Any]) -> None:
    with pytest.raises(LimitError):
        plan_asked_for(rig, "rail", _asked(**{"frames": 5} | options))


def test_here_is_what_is_said_else_what_was_kept_else_0(rig: LoadedConfig) -> None:
    assert here_of(rig.config, None) == Here(0.0)
    _keep(4.5)
    assert here_of(rig.config, None) == Here(4.5, kept=True)
    assert here_of(rig.config, 1.0) == Here(1.0)
    RailState("/dev/ttyUSB0").forget()
    with pytest.raises(PositionUnknownError, match=r"last known to be at 4\.5 mm .*--here-is"):
        here_of(rig.config, None).known_mm()


def test_here_of_a_rail_that_cannot_be_asked_is_its_count(rig: LoadedConfig) -> None:
    wemacro = _rig(driver="wemacro").config
    count = PositionCount(wemacro.rail.name)
    assert here_of(wemacro, None).known_mm() == 0.0
    count.at(6.0)
    assert here_of(wemacro, None).known_mm() == 6.0
    count.turning(6.0, 9.0)
    with pytest.raises(PositionUnknownError, match="between 6 mm and 9 mm"):
        here_of(wemacro, None).known_mm()


def test_here_means_nothing_to_a_rail_that_homes_itself(rig: LoadedConfig) -> None:
    with pytest.raises(UserError, match="homes itself"):
        plan_asked_for(_rig(reference="home"), "rail", _asked(start="here", end="5mm"))


@pytest.mark.parametrize("options", [{"centre": "1", "range": "1"}, {"start": "here", "end": "9"}])
def test_a_lens_has_no_here(rig: LoadedConfig, options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="for rails"):
        plan_asked_for(rig, "lens", _asked(**options))
