"""A smooth stone head with tight curls, its nose at depth 0 and its shoulders at 32."""

from __future__ import annotations

import numpy as np

from hardware_sims.scene import Array, Grid, Raster, Sheet
from hardware_sims.scenes.fields import (
    bump,
    coordinates,
    noise,
    octaves,
    rgb,
    smoothstep,
    unit,
)
from hardware_sims.scenes.relief import Look, Relief

__all__ = ["porcelain_sheets", "statue_sheets"]

_KEY = unit(-0.62, -0.60, 0.72)
_FILL = unit(0.9, -0.1, 0.55)


_PALE, _DARK = rgb(0.80, 0.74, 0.64), rgb(0.62, 0.57, 0.49)
_SUN, _OPEN_SHADE, _HAZE = rgb(1.0, 0.95, 0.87), rgb(0.55, 0.66, 0.85), rgb(0.60, 0.62, 0.66)
_BOUNDS = (-23.0, -16.0, 23.0, 17.0)


def statue_sheets(seed: int) -> tuple[Sheet, ...]:
    """The head and the garden wall far behind it."""
    return _sheets(seed, 1.0)


def porcelain_sheets(seed: int) -> tuple[Sheet, ...]:
    """The same head, smooth: a tenth of the stone's texture, so that shading is nearly all there is."""
    return _sheets(seed, 0.1)


