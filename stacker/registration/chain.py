"""Registers each frame to its neighbour, checks that against a farther one, and carries the result on to the
reference view."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

from stacker.frames import Image
from stacker.registration.anchor import Anchor
from stacker.registration.brightness import Brightness
from stacker.registration.exposure import Gain, Levels, relative_levels
from stacker.registration.hindsight import Hindsight
from stacker.registration.link import Link
from stacker.registration.match import Match, likeness
from stacker.registration.model import MotionModel
from stacker.registration.neighbour import Neighbour
from stacker.registration.overlay import Overlay
from stacker.registration.pace import Pace, vector_of
from stacker.registration.place import Place
from stacker.registration.prepare import Prepared, prepare
from stacker.registration.rail import PupilFit, Rail, RailGeometry
from stacker.registration.similarity import Matrix, Similarity, identity, inverse, rescaled
from stacker.registration.still import Stillness

__all__ = ["Chain", "Registration", "Verdict"]

_FOREIGN_LIKENESS = 0.3
"""Bands of different subjects correlate below 0.2 wherever they are laid on each other."""

_MUCH_TO_SEE = 0.25
"""A frame with that share of its neighbour's contrast is neither black nor fogged: if it is not alike it
shows something else."""

_BLACK_CONTRAST = 0.01
"""Of 255, in linear light: a picture with less than that is black or blank, and shows no subject at all."""

_GIVEN_PACE_ERROR = 0.03
"""Share by which a given pupil distance may be wrong; see `stacker.registration.rail`."""


_PLAIN, _IN_FOCUS, _SOME_TILTS, _LIKELY = 200.0, 0.3, 2, 9.0
"""`Distortion.evidence` of a tilt that is plain, what of the match has to be in focus for that, how many such
tell that somebody has the camera in the hand, and what is believed then. Cameras that do not turn look a
little turned by parallax, blur, and a plane of focus that sweeps over a slope: up to 80 in 14 rendered and 5
real stacks (111 where nothing is in focus); cameras that turn by a quarter of a degree have 10 to 200,000, in
the median 1000."""


_Matched = tuple[Link, Prepared, Match]
"""The frame before, a frame, both as far as they are to be matched, and their match."""


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
    offset : ndarray, shape (3,)
        In 1/255 of white, to be added after the gain.
    correlation : float
        With the neighbour after registration; 1 for the first frame.
    misfit_px : float
        What a similarity leaves over, at the corners, in pixels of the frame.
    verdict : Verdict
        Whether the frame could be matched, and what is thought of it otherwise.
    sharpness : float
        `stacker.sharpness` of the frame.
    predicted : float
        0 to 1: how much of its shift comes from the pace of the frames before, and not from the frame, in
        which too little is in focus to go by.
    detail : ndarray or None
        `Prepared.detail`; None where nothing was measured.
    """

    transform: Matrix
    gain: Gain
    offset: Gain
    correlation: float
    misfit_px: float
    verdict: Verdict
    sharpness: float
    predicted: float = 0.0
    detail: Image | None = None

    @property
    def levels(self) -> Levels:
        """Gain and offset together."""
        return Levels(self.gain, self.offset)

    @property
    def registered(self) -> bool:
        """False when the transform is a prediction because the frame could not be matched."""
        return self.verdict is Verdict.REGISTERED


@dataclass(frozen=True)
class _Gap:
    """Frames in a row that could not be matched: how many, and the last one."""

    count: int = 0
    newest: tuple[Link, Registration] | None = None


