"""Targets for measuring a set-up: an even card, a ruler, a checkerboard, flat textures.

Scenes are composed for a frame of any size; targets have real sizes: a ruler's graduation is a length.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from hardware_sims.scene import Array, Grid, Raster, Scene, Sheet

__all__ = ["TARGETS", "checker_side_mm", "graduation_mm", "make_target"]

_REACH = 0.75  # of the frame's width to each side: what is beyond is mirrored
_SWEPT = 10.0
"""Depth in frame widths: the renderer prepares the blurs from a quarter of it away, which a sweep over a few
depths of field reaches at f/32."""

_SLOPES = {"tilted": 0.1, "slanted": 1.0}
"""mm of depth per mm across: a target that is badly set up, and one at 45 degrees, for a focus drive."""

_CARD = 0.2  # 2.3 stops below white: focused far, up to 2.3 stops brighter, it is still not burnt
_RULER_TURN_DEG = 1.5  # nobody lays a ruler down straight
_TEXTURE_CELLS = 2048

Tone = Callable[[Array, Array], Array]


def graduation_mm(width_mm: float) -> float:
    """Distance of the ruler's lines: a power of ten, 8 to 80 of them across the frame."""
    return float(10.0 ** math.floor(math.log10(width_mm / 8.0)))


def checker_side_mm(width_mm: float) -> float:
    """Side of the checkerboard's squares: 1, 2 or 5 times a power of ten, some 14 across the frame."""
    wanted = width_mm / 14.0
    ten = 10.0 ** math.floor(math.log10(wanted))
    return float(ten * max(step for step in (1, 2, 5) if step * ten <= wanted * (1 + 1e-9)))


def make_target(name: str, *, width_mm: float, at_mm: float = 0.0, seed: int = 1) -> Scene:
    """Make a target that stands at a position of the carriage.

    Parameters
    ----------
    name : str
        One of `TARGETS`.
    width_mm : float
        Width of the frame in the plane of focus; the target goes on beyond it.
    at_mm : float
        Position of the carriage at which it is in focus (those that lean: their middle).
    seed : int
        Of the textures.

    Raises
    ------
    ValueError
        For an unknown name, or a width not above 0.
    """
    if name not in TARGETS:
        raise ValueError(f"there is no target named {name!r}; there are: {', '.join(TARGETS)}")
    if not width_mm > 0:
        raise ValueError(f"a target's width must be above 0 mm, not {width_mm}")
    tone = _MAKERS[name](width_mm, seed)
    slope = _SLOPES.get(name, 0.0)
    reach = _REACH * width_mm

    def raster(grid: Grid) -> Raster:
        x, y = np.broadcast_arrays(grid.x_mm[None, :], grid.y_mm[:, None])
        value = tone(x, y).astype(np.float32)
        depth = np.asarray(at_mm + slope * x, np.float32)
        return Raster(np.repeat(value[..., None], 3, axis=2), np.ones_like(value), depth)

    sheet = Sheet(name, "backdrop", (-reach, -reach, reach, reach), raster)
    depth_mm = max(at_mm, 0.0) + _SWEPT * width_mm
    return Scene(name, width_mm, width_mm * 2 / 3, depth_mm, seed, (sheet,))


def _card(_width_mm: float, _seed: int) -> Tone:
    return lambda x, _y: np.full(x.shape, _CARD)


def _ruler(width_mm: float, _seed: int) -> Tone:
    """Dark lines a fifth as wide as their distance; every fifth and tenth is longer."""
    step = graduation_mm(width_mm)
    turn = math.radians(_RULER_TURN_DEG)

    def tone(x: Array, y: Array) -> Array:
        along = x * math.cos(turn) + y * math.sin(turn)
        across = y * math.cos(turn) - x * math.sin(turn)
        line = np.round(along / step)
        off = np.abs(along - line * step)
        length = np.where(line % 10 == 0, 0.30, np.where(line % 5 == 0, 0.25, 0.20)) * width_mm
        # Edges are as soft as ink on steel: a fiftieth of the graduation.
        ink = np.clip((0.1 * step - off) / (0.02 * step) + 0.5, 0.0, 1.0)
        inside = (across > -0.2 * width_mm) & (across < length - 0.2 * width_mm)
        return np.asarray(0.75 - 0.68 * ink * inside)

    return tone


def _checker(width_mm: float, _seed: int) -> Tone:
    side = checker_side_mm(width_mm)
    columns = max(4, 2 * math.floor(0.4 * width_mm / side))
    rows = max(3, 2 * math.floor(0.25 * width_mm / side) + 1)

    def tone(x: Array, y: Array) -> Array:
        across, down = x / side + columns / 2, y / side + rows / 2
        inside = (across > 0) & (across < columns) & (down > 0) & (down < rows)
        # Signs of the column and the row; their product is that of the square. Edges are as soft as ink.
        sign = np.clip(_to_and_fro(across) / 0.02, -1, 1) * np.clip(_to_and_fro(down) / 0.02, -1, 1)
        return np.where(inside, 0.4 - 0.35 * sign, 0.75)

    return tone


def _to_and_fro(cells: Array) -> Array:
    """Distance from the next edge between cells, negative in every other cell."""
    inside = cells % 1.0
    return np.asarray(np.minimum(inside, 1.0 - inside) * np.where(np.floor(cells) % 2 == 0, 1.0, -1.0))


def _texture(slope: float) -> Callable[[float, int], Tone]:
    """Random tones whose amplitude falls with frequency to the power of a slope."""

    def make(width_mm: float, seed: int) -> Tone:
        field = _random_field(slope, seed)
        cell = 2 * _REACH * width_mm / _TEXTURE_CELLS

        def tone(x: Array, y: Array) -> Array:
            map_x = (x / cell + _TEXTURE_CELLS / 2 - 0.5).astype(np.float32)
            map_y = (y / cell + _TEXTURE_CELLS / 2 - 0.5).astype(np.float32)
            return np.asarray(cv2.remap(field, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP))

        return tone

    return make


def _random_field(slope: float, seed: int) -> Array:
    rng = np.random.default_rng((seed, round(100 * slope)))
    spectrum = np.fft.rfft2(rng.standard_normal((_TEXTURE_CELLS, _TEXTURE_CELLS), np.float32))
    frequency = np.hypot(np.fft.fftfreq(_TEXTURE_CELLS)[:, None], np.fft.rfftfreq(_TEXTURE_CELLS)[None, :])
    # Nothing is larger than a fiftieth of the field: every part of a frame has texture.
    spectrum *= (frequency > 0) / np.maximum(frequency, 50 / _TEXTURE_CELLS) ** slope
    field = np.fft.irfft2(spectrum, s=(_TEXTURE_CELLS, _TEXTURE_CELLS))
    return np.asarray(0.35 * np.exp(0.45 * field / field.std()), np.float32).clip(0.02, 0.9)


_MAKERS: dict[str, Callable[[float, int], Tone]] = {
    "card": _card,
    "ruler": _ruler,
    "checker": _checker,
    "texture": _texture(1.0),
    "speckle": _texture(0.3),
    "tilted": _texture(1.0),
    "slanted": _texture(1.0),
}

TARGETS: tuple[str, ...] = tuple(_MAKERS)
"""Names that `make_target` knows."""
