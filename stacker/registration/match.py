"""Registers one reduced grey picture to another: similarity and brightness by least squares, coarse to fine.

The method is Lucas and Kanade's with the mean of both gradients (efficient second-order minimisation:
Benhimane and Malis, "Real-time image-based tracking of planes", IROS 2004), gain and offset solved along with
the motion (which makes it invariant like the correlation coefficient of Evangelidis and Psarakis, PAMI 30,
2008), and residuals weighted down where the pictures disagree: highlights wander and depth edges shift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from stacker.frames import Image
from stacker.registration.similarity import Matrix, Similarity, inverse, rescaled

__all__ = ["Match", "MatchPyramid", "match"]

_FINE_SIGMA_PX, _COARSE_SIGMA_PX = 1.0, 3.0
"""What is matched is the band between the two. Defocus changes wide structures too: matched as they are, a
plane of focus that sweeps over the picture looks like a change of scale (0.23 px a step on rendered glints,
0.17 px in the band). Dividing by local strength or taking logarithms helps there (0.09 px), but lets the
noise of the nearly structureless end frames of real stacks pull the motion towards none."""

_COARSEST_PX = 120
"""Long side at which the search begins: a shift of 10 % of the frame is then 12 px."""

_MAX_POINTS = 50_000
_MIN_POINTS = 64
_ITERATIONS_COARSE, _ITERATIONS_FINE = 12, 6
_CONVERGED_COARSE_PX, _CONVERGED_FINE_PX = 0.02, 0.003
_MEDIAN_POINTS = 5_000

_MIN_AGREEMENT = 0.8
"""Where fine structure agrees less, it is noise, or the sensor's pattern, which does not move with the
subject. A higher bar would give up sharp registration of stacks with much defocus."""


@dataclass(frozen=True)
class Match:
    """How one picture lies on another.

    Attributes
    ----------
    motion : Similarity
        Takes points of the moving picture to the fixed one, about the centre, in pixels of the pictures
        given.
    correlation : float
        Of the two pictures after registration, -1 to 1.
    misfit_px : float
        How far the corners would still move if stretch and shear were allowed: what a similarity leaves.
    """

    motion: Similarity
    correlation: float
    misfit_px: float


@dataclass(frozen=True)
class _Level:
    smooth: Image
    grey: Image  # the band that is matched
    gradient_x: Image
    gradient_y: Image
    factor: float


@dataclass(frozen=True)
class _Refined:
    transform: Matrix  # fixed to moving points
    misfit_px: float
    agreement: float


class MatchPyramid:
    """A grey picture prepared for matching, at several sizes.

    Parameters
    ----------
    grey : ndarray, shape (H, W), float32
        The picture.
    """

    def __init__(self, grey: Image) -> None:
        self.width, self.height = int(grey.shape[1]), int(grey.shape[0])
        smooth = grey
        self.levels = [_level(smooth, 1.0)]
        size = max(grey.shape)
        while size / 2 >= _COARSEST_PX and min(smooth.shape) >= 32:
            # resize, not pyrDown: it keeps pixel centres where `rescaled` expects them for every size
            factor = self.levels[-1].factor / 2
            target = (max(1, round(self.width * factor)), max(1, round(self.height * factor)))
            smooth = cv2.resize(smooth, target, interpolation=cv2.INTER_AREA)
            self.levels.append(_level(smooth, factor))
            size //= 2

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the picture, in pixel-centre coordinates."""
        return (self.width - 1) / 2, (self.height - 1) / 2


def match(fixed: MatchPyramid, moving: MatchPyramid, expected: Similarity) -> Match | None:
    """Find the similarity that lays a picture on another.

    Parameters
    ----------
    fixed, moving : MatchPyramid
        Pictures of the same size.
    expected : Similarity
        Where to start: the motion (moving to fixed) of the step before, or what geometry says.

    Returns
    -------
    Match or None
        None where there is nothing to hold on to, or the search ran away.
    """
    # The search moves the fixed picture's points into the moving picture: the inverse of what is returned.
    start = inverse(expected.matrix(fixed.centre))
    start = _with_coarse_shift(fixed.levels[-1], moving.levels[-1], start)
    misfit = 0.0
    for index in reversed(range(len(fixed.levels))):
        level = fixed.levels[index], moving.levels[index]
        iterations = _ITERATIONS_FINE if index == 0 else _ITERATIONS_COARSE
        tolerance = _CONVERGED_FINE_PX if index == 0 else _CONVERGED_COARSE_PX
        refined = _refine(*level, rescaled(start, level[0].factor), iterations, tolerance)
        if refined is None:
            return None
        if refined.agreement < _MIN_AGREEMENT and index < len(fixed.levels) - 1:
            break
        start = rescaled(refined.transform, 1 / level[0].factor)
        misfit = refined.misfit_px / level[0].factor
    middle = min(1, len(fixed.levels) - 1)
    factor = fixed.levels[middle].factor
    correlation = _correlation(
        fixed.levels[middle].smooth, moving.levels[middle].smooth, rescaled(start, factor)
    )
    motion = Similarity.nearest(inverse(start), fixed.centre)
    return Match(motion, correlation, misfit)


