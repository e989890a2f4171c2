"""Stacks that somebody else shoots: frames that appear in a folder, grouped, kept and stacked.

In-camera focus bracketing, another tether program, a wireless card: a pause between frames, or their number,
tells where a stack ends.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rig import __version__
from rig.cameras.arrivals import LOOK_EVERY_S, FolderWatch
from rig.cameras.body_clock import resolution_s
from rig.errors import UserError
from rig.events import EventBus, FrameSaved, Note, StackReady, Subscriber
from rig.frames.filing import TimedFrame, file_frame, timed
from rig.live import LiveAbout, LiveGeometry, LiveStacker
from rig.session import DEFAULT_TEMPLATE, Session

__all__ = ["Collected", "Grouping", "collect"]

_DEFAULT_GAP_S = 5.0
"""Bodies that bracket by themselves take frames a fraction of a second apart, with a flash some seconds."""

_PATIENCE = 2.0
"""A stack is over when nothing has come for the gap and that many times the longest wait so far: transfers of
large files over a wireless link take longer than the gap between their exposures."""


@dataclass(frozen=True)
class Grouping:
    """Where a stack ends.

    Parameters
    ----------
    gap_s : float, optional
        A longer pause between two exposures begins a new stack. None when only their number tells, and 5 s
        when nothing does.
    count : int, optional
        So many frames make a stack; with a gap, fewer after such a pause, which is said.
    files_per_frame : int
        2 for RAW and JPEG.
    existing : bool
        Whether pictures that are there already are grouped, too.
    stacks : int, optional
        End after so many stacks.
    subfolders : bool
        Whether pictures in folders within the watched one count.
    """

    gap_s: float | None = None
    count: int | None = None
    files_per_frame: int = 1
    existing: bool = False
    stacks: int | None = None
    subfolders: bool = False

    @property
    def pause_s(self) -> float:
        """The pause that ends a stack; infinite when none does."""
        if self.gap_s is None:
            return _DEFAULT_GAP_S if self.count is None else math.inf
        return self.gap_s


@dataclass(frozen=True)
class Collected:
    """A stack that is complete; ``image`` is None when none was wanted or none could be made."""

    session: Path
    frames: int
    image: Path | None


class _Stack:
    """One stack that is being collected: a session, and a stacker when wanted."""

    def __init__(
        self, root: Path, name: str, watched: Path, grouping: Grouping, bus: EventBus, stack: bool
    ) -> None:
        self._bus = bus
        self.session = Session.create(root, name, simulated=False)
        self.session.journal.append(
            "session_started",
            name=name,
            template=DEFAULT_TEMPLATE,
            simulated=False,
            plan=None,
            collected={"folder": str(watched), **asdict(grouping)},
            software=f"focusrig {__version__}",
        )
        self.frames = 0
        self.last: TimedFrame | None = None
        self.live: LiveStacker | None = None
        self.result = self.session.folder / f"{name}.tif"
        if stack:
            geometry = LiveGeometry((0.0,), None)
            preview, about = self.session.folder / "preview.jpg", LiveAbout(name)
            self.live = LiveStacker(bus, geometry, preview, self.result, about)
        bus.publish(Note(f"a stack begins: {self.session.folder}"))

    def add(self, frame: TimedFrame) -> None:
        entry = file_frame(self.session, frame.frame, frame.record, index=self.frames, position_mm=None)
        self.frames += 1
        self.last = frame
        files = entry["files"]
        self._bus.publish(
            FrameSaved(
                index=self.frames - 1,
                frames=self.frames,
                file=str(self.session.folder / files[0]["file"]),
                position_mm=None,
                size_bytes=sum(f["size_bytes"] for f in files),
                eta_s=0.0,
            )
        )

    def finish(self, reason: str) -> Collected:
        """Let the stacker finish, and close the session."""
        image = None
        try:
            if self.live:
                self.live.ask_for_image()
                result = self.live.finish(threading.Event())
                if result is not None:
                    image = Path(result.file)
                    fields = asdict(result) | {"file": image.relative_to(self.session.folder).as_posix()}
                    self.session.journal.append("stacked", **fields)
                    self._bus.publish(StackReady(result.file, result.frames, result.seconds_after_last_frame))
            self.session.journal.append("finished", reason=reason, frames_done=self.frames)
        finally:
            self.close()
        return Collected(self.session.folder, self.frames, image)

    def close(self) -> None:
        if self.live:
            self.live.close()
        self.session.close()


def collect(
    folder: Path,
    grouping: Grouping,
    root: Path,
    name: str,
    stop: threading.Event,
    subscribers: Sequence[Subscriber] = (),
    *,
    stack: bool = True,
) -> list[Collected]:
    """Watch a folder until stopped, and make a session of every stack that appears in it.

    Parameters
    ----------
    folder : Path
        Where frames appear; nothing in it is moved or changed.
    grouping : Grouping
        Where a stack ends.
    root, name
        Where the sessions go and what they are called.
    stop : threading.Event
        Ends the watching; the stack in hand is finished.
    stack : bool
        Whether a stacker runs alongside.

    Raises
    ------
    UserError
        When the folder is not there, or a pause is no time above 0.
    DataError
        When the disk is full; the frames stay where they are.
    """
    if grouping.gap_s is not None and not grouping.gap_s > 0:
        raise UserError(f"--gap: {grouping.gap_s:g} s is not above 0; write a time such as 5s")
    watch = FolderWatch(
        folder,
        grouping.files_per_frame,
        ignore_existing=not grouping.existing,
        subfolders=grouping.subfolders,
    )
    collector = _Collector(watch, grouping, root, name, EventBus(*subscribers), stack)
    try:
        while not stop.is_set() and not collector.done:
            collector.look()
            stop.wait(LOOK_EVERY_S)
        collector.end("stopped" if stop.is_set() else "finished")
    finally:
        collector.close()
    return collector.collected


class _Collector:
    """Hands frames to stacks."""

    def __init__(
        self, watch: FolderWatch, grouping: Grouping, root: Path, name: str, bus: EventBus, stack: bool
    ) -> None:
        self._watch, self._grouping, self._bus = watch, grouping, bus
        self._root, self._name, self._stack = root, name, stack
        self._open: _Stack | None = None
        self._came_s = time.monotonic()
        self._longest_wait_s = 0.0
        self._last: TimedFrame | None = None
        self._trouble: str | None = None
        self.collected: list[Collected] = []
        old = "" if grouping.existing or not watch.old else f"; {watch.old} in it already are left alone"
        bus.publish(Note(f"watching {watch.folder}{old}"))

    @property
    def done(self) -> bool:
        """Whether as many stacks as wanted are there."""
        return self._grouping.stacks is not None and len(self.collected) >= self._grouping.stacks

    def look(self) -> None:
        """Take what has come; end a stack after which nothing comes."""
        try:
            frames = timed(self._watch.look())
        except OSError:  # renamed just now, or the network share is away: looked at again
            return
        for frame in frames:
            if self.done:
                return
            self._take(frame)
        if self._watch.trouble != self._trouble:
            self._trouble = self._watch.trouble
            self._bus.publish(Note(self._trouble or f"{self._watch.folder} is there again", "warning"))
        for text in (*self._watch.broken(), *(f"{s} came after its frame" for s in self._watch.strays())):
            self._bus.publish(Note(f"left out: {text}", "warning"))
        if self._open is None or self._watch.pending or self._trouble:
            return
        patience_s = self._grouping.pause_s + _PATIENCE * self._longest_wait_s
        if time.monotonic() - self._came_s > patience_s:
            self.end("finished")

    def _take(self, frame: TimedFrame) -> None:
        if self._open is not None and self._ends_before(frame):
            self.end("finished")
        now = time.monotonic()  # stacking may have taken long: the frames after this one came meanwhile
        if self._open is None:
            self._warn_of_a_torn_stack(frame)
            self._open = _Stack(
                self._root, self._name, self._watch.folder, self._grouping, self._bus, self._stack
            )
            self._longest_wait_s = 0.0
        else:
            self._longest_wait_s = max(self._longest_wait_s, now - self._came_s)
        self._came_s = now
        self._open.add(frame)
        self._last = frame
        self._watch.take(frame.frame)
        if self._open.frames == self._grouping.count:
            self.end("finished")

    def _ends_before(self, frame: TimedFrame) -> bool:
        """Whether a frame begins the next stack."""
        assert self._open is not None
        last = self._open.last
        if last is None or last.by_exif != frame.by_exif:
            return False
        return frame.time_s - last.time_s > self._grouping.pause_s + resolution_s(frame.record)

    def _warn_of_a_torn_stack(self, frame: TimedFrame) -> None:
        last = self._last
        if last is None or self._grouping.count is not None or last.by_exif != frame.by_exif:
            return
        if 0 <= frame.time_s - last.time_s <= self._grouping.pause_s:
            self._bus.publish(
                Note(
                    f"{frame.frame.name} was taken {frame.time_s - last.time_s:.1f} s after the last frame "
                    "of the stack before, and came late: it begins a stack of its own; give a longer --gap",
                    "warning",
                )
            )

    def end(self, reason: str) -> None:
        """Finish the stack in hand, if there is one."""
        if self._open is not None:
            open_, self._open = self._open, None
            self.collected.append(open_.finish(reason))
            done = self.collected[-1]
            count = self._grouping.count
            if count is not None and done.frames < count:
                self._bus.publish(Note(f"only {done.frames} of {count} frames came", "warning"))
            self._bus.publish(Note(f"a stack of {done.frames} frames: {done.image or done.session}"))

    def close(self) -> None:
        """Let go, also after a fault."""
        if self._open is not None:
            self._open.close()
