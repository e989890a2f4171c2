"""Registers each frame to its neighbour and carries the result on to the reference view."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from stacker.frames import Image
from stacker.registration.exposure import Gain, Tones, relative_gain
from stacker.registration.match import Match, MatchPyramid, match
from stacker.registration.prepare import Prepared, prepare
from stacker.registration.rail import RailGeometry, RailPrior
from stacker.registration.similarity import Matrix, Similarity, identity, inverse, rescaled

__all__ = ["Chain", "Registration", "Verdict"]

_MIN_CORRELATION = 0.4
_LOW_CORRELATION = 0.75
_MAX_MISFIT = 0.01
"""Stretch and shear that a similarity may leave over, as a share of the half frame: 5 px of 1000."""


_FARTHEST_AHEAD = 10.0
"""Steps over which a pace is still a prediction."""


class Verdict(Enum):
    """What registration thinks of a frame."""

    REGISTERED = "registered"
    """It was matched to its neighbours."""
    UNMATCHED = "unmatched"
    """It could not be matched: blurred, black, or the motion is not credible. Its place is predicted."""
    FOREIGN = "foreign"
    """It shows something else than the frames around it. Its place is predicted."""


@dataclass(frozen=True)
class Registration:
    """Where a frame lies in the reference view, and how well that is known.

    Attributes
    ----------
    transform : ndarray, shape (3, 3)
        Frame pixels to reference pixels.
    gain : ndarray, shape (3,)
        Factors for red, green, blue.
    correlation : float
        With the neighbour after registration; 1 for the first frame.
    misfit_px : float
        What a similarity leaves over, at the corners, in pixels of the frame.
    verdict : Verdict
        Whether the frame could be matched, and what is thought of it otherwise.
    sharpness : float
        `stacker.sharpness` of the frame.
    """

    transform: Matrix
    gain: Gain
    correlation: float
    misfit_px: float
    verdict: Verdict
    sharpness: float

    @property
    def registered(self) -> bool:
        """False when the transform is a prediction because the frame could not be matched."""
        return self.verdict is Verdict.REGISTERED


@dataclass(frozen=True)
class _Link:
    """A frame that others can be matched to. Motion is kept as parts, so that geometry can correct the scale.

    ``scale`` is relative to what geometry predicts when there is geometry; ``drift_px`` is the shift of the
    centre in pixels of the frame itself.
    """

    pyramid: MatchPyramid
    tones: Tones
    scale: float
    rotation_rad: float
    drift_px: tuple[float, float]
    gain: Gain
    position_mm: float | None


@dataclass(frozen=True)
class _Pace:
    """Motion between the last two frames that matched, how many frames apart they are, and how far."""

    motion: Similarity
    frames: int
    distance_mm: float | None


class Chain:
    """The registration of a stack, frame by frame.

    Parameters
    ----------
    base : ndarray, shape (3, 3)
        First frame to reference view; left out of account when there is rail geometry and it applies.
    geometry : RailGeometry, optional
        Corrects the scale of the chain: the product of neighbour matches gives exp(-Δ/v), not v/(v+Δ).
    width_px : int
        Matching happens on frames reduced to this width at most.
    align, exposure : bool
        Whether to register and whether to match brightness.
    """

    def __init__(
        self,
        base: Matrix | None = None,
        geometry: RailGeometry | None = None,
        width_px: int = 1000,
        align: bool = True,
        exposure: bool = True,
    ) -> None:
        self._base = identity() if base is None else base
        self._geometry = geometry
        self._width_px = width_px
        self._align, self._exposure = align, exposure
        self._first: _Link | None = None
        self._last: _Link | None = None
        self._pace: _Pace | None = None
        self._skipped = 0
        self._revised: tuple[Registration, ...] = ()
        self._prior = RailPrior(geometry) if geometry is not None else None

    def rewind(self) -> None:
        """Make the first frame the neighbour of the next one: the other half of a stack, outward."""
        self._last, self._pace, self._skipped = self._first, None, 0

    def prepare(self, pixels: Image) -> Prepared:
        """Reduce a frame for `add`; may run on other threads, several at a time, while frames are added."""
        return prepare(pixels, self._width_px)

    def add(self, frame: Image | Prepared, position_mm: float | None = None) -> Registration:
        """Register the next frame; one at a time, in order.

        Parameters
        ----------
        frame : ndarray, shape (H, W, 3), or Prepared
            RGB, the same size as all others; or what `prepare` made of it.
        position_mm : float, optional
            Rail position, growing towards the subject.
        """
        seen = frame if isinstance(frame, Prepared) else self.prepare(frame)
        if not self._align and not self._exposure and self._last is not None:
            return Registration(self._base, np.ones(3), 1.0, 0.0, Verdict.REGISTERED, seen.sharpness)
        link = _Link(seen.pyramid, seen.tones, 1.0, 0.0, (0.0, 0.0), np.ones(3), position_mm)
        if self._last is None:
            self._first = self._last = link
            if self._prior is not None:
                self._prior.seen(seen.sharpness)
            transform = self._transform(link, seen.size_px, seen.factor)
            return Registration(transform, link.gain, 1.0, 0.0, Verdict.REGISTERED, seen.sharpness)
        return self._register(self._last, link, seen.size_px, seen.factor, seen.sharpness)

    def revised(self) -> tuple[Registration, ...]:
        """Better registrations of the frames in a row, before the last one added, that could not be matched.

        Known once a frame after them has been registered: they are placed between their neighbours. Oldest
        first; empty when the last frame was not registered, or follows a registered one.
        """
        return self._revised

    def _register(
        self, last: _Link, link: _Link, size: tuple[int, int], factor: float, sharp: float
    ) -> Registration:
        expected = self._expected(last, link)
        found = match(last.pyramid, link.pyramid, expected) if self._align else Match(Similarity(), 1.0, 0.0)
        registered = found is not None and self._credible(found, expected, link.pyramid)
        motion = self._believed(found.motion, last, link, sharp) if found and registered else expected
        placed = self._place(last, link, motion)
        placed = replace(placed, gain=last.gain)
        if self._exposure and registered:
            placed = replace(placed, gain=last.gain * self._step_gain(last, link, motion))
        if registered:
            self._pace = _Pace(motion, 1 + self._skipped, _distance(last, link))
            self._last, self._skipped = placed, 0
        else:
            self._skipped += 1
        correlation, misfit = (found.correlation, found.misfit_px / factor) if found else (0.0, math.inf)
        transform = self._transform(placed, size, factor)
        verdict = Verdict.REGISTERED if registered else Verdict.UNMATCHED
        return Registration(transform, placed.gain, correlation, misfit, verdict, sharp)

    def _expected(self, last: _Link, link: _Link) -> Similarity:
        """Motion from the link to the last one, from the pace so far and from geometry."""
        motion, distance = Similarity(), _distance(last, link)
        if self._pace is not None:
            ratio = (1 + self._skipped) / self._pace.frames
            if distance is not None and self._pace.distance_mm:
                ratio = distance / self._pace.distance_mm
            motion = self._pace.motion.power(min(max(ratio, -_FARTHEST_AHEAD), _FARTHEST_AHEAD))
        if self._geometry is not None and distance is not None:
            motion = replace(motion, scale=self._geometry.step_scale(distance))
        return motion

    def _credible(self, found: Match, expected: Similarity, pyramid: MatchPyramid) -> bool:
        """Whether a match is one: alike enough, undistorted, and if hardly alike then at least as
        expected."""
        if found.correlation < _MIN_CORRELATION:
            return False
        if found.misfit_px > _MAX_MISFIT * pyramid.width / 2:
            return False
        if found.correlation >= _LOW_CORRELATION:
            return True
        jump = math.dist(found.motion.shift_px, expected.shift_px) / pyramid.width
        return jump < 0.02 and abs(math.log(found.motion.scale / expected.scale)) < 0.02

    def _believed(self, measured: Similarity, last: _Link, link: _Link, sharp: float) -> Similarity:
        """A match, weighed against the rail's geometry where that is known."""
        distance = _distance(last, link)
        if self._prior is None or distance is None or not self._align:
            return measured
        return self._prior.believed(measured, distance, sharp, link.pyramid.width)

    def _place(self, last: _Link, link: _Link, motion: Similarity) -> _Link:
        """Add a step to the chain."""
        cos, sin = math.cos(last.rotation_rad), math.sin(last.rotation_rad)
        dx, dy = motion.shift_px
        step = cos * dx - sin * dy, sin * dx + cos * dy
        distance = _distance(last, link)
        if self._geometry is None or distance is None:
            scale = motion.scale
            drift = tuple((before + now) / scale for before, now in zip(last.drift_px, step, strict=True))
        else:
            # Displacement keeps its size in the plane of focus, whose scale the geometry knows; what was
            # matched lies halfway between the two planes, so half of the step's scale applies to the shift.
            predicted = self._geometry.step_scale(distance)
            scale, half = motion.scale / predicted, math.sqrt(predicted)
            drift = tuple(before + now / half for before, now in zip(last.drift_px, step, strict=True))
        rotation = last.rotation_rad + motion.rotation_rad
        return replace(link, scale=last.scale * scale, rotation_rad=rotation, drift_px=(drift[0], drift[1]))

    def _transform(self, link: _Link, size: tuple[int, int], factor: float) -> Matrix:
        """Full-size transform of a link's frame to the reference view."""
        located = self._geometry is not None and link.position_mm is not None
        scale = link.scale
        if self._geometry is not None and link.position_mm is not None:
            scale *= self._geometry.scale(link.position_mm)
        shift = (link.drift_px[0] * scale / factor, link.drift_px[1] * scale / factor)
        full = Similarity(scale, link.rotation_rad, shift).matrix(((size[0] - 1) / 2, (size[1] - 1) / 2))
        return full if located else np.asarray(self._base @ full)

    def _step_gain(self, last: _Link, link: _Link, motion: Similarity) -> Gain:
        ratio = last.tones.colours.shape[1] / last.pyramid.width
        to_moving = inverse(motion.matrix(last.pyramid.centre))
        return relative_gain(last.tones, link.tones, rescaled(to_moving, ratio))


def _distance(last: _Link, link: _Link) -> float | None:
    """Rail travel between two frames, if both say where they were taken."""
    if last.position_mm is None or link.position_mm is None:
        return None
    return link.position_mm - last.position_mm
