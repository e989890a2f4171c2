"""The true mechanics of the bench's rail: motor, slack, slips and the shake after a stop.

Everything is an analytic function of bench time, so a picture rendered late still sees where the carriage
was while its shutter was open.
"""

from __future__ import annotations

import bisect
import math
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

__all__ = ["Carriage", "Segment", "Vibration"]

_HISTORY = 20_000
"""Pieces of motion kept: hours of shooting, and exposures look back by seconds only."""


@dataclass(frozen=True)
class Segment:
    """A piece of motor motion at constant acceleration.

    Lengths in mm towards the subject, bench seconds; `position_mm` and `velocity_mm_s` hold at `start_s`.
    """

    start_s: float
    duration_s: float
    position_mm: float
    velocity_mm_s: float
    acceleration_mm_s2: float

    @property
    def end_s(self) -> float:
        """When the piece ends."""
        return self.start_s + self.duration_s

    @property
    def end_mm(self) -> float:
        """Where the piece ends."""
        return self.position_at(self.end_s)

    @property
    def end_velocity_mm_s(self) -> float:
        """How fast the motor is when the piece ends."""
        return self.velocity_at(self.end_s)

    def position_at(self, t_s: float) -> float:
        """Position at a time inside the piece (clamped to it), mm."""
        dt = min(max(t_s - self.start_s, 0.0), self.duration_s)
        return self.position_mm + dt * (self.velocity_mm_s + 0.5 * self.acceleration_mm_s2 * dt)

    def velocity_at(self, t_s: float) -> float:
        """Velocity at a time inside the piece (clamped to it), mm/s."""
        dt = min(max(t_s - self.start_s, 0.0), self.duration_s)
        return self.velocity_mm_s + self.acceleration_mm_s2 * dt


@dataclass(frozen=True)
class Vibration:
    """How the camera rings across the axis after a stop: a damped oscillator hit by the deceleration.

    A step in acceleration `a` displaces a mass on a spring of natural frequency ω by ``a/ω²``; a step in
    velocity `v` (a dead stop) by ``v/ω``. `coupling` is the part of it that is seen across the axis.
    The defaults ring at 10 Hz as a long lens on a macro rail does: a stop from 50 mm/s² starts at 13 µm,
    has 6.5 µm left after 0.1 s and 0.02 µm after 1 s.
    """

    frequency_hz: float = 10.0
    decay_s: float = 0.15
    coupling: float = 1.0

    def amplitude_um(self, acceleration_mm_s2: float, velocity_mm_s: float) -> float:
        """First amplitude after a stop with these steps in acceleration and velocity, µm."""
        omega = 2.0 * math.pi * self.frequency_hz
        return 1e3 * self.coupling * (abs(acceleration_mm_s2) / omega**2 + abs(velocity_mm_s) / omega)


@dataclass(frozen=True)
class _Piece:
    """A monotone segment, where the carriage stood when it began, and the play of the screw then."""

    motor: Segment
    carriage_mm: float
    play_mm: float


@dataclass(frozen=True)
class _Stop:
    """One end of a motion: when, how hard, and in which direction and phase the camera rings."""

    at_s: float
    amplitude_um: float
    direction_rad: float
    phase_rad: float


