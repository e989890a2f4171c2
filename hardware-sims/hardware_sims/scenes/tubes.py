"""Tubes along curves: bristles, legs, antennae, the wire of a chain.

A tube is a sphere swept along straight pieces. Seen along the depth axis its outline is the outline swept
by a circle, and its nearest surface has a closed form, so tubes of any tilt are exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hardware_sims.scene import Array, Grid, Raster
from hardware_sims.scenes.relief import COARSE_STEP, CoarseField, coarse_grid, extended

__all__ = ["Tube", "TubeLook", "Tubes"]


@dataclass(frozen=True, slots=True)
class Tube:
    """A curve with a thickness.

    Parameters
    ----------
    points : Array
        (n, 3) x, y, depth.
    radii : Array
        (n,) half thickness.
    tint : float
        Free for the painter: which of its colours.
    """

    points: Array
    radii: Array
    tint: float = 0.0


@dataclass(frozen=True, slots=True)
class TubeLook:
    """What a painter needs to know of tubes on a grid; (rows, columns) float32, or (n,) for n cells.

    Parameters
    ----------
    cover, depth : Array
        As in a raster.
    nx, ny, nz : Array
        Normal; z towards the camera.
    along : Array
        Place along the tube, 0 to 1.
    tint : Array
        Of the tube that is seen.
    where : Array, optional
        (rows, columns) bool: the cells, when they are given in a row.
    """

    cover: Array
    depth: Array
    nx: Array
    ny: Array
    nz: Array
    along: Array
    tint: Array
    where: Array | None = None

    @property
    def planes(self) -> tuple[Array, ...]:
        """The seven planes in order."""
        return self.cover, self.depth, self.nx, self.ny, self.nz, self.along, self.tint

    def taken(self, field: Array) -> Array:
        """Values of a field on the grid at the cells that are given."""
        return field if self.where is None else np.asarray(field[self.where])


class Tubes:
    """A set of tubes; where two cross, the nearer one is seen.

    Parameters
    ----------
    tubes : list of Tube
        At least one.

    Attributes
    ----------
    bounds : tuple of float
        Left, top, right, bottom of all tubes.
    """

    def __init__(self, tubes: list[Tube]) -> None:
        pieces = []
        for tube in tubes:
            spans = len(tube.points) - 1
            for i in range(spans):
                ends = (*tube.points[i], tube.radii[i], *tube.points[i + 1], tube.radii[i + 1])
                bends = (*_bend(tube.points, i), *_bend(tube.points, i + 1))
                pieces.append((*ends, i / spans, (i + 1) / spans, tube.tint, *bends))
        # Columns: x, y, depth, radius of both ends; place along the tube of both; tint; direction at both.
        self._pieces = np.array(pieces, np.float64).reshape(-1, 17)
        across, down = self._pieces[:, (0, 4)], self._pieces[:, (1, 5)]
        margin = float(self._pieces[:, (3, 7)].max()) + COARSE_STEP
        self.bounds = (
            float(across.min()) - margin,
            float(down.min()) - margin,
            float(across.max()) + margin,
            float(down.max()) + margin,
        )
        grid = coarse_grid(self.bounds)
        coarse = self._drawn(grid)
        known = (coarse.cover > 0.0).astype(np.float32)
        depth = np.where(known > 0.0, coarse.depth, 0.0).astype(np.float32)
        self._depth = CoarseField(grid, extended(depth, known))

    def raster(self, grid: Grid, paint: Callable[[Grid, TubeLook], Array]) -> Raster:
        """The tubes with colours by a painter, who is given the covered cells only, in a row."""
        if not self._near(grid).any():
            return Raster.bare(self._depth.on(grid))
        look = self.look(grid)
        where = look.cover > 0.0
        if not where.any():
            return Raster.bare(look.depth)
        cover, depth, nx, ny, nz, along, tint = (plane[where] for plane in look.planes)
        covered = TubeLook(cover, depth, nx, ny, nz, along, tint, where)
        colour = np.zeros((*where.shape, 3), np.float32)
        colour[where] = paint(grid, covered)
        return Raster(colour, look.cover, look.depth)

    def front(self, grid: Grid) -> Array:
        """Depth where there is a tube, infinite elsewhere."""
        return self._drawn(grid).depth

    def look(self, grid: Grid) -> TubeLook:
        """See `TubeLook`."""
        drawn = self._drawn(grid)
        np.copyto(drawn.depth, self._depth.on(grid), where=drawn.cover <= 0.0)
        return drawn

    def _near(self, grid: Grid) -> Array:
        """Which pieces reach into a grid."""
        x, y = self._pieces[:, (0, 4)], self._pieces[:, (1, 5)]
        margin = self._pieces[:, (3, 7)].max(axis=1, initial=0.0) + grid.step_mm
        right, bottom = grid.left_mm + grid.columns * grid.step_mm, grid.top_mm + grid.rows * grid.step_mm
        near = (x.max(axis=1) + margin > grid.left_mm) & (x.min(axis=1) - margin < right)
        near &= (y.max(axis=1) + margin > grid.top_mm) & (y.min(axis=1) - margin < bottom)
        return np.asarray(near)

    def _drawn(self, grid: Grid) -> TubeLook:
        shape = (grid.rows, grid.columns)
        planes = [np.zeros(shape, np.float32) for _ in range(6)]
        look = TubeLook(planes[0], np.full(shape, np.inf, np.float32), *planes[1:])
        for piece in self._pieces[self._near(grid)]:
            _draw(look, grid, piece)
        return look


def _bend(points: Array, i: int) -> Array:
    """Direction of the curve at a point, of length 1; zero where it stays open and its cap is round."""
    last = len(points) - 1
    if 0 < i < last:
        ahead = points[i + 1] - points[i - 1]
    elif np.allclose(points[0], points[-1]):
        ahead = points[1] - points[-2]
    else:
        return np.zeros(3)
    return np.asarray(ahead / max(float(np.linalg.norm(ahead)), 1e-9))


def _draw(look: TubeLook, grid: Grid, piece: Array) -> None:
    px, py, pz, r0, qx, qy, qz, r1, from_share, to_share, tint = (float(v) for v in piece[:11])
    step = grid.step_mm
    window = _window(grid, (px, py), (qx, qy), max(r0, r1) + step)
    if window is None:
        return
    rows, columns = window
    x = grid.x_mm[columns][None, :] - np.float32(px)
    y = grid.y_mm[rows][:, None] - np.float32(py)
    length = max(math.hypot(qx - px, qy - py), 1e-6)
    ux, uy = (qx - px) / length, (qy - py) / length
    s = x * ux + y * uy  # along the axis
    d = y * ux - x * uy  # across it
    nearest = np.clip(s, 0.0, length)
    radius = r0 + nearest * ((r1 - r0) / length)
    # A tube thinner than a cell covers its cells in part.
    drawn = np.maximum(radius, 0.5 * step)
    cover = np.clip((drawn - np.hypot(s - nearest, d)) / step + 0.5, 0.0, 1.0) * (radius / drawn)
    # The nearest point of the swept sphere: its centre lies before or behind by the tilt of the axis.
    slope = (qz - pz) / length
    half = np.clip(drawn * drawn - d * d, 0.0, None)
    touch = np.clip(s - slope / math.sqrt(1.0 + slope * slope) * np.sqrt(half), 0.0, length)
    off = s - touch
    out = np.sqrt(np.clip(half - off * off, 0.0, None))
    depth = pz + touch * slope - out
    had = look.cover[window]
    mine = ((depth < look.depth[window]) & (cover >= 0.5)) | (cover > had)
    np.maximum(had, cover, out=had)
    inverse = 1.0 / drawn
    normal = ((off * ux - d * uy) * inverse, (off * uy + d * ux) * inverse, out * inverse)
    nx, ny, nz = _smoothed(normal, piece[11:14], piece[14:17], touch * (1.0 / length))
    values = (
        (look.depth, depth),
        (look.nx, nx),
        (look.ny, ny),
        (look.nz, nz),
        (look.along, from_share + touch * ((to_share - from_share) / length)),
        (look.tint, np.full_like(depth, tint)),
    )
    for plane, value in values:
        np.copyto(plane[window], value, where=mine)


def _smoothed(
    normal: tuple[Array, Array, Array], first: Array, last: Array, share: Array
) -> tuple[Array, Array, Array]:
    """Normals square to the curve, not to its straight pieces, which mirrors would show."""
    # Depth runs away from the camera, normals towards it.
    tx, ty, tz = ((1.0 - share) * a + share * b for a, b in zip(first, last, strict=True))
    nx, ny, nz = normal
    along = nx * tx + ny * ty - nz * tz
    nx, ny, nz = nx - along * tx, ny - along * ty, nz + along * tz
    inverse = 1.0 / np.sqrt(nx * nx + ny * ny + nz * nz + 1e-9)
    return nx * inverse, ny * inverse, nz * inverse


def _window(
    grid: Grid, p: tuple[float, float], q: tuple[float, float], margin: float
) -> tuple[slice, slice] | None:
    left = max(0, math.floor((min(p[0], q[0]) - margin - grid.left_mm) / grid.step_mm))
    right = min(grid.columns, math.ceil((max(p[0], q[0]) + margin - grid.left_mm) / grid.step_mm))
    top = max(0, math.floor((min(p[1], q[1]) - margin - grid.top_mm) / grid.step_mm))
    bottom = min(grid.rows, math.ceil((max(p[1], q[1]) + margin - grid.top_mm) / grid.step_mm))
    if left >= right or top >= bottom:
        return None
    return slice(top, bottom), slice(left, right)
