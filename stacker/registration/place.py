"""Where a frame lies relative to the first of its chain, in parts that geometry can correct."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from stacker.registration.similarity import Matrix, Similarity, about_centre, inverse

__all__ = ["Place"]


@dataclass(frozen=True)
class Place:
    """A frame's place in a chain.

    Attributes
    ----------
    log_scale : float
        Sum of the logarithms of the scales of all steps.
    rotation_rad : float
        Sum of the rotations.
    drift_px : tuple of float
        Where the frame's centre lies, in pixels of the frame itself (reduced for matching).
    distortion : ndarray, shape (3, 3)
        What a richer motion model than a similarity adds; see `stacker.registration.distortion.Distortion`.
    position_mm : float or None
        Rail position, when the chain goes by it: a shift then keeps its size in the plane of focus.
    """

    log_scale: float = 0.0
    rotation_rad: float = 0.0
    drift_px: tuple[float, float] = (0.0, 0.0)
    distortion: Matrix | None = None
    position_mm: float | None = None

    def moved(self, motion: Similarity, position_mm: float | None, distortion: Matrix | None = None) -> Place:
        """The place of a frame whose points a motion takes to this one's.

        What was matched lies halfway between the two planes of focus. On a rail a shift keeps its size in the
        plane of focus, so half of the step's scale applies to it; without one the motions multiply.
        """
        before = self.drift_px
        dx, dy = _turned(motion.shift_px, self.rotation_rad)
        if self._on_rail(position_mm):
            half = math.sqrt(motion.scale)
            drift = before[0] + dx / half, before[1] + dy / half
        else:
            drift = (before[0] + dx) / motion.scale, (before[1] + dy) / motion.scale
        return Place(
            self.log_scale + math.log(motion.scale),
            self.rotation_rad + motion.rotation_rad,
            drift,
            _product(self.distortion, distortion),
            position_mm,
        )

    def motion_of(self, other: Place) -> Similarity:
        """The motion that takes points of a frame at another place to those of the frame here; undoes
        `moved`.
        """
        scale = math.exp(other.log_scale - self.log_scale)
        if self._on_rail(other.position_mm):
            half = math.sqrt(scale)
            step = tuple((b - a) * half for a, b in zip(self.drift_px, other.drift_px, strict=True))
        else:
            step = tuple(b * scale - a for a, b in zip(self.drift_px, other.drift_px, strict=True))
        shift = _turned((step[0], step[1]), -self.rotation_rad)
        return Similarity(scale, other.rotation_rad - self.rotation_rad, shift)

    def between(self, other: Place, share: float) -> Place:
        """The place a share of the way to another one."""
        motion = self.motion_of(other).power(share)
        position = None
        if self.position_mm is not None and other.position_mm is not None:
            position = self.position_mm + share * (other.position_mm - self.position_mm)
        return replace(self.moved(motion, position), distortion=self.distortion)

    def matrix(self, size: tuple[int, int], factor: float, correction: float = 1.0) -> Matrix:
        """Points of the full-size frame to those of the first one.

        Parameters
        ----------
        size : tuple of int
            Width and height of the frame.
        factor : float
            Of the reduction for matching.
        correction : float
            Of the scale, by geometry.
        """
        scale = math.exp(self.log_scale) * correction
        shift = (self.drift_px[0] * scale / factor, self.drift_px[1] * scale / factor)
        centre = (size[0] - 1) / 2, (size[1] - 1) / 2
        found = Similarity(scale, self.rotation_rad, shift).matrix(centre)
        if self.distortion is None:
            return found
        onto = about_centre(size)
        whole = found @ inverse(onto) @ self.distortion @ onto
        return np.asarray(whole / whole[2, 2])

    def _on_rail(self, position_mm: float | None) -> bool:
        return self.position_mm is not None and position_mm is not None


def _turned(shift: tuple[float, float], angle: float) -> tuple[float, float]:
    cos, sin = math.cos(angle), math.sin(angle)
    return cos * shift[0] - sin * shift[1], sin * shift[0] + cos * shift[1]


def _product(first: Matrix | None, second: Matrix | None) -> Matrix | None:
    if first is None or second is None:
        return second if first is None else first
    return np.asarray(first @ second)
