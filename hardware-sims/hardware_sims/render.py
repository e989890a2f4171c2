"""From sheets to the light on the sensor: perspective, blur by depth, occlusion.

Within a sheet every bit of surface spreads over the blur of its own depth. Depths are sorted into the rungs of a
blur ladder by weights that add up to one everywhere, so nothing is lost or doubled between neighbouring
rungs. Between sheets the nearer one, blurred with its cover, is laid over what is behind it: its soft
edge spills over a sharp background, and a blurred background never over a sharp edge.

Wide blurs are worked at half, quarter … resolution on the whole frame, the sharp ones in tiles.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from hardware_sims.optics import BlurLadder, SimLens, blur_ladder
from hardware_sims.sampled import CELL_PX, SampledSheet, sample_scene
from hardware_sims.scene import Array, Scene

__all__ = ["Frame", "Renderer", "Viewpoint"]

_TILE_PX = 256  # a tile's sheets stay in the cache
_LEAST_PART_CELLS = 8  # smaller parts cost more in calls than they save in pixels
_FULL_PART = 0.65
_COARSE_LEVEL = 2  # from here on the whole frame is done at once
_CELL_LEVEL = 3
_CELL_MARGIN = 32  # cells around the frame from which the widest blur may reach in
_WIDEST_BLUR_PX = 2.0 * (_CELL_MARGIN - 2) * CELL_PX
_SOLVER_STEPS = 5  # each divides the error by about v/(u·slope), above 5: from 2 mm to under 1 µm
_LEAST_COVER = 1e-4  # a cover below this changes no 8-bit value
_LEAST_WEIGHT = 0.6  # rungs a surface's tilt pulls apart leave no less; below, an edge was not sampled


@dataclass(frozen=True, slots=True)
class Frame:
    """The sensor's grid as the renderer sees it.

    Parameters
    ----------
    width_px, height_px : int
        Pixels.
    pitch_mm : float
        Pixel size on the sensor.
    """

    width_px: int
    height_px: int
    pitch_mm: float


class Viewpoint(NamedTuple):
    """Where the camera looks from.

    Parameters
    ----------
    carriage_mm : float
        Position towards the subject.
    lateral_mm : tuple of float
        Sideways and downward shift of the whole camera.
    """

    carriage_mm: float
    lateral_mm: tuple[float, float] = (0.0, 0.0)


class _Region(NamedTuple):
    """Rows and columns of a level's grid; may reach outside the frame."""

    top: int
    bottom: int
    left: int
    right: int

    def grown(self, by: int) -> _Region:
        return _Region(self.top - by, self.bottom + by, self.left - by, self.right + by)

    @property
    def shape(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left


@dataclass(frozen=True, slots=True)
class _View:
    """One sheet seen from one viewpoint: perspective solved on the cells, and what lies where."""

    sheet: SampledSheet
    scale: Array  # (cells) lateral distance in the scene over distance in the plane of focus
    covered: Array  # (cells) bool
    least_blur: Array  # (cells) px, squared
    most_blur: Array


class _Layer(NamedTuple):
    """Sum over rungs: colour times cover, cover, and the weights themselves."""

    rgba: Array
    weight: Array | None


@dataclass(frozen=True, slots=True)
class _Shot:
    """What is fixed during one rendering."""

    frame: Frame
    lens: SimLens
    viewpoint: Viewpoint
    ladder: BlurLadder
    gain_px: float  # blur in px is gain·|dz|/(v+dz)

    @property
    def pixel_mm(self) -> float:
        return self.frame.pitch_mm / self.lens.magnification

    def places(self, level: int, region: _Region) -> tuple[Array, Array]:
        """Distances from the axis in the plane of focus, in mm: (columns,), (rows, 1)."""
        step = self.pixel_mm * 2**level
        half_w, half_h = self.frame.width_px / 2.0, self.frame.height_px / 2.0
        x = (np.arange(region.left, region.right) + 0.5) * step - half_w * self.pixel_mm
        y = (np.arange(region.top, region.bottom) + 0.5) * step - half_h * self.pixel_mm
        return x.astype(np.float32), y.astype(np.float32)[:, None]

    def scale_of(self, depth: Array) -> Array:
        """Perspective: (v+z−x)/v."""
        v = self.lens.pupil_distance_mm
        return (depth + np.float32(v - self.viewpoint.carriage_mm)) * np.float32(1.0 / v)

    def blur_squared(self, depth: Array) -> Array:
        """Squared blur diameter in px² at a depth."""
        dz = depth - np.float32(self.viewpoint.carriage_mm)
        blur = dz * np.float32(self.gain_px) / (dz + np.float32(self.lens.pupil_distance_mm))
        return np.asarray(blur * blur)

    def scene_places(self, level: int, region: _Region, scale: Array) -> tuple[Array, Array]:
        x, y = self.places(level, region)
        dx, dy = self.viewpoint.lateral_mm
        return x * scale + np.float32(dx), y * scale + np.float32(dy)


class Renderer:
    """Renders a scene through a lens onto a sensor's grid.

    Parameters
    ----------
    scene : Scene
        What stands before the lens.
    lens : SimLens
        Its magnification and pupil distance stay; the aperture is given per rendering.
    frame : Frame
        The sensor's grid.
    workers : int, optional
        Threads; the number of processors (at most 4) when not given.

    Notes
    -----
    Safe to use from several threads at once. The scene is sampled when made, which takes seconds for megapixels.
    """

    def __init__(self, scene: Scene, lens: SimLens, frame: Frame, workers: int | None = None) -> None:
        self.scene = scene
        self.lens = lens
        self.frame = frame
        self._pool = ThreadPoolExecutor(workers or min(4, os.cpu_count() or 1), thread_name_prefix="render")
        pixel_mm = frame.pitch_mm / lens.magnification
        # The widest view is from behind the start, at the subject's far end, with blur reaching in from outside.
        widest = (lens.pupil_distance_mm + 1.25 * scene.depth_mm) / lens.pupil_distance_mm
        spill_mm = 0.08 * frame.width_px * pixel_mm
        half_w = frame.width_px / 2.0 * pixel_mm
        half_h = frame.height_px / 2.0 * pixel_mm
        reach = ((half_w + spill_mm) * widest, (half_h + spill_mm) * widest)
        self._sheets = sample_scene(scene, pixel_mm, reach, self._pool)

    def render(self, viewpoint: Viewpoint, f_number: float, fineness: float = 1.0) -> Array:
        """Light on the sensor, linear, 1 is white; (height, width, 3) float32.

        Parameters
        ----------
        viewpoint : Viewpoint
            Where the camera stands.
        f_number : float
            What the body has set.
        fineness : float
            Above 1 for finer sorting by blur.
        """
        lens = self.lens.stopped_to(f_number)
        gain = lens.magnification * lens.pupil_diameter_mm / self.frame.pitch_mm
        farthest = max(float(sheet.levels[-1].depth_mm.max()) for sheet in self._sheets)
        # From behind the start to the end of the subject and a little beyond: the blurs that can occur.
        widest = float(lens.blur_diameter_mm(farthest, -0.25 * self.scene.depth_mm)) / self.frame.pitch_mm
        ladder = blur_ladder(lens, self.frame.pitch_mm, min(widest, _WIDEST_BLUR_PX), fineness)
        return self._picture(_Shot(self.frame, lens, viewpoint, ladder, gain))

    def render_sharp(self, viewpoint: Viewpoint, f_number: float) -> Array:
        """The same view with every depth in focus, diffraction and pixel integration included."""
        return self._picture(self._sharp_shot(viewpoint, f_number))

    def depth_mm(self, viewpoint: Viewpoint, f_number: float) -> Array:
        """Depth of the nearest surface that covers at least half of a pixel; (height, width) float32."""
        shot = self._sharp_shot(viewpoint, f_number)
        region = _Region(0, self.frame.height_px, 0, self.frame.width_px)
        depth = np.zeros(region.shape, np.float32)
        for sheet in self._sheets:
            view = _view(shot, sheet)
            z, map_x, map_y = _located(shot, view, 0, region)
            cover = sheet.sample_cover(0, map_x, map_y)[..., 3]
            np.copyto(depth, z, where=cover >= 0.5)
        return depth

    def run(self, work: Callable[[int], None], items: Iterable[int]) -> Iterable[None]:
        """Do work on the renderer's threads; like `map`."""
        return self._pool.map(work, items)

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown()

    def _sharp_shot(self, viewpoint: Viewpoint, f_number: float) -> _Shot:
        lens = self.lens.stopped_to(f_number)
        ladder = blur_ladder(lens, self.frame.pitch_mm, 0.0)
        return _Shot(self.frame, lens, viewpoint, BlurLadder(ladder.steps[:1]), 0.0)

    def _picture(self, shot: _Shot) -> Array:
        views = list(self._pool.map(lambda sheet: _view(shot, sheet), self._sheets))
        wide = list(self._pool.map(lambda view: _wide_blurs(shot, view), views))
        picture = np.empty((self.frame.height_px, self.frame.width_px, 3), np.float32)
        tiles = [
            _Region(
                top,
                min(top + _TILE_PX, self.frame.height_px),
                left,
                min(left + _TILE_PX, self.frame.width_px),
            )
            for top in range(0, self.frame.height_px, _TILE_PX)
            for left in range(0, self.frame.width_px, _TILE_PX)
        ]

        def paint(tile: _Region) -> None:
            picture[tile.top : tile.bottom, tile.left : tile.right] = _tile(shot, views, wide, tile)

        list(self._pool.map(paint, tiles))
        return picture


def _view(shot: _Shot, sheet: SampledSheet) -> _View:
    """Solve X = u·(v+Z(X)−x)/v on the cells, and note cover and blur there."""
    region = _cell_region(shot.frame)
    scale = shot.scale_of(np.full(region.shape, sheet.levels[-1].depth_mm.mean(), np.float32))
    for _ in range(_SOLVER_STEPS):
        x, y = shot.scene_places(_CELL_LEVEL, region, scale)
        scale = shot.scale_of(sheet.sample_depth(_CELL_LEVEL, *sheet.texel_of(_CELL_LEVEL, x, y)))
    cover, near, far = sheet.sample_cells(*shot.scene_places(_CELL_LEVEL, region, scale))
    at_near, at_far = shot.blur_squared(near), shot.blur_squared(far)
    x_mm = shot.viewpoint.carriage_mm
    least = np.where((near <= x_mm) & (far >= x_mm), 0.0, np.minimum(at_near, at_far))
    return _View(sheet, scale, cover > 0.0, least, np.maximum(at_near, at_far))


def _cell_region(frame: Frame) -> _Region:
    rows, columns = -(-frame.height_px // CELL_PX), -(-frame.width_px // CELL_PX)
    return _Region(0, rows, 0, columns).grown(_CELL_MARGIN)


def _located(shot: _Shot, view: _View, level: int, region: _Region) -> tuple[Array, Array, Array]:
    """Depth and texel coordinates of every pixel of a region of a level."""
    ratio = 2.0 ** (level - _CELL_LEVEL)
    rows, columns = region.shape
    to_cells = np.array(
        [
            [ratio, 0.0, (region.left + 0.5) * ratio - 0.5 + _CELL_MARGIN],
            [0.0, ratio, (region.top + 0.5) * ratio - 0.5 + _CELL_MARGIN],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    scale = cv2.warpAffine(
        view.scale, to_cells, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    sheet = view.sheet
    depth = sheet.sample_depth(level, *sheet.texel_of(level, *shot.scene_places(level, region, scale)))
    map_x, map_y = sheet.texel_of(level, *shot.scene_places(level, region, shot.scale_of(depth)))
    return depth, map_x, map_y


def _rung_weight(squares: Array, index: int, blur: Array) -> Array:
    """Share of a rung in each blur (both squared): the shares of all rungs add up to 1."""
    weight = np.ones_like(blur)
    if index > 0:
        rise = np.float32(1.0 / (squares[index] - squares[index - 1]))
        weight = (blur - np.float32(squares[index - 1])) * rise
    if index + 1 < len(squares):
        fall = np.float32(1.0 / (squares[index + 1] - squares[index]))
        np.minimum(weight, (np.float32(squares[index + 1]) - blur) * fall, out=weight)
    return np.clip(weight, 0.0, 1.0, out=weight)


def _support(squares: Array, indices: tuple[int, ...]) -> tuple[float, float]:
    """Squared blurs to which a run of rungs contributes."""
    low = squares[indices[0] - 1] if indices[0] > 0 else -1.0
    high = squares[indices[-1] + 1] if indices[-1] + 1 < len(squares) else np.inf
    return float(low), float(high)


def _blurred(shot: _Shot, view: _View, level: int, region: _Region) -> _Layer | None:
    """What a level's rungs bring to a region; None for nothing."""
    steps, squares = shot.ladder.steps, shot.ladder.squares
    indices = shot.ladder.level_steps(level)
    reach = max(steps[i].radius for i in indices)
    depth, map_x, map_y = _located(shot, view, level, region.grown(reach))
    blur = shot.blur_squared(depth)
    low, high = _support(squares, indices)
    wanted = (blur > low) & (blur < high)
    if not wanted.any():
        return None
    rgba = view.sheet.sample_cover(level, map_x, map_y)
    normalised = view.sheet.kind == "surface" and len(steps) > 1
    if not normalised:
        wanted &= rgba[..., 3] > 0.0
    total = np.zeros((*region.shape, 4), np.float32)
    weight_sum = np.zeros(region.shape, np.float32) if normalised else None
    for i in indices:
        low, high = _support(squares, (i,))
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
    return _Layer(total, weight_sum)


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


def _enlarged(image: Array, factor: int, crop: int, shape: tuple[int, int]) -> Array:
    rows, columns = image.shape[:2]
    big = cv2.resize(image, (columns * factor, rows * factor), interpolation=cv2.INTER_LINEAR)
    return np.asarray(big[crop : crop + shape[0], crop : crop + shape[1]])


def _added(first: _Layer | None, second: _Layer | None) -> _Layer | None:
    if first is None or second is None:
        return first or second
    weight = first.weight
    if weight is not None and second.weight is not None:
        weight = weight + second.weight
    return _Layer(first.rgba + second.rgba, weight)


def _layer_enlarged(layer: _Layer | None, factor: int, crop: int, shape: tuple[int, int]) -> _Layer | None:
    if layer is None:
        return None
    weight = None if layer.weight is None else _enlarged(layer.weight, factor, crop, shape)
    return _Layer(_enlarged(layer.rgba, factor, crop, shape), weight)


def _coarse_region(frame: Frame, level: int) -> _Region:
    """The frame on a level's grid, padded so that the levels nest, with two pixels around for enlarging."""
    align = 32
    rows = -(-frame.height_px // align) * align >> level
    columns = -(-frame.width_px // align) * align >> level
    return _Region(0, rows, 0, columns).grown(2)


def _wide_blurs(shot: _Shot, view: _View) -> _Layer | None:
    """All rungs from a quarter of the resolution down, over the whole frame."""
    layer: _Layer | None = None
    coarsest = shot.ladder.steps[-1].level
    for level in range(coarsest, _COARSE_LEVEL - 1, -1):
        region = _coarse_region(shot.frame, level)
        layer = _layer_enlarged(layer, 2, 2, region.shape)
        if _active(shot, view, level).any():
            layer = _added(layer, _blurred(shot, view, level, region))
    return layer


def _active(
    shot: _Shot, view: _View, level: int, part: tuple[slice, slice] = (slice(None), slice(None))
) -> Array:
    """Cells in which a level's rungs have something to blur."""
    indices = shot.ladder.level_steps(level)
    if not indices:
        return np.zeros(view.covered[part].shape, bool)
    low, high = _support(shot.ladder.squares, indices)
    return np.asarray(view.covered[part] & (view.least_blur[part] < high) & (view.most_blur[part] > low))


def _active_parts(shot: _Shot, view: _View, level: int, tile: _Region) -> list[_Region]:
    """Rectangles of a tile, in pixels and apart from each other, that a level's rungs can reach."""
    indices = shot.ladder.level_steps(level)
    if not indices:
        return []
    pad = -(-max(shot.ladder.steps[i].radius for i in indices) * 2**level // CELL_PX)
    cells = _Region(
        tile.top // CELL_PX, -(-tile.bottom // CELL_PX), tile.left // CELL_PX, -(-tile.right // CELL_PX)
    )
    window = cells.grown(pad)
    rows = slice(window.top + _CELL_MARGIN, window.bottom + _CELL_MARGIN)
    columns = slice(window.left + _CELL_MARGIN, window.right + _CELL_MARGIN)
    active = _active(shot, view, level, (rows, columns))
    if not active.any():
        return []
    around = np.ones((2 * pad + 1, 2 * pad + 1), np.uint8)
    reached = cv2.dilate(active.astype(np.uint8), around)[pad:-pad, pad:-pad]
    return [
        _Region(
            tile.top + part.top * CELL_PX,
            min(tile.bottom, tile.top + part.bottom * CELL_PX),
            tile.left + part.left * CELL_PX,
            min(tile.right, tile.left + part.right * CELL_PX),
        )
        for part in _rectangles(reached, 0, 0)
    ]


def _rectangles(mask: Array, top: int, left: int) -> list[_Region]:
    """Few rectangles that hold all of a mask and not much else."""
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(ys):
        return []
    y0, y1, x0, x1 = int(ys[0]), int(ys[-1]) + 1, int(xs[0]), int(xs[-1]) + 1
    inner = mask[y0:y1, x0:x1]
    top, left = top + y0, left + x0
    rows, columns = inner.shape
    if max(rows, columns) <= _LEAST_PART_CELLS or np.count_nonzero(inner) > _FULL_PART * inner.size:
        return [_Region(top, top + rows, left, left + columns)]
    if rows > columns:
        half = rows // 2
        return _rectangles(inner[:half], top, left) + _rectangles(inner[half:], top + half, left)
    half = columns // 2
    return _rectangles(inner[:, :half], top, left) + _rectangles(inner[:, half:], top, left + half)


def _tile(shot: _Shot, views: list[_View], wide: list[_Layer | None], tile: _Region) -> Array:
    """All sheets of a tile, far to near; (h, w, 3)."""
    picture = np.zeros((*tile.shape, 4), np.float32)
    for view, coarse in zip(views, wide, strict=True):
        layer = _sheet_in_tile(shot, view, coarse, tile)
        if layer is not None:
            picture = _laid_over(picture, layer)
    return picture[..., :3]


def _sheet_in_tile(shot: _Shot, view: _View, coarse: _Layer | None, tile: _Region) -> _Layer | None:
    layer = None
    if coarse is not None:
        factor = 2**_COARSE_LEVEL
        # Tiles start on multiples of the factor; one coarse pixel around lets the enlargement interpolate.
        rows = slice(tile.top // factor + 1, -(-tile.bottom // factor) + 3)
        columns = slice(tile.left // factor + 1, -(-tile.right // factor) + 3)
        if not coarse.rgba[rows, columns, 3].max() > _LEAST_COVER:
            coarse = None
    if coarse is not None:
        weight = None if coarse.weight is None else coarse.weight[rows, columns]
        layer = _layer_enlarged(_Layer(coarse.rgba[rows, columns], weight), factor, factor, tile.shape)
    for level in (1, 0):
        for part in _active_parts(shot, view, level, tile):
            layer = _accumulated(layer, _part_blurred(shot, view, level, part), part, tile)
    return layer


def _part_blurred(shot: _Shot, view: _View, level: int, part: _Region) -> _Layer | None:
    """What a level's rungs bring to a part of the frame, at full resolution."""
    if level == 0:
        return _blurred(shot, view, 0, part)
    region = _Region(part.top >> level, -(-part.bottom >> level), part.left >> level, -(-part.right >> level))
    found = _blurred(shot, view, level, region.grown(1))
    return _layer_enlarged(found, 2**level, 2**level, part.shape)


def _accumulated(layer: _Layer | None, found: _Layer | None, part: _Region, tile: _Region) -> _Layer | None:
    """Add what was found in a part of a tile."""
    if found is None:
        return layer
    if layer is None:
        if part == tile:
            return found
        weight = None if found.weight is None else np.zeros(tile.shape, np.float32)
        layer = _Layer(np.zeros((*tile.shape, 4), np.float32), weight)
    rows = slice(part.top - tile.top, part.bottom - tile.top)
    columns = slice(part.left - tile.left, part.right - tile.left)
    layer.rgba[rows, columns] += found.rgba
    if layer.weight is not None and found.weight is not None:
        layer.weight[rows, columns] += found.weight
    return layer


def _laid_over(picture: Array, layer: _Layer) -> Array:
    """A sheet before what is in the picture; (h, w, 4), colour times cover and cover."""
    # A surface's weights tell how much its tilt squeezed or stretched the blurs; strands can only overlap.
    if layer.weight is None:
        excess = np.maximum(layer.rgba[..., 3], 1.0)
    else:
        excess = np.maximum(layer.weight, _LEAST_WEIGHT)
    # Whole pixels of four equal shares: OpenCV multiplies those many times faster than NumPy broadcasts.
    share = 1.0 / excess
    sheet = cv2.multiply(layer.rgba, cv2.merge([share] * 4))
    clear = np.maximum(1.0 - sheet[..., 3], 0.0)
    behind = cv2.multiply(picture, cv2.merge([clear] * 4))
    return np.asarray(cv2.add(sheet, behind))
