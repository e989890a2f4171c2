"""How a stack is to be travelled, as it is asked for on a command line: instead of what the rig says."""

from __future__ import annotations

from dataclasses import replace

from rig.axes.registry import sets_speed
from rig.config import LoadedConfig
from rig.errors import UserError
from rig.units import parse_speed_mm_s, parse_time_s

__all__ = ["with_motion"]


def with_motion(
    loaded: LoadedConfig,
    *,
    speed: str | None = None,
    approach_speed: str | None = None,
    settle: str | None = None,
    axis: str = "rail",
) -> LoadedConfig:
    """Return the configuration with another speed, approach and wait; in its tables, too, for the session.

    Parameters
    ----------
    speed, approach_speed, settle : str, optional
        ``"1 mm/s"``, ``"2 s"``, or a number of mm/s or s; None leaves what is configured.
    axis : str
        What moves the plane of focus.

    Raises
    ------
    UserError
        When one cannot be read, or the rail's controller keeps a speed of its own.
    """
    rail = {
        key: _speed_mm_s(loaded, text, key, axis)
        for key, text in (("speed", speed), ("approach_speed", approach_speed))
        if text is not None
    }
    capture = {} if settle is None else {"settle": _settle_s(settle)}
    config, table = loaded.config, loaded.table
    for name, changes, unit in (("rail", rail, "mm/s"), ("capture", capture, "s")):
        if changes:
            values = {f"{key}_{unit.replace('/', '_')}": value for key, value in changes.items()}
            config = config.model_copy(update={name: getattr(config, name).model_copy(update=values)})
            texts = {key: f"{value!r} {unit}" for key, value in changes.items()}
            table = {**table, name: {**table.get(name, {}), **texts}}
    return replace(loaded, config=config, table=table)


def _settle_s(text: str) -> float:
    seconds = parse_time_s(text, "--settle", bare="accept")
    if seconds < 0:
        raise UserError(f'--settle: "{text}" is below 0; write for instance 1s')
    return seconds


def _speed_mm_s(loaded: LoadedConfig, text: str, key: str, axis: str) -> float:
    driver, option = loaded.config.rail.driver, f"--{key.replace('_', '-')}"
    if axis != "rail":
        raise UserError(f"{option} is for rails: the motor of a lens has a speed of its own")
    if not sets_speed(driver, approach=key == "approach_speed"):
        raise UserError(
            f'{option}: the driver "{driver}" cannot set that: its rails move as the controller is set, or '
            "as somebody turns"
        )
    value = parse_speed_mm_s(text, option, bare="accept")
    if value <= 0:
        raise UserError(f'{option}: "{text}" is not above 0; write for instance 1mm/s')
    return value
