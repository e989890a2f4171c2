"""A bristly metallic beetle on a twig, antennae towards the camera, before a far meadow."""

from __future__ import annotations

import numpy as np

from hardware_sims.scene import Array, Grid, Raster, Sheet
from hardware_sims.scenes.bristles import bristle, comb, place_bristles
from hardware_sims.scenes.fields import (
    bump,
    coordinates,
    noise,
    octaves,
    rgb,
    smooth_max,
    smoothstep,
    softbox,
    unit,
)
from hardware_sims.scenes.relief import Look, Relief
from hardware_sims.scenes.tubes import Tube, TubeLook, Tubes

__all__ = ["insect_sheets"]

_KEY = unit(-0.62, -0.72, 0.60)
_BODY = (-13.5, -10.5, 21.0, 8.5)
_TWIG = (-23.0, 4.5, 23.0, 16.0)

_SUN, _SHADE = rgb(1.0, 0.96, 0.90), rgb(0.62, 0.72, 0.80)
_GREEN, _COPPER, _BLUE = rgb(0.20, 0.72, 0.42), rgb(0.86, 0.46, 0.22), rgb(0.16, 0.42, 0.70)
_EYE, _EYE_DEEP = rgb(0.60, 0.17, 0.10), rgb(0.22, 0.06, 0.05)
_EYES = (((-9.9, 0.35), (1.75, 2.45), 4.2), ((-4.25, 0.55), (2.05, 2.65), 3.9))
_FACET = 0.26


def insect_sheets(seed: int) -> tuple[Sheet, ...]:
    """Far to near: meadow, far legs, twig, body, bristles, near legs and antennae."""
    limbs = Tubes(_legs(_NEAR_LEGS) + _antennae())
    body = Relief(
        lambda grid: _body_shape(grid, seed),
        _BODY,
        _KEY,
        grain=lambda grid: _cuticle(grid, seed),
        before=limbs.front,
    )

    def standing(grid: Grid) -> Array:
        """Depth of the beetle, for the shadow under it."""
        depth, outside = _body_shape(grid, seed)
        return np.minimum(np.where(outside < 0.0, depth, np.inf), limbs.front(grid))

    twig = Relief(
        lambda grid: _twig_shape(grid, seed),
        _TWIG,
        _KEY,
        grain=lambda grid: 0.03 * octaves(grid, 0.35, seed + 71, 4, 0.7),
        before=standing,
    )
    far_legs = Tubes(_legs(_FAR_LEGS))
    rng = np.random.default_rng((seed, 77))
    bristles = Tubes(place_bristles(_bristle_roots(body, rng)))

    def dark(grid: Grid, look: TubeLook) -> Array:
        return _paint_limb(grid, look, seed)

    return (
        Sheet("meadow", "backdrop", (-30.0, -22.0, 30.0, 22.0), lambda grid: _meadow(grid, seed), 0.04),
        Sheet("far legs", "strands", far_legs.bounds, lambda grid: far_legs.raster(grid, dark)),
        Sheet("twig", "surface", _TWIG, lambda grid: twig.raster(grid, lambda g, k: _paint_twig(g, k, seed))),
        Sheet("body", "surface", _BODY, lambda grid: body.raster(grid, lambda g, k: _paint_body(g, k, seed))),
        Sheet("bristles", "strands", bristles.bounds, lambda grid: bristles.raster(grid, _paint_bristle)),
        Sheet("limbs", "strands", limbs.bounds, lambda grid: limbs.raster(grid, dark)),
    )


def _meadow(grid: Grid, seed: int) -> Raster:
    x, y = coordinates(grid)
    glow = bump(x, y, (6.0, -9.0), (13.0, 8.0)) + 0.5 * bump(x, y, (-15.0, -2.0), (7.0, 9.0))
    mix = 0.18 + 0.75 * glow + 0.06 * noise(grid, 8.0, seed + 5)
    texture = 1.0 + 0.025 * octaves(grid, 0.8, seed + 6, 4, 0.8)
    dark, light = rgb(0.20, 0.29, 0.17), rgb(0.80, 0.82, 0.50)
    colour = (dark + (light - dark) * np.clip(mix, 0.0, 1.0)[..., None]) * texture[..., None]
    depth = np.broadcast_to(92.0 - 0.8 * y + 0.0 * x, mix.shape).astype(np.float32)
    return Raster(colour, np.ones(mix.shape, np.float32), depth)


