"""Similarity transforms of the plane, as 3 × 3 matrices acting on pixel centres (x to the right, y down)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Matrix", "Similarity", "about_centre", "identity", "inverse", "rescaled"]

Matrix = np.ndarray[Any, np.dtype[np.float64]]
"""A 3 × 3 transform of homogeneous pixel coordinates."""


def identity() -> Matrix:
    """Return the transform that changes nothing."""
    return np.eye(3)


def inverse(transform: Matrix) -> Matrix:
    """Turn a transform round."""
    return np.asarray(np.linalg.inv(transform), np.float64)


def rescaled(transform: Matrix, factor: float) -> Matrix:
    """Carry a transform over to images resized by a factor (pixel centres at whole numbers in both).

    Parameters
    ----------
    transform : ndarray, shape (3, 3)
        Between images of the original size.
    factor : float
        New size / original size.
    """
    offset = 0.5 * factor - 0.5
    resize = np.array([[factor, 0, offset], [0, factor, offset], [0, 0, 1.0]])
    return np.asarray(resize @ transform @ inverse(resize))


def about_centre(size: tuple[int, int]) -> Matrix:
    """From pixels of a picture, width and height, to places about its centre with half the long side as 1."""
    radius, cx, cy = max(size) / 2, (size[0] - 1) / 2, (size[1] - 1) / 2
    return np.array([[1 / radius, 0, -cx / radius], [0, 1 / radius, -cy / radius], [0, 0, 1.0]])


@dataclass(frozen=True)
class Similarity:
    """Scale, rotation and shift about a centre: x ↦ centre + scale · R(rotation) · (x − centre) + shift.

    Attributes
    ----------
    scale : float
        Above 0; larger than 1 enlarges.
    rotation_rad : float
        Positive turns x towards y: clockwise on the screen.
    shift_px : tuple of float
        Where the centre goes, relative to itself: (x, y).
    """

    scale: float = 1.0
    rotation_rad: float = 0.0
    shift_px: tuple[float, float] = (0.0, 0.0)

    def matrix(self, centre: tuple[float, float]) -> Matrix:
        """The same as a 3 × 3 matrix."""
        a = self.scale * math.cos(self.rotation_rad)
        b = self.scale * math.sin(self.rotation_rad)
        cx, cy = centre
        tx = cx + self.shift_px[0] - a * cx + b * cy
        ty = cy + self.shift_px[1] - b * cx - a * cy
        return np.array([[a, -b, tx], [b, a, ty], [0, 0, 1.0]])

    def power(self, exponent: float) -> Similarity:
        """The motion repeated so many times, to first order: a prediction, not a composition."""
        dx, dy = self.shift_px
        return Similarity(self.scale**exponent, self.rotation_rad * exponent, (dx * exponent, dy * exponent))

    @classmethod
    def nearest(cls, transform: Matrix, centre: tuple[float, float]) -> Similarity:
        """The similarity closest to an affine transform (least squares about the centre)."""
        a = (transform[0, 0] + transform[1, 1]) / 2
        b = (transform[1, 0] - transform[0, 1]) / 2
        moved = transform[:2, :2] @ np.array(centre) + transform[:2, 2] - np.array(centre)
        return cls(math.hypot(a, b), math.atan2(b, a), (float(moved[0]), float(moved[1])))
