"""Finds pixels of the sensor that count wrong, in the frames themselves.

A hot pixel stands out from its neighbours of the same colour in every frame, at the same place of the sensor.
Nothing of the subject does: in a focus stack it is out of focus in most frames, and mostly it moves as well.
Where it does stay and stays sharp, the lens still spreads its light over the pixels beside, which have other
colours; a hot pixel is alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from stacker.errors import UserError
from stacker.frames import Image
from stacker.io.development import SensorLevels
from stacker.io.raw_mosaic import MARGIN_PX, Mosaic

__all__ = ["FEWEST_FRAMES", "LOOKED_AT", "hot_in_dark", "wrong_pixels"]

FEWEST_FRAMES = 3
"""Noise lifts a pixel above its eight neighbours in one frame of nine, above three times its own size on
average in three frames once in some 10⁹."""

LOOKED_AT = 9
"""Frames that are looked at, spread over the stack: more find no more."""

_DENSE = 2
"""Frames in which every pixel is looked at; the others are asked about those that stood out there."""

_STANDS_OUT = 3.0
"""By how much beyond the brightest (or darkest) neighbour, in noise, on average over the frames."""

_ALONE = 0.12
"""Share of a pixel's own excess that the pixels beside it may have. The sharpest real point, a Gaussian of
0.6 px, gives a quarter to each."""

_FULL = 0.9
"""Of white: from there on nothing can stand out."""

_DARK_NOISE = 6.0
"""Noise above black: below, nothing can stand out downward."""

_QUARTILE = 0.3186
"""Of the magnitude of a Gaussian of deviation 1: a quarter is smaller. Texture makes the larger ones."""

_LEVELS = 12
_STRIP_ROWS = 192
_LARGE_PX, _SPARSE, _CLOSE = 600, 7, 3
"""The noise of a frame larger than 600 px is told by every 7th pixel, of a smaller one by every 3rd: odd
numbers, so that all colours are among them."""

_HOT_IN_DARK = 10.0
"""Noise above the dark frame's median."""

_DARK_SHARE, _HOT_SHARE = 0.02, 0.01
"""Of white: as bright as a dark frame may be on the whole; and how many of its pixels may be hot."""


def wrong_pixels(frames: Iterable[tuple[Image, Image]], levels: SensorLevels) -> tuple[int, ...]:
    """Find hot and dead pixels.

    Parameters
    ----------
    frames : iterable of (ndarray of uint16, ndarray)
        Of some frames of a stack what the sensor counted and LibRaw's colours, (h, w) each.
    levels : SensorLevels
        Of the body.

    Returns
    -------
    tuple of int
        Row × width + column, ascending; empty when there are fewer frames than `FEWEST_FRAMES`.
    """
    search: _Search | None = None
    for counts, colours in frames:
        if search is None:
            mosaic = Mosaic.of(colours)
            if mosaic is None:
                return ()
            search = _Search(mosaic, levels)
        search.look(counts)
    return () if search is None else search.found()


def hot_in_dark(counts: Image, levels: SensorLevels, name: str) -> tuple[int, ...]:
    """Hot pixels of a frame that was taken with the lens capped.

    It is not subtracted: one frame's noise would be added to all.

    Raises
    ------
    UserError
        When it is not dark.
    """
    black, white = float(np.mean(levels.black)), float(levels.white)
    inner = counts[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX].astype(np.float32)
    middle = float(np.median(inner))
    noise = max(1.0, 1.4826 * float(np.median(np.abs(inner - middle))))
    hot = inner > middle + _HOT_IN_DARK * noise
    if middle - black > _DARK_SHARE * (white - black) or hot.mean() > _HOT_SHARE:
        raise UserError(
            f"{name} is no dark frame: it is {100 * (middle - black) / (white - black):.1f} % of white, and "
            f"{100 * hot.mean():.1f} % of its pixels stand out; take it with the lens capped, as long as the "
            "others"
        )
    rows, columns = np.nonzero(hot)
    return tuple(int(at) for at in (rows + MARGIN_PX) * counts.shape[1] + columns + MARGIN_PX)


@dataclass
class _Tally:
    """What is known of the candidates so far, one value each."""

    least: Image
    total: Image
    seen: Image
    excess: Image
    beside: Image

    @classmethod
    def empty(cls, count: int) -> _Tally:
        return cls(np.full(count, np.inf), *(np.zeros(count) for _ in range(4)))


