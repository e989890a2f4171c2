"""From sheets to the light on the sensor: perspective, blur by depth, occlusion.

Within a sheet every bit of surface spreads over the blur of its own depth. Depths are sorted into the
rungs of a blur ladder by weights that add up to one everywhere, so nothing is lost or doubled between
neighbouring rungs. Between sheets the nearer one, blurred with its cover, is laid over what is behind it: its
soft edge spills over a sharp background, and a blurred background never over a sharp edge.

Wide blurs are worked at half, quarter … resolution on the whole frame, the sharp ones in tiles.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from hardware_sims.layers import Layer, accumulated, added, blurred, enlarged, laid_over, layer_enlarged
from hardware_sims.optics import BlurLadder, SimLens, blur_ladder
from hardware_sims.parts import active, cells_of, pixels_of, reached, rectangles
from hardware_sims.sampled import CELL_PX, SampledSheet, sample_scene
from hardware_sims.scene import Array, Scene
from hardware_sims.view import CELL_MARGIN, Frame, Region, Shot, View, Viewpoint, located, view_of

__all__ = ["Frame", "Renderer", "Viewpoint"]

_TILE_PX = 320  # a tile's sheets stay in the cache
_LEAST_PART_CELLS = 12  # smaller parts cost more in calls than they save in pixels
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
    widest : SimLens, optional
        The lens where it sees most of the scene, if it can be focused farther: so much is sampled.

    Notes
    -----
    Safe to use from several threads at once. The scene is sampled by `prepare`, or for the first picture:
    seconds for megapixels.
    """

    def __init__(
        self,
        scene: Scene,
        lens: SimLens,
        frame: Frame,
        workers: int | None = None,
        widest: SimLens | None = None,
    ) -> None:
        self.scene = scene
        self.lens = lens
        self.frame = frame
        self._pool = ThreadPoolExecutor(workers or min(4, os.cpu_count() or 1), thread_name_prefix="render")
        pixel_mm = frame.pitch_mm / lens.magnification
        # The widest view: from behind the start, at the subject's far end, with blur from outside.
        wider = (lens.pupil_distance_mm + 1.25 * scene.depth_mm) / lens.pupil_distance_mm
        if widest is not None:  # the same angle less the breathing, at whatever depth
            wider *= lens.magnification * lens.pupil_distance_mm
            wider /= widest.magnification * widest.pupil_distance_mm
        wide_open = lens.stopped_to(lens.f_number / 2.0)
        spill_mm = float(wide_open.blur_diameter_mm(1.25 * scene.depth_mm, 0.0)) / 2.0 / lens.magnification
        half_w = frame.width_px / 2.0 * pixel_mm
        half_h = frame.height_px / 2.0 * pixel_mm
        self._pixel_mm = pixel_mm
        self._reach_mm = ((half_w + spill_mm) * wider, (half_h + spill_mm) * wider)
        self._sampled: tuple[SampledSheet, ...] | None = None
        self._sampling = threading.Lock()

    @property
    def _sheets(self) -> tuple[SampledSheet, ...]:
        with self._sampling:
            if self._sampled is None:
                self._sampled = sample_scene(self.scene, self._pixel_mm, self._reach_mm, self._pool)
            return self._sampled

    def prepare(self) -> None:
        """Sample the scene now, so that the first picture takes no longer than the others."""
        self._ladder(self.lens)

    def render(
        self, viewpoint: Viewpoint, f_number: float, fineness: float = 1.0, focused: SimLens | None = None
    ) -> Array:
        """Light on the sensor, linear, 1 is white; (height, width, 3) float32.

        Parameters
        ----------
        viewpoint : Viewpoint
            Where the plane of focus stands: at the carriage's position with the lens as it was given.
        f_number : float
            What the body has set.
        fineness : float
            Above 1 for finer sorting by blur.
        focused : SimLens, optional
            The lens when it was focused nearer or farther, see `SimLens.focused`.
        """
        lens = (focused or self.lens).stopped_to(f_number)
        gain = lens.magnification * lens.pupil_diameter_mm / self.frame.pitch_mm
        ladder = (
            self._ladder(lens, fineness)
            if focused is None
            else self._ladder_about(lens, viewpoint.carriage_mm)
        )
        return self._picture(Shot(self.frame, lens, viewpoint, ladder, gain))

    def render_sharp(self, viewpoint: Viewpoint, f_number: float) -> Array:
        """The same view with every depth in focus, diffraction and pixel integration included."""
        return self._picture(self._sharp_shot(viewpoint, f_number))

    def render_reached(
        self,
        viewpoint: Viewpoint,
        f_number: float,
        reach_mm: tuple[float, float],
        shift_px: tuple[float, float] = (0.0, 0.0),
    ) -> Array:
        """The same view as the best stacking could make it from positions over a range.

        What lies within the range is in focus; what lies before or behind it is as blurred as from the
        nearer end, which is the sharpest that any frame has it. With a shift, what pixels that much
        farther right and down would see: between the pixels of the frame, where it is less than one.
        """
        frame = replace(self.frame, shift_px=shift_px)
        lens = self.lens.stopped_to(f_number)
        gain = lens.magnification * lens.pupil_diameter_mm / self.frame.pitch_mm
        return self._picture(Shot(frame, lens, viewpoint, self._ladder(lens), gain, reach_mm))

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

    def covers(self, viewpoint: Viewpoint, f_number: float) -> list[Array]:
        """How much of each pixel each sheet covers, in focus, far to near; (height, width) float32 each."""
        shot = self._sharp_shot(viewpoint, f_number)
        region = Region(0, self.frame.height_px, 0, self.frame.width_px)
        covers = []
        for sheet in self._sheets:
            _, map_x, map_y = located(shot, view_of(shot, sheet), 0, region)
            covers.append(np.clip(sheet.sample_cover(0, map_x, map_y)[..., 3], 0.0, 1.0))
        return covers

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

    def _ladder_about(self, lens: SimLens, in_focus_mm: float) -> BlurLadder:
        """The ladder of a lens focused anywhere: made for steps of a few percent, so as to be found again."""

        def stepped(value: float, ratio: float) -> float:
            return float(ratio ** math.ceil(math.log(value, ratio)))

        depths = [sheet.levels[-1].depth_mm for sheet in self._sheets]
        ends = min(float(d.min()) for d in depths), max(float(d.max()) for d in depths)
        blurs = [float(lens.blur_diameter_mm(z, in_focus_mm)) / self.frame.pitch_mm for z in ends]
        widest = stepped(max(1.0, *(blur for blur in blurs if math.isfinite(blur))), 1.3)
        # Only the Airy disc in the kernels is off by the rounding, and by two percent at the most.
        near_enough = replace(
            lens,
            magnification=1.0,
            pupil_distance_mm=1.0,
            f_number=1.0,
            effective_f_number=stepped(lens.effective_f_number, 1.04),
        )
        return blur_ladder(near_enough, self.frame.pitch_mm, min(widest, _WIDEST_BLUR_PX))

    def _sharp_shot(self, viewpoint: Viewpoint, f_number: float) -> Shot:
        lens = self.lens.stopped_to(f_number)
        ladder = blur_ladder(lens, self.frame.pitch_mm, 0.0)
        return Shot(self.frame, lens, viewpoint, BlurLadder(ladder.steps[:1]), 0.0)

    def _picture(self, shot: Shot) -> Array:
        jobs = list(self._pool.map(lambda sheet: _job(shot, sheet), self._sheets))
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
            picture[tile.top : tile.bottom, tile.left : tile.right] = _tile(shot, jobs, tile)

        list(self._pool.map(paint, tiles))
        return picture


