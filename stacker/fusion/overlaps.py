"""Where two things lie over each other: which frame a place is to be taken from as a whole.

A hair before print is sharp in one frame and the print behind it in another, and both are there at the same
place: the print shows through the hair where that is out of focus. The pyramid takes fine bands from the one
and coarse bands from the other, so that the hair comes out pale, or with letters printed on it. Here what is
narrow is taken from one frame, pixel by pixel: from that which shows detail there, and where detail rises and
falls twice as the plane of focus passes, from one of the two.

From which, without knowing which end of the stack is near? What lies behind is veiled by what lies before it,
and what lies before is not: so the one counts that stands out from its surroundings as much as things in that
frame do elsewhere; see `stacker.fusion.standing`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from stacker.frames import Image
from stacker.fusion.history import CRISP
from stacker.fusion.standing import Positions, standing_in_both

__all__ = [
    "DETAIL_REACH",
    "Ordering",
    "Overlap",
    "Places",
    "at_two_depths",
    "detail_around",
    "looked_at_step",
    "narrow_px",
    "overlap",
]

DETAIL_REACH = 5
"""Pixels from which `detail_around` looks at a place."""

_FINE_SIGMA, _FINE_PX = 1.41, 7
"""Of the blur that leaves detail behind: as of the pyramid's finest band."""

_AROUND_SIGMA, _AROUND_PX = 1.0, 5
"""Of the window in which detail is averaged; as narrow as hairs are."""

_PER_LEVEL = 2.0
"""Amplitudes are kept in halves of a level of 255, as bytes."""

_LEAST_LEVELS, _LEAST_NOISE = 5.0, 2.0
"""Amplitude of detail from which it is there, in levels and in standard deviations of a channel's noise (of
which 0.6 are left in it). Three levels are as good where frames are rendered, but compression of photographs
(``pcb-depth`` and ``pcb`` in docs/quality.md) makes so much beside blurred print, and speckles of it."""

_FALLEN = 0.35
"""What is left of the amplitude where detail has come and gone."""

_APART = 2
"""Frames that lie between the two at least, or more: with one in focus the other is not."""

_STANDS_OUT = 4.0
"""Times the least amplitude by which something has to stand out from its surroundings."""

_LOOKED_AT_PX = 1500
"""Larger pictures are looked at in half the size, a quarter and so on, until the long side is below twice
that: hairs that are a pixel wide there are lost, and cost four times as much to look for."""

_NARROW = 1 / 220
_NARROWEST_PX, _WIDEST_PX = 5, 7
"""Of the picture's long side, and pixels in any: what is wider has an inside of its own, which is told by its
detail, and that is looked at in a window of so many pixels whatever the picture."""

_SOFT, _SHARP = 0.07, 0.14
"""Amplitude of detail over the height from which something may be sharp, and is: hairs have 0.2 and more, and
what is blurred stands out just as far."""

_RIM_FROM, _RIM_FULL = 0.3, 0.7
"""Share of that height from which a pixel belongs to what stands out, and wholly."""

_VEILED_FROM, _VEILED_WHOLLY = 0.2, 0.5
_WIDE_VEILED_FROM, _WIDE_VEILED_WHOLLY = 0.5, 0.8
"""By how much less than usual something stands out (natural logarithm) that may be veiled, and is: it is seen
through the blur of what lies before it, and is not to be taken. Second the same by the wide window."""

_FAINT, _CLEAR = 0.1, 0.25
"""Amplitude of one thing's detail over that of the other from which it may be taken, and wholly: what is less
is the blur of something that comes to focus between the two."""

_SHARPEST = 0.8
"""Share of the amplitude in the sharpest of all frames that one of the two has at least: there may be a third
thing between them."""

_SPECK_SHARE = 0.2
_SPECK_PX, _LONG_PX = 4, 8
"""Size of a piece (of at least that share) that is a speck of texture, and from which it may be a hair."""

_HAIR_PX, _HAIRS = 30, 0.2
"""Size of a piece that is a hair for sure, and which share of what is taken in a patch such pieces are where
all of it is believed: where hairs are, some are long. Texture that is seen through the blurred rim of
something plain, as poppy seeds, comes in short pieces only, and cost 0.27 dB there (24 px 0.07; 45 px cost
moss 0.06 at 1500 px; shares of 0.1 and 0.4 bring less)."""

