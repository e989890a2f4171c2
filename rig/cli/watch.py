"""Watching a run: a progress display on a terminal, plain lines otherwise, JSON lines for machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from rig.cli.machines import write_json
from rig.events import (
    Event,
    FrameRejected,
    FrameSaved,
    FrameStacked,
    Moved,
    Note,
    PreflightPassed,
    RunFinished,
    RunStarted,
    StackReady,
)
from rig.formatting import format_duration

__all__ = ["JsonLines", "RunDisplay", "Watcher", "watcher"]

_SAME_DURATION = 0.2
"""Relative: nobody plans an evening closer than that."""


class Watcher(Protocol):
    """A subscriber that is set up before a run and put away after it."""

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        ...

    def paused(self) -> AbstractContextManager[None]:
        """Make room for a question."""
        ...

    def where(self) -> str:
        """What stands before a question: which frame it is for; empty when that is not known."""
        ...

    def __enter__(self) -> Watcher: ...
    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def watcher(*, as_json: bool) -> Watcher:
    """The watcher that fits: JSON lines when asked for, else the display (quiet when no terminal)."""
    return JsonLines() if as_json else RunDisplay(Console(stderr=True, highlight=False))


class JsonLines:
    """Every event as one JSON object a line on standard output, as it happens."""

    def __call__(self, event: Event) -> None:
        """Print the event."""
        write_json(event.as_dict(), line=True)

    def paused(self) -> AbstractContextManager[None]:
        """Nothing is in the way."""
        return nullcontext()

    def where(self) -> str:
        """Nothing; events say it."""
        return ""

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class RunDisplay:
    """Frame, position, time left and live sharpness on a terminal; only the beginning, troubles and the end
    elsewhere.

    Parameters
    ----------
    console : Console
        On standard error, so that standard output stays for results.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = console.is_terminal
        self._saved: set[int] = set()
        self._shots = 1
        self._predicted_s = 0.0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[position]:>12}"),
            TextColumn("{task.fields[eta]:>14}"),
            TextColumn("sharpness {task.fields[sharpness]}"),
            console=console,
            disable=not self._live,
            transient=True,
        )
        self._task = self._progress.add_task("frames", total=None, position="", eta="", sharpness="–")

    def __enter__(self) -> RunDisplay:
        return self  # the bar begins with the run: before it, the operator may be asked something

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take the bar away while something is asked, and put it back."""
        running = self._live and self._progress.live.is_started
        if running:
            self._progress.stop()
        try:
            yield
        finally:
            if running:
                self._progress.start()

    def where(self) -> str:
        """E.g. ``"frame 3 of 16: "``."""
        task = self._progress.tasks[self._task]
        if task.total is None:
            return ""
        done, total = int(task.completed) // self._shots, int(task.total) // self._shots
        sharp = task.fields["sharpness"]
        judged = "" if sharp == "–" else f" (last sharpness {sharp})"
        return f"frame {done + 1} of {total}{judged}: " if done < total else ""

    def __call__(self, event: Event) -> None:
        """Show what happened."""
        match event:
            case RunStarted():
                self._started(event)
            case PreflightPassed():
                self._foretold(event)
            case Moved():
                where = (
                    f"unit {event.position_units}"
                    if event.position_mm is None
                    else f"{event.position_mm:.3f} mm"
                )
                self._progress.update(self._task, position=where)
            case FrameSaved():
                self._saved.add(event.index)
                left = f"{format_duration(event.eta_s)} left"
                self._progress.update(self._task, advance=1, eta=left)
            case FrameStacked():
                self._progress.update(self._task, sharpness=f"{event.sharpness:.3g}")
            case FrameRejected():
                if event.index in self._saved:
                    self._saved.remove(event.index)
                    self._progress.update(self._task, advance=-1)
                self._say(f"frame {event.index + 1} is shot again: {event.reason}", "yellow")
            case Note():
                self._say(event.message, {"info": "", "warning": "yellow"}.get(event.level, "red"))
            case StackReady():
                after = f"{event.seconds_after_last_frame:.1f} s after the last frame"
                self._say(f"stacked {_frames(event.frames)}, {after}")
            case RunFinished():
                self._finished(event)
            case _:
                pass

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style=style), soft_wrap=True)

    def _started(self, event: RunStarted) -> None:
        mark = "SIMULATED: " if event.simulated else ""
        self._say(f"{mark}{event.camera}, {event.axis}", "magenta" if event.simulated else "")
        already = f", {event.frames_done} of them already there" if event.frames_done else ""
        duration, self._predicted_s = format_duration(event.predicted_s), event.predicted_s
        self._shots = event.shots
        each = "" if event.shots == 1 else f" ({event.shots} at every position)"
        self._say(f"{_frames(event.frames)}{each}{already}, predicted {duration}, into {event.session}")
        self._progress.update(self._task, total=event.frames, completed=event.frames_done)
        self._progress.start()

    def _foretold(self, event: PreflightPassed) -> None:
        """Say what the test frame told of the duration, where that is something else than planned."""
        if abs(event.predicted_s - self._predicted_s) > _SAME_DURATION * self._predicted_s:
            self._say(f"by the times of this body: {format_duration(event.predicted_s)} from now")

    def _finished(self, event: RunFinished) -> None:
        if event.reason == "finished":
            self._say(f"{_frames(event.frames_done)} in {format_duration(event.run_s)} of rig time")


def _frames(number: int) -> str:
    return "1 frame" if number == 1 else f"{number} frames"
