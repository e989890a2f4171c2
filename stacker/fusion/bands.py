"""Fuses registered frames one at a time: a Laplacian pyramid whose bands are averaged by local sharpness.

Each frame is split into bands (Burt and Adelson, "The Laplacian pyramid as a compact image code", 1983). In
every band a place's activity is its local energy relative to the noise, and the activity of the finer bands
is carried down to the coarser ones, so that the frame that is sharp at a place decides about the coarse
bands there too. The weight of a frame is a power of its activity, which grows with the activity: where
noise rules, frames are averaged; where detail is plain, the sharpest frame wins.

What is kept is the running mean of each band and the logarithm of the sum of weights (an online softmax): a
frame's share is exp(score - log of the sum with it), and the mean moves by that share towards the frame. No
power is too hard for float32, one pass is enough, and memory does not grow with the number of frames. Weights
are reckoned for 2 x 2 pixels at a time: activity is smoothed over more than that anyway.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from stacker.focus.measure import LUMA
from stacker.frames import Image
from stacker.fusion.gate import Gate
from stacker.fusion.scoring import (
    LOG_REACH,
    NOTHING,
    OUTSIDE_GATE,
    FusionParameters,
    Score,
    brightness_around,
    glitter,
    inherit,
    merge,
)
from stacker.fusion.stages import MeanCode, Stages, half_to_levels
from stacker.fusion.window import Window
from stacker.loops.scratch import Scratch, blank, uniform

__all__ = ["NOISE_GAINS", "Bands", "grown", "level_windows", "pyramid_levels"]

NOISE_GAINS = (
    0.9446396827697754,
    0.23065780103206635,
    0.09909479320049286,
    0.0476071760058403,
    0.023860763758420944,
    0.011896317824721336,
    0.00629136897623539,
    0.0034610338043421507,
)
"""Standard deviation of each band of white noise of deviation 1, as measured on 512 x 512 pixels: to do that
in every run takes 0.02 s, most of it for loading NumPy's generators."""

_FINE = 3
"""Levels for which windows are aligned and padded as a whole. The coarser ones need wider margins, which cost
nothing there: a frame is padded once more when it is so small."""

_LEAST_ALIGNED = 2
"""Brightness is compared at a quarter of the size, whatever the number of bands."""

_MARGIN = 2
"""Coarse pixels that a window reaches beyond the frame: pyrUp looks one pixel to each side at every level,
1 + 1/2 + 1/4 + ... of the finest in all."""


def pyramid_levels(width: int, height: int) -> int:
    """Number of bands for a frame: until the coarsest picture is some 24 to 48 pixels high."""
    return min(8, max(1, int(math.log2(max(2.0, min(width, height) / 24)))))


def level_windows(frame: Window, levels: int) -> list[Window]:
    """Where the bands of a frame lie, finest first, each in its own pixels; behind them the coarsest picture.

    Sizes are even. Up to level 3 they are halves of each other; there a wider margin is added.
    """
    fine = min(_FINE, levels)
    base = frame.expanded(_MARGIN << fine).aligned(1 << max(fine, _LEAST_ALIGNED))
    windows = [base.halved(level) for level in range(fine)]
    coarse, more = base.halved(fine), levels - fine
    if more:
        coarse = coarse.expanded(_MARGIN << more).aligned(1 << more)
    return windows + [coarse.halved(level) for level in range(more + 1)]


