"""One run of a session, from connecting to teardown.

Teardown always runs, in the reverse order of connecting, whatever happens in between; the journal's last line
says how the run ended.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rig.axes.base import AxisPosition, FocusAxis, PositionTrust
from rig.axes.hand import EndOfStack, HandSignal
from rig.axes.motion import Approach, Approached, travel_envelope
from rig.cameras.base import Camera, CameraHealth, CapturedFile, LockRequest
from rig.clearance import check_clearance, least_clearance_mm
from rig.clock import Clock, ScaledClock
from rig.config import RigConfig
from rig.connection import Connection
from rig.equipment import equipped
from rig.errors import Interrupted, RigError, UserError
from rig.events import EventBus, Note, PreflightPassed, RunFinished, RunStarted, StackReady, Subscriber
from rig.inspect import frame_levels
from rig.lens_plan import LensPlan
from rig.live import LiveGeometry, LiveStacker
from rig.operator import Operator
from rig.plan import StackPlan
from rig.preflight import check_frame_size, check_levels, check_room, check_travel
from rig.runner import Runner, RunSettings
from rig.session import RunState, Session
from rig.simulate import bench_order
from rig.state import PositionCount
from rig.stopping import Stopper
from rig.subject import known_working_distance_mm
from rig.supplies import SupplyWatch
from rig.timing import critical_path_s

__all__ = ["Operator", "Outcome", "Ready", "SessionRun", "ShootOptions"]

_READABLE = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}


@dataclass(frozen=True)
class ShootOptions:
    """What a run needs beyond plan and configuration.

    ``here_is_mm`` is the position at which the carriage stands when the run connects; None takes 0 for a new
    run and asks when resuming. Where the lens focuses it is a unit of its drive. ``here_is_last`` takes the
    count of the last run, of a crank. ``here_is_kept`` says that ``here_is_mm`` is what the last command has
    kept: the controller's count has to confirm it. ``stack`` runs the stacker alongside.
    """

    here_is_mm: float | None = None
    here_is_last: bool = False
    here_is_kept: bool = False
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
            move_to = self._asked_before(move_to)
        return Ready(axis, camera, move_to, locked)

    def _reference(self, connection: Connection, axis: FocusAxis, here: float) -> None:
        connection.reference(axis, here)

    def _asked_before(self, move_to: Callable[[float], AxisPosition]) -> Callable[[float], AxisPosition]:
        """A move to the next position, once the operator has said that the stack is to go on."""
        asked_for: float | None = None

        def ask(target_mm: float) -> AxisPosition:
            nonlocal asked_for
            begun = self._runner is not None and bool(self._runner.state.saved)
            if begun and target_mm != asked_for:
                self._end_before_the_subject(target_mm)
                self._ask_for_more()
            asked_for = target_mm
            return move_to(target_mm)

        return ask

    def _end_before_the_subject(self, target_mm: float) -> None:
        """A stack without a planned end has one all the same: where the lens would come too near."""
        if target_mm > self._reach_mm:
            told = f"{target_mm:g} mm would bring the lens too near to the subject: the stack ends here"
            self._bus.publish(Note(told, "warning"))
            raise EndOfStack

    def _ask_for_more(self) -> None:
        assert self._runner is not None
        question = (
            f"{len(self._runner.state.saved)} frames are here. Enter goes on a step; e: the farthest outline "
            "was sharp in the last one"
        )
        while True:
            answer = self._operator.answer(question, self._stopper.event.is_set)
            if answer is None:
                raise Interrupted("stopped by the operator")
            if not answer.strip():
                return
            if answer.strip().lower() == "e":
                raise EndOfStack

    @property
    def _rail_plan(self) -> StackPlan:
        assert isinstance(self._plan, StackPlan)
        return self._plan

    def _connected(self, teardown: ExitStack, here_is_mm: float) -> Outcome:
        connection = Connection(
            self._config, self._session, self._operator, self._stopper, self._bus, self._clock, teardown
        )
        ready = self._ready(connection, teardown, here_is_mm)
        axis, camera, locked = ready.axis, ready.camera, ready.locked
        runner = self._runner = Runner(
            stops=self._plan.stops,
            shots=self._plan.shots,
            defocus_mm=self._plan.defocus_of_shots_mm if isinstance(self._plan, LensPlan) else None,
            axis=axis,
            camera=camera,
            approach=ready.approach,
            session=self._session,
            bus=self._bus,
            clock=self._clock,
            settings=self._run_settings(),
            stop=self._stopper.event,
        )
        info = camera.describe()
        self._bus.publish(
            RunStarted(
                session=str(self._session.folder),
                frames=runner.state.frames,
                frames_done=len(runner.state.saved),
                simulated=self._config.simulated,
                camera=f"{info.manufacturer} {info.model}".strip(),
                axis=axis.name,
                predicted_s=self._plan.duration_s,
                shots=self._plan.shots.count,
            )
        )
        planned = self._plan.stops[: runner.state.frames]
        left = [p for i, p in enumerate(planned) if i not in runner.state.saved]
        left = [p for p, _ in itertools.groupby(left)]  # a position counts once, with all its shots
        if left:
            # The test frame has made the run-up to the first position before the run is timed.
            self._critical_path_s = critical_path_s(left, 0.0, self._plan.timing)
        for warning in self._plan.warnings:
            self._bus.publish(Note(warning, "warning"))
        stacks = self._options.stack and self._config.camera.collected
        live = self._live(teardown, runner) if stacks else None
        shot_any = runner.state.next_index() is not None
        if shot_any:
            self._test_frame_taken(runner, locked, camera.health())
            runner.run()
        if live:
            live.ask_for_image()
        if shot_any:
            runner.return_to_start()  # while the stacker finishes
        stack = self._stack(live) if live else None
        return Outcome(self._session.folder, len(runner.state.saved), stack, live is not None)

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
        rail, positions, saved = self._config.rail, self._plan.stops[: state.frames], state.saved
        left = [p for i, p in enumerate(positions) if i not in saved]
        if self._config.simulated or not left:
            return
        homes = rail.reference == "home"
        here_mm = rail.home_position_mm if homes else here_is_mm
        legs = " then ".join(f"{leg:g} mm" for leg in approach.legs(left[0], here_mm, engaged=False))
        closest_mm = max(travel_envelope(left, approach).high, positions[0])
        begins = (
            f"the rail homes itself; after that, at {here_mm:g} mm,"
            if homes
            else f"the carriage is taken to stand at {here_mm:g} mm;"
        )
        self._operator.confirm(
            f"{axis.name}: {begins} the first move goes to {legs}. The closest point is {closest_mm:g} mm, "
            f"{closest_mm - here_mm:+g} mm towards the subject from there. "
            + (
                "You turn the crank; nothing moves by itself."
                if rail.by_hand
                else f"Positive is towards the subject (towards_subject = {rail.towards_subject!r})."
            )
            + (self._count_says(here_mm) if rail.counted else "")
        )

    def _count_says(self, here_mm: float) -> str:
        """What the count says of a rail that cannot be asked, where that is something else than assumed."""
        counted = PositionCount(self._config.rail.name).read()
        if counted is None or (counted.holds and abs(counted.position_mm - here_mm) < 1e-6):
            return ""
        told = f" The count of the last run says {counted.text}"
        return f"{told}: --here-is last goes on from there." if counted.holds else f"{told}."

    def _lock_request(self) -> LockRequest:
        return replace(
            self._config.lock_request(),
            shutter_s=self._plan.shutter_s,
            bracket_s=self._plan.shots.times_s,
            aperture=self._plan.marked_f_number,
            iso=self._plan.iso,
        )

    def _run_settings(self) -> RunSettings:
        timing = self._plan.timing
        return RunSettings(
            settle_s=timing.settle_after_s,
            flash_interval_s=timing.flash_interval_s,
            # Who turns a crank, or looks whether to go on, takes his time: the frame is here before.
            overlap_download=timing.overlap_download
            and not (self._config.rail.by_hand or self._rail_plan.open_end),
            return_to_start=self._config.capture.return_to_start,
            attempts=self._config.capture.attempts,
            keeps_on_card=self._config.camera.keep_on_card,
        )

    def _geometry(self) -> LiveGeometry:
        """What the stacker may know of the frames."""
        # The middle of a stack whose end is not known is not known either.
        pupil_mm = None if self._rail_plan.open_end else self._rail_plan.pupil_distance_mm
        return LiveGeometry(self._rail_plan.positions_mm, pupil_mm)

    def _live(self, teardown: ExitStack, runner: Runner) -> LiveStacker:
        geometry = self._geometry()
        mark = "SIMULATED_" if self._config.simulated else ""
        preview = self._session.folder / f"{mark}preview.jpg"
        transforms = self._transforms if self._plan.shots.count > 1 else None
        live = LiveStacker(self._bus, geometry, preview, self._result, transforms)
        teardown.callback(live.close)
        for index, record in sorted(runner.state.saved.items()):
            if self._plan.shots.is_base(index):
                live.add(index, self._session.folder / record.files[0].file, record.position_mm)
        return live

    def _test_frame_taken(
        self, runner: Runner, settings: dict[str, str | None], health: CameraHealth
    ) -> None:
        """Take the test frame, whatever the person at a crank has to say on the way to it."""
        if not self._config.camera.collected:
            self._bus.publish(
                Note(
                    f"frames stay on the card, no test frame: rig match {self._session.folder} brings them in"
                )
            )
            return
        while runner.state.next_index() is not None:
            try:
                self._test_frame(runner, settings, health)
            except HandSignal as asked:
                runner.heed(asked)
            else:
                return

    def _test_frame(self, runner: Runner, settings: dict[str, str | None], health: CameraHealth) -> None:
        """Take a frame at the start, and refuse what a whole stack would regret."""
        session = self._session
        index = runner.state.next_index()
        assert index is not None
        watch = SupplyWatch(self._bus, keeps_on_card=self._config.camera.keep_on_card)
        watch.check(health, runner.state.frames - len(runner.state.saved))
        self._warm_up(runner, self._plan.stops[index])
        files = runner.expose(self._plan.stops[index], session.incoming)
        if Path(files[0].camera_name).suffix.lower() not in _READABLE:
            raise UserError(
                f"the camera sends only {files[0].camera_name}: RAW alone can be neither checked nor stacked "
                'yet. Write image_format = "RAW+JPEG" in [capture]: the JPEG is stacked, the RAW is kept'
            )
        levels = frame_levels(files[0].path)
        try:
            check_levels(levels, accept_clipping=self._options.accept_clipping)
        finally:
            entries = [self._keep_test_frame(file) for file in files]
            session.journal.append(
                "test_frame", files=entries, clipped_fraction=levels.clipped_fraction, mean_level=levels.mean
            )
        self._check_pixels((levels.width_px, levels.height_px), begun=bool(runner.state.saved))
        size = sum(f.size_bytes for f in files)
        left = runner.state.frames - len(runner.state.saved)
        check_room(session.folder, left, size, levels.width_px * levels.height_px)
        self._bus.publish(PreflightPassed(settings, levels.clipped_fraction, levels.mean))

    def _warm_up(self, runner: Runner, position_mm: float) -> None:
        """Fire frames that nobody keeps, until lamps and flashes are steady."""
        frames = self._config.capture.warm_up_frames
        for _ in range(frames):
            for file in runner.expose(position_mm, self._session.incoming):
                file.path.unlink()
        if frames:
            self._session.journal.append("warmed_up", frames=frames)

    def _check_pixels(self, frame_px: tuple[int, int], *, begun: bool) -> None:
        """The plan counts in pixels: those of the frames must be those configured."""
        camera = equipped(self._config).camera
        if camera.pixels is None:
            return
        if self._config.simulated:  # the bench has a sensor of its own, smaller than any camera's
            if frame_px != camera.pixels:
                text = "{} × {} px".format
                self._bus.publish(
                    Note(f"the bench's frames have {text(*frame_px)}, the camera's {text(*camera.pixels)}")
                )
            return
        try:
            told = check_frame_size(frame_px, camera.pixels, camera.sensor_width_mm)
        except UserError as err:
            if not begun:
                raise
            told = str(err)  # a stack that is half there is gone on with
        if told:
            self._bus.publish(Note(told, "warning"))

    def _keep_test_frame(self, file: CapturedFile) -> dict[str, Any]:
        session = self._session
        mark = "SIMULATED_" if self._config.simulated else ""
        suffix = Path(file.camera_name).suffix.lower()
        names = (f"{mark}test_frame_{number}{suffix}" for number in itertools.count(1))
        name = next(n for n in names if not (session.folder / n).exists())
        final = session.publish(file.path, name, folder=session.folder)
        return session.file_entry(final, file.size_bytes, file.sha256)

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
