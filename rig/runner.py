"""Executes a plan: a loop that takes its next action from the replayed journal until nothing is left.

One frame's life: approach from one side → settle → file the previous frame, which was downloading meanwhile
→ fire → journal the release → (the carriage moves on while this frame downloads) → check → publish → journal
→ tell.

A journal line is on the disk before the event that tells of it is published, and the line of a release before
the carriage moves on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.axes.base import AxisPosition, FocusAxis
from rig.axes.hand import EndOfStack, HandSignal
from rig.cameras.base import Camera, CapturedFile, Shot
from rig.clock import Clock
from rig.errors import CameraError, Interrupted, MotionError, OperatorNeededError
from rig.events import EventBus, FrameRejected, FrameSaved, Moved, Note
from rig.frames.stacked_file import StackedFile, file_to_stack
from rig.planning.shots import ShotSeries
from rig.runs.supplies import SupplyWatch
from rig.session import Session

__all__ = ["RunSettings", "Runner"]


@dataclass(frozen=True)
class RunSettings:
    """How frames are taken.

    ``settle_s`` says how long to wait after a move over a distance in the axis's unit. ``flash_interval_s``
    is None without a flash. ``attempts`` is how often one frame is fired before the run gives up on it. With
    ``keeps_on_card`` the card has to have room for every frame. ``stack_file`` is the file of a pair that is
    told of as the frame's.
    """

    settle_s: Callable[[float], float] = lambda _distance: 1.0
    flash_interval_s: float | None = None
    overlap_download: bool = True
    return_to_start: bool = True
    attempts: int = 3
    keeps_on_card: bool = False
    stack_file: StackedFile = StackedFile.JPEG


@dataclass(frozen=True)
class _InHand:
    """A frame that is fired but not filed."""

    index: int
    position: AxisPosition
    shot: Shot
    files: Future[tuple[CapturedFile, ...]]


class Runner:
    """Shoots the positions of a plan that the journal does not have yet.

    Parameters
    ----------
    stops : sequence of float
        Where each shot is taken, in the axis's unit, in shooting order.
    shots : ShotSeries, optional
        The shots of a position; one when absent. Between them the axis stands.
    axis, camera
        Connected and locked devices.
    approach : callable
        Moves the axis to a position from the plan's side, and returns where it came to rest.
    session : Session
        Where frames and journal go.
    bus : EventBus
        Told of everything after it is journaled.
    defocus_mm : sequence of float, optional
        What a calibration of the lens's drive says of each position; goes into the journal.
    stop : threading.Event
        Set by whoever wants the run to stop; the frame in hand is then finished or discarded.
    """

    def __init__(
        self,
        *,
        stops: tuple[float, ...],
        axis: FocusAxis,
        camera: Camera,
        approach: Callable[[float], AxisPosition],
        session: Session,
        bus: EventBus,
        clock: Clock,
        settings: RunSettings,
        stop: threading.Event,
        defocus_mm: tuple[float, ...] | None = None,
        shots: ShotSeries | None = None,
    ) -> None:
        self._stops, self._defocus_mm = stops, defocus_mm
        self._unit = axis.capabilities.unit
        self._axis, self._camera, self._approach = axis, camera, approach
        self._session, self._bus, self._clock = session, bus, clock
        self._settings, self._stop = settings, stop
        self._supplies = SupplyWatch(bus, keeps_on_card=settings.keeps_on_card)
        self._last_fired_s: float | None = None
        self._series = shots or ShotSeries()
        self._standing: tuple[int, AxisPosition] | None = None
        self.state = session.state(len(stops))
        self.run_s = 0.0
        """Bench seconds from the first move of this run to the last frame saved."""
        self.fetched_s = 0.0
        """Bench seconds that fetching and checking the last frame outside the plan took."""

    def run(self) -> None:
        """Shoot everything that is left.

        Raises
        ------
        Interrupted
            When `stop` was set; whatever was fired is filed.
        RigError
            When a device or the disk fails for good; the run can be resumed.
        """
        started_s = self._clock.now()
        try:
            self._shoot(started_s)
        finally:
            self._base_exposure()

    def _shoot(self, started_s: float) -> None:
        self._eta = _Eta(self.state.frames - len(self.state.saved))
        in_hand: _InHand | None = None
        with ThreadPoolExecutor(1, thread_name_prefix="fetch") as fetcher:
            try:
                while True:
                    index = self.state.next_index(frozenset({in_hand.index}) if in_hand else frozenset())
                    position = None
                    asked: HandSignal | None = None
                    if index is not None:
                        try:
                            position = self._go(index)
                        except HandSignal as signal:
                            asked = signal
                    if in_hand is not None:
                        filed, in_hand = in_hand, None
                        self._file(filed)
                    self.run_s = self._clock.now() - started_s
                    if asked is not None:
                        self.heed(asked)
                        continue
                    if self.state.next_index() != index:
                        continue  # the frame that was downloading has to be shot again first
                    if index is None:
                        return
                    assert position is not None
                    in_hand = self._fire(index, position, fetcher)
                    if in_hand is not None and not self._settings.overlap_download:
                        filed, in_hand = in_hand, None
                        self._file(filed)
            except BaseException:
                if in_hand is not None:
                    self._file_what_is_left(in_hand)
                raise

    def heed(self, asked: HandSignal) -> None:
        """The person at the crank ended the stack, or wants the last frame again; journaled.

        Raises
        ------
        Interrupted
            When the stack is to end before its first frame.
        """
        self._standing = None
        last = self.state.last_saved
        if last is None and not isinstance(asked, EndOfStack):
            return  # where it stands has been said; the first frame is still to come
        if last is None:
            raise Interrupted("stopped by the operator before the first frame")
        if isinstance(asked, EndOfStack):
            # Of a position, all shots belong to the stack: what is missing of the last one is still taken.
            positions = -(-len(self.state.saved) // self._series.count)
            entry = self._session.journal.append("ended_here", frames=positions * self._series.count)
            self.state = self.state.apply(entry)
            return
        reason = "the crank stood elsewhere than counted"
        for index in self._series.group(last.index):
            if (record := self.state.saved.get(index)) is None:
                continue
            self._session.set_aside(record)
            entry = self._session.journal.append("frame_rejected", index=index, reason=reason)
            self.state = self.state.apply(entry)
            self._bus.publish(FrameRejected(index, reason, self.state.rejected[index]))

    def expose(self, target_mm: float, directory: Path) -> tuple[CapturedFile, ...]:
        """Take one frame outside the plan, e.g. the test frame; nothing is journaled."""
        self._move(target_mm)
        for attempt in range(1, self._settings.attempts + 1):
            try:
                shot = self._release()
                fired_s = self._clock.now()
                files = self._camera.collect(shot, directory)
            except CameraError as err:
                if attempt == self._settings.attempts or isinstance(err, OperatorNeededError):
                    raise
                self._bus.publish(Note(f"{err}; trying again", "warning"))
            else:
                self.fetched_s = self._clock.now() - fired_s
                return files
        raise AssertionError("a run makes at least one attempt")

    def _move(self, target_mm: float) -> AxisPosition:
        self._check_stop()
        before = self._axis.position().value
        try:
            position = self._approach(target_mm)
        except MotionError:
            self._check_stop()  # a move that we stopped ourselves is no fault
            raise
        if self._clock.wait(self._stop, self._settings.settle_s(position.value - before)):
            raise Interrupted()
        return position

    def _go(self, index: int) -> AxisPosition:
        group = self._series.position(index)
        if self._standing is not None and self._standing[0] == group:
            self._check_stop()
            return self._standing[1]
        self._standing = None
        position = self._move(self._stops[index])
        self._standing = (group, position)
        self._bus.publish(Moved(index, **self._where(position.value)))
        return position

    def _base_exposure(self) -> None:
        """Leave the camera at the base exposure of a bracket; a failure is said and hides nothing else."""
        if not self._series.is_bracket:
            return
        base_s = self._series.shots[self._series.base].shutter_s
        assert base_s is not None
        try:
            self._camera.expose_for(base_s)
        except CameraError as err:
            self._bus.publish(Note(f"the camera is not at the base exposure again: {err}", "warning"))

    def return_to_start(self) -> None:
        """Move back to the first position, if the settings ask for it."""
        if self._settings.return_to_start:
            self._check_stop()
            try:
                self._axis.move_to(self._stops[0])
            except HandSignal as asked:
                if isinstance(asked, EndOfStack):
                    return  # the person at the crank leaves it where it is
                self.heed(asked)  # whoever resumes takes that frame again
                raise
            except MotionError:
                self._check_stop()
                raise

    def _release(self) -> Shot:
        self._check_stop()
        interval_s = self._settings.flash_interval_s
        if interval_s is not None and self._last_fired_s is not None:
            wait_s = self._last_fired_s + interval_s - self._clock.now()
            if self._clock.wait(self._stop, wait_s):
                raise Interrupted()
        shot = self._camera.fire()
        self._last_fired_s = shot.fired_at_s
        return shot

    def _fire(self, index: int, position: AxisPosition, fetcher: ThreadPoolExecutor) -> _InHand | None:
        shutter_s = self._series.shot(index).shutter_s
        try:
            if shutter_s is not None:
                self._camera.expose_for(shutter_s)
            shot = self._release()
        except CameraError as err:
            self._reject(index, str(err), err)
            return None
        self._session.journal.append(
            "fired",
            index=index,
            shot=shot.number,
            **self._session.shot_fields(index),
            fired_at=shot.fired_wall,
            **self._journaled("position", position.value),
        )
        files = fetcher.submit(self._camera.collect, shot, self._session.incoming)
        return _InHand(index, position, shot, files)

    def _file(self, frame: _InHand) -> None:
        """Check, publish, journal and tell of a fetched frame; a lost one is journaled as rejected."""
        try:
            files = frame.files.result()
        except CameraError as err:
            self._reject(frame.index, str(err), err)
            return
        commanded = self._stops[frame.index]
        # The template counts in µm, and a lens in units.
        in_name_mm = commanded if self._unit == "mm" else commanded / 1000.0
        entries: list[dict[str, Any]] = []
        for file in files:
            suffix = Path(file.camera_name).suffix or file.path.suffix
            name = self._session.frame_name(frame.index, in_name_mm, suffix, frame.shot.fired_wall)
            where = self._journaled("position", commanded)
            final = self._session.publish_frame(file.path, name, frame.index, **where)
            entries.append(self._session.file_entry(final, file.size_bytes, file.sha256))
        entry = self._session.journal.append(
            "frame_saved",
            index=frame.index,
            **self._session.shot_fields(frame.index),
            **self._journaled("position", commanded),
            **self._journaled("reported", frame.position.value),
            **({} if self._defocus_mm is None else {"defocus_mm": self._defocus_mm[frame.index]}),
            trust=frame.position.trust.value,
            fired_at=frame.shot.fired_wall,
            files=entries,
            camera_names=[f.camera_name for f in files],
            settings=files[0].fields if files else {},
        )
        self.state = self.state.apply(entry)
        self._bus.publish(
            FrameSaved(
                index=frame.index,
                frames=self.state.frames,
                file=self._file_of([entry["file"] for entry in entries]),
                **self._where(commanded),
                size_bytes=sum(f.size_bytes for f in files),
                eta_s=self._eta.after_one_more(),
                shot=self._series.shot(frame.index).label,
                stacked=self._series.is_base(frame.index),
            )
        )
        self._supplies.look(self._camera.health(), self.state.frames - len(self.state.saved))

    def _file_of(self, names: list[str]) -> str:
        """The file that stands for a frame; empty when it stays on the body's card."""
        if not names:
            return ""
        return str(self._session.folder / names[file_to_stack(names, self._settings.stack_file) or 0])

    def _where(self, position: float) -> dict[str, Any]:
        """A position as events tell it."""
        if self._unit == "mm":
            return {"position_mm": position}
        return {"position_mm": None, "position_units": round(position)}

    def _journaled(self, what: str, position: float) -> dict[str, Any]:
        """A position as the journal has it: ``position_mm``, or ``position_units`` of a lens's drive."""
        return {f"{what}_mm": position} if self._unit == "mm" else {f"{what}_units": round(position)}

    def _file_what_is_left(self, frame: _InHand) -> None:
        """File the frame in hand although the run is ending; its own failure must not hide the reason."""
        try:
            self._file(frame)
        except Exception as err:  # noqa: BLE001  (the first error is the one to report)
            self._bus.publish(Note(f"frame {frame.index + 1} was fired but not kept: {err}", "warning"))

    def _reject(self, index: int, reason: str, err: CameraError) -> None:
        entry = self._session.journal.append("frame_rejected", index=index, reason=reason)
        self.state = self.state.apply(entry)
        attempt = self.state.rejected[index]
        self._bus.publish(FrameRejected(index, reason, attempt))
        if isinstance(err, OperatorNeededError):
            raise err
        if attempt >= self._settings.attempts:
            raise CameraError(f"frame {index + 1} failed {attempt} times, last: {reason}") from err

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Interrupted()


class _Eta:
    """Real seconds until the last frame, from the pace so far."""

    def __init__(self, frames: int) -> None:
        self._left = frames
        self._done = 0
        self._start_s = time.monotonic()

    def after_one_more(self) -> float:
        self._done += 1
        self._left = max(0, self._left - 1)
        return (time.monotonic() - self._start_s) / self._done * self._left
