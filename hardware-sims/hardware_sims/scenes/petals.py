"""Saturated petals, one over the other, red and blue: edges that are colour more than brightness."""

from __future__ import annotations

import math

import numpy as np

from hardware_sims.scene import Array, Grid, Raster, Sheet
from hardware_sims.scenes.fields import coordinates, noise, octaves, rgb, smoothstep

__all__ = ["petals_sheets"]

_LAWN = (-30.0, -22.0, 30.0, 22.0)
_LAWN_DEPTH = 72.0
_PETALS = 12
_FARTHEST, _NEAREST = 29.0, 3.0
_GOLDEN = 0.382  # of a turn from petal to petal

_RED, _CRIMSON = rgb(0.86, 0.06, 0.10), rgb(0.72, 0.05, 0.34)
_BLUE, _VIOLET = rgb(0.12, 0.16, 0.82), rgb(0.34, 0.10, 0.72)
_YELLOW = rgb(0.95, 0.75, 0.12)
_SHADE, _GRASS = rgb(0.10, 0.25, 0.08), rgb(0.25, 0.45, 0.15)


def petals_sheets(seed: int) -> tuple[Sheet, ...]:
    """A lawn out of reach, then petals, far to near."""
    sheets = [Sheet("lawn", "backdrop", _LAWN, lambda grid: _lawn(grid, seed), 0.04)]
    for number in range(_PETALS):
        petal = _Petal(number, seed)
        reach = petal.length + 2.2
        sheets.append(Sheet(f"petal {number + 1}", "surface", (-reach, -reach, reach, reach), petal))
    return tuple(sheets)


def _lawn(grid: Grid, seed: int) -> Raster:
    x, y = coordinates(grid)
    mix = np.clip(0.5 + 0.5 * np.tanh((y + 0.4 * x) / 14.0) + 0.06 * noise(grid, 9.0, seed + 5), 0.0, 1.0)
    depth = np.broadcast_to(_LAWN_DEPTH + 0.4 * x + 0.0 * y, mix.shape).astype(np.float32)
    colour = _SHADE + (_GRASS - _SHADE) * mix[..., None]
    return Raster(colour.astype(np.float32), np.ones(mix.shape, np.float32), depth)


class _Petal:
    """One petal; samples itself on a grid."""

    def __init__(self, number: int, seed: int) -> None:
        share = number / (_PETALS - 1)
        self._number, self._seed = number, seed
        self._turn = 2.0 * math.pi * number * _GOLDEN + seed
        self._depth = _FARTHEST + (_NEAREST - _FARTHEST) * share
        self.length, self._width = 13.5 - 6.0 * share, 4.2 - 1.3 * share

    def __call__(self, grid: Grid) -> Raster:
        x, y = coordinates(grid)
        cos, sin = math.cos(self._turn), math.sin(self._turn)
        u = (x - 1.2 * cos) * cos + (y - 1.0 * sin) * sin
        w = (y - 1.0 * sin) * cos - (x - 1.2 * cos) * sin
        along = u / self.length
        half = self._width * np.sqrt(np.clip(4.0 * along * (1.02 - along), 0.0, None) + 1e-4)
        ragged = 0.1 * noise(grid, 0.8, self._seed + self._number)
        outside = np.maximum(np.abs(w) - half - ragged, np.maximum(-u, u - self.length))
        cover = np.clip(0.5 - outside / grid.step_mm, 0.0, 1.0).astype(np.float32)
        depth = (self._depth - 2.5 * along + 1.2 * (w / self._width) ** 2).astype(np.float32)
        if not cover.any():
            return Raster.bare(depth)
        return Raster(self._colour(grid, along, w).astype(np.float32), cover, depth)

    def _colour(self, grid: Grid, along: Array, w: Array) -> Array:
        number, seed = self._number, self._seed
        body, vein_colour = (_RED, _CRIMSON) if number % 2 == 0 else (_BLUE, _VIOLET)
        spread = w / (0.3 + 0.7 * np.clip(1.0 - along, 0.0, 1.0)) + 0.08 * noise(grid, 1.0, seed + 7 * number)
        vein = smoothstep(0.10, 0.03, np.abs(np.mod(spread, 0.55) - 0.275))
        colour = body + (vein_colour - body) * vein[..., None]
        spots = smoothstep(0.45, 0.75, noise(grid, 0.35, seed + 11 * number)) * smoothstep(0.6, 0.3, along)
        colour = colour + (_YELLOW - colour) * (0.8 * spots)[..., None]
        light = 0.8 + 0.25 * np.cos(1.3 * w / self._width) - 0.15 * along
        light = light + 0.05 * octaves(grid, 0.3, seed + number, 3, 0.8)
        return np.asarray(colour * np.clip(light, 0.2, None)[..., None])