_UNDECIDED, _DECIDED = 0.25, 0.75
"""Lead of one of the two from which it is taken, and wholly."""

_CRISP_LESS, _SPREAD = 0.5, 1.5
"""How much less `CRISP` is wherever a picture is twice as large, as diffraction leaves less of the finest
detail there; and how far the index of what is sharp at a cell is spread from which that is at two depths:
standard deviation in focus widths."""


@dataclass(frozen=True)
class Ordering:
    """What is known of the stack.

    Attributes
    ----------
    noise_sigma : float
        Standard deviation of the frames' noise, in units of 1/255 of white.
    apart : float
        Frames for which things stay sharp.
    near_lead : float
        By how much the frames at the beginning of the stack are ahead because they are the nearer ones
        (natural logarithm); below 0 where those at its end are, 0 where nobody knows.
    """

    noise_sigma: float
    apart: float
    near_lead: float = 0.0


@dataclass(frozen=True)
class Places:
    """What decides about a part of the picture.

    Attributes
    ----------
    luma, detail : ndarray of uint8, shape (n, h, w)
        Luma of the frames, white at 255, and what `detail_around` says of it, in the order of the stack.
    narrow_px : int
        See `narrow_px`.
    ordering : Ordering
        What is known beside.
    """

    luma: Image
    detail: Image
    narrow_px: int
    ordering: Ordering


@dataclass(frozen=True)
class Overlap:
    """Which frame counts where.

    Attributes
    ----------
    frame : ndarray of int16, shape (h, w)
        Place of a frame among those that were looked at.
    share : ndarray of float32, shape (h, w)
        How much of it to take, 0 to 1.
    """

    frame: Positions
    share: Image


def at_two_depths(variance: Image, peak: Image, focus_width: float, step: int) -> Image:
    """Cells that show crisp detail in frames far apart: 255, and 0 elsewhere; uint8.

    Parameters
    ----------
    variance, peak : ndarray of float32, shape (h, w)
        Of `stacker.fusion.depth.DepthTracker.planes`.
    focus_width : float
        Of the surface.
    step : int
        See `looked_at_step`.
    """
    crisp = CRISP - _CRISP_LESS * math.log2(step)
    both = (variance > np.float32((_SPREAD * focus_width) ** 2)) & (peak > np.float32(crisp))
    return np.multiply(both, np.uint8(255), dtype=np.uint8)


def looked_at_step(long_side_px: int) -> int:
    """Which share of its size a picture is looked at in: 1, 2 for half of it, 4 and so on."""
    return 1 << max(0, int(math.log2(max(1, long_side_px) / _LOOKED_AT_PX)))


def narrow_px(long_side_px: int) -> int:
    """Up to how wide a thing is narrow in a picture of that size; odd."""
    return min(_WIDEST_PX, max(_NARROWEST_PX, round(long_side_px * _NARROW) | 1))


def detail_around(luma: Image) -> Image:
    """Amplitude of the finest detail around each pixel.

    Parameters
    ----------
    luma : ndarray of float32, shape (h, w)
        White at 255.

    Returns
    -------
    ndarray of uint8, shape (h, w)
        In halves of a level.
    """
    fine = cv2.GaussianBlur(luma, (_FINE_PX, _FINE_PX), _FINE_SIGMA)
    cv2.subtract(luma, fine, fine)
    cv2.multiply(fine, fine, fine)
    cv2.GaussianBlur(fine, (_AROUND_PX, _AROUND_PX), _AROUND_SIGMA, fine)
    return np.asarray(cv2.convertScaleAbs(cv2.sqrt(fine, fine), alpha=_PER_LEVEL))


