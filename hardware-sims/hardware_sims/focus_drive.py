"""The focus motor of the bench's lens: steps, play at reversal, lost steps, a beginning and an end.

The motor turns a ring of finite travel; the focusing group follows it through a play, so that after a
reversal the first steps move nothing. Everything is a function of bench time, as the carriage is: a picture
sees where the group was while the shutter was open.
"""

from __future__ import annotations

import bisect
import random
import threading
from dataclasses import dataclass

from hardware_sims.clock import SimClock

__all__ = ["FocusDrive", "FocusTravel", "Travelled"]

_HISTORY = 4000
"""Motions kept: exposures look back by seconds only, and this is a day of focus drives."""


@dataclass(frozen=True, slots=True)
class FocusTravel:
    """How a lens drives its focus. The defaults are those of a 100 mm macro lens near 1:1.

    Parameters
    ----------
    unit_um : float
        Motion of the image plane for one motor unit.
    near_mm, far_mm : float
        Ends of the travel as extension from where the lens stands when switched on: near above 0, far below.
    play_units : int
        What the motor turns after a reversal before the group follows.
    lost_share : float
        Part of the drives that come out short, 0 to 1.
    units_per_s : float
        Speed of the motor, bench seconds.
    latency_s : float
        From the order to the start of the motion, bench seconds.
    """

    unit_um: float = 5.0
    near_mm: float = 3.0
    far_mm: float = -25.0
    play_units: int = 12
    lost_share: float = 0.0
    units_per_s: float = 2000.0
    latency_s: float = 0.03

    def __post_init__(self) -> None:
        if not self.unit_um > 0:
            raise ValueError(f"a focus unit is a length above 0 µm, not {self.unit_um:g} µm")
        if not (self.near_mm >= 0 >= self.far_mm) or self.near_mm == self.far_mm:
            raise ValueError(
                f"the focus travel reaches from far_mm (0 or below) to near_mm (0 or above), "
                f"not from {self.far_mm:g} mm to {self.near_mm:g} mm"
            )
        if self.play_units < 0 or not 0.0 <= self.lost_share <= 1.0:
            raise ValueError(
                f"play of {self.play_units} units and a lost share of {self.lost_share:g}: "
                "neither may be below 0, the share not above 1"
            )
        if not (self.units_per_s > 0 and self.latency_s >= 0):
            raise ValueError(
                f"a focus motor cannot turn with {self.units_per_s:g} units/s after {self.latency_s:g} s"
            )


@dataclass(frozen=True, slots=True)
class Travelled:
    """What became of an order.

    Parameters
    ----------
    units : int
        What the motor was told to turn after the end of travel cut it; positive is nearer.
    at_end : bool
        Whether an end cut it.
    """

    units: int
    at_end: bool


@dataclass(frozen=True, slots=True)
class _Turn:
    start_s: float
    end_s: float
    from_units: int
    to_units: int
    group_units: float  # where the group was when it began

    def motor(self, t_s: float) -> float:
        if t_s >= self.end_s:
            return float(self.to_units)
        if t_s <= self.start_s:
            return float(self.from_units)
        share = (t_s - self.start_s) / (self.end_s - self.start_s)
        return self.from_units + share * (self.to_units - self.from_units)


class FocusDrive:
    """Where the focusing group really is. Thread-safe.

    Moving nearer the group sits at the motor's position, moving farther it lags behind by the whole play.
    A drive that is ordered while one is under way follows it.

    Parameters
    ----------
    travel : FocusTravel
        The lens.
    clock : SimClock
        Bench time.
    seed : int
        Of the lost steps.
    """

    def __init__(self, travel: FocusTravel, clock: SimClock, seed: int = 0) -> None:
        self.travel = travel
        self._clock = clock
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._turns: list[_Turn] = []
        self._starts: list[float] = []
        self._ordered = 0
        self.lost_next = 0
        unit_mm = travel.unit_um / 1000.0
        self._ends = (round(travel.far_mm / unit_mm), round(travel.near_mm / unit_mm))

    def drive(self, units: int) -> Travelled:
        """Turn the motor; returns at once.

        Parameters
        ----------
        units : int
            Positive is nearer.
        """
        with self._lock:
            low, high = self._ends
            now_s = self._clock.now()
            last = self._turns[-1] if self._turns else None
            begin_s = max(now_s, last.end_s if last else now_s) + self.travel.latency_s
            here = last.to_units if last else 0
            there = min(max(here + units, low), high)
            told = there - here
            # A drive that comes out short: the lens counts on as if it had not, nobody is told.
            if told and self._comes_short():
                there -= round(told * self._random.uniform(0.2, 1.0)) or (1 if told > 0 else -1)
            end_s = begin_s + abs(there - here) / self.travel.units_per_s
            self._turns.append(_Turn(begin_s, end_s, here, there, self._group(begin_s)))
            self._starts.append(begin_s)
            self._forget()
            return Travelled(told, told != units)

    def is_turning(self) -> bool:
        """Whether the motor has not yet come to rest."""
        with self._lock:
            return bool(self._turns) and self._clock.now() < self._turns[-1].end_s

    def extension_mm(self, t_s: float) -> float:
        """How much nearer than at power-on the lens is focused, as motion of the image plane, mm."""
        with self._lock:
            return self._group(t_s) * self.travel.unit_um / 1000.0

    def share_of_travel(self, t_s: float) -> float:
        """Where the motor is between its far end, 0, and its near end, 1."""
        with self._lock:
            index = bisect.bisect_right(self._starts, t_s) - 1
            motor = 0.0 if index < 0 else self._turns[index].motor(t_s)
            low, high = self._ends
            return (motor - low) / (high - low)

    def _comes_short(self) -> bool:
        if self.lost_next:
            self.lost_next -= 1
            return True
        return self._random.random() < self.travel.lost_share

    def _group(self, t_s: float) -> float:
        index = bisect.bisect_right(self._starts, t_s) - 1
        if index < 0:
            return 0.0
        turn = self._turns[index]
        motor = turn.motor(t_s)
        return min(max(turn.group_units, motor), motor + self.travel.play_units)

    def _forget(self) -> None:
        excess = len(self._turns) - _HISTORY
        if excess > _HISTORY // 4:
            del self._turns[:excess], self._starts[:excess]
