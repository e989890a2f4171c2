"""The squares in which frames are kept: what of a frame is worth keeping, and how it is coded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from stacker.focus.measure import CELL_PX
from stacker.frames import Image
from stacker.fusion.history import CRISP
from stacker.fusion.scoring import OUTSIDE_GATE
from stacker.fusion.window import Window
from stacker.loops.scratch import blank
from stacker.loops.workers import by_loops, over_rows, run_rows

__all__ = [
    "HALO_CELLS",
    "OUTSIDE",
    "RIM",
    "TILE_PX",
    "Cells",
    "Counts",
    "Cut",
    "brightness",
    "cell_side",
    "choose_cut",
    "code_to_score",
    "cut_by_loop",
    "cut_plainly",
    "grown_tiles",
    "margins_of",
    "tiles_of",
]

TILE_PX = 128
"""Side of the squares that frames are kept in. Smaller ones are nearer to what is needed, larger ones cost
fewer calls of the system; a tile of an 8-bit frame is 52 kB."""

HALO_CELLS = 1
"""Scores around a tile that are kept with it: weights are interpolated between cells."""

OUTSIDE, RIM = 0, 255
"""Codes of cells that a frame does not reach, and of those at its rim; others are scores."""

_STRIP_CELLS = 32
"""Rows that are blurred together: what is between stays in the processor's cache."""

_LEAST_SCORE, _CODES_PER_SCORE = -24.0, 9.0
"""Code 1, and how many codes there are to 1: scores are logarithms of energy (0 to 12) less 4 times one of
brightness (8 to 22)."""

_BRIGHT_SIGMA = 0.75
"""Of the window over which brightness is averaged, in cells: as narrow as the discs of highlights that are a
little out of focus. 0.6 to 1 are within 0.2 dB on glints."""

_MARGIN, _BETTER = 9, -1
"""Codes by which a cell may be less sharp than in the sharpest frame so far: one by a factor of e squared in
energy is farther from the index than what is mixed. And where it has to be sharper, see `margins_of`."""

_MANY = 16
"""Tiles of a place that are kept before frames have to be twice as far apart, and so on."""

_FARTHEST = 10
"""Logarithm (base 2) of the frames that are ever so far apart."""

_ENOUGH = 40
"""Cells of a tile's 4096 that make it worth keeping: fewer are chance."""

Counts = np.ndarray[Any, np.dtype[np.int64]]
_Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Cells:
    """What is known of a frame cell by cell.

    Attributes
    ----------
    score : ndarray of float32, shape (h, w)
        How sharp it is; see `stacker.fusion.depth.DepthTracker.add`.
    bright : ndarray of uint8, shape (h, w)
        How bright it is; see `brightness`.
    gate : ndarray of uint8, shape (h, w)
        255 inside, less at the rim, `OUTSIDE_GATE` or less where the frame has nothing to say.
    """

    score: Image
    bright: Image
    gate: Image


def brightness(luma: Image, out: Image | None = None) -> Image:
    """Luma (white at 255) around each cell in a byte."""
    height = len(luma)
    bright: Image = np.empty(luma.shape, np.uint8) if out is None else out

    def strips(first: int, behind: int) -> None:
        for top in range(first, behind, _STRIP_CELLS):
            bottom = min(behind, top + _STRIP_CELLS)
            above, below = max(0, top - 1), min(height, bottom + 1)
            blurred = cv2.GaussianBlur(luma[above:below], (3, 3), _BRIGHT_SIGMA)
            cv2.convertScaleAbs(blurred[top - above : bottom - above], bright[top:bottom])

    over_rows(strips, height)
    return bright


class Cut(Protocol):
    """Cuts a row of tiles out of a frame."""

    def __call__(
        self,
        planes: Image,
        frame: Cells,
        corner: tuple[int, int],
        margins: Counts,
        best: Image,
        pixels: Image,
        codes: Image,
    ) -> tuple[_Mask, _Mask]:
        """Cut.

        A tile is worth keeping when enough of it is nearly as sharp as in the sharpest frame so far, or when
        any of it was never reached. The others will not be used, whatever comes: where all is noise, frames
        are alike, and are kept.

        Parameters
        ----------
        planes : ndarray, shape (3, h, w)
            The frame on the canvas.
        frame : Cells
            What else is known of it.
        corner : tuple of int
            Row and column of the first tile in ``planes``; even, and tiles may lie partly beyond.
        margins : ndarray of int64, shape (n,)
            How much lower than the largest code so far is nearly as sharp.
        best : ndarray of uint8, shape (n, T / 2, T / 2)
            Largest code of any frame so far; is updated.
        pixels, codes : ndarray, shapes (n, 3, T, T) and (n, 2, C, C)
            Are filled where a tile is worth keeping. Beyond the frame codes are 0, and pixels go on as they
            end: shares change smoothly between cells, and would let black in.

        Returns
        -------
        tuple of ndarray of bool, shape (n,)
            Which tiles are worth keeping, and which are reached wholly, halo and all.
        """


def cell_side() -> int:
    """Cells along the side of a tile and its halo."""
    return TILE_PX // CELL_PX + 2 * HALO_CELLS


def code_to_score() -> tuple[float, float]:
    """Factor and offset from codes to scores; those of `OUTSIDE` and `RIM` mean nothing."""
    return 1 / _CODES_PER_SCORE, _LEAST_SCORE - 1 / _CODES_PER_SCORE


