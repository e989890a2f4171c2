"""Feeds saved frames to the stacker in a process of its own, and hands its previews and verdicts back.

The stacker's death never stops a capture: the frames are on disk, and the operator is told how to fuse them.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import queue
import signal
import threading
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rig.errors import Interrupted
from rig.events import Event, EventBus, FrameRejected, FrameSaved, FrameStacked, Note

if TYPE_CHECKING:
    from stacker import Credits, Stacker

__all__ = ["LiveAbout", "LiveGeometry", "LiveResult", "LiveStacker"]

_PREVIEW_WIDTH_PX = 1200
_PREVIEW_EVERY_S = 1.0
_FINISH_S_PER_FRAME = 60.0
"""How long one frame may keep the stacker before it is given up: 61 megapixels on a slow laptop."""


@dataclass(frozen=True)
class LiveGeometry:
    """What the plan knows of the pictures before they are taken.

    ``pupil_distance_mm`` is v, from the entrance pupil to the plane of focus, or None when it is unknown;
    then the result has the first frame's view instead of the planned middle's. ``frames`` is how many there
    are going to be, or None when that is not known, and ``near_first`` whether the nearest is the first, or
    None where positions tell or nobody knows.
    """

    positions_mm: tuple[float, ...]
    pupil_distance_mm: float | None
    frames: int | None = None
    near_first: bool | None = None

    @property
    def predictable(self) -> bool:
        """Whether geometry says at which scale a frame is seen from elsewhere on the rail."""
        return self.pupil_distance_mm is not None and 0 < self.pupil_distance_mm < math.inf

    @property
    def view_position_mm(self) -> float | None:
        """Position of the view that frames are registered to: the planned middle, else the first frame.

        None where the lens focuses and there are no positions: the view is the first frame's.
        """
        if not self.positions_mm:
            return None
        first, last = self.positions_mm[0], self.positions_mm[-1]
        return (first + last) / 2 if self.predictable else first


@dataclass(frozen=True)
class LiveAbout:
    """What the result is to say of itself beside what the frames say; ``credit`` is ``[metadata]``."""

    session: str
    magnification: float | None = None
    effective_f_number: float | None = None
    credit: Credits | None = None


@dataclass(frozen=True)
class LiveResult:
    """The stacked image of a run.

    ``view_position_mm`` is the rail position whose view the image has, ``origin_px`` where its first pixel
    lies in that view (x, y), ``unused`` the indexes of frames that contributed nothing to speak of.
    """

    file: str
    frames: int
    view_position_mm: float | None
    origin_px: tuple[int, int]
    unused: tuple[int, ...]
    noise_sigma: float
    seconds_after_last_frame: float


class LiveStacker:
    """The stacker's process, fed by `FrameSaved` events.

    Parameters
    ----------
    bus : EventBus
        Subscribed to, and told of stacked frames.
    geometry : LiveGeometry
    preview, result : Path
        Where the preview and the stacked image go; both appear as a whole or not at all.
    about : LiveAbout
        What the result says of itself.
    transforms : Path, optional
        Where it is written how the frames lie, for other shots of the same positions.
    """

    def __init__(
        self,
        bus: EventBus,
        geometry: LiveGeometry,
        preview: Path,
        result: Path,
        about: LiveAbout,
        transforms: Path | None = None,
    ) -> None:
        self._bus, self._result, self._about = bus, result, about
        self._transforms = transforms
        self._geometry, self._preview = geometry, preview
        self._frames: list[tuple[int, str, float | None]] = []
        self._last_saved_s = time.monotonic()
        self._spoiled = False
        self._worker = _Worker(bus, geometry, preview)
        bus.subscribe(self)

    def __call__(self, event: Event) -> None:
        """Hand a saved frame on; one that is taken back afterwards has spoiled the stack so far."""
        if isinstance(event, FrameRejected) and any(f[0] == event.index for f in self._frames):
            self._frames = [f for f in self._frames if f[0] != event.index]
            self._spoiled = True
        if isinstance(event, FrameSaved):
            self._last_saved_s = time.monotonic()
        if isinstance(event, FrameSaved) and event.stacked:
            self.add(event.index, Path(event.file), event.position_mm)

    def add(self, index: int, file: Path, position_mm: float | None) -> None:
        """Queue a frame; never waits for the stacker."""
        self._frames.append((index, str(file), position_mm))
        if not self._spoiled:
            self._worker.send(("add", *self._frames[-1]))

    def ask_for_image(self) -> None:
        """Tell the stacker that no frame comes any more; does not wait."""
        if self._spoiled:
            self._spoiled = False
            self._start_over()
        transforms = None if self._transforms is None else str(self._transforms)
        self._worker.send(("finish", str(self._result), transforms, self._about))

    def finish(self, stop: threading.Event) -> LiveResult | None:
        """Wait for the image that was asked for; None when there is none, and the operator has been told.

        A stacker that died is replaced once by a new one, which reads the frames from the disk.

        Raises
        ------
        Interrupted
            When `stop` is set meanwhile; resuming the session stacks again.
        """
        if not self._frames:
            return None
        answer = self._answer(stop)
        if answer is None:
            self._bus.publish(
                Note("the live stacker ended by itself; stacking again from the disk", "warning")
            )
            self._start_over()
            self.ask_for_image()
            answer = self._answer(stop)
        if answer is None or "error" in answer:
            why = (answer or {}).get("error", "it ended by itself again")
            frames = Path(self._frames[0][1]).parent
            self._bus.publish(
                Note(
                    f"the stacker gave no image ({why}); the frames are safe: "
                    f"stacker fuse {frames} -o {self._result}",
                    "error",
                )
            )
            return None
        after_s = max(0.0, self._worker.answered_s - self._last_saved_s)
        return LiveResult(seconds_after_last_frame=after_s, **answer)

    def _start_over(self) -> None:
        """A new stacker, fed from the disk."""
        self._worker.close()
        self._worker = _Worker(self._bus, self._geometry, self._preview)
        for frame in self._frames:
            self._worker.send(("add", *frame))

    def _answer(self, stop: threading.Event) -> dict[str, Any] | None:
        return self._worker.answer(_FINISH_S_PER_FRAME * (len(self._frames) + 1), stop)

    def close(self) -> None:
        """End the process; what it has not written is dropped."""
        self._worker.close()


class _Worker:
    """One stacker process, and the thread that reads its answers."""

    def __init__(self, bus: EventBus, geometry: LiveGeometry, preview: Path) -> None:
        self._bus = bus
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, geometry, preview), name="rig-live-stacker", daemon=True
        )
        self._process.start()
        theirs.close()
        self._answer: dict[str, Any] | None = None
        self._answered = threading.Event()
        self.answered_s = 0.0
        self._lost = False
        self._reader = threading.Thread(target=self._read, name="live-stacker-answers", daemon=True)
        self._reader.start()

    def send(self, message: tuple[Any, ...]) -> None:
        """Hand a message over; a lost process takes none."""
        if not self._lost:
            try:
                self._pipe.send(message)
            except OSError:
                self._lost = True

    def answer(self, seconds: float, stop: threading.Event) -> dict[str, Any] | None:
        """What came of ``finish``; None when the process is lost or takes longer than that."""
        deadline_s = time.monotonic() + seconds
        while not self._lost and time.monotonic() < deadline_s and not self._answered.wait(0.1):
            if stop.is_set():
                raise Interrupted()
        return self._answer

    def _read(self) -> None:
        try:
            while True:
                kind, answer = self._pipe.recv()
                if kind == "stacked":
                    self._bus.publish(FrameStacked(**answer))
                elif kind == "note":
                    self._bus.publish(Note(answer, "warning"))
                else:
                    self._answer = answer
                    self.answered_s = time.monotonic()
                    self._answered.set()
        except (EOFError, OSError):
            self._lost = True
            self._answered.set()

    def close(self) -> None:
        """Kill the process if it still works; its files appear as a whole or not at all."""
        self._process.kill()
        self._process.join()
        self._reader.join()  # the end of the process is the end of the pipe
        self._pipe.close()


def _serve(pipe: Connection, geometry: LiveGeometry, preview: Path) -> None:
    """The stacker's process: fold in frames as they come, keep a preview, write the image at the end."""
    # Ctrl-C is for the rig, which ends this process in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)  # the capture goes first
    from stacker import StackerError, write_image

    inbox: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, inbox), daemon=True).start()
    stacker = _stacker(geometry, preview.parent)
    shown_s = -math.inf
    while True:
        message = inbox.get()
        if message[0] != "add":
            pipe.send(("done", _finished(pipe, stacker, geometry, *message[1:])))
            return
        _, index, file, position_mm = message
        try:
            report = stacker.add(Path(file), position_mm=position_mm)
        except StackerError as err:
            pipe.send(("note", f"frame {index + 1} is not in the live stack: {err}"))
            continue
        # Nobody looks at a preview that is overtaken at once, but there is always a fresh one.
        if inbox.empty() or time.monotonic() - shown_s > _PREVIEW_EVERY_S:
            shown_s = time.monotonic()
            try:
                write_image(preview, stacker.preview(_PREVIEW_WIDTH_PX))
            except StackerError as err:
                pipe.send(("note", f"the preview could not be written: {err}"))
        told = {
            "index": index,
            "registered": report.registered,
            "sharpness": report.sharpness,
            "seconds": report.seconds,
            "scale": report.scale,
        }
        pipe.send(("stacked", told))


