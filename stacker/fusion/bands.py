"""Fuses registered frames one at a time: a Laplacian pyramid whose bands are averaged by local sharpness.

Each frame is split into bands (Burt and Adelson, "The Laplacian pyramid as a compact image code", 1983). In
every band a pixel's activity is its local energy relative to the noise, and the activity of the finer bands
is carried down to the coarser ones, so that the frame that is sharp at a place decides about the coarse
bands there too. The weight of a frame is a power of its activity, which grows with the activity: where
noise rules, frames are averaged; where detail is plain, the sharpest frame wins. Weights are kept as
logarithms relative to the largest one seen at the pixel, and sums are rescaled when a larger one comes (an
online softmax), so no power is too hard for float32, one pass is enough, and memory does not grow with the
number of frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from stacker.frames import Image
from stacker.fusion.scratch import Scratch
from stacker.fusion.window import Window

__all__ = ["Bands", "FusionParameters", "pyramid_levels"]

_LUMA = np.array([[0.25, 0.5, 0.25]], np.float32)
_OUTSIDE = -1e4
"""Logarithmic weight of pixels that a frame does not reach: counts only where no frame does."""

_OUTSIDE_FROM = 1e-5
"""Share of a coarse pixel below which it counts as not reached."""

_NOTHING = -1e9
"""Peak of a pixel that no frame has touched: exp of its distance to any score is 0."""

_TILE_ROWS, _TILE_COLUMNS = 64, 256
"""What is handled at a time: some 64 kB a plane, so that the inner loop stays in the processor's cache."""

_NEGLIGIBLE = 12.0
"""Difference of logarithmic weights beyond which the smaller (under 1e-5) does not show in 16 bits."""


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
    smoothing_px: float = 1.5


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

    def add(self, where: tuple[slice, slice], detail: Image, score: Image, scratch: Scratch) -> None:
        """Fold one frame in: `detail` weighted by exp(`score`)."""
        weighted = self.weighted[where]
        weight, peak = self.weight[where], self.peak[where]
        for tile in _tiles(*score.shape):
            _fold(weighted[tile], weight[tile], peak[tile], detail[tile], score[tile], scratch)

    def mean(self) -> Image:
        """The fused band."""
        total = np.maximum(self.weight, np.float32(1e-30))
        return np.asarray(cv2.divide(self.weighted, cv2.merge([total, total, total])))


def _tiles(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    for top in range(0, height, _TILE_ROWS):
        for left in range(0, width, _TILE_COLUMNS):
            yield slice(top, top + _TILE_ROWS), slice(left, left + _TILE_COLUMNS)


def _fold(weighted: Image, weight: Image, peak: Image, detail: Image, score: Image, scratch: Scratch) -> None:
    """Online softmax of a tile: keep sums relative to the largest score, rescale them when it is
    surpassed."""
    shape = score.shape
    lead = np.subtract(score, peak, out=scratch.array("lead", *shape))
    least, most = float(lead.min()), float(lead.max())
    if most < -_NEGLIGIBLE:
        return
    if least > _NEGLIGIBLE:
        weighted[...], weight[...], peak[...] = detail, 1.0, score
        return
    np.maximum(peak, score, out=peak)
    take = np.minimum(lead, 0, out=scratch.array("take", *shape))
    keep = np.subtract(take, lead, out=lead)  # min(lead, 0) - lead = -max(lead, 0)
    cv2.exp(take, take)
    cv2.exp(keep, keep)
    np.multiply(weight, keep, out=weight)
    np.add(weight, take, out=weight)
    triple = scratch.array("triple", *shape, 3)
    cv2.multiply(weighted, cv2.merge([keep, keep, keep], triple), weighted)
    cv2.merge([take, take, take], triple)
    cv2.multiply(detail, triple, triple)
    cv2.add(weighted, triple, weighted)


class Bands:
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
        self._scratch = Scratch()

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
            smaller, detail = self._split(picture, level)
            activity = self._log_activity(detail, level, inherited)
            inherited = self._inherit(activity)
            where = window.slices_in(extent, 1 << level)
            score = self._score(activity, gate)
            if level == self._share_level:
                self._note_winner(where, score)
            self._bands[level].add(where, detail, score, self._scratch)
            picture = smaller
            gate = None if gate is None else cv2.pyrDown(gate)
        assert inherited is not None, "there is at least one band"
        where = window.slices_in(extent, self.block)
        self._bands[-1].add(where, picture, self._score(inherited, gate), self._scratch)
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

    def _split(self, picture: Image, level: int) -> tuple[Image, Image]:
        """The picture at half size, and what that lacks."""
        height, width = picture.shape[:2]
        # Two halves alternate, as one level's half is the next one's picture.
        smaller = self._scratch.array(f"half {level % 2}", height // 2, width // 2, 3)
        cv2.pyrDown(picture, smaller)
        detail = self._scratch.array("detail", height, width, 3)
        cv2.pyrUp(smaller, detail)
        return smaller, np.asarray(cv2.subtract(picture, detail, detail))

    def _log_activity(self, detail: Image, level: int, inherited: Image | None) -> Image:
        """Logarithm of 1 + energy / noise, mixed with what the finer band says."""
        settings = self._parameters
        height, width = detail.shape[:2]
        luma = _LUMA / np.float32(settings.softness * self._variances[level])
        energy = self._scratch.array("energy", height, width)
        for top in range(0, height, _TILE_ROWS):
            rows = detail[top : top + _TILE_ROWS]
            square = cv2.multiply(rows, rows, self._scratch.array("square", *rows.shape))
            cv2.transform(square, luma, energy[top : top + _TILE_ROWS])
        own = self._scratch.array("activity", height, width)
        cv2.GaussianBlur(energy, (5, 5), settings.smoothing_px, own)
        np.add(own, np.float32(1), out=own)
        cv2.log(own, own)
        if inherited is not None:
            cv2.addWeighted(own, 1 - settings.inherit, inherited, settings.inherit, 0, own)
        return own

    def _inherit(self, activity: Image) -> Image:
        """Activity for the next coarser band: averaged as a power, so that the sharp parts decide."""
        linear = cv2.exp(activity, self._scratch.array("energy", *activity.shape))
        height, width = activity.shape
        halved = self._scratch.array("inherited", height // 2, width // 2)
        cv2.pyrDown(linear, halved)
        return np.asarray(cv2.log(halved, halved))

    def _score(self, activity: Image, gate: Image | None) -> Image:
        """Logarithmic weight."""
        settings = self._parameters
        score = self._scratch.array("score", *activity.shape)
        np.maximum(activity, np.float32(settings.hard_from), out=score)
        extra = settings.hard_exponent - settings.exponent
        cv2.addWeighted(activity, settings.exponent, score, extra, -extra * settings.hard_from, score)
        if gate is not None:
            reach = np.maximum(
                gate, np.float32(_OUTSIDE_FROM), out=self._scratch.array("energy", *gate.shape)
            )
            cv2.log(reach, reach)
            cv2.addWeighted(score, 1.0, reach, 2.0, 0.0, score)
            score[gate <= _OUTSIDE_FROM] = _OUTSIDE
        return score

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
