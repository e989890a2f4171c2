"""Tiles of several frames mixed by depth: the compiled loop, and the same in NumPy and OpenCV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from stacker.focus.measure import CELL_PX
from stacker.frames import Image
from stacker.fusion.depth_choice import NEGLIGIBLE, POWER, RIM_LOG, Choice
from stacker.fusion.scoring import OUTSIDE_LOG
from stacker.fusion.stages import SourceCode
from stacker.fusion.tiles import HALO_CELLS, OUTSIDE, RIM, TILE_PX, code_to_score
from stacker.loops.workers import by_loops, in_samples, run_rows

__all__ = ["Mix", "Tiles", "choose_mix", "mix_by_loop", "mix_plainly"]

_CELLS = TILE_PX // CELL_PX

_NONE: Image = np.zeros((0, 0), np.float32)
"""Stands for an array of zeros."""


@dataclass(frozen=True)
class Tiles:
    """What was kept of some tiles that lie side by side.

    Attributes
    ----------
    pixels : ndarray, shape (n, 3, T, T)
        Records, one tile after the other.
    codes : ndarray of uint8, shape (n, 2, C, C)
        Score and reach of their cells, and their brightness, with a halo.
    indexes : ndarray of float32, shape (n,)
        Of the frames.
    first : ndarray of int64, shape (m + 1,)
        First record of each tile, and the number of all.
    columns : ndarray of int64, shape (m,)
        Where the tiles lie in their band, in tiles.
    """

    pixels: Image
    codes: Image
    indexes: Image
    first: np.ndarray[Any, np.dtype[np.int64]]
    columns: np.ndarray[Any, np.dtype[np.int64]]


class Mix(Protocol):
    """Puts the mean of tiles by their weights into a picture."""

    def __call__(self, tiles: Tiles, choice: Choice, corner: tuple[int, int], out: Image) -> None:
        """Mix.

        Parameters
        ----------
        tiles : Tiles
            At least one record of each.
        choice : Choice
            Of the cells of the whole band, with a halo on all sides.
        corner : tuple of int
            Row and column of the band in ``out``; what lies beyond its edges is left out.
        out : ndarray, shape (H, W, 3)
            In the frames' type.
        """


def choose_mix(compiled: bool | None = None) -> Mix:
    """The compiled loop where numba is installed, else the plain one; or as asked."""
    return mix_by_loop if by_loops(compiled) else mix_plainly


def mix_by_loop(tiles: Tiles, choice: Choice, corner: tuple[int, int], out: Image) -> None:
    """See `Mix`."""
    from stacker.fusion.compiled_mix import mix_tiles

    per_code, first = code_to_score()
    cells = tiles.codes.shape[2]
    run_rows(
        mix_tiles,
        tiles.columns.size,
        tiles.pixels,
        tiles.codes.reshape(*tiles.codes.shape[:2], -1),
        tiles.indexes,
        tiles.first,
        tiles.columns,
        choice.near,
        choice.far,
        choice.edge * np.float32(POWER) if choice.edged else _NONE,
        choice.per_width,
        choice.glare if choice.glaring else _NONE,
        np.array([per_code, first, OUTSIDE_LOG, RIM_LOG], np.float32),
        np.float32(NEGLIGIBLE),
        SourceCode.of(out.dtype).vector(),
        *corner,
        in_samples(out),
        room=(int(np.diff(tiles.first).max()) + 7) * cells * (cells + 1) + 5 * TILE_PX,
        rows_together=1,
    )


def mix_plainly(tiles: Tiles, choice: Choice, corner: tuple[int, int], out: Image) -> None:
    """See `Mix`."""
    for at, column in enumerate(tiles.columns):
        records = slice(int(tiles.first[at]), int(tiles.first[at + 1]))
        cells = slice(int(column) * _CELLS, (int(column) + 1) * _CELLS + 2 * HALO_CELLS)
        tile = _mixed(
            tiles.pixels[records],
            tiles.codes[records],
            tiles.indexes[records],
            choice.part((slice(None), cells)),
        )
        y, x = corner[0], corner[1] + int(column) * TILE_PX
        rows = slice(max(0, -y), max(0, min(TILE_PX, out.shape[0] - y)))
        across = slice(max(0, -x), max(0, min(TILE_PX, out.shape[1] - x)))
        found = SourceCode.of(out.dtype).stored(tile[:, rows, across].transpose(1, 2, 0))
        out[y + rows.start : y + rows.stop, x + across.start : x + across.stop] = found


def _mixed(pixels: Image, codes: Image, indexes: Image, choice: Choice) -> Image:
    """Mean of the records of a tile: float32, shape (3, T, T), in units of the samples."""
    weights = np.stack([_log_weight(*frame, choice) for frame in zip(codes, indexes, strict=True)])
    weights -= weights.max(axis=0)
    weights = np.where(weights > -NEGLIGIBLE, np.exp(weights), np.float32(0))
    weights /= weights.sum(axis=0)
    total = np.zeros(pixels.shape[1:], np.float32)
    side = CELL_PX * codes.shape[2]
    inner = slice(CELL_PX * HALO_CELLS, side - CELL_PX * HALO_CELLS)
    for planes, weight in zip(pixels, weights, strict=True):
        wide = cv2.resize(weight, (side, side), interpolation=cv2.INTER_LINEAR)[inner, inner]
        total += wide * planes
    return total


def _log_weight(codes: Image, index: float, choice: Choice) -> Image:
    per_code, first = code_to_score()
    score = codes[0].astype(np.float32) * np.float32(per_code) + np.float32(first)
    weight = choice.log_weight(index, score, codes[1])
    weight[codes[0] == OUTSIDE] += np.float32(OUTSIDE_LOG)
    weight[codes[0] == RIM] += np.float32(RIM_LOG)
    return weight
