"""A smooth stone head with tight curls, its nose at depth 0 and its shoulders at 32."""

from __future__ import annotations

import numpy as np

from hardware_sims.scene import Array, Grid, Raster, Sheet
from hardware_sims.scenes.fields import (
    bump,
    coordinates,
    extended,
    noise,
    normals,
    occlusion,
    octaves,
    rgb,
    shadow,
    smooth_max,
    smoothstep,
    unit,
)

__all__ = ["statue_sheets"]

_KEY = unit(-0.75, -0.62, 0.62)
_FILL = unit(0.9, -0.1, 0.55)


def statue_sheets(seed: int) -> tuple[Sheet, ...]:
    """The head and the garden wall far behind it."""
    return (
        Sheet("wall", "backdrop", (-30.0, -22.0, 30.0, 22.0), lambda grid: _wall(grid, seed), 0.04),
        Sheet("head", "surface", (-23.0, -16.0, 23.0, 17.0), lambda grid: _head(grid, seed)),
    )


def _wall(grid: Grid, seed: int) -> Raster:
    x, y = coordinates(grid)
    glow = bump(x, y, (9.0, -7.0), (11.0, 9.0))
    shade = 0.5 + 0.5 * smoothstep(-24.0, 24.0, y + 0.2 * x)
    leaves = 1.0 + 0.05 * noise(grid, 7.0, seed + 5) + 0.012 * octaves(grid, 0.5, seed + 6, 3, 0.7)
    dark, light = rgb(0.17, 0.22, 0.20), rgb(0.50, 0.56, 0.44)
    mix = (0.25 + 0.75 * glow - 0.2 * shade) * leaves
    colour = dark + (light - dark) * np.clip(mix, 0.0, 1.0)[..., None]
    depth = np.broadcast_to(86.0 + 0.9 * x + 0.0 * y, mix.shape)
    return Raster(colour.astype(np.float32), np.ones(mix.shape, np.float32), depth.astype(np.float32))


def _dome(r2: Array, rise: float) -> Array:
    """Half an ellipsoid's height over its rim, with the rim's steepness kept finite."""
    return np.asarray(np.float32(rise) * np.sqrt(np.clip(1.0 - r2, 0.0, None) + 0.004))


def _face(x: Array, y: Array) -> Array:
    """Features in relief, to be added to the skull."""
    ax = np.abs(x)
    relief = 1.3 * bump(ax, y, (3.4, -3.9 - 0.0), (2.3, 0.75))  # brows
    relief = relief - 1.7 * bump(ax, y, (3.3, -2.2), (1.75, 0.95))  # sockets
    lid = ((ax - 3.3) / 1.75) ** 2 + ((y + 2.0) / 0.85) ** 2
    relief = relief + 1.25 * np.sqrt(np.clip(1.0 - lid, 0.0, None) + 0.01)
    # The slit between the lids of the lowered eyes, an arc sagging in its middle.
    slit = y - (-1.62 - 0.10 * (ax - 3.3) ** 2)
    relief = relief - 0.34 * np.exp(-0.5 * (slit / 0.09) ** 2) * smoothstep(1.75, 1.2, np.abs(ax - 3.3))
    crease = y - (-2.95 + 0.16 * (ax - 3.3) ** 2)
    relief = relief - 0.25 * np.exp(-0.5 * (crease / 0.12) ** 2) * smoothstep(2.1, 1.2, np.abs(ax - 3.3))
    # Nose: a ridge that widens and rises towards its tip, wings beside it.
    down = np.clip((y + 4.2) / 6.4, 0.0, 1.0)
    end = smoothstep(3.15, 2.0, y) * smoothstep(-4.6, -3.2, y)
    ridge = np.exp(-0.5 * (ax / (0.62 + 0.75 * down**2)) ** 2)
    relief = relief + (0.9 + 4.6 * down**1.5) * ridge * end
    relief = relief + 1.5 * bump(ax, y, (1.35, 2.05), (0.62, 0.62))
    relief = relief - 0.9 * bump(ax, y, (0.75, 2.95), (0.34, 0.2))
    # Mouth: a bow above, a fuller lip below, corners drawn in.
    line = y - (4.72 - 0.13 * (np.abs(ax - 0.75) - 0.75) - 0.012 * ax**3)
    inside = smoothstep(2.75, 1.7, ax)
    relief = relief + inside * (
        0.75 * np.exp(-0.5 * ((line + 0.42) / 0.34) ** 2) + 0.95 * np.exp(-0.5 * ((line - 0.52) / 0.40) ** 2)
    )
    relief = relief - 0.75 * np.exp(-0.5 * (line / 0.11) ** 2) * smoothstep(3.0, 2.3, ax)
    relief = relief - 0.5 * bump(ax, y, (2.95, 4.55), (0.38, 0.42))
    relief = relief - 0.3 * bump(ax, y, (0.0, 3.6), (0.25, 0.42))
    relief = relief - 0.65 * bump(ax, y, (0.0, 6.3), (1.9, 0.42))
    relief = relief + 1.5 * bump(ax, y, (0.0, 7.6), (1.7, 1.1))
    return np.asarray(relief + 1.0 * bump(ax, y, (4.3, 1.2), (1.8, 2.0)))


def _curls(x: Array, y: Array) -> Array:
    """Rows of snail curls on the scalp, 0 to 1."""
    pitch = 1.30
    row = np.floor(y / (pitch * 0.866))
    cx = (x / pitch + 0.5 * np.mod(row, 2.0)) % 1.0 - 0.5
    cy = y / (pitch * 0.866) - row - 0.5
    r = np.hypot(cx, cy * 0.866) / 0.5
    turn = np.arctan2(cy, cx)
    spiral = 0.10 * np.cos(turn + 9.0 * r) * smoothstep(1.0, 0.6, r) * smoothstep(0.05, 0.3, r)
    return np.asarray(np.sqrt(np.clip(1.0 - r * r, 0.0, 1.0)) + spiral)


