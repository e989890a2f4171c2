"""What the steps so far say about the next one, and how far a match is believed beside it."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import numpy as np

from stacker.registration.match import Match
from stacker.registration.similarity import Similarity

__all__ = ["Pace", "Vector", "noise_of", "similarity_of", "vector_of"]

Vector = np.ndarray[Any, np.dtype[np.float64]]
"""Scale and rotation as movement of the corners, shift x, shift y: pixels of the reduced pictures."""

_PER_THOUSAND = 1e-3
"""Errors by parallax and blur grow with the picture: they are given for a width of 1000 px."""

_BLURRED_TIMES = 4.0
"""What is out of focus is nearer or farther than the plane of focus and grows otherwise: cells of the picture
then contradict each other, and the whole is wrong by two to eight times what their scatter tells (measured on
three rendered scenes at two pupil distances; on a plane it is wrong by as much as they tell)."""

_BLURRED_LEAST = np.array([0.1, 0.06, 0.05, 0.05])
"""Pixels by which a step can be wrong in which nothing is in focus, even so: blurred edges move as the blur
changes (0.05 to 0.1 px a step on a plane)."""

_NOTHING, _NOTHING_TIMES = 0.15, 4.0
"""Of `Match.in_focus`, from where down even the outlines of what is seen come from blur; and how many times
as large the errors are there (0.2 to 0.3 px a step on a plane, 1 to 2 px on a rendered statue)."""

_FOCUSED_ERROR = np.array([0.01, 0.01, 0.01, 0.01])
"""The same where all is in focus, when the surroundings are left out of account."""

_PARALLAX_ERROR = np.array([0.1, 0.06, 0.02, 0.02])
"""The same on a rail, where they are not: what is seen beside the plane of focus moves otherwise (0.01 to
0.1, 0.01 to 0.1 and 0.005 to 0.04 px)."""

_BLURRED, _FOCUSED = 0.45, 0.75
"""Of `Match.in_focus`: what counts as all blurred and as good."""

_FIRST_UNEVENNESS = 1.0
"""Pixels by which a step may differ from the pace, until the stack has shown how even it is."""

_LEAST_UNEVENNESS = np.array([0.05, 0.08, 0.08, 0.08])
"""Pixels: however even a stack has been, what is in focus is followed, and only blur is not."""

_LEAST_ON_RAIL = np.array([0.01, 0.02, 0.05, 0.05])
"""On a rail steps in scale are as even as its positions, and its carriage hardly turns."""

_ROLL_RAD_PER_MM = 30e-6
"""By how much a carriage turns about the lens's axis as it travels: rails are straight within 1 mrad over a
hand's width. A step that turns more than the pace is followed as ever; this is about the pace."""

_REMEMBERED, _FEWEST_REMEMBERED = 15, 4
"""Steps that show how even a stack is: the median of how much they surprised."""

_FORGETTING = np.array([0.1, 0.1, 0.1, 0.1])
"""What a step counts that was taken ten good steps ago is down to a third."""

_FORGETTING_ON_RAIL = np.array([0.0, 0.03, 0.03, 0.03])
"""The pupil distance does not change, nor much the angle between rail and axis."""

_KNOWN_BEST = 0.06
"""A pace of scale along a rail is not learned better than that share: what is seen of a subject lies nearer
or farther than the plane of focus on the whole (5 % of the step on a rendered head)."""

_BUMP = 5.0
"""Standard errors beyond which a step is a knock at the table, and is followed whole."""

_LEAST_BUMP = np.array([4.0, 4.0, 4.0, 4.0])
"""Pixels; what blur and parallax do in a step stays below."""

_LEAST_FIRST_STEP, _MOST_FIRST_STEP, _WHOLE_STACK = 0.01, 0.05, 0.1
"""Of the way from middle to corner: by how much a first step moves, give or take, of many frames and of few,
and a whole stack. In long ones the first frame may have nothing in focus; frames of a stack of three change
size by 3 %, of which half was taken for error when a hundredth was all that was expected (6 px of 750)."""

_AGAIN_ERRORS, _AGAIN_PX, _AGAIN_SHARE = 3.0, 0.03, 0.1
"""Standard errors and pixels that a frame may be off the one before it, and how small a share of the pace
that is, for it to be the same view again: a rail that did not move, a file copied twice. The pace goes on."""

_FARTHEST_AHEAD = 10.0
"""Steps over which a pace is still a prediction."""