class Chain:
    """The registration of a stack, frame by frame.

    Parameters
    ----------
    base : ndarray, shape (3, 3)
        First frame to reference view.
    geometry : RailGeometry, optional
        Pupil distance, when it is known, and the rail position of the reference view. Positions alone do as
        well: the pupil distance is then fitted as the chain grows. Either corrects the scale of the chain:
        the product of neighbour matches gives exp(-Δ/v), not v/(v+Δ).
    width_px : int
        Matching happens on frames reduced to this width at most.
    align, exposure : bool
        Whether to register and whether to match brightness.
    model : MotionModel
        What is fitted.
    first : Levels, optional
        What makes the first frame as bright as the others are to be; nothing by default.
    frames : int, optional
        How many are to come, where that is known: few lie far apart.
    known : Hindsight, optional
        What is known of all frames beforehand.
    """

    def __init__(
        self,
        base: Matrix | None = None,
        geometry: RailGeometry | None = None,
        width_px: int = 1000,
        align: bool = True,
        exposure: bool = True,
        model: MotionModel = MotionModel.AUTO,
        first: Levels | None = None,
        frames: int | None = None,
        known: Hindsight | None = None,
    ) -> None:
        self._base = identity() if base is None else base
        self._view_mm = None if geometry is None else geometry.reference_mm
        self._width_px = width_px
        self._align, self._exposure, self._model = align, exposure, model
        self._rail = Rail(None if geometry is None else geometry.pupil_distance_mm)
        self._brightness = Brightness(_step_levels, first)
        self._first: Link | None = None
        self._last: Link | None = None
        self._frames = frames
        self._pace = Pace(frames=frames)
        self._anchor: Anchor | None = None
        self._neighbour = Neighbour(model)
        self._gap = _Gap()
        self._tilts = 0
        self._known = known or Hindsight()
        self._still = Stillness(holds=not self._known.moves)
        self._overlay = Overlay(self._known.overlay)
        self._revised: tuple[Registration, ...] = ()

    def rewind(self) -> None:
        """Make the first frame the neighbour of the next one: the other half of a stack, outward."""
        self._last, self._gap, self._revised = self._first, _Gap(), ()
        self._pace.turn_round()
        self._still.turn_round()
        self._brightness.rewind()
        if self._first is not None:
            self._anchor = Anchor(self._first)

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
        self._revised = ()
        self._neighbour.focus_top = max(self._neighbour.focus_top, seen.pyramid.focus_top)
        if self._last is None or self._nothing_yet(seen):
            self._overlay = Overlay(self._known.overlay)
            self._overlay.add(seen.pyramid, identity())
            seen = self._overlay.hide(seen)
            return self._begin(Link(seen, Place(position_mm=position_mm), Levels.same(), position_mm))
        if not self._align and not self._exposure:
            return self._told(replace(self._last, seen=seen), 1.0, 0.0, Verdict.REGISTERED)
        return self._register(self._last, seen, position_mm)

    def revised(self) -> tuple[Registration, ...]:
        """A better registration of the frame before the last one added, if that could not be matched.

        It is known once a frame after it has been registered: its place is between the two. One, or none when
        the last frame was not registered, or follows a registered one.
        """
        return self._revised

    @property
    def hindsight(self) -> Hindsight | None:
        """What all frames had better been registered by, where it has come out since they were: something
        that lies over them, or that they had moved when they were left where they are.
        """
        drifted = self._still.missed and not self._pace.per_mm  # what has a position is never left
        uncovered = self._known.overlay is None and self._overlay.mask is not None
        if not drifted and not uncovered:
            return None
        return Hindsight(drifted or self._known.moves, self._overlay.mask)

    @property
    def covered(self) -> Image | None:
        """Where something lies over all frames that does not move with the subject: `Overlay.mask`."""
        return self._overlay.mask

    def pupil_fit(self) -> PupilFit | None:
        """The pupil distance that the scales measured so far tell of; None without positions."""
        return self._rail.fit()

    def _begin(self, link: Link) -> Registration:
        link = replace(link, levels=self._brightness.add(link))
        self._first = self._last = link
        self._anchor = Anchor(link)
        self._pace = self._new_pace()
        return self._told(link, 1.0, 0.0, Verdict.REGISTERED)

    def _new_pace(self) -> Pace:
        if self._first is None or self._first.position_mm is None:
            return Pace(frames=self._frames)
        if self._rail.given_mm is None:
            return Pace(per_mm=True, frames=self._frames)
        known = 1 / self._rail.given_mm
        return Pace(True, -known, _GIVEN_PACE_ERROR * known, self._frames)

    def _nothing_yet(self, seen: Prepared) -> bool:
        """Whether the first frame is black or blank, a flash that failed, and this one is not."""
        blank = self._first is not None and self._first.pyramid.contrast < _BLACK_CONTRAST
        return blank and self._last is self._first and seen.pyramid.contrast >= _BLACK_CONTRAST

    def _register(self, last: Link, seen: Prepared, position_mm: float | None) -> Registration:
        expected = self._pace.expected(self._units(last, position_mm), seen.pyramid.radius)
        covered, seen = seen, self._overlay.hide(seen)
        found = Match.still()
        if self._align:
            matched, believed = self._neighbour.found(last, seen, expected)
            if matched is None or not believed:
                return self._predicted(last, seen, position_mm, expected, matched)
            last, seen, found = self._uncovered(last, covered, seen, matched)
        position_mm = self._plausible(found, last, seen, position_mm)
        motion, bumped, predicted = self._believed(found, seen, self._units(last, position_mm))
        place = last.place.moved(motion, position_mm, self._distortion(found))
        link = Link(seen, place, last.levels, position_mm)
        if self._align and self._anchor is not None:
            link = self._anchor.checked(link, last, found, bumped, self._neighbour.focus_top)
        self._look_whether_still(found, link)
        if self._exposure:
            link = replace(link, levels=self._brightness.add(link))
        self._close_gap(last, link)
        self._last = link
        told = self._told(link, found.correlation, found.misfit_px / seen.factor, Verdict.REGISTERED)
        return replace(told, predicted=predicted)

    def _uncovered(self, last: Link, covered: Prepared, seen: Prepared, found: Match) -> _Matched:
        """A match of what is seen, if something turns out to lie over the frames; else the one there was."""
        better = self._overlay.found(last, covered, found, self._neighbour)
        if better is None:
            return last, seen, found
        # It was followed until now: the pace is its, and so is what frames were to be checked against.
        last, alone = replace(last, seen=self._overlay.hide(last.seen)), last is self._first
        assert self._first is not None, "a frame comes before"
        self._first = last if alone else replace(self._first, seen=self._overlay.hide(self._first.seen))
        self._anchor, self._pace = Anchor(last), self._new_pace()
        return last, self._overlay.hide(covered), better

    def _believed(self, found: Match, seen: Prepared, units: float) -> tuple[Similarity, bool, float]:
        """A match, weighed against the pace so far, which it becomes part of; see `Pace.believed`."""
        if not self._align:
            return found.motion, False, 0.0
        return self._pace.believed(found, units, seen.pyramid.width, seen.pyramid.radius)

    def _plausible(self, found: Match, last: Link, seen: Prepared, position_mm: float | None) -> float | None:
        """A position, or where the frame seems to have been taken if that cannot be."""
        if not self._align or last.position_mm is None or position_mm is None:
            return position_mm
        width, radius = seen.pyramid.width, seen.pyramid.radius
        step_mm, log_scale = position_mm - last.position_mm, math.log(found.motion.scale)
        self._rail.learn(
            step_mm, log_scale, float(self._pace.error_of(found, width)[0]) / radius, radius / seen.factor
        )
        return last.position_mm + self._rail.travel_mm(step_mm, log_scale, 1000.0 * radius / width)

    def _look_whether_still(self, found: Match, link: Link) -> None:
        assert self._first is not None, "a frame comes before"
        width, radius = link.pyramid.width, link.pyramid.radius
        measured, error = vector_of(found.motion, radius), self._pace.error_of(found, width)
        self._still.step(measured, error, link.place, self._first.place, radius)

    def _units(self, last: Link, position_mm: float | None) -> float:
        """How far the next frame is from the last one that was registered, in what the pace is given in."""
        if self._pace.per_mm and last.position_mm is not None and position_mm is not None:
            return position_mm - last.position_mm
        return 1.0 + self._gap.count

    def _distortion(self, found: Match) -> Matrix | None:
        """What is believed of what a match says beyond the similarity."""
        if self._model is MotionModel.SIMILARITY:
            return None
        if self._model is MotionModel.AUTO:
            plain = found.distortion.evidence >= _PLAIN and found.in_focus >= _IN_FOCUS
            self._tilts += plain
            if not plain and (self._tilts < _SOME_TILTS or found.distortion.evidence < _LIKELY):
                return None
        return found.distortion.matrix

    def _predicted(
        self, last: Link, seen: Prepared, position_mm: float | None, expected: Similarity, found: Match | None
    ) -> Registration:
        """What is said of a frame that could not be matched."""
        alike = likeness(last.pyramid, seen.pyramid, expected) if found is None else found.likeness
        much = seen.pyramid.contrast > max(_BLACK_CONTRAST, _MUCH_TO_SEE * last.pyramid.contrast)
        verdict = Verdict.FOREIGN if much and alike < _FOREIGN_LIKENESS else Verdict.UNMATCHED
        link = Link(seen, last.place.moved(expected, position_mm), last.levels, position_mm)
        correlation, misfit = (found.correlation, found.misfit_px / seen.factor) if found else (0.0, math.inf)
        told = replace(self._told(link, correlation, misfit, verdict), predicted=1.0)
        self._gap = _Gap(self._gap.count + 1, (link, told))
        return told

    def _close_gap(self, last: Link, link: Link) -> None:
        """Place the frame that could not be matched between its neighbours."""
        gap, self._gap = self._gap, _Gap()
        if gap.newest is None:
            return
        lost, told = gap.newest
        share = gap.count / (gap.count + 1)
        ends = last.position_mm, lost.position_mm, link.position_mm
        if ends[0] is not None and ends[1] is not None and ends[2] is not None and ends[2] != ends[0]:
            between = (ends[1] - ends[0]) / (ends[2] - ends[0])
            share = between if 0.0 < between < 1.0 else share  # else the position cannot be right
        place = last.place.between(link.place, share)
        levels = last.levels.mixed(link.levels, share)
        found = replace(lost, place=place, levels=levels, position_mm=place.position_mm)
        revised = self._told(found, told.correlation, told.misfit_px, told.verdict)
        self._revised = (replace(revised, predicted=1.0),)

    def _told(self, link: Link, correlation: float, misfit: float, verdict: Verdict) -> Registration:
        seen = link.seen
        transform = self._base
        if not self._still.holds or link.position_mm is not None:
            transform = transform @ link.place.matrix(seen.size_px, seen.factor, self._correction(link))
        return Registration(
            transform,
            link.levels.gain,
            link.levels.offset,
            correlation,
            misfit,
            verdict,
            seen.sharpness,
            detail=seen.detail,
        )

    def _correction(self, link: Link) -> float:
        """What geometry makes of the scale of a link."""
        start_mm = None if self._first is None else self._first.position_mm
        if start_mm is None or link.position_mm is None or not self._align:
            return 1.0
        return self._rail.plane_correction(link.position_mm, start_mm, self._view_mm)


def _step_levels(last: Link, link: Link) -> Levels:
    ratio = last.seen.tones.colours.shape[1] / last.pyramid.width
    motion = last.place.motion_of(link.place)
    to_moving = inverse(motion.matrix(last.pyramid.centre))
    return relative_levels(last.seen.tones, link.seen.tones, rescaled(to_moving, ratio))
