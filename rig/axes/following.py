"""Following a move by its count, on controllers that tell it and nothing of their speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rig.axes.port import Port
from rig.axes.registry import RailSettings
from rig.clock import Clock
from rig.errors import MotionError
from rig.kinematics import move_time_s

__all__ = ["Follower", "Interruption", "StoppedError"]

_ANSWER_S = 1.0
"""Real seconds that a controller may take for a few answers, with lines sent again."""
_POLL_S = 0.005
"""Real seconds between questions for the position; a serial line itself takes longer."""
_STALL_S = 5.0
"""Bench seconds without a step, and at least `_ANSWER_S` real ones: it does not move any more."""
_SLOWER = 20.0
"""Speeds are set on the controller, without a unit or in one of its own: moves may take that much longer
than configured."""
_FASTER = 10.0
"""A count that changes that much faster than configured was not changed by steps."""
_JUMP_STEPS = 64
"""Taken between two questions are never held to be a jump: a fiftieth of a turn."""


class StoppedError(MotionError):
    """A move was ended by a stop that somebody asked for: nothing is wrong with the controller."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the {name} was stopped")


class Interruption:
    """Whether a stop was asked for: here, or by somebody else through the process that owns the port.

    Parameters
    ----------
    port : Port
        Of the rail.
    asked : callable
        Whether one was asked for here.
    """

    def __init__(self, port: Port, asked: Callable[[], bool]) -> None:
        self._port, self._asked = port, asked
        self._seen = 0

    def begin(self) -> None:
        """A move begins: what was before does not concern it."""
        self._seen = self._port.stops_elsewhere

    def __call__(self) -> bool:
        """Whether the move is to end."""
        return self._asked() or self._port.stops_elsewhere != self._seen


@dataclass(frozen=True)
class Follower:
    """Sees by the count whether a move goes on, and when it has ended.

    Parameters
    ----------
    name : str
        Of the rail, for messages.
    settings : RailSettings
        The rail; its speed only tells what is too slow, and too fast, to be true.
    clock : Clock
        Its scale shortens the time-outs of motion on a simulated bench.
    where : callable
        Asks the controller for its count.
    interrupted : Interruption
        Whether a stop was asked for.
    """

    name: str
    settings: RailSettings
    clock: Clock
    where: Callable[[], int]
    interrupted: Interruption

    def time_s(self, steps: int) -> float:
        """Bench seconds for so many steps, by the configured speed and ramp."""
        settings = self.settings
        return move_time_s(steps / settings.steps_per_mm, settings.speed_mm_s, settings.acceleration_mm_s2)

    def follow(self, start: int, target: int, sent_s: float) -> None:
        """Ask until the count has been the target twice.

        Parameters
        ----------
        start, target : int
            Counts.
        sent_s : float
            When the move was about to be sent, ``time.monotonic()``: its acknowledgement may be late.

        Raises
        ------
        StoppedError
            When a stop was asked for.
        MotionError
            When it stands still elsewhere, takes far too long, leaves the way, or jumps: a controller that
            restarts counts from 0 again, which may be the target.
        """
        moved = asking = sent_s
        patience_s = max(_ANSWER_S, _STALL_S / self.clock.scale)
        longest_s = _ANSWER_S + _SLOWER * self.time_s(target - start) / self.clock.scale
        at, arrivals = start, 0
        while arrivals < 2:
            if self.interrupted():
                raise StoppedError(self.name)
            before, before_s, asking = at, asking, time.monotonic()
            at = self.where()
            now = time.monotonic()
            self._check(before, at, target, now - before_s)  # with the question before: answers may be late
            if at != before:
                moved = now
            arrivals = arrivals + 1 if at == target else 0
            if now - moved > patience_s or now - sent_s > longest_s:
                raise MotionError(f"the {self.name} does not arrive: its count is {at} instead of {target}")
            time.sleep(_POLL_S)

    def _check(self, before: int, at: int, target: int, real_s: float) -> None:
        if not min(before, target) <= at <= max(before, target):
            raise MotionError(
                f"the {self.name} is on no way to {target}: its count went from {before} to {at}"
            )
        steps_s = self.settings.speed_mm_s * self.settings.steps_per_mm
        if abs(at - before) > _JUMP_STEPS + _FASTER * steps_s * real_s * self.clock.scale:
            raise MotionError(
                f"the count of the {self.name} went from {before} to {at} at once, {_FASTER:g} times "
                "faster than [rail] speed: it restarted, or the configured speed is far too low"
            )
