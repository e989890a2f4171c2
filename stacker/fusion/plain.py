"""The stages of the pyramid made of OpenCV and NumPy calls: no compiler needed, slower."""

from __future__ import annotations

import cv2
import numpy as np

from stacker.focus.measure import LUMA, FocusMeasure
from stacker.frames import Image
from stacker.fusion.history import POWER, UNREACHED, History
from stacker.fusion.scoring import (
    CONFIDENT,
    LOG_REACH,
    FusionParameters,
    Score,
    glare,
    merge,
    smoothing,
)
from stacker.fusion.stages import MeanCode, SourceCode, half_to_levels
from stacker.fusion.window import Spans
from stacker.loops.workers import over_rows
from stacker.registration.similarity import Matrix

__all__ = ["PlainStages", "warp_by_opencv"]

_LEVELLED_ROWS = 64
"""Rows whose brightness is changed at once: they stay in the cache, and no plane of floats is made."""


class PlainStages:
    """See `stacker.fusion.stages.Stages`."""

    def warp(self, pixels: Image, to_frame: Matrix, gain: Image, offset: Image, out: Image) -> None:
        """Bring a frame onto the canvas."""
        warp_by_opencv(pixels, to_frame, gain, offset, out)

    def widen(self, planes: Image, spans: Spans, low: Image, high: Image, corner: tuple[int, int]) -> None:
        """Take pixels into account as smallest and largest."""
        height, width = planes.shape[1:]
        where = slice(corner[0], corner[0] + height), slice(corner[1], corner[1] + width)
        inside = spans.mask(width)
        for plane, lows, highs in zip(planes, low, high, strict=True):
            cv2.copyTo(cv2.min(lows[where], plane), inside, lows[where])
            cv2.copyTo(cv2.max(highs[where], plane), inside, highs[where])

    def measure(
        self, planes: Image, to_levels: float, weights: Image, half: Image, energy: Image, luma: Image | None
    ) -> None:
        """Halve a picture, and look at what that takes away."""
        total = np.zeros(planes.shape[1:], np.float32)
        for plane, small, weight in zip(planes, half, weights, strict=True):
            picture = _levels(plane, to_levels)
            reduced = cv2.pyrDown(picture)
            np.multiply(reduced, np.float32(1 / half_to_levels(half, to_levels)), out=small, casting="unsafe")
            band = cv2.subtract(picture, cv2.pyrUp(reduced))
            total += cv2.multiply(band, band, scale=float(weight))
        cv2.resize(total, energy.shape[::-1], energy, interpolation=cv2.INTER_AREA)
        energy *= np.float32(4)
        middle, near = smoothing()
        kernel = np.array([near, middle, near])
        cv2.sepFilter2D(energy, cv2.CV_32F, kernel, kernel, energy)
        if luma is not None:
            total[:] = 0
            for plane, weight in zip(planes, LUMA[0], strict=True):
                total += _levels(plane, float(weight) * to_levels)
            cv2.resize(total, luma.shape[::-1], luma, interpolation=cv2.INTER_AREA)

    def favour(
        self,
        second: Image,
        brightness: Image,
        reached: Image,
        memory: tuple[Image, Image],
        corner: tuple[int, int],
        parameters: FusionParameters,
        out: Image,
    ) -> None:
        """What goes into the finest band's score beside its own energy."""
        height, width = out.shape
        where = slice(corner[0], corner[0] + height), slice(corner[1], corner[1] + width)
        seen, near = (plane[where] for plane in memory)
        cv2.log(second + np.float32(1), out)
        excess = glare(brightness, reached, seen, parameters.glare, out)
        excess *= near
        cv2.addWeighted(out, parameters.coarser, excess, parameters.coarser - 1, 0, out)

    def follow(
        self,
        luma: Image,
        measure: FocusMeasure,
        reached: Image | None,
        history: History,
        corner: tuple[int, int],
        index: int,
        score: Image | None,
    ) -> None:
        """Take a frame into account in what is remembered of all."""
        energy, spill = measure.measure(luma)
        weight = cv2.addWeighted(energy, POWER, spill, -POWER, 0.0)
        if reached is not None:
            weight[reached == 0], energy[reached == 0] = UNREACHED, 0
        height, width = luma.shape
        where = slice(corner[0], corner[0] + height), slice(corner[1], corner[1] + width)
        total, mean, variance, peak = (plane[where] for plane in history.planes)
        cv2.max(peak, energy, peak)
        share = merge(weight, total)
        off = np.float32(index) - mean
        moved = share * off
        mean += moved
        variance += moved * off
        variance *= np.float32(1) - share
        if score is not None:
            np.multiply(weight, np.float32(1 / POWER), out=score)

    def weigh(
        self,
        energy: Image,
        other: Image,
        score: Score,
        gate: Image,
        strength: Image,
        corner: tuple[int, int],
        activity: Image,
        near: Image | None = None,
    ) -> None:
        """Turn energy into this frame's share of all frames so far."""
        height, width = energy.shape
        sums = strength[corner[0] : corner[0] + height, corner[1] : corner[1] + width]
        if other.shape != energy.shape:
            other = cv2.resize(other, (width, height), interpolation=cv2.INTER_LINEAR)
        over_rows(_weigh_rows, height, energy, other, near, score, gate, sums, activity)

    def fold(
        self,
        planes: Image,
        to_levels: float,
        half: Image,
        share: Image,
        code: MeanCode,
        mean: Image,
        corner: tuple[int, int],
    ) -> None:
        """Move the mean of a band towards this frame's band."""
        height, width = planes.shape[1:]
        where = slice(corner[0], corner[0] + height), slice(corner[1], corner[1] + width)
        full = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
        for plane, small, means in zip(planes, half, mean, strict=True):
            reduced = _levels(small, half_to_levels(half, to_levels))
            band = cv2.subtract(_levels(plane, to_levels), cv2.pyrUp(reduced))
            before = code.values(means[where])
            means[where] = code.stored(before + full * (band - before))

    def collapse(self, half: Image, mean: Image, code: MeanCode, out: Image) -> None:
        """The picture in levels from its half size and its band."""
        for small, band, picture in zip(half, mean, out, strict=True):
            cv2.add(cv2.pyrUp(small), code.values(band), picture)

    def finish(
        self,
        half: Image,
        mean: Image,
        code: MeanCode,
        bounds: tuple[Image, Image],
        source: SourceCode,
        crisp: float,
        corner: tuple[int, int],
        out: Image,
    ) -> None:
        """A part of the full picture in the frames' type, held between the bounds."""
        where = slice(corner[0], corner[0] + out.shape[0]), slice(corner[1], corner[1] + out.shape[1])
        bands = [code.values(plane) for plane in mean]
        detail = cv2.transform(cv2.merge(bands), LUMA * np.float32(crisp))
        for channel in range(3):
            picture = cv2.add(cv2.pyrUp(half[channel]), cv2.add(bands[channel], detail))[where]
            value = source.stored(picture * np.float32(1 / source.to_levels))
            low, high = (bound[channel][where] for bound in bounds)
            held = cv2.min(cv2.max(value, low), high)
            out[..., channel] = np.where(low <= high, held, value)


