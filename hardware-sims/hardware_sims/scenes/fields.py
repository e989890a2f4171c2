"""Random fields, relief and light: what the scenes are painted with.

Scenes are composed in units of a frame 36 wide and 24 high, 32 deep, origin in the middle, x to the right,
y down, depth away from the camera. Patterns are fixed in those units by their seed, whatever the cells they
are sampled on.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from hardware_sims.scene import Array, Grid

__all__ = [
    "bump",
    "coordinates",
    "noise",
    "octaves",
    "rgb",
    "smooth_max",
    "smoothstep",
    "softbox",
    "srgb_linear",
    "unit",
]

_HALF_DOMAIN = 32.0  # patterns are defined from −32 to 32 units in x and y


def coordinates(grid: Grid) -> tuple[Array, Array]:
    """Centres of the cells: (1, columns) and (rows, 1) float32."""
    return grid.x_mm[None, :], grid.y_mm[:, None]


@lru_cache(maxsize=64)
def _lattice(size: float, seed: int) -> Array:
    count = math.ceil(2.0 * _HALF_DOMAIN / size) + 4
    rng = np.random.default_rng((seed, round(size * 1e4)))
    return rng.standard_normal((count, count), np.float32)


def _spline(places: Array) -> tuple[Array, Array]:
    """Nodes (4, n) and weights (4, n) of cubic B-splines at places on a lattice."""
    cell = np.floor(places)
    t = places - cell
    weights = np.stack(
        [
            (1.0 - t) ** 3 / 6.0,
            2.0 / 3.0 - t * t + 0.5 * t**3,
            2.0 / 3.0 - (1.0 - t) ** 2 + 0.5 * (1.0 - t) ** 3,
            t**3 / 6.0,
        ]
    )
    return cell.astype(np.intp) + np.arange(-1, 3)[:, None], weights.astype(np.float32)


def noise(grid: Grid, size: float, seed: int) -> Array:
    """Smooth noise with features of a size, mean 0, standard deviation about 0.6; (rows, columns) float32.

    Zero when the grid is too coarse to hold it.
    """
    if size < 1.2 * grid.step_mm:
        return np.zeros((grid.rows, grid.columns), np.float32)
    lattice = _lattice(size, seed)
    last = lattice.shape[0] - 1
    columns, across = _spline((grid.x_mm.astype(np.float64) + _HALF_DOMAIN) / size + 1.0)
    rows, down = _spline((grid.y_mm.astype(np.float64) + _HALF_DOMAIN) / size + 1.0)
    columns, rows = np.clip(columns, 0, last), np.clip(rows, 0, last)
    top = int(rows.min())
    band = lattice[top : int(rows.max()) + 1]
    # A spline's weights average: 1.25 brings the deviation back to 0.6.
    wide = sum(band[:, columns[k]] * (np.float32(1.25) * across[k]) for k in range(4))
    return np.asarray(sum(wide[rows[k] - top] * down[k][:, None] for k in range(4)))


def octaves(grid: Grid, size: float, seed: int, count: int, fall: float = 0.5) -> Array:
    """Noise of halving sizes, each `fall` times the strength of the one before."""
    total = np.zeros((grid.rows, grid.columns), np.float32)
    for k in range(count):
        field = noise(grid, size / 2**k, seed + 101 * k)
        total += field * np.float32(fall**k)
    return total


def smoothstep(low: float, high: float, value: Array) -> Array:
    """From 0 at `low` to 1 at `high` with level ends."""
    t = np.clip((value - np.float32(low)) * np.float32(1.0 / (high - low)), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def smooth_max(first: Array, second: Array, width: float) -> Array:
    """Maximum with the crease rounded over a width."""
    h = np.maximum(np.float32(width) - np.abs(first - second), 0.0)
    return np.asarray(np.maximum(first, second) + h * h * np.float32(0.25 / width))


def bump(x: Array, y: Array, at: tuple[float, float], sigma: tuple[float, float]) -> Array:
    """Gaussian hill of height 1."""
    return np.asarray(
        np.exp(-0.5 * ((x - at[0]) / sigma[0]) ** 2) * np.exp(-0.5 * ((y - at[1]) / sigma[1]) ** 2)
    )


def unit(x: float, y: float, z: float) -> tuple[float, float, float]:
    """Direction of length 1; x right, y down, z towards the camera."""
    length = math.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length


def rgb(red: float, green: float, blue: float) -> Array:
    """A colour given in sRGB, 0 to 1, as linear float32 (3,)."""
    return srgb_linear(np.array([red, green, blue], np.float32))


def srgb_linear(value: Array) -> Array:
    """SRGB 0 to 1 to linear light (IEC 61966-2-1)."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def softbox(
    direction: tuple[Array, Array, Array], centre: tuple[float, float, float], half: tuple[float, float]
) -> Array:
    """Brightness, 0 to 1, of a rectangular lamp seen along directions; `half` is its size as tangents."""
    cx, cy, cz = centre
    # Axes of the lamp's face: one level, one across it.
    flat = math.hypot(cx, cz) or 1.0
    right = (cz / flat, 0.0, -cx / flat)
    down = (
        cy * right[2] - cz * right[1],
        cz * right[0] - cx * right[2],
        cx * right[1] - cy * right[0],
    )
    dx, dy, dz = direction
    along = np.maximum(dx * cx + dy * cy + dz * cz, 1e-3)
    u = np.abs((dx * right[0] + dy * right[1] + dz * right[2]) / along)
    w = np.abs((dx * down[0] + dy * down[1] + dz * down[2]) / along)
    inside = (1.0 - smoothstep(half[0] * 0.8, half[0] * 1.15, u)) * (
        1.0 - smoothstep(half[1] * 0.8, half[1] * 1.15, w)
    )
    return np.asarray(inside * (along > 2e-3))
