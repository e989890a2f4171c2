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
    def unknowns(self) -> tuple[int, ...]:
        """Rows of `stacker.registration.solve.System.jacobian` that are fitted."""
        return {
            MotionModel.AUTO: (0, 1, 2, 3, 6, 7),
            MotionModel.SIMILARITY: (0, 1, 2, 3),
            MotionModel.AFFINE: (0, 1, 2, 3, 4, 5),
            MotionModel.HOMOGRAPHY: (0, 1, 2, 3, 4, 5, 6, 7),
        }[self]
