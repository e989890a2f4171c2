"""Veined wings that let light through, and one with an edge that fades, before a leaf."""

from __future__ import annotations

import math

import numpy as np

from hardware_sims.scene import Array, Grid, Raster, Sheet
from hardware_sims.scenes.fields import coordinates, noise, octaves, rgb, smoothstep

__all__ = ["wings_sheets"]

_LEAF = (-26.0, -18.0, 26.0, 18.0)

# Far to near: middle, half length and half width, turn in degrees, depth, rise along and across, cover,
# width of the fading edge.
_WINGS = (
    (-7.0, -3.0, 12.0, 5.0, 25.0, 19.0, 0.25, -0.10, 0.40, 0.10),
    (8.0, 3.5, 11.0, 4.5, -35.0, 14.0, -0.22, 0.12, 0.55, 1.60),
    (-2.0, 5.5, 12.5, 3.8, 8.0, 9.0, 0.20, 0.10, 0.35, 0.06),
    (6.5, -5.0, 10.0, 4.2, 48.0, 5.0, 0.16, -0.14, 0.65, 0.80),
)


def wings_sheets(seed: int) -> tuple[Sheet, ...]:
    """The leaf, then four wings, each nearer than the one before where they overlap."""
    sheets = [Sheet("leaf", "surface", _LEAF, lambda grid: _leaf(grid, seed))]
    for number, shape in enumerate(_WINGS):
        reach = math.hypot(shape[2], shape[3]) + 0.5
        bounds = (shape[0] - reach, shape[1] - reach, shape[0] + reach, shape[1] + reach)
        sheets.append(Sheet(f"wing {number + 1}", "surface", bounds, _Wing(shape, seed + 50 * number)))
    return tuple(sheets)


def _leaf(grid: Grid, seed: int) -> Raster:
    x, y = coordinates(grid)
    cells = octaves(grid, 0.8, seed + 1, 5, 0.8)
    rib = np.abs(np.mod(0.55 * np.abs(y) + 0.35 * x + 0.3 * noise(grid, 4.0, seed + 2), 3.0) - 1.5)
    ribs = smoothstep(0.10, 0.03, rib) + smoothstep(0.30, 0.12, np.abs(y + 0.02 * x))
    green, yellow = rgb(0.24, 0.42, 0.16), rgb(0.72, 0.74, 0.40)
    colour = green + (yellow - green) * np.clip(0.35 + 0.2 * cells + 0.6 * ribs, 0.0, 1.0)[..., None]
    colour = colour * np.clip(1.0 + 0.22 * octaves(grid, 0.3, seed + 3, 3, 0.8), 0.2, None)[..., None]
    depth = 27.5 + 0.09 * x - 0.05 * y + 0.6 * noise(grid, 8.0, seed + 4)
    cover = np.ones((grid.rows, grid.columns), np.float32)
    return Raster(colour.astype(np.float32), cover, depth.astype(np.float32))


class _Wing:
    """A flat, tilted membrane with opaque veins; samples itself on a grid."""

    def __init__(self, shape: tuple[float, ...], seed: int) -> None:
        self._x, self._y, self._long, self._wide, degrees, self._depth = shape[:6]
        self._along, self._across, self._cover, self._fade = shape[6:]
        self._turn = math.radians(degrees)
        self._seed = seed

    def __call__(self, grid: Grid) -> Raster:
        x, y = coordinates(grid)
        cos, sin = math.cos(self._turn), math.sin(self._turn)
        u = (x - self._x) * cos + (y - self._y) * sin
        w = (y - self._y) * cos - (x - self._x) * sin
        depth = (self._depth + self._along * u + self._across * w).astype(np.float32)
        ragged = 0.05 * noise(grid, 1.2, self._seed + 1)
        radius = np.sqrt((u / self._long) ** 2 + (w / self._wide) ** 2) + ragged / self._wide
        inside = (1.0 - radius) * self._wide  # about the distance from the edge
        if not (inside > -grid.step_mm).any():
            return Raster.bare(depth)
        veins = self._veins(grid, u, w)
        body = np.clip(0.5 + inside / grid.step_mm, 0.0, 1.0) * smoothstep(
            -0.2 * self._fade, self._fade, inside
        )
        cover = (self._cover + (0.96 - self._cover) * veins) * body
        return Raster(self._colour(grid, veins), cover.astype(np.float32), depth)

    def _veins(self, grid: Grid, u: Array, w: Array) -> Array:
        spread = w / (0.35 + 0.65 * np.clip(1.0 - (u / self._long) ** 2, 0.0, 1.0))
        bent = spread + 0.12 * noise(grid, 2.0, self._seed + 2)
        long_veins = smoothstep(0.075, 0.03, np.abs(np.mod(bent, 1.3) - 0.65))
        # Cross veins stand as bricks do, a half turned from strip to strip.
        strip = np.floor(bent / 1.3)
        cross = np.mod(u + 0.55 * np.mod(strip, 2.0) + 0.15 * noise(grid, 0.9, self._seed + 3), 1.1)
        return np.asarray(np.maximum(long_veins, smoothstep(0.06, 0.02, np.abs(cross - 0.55))))

    def _colour(self, grid: Grid, veins: Array) -> Array:
        tint = np.clip(0.5 + 0.4 * octaves(grid, 2.2, self._seed + 4, 4, 0.6), 0.0, 1.0)
        amber, smoke = rgb(0.80, 0.66, 0.42), rgb(0.36, 0.30, 0.30)
        colour = amber + (smoke - amber) * tint[..., None]
        grain = np.clip(1.0 + 0.18 * octaves(grid, 0.25, self._seed + 5, 3, 0.8), 0.2, None)
        return np.asarray(colour * (grain * (1.0 - 0.7 * veins))[..., None], np.float32)
