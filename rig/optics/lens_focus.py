"""Where a lens has to focus so that frames are evenly apart behind it, on the sensor's side.

There every frame is sharp over the same depth, however far away the subject is; on the subject's side it is
not. A focus drive counts whole units of its own, so positions are whole units.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["evenly_in_image_space", "widest_interval"]


def evenly_in_image_space(defocus: npt.ArrayLike, intervals: int) -> npt.NDArray[np.intp]:
    """Return the drive units nearest to positions that are even in defocus, both ends included.

    Parameters
    ----------
    defocus : array of shape (units + 1,)
        Shift of the image plane at every whole drive unit from start to end; strictly rising or falling.
    intervals : int
        How many, from 1 up.

    Returns
    -------
    array of shape (frames,)
        Indices into `defocus`, strictly rising from 0 to the last. Fewer than `intervals` + 1 where units are
        coarser than the intervals and several positions would fall on one.

    Raises
    ------
    ValueError
        When `defocus` does not rise or fall throughout.

    Examples
    --------
    >>> evenly_in_image_space([0.0, 1.0, 3.0, 4.1, 6.0], 2).tolist()
    [0, 2, 4]
    """
    values = np.asarray(defocus, dtype=np.float64)
    if len(values) < 2:
        return np.zeros(len(values), np.intp)
    if values[-1] < values[0]:
        values = -values
    if not np.all(np.diff(values) > 0):
        raise ValueError("defocus must rise or fall from unit to unit")
    targets = np.linspace(values[0], values[-1], intervals + 1)
    above = np.clip(np.searchsorted(values, targets), 1, len(values) - 1)
    nearer_below = targets - values[above - 1] <= values[above] - targets
    return np.unique(np.where(nearer_below, above - 1, above))


def widest_interval(defocus: npt.ArrayLike) -> float:
    """Return the largest distance between neighbours; 0 for a single position.

    Parameters
    ----------
    defocus : array of shape (frames,)
        Shifts of the image plane, in shooting order.

    Examples
    --------
    >>> widest_interval([0.0, 1.0, 3.0, 4.1])
    2.0
    """
    values = np.asarray(defocus, dtype=np.float64)
    return float(np.abs(np.diff(values)).max()) if len(values) > 1 else 0.0
