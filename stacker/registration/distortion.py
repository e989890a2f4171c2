"""What frames do to one another beyond a similarity: perspective, stretch and shear; and how plainly."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stacker.registration.levels import MatchPyramid
from stacker.registration.model import MotionModel
from stacker.registration.search import BRIGHTNESS, Refined
from stacker.registration.similarity import Matrix, about_centre, inverse
from stacker.registration.solve import (
    Points,
    System,
    chosen_points,
    covariance,
    increment,
    linearised,
    solved,
)

__all__ = ["Distortion"]

_ITERATIONS = 4

_SLIGHT = 3e-4
"""Of the width, by which perspective moves the ends of the long side: less is not worth a second look."""

_WIDE = 0.4
"""Share of the picture, each way, that what is matched has to spread over for perspective to be as plain as
its standard errors say. In a strip that is sharper on one side, blur stretches what is there, and carried on
to the other end of the picture that is perspective, by the square: strips of 0.08 had an evidence of up to
203 where nothing tilts."""


@dataclass(frozen=True)
class Distortion:
    """What a motion model adds to a similarity.

    Attributes
    ----------
    matrix : ndarray, shape (3, 3)
        For points of the moving picture about the centre with half the long side as 1; applied before the
        motion.
    evidence : float
        The square of what perspective was found in its standard errors (Mahalanobis), less where only a strip
        of the picture tells of it, where the model is `MotionModel.AUTO`, else 0.
    """

    matrix: Matrix
    evidence: float = 0.0

    @classmethod
    def none(cls) -> Distortion:
        """What a similarity leaves."""
        return cls(np.eye(3))

    @classmethod
    def found(
        cls, fixed: MatchPyramid, moving: MatchPyramid, last: Refined, model: MotionModel
    ) -> Distortion:
        """Fit what the model has over the similarity that was found.

        Parameters
        ----------
        fixed, moving : MatchPyramid
            Pictures of the same size.
        last : Refined
            The similarity, at the size at which it is believed.
        model : MotionModel
            What to fit.
        """
        unknowns = model.unknowns
        if model is MotionModel.SIMILARITY or (
            model is MotionModel.AUTO and _perspective_px(fixed, last) < _SLIGHT * fixed.width
        ):
            return cls.none()
        points = fixed.kept(last.level, chosen_points)
        assert points is not None, "the similarity rests on some"
        size = fixed.levels[last.level].size
        radius = max(size) / 2
        richer, tilt = last.transform, np.zeros(2)
        for _ in range(_ITERATIONS):
            system = linearised(points, moving.levels[last.level], richer)
            step = None if system is None else solved(system, (*unknowns, *BRIGHTNESS))
            if step is None:
                return cls.none()
            all_steps = np.zeros(8)
            all_steps[list(unknowns)] = step[: len(unknowns)] / radius
            all_steps[2:4] *= radius
            richer = richer @ increment(all_steps, size)
            tilt += all_steps[6:] * radius
        evidence = 0.0
        if model is MotionModel.AUTO:
            system = linearised(points, moving.levels[last.level], richer)
            known = None if system is None else covariance(system, points, (*unknowns, *BRIGHTNESS))
            if system is None or known is None:
                return cls.none()
            evidence = float(tilt @ np.linalg.solve(known[4:6, 4:6], tilt))
            evidence *= min(1.0, _spread(points, system, size) / _WIDE) ** 2
        onto = about_centre(size)
        # moving → fixed is similarity⁻¹ ∘ distortion, so the distortion acts on points of the moving picture.
        matrix = onto @ last.transform @ inverse(richer) @ inverse(onto)
        return cls(np.asarray(matrix / matrix[2, 2]), evidence)


def _spread(points: Points, system: System, size: tuple[int, int]) -> float:
    """How far over the picture that reaches which the equations rest on; 1 where it is everywhere."""
    told = system.weight * (system.jacobian[2] ** 2 + system.jacobian[3] ** 2)
    told /= told.sum()
    spreads = []
    for place, side in zip((points.u, points.v), size, strict=True):
        middle = told @ place
        spreads.append(math.sqrt(3.0 * float(told @ (place - middle) ** 2)) * max(size) / side)
    return min(spreads)


def _perspective_px(fixed: MatchPyramid, last: Refined) -> float:
    """By how much the ends of the long side would still move if perspective were allowed."""
    found = solved(last.system, (*MotionModel.AUTO.unknowns, *BRIGHTNESS))
    return 0.0 if found is None else float(np.hypot(found[4], found[5]) / fixed.levels[last.level].factor)
