"""What focusing changes in a picture, told from noise: size and blur, and how certain they are.

Two pictures of one subject differ by noise, by brightness, by a shake; and when the focus has moved, by size
(focus breathing) and by blur. All of these, but the noise, are small changes of known form: an offset, a
factor, the picture's two derivatives for a shift, its derivative along the radius for a size, its Laplacian
for blur. A least-squares fit of the difference by these six says how much of each there is, and how certain.

The forms are taken from the pictures, and pictures are noisy: where one of them is noisier than the other,
its noise looks like blur. So frames are averaged in two halves, and the forms of one half explain the
difference of the other (instrumental variables: noise that is independent cancels). How certain the fit
is comes from the picture too, in tiles: JPEG leaves noise that is alike within a block and stronger in
detail, and a fit that takes it for white is surer than it may be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from rig.errors import CameraError

__all__ = ["FocusChange", "Look", "end_of_motion", "focus_change", "grey_frame"]

Array: TypeAlias = npt.NDArray[Any]

_WIDTH_PX = 512
"""Noise is averaged away in a smaller picture; live view is not sharp enough to lose by it. Smaller pictures
are left alone: noise that is spread over several pixels would count as many times as evidence."""
_TILE_PX = 16
"""Noise of two tiles is taken as independent: a block of JPEG is 8 px, less in a reduced picture. Tiles of 8
to 32 px give the same."""
_CELLS_ACROSS = 6
"""Of a deep subject parts become sharper as others blur: blur is looked for in cells as well."""
_LEAST_CELL_PX = 32
"""A cell has at least four tiles, and six forms to be told apart."""
_FAR_OUT = 30.0
_PLAIN = 4
"""Of the forms, those that are there without any focusing: offset, factor, shift along x and y."""


@dataclass(frozen=True)
class Look:
    """What several frames show, averaged in two halves whose noise is independent.

    Attributes
    ----------
    halves : ndarray, shape (2, H, W), float32
        Means of every other frame; grey levels 0 to 255, not rounded.
    frames : tuple of int
        How many went into each.
    """

    halves: Array
    frames: tuple[int, int]

    @classmethod
    def of(cls, frames: Sequence[Array]) -> Look:
        """Average frames of shape (H, W) in their order; two or more."""
        halves = np.stack([np.mean(frames[0::2], axis=0), np.mean(frames[1::2], axis=0)])
        return cls(np.asarray(halves, np.float32), ((len(frames) + 1) // 2, len(frames) // 2))

    @property
    def mean(self) -> Array:
        """All frames together, shape (H, W)."""
        return np.asarray(self.halves.mean(axis=0))

    @property
    def noise(self) -> float:
        """Variance of a single frame's noise, grey levels squared."""
        difference = self.halves[0] - self.halves[1]
        return float(np.mean(difference**2)) / (1 / self.frames[0] + 1 / self.frames[1])


@dataclass(frozen=True)
class FocusChange:
    """How two looks differ.

    Attributes
    ----------
    evidence : float
        The stronger of two, as χ² with two degrees of freedom when nothing moved: the Wald statistic of size
        and blur of the whole picture, its covariance clustered by tiles (Liang and Zeger 1986); and the blur
        of cells, each with light and shift of its own.
    changed : float
        Mean square of the difference that neither brightness and shift nor noise explain, grey levels
        squared. About 0, of either sign, when nothing moved; it grows with the square of small motions.
    growth_px : float
        Change of size, px at half a width from the middle. Negative for larger.
    growth_error_px : float
        Its standard error.
    """

    evidence: float
    changed: float
    growth_px: float
    growth_error_px: float