class Carriage:
    """Where the camera really is. Thread-safe.

    The motor follows the trajectory it is given. The carriage follows the motor through a play of
    `backlash_mm` (the hysteresis of a nut on a screw): moving towards the subject it sits at the motor's
    position, moving away it lags behind by the whole play.

    Parameters
    ----------
    backlash_mm : float
        Play between motor and carriage, 0 or more.
    vibration : Vibration, optional
        How the camera shakes after a stop.
    seed : int
        Fixes direction and phase of every shake.
    start_mm : float
        Where motor and carriage stand before the first motion, mm towards the subject.
    tilt_um_per_mm : (float, float)
        How far the camera drifts across its axis for each mm that the carriage moves, x and y, as the shake
        is counted: a rail that is not parallel to the lens's axis.
    """

    def __init__(
        self,
        *,
        backlash_mm: float = 0.0,
        vibration: Vibration | None = None,
        seed: int = 0,
        start_mm: float = 0.0,
        tilt_um_per_mm: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        if backlash_mm < 0:
            raise ValueError(f"backlash is a length of 0 mm or more, not {backlash_mm:g} mm")
        self._backlash_mm = backlash_mm
        self._vibration = vibration or Vibration()
        self._tilt_um_per_mm = tilt_um_per_mm
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._rest_mm = start_mm  # motor before the first piece
        self._rest_carriage_mm = start_mm
        self._slip_mm = 0.0  # what the motor has lost against its commands
        self._pieces: list[_Piece] = []
        self._starts: list[float] = []
        self._stops: list[_Stop] = []
        self._watchers: list[Callable[[float, float], None]] = []
        self._commanded: tuple[float, float] | None = None

    @property
    def backlash_mm(self) -> float:
        """Play between motor and carriage, mm."""
        return self._backlash_mm

    @property
    def lost_mm(self) -> float:
        """How far the motor stands from where its commands say, mm."""
        return self._slip_mm

    def take_commanded(self) -> tuple[float, float] | None:
        """Lowest and highest position that motions were to reach since this was last asked, mm.

        What was lost does not count: these are the commands. None when nothing was commanded.
        """
        with self._lock:
            commanded, self._commanded = self._commanded, None
        return commanded

    def watch(self, watcher: Callable[[float, float], None]) -> None:
        """Tell this from now on of every motion that begins at rest: when it begins, and is to end."""
        self._watchers.append(watcher)

    def set_trajectory(self, from_s: float, segments: Sequence[Segment]) -> None:
        """Replace whatever was planned after `from_s` by these pieces.

        Parameters
        ----------
        from_s : float
            Bench time at which the old plan ends; a piece that is under way is cut there.
        segments : sequence of Segment
            In order of time, none before `from_s`. Between and after them the motor rests.

        Raises
        ------
        ValueError
            When the pieces are out of order.
        """
        with self._lock:
            self._cut(from_s)
            last_s = from_s
            for segment in segments:
                if segment.start_s < last_s - 1e-9:
                    raise ValueError(f"a piece starts at {segment.start_s} s, before {last_s} s")
                last_s = segment.end_s
                self._append(replace(segment, position_mm=segment.position_mm + self._slip_mm))
            self._note_stops(from_s)
            self._forget()
            moving = [s for s in segments if s.duration_s > 0]
            for end_mm in (p for s in moving for p in (s.position_mm, s.end_mm)):
                low, high = self._commanded or (end_mm, end_mm)
                self._commanded = min(low, end_mm), max(high, end_mm)
        if moving and moving[0].velocity_mm_s == 0:
            for watcher in self._watchers:
                watcher(moving[0].start_s, moving[-1].end_s)

    def slip(self, at_s: float, distance_mm: float) -> None:
        """Lose steps: from `at_s` on the motor stands that far from where its commands say."""
        with self._lock:
            later = [p.motor for p in self._pieces if p.motor.end_s > at_s]
            under_way = [s for s in later if s.start_s < at_s]
            later = [s for s in later if s.start_s >= at_s]
            self._cut(at_s)
            self._slip_mm += distance_mm
            rest = self._motor_at(at_s) + distance_mm
            self._append(Segment(at_s, 0.0, rest, 0.0, 0.0))
            for cut in under_way:
                left_s = cut.end_s - at_s
                self._append(Segment(at_s, left_s, rest, cut.velocity_at(at_s), cut.acceleration_mm_s2))
            for segment in later:
                self._append(replace(segment, position_mm=segment.position_mm + distance_mm))
            self._note_stops(at_s)

    def lose(self, at_s: float, distance_mm: float) -> None:
        """Lose steps: the motor falls back by so much against the direction it turns, or last turned."""
        with self._lock:
            turning = [p.motor for p in self._pieces if p.motor.start_s <= at_s and p.motor.duration_s > 0]
            way_mm = turning[-1].end_mm - turning[-1].position_mm if turning else 0.0
        self.slip(at_s, -math.copysign(distance_mm, way_mm))

    def stall(self, at_s: float) -> None:
        """Stand still for the rest of the motion that is planned, while the commands go on."""
        with self._lock:
            planned = [p.motor for p in self._pieces if p.motor.end_s > at_s]
            if not planned:
                return
            rest_mm = self._motor_at(at_s)
            self._slip_mm -= planned[-1].end_mm - rest_mm
            self._cut(at_s)
            self._append(Segment(at_s, 0.0, rest_mm, 0.0, 0.0))
            self._note_stops(at_s)

    def set_backlash(self, at_s: float, play_mm: float) -> None:
        """Let the screw have another play from then on; the past stays what it was."""
        with self._lock:
            later = [p.motor for p in self._pieces if p.motor.start_s > at_s]
            under_way = [p.motor for p in self._pieces if p.motor.start_s <= at_s < p.motor.end_s]
            self._cut(at_s)
            here_mm = self._motor_at(at_s)
            carriage_mm = self._carriage_at(at_s)
            self._backlash_mm = play_mm
            self._pieces.append(
                _Piece(Segment(at_s, 0.0, here_mm, 0.0, 0.0), self._follow(carriage_mm, here_mm), play_mm)
            )
            self._starts.append(at_s)
            for cut in under_way:
                left_s = cut.end_s - at_s
                speed_mm_s = cut.velocity_at(at_s)
                self._append(Segment(at_s, left_s, here_mm, speed_mm_s, cut.acceleration_mm_s2))
            for segment in later:
                self._append(segment)
            self._note_stops(at_s)

    def motor_mm(self, t_s: float) -> float:
        """Where the motor is at that time, mm towards the subject."""
        with self._lock:
            return self._motor_at(t_s)

    def position_mm(self, t_s: float) -> float:
        """Where the carriage, and with it the camera, is at that time, mm towards the subject."""
        with self._lock:
            return self._carriage_at(t_s)

    def speed_mm_s(self, t_s: float) -> float:
        """Velocity of the motor at that time, mm/s, positive towards the subject."""
        with self._lock:
            index = self._index(t_s)
            if index < 0:
                return 0.0
            motor = self._pieces[index].motor
            return motor.velocity_at(t_s) if t_s < motor.end_s else 0.0

    def vibration_um(self, t_s: float) -> tuple[float, float]:
        """Transverse shake, and drift, of the picture in the subject plane at that time, (x, y) in µm."""
        omega = 2.0 * math.pi * self._vibration.frequency_hz
        decay_s = self._vibration.decay_s
        x = y = 0.0
        if any(self._tilt_um_per_mm):
            position_mm = self.position_mm(t_s)
            x, y = (tilt * position_mm for tilt in self._tilt_um_per_mm)
        with self._lock:
            for stop in reversed(self._stops):
                age_s = t_s - stop.at_s
                if age_s < 0:
                    continue
                if age_s > 20.0 * decay_s:  # e⁻²⁰ of some µm: nothing
                    break
                shake = (
                    stop.amplitude_um * math.exp(-age_s / decay_s) * math.cos(omega * age_s + stop.phase_rad)
                )
                x += shake * math.cos(stop.direction_rad)
                y += shake * math.sin(stop.direction_rad)
        return x, y

    def reach_mm(self, from_s: float = -math.inf) -> tuple[float, float]:
        """Lowest and highest motor position since `from_s`, planned motion included, mm."""
        with self._lock:
            ends = [self._motor_at(from_s)] if from_s > -math.inf else [self._rest_mm]
            for piece in self._pieces:
                if piece.motor.end_s >= from_s:
                    ends += [piece.motor.position_at(max(from_s, piece.motor.start_s)), piece.motor.end_mm]
            return min(ends), max(ends)

    # Pieces are kept monotone, so that the play operator is exact at every instant inside one.

    def _index(self, t_s: float) -> int:
        return bisect.bisect_right(self._starts, t_s) - 1

    def _motor_at(self, t_s: float) -> float:
        index = self._index(t_s)
        return self._rest_mm if index < 0 else self._pieces[index].motor.position_at(t_s)

    def _carriage_at(self, t_s: float) -> float:
        index = self._index(t_s)
        if index < 0:
            return self._rest_carriage_mm
        piece = self._pieces[index]
        return self._follow(piece.carriage_mm, piece.motor.position_at(t_s), piece.play_mm)

    def _follow(self, carriage_mm: float, motor_mm: float, play_mm: float | None = None) -> float:
        play_mm = self._backlash_mm if play_mm is None else play_mm
        return min(max(carriage_mm, motor_mm), motor_mm + play_mm)

    def _cut(self, at_s: float) -> None:
        keep = bisect.bisect_left(self._starts, at_s)
        del self._pieces[keep:], self._starts[keep:]
        if self._pieces and self._pieces[-1].motor.end_s > at_s:
            last = self._pieces[-1]
            shorter = replace(last.motor, duration_s=at_s - last.motor.start_s)
            self._pieces[-1] = replace(last, motor=shorter)
        while self._stops and self._stops[-1].at_s > at_s:
            self._stops.pop()

    def _append(self, segment: Segment) -> None:
        for part in _monotone(segment):
            carriage_mm = self._carriage_at(part.start_s)
            self._pieces.append(_Piece(part, self._follow(carriage_mm, part.position_mm), self._backlash_mm))
            self._starts.append(part.start_s)

    def _note_stops(self, from_s: float) -> None:
        """Remember every end of motion after `from_s`: a piece with no piece of the same speed after it."""
        first = max(0, bisect.bisect_left(self._starts, from_s) - 1)
        for index in range(first, len(self._pieces)):
            motor = self._pieces[index].motor
            following = self._pieces[index + 1].motor if index + 1 < len(self._pieces) else None
            joined = following is not None and following.start_s <= motor.end_s + 1e-9
            after_mm_s = following.velocity_mm_s if following is not None and joined else 0.0
            goes_on = joined and following is not None and following.duration_s > 0 and after_mm_s != 0
            if motor.duration_s <= 0 or goes_on or motor.end_s < from_s:
                continue
            if self._stops and self._stops[-1].at_s >= motor.end_s:
                continue
            amplitude_um = self._vibration.amplitude_um(
                motor.acceleration_mm_s2, motor.end_velocity_mm_s - after_mm_s
            )
            if amplitude_um > 0:
                angle = self._random.uniform(0.0, 2.0 * math.pi)
                phase = self._random.uniform(-0.25, 0.25) * math.pi
                self._stops.append(_Stop(motor.end_s, amplitude_um, angle, phase))

    def _forget(self) -> None:
        excess = len(self._pieces) - _HISTORY
        if excess > _HISTORY // 4:
            first = self._pieces[excess]
            self._rest_mm, self._rest_carriage_mm = first.motor.position_mm, first.carriage_mm
            del self._pieces[:excess], self._starts[:excess]
            del self._stops[: max(0, len(self._stops) - _HISTORY)]


def _monotone(segment: Segment) -> list[Segment]:
    """Split a piece where its velocity changes sign."""
    velocity, acceleration = segment.velocity_mm_s, segment.acceleration_mm_s2
    turn_s = -velocity / acceleration if acceleration != 0 else math.inf
    if not 1e-12 < turn_s < segment.duration_s - 1e-12:
        return [segment]
    turn = segment.start_s + turn_s
    return [
        replace(segment, duration_s=turn_s),
        Segment(turn, segment.duration_s - turn_s, segment.position_at(turn), 0.0, acceleration),
    ]
