"""The mosaic of a sensor: which pixels have one colour, and how a pixel is mended from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from stacker.frames import Image

__all__ = ["MARGIN_PX", "Mosaic", "mend"]

MARGIN_PX = 12
"""Pixels at the rim are neither looked at nor mended: they, or those beside them, have neighbours on one side
only. Twice the longest period."""

_NEIGHBOURS = 8
_PERIODS = (2, 6)
"""Of Bayer's pattern and of Fujifilm's X-Trans."""

_SECOND_GREEN = 3


@dataclass(frozen=True)
class Mosaic:
    """The pattern of colours on a sensor.

    Attributes
    ----------
    tile : tuple of tuples of int
        What repeats: colours by row and column, both greens alike.
    """

    tile: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, colours: Image) -> Mosaic | None:
        """From LibRaw's colours by pixel; None where they do not repeat as in a pattern that is known."""
        corner = np.array(colours[:12, :12])
        corner[corner == _SECOND_GREEN] = 1
        for period in _PERIODS:
            tile = corner[:period, :period]
            repeats = -(-np.array(corner.shape) // period)
            if (np.tile(tile, repeats)[: corner.shape[0], : corner.shape[1]] == corner).all():
                return cls(tuple(tuple(int(colour) for colour in row) for row in tile))
        return None

    @property
    def period(self) -> int:
        """Rows and columns after which it repeats."""
        return len(self.tile)

    def neighbours(self, rows: Image, columns: Image) -> tuple[Image, Image]:
        """The eight nearest pixels of the same colour: rows and columns, shape (n, 8) each.

        Opposite ones stand side by side: 0 and 1, 2 and 3, and so on.
        """
        table = _table(self)
        offsets = table[rows % self.period, columns % self.period]
        return rows[:, None] + offsets[..., 0], columns[:, None] + offsets[..., 1]

    def offsets(self, row: int, column: int) -> Image:
        """Of one place of the tile, the way to the neighbours: (8, 2)."""
        return np.asarray(_table(self)[row % self.period, column % self.period])


@lru_cache(maxsize=8)
def _table(mosaic: Mosaic) -> Image:
    """By place in the tile the way to the eight neighbours, in opposite pairs: (period, period, 8, 2)."""
    period, tile = mosaic.period, np.array(mosaic.tile)
    reach = range(-period, period + 1)
    ways = sorted(
        ((y, x) for y in reach for x in reach if (y, x) > (0, 0)), key=lambda way: way[0] ** 2 + way[1] ** 2
    )
    table = np.zeros((period, period, _NEIGHBOURS, 2), int)
    for row in range(period):
        for column in range(period):
            pairs = [
                way
                for way in ways
                if tile[(row + way[0]) % period, (column + way[1]) % period]
                == tile[(row - way[0]) % period, (column - way[1]) % period]
                == tile[row, column]
            ]
            found = [end for y, x in pairs for end in ((y, x), (-y, -x))]
            table[row, column] = found[:_NEIGHBOURS]
    return table


def mend(counts: Image, colours: Image, defects: Sequence[int]) -> None:
    """Replace pixels by what is beside them, along the direction in which their colour changes least.

    Parameters
    ----------
    counts : ndarray of uint16, shape (h, w)
        What the sensor counted; written to.
    colours : ndarray, shape (h, w)
        LibRaw's colour of each pixel.
    defects : sequence of int
        Row × width + column, none closer to the rim than `MARGIN_PX`.
    """
    mosaic = Mosaic.of(colours)
    if mosaic is None:
        return
    width = counts.shape[1]
    bad = np.asarray(defects, np.int64)
    rows, columns = np.divmod(bad, width)
    near_rows, near_columns = mosaic.neighbours(rows, columns)
    values = counts[near_rows, near_columns].astype(np.float64)
    sound = ~np.isin(near_rows * width + near_columns, bad)
    one, other = values[:, ::2], values[:, 1::2]
    change = np.abs(one - other) + _across(counts, rows, columns, near_rows, near_columns)
    change[~(sound[:, ::2] & sound[:, 1::2])] = np.inf
    best = np.argmin(change, axis=1)
    along = np.arange(len(bad))
    mended = (one[along, best] + other[along, best]) / 2
    # Amid other defects no pair is whole: then whatever is sound.
    alone = ~np.isfinite(change[along, best])
    if alone.any():
        some = np.where(sound[alone], values[alone], np.nan)
        some[~sound[alone].any(axis=1)] = values[alone][~sound[alone].any(axis=1)]
        mended[alone] = np.nanmedian(some, axis=1)
    counts[rows, columns] = np.rint(mended).astype(counts.dtype)


def _across(counts: Image, rows: Image, columns: Image, near_rows: Image, near_columns: Image) -> Image:
    """What speaks against a direction: a line across it, seen in the pixels beside, which have other colours.

    Parameters
    ----------
    counts : ndarray, shape (h, w)
        What the sensor counted.
    rows, columns : ndarray, shape (n,)
        The pixels.
    near_rows, near_columns : ndarray, shape (n, 8)
        Their neighbours.

    Returns
    -------
    ndarray, shape (n, 4)
        Differences, to be added to those within the pairs. Two pixels away Bayer's pattern repeats; X-Trans
        has other colours there, which speak against all directions alike.
    """

    def seen(y: int, x: int) -> Image:
        return np.asarray(counts[rows + y, columns + x], np.float64)

    # A line that goes down is seen in the pixels above and below, beside their own likes.
    upright = np.abs(2 * (seen(1, 0) + seen(-1, 0)) - sum(seen(y, x) for y in (-1, 1) for x in (-2, 2))) / 4
    level = np.abs(2 * (seen(0, 1) + seen(0, -1)) - sum(seen(y, x) for y in (-2, 2) for x in (-1, 1))) / 4
    beside = near_rows[:, ::2] == rows[:, None]
    above = near_columns[:, ::2] == columns[:, None]
    return np.where(beside, upright[:, None], np.where(above, level[:, None], (upright + level)[:, None]))