class Pace:
    """The motion of a chain per frame, or per mm of rail.

    Parameters
    ----------
    per_mm : bool
        Whether steps are measured in mm rather than frames.
    log_scale, error : float, optional
        What is known of the scale beforehand: its logarithm per unit, and the standard error of that.
    frames : int, optional
        How many there are, where that is known.
    """

    def __init__(
        self,
        per_mm: bool = False,
        log_scale: float = 0.0,
        error: float = math.inf,
        frames: int | None = None,
    ) -> None:
        self.per_mm = per_mm
        share = 0.0 if frames is None else _WHOLE_STACK / max(1, frames - 1)
        self._first_step = min(max(share, _LEAST_FIRST_STEP), _MOST_FIRST_STEP)
        self._log_scale, self._error = log_scale, error
        self._travel = np.zeros(4)  # sum of motion x units, weighted
        self._units_squared = np.zeros(4)
        self._surprises: deque[Vector] = deque(maxlen=_REMEMBERED)
        self._least = _LEAST_ON_RAIL if per_mm else _LEAST_UNEVENNESS
        self._forgetting = _FORGETTING_ON_RAIL if per_mm else _FORGETTING
        self._unevenness = np.full(4, _FIRST_UNEVENNESS**2)

    def turn_round(self) -> None:
        """Expect frames the other way along the stack; positions say so by themselves."""
        if not self.per_mm:
            self._travel = -self._travel

    def expected(self, units: float, radius: float) -> Similarity:
        """The motion of the next step."""
        mean, _ = self._prediction(self._bounded(units), radius)
        return similarity_of(mean, radius)

    def believed(
        self, found: Match, units: float, width: int, radius: float
    ) -> tuple[Similarity, bool, float]:
        """A match, weighed against the pace, which learns from it.

        Parameters
        ----------
        found : Match
            Of a frame with its neighbour.
        units : float
            Frames or mm from the neighbour to the frame.
        width, radius : float
            Of the pictures that were matched: width, and middle to corner.

        Returns
        -------
        Similarity
            The motion to go by.
        bool
            True when it is a bump.
        float
            0 to 1: how much of the shift comes from the pace.
        """
        mean, uncertain = self._prediction(units, radius)
        measured = vector_of(found.motion, radius)
        noise = self.error_of(found, width) ** 2
        if self._learned and _shown_again(found, measured, mean):
            return found.motion, False, 0.0
        total = uncertain + self._unevenness + noise
        surprise = measured - mean
        limit = np.maximum(_BUMP * np.sqrt(total), _LEAST_BUMP * width * _PER_THOUSAND)
        bumped = self._learned and bool(np.any(np.abs(surprise) > limit))
        gain = (uncertain + self._unevenness) / total
        if self._learned:
            self._judge(np.maximum(surprise**2 - noise, 0.0))
        if bumped:
            return found.motion, True, 0.0
        self._learn(measured, noise, units)
        return similarity_of(mean + gain * surprise, radius), False, float(1 - gain[2:].min())

    def error_of(self, found: Match, width: int) -> Vector:
        """Standard errors of a match: what noise does, and what parallax and blur do.

        Parameters are those of `believed`.
        """
        focused = float(np.interp(found.in_focus, (_BLURRED, _FOCUSED), (0.0, 1.0)))
        times = float(np.interp(found.in_focus, (_NOTHING, _BLURRED), (_NOTHING_TIMES, 1.0)))
        blurred = np.hypot(_BLURRED_LEAST * width * _PER_THOUSAND, _BLURRED_TIMES * noise_of(found))
        beside = (_PARALLAX_ERROR if self.per_mm else _FOCUSED_ERROR) * width * _PER_THOUSAND
        return np.asarray(np.hypot(beside + (1 - focused) * times * blurred, noise_of(found)))

    @property
    def _learned(self) -> bool:
        return bool(self._units_squared.all())

    def _judge(self, surprise_squared: Vector) -> None:
        """How even the steps are; a bump in many steps leaves a median alone."""
        self._surprises.append(surprise_squared)
        if len(self._surprises) >= _FEWEST_REMEMBERED:
            typical = 2.2 * np.median(np.array(self._surprises), axis=0)
            self._unevenness = np.maximum(typical, self._least**2)
        elif len(self._surprises) > 1:
            # Few do not tell that steps are even. That they are not, with the camera in a hand, two tell: one
            # may be a knock at the table.
            several = np.array(self._surprises)
            several[:, 2:] = several[:, 2:].mean(axis=1, keepdims=True)  # a hand shakes either way
            twice = np.sort(several, axis=0)[-2]
            self._unevenness = np.maximum(2.2 * twice, _FIRST_UNEVENNESS**2)

    def _learn(self, measured: Vector, noise: Vector, units: float) -> None:
        trust = self._unevenness / (self._unevenness + noise)
        weight = 1 / (self._unevenness + noise)
        keep = 1 - self._forgetting * trust
        self._travel = keep * self._travel + weight * units * measured
        self._units_squared = keep * self._units_squared + weight * units**2

    def _prediction(self, units: float, radius: float) -> tuple[Vector, Vector]:
        """Motion of a step and the variance of that."""
        weight, travel = self._units_squared.copy(), self._travel.copy()
        if self.per_mm and travel[0] != 0:
            most = (_KNOWN_BEST * travel[0] / weight[0]) ** -2
            share = min(1.0, most / weight[0])
            weight[0], travel[0] = share * weight[0], share * travel[0]
        if self._error < math.inf:
            known = (self._error * radius) ** -2
            weight[0], travel[0] = weight[0] + known, travel[0] + known * self._log_scale * radius
        if self.per_mm:
            weight[1] += (_ROLL_RAD_PER_MM * radius) ** -2
        # Nothing is known of a first step but that it is small.
        weight += (self._first_step * radius / max(abs(units), 1e-9)) ** -2
        return travel / weight * units, units**2 / weight

    def _bounded(self, units: float) -> float:
        return min(max(units, -_FARTHEST_AHEAD), _FARTHEST_AHEAD) if not self.per_mm else units


def _shown_again(found: Match, measured: Vector, expected: Vector) -> bool:
    """Whether a frame shows its neighbour's view again, while the stack goes on."""
    off = np.abs(measured)
    same = np.all(off <= np.maximum(_AGAIN_ERRORS * noise_of(found), _AGAIN_PX))
    return bool(same and off.max() < _AGAIN_SHARE * np.abs(expected).max())


def noise_of(found: Match) -> Vector:
    """Standard errors of a match as far as noise and disagreement make them."""
    spread = found.spread
    return np.array([spread.scale, spread.rotation, spread.shift, spread.shift])


def vector_of(motion: Similarity, radius: float) -> Vector:
    """Write a motion as a `Vector`."""
    return np.array([math.log(motion.scale) * radius, motion.rotation_rad * radius, *motion.shift_px])


def similarity_of(vector: Vector, radius: float) -> Similarity:
    """Undo `vector_of`."""
    return Similarity(
        math.exp(vector[0] / radius), float(vector[1] / radius), (float(vector[2]), float(vector[3]))
    )
