"""Pictures that another program puts into a folder: which are new, and which of them are complete.

The folder is looked at again and again (polled). Change notifications (inotify and its like, which the
packages watchfiles and watchdog wrap) do not come for what other machines write to a network share; they say
that something was written and not that it is complete, so files would have to be looked at again anyway; and
listing a folder of some hundred names four times a second costs next to nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from natsort import natsorted

from rig.cameras.completeness import Wholeness, is_picture, is_raw, wholeness
from rig.errors import UserError

__all__ = ["LOOK_EVERY_S", "ArrivedFrame", "FolderWatch"]

LOOK_EVERY_S = 0.25
"""Between two looks at the folder."""

_STEADY_S = 0.2
"""A file that can be read to its end and has not changed for that long is complete."""

_UNTOLD_STEADY_S = 3.0
"""One whose end cannot be told must have kept its size for that long: slow networks pause for a second."""

_DEEPEST = 4
"""Folders within folders that are looked at: a card has two, by year and day there are three."""

_OUR_JOURNAL = "journal.jsonl"
"""What a session of ours has: its frames are no new pictures."""

_BROKEN_S = 10.0
"""One that has not changed for that long and is still cut short will not get better."""


@dataclass(frozen=True)
class ArrivedFrame:
    """A frame whose files are all complete: what can be shown first, raw data last."""

    stem: str
    files: tuple[Path, ...]

    @property
    def name(self) -> str:
        """Its first file's name."""
        return self.files[0].name


@dataclass
class _Candidate:
    """A file that is new: what it looked like last, and since when."""

    path: Path
    signature: tuple[int, int]
    since_s: float
    checked: bool = False
    verdict: Wholeness = Wholeness.BROKEN
    trouble: str = "it has just appeared"


