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
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stacker.frames import Image
from stacker.fusion.tiles import (
    TILE_PX,
    Cells,
    Counts,
    Cut,
    brightness,
    cell_side,
    choose_cut,
    grown_tiles,
    margins_of,
    tiles_of,
)
from stacker.fusion.window import Window
from stacker.loops.scratch import Scratch
from stacker.loops.workers import over_rows

__all__ = ["FrameStore"]

_SHARE_OF_FREE = 0.25
"""Of what is free on the disk when a run begins, this much may be used: results have to fit, too."""

_AT_ONCE = 256
"""Tiles that one call of the system reads at most: it takes 1024 places in memory, two a tile."""

_Offsets = np.ndarray[Any, np.dtype[np.int64]]
_Whole = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class _Kept:
    """Where the tiles of a frame are in the file."""

    tiles: Window  # in tiles
    offsets: _Offsets  # (rows, columns); -1 where nothing is kept
    whole: _Whole  # where the frame reaches all of the tile and its halo

    @classmethod
    def nothing(cls, tiles: Window) -> _Kept:
        shape = tiles.height, tiles.width
        return cls(tiles, np.full(shape, -1, np.int64), np.zeros(shape, np.bool_))

    def row(self, row: int, columns: range) -> tuple[_Offsets, _Whole]:
        """Offsets and completeness of the tiles of a row: -1 and False where nothing is kept."""
        offsets, whole = np.full(len(columns), -1, np.int64), np.zeros(len(columns), np.bool_)
        first = max(self.tiles.x, columns.start)
        behind = max(first, min(self.tiles.right, columns.stop))
        if self.tiles.y <= row < self.tiles.bottom:
            source = row - self.tiles.y, slice(first - self.tiles.x, behind - self.tiles.x)
            target = slice(first - columns.start, behind - columns.start)
            offsets[target], whole[target] = self.offsets[source], self.whole[source]
        return offsets, whole


@dataclass(frozen=True)
class _Places:
    """What was kept of each place so far, whatever the frame.

    Attributes
    ----------
    tiles : Window
        That they are, in tiles.
    best : ndarray of uint8, shape (rows, columns, T / 2, T / 2)
        Largest code.
    count, last : ndarray of int64, shape (rows, columns)
        Of how many frames, and of which one last.
    """

    tiles: Window
    best: Image
    count: Counts
    last: Counts

    @classmethod
    def nothing(cls, tiles: Window) -> _Places:
        shape = tiles.height, tiles.width
        best = grown_tiles(np.zeros((0, 0, 0, 0), np.uint8), Window(0, 0, 0, 0), tiles)
        return cls(tiles, best, np.zeros(shape, np.int64), np.zeros(shape, np.int64))

    def covering(self, tiles: Window) -> _Places:
        """With places for the tiles of a frame."""
        if not self.tiles.width:
            return _Places.nothing(tiles)
        after = self.tiles.union(tiles)
        if after == self.tiles:
            return self
        count, last = np.zeros((2, after.height, after.width), np.int64)
        inside = self.tiles.slices_in(after)
        count[inside], last[inside] = self.count, self.last
        return _Places(after, grown_tiles(self.best, self.tiles, after), count, last)


