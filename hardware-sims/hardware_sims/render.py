"""From sheets to the light on the sensor: perspective, blur by depth, occlusion.

Within a sheet every bit of surface spreads over the blur of its own depth. Depths are sorted into the
rungs of a blur ladder by weights that add up to one everywhere, so nothing is lost or doubled between
neighbouring rungs. Between sheets the nearer one, blurred with its cover, is laid over what is behind it: its
soft edge spills over a sharp background, and a blurred background never over a sharp edge.

Wide blurs are worked at half, quarter … resolution on the whole frame, the sharp ones in tiles.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from hardware_sims.layers import Layer, accumulated, added, blurred, laid_over, layer_enlarged, support
from hardware_sims.optics import BlurLadder, SimLens, blur_ladder
from hardware_sims.sampled import CELL_PX, sample_scene
from hardware_sims.scene import Array, Scene
from hardware_sims.view import CELL_MARGIN, Frame, Region, Shot, View, Viewpoint, located, view_of

__all__ = ["Frame", "Renderer", "Viewpoint"]

_TILE_PX = 256  # a tile's sheets stay in the cache
_LEAST_PART_CELLS = 12  # smaller parts cost more in calls than they save in pixels
_FULL_PART = 0.65
_COARSE_LEVEL = 2  # from here on the whole frame is done at once
_WIDEST_BLUR_PX = 2.0 * (CELL_MARGIN - 2) * CELL_PX
_LEAST_COVER = 1e-4  # a cover below this changes no 8-bit value


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
    Safe to use from several threads at once. The scene is sampled when made: seconds for megapixels.
    """

    def __init__(self, scene: Scene, lens: SimLens, frame: Frame, workers: int | None = None) -> None:
        self.scene = scene
        self.lens = lens
        self.frame = frame
        self._pool = ThreadPoolExecutor(workers or min(4, os.cpu_count() or 1), thread_name_prefix="render")
        pixel_mm = frame.pitch_mm / lens.magnification
        # The widest view: from behind the start, at the subject's far end, with blur from outside.
        widest = (lens.pupil_distance_mm + 1.25 * scene.depth_mm) / lens.pupil_distance_mm
        wide_open = lens.stopped_to(lens.f_number / 2.0)
        spill_mm = float(wide_open.blur_diameter_mm(1.25 * scene.depth_mm, 0.0)) / 2.0 / lens.magnification
        half_w = frame.width_px / 2.0 * pixel_mm
        half_h = frame.height_px / 2.0 * pixel_mm
        reach = ((half_w + spill_mm) * widest, (half_h + spill_mm) * widest)
        self._sheets = sample_scene(scene, pixel_mm, reach, self._pool)
        self._ladder(lens)  # kept, so that the first picture does not wait for it

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
        return self._picture(Shot(self.frame, lens, viewpoint, self._ladder(lens, fineness), gain))

    def render_sharp(self, viewpoint: Viewpoint, f_number: float) -> Array:
        """The same view with every depth in focus, diffraction and pixel integration included."""
        return self._picture(self._sharp_shot(viewpoint, f_number))

    def depth_mm(self, viewpoint: Viewpoint, f_number: float) -> Array:
        """Depth of the nearest surface that covers at least half of a pixel; (height, width) float32."""
        shot = self._sharp_shot(viewpoint, f_number)
        region = Region(0, self.frame.height_px, 0, self.frame.width_px)
        depth = np.zeros(region.shape, np.float32)
        for sheet in self._sheets:
            view = view_of(shot, sheet)
            z, map_x, map_y = located(shot, view, 0, region)
            cover = sheet.sample_cover(0, map_x, map_y)[..., 3]
            np.copyto(depth, z, where=cover >= 0.5)
        return depth

    def run(self, work: Callable[[int], None], items: Iterable[int]) -> Iterable[None]:
        """Do work on the renderer's threads; like `map`."""
        return self._pool.map(work, items)

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown()

    def _ladder(self, lens: SimLens, fineness: float = 1.0) -> BlurLadder:
        """Blurs that can occur from behind the start to the end of the subject and a little beyond."""
        farthest = max(float(sheet.levels[-1].depth_mm.max()) for sheet in self._sheets)
        widest = float(lens.blur_diameter_mm(farthest, -0.25 * self.scene.depth_mm)) / self.frame.pitch_mm
        return blur_ladder(lens, self.frame.pitch_mm, min(widest, _WIDEST_BLUR_PX), fineness)

    def _sharp_shot(self, viewpoint: Viewpoint, f_number: float) -> Shot:
        lens = self.lens.stopped_to(f_number)
        ladder = blur_ladder(lens, self.frame.pitch_mm, 0.0)
        return Shot(self.frame, lens, viewpoint, BlurLadder(ladder.steps[:1]), 0.0)

    def _picture(self, shot: Shot) -> Array:
        views = list(self._pool.map(lambda sheet: view_of(shot, sheet), self._sheets))
        wide = list(self._pool.map(lambda view: _wide_blurs(shot, view), views))
        picture = np.empty((self.frame.height_px, self.frame.width_px, 3), np.float32)
        tiles = [
            Region(
                top,
                min(top + _TILE_PX, self.frame.height_px),
                left,
                min(left + _TILE_PX, self.frame.width_px),
            )
            for top in range(0, self.frame.height_px, _TILE_PX)
            for left in range(0, self.frame.width_px, _TILE_PX)
        ]

        def paint(tile: Region) -> None:
            picture[tile.top : tile.bottom, tile.left : tile.right] = _tile(shot, views, wide, tile)

        list(self._pool.map(paint, tiles))
        return picture


