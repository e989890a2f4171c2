"""The picture by depth map, put together tile by tile from what was kept of the frames."""

from __future__ import annotations

import numpy as np

from stacker.frames import Image
from stacker.fusion.depth import Surface
from stacker.fusion.depth_choice import Choice
from stacker.fusion.mixing import Mix, Tiles, choose_mix
from stacker.fusion.store import FrameStore
from stacker.fusion.tiles import CELL_PX, HALO_CELLS, TILE_PX, cell_side
from stacker.fusion.window import Window

__all__ = ["depth_picture"]

_CELLS = TILE_PX // CELL_PX

_RECORDS_AT_A_TIME = 256
"""Tiles of frames that are read before they are mixed: 14 MB of 8-bit frames. More are read at a time only
where a single tile needs them."""

_Wanted = list[tuple[int, list[int]]]


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
    for row in range(extent.y // TILE_PX, -(-extent.bottom // TILE_PX)):
        top, left = row * _CELLS - canvas.y // CELL_PX, columns[0] * _CELLS - canvas.x // CELL_PX
        rows = top - HALO_CELLS, top + _CELLS + HALO_CELLS
        across = left - HALO_CELLS, left + len(columns) * _CELLS + HALO_CELLS
        choice = Choice.of(surface, glitter, rows, across)
        corner = row * TILE_PX - extent.y, columns[0] * TILE_PX - extent.x
        for wanted in _portions(_needed(store, row, columns, choice)):
            mix(_read(store, row, columns[0], wanted), choice, corner, picture)
    return picture


def _needed(store: FrameStore, row: int, columns: range, choice: Choice) -> _Wanted:
    """For each tile of a band its place and the frames that count anywhere in it."""
    least, most = choice.reach()
    wanted = []
    for at, column in enumerate(columns):
        there = [index for index in store.frames if store.has(index, (row, column))]
        cells = slice(at * _CELLS, (at + 1) * _CELLS + 2 * HALO_CELLS)
        first, last = float(least[:, cells].min()), float(most[:, cells].max())
        some = [index for index in there if first <= index <= last]
        # Where the frames around the index do not reach, those that do count.
        if there:
            whole = some and all(store.fills(index, (row, column)) for index in some)
            wanted.append((at, some if whole else there))
    return wanted


def _portions(wanted: _Wanted) -> list[_Wanted]:
    """Tiles to be read together."""
    portions: list[_Wanted] = []
    records = _RECORDS_AT_A_TIME
    for at, indexes in wanted:
        if records + len(indexes) > _RECORDS_AT_A_TIME:
            portions.append([])
            records = 0
        portions[-1].append((at, indexes))
        records += len(indexes)
    return portions


def _read(store: FrameStore, row: int, left: int, wanted: _Wanted) -> Tiles:
    first = np.cumsum([0, *(len(indexes) for _, indexes in wanted)], dtype=np.int64)
    count, side = int(first[-1]), cell_side()
    pixels = np.empty((count, 3, TILE_PX, TILE_PX), store.dtype)
    codes = np.empty((count, 2, side, side), np.uint8)
    record = 0
    for at, indexes in wanted:
        for index in indexes:
            store.read(index, (row, left + at), pixels[record], codes[record])
            record += 1
    frames = np.array([index for _, indexes in wanted for index in indexes], np.float32)
    return Tiles(pixels, codes, frames, first, np.array([at for at, _ in wanted], np.int64))
