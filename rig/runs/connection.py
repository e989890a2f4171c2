"""Connecting the devices of a configuration, in the order that is safe, for whatever is then done with them.

A stack and a calibration take the same way: the port is held against other rigs, the axis is guarded by the
stopper before it can move, and everything that is opened is let go of again, whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

from rig.axes.base import CanLock, FocusAxis, HasShutterOutput, PositionTrust
from rig.axes.registry import ByHand, RailSettings, open_axis, open_for_setup
from rig.cameras.base import Camera, Firing, LockRequest
from rig.cameras.registry import open_camera
from rig.clock import Clock
from rig.closing import on_failure
from rig.config import RigConfig
from rig.errors import Interrupted, PositionUnknownError, RigError, UserError
from rig.events import EventBus, Note
from rig.grey import with_grey
from rig.preflight import lock_exposure
from rig.rails.port import find_port
from rig.rails.state import SAME_MM, RailState
from rig.runs.operator import Operator
from rig.runs.stopping import Stopper
from rig.runs.subject import confirm_direction
from rig.session import Session
from rig.simulate import Bench
from rig.state import NoCount, PositionCount, RigLock

__all__ = ["Connection", "open_rail_axis"]


def open_rail_axis(
    config: RigConfig,
    port: str | None,
    clock: Clock,
    operator: Operator,
    tell: Callable[[str], None],
    *,
    to_set_up: bool = False,
) -> FocusAxis:
    """Connect to the configured rail, also where its port has another name now.

    Parameters
    ----------
    port : str or None
        That of a simulated rail; None for the configured one.
    operator : Operator
        Turns a crank.
    tell : callable
        Is given a sentence for the operator when the port has another name.
    to_set_up : bool
        The controller's settings may contradict the configuration, as they are to be written; nothing moves.
    """

    def opened(settings: RailSettings) -> FocusAxis:
        if to_set_up:
            return open_for_setup(settings, clock)
        tally = NoCount() if config.simulated else PositionCount(config.rail.name)
        return open_axis(settings, clock, ByHand(operator, tally))

    settings = config.rail.settings(port)
    if config.simulated or config.rail.by_hand:
        return opened(settings)
    state = RailState.of(config.rail)
    found = find_port(config.rail, state)
    if found.moved is not None:
        tell(found.moved)
    axis = opened(replace(settings, port=found.device))
    with on_failure(axis.close):
        state.keep_usb(found.usb)
    return axis


class Connection:
    """Opens, references and locks the devices of one run; what is done goes into the session's journal.

    Parameters
    ----------
    config : RigConfig
        Of rail and camera.
    session : Session
        Whose journal is told.
    operator : Operator
        Is asked what no device can tell.
    stopper : Stopper
        Guards the axis.
    bus : EventBus
        Is told of warnings.
    clock : Clock
        Of the devices.
    teardown : ExitStack
        Everything opened is let go of when it closes, last opened first.

    Attributes
    ----------
    keeps_position : bool
        Whether the next command is told where the rail was left; not when it counts from elsewhere than this.
    """

    def __init__(
        self,
        config: RigConfig,
        session: Session,
        operator: Operator,
        stopper: Stopper,
        bus: EventBus,
        clock: Clock,
        teardown: ExitStack,
    ) -> None:
        self._config, self._session, self._operator = config, session, operator
        self._stopper, self._bus, self._clock = stopper, bus, clock
        self._teardown = teardown
        self._axis: FocusAxis | None = None
        self.keeps_position = True

    def ports(self, order: dict[str, Any], hold: str | None = None) -> tuple[str | None, str | None]:
        """Port names of a bench that plays the order; None for the configured ones, now held for us alone.

        `hold` is what is held instead of the rail.
        """
        config, session = self._config, self._session
        if not config.simulated:
            what = hold or (config.rail.name if config.rail.by_hand else config.rail.port)
            assert what is not None  # check_real_hardware has seen to it
            self._teardown.enter_context(RigLock(what, f"session {session.folder.name}"))
            return None, None
        untethered = config.camera.driver != "gphoto2"
        if untethered:
            order["simulator"].setdefault("folder", str(session.folder.absolute() / "SIMULATED_card"))
        bench = Bench(order)
        session.journal.append("bench_started", order=order, about=bench.about)
        self._teardown.callback(lambda: session.journal.append("bench_closed", **bench.close()))
        return bench.rail_port, order["simulator"]["folder"] if untethered else bench.camera_port

    def open_axis(self, port: str | None) -> FocusAxis:
        """Connect the rail, and guard it."""
        self._stopper.check()
        axis = open_rail_axis(
            self._config,
            port,
            self._clock,
            self._operator,
            lambda text: self._bus.publish(Note(text, "warning")),
        )
        self._teardown.callback(axis.close)
        self._teardown.callback(self._stopper.release)
        self._axis = axis
        self._stopper.guard(axis)
        self._stopper.check()
        for warning in axis.warnings:
            self._bus.publish(Note(warning, "warning"))
        return axis

    def open_camera(self, port: str | None, *, drives_lens: bool = False) -> Camera:
        """Connect the camera."""
        settings = replace(self._config.camera.settings(port), drives_lens=drives_lens)
        camera = open_camera(settings, self._clock, self._firing())
        self._teardown.callback(camera.close)
        return camera

    def _firing(self) -> Firing:
        """How a body without a tether is fired: through the rail when it is configured, else by a person."""
        stopped = self._stopper.event.is_set
        press = None
        if self._config.rail.shutter is not None:
            if not isinstance(self._axis, HasShutterOutput):
                raise UserError(
                    f"the driver {self._config.rail.driver} has no shutter output: [rail.shutter]"
                )
            press = self._axis.press_shutter
        elif self._config.simulated and self._config.camera.driver != "gphoto2":
            raise UserError(
                "nobody can press the simulated camera's button: a rehearsal of a body without a tether "
                'needs [rail.shutter], or driver = "gphoto2"'
            )

        def ask(question: str) -> None:
            self._operator.check_present()
            if self._operator.answer(f"{question}, press Enter", stopped) is None:
                raise Interrupted()

        return Firing(press, lambda text: self._bus.publish(Note(text)), ask, stopped)

    def recalled_mm(self, axis: FocusAxis, otherwise_mm: float, *, needed: bool) -> float:
        """Where the rail stands, as kept from the last command and confirmed by its controller's count.

        Parameters
        ----------
        otherwise_mm : float
            What it is taken to be when nothing that is kept speaks against it; else the operator is asked.
        needed : bool
            The operator is asked in any case when what is kept does not hold any more.

        Raises
        ------
        UserError
            When nobody can be asked.
        """
        rail = self._config.rail
        if self._config.simulated or rail.reference == "home":
            return otherwise_mm
        if rail.counted:
            return self._counted_mm(axis, otherwise_mm)
        state = RailState.of(rail)
        why = state.recall(axis)
        if why is None:
            return axis.position().value
        if needed:
            return self._ask_as_before(otherwise_mm, why)
        return otherwise_mm if state.may_stand_at(axis, otherwise_mm) else self._ask_where(axis, f"{why}.")

    def _ask_as_before(self, otherwise_mm: float, why: str) -> float:
        """Ask where the carriage stands, for positions that are counted as they were before."""
        last = self._session.last_position()
        if last is None:
            return self._operator.ask_position_mm(
                f"The stack counts from where the rail was left, {otherwise_mm:g} mm, but that is not sure "
                f"any more: {why}. Where does the carriage stand?"
            )
        # What is kept of a rail is as old as the start of a run that crashed: it has moved since.
        return self._operator.ask_position_mm(
            f"This session last knew the carriage to be {last.text}. The position kept of the rail, "
            f"{otherwise_mm:g} mm, is not sure any more: {why}. Where does it stand, counted as in the "
            "first run?"
        )

    def _counted_mm(self, axis: FocusAxis, otherwise_mm: float) -> float:
        """Where a rail stands that cannot be asked: a motor where it was counted last, as it holds by itself.

        A crank may have been turned since: only where it is taken to be is not asked.
        """
        counted = PositionCount(self._config.rail.name).read()
        if counted is None or (counted.holds and abs(counted.position_mm - otherwise_mm) < SAME_MM):
            return otherwise_mm
        if not counted.holds:
            return self._ask_where(axis, f"it was last {counted.text}.")
        if self._config.rail.by_hand:
            return self._ask_where(
                axis, f"it was left at {counted.text} (--here-is last), and may have been turned since."
            )
        return counted.position_mm

    def _ask_where(self, axis: FocusAxis, why: str) -> float:
        """An unknown position is nothing that a yes, or ``--yes``, can stand for."""
        homes = " A rail that has a switch finds it by rig rail home." if axis.capabilities.can_home else ""
        return self._operator.ask_position_mm(
            f"Where the {axis.name} stands is not known: {why}{homes} Where does it stand, counted from "
            "position 0?"
        )

    def _keep(self, axis: FocusAxis) -> None:
        state = RailState.of(self._config.rail)
        with suppress(RigError):  # the run ends for the reason that it ends for
            if self.keeps_position:
                state.keep(axis)
                return
            state.forget()
            if self._config.rail.counted:
                PositionCount(self._config.rail.name).lost(axis.position().value)

    def reference(self, axis: FocusAxis, here_is_mm: float) -> None:
        """Let the axis know where it stands.

        Raises
        ------
        PositionUnknownError
            When it does not know then.
        UserError
            When nobody has ever seen that it goes the right way, or somebody sees that it does not.
        """
        if self._config.rail.reference == "home":
            with self._stopper.motion():
                axis.home()
        else:
            self._unlocked(axis)
            self._say_where(axis, here_is_mm)
        position = axis.position()
        if not self._config.simulated and not self._config.rail.by_hand:
            self._keep(axis)  # now, too: a crash must not leave what was kept before to be believed
            self._teardown.callback(self._keep, axis)
        if position.trust is PositionTrust.UNKNOWN:
            raise PositionUnknownError(f"{axis.name} does not know where it stands; nothing is moved")
        if not self._config.simulated and not self._config.rail.by_hand:
            RailState.of(self._config.rail).set_off()
        self._session.journal.append(
            "reference_set",
            by=self._config.rail.reference,
            position_mm=position.value,
            trust=position.trust.value,
        )
        self.confirm_direction(axis)

    def _say_where(self, axis: FocusAxis, here_is_mm: float) -> None:
        rail, before = self._config.rail, axis.position()
        axis.set_reference(here_is_mm)
        known = before.trust is not PositionTrust.UNKNOWN and abs(before.value - here_is_mm) <= SAME_MM
        if not known and self.keeps_position and not self._config.simulated and not rail.by_hand:
            RailState.of(rail).counts_anew()

    def confirm_direction(self, axis: FocusAxis) -> None:
        """See that a real rail goes the way that its configuration says, if nobody has seen it before."""
        if self._config.simulated:
            return
        state = RailState.of(self._config.rail)
        if confirm_direction(self._config, axis, self._operator, self._stopper, state):
            self._session.journal.append(
                "direction_confirmed", towards_subject=self._config.rail.towards_subject
            )

    def _unlocked(self, axis: FocusAxis) -> None:
        """A controller that is in alarm is unlocked only because somebody says so."""
        why = axis.locked if isinstance(axis, CanLock) else None
        if why is None or not isinstance(axis, CanLock):
            return
        if not self._config.simulated:
            self._operator.confirm(f"{why} Is the way free, and may it be unlocked?")
        axis.unlock()
        self._session.journal.append("unlocked", why=why)

    def lock(self, camera: Camera, request: LockRequest) -> dict[str, str | None]:
        """Make the camera manual and fixed, to be put back at the end; returns what is set now.

        Raises
        ------
        CameraError
            When a setting that would change between frames cannot be fixed.
        """
        self._teardown.callback(camera.restore)
        grey = None
        if request.white_balance is not None:
            request, grey = with_grey(request, camera.describe())
        report = lock_exposure(camera, request)
        if report.to_ask:
            told = "; ".join(f"{setting.name}: {setting.message}" for setting in report.to_ask)
            question = f"The camera cannot tell everything. Is this so? {told}"
            if not self._config.simulated:
                self._operator.confirm(question)
            else:
                self._bus.publish(Note(question))
        settings = {s.name: s.after for s in report.settings}
        self._session.journal.append(
            "preflight",
            camera=vars(camera.describe()),
            settings=settings,
            verdicts={s.name: s.verdict.value for s in report.settings},
            **({} if grey is None else {"grey": grey.model_dump(mode="json")}),
        )
        if grey is not None and grey.left_over:
            self._bus.publish(Note(grey.left_over, "warning"))
        return settings
