"""Finds what lies over every frame and does not move with the subject: a stamp, a border, dust on the sensor.

Nothing fits better from frame to frame, so registration follows it: a line of writing on a stack of 1500 px
puts frames up to 90 px off. What gives it away is that places with much structure keep their values, frame
for frame at the same pixel, while the subject moves there: their variance is far below what the gradient of
their mean makes of the movement.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from stacker.frames import Image
from stacker.registration.levels import MatchPyramid
from stacker.registration.link import Link
from stacker.registration.match import Match
from stacker.registration.neighbour import Neighbour
from stacker.registration.prepare import Prepared
from stacker.registration.similarity import Matrix, inverse, rescaled

__all__ = ["Overlay"]

_LOOKS = (2, 3, 4, 8, 16, 32, 64, 128, 256)
"""Numbers of frames after which is looked; what comes later is not taken into account any more."""

_HALVED_FROM_PX = 500
"""Width from which half the size will do: a stroke of writing is wider than two of a thousand pixels."""

_STEADY, _RATHER_STEADY = 0.12, 0.5
"""Of the variance that the movement of the subject makes: a place with less than the first has not moved with
it, and one with less than the second neither if it adjoins such a place. A border or a shadow keeps its
outline only: what is beside or under it changes. (Textures that move vary by 1 to 5 times as much.)"""

_MOST_PX = 1.0
"""Movement that counts: beyond it, what is matched has changed altogether and varies no more than that."""

_LEAST_PX = 0.15
"""Movement from where it counts: less may be errors, and parts of a subject that stands still may show the
same to the last bit."""

_MOVED_TIMES, _MOVED_PX = 2.0, 0.5
"""How much farther the subject may have moved than a match says that the overlay has misled, and how far if
that says that nothing moves."""

_FAINT, _STRONG = 0.01, 0.99
"""As for the points of a match: of the square of the strongest gradients but for a hundredth of them."""

_BOX_PX, _JOIN_PX = 7, 5
"""Variances are of so many pixels around, and places adjoin that are so far apart."""

_LEAST, _MOST = 0.005, 0.98
"""Of the squares of the strong gradients: less misleads no match, and more is a subject that stands still."""

_MOST_AREA = 0.25
"""Of the picture, with what is around: more is no stamp, but a background before which something moves."""

_TRIALS = 2
"""The first leaves out of the match what may lie over the subject, the second what does so by that match."""

_LIES_PX, _WORSE = 0.15, 1.1
"""Pixels by which a match may move what it has followed, and how much worse, at least, that lies by a match
that moves it farther."""

_GRID = 9
"""Places across and down for which the movement is reckoned."""


class Overlay:
    """What the frames of a chain have over the subject.

    Parameters
    ----------
    known : ndarray of uint8, shape (h, w), optional
        Not 0 where something lies over the frames, of any size, where that is known beforehand.

    Attributes
    ----------
    mask : ndarray of uint8, shape (h, w), or None
        The same, as far as it is known by now.
    """

    def __init__(self, known: Image | None = None) -> None:
        self.mask = known
        self._factor = 1.0
        self._places: list[Matrix] = []
        self._sum: Image = np.empty(0, np.float32)
        self._squares: Image = np.empty(0, np.float32)

    def hide(self, seen: Prepared) -> Prepared:
        """A frame without what is known to lie over it."""
        return seen if self.mask is None else replace(seen, pyramid=seen.pyramid.without(self.mask))

    def add(self, pyramid: MatchPyramid, place: Matrix) -> None:
        """Take a frame into account.

        Parameters
        ----------
        pyramid : MatchPyramid
            The frame as it is, nothing hidden.
        place : ndarray, shape (3, 3)
            Its pixels to those of the first frame, both reduced for matching.
        """
        band = pyramid.levels[0].band
        if pyramid.width >= _HALVED_FROM_PX:
            self._factor = 0.5
            size = pyramid.width // 2, max(1, pyramid.height // 2)
            band = cv2.resize(band, size, interpolation=cv2.INTER_AREA)
        if not self._places:
            self._sum, self._squares = np.zeros_like(band), np.zeros_like(band)
        self._places.append(place)
        cv2.accumulate(band, self._sum)
        cv2.accumulateSquare(band, self._squares)

    def found(self, last: Link, covered: Prepared, match: Match, neighbour: Neighbour) -> Match | None:
        """Take a frame into account, and look from time to time whether something lies over the frames.

        Parameters
        ----------
        last : Link
            The frame before.
        covered : Prepared
            The frame as it is, nothing hidden.
        match : Match
            Of the two, without what is known to lie over them.
        neighbour : Neighbour
            How they are matched.

        Returns
        -------
        Match or None
            Of what is seen of the two, if something has been found just now to lie over them.
        """
        if len(self._places) == _LOOKS[-1]:
            return None
        place = _onto_first(last, match, covered)
        self.add(covered.pyramid, place)
        if len(self._places) not in _LOOKS:
            return None
        if self.mask is not None:
            known = self._steady(place)
            self.mask = self.mask if known is None else known
            return None
        mask = self._steady()
        if mask is None or not _stands(mask, last.pyramid, covered.pyramid, match, _LIES_PX):
            return None
        return self._tried(mask, last, covered, match, neighbour)

    def _tried(
        self, mask: Image, last: Link, covered: Prepared, match: Match, neighbour: Neighbour
    ) -> Match | None:
        """The match without what a mask shows, if it bears out that this does not move with the subject."""
        found: Match | None = None
        for _ in range(_TRIALS):
            trial = Overlay(mask)
            bare = replace(last, seen=trial.hide(last.seen))
            found, believed = neighbour.found(bare, trial.hide(covered), match.motion)
            if found is None or not believed or not _stands(mask, last.pyramid, covered.pyramid, found):
                return None
            steady = self._steady(_onto_first(last, found, covered))
            if steady is None:
                return None
            mask = steady
        self.mask = mask
        return found

    def _steady(self, last: Matrix | None = None) -> Image | None:
        """What has not moved as the subject did.

        Parameters
        ----------
        last : ndarray, shape (3, 3), optional
            Place of the frame added last, if it is another than was said and can be believed. Otherwise the
            subject may have moved farther than was said, and where it was not said to move at all.

        Returns
        -------
        ndarray of uint8, shape (h, w), or None
            Not 0 there; None where there is nothing that would mislead a match, or nothing else.
        """
        count = len(self._places)
        mean = self._sum * np.float32(1 / count)
        spread = cv2.subtract(self._squares, cv2.multiply(self._sum, mean))
        ways = [cv2.Scharr(mean, cv2.CV_32F, *way, scale=1 / 32) for way in ((1, 0), (0, 1))]
        xx, xy, yy = (cv2.multiply(ways[a], ways[b]) for a, b in ((0, 0), (0, 1), (1, 1)))
        moved = self._moved([*self._places[:-1], self._places[-1] if last is None else last], last is None)
        told = cv2.add(cv2.multiply(xx, moved[0]), cv2.multiply(yy, moved[2]))
        told = cv2.add(told, cv2.multiply(xy, moved[1], scale=2.0))
        box = _BOX_PX, _BOX_PX
        varied = cv2.blur(spread, box) * np.float32(1 / (count - 1))
        moves = cv2.blur(told, box)
        strength = cv2.add(xx, yy)
        strong = strength > _FAINT * float(np.quantile(strength[::7, ::7], _STRONG))
        sure, rather = (strong & (varied < share * moves) for share in (_STEADY, _RATHER_STEADY))
        found = _joined(sure, rather)
        if not _LEAST < strength[found].sum() / max(strength[strong].sum(), 1e-9) < _MOST:
            return None
        mask = cv2.dilate(found.view(np.uint8), np.ones(box, np.uint8))
        return mask if mask.mean() < _MOST_AREA else None

    def _moved(self, places: list[Matrix], unsure: bool) -> list[Image]:
        """Covariance of what of the subject a pixel sees, about `_MOST_PX` squared at most."""
        height, width = self._sum.shape
        at = np.meshgrid(np.linspace(0, width - 1, _GRID), np.linspace(0, height - 1, _GRID))
        points = np.stack([at[0].ravel(), at[1].ravel(), np.ones(_GRID**2)])
        seen = np.array([rescaled(place, self._factor) @ points for place in places])
        seen = seen[:, :2] / seen[:, 2:]
        off = seen - seen.mean(axis=0)
        both = np.einsum("kap,kbp->abp", off, off) / (len(places) - 1)
        least = _LEAST_PX * self._factor
        both *= both[0, 0] + both[1, 1] > least**2
        if unsure:
            both = _MOVED_TIMES**2 * both + _MOVED_PX**2 * np.eye(2)[..., None]
        both /= np.maximum(1.0, (both[0, 0] + both[1, 1]) / _MOST_PX**2)
        parts = (both[way].reshape(_GRID, _GRID).astype(np.float32) for way in ((0, 0), (0, 1), (1, 1)))
        return [cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR) for part in parts]


def _onto_first(last: Link, found: Match, seen: Prepared) -> Matrix:
    """Pixels of a frame, reduced, to those of the first one."""
    size = seen.pyramid.width, seen.pyramid.height
    return last.place.moved(found.motion, last.position_mm).matrix(size, 1.0)


def _stands(
    mask: Image, fixed: MatchPyramid, moving: MatchPyramid, found: Match, least_px: float = 0.0
) -> bool:
    """Whether what a mask shows lies in the same place, and not where a match has it, as parts of the subject
    do that hardly move; true if the match moves it by less than some pixels.
    """
    one, other, size = fixed.levels[0].band, moving.levels[0].band, fixed.levels[0].size
    here = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    to_moving = inverse(found.motion.matrix(fixed.centre))
    rows, columns = np.nonzero(here)
    points = np.stack([columns, rows, np.ones_like(rows)])
    if np.linalg.norm(((to_moving - np.eye(3)) @ points)[:2], axis=0).mean() < least_px:
        return True
    moved = cv2.warpAffine(other, to_moving[:2], size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return _WORSE * cv2.norm(one, other, cv2.NORM_L2, here) < cv2.norm(one, moved, cv2.NORM_L2, here)


def _joined(sure: Image, rather: Image) -> Image:
    """The rather steady places that adjoin steady ones, by way of each other."""
    near = cv2.dilate(rather.view(np.uint8), np.ones((_JOIN_PX, _JOIN_PX), np.uint8))
    count, parts = cv2.connectedComponents(near, connectivity=8)
    kept = np.zeros(count, bool)
    kept[parts[sure]] = True
    return np.asarray(rather & kept[parts])
