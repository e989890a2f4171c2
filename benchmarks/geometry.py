"""Where a picture lies in the scene: the truth of a stack laid on a result whatever its crop, scale or view.

Stackers take the perspective of one frame or another, and chains of matches bend it a little. `locate` takes
the views of the truth in turn, begins in each from features and from small windows that are matched, bends
the map smoothly with depth until truth and picture agree best (`benchmarks.bending`), and keeps of all ends
the one with the least square error. What a registration error does to single frames is not forgiven.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.bending import Bend, Sight, laid, settled
from benchmarks.stacks import FINE, VIEWS, Array, RenderedStack, View

__all__ = ["NotLocated", "Placement", "locate"]

_FEATURES = 2000
_RATIO = 0.75  # of the distances to the best and the second best match (Lowe, 2004)
_LEAST_MATCHES = 12
_ROUNDS = 3  # of matching windows; they lead to within a fraction of a pixel
_RIM_PX = 8
_WINDOW_PX = 21
_FORTH_AND_BACK_PX = 0.3
# A view's bend with depth is some pixels at most, a single match is off by a fifth of a pixel.
_BEND_PX, _MATCH_PX = 3.0, 0.2
# Widths that are looked at: a ninth of the pixels at 750 px find an end, all of them its place.
_FINDING_PX, _SETTLING_PX = 250, 750
_SLACK_PX = 4  # of the field's rim, which moves while the map does
_WORTH_SETTLING = 1.05  # ends with a square error up to this above the least, 0.2 dB


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
        Median distance of matched windows from the map: what the fit leaves of errors of registration.
    """

    view: View
    map_xy: Array
    scale: float
    residual_px: float

    def laid(self, picture: Array, how: int = cv2.INTER_LANCZOS4) -> Array:
        """A picture in the view, laid on the result's pixels."""
        return laid(picture, self.map_xy, how)

    def laid_truth(self, stack: RenderedStack) -> Array:
        """The truth as the result's pixels would have seen it, (h, w, 3) float32, 0 to 1."""
        fine = laid(stack.fine_truth(self.view), self.map_xy * np.float32(FINE), cv2.INTER_LANCZOS4)
        return np.asarray(fine * np.float32(1.0 / 65535.0))


@dataclass(frozen=True)
class _End:
    """Where one of the fits ended."""

    view: View
    bend: Bend
    mean_square: float


def locate(result: Array, stack: RenderedStack, valid: Array | None = None) -> Placement:
    """Find a result's place.

    Parameters
    ----------
    result : Array
        (h, w, 3) float32 RGB, 0 to 1.
    stack : RenderedStack
        What it was made of.
    valid : Array, optional
        (h, w) bool: what is to be gone by; all but a rim when not given.

    Raises
    ------
    NotLocated
        When too few features of the truth are found in it.
    """
    inner = np.zeros(result.shape[:2], bool)
    inner[_RIM_PX:-_RIM_PX, _RIM_PX:-_RIM_PX] = True
    valid = inner if valid is None else inner & valid
    grey = _grey(result)
    found = _Features(grey)
    starts = {view: found.similarity_to(_grey(stack.truth(view))) for view in VIEWS}
    most = max(matches for _, matches in starts.values())
    if most < _LEAST_MATCHES:
        raise NotLocated(f"only {most} features of {stack.name} are found in the result")
    search = _Search(result, grey, stack, valid)
    ends: list[_End] = []
    for view, (matrix, matches) in starts.items():
        if matches >= _LEAST_MATCHES:
            ends += search.ends(view, Bend.straight(matrix, search.depth(view), grey.shape))
    end = search.settled_best(ends)
    truth = _grey(stack.truth(end.view))
    scale = float(np.sqrt(abs(np.linalg.det(end.bend.start[:, :2]))))
    off = _Windows(end.bend, grey, truth, valid).off_px()
    return Placement(end.view, end.bend.map_xy(), scale, off)


