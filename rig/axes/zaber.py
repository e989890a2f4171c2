"""Rails by Zaber, through the maker's library (``pip install "focusrig[zaber]"``).

The first axis of the first device on the port, in the ASCII protocol. Positions are the device's own
microsteps, so nothing has to be known of its type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rig.axes.bridge import Bridge
from rig.axes.registry import RailSettings
from rig.axes.step_axis import CountingAxis
from rig.axes.step_link import CountedLink
from rig.clock import Clock
from rig.closing import on_failure
from rig.errors import HardwareError, MotionError, UserError

__all__ = ["ZaberLink", "open_zaber"]

T = TypeVar("T")

_REQUEST_MS = 500
"""Real time for an answer; milliseconds on a device."""
_TRIES = 3
_HOMING_S = 600.0
"""Bench seconds: a metre at the slowest homing speed that makes sense."""
_NO_REFERENCE = "WR"
"""The flag of a device that has not been homed since it was switched on."""


def open_zaber(settings: RailSettings, clock: Clock) -> CountingAxis:
    """Driver entry for the registry."""
    return CountingAxis(settings, clock, lambda interrupted: ZaberLink(settings, clock, interrupted))


class ZaberLink(CountedLink):
    """The conversation with a Zaber device, by the maker's library.

    Parameters and errors as of `CountedLink`; UserError when the library is not installed.
    """

    maker = "Zaber"
    stop, before_stop = b"/stop\n", b"\n"
    can_home = True

    def __init__(self, settings: RailSettings, clock: Clock, interrupted: Callable[[], bool]) -> None:
        try:
            from zaber_motion import MotionLibException, RequestTimeoutException
            from zaber_motion.ascii import Connection
        except ImportError as err:
            raise UserError(
                'rails by Zaber need the maker\'s library: pip install "focusrig[zaber]"'
            ) from err
        self._trouble, self._late = MotionLibException, RequestTimeoutException
        self._flags: set[str] = set()
        super().__init__(settings, clock, interrupted)
        with on_failure(self.close):
            self._bridge = bridge = Bridge(self._port, ascii_only=True)
            self._opened.callback(bridge.close)
            connection = self._ask(lambda: Connection.open_tcp(bridge.host, bridge.number))
            self._opened.callback(connection.close)
            connection.default_request_timeout = _REQUEST_MS
            self._axis = connection.get_device(1).get_axis(1)
            self.ready()

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
            return self._unanswered(f"gave no answer: {err}")
        return HardwareError(f"the {self.name}: {err}")

    # --- moving ---------------------------------------------------------------------------------------

    def ready(self) -> None:
        """See that it is at rest; flags that are raised now are not news."""
        super().ready()
        self._flags = self._ask(self._axis.warnings.get_flags)

    def where(self) -> int:
        """Its count."""
        return round(self._ask(self._axis.get_position))

    def _send_move(self, target: int) -> None:
        self._ask(lambda: self._axis.move_absolute(target, wait_until_idle=False), again=False)

    def _is_moving(self) -> bool:
        return self._ask(self._axis.is_busy)

    def home(self) -> None:
        """Find the home sensor.

        Raises
        ------
        MotionError
            When the sensor was not found.
        """
        self._interrupted.begin()
        self._ask(lambda: self._axis.home(wait_until_idle=False))
        self._wait_while(self._is_moving, _HOMING_S / self._clock.scale, "does not come home", stoppable=True)
        self._flags = self._ask(self._axis.warnings.get_flags)
        if _NO_REFERENCE in self._flags:
            raise MotionError(f"the {self.name} did not find its home position")

    def halt(self) -> int:
        """Stop, and return the count at rest."""
        self._ask(lambda: self._axis.stop(wait_until_idle=False))
        self._wait_to_rest()
        return self.where()

    def take_fault(self) -> str | None:
        """Faults that it has raised since it was last seen to be well, and the loss of its reference."""
        news = self._ask(self._axis.warnings.get_flags) - self._flags
        bad = sorted(flag for flag in news if flag.startswith("F") or flag == _NO_REFERENCE)
        if not bad:
            return None
        lost = "it restarted, or its count was lost" if bad == [_NO_REFERENCE] else "it raised a fault"
        return f"{lost} ({', '.join(bad)} in Zaber's manual)"
