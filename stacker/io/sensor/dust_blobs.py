"""Where something round and dark is at the same place in all frames: what might be dust."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from stacker.frames import Image
from stacker.io.sensor.dust_light import LightPlane

__all__ = ["Blob", "dark_blobs", "dip"]

_WIDER = 1.6
"""Deviation of the wider of two Gaussians over that of the narrower: their difference is near a Laplacian."""

_SIGMAS = (0.8, 0.8 * _WIDER)
"""Of the narrower, at every size; sizes differ by a factor of two. The wider one of the first is that of the
second."""

_RADIUS = 1.8
"""Radius of the disc, in deviations, that the difference answers to most."""

_LARGEST_PX, _LARGEST_SHARE = 48.0, 0.01
"""Radius: of shadows up to a third of a millimetre wide, in pixels of 4 µm and of a frame 36 mm wide. What is
larger is more likely of the subject."""

_CLUTTER = 6.0
"""How far around a place one looks for what else answers there, in deviations."""

_COARSE = 4
"""What is around a place is seen in cells of that many."""

_SHALLOWEST = 0.004
"""Of the answer, which is about four tenths of a disc's depth."""

_SURE = 4.5
"""Standard errors, of the mean over the frames."""

_UNSTEADY = 0.8
"""Standard deviation over the frames, of the mean: what is dust varies by noise and clutter only."""

_MOST = 600
"""Blobs that are looked at more closely, the deepest first: of a plain subject there are some tens."""


@dataclass(frozen=True)
class Blob:
    """A dark place: its middle and radius in cells of the plane."""

    x: float
    y: float
    radius: float
    sigma: float
    answer: float


class _Sums:
    """Of the answers of all frames at one size, weighted by how little else answers around a place."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.weight, self.first, self.second = (np.zeros(shape, np.float32) for _ in range(3))

    def add(self, answer: Image, usable: Image, sigma: float) -> None:
        height, width = answer.shape
        size = max(1, width // _COARSE), max(1, height // _COARSE)
        side = 2 * round(_CLUTTER * sigma / _COARSE) + 1
        clutter = cv2.blur(cv2.resize(answer * answer, size, interpolation=cv2.INTER_AREA), (side, side))
        weight = cv2.resize(1 / np.maximum(clutter, 1e-9), (width, height), interpolation=cv2.INTER_LINEAR)
        weight *= usable
        self.weight += weight
        weight *= answer
        self.first += weight
        weight *= answer
        self.second += weight


def dip(log: Image, sigma: float) -> Image:
    """By how much places are darker than what is around them, seen with a blur of some cells."""
    narrow = cv2.GaussianBlur(log, (0, 0), sigma)
    return np.asarray(cv2.GaussianBlur(log, (0, 0), _WIDER * sigma) - narrow)


def dark_blobs(planes: Sequence[LightPlane]) -> list[Blob]:
    """Find them.

    Parameters
    ----------
    planes : sequence of LightPlane
        Of the frames, all of one size.

    Returns
    -------
    list of Blob
        The deepest first.
    """
    found: list[Blob] = []
    logs = [plane.log for plane in planes]
    usable = [plane.usable.astype(np.uint8) for plane in planes]
    for factor in _factors(planes[0]):
        if factor > 1:
            logs, usable = [_halved(log) for log in logs], [_all_of_four(part) for part in usable]
        sums = [_Sums(logs[0].shape) for _ in _SIGMAS]
        for log, part in zip(logs, usable, strict=True):
            clear = cv2.erode(part, np.ones((5, 5), np.uint8), borderValue=0)
            narrow = cv2.GaussianBlur(log, (0, 0), _SIGMAS[0])
            for sigma, known in zip(_SIGMAS, sums, strict=True):
                wide = cv2.GaussianBlur(log, (0, 0), _WIDER * sigma)
                known.add(wide - narrow, clear, sigma)
                narrow = wide
        for sigma, known in zip(_SIGMAS, sums, strict=True):
            found += _peaks(known, factor, sigma)
    return _apart(sorted(found, key=lambda blob: -blob.answer))[:_MOST]


def _halved(log: Image) -> Image:
    size = log.shape[1] // 2, log.shape[0] // 2
    return np.asarray(cv2.resize(log[: 2 * size[1], : 2 * size[0]], size, interpolation=cv2.INTER_AREA))


def _all_of_four(usable: Image) -> Image:
    height, width = (side // 2 * 2 for side in usable.shape)
    rows = usable[0:height:2] & usable[1:height:2]
    return np.asarray(rows[:, 0:width:2] & rows[:, 1:width:2])


def _factors(plane: LightPlane) -> list[int]:
    found, factor = [], 1
    largest = min(_LARGEST_PX, _LARGEST_SHARE * max(plane.size_px)) / plane.step_px
    while _SIGMAS[0] * factor * _RADIUS < largest and min(plane.log.shape) // factor > 64:
        found.append(factor)
        factor *= 2
    return found


def _peaks(known: _Sums, factor: int, sigma: float) -> list[Blob]:
    weight = np.maximum(known.weight, 1e-9)
    mean = known.first / weight
    spread = known.second / weight - mean * mean
    sure = mean * np.sqrt(weight)
    peak = (mean > _SHALLOWEST) & (sure > _SURE) & (spread < (_UNSTEADY * mean) ** 2)
    peak &= mean >= cv2.dilate(mean, np.ones((3, 3), np.uint8))
    rows, columns = np.nonzero(peak)
    return [
        Blob(
            (x + 0.5) * factor - 0.5,
            (y + 0.5) * factor - 0.5,
            _RADIUS * sigma * factor,
            sigma * factor,
            float(mean[y, x]),
        )
        for y, x in zip(rows.tolist(), columns.tolist(), strict=True)
    ]


def _apart(blobs: list[Blob]) -> list[Blob]:
    """Of those that lie over each other the one of the size that answers most."""
    kept: list[Blob] = []
    middles = np.empty((0, 2))
    for blob in blobs:
        distance = np.hypot(*(middles - (blob.x, blob.y)).T)
        radii = np.array([other.radius for other in kept])
        if not (distance < np.maximum(radii, blob.radius)).any():
            kept.append(blob)
            middles = np.vstack([middles, (blob.x, blob.y)])
        if len(kept) >= _MOST:
            break
    return kept