def _level(smooth: Image, factor: float) -> _Level:
    band = _fine_band(smooth)
    gradient_x = cv2.Scharr(band, cv2.CV_32F, 1, 0, scale=1 / 32)
    gradient_y = cv2.Scharr(band, cv2.CV_32F, 0, 1, scale=1 / 32)
    return _Level(smooth, band, gradient_x, gradient_y, factor)


def _fine_band(smooth: Image) -> Image:
    fine = cv2.GaussianBlur(smooth, (0, 0), _FINE_SIGMA_PX)
    return np.asarray(cv2.subtract(fine, cv2.GaussianBlur(smooth, (0, 0), _COARSE_SIGMA_PX)))


def _with_coarse_shift(fixed: _Level, moving: _Level, start: Matrix) -> Matrix:
    """Add the shift that phase correlation finds, if it makes the pictures more alike: a bumped table."""
    here = rescaled(start, fixed.factor)
    height, width = fixed.grey.shape
    if min(height, width) < 8:
        return start
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    # Copies, because phaseCorrelate overwrites its arguments when it need not pad them.
    warped = _warp(moving.smooth, here, (width, height))
    (dx, dy), _ = cv2.phaseCorrelate(fixed.smooth.copy(), warped.copy(), window)
    shifted = here @ np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1.0]])
    better = _correlation(fixed.smooth, moving.smooth, shifted) > _correlation(
        fixed.smooth, moving.smooth, here
    )
    return rescaled(shifted, 1 / fixed.factor) if better else start


def _refine(
    fixed: _Level, moving: _Level, start: Matrix, iterations: int, tolerance: float
) -> _Refined | None:
    """Iterate at one size, from the map of fixed to moving points given."""
    points = _strong_points(fixed)
    if points is None:
        return None
    xs, ys, values, gradient_x, gradient_y = points
    height, width = fixed.grey.shape
    centre, radius = ((width - 1) / 2, (height - 1) / 2), max(width, height) / 2
    u, v = (
        (xs - np.float32(centre[0])) / np.float32(radius),
        (ys - np.float32(centre[1])) / np.float32(radius),
    )
    transform, system = start, None
    for _ in range(iterations):
        system = _linearise(moving, transform, (xs, ys, values, gradient_x, gradient_y), (u, v))
        if system is None:
            return None
        jacobian, residual, weight = system
        step = _solve(jacobian[:6], residual, weight)
        if step is None:
            return None
        a, b, tx, ty = step[:4] / np.array([radius, radius, 1, 1])
        increment = Similarity(float(np.hypot(1 + a, b)), float(np.arctan2(b, 1 + a)), (float(tx), float(ty)))
        transform = transform @ increment.matrix(centre)
        if max(abs(step[:4])) < tolerance:
            break
    if system is None or not _plausible(transform, width, height):
        return None
    full = _solve(*system)
    misfit = 0.0 if full is None else float(np.hypot(full[6], full[7]))
    return _Refined(transform, misfit, _agreement(values, system[1], system[2]))


def _agreement(values: Image, residual: Image, weight: Image) -> float:
    """Share of the fixed picture's structure that the moving one explains, 0 to 1."""
    used = weight > 0
    return max(0.0, 1 - float(residual[used].var()) / max(2 * float(values[used].var()), 1e-9))


