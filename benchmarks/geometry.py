"""Where a picture lies in the scene: the truth of a stack laid on a result whatever its crop, scale or view.

Stackers take the perspective of one frame or another, and chains of matches bend it a little: each depth may
have its own scale, rotation and shift. `locate` finds the frame whose perspective is nearest, then a map from
pixels of the result to pixels of that view, an affine one whose coefficients vary as a cubic with depth. What
a registration error does to single frames is not forgiven.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.stacks import VIEWS, Array, RenderedStack, View

__all__ = ["NotLocated", "Placement", "locate"]

_FEATURES = 2000
_RATIO = 0.75  # of the distances to the best and the second best match (Lowe, 2004)
_LEAST_MATCHES = 12
_DEGREE = 3
_ROUNDS = 3  # of matching windows; they lead to within a fraction of a pixel
_MOST_POLISHES = 6  # of fitting all pixels, which end sooner as a rule
_POLISHED = 60_000  # pixels at least that are used, where there are as many
_SETTLED_PX = 0.005  # mean change of the map in the last one
_RIM_PX = 8
_SHARP, _NEAR = cv2.INTER_LANCZOS4, cv2.INTER_NEAREST
_WINDOW_PX = 21
_FORTH_AND_BACK_PX = 0.3
# A view's bend with depth is some pixels at most, a single match is off by a fifth of a pixel.
_BEND_PX, _MATCH_PX = 3.0, 0.2


class NotLocated(RuntimeError):  # noqa: N818 - reads as what happened
    """Too little of a picture was found in the truth."""


@dataclass(frozen=True)
class Placement:
    """A result in the scene.

    Parameters
    ----------
    view : str
        Frame whose perspective the result has, nearly.
    map_xy : Array
        (h, w, 2) float32: for each pixel of the result its place in the view.
    scale : float
        Pixels of the view per pixel of the result.
    residual_px : float
        Median distance of the matches from the map: what the fit leaves of errors of registration.
    """

    view: View
    map_xy: Array
    scale: float
    residual_px: float

    def laid(self, picture: Array, how: int = cv2.INTER_LANCZOS4) -> Array:
        """A picture in the view, laid on the result's pixels."""
        return _laid(picture, self.map_xy, how)


def locate(result: Array, stack: RenderedStack, valid: Array | None = None) -> Placement:
    """Find a result's place.

    Parameters
    ----------
    result : Array
        (h, w) float32, grey, 0 to 1.
    stack : RenderedStack
        What it was made of.
    valid : Array, optional
        (h, w) bool: what is to be gone by; all but a rim when not given.

    Raises
    ------
    NotLocated
        When too few features of the truth are found in it.
    """
    found = _Features(result)
    starts = {view: found.similarity_to(_grey(stack.truth(view))) for view in VIEWS}
    view = max(VIEWS, key=lambda name: starts[name][1])
    matrix, matches = starts[view]
    if matches < _LEAST_MATCHES:
        raise NotLocated(f"only {matches} features of {stack.name} are found in the result")
    truth = _grey(stack.truth(view))
    depth = np.clip(stack.depth_index(view), 0, len(stack.paths) - 1)
    # From −1 to 1, so that powers of it stay apart.
    depth = (depth / (len(stack.paths) - 1) * 2.0 - 1.0).astype(np.float32)
    inner = np.zeros(result.shape, bool)
    inner[_RIM_PX:-_RIM_PX, _RIM_PX:-_RIM_PX] = True
    fit = _Bend(matrix, inner if valid is None else inner & valid, depth)
    residual = np.inf
    for _ in range(_ROUNDS):
        residual = fit.refine(result, truth)
    # Windows hold what lies beside a hair as well. All pixels together find each depth its own place, the
    # one at which a result agrees best with the truth.
    field = np.zeros(truth.shape, np.float32)
    field[stack.common(view)] = 1.0
    for _ in range(_MOST_POLISHES):
        if fit.polish(result, truth, field) < _SETTLED_PX:
            break
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    return Placement(view, fit.map_xy(), scale, residual)


