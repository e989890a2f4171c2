"""Registers one reduced grey picture to another: similarity and brightness by least squares, coarse to fine.

The method is Lucas and Kanade's with the mean of both gradients (efficient second-order minimisation:
Benhimane and Malis, "Real-time image-based tracking of planes", IROS 2004), gain and offset solved along with
the motion (which makes it invariant like the correlation coefficient of Evangelidis and Psarakis, PAMI 30,
2008), and residuals weighted down where the pictures disagree: highlights wander and depth edges shift.

On a rail, what is out of focus in both pictures lies nearer or farther than their planes of focus and moves
differently: by up to a fifth of the step where a far background is all there is to see. Giving less weight to
it does not help (what is left is noisier than the error was large), so a match says how much of it there was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from stacker.frames import Image
from stacker.registration.distortion import Distortion
from stacker.registration.levels import Level, MatchPyramid
from stacker.registration.model import MotionModel
from stacker.registration.search import BRIGHTNESS, UNKNOWNS, Refined, finer, searched
from stacker.registration.similarity import Matrix, Similarity, inverse, rescaled
from stacker.registration.solve import (
    in_focus,
    solved,
    standard_errors,
)

__all__ = ["Match", "MatchPyramid", "Spread", "likeness", "match"]

_FULL_FOCUS = 0.12
"""Of `MatchPyramid.focus`, on rendered scenes of three kinds: where anything is in focus the figure is 0.1 to
1, where all is blurred 0.04, which is what noise and rounding leave."""

_SHARPEST_TIMES = 1.5
"""The sharpest tiles of a frame in focus have that much more than what counts as full."""

_LEAST_FOCUS = 0.01
"""A stack that is blurred more than that has nothing in focus anywhere."""

_BETTER = 0.02
"""By how much another place must be more alike than the expected one: texture that repeats itself is nearly
as much alike a period away."""

_NEAR_LEVEL, _NEAR_PX = 1, 5.0
"""The size from which a motion that far from the expected one is still found."""

_GOOD_AGREEMENT = 0.7
"""What is there then is the same thing; elsewhere fine structure agrees by chance to 0.3."""

_LEVELS_ALIKE = 2
"""Subjects are told apart by their coarse structure; the finer one is noise in some stacks."""

_MIN_OVERLAP_PX = 64


@dataclass(frozen=True)
class Spread:
    """Standard errors of a motion, in pixels of the pictures.

    Attributes
    ----------
    scale, rotation : float
        At the corners.
    shift : float
        Along either axis.
    """

    scale: float
    rotation: float
    shift: float


@dataclass(frozen=True)
class Match:
    """How one picture lies on another.

    Attributes
    ----------
    motion : Similarity
        Takes points of the moving picture to the fixed one, about the centre, in pixels of the pictures
        given.
    correlation : float
        Of the two pictures after registration, -1 to 1.
    likeness : float
        Correlation of the bands that are matched, at the size where it is highest: near 0 for pictures of
        different subjects, whose correlation can be high when both are dark objects on white.
    misfit_px : float
        How far the corners would still move if stretch and shear were allowed: what a similarity leaves.
    spread : Spread
        Standard errors from noise and disagreement; what they do not know of is parallax.
    in_focus : float
        0 to 1: how much of what was compared is in focus in both pictures, and how well they are.
    level : int
        The finest size at which they agree, 0 for the whole picture.
    distortion : Distortion
        What the motion model adds to the similarity.
    """

    motion: Similarity
    correlation: float
    likeness: float
    misfit_px: float
    spread: Spread
    in_focus: float
    level: int
    distortion: Distortion

    @classmethod
    def still(cls) -> Match:
        """Nothing moves: what is said when nothing is to be matched."""
        return cls(Similarity(), 1.0, 1.0, 0.0, Spread(0.0, 0.0, 0.0), 1.0, 0, Distortion.none())


def match(
    fixed: MatchPyramid,
    moving: MatchPyramid,
    expected: Similarity,
    *,
    focus_top: float | None = None,
    only: int | None = None,
    model: MotionModel = MotionModel.SIMILARITY,
) -> Match | None:
    """Find the similarity that lays a picture on another.

    Parameters
    ----------
    fixed, moving : MatchPyramid
        Pictures of the same size.
    expected : Similarity
        Where to start: the motion (moving to fixed) of the step before, or what geometry says.
    focus_top : float, optional
        `MatchPyramid.focus_top` of the sharpest picture of the stack so far; that of the two when not given.
    only : int, optional
        The one level to look at, when the motion is known within a pixel or so.
    model : MotionModel
        What is fitted beyond the similarity.

    Returns
    -------
    Match or None
        None where there is nothing to hold on to, or the search ran away.
    """
    top = max(fixed.focus_top, moving.focus_top) if focus_top is None else focus_top
    top = min(max(top, _LEAST_FOCUS), _FULL_FOCUS)
    # The search moves the fixed picture's points into the moving picture: the inverse of what is returned.
    start = inverse(expected.matrix(fixed.centre))
    if only is not None:
        last = searched(fixed, moving, start, (only,))
    else:
        coarsest = len(fixed.levels) - 1
        shifted = _with_coarse_shift(fixed.levels[-1], moving.levels[-1], start)
        last = searched(fixed, moving, shifted, range(coarsest, -1, -1))
        if coarsest > _NEAR_LEVEL and _doubtful(fixed, start, last):
            # Texture finer than the coarsest size shows there as a pattern of its own, which moves otherwise;
            # and where it repeats itself, a period away may even be better in focus.
            near = searched(fixed, moving, start, range(_NEAR_LEVEL, -1, -1))
            if near is not None and near.level < _NEAR_LEVEL and near.agreement > _GOOD_AGREEMENT:
                last = near
    if last is None:
        return None
    if only is None:
        last = finer(fixed, moving, last, top)
    found = rescaled(last.transform, 1 / fixed.levels[last.level].factor)
    distortion = Distortion.found(fixed, moving, last, model)
    return _described(fixed, moving, found, last, distortion, top)


def _doubtful(fixed: MatchPyramid, start: Matrix, found: Refined | None) -> bool:
    """Whether a search ended coarse, or far from where the centre and a corner were expected."""
    if found is None or found.level > _NEAR_LEVEL:
        return True
    onto = rescaled(found.transform, 1 / fixed.levels[found.level].factor) - start
    points = np.array([[*fixed.centre, 1.0], [0.0, 0.0, 1.0]]).T
    return bool(np.linalg.norm((onto @ points)[:2], axis=0).max() > _NEAR_PX)


def _described(
    fixed: MatchPyramid,
    moving: MatchPyramid,
    transform: Matrix,
    last: Refined,
    distortion: Distortion,
    focus_top: float,
) -> Match | None:
    middle = min(1, len(fixed.levels) - 1)
    factor = fixed.levels[middle].factor
    seen = _correlation(fixed.levels[middle], moving.levels[middle], rescaled(transform, factor))
    level = fixed.levels[last.level]
    errors = standard_errors(last.system, last.points, UNKNOWNS)
    whole = solved(last.system, (0, 1, 2, 3, 4, 5, *BRIGHTNESS))
    if errors is None:
        return None
    to_corner = math.hypot(*level.size) / max(level.size)
    spread = Spread(
        float(errors[0] * to_corner / level.factor),
        float(errors[1] * to_corner / level.factor),
        float(np.hypot(errors[2], errors[3]) / level.factor),
    )
    focus = in_focus(last.points, last.system, fixed, moving, level.factor, focus_top)
    most = _SHARPEST_TIMES * focus_top
    return Match(
        motion=Similarity.nearest(inverse(transform), fixed.centre),
        correlation=seen,
        likeness=_likeness(fixed, moving, transform),
        misfit_px=0.0 if whole is None else float(np.hypot(whole[4], whole[5]) / level.factor),
        spread=spread,
        in_focus=min(focus, fixed.focus_top / most, moving.focus_top / most),
        level=last.level,
        distortion=distortion,
    )


def likeness(fixed: MatchPyramid, moving: MatchPyramid, motion: Similarity) -> float:
    """`Match.likeness` of pictures that lie as a motion says, or as the best shift from there."""
    start = _with_coarse_shift(fixed.levels[-1], moving.levels[-1], inverse(motion.matrix(fixed.centre)))
    return _likeness(fixed, moving, start)


def _likeness(fixed: MatchPyramid, moving: MatchPyramid, transform: Matrix) -> float:
    return max(
        _correlation(
            fixed.levels[at], moving.levels[at], rescaled(transform, fixed.levels[at].factor), bands=True
        )
        for at in range(max(0, len(fixed.levels) - _LEVELS_ALIKE), len(fixed.levels))
    )


def _with_coarse_shift(fixed: Level, moving: Level, start: Matrix) -> Matrix:
    """Add the shift that phase correlation finds, if it makes the pictures more alike: a bumped table."""
    here = rescaled(start, fixed.factor)
    width, height = fixed.size
    if min(height, width) < 8:
        return start
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    # Copies, because phaseCorrelate overwrites its arguments when it need not pad them.
    warped = _warp(moving.smooth, here, (width, height))
    (dx, dy), _ = cv2.phaseCorrelate(fixed.smooth.copy(), warped.copy(), window)
    shifted = here @ np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1.0]])
    there = _correlation(fixed, moving, shifted)
    better = there > _correlation(fixed, moving, here) + _BETTER
    return rescaled(shifted, 1 / fixed.factor) if better else start


def _warp(image: Image, transform: Matrix, size: tuple[int, int], border: float | None = None) -> Image:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    mode = cv2.BORDER_REPLICATE if border is None else cv2.BORDER_CONSTANT
    return np.asarray(
        cv2.warpAffine(image, transform[:2], size, flags=flags, borderMode=mode, borderValue=border or 0.0)
    )


def _correlation(fixed: Level, moving: Level, transform: Matrix, bands: bool = False) -> float:
    """Pearson correlation over the common part, of the pictures or of their bands."""
    one, other = (level.band if bands else level.smooth for level in (fixed, moving))
    warped = _warp(other, transform, fixed.size, math.nan)
    inside = (~np.isnan(warped)).view(np.uint8)  # what is mixed with the border is no number either
    if fixed.hidden is not None and moving.hidden is not None:  # in neither or in both
        hidden = cv2.bitwise_or(fixed.hidden, _warp(moving.hidden, transform, fixed.size))
        inside[hidden > 0] = 0
    if cv2.countNonZero(inside) < _MIN_OVERLAP_PX:
        return -1.0
    a, b = (
        cv2.subtract(part, np.array(cv2.mean(part, inside)), mask=inside).ravel() for part in (one, warped)
    )
    return float(a @ b) / max(math.sqrt(float(a @ a) * float(b @ b)), 1e-9)