def _strong_points(level: _Level) -> tuple[Image, Image, Image, Image, Image] | None:
    """The pixels with the strongest gradients: flat ones cost time and say nothing about motion."""
    strength = cv2.add(
        cv2.multiply(level.gradient_x, level.gradient_x), cv2.multiply(level.gradient_y, level.gradient_y)
    )
    strength[:2], strength[-2:], strength[:, :2], strength[:, -2:] = 0, 0, 0, 0
    count = min(_MAX_POINTS, strength.size // 2)
    if count < _MIN_POINTS or not strength.any():
        return None
    sample = strength.ravel()[:: max(1, strength.size // 40_000)]
    cut = float(np.quantile(sample, 1 - count / strength.size))
    rows, columns = np.nonzero(strength > cut)
    if rows.size < _MIN_POINTS:
        return None
    picked = (rows, columns)
    return (
        columns.astype(np.float32),
        rows.astype(np.float32),
        level.grey[picked],
        level.gradient_x[picked],
        level.gradient_y[picked],
    )


def _linearise(
    moving: _Level, transform: Matrix, points: tuple[Image, ...], normalised: tuple[Image, Image]
) -> tuple[Image, Image, Image] | None:
    """Jacobian (scale, rotation, shift x, shift y, gain, offset, stretch, shear), residuals and weights."""
    xs, ys, values, gradient_x, gradient_y = points
    u, v = normalised
    m = transform.astype(np.float32)
    map_x, map_y = m[0, 0] * xs + m[0, 1] * ys + m[0, 2], m[1, 0] * xs + m[1, 1] * ys + m[1, 2]
    height, width = moving.grey.shape
    inside = (map_x >= 1) & (map_x <= width - 2) & (map_y >= 1) & (map_y <= height - 2)
    if np.count_nonzero(inside) < _MIN_POINTS:
        return None
    sampled = [_sample(image, map_x, map_y) for image in (moving.grey, moving.gradient_x, moving.gradient_y)]
    gain = _gain(values[inside], sampled[0][inside])
    seen, sx, sy = (part * np.float32(gain) for part in sampled)
    # Gradient of the moving picture in the fixed one's frame, averaged with the fixed one's own.
    gx = 0.5 * (gradient_x + m[0, 0] * sx + m[1, 0] * sy)
    gy = 0.5 * (gradient_y + m[0, 1] * sx + m[1, 1] * sy)
    ones = np.ones_like(gx)
    columns = (
        gx * u + gy * v,
        gy * u - gx * v,
        gx,
        gy,
        seen - seen.mean(),
        ones,
        gx * u - gy * v,
        gx * v + gy * u,
    )
    jacobian = np.stack(columns)
    residual = values - seen
    sample = residual[inside][:: 1 + residual.size // _MEDIAN_POINTS]
    middle = np.median(sample)
    residual -= middle
    spread = max(1.48 * float(np.median(np.abs(sample - middle))), 1e-3)
    weight = inside / (1 + (residual / np.float32(3 * spread)) ** 2)
    return jacobian, residual, weight.astype(np.float32)


def _sample(image: Image, map_x: Image, map_y: Image) -> Image:
    """Bilinear samples at scattered points; remap wants a rectangle no side of which exceeds 32767."""
    row = 512
    padded = -(-map_x.size // row) * row
    grid = [np.resize(part, padded).reshape(-1, row) for part in (map_x, map_y)]
    found = cv2.remap(image, grid[0], grid[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found).ravel()[: map_x.size]


def _gain(fixed: Image, moving: Image) -> float:
    """Contrast of one set of samples relative to another."""
    return float(np.clip(fixed.std() / max(float(moving.std()), 1e-6), 0.25, 4.0))


def _solve(jacobian: Image, residual: Image, weight: Image) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    weighted = jacobian * weight
    normal = (weighted @ jacobian.T).astype(np.float64)
    right = (weighted @ residual).astype(np.float64)
    scale = np.sqrt(np.diag(normal))
    if not np.all(scale > 0):
        return None
    conditioned = normal / np.outer(scale, scale)
    if np.linalg.cond(conditioned) > 1e8:
        return None
    return np.asarray(np.linalg.solve(conditioned, right / scale) / scale)


def _plausible(transform: Matrix, width: int, height: int) -> bool:
    """Between neighbours nothing halves or doubles, turns by 30° or leaves the frame."""
    motion = Similarity.nearest(transform, ((width - 1) / 2, (height - 1) / 2))
    shift = max(abs(motion.shift_px[0]) / width, abs(motion.shift_px[1]) / height)
    return 0.5 < motion.scale < 2 and abs(motion.rotation_rad) < 0.5 and shift < 0.5


def _warp(image: Image, transform: Matrix, size: tuple[int, int], border: float | None = None) -> Image:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    mode = cv2.BORDER_REPLICATE if border is None else cv2.BORDER_CONSTANT
    return np.asarray(
        cv2.warpAffine(image, transform[:2], size, flags=flags, borderMode=mode, borderValue=border or 0.0)
    )


def _correlation(fixed: Image, moving: Image, transform: Matrix) -> float:
    """Pearson correlation over the common part."""
    size = (fixed.shape[1], fixed.shape[0])
    warped = _warp(moving, transform, size)
    inside = _warp(np.ones_like(moving), transform, size, 0.0) > 0.999
    if np.count_nonzero(inside) < _MIN_POINTS:
        return -1.0
    a, b = fixed[inside] - fixed[inside].mean(), warped[inside] - warped[inside].mean()
    return float((a @ b) / max(float(np.sqrt((a @ a) * (b @ b))), 1e-9))
