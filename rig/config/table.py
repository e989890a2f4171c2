"""What every table of a configuration has in common."""

from __future__ import annotations

import difflib

from pydantic import BaseModel, ConfigDict

__all__ = ["Table", "known_driver"]


class Table(BaseModel):
    """One table: frozen, and every key in it must be known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def known_driver(name: str, names: tuple[str, ...]) -> str:
    """Return the name of a driver that there is; raises ValueError for another, with what was meant."""
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        guess = f' (did you mean "{near[0]}"?)' if near else ""
        raise ValueError(f'"{name}" is no driver that focusrig has; write one of {", ".join(names)}{guess}')
    return name
