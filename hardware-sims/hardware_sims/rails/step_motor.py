"""The motor of a controller that counts steps: it takes whole ones and knows how many it has taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hardware_sims.carriage import Carriage, Segment
from hardware_sims.rails.planner import MotionQueue

__all__ = ["StepMotor"]


class StepMotor:
    """Turns counts into motion of the carriage.

    Parameters
    ----------
    carriage : Carriage
        What the motor moves.
    steps_per_mm : float
        Microsteps per mm.
    sign : int
        +1 when the count grows towards the subject, else -1.
    start_mm : float
        Where the carriage stands while the count is 0, mm towards the subject.
    """

    def __init__(self, carriage: Carriage, *, steps_per_mm: float, sign: int, start_mm: float) -> None:
        self._carriage, self._steps_per_mm, self._sign = carriage, steps_per_mm, sign
        self._origin_mm = start_mm
        self._queue = MotionQueue(self._publish, axes=1)
        self._from = 0

    def _publish(self, from_s: float, segments: Sequence[Segment]) -> None:
        scale = self._sign / self._steps_per_mm
        self._carriage.set_trajectory(
            from_s,
            [
                replace(
                    s,
                    position_mm=self._origin_mm + scale * s.position_mm,
                    velocity_mm_s=scale * s.velocity_mm_s,
                    acceleration_mm_s2=scale * s.acceleration_mm_s2,
                )
                for s in segments
            ],
        )

    def count(self, now: float) -> int:
        """Steps taken: those begun and not done are not counted."""
        (exact,), _ = self._queue.state(now)
        if not self._queue.moving(now):
            return round(exact)
        covered = int(abs(exact - self._from) + 1e-9)
        return self._from + (covered if exact > self._from else -covered)

    def moving(self, now: float) -> bool:
        """Whether it turns."""
        return self._queue.moving(now)

    @property
    def target(self) -> int:
        """The count at which it will come to rest, or rests."""
        return round(self._queue.target_mm[0])

    def move_to(self, count: int, steps_s: float, ramp_s: float, now: float) -> None:
        """Go to a count; a move under way is broken off where it is.

        Parameters
        ----------
        count : int
            Target.
        steps_s : float
            Speed.
        ramp_s : float
            Time from rest to that speed, above 0.
        now : float
            Bench time.
        """
        self._queue.settle(now)
        if self._queue.moving(now):
            self.stop(now)
        self._from = self.count(now)
        self._queue.add((float(count),), steps_s, steps_s / ramp_s, now)

    def ends_s(self) -> float | None:
        """When the move under way ends; None at rest."""
        return self._queue.end_s

    def settle(self, now: float) -> None:
        """Note that a move has ended, if it has."""
        self._queue.settle(now)

    def stop(self, now: float) -> int:
        """Stand still at once, on the nearest whole step; returns the count there."""
        self._queue.settle(now)
        (exact,), _ = self._queue.state(now)
        if self._queue.moving(now):
            self._queue.abort(now)
        self._queue.drop((float(round(exact)),))
        return round(exact)

    def renumber(self, count: int, now: float) -> None:
        """At rest: the place where it stands has that count from now on."""
        self._origin_mm += self._sign * (self.stop(now) - count) / self._steps_per_mm
        self._queue.drop((float(count),))
