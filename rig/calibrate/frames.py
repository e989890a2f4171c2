"""The frames of a session, of a calibration or a stack, as measurements take them: file, position, tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rig.errors import UserError
from rig.frames.stacked_file import file_to_stack
from rig.journal import read_journal

__all__ = ["TakenFrame", "readable_file", "session_frames"]


@dataclass(frozen=True)
class TakenFrame:
    """A frame on disk.

    ``position_mm`` is where the axis said it was, None without an axis; ``tags`` what the job wrote beside
    it.
    """

    path: Path
    position_mm: float | None
    tags: dict[str, Any] = field(default_factory=dict)


def readable_file(files: Sequence[Mapping[str, Any]]) -> str:
    """The file of a frame that is measured: the JPEG beside a RAW file, or the RAW file alone.

    Parameters
    ----------
    files : sequence of mapping
        The files of the frame as its journal line has them.

    Raises
    ------
    UserError
        When the camera sends none that can be decoded.
    """
    names = [str(f["file"]) for f in files]
    at = file_to_stack(names)
    if at is None:
        raise UserError(f"the camera sends {names[0]}, which cannot be measured: set it to JPEG or RAW")
    return names[at]


def session_frames(folder: Path) -> list[TakenFrame]:
    """Return the frames of a session, of a calibration or a stack, with positions and tags, in order.

    Raises
    ------
    UserError
        When the folder is no session or has no frames.
    DataError
        When its journal is damaged.
    """
    frames: dict[int, TakenFrame] = {}
    for entry in read_journal(folder / "journal.jsonl"):
        if entry["event"] == "frame_saved":
            known = {
                "n",
                "event",
                "at",
                "index",
                "position_mm",
                "reported_mm",
                "files",
                "settings",
                "delay_s",
            }
            tags = {k: v for k, v in entry.items() if k not in known}
            path = folder / readable_file(entry["files"])
            frames[entry["index"]] = TakenFrame(path, entry.get("position_mm"), tags)
        elif entry["event"] == "frame_rejected":
            frames.pop(entry["index"], None)
    if not frames:
        raise UserError(f"the session {folder} has no frames")
    return [frames[index] for index in sorted(frames)]
