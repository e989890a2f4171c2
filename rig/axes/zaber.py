"""Rails by Zaber, through the maker's library (``pip install "focusrig[zaber]"``).

The first axis of the first device on the port, in the ASCII protocol. Positions are the device's own
microsteps, so nothing has to be known of its type.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from rig.axes.bridge import Bridge
from rig.axes.following import Follower, Interruption, StoppedError
from rig.axes.port import Port
from rig.axes.registry import RailSettings
from rig.axes.step_axis import CountingAxis
from rig.clock import Clock
from rig.errors import HardwareError, MotionError, UserError

__all__ = ["ZaberLink", "open_zaber"]

T = TypeVar("T")

_STOP = b"/stop\n"
_REQUEST_MS = 500
"""Real time for an answer; milliseconds on a device."""
_TRIES = 3
_ANSWER_S = 2.0
"""Real seconds to come to rest after a stop."""
_POLL_S = 0.005
_HOMING_S = 600.0
"""Bench seconds: a metre at the slowest homing speed that makes sense."""
_NO_REFERENCE = "WR"
"""The flag of a device that has not been homed since it was switched on."""


def open_zaber(settings: RailSettings, clock: Clock) -> CountingAxis:
    """Driver entry for the registry."""
    return CountingAxis(settings, clock, lambda interrupted: ZaberLink(settings, clock, interrupted))


class ZaberLink:
    """The conversation with a Zaber device (`rig.axes.step_axis.StepLink`), by the maker's library.

    Speed and acceleration are left as they are set on it.

    Parameters
    ----------
    settings : RailSettings
        The rail.
    clock : Clock
        Of the bench.
    interrupted : callable
        Asked during waits; when it turns true the wait ends with MotionError.

    Raises
    ------
    UserError
        When the library is not installed.
    HardwareError
        When nothing answers, or something else.
    """

    reports_position = True
    can_home = True
    warnings = ()

    def __init__(self, settings: RailSettings, clock: Clock, interrupted: Callable[[], bool]) -> None:
        try:
            from zaber_motion import MotionLibException, RequestTimeoutException
            from zaber_motion.ascii import Connection
        except ImportError as err:
            raise UserError(
                'rails by Zaber need the maker\'s library: pip install "focusrig[zaber]"'
            ) from err
        self._trouble, self._late = MotionLibException, RequestTimeoutException
        self._clock = clock
        self.name = f"Zaber rail on {settings.port}"
        self._flags: set[str] = set()
        self._connection: Connection | None = None
        self._port = Port(
            settings.port, settings.baud, b"\n" + _STOP, binary=True, raise_dtr=settings.reset_on_open
        )
        self._interrupted = Interruption(self._port, interrupted)
        self._follower = Follower(self.name, settings, clock, self.where, self._interrupted)
        self._bridge = Bridge(self._port, ascii_only=True)
        try:
            self._connection = self._ask(lambda: Connection.open_tcp(self._bridge.host, self._bridge.number))
            self._connection.default_request_timeout = _REQUEST_MS
            self._axis = self._connection.get_device(1).get_axis(1)
            self.ready()
        except BaseException:
            self.close()
            raise

    def _ask(self, action: Callable[[], T], *, again: bool = True) -> T:
        """Let the library do something, again while it is not answered if it may be repeated.

        A move may not: what did not answer may have restarted, and counts from elsewhere then.
        """
        for left in reversed(range(_TRIES if again else 1)):
            try:
                return action()
            except self._late as err:  # not answered in time, or the answer was spoiled on the line
                if not left or self._bridge.lost is not None:
                    raise self._ours(err) from err
            except self._trouble as err:
                raise self._ours(err) from err
        raise AssertionError("the last try returns or raises")

    def _ours(self, err: Exception) -> HardwareError:
        if self._bridge.lost is not None:
            return HardwareError(self._bridge.lost)
        if not self._port.tail:
            return HardwareError(
                f"nothing answers on {self._port.name}: is the device powered, and is this its port? ({err})"
            )
        return HardwareError(f"the {self.name}: {err}")

    # --- moving ---------------------------------------------------------------------------------------

    def ready(self) -> None:
        """See that it is at rest; flags that are raised now are not news."""
        self.halt()
        self._flags = self._ask(self._axis.warnings.get_flags)

    def where(self) -> int:
        """Its count."""
        return round(self._ask(self._axis.get_position))

    def travel_time_s(self, steps: int) -> float:
        """Bench seconds, by the configured speed and ramp."""
        return self._follower.time_s(steps)

    def travel(self, start: int, target: int) -> None:
        """Move, and ask until it has arrived and is not busy any more."""
        self._interrupted.begin()
        sent_s = time.monotonic()
        self._ask(lambda: self._axis.move_absolute(target, wait_until_idle=False), again=False)
        self._follower.follow(start, target, sent_s)
        self._rest(time.monotonic() + _ANSWER_S)

    def home(self) -> None:
        """Find the home sensor."""
        self._interrupted.begin()
        self._ask(lambda: self._axis.home(wait_until_idle=False))
        self._rest(time.monotonic() + _ANSWER_S + _HOMING_S / self._clock.scale)
        self._flags = self._ask(self._axis.warnings.get_flags)
        if _NO_REFERENCE in self._flags:
            raise MotionError(f"the {self.name} did not find its home position")

    def _rest(self, deadline: float) -> None:
        while self._ask(self._axis.is_busy):
            if self._interrupted():
                raise StoppedError(self.name)
            if time.monotonic() > deadline:
                raise MotionError(f"the {self.name} does not come to rest")
            time.sleep(_POLL_S)

    def send_stop(self) -> None:
        """Send a stop and do not wait: past the library, so that it may come from any thread."""
        self._port.write(_STOP)

    def halt(self) -> int:
        """Stop, and return the count at rest."""
        self._ask(lambda: self._axis.stop(wait_until_idle=False))
        deadline = time.monotonic() + _ANSWER_S
        while self._ask(self._axis.is_busy):
            if time.monotonic() > deadline:
                raise MotionError(f"the {self.name} does not stop")
            time.sleep(_POLL_S)
        return self.where()

    def take_fault(self) -> str | None:
        """Faults that it has raised since it was last seen to be well, and the loss of its reference."""
        news = self._ask(self._axis.warnings.get_flags) - self._flags
        bad = sorted(flag for flag in news if flag.startswith("F") or flag == _NO_REFERENCE)
        if not bad:
            return None
        lost = "it restarted, or its count was lost" if bad == [_NO_REFERENCE] else "it raised a fault"
        return f"{lost} ({', '.join(bad)} in Zaber's manual)"

    def close(self) -> None:
        """Let go of the port."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._bridge.close()
        self._port.close()
