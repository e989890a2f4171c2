"""Takes whole pixels of single frames where things lie over each other, patch by patch of what was kept.

See `stacker.fusion.overlaps` for why, and for which frame that is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from stacker.frames import Image
from stacker.fusion.blending import DEPTHS, sharpen
from stacker.fusion.overlaps import (
    DETAIL_REACH,
    Ordering,
    Overlap,
    Places,
    detail_around,
    narrow_px,
    overlap,
)
from stacker.fusion.stages import SourceCode
from stacker.fusion.store import FrameStore
from stacker.fusion.tiles import HALO_CELLS, OUTSIDE, RIM, TILE_PX, cell_side
from stacker.fusion.window import Window
from stacker.loops.workers import over_rows

__all__ = ["Sought", "take_whole_pixels"]

_HALO = 32
"""Pixels of what is looked at that a patch sees beyond its edges: narrow things and their surroundings, in
windows of up to 63."""

_PATCH_TILES = 4
"""Tiles of what is looked at along the side of a patch at most."""

_WORTH = 0.01
"""Share of a patch with detail at two depths from which it is looked at."""

_NUMBERS = 16_000_000
"""Of which all patches that are in work have two bytes each; there are more only where a single tile of every
frame needs them."""

_Offsets = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Sought:
    """Where in a picture to look.

    Attributes
    ----------
    wanted, found : ndarray of float32, shape (h, w)
        For blocks of the picture how much of that is wanted at most, and the share of cells in which detail
        at two depths was found, 0 to 1.
    side_px : int
        Of these blocks.
    step : int
        See `stacker.fusion.overlaps.looked_at_step`; no larger than they are.
    extent : Window
        Of the picture, in the reference view.
    """

    wanted: Image
    found: Image
    side_px: int
    step: int
    extent: Window

    @property
    def narrow_px(self) -> int:
        """Up to how wide a thing is narrow in what is looked at."""
        return narrow_px(max(self.extent.width, self.extent.height) // self.step)

    def worth(self, area: Window) -> bool:
        """Whether there is enough in an area of the reference view."""
        blocks, picture = self._blocks(area), Window(0, 0, self.found.shape[1], self.found.shape[0])
        inside = blocks.intersection(picture).slices_in(picture)
        both = self.wanted[inside] * self.found[inside]
        return both.size > 0 and float(both.mean()) > _WORTH

    def part(self, area: Window) -> Image:
        """What is wanted in an area of the reference view, reduced; beyond the picture nothing is."""
        blocks, picture = self._blocks(area), Window(0, 0, self.wanted.shape[1], self.wanted.shape[0])
        part, inside = np.zeros((blocks.height, blocks.width), np.float32), blocks.intersection(picture)
        part[inside.slices_in(blocks)] = self.wanted[inside.slices_in(picture)]
        step, times = self.step, self.side_px // self.step
        large = cv2.resize(part, None, fx=times, fy=times, interpolation=cv2.INTER_LINEAR)
        # Blocks begin where the picture does, which need not be where the area does.
        left = (area.x - self.extent.x) // step - blocks.x * times
        top = (area.y - self.extent.y) // step - blocks.y * times
        return np.asarray(large[top : top + area.height // step, left : left + area.width // step])

    def _blocks(self, area: Window) -> Window:
        """An area of the reference view in blocks of the picture."""
        x, y = area.x - self.extent.x, area.y - self.extent.y
        return Window(x, y, area.width, area.height).aligned(self.side_px).reduced(self.side_px)


def take_whole_pixels(
    image: Image, store: FrameStore, sought: Sought, ordering: Ordering, crisp: float
) -> float:
    """Take places where things lie over each other from one frame each, in place.

    Parameters
    ----------
    image : ndarray, shape (H, W, 3)
        The fused picture, in the frames' type.
    store : FrameStore
        The frames.
    sought : Sought
        Where to look.
    ordering : Ordering
        What is known of the stack.
    crisp : float
        Share of the finest detail that is given back to what was interpolated.

    Returns
    -------
    float
        Share of the picture that was taken.

    Raises
    ------
    OSError
        When what was kept cannot be read.
    """
    step, extent = sought.step, sought.extent
    patches = [patch for patch in _patches(extent, step, len(store.frames)) if sought.worth(patch)]
    taken = np.zeros(len(patches))

    def some(first: int, behind: int) -> None:
        for at, patch in enumerate(patches[first:behind], first):
            seen = _Seen(store, patch, step)
            if len(seen.frames) <= 2:
                continue
            luma, detail = seen.planes()
            over = overlap(Places(luma, detail, sought.narrow_px, ordering))
            del luma, detail
            share = sought.part(patch.expanded(_HALO * step)) * over.share
            seen.put(Overlap(over.frame, share), crisp, image, extent)
            taken[at] = share[_HALO:-_HALO, _HALO:-_HALO].sum()

    over_rows(some, len(patches), rows_together=1)
    return float(taken.sum()) * step**2 / (extent.width * extent.height)


def _patches(extent: Window, step: int, frames: int) -> list[Window]:
    """Squares of tiles that cover a picture, in pixels."""
    tiles = _PATCH_TILES
    while tiles > 1 and frames * (tiles * TILE_PX + 2 * _HALO) ** 2 * cv2.getNumThreads() > _NUMBERS:
        tiles //= 2
    side = tiles * step * TILE_PX
    grid = extent.aligned(side)
    return [
        Window(x, y, side, side)
        for y in range(grid.y, grid.bottom, side)
        for x in range(grid.x, grid.right, side)
    ]


class _Seen:
    """What was kept of a patch and its surroundings."""

    def __init__(self, store: FrameStore, patch: Window, step: int) -> None:
        self._store, self._patch, self._step = store, patch, step
        self._area = patch.expanded(_HALO * step)
        grid = self._area.aligned(TILE_PX)
        self._columns = range(grid.x // TILE_PX, grid.right // TILE_PX)
        self._rows = range(grid.y // TILE_PX, grid.bottom // TILE_PX)
        kept = [store.row(row, self._columns) for row in self._rows]
        offsets = np.stack([of_row for of_row, _ in kept], axis=1)
        whole = np.stack([of_row for _, of_row in kept], axis=1)
        some = (offsets >= 0).any(axis=(1, 2))
        self.frames = np.flatnonzero(some)
        self._offsets, self._whole = offsets[some], whole[some]
        # A row of tiles at a time: larger pictures have patches of hundreds, for each of the threads.
        self._pixels: Image = np.empty((len(self._columns), 3, TILE_PX, TILE_PX), store.dtype)
        self._codes: Image = np.empty((len(self._columns), 2, cell_side(), cell_side()), np.uint8)
        self._source = SourceCode.of(store.dtype)

    def planes(self) -> tuple[Image, Image]:
        """Luma and detail of the frames, reduced; see `Places`."""
        height, width = self._area.height // self._step, self._area.width // self._step
        luma, detail = np.zeros((2, len(self.frames), height, width), np.uint8)
        side = TILE_PX // self._step
        grid = len(self._rows) * side, len(self._columns), side
        # What was not kept of a frame is dull; the frame before it stands for it.
        plane = np.zeros(grid, np.float32)
        reach = np.ones((2 * DETAIL_REACH + 1,) * 2, np.uint8)
        for at in range(len(self.frames)):
            unknown = np.ones(grid, np.uint8)
            for row, columns in self._read(at, self._offsets[at] >= 0):
                inside = slice(row * side, (row + 1) * side), columns
                plane[inside] = self._luma(len(columns)).transpose(1, 0, 2)
                unknown[inside] = 0
                for record in np.flatnonzero(~self._whole[at, row, columns]):
                    unknown[inside[0], columns[record]] = self._not_reached(self._codes[record, 0])
            seen = self._of_area(plane)
            luma[at], detail[at] = cv2.convertScaleAbs(seen), detail_around(seen)
            if unknown.any():
                detail[at][cv2.dilate(self._of_area(unknown), reach) > 0] = 0
        return luma, detail

    def put(self, found: Overlap, crisp: float, image: Image, extent: Window) -> None:
        """Put frames into a picture."""
        step, side = self._step, TILE_PX // self._step
        first = self._patch.y // TILE_PX - self._rows[0], self._patch.x // TILE_PX - self._columns[0]
        count = self._patch.width // TILE_PX
        inner = tuple(slice(start, start + count) for start in first)
        around = np.ones((3, 3), np.uint8)
        for at in np.unique(found.frame[found.share > 0]):
            share = np.where(found.frame == at, found.share, np.float32(0))
            some = cv2.dilate(share, around)[_HALO:-_HALO, _HALO:-_HALO] > 0
            tiles = np.zeros(self._offsets[at].shape, np.bool_)
            tiles[inner] = some.reshape(count, side, count, side).any(axis=(1, 3))
            for row, columns in self._read(at, tiles & (self._offsets[at] >= 0)):
                top = _HALO + (row - first[0]) * side - 1
                for record, column in enumerate(columns):
                    left = _HALO + (int(column) - first[1]) * side - 1
                    framed = share[top : top + side + 2, left : left + side + 2]
                    wide = cv2.resize(framed, None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)
                    weight = wide[step : step + TILE_PX, step : step + TILE_PX]
                    x, y = self._columns[int(column)] * TILE_PX, self._rows[row] * TILE_PX
                    area = Window(x - extent.x, y - extent.y, TILE_PX, TILE_PX)
                    _blend(self._pixels[record], weight, crisp, area, image)

    def _read(self, at: int, tiles: Image) -> Iterator[tuple[int, Image]]:
        """Read some tiles of a frame: a row, and the columns of what was read until the next row is."""
        for row in np.flatnonzero(tiles.any(axis=1)).tolist():
            columns = np.flatnonzero(tiles[row])
            count = len(columns)
            self._store.read(self._offsets[at, row, columns], self._pixels[:count], self._codes[:count])
            yield row, columns

    def _of_area(self, grid: Image) -> Image:
        """The part of a grid of reduced tiles that is looked at."""
        tiles = Window(self._columns[0], self._rows[0], len(self._columns), len(self._rows))
        covered = Window(*(TILE_PX * each for each in (tiles.x, tiles.y, tiles.width, tiles.height)))
        plane = grid.reshape(grid.shape[0], -1)
        return np.ascontiguousarray(plane[self._area.slices_in(covered, self._step)])

    def _luma(self, count: int) -> Image:
        """Luma of tiles that were read, reduced, white at 255; floats beyond black and white are clipped."""
        side, planes = TILE_PX // self._step, self._pixels[:count]
        if self._step > 1:
            rows = planes.reshape(-1, TILE_PX)
            small = cv2.resize(rows, (side, len(rows) // self._step), interpolation=cv2.INTER_AREA)
            planes = small.reshape(count, 3, side, side)
        quarter = np.float32(self._source.to_levels / 4)
        luma = np.multiply(planes[:, 1], 2 * quarter, dtype=np.float32)
        for channel in (0, 2):
            luma += np.multiply(planes[:, channel], quarter, dtype=np.float32)
        return np.clip(luma, 0, 255, out=luma)

    def _not_reached(self, codes: Image) -> Image:
        """Where a frame does not reach a tile, reduced: above 0."""
        inner = codes[HALO_CELLS:-HALO_CELLS, HALO_CELLS:-HALO_CELLS]
        outside = np.where((inner == OUTSIDE) | (inner == RIM), np.uint8(255), np.uint8(0))
        side = TILE_PX // self._step
        how = cv2.INTER_NEAREST if side > len(inner) else cv2.INTER_AREA
        return np.asarray(cv2.resize(outside, (side, side), interpolation=how))


def _blend(planes: Image, weight: Image, crisp: float, area: Window, image: Image) -> None:
    """Move an area of a picture towards a tile."""
    picture = Window(0, 0, image.shape[1], image.shape[0])
    seen = area.intersection(picture)
    if not (seen.width and seen.height):
        return
    part = seen.slices_in(area)
    taken = np.asarray(cv2.merge(list(planes)))
    sharpen(taken, crisp)
    mine = image[seen.slices_in(picture)]
    off = cv2.subtract(taken[part], mine, dtype=cv2.CV_32F)
    cv2.multiply(off, cv2.merge([weight[part]] * 3), off)
    mine[...] = cv2.add(mine, off, dtype=DEPTHS[image.dtype.char])
