"""Setting a stack up with one connection: the rail jogged, its ends marked, the travel rehearsed, then shot.

Nothing is reopened between zero and shoot: opening the port of an Arduino resets it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from rig.axes.base import HasShutterOutput, JogReport
from rig.axes.motion import Approach, travel_envelope
from rig.cameras.base import Camera, Firing
from rig.cameras.gphoto import GPhotoCamera
from rig.cameras.preview import BodyLiveView
from rig.cameras.registry import open_camera
from rig.closing import on_failure
from rig.config import LoadedConfig
from rig.errors import UserError
from rig.events import Subscriber
from rig.liveview.background import BackgroundView
from rig.liveview.looks import Looks
from rig.liveview.run import served
from rig.plan import StackPlan
from rig.planning.axis import plan_asked_for
from rig.planning.lens_plan import LensPlan
from rig.preflight import check_travel, free_room
from rig.rails.alone import connected
from rig.rails.held import HeldRail, check_motor
from rig.rails.jogging import STEPS_MM, Jogger
from rig.rails.state import with_limits
from rig.runs.held import HeldDevices
from rig.runs.operator import Operator
from rig.runs.shoot import Outcome, ShootOptions, shoot
from rig.runs.stopping import Stopper
from rig.tether import FiledFrame, Tethered, shoot_one

__all__ = ["SetUp", "set_up"]


class SetUp:
    """A rail and a camera that are held while a stack is set up and shot.

    Parameters
    ----------
    rail : HeldRail
        Knows where it stands.
    camera : Camera
        Connected, not locked.
    jogger : Jogger
        Of the rail.
    view : BackgroundView or None
        The camera's live view, when it has one.
    address : str or None
        Where it is seen.

    Attributes
    ----------
    near_mm, far_mm : float or None
        The marks.
    """

    def __init__(
        self,
        rail: HeldRail,
        camera: Camera,
        jogger: Jogger,
        view: BackgroundView | None = None,
        address: str | None = None,
    ) -> None:
        self.rail, self.jogger, self.view, self.address = rail, jogger, view, address
        self._camera = camera
        self.near_mm: float | None = None
        self.far_mm: float | None = None
        self._way: deque[float] = deque()
        self._leg_mm = 0.0  # where a rehearsal was sent last

    # --- where the stack lies -------------------------------------------------------------------------

    def mark(self, which: Literal["near", "far"]) -> float:
        """Mark where the rail stands as an end of the stack; a rail that moves is stopped first."""
        self.stop()
        position_mm = self.rail.where().value
        if which == "near":
            self.near_mm = position_mm
        else:
            self.far_mm = position_mm
        return position_mm

    def zero(self) -> None:
        """Call the place where the rail stands 0; marks and limits stay where they are on the bench."""
        self.stop()
        shift_mm = self.rail.zero().shift_mm
        for name in ("near_mm", "far_mm"):
            marked = getattr(self, name)
            if marked is not None:
                setattr(self, name, None if shift_mm is None else marked + shift_mm)

    @property
    def loaded(self) -> LoadedConfig:
        """The configuration, with the limits as they are counted now."""
        limits = self.rail.axis.limits
        return with_limits(self.rail.loaded, (limits.low, limits.high), self.rail.zero_mm)

    def plan(self, asked: Mapping[str, Any], *, calibrated: bool = True) -> StackPlan:
        """Plan the stack between the marks.

        Parameters
        ----------
        asked : mapping
            The options of a plan as typed, but for the ends.

        Raises
        ------
        UserError
            When an end is missing, or as `rig.planning.rail.plan_for`.
        """
        ends = {"near": self.near_mm, "far": self.far_mm}
        counted = asked.get("frames") is not None and str(asked.get("step")).strip().lower() != "auto"
        missing = [name for name, mm in ends.items() if mm is None and not (name == "far" and counted)]
        if missing:
            raise UserError(
                f"the {' and the '.join(missing)} end {'is' if len(missing) == 1 else 'are'} not marked yet: "
                "jog there, then n marks near and f marks far"
            )
        start, end = (None if mm is None else f"{mm:.9f}mm" for mm in ends.values())
        disk = None if self.rail.config.simulated else free_room(self.rail.config.session.folder)
        plan = plan_asked_for(
            self.loaded, "rail", {**asked, "start": start, "end": end}, calibrated=calibrated, disk=disk
        )
        assert not isinstance(plan, LensPlan)
        return plan

    # --- moving ---------------------------------------------------------------------------------------

    def rehearse(self, plan: StackPlan) -> None:
        """Begin to travel as the stack will: run-up, first position, last position, and back."""
        self.stop()
        approach = Approach(direction=plan.direction, run_up_mm=plan.run_up_mm)
        check_travel(travel_envelope(plan.positions_mm, approach), self.rail.axis.limits)
        first, last = plan.positions_mm[0], plan.positions_mm[-1]
        self._way = deque([approach.start_mm(first), first, last, first])
        self._set_off()

    def _set_off(self) -> None:
        self._leg_mm = self._way.popleft()
        self.jogger.go_to(self._leg_mm)

    def stop(self) -> None:
        """Stop whatever moves, and forget the rest of a rehearsal."""
        self._way.clear()
        self.jogger.stop()

    def look(self) -> JogReport:
        """How the motion is getting on; sends a rehearsal on its way to the next place.

        Raises
        ------
        MotionError
            When it was stopped from elsewhere, or failed. A rehearsal does not go on then, as after a step
            by hand: whoever stopped it has a reason.
        """
        with on_failure(self._way.clear):
            report = self.jogger.report()
            if self.jogger.target_mm != self._leg_mm:
                self._way.clear()
            if self._way and not report.moving:
                self._set_off()
                return JogReport(report.position, moving=True)
        return report

    @property
    def rehearsing(self) -> bool:
        """Whether there is something left to travel."""
        return bool(self._way)

    # --- taking frames --------------------------------------------------------------------------------

    @contextmanager
    def _body_free(self) -> Iterator[None]:
        if self.view is None:
            yield
        else:
            with self.view.paused():
                yield

    def test_frame(self, folder: Path) -> tuple[FiledFrame, ...]:
        """Take a frame where the rail stands, with the configured exposure, and keep it.

        Raises
        ------
        CameraError
            When none came.
        UserError
            When the camera is not one that can be asked for a frame.
        """
        if not isinstance(self._camera, GPhotoCamera):
            raise UserError("this camera cannot be asked for a frame; shoot takes a test frame where it can")
        self.stop()
        config = self.rail.config
        with self._body_free():
            _, frames = shoot_one(Tethered(self._camera, config.simulated), config.lock_request(), folder)
        return frames

    def shoot(
        self,
        plan: StackPlan,
        options: ShootOptions,
        operator: Operator,
        subscribers: Sequence[Subscriber] = (),
        *,
        name: str | None = None,
        folder: Path | None = None,
    ) -> Outcome:
        """Shoot the plan on this connection; parameters and errors as of `rig.runs.shoot.shoot`."""
        self.stop()
        here = self.rail.where().value
        devices = HeldDevices(self.rail.axis, self._camera, self.rail.bench)
        with self._body_free():
            return shoot(
                self.loaded,
                plan,
                replace(options, here_is_mm=here),
                operator,
                self.rail.stopper,
                subscribers,
                name=name,
                folder=folder,
                devices=devices,
            )


@contextmanager
def set_up(
    loaded: LoadedConfig,
    operator: Operator,
    stopper: Stopper,
    *,
    here_is_mm: float | None = None,
    home: bool = False,
    unlock: bool = False,
    address: str | None = "0",
    looks: Looks | None = None,
    steps_mm: tuple[float, ...] = STEPS_MM,
) -> Iterator[SetUp]:
    """Connect rail and camera once, for everything that follows.

    Parameters
    ----------
    here_is_mm : float, optional
        Where the carriage stands; the operator is asked when neither this nor the controller's count says.
    home : bool
        Home the rail first.
    unlock : bool
        As of `rig.rails.alone.connected`.
    address : str or None
        Of live view; None for none.
    looks : Looks, optional
        What is drawn into it.

    Raises
    ------
    InUseError
        When another rig holds the port.
    HardwareError
        When rail or camera are not there.
    """
    check_motor(loaded.config)
    with (
        connected(
            loaded,
            "rig live",
            operator,
            stopper,
            here_is_mm=here_is_mm,
            pictures=True,
            unlock=unlock,
        ) as rail,
        ExitStack() as teardown,
    ):
        if home:
            rail.home()
        rail.ask_where()
        settings = rail.config.camera.settings(rail.camera_port)
        press = rail.axis.press_shutter if _fires(rail) and isinstance(rail.axis, HasShutterOutput) else None
        camera = open_camera(settings, rail.clock, Firing(press, stopped=stopper.event.is_set))
        teardown.callback(camera.close)
        view = server = None
        if isinstance(camera, GPhotoCamera) and address is not None:
            feed, server = teardown.enter_context(served(address))
            assert feed is not None
            simulated = rail.config.simulated or camera.describe().simulated
            drawn = replace(looks or Looks(), simulated=simulated)
            view = BackgroundView(BodyLiveView(camera), drawn, feed)
            teardown.callback(view.stop)
            view.start()
        jogger = teardown.enter_context(rail.jogged(steps_mm))
        yield SetUp(rail, camera, jogger, view, None if server is None else server.address)


def _fires(rail: HeldRail) -> bool:
    return rail.config.rail.shutter is not None
