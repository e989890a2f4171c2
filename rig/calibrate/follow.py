"""Where points of one frame are in another, to a few hundredths of a pixel."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from rig.calibrate.images import Array

__all__ = ["follow", "frame_shift"]

_WINDOW_PX = 41
_BACK_PX = 0.25  # a point that is not found again where it came from was lost
_GRID = 9
_MARGIN_PX = 30


def follow(source: Array, target: Array, places: Array, guess: Array) -> tuple[Array, Array]:
    """Follow points from one picture to another and back.

    Parameters
    ----------
    source, target : ndarray of uint8, shape (H, W)
        The pictures.
    places : ndarray, shape (n, 2)
        The points in the source, x and y in px.
    guess : ndarray, shape (n, 2)
        About where they are in the target.

    Returns
    -------
    tuple of ndarray
        Where they are, shape (n, 2), and which of them are found again where they came from, shape (n,).

    References
    ----------
    Bouguet, J.-Y. (2001), "Pyramidal implementation of the Lucas Kanade feature tracker" (OpenCV).
    """
    options: dict[str, Any] = {
        "winSize": (_WINDOW_PX, _WINDOW_PX),
        "maxLevel": 2,
        "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 0.002),
        "flags": cv2.OPTFLOW_USE_INITIAL_FLOW,
    }
    start = places.astype(np.float32).reshape(-1, 1, 2)
    first = guess.astype(np.float32).reshape(-1, 1, 2).copy()
    found, there, _ = cv2.calcOpticalFlowPyrLK(source, target, start, first, **options)
    back, again, _ = cv2.calcOpticalFlowPyrLK(target, source, found, start.copy(), **options)
    off = np.hypot(*(np.asarray(back) - start).reshape(-1, 2).T)
    good = (np.asarray(there).ravel() == 1) & (np.asarray(again).ravel() == 1) & (off < _BACK_PX)
    return np.asarray(found).reshape(-1, 2).astype(np.float64), good


def frame_shift(source: Array, target: Array) -> tuple[float, float] | None:
    """Median shift of a grid of points, x and y in px; None when fewer than half of them can be followed."""
    height, width = source.shape
    x = np.linspace(_MARGIN_PX, width - 1 - _MARGIN_PX, _GRID)
    y = np.linspace(_MARGIN_PX, height - 1 - _MARGIN_PX, _GRID)
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    found, good = follow(source, target, places, places)
    if np.count_nonzero(good) < len(places) / 2:
        return None
    dx, dy = np.median((found - places)[good], axis=0)
    return float(dx), float(dy)