def tiles_of(window: Window) -> Window:
    """The tiles that a window touches, in tiles."""
    left, top = window.x // TILE_PX, window.y // TILE_PX
    return Window(left, top, -(-window.right // TILE_PX) - left, -(-window.bottom // TILE_PX) - top)


def grown_tiles(best: Image, before: Window, after: Window) -> Image:
    """What is known of tiles (rows, columns, T / 2, T / 2) for more of them."""
    side = TILE_PX // CELL_PX
    larger = blank((after.height, after.width, side, side), np.dtype(np.uint8))
    if before.width:
        larger[before.slices_in(after)] = best
    return larger


def margins_of(kept: Counts, steps: Counts, peak: Image, corner: tuple[int, int]) -> Counts:
    """By how many codes cells of a row of tiles may be less sharp than in the sharpest frame so far.

    In a deep stack most frames that are kept show blur that is as sharp as any before the plane of focus gets
    there, and of a place without texture no more is ever known. Of many such frames a few will do, unless
    they are sharper than all before. Where there has been crisp detail all are kept that are as sharp: there
    may be more behind it, to be seen in fewer frames than would be skipped.

    Parameters
    ----------
    kept : ndarray of int64, shape (n,)
        How many frames are kept of each tile.
    steps : ndarray of int64, shape (n,)
        By how many frames this one is away from the last one that was kept.
    peak : ndarray of float32, shape (h / 2, w / 2)
        Logarithm of the highest energy of detail over that of noise so far, over the frame.
    corner : tuple of int
        Of the first tile; see `Cut`.
    """
    margins = np.full(len(kept), _MARGIN, np.int64)
    crowded = steps < 1 << np.minimum(kept // _MANY, _FARTHEST)
    if crowded.any():
        margins[crowded & _dull(peak, corner, len(kept))] = _BETTER
    return margins


def _dull(peak: Image, corner: tuple[int, int], count: int) -> _Mask:
    """Which tiles of a row have shown no crisp detail so far."""
    side = TILE_PX // CELL_PX
    top, left = corner[0] // CELL_PX, corner[1] // CELL_PX
    crisp = np.zeros(count * side, np.uint8)
    of_row = (peak[max(0, top) : top + side] > np.float32(CRISP)).view(np.uint8)
    np.sum(of_row, axis=0, dtype=np.uint8, out=crisp[-left : peak.shape[1] - left])
    return np.asarray(crisp.reshape(count, side).sum(axis=1) < _ENOUGH)


def choose_cut(compiled: bool | None = None) -> Cut:
    """The compiled loop where numba is installed, else the plain one; or as asked."""
    return cut_by_loop if by_loops(compiled) else cut_plainly


def cut_by_loop(
    planes: Image,
    frame: Cells,
    corner: tuple[int, int],
    margins: Counts,
    best: Image,
    pixels: Image,
    codes: Image,
) -> tuple[_Mask, _Mask]:
    """See `Cut`."""
    from stacker.fusion.compiled_tiles import keep_tiles

    found = np.zeros((len(best), 3), np.int64)
    offset = 1.5 - _LEAST_SCORE * _CODES_PER_SCORE  # rounded by cutting the fraction off
    run_rows(
        keep_tiles,
        len(best),
        planes,
        frame.score,
        frame.bright,
        frame.gate,
        *corner,
        np.array([_CODES_PER_SCORE, offset], np.float32),
        margins,
        _ENOUGH,
        best,
        pixels,
        codes,
        found,
        room=frame.score.shape[1] // 4 + 1,
        rows_together=len(best),  # a band for each thread
    )
    return _worth(found[:, 0], found[:, 1], found[:, 2])


def cut_plainly(
    planes: Image,
    frame: Cells,
    corner: tuple[int, int],
    margins: Counts,
    best: Image,
    pixels: Image,
    codes: Image,
) -> tuple[_Mask, _Mask]:
    """See `Cut`."""
    window = Window(0, 0, planes.shape[2], planes.shape[1])
    coded = np.stack([_coded(frame.score, frame.gate), frame.bright])
    reach, good, new = np.zeros((3, len(best)), np.int64)
    for at in range(len(best)):
        area = Window(corner[1] + at * TILE_PX, corner[0], TILE_PX, TILE_PX)
        halo = area.expanded(HALO_CELLS * CELL_PX)
        seen = halo.intersection(window)
        codes[at] = OUTSIDE
        codes[at][:, *seen.slices_in(halo, CELL_PX)] = coded[:, *seen.slices_in(window, CELL_PX)]
        inner = codes[at, 0, HALO_CELLS:-HALO_CELLS, HALO_CELLS:-HALO_CELLS]
        scored = (inner > OUTSIDE) & (inner < RIM)
        reached = codes[at, 0]
        reach[at] = 2 if reached.min() > OUTSIDE and reached.max() < RIM else int(reached.any())
        good[at] = (scored & (inner.astype(np.int64) + margins[at] >= best[at])).sum()
        new[at] = ((inner > OUTSIDE) & (best[at] == 0)).sum()
        best[at] = np.maximum(best[at], np.where(inner == RIM, np.uint8(1), inner))
        rows = np.clip(np.arange(area.y, area.bottom), 0, window.height - 1)
        columns = np.clip(np.arange(area.x, area.right), 0, window.width - 1)
        pixels[at] = planes[:, rows[:, None], columns]
    return _worth(reach, good, new)


def _worth(reach: Image, good: Image, new: Image) -> tuple[_Mask, _Mask]:
    return (reach > 0) & ((good >= _ENOUGH) | (new > 0)), reach > 1


def _coded(score: Image, gate: Image) -> Image:
    """Score and reach in a byte."""
    codes = np.clip(
        score * np.float32(_CODES_PER_SCORE) + np.float32(1.5 - _LEAST_SCORE * _CODES_PER_SCORE), 1, 254
    )
    rim = np.where(gate > OUTSIDE_GATE, np.uint8(RIM), np.uint8(OUTSIDE))
    return np.asarray(np.where(gate == 255, codes.astype(np.uint8), rim))
