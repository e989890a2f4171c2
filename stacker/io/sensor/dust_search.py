"""Finds dust on the sensor in the frames of a stack themselves.

A speck takes the same part of the light at the same place of every frame. Nothing of the subject does where
the subject is seen to move over the sensor by more than the size of the speck, or a good part of it. Where it
does not move the two cannot be told apart, and nothing is taken for dust: light given back to a dark spot of
the subject would draw a row of bright ones through the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from stacker.frames import Image
from stacker.io.sensor.dust_blobs import Blob, dark_blobs, dip
from stacker.io.sensor.dust_light import LightPlane
from stacker.io.sensor.specks import Speck, speck_of_map

__all__ = ["FEWEST_FRAMES", "specks_in_frames"]

FEWEST_FRAMES = 5
"""That show a speck well enough to be asked whether it stays as it is and where it is."""

_REACH = 3.0
"""Of a blob's radius: how far its profile is looked at; the outer third tells what is around it."""

_CLEAR, _SURE = 0.6, 6.0
"""What else answers around the place, of the speck's own answer, in a frame that can be asked; and the
standard errors by which all frames together have to tell that there is something."""

_SAME, _SAME_PLACE, _ERRORS = 0.12, 0.15, 1.5
"""By how much the depth may differ between frames, of itself, and the place, of the radius: standard
deviations, beside so many of what noise makes of them. Clutter that makes more of them hides a speck."""

_AROUND, _BESIDE = 6.0, 2.2
"""In radii: between which what else there is around a blob is looked at."""

_SURELY = 0.1
"""Of a frame's answer: below, what else answers makes no frame count for more."""

_ROUND, _BODY = 0.85, 1.5
"""Share of the shadow's variance that a profile has to explain which depends on the distance alone, apart
from what varies around the shadow as well; and how far that is looked at, in radii."""

_MOVES, _MOVES_SHARE, _MOVES_CELLS = 0.5, 0.003, 1.0
"""How far the subject has to move, as a deviation over the frames: of the speck's radius, and beyond what
registration may be off by, as a share of the distance from the middle of the frame, and in cells."""

_STAYS = 0.3
"""Share of the subject's motion that a speck may seem to take part in, with its error: at most."""

_LEAST, _MOST = 0.012, 3.5
"""Depth, as a logarithm: a loss of 1.2 % to 97 %."""

_ENDS = 0.03
"""Of its depth: where a profile ends."""

_FINE = 5.0
"""Cells of a blob's radius at which its profile is measured; larger ones are reduced to that."""


@dataclass(frozen=True)
class _Patch:
    """What all frames show around a blob: (n, h, w), in places of ``step`` cells from ``left``, ``top``."""

    logs: Image
    usable: Image
    left: int
    top: int
    step: int
    x: float  # the blob, in places of the patch
    y: float
    radius: float

    @property
    def distance(self) -> Image:
        """Of every place from the blob, in places."""
        rows, columns = np.mgrid[: self.logs.shape[1], : self.logs.shape[2]]
        return np.asarray(np.hypot(rows - self.y, columns - self.x))

    @property
    def middle(self) -> tuple[float, float]:
        """The blob's, x and y in cells of the planes."""
        return self.left + (self.x + 0.5) * self.step - 0.5, self.top + (self.y + 0.5) * self.step - 0.5


@dataclass(frozen=True)
class _Fit:
    """Of every frame how deep the shadow is, of the mean, and how far it is from its place, (n, 2), in places
    of the patch; and what noise alone makes of these."""

    amplitudes: Image
    shifts: Image
    amplitude_errors: Image
    shift_errors: Image


def specks_in_frames(planes: Sequence[LightPlane], motions: Sequence[Image | None]) -> tuple[Speck, ...]:
    """Find the specks.

    Parameters
    ----------
    planes : sequence of LightPlane
        Of some frames spread over the stack, all of one size.
    motions : sequence of (ndarray, shape (3, 3)) or None
        From cells of each frame to those of a common view; None where that is not known.
    """
    known = [at for at, motion in enumerate(motions) if motion is not None]
    if len(known) < FEWEST_FRAMES:
        return ()
    planes = [planes[at] for at in known]
    to_view = np.stack([motion for motion in motions if motion is not None])
    found = (_judged(blob, planes, to_view) for blob in dark_blobs(planes))
    return tuple(speck for speck in found if speck is not None)


