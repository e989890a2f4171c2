"""A struck medal that leans, on cloth: engraving as fine as a pixel, in bright metal that glitters."""

from __future__ import annotations

import numpy as np

from hardware_sims.scene import Array, Grid, Raster, Sheet
from hardware_sims.scenes.fields import bump, coordinates, octaves, rgb, smoothstep, softbox, unit
from hardware_sims.scenes.relief import normals

__all__ = ["medal_sheets"]

_CLOTH = (-26.0, -18.0, 26.0, 18.0)
_RADIUS = 10.6
_MEDAL = (-10.8, -10.8, 10.8, 10.8)
_BRONZE = np.array([0.86, 0.66, 0.42], np.float32)
_WINE, _ROSE = rgb(0.25, 0.10, 0.13), rgb(0.42, 0.20, 0.22)
_FLATTENED = 0.55  # normals of a relief this much lower: it is worn


def medal_sheets(seed: int) -> tuple[Sheet, ...]:
    """Cloth, and the medal before it."""
    return (
        Sheet("cloth", "surface", _CLOTH, lambda grid: _cloth(grid, seed)),
        Sheet("medal", "surface", _MEDAL, lambda grid: _medal(grid, seed)),
    )


def _cloth(grid: Grid, seed: int) -> Raster:
    x, y = coordinates(grid)
    shape = (grid.rows, grid.columns)
    mix = np.clip(0.5 + 0.5 * octaves(grid, 0.5, seed + 2, 4, 0.8), 0.0, 1.0)
    depth = np.broadcast_to(22.0 + 0.45 * x + 0.08 * y, shape).astype(np.float32)
    return Raster(
        (_WINE + (_ROSE - _WINE) * mix[..., None]).astype(np.float32), np.ones(shape, np.float32), depth
    )


def _depth(grid: Grid, seed: int) -> Array:
    """The medal leans over all of the depth; its relief is a fortieth of that."""
    x, y = coordinates(grid)
    r, turn = np.hypot(x, y), np.arctan2(y, x)
    rays = 0.15 * np.cos(90.0 * turn) * smoothstep(7.6, 7.8, r) * smoothstep(9.3, 9.1, r)
    rim = 0.5 * smoothstep(9.9, 10.1, r)
    guilloche = (
        0.10 * np.sin(6.0 * r + 5.0 * np.sin(8.0 * turn)) * smoothstep(7.4, 7.2, r) * smoothstep(2.0, 2.4, r)
    )
    hatched = 0.10 * np.sin(16.0 * x + 4.0 * y) * np.sin(19.0 * y - 3.0 * x)
    hatched = hatched * smoothstep(7.1, 6.9, r) * smoothstep(3.4, 3.6, r)
    portrait = 1.1 * bump(x, y, (-0.6, -0.3), (1.6, 2.2))
    portrait = portrait + 0.5 * octaves(grid, 1.3, seed + 3, 3, 0.5) * bump(x, y, (0.0, 0.0), (2.6, 2.9))
    worn = 0.012 * octaves(grid, 0.15, seed + 4, 3, 0.8)
    relief = rays + rim + guilloche + hatched + portrait + worn
    return np.asarray(12.0 + 0.85 * x + 0.25 * y - relief, np.float32)


def _medal(grid: Grid, seed: int) -> Raster:
    step = grid.step_mm
    around = Grid(grid.left_mm - step, grid.top_mm - step, step, grid.columns + 2, grid.rows + 2)
    depth = _depth(around, seed)
    nx, ny, nz = (n[1:-1, 1:-1] for n in normals(np.float32(_FLATTENED) * depth, step))
    mirrored = 2.0 * nz * nx, 2.0 * nz * ny, 2.0 * nz * nz - 1.0
    seen = 0.18 + 0.55 * smoothstep(-0.7, 0.9, -mirrored[1])
    seen = seen + 2.2 * softbox(mirrored, unit(-0.45, -0.5, 0.7), (0.3, 0.25))
    seen = seen + 0.9 * softbox(mirrored, unit(0.6, -0.1, 0.7), (0.2, 0.6))
    tone = np.clip(1.0 + 0.15 * octaves(grid, 1.0, seed + 7, 4, 0.7), 0.3, None)
    x, y = coordinates(grid)
    cover = np.clip(0.5 + (_RADIUS - np.hypot(x, y)) / step, 0.0, 1.0)
    colour = 0.62 * _BRONZE * (seen * tone)[..., None]
    return Raster(colour.astype(np.float32), cover.astype(np.float32), depth[1:-1, 1:-1])
