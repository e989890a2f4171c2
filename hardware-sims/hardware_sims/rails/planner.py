"""The motion queue of a controller: straight moves with ramps, feed hold, resume and abort, all analytic.

Every move ends at rest: GRBL's look-ahead would join collinear moves, which a rail that stops for each frame
never has. Everything that is queued is laid out in time at once, so nothing depends on when it is looked at.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hardware_sims.carriage import Segment

__all__ = ["MotionQueue", "Move", "Ramp"]

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Ramp:
    """A move over `distance_mm` from rest to rest: accelerate, cruise, brake."""

    distance_mm: float
    speed_mm_s: float
    acceleration_mm_s2: float

    @property
    def peak_mm_s(self) -> float:
        """Highest speed that is reached."""
        return min(self.speed_mm_s, math.sqrt(self.distance_mm * self.acceleration_mm_s2))

    @property
    def ramp_s(self) -> float:
        """Time of each ramp."""
        return self.peak_mm_s / self.acceleration_mm_s2

    @property
    def cruise_s(self) -> float:
        """Time at constant speed."""
        ramps_mm = self.peak_mm_s**2 / self.acceleration_mm_s2
        return max(0.0, (self.distance_mm - ramps_mm) / self.peak_mm_s)

    @property
    def duration_s(self) -> float:
        """Time from rest to rest."""
        return 2 * self.ramp_s + self.cruise_s

    def at(self, t_s: float) -> tuple[float, float]:
        """Distance covered (mm) and speed (mm/s) after `t_s`."""
        a, peak, ramp_s = self.acceleration_mm_s2, self.peak_mm_s, self.ramp_s
        if t_s <= 0:
            return 0.0, 0.0
        if t_s < ramp_s:
            return 0.5 * a * t_s**2, a * t_s
        if t_s < ramp_s + self.cruise_s:
            return 0.5 * a * ramp_s**2 + peak * (t_s - ramp_s), peak
        left_s = max(0.0, self.duration_s - t_s)
        return self.distance_mm - 0.5 * a * left_s**2, a * left_s

    def pieces(self) -> list[tuple[float, float]]:
        """(duration, acceleration) of each piece that takes time."""
        a = self.acceleration_mm_s2
        all_pieces = [(self.ramp_s, a), (self.cruise_s, 0.0), (self.ramp_s, -a)]
        return [(duration, acceleration) for duration, acceleration in all_pieces if duration > 0]


@dataclass(frozen=True)
class Move:
    """A queued move: from `start_mm` along `direction` to `end_mm`, beginning at `begin_s`."""

    begin_s: float
    start_mm: Vector
    end_mm: Vector
    direction: Vector
    ramp: Ramp

    @property
    def end_s(self) -> float:
        """When it has come to rest."""
        return self.begin_s + self.ramp.duration_s

    def position(self, t_s: float) -> Vector:
        """Where the axes are, mm."""
        if t_s >= self.end_s:
            return self.end_mm
        covered, _ = self.ramp.at(t_s - self.begin_s)
        return tuple(s + covered * d for s, d in zip(self.start_mm, self.direction, strict=True))

    def segments(self, axis: int) -> list[Segment]:
        """The same as pieces of constant acceleration of one axis."""
        pieces, t_s, s_mm, v_mm_s, direction = [], self.begin_s, 0.0, 0.0, self.direction[axis]
        for duration_s, a in self.ramp.pieces():
            start = self.start_mm[axis] + direction * s_mm
            pieces.append(Segment(t_s, duration_s, start, direction * v_mm_s, direction * a))
            t_s += duration_s
            s_mm += duration_s * (v_mm_s + 0.5 * a * duration_s)
            v_mm_s += a * duration_s
        return pieces


@dataclass(frozen=True)
class _Braking:
    """A feed hold under way or complete: the cut move, and where it comes to rest."""

    begin_s: float
    end_s: float
    from_mm: Vector
    stop_mm: Vector
    speed_mm_s: float
    deceleration_mm_s2: float
    cut: Move

    def state(self, t_s: float) -> tuple[Vector, float]:
        if t_s >= self.end_s:
            return self.stop_mm, 0.0
        dt = max(0.0, t_s - self.begin_s)
        covered = dt * (self.speed_mm_s - 0.5 * self.deceleration_mm_s2 * dt)
        where = tuple(p + covered * d for p, d in zip(self.from_mm, self.cut.direction, strict=True))
        return where, self.speed_mm_s - self.deceleration_mm_s2 * dt


class MotionQueue:
    """Moves in the order they came, each starting when the one before has ended.

    Parameters
    ----------
    publish : callable
        Called with (from_s, segments of the first axis) whenever the future changes.
    axes : int
        Number of axes.
    """

    def __init__(self, publish: Callable[[float, Sequence[Segment]], None], axes: int = 3) -> None:
        self._publish = publish
        self._moves: deque[Move] = deque()
        self._braking: _Braking | None = None
        self._rest_mm: Vector = (0.0,) * axes

    def add(self, end_mm: Vector, speed_mm_s: float, acceleration_mm_s2: float, now: float) -> None:
        """Append a straight move to `end_mm`; one of no length is none."""
        start_mm = self.target_mm
        delta = [e - s for e, s in zip(end_mm, start_mm, strict=True)]
        distance = math.hypot(*delta)
        if distance <= 1e-9:
            return
        direction = tuple(d / distance for d in delta)
        ramp = Ramp(distance, speed_mm_s, acceleration_mm_s2)
        begin_s = max(now, self._moves[-1].end_s) if self._moves else now
        move = Move(begin_s, start_mm, end_mm, direction, ramp)
        self._moves.append(move)
        if self._braking is None:
            self._publish(begin_s, move.segments(0))

    @property
    def target_mm(self) -> Vector:
        """Where the last queued move ends."""
        if self._moves:
            return self._moves[-1].end_mm
        return self._braking.stop_mm if self._braking else self._rest_mm

    def settle(self, now: float) -> None:
        """Drop the moves that have ended."""
        while self._braking is None and self._moves and self._moves[0].end_s <= now:
            self._rest_mm = self._moves.popleft().end_mm

    @property
    def planned(self) -> int:
        """Moves that are not finished, the running one included."""
        return len(self._moves)

    def moving(self, now: float) -> bool:
        """Whether the motors turn."""
        if self._braking is not None:
            return now < self._braking.end_s
        return bool(self._moves) and now < self._moves[-1].end_s

    def next_change_s(self) -> float | None:
        """When the next move, or the braking, ends."""
        if self._braking is not None:
            return self._braking.end_s
        return self._moves[0].end_s if self._moves else None

    @property
    def end_s(self) -> float | None:
        """When everything queued will have ended; None in a hold or with nothing queued."""
        return self._moves[-1].end_s if self._moves and self._braking is None else None

    def state(self, now: float) -> tuple[Vector, float]:
        """Position of the axes (mm) and speed along the path (mm/s)."""
        if self._braking is not None:
            return self._braking.state(now)
        for move in self._moves:
            if now < move.end_s:
                return move.position(now), move.ramp.at(now - move.begin_s)[1]
        return self._moves[-1].end_mm if self._moves else self._rest_mm, 0.0

    def hold(self, now: float) -> None:
        """Brake on the ramp and keep what is left for `resume`."""
        self.settle(now)
        if self._braking is not None or not self._moves:
            return
        move = self._moves[0]
        where, speed = self.state(now)
        a = move.ramp.acceleration_mm_s2
        covered, _ = move.ramp.at(now - move.begin_s)
        brake_mm = min(speed**2 / (2 * a), move.ramp.distance_mm - covered)
        stop = tuple(p + brake_mm * d for p, d in zip(where, move.direction, strict=True))
        self._braking = _Braking(now, now + speed / a, where, stop, speed, a, move)
        brake = Segment(now, speed / a, where[0], speed * move.direction[0], -a * move.direction[0])
        self._publish(now, [brake] if speed > 0 else [])

    @property
    def held(self) -> bool:
        """Whether a feed hold is under way or complete."""
        return self._braking is not None

    def resume(self, now: float) -> None:
        """Go on with what a completed hold left."""
        braking, self._braking = self._braking, None
        if braking is None:
            return
        self._rest_mm = braking.stop_mm
        rest = list(self._moves)
        self._moves.clear()
        for move in rest:
            self.add(move.end_mm, move.ramp.speed_mm_s, move.ramp.acceleration_mm_s2, now)

    def drop(self, position_mm: Vector) -> None:
        """Forget everything queued: the axes rest there now."""
        self._moves.clear()
        self._braking = None
        self._rest_mm = position_mm

    def abort(self, now: float) -> Vector:
        """Stop dead, as a reset does; returns where, mm."""
        where, _ = self.state(now)
        self._publish(now, [])
        self.drop(where)
        return where