class _Search:
    def __init__(self, mosaic: Mosaic, levels: SensorLevels) -> None:
        self._mosaic, self._levels = mosaic, levels
        self._black = float(np.mean(levels.black))
        self._white = float(levels.white)
        self._kept: list[Image] = []
        self._places = np.zeros((0, 2), int)
        self._hot = _Tally.empty(0)
        self._dead = _Tally.empty(0)
        self._frames = 0

    def look(self, counts: Image) -> None:
        """Look at a frame; the first ones are kept until the places to ask about are known."""
        self._frames += 1
        if len(self._kept) < _DENSE and len(self._places) == 0:
            self._kept.append(np.array(counts))
            if len(self._kept) < _DENSE:
                return
            self._begin()
            return
        self._ask(counts)

    def found(self) -> tuple[int, ...]:
        if self._frames < FEWEST_FRAMES or not len(self._places):
            return ()
        wrong = np.zeros(len(self._places), bool)
        for tally in (self._hot, self._dead):
            seen = np.maximum(tally.seen, 1)
            alone = np.abs(tally.beside) < _ALONE * np.abs(tally.excess)
            wrong |= (
                (tally.seen >= FEWEST_FRAMES)
                & (tally.least > 0)
                & (tally.total / seen > _STANDS_OUT)
                & (alone | (self._mosaic.period > 2))
            )
        rows, columns = self._places[wrong].T
        return tuple(sorted(int(at) for at in rows * self._levels.size_px[0] + columns))

    def _begin(self) -> None:
        places = [_standing_out(counts, self._mosaic, _Noise(counts, self._mosaic)) for counts in self._kept]
        self._places = np.unique(np.concatenate(places), axis=0)
        self._hot, self._dead = (_Tally.empty(len(self._places)) for _ in range(2))
        kept, self._kept = self._kept, []
        for counts in kept:
            self._ask(counts)

    def _ask(self, counts: Image) -> None:
        if not len(self._places):
            return
        rows, columns = self._places.T
        noise = _Noise(counts, self._mosaic)
        own = counts[rows, columns].astype(np.float64)
        near = counts[self._mosaic.neighbours(rows, columns)].astype(np.float64)
        excess, beside = own - near.mean(axis=1), self._beside(counts, rows, columns)
        top, bottom = near.max(axis=1), near.min(axis=1)
        self._add(self._hot, (own - top) / noise.at(top), top < _FULL * self._white, excess, beside)
        bright = bottom - self._black > _DARK_NOISE * noise.at(bottom)
        self._add(self._dead, (bottom - own) / noise.at(bottom), bright, excess, beside)

    def _add(self, tally: _Tally, margin: Image, tells: Image, excess: Image, beside: Image) -> None:
        tally.least = np.where(tells, np.minimum(tally.least, margin), tally.least)
        tally.total += np.where(tells, margin, 0.0)
        tally.seen += tells
        tally.excess += np.where(tells, excess, 0.0)
        tally.beside += np.where(tells, beside, 0.0)

    def _beside(self, counts: Image, rows: Image, columns: Image) -> Image:
        """The middle excess of the four pixels beside, on the scale of the pixel's own colour.

        Each is compared with its like at both sides, two pixels away (Bayer's pattern has them there).
        """
        tile = np.array(self._mosaic.tile)
        factors = np.array(self._levels.multipliers)[tile]
        period = self._mosaic.period
        found = []
        for y, x in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            at = counts[rows + y, columns + x].astype(np.float64)
            across = [
                counts[rows + y + 2 * side * (x != 0), columns + x + 2 * side * (y != 0)] for side in (-1, 1)
            ]
            factor = factors[(rows + y) % period, (columns + x) % period]
            found.append((at - (across[0].astype(np.float64) + across[1]) / 2) * factor)
        own = factors[rows % period, columns % period]
        return np.asarray(np.median(found, axis=0) / own)


class _Noise:
    """Noise of a frame by brightness, from the calmer half of what differs from its neighbours."""

    def __init__(self, counts: Image, mosaic: Mosaic) -> None:
        step = _SPARSE if min(counts.shape) > _LARGE_PX else _CLOSE
        places = (slice(MARGIN_PX, size - MARGIN_PX, step) for size in counts.shape)
        rows, columns = np.mgrid[tuple(places)].reshape(2, -1)
        near = counts[mosaic.neighbours(rows, columns)].astype(np.float32)
        mean = near.mean(axis=1)
        differs = np.abs(counts[rows, columns] - mean) / np.sqrt(1 + 1 / near.shape[1])
        edges = np.quantile(mean, np.linspace(0, 1, _LEVELS + 1))
        bins = np.clip(np.searchsorted(edges, mean, "right") - 1, 0, _LEVELS - 1)
        self._levels, self._sigmas = [], []
        for level in range(_LEVELS):
            inside = bins == level
            if inside.sum() >= _LEVELS:
                self._levels.append(float(mean[inside].mean()))
                self._sigmas.append(max(1.0, float(np.quantile(differs[inside], 0.25)) / _QUARTILE))

    def at(self, values: Image) -> Image:
        """Standard deviation at values of the sensor."""
        return np.asarray(np.interp(values, self._levels, self._sigmas))


def _standing_out(counts: Image, mosaic: Mosaic, noise: _Noise) -> Image:
    """Places (n, 2) beyond all their neighbours by some noise, up or down."""
    found = []
    height = counts.shape[0]
    for row in range(mosaic.period):
        for column in range(mosaic.period):
            offsets = mosaic.offsets(row, column)
            first = MARGIN_PX + row, MARGIN_PX + column  # the margin is a whole number of tiles
            for top in range(first[0], height - MARGIN_PX, _STRIP_ROWS):
                bottom = min(top + _STRIP_ROWS, height - MARGIN_PX)
                found.append(_in_strip(counts, offsets, mosaic.period, (top, bottom), first[1], noise))
    return np.concatenate(found)


def _in_strip(
    counts: Image, offsets: Image, period: int, rows: tuple[int, int], column: int, noise: _Noise
) -> Image:
    end = counts.shape[1] - MARGIN_PX
    own = counts[rows[0] : rows[1] : period, column:end:period]
    most, least = None, None
    for y, x in offsets:
        near = counts[rows[0] + y : rows[1] + y : period, column + x : end + x : period]
        most = np.array(near) if most is None else np.maximum(most, near, out=most)
        least = np.array(near) if least is None else np.minimum(least, near, out=least)
    assert most is not None
    assert least is not None
    y, x = np.nonzero((own > most) | (own < least))
    here = own[y, x].astype(np.float64)
    above, below = here - most[y, x], least[y, x] - here
    margin = np.where(above > 0, above / noise.at(most[y, x]), below / noise.at(least[y, x]))
    out = margin > 1.0  # less than what is asked of the mean of all frames
    return np.stack([rows[0] + y[out] * period, column + x[out] * period], axis=1)
