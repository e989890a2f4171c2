"""Hairs at many depths, free in the air before a printed page."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from hardware_sims.scene import Array, Grid, Raster, Sheet
from hardware_sims.scenes.bristles import place_bristles
from hardware_sims.scenes.fields import coordinates, noise, octaves, rgb, unit
from hardware_sims.scenes.tubes import Tube, TubeLook, Tubes

__all__ = ["hairs_sheets"]

_KEY = unit(-0.5, -0.7, 0.6)
_PAGE = (-26.0, -18.0, 26.0, 18.0)
_PAGE_DEPTH = 29.5
_PER_UNIT = 80.0  # a page sampled at half a pixel of a 1500 px frame
_WORDS = (
    "focus",
    "stack",
    "rail",
    "depth",
    "plane",
    "lens",
    "blur",
    "sharp",
    "hair",
    "slice",
    "light",
    "frame",
)

# Each group hangs in air of its own, so that hairs cross only those of other groups; far to near.
_GROUPS = ((25.0, 20.0), (19.5, 15.0), (14.5, 10.0), (9.5, 5.5), (5.0, 1.0))
_CANDIDATES = 26  # of each group; those that would cross at another depth are dropped

_DARK, _PALE, _RED = rgb(0.20, 0.14, 0.10), rgb(0.90, 0.82, 0.66), rgb(0.62, 0.26, 0.14)


def hairs_sheets(seed: int) -> tuple[Sheet, ...]:
    """The page, then five groups of hairs."""
    sheets = [Sheet("page", "surface", _PAGE, lambda grid: _page(grid, seed), 0.5 / _PER_UNIT)]
    for number, (far, near) in enumerate(_GROUPS):
        tubes = _hairs(np.random.default_rng((seed, 300 + number)), far, near)
        sheets.append(Sheet(f"hairs {number + 1}", "strands", tubes.bounds, _raster(tubes, seed)))
    return tuple(sheets)


def _raster(tubes: Tubes, seed: int) -> Callable[[Grid], Raster]:
    return lambda grid: tubes.raster(grid, lambda part, look: _paint(part, look, seed))


def _hairs(rng: np.random.Generator, far: float, near: float) -> Tubes:
    candidates = []
    for _ in range(_CANDIDATES):
        start = np.array([rng.uniform(-19, 19), rng.uniform(-13, 13)])
        angle, bend = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.12)
        length = rng.uniform(5.0, 17.0)
        steps = np.linspace(0.0, 1.0, 12)
        turn = angle + bend * length * steps
        path = start + np.cumsum(np.stack([np.cos(turn), np.sin(turn)], 1) * length / 12, axis=0)
        ends = rng.uniform(near, far, 2)
        depth = ends[0] + (ends[1] - ends[0]) * steps
        radius = rng.uniform(0.025, 0.09) * (1.0 - 0.75 * steps**1.5)
        candidates.append(Tube(np.column_stack([path, depth]), radius, tint=float(rng.random())))
    return Tubes(place_bristles(candidates))


def _paint(grid: Grid, look: TubeLook, seed: int) -> Array:
    tint = look.tint[..., None]
    base = np.where(tint < 0.45, _DARK, np.where(tint < 0.75, _RED, _PALE))
    scales = 1.0 + 0.25 * look.taken(octaves(grid, 0.16, seed + 5, 3, 0.8))
    key = np.clip(look.nx * _KEY[0] + look.ny * _KEY[1] + look.nz * _KEY[2], 0.0, None)
    gloss = 0.35 * key**18
    return np.asarray(base * (scales * (0.35 + 0.85 * key))[..., None] + gloss[..., None])


@lru_cache(maxsize=2)
def _print(seed: int) -> Array:
    """Ink on the page, 0 to 255, at `_PER_UNIT` pixels."""
    rng = np.random.default_rng((seed, 290))
    columns = round((_PAGE[2] - _PAGE[0]) * _PER_UNIT)
    rows = round((_PAGE[3] - _PAGE[1]) * _PER_UNIT)
    ink = np.zeros((rows, columns), np.uint8)
    baseline = 0
    while baseline < rows:
        size = float(rng.choice([0.9, 1.3, 1.3, 1.8, 3.0]))
        baseline += round(34 * size)
        across = 20
        while across < columns:
            word = str(rng.choice(_WORDS))
            heavy = max(1, round(1.6 * size * (1.6 if rng.random() < 0.2 else 1.0)))
            cv2.putText(ink, word, (across, baseline), cv2.FONT_HERSHEY_DUPLEX, size, 255, heavy, cv2.LINE_AA)
            across += round(cv2.getTextSize(word, cv2.FONT_HERSHEY_DUPLEX, size, heavy)[0][0] + 16 * size)
        baseline += round(10 * size)
    return ink


def _page(grid: Grid, seed: int) -> Raster:
    x, y = coordinates(grid)
    shape = (grid.rows, grid.columns)
    map_x = np.broadcast_to((x - _PAGE[0]) * _PER_UNIT - 0.5, shape).astype(np.float32)
    map_y = np.broadcast_to((y - _PAGE[1]) * _PER_UNIT - 0.5, shape).astype(np.float32)
    ink = cv2.remap(_print(seed), map_x, map_y, cv2.INTER_LINEAR).astype(np.float32) / 255.0
    fibres = 1.0 + 0.05 * octaves(grid, 0.5, seed + 2, 4, 0.8) + 0.06 * noise(grid, 11.0, seed + 3)
    paper = rgb(0.88, 0.85, 0.78) * fibres[..., None]
    colour = paper + (rgb(0.10, 0.10, 0.13) - paper) * ink[..., None]
    # The sheet of paper stands a little askew and is not quite flat.
    depth = _PAGE_DEPTH + 0.03 * x + 0.02 * y + 0.3 * noise(grid, 9.0, seed + 4)
    return Raster(colour.astype(np.float32), np.ones(shape, np.float32), depth.astype(np.float32))
