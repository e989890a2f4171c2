"""What a rail's positions say about the scale of frames, and what frames say about the lens on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["PupilFit", "Rail", "RailGeometry"]

_GIVEN_ERROR = 0.03
"""Share by which a pupil distance that was given may be wrong: measured ones are known that well."""

_CONTRADICTED = 4.0
"""Standard errors beyond which a given distance is wrong, and is left out of account."""

_LEAST_STEPS = 3
"""Steps that it takes to contradict it."""

_TRUSTED = 4.0
"""A fitted distance counts when it is that many standard errors away from infinity."""

_OUTLIER = 4.0
"""Standard errors beyond which a step says nothing about the lens: a bump, or lost steps."""

_KNOWN_BEST = 0.06
"""Share of the distance below which no number of steps brings its error: what is seen of a subject may lie
nearer or farther than the plane of focus on the whole."""

_MISREAD_PX, _MISREAD_TIMES = 4.0, 3.0
"""Of a width of 1000 px, and how many times farther or less far: by how much a frame has to grow otherwise
than its position says for that to be a typing error or lost steps. Parallax makes a fifth of a step."""

_NEAREST = 0.1
"""Of the pupil distance: nothing is photographed from closer."""


@dataclass(frozen=True)
class RailGeometry:
    """What a rail says about the scale of its frames.

    Attributes
    ----------
    pupil_distance_mm : float
        From the lens's entrance pupil to the plane of focus, above 0.
    reference_mm : float
        Rail position of the reference view; positions grow towards the subject.
    """

    pupil_distance_mm: float
    reference_mm: float

    def scale(self, position_mm: float) -> float:
        """Scale of a frame's plane of focus in the reference view: v / (v + Δ)."""
        return self.pupil_distance_mm / (self.pupil_distance_mm + position_mm - self.reference_mm)


@dataclass(frozen=True)
class PupilFit:
    """The pupil distance that fits the measured scales best.

    Attributes
    ----------
    pupil_distance_mm : float
        From the lens's entrance pupil to the plane of focus.
    standard_error_mm : float
        Of that, from how well the steps agree with each other.
    steps_mm : tuple of float
        Rail travel of each step that was matched, in order of the frames added.
    residuals_px : tuple of float
        For each, how far the corners of the frame lie from where that distance has them, in its pixels: more
        than a pixel or two is a bump, a lost step, or a frame with nothing in focus.
    """

    pupil_distance_mm: float
    standard_error_mm: float
    steps_mm: tuple[float, ...]
    residuals_px: tuple[float, ...]

    def contradicts(self, given_mm: float) -> bool:
        """Whether a distance that was given cannot be right."""
        error = math.hypot(self.standard_error_mm / self.pupil_distance_mm**2, _GIVEN_ERROR / given_mm)
        off = abs(1 / self.pupil_distance_mm - 1 / given_mm)
        return len(self.steps_mm) >= _LEAST_STEPS and off > _CONTRADICTED * error


class Rail:
    """Learns the pupil distance from the scale of steps along a rail.

    Parameters
    ----------
    pupil_distance_mm : float, optional
        If it is known beforehand.
    """

    def __init__(self, pupil_distance_mm: float | None = None) -> None:
        self.given_mm = pupil_distance_mm
        self._steps: list[tuple[float, float, float, float]] = []  # mm, log scale, its error, corner px

    def learn(self, distance_mm: float, log_scale: float, error: float, radius_px: float) -> None:
        """Take a measured step into account; ``radius_px`` of the full frame is for the residuals."""
        self._steps.append((distance_mm, log_scale, error, radius_px))

    def travel_mm(self, distance_mm: float, log_scale: float, corner_px: float) -> float:
        """How far a step went: as its positions say, or as its scale does where one of them is plainly wrong.

        Parameters
        ----------
        distance_mm, log_scale : float
            What the positions say, and the logarithm of the measured scale.
        corner_px : float
            From the middle to the corners, of a picture that is 1000 px wide.
        """
        known = self.inverse()
        if known is None:
            return distance_mm
        seen_mm = -log_scale / known[0]
        near, far = sorted((abs(distance_mm), abs(seen_mm)))
        misread = far > _MISREAD_TIMES * near or distance_mm * seen_mm < 0
        off_px = abs(distance_mm - seen_mm) * known[0] * corner_px
        return seen_mm if misread and off_px > _MISREAD_PX else distance_mm

    def inverse(self) -> tuple[float, float] | None:
        """1/v and its standard error in 1/mm, from what was given and what was measured; None when that is
        not more than nothing, or the rail seems to run the wrong way.
        """
        measured = self._measured()
        if self.given_mm is not None:
            given, error = 1 / self.given_mm, _GIVEN_ERROR / self.given_mm
            if measured is None or len(self._steps) < _LEAST_STEPS:
                return given, error
            if abs(measured[0] - given) <= _CONTRADICTED * math.hypot(measured[1], error):
                weights = error**-2, measured[1] ** -2
                mean = (given * weights[0] + measured[0] * weights[1]) / sum(weights)
                return mean, sum(weights) ** -0.5
        if measured is None or measured[0] < _TRUSTED * measured[1]:
            return None
        return measured

    def plane_correction(self, position_mm: float, start_mm: float, view_mm: float | None) -> float:
        """What the scale of a chain has to be multiplied with, so that the plane of focus comes out right.

        Steps multiply to exp(-Δ/v); what a frame has in focus has the scale v/(v + Δ) in a view from Δ
        farther back.

        Parameters
        ----------
        position_mm, start_mm : float
            Of the frame, and of the first of the chain.
        view_mm : float or None
            Of the view; the first frame's when None.
        """
        known = self.inverse()
        if known is None:
            return 1.0
        along, back = (position_mm - start_mm) * known[0], start_mm if view_mm is None else view_mm
        return math.exp(along) / max(1 + (position_mm - back) * known[0], _NEAREST)

    def fit(self) -> PupilFit | None:
        """The distance that fits the measured steps alone; None while they say nothing."""
        measured = self._measured()
        if measured is None or measured[0] < _TRUSTED * measured[1]:
            return None
        inverse, error = measured
        return PupilFit(
            1 / inverse,
            error / inverse**2,
            tuple(step[0] for step in self._steps),
            tuple(
                (log_scale + distance * inverse) * radius for distance, log_scale, _, radius in self._steps
            ),
        )

    def _measured(self) -> tuple[float, float] | None:
        """1/v by weighted least squares through the origin, steps that stand out left out."""
        if not self._steps:
            return None
        distance, log_scale, error, _ = np.array(self._steps).T
        weight = error**-2
        for _ in range(3):
            squared = float((weight * distance**2).sum())
            if squared <= 0:
                return None
            inverse = -float((weight * distance * log_scale).sum()) / squared
            residual = (log_scale + distance * inverse) / error
            spread = max(1.48 * float(np.median(np.abs(residual))), 1.0)
            weight = np.where(np.abs(residual) < _OUTLIER * spread, error**-2, 0.0)
        return inverse, math.hypot(spread / math.sqrt(squared), _KNOWN_BEST * inverse)
