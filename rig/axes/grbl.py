"""Rails on a GRBL 1.1 or grblHAL controller: most hobby rails, on USB serial or TCP."""

from __future__ import annotations

import contextlib
import math
import threading
import time

from rig.axes.base import AxisCapabilities, AxisLimits, AxisPosition, PositionTrust
from rig.axes.grbl_link import ACKNOWLEDGE_S, GrblLink
from rig.axes.grbl_protocol import StatusReport
from rig.axes.motion import move_time_s
from rig.axes.port import Port
from rig.axes.registry import RailSettings
from rig.clock import Clock
from rig.errors import HardwareError, LimitError, MotionError, PositionUnknownError, UserError

__all__ = ["GrblAxis"]

_HOLD = b"!"
_MODAL = "G21G90G94"
"""mm, absolute, feed per minute: a controller left in inches would overrun 25 times."""
_DWELL = "G4P0.01"
"""Holds its ``ok`` until all motion has ended."""
_REPORT_MM = 0.0005
"""Reports have three decimals."""
_EPSILON_MM = 1e-6
"""Far below a microstep: what a sum of floats may be beyond a limit."""
_HOLD_S = 1.5
"""Real seconds for a hold to begin; milliseconds on a working rail. After that it is reset in motion."""
_ARRIVE_S = 1.0
"""Real seconds from the end of the dwell to a report of Idle on target; milliseconds on a working rail."""
_SLOW = 1.5
"""A controller's own clock and ramp rounding: moves may take that much longer than computed."""
_OUTPUTS = {"coolant": ("M8", "M9"), "spindle": ("M3", "M5")}
"""Lines that switch an output on and off."""
_HOME_PASSES = 4
"""A homing cycle crosses the travel once at the seek rate; switches are tried twice and slowly."""


