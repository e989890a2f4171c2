"""A session on disk: folder, names and journal, and the state of a run as the replay of that journal."""

from __future__ import annotations

import hashlib
import re
import shutil
import string
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from rig.atomic import publish_file, storage_error
from rig.errors import DataError, UserError
from rig.frames.sidecar import write_sidecar
from rig.journal import Entry, Journal, read_journal
from rig.planning.shots import ShotSeries

__all__ = [
    "DEFAULT_TEMPLATE",
    "FrameFile",
    "FrameRecord",
    "LastPosition",
    "RunState",
    "Session",
    "check_template",
]

DEFAULT_TEMPLATE = "{name}_{index:04d}"
"""Frame names sort in shooting order in every program."""

_FIELDS = {"name": "beetle", "index": 1, "position_um": 0, "date": "2026-01-31", "time": "235959"}
_JOURNAL = "journal.jsonl"
_INCOMING = ".incoming"  # on the same file system as the frames, so that a rename is atomic


def check_template(template: str) -> str:
    """Return a frame-name template when it is usable.

    Fields are ``name``, ``index`` (from 1; required), ``position_um``, ``date`` and ``time``.

    Raises
    ------
    UserError
        When a field is unknown, the result is no plain file name, or two frames could get one name.
    """
    try:
        used = {name for _, name, _, _ in string.Formatter().parse(template) if name}
        example = template.format(**_FIELDS)
    except (KeyError, ValueError, IndexError, AttributeError, TypeError) as err:
        raise UserError(
            f"file template {template!r} cannot be used ({err}): the fields are {', '.join(_FIELDS)}"
        ) from err
    if "index" not in used:
        raise UserError(f"file template {template!r} can give two frames the same name: add {{index:04d}}")
    if example != Path(example).name or example.startswith("."):
        raise UserError(f"file template {template!r} must give a plain file name, not {example!r}")
    return template


@dataclass(frozen=True)
class FrameFile:
    """One file of a frame, relative to the session folder."""

    file: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class FrameRecord:
    """A saved frame as the journal has it."""

    index: int
    position_mm: float | None
    files: tuple[FrameFile, ...]


@dataclass(frozen=True)
class LastPosition:
    """Where a session had the carriage; ``left`` there in the end, else it has fired there last."""

    position_mm: float
    at: datetime
    left: bool

    @property
    def text(self) -> str:
        """A sentence's end; a run that crashed had set off for its next frame, mostly."""
        where = f"at {self.position_mm:.4f} mm ({self.at.astimezone():%d %b %H:%M})"
        return where if self.left else f"{where}, where it fired, and may have moved on to the next frame"


@dataclass(frozen=True)
class RunState:
    """Where a run stands: the replay of plan and journal.

    The runner takes its next action from it, so going on, shooting again and resuming are one mechanism.
    """

    frames: int
    saved: Mapping[int, FrameRecord] = field(default_factory=dict)
    rejected: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def replay(cls, frames: int, entries: list[Entry]) -> RunState:
        """The state after those journal lines."""
        state = cls(frames)
        for entry in entries:
            state = state.apply(entry)
        return state

    def apply(self, entry: Entry) -> RunState:
        """The state after one more journal line."""
        match entry["event"]:
            case "frame_saved":
                files = tuple(FrameFile(**f) for f in entry["files"])
                record = FrameRecord(entry["index"], entry.get("position_mm"), files)
                earlier = {k: v for k, v in self.saved.items() if k != record.index}
                return replace(self, saved={**earlier, record.index: record})
            case "frame_rejected":
                index = entry["index"]
                saved = {k: v for k, v in self.saved.items() if k != index}
                return replace(
                    self, saved=saved, rejected={**self.rejected, index: self.rejected.get(index, 0) + 1}
                )
            case "ended_here":  # the operator saw the farthest outline sharp before the plan was through
                return replace(self, frames=entry["frames"])
            case "resumed":  # a new attempt by the operator starts with a clean slate
                return replace(self, rejected={})
            case _:
                return self

    @property
    def last_saved(self) -> FrameRecord | None:
        """The frame that was saved last."""
        return list(self.saved.values())[-1] if self.saved else None

    def next_index(self, in_hand: frozenset[int] = frozenset()) -> int | None:
        """The first frame that is neither saved nor in hand; None when there is nothing left to shoot."""
        return next((i for i in range(self.frames) if i not in self.saved and i not in in_hand), None)