class Bands:
    """Accumulators of a stack on a canvas that grows to whatever the frames reach.

    Parameters
    ----------
    levels : int
        Number of bands.
    noise_sigma : float
        Standard deviation of the frames' noise, in units of 1/255 of white.
    parameters : FusionParameters
        How hard the fusion chooses.
    code : MeanCode
        How means are stored.
    stages : Stages
        Does the arithmetic.
    """

    def __init__(
        self, levels: int, noise_sigma: float, parameters: FusionParameters, code: MeanCode, stages: Stages
    ) -> None:
        self.levels = levels
        self._parameters, self._code, self._stages = parameters, code, stages
        self._variances = [(gain * noise_sigma) ** 2 for gain in NOISE_GAINS[:levels]]
        self._windows: list[Window] = []
        self._means: list[Image] = []
        self._strengths: list[Image] = []
        # Of the first frame that reaches each place, over cells of 4 x 4 pixels: all frames are judged alike.
        self._first_seen: Image = np.zeros((0, 0), np.float32)
        self._glitter: Image = np.zeros((0, 0), np.float32)
        self._glitters = False  # anywhere
        self._scratch = Scratch()

    def cover(self, canvas: Window) -> None:
        """Make room for frames within a rectangle of the reference view."""
        before, after = self._windows, level_windows(canvas, self.levels)
        for level, window in enumerate(after):
            coarsest = level == self.levels
            grid = window if coarsest else window.halved(1)
            code = _COARSEST_CODE if coarsest else self._code
            if not before:
                self._means.append(uniform((3, window.height, window.width), code.bias, code.dtype))
                self._strengths.append(uniform((grid.height, grid.width), NOTHING))
                continue
            old = before[level]
            self._means[level] = grown(self._means[level], old, window, code.bias)
            self._strengths[level] = grown(
                self._strengths[level], old if coarsest else old.halved(1), grid, NOTHING
            )
        cells = after[0].halved(2)
        if before:
            self._first_seen = grown(self._first_seen, before[0].halved(2), cells, -1.0)
            self._glitter = grown(self._glitter, before[0].halved(2), cells, 0.0)
        else:
            self._first_seen = uniform((cells.height, cells.width), -1.0)
            self._glitter = blank((cells.height, cells.width))
        self._windows = after

    def add(
        self, planes: Image, to_levels: float, luma: Image, gate: Gate, frame: Window, lead: float = 0.0
    ) -> None:
        """Fold a registered frame in.

        Parameters
        ----------
        planes : ndarray, shape (3, h, w)
            The frame over ``level_windows(frame, levels)[0]``, in its own type; continued beyond its edges in
            some plausible way.
        to_levels : float
            Factor from samples to 1/255 of white.
        luma : ndarray of float32, shape (h/2, w/2)
            Is filled with its luma in levels, at half size.
        gate : Gate
            Its reach, at half size.
        frame : Window
            Where it lies; covered before.
        lead : float
            Logarithmic activity that it has ahead of others where it is sharp.
        """
        windows = level_windows(frame, self.levels)
        fine = min(_FINE, self.levels)
        picture = planes
        half, energy = self._measure(picture, to_levels, 0, luma)
        near: Image | None = None
        # The second band has a say in the weights of the first, so it is measured before.
        reduced = half_to_levels(half, to_levels)
        second = self._measure(half, reduced, 1) if self.levels > 1 else (half, energy[::2, ::2])
        other, score = self._finest_score(second[1], luma, gate, windows[0], lead)
        for level in range(self.levels):
            activity = self._scratch.array(f"activity {level % 2}", *energy.shape)
            self._weigh(level, energy, other, score, gate, windows[level].halved(1), activity, near)
            corner = self._corner(windows[level], level)
            self._stages.fold(picture, to_levels, half, energy, self._code, self._means[level], corner)
            picture, to_levels = half, half_to_levels(half, to_levels)
            if level + 1 == self.levels:
                break
            if level + 1 == fine:
                down, across = windows[level].halved(1).margins_in(windows[fine])
                margins = *down, *across
                picture = np.stack([_padded(plane, margins) for plane in picture])
                activity = _padded(activity, margins)
                gate = gate.padded(margins)
            other, gate = inherit(activity), gate.halved()
            half, energy = second if level == 0 else self._measure(picture, to_levels, level + 1)
            near = self._near_highlights(windows[level + 1].halved(1), level + 1)
            score = self._coarser_score(lead)
        self._add_coarsest(picture * np.float32(to_levels), activity, gate, windows[-1])

    def collapse(self, down_to: int) -> Image:
        """Put the bands together.

        Parameters
        ----------
        down_to : int
            1 for the picture at half size; n leaves the n finest bands out and gives a picture 2**n times
            smaller.

        Returns
        -------
        ndarray of float32, shape (3, h, w)
            The fused picture in levels, over ``window(down_to)``.
        """
        picture = self._means[-1]
        for level in range(self.levels - 1, down_to - 1, -1):
            window = self._windows[level]
            whole = np.empty((3, window.height, window.width), np.float32)
            self._stages.collapse(picture, self._means[level], self._code, whole)
            picture = whole
            if level == min(_FINE, self.levels) and level > 0:
                rows, columns = self._windows[level - 1].halved(1).slices_in(window)
                picture = np.ascontiguousarray(whole[:, rows, columns])
        return picture

    def window(self, level: int) -> Window:
        """Where ``collapse(level)`` lies, in pixels of that size."""
        fine = min(_FINE, self.levels)
        return self._windows[level - 1].halved(1) if level == fine else self._windows[level]

    def spare(self, luma: Image) -> Image:
        """An array like the luma that `add` was given, for use until the next frame; any content."""
        return self._scratch.array("energy 0", *luma.shape)

    def release(self) -> None:
        """Give the memory of intermediate pictures back until the next frame."""
        self._scratch.release()

    @property
    def finest(self) -> Image:
        """The mean of the finest band as it is stored, shape (3, h, w), over ``window(0)``."""
        return self._means[0]

    @property
    def glitter(self) -> Image:
        """Where highlights are near (0 to 1), for cells of 4 x 4 pixels of ``window(0)``."""
        return self._glitter

    def _measure(
        self, picture: Image, to_levels: float, level: int, luma: Image | None = None
    ) -> tuple[Image, Image]:
        """The picture at half size, and the energy of what that lacks, in units of the noise."""
        height, width = picture.shape[1] // 2, picture.shape[2] // 2
        # Two halves alternate, as one level's half is the next one's picture.
        if picture.dtype == np.uint8:  # sums of 8 bits fit, and need half the memory
            half = self._scratch.array("half of bytes", 3, height, width, dtype=np.dtype(np.uint16))
        else:
            half = self._scratch.array(f"half {level % 2}", 3, height, width)
        energy = self._scratch.array(f"energy {level % 2}", height, width)
        noise = 4 * self._parameters.softness * self._variances[level]  # of 4 pixels
        weights = LUMA[0] / np.float32(noise)
        self._stages.measure(picture, to_levels, weights, half, energy, luma)
        return half, energy

    def _weigh(
        self,
        level: int,
        energy: Image,
        other: Image,
        score: Score,
        gate: Gate,
        grid: Window,
        activity: Image,
        near: Image | None,
    ) -> None:
        """Energy to share, in place."""
        rows, columns = grid.slices_in(self._windows[level].halved(1))
        corner = rows.start, columns.start
        strength = self._strengths[level]
        self._stages.weigh(energy, other, score, gate.weight, strength, corner, activity, near)

    def _finest_score(
        self, second: Image, luma: Image, gate: Gate, window: Window, lead: float
    ) -> tuple[Image, Score]:
        """What goes into the finest band's score beside its own energy, over the frame's quarter size."""
        settings = self._parameters
        reached = np.ascontiguousarray(gate.weight[::2, ::2] > OUTSIDE_GATE)
        where = window.halved(2).slices_in(self._windows[0].halved(2))
        fresh = reached & (self._first_seen[where] < 0)
        if fresh.any():
            np.copyto(self._glitter[where], glitter(luma), where=fresh)
            self._glitters = cv2.countNonZero(self._glitter) > 0
        other = self._scratch.array("other", *second.shape)
        memory, corner = (self._first_seen, self._glitter), (where[0].start, where[1].start)
        # Whose memory has that size and is not in use yet; nor is that of ``other`` beyond the finest band.
        bright = brightness_around(luma, self._scratch.array("activity 1", *second.shape))
        self._stages.favour(second, bright, reached, memory, corner, settings, other)
        return other, Score(1 - settings.coarser, 1.0, settings.exponent, lead)

    def _coarser_score(self, lead: float) -> Score:
        """How the score of a coarser band is put together from its own and the finer band's activity."""
        settings = self._parameters
        extra = settings.inherit_beside_highlights - settings.inherit
        defer = extra / max(1e-6, 1 - settings.inherit)
        return Score(1 - settings.inherit, settings.inherit, settings.exponent, lead, defer)

    def _near_highlights(self, window: Window, level: int) -> Image | None:
        """Where highlights are near, over a window of a band: there its activity is for the most part that of
        the finer band. None where there are none."""
        if not self._glitters:
            return None
        cells, scale = self._windows[0].halved(2), 2.0 ** (level - 1)
        if level == 1:
            near = self._scratch.array("other", window.height, window.width)
            np.copyto(near, self._glitter[window.slices_in(cells)])
            return near
        inward = (scale - 1) / 2  # from the middle of a cell of the band to that of its first small one
        placed = np.array(
            [
                [scale, 0, window.x * scale - cells.x + inward],
                [0, scale, window.y * scale - cells.y + inward],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = window.width, window.height
        near = cv2.warpAffine(self._glitter, placed, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return near if cv2.countNonZero(near) else None

    def _add_coarsest(self, picture: Image, activity: Image, gate: Gate, window: Window) -> None:
        """What is left of the picture has the weight of the coarsest band."""
        where = window.slices_in(self._windows[-1])
        weight = activity * np.float32(self._parameters.exponent) + LOG_REACH[gate.weight]
        share = merge(weight, self._strengths[-1][where])
        mean = self._means[-1][:, where[0], where[1]]
        mean += share * (picture - mean)

    def _corner(self, window: Window, level: int) -> tuple[int, int]:
        rows, columns = window.slices_in(self._windows[level])
        return rows.start, columns.start


_COARSEST_CODE = MeanCode.for_frames(np.dtype(np.float32))


def grown(array: Image, before: Window, after: Window, fill: float) -> Image:
    """An array of the last two axes over a larger window; the same one where nothing changes."""
    if before == after:
        return array
    larger = uniform((*array.shape[:-2], after.height, after.width), fill, array.dtype)
    rows, columns = before.slices_in(after)
    larger[..., rows, columns] = array
    return larger


def _padded(plane: Image, margins: tuple[int, int, int, int]) -> Image:
    return np.asarray(cv2.copyMakeBorder(plane, *margins, cv2.BORDER_REFLECT))
