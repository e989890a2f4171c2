"""A run in which the lens focuses: the camera's own drive is the axis, and no rail is touched."""

from __future__ import annotations

import itertools
import math
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

from rig.axes.base import AxisPosition, PositionTrust
from rig.axes.hand import EndOfStack
from rig.axes.lens import EndOfTravelError, LensAxis
from rig.axes.motion import Approach, Approached
from rig.cameras.lens_drive import open_lens_drive
from rig.errors import RigError, UserError
from rig.events import Note
from rig.lens_drive.focus_watch import LiveWatch
from rig.lens_drive.pace import DrivePace
from rig.lens_drive.state import LensState
from rig.live import LiveGeometry, LiveStacker
from rig.planning.lens_plan import LensPlan
from rig.runner import Runner, RunSettings
from rig.runs.connection import Connection
from rig.runs.run import Ready, SessionRun
from rig.session import Session
from rig.simulate import bench_order

__all__ = ["LensRun", "how_to_go_on"]


def how_to_go_on(session: Session, why: str) -> str:
    """What the operator can do when it is not known where the focus stands.

    A stack that is resumed has frames, and each of them shows what was sharp at its unit.

    Parameters
    ----------
    session : Session
        With its journal.
    why : str
        Why the count does not hold.
    """
    told = f"where the focus of the lens stands is not known: {why}. "
    entries = session.journal.entries
    saved = [e for e in entries if e["event"] == "frame_saved" and e.get("files") and "position_units" in e]
    if not saved:
        return told + (
            "Focus on the nearest point and run rig mark near, or say --here-is 0; with --from-here the "
            "stack begins where the focus stands"
        )
    first, last = saved[0], saved[-1]
    shown = session.folder / first["files"][0]["file"]
    return told + (
        f"To go on with this stack, which has its frames up to unit {last['position_units']}: focus by hand "
        f"on what is sharpest in {shown} (rig camera preview --peaking helps), with the switch of the lens "
        f"on AF again afterwards, and run rig resume {session.folder} --here-is {first['position_units']}"
    )