def _judged(blob: Blob, planes: Sequence[LightPlane], to_view: Image) -> Speck | None:
    patch = _patch(blob, planes)
    if patch is None or patch.usable.sum() < FEWEST_FRAMES:
        return None
    if not _moves(_paths(patch, to_view), np.ones(len(planes)), patch, planes[0].log.shape):
        return None  # asked first, as it costs least
    clutter = _clutter(blob, planes, patch.step)
    weights = np.where(patch.usable, 1 / np.maximum(clutter, 1e-4) ** 2, 0)
    measured = _measured(patch, weights)
    if measured is None:
        return None
    patch, mean, profile, fit = measured
    template = _spread_out(patch, profile)
    error = clutter / _answer(blob, template, patch)
    clear = patch.usable & (error < _CLEAR)
    if clear.sum() < FEWEST_FRAMES or np.sqrt((1 / error[clear] ** 2).sum()) < _SURE:
        return None
    weights = 1 / np.maximum(error[clear], _SURELY) ** 2
    stays = (
        _round(patch, mean, template)
        and _stays_the_same(fit, clear, weights, patch.radius)
        and _stays_in_place(
            fit.shifts[clear], _paths(patch, to_view)[clear], weights, patch, planes[0].log.shape
        )
    )
    return _speck(patch, profile, planes[0].step_px) if stays else None


def _measured(patch: _Patch, weights: Image) -> tuple[_Patch, Image, Image, _Fit] | None:
    """The patch with its true middle, the mean of all frames, its profile, and how frames differ."""
    mean = _flattened(patch, np.average(patch.logs, axis=0, weights=weights))
    for _ in range(2):
        profile = _profile(patch, mean)
        if not _LEAST <= profile[0] <= _MOST:
            return None
        fit = _fitted(patch, _spread_out(patch, profile))
        shift = np.average(fit.shifts, axis=0, weights=weights)
        if np.hypot(*shift) > patch.radius:
            return None
        patch = replace(patch, x=patch.x + shift[0], y=patch.y + shift[1])
    return patch, mean, profile, fit


