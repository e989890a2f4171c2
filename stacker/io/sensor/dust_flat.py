"""Finds dust in a flat frame: a photograph of an evenly lit plain surface, out of focus.

Such a frame tells the shadow of every speck directly, whatever its form. Only what is smaller than
`_WIDEST_PX` counts: the darkening towards the corners is the lens's, and differs with focus.
"""

from __future__ import annotations

import cv2
import numpy as np

from stacker.errors import UserError
from stacker.frames import Image
from stacker.io.sensor.dust_light import LightPlane
from stacker.io.sensor.specks import Speck, speck_of_map

__all__ = ["specks_in_flat"]

_WIDEST_PX = 100.0
"""Deviation of the mean that a place is compared with: specks are up to 80 px wide."""

_ORDER = 4
"""Of the polynomial in x and y that is taken off first: light and lens differ that slowly over the frame."""

_COARSE = 8
"""Cells in one of the places that the slow things are told by."""

_FEWEST_CELLS = 2 * _COARSE * (_ORDER + 1)
"""Along a side: twice as many places as the polynomial has terms in one direction."""

_ROUNDS, _ODD = 4, 4.7
"""Specks are left out of what they are compared with, which takes some rounds to settle; places that are off
by some deviations count for less (Tukey's biweight: 4.7 keeps 95 % of what Gaussian noise tells)."""

_SEED, _SEED_NOISES = 0.012, 6.0
_REACH, _REACH_NOISES = 0.004, 2.5
"""A speck takes more than that of the light at its darkest, and in noise; it reaches as far as it takes more
than the second. A loss of 1 % is seen in no photograph but of a clear sky."""

_SMOOTHED_CELLS = 1.0
"""Deviation by which the map of a speck is smoothed, but where it bends."""

_BENT_NOISES = 2.0
"""By how much smoothing once more changes it, in noise: from there to twice as much less is smoothed."""

_MAP_CELLS = 24
"""Rows or columns of a map at most, or near it: shadows of large specks are soft."""

_DARKEST, _BRIGHTEST = 0.03, 0.9
"""Of white: where the middle of a flat frame may lie. Below, noise of a percent hides specks."""

_CLIPPED_SHARE = 0.02
_SPECKS_SHARE = 0.05
"""Of the frame, that may be clipped or too dark; and that specks may cover: more is a texture."""

_TEXTURE = 0.008
_TEXTURE_CELLS = 3.0
"""What the frame may vary by when smoothed by that deviation, of its light. Shot noise is far below."""


def specks_in_flat(plane: LightPlane, name: str) -> tuple[Speck, ...]:
    """Find the specks.

    Parameters
    ----------
    plane : LightPlane
        Of the flat frame.
    name : str
        For messages.

    Raises
    ------
    UserError
        When it is too small, too dark, too bright, or not plain.
    """
    if min(plane.log.shape) < _FEWEST_CELLS:
        raise UserError(
            f"{name} is too small for a flat frame: {plane.size_px[0]} × {plane.size_px[1]} px, where "
            f"{_FEWEST_CELLS * plane.step_px} at least tell slow darkening from dust"
        )
    middle = float(np.exp(np.median(plane.log)))
    clipped = 1 - float(plane.usable.mean())
    in_range = _DARKEST <= middle <= _BRIGHTEST
    if not in_range or clipped > _CLIPPED_SHARE:
        dark = np.exp(np.median(plane.log[~plane.usable])) < middle if in_range else middle < _DARKEST
        what, do = ("too dark", "longer") if dark else ("too bright", "shorter")
        raise UserError(
            f"{name} is {what} for a flat frame: its middle brightness is {100 * middle:.1f} % of white and "
            f"{100 * clipped:.1f} % of it is black or clipped; expose it {do}, to about half of white"
        )
    lost = _lost(plane)
    smooth = cv2.GaussianBlur(lost, (0, 0), _SMOOTHED_CELLS)
    noise = _spread(smooth)
    seeds = (smooth > max(_SEED, _SEED_NOISES * noise)).astype(np.uint8)
    reach = (smooth > max(_REACH, _REACH_NOISES * noise)).astype(np.uint8)
    coarse = _spread(cv2.GaussianBlur(lost, (0, 0), _TEXTURE_CELLS))
    bent = np.abs(cv2.GaussianBlur(smooth, (0, 0), _SMOOTHED_CELLS) - smooth)
    smooth += (lost - smooth) * np.clip(bent / max(_BENT_NOISES * noise, 1e-6) - 1, 0, 1)
    specks, covered = _connected(smooth, seeds, reach, plane.step_px)
    if coarse > _TEXTURE or covered > _SPECKS_SHARE:
        raise UserError(
            f"{name} is no flat frame: it varies by {100 * coarse:.1f} % and {100 * covered:.1f} % of it "
            "looks like dust; take an evenly lit plain surface, out of focus, at the aperture of the others"
        )
    return specks