def warp_by_opencv(pixels: Image, to_frame: Matrix, gain: Image, offset: Image, out: Image) -> None:
    """`Stages.warp` for any transform that has an inverse, homographies included."""
    size = (out.shape[2], out.shape[1])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    if np.allclose(to_frame[2], (0, 0, 1)):
        warped = cv2.warpAffine(pixels, to_frame[:2], size, flags=flags, borderMode=cv2.BORDER_REFLECT)
    else:
        warped = cv2.warpPerspective(pixels, to_frame, size, flags=flags, borderMode=cv2.BORDER_REFLECT)
    source = SourceCode.of(pixels.dtype)
    for channel in range(3):
        out[channel] = cv2.extractChannel(warped, channel)
        if gain[channel] == 1 and offset[channel] == 0:
            continue
        for top in range(0, size[1], _LEVELLED_ROWS):
            rows = out[channel, top : top + _LEVELLED_ROWS]
            rows[...] = source.stored(rows.astype(np.float32) * gain[channel] + offset[channel])


def _weigh_rows(
    energy: Image,
    other: Image,
    near: Image | None,
    score: Score,
    gate: Image,
    strength: Image,
    activity: Image,
    y0: int,
    y1: int,
) -> None:
    own = cv2.log(energy[y0:y1] + np.float32(1))
    if near is not None:
        own = own + near[y0:y1] * np.float32(score.defer) * (other[y0:y1] - own)
    if score.lead:
        cv2.scaleAdd(np.minimum(own, np.float32(CONFIDENT)), score.lead / CONFIDENT, own, own)
    active = activity[y0:y1]  # may be what ``other`` is
    cv2.addWeighted(own, score.own_share, other[y0:y1], score.other_share, 0, active)
    weight = cv2.scaleAdd(active, score.exponent, LOG_REACH[gate[y0:y1]])
    energy[y0:y1] = merge(weight, strength[y0:y1])


def _levels(plane: Image, to_levels: float) -> Image:
    if plane.dtype == np.float32 and to_levels == 1:
        return plane
    return np.asarray(plane.astype(np.float32) * np.float32(to_levels))
