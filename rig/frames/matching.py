"""Frames that stayed on the body's card, brought into the session that counted their releases."""

from __future__ import annotations

import itertools
import statistics
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rig.cameras.arrivals import LOOK_EVERY_S, ArrivedFrame, FolderWatch
from rig.errors import DataError, UserError
from rig.frames.filing import TimedFrame, file_frame, timed
from rig.journal import Entry
from rig.planning.shots import ShotSeries
from rig.session import Session

__all__ = ["Matched", "match_frames"]

_WAIT_S = 10.0
"""For files that are still being copied from the card."""

_CLOCK_S = 1.5
"""A body counts whole seconds, and its release takes a moment: so far its clock may wander between frames."""


@dataclass(frozen=True)
class Matched:
    """What became of it.

    ``by_time`` is false when the pictures carry no time, so that only their number and order speak for them;
    ``worst_s`` is how far a picture lies from its release at most, clocks aligned.
    """

    session: str
    matched: int
    by_time: bool
    worst_s: float | None


def match_frames(
    session_folder: Path, pictures: Path, files_per_frame: int = 1, *, subfolders: bool = False
) -> Matched:
    """Match pictures in a folder to the releases of a session, and copy them in.

    All or nothing: there must be as many pictures as releases without one, and their times must follow those
    of the releases.

    Raises
    ------
    UserError
        When there is nothing to match, or numbers or times do not agree; nothing is copied then.
    DataError
        When a picture is cut short.
    """
    session, first = Session.open(session_folder)
    with session:
        session.shots = _shots(first)
        releases = _open_releases(session.journal.entries)
        if not releases:
            raise UserError(f"{session_folder} has no releases without a picture: nothing to match")
        frames = timed(_complete(pictures, files_per_frame, subfolders=subfolders))
        if len(frames) != len(releases):
            raise UserError(
                f"{len(frames)} pictures for {len(releases)} releases: leave in {pictures} those of this run "
                "and nothing else (RAW and JPEG of one frame count once with --pairs)"
            )
        worst_s = _check_times(frames, releases)
        for frame, release in zip(frames, releases, strict=True):
            kept = {k: release.get(k) for k in ("position_mm", "reported_mm", "trust", "fired_at")}
            kept |= session.shot_fields(release["index"])
            file_frame(session, frame.frame, frame.record, index=release["index"], **kept)
        session.journal.append("matched", folder=str(pictures), frames=len(frames), worst_s=worst_s)
    return Matched(str(session_folder), len(frames), worst_s is not None, worst_s)


def _shots(first: Entry) -> ShotSeries:
    """What was taken at every position, by the session's plan; sessions without one have one frame."""
    return ShotSeries.model_validate((first.get("plan") or {}).get("shots") or {})


def _open_releases(entries: list[Entry]) -> list[Entry]:
    """The releases that count and have no picture, in the order in which they were fired."""
    latest: dict[int, Entry] = {}
    for entry in entries:
        if entry["event"] == "frame_saved":
            latest[entry["index"]] = entry
        elif entry["event"] == "frame_rejected":
            latest.pop(entry["index"], None)
    return sorted((e for e in latest.values() if not e["files"]), key=lambda e: str(e["fired_at"]))


def _complete(folder: Path, files_per_frame: int, *, subfolders: bool) -> list[ArrivedFrame]:
    watch = FolderWatch(folder, files_per_frame, ignore_existing=False, subfolders=subfolders)
    deadline = time.monotonic() + _WAIT_S
    frames = watch.look()
    while len(frames) * files_per_frame < watch.old and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
        frames = watch.look()
    for frame in frames:
        watch.take(frame)
    if watch.unfinished:
        raise DataError(f"not all pictures in {folder} are whole: {'; '.join(watch.unfinished)}")
    return frames


def _check_times(frames: list[TimedFrame], releases: list[Entry]) -> float | None:
    """The worst deviation after the clocks are aligned, s; None when the pictures have no times.

    Raises UserError when a picture lies farther from its release than half the shortest pause between two,
    or, where that is shorter, than a body's clock may wander.
    """
    if not all(frame.by_exif for frame in frames):
        return None
    fired = [datetime.fromisoformat(e["fired_at"]).timestamp() for e in releases]
    apart = [frame.time_s - at for frame, at in zip(frames, fired, strict=True)]
    middle = statistics.median(apart)
    gaps = [b - a for a, b in itertools.pairwise(fired)] or [_CLOCK_S]
    allowed = max(_CLOCK_S, min(gaps) / 2)
    worst = max(range(len(apart)), key=lambda i: abs(apart[i] - middle))
    worst_s = abs(apart[worst] - middle)
    if worst_s > allowed:
        raise UserError(
            f"{frames[worst].frame.name} was taken {apart[worst] - middle:+.1f} s from release "
            f"{releases[worst]['index'] + 1}, clocks aligned, and {allowed:.1f} s are allowed: are these the "
            "pictures of this run, one for each release?"
        )
    return worst_s
