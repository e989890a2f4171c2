"""Sensors, lenses and objectives by name: data with sources, in TOML beside this file, and the user's own.

>>> find_sensor("ILCE-7RM5").name
'Sony A7R V'
>>> round(find_sensor("Sony A7R V").pixel_pitch_mm * 1000, 2)
3.76
>>> find_lens("Canon MP-E 65").aperture_rows[-1].effective
16.8
>>> find_objective("mitutoyo m plan apo 10X").numerical_aperture
0.28
>>> find_lens("Grandfather's enlarging lens") is None
True
>>> suggestions("lens", "Sigma 105 DG DN Makro")
('Sigma 105mm F2.8 DG DN Macro Art',)
>>> suggestions("lens", "Sony FE 90")
('Sony FE 90mm F2.8 Macro G OSS',)
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources
from typing import Literal, TypeVar

from rig.optics.tables.rows import LensRow, ObjectiveRow, Row, SensorRow, Tables

__all__ = [
    "LensRow",
    "ObjectiveRow",
    "SensorRow",
    "Tables",
    "find_lens",
    "find_objective",
    "find_sensor",
    "shipped_tables",
    "suggestions",
]

RowT = TypeVar("RowT", bound=Row)

_FILES = ("sensors.toml", "lenses.toml", "objectives.toml")
_NONE = Tables()


@lru_cache(maxsize=1)
def shipped_tables() -> Tables:
    """Return the rows that come with focusrig."""
    here = resources.files(__package__ or __name__)
    tables = Tables()
    for name in _FILES:
        tables += Tables.model_validate(tomllib.loads((here / name).read_text(encoding="utf-8")))
    return tables


def _key(name: str) -> str:
    """Spelling that does not matter: case, spaces, slashes, hyphens; × is x."""
    return re.sub(r"[^0-9a-z.]", "", name.lower().replace("×", "x"))


def _find(name: str, rows: Iterable[RowT]) -> RowT | None:
    wanted = _key(name)
    if not wanted:
        return None
    return next((row for row in rows if wanted in map(_key, (row.name, *row.aliases))), None)


def find_sensor(name: str, own: Tables = _NONE) -> SensorRow | None:
    """Return the sensor of a camera model, or None; rows of the user's `own` come first.

    Parameters
    ----------
    name : str
        The whole name or an alias; case, spaces and hyphens do not matter. Parts of names are not matched:
        two lenses or bodies often differ by one letter.
    own : Tables
        The user's rows.
    """
    return _find(name, (own + shipped_tables()).sensor)


def find_lens(name: str, own: Tables = _NONE) -> LensRow | None:
    """Return a lens, or None; as `find_sensor`."""
    return _find(name, (own + shipped_tables()).lens)


def find_objective(name: str, own: Tables = _NONE) -> ObjectiveRow | None:
    """Return an objective, or None; as `find_sensor`."""
    return _find(name, (own + shipped_tables()).objective)


def suggestions(kind: Literal["sensor", "lens"], name: str, own: Tables = _NONE) -> tuple[str, ...]:
    """Return names from the tables that were perhaps meant, the likeliest first; at most two.

    Those that a part of the name picks out come before those that are spelt alike.

    Parameters
    ----------
    kind : {"sensor", "lens"}
        ``lens`` looks among objectives, too.
    name : str
        What was not found.
    own : Tables
        The user's rows.
    """
    tables = own + shipped_tables()
    rows: tuple[Row, ...] = tables.sensor if kind == "sensor" else (*tables.lens, *tables.objective)
    by_key = {_key(n): row.name for row in rows for n in (row.name, *row.aliases)}
    parts = tuple(dict.fromkeys(row for key, row in by_key.items() if _key(name) in key))
    if 1 <= len(parts) <= 2:
        return parts
    near = difflib.get_close_matches(_key(name), by_key, n=4, cutoff=0.7)
    return tuple(dict.fromkeys(by_key[key] for key in near))[:2]
