"""How close a picture is to the truth, a brightness offset and a fraction of a pixel of shift forgiven."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from hardware_sims.scene import Array

__all__ = ["Score", "aligned", "psnr_db", "score"]

_MOST_SHIFT_PX = 3.0  # more than this is a registration error and must count
_ROUNDS = 12


@dataclass(frozen=True, slots=True)
class Score:
    """Result of a comparison.

    Parameters
    ----------
    psnr_db : float
        Peak signal over the root mean square difference, after the fit.
    gain, offset : float
        Fitted brightness: gain·picture + offset is like the truth, on a scale of 0 to 1.
    shift_px : float
        How far the corners moved in the fine alignment.
    """

    psnr_db: float
    gain: float
    offset: float
    shift_px: float


def _unit(picture: Array) -> Array:
    """Any depth of bits as float32, white 1."""
    if picture.dtype == np.uint8:
        return picture.astype(np.float32) * np.float32(1.0 / 255.0)
    if picture.dtype == np.uint16:
        return picture.astype(np.float32) * np.float32(1.0 / 65535.0)
    return picture.astype(np.float32)


def psnr_db(picture: Array, truth: Array) -> float:
    """Peak signal-to-noise ratio in dB of pictures of any bit depth; infinite when they are the same."""
    error = float(np.mean(np.square(_unit(picture) - _unit(truth), dtype=np.float64)))
    return math.inf if error == 0.0 else -10.0 * math.log10(error)


def aligned(picture: Array, truth: Array) -> tuple[Array, float]:
    """Move a picture by the small similarity that fits it best to the truth.

    Parameters
    ----------
    picture, truth : Array
        Same shape, (h, w, 3) or (h, w).

    Returns
    -------
    Array
        float32, white 1.
    float
        How far the corners moved, in pixels; 0 when no fit within 3 px was found.

    Notes
    -----
    Least squares over scale, rotation, shift, gain and offset by Gauss-Newton on the brightness (Lucas and
    Kanade, 1981).
    """
    moving, fixed = _unit(picture), _unit(truth)
    grey, goal = _grey(moving), _grey(fixed)
    rows, columns = goal.shape
    x = (np.arange(columns, dtype=np.float32) - (columns - 1) / 2.0)[None, :]
    y = (np.arange(rows, dtype=np.float32) - (rows - 1) / 2.0)[:, None]
    # Similarity about the middle: (1+a)x − by + tx, bx + (1+a)y + ty.
    p = np.zeros(4)
    margin = 8
    inner = (slice(margin, rows - margin), slice(margin, columns - margin))
    for _ in range(_ROUNDS):
        warped = cv2.warpAffine(
            grey, _matrix(p, rows, columns), (columns, rows), flags=_WARP, borderMode=_BORDER
        )
        gx = cv2.Sobel(warped, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
        gy = cv2.Sobel(warped, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
        columns_of = (gx * x + gy * y, gy * x - gx * y, gx, gy, warped, np.ones_like(warped))
        design = np.stack([c[inner].ravel() for c in columns_of], axis=1)
        normal = design.T @ design
        step = np.linalg.lstsq(normal, design.T @ goal[inner].ravel(), rcond=None)[0]
        gain = step[4] if abs(step[4]) > 1e-3 else 1.0
        p = p + step[:4] / gain
        if _corner_shift(p, rows, columns) > _MOST_SHIFT_PX:
            return moving, 0.0
        if np.abs(step[:4] / gain * (columns / 2.0, columns / 2.0, 1.0, 1.0)).max() < 1e-3:
            break
    moved = cv2.warpAffine(
        moving, _matrix(p, rows, columns), (columns, rows), flags=_WARP, borderMode=_BORDER
    )
    return np.asarray(moved), _corner_shift(p, rows, columns)


_WARP = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
_BORDER = cv2.BORDER_REPLICATE


def _grey(picture: Array) -> Array:
    return np.ascontiguousarray(picture.mean(axis=2) if picture.ndim == 3 else picture, dtype=np.float32)


def _matrix(p: Array, rows: int, columns: int) -> Array:
    a, b, tx, ty = (float(v) for v in p)
    cx, cy = (columns - 1) / 2.0, (rows - 1) / 2.0
    turn = np.array([[1.0 + a, -b], [b, 1.0 + a]])
    shift = np.array([cx + tx, cy + ty]) - turn @ np.array([cx, cy])
    return np.hstack([turn, shift[:, None]])


def _corner_shift(p: Array, rows: int, columns: int) -> float:
    a, b, tx, ty = (float(v) for v in p)
    return math.hypot(a, b) * math.hypot(rows, columns) / 2.0 + math.hypot(tx, ty)


def score(
    picture: Array, truth: Array, crop: tuple[slice, slice] | None = None, *, align: bool = True
) -> Score:
    """Compare a picture with the truth.

    Parameters
    ----------
    picture, truth : Array
        Same shape, (h, w, 3), any bit depth; both in sRGB.
    crop : tuple of slice, optional
        Rows and columns to compare.
    align : bool
        Forgive a similarity of up to 3 px at the corners.

    Raises
    ------
    ValueError
        For pictures of different shape.
    """
    if picture.shape != truth.shape:
        raise ValueError(f"a picture of {picture.shape} cannot be compared with a truth of {truth.shape}")
    if crop is not None:
        picture, truth = picture[crop], truth[crop]
    moved, shift = aligned(picture, truth) if align else (_unit(picture), 0.0)
    goal = _unit(truth)
    inner = (slice(8, -8), slice(8, -8))  # what alignment moved in from outside does not count
    a, b = moved[inner].ravel().astype(np.float64), goal[inner].ravel().astype(np.float64)
    spread = float(a.var())
    gain = float(np.mean((a - a.mean()) * (b - b.mean()))) / spread if spread > 0 else 1.0
    offset = float(b.mean() - gain * a.mean())
    error = float(np.mean((gain * a + offset - b) ** 2))
    return Score(math.inf if error == 0 else -10.0 * math.log10(error), gain, offset, shift)