class _Search:
    """Fits of one result to the views of its truth."""

    def __init__(self, result: Array, grey: Array, stack: RenderedStack, valid: Array) -> None:
        self._result, self._grey, self._stack, self._valid = result, grey, stack, valid
        self._fine: dict[View, Array] = {}

    def depth(self, view: View) -> Array:
        """Depth from −1 to 1."""
        last = len(self._stack.paths) - 1
        return np.asarray(np.clip(self._stack.depth_index(view), 0, last) / last * 2.0 - 1.0, np.float32)

    def ends(self, view: View, similar: Bend) -> Iterator[_End]:
        """Where fits in one view end that begin differently, by part of the pixels."""
        sight = self._sight(similar, view, _FINDING_PX)
        affine, _ = settled(similar, sight, degree=0)
        yield _End(view, *settled(affine, sight))
        try:
            by_windows = _by_windows(similar, self._grey, _grey(self._stack.truth(view)), self._valid)
        except NotLocated:
            return
        yield _End(view, *settled(by_windows, self._sight(by_windows, view, _FINDING_PX)))

    def settled_best(self, ends: list[_End]) -> _End:
        """The best end when the best of each view is fitted to all that counts, where it comes near."""
        least = min(end.mean_square for end in ends)
        found = []
        for view in VIEWS:
            here = [end for end in ends if end.view == view and end.mean_square <= _WORTH_SETTLING * least]
            if here:
                bend = min(here, key=lambda end: end.mean_square).bend
                found.append(_End(view, *settled(bend, self._sight(bend, view, _SETTLING_PX))))
        return min(found, key=lambda end: end.mean_square)

    def _sight(self, bend: Bend, view: View, width_px: int) -> Sight:
        """What counts, a little inside the field that every frame covers."""
        stack = self._stack
        if view not in self._fine:
            self._fine[view] = stack.fine_truth(view)
        rows, columns = stack.common(view)
        places = bend.map_xy()
        low = np.array([columns.start, rows.start]) + _SLACK_PX
        high = np.array([columns.stop, rows.stop]) - 1 - _SLACK_PX
        used = ((places >= low) & (places <= high)).all(axis=-1) & self._valid
        step = max(1, round(stack.size_px[0] / width_px))
        return Sight(self._result, used, self._fine[view], FINE, step)


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


class _Windows:
    """Small windows of a truth, laid by a map, and where they are in the result."""

    def __init__(self, bend: Bend, result: Array, truth: Array, valid: Array) -> None:
        map_xy = bend.map_xy()
        bright = _as_bright(laid(truth, map_xy, cv2.INTER_CUBIC), result, valid)
        on_truth, on_result = _matched(bright, result, valid)
        columns, rows = np.rint(on_truth).astype(int).T
        self._bend = bend
        self._there = map_xy[rows, columns] + (on_truth - np.rint(on_truth))
        depth = bend.depth_at(self._there.astype(np.float32)[:, None])[:, 0]
        self._design = bend.design(on_result, depth).astype(np.float64)
        self._goal = self._there - bend.linear(on_result)

    def off_px(self) -> float:
        """Median distance from the map."""
        off = np.linalg.norm(self._goal - self._design @ self._bend.coefficients, axis=1)
        return float(np.median(off))

    def fitted(self) -> Bend:
        """The map that most of them agree on."""
        stiff = np.full(self._design.shape[1], (_MATCH_PX / _BEND_PX) ** 2)
        stiff[:3] = 1e-9  # the part that is the same for all depths is free
        weight = np.ones(len(self._goal))
        for _ in range(12):
            heavy = self._design * weight[:, None]
            coefficients = np.linalg.solve(self._design.T @ heavy + np.diag(stiff), heavy.T @ self._goal)
            off = np.linalg.norm(self._goal - self._design @ coefficients, axis=1)
            spread = max(1.5 * float(np.median(off)), 0.02)
            weight = 1.0 / (1.0 + (off / spread) ** 2) ** 2
        return self._bend.bent(coefficients)


def _by_windows(bend: Bend, result: Array, truth: Array, valid: Array) -> Bend:
    for _ in range(_ROUNDS):
        bend = _Windows(bend, result, truth, valid).fitted()
    return bend


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
