"""F-numbers as cameras mark them, and the true stops behind the marks."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from rig.optics.numeric import FloatOrArray, checked_positive, tidy

__all__ = ["stop_mark", "true_stop"]

# Mark → stops from f/1. Third stops from f/0.7, as bodies show them; where a third and a half stop share
# their mark (13), the third, which every body offers. 1.2 is the half stop that f/1.2 lenses are.
_THIRDS = (
    "0.7 0.8 0.9 1 1.1 1.3 1.4 1.6 1.8 2 2.2 2.5 2.8 3.2 3.5 4 4.5 5 5.6 6.3 7.1 8 9 10 11 13 14 16 18 20 22 "
    "25 29 32 36 40 45 51 57 64 72 81 90"
)
_HALVES = {
    "1.2": 0.5,
    "1.7": 1.5,
    "2.4": 2.5,
    "3.3": 3.5,
    "4.8": 4.5,
    "6.7": 5.5,
    "9.5": 6.5,
    "19": 8.5,
    "27": 9.5,
    "38": 10.5,
}
_MARKS = {mark: third / 3 - 1 for third, mark in enumerate(_THIRDS.split())} | _HALVES


@lru_cache(maxsize=1)
def _table() -> tuple[list[str], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    marks = sorted(_MARKS, key=float)
    return marks, np.array([float(m) for m in marks]), np.array([2 ** (_MARKS[m] / 2) for m in marks])


def true_stop(marked: FloatOrArray) -> FloatOrArray:
    """Return the f-number behind a camera's mark: N = 2^(k/2), k stops (or thirds, halves) from f/1.

    Parameters
    ----------
    marked : float or array
        Marked f-number, above 0. A number that is no mark (2.9, 11.3) is taken as it stands.

    Returns
    -------
    float or array
        True f-number.

    Notes
    -----
    Marks are rounded and partly historical: f/5.6 is 5.657, f/11 is 11.31, f/3.5 is 3.564, f/22 is 22.63.
    Depth of field goes with N² where diffraction rules, so f/11 for 11.31 costs 6 %. Published tables mostly
    compute with the mark itself; to compare with them, do not convert.

    References
    ----------
    ISO 517:2008, apertures of photographic lenses (the scale of factors 2^(1/2)).

    Examples
    --------
    >>> round(true_stop(5.6), 4)
    5.6569
    >>> true_stop(2.8) == 8**0.5
    True
    >>> true_stop(2.9)
    2.9
    """
    checked_positive(marked=marked)
    _, marks, trues = _table()
    values = np.asarray(marked, dtype=np.float64)
    index = np.abs(values[..., np.newaxis] - marks).argmin(axis=-1)
    return tidy(np.where(np.abs(values - marks[index]) < 1e-9, trues[index], values))


def stop_mark(f_number: float) -> str:
    """Return the mark a camera shows for a true f-number, or three significant digits where it has none.

    Parameters
    ----------
    f_number : float
        True f-number, above 0.

    Examples
    --------
    >>> stop_mark(2**2.5), stop_mark(11.1)
    ('5.6', '11.1')
    """
    checked_positive(f_number=f_number)
    marks, _, trues = _table()
    nearest = int(np.abs(np.log(trues / f_number)).argmin())
    # Neighbouring marks are 6 % apart at the closest (a sixth of a stop).
    if abs(trues[nearest] / f_number - 1) < 0.005:
        return marks[nearest]
    return f"{f_number:.3g}"
