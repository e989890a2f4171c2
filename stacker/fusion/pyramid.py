"""Fuses registered frames one at a time: a Laplacian pyramid whose bands are averaged by local sharpness.

Each frame is split into bands (Burt and Adelson, "The Laplacian pyramid as a compact image code", 1983). In every
band a pixel's activity is its local energy relative to the noise, and the activity of the finer bands is carried
down to the coarser ones, so that the frame that is sharp at a place decides about the coarse bands there too. The
weight of a frame is a power of its activity, which grows with the activity: where noise rules, frames are averaged;
where detail is plain, the sharpest frame wins. Weights are kept as logarithms relative to the largest one seen at the
pixel, and sums are rescaled when a larger one comes (an online softmax), so no power is too hard for float32, one pass
is enough, and memory does not grow with the number of frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from stacker.frames import Image
from stacker.fusion.window import Window

__all__ = ["FusionParameters", "PyramidFusion", "pyramid_levels"]

_LUMA = np.array([[0.25, 0.5, 0.25]], np.float32)
_OUTSIDE = np.float32(-1e4)
"""Logarithmic weight of pixels that a frame does not reach: counts only where no frame does."""

_NOTHING = -1e9
"""Peak of a pixel that no frame has touched: exp of its distance to any score is 0."""

_BAND_ROWS = 32
"""Rows handled at a time, so that the scratch of the inner loop stays in the processor's cache."""


@dataclass(frozen=True)
class FusionParameters:
    """How hard the fusion chooses.

    Attributes
    ----------
    softness : float
        Multiplies the noise variance in the activity; larger averages more.
    exponent : float
        Power of the activity in the weight.
    hard_exponent : float
        Power above ``hard_from``, where there is no doubt which frame is sharp.
    hard_from : float
        Logarithm of the activity from which the harder power applies.
    inherit : float
        Share of the finer band in the activity of a coarser one, 0 to 1.
    smoothing_px : float
        Sigma of the window over which energy is summed, in pixels of each band.
    """

    softness: float = 3.0
    exponent: float = 8.0
    hard_exponent: float = 24.0
    hard_from: float = 3.0
    inherit: float = 0.95
    smoothing_px: float = 1.2


def pyramid_levels(width: int, height: int) -> int:
    """Number of bands for a frame: until the coarsest picture is some 24 to 48 pixels high."""
    return min(8, max(1, int(math.log2(max(2.0, min(width, height) / 24)))))


@dataclass
class _Band:
    """Sums of one band over the extent of the canvas."""

    weighted: Image  # (h, w, 3): sum of weight x band
    weight: Image  # (h, w): sum of weights, relative to exp(peak)
    peak: Image  # (h, w): largest logarithmic weight so far

    @classmethod
    def empty(cls, height: int, width: int) -> _Band:
        return cls(
            np.zeros((height, width, 3), np.float32),
            np.zeros((height, width), np.float32),
            np.full((height, width), _NOTHING, np.float32),
        )

    def grow(self, top: int, bottom: int, left: int, right: int) -> _Band:
        pads = (top, bottom), (left, right)
        return _Band(
            np.pad(self.weighted, (*pads, (0, 0))),
            np.pad(self.weight, pads),
            np.pad(self.peak, pads, constant_values=_NOTHING),
        )

    def add(self, rows: slice, columns: slice, detail: Image, score: Image) -> None:
        """Fold one frame in: `detail` weighted by exp(`score`)."""
        weighted, weight, peak = (
            self.weighted[rows, columns],
            self.weight[rows, columns],
            self.peak[rows, columns],
        )
        for top in range(0, score.shape[0], _BAND_ROWS):
            part = slice(top, top + _BAND_ROWS)
            _fold(weighted[part], weight[part], peak[part], detail[part], score[part])

    def mean(self, window: tuple[slice, slice] | None = None) -> Image:
        """The fused band."""
        rows, columns = window or (slice(None), slice(None))
        total = cv2.max(self.weight[rows, columns], 1e-30)
        return np.asarray(cv2.divide(self.weighted[rows, columns], cv2.merge([total, total, total])))


def _fold(weighted: Image, weight: Image, peak: Image, detail: Image, score: Image) -> None:
    """Online softmax: keep sums relative to the largest score, rescale them when it is surpassed."""
    highest = cv2.max(peak, score)
    keep = cv2.exp(cv2.subtract(peak, highest))
    take = cv2.exp(cv2.subtract(score, highest))
    peak[...] = highest
    weight[...] = cv2.add(cv2.multiply(weight, keep), take)
    fresh = cv2.multiply(detail, cv2.merge([take, take, take]))
    weighted[...] = cv2.add(cv2.multiply(weighted, cv2.merge([keep, keep, keep])), fresh)


