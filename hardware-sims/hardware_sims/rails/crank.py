"""A simulated crank: whoever has the control channel is the hand on it.

The channel is a pty and a TCP port that take lines of text: ``turn 2`` turns twice clockwise, ``turn -0.5``
half a turn back; ``ok`` and the sum of all turns come when the hand is at rest. What is turned there is where
the camera really goes, whatever anybody has told the rig. ``press`` presses the release of the bench's body
without a tether.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from hardware_sims.carriage import Carriage, Segment, Vibration
from hardware_sims.clock import SimClock
from hardware_sims.rails.faults import RailMisbehaviour
from hardware_sims.rails.framing import Lines
from hardware_sims.rails.shell import QuietDevice, RailSimulator

__all__ = ["HAND_VIBRATION", "CrankSimulator"]

HAND_VIBRATION = Vibration(frequency_hz=5.0, decay_s=0.4, coupling=20.0)
"""A hand that lets go of a crank pushes the whole tripod, slower and farther than a motor's stop: with the
ramp below about 0.1 mm at first, under a micrometre after 2 s. Assumed, not measured."""

_TURNS_PER_S = 1.0
_RAMP_S = 0.25
"""From rest to full speed of an unhurried hand."""


class _Hand(QuietDevice):
    """Turns one order after the other; a `transport.Device`."""

    def __init__(
        self,
        carriage: Carriage,
        mm_per_turn: float,
        start_mm: float,
        contact: Callable[[bool], None] | None,
    ) -> None:
        super().__init__()
        self._contact = contact
        self._carriage, self._mm_per_turn = carriage, mm_per_turn
        self._at_mm = start_mm
        self._turned = 0.0
        self._lines = Lines()
        self._due: list[tuple[float, bytes]] = []
        """When hands are at rest, and what is said then."""

    def receive(self, data: bytes, now: float) -> None:
        for line in self._lines.messages(data, now):
            self._order(line.decode("latin-1").split(), now)

    def _order(self, words: list[str], now: float) -> None:
        if words == ["press"] and self._contact is not None:
            self._contact(True)
            self._contact(False)
            self._due.append((now, b"ok\n"))
            return
        try:
            name, text = words
            turns = float(text)
            if name != "turn" or not math.isfinite(turns):
                raise ValueError
        except ValueError:
            self._out += b"error: write turn and a number, clockwise positive\n"
            return
        begins_s = max([now, *(due for due, _ in self._due)])
        ends_s = self._turn(turns, begins_s)
        self._turned += turns
        self._due.append((ends_s, f"ok {self._turned:g}\n".encode("ascii")))

    def _turn(self, turns: float, begins_s: float) -> float:
        """Give the carriage its way, from rest to rest; returns when it is over."""
        distance = turns * self._mm_per_turn
        if distance == 0:
            return begins_s
        sign = math.copysign(1.0, distance)
        speed = abs(self._mm_per_turn) * _TURNS_PER_S
        ramp_s = _RAMP_S
        even_s = abs(distance) / speed - ramp_s
        if even_s < 0:  # a part of a turn: the speed is never reached
            acceleration = speed / ramp_s
            ramp_s, even_s = math.sqrt(abs(distance) / acceleration), 0.0
            speed = acceleration * ramp_s
        acceleration = sign * speed / ramp_s
        up = Segment(begins_s, ramp_s, self._at_mm, 0.0, acceleration)
        even = Segment(up.end_s, even_s, up.end_mm, sign * speed, 0.0)
        down = Segment(even.end_s, ramp_s, even.end_mm, sign * speed, -acceleration)
        self._carriage.set_trajectory(begins_s, [s for s in (up, even, down) if s.duration_s > 0])
        self._at_mm += distance
        return down.end_s

    def advance(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            self._out += self._due.pop(0)[1]

    def next_event_s(self) -> float | None:
        return self._due[0][0] if self._due else None


class CrankSimulator(RailSimulator[_Hand]):
    """A screw with a crank, served until closed.

    Parameters
    ----------
    carriage : Carriage
        What the screw moves.
    clock : SimClock
        Bench time.
    pitch_mm : float
        Travel of a turn.
    closer : {"clockwise", "counter-clockwise"}
        The way to turn that moves the carriage towards the subject.
    start_mm : float
        Where the carriage stands.
    contact : callable, optional
        The release of a body that the same hand presses.
    misbehaviour : RailMisbehaviour, optional
        What goes wrong, and when: a hand has no controller that could be reset or lose its power.
    """

    def __init__(
        self,
        carriage: Carriage,
        clock: SimClock,
        *,
        pitch_mm: float,
        closer: Literal["clockwise", "counter-clockwise"],
        start_mm: float,
        contact: Callable[[bool], None] | None = None,
        misbehaviour: RailMisbehaviour | None = None,
    ) -> None:
        mm_per_turn = pitch_mm if closer == "clockwise" else -pitch_mm
        super().__init__(_Hand(carriage, mm_per_turn, start_mm, contact), carriage, clock, misbehaviour)
