"""Distance from the entrance pupil to the plane of focus, from how the picture grows through a sweep.

A point that is in focus at position z is seen from x under an angle that goes with 1/(v + z − x), so between
two frames it moves away from the axis by s = (v + z − x₁)/(v + z − x₂). Everything is fitted for κ = 1/v:
it is 0 for a telecentric lens and negative for a hypercentric one, and neither is a special case.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from rig.calibrate.dof import CONTRAST_KEPT
from rig.calibrate.focus import curve_of
from rig.calibrate.follow import follow
from rig.calibrate.images import Array
from rig.errors import DataError, UserError

__all__ = ["PupilMeasurement", "Tracks", "fit_pupil", "measure_pupil", "track"]

_FEWEST_FRAMES = 3
"""Two would do for the value; the third tells how good it is."""

_TEXTURE = 2.0  # energy of a tile's peak over its noise floor
_SMOOTH_PX = 1.5  # pixels are noisier than what is compared between sharp and blurred frames needs
_FEWEST_POINTS = 12
_SIGMAS = 2.0  # closer to telecentric than that is telecentric, as far as these frames can tell
_BIAS_PX = 0.01  # tracking is that far off for reasons that points have in common
_GROUPS = 10
_ROUNDS = 6
_HUBER = 2.0


@dataclass(frozen=True)
class Tracks:
    """Points followed through a sweep; places are in px from the middle of the frame.

    Attributes
    ----------
    start_px : ndarray, shape (n, 2)
        Where a point is in the frame it was taken from.
    found_px : ndarray, shape (n, 2)
        Where it is in another frame.
    source, target : ndarray of int, shape (n,)
        Indices of these two frames.
    focus_mm : ndarray, shape (n,)
        Position at which the point is in focus.
    point : ndarray of int, shape (n,)
        Which point it is; one point has a row for every frame it was followed to.
    """

    start_px: Array
    found_px: Array
    source: Array
    target: Array
    focus_mm: Array
    point: Array


@dataclass(frozen=True)
class PupilMeasurement:
    """A measured pupil distance.

    Attributes
    ----------
    inverse_per_mm, inverse_sigma_per_mm : float
        κ = 1/v and its standard error.
    pupil_distance_mm : float
        v; infinite when κ cannot be told from 0, negative when hypercentric.
    low_mm, high_mm : float
        Two standard errors to each side of v; for an infinite v the least distance, and infinity.
    positions_mm, growth : ndarray, shape (n,)
        Size of the subject in each frame, relative to the frame that most of it is sharpest in; NaN where it
        could not be followed. For the plot.
    points : int
        Points that were followed.
    """

    inverse_per_mm: float
    inverse_sigma_per_mm: float
    pupil_distance_mm: float
    low_mm: float
    high_mm: float
    positions_mm: Array
    growth: Array
    points: int

    @property
    def telecentric(self) -> bool:
        """Whether the pupil is so far away that these frames do not show where."""
        return math.isinf(self.pupil_distance_mm)


def measure_pupil(positions_mm: Array, energy: Array, greys: list[Array]) -> PupilMeasurement:
    """Measure the pupil distance from a sweep.

    Parameters
    ----------
    positions_mm : ndarray, shape (n,)
        Rising.
    energy : ndarray, shape (n, rows, columns)
        Band energies of tiles that cover the whole frame.
    greys : list of ndarray
        8-bit pictures of the frames.

    Raises
    ------
    UserError
        When there are too few frames, or all were taken at one position.
    DataError
        When too little of the subject can be followed from frame to frame.
    """
    positions = np.asarray(positions_mm, dtype=np.float64)
    if len(positions) < _FEWEST_FRAMES:
        raise UserError(
            f"{len(positions)} frames are too few to see how the picture grows: take at least "
            f"{_FEWEST_FRAMES}, better 15, over as long a travel as the target stays recognisable"
        )
    if not np.ptp(positions) > 0:
        raise UserError("all these frames were taken at one position: the picture grows when the rail moves")
    return fit_pupil(positions, track(positions, energy, greys))


def track(positions: Array, energy: Array, greys: list[Array]) -> Tracks:
    """Follow the sharp points of every frame through the others, both ways.

    Raises
    ------
    DataError
        When fewer than 12 can be followed.
    """
    smooth = [cv2.GaussianBlur(g, (0, 0), _SMOOTH_PX) for g in greys]
    height, width = greys[0].shape
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    places, sources, focus = _points(positions, energy, (height, width))
    rows: list[tuple[Array, ...]] = []
    for b in np.unique(sources):
        mine = np.flatnonzero(sources == b)
        for way in (1, -1):
            at = places[mine]
            alive = np.ones(len(mine), bool)
            k = b + way
            while 0 <= k < len(positions) and alive.any():
                at, found = follow(smooth[b], smooth[k], places[mine], at)
                alive &= found
                kept = mine[alive]
                count = np.full(len(kept), 1)
                rows.append(
                    (places[kept] - middle, at[alive] - middle, count * b, count * k, focus[kept], kept)
                )
                k += way
    if not rows or len(np.unique(np.concatenate([r[5] for r in rows]))) < _FEWEST_POINTS:
        raise DataError(
            "too little of the subject can be followed from frame to frame: use a flat target with detail of "
            "all sizes, such as a banknote, and a sweep with several frames within the depth of field"
        )
    return Tracks(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def _points(positions: Array, energy: Array, size: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Middles of the tiles that come into focus: place in px, sharpest frame, position of best focus."""
    n, rows, columns = energy.shape
    # A rest at the right and lower edge has no tile: places are off by less than half of one.
    tile = min(size[1] / columns, size[0] / rows)
    places, sources, focus = [], [], []
    for row in range(rows):
        for column in range(columns):
            curve = curve_of(positions, energy[:, row, column], CONTRAST_KEPT)
            if curve.peak**2 > _TEXTURE * curve.floor or n < 5:
                places.append([(column + 0.5) * tile, (row + 0.5) * tile])
                sources.append(int(energy[:, row, column].argmax()))
                focus.append(curve.peak_mm)
    return np.array(places).reshape(-1, 2), np.array(sources, int), np.array(focus)


