"""A gold chain with a medal, on cloth at 45° to the axis; its highlights are brighter than white."""

from __future__ import annotations

import math

import numpy as np

from hardware_sims.scene import Array, Grid, Raster, Sheet
from hardware_sims.scenes.fields import coordinates, noise, octaves, rgb, smoothstep, softbox, unit
from hardware_sims.scenes.relief import Look, Relief
from hardware_sims.scenes.tubes import Tube, TubeLook, Tubes

__all__ = ["bracelet_sheets"]

_KEY = unit(0.30, -0.62, 0.80)
_CLOTH = (-24.0, -16.0, 25.0, 16.0)
_MEDAL = (-6.0, -6.5, 7.0, 6.5)

_LINKS = 31
_LOOP = (14.6, 8.2)  # half the loop's width and height as seen
_LINK_HALF = (2.02, 1.30)
_WIRE = 0.46
_TWIST = math.radians(40.0)
_MEDAL_AT = (0.6, 0.3)
_MEDAL_RADIUS = 4.4

_GOLD, _SILVER = np.array([1.0, 0.71, 0.29], np.float32), np.array([0.95, 0.93, 0.88], np.float32)
_SUN, _SHADE = rgb(1.0, 0.96, 0.90), rgb(0.66, 0.72, 0.85)
_WALLS = rgb(0.80, 0.74, 0.68)


def bracelet_sheets(seed: int) -> tuple[Sheet, ...]:
    """Far to near: a dark room, cloth, medal, chain."""
    chain = Tubes(_links(seed))

    def on_cloth(grid: Grid) -> Array:
        depth, outside = _medal_shape(grid)
        return np.minimum(np.where(outside < 0.0, depth, np.inf), chain.front(grid))

    cloth = Relief(
        lambda grid: _cloth_shape(grid, seed),
        _CLOTH,
        _KEY,
        hollows=((0.5, 1.4), (1.8, 1.2)),
        grain=lambda grid: _weave(grid, seed),
        before=on_cloth,
    )
    medal = Relief(
        _medal_shape,
        _MEDAL,
        _KEY,
        hollows=((0.4, 0.8),),
        grain=lambda grid: 0.004 * octaves(grid, 0.10, seed + 31, 2, 0.7),
        before=chain.front,
    )

    def paint_cloth(grid: Grid, look: Look) -> Array:
        return _paint_cloth(grid, look, seed)

    def paint_medal(grid: Grid, look: Look) -> Array:  # noqa: ARG001 - a painter's signature
        seen = _studio(_mirrored(look.nx, look.ny, look.nz))
        worn = 0.55 + 0.45 * look.sky
        return np.asarray(_SILVER * seen * (worn * (0.55 + 0.45 * look.lit))[..., None])

    def paint_chain(grid: Grid, look: TubeLook) -> Array:
        return _paint_gold(grid, look, seed)

    return (
        Sheet("room", "backdrop", (-30.0, -22.0, 30.0, 22.0), lambda grid: _room(grid, seed), 0.04),
        Sheet("cloth", "surface", _CLOTH, lambda grid: cloth.raster(grid, paint_cloth)),
        Sheet("medal", "surface", _MEDAL, lambda grid: medal.raster(grid, paint_medal)),
        Sheet("chain", "surface", chain.bounds, lambda grid: chain.raster(grid, paint_chain)),
    )


def _room(grid: Grid, seed: int) -> Raster:
    x, y = coordinates(grid)
    mix = np.clip(
        0.4 + 0.10 * noise(grid, 6.0, seed + 5) + 0.02 * octaves(grid, 0.6, seed + 6, 3, 0.8), 0.0, 1.0
    )
    colour = rgb(0.10, 0.10, 0.12) + rgb(0.22, 0.20, 0.20) * mix[..., None]
    depth = np.broadcast_to(80.0 + 0.5 * x + 0.0 * y, mix.shape).astype(np.float32)
    return Raster(colour, np.ones(mix.shape, np.float32), depth)


# ---- cloth ----


def _slope(x: Array) -> tuple[Array, Array]:
    """Depth of the cloth along x and its rise: one to one, levelling out where 32 units of depth end."""
    flat = 2.6
    start = 12.6
    over = np.maximum(np.abs(x - 0.9) - start, 0.0)
    run = np.minimum(np.abs(x - 0.9), start) + flat * np.tanh(over / flat)
    rise = np.where(over > 0.0, 1.0 / np.cosh(over / flat) ** 2, 1.0)
    return 16.6 + np.sign(x - 0.9) * run, rise