def _lost(plane: LightPlane) -> Image:
    """How much darker each place is than the places around it; natural logarithm."""
    log = plane.log
    out = ~plane.usable
    for _ in range(_ROUNDS):
        lost = _around(log, out, plane.step_px) - log
        limit = 3 * _spread(cv2.GaussianBlur(lost, (0, 0), _SMOOTHED_CELLS))
        odd: Image = (cv2.GaussianBlur(lost, (0, 0), _SMOOTHED_CELLS) > limit).astype(np.uint8)
        odd = cv2.morphologyEx(odd, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))  # not single cells of noise
        out = ~plane.usable | (cv2.dilate(odd, np.ones((5, 5), np.uint8)) > 0)
    lost = _around(log, out, plane.step_px) - log
    lost[~plane.usable] = 0
    return np.asarray(lost, np.float32)


def _around(log: Image, out: Image, step_px: int) -> Image:
    """The slow part of a plane, told by what is not left out."""
    height, width = log.shape
    size = max(2, width // _COARSE), max(2, height // _COARSE)
    known = cv2.resize((~out).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    mean = cv2.resize(np.where(out, np.float32(0), log), size, interpolation=cv2.INTER_AREA)
    mean = mean / np.maximum(known, 1e-3)
    slow = _coefficients(mean, known)
    sigma = max(1.0, _WIDEST_PX / (step_px * _COARSE))
    weight = cv2.GaussianBlur(known, (0, 0), sigma)
    rest = cv2.GaussianBlur((mean - _polynomial(slow, mean.shape)) * known, (0, 0), sigma)
    rest = cv2.resize(rest / np.maximum(weight, 1e-3), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(rest + _polynomial(slow, log.shape))


def _powers(count: int) -> Image:
    """Of the middles of so many cells from -1 to 1; shape (count, order + 1)."""
    return np.asarray(((2 * np.arange(count) + 1) / count - 1)[:, None] ** np.arange(_ORDER + 1))


def _polynomial(coefficients: Image, shape: tuple[int, ...]) -> Image:
    """Its values in a frame of that many rows and columns."""
    return np.asarray(_powers(shape[0]) @ coefficients @ _powers(shape[1]).T, np.float32)


def _coefficients(values: Image, weights: Image) -> Image:
    """Of the polynomial that is fitted to them: by power of y and of x."""
    down, along = _powers(values.shape[0]), _powers(values.shape[1])
    wanted = [(i, j) for i in range(_ORDER + 1) for j in range(_ORDER + 1 - i)]
    terms = np.stack([np.outer(down[:, i], along[:, j]).ravel() for i, j in wanted], axis=1)
    sure, samples = weights.ravel().astype(float), values.ravel()
    for _ in range(_ROUNDS):
        # From the normal equations, which 15 terms of this size are tame enough for.
        found = np.linalg.solve((terms * sure[:, None]).T @ terms, terms.T @ (sure * samples))
        off = samples - terms @ found
        spread = 1.4826 * float(np.median(np.abs(off))) + 1e-6
        sure = weights.ravel() * np.maximum(0, 1 - (off / (_ODD * spread)) ** 2) ** 2
    coefficients = np.zeros((_ORDER + 1, _ORDER + 1))
    coefficients[tuple(np.transpose(wanted))] = found
    return coefficients


def _spread(values: Image) -> float:
    """Standard deviation of most of them."""
    some = values[::2, ::2]
    return 1.4826 * float(np.median(np.abs(some - np.median(some))))


def _connected(lost: Image, seeds: Image, reach: Image, step_px: int) -> tuple[tuple[Speck, ...], float]:
    """The parts within reach of a seed, as specks, and the share of the frame that they cover."""
    _, labels, about, _ = cv2.connectedComponentsWithStats(reach, connectivity=8)
    seeded = np.unique(labels[seeds > 0])
    specks, covered = [], 0
    for label in seeded[seeded > 0]:
        left, top, width, height, area = (int(value) for value in about[label])
        covered += area
        rows = slice(max(0, top - 2), top + height + 2)
        columns = slice(max(0, left - 2), left + width + 2)
        inside = (labels[rows, columns] == label).astype(np.uint8)
        soft = cv2.blur(cv2.dilate(inside, np.ones((3, 3), np.uint8)).astype(np.float32), (3, 3))
        losses = 1 - np.exp(-np.maximum(lost[rows, columns], 0) * soft)
        specks.append(_as_map(losses, columns.start * step_px, rows.start * step_px, step_px))
    return tuple(specks), covered / lost.size


def _as_map(losses: Image, left_px: int, top_px: int, step_px: int) -> Speck:
    coarser = max(1, max(losses.shape) // _MAP_CELLS)
    if coarser > 1:
        missing = [(0, -side % coarser) for side in losses.shape]
        losses = np.pad(losses, missing)
        size = losses.shape[1] // coarser, losses.shape[0] // coarser
        losses = cv2.resize(losses.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return speck_of_map(losses, left_px, top_px, step_px * coarser)
