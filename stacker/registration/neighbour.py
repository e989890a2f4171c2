"""Matches a frame to its neighbour, and says whether that can be believed."""

from __future__ import annotations

from stacker.registration.credible import credible
from stacker.registration.link import Link
from stacker.registration.match import Match, match
from stacker.registration.model import MotionModel
from stacker.registration.prepare import Prepared
from stacker.registration.similarity import Similarity

__all__ = ["Neighbour"]

_UNLIKE, _HARDLY_ALIKE, _MORE_ALIKE = -1.0, 0.6, 0.2
"""Likeness where there is no match, up to which it is tried with highlights as they are, and by how much more
alike that has to be."""


class Neighbour:
    """How the frames of a chain are matched to the ones before them.

    Parameters
    ----------
    model : MotionModel
        What is fitted.

    Attributes
    ----------
    focus_top : float
        `MatchPyramid.focus_top` of the sharpest frame so far.
    """

    def __init__(self, model: MotionModel) -> None:
        self._model = model
        self.focus_top = 0.0

    def found(self, last: Link, seen: Prepared, expected: Similarity) -> tuple[Match | None, bool]:
        """Match a frame.

        Parameters
        ----------
        last : Link
            The frame before.
        seen : Prepared
            The frame.
        expected : Similarity
            The motion that the pace of the stack expects.

        Returns
        -------
        Match or None
            None where there is nothing to hold on to.
        bool
            Whether it can be believed.
        """
        found = self._match(last, seen, expected)
        if found is not None and credible(found, expected, seen.pyramid):
            return found, True
        # A position may be wrong, and a camera in the hand need not go on turning as it did.
        other = self._match(last, seen, Similarity())
        if other is None or not credible(other, Similarity(), seen.pyramid):
            return found, False
        return other, True

    def _match(self, last: Link, seen: Prepared, expected: Similarity) -> Match | None:
        model = self._model
        if model is MotionModel.AUTO and last.position_mm is not None:
            model = MotionModel.SIMILARITY  # a rail does not tilt
        found = match(last.pyramid, seen.pyramid, expected, focus_top=self.focus_top, model=model)
        alike = _UNLIKE if found is None else found.likeness
        filled = last.seen.with_highlights is not None or seen.with_highlights is not None
        if alike > _HARDLY_ALIKE or not filled:
            return found
        # What glitters all over, a chain for one, is more than its highlights, and gone with them.
        pyramids = last.seen.glittering, seen.glittering
        other = match(*pyramids, expected, focus_top=self.focus_top, model=model)
        return found if other is None or other.likeness < alike + _MORE_ALIKE else other