def _cloth_shape(grid: Grid, seed: int) -> tuple[Array, Array]:
    x, y = coordinates(grid)
    depth, _ = _slope(x)
    folds = 0.22 * noise(grid, 7.0, seed + 11)
    shape = (grid.rows, grid.columns)
    edge = np.maximum(np.abs(x - 0.5) - 24.0, np.abs(y) - 15.5)
    return np.asarray(np.broadcast_to(depth, shape) + folds, np.float32), np.asarray(edge, np.float32)


def _weave(grid: Grid, seed: int) -> Array:
    """Warp and weft over and under each other, as depth."""
    x, y = coordinates(grid)
    pitch = 0.34
    u = (x * 1.41 + 0.05 * noise(grid, 1.3, seed + 12)) / pitch  # the slope hides a part of the cloth's width
    w = (y + 0.05 * noise(grid, 1.3, seed + 13)) / pitch
    over = np.where(np.mod(np.floor(u) + np.floor(w), 2.0) < 1.0, 1.0, 0.0)
    warp = np.abs(np.sin(np.pi * u)) * (0.4 + 0.6 * over * np.abs(np.sin(np.pi * w)))
    weft = np.abs(np.sin(np.pi * w)) * (0.4 + 0.6 * (1.0 - over) * np.abs(np.sin(np.pi * u)))
    fibres = 0.012 * octaves(grid, 0.09, seed + 14, 2, 0.7)
    return np.asarray(-0.085 * np.maximum(warp, weft) + fibres, np.float32)


def _paint_cloth(grid: Grid, look: Look, seed: int) -> Array:
    relief = _weave(grid, seed)
    tone = 1.0 + 0.16 * octaves(grid, 1.1, seed + 15, 4, 0.65) + 0.10 * noise(grid, 0.10, seed + 16)
    base = (
        rgb(0.23, 0.27, 0.40)
        + (rgb(0.36, 0.40, 0.53) - rgb(0.23, 0.27, 0.40)) * smoothstep(0.02, 0.085, -relief)[..., None]
    )
    key = np.clip(look.nx * _KEY[0] + look.ny * _KEY[1] + look.nz * _KEY[2], 0.0, None)
    light = (1.5 * key * look.lit)[..., None] * _SUN + (0.55 * look.sky)[..., None] * _SHADE
    return np.asarray(base * np.clip(tone, 0.3, None)[..., None] * light)


# ---- metal ----


def _mirrored(nx: Array, ny: Array, nz: Array) -> tuple[Array, Array, Array]:
    return 2.0 * nz * nx, 2.0 * nz * ny, 2.0 * nz * nz - 1.0


def _studio(direction: tuple[Array, Array, Array]) -> Array:
    """What mirrors in the metal: two soft lamps, a strip, a dark room, the cloth below."""
    up = -direction[1]
    room = (0.20 + 0.55 * smoothstep(-0.6, 0.9, up))[..., None] * _WALLS
    cloth = smoothstep(0.3, 0.9, direction[0] * 0.7 - direction[2] * 0.7)[..., None] * rgb(0.30, 0.34, 0.46)
    window = softbox(direction, unit(-0.42, -0.66, 0.62), (0.36, 0.24))
    fill = softbox(direction, unit(0.70, -0.25, 0.66), (0.26, 0.60))
    strip = softbox(direction, unit(-0.88, 0.16, 0.42), (0.12, 0.70))
    lamps = 4.5 * window + 0.75 * fill + 0.55 * strip
    return np.asarray(room + 0.25 * cloth + lamps[..., None] * _SUN)


def _links(seed: int) -> list[Tube]:
    rng = np.random.default_rng((seed, 91))
    tubes = []
    for k in range(_LINKS):
        theta = 2.0 * math.pi * k / _LINKS
        # Even steps along the loop, not along its angle: a few rounds of correction.
        theta = _even(theta)
        place, ahead, out = _on_loop(theta)
        side = np.cross(ahead, out)
        twist = (_TWIST if k % 2 else -_TWIST) + rng.normal(0.0, 0.05)
        across = side * math.cos(twist) + out * math.sin(twist)
        centre = place + out * (_WIRE + _LINK_HALF[1] * math.sin(_TWIST) * 0.75 + rng.normal(0.0, 0.03))
        phi = np.linspace(0.0, 2.0 * math.pi, 65)
        points = (
            centre
            + _LINK_HALF[0] * np.cos(phi)[:, None] * ahead
            + _LINK_HALF[1] * np.sin(phi)[:, None] * across
        )
        tubes.append(Tube(points, np.full(65, _WIRE), tint=float(rng.random())))
    return tubes


