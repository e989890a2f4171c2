"""Rails on a GRBL 1.1 or grblHAL controller: most hobby rails, on USB serial or TCP."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from rig.axes.base import EPSILON_MM, AxisCapabilities, AxisPosition, PositionTrust
from rig.axes.grbl_carriage import REPORT_MM, GrblCarriage
from rig.axes.grbl_link import ACKNOWLEDGE_S
from rig.axes.grbl_protocol import StatusReport
from rig.axes.grbl_setup import advice, check, has_homing, proposed
from rig.closing import on_failure
from rig.errors import HardwareError, MotionError, UserError
from rig.kinematics import move_time_s

__all__ = ["GrblAxis"]

_DWELL = "G4P0"
"""Holds its ``ok`` until all motion has ended. Any time above 0 is rounded up to 50 ms by the firmware."""
_ARRIVE_S = 1.0
"""Real seconds from the end of the dwell to a report of Idle on target; milliseconds on a working rail."""
_SLOW = 1.5
"""A controller's own clock and ramp rounding: moves may take that much longer than computed."""
_OUTPUTS = {"coolant": ("M8", "M9"), "spindle": ("M3", "M5")}
"""Lines that switch an output on and off."""
_HOME_PASSES = 4
"""A homing cycle crosses the travel once at the seek rate; switches are tried twice and slowly."""