def _patch(blob: Blob, planes: Sequence[LightPlane]) -> _Patch | None:
    step = max(1, round(blob.radius / _FINE))
    reach = int(np.ceil((_REACH * blob.radius + 2) / step)) * step
    height, width = planes[0].log.shape
    left, top = round(blob.x) - reach, round(blob.y) - reach
    side = (2 * reach // step + 1) * step
    if left < 0 or top < 0 or left + side > width or top + side > height:
        return None  # at the rim what is around it is not known
    where = np.s_[top : top + side, left : left + side]
    size = side // step, side // step
    logs = np.stack([cv2.resize(p.log[where], size, interpolation=cv2.INTER_AREA) for p in planes])
    rows, columns = np.mgrid[:side, :side]
    near = np.hypot(rows + top - blob.y, columns + left - blob.x) <= _REACH * blob.radius
    usable = np.array([bool(p.usable[where][near].all()) for p in planes])
    x, y = ((at - first + 0.5) / step - 0.5 for at, first in ((blob.x, left), (blob.y, top)))
    return _Patch(logs.astype(np.float64), usable, left, top, step, x, y, blob.radius / step)


def _clutter(blob: Blob, planes: Sequence[LightPlane], step: int) -> Image:
    """By how much other places around the blob answer, in every frame: a standard deviation."""
    reach = int(np.ceil(_AROUND * blob.radius)) + 2
    x, y = round(blob.x), round(blob.y)
    top, left = max(0, y - reach), max(0, x - reach)
    where = np.s_[top : y + reach + 1, left : x + reach + 1]
    height, width = (max(1, side // step) for side in planes[0].log[where].shape)
    rows, columns = np.mgrid[:height, :width]
    beside = np.hypot(rows - (y - top) / step, columns - (x - left) / step) > _BESIDE * blob.radius / step
    found = []
    for plane in planes:
        log = cv2.resize(plane.log[where], (width, height), interpolation=cv2.INTER_AREA)
        found.append(float(dip(log, blob.sigma / step)[beside].std()))
    return np.array(found)


def _answer(blob: Blob, template: Image, patch: _Patch) -> float:
    """What the shadow itself answers."""
    seen = dip((-template).astype(np.float32), blob.sigma / patch.step)
    return max(1e-6, float(seen[round(patch.y), round(patch.x)]))


def _flattened(patch: _Patch, values: Image) -> Image:
    """Less the plane through what is around the blob."""
    distance = patch.distance
    rows, columns = np.mgrid[: values.shape[0], : values.shape[1]]
    around = (distance > _REACH * 2 / 3 * patch.radius) & (distance <= _REACH * patch.radius)
    terms = np.stack([np.ones_like(rows), rows - patch.y, columns - patch.x], axis=-1)
    found = np.linalg.lstsq(terms[around], values[around], rcond=None)[0]
    return np.asarray(values - terms @ found)


def _profile(patch: _Patch, flat: Image) -> Image:
    """Depth by distance, in half places; falls, and ends at nothing."""
    at = np.rint(2 * patch.distance).astype(int)
    count = int(2 * _REACH * patch.radius)
    inside = at < count
    sums = np.bincount(at[inside], -flat[inside], count)
    numbers = np.bincount(at[inside], minlength=count)
    filled = np.nonzero(numbers)[0]
    depth = np.interp(np.arange(count), filled, sums[filled] / numbers[filled])
    depth[0] = depth[: max(1, round(patch.radius))].mean()  # one place alone is noise
    return np.maximum(0, _falling(depth, np.maximum(numbers, 0.5)))


def _falling(values: Image, weights: Image) -> Image:
    """The nearest to them that nowhere rises (pool adjacent violators)."""
    pools: list[list[float]] = []
    for value, weight in zip(values, weights, strict=True):
        pools.append([float(value), float(weight), 1])
        while len(pools) > 1 and pools[-2][0] < pools[-1][0]:
            last, before = pools.pop(), pools.pop()
            whole = last[1] + before[1]
            pools.append([(last[0] * last[1] + before[0] * before[1]) / whole, whole, last[2] + before[2]])
    return np.concatenate([np.full(int(count), value) for value, _, count in pools])


def _spread_out(patch: _Patch, profile: Image) -> Image:
    return np.asarray(np.interp(2 * patch.distance, np.arange(len(profile)), profile, right=0.0))


def _fitted(patch: _Patch, template: Image) -> _Fit:
    """Fit the shadow to every frame, with a plane."""
    inside = patch.distance <= _REACH * patch.radius
    rows, columns = np.mgrid[: template.shape[0], : template.shape[1]]
    down, along = np.gradient(template)
    terms = np.stack(
        [-template, along, down, np.ones_like(template), rows - patch.y, columns - patch.x], axis=-1
    )[inside]
    inverse = np.linalg.pinv(terms)
    found = inverse @ patch.logs[:, inside].T
    amplitude = found[0]
    sound = np.where(np.abs(amplitude) < 0.1, 0.1, amplitude)
    shifts = np.clip((found[1:3] / sound).T, -patch.radius, patch.radius)
    noise = np.array([_noise(log) for log in patch.logs])
    errors = np.sqrt((inverse**2).sum(axis=1))
    return _Fit(amplitude, shifts, noise * errors[0], noise * float(np.hypot(errors[1], errors[2])))


def _noise(log: Image) -> float:
    """Of one place (J. Immerkær, Fast noise variance estimation, 1996)."""
    seen = cv2.filter2D(log, -1, np.array([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 6)
    return 1.4826 * float(np.median(np.abs(seen)))


def _round(patch: _Patch, flat: Image, template: Image) -> bool:
    distance = patch.distance
    inside = distance <= _BODY * patch.radius
    around = (distance > 2 * patch.radius) & (distance <= _REACH * patch.radius)
    off = ((flat + template)[inside] ** 2).mean() - (flat[around] ** 2).mean()
    return bool(off < (1 - _ROUND) * (flat[inside] ** 2).mean())


def _stays_the_same(fit: _Fit, clear: Image, weights: Image, radius: float) -> bool:
    depth = np.average(fit.amplitudes[clear], weights=weights)
    if depth < 0.5:
        return False
    apart = np.average((fit.amplitudes[clear] - depth) ** 2, weights=weights)
    noise = np.average(fit.amplitude_errors[clear] ** 2, weights=weights)
    if apart > (_SAME * depth) ** 2 + _ERRORS**2 * noise:
        return False
    middle = np.average(fit.shifts[clear], axis=0, weights=weights)
    apart = np.average(((fit.shifts[clear] - middle) ** 2).sum(axis=1), weights=weights)
    noise = np.average(fit.shift_errors[clear] ** 2, weights=weights)
    return bool(apart < (_SAME_PLACE * radius) ** 2 + _ERRORS**2 * noise)


def _paths(patch: _Patch, to_view: Image) -> Image:
    """Where in each frame that of the subject is which the middle one has at the blob, in places; (n, 2)."""
    x, y = patch.middle
    at = to_view[len(to_view) // 2] @ np.array([x, y, 1.0])
    seen = np.linalg.solve(to_view, np.broadcast_to(at, (len(to_view), 3))[..., None])
    return np.asarray(seen[:, :2, 0] / patch.step)


def _moves(paths: Image, weights: Image, patch: _Patch, shape: tuple[int, ...]) -> bool:
    """Whether the subject moves enough here to be told from the sensor."""
    apart = np.average(
        ((paths - np.average(paths, axis=0, weights=weights)) ** 2).sum(axis=1), weights=weights
    )
    x, y = patch.middle
    off = float(np.hypot(x - shape[1] / 2, y - shape[0] / 2))
    least = max(_MOVES * patch.radius, (_MOVES_SHARE * off + _MOVES_CELLS) / patch.step)
    return bool(apart > least**2)


def _stays_in_place(
    shifts: Image, paths: Image, weights: Image, patch: _Patch, shape: tuple[int, ...]
) -> bool:
    """Whether the subject moves, in these frames, and the shadow has no part in that."""
    if not _moves(paths, weights, patch, shape):
        return False
    moves = paths - np.average(paths, axis=0, weights=weights)
    shifts = shifts - np.average(shifts, axis=0, weights=weights)
    square = np.average((moves**2).sum(axis=1), weights=weights)
    share = np.average((shifts * moves).sum(axis=1), weights=weights) / square
    rest = np.average(((shifts - share * moves) ** 2).sum(axis=1), weights=weights)
    return bool(abs(share) + 2 * np.sqrt(rest / square / len(shifts)) < _STAYS)


def _speck(patch: _Patch, profile: Image, step_px: int) -> Speck:
    ends = int(np.argmax(np.append(profile, 0) < _ENDS * profile[0]))
    reach = int(np.ceil(ends / 2)) + 1
    x, y = round(patch.x), round(patch.y)
    rows, columns = np.mgrid[y - reach : y + reach + 1, x - reach : x + reach + 1]
    distance = np.hypot(rows - patch.y, columns - patch.x)
    faded = np.append(np.maximum(0, profile[:ends] - profile[min(ends, len(profile) - 1)]), 0)
    losses = 1 - np.exp(-np.interp(2 * distance, np.arange(len(faded)), faded, right=0.0))
    step = patch.step * step_px
    left = (patch.left + (x - reach) * patch.step) * step_px
    top = (patch.top + (y - reach) * patch.step) * step_px
    return speck_of_map(losses, left, top, step)
