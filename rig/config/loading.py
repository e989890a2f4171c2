"""Finding, reading and checking the TOML file of a rig."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from rig.config.models import RigConfig
from rig.errors import UserError

__all__ = [
    "LoadedConfig",
    "config_folder",
    "config_from_table",
    "load_config",
    "rehearse",
    "user_config_path",
]

_DEFAULT = "simulated.toml"


@dataclass(frozen=True)
class LoadedConfig:
    """A configuration with where it came from.

    ``table`` is the file's content before checking: what a journal keeps and `config_from_table` reads again.
    ``named`` is false when nobody named a file and none was found, so that the simulated bench stepped in.
    """

    config: RigConfig
    path: Path
    table: dict[str, Any]
    named: bool = True

    @property
    def calibration_path(self) -> Path | None:
        """The calibration file, which need not exist yet; None when the configuration names none."""
        name = self.config.lens.calibration
        return None if name is None else self.path.parent / name


def config_folder() -> Path:
    """Return the folder of the configurations that come with focusrig.

    In a wheel they are beside this package's parent as ``rig/configs``, in a checkout in ``configs/``.
    """
    package = Path(__file__).resolve().parents[1]
    shipped = package / "configs"
    return shipped if shipped.is_dir() else package.parent / "configs"


def user_config_path() -> Path:
    """Return where a user's own ``rig.toml`` is looked for; it need not exist."""
    import platformdirs  # only when no file is nearer

    return platformdirs.user_config_path("focusrig") / "rig.toml"


def load_config(
    path: Path | None = None, *, simulate: bool = False, time_scale: float | None = None
) -> LoadedConfig:
    """Read the named configuration, else ``./rig.toml``, else the user's own, else the simulated bench.

    Parameters
    ----------
    path : Path, optional
        What ``--config`` names. A bare name of a configuration that comes with focusrig is found too
        (``canon-r5-mpe65.toml``) when no such file is in the working directory.
    simulate : bool
        Overlay it on the simulated bench, if it is not there already.
    time_scale : float, optional
        How many times as fast that bench runs.

    Raises
    ------
    UserError
        When the file is missing, no TOML, or has a key or value that cannot be used; when real hardware is
        given a time scale, or one is not above 0.
    """
    named = True
    if path is None:
        found = next((p for p in (Path("rig.toml"), user_config_path()) if p.is_file()), None)
        named = found is not None
        path = found or config_folder() / _DEFAULT
    elif not path.exists() and path.parent == Path() and (config_folder() / path.name).is_file():
        path = config_folder() / path.name
    text = _read(path)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise UserError(f"{path} is not valid TOML: {err}") from err
    loaded = LoadedConfig(config_from_table(table, str(path), text), path, table, named)
    if time_scale is not None and not simulate and not loaded.config.simulated:
        raise UserError("--time-scale: real hardware takes its time; add --simulate for a rehearsal")
    return rehearse(loaded, time_scale=time_scale) if simulate or time_scale is not None else loaded


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as err:
        shipped = ", ".join(sorted(p.name for p in config_folder().glob("*.toml")))
        raise UserError(f"there is no configuration {path}; focusrig brings {shipped}") from err
    except (OSError, UnicodeDecodeError) as err:
        why = err.strerror if isinstance(err, OSError) else err
        raise UserError(f"cannot read the configuration {path}: {why}") from err


def config_from_table(table: dict[str, Any], source: str, text: str = "") -> RigConfig:
    """Check the content of a configuration.

    Parameters
    ----------
    table : dict
        What the TOML file holds.
    source : str
        What to call it in messages.
    text : str
        The file itself, to name lines in messages.

    Raises
    ------
    UserError
        With every trouble found: file, line, key, value, and what would be right.
    """
    try:
        return RigConfig.model_validate(table)
    except ValidationError as err:
        troubles = [
            _trouble(dict(e), text)
            for e in err.errors(include_url=False)
            if e["type"] != "default_factory_not_called"  # a default that waits for what is wrong already
        ]
    raise UserError("\n".join(f"{source}{trouble}" for trouble in troubles))