def grey_frame(jpeg: bytes) -> Array:
    """Decode a frame of live view, in grey, reduced.

    Returns
    -------
    ndarray, shape (H, W), float32, W at most 512
        Levels 0 to 255.

    Raises
    ------
    CameraError
        When it is no picture.
    """
    grey = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE) if jpeg else None
    if grey is None:
        raise CameraError("a frame of live view cannot be decoded")
    width = min(_WIDTH_PX, grey.shape[1])
    height = max(8, round(grey.shape[0] * width / grey.shape[1]))
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def focus_change(before: Look, after: Look) -> FocusChange:
    """Compare two looks at pictures of one size."""
    forms, differences = _forms(before, after), _differences(before, after)
    parts, inverse = _fit(forms, differences, slice(None))
    left = differences - np.einsum("k,hkn->hn", parts.astype(np.float32), forms)
    scores = (forms[0] * left[1] + forms[1] * left[0]) / 2
    by_tile = _tile_sums(scores.reshape(len(parts), *before.halves.shape[1:]))
    # White noise beneath it: frames without any, as of an empty picture, leave nothing to divide by.
    covariance = inverse @ (by_tile @ by_tile.T + 1e-3 * np.diag(np.diag(inverse) ** -1)) @ inverse
    whole = float(parts[_PLAIN:] @ np.linalg.solve(covariance[_PLAIN:, _PLAIN:], parts[_PLAIN:]))
    evidence = max(whole, _blur_of_cells(forms, differences, before.halves.shape[1:]))
    plain, _ = _fit(forms, differences, slice(_PLAIN))
    rest = differences - np.einsum("k,hkn->hn", plain.astype(np.float32), forms[:, :_PLAIN])
    error_px = float(np.sqrt(covariance[_PLAIN, _PLAIN]))
    return FocusChange(evidence, float(np.mean(rest[0] * rest[1])), float(parts[_PLAIN]), error_px)


def end_of_motion(before: Look, after: Look, frames: Sequence[Array]) -> int:
    """Index of the first frame at which a motion has ended, from 0 to ``len(frames)``.

    Parameters
    ----------
    before, after : Look
        Before and after the motion; they differ for certain.
    frames : sequence of ndarray, shape (H, W)
        Taken while it lasted.

    Notes
    -----
    The fitted change of shift, size and blur, in which there is next to no noise, is looked for in every
    frame: 0 is none of it, 1 is all. Through these numbers goes a ramp, by least squares.
    """
    forms, differences = _forms(before, after), _differences(before, after)
    parts, _ = _fit(forms, differences, slice(None))
    change = (parts[2:].astype(np.float32) @ forms.mean(axis=0)[2:]).ravel()
    start = before.mean.ravel()
    share = np.array([float((frame.ravel() - start) @ change) for frame in frames]) / float(change @ change)
    count = len(share)
    at = np.arange(count)

    def misfit(began: int, ended: int) -> float:
        ramp = np.clip((at - began) / max(ended - began, 1), 0.0, 1.0) if ended > began else at >= ended
        return float(np.sum((share - ramp) ** 2))

    # Of ramps that fit alike, noise being what it is, the one that ends first.
    best = min((misfit(b, e), e) for e in range(count + 1) for b in range(e + 1))
    return best[1]


def _forms(before: Look, after: Look) -> Array:
    """The forms of either half, float32, shape (2, 6, H · W)."""
    return np.stack([_forms_of(mean) for mean in (before.halves + after.halves) / 2])


def _forms_of(mean: Array) -> Array:
    height, width = mean.shape
    along_x = cv2.Sobel(mean, cv2.CV_32F, 1, 0, ksize=1, scale=1 / 2)
    along_y = cv2.Sobel(mean, cv2.CV_32F, 0, 1, ksize=1, scale=1 / 2)
    x = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :]
    y = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None] * (height / width)
    blur = cv2.Laplacian(cv2.GaussianBlur(mean, (0, 0), 1.0), cv2.CV_32F)
    # Mean level apart, so that offset and factor are not almost the same column.
    columns = (np.ones_like(mean), mean - mean.mean(), along_x, along_y, x * along_x + y * along_y, blur)
    return np.stack([column.ravel() for column in columns])


def _differences(before: Look, after: Look) -> Array:
    """After less before of either half, float32, shape (2, H · W)."""
    return (after.halves - before.halves).reshape(2, -1)


