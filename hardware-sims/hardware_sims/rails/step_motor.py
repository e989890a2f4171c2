"""The motor of a controller that counts steps: it takes whole ones and knows how many it has taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

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
    max_speed_mm_s, acceleration_mm_s2 : float
        Full speed and ramp, where the controller has no others.
    towards_subject : {"+", "-"}
        The sign of the count that grows towards the subject.
    start_mm : float
        Where the carriage stands while the count is 0, mm towards the subject.
    home_mm : float
        Where the home sensor is, mm towards the subject.

    Attributes
    ----------
    steps_s : float
        Full speed.
    homing : bool
        Whether it is on its way to the home sensor.
    homed : bool
        Whether it counts from there.
    """

    def __init__(
        self,
        carriage: Carriage,
        *,
        steps_per_mm: float,
        max_speed_mm_s: float = 2.0,
        acceleration_mm_s2: float = 50.0,
        towards_subject: Literal["+", "-"],
        start_mm: float,
        home_mm: float = -20.0,
    ) -> None:
        self._carriage, self._steps_per_mm = carriage, steps_per_mm
        self._sign = 1 if towards_subject == "+" else -1
        self.steps_s = max_speed_mm_s * steps_per_mm
        self._steps_s2 = acceleration_mm_s2 * steps_per_mm
        self._origin_mm, self._home_mm = start_mm, home_mm
        self._queue = MotionQueue(self._publish, axes=1)
        self._from = 0
        self.homing = self.homed = False

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

    def move_to(
        self, count: int, now: float, steps_s: float | None = None, ramp_s: float | None = None
    ) -> None:
        """Go to a count; a move under way is broken off where it is.

        Parameters
        ----------
        count : int
            Target.
        now : float
            Bench time.
        steps_s : float, optional
            Speed, when not the full one.
        ramp_s : float, optional
            Time from rest to that speed, above 0, when not by the motor's own ramp.
        """
        steps_s = steps_s or self.steps_s
        self.stop(now)
        self._from = self.count(now)
        self._queue.add((float(count),), steps_s, steps_s / ramp_s if ramp_s else self._steps_s2, now)

    def home(self, now: float) -> None:
        """Go to the home sensor, and count from 0 there."""
        self.move_to(round(self._sign * (self._home_mm - self._origin_mm) * self._steps_per_mm), now)
        self.homing = True

    def ends_s(self) -> float | None:
        """When the move under way ends; None at rest."""
        return self._queue.end_s

    def settle(self, now: float) -> None:
        """Note that a move has ended, if it has."""
        self._queue.settle(now)
        if self.homing and not self.moving(now):
            self.renumber(0, now)
            self.homed = True

    def stop(self, now: float) -> int:
        """Stand still at once, on the nearest whole step; returns the count there."""
        self.homing = False
        self._queue.settle(now)
        (exact,), _ = self._queue.state(now)
        if self._queue.moving(now):
            self._queue.abort(now)
        self._queue.drop((float(round(exact)),))
        return round(exact)

    def renumber(self, count: int, now: float) -> None:
        """Stop: the place where it stands has that count from now on."""
        self._origin_mm += self._sign * (self.stop(now) - count) / self._steps_per_mm
        self._queue.drop((float(count),))
        self.homed = False
