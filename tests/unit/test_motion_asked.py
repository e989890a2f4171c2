"""Speed, approach and wait of one stack, instead of what the rig's configuration says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rig.config import LoadedConfig, config_folder, config_from_table, load_config
from rig.errors import UserError
from rig.planning.motion_asked import with_motion


@pytest.fixture
def loaded() -> LoadedConfig:
    return load_config(config_folder() / "grbl-sony-a7rv-105mm.toml")


def _driven_by(loaded: LoadedConfig, **rail: str) -> LoadedConfig:
    table = {**loaded.table, "rail": {**loaded.table["rail"], **rail}}
    return replace(loaded, table=table, config=config_from_table(table, "test"))


def test_a_session_keeps_what_was_asked_for(loaded: LoadedConfig) -> None:
    asked = with_motion(loaded, speed="60mm/min", approach_speed="0.2", settle="3")
    settings = asked.config.rail.settings()
    assert (settings.speed_mm_s, settings.approach_speed_mm_s, asked.config.capture.settle_s) == (
        1.0,
        0.2,
        3.0,
    )
    again = config_from_table(asked.table, "journal")  # as a resumed session reads it
    assert again == asked.config
    assert with_motion(loaded) == loaded


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"speed": "0mm/s"}, "--speed: .* above 0"),
        ({"speed": "1mm"}, "--speed: .* not a speed"),
        ({"approach_speed": "fast"}, "--approach-speed: .* not a speed"),
        ({"settle": "-1"}, "--settle: .* below 0"),
        ({"speed": "1mm/s", "axis": "lens"}, "motor of a lens"),
    ],
)
def test_what_cannot_be_is_refused(loaded: LoadedConfig, options: dict[str, str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        with_motion(loaded, **options)


def test_speeds_that_a_driver_leaves_alone_are_not_promised(loaded: LoadedConfig) -> None:
    with pytest.raises(UserError, match='driver "mjkzz" cannot set that'):
        with_motion(_driven_by(loaded, driver="mjkzz"), speed="1mm/s")
    with pytest.raises(UserError, match='driver "wemacro" cannot set that'):
        with_motion(_driven_by(loaded, driver="wemacro"), approach_speed="1mm/s")
    with pytest.raises(UserError, match='approach_speed: the driver "zaber" has one speed'):
        _driven_by(loaded, driver="zaber", approach_speed="1 mm/s")
