"""What is the same for all stacks of a person: a file of settings, which need not be there."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from stacker.credits import Credits, credits_of
from stacker.errors import UserError

__all__ = ["Settings", "load_settings", "settings_path"]

_KEYS = ("metadata", "open_with")


@dataclass(frozen=True)
class Settings:
    """Defaults of the command line.

    Attributes
    ----------
    metadata : Credits
        The table ``[metadata]``.
    open_with : str or None
        What ``--open-with`` is when it is not given.
    """

    metadata: Credits = field(default_factory=Credits)
    open_with: str | None = None


def settings_path() -> Path:
    """Where the file is: what ``STACKER_CONFIG`` says, or ``stacker.toml`` where ``rig.toml`` is."""
    named = os.environ.get("STACKER_CONFIG")
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_config_path("focusrig") / "stacker.toml"


def load_settings() -> Settings:
    """Read the file; all defaults where there is none.

    Raises
    ------
    UserError
        When it cannot be read or holds something that is no setting.
    """
    path = settings_path()
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as TOML: {error}") from error
    unknown = [key for key in table if key not in _KEYS]
    if unknown:
        raise UserError(f"{path}: {unknown[0]}: there is no such setting; known are {', '.join(_KEYS)}")
    if not isinstance(table.get("open_with", ""), str):
        raise UserError(f'{path}: open_with is a command in quotes, such as open_with = "gimp {{}}"')
    metadata = table.get("metadata", {})
    if not isinstance(metadata, dict):
        raise UserError(f"{path}: metadata is a table: write [metadata], and its keys on lines below")
    return Settings(credits_of(metadata, f"[metadata] of {path}"), table.get("open_with"))
