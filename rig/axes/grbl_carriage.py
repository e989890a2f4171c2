"""What every motion of a GRBL rail shares: where it is, what it was doing, and how it comes to rest."""

from __future__ import annotations

import contextlib
import math
import threading

from rig.axes.base import AxisLimits
from rig.axes.grbl_link import GrblLink
from rig.axes.grbl_setup import check
from rig.axes.port import Port
from rig.axes.registry import RailSettings
from rig.clock import Clock
from rig.closing import on_failure
from rig.errors import HardwareError, MotionError, PositionUnknownError

__all__ = ["REPORT_MM", "GrblCarriage"]

_HOLD = b"!"
REPORT_MM = 0.0005
"""Reports have three decimals."""
_HOLD_S = 1.5
"""Real seconds for a hold to begin; milliseconds on a working rail. After that it is reset in motion."""


class GrblCarriage:
    """The carriage on the X axis: its position, and its rest.

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
    checked : bool
        False leaves settings alone that contradict the configuration, to be corrected; nothing moves then.

    Raises
    ------
    HardwareError
        When the controller is absent, is not GRBL, or its settings contradict the configuration.
    """

    def __init__(self, settings: RailSettings, clock: Clock, *, checked: bool = True) -> None:
        self._settings, self._clock, self._checked = settings, clock, checked
        self._stop = threading.Event()
        self._turn = threading.RLock()  # of `stop` and the move in hand; re-entrant for signal handlers
        self._moving = self._jogging = self._paused = self._homing = False
        self._closed = False
        self._offset_mm: float | None = None  # rail position of MPos 0; None while unknown
        self._lost = "it was not told where it stands since the connection was made"
        self._modal_sent = False
        network, quietly = "://" in settings.port, not settings.reset_on_open
        port = Port(settings.port, settings.baud, _HOLD, raise_dtr=not quietly)
        self._link = GrblLink(port, self._stop.is_set)
        with on_failure(self.close):
            self._link.connect(network=network, quietly=quietly)
            self._controller = self._link.settings()
            if checked:
                check(self._controller, settings, self.name)
            self._send_modal()

    @property
    def name(self) -> str:
        """E.g. ``"GRBL rail on /dev/ttyUSB0"``."""
        return self._link.name

    @property
    def limits(self) -> AxisLimits:
        """Allowed positions, mm."""
        return self._settings.limits

    @property
    def speed_mm_s(self) -> float:
        """Speed of moves: the configured one, at most the controller's ``$110``."""
        return min(self._settings.speed_mm_s, self._controller[110] / 60.0)

    def stop(self) -> None:
        """Feed hold, at once; from any thread or signal handler. Nothing to stop is no error.

        Homing does not listen to a hold: it is ended by a reset, which is sent once.
        """
        with self._turn:
            if not (self._moving or self._jogging):
                return
            again = self._stop.is_set()
            self._stop.set()
            with contextlib.suppress(HardwareError):  # a lost port: the move in hand reports it
                if not self._homing:
                    self._link.send_hold()
                elif not again:
                    self._link.send_reset()

    def close(self) -> None:
        """Stop if moving and let go of the port. May be called twice."""
        if not self._closed and self._jogging:
            self._halt()
        self._closed = True
        self._link.close()

    # --- where it is ----------------------------------------------------------------------------------

    def _to_rail(self, machine: float) -> float:
        return self._settings.sign * machine + (self._offset_mm or 0.0)

    def _on_grid(self, machine: float) -> float:
        return round(machine * self._settings.steps_per_mm) / self._settings.steps_per_mm

    def _machine_target(self, position: float, offset_mm: float) -> float:
        """Machine position on the controller's own grid, never beyond the limits by rounding."""
        return self._settings.count_at(position, offset_mm) / self._settings.steps_per_mm

    def _known_offset(self) -> float:
        """The offset, when moves are allowed.

        Raises
        ------
        PositionUnknownError
            When the position is unknown; says why, and what to do.
        """
        self._notice_faults()
        if not self._checked:
            raise HardwareError(f"the {self.name} was opened to be set up; nothing is moved")
        if self._offset_mm is None:
            raise PositionUnknownError(
                f"the {self.name} does not know where it is: {self._lost}. "
                "Home it, or say where it stands; nothing was moved"
            )
        return self._offset_mm

    # --- motion in hand -------------------------------------------------------------------------------

    def _begin(self, *, homing: bool = False) -> None:
        with self._turn:
            self._stop.clear()
            self._moving, self._paused, self._homing = True, False, homing

    def _end(self) -> None:
        """The move is over; a stop that came in its last instant still has to be answered."""
        with self._turn:
            self._moving = self._homing = False
            stopped = self._stop.is_set()
        if stopped:
            self._halt()
            raise MotionError(f"the {self.name} was stopped")

    def _halt(self) -> None:
        """Come to rest and clear the controller, whatever went wrong; never raises.

        Keeps the position only when a feed hold completed and the reset after it raised no alarm.
        """
        with self._turn:
            homing = self._homing
            self._moving = self._jogging = self._homing = False
            self._stop.clear()  # or the waits below would end at once
        braking_s = 2.0 * self.speed_mm_s / self._controller[120] / self._clock.scale
        try:
            fault = self._link.take_fault()
            held = fault is None and not homing and self._link.hold(_HOLD_S + braking_s)
            before = self._link.where()[1] if held else math.inf
            self._modal_sent = False
            version = self._link.reset()
            fault = fault or self._link.take_fault()
            kept = abs(self._link.where()[1] - before) <= 2 * REPORT_MM + 1.0 / self._settings.steps_per_mm
            if fault is not None:
                self._forget(str(fault))
            elif version is None or not kept:
                self._forget("it had to be reset while moving")
            self._send_modal()
        except HardwareError as err:
            self._forget(str(err))  # the port or the controller is gone: nothing is known any more

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
            self._modal_sent = self._jogging = False
        return fault is not None

    def _send_modal(self) -> None:
        """mm, absolute, feed per minute; a locked controller gets it when it is unlocked."""
        if self._modal_sent or self._link.status().state == "Alarm":
            return
        self._link.set_modes()
        self._modal_sent = True