def rehearse(loaded: LoadedConfig, *, time_scale: float | None = None) -> LoadedConfig:
    """Return a configuration overlaid on the simulated bench.

    One without a ``[simulator]`` table gets that of the default configuration.

    Parameters
    ----------
    time_scale : float, optional
        Bench seconds per real second, instead of the table's.

    Raises
    ------
    UserError
        When the time scale is not above 0.
    """
    if time_scale is not None and not 0 < time_scale < math.inf:
        raise UserError(f"--time-scale: {time_scale:g} is not above 0; write 4 for four times as fast")
    table = dict(loaded.table)
    if not loaded.config.simulated:
        table["simulator"] = load_config(config_folder() / _DEFAULT).config.simulator or {}
    if time_scale is not None:
        table["simulator"] = {**table["simulator"], "time_scale": time_scale}
    return replace(loaded, config=config_from_table(table, str(loaded.path)), table=table)


def _trouble(error: dict[str, Any], text: str) -> str:
    path = tuple(part for part in error["loc"] if isinstance(part, str | int))
    key = _dotted(path)
    line = _line_of(path, text)
    where = f", line {line}" if line else ""
    match error["type"]:
        case "extra_forbidden":
            what = f"unknown key {key}{_suggestion(path)}"
        case "missing":
            what = f"{key} is missing{_hint(path)}"
        case "value_error":
            what = f"{key}: {error['ctx']['error']}"
        case _:
            what = f"{key}: {_shown(error['input'])} cannot be used: {_lower_first(error['msg'])}"
    return f"{where}: {what}"


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _lower_first(message: str) -> str:
    return message[:1].lower() + message[1:]


def _dotted(path: Iterable[str | int]) -> str:
    out = ""
    for part in path:
        out += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if out else part
    return out


_EXAMPLES = {
    "rail.driver": 'driver = "grbl"',
    "rail.pitch": 'pitch = "1 mm" (travel per turn of the screw)',
    "rail.limits": 'limits = ["0 mm", "60 mm"]',
}


def _hint(path: tuple[str | int, ...]) -> str:
    example = _EXAMPLES.get(_dotted(path))
    return f"; write {example}" if example else ""


def _keys(model: type[BaseModel]) -> dict[str, Any]:
    return {info.alias or name: info.annotation for name, info in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The table behind an annotation such as ``Table | None`` or ``tuple[Table, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, tuple):
        return next(filter(None, map(_model_in, typing.get_args(annotation))), None)
    return None


def _suggestion(path: tuple[str | int, ...]) -> str:
    """What an unknown key may have been meant for: a similar key of its table, or of another table."""
    model: type[BaseModel] | None = RigConfig
    for part in path[:-1]:
        if isinstance(part, str) and model is not None:
            model = _model_in(_keys(model).get(part))
    wrong = str(path[-1])
    known = list(_keys(model)) if model is not None else []
    for name, annotation in _keys(RigConfig).items():
        section = _model_in(annotation)
        if section is not None and section is not model and wrong in _keys(section):
            return f": {wrong} belongs in [{name}]"
    near = difflib.get_close_matches(wrong, known, 1)
    if near:
        return f": did you mean {near[0]}?"
    return f"; known are {', '.join(known)}" if known else ""


def _line_of(path: tuple[str | int, ...], text: str) -> int | None:
    """The line of a key in a TOML text of plain ``[table]`` headers and ``key = value`` lines, or None.

    Falls back to the header of the table when the key itself has no line of its own.
    """
    names = [part for part in path if isinstance(part, str)]
    if not names:
        return None
    table, header = "", None
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"\s*\[+\s*([\w.-]+)\s*\]+", line):
            table = match[1]
            if table == names[0]:
                header = header or number
        elif (match := re.match(r"\s*([\w.-]+)\s*=", line)) and f"{table}.{match[1]}".lstrip(".") == ".".join(
            names[:2]
        ):
            return number
    return header
