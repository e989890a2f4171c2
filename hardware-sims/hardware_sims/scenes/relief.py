"""Relief of a surface: depth, normals, and the light that its own shape lets through."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from hardware_sims.scene import Array, Grid, Raster
from hardware_sims.scenes.fields import smoothstep

__all__ = [
    "COARSE_STEP",
    "CoarseField",
    "Look",
    "Relief",
    "coarse_grid",
    "extended",
    "normals",
    "occlusion",
    "shadow",
]

COARSE_STEP = 0.06
"""Cells, in units, on which shadows and hollows are worked: a 600th of the frame."""

Height = Callable[[Grid], tuple[Array, Array]]


@dataclass(frozen=True, slots=True)
class CoarseField:
    """Values on a coarse grid, read on any other by linear interpolation."""

    grid: Grid
    values: Array

    def on(self, grid: Grid) -> Array:
        """The values at a grid's cells."""
        g = self.grid
        top, down = _linear(grid.y_mm, g.top_mm, g.step_mm, g.rows)
        left, across = _linear(grid.x_mm, g.left_mm, g.step_mm, g.columns)
        band = self.values[top[0] : top[-1] + 2]
        wide = band[:, left] * (1.0 - across) + band[:, left + 1] * across
        row, share = top - top[0], down[:, None]
        return np.asarray(wide[row] * (1.0 - share) + wide[row + 1] * share)


def _linear(places: Array, start: float, step: float, count: int) -> tuple[Array, Array]:
    """Cell before each place and the share of the next one; the last values go on outside."""
    cell = np.clip((places.astype(np.float64) - start) / step - 0.5, 0.0, count - 1.001)
    first = np.floor(cell)
    return first.astype(np.intp), (cell - first).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Look:
    """What a painter needs to know of a relief on a grid; all (rows, columns) float32.

    Parameters
    ----------
    cover, depth : Array
        As in a raster.
    nx, ny, nz : Array
        Normal; z towards the camera.
    lit : Array
        Key light that is not shadowed by the relief, 0 to 1.
    sky : Array
        Part of the surroundings seen from here, 0 to 1.
    """

    cover: Array
    depth: Array
    nx: Array
    ny: Array
    nz: Array
    lit: Array
    sky: Array


def coarse_grid(bounds: tuple[float, float, float, float], step: float = COARSE_STEP) -> Grid:
    """Coarse cells over bounds."""
    left, top, right, bottom = bounds
    return Grid(left, top, step, math.ceil((right - left) / step), math.ceil((bottom - top) / step))


class Relief:
    """A depth field with an outline.

    Parameters
    ----------
    shape : callable
        Grid to depth and signed distance outside the outline (negative inside), both (rows, columns).
    bounds : tuple of float
        Where it is.
    light : tuple of float
        Direction to the key light.
    hollows : tuple of tuple of float
        Reach and strength of each scale at which hollows are darker.
    grain : callable, optional
        Grid to fine relief that is seen in the shading only.
    before : callable, optional
        Grid to the depth of what stands before it and throws shadows (infinite where nothing does).
    """

    def __init__(
        self,
        shape: Height,
        bounds: tuple[float, float, float, float],
        light: tuple[float, float, float],
        hollows: tuple[tuple[float, float], ...] = ((0.8, 1.1), (3.0, 0.9)),
        grain: Callable[[Grid], Array] | None = None,
        before: Callable[[Grid], Array] | None = None,
    ) -> None:
        self._shape = shape
        self._grain = grain
        grid = coarse_grid(bounds)
        depth, outside = shape(grid)
        depth = extended(depth, (outside < 0.0).astype(np.float32))
        front = depth if before is None else np.minimum(depth, before(grid))
        sky = np.ones_like(depth)
        for reach, strength in hollows:
            sky *= occlusion(depth, grid.step_mm, reach, strength, front)
        self._depth = CoarseField(grid, depth)
        self._outside = CoarseField(grid, outside)
        self._sky = CoarseField(grid, sky)
        self._lit = CoarseField(grid, shadow(depth, grid.step_mm, light, 0.25, 14.0, front))

    def raster(self, grid: Grid, paint: Callable[[Grid, Look], Array]) -> Raster:
        """The relief with colours by a painter, who is asked only where there is something to paint."""
        if float(self._outside.on(grid).min()) > 2.0 * COARSE_STEP:
            return Raster.bare(self._depth.on(grid))
        look = self.look(grid)
        if not look.cover.any():
            return Raster.bare(look.depth)
        return Raster(paint(grid, look), look.cover, look.depth)

    def look(self, grid: Grid) -> Look:
        """See `Look`."""
        step = grid.step_mm
        around = Grid(grid.left_mm - step, grid.top_mm - step, step, grid.columns + 2, grid.rows + 2)
        depth, outside = self._shape(around)
        # The outline's own depth goes on outside, so that neither blur nor perspective sees a step there.
        depth = np.where(outside < 0.0, depth, self._depth.on(around)).astype(np.float32)
        seen = depth if self._grain is None else depth + self._grain(around)
        nx, ny, nz = normals(seen, step)
        inner = (slice(1, -1), slice(1, -1))
        cover = np.clip(0.5 - outside[inner] / step, 0.0, 1.0).astype(np.float32)
        return Look(
            cover, depth[inner], nx[inner], ny[inner], nz[inner], self._lit.on(grid), self._sky.on(grid)
        )