class Session:
    """A session folder with its journal open.

    Attributes
    ----------
    folder : Path
        The session; ``frames/`` in it holds the frames, ``journal.jsonl`` what happened.
    simulated : bool
        Frames of a simulated bench say so in their names.
    shots : ShotSeries
        What is taken at every position: it names the files and sorts them into folders.
    """

    def __init__(self, folder: Path, name: str, template: str, *, simulated: bool) -> None:
        self.folder = folder
        self.name = name
        self.simulated = simulated
        self._template = check_template(template)
        self.shots = ShotSeries()
        self.frames_folder = folder / "frames"
        self.incoming = folder / _INCOMING
        self.journal = Journal(folder / _JOURNAL)

    @classmethod
    def create(
        cls,
        root: Path,
        name: str,
        *,
        template: str = DEFAULT_TEMPLATE,
        simulated: bool,
        today: date | None = None,
    ) -> Session:
        """Make the folder ``<root>/<date>_<name>``; an existing one gets ``_02``, ``_03``, …

        Raises
        ------
        UserError
            When the name or template is unusable or the place cannot be written to.
        DataError
            When the disk is full.
        """
        check_template(template)
        if not name or name != Path(name).name or name.startswith("."):
            raise UserError(f"{name!r} cannot be the name of a session: use a plain name such as 'beetle'")
        mark = "SIMULATED_" if simulated else ""
        stem = f"{today or datetime.now().astimezone().date()}_{mark}{name}"
        try:
            root.mkdir(parents=True, exist_ok=True)
            folder = _new_folder(root, stem)
            (folder / "frames").mkdir()
            (folder / _INCOMING).mkdir()
        except OSError as err:
            raise storage_error(err, root) from err
        return cls(folder, name, template, simulated=simulated)

    @classmethod
    def open(cls, folder: Path) -> tuple[Session, Entry]:
        """Open an existing session to go on with it; returns it with its first journal line.

        Raises
        ------
        UserError
            When the folder is no session or another process has it.
        DataError
            When the journal is damaged.
        """
        entries = read_journal(folder / _JOURNAL)
        if not entries or entries[0]["event"] != "session_started":
            raise DataError(
                f"{folder / _JOURNAL} does not begin with the plan: this run cannot be resumed; to stack its "
                f"frames: stacker fuse {folder / 'frames'}"
            )
        first = entries[0]
        try:
            RunState.replay(0, entries)
            session = cls(folder, first["name"], first["template"], simulated=first["simulated"])
        except (KeyError, TypeError) as err:
            raise DataError(f"{folder / _JOURNAL} is damaged: {err!r} in one of its lines") from err
        try:
            shutil.rmtree(session.incoming, ignore_errors=True)
            session.frames_folder.mkdir(exist_ok=True)
            session.incoming.mkdir()
        except OSError as err:
            session.journal.close()
            raise storage_error(err, folder) from err
        return session, first

    def last_position(self) -> LastPosition | None:
        """Where the carriage was last known to stand; None when nothing was fired yet."""
        for entry in reversed(self.journal.entries):
            if entry["event"] in ("fired", "finished") and entry.get("position_mm") is not None:
                at, left = datetime.fromisoformat(entry["at"]), entry["event"] == "finished"
                return LastPosition(float(entry["position_mm"]), at, left=left)
        return None

    def _journaled(self) -> set[str]:
        entries = self.journal.entries
        return {f["file"] for e in entries if e["event"] in ("frame_saved", "test_frame") for f in e["files"]}

    def state(self, frames: int) -> RunState:
        """The replay of the journal, with frames whose files are gone or changed struck out.

        A struck-out frame is journaled as rejected, and its files are set aside, so that it is shot again.
        """
        state = RunState.replay(frames, self.journal.entries)
        for record in list(state.saved.values()):
            if not all(self._intact(f) for f in record.files):
                self.set_aside(record)
                entry = self.journal.append(
                    "frame_rejected", index=record.index, reason="file missing or changed"
                )
                state = state.apply(entry)
        return state

    def _intact(self, frame_file: FrameFile) -> bool:
        path = self.folder / frame_file.file
        try:
            if not path.is_file() or path.stat().st_size != frame_file.size_bytes:
                return False
            with path.open("rb") as data:
                return hashlib.file_digest(data, "sha256").hexdigest() == frame_file.sha256
        except OSError as err:  # nobody knows whether it is whole: it must not be shot again for that
            raise DataError(f"the frame {path} cannot be read: {err.strerror or err}") from err

    def set_aside(self, record: FrameRecord) -> None:
        """Rename the files of a frame out of the way, keeping them.

        Raises
        ------
        DataError, UserError
            When the disk does not take it.
        """
        for number, frame_file in enumerate(record.files):
            path = self.folder / frame_file.file
            aside = path.with_name(f".rejected_{len(self.journal.entries)}_{number}_{path.name}")
            try:
                if path.exists():
                    path.rename(aside)
            except OSError as err:
                raise storage_error(err, aside) from err

    def frame_name(self, index: int, position_mm: float, suffix: str, fired_at: str | None = None) -> str:
        """The file name of a shot, from the template, with what the shot is called if there are several.

        ``index`` counts shots from 0, the name positions from 1. ``fired_at`` is the moment of the release
        (ISO 8601), the same for all files of a shot.
        """
        now = datetime.fromisoformat(fired_at) if fired_at else datetime.now().astimezone()
        stem = self._template.format(
            name=self.name,
            index=self.shots.position(index) + 1,
            position_um=round(position_mm * 1000),
            date=now.date().isoformat(),
            time=now.strftime("%H%M%S"),
        )
        label = self.shots.shot(index).label
        tag = f"_{label}" if label else ""
        return f"{'SIMULATED_' if self.simulated else ''}{stem}{tag}{suffix.lower()}"

    def publish_frame(
        self,
        part: Path,
        name: str,
        index: int,
        *,
        position_mm: float | None = None,
        position_units: int | None = None,
    ) -> str:
        """`publish` a file of a shot in the folder that is the shot's, a RAW file after its sidecar.

        Raises
        ------
        DataError
            When the disk is full.
        UserError
            When the folder cannot be written to.
        """
        folder = self.folder / self.shots.folder(index)
        try:
            folder.mkdir(exist_ok=True)
        except OSError as err:
            raise storage_error(err, folder) from err
        write_sidecar(
            folder / name,
            self.shots.position(index) + 1,
            self.name,
            simulated=self.simulated,
            shot=self.shots.shot(index).label,
            position_mm=position_mm,
            position_units=position_units,
        )
        return self.publish(part, name, folder=folder)

    def shot_fields(self, index: int) -> dict[str, Any]:
        """What the journal says of a shot beside its index: nothing where a position has one only."""
        if self.shots.count == 1:
            return {}
        return {"frame": self.shots.position(index), "shot_name": self.shots.shot(index).label}

    def publish(self, part: Path, name: str, *, folder: Path | None = None) -> str:
        """Give a checked file its final name; returns that name relative to the session.

        A file of that name that no journal line knows was published just before power went; its frame has
        been shot again, and it is set aside.

        Raises
        ------
        DataError
            When the name is taken by a journaled file or the disk is full.
        """
        final = (folder or self.frames_folder) / name
        try:
            if final.exists() and final.relative_to(self.folder).as_posix() not in self._journaled():
                final.rename(final.with_name(f".unjournaled_{time.time_ns()}_{name}"))
            publish_file(part, final)
        except OSError as err:
            raise storage_error(err, final) from err
        return final.relative_to(self.folder).as_posix()

    def file_entry(self, file: str, size_bytes: int, sha256: str) -> dict[str, Any]:
        """A file as the journal writes it."""
        return {"file": file, "size_bytes": size_bytes, "sha256": sha256}

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the session; empty temporary folders go too."""
        shutil.rmtree(self.incoming, ignore_errors=True)
        self.journal.close()


def _new_folder(root: Path, stem: str) -> Path:
    stem = re.sub(r"\s+", "_", stem)
    folder = root / stem
    number = 2
    while True:
        try:
            folder.mkdir()
        except FileExistsError:
            folder = root / f"{stem}_{number:02d}"
            number += 1
        else:
            return folder
