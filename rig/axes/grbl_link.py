"""The conversation with a GRBL controller: one line in flight, answers sorted, resets noticed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from rig.axes.grbl_faults import CommandRefusedError, Fault
from rig.axes.grbl_protocol import (
    LineKind,
    StatusReport,
    banner_firmware,
    classify,
    parse_setting,
    parse_status,
)
from rig.axes.grbl_words import Firmware
from rig.axes.port import Port
from rig.errors import HardwareError, MotionError

__all__ = ["GrblLink", "Watch"]

ACKNOWLEDGE_S = 5.0
"""Real seconds for an answer that needs no motion: 7 ms seen on GRBL, 0.4 s on grblHAL."""
_STATUS_S = 3.0
"""Real seconds for a report, 10 ms on a working rail: this computer may be busy for longer than that."""
_BANNER_S = 2.0
"""An Arduino's boot loader runs for up to 2 s after a reset by DTR."""
_QUICK_BANNER_S = 0.3
_PROBE_S = 0.4
_SLICE_S = 0.05
"""How often a long wait looks whether a stop was asked for."""
_WATCH_S = 0.1
"""How often a move is looked after; GRBL advises to ask for at most ten reports a second."""
_DISTURBED = frozenset({"Hold", "Door", "Sleep", "Check"})
_BANNER_AFTER_RESET_S = 2.5
_RESET_AGAIN_S = 0.7
"""GRBL is deaf for 0.5 s after an ALARM line, also to a reset."""
_RESET = b"\x18"
_MODAL = "G21G90G94"
_MODES = frozenset({"G21", "G90", "G94"})
_READINGS = 4
"""How often something is read at most until two readings agree."""

Watch = Callable[[float | None], str | None]
"""Is shown the machine position, and says what is wrong with it; None for nothing."""

_OLDEST = 101  # 1.1