def _finished(
    pipe: Connection,
    stacker: Stacker,
    geometry: LiveGeometry,
    result: str,
    transforms: str | None,
    about: LiveAbout,
) -> dict[str, Any]:
    """Write the image; the fields of `LiveResult`, or what went wrong."""
    from stacker import StackerError

    try:
        stack, left_out = _described(stacker.finish(), about, Path(result).stem)
        for template in left_out:
            pipe.send(("note", f"{template!r} of [metadata] asks for what is not known: left out"))
        if transforms is not None:
            stack.save_transforms(Path(transforms))
        stack.save(Path(result))  # last: whoever waits for the picture finds all else there
    except StackerError as err:
        return {"error": str(err)}
    return {
        "file": result,
        "frames": len(stack.reports),
        "view_position_mm": geometry.view_position_mm,
        "origin_px": stack.origin_px,
        "unused": tuple(sorted(r.index for r in stack.unused)),
        "noise_sigma": stack.noise_sigma,
    }


def _described(stack: Any, about: LiveAbout, name: str) -> tuple[Any, tuple[str, ...]]:
    """The result with metadata that tell of it, and templates that could not be filled."""
    from stacker import SetUp, described

    set_up = SetUp(about.session, about.magnification, about.effective_f_number)
    return described(stack, set_up, about.credit, name)


def _listen(pipe: Connection, inbox: queue.SimpleQueue[tuple[Any, ...]]) -> None:
    """Empty the pipe at once, so that the rig never waits for the stacker; end with the rig."""
    try:
        while True:
            inbox.put(pipe.recv())
    except (EOFError, OSError):
        os._exit(0)  # the rig is gone, and with it whoever wanted an image


def _stacker(geometry: LiveGeometry, scratch_dir: Path) -> Stacker:
    """A stacker that is told what is known of the frames."""
    from stacker import Options, Order, ReferenceView, Stacker, nearness_by_index

    options = Options(scratch_dir=scratch_dir)
    if geometry.predictable and geometry.view_position_mm is not None:
        options = replace(
            options,
            reference=ReferenceView.at_position(geometry.view_position_mm),
            pupil_distance_mm=geometry.pupil_distance_mm,
        )
    nearness = None
    if geometry.near_first is not None and geometry.frames is not None:
        order = Order.NEAR_FIRST if geometry.near_first else Order.FAR_FIRST
        nearness = nearness_by_index(order, geometry.frames)
    return Stacker(options, nearness=nearness, frames=geometry.frames)
