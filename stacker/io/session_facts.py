"""What the session of the frames knows of the set-up: its name, and what its plan says of the lens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stacker.io.positions import JOURNAL, finite, journal_entries, plan_of

__all__ = ["SetUp", "find_set_up"]


@dataclass(frozen=True)
class SetUp:
    """What the frames themselves do not tell.

    Attributes
    ----------
    session : str or None
        Name of the session.
    magnification : float or None
        Image over object.
    effective_f_number : float or None
        At that magnification.
    """

    session: str | None = None
    magnification: float | None = None
    effective_f_number: float | None = None


def find_set_up(paths: Sequence[Path]) -> SetUp:
    """The set-up of frames that lie in the folder of one ``rig`` session; else nothing is known."""
    folders = {path.absolute().parent.parent for path in paths}
    journal = next(iter(folders)) / JOURNAL if len(folders) == 1 else None
    if journal is None or not journal.is_file():
        return SetUp()
    for entry in journal_entries(journal):
        if entry.get("event") == "session_started":
            plan = plan_of(entry)
            return SetUp(
                str(entry["name"]) if "name" in entry else None,
                finite(plan.get("magnification")),
                finite(plan.get("effective_f_number")),
            )
    return SetUp()