def _coarse_region(frame: Frame, level: int) -> Region:
    """The frame on a level's grid, padded so that the levels nest, with two pixels around for enlarging."""
    align = 32
    rows = -(-frame.height_px // align) * align >> level
    columns = -(-frame.width_px // align) * align >> level
    return Region(0, rows, 0, columns).grown(2)


def _wide_blurs(shot: Shot, view: View) -> Layer | None:
    """All rungs from a quarter of the resolution down, over the whole frame."""
    layer: Layer | None = None
    coarsest = shot.ladder.steps[-1].level
    for level in range(coarsest, _COARSE_LEVEL - 1, -1):
        region = _coarse_region(shot.frame, level)
        layer = layer_enlarged(layer, 2, 2, region.shape)
        if _active(shot, view, level).any():
            layer = added(layer, blurred(shot, view, level, region))
    return layer


def _active(
    shot: Shot, view: View, level: int, part: tuple[slice, slice] = (slice(None), slice(None))
) -> Array:
    """Cells in which a level's rungs have something to blur."""
    indices = shot.ladder.level_steps(level)
    if not indices:
        return np.zeros(view.covered[part].shape, bool)
    low, high = support(shot.ladder.squares, indices)
    return np.asarray(view.covered[part] & (view.least_blur[part] < high) & (view.most_blur[part] > low))


def _active_parts(shot: Shot, view: View, level: int, tile: Region) -> list[Region]:
    """Rectangles of a tile, in pixels and apart from each other, that a level's rungs can reach."""
    indices = shot.ladder.level_steps(level)
    if not indices:
        return []
    pad = -(-max(shot.ladder.steps[i].radius for i in indices) * 2**level // CELL_PX)
    cells = Region(
        tile.top // CELL_PX, -(-tile.bottom // CELL_PX), tile.left // CELL_PX, -(-tile.right // CELL_PX)
    )
    window = cells.grown(pad)
    rows = slice(window.top + CELL_MARGIN, window.bottom + CELL_MARGIN)
    columns = slice(window.left + CELL_MARGIN, window.right + CELL_MARGIN)
    active = _active(shot, view, level, (rows, columns))
    if not active.any():
        return []
    around = np.ones((2 * pad + 1, 2 * pad + 1), np.uint8)
    reached = cv2.dilate(active.astype(np.uint8), around)[pad:-pad, pad:-pad]
    return [
        Region(
            tile.top + part.top * CELL_PX,
            min(tile.bottom, tile.top + part.bottom * CELL_PX),
            tile.left + part.left * CELL_PX,
            min(tile.right, tile.left + part.right * CELL_PX),
        )
        for part in _rectangles(reached, 0, 0)
    ]


def _rectangles(mask: Array, top: int, left: int) -> list[Region]:
    """Few rectangles that hold all of a mask and not much else."""
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(ys):
        return []
    y0, y1, x0, x1 = int(ys[0]), int(ys[-1]) + 1, int(xs[0]), int(xs[-1]) + 1
    inner = mask[y0:y1, x0:x1]
    top, left = top + y0, left + x0
    rows, columns = inner.shape
    if max(rows, columns) <= _LEAST_PART_CELLS or np.count_nonzero(inner) > _FULL_PART * inner.size:
        return [Region(top, top + rows, left, left + columns)]
    if rows > columns:
        half = rows // 2
        return _rectangles(inner[:half], top, left) + _rectangles(inner[half:], top + half, left)
    half = columns // 2
    return _rectangles(inner[:, :half], top, left) + _rectangles(inner[:, half:], top, left + half)


def _tile(shot: Shot, views: list[View], wide: list[Layer | None], tile: Region) -> Array:
    """All sheets of a tile, far to near; (h, w, 3)."""
    picture = np.zeros((*tile.shape, 4), np.float32)
    for view, coarse in zip(views, wide, strict=True):
        layer = _sheet_in_tile(shot, view, coarse, tile)
        if layer is not None:
            picture = laid_over(picture, layer)
    return picture[..., :3]


def _sheet_in_tile(shot: Shot, view: View, coarse: Layer | None, tile: Region) -> Layer | None:
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
        layer = layer_enlarged(Layer(coarse.rgba[rows, columns], weight), factor, factor, tile.shape)
    for level in (1, 0):
        for part in _active_parts(shot, view, level, tile):
            layer = accumulated(layer, _part_blurred(shot, view, level, part), part, tile)
    return layer


def _part_blurred(shot: Shot, view: View, level: int, part: Region) -> Layer | None:
    """What a level's rungs bring to a part of the frame, at full resolution."""
    if level == 0:
        return blurred(shot, view, 0, part)
    region = Region(part.top >> level, -(-part.bottom >> level), part.left >> level, -(-part.right >> level))
    margin = 2  # pixels that the cubic reads around
    found = blurred(shot, view, level, region.grown(margin))
    return layer_enlarged(found, 2**level, margin * 2**level, part.shape, cubic=True)
