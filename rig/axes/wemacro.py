"""Rails on a WeMacro controller: two speeds, no report of the position, answers without a checksum."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from rig.axes.following import StoppedError
from rig.axes.registry import RailSettings
from rig.axes.step_axis import StepAxis
from rig.axes.step_link import StepLink
from rig.axes.wemacro_protocol import (
    FAST_STEPS_S,
    LONGEST_MOVE,
    SHOT_S,
    SLOW_STEPS_S,
    Command,
    Status,
    StatusReader,
    frame,
)
from rig.clock import Clock
from rig.closing import on_failure
from rig.errors import HardwareError, MotionError, UserError

__all__ = ["WeMacroAxis", "WeMacroLink", "open_wemacro"]

_ANSWER_S = 1.0
"""Real seconds for an answer that needs no motion; milliseconds on the controller that was recorded."""
_LATE_S = 3.0
"""Real seconds for the end of a move to be reported after it was due: this computer may be busy, and what was
not heard in time leaves no position."""
_QUIET_S = 0.05
"""Real seconds after an answer in which a late one from before would come."""
_AFTER_CONFIG_S = 0.06
"""Real seconds: what comes within about 30 ms of a configuration is dropped."""
_STOPPED_S = 0.3
"""Real seconds for the answer to a stop, 10 ms on the controller; none comes when it did not move."""
_TRIES = 3
_SLOW = 1.5
"""Other units may be that much slower than the one that was measured."""
_TOO_SOON = 0.5
"""An end that is reported after less than this share of the computed time belongs to something else."""
_SHORTER = 0.9
"""The same once the unit's own speed was seen: a stop at its own buttons is reported like an arrival."""
_TELLING_S = 1.0
"""Real seconds of a move that tells the speed: the conversation takes some hundredths of it."""
_SLICE_S = 0.05
"""How often a long wait looks whether a stop was asked for."""
_STANDSTILL = frozenset({Status.FORWARD_ENDED, Status.BACKWARD_ENDED})


def open_wemacro(settings: RailSettings, clock: Clock) -> WeMacroAxis:
    """Driver entry for the registry."""
    return WeMacroAxis(settings, clock)


