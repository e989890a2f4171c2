"""One run of a session, from connecting to teardown.

Teardown always runs, in the reverse order of connecting, whatever happens in between; the journal's last line
says how the run ended.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rig.axes.base import AxisPosition, FocusAxis, PositionTrust
from rig.axes.motion import Approach, Approached, travel_envelope
from rig.cameras.base import Camera, LockRequest
from rig.clock import Clock, ScaledClock
from rig.config import RigConfig
from rig.config.equipment import equipped
from rig.errors import HardwareError, Interrupted, RigError
from rig.events import EventBus, Note, RunFinished, RunStarted, StackReady, Subscriber
from rig.frames.stacked_file import file_to_stack
from rig.live import LiveAbout, LiveGeometry, LiveStacker
from rig.plan import StackPlan
from rig.planning.clearance import check_clearance, least_clearance_mm
from rig.planning.lens_plan import LensPlan
from rig.preflight import check_travel
from rig.runner import Runner, RunSettings
from rig.runs.connection import Connection
from rig.runs.first_move import describe_first_move
from rig.runs.open_end import OpenEnd
from rig.runs.operator import Operator
from rig.runs.pace import Pace
from rig.runs.stopping import Stopper
from rig.runs.subject import known_working_distance_mm
from rig.runs.trial import Trial
from rig.session import RunState, Session
from rig.simulate import bench_order

__all__ = ["Operator", "Outcome", "Ready", "SessionRun", "ShootOptions"]


@dataclass(frozen=True)
class ShootOptions:
    """What a run needs beyond plan and configuration.

    ``here_is_mm`` is the position at which the carriage stands when the run connects; None takes 0 for a new
    run and asks when resuming. Where the lens focuses it is a unit of its drive. ``here_is_last`` takes the
    count of the last run, of a crank. ``here_is_kept`` says that ``here_is_mm`` is what the last command has
    kept: the controller's count has to confirm it. ``counted_anew`` says that somebody has counted the rail
    from elsewhere since this session was begun: its positions are then not kept for the next command.
    ``stack`` runs the stacker alongside.
    """

    here_is_mm: float | None = None
    here_is_last: bool = False
    here_is_kept: bool = False
    counted_anew: bool = False
    accept_clipping: bool = False
    stack: bool = True


@dataclass(frozen=True)
class Ready:
    """Devices that are connected, locked and know where they stand; ``locked`` are the camera's settings."""

    axis: FocusAxis
    camera: Camera
    approach: Callable[[float], AxisPosition]
    locked: dict[str, str | None]


@dataclass(frozen=True)
class Outcome:
    """What a run left behind. ``stack`` is None when no image was wanted or none could be made."""

    session: Path
    frames: int
    stack: Path | None
    stack_wanted: bool


