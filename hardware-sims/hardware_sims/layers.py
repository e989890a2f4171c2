"""Sheets blurred by depth, and laid one before the other."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from hardware_sims.scene import Array
from hardware_sims.view import Region, Shot, View, located

__all__ = ["Layer", "accumulated", "added", "blurred", "enlarged", "laid_over", "layer_enlarged", "support"]

_ALL_COVERED = 0.9995
_LEAST_WEIGHT = 0.6  # rungs a surface's tilt pulls apart leave no less; below, an edge was not sampled


class Layer(NamedTuple):
    """Sum over rungs: colour times cover, cover, and the weights themselves."""

    rgba: Array
    weight: Array | None


def _rung_weight(squares: Array, index: int, blur: Array) -> Array:
    """Share of a rung in each blur (both squared): the shares of all rungs add up to 1."""
    weight: Array = np.ones_like(blur)
    if index > 0:
        rise = 1.0 / (squares[index] - squares[index - 1])
        weight = blur * np.float32(rise)
        weight -= np.float32(squares[index - 1] * rise)
    if index + 1 < len(squares):
        fall = 1.0 / (squares[index + 1] - squares[index])
        falling = blur * np.float32(-fall)
        falling += np.float32(squares[index + 1] * fall)
        np.minimum(weight, falling, out=weight)
    np.minimum(weight, np.float32(1.0), out=weight)
    return np.asarray(np.maximum(weight, np.float32(0.0), out=weight))


def support(squares: Array, indices: tuple[int, ...]) -> tuple[float, float]:
    """Squared blurs to which a run of rungs contributes."""
    low = squares[indices[0] - 1] if indices[0] > 0 else -1.0
    high = squares[indices[-1] + 1] if indices[-1] + 1 < len(squares) else np.inf
    return float(low), float(high)


def blurred(shot: Shot, view: View, level: int, region: Region) -> Layer | None:
    """What a level's rungs bring to a region; None for nothing."""
    steps, squares = shot.ladder.steps, shot.ladder.squares
    indices = shot.ladder.level_steps(level)
    reach = max(steps[i].radius for i in indices)
    depth, map_x, map_y = located(shot, view, level, region.grown(reach))
    blur = shot.blur_squared(depth)
    low, high = support(squares, indices)
    wanted = (blur > low) & (blur < high)
    if not wanted.any():
        return None
    rgba = view.sheet.sample_cover(level, map_x, map_y)
    normalised = view.sheet.kind == "surface" and len(steps) > 1
    if not normalised:
        wanted &= rgba[..., 3] > 0.0
    total = np.zeros((*region.shape, 4), np.float32)
    # Where all is covered the cover itself adds up the weights.
    apart = normalised and not float(rgba[..., 3].min()) > _ALL_COVERED
    weight_sum = np.zeros(region.shape, np.float32) if apart else None
    for i in indices:
        low, high = support(squares, (i,))
        box = _box(wanted & (blur > low) & (blur < high), steps[i].radius)
        if box is None:
            continue
        weight = _rung_weight(squares, i, blur[box])
        if not normalised:
            weight *= wanted[box]
        part = cv2.multiply(rgba[box], cv2.merge([weight] * 4))
        _spread(part, steps[i].kernel, total, box, reach)
        if weight_sum is not None:
            _spread(weight, steps[i].kernel, weight_sum, box, reach)
    return Layer(total, total[..., 3].copy() if normalised and not apart else weight_sum)


def _box(wanted: Array, margin: int) -> tuple[slice, slice] | None:
    """Rows and columns around what is wanted, with a margin where there is room."""
    ys = np.flatnonzero(wanted.any(axis=1))
    if not len(ys):
        return None
    xs = np.flatnonzero(wanted.any(axis=0))
    rows = slice(max(0, int(ys[0]) - margin), int(ys[-1]) + 1 + margin)
    return rows, slice(max(0, int(xs[0]) - margin), int(xs[-1]) + 1 + margin)


def _spread(image: Array, kernel: Array, total: Array, box: tuple[slice, slice], reach: int) -> None:
    """Blur a box of a source that is larger than the total by a reach all around, and add it in."""
    blurred = cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_CONSTANT)
    targets, sources = [], []
    for span, size, count in zip(box, total.shape, image.shape, strict=False):
        first = span.start - reach
        start, stop = max(0, first), min(size, first + count)
        targets.append(slice(start, max(start, stop)))
        sources.append(slice(start - first, max(start, stop) - first))
    total[tuple(targets)] += blurred[tuple(sources)]


def enlarged(image: Array, factor: int, crop: int, shape: tuple[int, int], *, cubic: bool = False) -> Array:
    """An image `factor` times larger, from `crop` pixels in, of a given shape; linear or cubic."""
    rows, columns = image.shape[:2]
    how = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    big = cv2.resize(image, (columns * factor, rows * factor), interpolation=how)
    return np.asarray(big[crop : crop + shape[0], crop : crop + shape[1]])


def added(first: Layer | None, second: Layer | None) -> Layer | None:
    """Sum of two layers of one shape."""
    if first is None or second is None:
        return first or second
    weight = first.weight
    if weight is not None and second.weight is not None:
        weight = weight + second.weight
    return Layer(first.rgba + second.rgba, weight)


def layer_enlarged(
    layer: Layer | None, factor: int, crop: int, shape: tuple[int, int], *, cubic: bool = False
) -> Layer | None:
    """`enlarged` for a layer."""
    if layer is None:
        return None
    weight = None if layer.weight is None else enlarged(layer.weight, factor, crop, shape, cubic=cubic)
    return Layer(enlarged(layer.rgba, factor, crop, shape, cubic=cubic), weight)


def accumulated(layer: Layer | None, found: Layer | None, part: Region, tile: Region) -> Layer | None:
    """Add what was found in a part of a tile."""
    if found is None:
        return layer
    if layer is None:
        if part == tile:
            return found
        weight = None if found.weight is None else np.zeros(tile.shape, np.float32)
        layer = Layer(np.zeros((*tile.shape, 4), np.float32), weight)
    rows = slice(part.top - tile.top, part.bottom - tile.top)
    columns = slice(part.left - tile.left, part.right - tile.left)
    layer.rgba[rows, columns] += found.rgba
    if layer.weight is not None and found.weight is not None:
        layer.weight[rows, columns] += found.weight
    return layer


def laid_over(picture: Array | None, layer: Layer) -> Array:
    """A sheet before what is in the picture; (h, w, 4), colour times cover and cover."""
    # A surface's weights tell how much its tilt squeezed or stretched the blurs; strands can only overlap.
    if layer.weight is None:
        excess = np.maximum(layer.rgba[..., 3], 1.0)
    else:
        excess = np.maximum(layer.weight, _LEAST_WEIGHT)
    # Whole pixels of four equal shares: OpenCV multiplies those many times faster than NumPy broadcasts.
    share = 1.0 / excess
    sheet = cv2.multiply(layer.rgba, cv2.merge([share] * 4))
    if picture is None:
        return np.asarray(sheet)
    clear = np.maximum(1.0 - sheet[..., 3], 0.0)
    if not clear.any():
        return np.asarray(sheet)
    behind = cv2.multiply(picture, cv2.merge([clear] * 4))
    return np.asarray(cv2.add(sheet, behind))
