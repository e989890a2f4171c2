"""What a run tells whoever watches: frozen, serialisable, and published only after the journal has them.

A subscriber is any callable. One that fails is dropped and named; the run goes on.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Event",
    "EventBus",
    "FrameRejected",
    "FrameSaved",
    "FrameStacked",
    "Moved",
    "Note",
    "PreflightPassed",
    "RunFinished",
    "RunStarted",
    "StackReady",
    "Subscriber",
]


@dataclass(frozen=True)
class Event:
    """Something that happened in a run."""

    def as_dict(self) -> dict[str, Any]:
        """The event for JSON: its fields and its kind, e.g. ``{"event": "frame_saved", …}``."""
        kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()
        return {"event": kind} | dataclasses.asdict(self)


@dataclass(frozen=True)
class RunStarted(Event):
    """The session folder exists and the devices are connected.

    ``frames`` counts every shot; ``shots`` of them are taken at each position.
    """

    session: str
    frames: int
    frames_done: int
    simulated: bool
    camera: str
    axis: str
    predicted_s: float
    shots: int = 1


@dataclass(frozen=True)
class PreflightPassed(Event):
    """Everything is manual and locked and the test frame is rightly exposed.

    ``predicted_s`` is how long the frames that are left take, by what setting the body, fetching a file and
    driving a lens took until now.
    """

    settings: dict[str, str | None]
    clipped_fraction: float
    mean_level: float
    predicted_s: float


@dataclass(frozen=True)
class Moved(Event):
    """The carriage has come to rest at a frame's position; or the lens, at a unit of its drive."""

    index: int
    position_mm: float | None
    position_units: int | None = None


@dataclass(frozen=True)
class FrameSaved(Event):
    """A frame's bytes are checked, on disk and in the journal.

    ``file`` is empty when the frame stays on the body's card. ``position_units`` counts units of a lens's
    drive, where that has focused. ``shot`` is what the shot is called where a position has several;
    ``stacked`` says whether it is one of those that are stacked while shooting.
    """

    index: int
    frames: int
    file: str
    position_mm: float | None
    size_bytes: int
    eta_s: float
    position_units: int | None = None
    shot: str = ""
    stacked: bool = True


@dataclass(frozen=True)
class FrameRejected(Event):
    """A frame cannot be used; it will be shot again as long as attempts are left."""

    index: int
    reason: str
    attempt: int


@dataclass(frozen=True)
class FrameStacked(Event):
    """The live stacker has folded a frame in.

    ``scale`` is how large the frame's content is in the stack's view; only matched frames say anything by it.
    """

    index: int
    registered: bool
    sharpness: float
    seconds: float
    scale: float = 1.0


@dataclass(frozen=True)
class StackReady(Event):
    """The stacked image is on disk."""

    file: str
    frames: int
    seconds_after_last_frame: float


@dataclass(frozen=True)
class Note(Event):
    """Something the operator should read; the run goes on."""

    message: str
    level: str = "info"


@dataclass(frozen=True)
class RunFinished(Event):
    """The run is over: ``finished``, ``interrupted`` or ``failed``."""

    reason: str
    frames_done: int
    frames: int
    run_s: float
    critical_path_s: float
    message: str = ""


Subscriber = Callable[[Event], None]


class EventBus:
    """Hands events to subscribers; a subscriber's failure never reaches the run."""

    def __init__(self, *subscribers: Subscriber) -> None:
        self._subscribers: list[Subscriber] = list(subscribers)
        self._lock = threading.RLock()  # the live stacker's answers arrive on a thread of their own

    def subscribe(self, subscriber: Subscriber) -> None:
        """Add a subscriber; it sees the events from now on."""
        self._subscribers.append(subscriber)

    def publish(self, event: Event) -> None:
        """Hand the event to every subscriber, dropping those that fail."""
        with self._lock:
            for subscriber in tuple(self._subscribers):
                try:
                    subscriber(event)
                # rich ends the program when its terminal is gone; a capture goes on.
                except (Exception, SystemExit) as err:  # noqa: BLE001  (no watcher stops a capture)
                    self._subscribers.remove(subscriber)
                    with suppress(OSError, ValueError):  # the terminal may be what has gone
                        sys.stderr.write(f"rig: a watcher of the run failed and is left out: {err!r}\n")
