"""The picture by depth map, put together tile by tile from what was kept of the frames."""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.focus.measure import CELL_PX
from stacker.frames import Image
from stacker.fusion.depth import Surface
from stacker.fusion.depth_choice import Choice
from stacker.fusion.mixing import Mix, Tiles, choose_mix
from stacker.fusion.store import FrameStore
from stacker.fusion.tiles import HALO_CELLS, TILE_PX, cell_side
from stacker.fusion.window import Window
from stacker.loops.workers import over_rows

__all__ = ["depth_picture"]

_CELLS = TILE_PX // CELL_PX

_RECORDS_AT_A_TIME = 64
"""Tiles of frames that a thread reads before it mixes them: 7 MB of 8-bit frames. More are read at a time
only where a single tile needs them."""

_Wanted = list[tuple[int, np.ndarray[Any, np.dtype[np.int64]]]]
"""Tiles: the place in the band, and which of the frames."""


def depth_picture(
    store: FrameStore,
    surface: Surface,
    glitter: Image,
    canvas: Window,
    extent: Window,
    mix: Mix | None = None,
) -> Image:
    """Take every pixel from the frames around the index.

    Parameters
    ----------
    store : FrameStore
        The frames.
    surface : Surface
        The index, over the canvas.
    glitter : ndarray of float32, shape (h, w)
        Where highlights are near, for the cells of the canvas: 0 to 1.
    canvas : Window
        Where that lies in the reference view; edges are even.
    extent : Window
        What to fill.
    mix : Mix, optional
        Does the arithmetic; the fastest there is by default.

    Returns
    -------
    ndarray, shape (H, W, 3)
        RGB over the extent, in the frames' type; 0 in tiles that no frame reaches, and anything in cells that
        none does.

    Raises
    ------
    OSError
        When what was kept cannot be read.
    """
    picture = np.zeros((extent.height, extent.width, 3), store.dtype)
    mix = choose_mix() if mix is None else mix
    columns = range(extent.x // TILE_PX, -(-extent.right // TILE_PX))
    rows = range(extent.y // TILE_PX, -(-extent.bottom // TILE_PX))

    def bands(first: int, behind: int) -> None:
        reader = _Reader(store)
        cells = _CELLS + 2 * HALO_CELLS, len(columns) * _CELLS + 2 * HALO_CELLS
        memory = np.zeros((4, *cells), np.float32)
        for row in rows[first:behind]:
            top, left = row * _CELLS - canvas.y // CELL_PX, columns[0] * _CELLS - canvas.x // CELL_PX
            down = top - HALO_CELLS, top + _CELLS + HALO_CELLS
            across = left - HALO_CELLS, left + len(columns) * _CELLS + HALO_CELLS
            choice = Choice.of(surface, glitter, down, across, memory)
            corner = row * TILE_PX - extent.y, columns[0] * TILE_PX - extent.x
            offsets, whole = store.row(row, columns)
            for wanted in _portions(_needed(reader.frames, offsets >= 0, whole, choice)):
                mix(reader.read(offsets, wanted), choice, corner, picture)

    over_rows(bands, len(rows), rows_together=1)
    return picture


def _needed(frames: Image, kept: Image, whole: Image, choice: Choice) -> _Wanted:
    """For each tile of a band its place and the frames that count anywhere in it."""
    least, most = choice.reach
    first, last = _of_tiles(least).min(axis=1), _of_tiles(most).max(axis=1)
    some = kept & (first <= frames[:, None]) & (frames[:, None] <= last)
    # Where the frames around the index do not reach, those that do count.
    enough = some.any(axis=0) & ~(some & ~whole).any(axis=0)
    counting = np.where(enough, some, kept)
    return [(int(at), np.flatnonzero(counting[:, at])) for at in np.flatnonzero(kept.any(axis=0))]


def _of_tiles(line: Image) -> Image:
    """What a line of cells has in each tile and its halo, shape (tiles, cells)."""
    windows = np.lib.stride_tricks.sliding_window_view(line, _CELLS + 2 * HALO_CELLS)
    return np.asarray(windows[::_CELLS])


def _portions(wanted: _Wanted) -> list[_Wanted]:
    """Tiles to be read together."""
    portions: list[_Wanted] = []
    records = _RECORDS_AT_A_TIME
    for at, which in wanted:
        if records + len(which) > _RECORDS_AT_A_TIME:
            portions.append([])
            records = 0
        portions[-1].append((at, which))
        records += len(which)
    return portions


class _Reader:
    """Reads tiles into memory that is used again: fresh pages would cost as much as what is read."""

    def __init__(self, store: FrameStore) -> None:
        self._store = store
        self.frames = np.array(store.frames, np.float32)
        self._make_room(_RECORDS_AT_A_TIME)

    def read(self, offsets: Image, wanted: _Wanted) -> Tiles:
        """Tiles of a band, of which ``offsets`` says where they are."""
        first = np.cumsum([0, *(len(which) for _, which in wanted)], dtype=np.int64)
        count = int(first[-1])
        if count > len(self._pixels):
            self._make_room(count)
        pixels, codes = self._pixels[:count], self._codes[:count]
        self._store.read(np.concatenate([offsets[which, at] for at, which in wanted]), pixels, codes)
        frames = self.frames[np.concatenate([which for _, which in wanted])]
        return Tiles(pixels, codes, frames, first, np.array([at for at, _ in wanted], np.int64))

    def _make_room(self, records: int) -> None:
        side = cell_side()
        self._pixels: Image = np.empty((records, 3, TILE_PX, TILE_PX), self._store.dtype)
        self._codes: Image = np.empty((records, 2, side, side), np.uint8)