@dataclass(frozen=True, slots=True)
class _Job:
    """One sheet of a picture: its wide blurs done, and where the narrow ones are."""

    view: View
    wide: Layer | None
    reached: tuple[Array | None, ...]  # by level, below _COARSE_LEVEL


def _job(shot: Shot, sheet: SampledSheet) -> _Job:
    view = view_of(shot, sheet)
    narrow = tuple(reached(shot, view, level) for level in range(_COARSE_LEVEL))
    return _Job(view, _wide_blurs(shot, view), narrow)


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
    for level in range(coarsest, _COARSE_LEVEL, -1):
        region = _coarse_region(shot.frame, level)
        layer = layer_enlarged(layer, 2, 2, region.shape)
        if active(shot, view, level).any():
            layer = added(layer, blurred(shot, view, level, region))
    region = _coarse_region(shot.frame, _COARSE_LEVEL)
    layer = layer_enlarged(layer, 2, 2, region.shape)
    # The two pixels around are a cell.
    window = cells_of(Region(0, shot.frame.height_px, 0, shot.frame.width_px)).grown(1)
    for cells in rectangles(reached(shot, view, _COARSE_LEVEL), window, _LEAST_PART_CELLS << _COARSE_LEVEL):
        part = pixels_of(cells, _COARSE_LEVEL)
        layer = accumulated(layer, blurred(shot, view, _COARSE_LEVEL, part), part, region)
    return layer


