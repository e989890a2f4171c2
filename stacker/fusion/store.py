"""Keeps registered frames in a scratch file, so that finish() can look at parts of them once more.

A second decoding and warp of every frame would cost what the first did, and a live run cannot have one. The
file has no name: whatever ends the process, nothing is left behind. It is written and read, not mapped, so
that it is the system's cache that holds it, as far as there is memory for that, and not the process.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stacker.frames import Image
from stacker.fusion.scoring import OUTSIDE_GATE
from stacker.fusion.window import Window

__all__ = ["CELL_PX", "HALO_CELLS", "OUTSIDE", "RIM", "TILE_PX", "FrameStore", "Layout", "code_to_score"]

TILE_PX = 128
"""Side of the squares that frames are kept in. Smaller ones are nearer to what is needed, larger ones cost
fewer calls of the system; a tile of an 8-bit frame is 52 kB."""

CELL_PX = 2
"""Scores are kept for cells of this many pixels."""

HALO_CELLS = 1
"""Scores around a tile that are kept with it: weights are interpolated between cells."""

OUTSIDE, RIM = 0, 255
"""Codes of cells that a frame does not reach, and of those at its rim; others are scores."""

_LEAST_SCORE, _CODES_PER_SCORE = -24.0, 9.0
"""Code 1, and how many codes there are to 1: scores are logarithms of energy (0 to 12) less 4 times one of
brightness (8 to 22)."""

_BRIGHT_SIGMA = 0.75
"""Of the window over which brightness is averaged, in cells: as narrow as the discs of highlights that are a
little out of focus. 0.6 to 1 are within 0.2 dB on glints."""

_SHARE_OF_FREE = 0.25
"""Of what is free on the disk when a run begins, this much may be used: results have to fit, too."""

_KEPT_AT_A_TIME = 64
"""Tiles that are written together: 3 MB of an 8-bit frame. The system takes five times as long for a frame at
once."""


def code_to_score() -> tuple[float, float]:
    """Factor and offset from codes to scores; those of `OUTSIDE` and `RIM` mean nothing."""
    return 1 / _CODES_PER_SCORE, _LEAST_SCORE - 1 / _CODES_PER_SCORE


@dataclass(frozen=True)
class Layout:
    """What is kept of a tile, one behind the other: the pixels (3, T, T), the codes (2, C, C).

    Attributes
    ----------
    dtype : dtype
        Of the pixels.
    """

    dtype: np.dtype[Any]

    @property
    def code_side(self) -> int:
        """C: cells of a tile and its halo."""
        return TILE_PX // CELL_PX + 2 * HALO_CELLS

    @property
    def pixel_bytes(self) -> int:
        """Of the pixels of a tile."""
        return 3 * TILE_PX * TILE_PX * self.dtype.itemsize

    @property
    def record_bytes(self) -> int:
        """Of a tile; a multiple of 64, for the processor's sake."""
        return -(-(self.pixel_bytes + 2 * self.code_side**2) // 64) * 64

    def parts(self, record: Image) -> tuple[Image, Image]:
        """Pixels and codes in a record (bytes,): shapes (3, T, T) and (2, C, C)."""
        pixels = record[: self.pixel_bytes].view(self.dtype).reshape(3, TILE_PX, TILE_PX)
        codes = record[self.pixel_bytes : self.pixel_bytes + 2 * self.code_side**2]
        return pixels, codes.reshape(2, self.code_side, self.code_side)


@dataclass(frozen=True)
class _Kept:
    """Where the tiles of a frame are in the file."""

    tiles: Window  # in tiles
    offsets: np.ndarray[Any, np.dtype[np.int64]]  # (rows, columns); -1 where nothing is kept
    whole: np.ndarray[Any, np.dtype[np.bool_]]  # where the frame reaches all of the tile and its halo

    @classmethod
    def nothing(cls, tiles: Window) -> _Kept:
        shape = tiles.height, tiles.width
        return cls(tiles, np.full(shape, -1, np.int64), np.zeros(shape, np.bool_))

    def place(self, tile: tuple[int, int]) -> tuple[int, int] | None:
        """Row and column in the arrays."""
        row, column = tile[0] - self.tiles.y, tile[1] - self.tiles.x
        inside = 0 <= row < self.tiles.height and 0 <= column < self.tiles.width
        return (row, column) if inside else None


class FrameStore:
    """Tiles of registered frames, in a file without a name.

    Parameters
    ----------
    folder : Path or None
        Where the file is to be; the system's folder for temporary files by default.
    dtype : dtype
        Of the frames.

    Attributes
    ----------
    failure : str
        Why nothing is kept any more, in words for people; empty as long as all went well.
    """

    def __init__(self, folder: Path | None, dtype: np.dtype[Any]) -> None:
        self.layout = Layout(np.dtype(dtype))
        self.failure = ""
        self._frames: dict[int, _Kept] = {}
        self._file: int | None = None
        self._used = self._budget = 0
        where = Path(tempfile.gettempdir()) if folder is None else folder
        try:
            self._budget = int(_SHARE_OF_FREE * shutil.disk_usage(where).free)
            with tempfile.TemporaryFile(dir=where) as file:
                self._file = os.dup(file.fileno())
            self._close = weakref.finalize(self, os.close, self._file)
        except OSError as error:
            self._give_up(f"no scratch file in {where}: {error.strerror}")
        self._records = np.zeros((0, 0), np.uint8)

    @property
    def frames(self) -> tuple[int, ...]:
        """Indexes of the frames of which something is kept, in order."""
        return tuple(sorted(self._frames))

    @property
    def used_bytes(self) -> int:
        """Size of the file."""
        return self._used

    def put(self, index: int, planes: Image, score: Image, luma: Image, gate: Image, window: Window) -> None:
        """Keep a frame; where that fails all frames are let go, and ``failure`` says so.

        Parameters
        ----------
        index : int
            The frame's place in the stack.
        planes : ndarray, shape (3, h, w)
            The frame on the canvas.
        score : ndarray of float32, shape (h / 2, w / 2)
            How sharp it is; see `stacker.fusion.depth.DepthTracker.add`.
        luma : ndarray of float32, shape (h / 2, w / 2)
            How bright it is there, white at 255.
        gate : ndarray of uint8, shape (h / 2, w / 2)
            255 inside, less at the rim, `OUTSIDE_GATE` or less where the frame has nothing to say.
        window : Window
            Where it lies in the reference view; edges are even.
        """
        if self.failure:
            return
        kept = _Kept.nothing(_tiles_of(window))
        if self._records.shape[1] != self.layout.record_bytes:
            self._records = np.zeros((_KEPT_AT_A_TIME, self.layout.record_bytes), np.uint8)
        try:
            self._write(planes, np.stack([_coded(score, gate), _brightness(luma)]), window, kept)
        except OSError as error:
            self._give_up(f"the scratch file could not be written: {error.strerror}")
            return
        self._frames[index] = kept

    def has(self, index: int, tile: tuple[int, int]) -> bool:
        """Whether a tile (row, column) of a frame is kept."""
        kept = self._frames[index]
        place = kept.place(tile)
        return place is not None and bool(kept.offsets[place] >= 0)

    def fills(self, index: int, tile: tuple[int, int]) -> bool:
        """Whether the frame reaches all of a tile that is kept."""
        kept = self._frames[index]
        place = kept.place(tile)
        return place is not None and bool(kept.whole[place])

    def read(self, index: int, tile: tuple[int, int], pixels: Image, codes: Image) -> None:
        """Read a tile that is kept.

        Parameters
        ----------
        index : int
            Of the frame.
        tile : tuple of int
            Row and column.
        pixels : ndarray, shape (3, T, T)
            Is filled.
        codes : ndarray of uint8, shape (2, C, C)
            Is filled: score and reach, and brightness.

        Raises
        ------
        OSError
            When that fails.
        """
        assert self._file is not None, "nothing is kept after a failure"
        parts = [pixels.data.cast("B"), codes.data.cast("B")]
        kept = self._frames[index]
        place = kept.place(tile)
        assert place is not None, "has() comes first"
        if os.preadv(self._file, parts, int(kept.offsets[place])) != sum(map(len, parts)):
            raise OSError(0, "it is shorter than what was written")

    def release(self) -> None:
        """Give memory back until the next frame; the file stays."""
        self._records = np.zeros((0, 0), np.uint8)

    def _write(self, planes: Image, codes: Image, window: Window, kept: _Kept) -> None:
        waiting: list[tuple[int, int]] = []
        for place in np.ndindex(kept.offsets.shape):
            tile = kept.tiles.y + place[0], kept.tiles.x + place[1]
            reached = self._fill(self._records[len(waiting)], planes, codes, window, tile)
            kept.whole[place] = reached > 1
            if reached:
                waiting.append(place)
            if len(waiting) == _KEPT_AT_A_TIME:
                self._append(waiting, kept)
        self._append(waiting, kept)

    def _fill(self, record: Image, planes: Image, codes: Image, window: Window, tile: tuple[int, int]) -> int:
        """Put a tile of a frame into a record: 0 when the frame reaches nothing of it, 2 when all, else 1."""
        area = Window(tile[1] * TILE_PX, tile[0] * TILE_PX, TILE_PX, TILE_PX)
        halo = area.expanded(HALO_CELLS * CELL_PX)
        seen = halo.intersection(window)
        found = codes[:, *seen.slices_in(window, CELL_PX)]
        reached = found[0]
        if not reached.any():
            return 0
        pixels, to = self.layout.parts(record)
        if seen != halo:
            to[...] = OUTSIDE
        to[:, *seen.slices_in(halo, CELL_PX)] = found
        part = area.intersection(window)
        rows, columns = part.slices_in(area)
        from_rows, from_columns = part.slices_in(window)
        pixels[:, rows, columns] = planes[:, from_rows, from_columns]
        return 1 + int(seen == halo and reached.min() > OUTSIDE and reached.max() < RIM)

    def _append(self, waiting: list[tuple[int, int]], kept: _Kept) -> None:
        """Write what the records hold behind what is there."""
        assert self._file is not None, "nothing is kept after a failure"
        size = self.layout.record_bytes
        if self._used + len(waiting) * size > self._budget:
            free = self._budget / _SHARE_OF_FREE / 1e9
            raise OSError(
                errno.ENOSPC,
                f"{len(self._frames)} frames have taken {self._used / 1e9:.1f} GB, "
                f"and no more than a quarter of the {free:.1f} GB that were free may be used",
            )
        for at, place in enumerate(waiting):
            kept.offsets[place] = self._used + at * size
        view = self._records[: len(waiting)].reshape(-1).data
        while view:
            count = os.pwrite(self._file, view, self._used)
            self._used, view = self._used + count, view[count:]
        waiting.clear()

    def _give_up(self, why: str) -> None:
        self.failure = why
        self._frames.clear()
        self._used = 0
        if self._file is not None:
            self._close()
            self._file = None


def _tiles_of(window: Window) -> Window:
    """The tiles that a window touches, in tiles."""
    left, top = window.x // TILE_PX, window.y // TILE_PX
    return Window(left, top, -(-window.right // TILE_PX) - left, -(-window.bottom // TILE_PX) - top)


def _coded(score: Image, gate: Image) -> Image:
    """Score and reach in a byte."""
    held: Image = np.maximum(score, np.float32(_LEAST_SCORE))
    codes: Image = cv2.convertScaleAbs(held, alpha=_CODES_PER_SCORE, beta=1 - _LEAST_SCORE * _CODES_PER_SCORE)
    np.minimum(codes, np.uint8(RIM - 1), out=codes)
    inside, rim = np.zeros((2, 256), np.uint8)
    inside[255], rim[OUTSIDE_GATE + 1 : 255] = 255, RIM
    cv2.bitwise_and(codes, cv2.LUT(gate, inside), codes)
    return np.asarray(cv2.bitwise_or(codes, cv2.LUT(gate, rim), codes))


def _brightness(luma: Image) -> Image:
    """Luma around each cell in a byte."""
    return cv2.convertScaleAbs(cv2.GaussianBlur(luma, (3, 3), _BRIGHT_SIGMA))