def fit_pupil(positions: Array, tracks: Tracks) -> PupilMeasurement:
    """Fit κ = 1/v, and a shift and a turn of every frame, to tracks; outliers count little.

    With e = z − x₁ and Δ = x₂ − x₁, a point at p goes to P with P(1 + κ(e − Δ)) = (1 + κe)p, which is linear:
    P − p = κ(e·p − (e − Δ)·P) + shift + turn. Where the axis meets the frame does not matter: being off adds
    the same shift to all points.

    Parameters
    ----------
    positions : ndarray, shape (n,)
        Of the frames, mm; not all the same.
    tracks : Tracks
        In px from the middle of the frame; of 2 points at least.
    """
    design, moved = _equations(positions, tracks)
    kappa, _ = _robust(design, moved)
    # Counted anew: points that could not be followed left gaps, which one group might fall into.
    groups = np.unique(tracks.point, return_inverse=True)[1] % _GROUPS
    parts = []
    for group in range(_GROUPS):
        kept = np.repeat(groups != group, 2)
        if kept.any() and not kept.all():
            parts.append(_robust(design[kept], moved[kept])[0])
    n = len(parts)
    jackknife = math.sqrt((n - 1) / n * float(np.sum((np.array(parts) - np.mean(parts)) ** 2)))
    radius = float(np.sqrt((tracks.start_px**2).sum(axis=1).mean()))
    bias = _BIAS_PX / (radius * float(np.ptp(positions)))
    sigma = math.hypot(jackknife, bias)
    v, low, high = _distance(kappa, sigma)
    return PupilMeasurement(
        inverse_per_mm=kappa,
        inverse_sigma_per_mm=sigma,
        pupil_distance_mm=v,
        low_mm=low,
        high_mm=high,
        positions_mm=positions,
        growth=_growth(positions, tracks),
        points=len(np.unique(tracks.point)),
    )


def _equations(positions: Array, tracks: Tracks) -> tuple[Array, Array]:
    """Rows for x and y of every track; columns are κ, then shift x, shift y and turn of every frame."""
    n, rows = len(positions), len(tracks.start_px)
    e = (tracks.focus_mm - positions[tracks.source])[:, None]
    delta = (positions[tracks.target] - positions[tracks.source])[:, None]
    growing = e * tracks.start_px - (e - delta) * tracks.found_px
    design = np.zeros((rows, 2, 1 + 3 * n))
    design[:, :, 0] = growing
    index = np.arange(rows)
    turned = np.stack([-tracks.start_px[:, 1], tracks.start_px[:, 0]], axis=1)
    for frame, sign in ((tracks.target, 1.0), (tracks.source, -1.0)):
        design[index, 0, 1 + 3 * frame] += sign
        design[index, 1, 2 + 3 * frame] += sign
        design[index, 0, 3 + 3 * frame] += sign * turned[:, 0]
        design[index, 1, 3 + 3 * frame] += sign * turned[:, 1]
    moved = (tracks.found_px - tracks.start_px).reshape(-1)
    return design.reshape(2 * rows, -1), moved


def _robust(design: Array, moved: Array) -> tuple[float, Array]:
    """Least squares in which what is farther off than twice the usual counts as its square root (Huber)."""
    weight = np.ones(len(moved))
    # Columns differ by orders of magnitude: pixels times mm, ones, and pixels.
    scale = np.maximum(np.sqrt((design**2).sum(axis=0)), 1e-12)
    scaled = design / scale
    solution = np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        weighted = scaled * weight[:, None]
        # One frame's shift and turn are free (only differences count); pinv takes the smallest.
        solution = np.linalg.pinv(weighted.T @ scaled, hermitian=True) @ (weighted.T @ moved)
        left = np.abs(moved - scaled @ solution)
        usual = max(1.4826 * float(np.median(left)), 1e-6)
        weight = np.minimum(1.0, _HUBER * usual / np.maximum(left, 1e-12))
    return float(solution[0] / scale[0]), moved - scaled @ solution


def _distance(kappa: float, sigma: float) -> tuple[float, float, float]:
    """v and what it may be within two standard errors of κ."""
    low, high = kappa - _SIGMAS * sigma, kappa + _SIGMAS * sigma
    if low <= 0 <= high:
        return math.inf, 1 / max(-low, high), math.inf
    ends = sorted((1 / low, 1 / high))
    return 1 / kappa, ends[0], ends[1]


def _growth(positions: Array, tracks: Tracks) -> Array:
    """Size of the subject in every frame, relative to the frame most of it is sharpest in; NaN if unknown."""
    growth = np.full(len(positions), np.nan)
    main = int(np.bincount(tracks.source).argmax())
    growth[main] = 1.0
    for k in range(len(positions)):
        rows = (tracks.target == k) & (tracks.source == main)
        if np.count_nonzero(rows) >= 3:
            start = tracks.start_px[rows] - tracks.start_px[rows].mean(axis=0)
            found = tracks.found_px[rows] - tracks.found_px[rows].mean(axis=0)
            growth[k] = float((start * found).sum() / (start**2).sum())
    return growth