def overlap(places: Places) -> Overlap:
    """Find where something narrow is to be taken as a whole, and from which frame."""
    known = places.ordering
    least = max(_LEAST_LEVELS, _LEAST_NOISE * known.noise_sigma)
    first = _first_risen(places.detail, least)
    behind = len(places.detail) - 1
    last = _first_risen(places.detail[::-1], least)
    np.copyto(last, behind - last, where=last >= 0)
    frame, share = last.copy(), np.zeros(first.shape, np.float32)
    at = np.flatnonzero(first >= 0)
    if not at.size:
        return Overlap(frame, share)
    beginning, end = first.ravel()[at], last.ravel()[at]
    twice = end - beginning > max(_APART, known.apart)
    one, two = standing_in_both(places.luma, places.detail, places.narrow_px, at, beginning, end)
    lead = one.beside_usual() - two.beside_usual() + np.float32(known.near_lead)
    ahead = lead > 0
    best, other_one = one.where(ahead, two), two.where(ahead, one)
    nearer = (ahead & (known.near_lead > 0)) | (~ahead & (known.near_lead < 0))
    some = _ramp(best.own / np.maximum(best.height, 1), _RIM_FROM, _RIM_FULL)
    some *= 1 - _ramp(best.veiled(), _VEILED_FROM, _VEILED_WHOLLY)
    some *= 1 - _ramp(best.veiled(widely=True), _WIDE_VEILED_FROM, _WIDE_VEILED_WHOLLY)
    decided = _ramp(np.abs(lead), _UNDECIDED, _DECIDED) * ~(best.burnt & ~nearer)
    decided *= _ramp(best.detail / np.maximum(other_one.detail, np.float32(1)), _FAINT, _CLEAR)
    some *= np.maximum(decided, ~twice)
    sharpest = np.float32(_SHARPEST) * places.detail.max(axis=0).ravel()[at]
    some *= _ramp(best.detail / (np.float32(_PER_LEVEL) * np.maximum(best.height, 1)), _SOFT, _SHARP)
    some[best.height <= _STANDS_OUT * least] = 0
    some[np.maximum(best.detail, other_one.detail) < sharpest] = 0
    share.ravel()[at], frame.ravel()[at] = some, np.where(ahead, beginning, end)
    return Overlap(frame, _without_specks(share))


def _ramp(values: Image, none: float, full: float) -> Image:
    """0 up to one value, 1 from another one on; float32."""
    return np.asarray(np.clip((values - none) / (full - none), 0, 1), np.float32)


def _first_risen(detail: Image, least: float) -> Positions:
    """Where detail rises first and falls again: place of its first peak; -1 where there is none."""
    floor = min(254, round(least * _PER_LEVEL))
    best = np.full(detail.shape[1:], floor, np.uint8)
    where = np.full(detail.shape[1:], -1, np.int16)
    going_on = np.full(detail.shape[1:], 255, np.uint8)
    for at, plane in enumerate(detail):
        higher = cv2.bitwise_and(cv2.compare(plane, best, cv2.CMP_GT), going_on)
        cv2.copyTo(plane, higher, best)
        np.copyto(where, np.int16(at), where=higher > 0)
        fallen = cv2.compare(plane, cv2.convertScaleAbs(best, alpha=_FALLEN), cv2.CMP_LT)
        over = cv2.bitwise_and(fallen, cv2.threshold(best, floor, 255, cv2.THRESH_BINARY)[1])
        cv2.bitwise_and(going_on, cv2.bitwise_not(over, over), going_on)
    return where


def _without_specks(share: Image) -> Image:
    """Leave out pieces that are small both ways, and short ones where none is long: blotches of what is
    behind would dot what is before."""
    pieces = np.asarray(share > _SPECK_SHARE, np.uint8)
    _, labels, found, _ = cv2.connectedComponentsWithStats(pieces, connectivity=8)
    size = np.maximum(found[:, cv2.CC_STAT_WIDTH], found[:, cv2.CC_STAT_HEIGHT])
    kept = _ramp(size, _SPECK_PX, _LONG_PX)
    area = found[:, cv2.CC_STAT_AREA]
    long = float(area[1:][size[1:] >= _HAIR_PX].sum()) / max(1.0, float(area[1:].sum()))
    kept *= np.float32(min(1.0, long / _HAIRS))
    kept[0] = 0
    # Around pieces there are rims of less share.
    return np.asarray(share * cv2.dilate(kept[labels], np.ones((3, 3), np.uint8)))
