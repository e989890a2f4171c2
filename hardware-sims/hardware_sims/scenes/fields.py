"""Random fields, relief and light: what the scenes are painted with.

Scenes are composed in units of a frame 36 wide and 24 high, 32 deep, origin in the middle, x to the right, y down,
depth away from the camera. Patterns are fixed in those units by their seed, whatever the cells they are sampled on.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from hardware_sims.scene import Array, Grid

__all__ = [
    "bump",
    "coordinates",
    "extended",
    "noise",
    "normals",
    "occlusion",
    "octaves",
    "rgb",
    "shadow",
    "smooth_max",
    "smoothstep",
    "softbox",
    "srgb_linear",
    "unit",
]

_HALF_DOMAIN = 32.0  # patterns are defined from −32 to 32 units in x and y


def coordinates(grid: Grid) -> tuple[Array, Array]:
    """Centres of the cells: (1, columns) and (rows, 1) float32."""
    return grid.x_mm[None, :], grid.y_mm[:, None]


def noise(grid: Grid, size: float, seed: int) -> Array:
    """Smooth noise with features of a size, mean 0, standard deviation about 0.6; (rows, columns) float32.

    Zero when the grid is too coarse to hold it.
    """
    shape = (grid.rows, grid.columns)
    if size < 1.2 * grid.step_mm:
        return np.zeros(shape, np.float32)
    count = math.ceil(2.0 * _HALF_DOMAIN / size) + 4
    lattice = np.random.default_rng((seed, round(size * 1e4))).standard_normal((count, count), np.float32)
    ratio = grid.step_mm / size
    left = (grid.left_mm + _HALF_DOMAIN) / size + 1.0 + 0.5 * ratio
    top = (grid.top_mm + _HALF_DOMAIN) / size + 1.0 + 0.5 * ratio
    to_lattice = np.array([[ratio, 0.0, left], [0.0, ratio, top]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    field = cv2.warpAffine(
        lattice, to_lattice, (grid.columns, grid.rows), flags=flags, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(field)


def octaves(grid: Grid, size: float, seed: int, count: int, fall: float = 0.5) -> Array:
    """Noise of halving sizes, each `fall` times the strength of the one before."""
    total = np.zeros((grid.rows, grid.columns), np.float32)
    for k in range(count):
        field = noise(grid, size / 2**k, seed + 101 * k)
        total += field * np.float32(fall**k)
    return total


def smoothstep(low: float, high: float, value: Array) -> Array:
    """From 0 at `low` to 1 at `high` with level ends."""
    t = np.clip((value - np.float32(low)) * np.float32(1.0 / (high - low)), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def smooth_max(first: Array, second: Array, width: float) -> Array:
    """Maximum with the crease rounded over a width."""
    h = np.maximum(np.float32(width) - np.abs(first - second), 0.0)
    return np.asarray(np.maximum(first, second) + h * h * np.float32(0.25 / width))


def bump(x: Array, y: Array, at: tuple[float, float], sigma: tuple[float, float]) -> Array:
    """Gaussian hill of height 1."""
    return np.asarray(
        np.exp(-0.5 * ((x - at[0]) / sigma[0]) ** 2) * np.exp(-0.5 * ((y - at[1]) / sigma[1]) ** 2)
    )


def unit(x: float, y: float, z: float) -> tuple[float, float, float]:
    """Direction of length 1; x right, y down, z towards the camera."""
    length = math.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length


def rgb(red: float, green: float, blue: float) -> Array:
    """A colour given in sRGB, 0 to 1, as linear float32 (3,)."""
    return srgb_linear(np.array([red, green, blue], np.float32))


def srgb_linear(value: Array) -> Array:
    """SRGB 0 to 1 to linear light (IEC 61966-2-1)."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def normals(depth: Array, step: float) -> tuple[Array, Array, Array]:
    """Unit normals (x, y, towards the camera) of a depth field."""
    gx = cv2.Sobel(depth, cv2.CV_32F, 1, 0, ksize=3, scale=1.0 / (8.0 * step))
    gy = cv2.Sobel(depth, cv2.CV_32F, 0, 1, ksize=3, scale=1.0 / (8.0 * step))
    inverse = 1.0 / np.sqrt(1.0 + gx * gx + gy * gy)
    return gx * inverse, gy * inverse, inverse


def occlusion(depth: Array, step: float, reach: float, strength: float) -> Array:
    """How much of the sky a place in a hollow sees: 1 in the open, less where its surroundings are nearer."""
    factor = max(1, int(reach / step / 8))
    rows, columns = depth.shape
    small = cv2.resize(
        depth, (max(1, columns // factor), max(1, rows // factor)), interpolation=cv2.INTER_AREA
    )
    blurred = cv2.GaussianBlur(small, (0, 0), reach / (step * factor), borderType=cv2.BORDER_REPLICATE)
    around = cv2.resize(blurred, (columns, rows), interpolation=cv2.INTER_LINEAR)
    hollow = np.maximum(depth - around, 0.0)
    return np.asarray(1.0 / (1.0 + hollow * np.float32(strength / reach)))


def shadow(depth: Array, step: float, light: tuple[float, float, float], softness: float, reach: float) -> Array:
    """Light that passes the surface's own relief: 1 lit, 0 in shadow. Worked at about a twelfth of a unit."""
    factor = max(1, int(0.08 / step))
    rows, columns = depth.shape
    size = (max(1, columns // factor), max(1, rows // factor))
    small = cv2.resize(depth, size, interpolation=cv2.INTER_AREA)
    cell = step * factor
    flat = math.hypot(light[0], light[1])
    rise = light[2] / flat  # towards the camera per unit sideways
    blocked = np.full(small.shape, -1e3, np.float32)
    steps = 28
    for k in range(1, steps + 1):
        way = reach * (k / steps) ** 1.5
        shift = np.array([[1.0, 0.0, light[0] / flat * way / cell], [0.0, 1.0, light[1] / flat * way / cell]])
        ahead = cv2.warpAffine(
            small,
            shift,
            size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        # Relief that stands over the ray by a given height blocks less the farther away it is.
        np.maximum(blocked, (small - ahead - rise * way) / (softness * (0.3 + way)), out=blocked)
    lit = 1.0 - smoothstep(-0.5, 0.5, blocked)
    return np.asarray(cv2.resize(cv2.GaussianBlur(lit, (0, 0), 1.0), (columns, rows)))


def softbox(
    direction: tuple[Array, Array, Array], centre: tuple[float, float, float], half: tuple[float, float]
) -> Array:
    """Brightness, 0 to 1, of a rectangular lamp seen along directions; `half` is its size as tangents."""
    cx, cy, cz = centre
    # Axes of the lamp's face: one level, one across it.
    flat = math.hypot(cx, cz) or 1.0
    right = (cz / flat, 0.0, -cx / flat)
    down = (
        cy * right[2] - cz * right[1],
        cz * right[0] - cx * right[2],
        cx * right[1] - cy * right[0],
    )
    dx, dy, dz = direction
    along = np.maximum(dx * cx + dy * cy + dz * cz, 1e-3)
    u = np.abs((dx * right[0] + dy * right[1] + dz * right[2]) / along)
    w = np.abs((dx * down[0] + dy * down[1] + dz * down[2]) / along)
    inside = (1.0 - smoothstep(half[0] * 0.8, half[0] * 1.15, u)) * (
        1.0 - smoothstep(half[1] * 0.8, half[1] * 1.15, w)
    )
    return np.asarray(inside * (along > 2e-3))


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
