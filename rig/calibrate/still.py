"""Whether the subject kept still while a sweep was taken."""

from __future__ import annotations

import cv2
import numpy as np

from rig.calibrate.images import Array
from rig.errors import DataError

__all__ = ["check_still", "neighbour_shift", "thumbnail"]

_WIDTH_PX = 512
_MOST_PX = 2.5  # of a thumbnail that wide: half a per cent of the frame; a growing picture shifts by less


def thumbnail(light: Array) -> Array:
    """Return a frame at reduced size, its brightness taken out; float32."""
    factor = max(1.0, light.shape[1] / _WIDTH_PX)
    size = (round(light.shape[1] / factor), round(light.shape[0] / factor))
    small = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(small, (0, 0), 2.0) - cv2.GaussianBlur(small, (0, 0), 16.0)
    return np.asarray(smooth, dtype=np.float32)


def neighbour_shift(first: Array, second: Array) -> tuple[float, float]:
    """Shift from one thumbnail to the next, x and y in its pixels, by phase correlation."""
    window = cv2.createHanningWindow((first.shape[1], first.shape[0]), cv2.CV_32F)
    (dx, dy), _ = cv2.phaseCorrelate(first, second, window)
    return float(dx), float(dy)


def check_still(positions_mm: Array, shifts_px: Array, names: list[str]) -> None:
    """Refuse a sweep during which something moved across the axis.

    A rail that is not quite parallel to the lens's axis shifts the picture by the same amount per mm all
    along; what is left after that is movement.

    Parameters
    ----------
    positions_mm : ndarray, shape (n,)
        Of the frames.
    shifts_px : ndarray, shape (n - 1, 2)
        From each frame to the next, in thumbnail pixels; NaN where it was not looked at.
    names : list of str
        Of the frames.

    Raises
    ------
    DataError
        Naming the frames between which it moved most.
    """
    travel = np.diff(positions_mm)[:, None]
    slope = np.nanmedian(shifts_px / travel, axis=0)
    left = np.hypot(*(shifts_px - slope * travel).T)
    if np.isfinite(left).any() and np.nanmax(left) > _MOST_PX:
        k = int(np.nanargmax(left))
        raise DataError(
            f"the subject or the camera moved while the sweep was taken: by {left[k] / _WIDTH_PX:.1%} of the "
            f"frame's width between {names[k]} and {names[k + 1]}. Fix the target, let everything settle "
            "longer, keep off the table, and measure again"
        )
