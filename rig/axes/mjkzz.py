"""Rails on an MJKZZ serial motion controller, which can be asked where it stands."""

from __future__ import annotations

import time
from collections.abc import Callable

from rig.axes.mjkzz_protocol import HIGHEST, LOWEST, Answer, message, read_answer
from rig.axes.registry import RailSettings
from rig.axes.step_axis import CountingAxis
from rig.axes.step_link import CountedLink
from rig.clock import Clock
from rig.closing import on_failure
from rig.errors import HardwareError, MotionError

__all__ = ["MjkzzLink", "open_mjkzz"]

_ANSWER_S = 1.0
"""Real seconds for an answer; two messages at 9600 baud take 17 ms."""
_LATE_S = 3.0
"""The same for a move, which is not sent again: this computer may be busy for a while."""
_TRIES = 3
_RECOMMENDED = 3
"""The manual's highest recommended speed setting; higher ones are slower."""


def open_mjkzz(settings: RailSettings, clock: Clock) -> CountingAxis:
    """Driver entry for the registry."""
    return CountingAxis(settings, clock, lambda interrupted: MjkzzLink(settings, clock, interrupted))


class MjkzzLink(CountedLink):
    """The conversation with an MJKZZ controller.

    Its speed, current and microstepping are left as they are set on it. Parameters and errors as of
    `CountedLink`.
    """

    maker = "MJKZZ"
    stop = before_stop = message("x")

    def __init__(self, settings: RailSettings, clock: Clock, interrupted: Callable[[], bool]) -> None:
        super().__init__(settings, clock, interrupted)
        with on_failure(self.close):
            self._ask("v")
            self.halt()
            self._speed = self._ask("s").value

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

    def where(self) -> int:
        """Its count."""
        return self._ask("p").value

    def _send_move(self, target: int) -> None:
        if not LOWEST <= target <= HIGHEST:
            raise MotionError(f"the {self.name} counts from {LOWEST} to {HIGHEST}, not to {target}")
        accepted = self._ask("P", target, again=False)
        if accepted.value != target:
            raise MotionError(f"the {self.name} took the target {target} for {accepted.value}")

    def halt(self) -> int:
        """Stop, and return the count when it does not change any more.

        Raises
        ------
        MotionError
            When the count goes on changing.
        """
        at = self._ask("x").value
        deadline = time.monotonic() + _ANSWER_S
        while (now := self.where()) != at:
            if time.monotonic() > deadline:
                raise MotionError(f"the {self.name} does not stop")
            at = now
        return at

    # --- talking --------------------------------------------------------------------------------------

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
            answer = self._listen(asked, _ANSWER_S if again else _LATE_S)
            if answer is not None and answer.obeyed:
                return answer
            if answer is None and not again:
                break
        if answer is not None:  # three times the same, so it was not spoiled on the line
            raise HardwareError(f"the {self.name} refused {asked.hex(' ')} ({command} {value})")
        raise self._unanswered(f"did not answer {asked.hex(' ')}")

    def _listen(self, asked: bytes, real_s: float) -> Answer | None:
        deadline = time.monotonic() + real_s
        heard = b""
        while (left_s := deadline - time.monotonic()) > 0:
            data = self._port.read_bytes(left_s)
            if not data:
                return None
            answer, heard = read_answer(heard + data, asked)
            if answer is not None:
                return answer
        return None