def _tile(shot: Shot, jobs: list[_Job], tile: Region) -> Array:
    """All sheets of a tile, far to near; (h, w, 3).

    Neighbouring sheets that are blurred widely here are put together at a quarter of the resolution: laying
    one before the other gives the same in any grouping.
    """
    picture: Array | None = None
    coarse: Array | None = None
    for job in jobs:
        wide = _wide_in_tile(job.wide, tile)
        parts = [
            (level, part)
            for level, mask in enumerate(job.reached)
            for part in rectangles(mask, cells_of(tile), _LEAST_PART_CELLS << level)
        ]
        if not parts:
            coarse = coarse if wide is None else laid_over(coarse, wide)
            continue
        if coarse is not None:
            picture = laid_over(picture, Layer(_enlarged_to(tile, coarse), None))
            coarse = None
        layer = _sheet_in_tile(shot, job.view, wide, parts, tile)
        if layer is not None:
            picture = laid_over(picture, layer)
    if coarse is not None:
        picture = laid_over(picture, Layer(_enlarged_to(tile, coarse), None))
    return np.zeros((*tile.shape, 3), np.float32) if picture is None else picture[..., :3]


def _wide_in_tile(wide: Layer | None, tile: Region) -> Layer | None:
    """The wide blurs of a tile and of one coarse pixel around it; None when they cover nothing."""
    if wide is None:
        return None
    factor = 2**_COARSE_LEVEL
    # Tiles start on multiples of the factor; the coarse region starts two pixels before the frame.
    rows = slice(tile.top // factor + 1, -(-tile.bottom // factor) + 3)
    columns = slice(tile.left // factor + 1, -(-tile.right // factor) + 3)
    if not wide.rgba[rows, columns, 3].max() > _LEAST_COVER:
        return None
    return Layer(wide.rgba[rows, columns], None if wide.weight is None else wide.weight[rows, columns])


def _enlarged_to(tile: Region, coarse: Array) -> Array:
    factor = 2**_COARSE_LEVEL
    return enlarged(coarse, factor, factor, tile.shape)


def _sheet_in_tile(
    shot: Shot, view: View, wide: Layer | None, parts: list[tuple[int, Region]], tile: Region
) -> Layer | None:
    factor = 2**_COARSE_LEVEL
    layer = layer_enlarged(wide, factor, factor, tile.shape)
    for level, cells in parts:
        part = pixels_of(cells, 0)
        part = part._replace(bottom=min(part.bottom, tile.bottom), right=min(part.right, tile.right))
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