class _Buffers(threading.local):
    """Tiles of a band on their way to the file: memory of each thread, used again for every band."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype, self._scratch = dtype, Scratch()

    def tiles(self, count: int) -> tuple[Image, Image]:
        """Pixels and codes of so many tiles."""
        pixels = self._scratch.array("pixels", count, 3, TILE_PX, TILE_PX, dtype=self._dtype)
        side = cell_side()
        return pixels, self._scratch.array("codes", count, 2, side, side, dtype=np.dtype(np.uint8))


class FrameStore:
    """Tiles of registered frames, in a file without a name.

    Parameters
    ----------
    folder : Path or None
        Where the file is to be; the system's folder for temporary files by default.
    dtype : dtype
        Of the frames.
    cut : Cut, optional
        Cuts the tiles out; the fastest there is by default.

    Attributes
    ----------
    failure : str
        Why nothing is kept any more, in words for people; empty as long as all went well.
    """

    def __init__(self, folder: Path | None, dtype: np.dtype[Any], cut: Cut | None = None) -> None:
        self.dtype, self.failure = np.dtype(dtype), ""
        self._cut = choose_cut() if cut is None else cut
        self._frames: dict[int, _Kept] = {}
        self._places = _Places.nothing(Window(0, 0, 0, 0))
        self._scratch, self._own = Scratch(), _Buffers(self.dtype)
        self._appending = threading.Lock()
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

    @property
    def frames(self) -> tuple[int, ...]:
        """Indexes of the frames that were put in, in order."""
        return tuple(sorted(self._frames))

    def put(
        self,
        index: int,
        planes: Image,
        score: Image,
        luma: Image,
        gate: Image,
        window: Window,
        peak: Image,
    ) -> None:
        """Keep what may be needed of a frame; where that fails all are let go, and ``failure`` says so.

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
        peak : ndarray of float32, shape (h / 2, w / 2)
            Logarithm of the highest energy of detail over that of noise so far.
        """
        if self.failure:
            return
        kept = _Kept.nothing(tiles_of(window))
        self._places = self._places.covering(kept.tiles)
        bright = self._scratch.array("bright", *luma.shape, dtype=np.dtype(np.uint8))
        frame = Cells(score, brightness(luma, bright), gate)

        def bands(first: int, behind: int) -> None:
            for row in range(first, behind):
                self._put_band(index, row, planes, frame, window, peak, kept)

        try:
            over_rows(bands, kept.tiles.height, rows_together=1)
        except OSError as error:
            self._give_up(f"the scratch file could not be written: {error.strerror}")
            return
        self._frames[index] = kept

    def row(self, row: int, columns: range) -> tuple[_Offsets, _Whole]:
        """What is kept of a row of tiles.

        Parameters
        ----------
        row : int
            Of the tiles.
        columns : range
            Of the tiles, one after the other.

        Returns
        -------
        offsets : ndarray of int64, shape (frames, columns)
            What `read` takes, in the order of ``frames``; -1 where nothing is kept.
        whole : ndarray of bool, shape (frames, columns)
            Where the frame reaches all of a tile that is kept.
        """
        kept = [self._frames[index].row(row, columns) for index in self.frames]
        shape = len(kept), len(columns)
        offsets, whole = (np.array([each[part] for each in kept]).reshape(shape) for part in (0, 1))
        return offsets.astype(np.int64), whole.astype(np.bool_)

    def read(self, offsets: _Offsets, pixels: Image, codes: Image) -> None:
        """Read tiles that are kept.

        Parameters
        ----------
        offsets : ndarray of int64, shape (n,)
            From `row`. What lies side by side in the file is read at once.
        pixels : ndarray, shape (n, 3, T, T)
            Is filled.
        codes : ndarray of uint8, shape (n, 2, C, C)
            Is filled: score and reach, and brightness.

        Raises
        ------
        OSError
            When that fails.
        """
        assert self._file is not None, "nothing is kept after a failure"
        size = pixels[:1].nbytes + codes[:1].nbytes
        order = np.argsort(offsets)
        edges = np.flatnonzero(np.diff(offsets[order]) != size) + 1
        edges = np.union1d(edges, np.arange(_AT_ONCE, len(order), _AT_ONCE))
        for run in np.split(order, edges):
            parts = _records(run, pixels, codes)
            if os.preadv(self._file, parts, int(offsets[run[0]])) != size * len(run):
                raise OSError(errno.EIO, "it is shorter than what was written")

    def release(self) -> None:
        """Give memory back until the next frame; the file stays."""
        self._scratch.release()
        self._own = _Buffers(self.dtype)

    def _put_band(
        self, index: int, row: int, planes: Image, frame: Cells, window: Window, peak: Image, kept: _Kept
    ) -> None:
        """Keep a row of tiles."""
        here, at = self._places, kept.tiles.x - self._places.tiles.x
        band = kept.tiles.y + row - here.tiles.y, slice(at, at + kept.tiles.width)
        corner = (kept.tiles.y + row) * TILE_PX - window.y, kept.tiles.x * TILE_PX - window.x
        pixels, codes = self._own.tiles(kept.tiles.width)
        margins = margins_of(here.count[band], np.abs(index - here.last[band]), peak, corner)
        wanted, whole = self._cut(planes, frame, corner, margins, here.best[band], pixels, codes)
        kept.whole[row] = whole
        here.count[band] += wanted
        here.last[band][wanted] = index
        places = np.flatnonzero(wanted)
        if not places.size:
            return
        parts = _records(places, pixels, codes)
        size = pixels[0].nbytes + codes[0].nbytes
        kept.offsets[row, places] = self._append(parts, size * len(places)) + size * np.arange(len(places))

    def _append(self, parts: list[memoryview], size: int) -> int:
        """Write to the end of the file, from any thread; says where that was."""
        assert self._file is not None, "nothing is kept after a failure"
        with self._appending:
            at = self._used
            if at + size > self._budget:
                free = self._budget / _SHARE_OF_FREE / 1e9
                raise OSError(
                    errno.ENOSPC,
                    f"{len(self._frames)} frames have taken {at / 1e9:.1f} GB, "
                    f"and no more than a quarter of the {free:.1f} GB that were free may be used",
                )
            self._used += size
        if os.pwritev(self._file, parts, at) != size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return at

    def _give_up(self, why: str) -> None:
        self.failure = why
        self._frames.clear()
        self._places = _Places.nothing(Window(0, 0, 0, 0))
        self._used = 0
        if self._file is not None:
            self._close()
            self._file = None


def _records(places: _Offsets, pixels: Image, codes: Image) -> list[memoryview]:
    """The bytes of some tiles in the order of the file: of each its pixels and its codes.

    Cut from one view of each array, which takes a third of the time of asking NumPy for each of them.
    """
    whole = [(part.data.cast("B"), part[:1].nbytes) for part in (pixels, codes)]
    return [view[place * size : (place + 1) * size] for place in places.tolist() for view, size in whole]
