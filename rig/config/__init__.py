"""One TOML file describes a rig: rail, camera, lens, capture, session, and the simulator if there is one."""

from __future__ import annotations

from rig.config.loading import (
    LoadedConfig,
    config_folder,
    config_from_table,
    load_config,
    rehearse,
    user_config_path,
)
from rig.config.models import RigConfig

__all__ = [
    "LoadedConfig",
    "RigConfig",
    "config_folder",
    "config_from_table",
    "load_config",
    "rehearse",
    "user_config_path",
]