class GrblAxis(GrblCarriage):
    """A rail on the X axis of a GRBL controller.

    It is a `rig.axes.base.FocusAxis` that can lock, takes settings, and presses a release; see `GrblCarriage`
    for its parameters and for how it knows where it is.
    """

    # --- what it is -----------------------------------------------------------------------------------

    @property
    def capabilities(self) -> AxisCapabilities:
        """Exact mm; homing when the controller has it enabled and the configuration says where it ends."""
        homes = has_homing(self._controller) and self._settings.home_mm is not None
        return AxisCapabilities("mm", 1.0 / self._settings.steps_per_mm, can_home=homes)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be changed on the controller."""
        found = advice(self._controller, self._settings)
        if not self._settings.reset_on_open and self._link.restarted:
            found = (*found, "opening the port has reset the controller all the same (reset_on_open = false)")
        return found

    # --- its settings ---------------------------------------------------------------------------------

    def proposed_settings(self) -> dict[int, float]:
        """What should be set for the configured rail."""
        return proposed(self._settings, self._controller)

    def write_settings(self, changes: Mapping[int, float]) -> None:
        """Write settings, one line in flight, and read them back.

        Raises
        ------
        HardwareError
            When it is not at rest, or did not keep a value.
        """
        self._check_open()
        report, _ = self._link.steady()
        if report.state not in {"Idle", "Alarm"}:
            raise HardwareError(f"the {self.name} is not at rest but in state {report.state}; try again")
        for number, value in changes.items():
            self._link.command(f"${number}={value:.3f}".rstrip("0").rstrip("."))
        self._forget("its settings were changed")
        self._controller = self._link.settings()
        for number, value in changes.items():
            kept = self._controller.get(number)
            if kept is None or not math.isclose(kept, value, rel_tol=1e-4, abs_tol=1e-3):
                raise HardwareError(f"the {self.name} did not keep ${number}={value:g}: it says {kept}")
        self._modal_sent = False
        if not self._checked:
            check(self._controller, self._settings, self.name)
            self._checked = True

    # --- where it is ----------------------------------------------------------------------------------

    def position(self) -> AxisPosition:
        """Where the rail is now; its value is NaN while the trust is unknown."""
        self._check_open()
        self._notice_faults()
        try:
            _, machine = self._link.where()
        except MotionError:
            if not self._notice_faults():  # a restart whose banner came just now; else nothing answers
                raise
            _, machine = self._link.where()
        if self._offset_mm is None:
            return AxisPosition(math.nan, PositionTrust.UNKNOWN)
        return AxisPosition(self._to_rail(machine), PositionTrust.TRUSTED)

    def set_reference(self, position: float) -> None:
        """Declare where the rail stands; a locked controller has to be unlocked first.

        Raises
        ------
        HardwareError
            When it is locked, or not at rest.
        """
        self._check_open()
        self.limits.check(position, "the reference position")
        self._notice_faults()  # whatever happened before is settled by the new reference
        if locked := self.locked:
            raise HardwareError(f"{locked} Home it, or unlock it first")
        self._send_modal()
        report, machine = self._link.steady()
        if report.state != "Idle":
            raise HardwareError(f"the {self.name} is not at rest but in state {report.state}; try again")
        self._offset_mm = position - self._settings.sign * self._on_grid(machine)

    @property
    def locked(self) -> str | None:
        """Why it is locked, in a sentence; None when it is not."""
        self._check_open()
        if self._link.status().state != "Alarm":
            return None
        alarm = self._link.last_alarm
        return f"The {self.name} is locked: {alarm or 'it wants to be homed, or was in alarm before'}."

    def unlock(self) -> None:
        """Unlock the controller; the position is unknown until it is homed or told."""
        self._check_open()
        self._notice_faults()
        self._link.command("$X")
        self._modal_sent = False
        self._forget("it was unlocked after an alarm")
        self._send_modal()

    def home(self) -> None:
        """Run the controller's homing cycle; the rail then stands at the configured home position.

        Raises
        ------
        UserError
            When it has no homing, or nothing says where it stands afterwards.
        """
        self._check_open()
        if not has_homing(self._controller):
            raise UserError(f"the {self.name} has no homing: $22=0")
        if self._settings.home_mm is None:
            raise UserError("the configuration does not say where the rail stands after homing ([rail] home)")
        self._notice_faults()
        bench_s = self._homing_s()
        self._forget("homing did not end")
        self._modal_sent = False
        self._begin(homing=True)
        with on_failure(self._halt), self._link.stopped_by_reset():
            self._link.command("$H", ACKNOWLEDGE_S + bench_s / self._clock.scale)
        self._end()
        self._send_modal()
        _, machine = self._link.steady()
        self._offset_mm = self._settings.home_mm - self._settings.sign * self._on_grid(machine)

    def _homing_s(self) -> float:
        """Bench seconds that a homing cycle takes at most; HardwareError when its rates make it endless."""
        told = self._controller.get
        slow, seek = told(24, 25.0), told(25, 500.0)  # mm/min
        if not (slow > 0 and seek > 0):
            raise HardwareError(
                f"the {self.name} cannot home: its rates $24={slow:g} and $25={seek:g} have to be above 0"
            )
        return _HOME_PASSES * 60.0 * (told(130, 200.0) / seek + told(27, 1.0) / slow)

    # --- moving ---------------------------------------------------------------------------------------

    def move_time_s(self, distance: float) -> float:
        """Time for a move over that distance, bench seconds."""
        return move_time_s(distance, self.speed_mm_s, self._controller[120])

    def move_to(self, position: float) -> AxisPosition:
        """Move to a position, in mm, and return when the motion has really ended."""
        return self._move(position, self.speed_mm_s)

    def approach_to(self, position: float) -> AxisPosition:
        """Move to a position at the approach's speed."""
        return self._move(position, min(self.speed_mm_s, self._settings.approach_speed_mm_s or math.inf))

    def _move(self, position: float, speed_mm_s: float) -> AxisPosition:
        self._check_open()
        self.limits.check(position)
        offset = self._known_offset()
        self._send_modal()
        target = self._machine_target(position, offset)
        self._begin()
        with on_failure(self._halt):
            machine = self._travel(target, speed_mm_s)
        self._end()
        return AxisPosition(self._to_rail(machine), PositionTrust.TRUSTED)

    def pause(self) -> None:
        """Hold the move in hand, to be gone on with by `resume`; from any thread. Its time-out waits too."""
        with self._turn:
            if self._moving and not self._paused:
                self._paused = True
                self._link.send_hold()

    def resume(self) -> None:
        """Go on with the move that `pause` holds; from any thread."""
        with self._turn:
            if self._moving and self._paused:
                self._link.send_resume()
                self._paused = False

    def _travel(self, target: float, speed_mm_s: float) -> float:
        report, start = self._link.where()
        if report.state != "Idle":
            raise MotionError(f"the {self.name} is not ready: its state is {report.state}")
        bench_s = move_time_s(target - start, speed_mm_s, self._controller[120]) * _SLOW
        timeout_s = ACKNOWLEDGE_S + bench_s / self._clock.scale
        slack = 1.0 / self._settings.steps_per_mm + 2 * REPORT_MM + EPSILON_MM
        low, high = min(start, target) - slack, max(start, target) + slack

        def on_its_way(machine: float | None) -> str | None:
            """A damaged digit sends the carriage anywhere: it has to be between its start and its target."""
            if machine is None or low <= machine <= high:
                return None
            ends = f"{self._to_rail(start):.4f} mm and {self._to_rail(target):.4f} mm"
            return (
                f"does not go where it was sent: it is at {self._to_rail(machine):.4f} mm, not between {ends}"
            )

        line = f"G53G1X{target:.5f}F{speed_mm_s * 60.0:.3f}"
        self._link.command(line, ACKNOWLEDGE_S)
        self._link.command(_DWELL, timeout_s, watch=on_its_way, paused=lambda: self._paused)
        return self._arrived(target)

    def _arrived(self, target: float) -> float:
        """Poll until Idle on target; returns the target, which says more than three decimals do."""
        deadline = time.monotonic() + _ARRIVE_S
        pause_s = 0.001
        while True:
            report, machine = self._link.where()
            if report.state == "Idle" and self._is_at(target, report, machine):
                return target
            if self._stop.is_set():
                raise MotionError(f"the {self.name} was stopped")
            if time.monotonic() > deadline:
                raise MotionError(
                    f"the {self.name} did not arrive: it is at {self._to_rail(machine):.4f} mm in state "
                    f"{report.state} instead of {self._to_rail(target):.4f} mm"
                )
            time.sleep(pause_s)
            pause_s = min(0.02, 2 * pause_s)

    def _is_at(self, target: float, report: StatusReport, machine: float) -> bool:
        """Whether a report's machine position is the target, as far as its decimals tell."""
        tolerance = 1.0 / self._settings.steps_per_mm + REPORT_MM
        if report.machine is None:
            tolerance += REPORT_MM  # the offset is rounded as well
        return abs(machine - target) <= tolerance + EPSILON_MM

    # --- the shutter output ---------------------------------------------------------------------------

    _may_press_s = -math.inf
    """Bench time before which the release is not pressed again."""

    def press_shutter(self) -> None:
        """Press the camera's release through the configured output, and let go.

        Raises
        ------
        UserError
            When no output is configured.
        """
        shutter = self._settings.shutter
        if shutter is None:
            raise UserError(f"the {self.name} has no shutter output configured: [rail.shutter]")
        self._check_open()
        self._notice_faults()
        press, let_go = _OUTPUTS[shutter.output]
        if shutter.output == "spindle":
            press = f"{press}S{self._controller.get(30, 1000):g}"  # all of it, or the pin would be chopped
        self._clock.sleep(max(0.0, self._may_press_s - self._clock.now()))
        try:
            with self._link.switched(press, let_go):  # carried out when all motion has ended
                self._clock.sleep(shutter.pulse_s)
        except HardwareError:
            self._modal_sent = False  # it has been reset
            raise
        self._may_press_s = self._clock.now() + shutter.off_s
