"""Rails on a Trinamic module, by TMCL through the maker's library (``pip install "focusrig[trinamic]"``).

Motor 0 of module 1, whatever its chip: positions are the module's own microsteps.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rig.axes.port import Port
from rig.axes.registry import RailSettings
from rig.axes.step_axis import CountingAxis
from rig.axes.step_link import CountedLink
from rig.clock import Clock
from rig.closing import on_failure
from rig.errors import HardwareError, UserError

__all__ = ["TrinamicLink", "open_trinamic"]

_MOTOR = 0
_POSITION, _SPEED = 1, 3
"""Axis parameters: the actual position and the actual speed."""
_SEARCH, _SEARCH_STOP, _SEARCH_STATUS = 0, 1, 2
"""What a reference search (RFS) can be told."""
_DATAGRAM = 9
_TRIES = 3
_ANSWER_S = 1.0
"""Real seconds for an answer; milliseconds on a module."""
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


class TrinamicLink(CountedLink):
    """The conversation with a TMCL module, by the maker's library.

    Current and microstepping, too, are left as they are set on it. Parameters and errors as of `CountedLink`;
    UserError when the library is not installed.
    """

    maker = "Trinamic"
    stop = before_stop = bytes.fromhex("010300000000000004")  # MST: motor stop, of motor 0 of module 1
    can_home = True

    def __init__(self, settings: RailSettings, clock: Clock, interrupted: Callable[[], bool]) -> None:
        super().__init__(settings, clock, interrupted)
        with on_failure(self.close):
            self._module = _library_interface(self._port)
            self.ready()

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
        raise self._unanswered("does not answer in TMCL")

    # --- moving ---------------------------------------------------------------------------------------

    def where(self) -> int:
        """Its count."""
        return int(self._ask(lambda: self._module.get_axis_parameter(_POSITION, _MOTOR, signed=True)))

    def _send_move(self, target: int) -> None:
        self._ask(lambda: self._module.move_to(_MOTOR, target), again=False)

    def _is_moving(self) -> bool:
        return bool(self._ask(lambda: self._module.get_axis_parameter(_SPEED, _MOTOR, signed=True)))

    def home(self) -> None:
        """Run the reference search that is set up on the module."""
        self._interrupted.begin()
        self._ask(lambda: self._module.reference_search(_SEARCH, _MOTOR))
        self._wait_while(
            lambda: self._ask(lambda: self._module.reference_search(_SEARCH_STATUS, _MOTOR)),
            _HOMING_S / self._clock.scale,
            "did not find its reference",
            stoppable=True,
        )
        self._wait_to_rest()

    def halt(self) -> int:
        """Stop, a reference search too, and return the count at rest."""
        self._ask(lambda: self._module.reference_search(_SEARCH_STOP, _MOTOR))
        self._ask(lambda: self._module.stop(_MOTOR))
        self._wait_to_rest()
        return self.where()