def _even(share_angle: float) -> float:
    """The angle at which a share of the loop's length is behind."""
    theta = np.linspace(0.0, 2.0 * math.pi, 721)
    points = np.stack([_on_loop(float(t))[0] for t in theta[::10]])
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return float(np.interp(share_angle / (2.0 * math.pi) * length[-1], length, theta[::10]))


def _on_loop(theta: float) -> tuple[Array, Array, Array]:
    """Place on the cloth, direction along the loop, direction off the cloth; (3,) each, x, y, depth."""

    def place(angle: float) -> Array:
        x = 0.6 + _LOOP[0] * math.cos(angle)
        y = _LOOP[1] * math.sin(angle) + 0.5 * math.sin(2.0 * angle)
        return np.array([x, y, float(_slope(np.array(x))[0])])

    here = place(theta)
    ahead = place(theta + 1e-3) - place(theta - 1e-3)
    rise = float(_slope(np.array(here[0]))[1])
    out = np.array([rise, 0.0, -1.0]) / math.hypot(rise, 1.0)
    return here, ahead / np.linalg.norm(ahead), out


def _paint_gold(grid: Grid, look: TubeLook, seed: int) -> Array:
    dx = look.taken(0.02 * noise(grid, 0.12, seed + 21) + 0.03 * noise(grid, 0.6, seed + 22))
    dy = look.taken(0.02 * noise(grid, 0.12, seed + 23) + 0.03 * noise(grid, 0.6, seed + 24))
    nx, ny = look.nx + dx, look.ny + dy
    inverse = 1.0 / np.sqrt(nx * nx + ny * ny + look.nz * look.nz + 1e-6)
    seen = _studio(_mirrored(nx * inverse, ny * inverse, look.nz * inverse))
    # Where the wire turns down towards the cloth it mirrors the cloth's shade, not the room.
    facing = np.clip(0.75 * look.nz + 0.66 * look.nx + 0.35, 0.2, 1.0)
    warm = _GOLD * (0.92 + 0.16 * look.tint)[..., None]
    fresnel = (1.0 - look.nz)[..., None] ** 4
    return np.asarray((warm + (1.0 - warm) * 0.6 * fresnel) * seen * facing[..., None])


# ---- medal ----


def _medal_shape(grid: Grid) -> tuple[Array, Array]:
    """A round medal on the cloth: a rim, rays, a smaller ring with a star."""
    x, y = coordinates(grid)
    base, _ = _slope(np.array(_MEDAL_AT[0]))
    # On the medal's own face; along x it is foreshortened by the slope.
    u, w = (x - _MEDAL_AT[0]) * math.sqrt(2.0), y - _MEDAL_AT[1]
    r = np.hypot(u, w)
    turn = np.arctan2(w, u)
    rays = 0.10 * np.cos(24.0 * turn) * smoothstep(2.2, 2.6, r) * smoothstep(3.8, 3.5, r)
    rim = 0.22 * np.exp(-0.5 * ((r - 4.05) / 0.16) ** 2)
    ring = 0.16 * np.exp(-0.5 * ((r - 2.0) / 0.10) ** 2)
    star = 0.30 * smoothstep(0.15, -0.25, r - 1.15 - 0.45 * np.cos(6.0 * turn))
    beads = 0.14 * smoothstep(0.02, 0.10, np.cos(60.0 * turn) * np.exp(-0.5 * ((r - 3.68) / 0.09) ** 2))
    edge = smoothstep(_MEDAL_RADIUS, _MEDAL_RADIUS - 0.25, r)
    height = 0.55 + (rim + ring + rays + star + beads - 0.25 * (1.0 - edge))
    depth = float(base) + (x - _MEDAL_AT[0]) - height * math.sqrt(2.0)
    return np.asarray(depth, np.float32), np.asarray((r - _MEDAL_RADIUS) * 0.75, np.float32)