class _Features:
    """Features of a result, looked for in one truth after another."""

    def __init__(self, result: Array) -> None:
        self._finder = cv2.SIFT_create(_FEATURES)  # type: ignore[attr-defined]
        self._points, self._words = self._finder.detectAndCompute(_bytes(result), None)

    def similarity_to(self, truth: Array) -> tuple[Array, int]:
        """Matrix (2, 3) from the result to a truth, and how many features agree within 1.5 px."""
        points, words = self._finder.detectAndCompute(_bytes(truth), None)
        if self._words is None or words is None or min(len(points), len(self._points)) < 2:
            return np.eye(2, 3), 0
        pairs = cv2.BFMatcher().knnMatch(self._words, words, k=2)
        good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < _RATIO * pair[1].distance]
        if len(good) < _LEAST_MATCHES:
            return np.eye(2, 3), len(good)
        here = np.array([self._points[match.queryIdx].pt for match in good])
        there = np.array([points[match.trainIdx].pt for match in good])
        matrix, inliers = cv2.estimateAffinePartial2D(
            here, there, method=cv2.RANSAC, ransacReprojThreshold=1.5, maxIters=5000, confidence=0.999
        )
        return (np.eye(2, 3), 0) if matrix is None else (matrix, int(inliers.sum()))


class _Bend:
    """A map whose affine coefficients are polynomials of depth, refined by matching small windows."""

    def __init__(self, start: Array, valid: Array, depth: Array) -> None:
        rows, columns = valid.shape
        self._valid = valid
        self._depth = depth
        self._half = columns / 2.0
        self._middle = np.array([(columns - 1) / 2.0, (rows - 1) / 2.0])
        self._shape = (rows, columns)
        self._start = start
        self._coefficients = np.zeros((3 * (_DEGREE + 1), 2))
        self._map: Array = self._mapped(np.zeros((rows, columns), np.float32))

    def map_xy(self) -> Array:
        """The map, (h, w, 2) float32."""
        return self._map

    def refine(self, result: Array, truth: Array) -> float:
        """Match the truth as it is laid now with the result, and fit again; median residual in px."""
        laid = _laid(truth, self._map, cv2.INTER_CUBIC)
        on_truth, on_result = _matched(_as_bright(laid, result, self._valid), result, self._valid)
        columns, rows = np.rint(on_truth).astype(int).T
        there = self._map[rows, columns] + (on_truth - np.rint(on_truth))
        depth = self._depth_at(there.astype(np.float32)[:, None])[:, 0]
        design = self._design(on_result, depth)
        goal = there - self._linear(on_result)
        stiff = np.tile([1.0], design.shape[1]) * (_MATCH_PX / _BEND_PX) ** 2
        stiff[:3] = 1e-9  # the part that is the same for all depths is free
        weight = np.ones(len(goal))
        coefficients = self._coefficients
        for _ in range(12):
            heavy = design * weight[:, None]
            coefficients = np.linalg.solve(design.T @ heavy + np.diag(stiff), heavy.T @ goal)
            off = np.linalg.norm(goal - design @ coefficients, axis=1)
            spread = max(1.5 * float(np.median(off)), 0.02)
            weight = 1.0 / (1.0 + (off / spread) ** 2) ** 2
        self._take(coefficients)
        return float(np.median(off))

    def polish(self, result: Array, truth: Array, field: Array) -> float:
        """One step of Gauss and Newton on the brightness of all pixels; mean change of the map in px.

        The same as Lucas and Kanade's (1981), the whole picture being the window.
        """
        laid, inside = (_laid(picture, self._map, how) for picture, how in ((truth, _SHARP), (field, _NEAR)))
        slopes = [
            _laid(cv2.Sobel(truth, cv2.CV_32F, *axis, ksize=3, scale=0.125), self._map, cv2.INTER_LINEAR)
            for axis in ((1, 0), (0, 1))
        ]
        depth = self._depth_at(self._map)
        used = (inside > 0.0) & self._valid
        # A part of the pixels is enough; an odd stride does not keep to the same columns.
        chosen = np.flatnonzero(used)[:: max(1, int(used.sum()) // _POLISHED) | 1]
        rows, columns = np.unravel_index(chosen, used.shape)
        points = np.stack([columns, rows], axis=1).astype(np.float64)
        base = self._design(points, depth[rows, columns]).astype(np.float32)
        have, goal = result[rows, columns], laid[rows, columns]
        moved = [base * slope[rows, columns][:, None] for slope in slopes]
        design = np.concatenate([*moved, -have[:, None], -np.ones((len(have), 1), np.float32)], axis=1)
        size = base.shape[1]
        # What fusion got wrong should not pull the map: errors far above the usual weigh little.
        off = goal - _as_bright(have, goal, np.ones(have.shape, bool))
        weight = 1.0 / (1.0 + (off / (3.0 * float(np.median(np.abs(off))) + 1e-4)) ** 2)
        heavy = design * weight[:, None].astype(np.float32)
        normal = (design.T @ heavy).astype(np.float64)
        normal += np.diag(np.full(len(normal), 1e-9 * normal[:size, :size].trace()))
        step = np.linalg.solve(normal, -(heavy.T @ goal).astype(np.float64))
        before = self._map
        self._take(self._coefficients + step[: 2 * size].reshape(2, size).T)
        return float(np.linalg.norm(self._map - before, axis=2)[used].mean())

    def _take(self, coefficients: Array) -> None:
        self._coefficients = coefficients
        for _ in range(3):  # depth is read where the map leads, and the map depends on depth
            self._map = self._mapped(self._depth_at(self._map))

    def _depth_at(self, places: Array) -> Array:
        return _laid(self._depth, places, _NEAR)

    def _linear(self, points: Array) -> Array:
        return np.asarray(points @ self._start[:, :2].T + self._start[:, 2])

    def _design(self, points: Array, depth: Array) -> Array:
        """Columns 1, x, y times 1, z, z², …"""
        at = (points - self._middle) / self._half
        base = np.concatenate([np.ones((*at.shape[:-1], 1)), at], axis=-1)
        return np.concatenate([base * depth[..., None] ** k for k in range(_DEGREE + 1)], axis=-1)

    def _mapped(self, depth: Array) -> Array:
        """The map of all pixels, given the depth at each: the same as `_linear` and `_design` give."""
        rows, columns = self._shape
        x = ((np.arange(columns) - self._middle[0]) / self._half).astype(np.float32)
        y = ((np.arange(rows) - self._middle[1]) / self._half).astype(np.float32)[:, None]
        terms = self._coefficients.reshape(_DEGREE + 1, 3, 2).copy()
        terms[0, 0] += self._linear(self._middle)
        terms[0, 1:] += self._half * self._start[:, :2].T
        planes = []
        for axis in (0, 1):
            plane = np.zeros((rows, columns), np.float32)
            for constant, along, down in terms[::-1, :, axis].astype(np.float32):  # Horner's rule in depth
                plane = plane * depth + (constant + along * x + down * y)
            planes.append(plane)
        return np.stack(planes, axis=-1)


def _laid(picture: Array, map_xy: Array, how: int) -> Array:
    laid = cv2.remap(picture, map_xy, None, how, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(laid)


def _as_bright(picture: Array, other: Array, where: Array) -> Array:
    """A picture with another one's brightness, since windows are compared as they are."""
    a, b = picture[where], other[where]
    spread = float(a.var())
    gain = float(np.mean((a - a.mean()) * (b - b.mean()))) / spread if spread else 1.0
    gain = gain if gain > 0.1 else 1.0  # far off still: nothing to go by
    return np.asarray(gain * (picture - a.mean()) + b.mean())


def _matched(laid: Array, result: Array, where: Array) -> tuple[Array, Array]:
    """Corners of the truth as laid, and where they are in the result; (n, 2) each."""
    first, second = _bytes(laid), _bytes(result)
    corners = cv2.goodFeaturesToTrack(first, 6000, 0.003, 6.0, mask=where.astype(np.uint8))
    if corners is None:
        raise NotLocated("the truth has no corners where the result lies")
    window = {"winSize": (_WINDOW_PX, _WINDOW_PX), "maxLevel": 2}
    forth, found, _ = cv2.calcOpticalFlowPyrLK(first, second, corners, None, **window)  # type: ignore[call-overload]
    back, returned, _ = cv2.calcOpticalFlowPyrLK(second, first, forth, None, **window)  # type: ignore[call-overload]
    off = np.linalg.norm((back - corners)[:, 0], axis=1)
    rows, columns = first.shape
    inside = (forth[:, 0] > 8).all(axis=1) & (forth[:, 0] < [columns - 9, rows - 9]).all(axis=1)
    good = (found[:, 0] == 1) & (returned[:, 0] == 1) & (off < _FORTH_AND_BACK_PX) & inside
    if good.sum() < _LEAST_MATCHES:
        raise NotLocated(f"only {int(good.sum())} windows of the truth are found in the result")
    return corners[good, 0].astype(np.float64), forth[good, 0].astype(np.float64)


def _grey(picture: Array) -> Array:
    return np.ascontiguousarray(picture.mean(axis=2), dtype=np.float32)


def _bytes(grey: Array) -> Array:
    return np.asarray(np.rint(np.clip(grey, 0.0, 1.0) * 255.0), np.uint8)