def normals(depth: Array, step: float) -> tuple[Array, Array, Array]:
    """Unit normals (x, y, towards the camera) of a depth field."""
    gx = cv2.Sobel(depth, cv2.CV_32F, 1, 0, ksize=3, scale=1.0 / (8.0 * step))
    gy = cv2.Sobel(depth, cv2.CV_32F, 0, 1, ksize=3, scale=1.0 / (8.0 * step))
    inverse = 1.0 / np.sqrt(1.0 + gx * gx + gy * gy)
    return gx * inverse, gy * inverse, inverse


def occlusion(depth: Array, step: float, reach: float, strength: float, front: Array) -> Array:
    """How much of the sky a place in a hollow sees: 1 in the open, less where its surroundings are nearer.

    `front` is the depth of the surroundings, `depth` or less.
    """
    factor = max(1, int(reach / step / 8))
    rows, columns = depth.shape
    small = cv2.resize(
        front, (max(1, columns // factor), max(1, rows // factor)), interpolation=cv2.INTER_AREA
    )
    blurred = cv2.GaussianBlur(small, (0, 0), reach / (step * factor), borderType=cv2.BORDER_REPLICATE)
    around = cv2.resize(blurred, (columns, rows), interpolation=cv2.INTER_LINEAR)
    hollow = np.maximum(depth - around, 0.0)
    return np.asarray(1.0 / (1.0 + hollow * np.float32(strength / reach)))


def shadow(
    depth: Array, step: float, light: tuple[float, float, float], softness: float, reach: float, front: Array
) -> Array:
    """Light that passes what stands before a surface, itself included: 1 lit, 0 in shadow."""
    factor = max(1, int(0.08 / step))
    rows, columns = depth.shape
    size = (max(1, columns // factor), max(1, rows // factor))
    small = cv2.resize(depth, size, interpolation=cv2.INTER_AREA)
    casting = cv2.resize(front, size, interpolation=cv2.INTER_AREA)
    cell = step * factor
    flat = math.hypot(light[0], light[1])
    rise = light[2] / flat  # towards the camera per unit sideways
    blocked = np.full(small.shape, -1e3, np.float32)
    steps = 28
    for k in range(1, steps + 1):
        way = reach * (k / steps) ** 1.5
        shift = np.array([[1.0, 0.0, light[0] / flat * way / cell], [0.0, 1.0, light[1] / flat * way / cell]])
        ahead = cv2.warpAffine(
            casting,
            shift,
            size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        # Relief that stands over the ray by a given height blocks less the farther away it is.
        np.maximum(blocked, (small - ahead - rise * way) / (softness * (0.3 + way)), out=blocked)
    lit = 1.0 - smoothstep(-0.5, 0.5, blocked)
    return np.asarray(cv2.resize(cv2.GaussianBlur(lit, (0, 0), 1.0), (columns, rows)))


def extended(value: Array, known: Array) -> Array:
    """Carry values smoothly to where they are not known (push and pull through a pyramid).

    Parameters
    ----------
    value : Array
        (h, w) float32.
    known : Array
        (h, w) float32, 0 to 1.
    """
    levels = [(value * known, known)]
    while min(levels[-1][0].shape) > 2:
        weighted, weight = levels[-1]
        size = ((weighted.shape[1] + 1) // 2, (weighted.shape[0] + 1) // 2)
        levels.append(
            (
                cv2.resize(weighted, size, interpolation=cv2.INTER_AREA),
                cv2.resize(weight, size, interpolation=cv2.INTER_AREA),
            )
        )
    weighted, weight = levels.pop()
    filled = np.full(weighted.shape, weighted.sum() / max(float(weight.sum()), 1e-9), np.float32)
    for weighted, weight in reversed(levels):
        size = (weighted.shape[1], weighted.shape[0])
        above = cv2.resize(filled, size, interpolation=cv2.INTER_LINEAR)
        trust = np.minimum(weight * 8.0, 1.0)
        filled = trust * weighted / np.maximum(weight, 1e-6) + (1.0 - trust) * above
    return np.asarray(filled, dtype=np.float32)