class GrblAxis:
    """A rail on the X axis of a GRBL controller (`rig.axes.base.FocusAxis`).

    The rail's positions are kept on the host: a reference ties a machine position (MPos) to a position of the
    rail, and moves are sent in machine coordinates (G53), so work offsets on the controller do not matter.

    After a stop the feed hold is waited for; when it completes, GRBL has counted every step, and the reset
    that then clears the rest of the move keeps the position, so it stays trusted. When the hold does not
    complete, the controller is reset in motion and the position is unknown.

    Parameters
    ----------
    settings : RailSettings
        The rail.
    clock : Clock
        Its scale shortens the time-outs of motion on a simulated bench.

    Attributes
    ----------
    warnings : tuple of str
        Settings of the controller that work but should be changed, for the person at the rig.

    Raises
    ------
    HardwareError
        When the controller is absent, is not GRBL, or its settings contradict the configuration.
    """

    def __init__(self, settings: RailSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._stop = threading.Event()
        self._turn = threading.RLock()  # of `stop` and the move in hand; re-entrant for signal handlers
        self._moving = False
        self._closed = False
        self._offset_mm: float | None = None  # rail position of MPos 0; None while unknown
        self._lost = "it was not told where it stands since the connection was made"
        self._modal_sent = False
        self._may_press_s = 0.0  # bench time before which the release is not pressed again
        self._link = GrblLink(Port(settings.port, settings.baud, _HOLD), self._stop.is_set)
        try:
            self._link.connect()
            self._controller = self._link.settings()
            self._check_settings()
            self._send_modal()
        except BaseException:
            self.close()
            raise

    # --- what it is -----------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """E.g. ``"GRBL rail on /dev/ttyUSB0"``."""
        return self._link.name

    @property
    def capabilities(self) -> AxisCapabilities:
        """Exact mm; homing when the controller has it enabled and the configuration says where it ends."""
        homes = bool(self._controller.get(22)) and self._settings.home_mm is not None
        return AxisCapabilities("mm", 1.0 / self._settings.steps_per_mm, True, True, homes)

    @property
    def limits(self) -> AxisLimits:
        """Allowed positions, mm."""
        return self._settings.limits

    @property
    def speed_mm_s(self) -> float:
        """Speed of moves: the configured one, at most the controller's ``$110``."""
        return min(self._settings.speed_mm_s, self._controller[110] / 60.0)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be changed on the controller."""
        hold, rate, ramp = self._controller.get(1, 255), self._controller[110] / 60.0, self._controller[120]
        found = []
        if hold != 255:
            found.append(
                f"$1={hold:g}: the motor is released between moves and may lose microsteps; send $1=255"
            )
        if rate < self._settings.speed_mm_s * (1 - 1e-6):
            found.append(
                f"the controller allows {rate:g} mm/s ($110), less than the configured "
                f"{self._settings.speed_mm_s:g} mm/s"
            )
        if not math.isclose(ramp, self._settings.acceleration_mm_s2, rel_tol=1e-3):
            found.append(
                f"the controller accelerates by {ramp:g} mm/s² ($120), the configuration says "
                f"{self._settings.acceleration_mm_s2:g} mm/s²"
            )
        return tuple(found)

    def _check_settings(self) -> None:
        missing = [f"${n}" for n in (100, 110, 120) if not self._controller.get(n)]
        if missing:
            raise HardwareError(f"the {self.name} did not tell its settings {', '.join(missing)}")
        shutter = self._settings.shutter
        if shutter is not None and shutter.output == "spindle" and self._controller.get(32):
            raise HardwareError(
                f"the {self.name} is in laser mode ($32=1), where the spindle output stays off at rest; "
                "send $32=0, or use the coolant output"
            )
        if self._controller.get(13):
            raise HardwareError(f"the {self.name} reports in inches ($13=1); send $13=0")
        steps = self._controller[100]
        if not math.isclose(steps, self._settings.steps_per_mm, rel_tol=1e-4):
            raise HardwareError(
                f"the {self.name} counts {steps:g} steps/mm ($100), the configuration says "
                f"{self._settings.steps_per_mm:g} (full steps × microsteps ÷ pitch); correct one of them"
            )

    # --- where it is ----------------------------------------------------------------------------------

    def position(self) -> AxisPosition:
        """Where the rail is now; its value means nothing while the trust is unknown."""
        self._check_open()
        self._notice_faults()
        try:
            _, machine = self._where()
        except MotionError:
            if not self._notice_faults():  # a restart whose banner came just now; else nothing answers
                raise
            _, machine = self._where()
        trust = PositionTrust.UNKNOWN if self._offset_mm is None else PositionTrust.TRUSTED
        return AxisPosition(self._to_rail(machine), trust)

    def set_reference(self, position: float) -> None:
        """Declare where the rail stands; also unlocks a controller that is in alarm."""
        self._check_open()
        limits = self.limits
        if not limits.contains(position):
            raise LimitError(position, limits.low, limits.high, "the reference position")
        self._notice_faults()  # whatever happened before is settled by the new reference
        report, _ = self._where()
        if report.state == "Alarm":
            self._link.command("$X")
            self._modal_sent = False
        self._send_modal()
        report, machine = self._where()
        if report.state != "Idle":
            raise HardwareError(f"the {self.name} is not at rest but in state {report.state}; try again")
        self._offset_mm = position - self._settings.sign * self._on_grid(machine)

    def home(self) -> None:
        """Run the controller's homing cycle; the rail then stands at the configured home position."""
        self._check_open()
        if not self._controller.get(22):
            raise UserError(f"the {self.name} has no homing: $22=0")
        if self._settings.home_mm is None:
            raise UserError("the configuration does not say where the rail stands after homing ([rail] home)")
        self._notice_faults()
        travel_mm, seek_mm_s = self._controller.get(130, 200.0), self._controller.get(25, 500.0) / 60.0
        pull_off_s = self._controller.get(27, 1.0) / (self._controller.get(24, 25.0) / 60.0)
        bench_s = _HOME_PASSES * (travel_mm / seek_mm_s + pull_off_s)
        self._forget("homing did not end")
        self._modal_sent = False
        self._begin()
        try:
            self._link.command("$H", ACKNOWLEDGE_S + bench_s / self._clock.scale)
        except BaseException:
            self._halt()
            raise
        self._end()
        self._send_modal()
        _, machine = self._where()
        self._offset_mm = self._settings.home_mm - self._settings.sign * self._on_grid(machine)

    def _where(self) -> tuple[StatusReport, float]:
        """A report and the machine position in it; waits for the work offset where the report needs one."""
        for _ in range(32):  # a busy controller sends the offset in every 30th report
            report = self._link.status()
            machine = self._link.machine_position(report)
            if machine is not None:
                return report, machine
        raise HardwareError(f"the {self.name} reports no position: set $10=1 on it")

    def _to_rail(self, machine: float) -> float:
        return self._settings.sign * machine + (self._offset_mm or 0.0)

    def _on_grid(self, machine: float) -> float:
        return round(machine * self._settings.steps_per_mm) / self._settings.steps_per_mm

    # --- moving ---------------------------------------------------------------------------------------

    def move_time_s(self, distance: float) -> float:
        """Time for a move over that distance, bench seconds."""
        return move_time_s(distance, self.speed_mm_s, self._controller[120])

    def move_to(self, position: float) -> AxisPosition:
        """Move to a position, in mm, and return when the motion has really ended."""
        self._check_open()
        limits = self.limits
        if not limits.low - _EPSILON_MM <= position <= limits.high + _EPSILON_MM:
            raise LimitError(position, limits.low, limits.high)
        self._notice_faults()
        if self._offset_mm is None:
            raise PositionUnknownError(
                f"the {self.name} does not know where it is: {self._lost}. "
                "Home it, or say where it stands; nothing was moved"
            )
        self._send_modal()
        target = self._machine_target(position, self._offset_mm)
        self._begin()
        try:
            machine = self._travel(target)
        except BaseException:
            self._halt()
            raise
        self._end()
        return AxisPosition(self._to_rail(machine), PositionTrust.TRUSTED)

    def stop(self) -> None:
        """Feed hold, at once; from any thread or signal handler. Nothing to stop is no error."""
        with self._turn:
            if self._moving:
                self._stop.set()
                with contextlib.suppress(HardwareError):  # a lost port: the move in hand reports it
                    self._link.send_hold()

    def close(self) -> None:
        """Let go of the port. May be called twice."""
        self._closed = True
        self._link.close()

    def _machine_target(self, position: float, offset_mm: float) -> float:
        """Machine position on the controller's own grid, never beyond the limits by rounding."""
        sign, step = self._settings.sign, 1.0 / self._settings.steps_per_mm
        machine = self._on_grid(sign * (position - offset_mm))
        rail = self._to_rail(machine)
        if rail > self.limits.high + _EPSILON_MM:
            machine -= sign * step
        elif rail < self.limits.low - _EPSILON_MM:
            machine += sign * step
        return machine

    def _travel(self, target: float) -> float:
        report, machine = self._where()
        if report.state != "Idle":
            raise MotionError(f"the {self.name} is not ready: its state is {report.state}")
        bench_s = self.move_time_s(target - machine) * _SLOW
        timeout_s = ACKNOWLEDGE_S + bench_s / self._clock.scale
        self._link.command(f"G53G1X{target:.5f}F{self.speed_mm_s * 60.0:.3f}", ACKNOWLEDGE_S)
        self._link.command(_DWELL, timeout_s, watch=True)
        return self._arrived(target)

    def _arrived(self, target: float) -> float:
        """Poll until Idle on target; returns the target, which says more than three decimals do."""
        deadline = time.monotonic() + _ARRIVE_S
        pause_s = 0.001
        while True:
            report, machine = self._where()
            tolerance = 1.0 / self._settings.steps_per_mm + _REPORT_MM
            if report.machine is None:
                tolerance += _REPORT_MM  # the offset is rounded as well
            on_target = abs(machine - target) <= tolerance + _EPSILON_MM
            if report.state == "Idle" and on_target:
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

    def _begin(self) -> None:
        with self._turn:
            self._stop.clear()
            self._moving = True

    def _end(self) -> None:
        """The move is over; a stop that came in its last instant still has to be answered."""
        with self._turn:
            self._moving = False
            stopped = self._stop.is_set()
        if stopped:
            self._halt()
            raise MotionError(f"the {self.name} was stopped")

    def _halt(self) -> None:
        """Come to rest and clear the controller, whatever went wrong; never raises.

        Keeps the position only when a feed hold completed and the reset after it raised no alarm.
        """
        with self._turn:
            self._moving = False
            self._stop.clear()  # or the waits below would end at once
        braking_s = 2.0 * self.speed_mm_s / self._controller[120] / self._clock.scale
        try:
            fault = self._link.take_fault()
            held = fault is None and self._link.hold(_HOLD_S + braking_s)
            before = self._where()[1] if held else math.inf
            self._modal_sent = False
            version = self._link.reset()
            fault = fault or self._link.take_fault()
            kept = abs(self._where()[1] - before) <= 2 * _REPORT_MM + 1.0 / self._settings.steps_per_mm
            if fault is not None:
                self._forget(str(fault))
            elif version is None or not kept:
                self._forget("it had to be reset while moving")
            self._send_modal()
        except HardwareError as err:
            self._forget(str(err))  # the port or the controller is gone: nothing is known any more

    # --- the shutter output ---------------------------------------------------------------------------

    def press_shutter(self) -> None:
        """Press the camera's release through the configured output, and let go."""
        shutter = self._settings.shutter
        if shutter is None:
            raise UserError(f"the {self.name} has no shutter output configured: [rail.shutter]")
        self._check_open()
        self._notice_faults()
        press, let_go = _OUTPUTS[shutter.output]
        if shutter.output == "spindle":
            press = f"{press}S{self._controller.get(30, 1000):g}"  # all of it, or the pin would be chopped
        self._clock.sleep(self._may_press_s - self._clock.now())
        try:
            with self._link.switched(press, let_go):  # carried out when all motion has ended
                self._clock.sleep(shutter.pulse_s)
        except HardwareError:
            self._modal_sent = False  # it has been reset
            raise
        self._may_press_s = self._clock.now() + shutter.off_s

    # --- the state of the controller ------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closed:
            raise HardwareError(f"the {self.name} is closed")

    def _forget(self, reason: str) -> None:
        self._offset_mm, self._lost = None, reason

    def _notice_faults(self) -> bool:
        """A restart or alarm while nobody asked makes the position unknown; whether there was one."""
        fault = self._link.take_fault()
        if fault is not None:
            self._forget(str(fault))
            self._modal_sent = False
        return fault is not None

    def _send_modal(self) -> None:
        """mm, absolute, feed per minute; a locked controller gets it when it is unlocked."""
        if self._modal_sent or self._link.status().state == "Alarm":
            return
        self._link.command(_MODAL)
        self._modal_sent = True
