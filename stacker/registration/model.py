"""How frames may move against each other."""

from __future__ import annotations

from enum import Enum

__all__ = ["MotionModel"]


class MotionModel(Enum):
    """What registration fits from frame to frame."""

    AUTO = "auto"
    """A similarity, and perspective where frames plainly show it: a camera in the hand. Not on a rail."""
    SIMILARITY = "similarity"
    """Scale, rotation and shift: what a rail, a focus ring and a bumped table do. The more a model can do,
    the more it follows blur and noise."""
    AFFINE = "affine"
    """Also stretch and shear: scanned or squeezed frames."""
    HOMOGRAPHY = "homography"
    """Also perspective: a camera that tilts."""

    @property
    def parameters(self) -> int:
        """How many numbers are fitted."""
        return {
            MotionModel.AUTO: 6,
            MotionModel.SIMILARITY: 4,
            MotionModel.AFFINE: 6,
            MotionModel.HOMOGRAPHY: 8,
        }[self]
