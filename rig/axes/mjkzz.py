"""Rails on an MJKZZ serial motion controller, which can be asked where it stands."""

from __future__ import annotations

import time
from collections.abc import Callable

from rig.axes.following import Follower, Interruption
from rig.axes.mjkzz_protocol import HIGHEST, LOWEST, Answer, message, read_answer
from rig.axes.port import Port
from rig.axes.registry import RailSettings
from rig.axes.step_axis import CountingAxis
from rig.clock import Clock
from rig.errors import HardwareError, MotionError, UserError

__all__ = ["MjkzzLink", "open_mjkzz"]

_STOP = message("x")
_ANSWER_S = 1.0
"""Real seconds for an answer; two messages at 9600 baud take 17 ms."""
_TRIES = 3
_RECOMMENDED = 3
"""The manual's highest recommended speed setting; higher ones are slower."""


def open_mjkzz(settings: RailSettings, clock: Clock) -> CountingAxis:
    """Driver entry for the registry."""
    return CountingAxis(settings, clock, lambda interrupted: MjkzzLink(settings, clock, interrupted))


class MjkzzLink:
    """The conversation with an MJKZZ controller (`rig.axes.step_axis.StepLink`).

    Its speed, current and microstepping are left as they are set on it.

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
    HardwareError
        When nothing answers, or something else.
    """

    reports_position = True
    can_home = False

    def __init__(self, settings: RailSettings, clock: Clock, interrupted: Callable[[], bool]) -> None:
        # Twice, since half a message that was left in the controller would swallow the first.
        self._port = Port(
            settings.port, settings.baud, _STOP + _STOP, binary=True, raise_dtr=settings.reset_on_open
        )
        self.name = f"MJKZZ rail on {settings.port}"
        self._interrupted = Interruption(self._port, interrupted)
        self._follower = Follower(self.name, settings, clock, self.where, self._interrupted)
        try:
            self._ask("v")
            self.halt()
            self._speed = self._ask("s").value
        except BaseException:
            self.close()
            raise

    @property
    def warnings(self) -> tuple[str, ...]:
        """That it is set to be slower than is recommended."""
        if 0 <= self._speed <= _RECOMMENDED:
            return ()
        return (
            (
                f"the speed setting of the {self.name} is {self._speed}; its maker recommends 0 to "
                f"{_RECOMMENDED} (0 is the fastest)"
            ),
        )

    # --- moving ---------------------------------------------------------------------------------------

    def ready(self) -> None:
        """See that it is at rest."""
        self.halt()

    def where(self) -> int:
        """Its count."""
        return self._ask("p").value

    def home(self) -> None:
        """It has no homing: UserError."""
        raise UserError(f"the {self.name} has no homing")

    def travel_time_s(self, steps: int) -> float:
        """Bench seconds, by the configured speed and ramp."""
        return self._follower.time_s(steps)

    def travel(self, start: int, target: int) -> None:
        """Move, and ask until the count is the target and stays there."""
        if not LOWEST <= target <= HIGHEST:
            raise MotionError(f"the {self.name} counts from {LOWEST} to {HIGHEST}, not to {target}")
        self._interrupted.begin()
        sent_s = time.monotonic()
        accepted = self._ask("P", target, again=False)
        if accepted.value != target:
            raise MotionError(f"the {self.name} took the target {target} for {accepted.value}")
        self._follower.follow(start, target, sent_s)

    def send_stop(self) -> None:
        """Send a stop and do not wait."""
        self._port.write(_STOP)

    def halt(self) -> int:
        """Stop, and return the count when it does not change any more."""
        at = self._ask("x").value
        deadline = time.monotonic() + _ANSWER_S
        while (now := self.where()) != at:
            if time.monotonic() > deadline:
                raise MotionError(f"the {self.name} does not stop")
            at = now
        return at

    # --- talking --------------------------------------------------------------------------------------

    def take_fault(self) -> str | None:
        """Nothing: it says nothing by itself, and its count is looked at before every move."""
        return None

    def _ask(self, command: str, value: int = 0, *, again: bool = True) -> Answer:
        """Send a message, three times when it is refused, and while it is not answered if it may be repeated.

        A move may not: what did not answer may have restarted, and counts from elsewhere then.

        Raises
        ------
        HardwareError
            When it is refused, or not answered.
        """
        asked = message(command, value)
        for _ in range(_TRIES):
            self._port.read_bytes(0.0)  # a late answer to something else
            self._port.write(asked)
            answer = self._listen(asked)
            if answer is not None and answer.obeyed:
                return answer
            if answer is None and not again:
                break
        if answer is not None:  # three times the same, so it was not spoiled on the line
            raise HardwareError(f"the {self.name} refused {asked.hex(' ')} ({command} {value})")
        tail = self._port.tail
        if not tail:
            raise HardwareError(
                f"nothing answers on {self._port.name}: is the controller powered, and is this its port?"
            )
        raise HardwareError(
            f"the {self.name} did not answer {asked.hex(' ')}; it last sent {tail[-24:].hex(' ')}. Check the "
            "baud rate ([rail] baud, 9600 for an MJKZZ) and that this is the rail's port"
        )

    def _listen(self, asked: bytes) -> Answer | None:
        deadline = time.monotonic() + _ANSWER_S
        heard = b""
        while (left_s := deadline - time.monotonic()) > 0:
            data = self._port.read_bytes(left_s)
            if not data:
                return None
            answer, heard = read_answer(heard + data, asked)
            if answer is not None:
                return answer
        return None

    def close(self) -> None:
        """Let go of the port."""
        self._port.close()
