"""Moss-like needles that cross at every depth over dark soil: bright, opaque, several pixels wide."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hardware_sims.scene import Array, Grid, Raster, Sheet
from hardware_sims.scenes.fields import coordinates, octaves, rgb, unit
from hardware_sims.scenes.tubes import Tube, TubeLook, Tubes

__all__ = ["needles_sheets"]

_SOIL = (-26.0, -18.0, 26.0, 18.0)
_KEY = unit(-0.5, -0.6, 0.62)
_LAYERS = 12
_IN_LAYER = 60
_FARTHEST, _LAYER_DEPTH, _RISE = 29.5, 2.4, 1.8

_GREEN, _YELLOW, _EARTH = rgb(0.35, 0.55, 0.18), rgb(0.70, 0.75, 0.35), rgb(0.18, 0.20, 0.10)


def needles_sheets(seed: int) -> tuple[Sheet, ...]:
    """Soil, then layers of needles, far to near; those of a layer cross at nearly one depth."""
    sheets = [Sheet("soil", "surface", _SOIL, lambda grid: _soil(grid, seed))]
    for layer in range(_LAYERS):
        rng = np.random.default_rng((seed, 1300 + layer))
        tubes = Tubes([_needle(rng, _FARTHEST - _LAYER_DEPTH * layer) for _ in range(_IN_LAYER)])
        sheets.append(Sheet(f"needles {layer + 1}", "strands", tubes.bounds, _raster(tubes, seed)))
    return tuple(sheets)


def _raster(tubes: Tubes, seed: int) -> Callable[[Grid], Raster]:
    return lambda grid: tubes.raster(grid, lambda part, look: _paint(part, look, seed))


def _needle(rng: np.random.Generator, depth: float) -> Tube:
    """One needle: its root at a depth, its tip a little nearer."""
    root = rng.uniform((-20.0, -14.0), (20.0, 14.0))
    angle, length = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(1.2, 3.5)
    along = np.linspace(0.0, 1.0, 6)
    path = root + np.outer(along, [np.cos(angle), np.sin(angle)]) * length
    depths = depth - _RISE * along * rng.uniform(0.2, 1.0)
    radii = rng.uniform(0.07, 0.20) * (1.0 - 0.8 * along**2)
    return Tube(np.column_stack([path, depths]), radii, tint=float(rng.random()))


def _paint(grid: Grid, look: TubeLook, seed: int) -> Array:
    key = np.clip(look.nx * _KEY[0] + look.ny * _KEY[1] + look.nz * _KEY[2], 0.0, 1.0)
    colour = _GREEN + (_YELLOW - _GREEN) * look.tint[..., None]
    fibres = 1.0 + 0.2 * look.taken(octaves(grid, 0.2, seed, 3, 0.8))
    return np.asarray(colour * ((0.25 + 0.9 * key) * fibres)[..., None])


def _soil(grid: Grid, seed: int) -> Raster:
    x, y = coordinates(grid)
    crumbs = np.clip(1.0 + 0.3 * octaves(grid, 0.8, seed + 1, 5, 0.85), 0.1, None)
    shape = (grid.rows, grid.columns)
    depth = np.broadcast_to(30.0 + 0.03 * x - 0.02 * y, shape).astype(np.float32)
    return Raster((_EARTH * crumbs[..., None]).astype(np.float32), np.ones(shape, np.float32), depth)
