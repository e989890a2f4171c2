"""What a rail's positions say about the motion between frames, and how far a match is believed beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stacker.registration.similarity import Similarity

__all__ = ["RailGeometry", "RailPrior"]

_SHARE_BELIEVED = 0.1
"""Of a measured scale's deviation from the geometry. A pupil distance is known to some 3 %; a matched scale
is wrong by up to 10 % of the step where most of the picture is blurred or lies far behind the plane of
focus."""

_WRONG_GEOMETRY = 0.25
"""If the typical measured step deviates by more, the pupil distance is wrong, and the measurement is
believed."""

_BENEFIT_OF_DOUBT = 4
"""Steps in favour of the geometry, and of a rail that runs along the optical axis, before the first frame."""

_TELLING_STEP = 2e-4
"""Logarithm of a step in scale below which its ratio to the prediction is noise."""

_BLURRED = 0.4
"""Share of the best sharpness so far below which a frame's match is believed less: as blur grows, structure
seems to move (1 px a step on rendered frames in which almost nothing is in focus)."""

_BUMP_SHARE, _BUMP_RAD = 0.01, 0.005
"""Shift, as a share of the width, and rotation beyond which it is a knock at the table, not the work of
blur."""


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

    def step_scale(self, distance_mm: float) -> float:
        """Scale that matches a frame to its neighbour, of points halfway between their planes: exp(-δ/v)."""
        return math.exp(-distance_mm / self.pupil_distance_mm)


class RailPrior:
    """Weighs matches against the rail's geometry, and learns from them how the rail runs.

    Parameters
    ----------
    geometry : RailGeometry
        What the steps in scale should be.
    """

    def __init__(self, geometry: RailGeometry) -> None:
        self.geometry = geometry
        self._best_sharpness = 0.0
        self._scale_ratios: list[float] = []
        self._travel = (0.0, 0.0)  # sum of shift x distance, over confident steps
        self._distance_squared = 0.0

    def seen(self, sharpness: float) -> None:
        """Take note of a frame."""
        self._best_sharpness = max(self._best_sharpness, sharpness)

    def believed(
        self, measured: Similarity, distance_mm: float, sharpness: float, width_px: float
    ) -> Similarity:
        """The motion to go by.

        Parameters
        ----------
        measured : Similarity
            The match of a frame to its neighbour.
        distance_mm : float
            Rail travel from the neighbour to the frame.
        sharpness : float
            Of the frame.
        width_px : float
            Of the pictures that were matched.
        """
        self.seen(sharpness)
        confidence = min(1.0, (sharpness / max(_BLURRED * self._best_sharpness, 1e-9)) ** 2)
        scale = self._believed_scale(measured.scale, distance_mm, confidence)
        expected = self._drift(distance_mm)
        if math.dist(measured.shift_px, expected) > _BUMP_SHARE * width_px:
            shift = measured.shift_px
        else:
            shift = (
                expected[0] + confidence * (measured.shift_px[0] - expected[0]),
                expected[1] + confidence * (measured.shift_px[1] - expected[1]),
            )
            self._learn_drift(measured.shift_px, distance_mm, confidence)
        knocked = abs(measured.rotation_rad) > _BUMP_RAD
        rotation = measured.rotation_rad * (1.0 if knocked else confidence)
        return Similarity(scale, rotation, shift)

    def _believed_scale(self, scale: float, distance_mm: float, confidence: float) -> float:
        predicted = math.log(self.geometry.step_scale(distance_mm))
        measured = math.log(scale)
        if abs(predicted) > _TELLING_STEP and confidence == 1.0:
            self._scale_ratios.append(measured / predicted)
        typical = float(np.median([1.0] * _BENEFIT_OF_DOUBT + self._scale_ratios))
        share = _SHARE_BELIEVED if abs(typical - 1) < _WRONG_GEOMETRY else 1.0
        return math.exp(predicted + share * (measured - predicted))

    def _drift(self, distance_mm: float) -> tuple[float, float]:
        """Shift to be expected: a rail is never quite parallel to the optical axis."""
        total = self._distance_squared + _BENEFIT_OF_DOUBT * distance_mm**2
        if total <= 0:
            return 0.0, 0.0
        return self._travel[0] * distance_mm / total, self._travel[1] * distance_mm / total

    def _learn_drift(self, shift_px: tuple[float, float], distance_mm: float, confidence: float) -> None:
        weight = confidence * distance_mm
        self._travel = self._travel[0] + weight * shift_px[0], self._travel[1] + weight * shift_px[1]
        self._distance_squared += confidence * distance_mm**2
