"""Tells whether a match of two frames can be believed."""

from __future__ import annotations

import math

from stacker.registration.levels import MatchPyramid
from stacker.registration.match import Match
from stacker.registration.similarity import Similarity

__all__ = ["credible"]

_MIN_CORRELATION = 0.4
_MIN_LIKENESS = 0.35

_LOW_CORRELATION = 0.75

_STRUCTURE_ALIKE = 0.55
_NEAR, _FAR = 0.02, 0.05
"""Share of the frame by which a match may be off what was expected, in shift and in scale, when the pictures
as a whole are hardly alike: the second where their coarse structure is. Frames that lie far apart before a
slope have so much in and out of focus that they correlate by 0.5, and change size by 2.6 % a step."""

_MAX_MISFIT = 0.01
"""Stretch and shear that a similarity may leave over, as a share of the half frame: 5 px of 1000."""


def credible(found: Match, expected: Similarity, pyramid: MatchPyramid) -> bool:
    """Whether a match is one: alike enough, undistorted, and if hardly alike then at least as expected.

    Parameters
    ----------
    found : Match
        What is to be judged.
    expected : Similarity
        The motion that the pace of the stack expects.
    pyramid : MatchPyramid
        Of the frame that was matched: its width is what shares of the frame are of.
    """
    if found.correlation < _MIN_CORRELATION or found.likeness < _MIN_LIKENESS:
        return False
    if found.misfit_px > _MAX_MISFIT * pyramid.width / 2:
        return False
    if found.correlation >= _LOW_CORRELATION:
        return True
    jump = math.dist(found.motion.shift_px, expected.shift_px) / pyramid.width
    most = _FAR if found.likeness >= _STRUCTURE_ALIKE else _NEAR
    return max(jump, abs(math.log(found.motion.scale / expected.scale))) < most
