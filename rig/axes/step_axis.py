"""Rails on controllers that count whole microsteps: what they share beyond their protocols.

A driver is then the conversation with its controller (`rig.axes.step_link.StepLink`), and a function that
opens it.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable

from rig.axes.base import AxisCapabilities, AxisLimits, AxisPosition, PositionTrust
from rig.axes.following import StoppedError
from rig.axes.registry import RailSettings
from rig.axes.step_link import StepLink
from rig.clock import Clock
from rig.errors import HardwareError, PositionUnknownError, UserError

__all__ = ["CountingAxis", "StepAxis"]


class StepAxis:
    """A rail on a controller that counts microsteps (`rig.axes.base.FocusAxis`).

    Positions are kept on the host: a reference ties a count to a position of the rail, and every target is
    rounded to a microstep from its own value, so nothing adds up. The count of a controller that cannot be
    asked is kept here and, through the tally of the settings, on disk: a move that was not finished, for
    whatever reason, leaves both its ends there and no position.

    Parameters
    ----------
    settings : RailSettings
        The rail.
    clock : Clock
        Of the bench.
    connect : callable
        Makes the link; is given what the link asks whether a stop was asked for.

    Raises
    ------
    UserError
        When the controller cannot be asked where it stands and nobody keeps the count.
    HardwareError
        When the controller is absent or another than expected.
    """

    def __init__(
        self,
        settings: RailSettings,
        clock: Clock,
        connect: Callable[[Callable[[], bool]], StepLink],
    ) -> None:
        self._settings, self._clock = settings, clock
        self._stop = threading.Event()
        self._turn = threading.RLock()  # of `stop` and the move in hand; re-entrant for signal handlers
        self._moving = self._closed = False
        self._offset_mm: float | None = None  # rail position of count 0; None while unknown
        self._at = 0  # the count where it was left
        self._lost = "it was not told where it stands since the connection was made"
        self._link = connect(self._stop.is_set)
        self._tally = None if self._link.reports_position else settings.tally
        if not self._link.reports_position and self._tally is None:
            self._link.close()
            raise UserError(
                f"the {self.name} cannot be asked where it stands, and this command does not keep its count"
            )

    # --- what it is -----------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """E.g. ``"WeMacro rail on /dev/ttyUSB0"``."""
        return self._link.name

    @property
    def capabilities(self) -> AxisCapabilities:
        """Exact mm, in microsteps."""
        link = self._link
        homes = link.can_home and self._settings.home_mm is not None
        return AxisCapabilities("mm", 1.0 / self._settings.steps_per_mm, can_home=homes)

    @property
    def limits(self) -> AxisLimits:
        """Allowed positions, mm."""
        return self._settings.limits

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the link has to say."""
        return self._link.warnings

    # --- where it is ----------------------------------------------------------------------------------

    def position(self) -> AxisPosition:
        """Where the rail is now; its value is NaN while the trust is unknown."""
        self._check_open()
        self._notice_faults()
        at = self._where()
        if self._offset_mm is None:
            return AxisPosition(math.nan, PositionTrust.UNKNOWN)
        return self._here(at)

    def set_reference(self, position: float) -> None:
        """Declare where the rail stands."""
        self._check_open()
        self.limits.check(position, "the reference position")
        self._link.ready()
        self._link.take_fault()  # whatever happened before is settled by the new reference
        self._refer(position)

    def rezero(self, position: float) -> None:
        """Call the place where the rail stands `position`; limits and home are renumbered with it.

        Raises
        ------
        PositionUnknownError
            When nothing says where it stands.
        """
        here = self.position()
        if here.trust is PositionTrust.UNKNOWN or self._offset_mm is None:
            raise PositionUnknownError(f"the {self.name} does not know where it is: {self._lost}")
        shift_mm = position - here.value
        self._settings = self._settings.renumbered(shift_mm)
        self._offset_mm += shift_mm
        self._stands()

    def home(self) -> None:
        """Run the controller's own search for its reference; raises UserError when it has none."""
        self._check_open()
        home_mm = self._settings.home_mm
        if not self._link.can_home:
            raise UserError(f'the {self.name} finds no home position by itself: write reference = "here"')
        if home_mm is None:
            raise UserError("the configuration does not say where the rail stands after homing ([rail] home)")
        self._forget("homing did not end")
        self._drive(self._link.home)
        self._end()
        self._link.take_fault()
        self._refer(home_mm)

    def _refer(self, position: float) -> None:
        self._at = self._link.where() if self._link.reports_position else 0
        self._offset_mm = position - self._settings.sign * self._at / self._settings.steps_per_mm
        self._stands()

    def _where(self) -> int:
        """The count; one that is another than it was left at is nothing to go by."""
        if not self._link.reports_position:
            return self._at
        at = self._link.where()
        if self._offset_mm is not None and at != self._at:
            off_mm = abs(at - self._at) / self._settings.steps_per_mm
            self._forget(
                f"its count is {off_mm:.4g} mm from where it was left, so it was moved from elsewhere or "
                "restarted"
            )
        self._at = at
        return at

    def _here(self, at: int) -> AxisPosition:
        asked = self._link.reports_position
        return AxisPosition(self._to_rail(at), PositionTrust.TRUSTED if asked else PositionTrust.HOST_COUNTED)

    def _to_rail(self, count: int) -> float:
        return self._settings.sign * count / self._settings.steps_per_mm + (self._offset_mm or 0.0)

    # --- moving ---------------------------------------------------------------------------------------

    def move_time_s(self, distance: float) -> float:
        """Shortest time for a move over that distance, bench seconds."""
        return self._link.travel_time_s(round(abs(distance) * self._settings.steps_per_mm))

    def move_to(self, position: float) -> AxisPosition:
        """Move to a position, in mm, and return when the motion has really ended.

        Raises
        ------
        LimitError
            Before anything is sent, when the position lies outside the limits.
        PositionUnknownError
            When nothing says where it stands.
        MotionError
            When the motion did not end as commanded.
        """
        self._check_open()
        self.limits.check(position)
        self._notice_faults()
        start = self._where()
        if self._offset_mm is None:
            raise PositionUnknownError(
                f"the {self.name} does not know where it is: {self._lost}. "
                "Say where it stands, or home it if it can; nothing was moved"
            )
        target = self._settings.count_at(position, self._offset_mm)
        if target != start:
            self._move(start, target)
        return self._here(target)

    def _move(self, start: int, target: int) -> None:
        if self._tally is not None:
            self._tally.turning(self._to_rail(start), self._to_rail(target))
        self._drive(lambda: self._link.travel(start, target))
        self._at = target
        self._stands()
        self._end()

    def _stands(self) -> None:
        if self._tally is not None:
            self._tally.at(self._to_rail(self._at))

    def stop(self) -> None:
        """Stop, at once; from any thread or signal handler. Nothing to stop is no error."""
        with self._turn:
            if self._moving:
                self._stop.set()
                with contextlib.suppress(HardwareError):  # a lost port: the move in hand reports it
                    self._link.send_stop()

    def close(self) -> None:
        """Stop if moving, and let go of the port. May be called twice."""
        self.stop()
        self._closed = True
        self._link.close()

    def _drive(self, motion: Callable[[], None]) -> None:
        """Begin a motion, to be ended by `_end`, and come to rest when it fails."""
        with self._turn:
            self._stop.clear()
            self._moving = True
        try:
            motion()
        except BaseException as err:  # Ctrl-C, too; whether the count is still known depends on what it was
            self._halt(err)
            raise

    def _end(self) -> None:
        """The move is over; a stop that came in its last instant is still answered, the count being known."""
        with self._turn:
            self._moving = False
            stopped = self._stop.is_set()
            self._stop.clear()
        if stopped:
            raise StoppedError(self.name)

    def _halt(self, why: BaseException) -> None:
        """Come to rest, whatever went wrong; never raises.

        Keeps the count only after a stop, and when the controller tells it: what else ended the move may have
        been a restart.
        """
        with self._turn:
            self._moving = False
            failed = isinstance(why, HardwareError) and not isinstance(why, StoppedError)
            doubt = str(why) if failed else None
            self._stop.clear()  # or the waits below would end at once
        try:
            fault = self._link.take_fault()
            at = self._link.halt()
        except HardwareError as err:
            self._forget(str(err))  # the port or the controller is gone: nothing is known any more
            return
        if fault is not None or doubt is not None or at is None:
            self._forget(fault or doubt or "it was stopped in a move, and cannot tell how far it came")
        elif self._offset_mm is not None:
            self._at = at
            self._stands()

    # --- its state ------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closed:
            raise HardwareError(f"the {self.name} is closed")

    def _forget(self, reason: str) -> None:
        self._offset_mm, self._lost = None, reason

    def _notice_faults(self) -> None:
        fault = self._link.take_fault()
        if fault is not None:
            if self._tally is not None and self._offset_mm is not None:
                self._tally.lost(self._to_rail(self._at))
            self._forget(fault)


class CountingAxis(StepAxis):
    """A rail whose controller can be asked for its count, and goes on counting by itself (`KeepsCount`).

    Parameters and errors as of `StepAxis`.
    """

    @property
    def count_survived(self) -> bool:
        """Nothing is known of these controllers to restart when their port is opened."""
        return True

    def count(self) -> float:
        """The controller's count, mm in its own sign."""
        self._check_open()
        return self._where() / self._settings.steps_per_mm

    def recall(self, count: float, position: float) -> None:
        """The rail stands at `position` where the controller counts so, and stands there now."""
        self.set_reference(position)
        self._offset_mm = position - self._settings.sign * count