def _sheets(seed: int, texture: float) -> tuple[Sheet, ...]:
    head = Relief(
        lambda grid: _head_shape(grid, seed, texture),
        _BOUNDS,
        _KEY,
        grain=lambda grid: 0.006 * texture * octaves(grid, 0.22, seed + 21, 3, 0.75),
    )

    def paint(grid: Grid, look: Look) -> Array:
        return _paint(grid, look, seed, texture)

    return (
        Sheet("wall", "backdrop", (-30.0, -22.0, 30.0, 22.0), lambda grid: _wall(grid, seed), 0.04),
        Sheet("head", "surface", _BOUNDS, lambda grid: head.raster(grid, paint)),
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


def _arc(y: Array, at: Array, sigma: float) -> Array:
    """Ridge of height 1 along a curve."""
    return np.asarray(np.exp(-0.5 * ((y - at) / sigma) ** 2))


def _face(x: Array, y: Array) -> Array:
    """Features in relief, to be added to the skull."""
    ax = np.abs(x)
    out = ax - 3.25  # from the middle of an eye
    # Brows: a sharp arc over each eye that runs into the bridge of the nose.
    brow = -4.05 + 0.115 * (ax - 3.1) ** 2
    relief = (0.55 * _arc(y, brow, 0.30) + 0.8 * _arc(y, brow + 0.1, 0.9)) * smoothstep(6.6, 5.0, ax)
    relief = relief - 1.5 * bump(ax, y, (2.9, -2.55), (1.5, 0.85))  # sockets
    relief = relief + 1.35 * bump(out, y, (0.0, -1.95), (1.30, 0.62))  # lids over the balls
    # The slit between the lids of the lowered eyes sags in its middle; a crease follows the upper lid.
    open_ = smoothstep(1.9, 1.3, np.abs(out))
    relief = relief - 0.42 * _arc(y, -1.50 - 0.10 * out**2, 0.085) * open_
    relief = relief + 0.16 * _arc(y, -1.30 - 0.10 * out**2, 0.11) * open_
    relief = relief - 0.22 * _arc(y, -2.62 + 0.14 * out**2, 0.11) * smoothstep(2.2, 1.3, np.abs(out))
    # Nose: a ridge that widens and rises towards its round tip, wings beside it.
    down = smoothstep(-5.4, 3.0, y)
    end = smoothstep(3.30, 1.55, y) * smoothstep(-5.0, -3.2, y)
    ridge = np.exp(-0.5 * (np.hypot(ax, 0.18) / (0.50 + 0.52 * down**2.5)) ** 2)
    relief = relief + (1.1 + 4.9 * down**1.6) * ridge * end
    relief = relief + 1.5 * bump(ax, y, (1.12, 2.10), (0.50, 0.52))
    relief = relief - 0.8 * bump(ax, y, (0.62, 2.95), (0.30, 0.20))
    # Mouth: a bow above, a fuller lip below, corners drawn in.
    line = y - (4.75 - 0.12 * np.cos(ax * 2.1) * smoothstep(1.6, 0.6, ax) - 0.055 * ax**2 + 0.05)
    inside = smoothstep(2.5, 1.2, ax)
    relief = relief + inside * (
        0.85 * _arc(line, -0.42 + 0.0 * ax, 0.33) + 1.1 * _arc(line, 0.52 + 0.0 * ax, 0.40)
    )
    relief = relief - 0.80 * _arc(line, 0.0 * ax, 0.10) * smoothstep(2.7, 2.1, ax)
    relief = relief - 0.55 * bump(ax, y, (2.6, 4.45), (0.36, 0.42))
    relief = relief - 0.3 * bump(ax, y, (0.0, 3.7), (0.25, 0.40))
    relief = relief - 0.65 * bump(ax, y, (0.0, 6.3), (1.8, 0.42))
    relief = relief + 1.6 * bump(ax, y, (0.0, 7.6), (1.6, 1.1))
    relief = relief + 0.5 * bump(x, y, (0.0, -4.9), (0.26, 0.26))  # the mark on the brow
    return np.asarray(relief + 1.15 * bump(ax, y, (4.2, 1.0), (1.7, 1.9)))


def _curls(x: Array, y: Array) -> Array:
    """Rows of snail curls on the scalp, 0 to 1."""
    pitch = 1.30
    tall = pitch * np.sqrt(3.0)
    best = np.full(np.broadcast_shapes(x.shape, y.shape), 9.0, np.float32)
    turn = np.zeros_like(best)
    for shift in (0.0, 0.5):
        u = (x / pitch - shift) - np.round(x / pitch - shift)
        w = ((y / tall - shift) - np.round(y / tall - shift)) * np.sqrt(3.0)
        r = 2.0 * np.hypot(u, w)
        turn = np.where(r < best, np.arctan2(w, u), turn)
        best = np.minimum(best, r)
    spiral = 0.13 * np.cos(turn + 8.0 * best) * smoothstep(1.0, 0.6, best) * smoothstep(0.05, 0.3, best)
    return np.asarray(np.sqrt(np.clip(1.0 - best * best, 0.0, 1.0)) + spiral)


def _head_shape(grid: Grid, seed: int, texture: float) -> tuple[Array, Array]:
    """Depth and signed distance outside the outline."""
    x, y = coordinates(grid)
    skull = (x / 8.1) ** 2 + ((y + 1.4) / 11.2) ** 2 + 0.10 * smoothstep(1.0, 9.0, y) * (x / 4.5) ** 2
    hairline = y - (-5.6 + 0.055 * x**2 - 0.35 * np.exp(-0.5 * (x / 0.8) ** 2))
    hair = smoothstep(0.25, -0.35, hairline)
    curls = _curls(x, y)
    face = 9.6 + _dome(skull, 16.4) + _face(x, y) * smoothstep(1.0, 0.55, skull) * (1.0 - 0.85 * hair)
    face = face + hair * (0.55 + 0.62 * curls)
    bun = (x / 4.4) ** 2 + ((y + 11.6) / 3.6) ** 2
    top = 13.0 + _dome(bun, 6.5) + 0.6 * curls
    ax = np.abs(x)
    ear = ((ax - 8.35 + 0.05 * (y - 1.0)) / 1.0) ** 2 + ((y - 0.8) / 4.6) ** 2
    lobe = 10.2 + _dome(ear, 2.4) - 1.2 * bump(ax, y, (8.3, -0.2), (0.42, 2.2))
    neck_r = (x / 5.4) ** 2
    neck = 5.5 + _dome(neck_r, 8.2) + 0.28 * np.cos((y + 0.03 * x**2) * 3.0)
    rim = y - (10.6 + 0.020 * x**2 - 1.6 * np.exp(-0.5 * (x / 6.0) ** 2))
    chest = 0.6 + 7.5 * (1.0 - np.exp(-np.clip(rim, 0.0, None) / 2.0)) * np.exp(-0.5 * (x / 13.0) ** 2)
    chest = chest + 0.45 * np.sin(1.9 * (y - 0.035 * (x + 9.0) ** 2)) * smoothstep(-3.0, 1.0, 3.0 - x)
    # Each part with its signed distance outside its own outline; the nearest of those that are there is seen.
    parts = (
        (face, (np.sqrt(skull) - 1.0) * 8.1),
        (top, (np.sqrt(bun) - 1.0) * 3.6),
        (lobe, (np.sqrt(ear) - 1.0) * 1.0),
        (neck, np.maximum(ax - 5.4, 3.0 - y)),
        (chest, -rim),
    )
    height = np.full((grid.rows, grid.columns), -1.0, np.float32)
    outside = np.full(height.shape, 50.0, np.float32)
    for part, distance in parts:
        height = np.where(distance < 0.0, np.maximum(height, part), height)
        outside = np.minimum(outside, distance)
    rough = 0.03 * texture * octaves(grid, 0.9, seed + 11, 4, 0.6)
    return np.asarray(32.0 - height - rough, np.float32), np.asarray(outside, np.float32)


def _paint(grid: Grid, look: Look, seed: int, texture: float) -> Array:
    nx, ny, nz = look.nx, look.ny, look.nz
    grain = octaves(grid, 0.22, seed + 21, 3, 0.75)
    key = np.clip(nx * _KEY[0] + ny * _KEY[1] + nz * _KEY[2], 0.0, None) * look.lit
    fill = np.clip(nx * _FILL[0] + ny * _FILL[1] + nz * _FILL[2], 0.0, None)
    gloss = np.clip(nx * 0.5 * _KEY[0] + ny * 0.5 * _KEY[1] + nz * (0.5 + 0.5 * _KEY[2]), 0.0, None)
    stain = smoothstep(-0.4, 1.1, octaves(grid, 3.0, seed + 31, 4, 0.6))
    stone = _PALE + (_DARK - _PALE) * (texture * stain)[..., None]
    speck = smoothstep(0.75, 1.3, noise(grid, 0.16, seed + 41)) * 0.35
    albedo = np.clip(1.0 + texture * (0.10 * grain - speck), 0.2, None)
    light = (
        key[..., None] * (1.1 * _SUN)
        + (fill * look.sky)[..., None] * (0.75 * _OPEN_SHADE)
        + (look.sky * (0.5 + 0.5 * nz))[..., None] * (0.7 * _HAZE)
    )
    return np.asarray(stone * albedo[..., None] * light + (0.10 * gloss**22 * look.lit)[..., None])
