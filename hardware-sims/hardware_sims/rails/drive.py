"""The axes of a controller: steps, rates and ramps from its settings, the carriage on the X motor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hardware_sims.carriage import Carriage, Segment
from hardware_sims.rails.planner import MotionQueue, Vector
from hardware_sims.rails.settings import GrblSettings

__all__ = ["Drive"]

_AXES = range(3)


class Drive:
    """Turns targets in controller mm into motion of the carriage.

    Parameters
    ----------
    carriage : Carriage
        What the X motor moves; Y and Z move nothing.
    settings : GrblSettings
        Steps/mm, rates, ramps, travel.
    sign : int
        +1 when positive X is towards the subject, else -1.
    start_mm : float
        Where the motor stands while X is 0, mm towards the subject.
    """

    def __init__(self, carriage: Carriage, settings: GrblSettings, sign: int, start_mm: float) -> None:
        self._carriage, self._settings, self._sign = carriage, settings, sign
        self._origin_mm = start_mm
        self.motion = MotionQueue(self._publish)

    def _publish(self, from_s: float, segments: Sequence[Segment]) -> None:
        sign, origin = self._sign, self._origin_mm
        self._carriage.set_trajectory(
            from_s,
            [
                replace(
                    s,
                    position_mm=origin + sign * s.position_mm,
                    velocity_mm_s=sign * s.velocity_mm_s,
                    acceleration_mm_s2=sign * s.acceleration_mm_s2,
                )
                for s in segments
            ],
        )

    def on_grid(self, position: Vector) -> Vector:
        """The nearest whole microsteps, mm."""
        scale = [self._settings.steps_per_mm(axis) for axis in _AXES]
        return tuple(round(p * k) / k for p, k in zip(position, scale, strict=True))

    def outside(self, target: Sequence[float]) -> bool:
        """Whether GRBL's soft limits, 0 down to minus the travel, refuse this target."""
        return any(not -self._settings.travel_mm(axis) <= target[axis] <= 0 for axis in _AXES)

    def plan(self, target: Sequence[float], feed_mm_min: float | None, now: float) -> None:
        """Queue a straight move; without a feed it is a rapid."""
        end = self.on_grid(tuple(target))
        delta = [e - s for e, s in zip(end, self.motion.target_mm, strict=True)]
        length = sum(d * d for d in delta) ** 0.5
        if length <= 1e-9:
            return
        share = [(axis, abs(d) / length) for axis, d in enumerate(delta) if d]
        speed = min(self._settings.max_rate_mm_min(a) / u for a, u in share) / 60
        if feed_mm_min is not None:
            speed = min(speed, feed_mm_min / 60)
        acceleration = min(self._settings.acceleration_mm_s2(a) / u for a, u in share)
        self.motion.add(end, speed, acceleration, now)

    def stop_dead(self, now: float) -> None:
        """Freeze, as a reset does, and forget everything queued."""
        self.motion.drop(self.on_grid(self.motion.abort(now)))

    def rest(self, now: float) -> None:
        """Forget everything queued; the axes rest where they are."""
        self.motion.drop(self.on_grid(self.motion.state(now)[0]))

    def renumber(self, position: Vector) -> None:
        """The axes stand still; call the place where they are `position`."""
        self._origin_mm += self._sign * (self.motion.target_mm[0] - position[0])
        self.motion.drop(position)

    def x_of(self, carriage_mm: float) -> float:
        """Controller X at which the motor stands there."""
        return self._sign * (carriage_mm - self._origin_mm)
