"""Checks a chain against a farther frame, so that small errors do not add up step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stacker.registration.link import Link
from stacker.registration.match import Match, match
from stacker.registration.pace import Vector, noise_of, similarity_of, vector_of

__all__ = ["Anchor"]

_LEAST_FOCUS = 0.4
"""Of `Match.in_focus`: with less, parallax and blur are larger than what a check could mend."""

_SHARE_IN_FOCUS = 0.8
"""Of what a frame and its neighbour have in focus together, an anchor must have that much with it."""

_LEAST_LIKENESS = 0.5
_MOST_STEPS = 12
_LEAST_NOISE_PX = 0.01
_STANDS_OUT, _STANDS_OUT_PX = 5.0, 1.0
"""Standard errors, and pixels, beyond which anchor and neighbour contradict each other: the neighbour, which
is more alike, is believed."""


class Anchor:
    """A frame some steps back that each new one is matched to as well, while they have enough in common.

    Parameters
    ----------
    link : Link
        The first anchor.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._variance = np.zeros(4)
        self._steps = 0

    def checked(self, link: Link, last: Link, found: Match, bumped: bool, focus_top: float) -> Link:
        """The link, its place corrected by what the anchor says.

        Parameters
        ----------
        link : Link
            As its neighbour places it.
        last : Link
            The neighbour, which becomes the anchor when the present one is too far.
        found : Match
            Of the two.
        bumped : bool
            There was a bump between them: nothing farther is asked.
        focus_top : float
            See `match`.
        """
        step = _variance(found)
        self._variance = self._variance + step
        self._steps += 1
        if bumped or found.in_focus < _LEAST_FOCUS or self._link is last:
            return link
        if link.place.distortion is not self._link.place.distortion:
            # One of the two is tilted, which a similarity would take for something else.
            self._link, self._variance, self._steps = last, step, 1
            return link
        expected = self._link.place.motion_of(link.place)
        far = match(self._link.pyramid, link.pyramid, expected, focus_top=focus_top, only=found.level)
        if far is None or not _useful(far, found) or self._steps > _MOST_STEPS:
            self._link, self._variance, self._steps = last, step, 1
            return link
        radius = link.pyramid.radius
        here = vector_of(expected, radius)
        surprise, error = vector_of(far.motion, radius) - here, _variance(far)
        if np.any(
            np.abs(surprise) > np.maximum(_STANDS_OUT * np.sqrt(self._variance + error), _STANDS_OUT_PX)
        ):
            return link
        share = self._variance / (self._variance + error)
        if link.position_mm is not None and last.position_mm is not None:
            # What is seen in both lies off both planes: positions know better how it grows, and that a
            # carriage does not turn.
            share[:2] = 0.0
        self._variance = share * error
        motion = similarity_of(here + share * surprise, radius)
        place = self._link.place.moved(motion, link.position_mm)
        return replace(link, place=replace(place, distortion=link.place.distortion))


def _variance(found: Match) -> Vector:
    return np.asarray(noise_of(found) ** 2 + _LEAST_NOISE_PX**2)


def _useful(far: Match, near: Match) -> bool:
    return far.likeness >= _LEAST_LIKENESS and far.in_focus >= _SHARE_IN_FOCUS * near.in_focus