def _head_height(grid: Grid, seed: int) -> tuple[Array, Array]:
    """Height towards the camera (0 at depth 32) and signed distance outside the outline."""
    x, y = coordinates(grid)
    skull = (x / 8.1) ** 2 + ((y + 1.4) / 11.2) ** 2 + 0.10 * smoothstep(1.0, 9.0, y) * (x / 4.5) ** 2
    hairline = y - (-5.6 + 0.055 * x**2 - 0.35 * np.exp(-0.5 * (x / 0.8) ** 2))
    hair = smoothstep(0.25, -0.35, hairline)
    height = 9.6 + _dome(skull, 16.4) + _face(x, y) * smoothstep(1.0, 0.55, skull) * (1.0 - 0.85 * hair)
    height = height + hair * (0.55 + 0.62 * _curls(x, y))
    bun = (x / 4.4) ** 2 + ((y + 11.6) / 3.6) ** 2
    height = smooth_max(height, 13.0 + _dome(bun, 6.5) + 0.6 * _curls(x, y), 0.5)
    ear = ((np.abs(x) - 8.3) / 1.05) ** 2 + ((y - 0.8) / 4.6) ** 2
    lobe = 10.2 + _dome(ear, 2.4) - 1.2 * bump(np.abs(x), y, (8.3, -0.2), (0.42, 2.2))
    height = np.where(skull < 1.0, height, -50.0)
    height = np.maximum(height, np.where(bun < 1.0, 13.0 + _dome(bun, 6.5) + 0.6 * _curls(x, y), -50.0))
    height = np.maximum(height, np.where(ear < 1.0, lobe, -50.0))
    neck_r = (x / 5.4) ** 2
    folds = 0.35 * (np.cos((y - 0.02 * x**2) * 2.6) > 0.0) * 0.0 + 0.28 * np.cos((y + 0.03 * x**2) * 3.0)
    neck = np.where(neck_r < 1.0, 5.5 + _dome(neck_r, 8.2) + folds, -50.0)
    height = np.maximum(height, np.where(y > 3.0, neck, -50.0))
    rim = 10.6 + 0.020 * x**2 - 1.6 * np.exp(-0.5 * (x / 6.0) ** 2)
    bust_y = y - rim
    chest = 0.6 + 7.5 * (1.0 - np.exp(-np.clip(bust_y, 0.0, None) / 2.0)) * np.exp(-0.5 * (x / 13.0) ** 2)
    drape = 0.45 * np.sin(1.9 * (y - 0.035 * (x + 9.0) ** 2)) * smoothstep(-3.0, 1.0, -x + 3.0)
    chest = chest + drape
    height = np.maximum(height, np.where(bust_y > 0.0, chest, -50.0))
    inside = np.minimum(
        np.minimum((np.sqrt(skull) - 1.0) * 8.1, (np.sqrt(bun) - 1.0) * 3.6), (np.sqrt(ear) - 1.0) * 1.05
    )
    neck_out = np.where(y > 3.0, (np.abs(x) - 5.4), 50.0)
    outside = np.minimum(np.minimum(inside, neck_out), -bust_y + 0.0 * x)
    height = height + 0.03 * octaves(grid, 0.9, seed + 11, 4, 0.6)
    return np.asarray(height, np.float32), np.asarray(outside, np.float32)


def _head(grid: Grid, seed: int) -> Raster:
    height, outside = _head_height(grid, seed)
    cover = np.clip(0.5 - outside / grid.step_mm, 0.0, 1.0).astype(np.float32)
    depth = extended(32.0 - height, (height > -20.0).astype(np.float32))
    step = grid.step_mm
    grain = octaves(grid, 0.22, seed + 21, 3, 0.75)
    nx, ny, nz = normals(depth + 0.006 * grain, step)
    lit = shadow(depth, step, _KEY, 0.25, 14.0)
    key = np.clip(nx * _KEY[0] + ny * _KEY[1] + nz * _KEY[2], 0.0, None) * lit
    fill = np.clip(nx * _FILL[0] + ny * _FILL[1] + nz * _FILL[2], 0.0, None)
    sky = occlusion(depth, step, 0.8, 1.1) * occlusion(depth, step, 3.0, 0.9)
    gloss = np.clip(nx * 0.5 * _KEY[0] + ny * 0.5 * _KEY[1] + nz * (0.5 + 0.5 * _KEY[2]), 0.0, None)
    stain = smoothstep(-0.4, 1.1, octaves(grid, 3.0, seed + 31, 4, 0.6))
    stone = rgb(0.80, 0.74, 0.64) + (rgb(0.62, 0.57, 0.49) - rgb(0.80, 0.74, 0.64)) * stain[..., None]
    speck = smoothstep(0.75, 1.3, noise(grid, 0.16, seed + 41)) * 0.35
    albedo = 1.0 + 0.10 * grain - speck
    light = (
        key[..., None] * rgb(1.0, 0.95, 0.87) * 1.15
        + fill[..., None] * sky[..., None] * rgb(0.55, 0.66, 0.85) * 0.5
        + (sky * (0.5 + 0.5 * nz))[..., None] * rgb(0.60, 0.62, 0.66) * 0.45
    )
    colour = stone * np.clip(albedo, 0.2, None)[..., None] * light
    colour = colour + (0.10 * gloss**22 * lit)[..., None]
    return Raster(colour.astype(np.float32), cover, depth)