class FolderWatch:
    """Watches one folder; those in it too, when asked.

    Parameters
    ----------
    folder : Path
        Where pictures appear.
    files_per_frame : int
        2 when the body writes RAW and JPEG: they are matched by the stem of their names.
    ignore_existing : bool
        Whether what is there already is left alone.
    subfolders : bool
        Whether pictures in folders within it count too, as tether programs and cards make them
        (``DCIM/100MSDCF``, one a day). Hidden ones, and sessions of ours, are passed over.
    now : callable
        Seconds that never go back.

    Attributes
    ----------
    old : int
        How many pictures were there already.
    trouble : str or None
        Why the last look saw nothing, as when a network share is away for a while.

    Raises
    ------
    UserError
        When there is no such folder, or it cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        files_per_frame: int = 1,
        *,
        ignore_existing: bool = True,
        subfolders: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder.expanduser()
        self._per_frame, self._now = files_per_frame, now
        self._depth = _DEEPEST if subfolders else 0
        self._known: dict[str, tuple[int, int]] = {}
        self._candidates: dict[str, _Candidate] = {}
        self._reported: set[str] = set()
        self._taken_stems: set[str] = set()
        self._strays: list[str] = []
        self.trouble: str | None = None
        if not self.folder.is_dir():
            raise UserError(f"there is no folder {self.folder} to watch: make it, or correct its path")
        there = self._listing()
        self.old = len(there)
        if ignore_existing:
            self._known = there

    def look(self) -> list[ArrivedFrame]:
        """The frames that have become complete since the last look, in the natural order of their names."""
        now = self._now()
        try:
            there = self._listing()
            self.trouble = None
        except UserError as err:
            self.trouble = str(err)
            return []
        for gone in self._candidates.keys() - there.keys():
            del self._candidates[gone]
        for name, signature in there.items():
            if self._known.get(name) == signature:
                continue
            candidate = self._candidates.get(name)
            if candidate is None or candidate.signature != signature:
                self._candidates[name] = _Candidate(self.folder / name, signature, now)
        stems: dict[str, list[str]] = {}
        for name in natsorted(self._candidates):
            stems.setdefault(Path(name).with_suffix("").as_posix().casefold(), []).append(name)
        frames = []
        for stem, names in stems.items():
            if stem in self._taken_stems and not any(name in self._known for name in names):
                self._strays += names  # the RAW to a JPEG that has been taken alone
                self._known |= {name: self._candidates.pop(name).signature for name in names}
                continue
            complete = [n for n in names if self._is_complete(self._candidates[n], now)]
            if len(complete) == len(names) and len(complete) >= self._per_frame:
                frames.append(self._frame(stem, names))
        return frames

    def take(self, frame: ArrivedFrame) -> None:
        """The frame is dealt with; it is new again only when its files change."""
        self._taken_stems.add(frame.stem)
        for path in frame.files:
            name = path.relative_to(self.folder).as_posix()
            candidate = self._candidates.pop(name, None)
            if candidate is not None:
                self._known[name] = candidate.signature

    @property
    def unfinished(self) -> list[str]:
        """New files that belong to no complete frame yet, with what keeps them."""
        waits = []
        for name, candidate in sorted(self._candidates.items()):
            complete = self._is_complete(candidate, self._now())
            missing = "waits for its RAW or JPEG" if self._per_frame > 1 else "has just come"
            waits.append(f"{name} ({missing if complete else candidate.trouble})")
        return waits

    @property
    def pending(self) -> bool:
        """Whether something is new that may still become a frame: not given up, nor long without its pair."""
        now = self._now()
        for name, candidate in self._candidates.items():
            alone = self._per_frame > 1 and now - candidate.since_s < _BROKEN_S
            if name not in self._reported and (alone or not self._is_complete(candidate, now)):
                return True
        return False

    def strays(self) -> list[str]:
        """Files, each told once, that came after the frame they belong to had been taken without them."""
        found, self._strays = self._strays, []
        return found

    def broken(self) -> list[str]:
        """Files, each told once, that are cut short and do not change any more."""
        now = self._now()
        found = [
            f"{name}: {c.trouble}"
            for name, c in sorted(self._candidates.items())
            if c.checked
            and c.verdict is Wholeness.BROKEN
            and now - c.since_s > _BROKEN_S
            and name not in self._reported
        ]
        self._reported |= {text.split(": ", 1)[0] for text in found}
        return found

    def _frame(self, stem: str, names: list[str]) -> ArrivedFrame:
        ordered = sorted(names, key=lambda n: (is_raw(n), n))
        return ArrivedFrame(stem, tuple(self.folder / name for name in ordered))

    def _listing(self) -> dict[str, tuple[int, int]]:
        """Size and time of every picture, by its path within the folder."""
        try:
            return dict(self._pictures(self.folder, "", self._depth))
        except OSError as err:
            raise UserError(f"the folder {self.folder} cannot be watched: {err.strerror}") from err

    def _pictures(self, folder: Path, within: str, depth: int) -> Iterator[tuple[str, tuple[int, int]]]:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if is_picture(entry.name) and entry.is_file():
                        status = entry.stat()
                        yield within + entry.name, (status.st_size, status.st_mtime_ns)
                    elif depth and self._is_for_pictures(entry):
                        yield from self._pictures(Path(entry.path), f"{within}{entry.name}/", depth - 1)
                except FileNotFoundError:  # renamed between the listing and the look
                    continue

    @staticmethod
    def _is_for_pictures(entry: os.DirEntry[str]) -> bool:
        if entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False):
            return False
        return not (Path(entry.path) / _OUR_JOURNAL).exists()

    def _is_complete(self, candidate: _Candidate, now: float) -> bool:
        steady_s = now - candidate.since_s
        if steady_s < _STEADY_S or candidate.signature[0] == 0:
            return False
        if not candidate.checked:
            try:
                candidate.verdict, candidate.trouble = wholeness(candidate.path)
            except OSError as err:  # kept by the program that writes it, or renamed just now
                candidate.trouble = f"it cannot be read: {err.strerror}"
                return False
            candidate.checked = True  # until it changes
        if candidate.verdict is Wholeness.UNTOLD:
            return steady_s >= _UNTOLD_STEADY_S
        return candidate.verdict is Wholeness.WHOLE
