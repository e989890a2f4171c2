"""Surfaces without a gap: a slope of gravel, and a rough mineral under a microscope."""

from __future__ import annotations

import numpy as np

from hardware_sims.scene import Array, Grid, Raster, Sheet
from hardware_sims.scenes.fields import coordinates, noise, octaves, rgb, smoothstep, unit
from hardware_sims.scenes.relief import normals

__all__ = ["mineral_sheets", "slope_sheets"]

_BOUNDS = (-26.0, -18.0, 26.0, 18.0)
_KEY = unit(-0.6, -0.5, 0.65)


def slope_sheets(seed: int) -> tuple[Sheet, ...]:
    """One tilted plane of gravel, near at the bottom of the frame."""
    return (Sheet("gravel", "surface", _BOUNDS, lambda grid: _gravel(grid, seed)),)


def mineral_sheets(seed: int) -> tuple[Sheet, ...]:
    """One rough relief of terraces and grains, with detail down to the pixel."""
    return (Sheet("mineral", "surface", _BOUNDS, lambda grid: _mineral(grid, seed)),)


def _gravel(grid: Grid, seed: int) -> Raster:
    x, y = coordinates(grid)
    # 12.4 units up and down from the middle: all of the depth, a little more than the frame.
    depth = 16.0 - 16.0 * np.clip(y / 12.4, -1.1, 1.1) + 0.5 * noise(grid, 7.0, seed + 1) + 0.0 * x
    grains = octaves(grid, 1.1, seed + 2, 6, 0.85)
    tint = 0.5 + 0.35 * octaves(grid, 2.7, seed + 4, 4, 0.6)
    light, dark = rgb(0.62, 0.56, 0.47), rgb(0.26, 0.28, 0.31)
    colour = dark + (light - dark) * np.clip(tint, 0.0, 1.0)[..., None]
    colour = colour * np.clip(1.0 + 0.42 * grains, 0.12, None)[..., None]
    cover = np.ones((grid.rows, grid.columns), np.float32)
    return Raster(colour.astype(np.float32), cover, depth.astype(np.float32))


def _mineral_depth(grid: Grid, seed: int) -> Array:
    hills = 17.0 * noise(grid, 8.0, seed + 1) + 4.0 * octaves(grid, 4.0, seed + 2, 3, 0.5)
    terraces = 2.8 * np.tanh(7.0 * noise(grid, 5.0, seed + 3))  # steep walls, a few pixels wide
    grains = 0.30 * octaves(grid, 0.9, seed + 4, 4, 0.6)
    return np.asarray(16.0 + 15.0 * np.tanh((hills + terraces) / 15.0) + grains, np.float32)


def _mineral(grid: Grid, seed: int) -> Raster:
    step = grid.step_mm
    around = Grid(grid.left_mm - step, grid.top_mm - step, step, grid.columns + 2, grid.rows + 2)
    depth = _mineral_depth(around, seed)
    # A fifth as high as it is drawn: depth under a microscope is small beside the frame.
    nx, ny, nz = (n[1:-1, 1:-1] for n in normals(0.2 * depth, step))
    key = np.clip(nx * _KEY[0] + ny * _KEY[1] + nz * _KEY[2], 0.0, None)
    crystals = octaves(grid, 1.4, seed + 5, 7, 0.9)
    veins = smoothstep(0.16, 0.02, np.abs(noise(grid, 3.1, seed + 6) + 0.15 * noise(grid, 0.5, seed + 7)))
    ochre, green, white = rgb(0.66, 0.50, 0.33), rgb(0.25, 0.38, 0.34), rgb(0.92, 0.90, 0.86)
    mix = smoothstep(-0.7, 0.7, octaves(grid, 3.3, seed + 8, 4, 0.7))
    colour = ochre + (green - ochre) * mix[..., None]
    colour = colour + (white - colour) * (0.8 * veins)[..., None]
    shade = np.clip(1.0 + 0.33 * crystals, 0.08, None) * (0.25 + 1.05 * key)
    cover = np.ones((grid.rows, grid.columns), np.float32)
    return Raster((colour * shade[..., None]).astype(np.float32), cover, depth[1:-1, 1:-1])