class WeMacroAxis(StepAxis):
    """A rail on a WeMacro controller; parameters and errors as of `StepAxis`.

    The controller is never asked where it stands, as it cannot be: its steps are counted here and the count
    is kept on disk. A stop, a restart, or an end of a move that is not reported make the position unknown.
    """

    def __init__(self, settings: RailSettings, clock: Clock) -> None:
        self._may_press_s = 0.0  # bench time before which the release is not pressed again

        def connect(interrupted: Callable[[], bool]) -> WeMacroLink:
            self._wire = WeMacroLink(settings, clock, interrupted)
            return self._wire

        super().__init__(settings, clock, connect)

    def press_shutter(self) -> None:
        """Press the camera's release for the controller's own 0.3 s, and let go.

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
        self._clock.sleep(self._may_press_s - self._clock.now())
        self._wire.shoot()
        self._may_press_s = self._clock.now() + shutter.off_s


class WeMacroLink(StepLink):
    """The conversation with a WeMacro controller.

    Of its two speeds the faster one is used when it does not exceed the configured speed, else the slower.

    Parameters and errors as of `StepLink`; HardwareError, too, when nothing answers, or something else.
    """

    maker = "WeMacro"
    stop = before_stop = frame(Command.STOP)
    reports_position = False

    def __init__(self, settings: RailSettings, clock: Clock, interrupted: Callable[[], bool]) -> None:
        super().__init__(settings, clock, interrupted)
        wanted_steps_s = settings.speed_mm_s * settings.steps_per_mm
        self._fast = wanted_steps_s >= FAST_STEPS_S * (1 - 1e-3)
        self._reader = StatusReader()
        self._said: deque[Status] = deque()
        self._fault: str | None = None
        self._doubtful = self._at_rest = False
        self._seen_steps_s: float | None = None
        with on_failure(self.close):
            self._connect()

    @property
    def _steps_s(self) -> float:
        return FAST_STEPS_S if self._fast else SLOW_STEPS_S

    @property
    def warnings(self) -> tuple[str, ...]:
        """That it has two speeds only, where another one is configured."""
        per_mm = self._settings.steps_per_mm
        speed, wanted = self._steps_s / per_mm, self._settings.speed_mm_s
        if abs(speed - wanted) <= 0.02 * wanted:
            return ()
        return (
            (
                f"a WeMacro moves at {SLOW_STEPS_S / per_mm:.3g} mm/s or {FAST_STEPS_S / per_mm:.3g} mm/s: "
                f"{speed:.3g} mm/s is used instead of the configured {wanted:g} mm/s; so that times are "
                f'predicted rightly, write speed = "{speed:.3g} mm/s"'
            ),
        )

    # --- connecting -----------------------------------------------------------------------------------

    def _connect(self) -> None:
        """Stop whatever it is doing, see that it answers, and set its speed."""
        self.send_stop()
        self._probe()
        self._fault = None
        self._port.write(frame(Command.CONFIGURE, first=0xFF if self._fast else 0))
        time.sleep(_AFTER_CONFIG_S)

    def _probe(self) -> None:
        """A move of no steps is answered at once; what came before its answer is forgotten."""
        for _ in range(_TRIES):
            self._port.write(frame(Command.FORWARD, 0))
            deadline = time.monotonic() + _ANSWER_S
            while (status := self._next(deadline)) is not None and time.monotonic() < deadline:
                if status is Status.FORWARD_ENDED and self._next(time.monotonic() + _QUIET_S) is None:
                    self._doubtful = False
                    return
        raise self._unanswered("is not a WeMacro")

    def ready(self) -> None:
        """See that it is at rest, when it was last heard of in a fault."""
        if self._doubtful:
            self._connect()

    # --- moving ---------------------------------------------------------------------------------------

    def where(self) -> int:
        """It cannot be asked: HardwareError."""
        raise HardwareError(f"the {self.name} cannot tell where it stands")

    def travel_time_s(self, steps: int) -> float:
        """Bench seconds at its speed; a ramp does not show in what was measured."""
        return abs(steps) / self._steps_s

    def travel(self, start: int, target: int) -> None:
        """Move, and wait until it reports the end of a move in that direction.

        Raises
        ------
        MotionError
            When the way is too long for one move, or its end is not reported, or another one's is.
        """
        steps = target - start
        if abs(steps) > LONGEST_MOVE:
            raise MotionError(f"the {self.name} moves {LONGEST_MOVE} steps at a time, not {abs(steps)}")
        forward = steps > 0
        expected = Status.FORWARD_ENDED if forward else Status.BACKWARD_ENDED
        self._interrupted.begin()
        began = time.monotonic()
        self._doubtful = True
        self._port.write(frame(Command.FORWARD if forward else Command.BACKWARD, abs(steps)))
        # A configuration is not acknowledged: a rail that missed it is slow and not lost.
        timeout_s = _LATE_S + _SLOW * abs(steps) / SLOW_STEPS_S / self._clock.scale
        status = self._heard(began + timeout_s)
        if status is None:
            raise MotionError(f"the {self.name} did not report the end of a move within {timeout_s:.1f} s")
        if status is Status.STARTED:
            raise MotionError(f"the {self.name} restarted in a move")
        if status is not expected:
            raise MotionError(f"the {self.name} reported the end of a move in the other direction")
        self._check_time(abs(steps), time.monotonic() - began)
        self._doubtful = False

    def _check_time(self, steps: int, real_s: float) -> None:
        """Raise MotionError when it cannot have come that far; learn from a long move how fast it is."""
        took_s = real_s * self._clock.scale
        share = _TOO_SOON if self._seen_steps_s is None else _SHORTER
        if took_s < share * steps / (self._seen_steps_s or self._steps_s):
            raise MotionError(
                f"the {self.name} reported the end of a move of {steps} steps after {took_s:.3f} s; it "
                "cannot have come that far"
            )
        if real_s >= _TELLING_S:
            self._seen_steps_s = max(self._seen_steps_s or 0.0, steps / took_s)

    def _heard(self, deadline: float) -> Status | None:
        """The next status that tells of a move; MotionError when a stop was asked for before it came."""
        while True:
            status = self._next(min(deadline, time.monotonic() + _SLICE_S))
            if (
                self._interrupted()
            ):  # asked after reading: a stop is answered by the same status as an arrival
                raise StoppedError(self.name)
            if status is not None and status is not Status.SHOT:
                return status
            if time.monotonic() >= deadline:
                return None

    def halt(self) -> None:
        """Stop, and see that it answers; how far it came is not known."""
        self._doubtful = True
        for _ in range(0 if self._at_rest else _TRIES):
            self.send_stop()
            if self._next(time.monotonic() + _STOPPED_S) in _STANDSTILL:
                break
        self._at_rest = False
        self._probe()

    def shoot(self) -> None:
        """Press the release, and wait until it is let go of.

        Raises
        ------
        HardwareError
            When the controller does not say so; it lets go by itself.
        """
        self._port.write(frame(Command.SHUTTER))
        deadline = time.monotonic() + _ANSWER_S + _SLOW * SHOT_S / self._clock.scale
        while (status := self._next(deadline)) is not Status.SHOT:
            if status is None or time.monotonic() > deadline:
                raise HardwareError(f"the {self.name} did not report that it pressed the release")
            self._remember(status)

    # --- listening ------------------------------------------------------------------------------------

    def take_fault(self) -> str | None:
        """What it has done unasked; reads what has come in."""
        enough = time.monotonic() + _ANSWER_S  # of something that talks without end
        while (status := self._next(0.0)) is not None and time.monotonic() < enough:
            self._remember(status)
        fault, self._fault = self._fault, None
        return fault

    def _remember(self, status: Status) -> None:
        if status is Status.STARTED:
            self._fault = "it restarted by itself"
        elif status in _STANDSTILL:
            self._fault = self._fault or "it reported a move that nobody here had asked for"

    def _next(self, deadline: float) -> Status | None:
        """The next status, None when none comes before the deadline (real, monotonic)."""
        while not self._said:
            left_s = deadline - time.monotonic()
            data = self._port.read_bytes(max(0.0, left_s))
            self._said.extend(self._reader.feed(data))
            if not self._said and (not data or left_s <= 0):
                return None
        return self._said.popleft()