class LensRun(SessionRun):
    """A run by lens focus, for once; parameters as of `rig.runs.run.SessionRun`.

    Positions are units of the drive, counted by us from where the focus stands when the run connects.
    """

    _axis: LensAxis | None = None
    _rehearsed = False
    _driven: DrivePace | None = None

    def _ready(self, connection: Connection, teardown: ExitStack, here: float) -> Ready:
        """Connect and lock the camera, begin live view, and take its drive as the axis; `here` in units."""
        config, plan = self._config, self._lens_plan
        hold = config.camera.port or "camera on USB"
        _, camera_port = connection.ports(bench_order(config, plan, 0.0), hold)
        camera = connection.open_camera(camera_port, drives_lens=True)
        locked = connection.lock(camera, self._lock_request())
        self._stopper.check()
        drive = open_lens_drive(camera, config.lens.focus_step)
        teardown.callback(drive.close)
        drive.begin()
        watch = LiveWatch(drive.live_frame)
        state = None if config.simulated else LensState(camera.describe(), config.lens.focus_step)
        here, far = self._where(state, watch, here)
        axis = self._axis = LensAxis(drive, watch)
        teardown.callback(self._note_drive, axis, watch, state, far)
        teardown.callback(axis.close)
        teardown.callback(self._stopper.release)
        self._stopper.guard(axis)
        run_up = self._run_up
        if not config.simulated:
            self._operator.confirm(
                f"{axis.name}: the focus is taken to stand at unit {here:g}. It goes {run_up} units back "
                f"beyond the first frame, then from unit {plan.start} to {plan.end}. Keep your hands off the "
                "focus ring until the run has ended."
            )
        self._stopper.check()
        if state is not None and watch.look is not None:
            state.keep(None, far, watch.look)  # a run that is killed leaves no count behind
        axis.set_reference(here)
        self._session.journal.append(
            "reference_set", by="here", position_units=round(here), trust=axis.position().trust.value
        )
        approached = Approached(axis, Approach(plan.direction, float(run_up)))

        def move_to(target: float) -> AxisPosition:
            try:
                reached = approached.move_to(target)
                return reached if self._rehearsed else self._rehearse(axis, approached, target)
            except EndOfTravelError as err:
                if self._runner is None or not self._runner.state.saved:
                    raise
                self._bus.publish(Note(f"{err}; the stack ends with the frames that there are", "warning"))
                raise EndOfStack from err

        return Ready(axis, camera, move_to, locked)

    def _rehearse(self, axis: LensAxis, approached: Approached, target: float) -> AxisPosition:
        """Before the first frame, its run-up done: see whether steps are seen, say so, and come back."""
        self._rehearsed = True
        plan = self._lens_plan
        step = self._least_step
        left = abs(plan.positions[-1] - round(target)) // step if step else 0
        if not left or step >= self._run_up:
            return axis.position()  # the run-up was seen, and is no longer
        visible = axis.rehearse(step * plan.direction, left)
        if visible > step:
            together = math.ceil(visible / step)
            self._bus.publish(
                Note(
                    f"steps of {step} drive unit{'s' if step > 1 else ''} are too small to be seen in live "
                    f"view one by one: whether the lens follows is seen after up to {together} of them, so "
                    f"the last {together} frames may rest on trust",
                    "warning",
                )
            )
        return approached.move_to(target)

    def _where(self, state: LensState | None, watch: LiveWatch, here: float) -> tuple[float, int | None]:
        """The unit at which the focus stands: as the operator says, else as counted; and the far mark."""
        if state is None:
            return here, None
        watch.settle()
        kept, why = state.valid(watch)
        if self._options.here_is_mm is not None:
            return here, None
        if kept is None or kept.units is None:
            raise UserError(how_to_go_on(self._session, why))
        return float(kept.units), kept.far

    @property
    def _run_up(self) -> int:
        return self._lens_plan.run_up_units or self._config.lens.focus_run_up

    @property
    def _least_step(self) -> int:
        """Units between neighbours; 0 with one frame."""
        return min((abs(b - a) for a, b in itertools.pairwise(self._lens_plan.positions)), default=0)

    @property
    def _lens_plan(self) -> LensPlan:
        assert isinstance(self._plan, LensPlan)
        return self._plan

    def _run_settings(self) -> RunSettings:
        timing = self._plan.timing
        return replace(
            super()._run_settings(),
            settle_s=lambda _units: timing.settle_s,
            # The body is asked for live view and drives while the lens moves: the frame is here before.
            overlap_download=False,
            # Going back would be a reversal, and what is counted does not hold over one.
            return_to_start=False,
        )

    def _drive_s(self) -> float:
        """As seen until now: bench seconds."""
        step = self._least_step
        return self._axis.step_time_s(step) * self._clock.scale if self._axis and step else 0.0

    def _live(self, teardown: ExitStack, runner: Runner) -> LiveStacker:
        stops, shots = self._lens_plan.stops, self._lens_plan.shots
        self._driven = DrivePace({i: unit for i, unit in enumerate(stops) if shots.is_base(i)})
        self._bus.subscribe(self._driven)
        return super()._live(teardown, runner)

    def _stack(self, live: LiveStacker) -> Path | None:
        path = super()._stack(live)
        shortfall = self._driven.shortfall() if self._driven else None
        if self._driven and shortfall and shortfall.short:
            self._session.journal.append("drives_came_out_short", **asdict(shortfall))
            self._bus.publish(Note(self._driven.told(shortfall), "warning"))
        return path

    def _geometry(self) -> LiveGeometry:
        """Nothing is known of positions in mm: the stacker finds the breathing in the frames."""
        plan = self._lens_plan
        return LiveGeometry((), None, plan.frames, near_first=plan.direction > 0)

    def _note_drive(self, axis: LensAxis, watch: LiveWatch, state: LensState | None, far: int | None) -> None:
        """Journal what was measured of the drive, and keep the count where it is known."""
        place = axis.position()
        try:
            if axis.is_measured:
                self._session.journal.append("drive_measured", pause_s=axis.pause_s)
            if state and place.trust is not PositionTrust.UNKNOWN and watch.look is not None:
                watch.settle()
                state.keep(round(place.value), far, watch.look)
        except RigError:
            return  # the run ends for the reason that it ends for

    def _where_left(self) -> dict[str, float | None]:
        """A place that nobody knows is not written."""
        left = self._axis.position() if self._axis else None
        known = left is not None and left.trust is not PositionTrust.UNKNOWN
        return {"position_units": left.value if left is not None and known else None}
