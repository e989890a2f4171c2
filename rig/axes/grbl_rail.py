"""What the commands for setting a rail up ask of a GRBL controller beyond moving it for a stack: jogging,
counting from elsewhere, its own count, its firmware and settings.
"""

from __future__ import annotations

import time

from rig.axes.base import EPSILON_MM, AxisPosition, JogReport, PositionTrust
from rig.axes.grbl import GrblAxis
from rig.axes.grbl_carriage import REPORT_MM
from rig.axes.grbl_link import ACKNOWLEDGE_S
from rig.axes.grbl_protocol import StatusReport
from rig.axes.registry import RailSettings
from rig.clock import Clock
from rig.closing import on_failure
from rig.errors import MotionError, PositionUnknownError

__all__ = ["GrblRail", "open_grbl", "open_grbl_for_setup"]

_REPORT_MM = REPORT_MM + EPSILON_MM
_BRAKE_S = 1.5
"""Real seconds for a controller to take a jog's cancel, beyond the time that braking takes."""
_POLL_S = 0.01


def open_grbl(settings: RailSettings, clock: Clock) -> GrblRail:
    """Driver entry for the registry."""
    return GrblRail(settings, clock)


def open_grbl_for_setup(settings: RailSettings, clock: Clock) -> GrblRail:
    """A rail whose controller's settings may contradict the configuration: they are to be written."""
    return GrblRail(settings, clock, checked=False)


class GrblRail(GrblAxis):
    """A GRBL rail that can be jogged (`CanJog`, `CanRezero`, `KeepsCount` and `HasController`).

    Jogs are GRBL's own (``$J=``), to positions that lie inside the limits before they are sent: whatever is
    typed, and whatever happens to this program, the carriage ends inside. ``0x85`` brakes and forgets them.
    Parameters and errors as of `GrblAxis`.
    """

    _rests_at: float | None = None  # machine position of the last target; reports have only three decimals
    _jogs_to: float | None = None  # the same of the last jog; None once it was ended from here

    def position(self) -> AxisPosition:
        """Where the rail is now, to the microstep while it stands where it was sent."""
        reported = super().position()
        if reported.trust is PositionTrust.UNKNOWN or self._rests_at is None:
            return reported
        exact = self._to_rail(self._rests_at)
        return AxisPosition(
            exact if abs(exact - reported.value) <= _REPORT_MM else reported.value, reported.trust
        )

    def _travel(self, target: float, speed_mm_s: float) -> float:
        self._rests_at = None
        self._rests_at = super()._travel(target, speed_mm_s)
        return self._rests_at

    # --- jogging --------------------------------------------------------------------------------------

    def jog_to(self, position: float) -> None:
        """Begin to move to a position in mm, or go on to it after the jogs before; returns at once.

        Raises
        ------
        MotionError
            When its state lets nothing move.
        """
        self._check_open()
        self.limits.check(position)
        target = self._machine_target(position, self._known_offset())
        self._rests_at = None
        if not self._jogging:
            self._send_modal()
            report, _ = self._link.where()
            if report.state != "Idle":
                raise MotionError(f"the {self.name} is not ready: its state is {report.state}")
            self._begin()
            self._jogging = True
        with on_failure(self._halt):
            # Everything that a jog depends on is in its line, whatever mode the controller is in.
            self._link.command(f"$J=G53G21G90X{target:.5f}F{self.speed_mm_s * 60.0:.3f}", ACKNOWLEDGE_S)
        self._jogs_to = target

    def jog_report(self) -> JogReport:
        """Where the rail is, and whether a jog still moves it.

        Raises
        ------
        MotionError
            When it was stopped, from here or from elsewhere.
        """
        self._check_open()
        if not self._jogging:
            return JogReport(self.position(), moving=False)
        if self._stop.is_set():
            self._halt()
            raise MotionError(f"the {self.name} was stopped")
        with on_failure(self._halt):
            report, machine = self._link.where()
            short = report.state == "Idle" and not self._jog_arrived(report, machine)
            if short:  # between two jogs it may say so for an instant
                report, machine = self._link.where()
                short = report.state == "Idle" and not self._jog_arrived(report, machine)
        if report.state == "Idle":
            self._jogging = False
            self._end()  # raises when it was stopped by `stop`
        position = AxisPosition(self._to_rail(machine), PositionTrust.TRUSTED)
        if short:
            raise MotionError(f"the {self.name} was stopped from elsewhere, at {position.value:.3f} mm")
        return JogReport(position, moving=self._jogging)

    def _jog_arrived(self, report: StatusReport, machine: float) -> bool:
        """Whether it rests where it was to: a hold ends a jog as its target does, in state Idle."""
        return self._jogs_to is None or self._is_at(self._jogs_to, report, machine)

    def end_jog(self) -> AxisPosition:
        """Brake, forget the jogs, and return where the rail came to rest.

        Raises
        ------
        MotionError
            When it did not brake, and was reset.
        """
        if not self._jogging:
            return self.position()
        braking_s = self.speed_mm_s / self._controller[120] / self._clock.scale
        deadline = time.monotonic() + _BRAKE_S + 2.0 * braking_s
        self._jogs_to = None
        self._link.cancel_jog()
        while (report := self.jog_report()).moving:
            if time.monotonic() > deadline:
                self._halt()
                raise MotionError(f"the {self.name} did not end its jog; it was reset")
            time.sleep(_POLL_S)
        return report.position

    def _move(self, position: float, speed_mm_s: float) -> AxisPosition:
        if self._jogging:
            self.end_jog()
        return super()._move(position, speed_mm_s)

    # --- counting -------------------------------------------------------------------------------------

    @property
    def count_survived(self) -> bool:
        """Whether the controller went on counting while the connection was made."""
        return not self._link.restarted

    def count(self) -> float | None:
        """The machine position, mm as the controller counts; None while it is in alarm."""
        self._check_open()
        self._notice_faults()
        report, machine = self._link.steady()
        if report.state == "Alarm":
            return None
        at = self._rests_at
        return at if at is not None and abs(at - machine) <= _REPORT_MM else self._on_grid(machine)

    def recall(self, count: float, position: float) -> None:
        """The rail stands at `position` where the machine position is `count`, and stands there now."""
        self.set_reference(position)
        self._rests_at, self._offset_mm = count, position - self._settings.sign * count

    def rezero(self, position: float) -> None:
        """Call the place where the rail stands `position`; limits and home are renumbered with it.

        Raises
        ------
        PositionUnknownError
            When nothing says where it stands.
        """
        self.end_jog()
        here = self.position()
        if here.trust is PositionTrust.UNKNOWN or self._offset_mm is None:
            raise PositionUnknownError(f"the {self.name} does not know where it is: {self._lost}")
        shift_mm = position - here.value
        self._settings = self._settings.renumbered(shift_mm)
        self._offset_mm += shift_mm

    # --- the controller -------------------------------------------------------------------------------

    def firmware(self) -> str:
        """Name and version, as the build info says."""
        self._check_open()
        return self._link.build()

    def settings(self) -> dict[int, float]:
        """Its ``$`` settings, as read when the connection was made."""
        return dict(self._controller)