class PyramidFusion:
    """Accumulators of a stack on a canvas that grows to whatever the frames reach.

    Parameters
    ----------
    levels : int
        Number of bands; windows are aligned to ``block`` = 2**levels pixels.
    noise_sigma : float
        Standard deviation of the frames' noise, in units of 1/255 of white.
    parameters : FusionParameters
        How hard the fusion chooses.
    """

    def __init__(self, levels: int, noise_sigma: float, parameters: FusionParameters) -> None:
        self.levels = levels
        self.block = 2**levels
        self.extent: Window | None = None
        self._parameters = parameters
        self._variances = [(gain * noise_sigma) ** 2 for gain in _noise_gains(levels)]
        self._bands: list[_Band] = []
        self._frames = 0
        self._share_level = min(2, levels - 1)
        self._winner: Image = np.zeros((0, 0), np.int16)

    def cover(self, window: Window) -> None:
        """Make room for a window, whose edges are multiples of ``block``."""
        if self.extent is None:
            self.extent = window
            sizes = [(window.height >> level, window.width >> level) for level in range(self.levels + 1)]
            self._bands = [_Band.empty(*size) for size in sizes]
            self._winner = np.full(sizes[self._share_level], -1, np.int16)
            return
        before, after = self.extent, self.extent.union(window)
        pads = (
            before.y - after.y,
            after.bottom - before.bottom,
            before.x - after.x,
            after.right - before.right,
        )
        if any(pads):
            for level in range(self.levels + 1):
                scaled = [pad >> level for pad in pads]
                self._bands[level] = self._bands[level].grow(*scaled)
                if level == self._share_level:
                    top, bottom, left, right = scaled
                    self._winner = np.pad(self._winner, ((top, bottom), (left, right)), constant_values=-1)
            self.extent = after

    def add(self, picture: Image, gate: Image | None, window: Window) -> None:
        """Fold a registered frame in.

        Parameters
        ----------
        picture : ndarray, shape (h, w, 3), float32
            The frame on the canvas, white at 255; continued beyond its edges in some plausible way.
        gate : ndarray, shape (h, w), float32, optional
            1 where the frame is, 0 where it does not reach; None where it fills the window.
        window : Window
            Where it lies; covered before.
        """
        extent = self.extent
        assert extent is not None, "cover() comes first"
        inherited: Image | None = None
        for level in range(self.levels):
            smaller = cv2.pyrDown(picture)
            detail = cv2.subtract(picture, cv2.pyrUp(smaller, dstsize=picture.shape[1::-1]))
            activity = self._log_activity(detail, level, inherited)
            inherited = cv2.log(cv2.pyrDown(cv2.exp(activity)))
            where = window.slices_in(extent, 1 << level)
            score = self._score(activity, gate)
            if level == self._share_level:
                self._note_winner(where, score)
            self._bands[level].add(*where, detail, score)
            picture = smaller
            gate = None if gate is None else cv2.pyrDown(gate)
        assert inherited is not None, "there is at least one band"
        self._bands[-1].add(*window.slices_in(extent, self.block), picture, self._score(inherited, gate))
        self._frames += 1

    def collapse(self, down_to: int = 0) -> Image:
        """Put the bands together.

        Parameters
        ----------
        down_to : int
            0 for the full picture; n leaves the n finest bands out and gives a picture 2**n times smaller.

        Returns
        -------
        ndarray, float32
            The fused picture over the extent, white at 255.
        """
        picture = self._bands[-1].mean()
        for level in range(self.levels - 1, down_to - 1, -1):
            detail = self._bands[level].mean()
            picture = cv2.add(cv2.pyrUp(picture, dstsize=detail.shape[1::-1]), detail)
        return np.asarray(picture)

    def shares(self) -> list[float]:
        """Share of the picture in which each frame is the sharpest, in order of arrival; adds up to 1.

        Places without detail above the noise do not count: there the winner is chance.
        """
        level = self._share_level
        clear = (self._winner >= 0) & (self._bands[level].peak > self._parameters.exponent)
        chosen = self._winner[clear] if clear.any() else self._winner[self._winner >= 0]
        counts = np.bincount(chosen.astype(np.int64), minlength=self._frames)
        return [float(count) / max(1, int(counts.sum())) for count in counts]

    def _log_activity(self, detail: Image, level: int, inherited: Image | None) -> Image:
        """Logarithm of 1 + energy / noise, mixed with what the finer band says."""
        settings = self._parameters
        energy = cv2.transform(cv2.multiply(detail, detail), _LUMA)
        energy = cv2.GaussianBlur(energy, (5, 5), settings.smoothing_px)
        scale = 1.0 / (settings.softness * self._variances[level])
        own = cv2.log(cv2.add(cv2.multiply(energy, scale), 1.0))
        if inherited is None:
            return np.asarray(own)
        return np.asarray(cv2.addWeighted(own, 1 - settings.inherit, inherited, settings.inherit, 0))

    def _score(self, activity: Image, gate: Image | None) -> Image:
        """Logarithmic weight."""
        settings = self._parameters
        beyond = cv2.max(cv2.subtract(activity, settings.hard_from), 0)
        extra = settings.hard_exponent - settings.exponent
        score = cv2.addWeighted(activity, settings.exponent, beyond, extra, 0)
        if gate is None:
            return np.asarray(score)
        reach = 2 * np.log(np.maximum(gate, 1e-6))
        reach[gate < 1e-5] = _OUTSIDE
        return np.asarray(cv2.add(score, reach.astype(np.float32)))

    def _note_winner(self, where: tuple[slice, slice], score: Image) -> None:
        ahead = (score > self._bands[self._share_level].peak[where]) & (score > _OUTSIDE / 2)
        self._winner[where][ahead] = self._frames


@lru_cache
def _noise_gains(levels: int) -> tuple[float, ...]:
    """Standard deviation of each band of a picture of white noise of deviation 1."""
    picture: Image = np.random.default_rng(0).standard_normal((512, 512)).astype(np.float32)
    gains = []
    for _ in range(levels):
        smaller = cv2.pyrDown(picture)
        gains.append(float((picture - cv2.pyrUp(smaller, dstsize=picture.shape[1::-1])).std()))
        picture = smaller
    return tuple(gains)
