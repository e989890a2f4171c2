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
from stacker.fusion.overlaps import (
    DETAIL_REACH,
    Ordering,
    Overlap,
    Places,
    detail_around,
    narrow_px,
    overlap,
)
from stacker.fusion.patch_tiles import TilePlaces, lay, look
from stacker.fusion.store import FrameStore
from stacker.fusion.tiles import HALO_CELLS, OUTSIDE, RIM, TILE_PX, cell_side
from stacker.fusion.window import Window
from stacker.loops.scratch import Scratch
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

_TOGETHER = 32
"""Tiles that are read at a time: larger pictures have patches of hundreds, for each of the threads."""

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
        scratch = Scratch()
        for at, patch in enumerate(patches[first:behind], first):
            seen = _Seen(store, patch, step, scratch)
            if len(seen.frames) <= 2:
                continue
            luma, detail = seen.planes()
            over = overlap(Places(luma, detail, sought.narrow_px, ordering))
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

    def __init__(self, store: FrameStore, patch: Window, step: int, scratch: Scratch) -> None:
        self._store, self._patch, self._step, self._scratch = store, patch, step, scratch
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
        self._pixels = scratch.array("pixels", _TOGETHER, 3, TILE_PX, TILE_PX, dtype=store.dtype)
        self._codes = self._bytes("codes", _TOGETHER, 2, cell_side(), cell_side())
        beyond = grid.y - self._area.y, grid.x - self._area.x
        self._corner = np.array(beyond, np.int64) // step  # of the tiles in what is looked at

    def planes(self) -> tuple[Image, Image]:
        """Luma and detail of the frames, reduced, in scratch buffers; see `Places`."""
        shape = self._area.height // self._step, self._area.width // self._step
        luma, detail = (self._bytes(name, len(self.frames), *shape) for name in ("luma", "detail"))
        side, (top, left) = TILE_PX // self._step, -self._corner
        inside = slice(top, top + shape[0]), slice(left, left + shape[1])
        # What was not kept of a frame is dull; the frame before it stands for it.
        plane = np.zeros(shape, np.float32)
        reach = np.ones((2 * DETAIL_REACH + 1,) * 2, np.uint8)
        for at in range(len(self.frames)):
            unknown = (self._offsets[at] < 0).repeat(side, axis=0).repeat(side, axis=1).view(np.uint8)
            for tiles in self._read(at, self._offsets[at] >= 0):
                look(self._pixels[: len(tiles)], tiles * side + self._corner, self._step, plane)
                for record in np.flatnonzero(~self._whole[at, *tiles.T]):
                    row, column = tiles[record] * side
                    there = slice(row, row + side), slice(column, column + side)
                    unknown[there] = self._not_reached(self._codes[record, 0])
            cv2.convertScaleAbs(plane, luma[at])
            detail[at] = detail_around(plane)
            if unknown.any():
                detail[at][cv2.dilate(np.ascontiguousarray(unknown[inside]), reach) > 0] = 0
        return luma, detail

    def put(self, found: Overlap, crisp: float, image: Image, extent: Window) -> None:
        """Put frames into a picture."""
        side, count = TILE_PX // self._step, self._patch.width // TILE_PX
        first = self._patch.y // TILE_PX - self._rows[0], self._patch.x // TILE_PX - self._columns[0]
        inner = tuple(slice(start, start + count) for start in first)
        origin = self._area.y - extent.y, self._area.x - extent.x
        around = np.ones((3, 3), np.uint8)
        for at in np.unique(found.frame[found.share > 0]):
            share = np.where(found.frame == at, found.share, np.float32(0))
            touched = cv2.dilate(share, around)[_HALO:-_HALO, _HALO:-_HALO] > 0
            some = np.zeros(self._offsets[at].shape, np.bool_)
            some[inner] = touched.reshape(count, side, count, side).any(axis=(1, 3))
            for tiles in self._read(at, some & (self._offsets[at] >= 0)):
                places = tiles * side + self._corner
                lay(self._pixels[: len(tiles)], places, self._step, share, origin, crisp, image)

    def _bytes(self, name: str, *shape: int) -> Image:
        return self._scratch.array(name, *shape, dtype=np.dtype(np.uint8))

    def _read(self, at: int, tiles: Image) -> Iterator[TilePlaces]:
        """Read tiles of a frame, some at a time: row and column of those that are there until the next."""
        places = np.ascontiguousarray(np.argwhere(tiles))
        for first in range(0, len(places), _TOGETHER):
            some = places[first : first + _TOGETHER]
            offsets = self._offsets[at, *some.T]
            self._store.read(offsets, self._pixels[: len(some)], self._codes[: len(some)])
            yield some

    def _not_reached(self, codes: Image) -> Image:
        """Where a frame does not reach a tile, reduced: above 0."""
        inner = codes[HALO_CELLS:-HALO_CELLS, HALO_CELLS:-HALO_CELLS]
        outside = np.where((inner == OUTSIDE) | (inner == RIM), np.uint8(255), np.uint8(0))
        side = TILE_PX // self._step
        how = cv2.INTER_NEAREST if side > len(inner) else cv2.INTER_AREA
        return np.asarray(cv2.resize(outside, (side, side), interpolation=how))
