"""More scenes for the depth index, each of a kind that the six of `benchmarks.stacks` are not.

They are rendered, kept and opened as those are: `benchmarks.stacks.load` knows their names. Slats and saucer
are there to be fitted to, the others to be judged by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from hardware_sims.scene import Grid, Raster, Scene, Sheet
from hardware_sims.scenes import composed
from hardware_sims.scenes.fields import coordinates, noise, octaves, rgb, smoothstep, unit
from hardware_sims.scenes.relief import normals

__all__ = ["SHEETS", "depth_scene"]

Array = np.ndarray[Any, np.dtype[Any]]

_DEEP = 24.0
"""Units that the subjects are deep, in a frame of 36 x 24."""

_BOUNDS = (-26.0, -18.0, 26.0, 18.0)
_KEY = unit(-0.6, -0.5, 0.65)
_PER_UNIT = 40
"""Pixels that letters are drawn with."""


def depth_scene(name: str, width_mm: float, depth_mm: float, seed: int) -> Scene:
    """One of `SHEETS`."""
    return composed(name, SHEETS[name](seed), width_mm=width_mm, depth_mm=depth_mm, seed=seed, deep=_DEEP)


def _whole(colour: Array, depth: Array) -> Raster:
    return Raster(colour.astype(np.float32), np.ones(depth.shape, np.float32), depth.astype(np.float32))


def _lit(grid: Grid, shape: Callable[[Grid], Array]) -> tuple[Array, Array]:
    """Depth, and how much of the light a surface of that shape catches."""
    step = grid.step_mm
    around = Grid(grid.left_mm - step, grid.top_mm - step, step, grid.columns + 2, grid.rows + 2)
    depth = shape(around).astype(np.float32)
    nx, ny, nz = (part[1:-1, 1:-1] for part in normals(depth, step))
    light = np.clip(nx * _KEY[0] + ny * _KEY[1] + nz * _KEY[2], 0.0, None)
    return depth[1:-1, 1:-1], np.asarray(light)


def _letters(seed: int, scale: float, weight: int) -> Array:
    """Rows of letters, 0 to 255, over the bounds."""
    rng = np.random.default_rng((seed, 8))
    across, down = (round((_BOUNDS[k + 2] - _BOUNDS[k]) * _PER_UNIT) for k in (0, 1))
    sheet = np.zeros((down, across), np.uint8)
    for base in range(round(30 * scale), down, round(46 * scale)):
        line = "".join(rng.choice(list("ABCDEFGHKLMNOPRSTUVXYZ23456789  "), 90))
        cv2.putText(sheet, line, (10, base), cv2.FONT_HERSHEY_DUPLEX, scale, 255, weight, cv2.LINE_AA)
    return sheet


def _sampled(drawn: Array, grid: Grid) -> Array:
    x, y = coordinates(grid)
    shape = grid.rows, grid.columns
    at_x = np.broadcast_to((x - _BOUNDS[0]) * _PER_UNIT - 0.5, shape).astype(np.float32)
    at_y = np.broadcast_to((y - _BOUNDS[1]) * _PER_UNIT - 0.5, shape).astype(np.float32)
    return cv2.remap(drawn, at_x, at_y, cv2.INTER_LINEAR).astype(np.float32) / np.float32(255)


def _coin(seed: int) -> tuple[Sheet, ...]:
    """Worn metal with raised letters and a rim, on plain dark cloth."""
    letters = cv2.GaussianBlur(_letters(seed, 5.0, 16), (0, 0), 0.12 * _PER_UNIT)

    def shape(grid: Grid) -> Array:
        x, y = coordinates(grid)
        radius = np.hypot(x, y)
        rim = smoothstep(9.2, 9.5, radius) * (1.0 - smoothstep(10.8, 11.0, radius))
        worn = 0.25 * noise(grid, 6.0, seed + 1)
        return np.asarray(12.0 - 8.0 * np.maximum(_sampled(letters, grid) * (radius < 8.8), rim) + worn)

    def metal(grid: Grid) -> Raster:
        _, light = _lit(grid, lambda at: 0.05 * shape(at) + 0.01 * octaves(at, 0.35, seed + 3, 3, 0.7))
        scratches = 1.0 + 0.12 * octaves(grid, 0.5, seed + 2, 4, 0.9)
        x, y = coordinates(grid)
        cover = (1.0 - smoothstep(10.98, 11.02, np.hypot(x, y))).astype(np.float32)
        colour = rgb(0.80, 0.72, 0.58) * (light**2 * scratches)[..., None]
        return Raster(colour.astype(np.float32), cover, shape(grid).astype(np.float32))

    def cloth(grid: Grid) -> Raster:
        x, y = coordinates(grid)
        depth = np.broadcast_to(23.0 + 0.0 * (x + y), (grid.rows, grid.columns))
        return _whole(rgb(0.2, 0.2, 0.22) * (1.0 + 0.03 * noise(grid, 9.0, seed + 4))[..., None], depth)

    return Sheet("cloth", "surface", _BOUNDS, cloth), Sheet("coin", "surface", _BOUNDS, metal)


def _page(seed: int) -> tuple[Sheet, ...]:
    """Print on a white page that lies at a slant, with hardly any fibres in the paper."""
    drawn = _letters(seed, 1.6, 4)

    def raster(grid: Grid) -> Raster:
        x, y = coordinates(grid)
        paper = rgb(0.88, 0.87, 0.85) * (1.0 + 0.01 * octaves(grid, 0.6, seed, 3, 0.8))[..., None]
        colour = paper + (rgb(0.1, 0.1, 0.12) - paper) * _sampled(drawn, grid)[..., None]
        return _whole(colour, 12.0 - 11.0 * np.clip(y / 12.0, -1.2, 1.2) + 0.05 * x + 0.0 * y)

    return (Sheet("page", "surface", _BOUNDS, raster),)


def _dome(seed: int) -> tuple[Sheet, ...]:
    """A smooth dome of one colour with sharp punctures, like a thimble, on a plain table."""
    rng = np.random.default_rng((seed, 12))
    places = rng.uniform((-13.0, -11.0), (13.0, 11.0), (260, 2))

    def pits(grid: Grid) -> Array:
        found = np.zeros((grid.rows, grid.columns), np.float32)
        x, y = grid.x_mm, grid.y_mm
        for across, down in places:
            columns = slice(*np.searchsorted(x, (across - 0.5, across + 0.5)))
            rows = slice(*np.searchsorted(y, (down - 0.5, down + 0.5)))
            apart = np.hypot(x[columns][None, :] - across, y[rows][:, None] - down)
            found[rows, columns] = np.maximum(found[rows, columns], 1.0 - smoothstep(0.22, 0.34, apart))
        return found

    def height(grid: Grid) -> Array:
        x, y = coordinates(grid)
        return np.asarray(19.0 * np.sqrt(np.clip(1.0 - (x / 15.0) ** 2 - (y / 12.5) ** 2, 0.0, 1.0)))

    def raster(grid: Grid) -> Raster:
        depth, light = _lit(grid, lambda at: 22.0 - height(at))
        hole = pits(grid) * (height(grid) > 3.0)
        tint = rgb(0.62, 0.64, 0.66) * (0.25 + 0.75 * light)[..., None]
        return _whole(tint * (1.0 - 0.8 * hole)[..., None], depth + 0.6 * hole)

    return (Sheet("dome", "surface", _BOUNDS, raster),)


def _leaf(seed: int) -> tuple[Sheet, ...]:
    """A textured leaf with a ragged outline, far before a plain wall that no frame has sharp."""

    def wall(grid: Grid) -> Raster:
        x, y = coordinates(grid)
        depth = np.broadcast_to(60.0 + 0.0 * (x + y), (grid.rows, grid.columns))
        return _whole(rgb(0.55, 0.6, 0.62) * (1.0 + 0.08 * noise(grid, 14.0, seed + 9))[..., None], depth)

    def leaf(grid: Grid) -> Raster:
        x, y = coordinates(grid)
        out = (x / 13.0) ** 2 + (y / 8.0) ** 2 + 0.35 * octaves(grid, 4.0, seed + 1, 4, 0.6)
        cover = (1.0 - smoothstep(0.985, 1.015, out)).astype(np.float32)
        veins = smoothstep(0.1, 0.02, np.abs(noise(grid, 1.4, seed + 2)))
        green = rgb(0.25, 0.42, 0.18) * (1.0 + 0.3 * octaves(grid, 0.8, seed + 3, 5, 0.8))[..., None]
        colour = np.clip(green + veins[..., None] * rgb(0.3, 0.35, 0.2), 0.01, None)
        depth = 11.0 + 0.6 * x + 3.0 * noise(grid, 7.0, seed + 4) + 0.0 * y
        return Raster(colour.astype(np.float32), cover, depth.astype(np.float32))

    bounds = (-22.0, -14.0, 22.0, 14.0)
    return Sheet("wall", "surface", _BOUNDS, wall), Sheet("leaf", "surface", bounds, leaf)


def _grit(seed: int) -> tuple[Sheet, ...]:
    """Boulders on sand: steps of depth all over, in much noise."""

    def raster(grid: Grid) -> Raster:
        x, y = coordinates(grid)
        stones = smoothstep(0.28, 0.32, noise(grid, 3.5, seed + 1))
        depth = 15.0 - 7.0 * stones * (1.0 + 0.3 * noise(grid, 8.0, seed + 2)) - 0.25 * y + 0.0 * x
        sand, stone = rgb(0.6, 0.52, 0.4), rgb(0.42, 0.43, 0.46)
        colour = sand + (stone - sand) * stones[..., None]
        shade = np.clip(1.0 + 0.4 * octaves(grid, 0.9, seed + 5, 5, 0.85), 0.1, None)
        return _whole(colour * shade[..., None], depth)

    return (Sheet("grit", "surface", _BOUNDS, raster),)


def _slats(seed: int) -> tuple[Sheet, ...]:
    """Nearly plain slats of many widths before a strongly textured wall."""
    rng = np.random.default_rng((seed, 31))
    edges = -24.0 + np.cumsum(np.ravel([(rng.uniform(1.0, 2.6), rng.uniform(0.3, 1.3)) for _ in range(20)]))
    left, right = edges[::2], edges[1::2]

    def wall(grid: Grid) -> Raster:
        x, y = coordinates(grid)
        light = np.clip(1.0 + 0.6 * octaves(grid, 0.8, seed + 1, 5, 0.9), 0.05, None)
        depth = np.broadcast_to(14.0 + 0.0 * (x + y), (grid.rows, grid.columns))
        return _whole(rgb(0.55, 0.52, 0.5) * light[..., None], depth)

    def slats(grid: Grid) -> Raster:
        x, y = coordinates(grid)
        bend = x + 0.15 * y
        at = np.searchsorted(left, bend) - 1
        inside = np.minimum(bend - left[at], right[at] - bend)
        cover = np.where(at >= 0, smoothstep(-0.01, 0.01, inside), 0.0).astype(np.float32)
        tone = rgb(0.36, 0.36, 0.38) * (1.0 + 0.03 * octaves(grid, 0.6, seed + 2, 4, 0.8))[..., None]
        depth = np.broadcast_to(3.0 + 0.05 * y + 0.0 * x, cover.shape).astype(np.float32)
        return Raster(tone.astype(np.float32), cover, depth)

    return Sheet("wall", "surface", _BOUNDS, wall), Sheet("slats", "surface", _BOUNDS, slats)


def _saucer(seed: int) -> tuple[Sheet, ...]:
    """A glazed saucer with a few painted strokes: between them, and on the cloth, is nothing to see."""
    rng = np.random.default_rng((seed, 47))
    strokes = np.zeros([round((_BOUNDS[k + 2] - _BOUNDS[k]) * _PER_UNIT) for k in (1, 0)], np.uint8)
    for _ in range(70):
        start, turn = rng.uniform((-14.0, -11.0), (14.0, 11.0)), rng.uniform(0.0, 2.0 * np.pi)
        bend, along = rng.uniform(-0.6, 0.6), np.linspace(0.0, rng.uniform(0.4, 3.0), 24)
        path = start + np.stack([along * np.cos(turn + bend * along), along * np.sin(turn + bend * along)], 1)
        points = np.rint((path - _BOUNDS[:2]) * _PER_UNIT).astype(np.int32)
        cv2.polylines(strokes, [points], False, 255, int(rng.integers(4, 16)), cv2.LINE_AA)

    def shape(grid: Grid) -> Array:
        x, y = coordinates(grid)
        radius = np.hypot(x / 15.5, y / 12.5)
        hollow = 20.0 - 14.0 * smoothstep(0.25, 1.0, radius) + 0.8 * noise(grid, 9.0, seed + 3)
        return np.asarray(hollow + 16.0 * smoothstep(1.0, 1.06, radius))

    def raster(grid: Grid) -> Raster:
        depth, light = _lit(grid, lambda at: np.minimum(shape(at), 21.5))
        x, y = coordinates(grid)
        cloth = smoothstep(1.02, 1.05, np.hypot(x / 15.5, y / 12.5))
        glaze = rgb(0.78, 0.77, 0.72) * (0.35 + 0.65 * light)[..., None]
        bare = glaze + (rgb(0.3, 0.33, 0.36) - glaze) * cloth[..., None]
        painted = _sampled(strokes, grid) * (1.0 - cloth)
        return _whole(bare + (rgb(0.12, 0.2, 0.45) - bare) * 0.85 * painted[..., None], depth)

    return (Sheet("saucer", "surface", _BOUNDS, raster),)


SHEETS: dict[str, Callable[[int], tuple[Sheet, ...]]] = {
    "coin": _coin,
    "page": _page,
    "dome": _dome,
    "leaf": _leaf,
    "grit": _grit,
    "slats": _slats,
    "saucer": _saucer,
}
"""Far to near, by name."""
