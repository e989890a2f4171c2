"""What interpolation and blur take from the finest detail, so that it can be given back."""

from __future__ import annotations

import math

import numpy as np

from stacker.registration.similarity import Matrix

__all__ = ["Softening", "apart", "far_apart", "veiled"]

_POINTS = 256
"""Pixels whose positions are looked at."""

_VEIL_FROM, _VEIL_FULL, _VEIL = 0.25, 0.65, 0.36
"""Share of the picture in which the depth index jumps about, from which detail is veiled, and from which all
of the share of the finest band is added that is worth it."""


_APART, _APART_AT_MOST = 0.1, 0.05
"""Share of the finest band that is added for what things stay sharp for less than a slice, and at most. Half
of it brings half as much; half as much again a quarter more, and takes more from JPEGs, which cameras have
sharpened. Beside highlights more than 0.05 does harm where frames are far apart."""


_FADES = 0.08
"""Slices that things stay sharp for over which `far_apart` falls to a third: 0.06 and 0.1 bring 0.02 dB less
and 0.01 more to few frames, on average."""


def far_apart(focus_length: float) -> float:
    """How far apart frames lie: 1 where no two have the same things sharp, 0 in dense stacks.

    Parameters
    ----------
    focus_length : float
        For how many slices things stay sharp; see `stacker.fusion.depth_surface.focus_length`.
    """
    return math.exp(-max(0.0, focus_length) / _FADES)


def apart(focus_length: float) -> float:
    """What share of the finest luma to add, because most places lie between two planes of focus.

    In dense stacks some frame has every place in focus; where things stay sharp for less than a slice,
    nearly all are a little out of it.

    Parameters
    ----------
    focus_length : float
        For how many slices things stay sharp; see `stacker.fusion.depth_surface.focus_length`.
    """
    return min(_APART_AT_MOST, _APART * max(0.0, 1 - focus_length))


def veiled(jumble: float) -> float:
    """What share of the finest luma to add, because it is veiled by what lies before and behind it.

    Where thin things cross at many depths every frame has the blur of the others over them, and the mean of
    bands has less contrast than any one of them had alone. The bounds of the frames hold what is added.

    Parameters
    ----------
    jumble : float
        In how much of the picture the depth index jumps about; see `stacker.fusion.smooth_faults.jumble`.
    """
    return _VEIL * min(1.0, max(0.0, (jumble - _VEIL_FROM) / (_VEIL_FULL - _VEIL_FROM)))


_SCATTERED = np.outer((0.7548776662466927, 0.5698402909980532), np.arange(1, _POINTS + 1)) % 1.0
"""Places from 0 to 1, across and down: multiples of 1/p and 1/p², with p³ = p + 1, are spread evenly without
being a grid, which could fall in step with the positions (Roberts, "The unreasonable effectiveness of
quasirandom sequences", 2018)."""


class Softening:
    """Follows how far frames were interpolated.

    A pixel that falls on a pixel is copied, one that falls between four is a mean of its neighbours, which
    takes most from the finest detail.
    """

    def __init__(self) -> None:
        self._total, self._frames = 0.0, 0

    def add(self, to_frame: Matrix, width: int, height: int) -> None:
        """Take a frame into account that is warped by that map onto a canvas of that size."""
        across, down = _SCATTERED
        places = np.stack([np.floor(across * width), np.floor(down * height), np.ones(_POINTS)])
        u, v, w = np.asarray(to_frame, np.float64) @ places
        part = np.mod(np.stack([u, v]) / w, 1.0)
        # 0 on pixels, 1.5 in the middle between them, 1 on average over all positions.
        self._total += float(np.mean(6 * part * (1 - part)))
        self._frames += 1

    @property
    def share(self) -> float:
        """How far frames were interpolated: 0 when pixels fell on pixels, 1 when they fell anywhere."""
        return min(1.0, self._total / self._frames) if self._frames else 0.0
