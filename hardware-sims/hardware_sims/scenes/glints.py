"""Polished rings and beads on a sparkling plate: small highlights many times brighter than white."""

from __future__ import annotations

import numpy as np

from hardware_sims.scene import Array, Grid, Raster, Sheet
from hardware_sims.scenes.fields import coordinates, noise, octaves, rgb, smoothstep, softbox, unit
from hardware_sims.scenes.relief import normals
from hardware_sims.scenes.tubes import Tube, TubeLook, Tubes

__all__ = ["glints_sheets"]

_PLATE = (-26.0, -18.0, 26.0, 18.0)
_STEEL, _BRASS = np.array([0.80, 0.83, 0.86], np.float32), np.array([0.95, 0.72, 0.34], np.float32)
_WARM = rgb(1.0, 0.96, 0.90)
_POINT = 0.01  # a bead is a tube this long


def glints_sheets(seed: int) -> tuple[Sheet, ...]:
    """Plate, beads lying on it, rings standing before both."""
    rng = np.random.default_rng((seed, 400))
    beads, rings = Tubes(_beads(rng, seed)), Tubes(_rings(rng, seed))

    def polished(grid: Grid, look: TubeLook) -> Array:
        return _paint(grid, look, seed)

    return (
        Sheet("plate", "surface", _PLATE, lambda grid: _plate(grid, seed)),
        Sheet("beads", "surface", beads.bounds, lambda grid: beads.raster(grid, polished)),
        Sheet("rings", "surface", rings.bounds, lambda grid: rings.raster(grid, polished)),
    )


def _plate_depth(x: Array, y: Array, seed: int) -> Array:
    """The plate leans: near on the right, far on the left, with a dent."""
    dent = 1.2 * np.exp(-0.5 * (((x + 6.0) / 4.0) ** 2 + ((y - 3.0) / 3.0) ** 2))
    return np.asarray(21.5 - 0.45 * x + 0.06 * y + dent + 0.1 * np.sin(0.7 * y + seed))


def _plate(grid: Grid, seed: int) -> Raster:
    step = grid.step_mm
    around = Grid(grid.left_mm - step, grid.top_mm - step, step, grid.columns + 2, grid.rows + 2)
    x, y = coordinates(around)
    brushed = 0.010 * octaves(around, 0.30, seed + 11, 4, 0.7)
    nx, ny, nz = (
        n[1:-1, 1:-1] for n in normals((_plate_depth(x, y, seed) + brushed).astype(np.float32), step)
    )
    seen = _surroundings((2.0 * nz * nx, 2.0 * nz * ny, 2.0 * nz * nz - 1.0))
    tone = 0.40 + 0.10 * octaves(grid, 1.6, seed + 12, 5, 0.7)
    # Facets of the grain that happen to face a lamp.
    spark = 5.0 * smoothstep(1.32, 1.50, noise(grid, 0.16, seed + 13) + 0.12 * noise(grid, 2.5, seed + 14))
    colour = (_STEEL * 0.55 * seen) * np.clip(tone, 0.05, None)[..., None] * 1.6 + spark[..., None] * _WARM
    x, y = coordinates(grid)
    cover = np.ones((grid.rows, grid.columns), np.float32)
    return Raster(colour.astype(np.float32), cover, _plate_depth(x, y, seed).astype(np.float32))


def _beads(rng: np.random.Generator, seed: int) -> list[Tube]:
    """Balls that touch the plate, apart from each other."""
    placed: list[tuple[Array, float]] = []
    for _ in range(400):
        at, radius = np.array([rng.uniform(-20, 20), rng.uniform(-14, 14)]), float(rng.uniform(0.35, 1.3))
        if all(np.hypot(*(at - other)) > radius + size + 0.1 for other, size in placed):
            placed.append((at, radius))
        if len(placed) == 55:
            break
    tubes = []
    for at, radius in placed:
        depth = float(_plate_depth(at[0], at[1], seed)) - radius * 1.1
        ends = np.array([[*at, depth], [at[0] + _POINT, at[1], depth]])
        tubes.append(Tube(ends, np.full(2, radius), tint=float(rng.random())))
    return tubes


def _rings(rng: np.random.Generator, seed: int) -> list[Tube]:
    """Wire rings, each tilted its own way, near enough to the camera to stand free of the plate."""
    tubes = []
    for row in (-7.5, 1.0, 8.5):
        for column in (-13.5, -4.5, 5.0, 13.5):
            at = np.array([column, row]) + rng.uniform(-1.2, 1.2, 2)
            radius, wire = float(rng.uniform(2.0, 3.4)), float(rng.uniform(0.16, 0.42))
            tilt, turn = rng.uniform(0.3, 1.1), rng.uniform(0, np.pi)
            phi = np.linspace(0.0, 2.0 * np.pi, 73)
            u, w = radius * np.cos(phi), radius * np.sin(phi)
            x = at[0] + u * np.cos(turn) - w * np.cos(tilt) * np.sin(turn)
            y = at[1] + u * np.sin(turn) + w * np.cos(tilt) * np.cos(turn)
            rise = w * np.sin(tilt)
            lowest = float(_plate_depth(at[0], at[1], seed)) - 3.2
            depth = lowest - (rise + radius * np.sin(tilt)) * rng.uniform(1.0, 1.6)
            points = np.column_stack([x, y, np.maximum(depth, 1.0)])
            tubes.append(Tube(points, np.full(73, wire), tint=float(rng.random())))
    return tubes


def _paint(grid: Grid, look: TubeLook, seed: int) -> Array:
    dx = look.taken(0.03 * octaves(grid, 0.5, seed + 21, 4, 0.7))
    dy = look.taken(0.03 * octaves(grid, 0.5, seed + 22, 4, 0.7))
    nx, ny, nz = look.nx + dx, look.ny + dy, look.nz
    inverse = 1.0 / np.sqrt(nx * nx + ny * ny + nz * nz + 1e-6)
    nx, ny, nz = nx * inverse, ny * inverse, nz * inverse
    seen = _surroundings((2.0 * nz * nx, 2.0 * nz * ny, 2.0 * nz * nz - 1.0))
    metal = np.where((look.tint < 0.5)[..., None], _STEEL, _BRASS)
    worn = 1.0 + 0.18 * look.taken(octaves(grid, 0.22, seed + 23, 3, 0.8))
    return np.asarray(metal * seen * worn[..., None])


def _surroundings(direction: tuple[Array, Array, Array]) -> Array:
    """Two small hard lamps, a soft one, a room that is dark below; (…, 3)."""
    up = -direction[1]
    room = 0.10 + 0.42 * smoothstep(-0.7, 0.9, up)
    lamp = 7.5 * softbox(direction, unit(-0.5, -0.6, 0.62), (0.07, 0.07))
    other = 6.0 * softbox(direction, unit(0.62, -0.35, 0.7), (0.05, 0.12))
    soft = 0.6 * softbox(direction, unit(0.1, -0.85, 0.5), (0.7, 0.25))
    return np.asarray((room + lamp + other + soft)[..., None] * _WARM)
