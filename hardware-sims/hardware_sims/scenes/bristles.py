"""Bristles: curved, tapering, none crossing another at a different depth."""

from __future__ import annotations

import numpy as np

from hardware_sims.scene import Array
from hardware_sims.scenes.tubes import Tube

__all__ = ["bristle", "comb", "place_bristles"]

_CELL = 0.2  # units in which crossings are looked for
_HALF_DOMAIN = 32.0
_GAP_CELLS = 2  # cells around a bristle that another of a different depth keeps away from
_SAME_DEPTH = 0.9


def bristle(root: Array, normal: Array, rng: np.random.Generator) -> Tube:
    """One bristle: stands off along the normal and bends back.

    Parameters
    ----------
    root : Array
        (3,) x, y, depth.
    normal : Array
        (3,) of the skin, depth away from the camera.
    rng : Generator
        Length, thickness, colour and ruffle.
    """
    pale = rng.random() < 0.45
    length = float(rng.uniform(0.7, 1.5) if pale else rng.uniform(1.2, 3.4))
    thick = float(rng.uniform(0.018, 0.028) if pale else rng.uniform(0.035, 0.065))
    back = np.array([0.55, -0.30, 0.35])
    out = normal + 0.35 * back + rng.normal(0.0, 0.18, 3)
    out /= np.linalg.norm(out)
    t = np.linspace(0.0, 1.0, 8)[:, None]
    points = root - 0.05 * normal + length * (t * out + 0.45 * t**2 * back)
    points[:, 2] = np.maximum(points[:, 2], 0.3)  # nothing stands nearer than the subject begins
    radii = thick * (1.0 - 0.85 * t[:, 0] ** 1.3)
    return Tube(points, radii, tint=1.0 if pale else 0.0)


def comb(at: Array, ahead: Array, length: float) -> list[Tube]:
    """A pair of short hairs on both sides of a limb."""
    ahead = ahead / np.linalg.norm(ahead)
    across = np.array([-ahead[1], ahead[0], 0.0])
    across /= max(float(np.linalg.norm(across)), 1e-6)
    tubes = []
    for side in (-1.0, 1.0):
        tip = at + length * (0.8 * side * across + 0.6 * ahead)
        tubes.append(Tube(np.stack([at, tip]), np.array([0.035, 0.01]), tint=0.5))
    return tubes


def place_bristles(candidates: list[Tube]) -> list[Tube]:
    """Drop bristles that would cross an earlier one at another depth.

    What is left has one depth at every place, so perspective and blur can be told there.
    """
    count = _cell_count()
    taken = np.full((count, count), np.nan, np.float32)
    kept = []
    for tube in candidates:
        cells, depths = _cells(tube)
        if any(_clashes(taken, cell, depth) for cell, depth in zip(cells, depths, strict=True)):
            continue
        taken[cells[:, 0], cells[:, 1]] = depths
        kept.append(tube)
    return kept


def _cell_count() -> int:
    return round(2.0 * _HALF_DOMAIN / _CELL)


def _clashes(taken: Array, cell: Array, depth: float) -> bool:
    row, column = cell
    rows, columns = (slice(max(0, at - _GAP_CELLS), at + _GAP_CELLS + 1) for at in (row, column))
    near = taken[rows, columns]
    return bool(np.any(np.abs(near - depth) > _SAME_DEPTH))


def _cells(tube: Tube) -> tuple[Array, Array]:
    t = np.linspace(0.0, len(tube.points) - 1.0, 24)
    k = np.arange(len(tube.points))
    x, y, depth = (np.interp(t, k, tube.points[:, axis]) for axis in range(3))
    cells = np.stack([(y + _HALF_DOMAIN) / _CELL, (x + _HALF_DOMAIN) / _CELL], axis=1).astype(int)
    # A tip may stand out of the domain, which counts as its rim.
    return np.clip(cells, 0, _cell_count() - 1), depth
