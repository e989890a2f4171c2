"""Rail positions of frames: from a file, a step, the journal of the session they were shot in, or their XMP.

The journal is that of ``rig``: ``journal.jsonl`` in the folder above the frames, one JSON object a line. Its
first line, ``session_started``, holds the plan (``pupil_distance_mm``); every ``frame_saved`` line holds
``position_mm`` and ``files``, whose ``file`` is relative to the journal's folder.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacker.errors import UserError
from stacker.units import parse_length_mm

__all__ = ["JOURNAL", "Positions", "find_positions", "finite", "journal_entries", "plan_of", "read_positions"]

JOURNAL = "journal.jsonl"
"""Name of the file, in the folder above the frames."""


@dataclass(frozen=True)
class Positions:
    """Where on the rail frames were taken.

    Attributes
    ----------
    positions_mm : tuple of float
        One a frame, growing towards the subject.
    source : str
        Where they are from, for people.
    pupil_distance_mm : float or None
        What the session's plan says of the lens, if it was a session.
    """

    positions_mm: tuple[float, ...]
    source: str
    pupil_distance_mm: float | None = None


def read_positions(text: str, paths: Sequence[Path]) -> Positions:
    """Read what a person says about positions.

    Parameters
    ----------
    text : str
        The name of a file, or the step from one frame to the next (``0.5mm``; negative when the first frame
        is the farthest). A file holds one length with its unit per frame: plain text, CSV (the last column,
        with file names before it if you like; the header ``position_mm`` stands for the unit), or
        JSON (a list, or an object by file name).
    paths : sequence of Path
        The frames, in order.

    Raises
    ------
    UserError
        When it is neither, a length has no unit, or frames and positions do not fit.
    """
    file = Path(text)
    if not file.is_file():
        if file.suffix.lower() in {".csv", ".json", ".txt", ".tsv"}:
            raise UserError(f"There is no file of positions {file}")
        step = parse_length_mm(text, "The step between positions")
        if step == 0:
            raise UserError("The step between positions is 0: frames that do not move need no positions")
        return Positions(tuple(step * index for index in range(len(paths))), f"a step of {text}")
    try:
        content = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The positions in {file} cannot be read: {error}") from error
    entries = _json_entries(content, file) if file.suffix.lower() == ".json" else _csv_entries(content, file)
    return Positions(_assigned(entries, paths, file), file.name)


def find_positions(paths: Sequence[Path]) -> Positions | None:
    """Positions that come with the frames: from the journal of the session or from XMP.

    None unless every one of the frames has one.
    """
    found = _in_journal(paths)
    if found is not None:
        return found
    from stacker.io.rail_xmp import positions_in_xmp

    positions = positions_in_xmp(paths)
    return None if positions is None else Positions(positions, "the XMP of the frames")


def _in_journal(paths: Sequence[Path]) -> Positions | None:
    by_file: dict[Path, float] = {}
    pupil_mm: float | None = None
    for folder in dict.fromkeys(path.absolute().parent.parent for path in paths):
        journal = folder / JOURNAL
        if not journal.is_file():
            return None
        for entry in journal_entries(journal):
            if entry.get("event") == "session_started":
                pupil_mm = finite(plan_of(entry).get("pupil_distance_mm"))
            elif entry.get("event") == "frame_saved":
                position = finite(entry.get("position_mm"))
                if position is not None:
                    by_file.update({folder / name: position for name in _files_of(entry)})
    found = [by_file.get(path.absolute()) for path in paths]
    known = tuple(position for position in found if position is not None)
    if len(known) < len(paths) or not known:
        return None
    return Positions(known, "the journal of the session", pupil_mm)


def journal_entries(journal: Path) -> list[dict[str, Any]]:
    """Lines that can be read: the last may be torn, and a journal is a help here, not a need."""
    entries = []
    for line in journal.read_text("utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries


def plan_of(entry: dict[str, Any]) -> dict[str, Any]:
    """The plan in a line of a journal; empty where another program's journal has something else there."""
    plan = entry.get("plan")
    return plan if isinstance(plan, dict) else {}


def _files_of(entry: dict[str, Any]) -> list[str]:
    saved = entry.get("files")
    files = saved if isinstance(saved, list) else []
    return [str(file["file"]) for file in files if isinstance(file, dict) and "file" in file]


def finite(value: Any) -> float | None:
    """A finite number, or None: an infinite pupil distance is text in the journal."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


_Entries = list[tuple[str | None, float]]
"""File name, if there is one, and mm."""


def _json_entries(content: str, file: Path) -> _Entries:
    try:
        table = json.loads(content)
    except ValueError as error:
        raise UserError(f"{file} is no JSON: {error}") from error
    pairs: list[tuple[str | None, Any]]
    if isinstance(table, dict):
        pairs = list(table.items())
    elif isinstance(table, list):
        pairs = [(None, value) for value in table]
    else:
        raise UserError(f"{file} holds neither a list of positions nor an object of them by file name")
    return [(name, parse_length_mm(str(value), f"A position in {file.name}")) for name, value in pairs]


def _csv_entries(content: str, file: Path) -> _Entries:
    lines = [line for line in content.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    separator = next((mark for mark in ";\t," if any(mark in line for line in lines)), ",")
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    unit = ""
    if rows and not any(letter.isdigit() for letter in rows[0][-1]):
        header = rows.pop(0)[-1].lower()
        unit = "mm" if header.endswith("_mm") else "um" if header.endswith("_um") else ""
    entries: _Entries = []
    for row in rows:
        text = row[-1] + unit if unit and not row[-1][-1:].isalpha() else row[-1]
        name = row[0] if len(row) > 1 else None
        entries.append((name, parse_length_mm(text, f"A position in {file.name}")))
    return entries


def _assigned(entries: _Entries, paths: Sequence[Path], file: Path) -> tuple[float, ...]:
    """Positions in the order of the frames: by name where names are given, by order otherwise."""
    named = {Path(name).name: position for name, position in entries if name is not None}
    if named and any(path.name in named for path in paths):
        missing = [path.name for path in paths if path.name not in named]
        if missing:
            raise UserError(f"{file} has no position for {', '.join(missing[:3])}")
        return tuple(named[path.name] for path in paths)
    if len(entries) != len(paths):
        raise UserError(f"{file} has {len(entries)} positions for {len(paths)} frames")
    return tuple(position for _, position in entries)
