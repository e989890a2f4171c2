"""Rails on a Trinamic module, by TMCL through the maker's library (``pip install "focusrig[trinamic]"``).

Motor 0 of module 1, whatever its chip: positions are the module's own microsteps.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rig.axes.following import Follower, Interruption, StoppedError
from rig.axes.port import Port
from rig.axes.registry import RailSettings
from rig.axes.step_axis import CountingAxis
from rig.clock import Clock
from rig.errors import HardwareError, MotionError, UserError

__all__ = ["TrinamicLink", "open_trinamic"]

_MOTOR = 0
_POSITION, _SPEED = 1, 3
"""Axis parameters: the actual position and the actual speed."""
_SEARCH, _SEARCH_STOP, _SEARCH_STATUS = 0, 1, 2
"""What a reference search (RFS) can be told."""
_STOP = bytes.fromhex("010300000000000004")
"""MST: motor stop, of motor 0 of module 1."""
_DATAGRAM = 9
_TRIES = 3
_ANSWER_S = 1.0
"""Real seconds for an answer; milliseconds on a module."""
_POLL_S = 0.005
_HOMING_S = 600.0
"""Bench seconds; the speeds of a search are set on the module."""


def open_trinamic(settings: RailSettings, clock: Clock) -> CountingAxis:
    """Driver entry for the registry."""
    return CountingAxis(settings, clock, lambda interrupted: TrinamicLink(settings, clock, interrupted))


def _library_interface(port: Port) -> Any:
    """The maker's TMCL interface, over our port instead of one of its own."""
    try:
        from pytrinamic.connections.tmcl_interface import TmclInterface
    except ImportError as err:
        raise UserError(
            'rails on a Trinamic module need the maker\'s library: pip install "focusrig[trinamic]"'
        ) from err

    class OverPort(TmclInterface):  # type: ignore[misc]  # the library is not typed
        """Sends and receives datagrams; what does not belong to the answer asked for is dropped."""

        _asked = b""

        def _send(self, host_id: int, module_id: int, data: bytes) -> None:  # noqa: ARG002
            port.read_bytes(0.0)  # a late answer to something else
            self._asked = bytes(data)
            port.write(self._asked)

        def _recv(self, host_id: int, module_id: int) -> bytes:
            deadline = time.monotonic() + _ANSWER_S
            heard = b""
            while (left_s := deadline - time.monotonic()) > 0:
                heard += port.read_bytes(left_s)
                for at in range(len(heard) - _DATAGRAM + 1):
                    found = heard[at : at + _DATAGRAM]
                    head = found[:2] == bytes([host_id, module_id]) and found[3] == self._asked[1]
                    if head and sum(found[:-1]) % 256 == found[-1]:
                        return found
                heard = heard[-(_DATAGRAM - 1) :]
            raise TimeoutError

    return OverPort()


class TrinamicLink:
    """The conversation with a TMCL module (`rig.axes.step_axis.StepLink`), by the maker's library.

    Speed, ramp, current and microstepping are left as they are set on it.

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
        self._clock = clock
        self.name = f"Trinamic rail on {settings.port}"
        # Twice, since half a datagram that was left in the module would swallow the first.
        self._port = Port(
            settings.port, settings.baud, _STOP + _STOP, binary=True, raise_dtr=settings.reset_on_open
        )
        self._interrupted = Interruption(self._port, interrupted)
        self._follower = Follower(self.name, settings, clock, self.where, self._interrupted)
        try:
            self._module = _library_interface(self._port)
            self.ready()
        except BaseException:
            self.close()
            raise

    def _ask(self, action: Callable[[], Any], *, again: bool = True) -> Any:
        """Let the library do something, again while it is not answered if it may be repeated.

        A move may not: what did not answer may have restarted, and counts from elsewhere then.
        """
        from pytrinamic.tmcl import TMCLReplyError, TMCLStatus

        for _ in range(_TRIES):
            try:
                return action()
            except TimeoutError:
                if not again:
                    break
            except TMCLReplyError as err:
                if err.reply.status == TMCLStatus.WRONG_CHECKSUM:
                    continue  # spoiled on the line
                raise HardwareError(f"the {self.name} refused a command: status {err.reply.status}") from err
        tail = self._port.tail
        if not tail:
            raise HardwareError(
                f"nothing answers on {self._port.name}: is the module powered, and is this its port?"
            )
        raise HardwareError(
            f"the {self.name} does not answer in TMCL; it last sent {tail[-24:].hex(' ')}. Check the baud "
            "rate ([rail] baud) and that this is the rail's port"
        )

    # --- moving ---------------------------------------------------------------------------------------

    def ready(self) -> None:
        """See that it is at rest."""
        self.halt()

    def where(self) -> int:
        """Its count."""
        return int(self._ask(lambda: self._module.get_axis_parameter(_POSITION, _MOTOR, signed=True)))

    def travel_time_s(self, steps: int) -> float:
        """Bench seconds, by the configured speed and ramp."""
        return self._follower.time_s(steps)

    def travel(self, start: int, target: int) -> None:
        """Move, and ask until it has arrived and its speed is 0."""
        self._interrupted.begin()
        sent_s = time.monotonic()
        self._ask(lambda: self._module.move_to(_MOTOR, target), again=False)
        self._follower.follow(start, target, sent_s)
        self._rest()

    def home(self) -> None:
        """Run the reference search that is set up on the module."""
        self._interrupted.begin()
        self._ask(lambda: self._module.reference_search(_SEARCH, _MOTOR))
        deadline = time.monotonic() + _ANSWER_S + _HOMING_S / self._clock.scale
        while self._ask(lambda: self._module.reference_search(_SEARCH_STATUS, _MOTOR)):
            if self._interrupted():
                raise StoppedError(self.name)
            if time.monotonic() > deadline:
                raise MotionError(f"the {self.name} did not find its reference")
            time.sleep(_POLL_S)
        self._rest()

    def _rest(self) -> None:
        deadline = time.monotonic() + _ANSWER_S
        while self._ask(lambda: self._module.get_axis_parameter(_SPEED, _MOTOR, signed=True)):
            if time.monotonic() > deadline:
                raise MotionError(f"the {self.name} does not come to rest")
            time.sleep(_POLL_S)

    def send_stop(self) -> None:
        """Send a stop and do not wait: past the library, so that it may come from any thread."""
        self._port.write(_STOP)

    def halt(self) -> int:
        """Stop, a reference search too, and return the count at rest."""
        self._ask(lambda: self._module.reference_search(_SEARCH_STOP, _MOTOR))
        self._ask(lambda: self._module.stop(_MOTOR))
        self._rest()
        return self.where()

    def take_fault(self) -> str | None:
        """Nothing: it says nothing by itself, and its count is looked at before every move."""
        return None

    def close(self) -> None:
        """Let go of the port."""
        self._port.close()