class GrblLink:
    """Sends lines to a controller and waits for their answers.

    Parameters
    ----------
    port : Port
        Open.
    interrupted : callable
        Asked during waits; when it turns true the wait ends with MotionError.
    """

    def __init__(self, port: Port, interrupted: Callable[[], bool]) -> None:
        self._port, self._interrupted = port, interrupted
        self.name = f"GRBL rail on {port.name}"
        self.speaks = Firmware.GRBL
        self._firmware = ""
        self.restarted = True
        """Whether the controller restarted when the port was opened, so that its count began anew."""
        self.last_alarm: Fault | None = None
        """The alarm raised last, also while nobody was connected, as far as the controller told."""
        self._offset: float | None = None
        self._fault: Fault | None = None

    # --- connecting -----------------------------------------------------------------------------------

    def connect(self, *, network: bool, quietly: bool) -> None:
        """Find a controller at rest with an empty line buffer, whatever it was doing.

        Parameters
        ----------
        network : bool
            Connecting resets nothing, and a banner tells nothing: grblHAL greets whoever connects with it.
        quietly : bool
            DTR is kept low, which is not expected to reset it; the banner tells whether it did.

        Raises
        ------
        HardwareError
            When nothing answers, or something that is not GRBL.
        """
        quickly = network or quietly
        version = began = self._banner(_QUICK_BANNER_S if quickly else _BANNER_S)
        if version is None and quickly and self._ask(_PROBE_S) is None:
            version = began = self._banner(_BANNER_S)  # it was reset all the same, and is still starting
        if network or version is None:
            version = self._take_over()
        if version is None:
            raise HardwareError(self._no_grbl())
        self.name = f"{self.speaks.value} rail on {self._port.name}"
        if version < _OLDEST:
            raise HardwareError(
                f"the {self.name} runs version {version // 100}.{version % 100}; 1.1 or newer is needed"
            )
        alarmed = self._fault is not None and self._fault.alarm is not None
        self.restarted = alarmed or (not network and (began is not None or self._fault is not None))
        self._fault = None

    def _take_over(self) -> int | None:
        """The port opened without a reset: stop what runs, then reset into a known state."""
        for _ in range(3):
            report = self._ask(_PROBE_S)
            if report is not None:
                if report.moves:
                    self.hold(_BANNER_AFTER_RESET_S)
                break
        return self.reset()

    def _no_grbl(self) -> str:
        tail = self._port.tail
        if not tail:
            return (
                f"nothing answers on {self._port.name}: is the controller powered, and is this its port? "
                "(no banner, no answer to '?' and none to a reset)"
            )
        return (
            f"what answers on {self._port.name} is not GRBL 1.1: it sent {tail[-24:]!r}. "
            "Check the baud rate ([rail] baud, 115200 for GRBL) and that this is the rail's port"
        )

    def _banner(self, timeout_s: float) -> int | None:
        """Version from the next banner, everything before it dropped; None when none comes."""
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            line = self._port.read_line(left_s)
            if line is None:
                return None
            kind, number = classify(line)
            if kind is LineKind.BANNER:
                self.speaks = banner_firmware(line)
                self._firmware = line.partition("[")[0].strip()
                return number
            self._remember(kind, number)
        return None

    def reset(self) -> int | None:
        """Soft reset; returns the version from the banner, None when none came.

        Whether the controller was moving, and so has lost its position, is in `take_fault` afterwards.
        """
        deadline = time.monotonic() + _BANNER_AFTER_RESET_S
        version = None
        while version is None and time.monotonic() < deadline:
            self._port.write(_RESET)
            version = self._banner(_RESET_AGAIN_S)
        self._offset = None
        return version

    def hold(self, timeout_s: float) -> bool:
        """Feed hold; true when the controller has come to rest with its steps counted."""
        deadline = time.monotonic() + timeout_s
        self._port.write(b"!")
        pause_s = 0.002
        while time.monotonic() < deadline:
            report = self._ask(min(_PROBE_S, max(0.01, deadline - time.monotonic())))
            if report is not None and (report.held or report.state == "Idle"):
                return True
            if self._fault is not None or (report is not None and report.state == "Home"):
                return False  # a homing cycle does not listen to a hold
            time.sleep(pause_s)
            pause_s = min(0.02, 2 * pause_s)
        return False

    # --- talking --------------------------------------------------------------------------------------

    def command(
        self,
        line: str,
        timeout_s: float = ACKNOWLEDGE_S,
        *,
        watch: Watch | None = None,
        paused: Callable[[], bool] = lambda: False,
    ) -> list[str]:
        """Send a line and wait for its answer; returns the lines that came before the ``ok``.

        With `watch`, status reports are asked for during the wait, and shown to it; what it says twice in a
        row, so that one damaged report says nothing, ends the wait. Time does not count while `paused`.

        Raises
        ------
        CommandRefusedError
            When the answer is an error.
        MotionError
            When the controller restarts or raises an alarm, a stop was asked for, `watch` says so, or nothing
            is answered.
        """
        self._port.write(line.encode("ascii") + b"\n")
        deadline = time.monotonic() + timeout_s
        told: list[str] = []
        trouble: str | None = None
        while True:
            text = self._next(min(deadline, time.monotonic() + _WATCH_S) if watch else deadline)
            if paused():
                deadline = max(deadline, time.monotonic() + timeout_s)
            if text is None and time.monotonic() < deadline:
                self._port.write(b"?")
                continue
            if text is None:
                raise MotionError(f"the {self.name} did not answer {line!r} within {timeout_s:.1f} s")
            kind, number = classify(text)
            if kind is LineKind.STATUS and watch and (report := parse_status(text)):
                before, trouble = trouble, self._look(report, watch, paused=paused())
                if before and trouble:
                    raise MotionError(f"the {self.name} {trouble}")
                if trouble:
                    self._port.write(b"?")
            if kind is LineKind.OK:
                return told
            if kind is LineKind.ERROR:
                assert number is not None
                raise CommandRefusedError(self.name, line, number, self.speaks)
            self._remember(kind, number)
            self._raise_fault()
            if kind is LineKind.INFO:
                told.append(text)

    def _look(self, report: StatusReport, watch: Watch, *, paused: bool) -> str | None:
        if report.state in _DISTURBED and not (paused and report.state == "Hold"):
            return f"was interrupted from elsewhere: its state is {report.state}"
        return watch(self.machine_position(report))

    def status(self, timeout_s: float = _STATUS_S) -> StatusReport:
        """Ask for a status report, again when none comes; raises MotionError when none ever does."""
        deadline = time.monotonic() + max(timeout_s, 2 * _PROBE_S)
        while time.monotonic() < deadline:
            report = self._ask(_PROBE_S)
            self._raise_fault()
            if report is not None:
                return report
        raise MotionError(f"the {self.name} does not answer; its power or cable may have failed")

    def settings(self) -> dict[int, float]:
        """Every ``$`` setting; read until two readings agree, since a digit may be damaged on the way.

        Raises HardwareError when no two do.
        """
        before: dict[int, float] | None = None
        for _ in range(_READINGS):
            values = dict(filter(None, map(parse_setting, self.command("$$"))))
            if values == before:
                return values
            before = values
        raise HardwareError(f"the {self.name} tells other settings every time: is its cable sound?")

    def set_modes(self) -> None:
        """mm, absolute, feed per minute; checked, as a controller left in inches would overrun 25 times.

        Raises
        ------
        HardwareError
            When the controller does not take them.
        """
        for _ in range(_READINGS):
            self.command(_MODAL)
            if any(set(text.strip("[]").replace("GC:", "").split()) >= _MODES for text in self.command("$G")):
                return
        raise HardwareError(f"the {self.name} does not take {_MODAL} (mm, absolute, feed per minute)")

    def steady(self) -> tuple[StatusReport, float]:
        """A report and the machine position, at rest, as two reports in a row say them, or HardwareError."""
        before = self.where()
        for _ in range(_READINGS):
            now = self.where()
            if now[1] == before[1] and now[0].state == before[0].state:
                return now
            before = now
        raise HardwareError(f"the {self.name} does not stand still, or its cable is not sound")

    def where(self) -> tuple[StatusReport, float]:
        """A report and the machine position in it; waits for the work offset where the report needs one.

        Raises HardwareError when its reports hold no position.
        """
        for _ in range(32):  # a busy controller sends the offset in every 30th report
            report = self.status()
            machine = self.machine_position(report)
            if machine is not None:
                return report, machine
        raise HardwareError(f"the {self.name} reports no position: set $10=1 on it")

    def build(self) -> str:
        """What the firmware calls itself: the banner's name, and version and date of ``$I``."""
        for line in self.command("$I"):
            if line.startswith("[VER:"):
                version = line[len("[VER:") :].rstrip("]").strip(": ")
                return f"{self._firmware} ({version})"
        return self._firmware

    def take_fault(self) -> Fault | None:
        """The fault seen since this was last asked, None for none; reads what has come in unasked."""
        while (line := self._port.read_line(0.0)) is not None:
            self._remember(*classify(line))
        fault, self._fault = self._fault, None
        return fault

    def machine_position(self, report: StatusReport) -> float | None:
        """Machine position of X: MPos, or WPos plus the last work offset; None while that is not known."""
        if report.offset is not None:
            self._offset = report.offset
        if report.machine is not None:
            return report.machine
        if report.work is None or self._offset is None:
            return None
        return report.work + self._offset

    def _ask(self, timeout_s: float) -> StatusReport | None:
        """One ``?``; None when no report comes. Whatever else comes is remembered, not raised."""
        self._port.write(b"?")
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            line = self._port.read_line(left_s)
            if line is None:
                return None
            report = parse_status(line)
            if report is not None:
                self.machine_position(report)
                return report
            self._remember(*classify(line))
        return None

    def _next(self, deadline: float) -> str | None:
        while (left_s := deadline - time.monotonic()) > 0:
            if self._interrupted():
                raise MotionError(f"the {self.name} was stopped")
            line = self._port.read_line(min(left_s, _SLICE_S))
            if line is not None:
                return line
        return None

    def _remember(self, kind: LineKind, number: int | None) -> None:
        if kind is LineKind.BANNER:
            self._fault = self._fault or Fault(None)
        elif kind is LineKind.ALARM:
            self._fault = self.last_alarm = Fault(number, self.speaks)

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise MotionError(f"the {self.name} stopped: {self._fault}")

    @contextlib.contextmanager
    def switched(self, on: str, off: str) -> Iterator[None]:
        """An output is on meanwhile: the lines switch it on and off. Only at rest.

        A reset switches every output off and, at rest, loses no step: it is what is left when the controller
        does not take the line, and what the controller gets when this process dies meanwhile.
        """
        with self.stopped_by_reset():
            try:
                self.command(on)
                yield
            finally:
                try:
                    self.command(off)
                except HardwareError:
                    self.reset()
                    raise

    # --- realtime -------------------------------------------------------------------------------------

    def stopped_by_reset(self) -> AbstractContextManager[None]:
        """Meanwhile a reset, not a hold, is what is sent when this process dies or ``rig rail stop`` asks."""
        return self._port.stopped_by(_RESET)

    def send_reset(self) -> None:
        """Send a soft reset and do not wait; from any thread or signal handler."""
        self._port.write(_RESET)

    def cancel_jog(self) -> None:
        """Brake and forget every jog; ignored when nothing is jogged."""
        self._port.write(b"\x85")

    def send_hold(self) -> None:
        """Send a feed hold and do not wait; from any thread or signal handler."""
        self._port.write(b"!")

    def send_resume(self) -> None:
        """End a feed hold; from any thread or signal handler."""
        self._port.write(b"~")

    def close(self) -> None:
        """Let go of the port."""
        self._port.close()
