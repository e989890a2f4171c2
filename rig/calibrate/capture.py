"""Taking the frames of a calibration on the rig: the same drivers, limits and teardown as a stack.

Frames and what happened go into a session folder of their own, so that a measurement can be made again from
the same frames later.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from rig import __version__
from rig.axes.base import AxisLimits, FocusAxis
from rig.axes.lens import LensAxis
from rig.axes.motion import Approach, Approached, travel_envelope
from rig.calibrate.frames import TakenFrame, readable_file
from rig.cameras.base import LockRequest
from rig.cameras.lens_drive import open_lens_drive
from rig.clock import Clock, ScaledClock
from rig.config import LoadedConfig
from rig.config.equipment import equipped
from rig.errors import CameraError, Interrupted, RigError, UserError
from rig.events import EventBus, FrameRejected, FrameSaved, Moved, Note, RunFinished, RunStarted, Subscriber
from rig.inspect import frame_levels
from rig.lens_drive.focus_watch import LiveWatch
from rig.plan import StackPlan
from rig.preflight import check_frame_size, check_levels, check_room, check_travel
from rig.runs.connection import Connection
from rig.runs.operator import Operator
from rig.runs.stopping import Stopper
from rig.session import Session
from rig.simulate import bench_order

__all__ = ["Capture", "CaptureRequest", "Focus"]

_ATTEMPTS = 3
_JOB = "calibration_started"
_SAME_MM = 0.001
"""Places that close are one: a report has three decimals."""

Focus = Literal["working", "far"]


@dataclass(frozen=True)
class CaptureRequest:
    """What a calibration is going to do.

    Parameters
    ----------
    job : str
        Name of the command: ``"dof"``.
    plan : StackPlan
        Positions and exposure; nothing outside its positions and their run-ups is ever gone to.
    frames : int
        How many will be taken.
    here_is_mm : float
        Where the carriage stands now.
    here_is_kept : bool
        That is what the command before has kept: the controller's count has to confirm it.
    target : str
        What stands on a simulated bench.
    both_sides : bool
        Positions are approached from both sides.
    motion : bool
        False leaves the rail alone.
    focus : {"working", "far"}
        How a simulated lens is focused.
    drives_lens : bool
        The lens's focus motor is used.
    shutter_s : float, optional
        Instead of the planned one.
    """

    job: str
    plan: StackPlan
    frames: int
    here_is_mm: float
    target: str
    both_sides: bool = False
    motion: bool = True
    focus: Focus = "working"
    drives_lens: bool = False
    shutter_s: float | None = None
    here_is_kept: bool = False


class Capture:
    """Rail and camera, connected for one calibration; a context manager that tears down whatever happens.

    Parameters
    ----------
    loaded : LoadedConfig
        The rig.
    session : Session
        Gets frames and journal.
    request : CaptureRequest
        What will be done.
    operator, stopper
        The person, and what stops the run.
    subscribers : sequence of callable
        Are told of events.
    """

    def __init__(
        self,
        loaded: LoadedConfig,
        session: Session,
        request: CaptureRequest,
        operator: Operator,
        stopper: Stopper,
        subscribers: Sequence[Subscriber],
    ) -> None:
        self._loaded, self._config, self._session = loaded, loaded.config, session
        self._request, self._operator, self._stopper = request, operator, stopper
        self._bus = EventBus(*subscribers)
        self._teardown = ExitStack()
        self._teardown.push(self._tell_the_end)
        self._axis: FocusAxis | None = None
        self._sides: dict[int, Approached] = {}
        self._moved_s: float | None = None
        self._fired_s: float | None = None
        self._taken = 0
        self.clock: Clock = ScaledClock(self._config.time_scale)
        self._started_s = self.clock.now()
        self.settle_s = request.plan.timing.settle_s

    def __enter__(self) -> Capture:
        with ExitStack() as unless_connected:
            unless_connected.push(self._teardown)
            self._connect()
            unless_connected.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        if err is not None:
            self._teardown.__exit__(kind, err, trace)
            return
        with self._teardown:
            if self._axis is not None:
                self._return(self._axis)

    def _tell_the_end(
        self, _kind: type[BaseException] | None, err: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """How it ended, whatever it was; when all else is torn down."""
        reason = "interrupted" if isinstance(err, Interrupted) else "failed" if err else "finished"
        self._ended(reason, "" if err is None else str(err))

    def _return(self, axis: FocusAxis) -> None:
        with self._stopper.motion():
            axis.move_to(self._back_mm)

    def open_lens(self) -> LensAxis:
        """Begin live view and take the lens's drive as an axis; where its focus stands is unit 0."""
        drive = open_lens_drive(self._camera, self._config.lens.focus_step)
        self._teardown.callback(drive.close)
        drive.begin()
        lens = LensAxis(drive, LiveWatch(drive.live_frame))
        self._teardown.callback(lens.close)
        lens.set_reference(0)
        self._stopper.guard(lens)
        self._stopper.check()
        return lens

    def move(self, position_mm: float, *, direction: Literal[1, -1] = 1) -> float:
        """Go to a position, the last movement being in a direction; returns where the axis came to rest.

        Raises
        ------
        Interrupted
            When the operator stopped it.
        MotionError
            When the rail did.
        """
        other = self._sides.get(-direction)
        if other is not None:
            other.forget()
        with self._stopper.motion():
            reached = self._sides[direction].move_to(position_mm)
        self._moved_s = self.clock.now()
        self._bus.publish(Moved(self._taken, reached.value))
        return reached.value

    def wait(self, seconds: float) -> None:
        """Wait, unless the operator stops.

        Raises
        ------
        Interrupted
            When the operator does.
        """
        if self.clock.wait(self._stopper.event, seconds):
            raise Interrupted()

    def sweep(
        self, positions_mm: Sequence[float], *, direction: Literal[1, -1] = 1, **tags: Any
    ) -> list[TakenFrame]:
        """Take a frame at each position, settled, approached from one side."""
        taken = []
        for position_mm in positions_mm:
            reached_mm = self.move(position_mm, direction=direction)
            self.wait(self.settle_s)
            taken.append(self.take(reached_mm, **tags))
        return taken

    def take(self, position_mm: float | None = None, **tags: Any) -> TakenFrame:
        """Take a frame now, and keep it.

        Raises
        ------
        CameraError
            When three attempts have failed, or the first frame is black or burnt.
        """
        index, session = self._taken, self._session
        for attempt in range(1, _ATTEMPTS + 1):
            self._stopper.check()
            self._wait_for_flash()
            try:
                shot = self._camera.fire()
                self._fired_s = shot.fired_at_s
                files = self._camera.collect(shot, session.incoming)
                break
            except CameraError as err:
                session.journal.append("frame_rejected", index=index, reason=str(err))
                self._bus.publish(FrameRejected(index, str(err), attempt))
                timed = tags.get("wait_s") is not None  # after a move: there is no second try
                if timed or attempt == _ATTEMPTS:
                    raise
        # The release returns when the exposure is over; what counts is when it was sent.
        delay_s = None if self._moved_s is None else max(0.0, shot.fired_at_s - self._moved_s)
        entries = []
        for file in files:
            suffix = Path(file.camera_name).suffix or file.path.suffix
            name = session.frame_name(index, position_mm or 0.0, suffix, shot.fired_wall)
            final = session.publish(file.path, name)
            entries.append(session.file_entry(final, file.size_bytes, file.sha256))
        path = session.folder / readable_file(entries)
        self._check(path, index, sum(f.size_bytes for f in files))
        session.journal.append(
            "frame_saved",
            index=index,
            position_mm=position_mm,
            fired_at=shot.fired_wall,
            files=entries,
            settings=files[0].fields,
            delay_s=delay_s,
            **tags,
        )
        self._taken += 1
        self._bus.publish(
            FrameSaved(
                index=index,
                frames=self._request.frames,
                file=str(path),
                position_mm=position_mm or 0.0,
                size_bytes=sum(f.size_bytes for f in files),
                eta_s=0.0,
            )
        )
        return TakenFrame(path, position_mm, tags)

    @property
    def _homes(self) -> bool:
        return self._config.rail.reference == "home"

    @property
    def _back_mm(self) -> float:
        """Where the carriage is left: where it stood, or at the first position when it had homed itself."""
        return self._request.plan.positions_mm[0] if self._homes else self._request.here_is_mm

    def _wait_for_flash(self) -> None:
        interval_s = self._request.plan.timing.flash_interval_s
        if interval_s is not None and self._fired_s is not None:
            self.wait(max(0.0, self._fired_s + interval_s - self.clock.now()))

    def _check(self, path: Path, index: int, size: int) -> None:
        """Refuse at the first frame what all would regret."""
        if index > 0:
            return
        levels = frame_levels(path)
        check_levels(levels, accept_clipping=self._config.capture.accept_clipping)
        camera = equipped(self._config).camera
        if camera.pixels is not None and not self._config.simulated:
            size_px = (levels.width_px, levels.height_px)
            told = check_frame_size(size_px, camera.pixels, camera.sensor_width_mm)
            if told:
                self._bus.publish(Note(told, "warning"))
        left = self._request.frames - 1
        check_room(self._session.folder, left, size, levels.width_px * levels.height_px)

    def _connect(self) -> None:
        config, request, session = self._config, self._request, self._session
        session.journal.append(
            _JOB,
            job=request.job,
            simulated=config.simulated,
            positions_mm=list(request.plan.positions_mm),
            config=self._loaded.table,
            software=f"focusrig {__version__}",
        )
        connection = Connection(
            config, session, self._operator, self._stopper, self._bus, self.clock, self._teardown
        )
        rail_port, camera_port = connection.ports(self._order())
        if request.motion:
            axis = connection.open_axis(rail_port)
        self._camera = connection.open_camera(camera_port, drives_lens=request.drives_lens)
        if request.motion:
            self._prepare_axis(axis, connection)
        capture = config.capture
        connection.lock(
            self._camera,
            LockRequest(
                shutter_s=request.shutter_s or request.plan.shutter_s,
                aperture=request.plan.marked_f_number or capture.aperture,
                iso=request.plan.iso,
                white_balance=capture.white_balance,
                image_format=capture.image_format,
            ),
        )
        info = self._camera.describe()
        self._bus.publish(
            RunStarted(
                session=str(session.folder),
                frames=request.frames,
                frames_done=0,
                simulated=config.simulated,
                camera=f"{info.manufacturer} {info.model}",
                axis=self._axis.name if self._axis else "no rail needed",
                predicted_s=request.plan.duration_s / request.plan.frames * request.frames,
            )
        )

    def _order(self) -> dict[str, Any]:
        """What a simulated bench is told: the target stands where the carriage has it in focus."""
        request = self._request
        order = bench_order(self._config, request.plan, request.here_is_mm)
        standing = {"target": request.target, "target_at": request.here_is_mm}
        order["simulator"] = {**standing, **order["simulator"]}
        order["lens"]["focus"] = request.focus
        configured_s = self._config.capture.shutter_s
        if configured_s is not None:  # the light was set up for it, whatever is asked for
            order["exposure"]["shutter_s"] = configured_s
        return order

    def _prepare_axis(self, axis: FocusAxis, connection: Connection) -> None:
        request = self._request
        if request.here_is_kept:
            here_mm = connection.recalled_mm(axis, request.here_is_mm, needed=True)
            if abs(here_mm - request.here_is_mm) > _SAME_MM:
                raise UserError(
                    f"the carriage stands at {here_mm:g} mm, and this was planned around "
                    f"{request.here_is_mm:g} mm, where it was left: say --here-is {here_mm:g}mm"
                )
        run_up_mm = self._config.rail.backlash_mm
        directions: tuple[Literal[1, -1], ...] = (1, -1) if request.both_sides else (1,)
        approaches = {d: Approach(d, run_up_mm) for d in directions}
        reach = [travel_envelope(request.plan.positions_mm, a) for a in approaches.values()]
        envelope = AxisLimits(
            min(self._back_mm, *(r.low for r in reach)), max(self._back_mm, *(r.high for r in reach))
        )
        check_travel(envelope, axis.limits)
        if not self._config.simulated:
            begins = (
                "the rail homes itself"
                if self._homes
                else f"the carriage stands at {request.here_is_mm:g} mm"
            )
            self._operator.confirm(
                f"{axis.name}: {begins}; it will then move between {envelope.low:g} mm and "
                f"{envelope.high:g} mm. Positive is towards the subject "
                f"(towards_subject = {self._config.rail.towards_subject!r})."
            )
        self._stopper.check()
        connection.reference(axis, request.here_is_mm)
        self._sides = {d: Approached(axis, a) for d, a in approaches.items()}
        self._axis = axis

    def _ended(self, reason: str, message: str) -> None:
        try:
            self._session.journal.append("finished", reason=reason, message=message)
        except RigError as err:
            self._bus.publish(Note(f"the end of the run is not in the journal: {err}", "warning"))
        run_s = self.clock.now() - self._started_s
        self._bus.publish(RunFinished(reason, self._taken, self._request.frames, run_s, 0.0, message))