class SessionRun:
    """A run, for once.

    Parameters
    ----------
    session : Session
        New, or to be gone on with; locked by the caller.
    config : RigConfig
        Of rail, camera and capture.
    plan : StackPlan or LensPlan
        What to shoot.
    options : ShootOptions
        What else it needs to know.
    operator : Operator
        The person.
    stopper : Stopper
        Stops it.
    subscribers : sequence of callable
        Are told of every event.
    """

    def __init__(
        self,
        session: Session,
        config: RigConfig,
        plan: StackPlan | LensPlan,
        options: ShootOptions,
        operator: Operator,
        stopper: Stopper,
        subscribers: Sequence[Subscriber],
    ) -> None:
        self._session, self._config, self._plan = session, config, plan
        self._options, self._operator, self._stopper = options, operator, stopper
        self._bus = EventBus(*subscribers)
        self._clock: Clock = ScaledClock(config.time_scale)
        self._runner: Runner | None = None
        self._position_mm: float | None = None
        self._reach_mm = math.inf
        self._critical_path_s = 0.0
        self._pace = Pace(plan, self._clock)
        mark = "SIMULATED_" if config.simulated else ""
        self._result = session.folder / f"{mark}{session.name}.tif"

    def go(self, here_is_mm: float) -> Outcome:
        """Connect, check, shoot, stack, tear down."""
        try:
            with ExitStack() as teardown:
                outcome = self._connected(teardown, here_is_mm)
        except RigError as err:
            self._finish("interrupted" if isinstance(err, Interrupted) else "failed", str(err))
            if self._worth_resuming():
                err.add_note(f"What was shot is kept. To go on: rig resume {self._session.folder}")
            raise
        except BaseException as err:
            self._finish("failed", f"a fault of the program: {err!r}")
            raise
        self._finish("finished", "")
        return outcome

    def _ready(self, connection: Connection, teardown: ExitStack, here: float) -> Ready:
        """Connect rail and camera, and have everything locked and referenced; `here` in mm."""
        plan = self._rail_plan
        rail_port, camera_port = connection.ports(bench_order(self._config, plan, here))
        axis = connection.open_axis(rail_port)
        options = self._options
        if options.here_is_mm is None or options.here_is_kept:
            here = connection.recalled_mm(axis, here, needed=options.here_is_kept)
        camera = connection.open_camera(camera_port)
        return self._set_off(connection, teardown, axis, camera, here)

    def _set_off(
        self, connection: Connection, teardown: ExitStack, axis: FocusAxis, camera: Camera, here: float
    ) -> Ready:
        """Check the way, have it confirmed, and reference and lock what is connected."""
        plan = self._rail_plan
        approach = Approach(direction=plan.direction, run_up_mm=plan.run_up_mm)
        envelope = travel_envelope(plan.positions_mm, approach)
        check_travel(envelope, axis.limits)
        self._check_clearance(plan, envelope.high)
        self._confirm(axis, here, approach)
        self._stopper.check()
        teardown.callback(self._note_position, axis)
        self._reference(connection, axis, here)
        locked = connection.lock(camera, self._lock_request())
        move_to: Callable[[float], AxisPosition] = Approached(axis, approach).move_to
        if plan.open_end and not self._config.rail.by_hand:
            self._operator.check_present()
            end = OpenEnd(self._operator, self._stopper, self._bus, self._saved, self._reach_mm)
            move_to = end.before(move_to)
        return Ready(axis, camera, move_to, locked)

    def _reference(self, connection: Connection, axis: FocusAxis, here: float) -> None:
        connection.reference(axis, here)

    @property
    def _rail_plan(self) -> StackPlan:
        assert isinstance(self._plan, StackPlan)
        return self._plan

    def _connected(self, teardown: ExitStack, here_is_mm: float) -> Outcome:
        connection = Connection(
            self._config, self._session, self._operator, self._stopper, self._bus, self._clock, teardown
        )
        connection.keeps_position = not self._options.counted_anew
        ready = self._ready(connection, teardown, here_is_mm)
        camera = ready.camera
        runner = self._runner = self._runner_of(ready)
        change_s = self._pace.measure_changes(camera, self._stopper.check)
        if change_s is not None:
            self._session.journal.append("shutter_changes_measured", change_s=change_s)
        self._tell_the_start(ready, runner)
        # The test frame has made the run-up to the first position before the run is timed.
        self._critical_path_s = self._pace.left_s(runner.state)
        stacks = self._options.stack and self._config.camera.collected
        live = self._live(teardown, runner) if stacks else None
        shot_any = runner.state.next_index() is not None
        if shot_any:
            trial = Trial(
                self._session,
                self._config,
                self._bus,
                self._plan.stops,
                lambda fetched_s: self._pace.left_s(
                    runner.state, fetched_s=fetched_s, drive_s=self._drive_s()
                ),
                accept_clipping=self._options.accept_clipping,
            )
            trial.take(runner, ready.locked, camera.health())
            runner.run()
        if live:
            live.ask_for_image()
        trouble = None
        if shot_any:
            try:
                runner.return_to_start()  # while the stacker finishes
            except HardwareError as err:
                trouble = err  # every frame is here, so that there is an image to wait for all the same
        stack = self._stack(live) if live else None
        if trouble is not None:
            raise trouble
        return Outcome(self._session.folder, len(runner.state.saved), stack, live is not None)

    def _runner_of(self, ready: Ready) -> Runner:
        return Runner(
            stops=self._plan.stops,
            shots=self._plan.shots,
            defocus_mm=self._plan.defocus_of_shots_mm if isinstance(self._plan, LensPlan) else None,
            axis=ready.axis,
            camera=ready.camera,
            approach=ready.approach,
            session=self._session,
            bus=self._bus,
            clock=self._clock,
            settings=self._run_settings(),
            stop=self._stopper.event,
        )

    def _tell_the_start(self, ready: Ready, runner: Runner) -> None:
        info = ready.camera.describe()
        self._bus.publish(
            RunStarted(
                session=str(self._session.folder),
                frames=runner.state.frames,
                frames_done=len(runner.state.saved),
                simulated=self._config.simulated,
                camera=f"{info.manufacturer} {info.model}".strip(),
                axis=ready.axis.name,
                predicted_s=self._pace.whole_s,
                shots=self._plan.shots.count,
            )
        )
        for warning in self._plan.warnings:
            self._bus.publish(Note(warning, "warning"))

    def _drive_s(self) -> float:
        """What a step of the lens's drive takes, bench seconds; a rail's moves follow from its speed."""
        return 0.0

    def _stack(self, live: LiveStacker) -> Path | None:
        result = live.finish(self._stopper.event)
        if result is None:
            return None
        path = Path(result.file)
        fields = asdict(result) | {"file": path.relative_to(self._session.folder).as_posix()}
        self._session.journal.append("stacked", **fields)
        self._bus.publish(StackReady(result.file, result.frames, result.seconds_after_last_frame))
        self._tell_of_other_shots()
        return path

    @property
    def _transforms(self) -> Path:
        return self._result.with_suffix(".transforms.json")

    def _tell_of_other_shots(self) -> None:
        """How the shots that were not stacked become stacks that fit the first one, pixel on pixel."""
        series = self._plan.shots
        for number, shot in enumerate(series.shots):
            if number == series.base:
                continue
            frames = self._session.folder / series.folder(number)
            stack = self._result.with_stem(f"{self._result.stem}_{shot.label}")
            command = f"stacker fuse {frames} -o {stack} --use-transforms {self._transforms}"
            self._bus.publish(Note(f"to stack {shot.label} as the base was stacked: {command}"))

    def _check_clearance(self, plan: StackPlan, highest_mm: float) -> None:
        """Also of a plan that was built by hand, or with a working distance that nobody knew."""
        config = equipped(self._config)
        distance_mm = known_working_distance_mm(config, plan.magnification, self._operator, self._stopper)
        if distance_mm is None:
            return
        if not plan.open_end:
            check_clearance(plan.positions_mm, highest_mm, distance_mm, plan.margin_frames)
        elif not config.rail.by_hand:  # who turns a crank sees where it ends
            self._reach_mm = plan.positions_mm[0] + distance_mm - least_clearance_mm(distance_mm)

    def _confirm(self, axis: FocusAxis, here_is_mm: float, approach: Approach) -> None:
        """On real hardware: say where the carriage is about to go, before it goes."""
        state = self._replayed()
        stops_mm = self._plan.stops[: state.frames]
        left_mm = [p for i, p in enumerate(stops_mm) if i not in state.saved]
        if self._config.simulated or not left_mm:
            return
        rail = self._config.rail
        self._operator.confirm(
            describe_first_move(axis.name, rail, left_mm, stops_mm[0], here_is_mm, approach)
        )

    def _lock_request(self) -> LockRequest:
        return replace(
            self._config.lock_request(),
            shutter_s=self._plan.shutter_s,
            bracket_s=self._plan.shots.times_s,
            aperture=self._plan.marked_f_number,
            iso=self._plan.iso,
        )

    def _run_settings(self) -> RunSettings:
        timing, plan = self._plan.timing, self._plan
        waits = isinstance(plan, StackPlan) and (plan.open_end or self._config.rail.by_hand)
        return RunSettings(
            settle_s=timing.settle_after_s,
            flash_interval_s=timing.flash_interval_s,
            # Who turns a crank, or looks whether to go on, takes his time: the frame is here before.
            overlap_download=timing.overlap_download and not waits,
            return_to_start=self._config.capture.return_to_start,
            attempts=self._config.capture.attempts,
            keeps_on_card=self._config.camera.keep_on_card,
            stack_file=self._config.capture.stack_file,
        )

    def _geometry(self) -> LiveGeometry:
        """What the stacker may know of the frames."""
        # The middle of a stack whose end is not known is not known either.
        plan = self._rail_plan
        if plan.open_end:
            return LiveGeometry(plan.positions_mm, None)
        return LiveGeometry(plan.positions_mm, plan.pupil_distance_mm, plan.frames)

    def _live(self, teardown: ExitStack, runner: Runner) -> LiveStacker:
        geometry = self._geometry()
        mark = "SIMULATED_" if self._config.simulated else ""
        preview = self._session.folder / f"{mark}preview.jpg"
        transforms = self._transforms if self._plan.shots.count > 1 else None
        about = LiveAbout(
            self._session.name,
            self._plan.magnification,
            self._plan.effective_f_number,
            self._config.metadata,
        )
        live = LiveStacker(self._bus, geometry, preview, self._result, about, transforms)
        teardown.callback(live.close)
        for index, record in sorted(runner.state.saved.items()):
            if self._plan.shots.is_base(index):
                names = [file.file for file in record.files]
                at = file_to_stack(names, self._config.capture.stack_file) or 0
                live.add(index, self._session.folder / names[at], record.position_mm)
        return live

    def _note_position(self, axis: FocusAxis) -> None:
        """Remember where the carriage stands, for whoever resumes; an unknown position is not written."""
        try:
            position = axis.position()
        except RigError:
            return
        if position.trust is not PositionTrust.UNKNOWN:
            self._position_mm = position.value

    def _where_left(self) -> dict[str, float | None]:
        return {"position_mm": self._position_mm}

    def _replayed(self) -> RunState:
        return RunState.replay(self._plan.exposures, self._session.journal.entries)

    def _saved(self) -> int:
        return len(self._runner.state.saved) if self._runner else 0

    def _worth_resuming(self) -> bool:
        return any(e["event"] == "fired" for e in self._session.journal.entries)

    def _finish(self, reason: str, message: str) -> None:
        runner = self._runner
        state = runner.state if runner else self._replayed()
        done = len(state.saved)
        run_s = runner.run_s if runner else 0.0
        event = RunFinished(reason, done, state.frames, run_s, self._critical_path_s, message)
        fields: dict[str, Any] = event.as_dict()
        del fields["event"]
        try:
            self._session.journal.append("finished", **self._where_left(), **fields)
        except RigError as err:
            self._bus.publish(Note(f"the end of the run is not in the journal: {err}", "warning"))
        self._bus.publish(event)
