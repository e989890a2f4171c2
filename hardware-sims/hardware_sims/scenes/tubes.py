"""Tubes along curves: bristles, legs, antennae, the wire of a chain.

A tube is a sphere swept along straight pieces. Seen along the depth axis its outline is the outline swept
by a circle, and its nearest surface has a closed form, so tubes of any tilt are exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from hardware_sims.scene import Array, Grid

__all__ = ["Tube", "TubeCanvas"]


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


@dataclass
class TubeCanvas:
    """Nearest surface of tubes on a grid.

    Attributes
    ----------
    cover, depth, nx, ny, nz, along, tint : Array
        (rows, columns) float32: cover, depth, normal (z towards the camera), place along the tube 0 to 1, tint.
    """

    grid: Grid
    cover: Array = field(init=False)
    depth: Array = field(init=False)
    nx: Array = field(init=False)
    ny: Array = field(init=False)
    nz: Array = field(init=False)
    along: Array = field(init=False)
    tint: Array = field(init=False)

    def __post_init__(self) -> None:
        shape = (self.grid.rows, self.grid.columns)
        for name in ("cover", "nx", "ny", "nz", "along", "tint"):
            setattr(self, name, np.zeros(shape, np.float32))
        self.depth = np.full(shape, np.inf, np.float32)

    def draw(self, tube: Tube) -> None:
        """Add a tube; where it is nearer than what is there it hides it."""
        spans = len(tube.points) - 1
        for i in range(spans):
            self._span(tube, i, (i / spans, (i + 1) / spans))

    def _span(self, tube: Tube, i: int, along: tuple[float, float]) -> None:
        p, q = tube.points[i], tube.points[i + 1]
        step = self.grid.step_mm
        # A tube thinner than a cell covers its cells in part.
        r0, r1 = float(tube.radii[i]), float(tube.radii[i + 1])
        window = self._window(p, q, max(r0, r1) + step)
        if window is None:
            return
        rows, columns = window
        x = self.grid.x_mm[columns][None, :] - np.float32(p[0])
        y = self.grid.y_mm[rows][:, None] - np.float32(p[1])
        length = math.hypot(q[0] - p[0], q[1] - p[1])
        ux, uy = ((q[0] - p[0]) / length, (q[1] - p[1]) / length) if length > 1e-9 else (1.0, 0.0)
        s = x * np.float32(ux) + y * np.float32(uy)
        d = y * np.float32(ux) - x * np.float32(uy)
        nearest = np.clip(s, 0.0, length)
        share = nearest / max(length, 1e-9)
        radius = np.float32(r0) + share * np.float32(r1 - r0)
        drawn = np.maximum(radius, 0.5 * step)
        cover = np.clip((drawn - np.hypot(s - nearest, d)) / step + 0.5, 0.0, 1.0) * (radius / drawn)
        slope = float(q[2] - p[2]) / max(length, 1e-9)
        h2 = np.clip(drawn * drawn - d * d, 0.0, None)
        touch = np.clip(s - slope / math.sqrt(1.0 + slope * slope) * np.sqrt(h2), 0.0, length)
        off = s - touch
        out = np.sqrt(np.clip(h2 - off * off, 0.0, None))
        depth = np.float32(p[2]) + touch * np.float32(slope) - out
        self._keep(window, cover, depth)
        mine = self._mine
        inverse = (1.0 / drawn)[mine]
        off, d, out = off[mine], d[mine], out[mine]
        self.nx[window][mine] = (off * ux - d * uy) * inverse
        self.ny[window][mine] = (off * uy + d * ux) * inverse
        self.nz[window][mine] = out * inverse
        place = along[0] + (touch / max(length, 1e-9))[mine] * (along[1] - along[0])
        self.along[window][mine] = place
        self.tint[window][mine] = tube.tint

    def _keep(self, window: tuple[slice, slice], cover: Array, depth: Array) -> None:
        had, behind = self.cover[window], self.depth[window]
        self._mine = ((depth < behind) & (cover >= 0.5)) | (cover > had)
        np.copyto(behind, depth, where=self._mine)
        np.maximum(had, cover, out=had)

    def _window(self, p: Array, q: Array, margin: float) -> tuple[slice, slice] | None:
        g = self.grid
        left = max(0, math.floor((min(p[0], q[0]) - margin - g.left_mm) / g.step_mm))
        right = min(g.columns, math.ceil((max(p[0], q[0]) + margin - g.left_mm) / g.step_mm))
        top = max(0, math.floor((min(p[1], q[1]) - margin - g.top_mm) / g.step_mm))
        bottom = min(g.rows, math.ceil((max(p[1], q[1]) + margin - g.top_mm) / g.step_mm))
        if left >= right or top >= bottom:
            return None
        return slice(top, bottom), slice(left, right)