def _fit(forms: Array, differences: Array, which: slice) -> tuple[Array, Array]:
    """How much of each form there is, and the inverse of the normal matrix; each half explains the other."""
    chosen = forms[:, which]
    crossed = (chosen[0] @ chosen[1].T).astype(np.float64)
    # A little on the diagonal: an empty picture has columns of zeros.
    inverse = np.linalg.inv((crossed + crossed.T) / 2 + 1e-3 * np.eye(len(crossed)))
    right = (chosen[0] @ differences[1] + chosen[1] @ differences[0]).astype(np.float64) / 2
    return inverse @ right, inverse


def _blur_of_cells(forms: Array, differences: Array, shape: tuple[int, ...]) -> float:
    """Evidence that cells have blurred or sharpened, as χ² with two degrees of freedom."""
    height, width = shape
    side = max(_LEAST_CELL_PX, width // _CELLS_ACROSS // _TILE_PX * _TILE_PX)
    local = np.delete(forms, _PLAIN, axis=1).reshape(2, -1, height, width)  # size is shift in a cell
    difference = differences.reshape(2, height, width)
    cells = []
    for top in range(0, height - side + 1, side):
        for left in range(0, width - side + 1, side):
            part = (..., slice(top, top + side), slice(left, left + side))
            cells.append(_cell(local[part].reshape(2, -1, side * side), difference[part].reshape(2, -1)))
    scores, noise, misfit, sizes = np.array(cells).T
    # The few tiles of a cell tell its variance badly; all of them tell it well, on average.
    shared = sizes * max(noise.sum(), misfit.sum()) / max(float(sizes.sum()), 1e-12)
    variances = np.maximum(np.maximum(noise, misfit), np.maximum(shared, 1e-12))
    return _as_two_degrees(float(np.sum(scores**2 / variances)), len(cells))


def _cell(local: Array, difference: Array) -> tuple[float, float, float, float]:
    """Blur of one cell: its score, the score's variance by noise and by what is left, and its size."""
    side = math.isqrt(difference.shape[1])
    pure = np.stack([_apart(half) for half in local])
    mean, forms = difference.mean(axis=0), local.mean(axis=0)
    normal = (forms @ forms.T).astype(np.float64) + 1e-3 * np.eye(len(forms))
    left = mean - np.linalg.solve(normal, forms @ mean).astype(np.float32) @ forms
    # What is seen is in both halves; what they differ by is the noise of their mean.
    noise = (difference[0] - difference[1]) / 2
    variances = []
    for error in (noise, left):
        by_tile = _tile_sums((pure * error).reshape(2, side, side))
        variances.append(float((by_tile**2).sum()) / 2)
    tiles = math.ceil(side / _TILE_PX) ** 2
    score = float(pure[0] @ difference[1] + pure[1] @ difference[0]) / 2
    return score, variances[0], variances[1] * tiles / (tiles - 1), float((pure**2).sum()) / 2


def _apart(local: Array) -> Array:
    """The last of some forms, shape (forms, pixels), without what the others explain of it."""
    others, last = local[:-1], local[-1]
    normal = (others @ others.T).astype(np.float64) + 1e-3 * np.eye(len(others))
    return np.asarray(last - np.linalg.solve(normal, others @ last).astype(np.float32) @ others)


def _as_two_degrees(value: float, degrees: int) -> float:
    """A χ² value as one of two degrees of freedom that is as unlikely (Wilson and Hilferty 1931)."""
    spread = 2 / (9 * degrees)
    normal = (math.pow(value / degrees, 1 / 3) - (1 - spread)) / math.sqrt(spread)
    if normal > _FAR_OUT:  # the tail of the normal distribution, beyond what a float holds
        return normal**2 + 2 * math.log(normal * math.sqrt(2 * math.pi))
    return -2 * math.log(math.erfc(normal / math.sqrt(2)) / 2)


def _tile_sums(scores: Array) -> Array:
    """Sums over tiles, float64, shape (forms, tiles)."""
    height, width = scores.shape[1:]
    rows = np.add.reduceat(scores, np.arange(0, height, _TILE_PX), axis=1)
    tiles = np.add.reduceat(rows, np.arange(0, width, _TILE_PX), axis=2)
    return np.asarray(tiles.reshape(len(scores), -1), np.float64)