# ---- body ----


def _shell(
    x: Array, y: Array, at: tuple[float, float], half: tuple[float, float], power: float = 2.0
) -> Array:
    """Squared distance from the middle of an egg, 1 on its rim."""
    u, w = np.abs((x - at[0]) / half[0]), np.abs((y - at[1]) / half[1])
    return np.asarray((u**power + w**power) ** (2.0 / power))


def _swell(r2: Array, rise: float) -> Array:
    return np.asarray(np.float32(rise) * (np.sqrt(np.clip(1.0 - r2, 0.0, None) + 0.006) - 0.077))


def _wing_case(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Wing cases: height over depth 32, squared distance, and the place across them (0 at their seam)."""
    r2 = _shell(x, y, (8.6, -1.6), (11.2, 7.9), 2.3)
    base = 17.5 - 0.62 * (x - 2.0)
    seam = y + 4.6 - 0.020 * (x - 8.0) ** 2
    height = base + _swell(r2, 8.0) - 0.22 * np.exp(-0.5 * (seam / 0.09) ** 2)
    return np.asarray(height), r2, np.asarray(seam)


def _body_shape(grid: Grid, seed: int) -> tuple[Array, Array]:
    x, y = coordinates(grid)
    case, case_r, seam = _wing_case(x, y)
    ridges = 0.16 * np.cos(seam * 4.4) * smoothstep(1.0, 0.5, case_r)
    shield_r = _shell(x, y, (-1.7, -0.9), (6.2, 6.5), 2.4)
    shield = 18.4 - 0.25 * x + _swell(shield_r, 6.2) - 0.35 * bump(x, y, (-1.5, -3.2), (3.5, 0.3))
    shield = shield + 0.14 * octaves(grid, 0.9, seed + 12, 2, 0.5)
    head_r = _shell(x, y, (-7.1, 1.7), (4.3, 4.4), 2.2)
    head = 20.4 + _swell(head_r, 5.4) - 0.5 * bump(x, y, (-7.1, 3.7), (2.4, 0.22))
    head = head - 0.5 * bump(x, y, (-7.1, -0.4), (0.3, 1.6)) + 0.08 * octaves(grid, 0.6, seed + 13, 2, 0.5)
    jaw_r = _shell(x, y, (-7.3, 5.6), (2.6, 1.7), 2.0)
    parts = [
        (case + ridges, (np.sqrt(case_r) - 1.0) * 8.0),
        (shield, (np.sqrt(shield_r) - 1.0) * 6.2),
        (
            21.0 + _swell(jaw_r, 3.2) - 0.6 * bump(x, y, (-7.3, 6.4), (0.14, 1.0)),
            (np.sqrt(jaw_r) - 1.0) * 1.7,
        ),
        (head, (np.sqrt(head_r) - 1.0) * 4.3),
    ]
    for centre, half, near in _EYES:
        r2 = _shell(x, y, centre, half)
        parts.append((32.0 - near - 3.1 + _swell(r2, 3.6), (np.sqrt(r2) - 1.0) * half[0]))
    height = np.full((grid.rows, grid.columns), -1.0, np.float32)
    outside = np.full(height.shape, 50.0, np.float32)
    for part, distance in parts:
        height = np.where(distance < 0.0, smooth_max(height, part, 0.25), height)
        outside = np.minimum(outside, distance)
    return np.asarray(32.0 - height, np.float32), np.asarray(outside, np.float32)


def _facets(x: Array, y: Array, pitch: float) -> tuple[Array, Array]:
    """Squared distance from the nearest point of a hex lattice (1 on the rim), and a number of its own."""
    best = np.full(np.broadcast_shapes(x.shape, y.shape), 9.0, np.float32)
    which = np.zeros_like(best)
    tall = pitch * np.sqrt(3.0)
    for dx, dy in ((0.0, 0.0), (0.5, 0.5)):
        i, j = np.round(x / pitch - dx), np.round(y / tall - dy)
        r2 = (x / pitch - dx - i) ** 2 + ((y / tall - dy - j) * np.sqrt(3.0)) ** 2
        number = np.mod(np.sin(i * 12.9898 + j * 78.233 + dx * 37.7) * 43758.5453, 1.0)
        which = np.where(r2 < best, number, which)
        best = np.minimum(best, r2)
    return best * 4.0, which


def _eye_place(x: Array, y: Array) -> Array:
    """1 on the eyes."""
    on = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)
    for centre, half, _ in _EYES:
        on = np.maximum(on, smoothstep(1.02, 0.97, _shell(x, y, centre, half)))
    return on


def _pits(grid: Grid, seam: Array, x: Array) -> Array:
    """Rows of punctures along the wing cases."""
    row = seam * 4.4 / (2.0 * np.pi) - 0.5
    r2 = ((row - np.round(row)) / 0.16) ** 2 + (np.mod(x / 0.42 + 0.5 * np.round(row), 1.0) - 0.5) ** 2 / 0.05
    return np.asarray(np.exp(-r2) + np.zeros((grid.rows, grid.columns), np.float32))


def _cuticle(grid: Grid, seed: int) -> Array:
    """Fine relief of the armour and the facets of the eyes, as depth."""
    x, y = coordinates(grid)
    _, case_r, seam = _wing_case(x, y)
    on_case = smoothstep(3.9, 5.3, x) * smoothstep(1.02, 0.98, case_r)
    armour = 0.012 * octaves(grid, 0.12, seed + 17, 2, 0.7)
    if on_case.any():
        armour = armour + on_case * 0.07 * _pits(grid, seam, x)
    if not np.all(on_case == 1.0):
        wander = 0.12 * noise(grid, 0.5, seed + 15), 0.12 * noise(grid, 0.5, seed + 16)
        dents, _ = _facets(x + wander[0], y + wander[1], 0.40)
        armour = armour + (1.0 - on_case) * 0.05 * np.exp(-dents * 2.2)
    on_eye = _eye_place(x, y)
    if on_eye.any():
        facets, _ = _facets(x, y, _FACET)
        armour = on_eye * 0.055 * facets + (1.0 - on_eye) * armour
    return np.asarray(armour, np.float32)


def _surroundings(direction: tuple[Array, Array, Array]) -> Array:
    """What mirrors in the armour: a window, a lamp, a bright sky over a dark ground."""
    up = -direction[1]
    sky = smoothstep(-0.35, 0.75, up)[..., None] * rgb(0.72, 0.80, 0.80)
    ground = smoothstep(0.15, -0.6, up)[..., None] * rgb(0.30, 0.26, 0.16)
    window = softbox(direction, unit(-0.55, -0.62, 0.56), (0.42, 0.30))[..., None] * rgb(1.0, 0.98, 0.94)
    lamp = softbox(direction, unit(0.80, -0.25, 0.45), (0.12, 0.5))[..., None] * rgb(0.95, 0.97, 1.0)
    return np.asarray(0.10 + 0.55 * sky + 0.5 * ground + 3.0 * window + 0.9 * lamp)


def _mirrored(nx: Array, ny: Array, nz: Array) -> tuple[Array, Array, Array]:
    return 2.0 * nz * nx, 2.0 * nz * ny, 2.0 * nz * nz - 1.0


def _paint_body(grid: Grid, look: Look, seed: int) -> Array:
    x, y = coordinates(grid)
    nx, ny, nz = look.nx, look.ny, look.nz
    seen = _surroundings(_mirrored(nx, ny, nz))
    key = np.clip(nx * _KEY[0] + ny * _KEY[1] + nz * _KEY[2], 0.0, None) * look.lit
    hue = np.clip(nz + 0.10 * noise(grid, 2.5, seed + 18), 0.0, 1.0)
    tint = _COPPER + (_GREEN - _COPPER) * smoothstep(0.30, 0.62, hue)[..., None]
    tint = tint + (_BLUE - tint) * (0.6 * smoothstep(3.0, 15.0, x + 0.0 * y))[..., None]
    open_ = look.sky * (0.35 + 0.65 * look.lit)
    armour = tint * (0.95 * seen * open_[..., None] + 0.35 * key[..., None] * _SUN)
    armour = armour + (0.05 * (1.0 - nz) ** 3)[..., None] * _SHADE
    on_eye = _eye_place(x, y)[..., None]
    if not on_eye.any():
        return np.asarray(armour)
    facets, number = _facets(x, y, _FACET)
    rim = smoothstep(0.65, 1.1, facets)[..., None]
    lens = _EYE + (_EYE_DEEP - _EYE) * (0.8 * rim + 0.25 * number[..., None])
    eye = lens * (0.75 * key[..., None] * _SUN + 0.4 * look.sky[..., None]) + 0.12 * seen * (1.0 - rim)
    return np.asarray(armour * (1.0 - on_eye) + eye * on_eye)


# ---- twig ----


def _twig_shape(grid: Grid, seed: int) -> tuple[Array, Array]:
    x, y = coordinates(grid)
    top = 8.6 + 0.5 * np.sin(0.23 * x + 0.8) + 0.02 * x + 0.25 * noise(grid, 2.2, seed + 61)
    below = y - top
    run = 25.5 - 0.62 * (x + 18.0)
    girth = 5.2 * np.sqrt(np.clip(1.0 - (1.0 - np.clip(below / 5.0, 0.0, 1.0)) ** 2, 0.0, None) + 0.004)
    bark = 0.55 * noise(grid, 1.6, seed + 62) + 0.30 * octaves(grid, 0.7, seed + 63, 3, 0.55)
    furrows = 0.35 * np.abs(noise(grid, 0.9, seed + 64))
    height = run + girth + (bark - furrows) * smoothstep(0.0, 1.2, below)
    return np.asarray(32.0 - height, np.float32), np.asarray(-below, np.float32)


def _paint_twig(grid: Grid, look: Look, seed: int) -> Array:
    grain = octaves(grid, 0.5, seed + 65, 4, 0.7)
    lichen = smoothstep(0.35, 0.75, octaves(grid, 2.4, seed + 66, 5, 0.62))
    bark = rgb(0.42, 0.33, 0.25) * np.clip(1.0 + 0.30 * grain, 0.3, None)[..., None]
    green = rgb(0.62, 0.68, 0.50) * np.clip(1.0 + 0.16 * noise(grid, 0.16, seed + 67), 0.3, None)[..., None]
    base = bark + (green - bark) * lichen[..., None]
    key = np.clip(look.nx * _KEY[0] + look.ny * _KEY[1] + look.nz * _KEY[2], 0.0, None) * look.lit
    light = 1.25 * key[..., None] * _SUN + 0.75 * look.sky[..., None] * _SHADE
    return np.asarray(base * light)


# ---- legs, antennae, bristles ----

_NEAR_LEGS = (
    # hip, knee, ankle, toe: x, y, depth
    ((-2.4, 4.9, 10.0), (-5.4, 8.0, 5.6), (-11.2, 9.6, 3.6), (-14.2, 10.9, 2.4)),
    ((2.6, 4.9, 11.0), (2.0, 8.4, 8.0), (-1.6, 10.2, 8.0), (-4.2, 11.2, 7.0)),
    ((7.0, 4.9, 13.6), (11.6, 4.2, 12.6), (13.0, 9.8, 15.0), (15.6, 11.0, 16.4)),
)
_FAR_LEGS = (
    ((-3.0, 3.0, 16.5), (1.8, 7.2, 20.0), (3.2, 9.9, 21.5), (4.4, 10.6, 22.5)),
    ((8.0, 2.5, 21.0), (15.6, 5.0, 25.0), (17.8, 9.6, 27.0), (19.0, 10.4, 28.0)),
)


def _legs(skeletons: tuple[tuple[tuple[float, float, float], ...], ...]) -> list[Tube]:
    tubes = []
    for skeleton in skeletons:
        joints = np.array(skeleton)
        for k, (thick, belly) in enumerate(((0.62, 0.30), (0.42, 0.05), (0.24, 0.03))):
            t = np.linspace(0.0, 1.0, 9)
            points = joints[k] + (joints[k + 1] - joints[k]) * t[:, None]
            radii = thick * (1.0 - 0.35 * t) + belly * np.sin(np.pi * t)
            if k == 2:  # the foot has beads
                radii = radii * (0.75 + 0.35 * np.abs(np.sin(4.0 * np.pi * t)))
            tubes.append(Tube(points, radii, tint=0.2 * k))
            tubes += _spines(points, radii, 7 if k == 1 else 4)
    return tubes


def _spines(points: Array, radii: Array, count: int) -> list[Tube]:
    along = points[-1] - points[0]
    across = np.array([-along[1], along[0], 0.0]) / max(float(np.hypot(along[0], along[1])), 1e-6)
    ahead = along / float(np.linalg.norm(along))
    tubes = []
    for i in range(count):
        share = (i + 0.7) / count
        root = points[0] + along * share
        side = 1.0 if i % 2 else -1.0
        tip = root + across * side * (float(radii[0]) + 0.75) + ahead * 0.55
        tubes.append(Tube(np.stack([root, (root + tip) / 2, tip]), np.array([0.07, 0.05, 0.012]), tint=0.5))
    return tubes


def _antennae() -> list[Tube]:
    tubes = []
    for start, bend, end in (
        ((-8.3, -1.2, 5.2), (-12.4, -7.5, 2.0), (-17.2, -7.0, 0.6)),
        ((-5.9, -1.4, 5.0), (-4.6, -9.6, 3.2), (-10.6, -11.0, 0.8)),
    ):
        t = np.linspace(0.0, 1.0, 89)[:, None]
        points = (1 - t) ** 2 * np.array(start) + 2 * t * (1 - t) * np.array(bend) + t**2 * np.array(end)
        beads = np.abs(np.sin(11.0 * np.pi * t[:, 0])) ** 0.6
        radii = (0.34 - 0.12 * t[:, 0]) * (0.55 + 0.45 * beads)
        tubes.append(Tube(points, radii, tint=0.1))
        for k in range(5, 87, 3):
            tubes += comb(points[k], points[k + 1] - points[k], 0.55)
    return tubes


def _paint_limb(grid: Grid, look: TubeLook, seed: int) -> Array:
    seen = _surroundings(_mirrored(look.nx, look.ny, look.nz))
    key = np.clip(look.nx * _KEY[0] + look.ny * _KEY[1] + look.nz * _KEY[2], 0.0, None)
    base = _COPPER * 0.30 + (_GREEN * 0.35 - _COPPER * 0.30) * smoothstep(0.35, 0.8, look.nz)[..., None]
    # Hips sit in the shade of the body.
    shade = np.where(look.tint < 0.05, 0.25 + 0.75 * smoothstep(0.02, 0.30, look.along), 1.0)
    spine = (look.tint > 0.45)[..., None]
    base = np.where(spine, rgb(0.30, 0.20, 0.12), base)
    grain = np.clip(1.0 + 0.18 * look.taken(octaves(grid, 0.25, seed + 81, 3, 0.7)), 0.3, None)
    gloss = np.where(spine, 0.10, 0.22) * base.max(axis=-1, keepdims=True) * 2.0
    diffuse = base * (grain * (0.35 + 0.9 * key))[..., None]
    return np.asarray((diffuse + gloss * seen) * shade[..., None])


def _bristle_roots(body: Relief, rng: np.random.Generator) -> list[Tube]:
    """Bristles over the whole body, longest on its outline, combed back."""
    left, top, right, bottom = _BODY
    step = 0.1
    grid = Grid(left, top, step, int((right - left) / step), int((bottom - top) / step))
    look = body.look(grid)
    x, y = coordinates(grid)
    inside = (look.cover > 0.5) & (_eye_place(x, y) < 0.1)
    # More on the rims, where the surface turns away and they stand out against the meadow.
    wish = np.where(inside, 0.10 + (1.0 - look.nz) ** 1.5, 0.0)
    picks = rng.choice(wish.size, 1800, p=(wish / wish.sum()).ravel(), replace=False)
    tubes = []
    for pick in picks:
        row, column = divmod(int(pick), grid.columns)
        root = np.array([grid.x_mm[column], grid.y_mm[row], look.depth[row, column]])
        normal = np.array([look.nx[row, column], look.ny[row, column], -look.nz[row, column]])
        tubes.append(bristle(root, normal, rng))
    return tubes


def _paint_bristle(grid: Grid, look: TubeLook) -> Array:
    del grid
    key = np.clip(look.nx * _KEY[0] + look.ny * _KEY[1] + look.nz * _KEY[2], 0.0, None)
    dark = rgb(0.13, 0.10, 0.08) + (rgb(0.45, 0.30, 0.15) - rgb(0.13, 0.10, 0.08)) * look.along[..., None]
    pale = rgb(0.78, 0.70, 0.52)
    base = np.where((look.tint > 0.5)[..., None], pale, dark)
    shine = 0.35 * key**6
    return np.asarray(base * (0.45 + 0.85 * key)[..., None] + shine[..., None])
