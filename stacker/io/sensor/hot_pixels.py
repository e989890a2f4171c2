"""Finds pixels of the sensor that count wrong, in the frames themselves.

A hot pixel stands out from its neighbours of the same colour in most frames, at the same place of the sensor.
Nothing of the subject does: in a focus stack it is out of focus in most frames, and mostly it moves as well.
Where it does stay and stays sharp, the lens still spreads its light over the pixels beside, which have other
colours; a hot pixel is alone.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from stacker.errors import UserError
from stacker.frames import Image
from stacker.io.development import SensorLevels
from stacker.io.sensor.mosaic import MARGIN_PX, Mosaic

__all__ = ["FEWEST_FRAMES", "LOOKED_AT", "hot_in_dark", "wrong_pixels"]

FEWEST_FRAMES = 3
"""Noise lifts a pixel above its eight neighbours by three times its own size once in 30,000 times, and in two
frames of three once in some 10⁸ times."""

LOOKED_AT = 9
"""Frames that are looked at, spread over the stack: more find no more."""

_DENSE = 2
"""Frames in which every pixel is looked at; the others are asked about those that stood out there. The ends
of a stack come first: least is in focus there."""

_MANY = 7
_STANDS_OUT, _STANDS_OUT_OF_MANY = 3.0, 1.5
"""By how much beyond the brightest (or darkest) neighbour, in noise, in half of the frames at least: where
the subject is sharp it may hide it. Noise does so once in 250 times by 1.5, and in four frames of seven once
in some 10⁸."""

_ALONE, _ALONE_AT_MOST = 0.08, 0.15
"""Share of a pixel's own excess that the pixels beside it may have, and may seem to have by noise and
texture. The sharpest real point, a Gaussian of 0.6 px, gives a quarter to each."""

_UNSURE = 3.0
"""Standard errors, roughly, of what the pixels beside seem to have."""

_BAYER = 2
"""Period of the pattern. Behind X-Trans a glint's neighbours of the same colour are too unlike each other in
their distance: 500 places a megapixel were taken for hot pixels. A dark frame tells them there."""

_FULL = 0.9
"""Of white: from there on nothing can stand out."""

_DARK_NOISE = 6.0
"""Noise above black: below, nothing can stand out downward."""

_QUARTILE = 0.3186
"""Of the magnitude of a Gaussian of deviation 1: a quarter is smaller. Texture makes the larger ones."""

_LEVELS = 12
_STRIP_ROWS = 192
_SAMPLED_ROWS = 32
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
        Of some frames of a stack what the sensor counted and LibRaw's colours, (h, w) each; the ends first.
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
            if mosaic is None or mosaic.period > _BAYER:
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


class _Search:
    """Frames are looked at one by one; the first ones tell which pixels the others are asked about."""

    def __init__(self, mosaic: Mosaic, levels: SensorLevels) -> None:
        self._mosaic, self._levels = mosaic, levels
        self._black = float(np.mean(levels.black))
        self._white = float(levels.white)
        self._waiting: list[Image] = []
        self._places: Image | None = None
        self._seen: list[Image] = []
        self._known: set[int] = set()

    def look(self, counts: Image) -> None:
        """Take a frame into account, once: the noise of one that is there several times stays where it is."""
        print_of_frame = hash(counts[:: max(1, counts.shape[0] // _SAMPLED_ROWS)].tobytes())
        if print_of_frame in self._known:
            return
        self._known.add(print_of_frame)
        if self._places is not None:
            self._seen.append(self._ask(counts, self._places))
            return
        self._waiting.append(np.array(counts))
        if len(self._waiting) == _DENSE:
            found = [_standing_out(one, self._mosaic, _Noise(one, self._mosaic)) for one in self._waiting]
            self._places = np.unique(np.concatenate(found), axis=0)
            waiting, self._waiting = self._waiting, []
            self._seen = [self._ask(one, self._places) for one in waiting]

    def found(self) -> tuple[int, ...]:
        if self._places is None or len(self._seen) < FEWEST_FRAMES or not len(self._places):
            return ()
        up, down, excess, beside = np.moveaxis(np.array(self._seen), 1, 0)
        wrong = np.zeros(len(self._places), bool)
        for margin in (up, down):
            tells = ~np.isnan(margin)
            enough = tells.sum(axis=0) >= FEWEST_FRAMES
            bar = np.where(tells.sum(axis=0) < _MANY, _STANDS_OUT, _STANDS_OUT_OF_MANY)
            wrong |= enough & (_median(margin, tells) > bar) & self._alone(excess, beside, tells)
        rows, columns = self._places[wrong].T
        return tuple(sorted(int(at) for at in rows * self._levels.size_px[0] + columns))

    @staticmethod
    def _alone(excess: Image, beside: Image, tells: Image) -> Image:
        """Whether the pixels beside have no part in it; what texture makes of them differs by frame."""
        own, others = _median(excess, tells), _median(beside, tells)
        spread = _median(np.abs(beside - others), tells)
        unsure = _UNSURE * spread / np.sqrt(np.maximum(tells.sum(axis=0), 1))
        share = _ALONE + np.minimum(unsure / np.maximum(np.abs(own), 1.0), _ALONE_AT_MOST - _ALONE)
        return np.asarray(np.abs(others) < share * np.abs(own))

    def _ask(self, counts: Image, places: Image) -> Image:
        """Of every place: by how much it is above and below its neighbours in noise, nan where nothing could
        be; by how much it differs from them; by how much the pixels beside do. Shape (4, n).
        """
        rows, columns = places.T
        noise = _Noise(counts, self._mosaic)
        own = counts[rows, columns].astype(np.float64)
        near = counts[self._mosaic.neighbours(rows, columns)].astype(np.float64)
        top, bottom = near.max(axis=1), near.min(axis=1)
        up = np.where(top < _FULL * self._white, (own - top) / noise.at(top), np.nan)
        bright = bottom - self._black > _DARK_NOISE * noise.at(bottom)
        down = np.where(bright, (bottom - own) / noise.at(bottom), np.nan)
        return np.stack([up, down, own - near.mean(axis=1), self._beside(counts, rows, columns)])

    def _beside(self, counts: Image, rows: Image, columns: Image) -> Image:
        """The middle excess of the four pixels beside over their likes, on the scale of its colour."""
        factors = np.array(self._levels.multipliers)[np.array(self._mosaic.tile)]
        period, found = self._mosaic.period, []
        for y, x in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            like = np.median(counts[self._mosaic.neighbours(rows + y, columns + x)], axis=1)
            factor = factors[(rows + y) % period, (columns + x) % period]
            found.append((counts[rows + y, columns + x] - like) * factor)
        return np.asarray(np.median(found, axis=0) / factors[rows % period, columns % period])


def _median(values: Image, tells: Image) -> Image:
    """Over the frames that tell, by column; 0 where none does."""
    ordered = np.sort(np.where(tells, values, np.inf), axis=0)
    middle = np.maximum(tells.sum(axis=0) - 1, 0) // 2
    found = ordered[middle, np.arange(values.shape[1])]
    return np.where(np.isfinite(found), found, 0.0)


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
