"""The default way of fusing: the pyramid, and the depth map's picture where that is better, place by place.

The pyramid keeps hairs and glass, because it has the detail of every depth at a place. The depth map takes
whole pixels from the frames around the sharpest: that is quieter, and cleaner beside highlights, whose discs
the bands of other frames would bring in. On the six scenes of ``benchmarks.stacks`` (750 px, two seeds) the
one is up to 3.2 and the other up to 2.3 dB better, and the two together are within 0.1 dB of the better one
or above it (docs/algorithm.md; ``python -m benchmarks.ablation --methods`` prints the figures).

The depth map's picture needs the frames once more when the depth is known: they are kept in a scratch file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from stacker.focus.measure import CELL_PX
from stacker.frames import Image
from stacker.fusion.base import Fused
from stacker.fusion.between import anything_between, how_far_between, share_between, sharpen_between
from stacker.fusion.blending import Blocks, blend, block_side, compare, preference
from stacker.fusion.burnt import off_burnt
from stacker.fusion.contrast import give_contrast, how_far_veiled
from stacker.fusion.depth import Surface
from stacker.fusion.depth_picture import depth_picture
from stacker.fusion.highlights import beside_highlights, lost_highlights
from stacker.fusion.overlap_patches import Sought, take_whole_pixels
from stacker.fusion.overlaps import Ordering, at_two_depths, looked_at_step
from stacker.fusion.pyramid import PyramidFusion
from stacker.fusion.scoring import FusionParameters
from stacker.fusion.sharpening import STRIP_PX, sharpen
from stacker.fusion.smooth_faults import Signs, holes, jumble, of_blocks, wisps
from stacker.fusion.softening import apart, veiled
from stacker.fusion.store import FrameStore
from stacker.fusion.window import Window
from stacker.loops.workers import over_rows

__all__ = ["AutoFusion"]

_HARDLY = 0.005
"""Share of the picture below which one of the two is not worth naming."""

_LEAD, _LEAD_IF_OPAQUE = 0.5, 2.0
"""By how much the nearer of two things that lie over each other is ahead where it is known which that is, and
where the foreground is opaque (docs/algorithm.md)."""

_ABOUT_BLOCKS, _ABOUT_SHARE = 15, 0.03
"""Window in which detail at two depths is looked for, and the share of it from which whole pixels are wanted
however smooth the index is. A few hairs before a page leave the page's index smooth. With wider windows or
smaller shares moss gains 0.1 dB more, and mineral loses up to 0.08 (docs/algorithm.md)."""

_DENSE_FROM, _DENSE = 0.2, 0.3
"""Share of that window from which whole pixels are wanted less for that, and not at all: where detail at two
depths is everywhere, as where feathers lie over each other, the near one's smooth index is right, and bits of
the far one would cross it (0.14 dB of feathers; moss loses 0.01, bristles and the others nothing)."""

_PAIR = 2
"""Frames of which it is asked whether anything lies between their planes."""

_SMALL_PX = 32
"""Narrower pictures are not worth the trouble."""

_BY_DEFAULT = FusionParameters()

_APART_CELLS = 64
"""Cells between two places that are copied one by one."""


class AutoFusion:
    """Combines the pyramid with the depth map, and says why.

    Parameters
    ----------
    pyramid : PyramidFusion
        Has no frame yet, and keeps them in the store.
    store : FrameStore
        Where they are kept.
    noise_sigma : float
        Standard deviation of the frames' noise, in units of 1/255 of white.
    near_end : callable
        Which end of the stack is the nearer one, asked at the end: see `stacker.fusion.methods.FusionSetup`.
    opaque : bool
        Whether the foreground is.
    parameters : FusionParameters, optional
        Of these whether to take whole pixels and to give contrast back.

    Attributes
    ----------
    method : str
        What it came to.
    reason : str
        Why; in words for people.
    """

    def __init__(
        self,
        pyramid: PyramidFusion,
        store: FrameStore,
        noise_sigma: float,
        near_end: Callable[[], int],
        opaque: bool,
        parameters: FusionParameters = _BY_DEFAULT,
    ) -> None:
        self._pyramid, self._store, self._noise = pyramid, store, noise_sigma
        self._near_end, self._opaque, self._parameters = near_end, opaque, parameters
        self.add = pyramid.add  # itself: a function between the two would hold on to the pixels
        self.method, self.reason = "pyramid", ""

    def preview(self, max_width_px: int) -> Fused:
        """The pyramid's picture so far, reduced; see `stacker.fusion.base.Fusion`."""
        return self._pyramid.preview(max_width_px)

    def finish(self) -> Fused:
        """The picture of all frames so far; see `stacker.fusion.base.Fusion`."""
        surface = self._pyramid.depth.surface()
        between = self._anything_between()
        fused = self._pyramid.colour_noise.taken_from(self._fused(surface, between), self._pyramid.held())
        if min(fused.image.shape[:2]) >= _SMALL_PX:
            if self._parameters.contrast:
                self._give_contrast(fused, surface)
            share = between * share_between(self._focus_length(surface), len(fused.shares))
            if share:
                self._sharpen_between(fused, share)
        return fused

    def _focus_length(self, surface: Surface) -> float:
        """For how many slices things stay sharp; 1, by which nothing is added, where no frame was kept: the
        picture is the pyramid's then."""
        return 1.0 if self._store.failure else surface.focus_length

    def _anything_between(self) -> float:
        """Whether anything lies between planes of focus, 0 to 1; of more than two frames something does."""
        if self._store.failure or len(self._store.frames) != _PAIR:
            return 1.0
        mean, _, peak = self._pyramid.depth.planes[1:]
        return anything_between(mean, peak)

    def _fused(self, surface: Surface, between: float) -> Fused:
        canvas = self._pyramid.depth.extent
        assert canvas is not None, "add() comes first"
        fused = self._pyramid.fused(veiled(jumble(surface)) + apart(self._focus_length(surface)))
        self._store.release()
        if self._store.failure:
            self.method, self.reason = (
                "pyramid",
                f"the depth map needs the frames again, but {self._store.failure}",
            )
            return fused
        if len(self._store.frames) == 1:
            self.method, self.reason = "pyramid", "one frame is the picture"
            return fused
        if min(fused.image.shape[:2]) < _SMALL_PX:
            self.method, self.reason = "pyramid", "the picture is too small to tell what is where"
            return fused
        try:
            blocks, share, smooth = self._blend_depth_map(fused, surface, canvas, between)
        except OSError as error:
            self.method, self.reason = "pyramid", f"the scratch file cannot be read: {error.strerror}"
            return fused
        self.method, self.reason = _told(float(share.mean()))
        if self._parameters.whole_pixels:
            self.reason += self._part_overlaps(fused, surface, 1 - 2 * share, smooth, blocks, canvas)
        return fused

    def _blend_depth_map(
        self, fused: Fused, surface: Surface, canvas: Window, between: float
    ) -> tuple[Blocks, Image, Image]:
        """Blend the depth map's picture in where it is better; gives the blocks that were compared, its share
        of each and how smooth each is. Where nothing lies between two frames its mean of both only blurs."""
        image, extent = fused.image, fused.extent
        doubtful = beside_highlights(self._pyramid.glitter(), surface)
        other = depth_picture(self._store, surface, doubtful, canvas, extent)
        sharpen(other, self._crisp(surface))
        # Nothing was kept where no frame was seen, or what happened to lie beside one.
        _copy_cells(image, self._pyramid.depth.unseen, canvas, extent, other)
        blocks = compare(image, other)
        confidence = of_blocks(surface.confidence, canvas, extent, blocks.side_px)
        signs = Signs.of(blocks, self._noise, surface, canvas, extent)
        share = preference(blocks, confidence, signs.peak, signs.smooth, self._noise)
        lost = lost_highlights(blocks, confidence, signs.smooth)
        share *= 1 - np.maximum(holes(blocks, signs), lost)
        share = np.maximum(share, wisps(blocks, signs, self._pyramid.outlines, extent)) * between
        blend(image, other, share, blocks.side_px)
        return blocks, share, signs.smooth

    def _crisp(self, surface: Surface) -> float:
        """Share of the finest luma that whole pixels lack."""
        return self._pyramid.crisp + apart(self._focus_length(surface))

    def _give_contrast(self, fused: Fused, surface: Surface) -> None:
        """Give contrast back, in place, where things are veiled by what lies over them; what no frame has
        without a veil is not bounded by frames."""
        canvas, extent = self._pyramid.depth.extent, fused.extent
        assert canvas is not None, "add() comes first"
        side = block_side(extent.height, extent.width)
        variance = self._pyramid.depth.planes[2]
        veiled = how_far_veiled(surface, variance, canvas, extent, side)
        if veiled.max() < _HARDLY:
            return
        off = off_burnt(self._highest(extent))
        veiled *= cv2.resize(off, veiled.shape[::-1], interpolation=cv2.INTER_LINEAR)
        give_contrast(fused.image, veiled, side)

    def _sharpen_between(self, fused: Fused, share: float) -> None:
        """Sharpen what lies between planes of focus, in place: neither of two frames that are blurred alike
        bounds what is sharp, so that comes last."""
        canvas, extent = self._pyramid.depth.extent, fused.extent
        assert canvas is not None, "add() comes first"
        height, width = extent.height // 2, extent.width // 2
        top, left = (extent.y - canvas.y) // 2, (extent.x - canvas.x) // 2
        cells = slice(top, top + height), slice(left, left + width)
        mean, _, peak = self._pyramid.depth.planes[1:]
        between = how_far_between(mean[cells], peak[cells])
        sharpen_between(fused.image, between, self._highest(extent), share, self._noise)

    def _highest(self, extent: Window) -> Image:
        """What any frame has of green, cell by cell."""
        held = self._pyramid.held()
        highest = held.high[1, held.top :: 2, held.left :: 2]
        return np.asarray(highest[: extent.height // 2, : extent.width // 2])

    def _part_overlaps(
        self, fused: Fused, surface: Surface, bands: Image, smooth: Image, blocks: Blocks, canvas: Window
    ) -> str:
        """Take what lies over each other from one frame each, in place, where the picture is one of bands and
        the index is not smooth, or detail at two depths is about; says what came of it."""
        extent = fused.extent
        variance, peak = self._pyramid.depth.planes[2:]
        step = min(looked_at_step(max(extent.width, extent.height)), blocks.side_px)
        cells = at_two_depths(variance, peak, surface.focus_width, step)
        found = of_blocks(cells, canvas, extent, blocks.side_px).astype(np.float32) / np.float32(255)
        about = cv2.boxFilter(found, -1, (_ABOUT_BLOCKS, _ABOUT_BLOCKS))
        few = np.clip((_DENSE - about) / (_DENSE - _DENSE_FROM), 0, 1)
        few *= np.minimum(about / np.float32(_ABOUT_SHARE), 1)
        wanted = np.clip(bands * np.maximum(1 - smooth, few), 0, 1)
        lead = self._near_end() * (_LEAD_IF_OPAQUE if self._opaque else _LEAD)
        sought = Sought(wanted, found, blocks.side_px, step, extent)
        ordering = Ordering(self._noise, surface.focus_width, lead)
        crisp = self._crisp(surface)
        try:
            whole = take_whole_pixels(fused.image, self._store, sought, ordering, crisp)
        except OSError as error:
            return f"; not all whole pixels where things lie over each other: {error.strerror}"
        return "" if whole < _HARDLY else f"; {whole:.0%} whole pixels: one thing before another"


def _copy_cells(image: Image, cells: Image, canvas: Window, extent: Window, out: Image) -> None:
    """Copy the pixels of a picture whose cells of the canvas are above 0: most are at its edges."""
    rows, columns = extent.slices_in(canvas)
    across = slice(columns.start // CELL_PX, -(-columns.stop // CELL_PX))
    beside = columns.start % CELL_PX

    def strips(first: int, behind: int) -> None:
        for start in range(first, behind, STRIP_PX):
            strip = slice(start, min(behind, start + STRIP_PX))
            top, bottom = rows.start + strip.start, rows.start + strip.stop
            some = cells[top // CELL_PX : -(-bottom // CELL_PX), across]
            for run in _runs(np.asarray(some.any(axis=0))):
                left = max(0, run.start * CELL_PX - beside)
                right = min(extent.width, run.stop * CELL_PX - beside)
                wide = some[:, run].repeat(CELL_PX, axis=0).repeat(CELL_PX, axis=1)
                inner = wide[top % CELL_PX :, left + beside - run.start * CELL_PX :]
                mask = np.ascontiguousarray(inner[: bottom - top, : right - left])
                cv2.copyTo(image[strip, left:right], mask, out[strip, left:right])

    over_rows(strips, extent.height, rows_together=STRIP_PX)


def _runs(some: np.ndarray[Any, np.dtype[np.bool_]]) -> list[slice]:
    """Where in a line any are set; those that are not far apart together."""
    places = np.flatnonzero(some)
    if not places.size:
        return []
    parts = np.split(places, np.flatnonzero(np.diff(places) > _APART_CELLS) + 1)
    return [slice(int(part[0]), int(part[-1]) + 1) for part in parts]


def _told(share: float) -> tuple[str, str]:
    """What it came to and why, by the share of the depth map."""
    one_depth, several = "one depth, or highlights", "detail at several depths, or none that tells the depth"
    if share < _HARDLY:
        return "pyramid", several
    if share > 1 - _HARDLY:
        return "depthmap", one_depth
    return "pyramid + depthmap", f"{share:.0%} depth map: {one_depth}; {1 - share:.0%} pyramid: {several}"
