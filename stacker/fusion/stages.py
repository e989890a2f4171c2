"""The arithmetic of the pyramid fusion as stages, for which there are two implementations.

`stacker.fusion.plain` is made of OpenCV and NumPy calls, `stacker.fusion.fast` of compiled loops. They give
the same picture but for rounding; see tests/unit/test_stacker_stages.py for how closely.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from stacker.focus.measure import FocusMeasure
from stacker.frames import Image, full_scale
from stacker.fusion.history import History
from stacker.fusion.scoring import FusionParameters, Score
from stacker.fusion.window import Spans
from stacker.loops.workers import by_loops
from stacker.registration.similarity import Matrix

__all__ = ["MeanCode", "SourceCode", "Stages", "choose_stages", "half_to_levels"]


@dataclass(frozen=True)
class MeanCode:
    """How the running mean of a band is stored.

    Attributes
    ----------
    dtype : dtype
        uint16 or float32.
    unit, bias : float
        A value of 1/255 of white is stored as value * unit + bias.
    rounding : float
        Added before the fraction is cut off; 0 where none is.
    least, most : float
        What can be stored.
    negligible : float
        Share of a frame below which it cannot move the mean by half of what is stored.
    """

    dtype: np.dtype[Any]
    unit: float
    bias: float
    rounding: float
    least: float
    most: float
    negligible: float

    @classmethod
    def for_frames(cls, dtype: np.dtype[Any]) -> MeanCode:
        """64ths of a level in 16 bits for 8-bit frames, 128ths for those of 16 bits, floats for floats.

        Bands reach from -255 to 255, so 128ths are what 16 bits hold. Rounding to a 64th of a level adds a
        variance of 1/49,000, and 12 frames in which the mean moves add 12 of them: a 58th of the 1/12 of
        rounding the result to 8 bits. Twelve roundings to a 128th are a deviation of two steps of 16 bits, a
        third of the least noise that such frames have. Neighbours of a sharp edge differ by 100 levels, and a
        share of 1/16384 of that is what half a 64th is.
        """
        if dtype == np.uint8:
            return cls(np.dtype(np.uint16), 64.0, 32768.0, 0.5, 0.0, 65535.0, 1 / 16384)
        if dtype == np.uint16:
            return cls(np.dtype(np.uint16), 128.0, 32768.0, 0.5, 0.0, 65535.0, 1 / 32768)
        greatest = float(np.finfo(np.float32).max)
        return cls(np.dtype(np.float32), 1.0, 0.0, 0.0, -greatest, greatest, 1e-7)

    def stored(self, values: Image) -> Image:
        """Values as they are stored."""
        coded = values * np.float32(self.unit) + np.float32(self.bias + self.rounding)
        return np.asarray(np.clip(coded, self.least, self.most).astype(self.dtype))

    def values(self, stored: Image) -> Image:
        """What stored values mean, float32."""
        return np.asarray((stored.astype(np.float32) - np.float32(self.bias)) * np.float32(1 / self.unit))

    def vector(self) -> Image:
        """Unit, bias, rounding, least, most, for compiled loops."""
        return np.array([self.unit, self.bias, self.rounding, self.least, self.most], np.float32)


@dataclass(frozen=True)
class SourceCode:
    """How the frames' samples are stored.

    Attributes
    ----------
    dtype : dtype
        uint8, uint16 or float32.
    to_levels : float
        Factor to levels: white at 255.
    rounding, least, most : float
        As of `MeanCode`.
    """

    dtype: np.dtype[Any]
    to_levels: float
    rounding: float
    least: float
    most: float

    @classmethod
    def of(cls, dtype: np.dtype[Any]) -> SourceCode:
        """For frames of a type."""
        white = full_scale(dtype)
        if dtype.kind == "f":
            greatest = float(np.finfo(np.float32).max)
            return cls(dtype, 255.0 / white, 0.0, -greatest, greatest)
        return cls(dtype, 255.0 / white, 0.5, 0.0, white)

    def stored(self, samples: Image) -> Image:
        """Samples (float, white where the type has it) rounded and clipped to the type."""
        return np.asarray(
            np.clip(samples + np.float32(self.rounding), self.least, self.most).astype(self.dtype)
        )

    def vector(self) -> Image:
        """Rounding, least, most, for compiled loops."""
        return np.array([self.rounding, self.least, self.most], np.float32)


def half_to_levels(half: Image, to_levels: float) -> float:
    """Factor from a picture at half size to levels, by that of the picture it is of; see `Stages.measure`."""
    return to_levels / 256 if half.dtype == np.uint16 else 1.0


class Stages(Protocol):
    """What is done with pictures; all of them planar, shape (3, h, w), the half-size ones (3, h/2, w/2).

    Levels are 1/255 of white. A band is what a picture has over its half size expanded again.
    """

    def warp(self, pixels: Image, to_frame: Matrix, gain: Image, offset: Image, out: Image) -> None:
        """Bring a frame (H, W, 3) onto the canvas by cubic interpolation, mirrored beyond its edges.

        Parameters
        ----------
        pixels : ndarray, shape (H, W, 3)
            The frame.
        to_frame : ndarray, shape (3, 3)
            Pixels of ``out`` to pixels of the frame.
        gain, offset : ndarray of float32, shape (3,)
            Applied to red, green and blue, in units of the samples.
        out : ndarray, shape (3, h, w)
            In the frame's type.
        """

    def widen(self, planes: Image, spans: Spans, low: Image, high: Image, corner: tuple[int, int]) -> None:
        """Take pixels into account as smallest and largest; ``corner``: row and column of the picture in
        the bounds."""

    def measure(
        self, planes: Image, to_levels: float, weights: Image, half: Image, energy: Image, luma: Image | None
    ) -> None:
        """Halve a picture, and look at what that takes away.

        Parameters
        ----------
        planes : ndarray, shape (3, h, w)
            In any type.
        to_levels : float
            Factor from samples to levels.
        weights : ndarray of float32, shape (3,)
            Of the channels in the energy.
        half : ndarray of float32 or uint16, shape (3, h/2, w/2)
            Is filled with the picture at half size: in levels, or in 256ths of a sample of 8 bits, which is
            what they add up to.
        energy : ndarray of float32, shape (h/2, w/2)
            Is filled with the sum over 2 x 2 pixels of the squared band, each channel with its weight,
            averaged over a small window; see `stacker.fusion.scoring.smoothing`.
        luma : ndarray of float32, shape (h/2, w/2), optional
            Is filled with the mean over 2 x 2 pixels of (R + 2 G + B) / 4, in levels.
        """

    def favour(
        self,
        second: Image,
        brightness: Image,
        reached: Image,
        memory: tuple[Image, Image],
        corner: tuple[int, int],
        parameters: FusionParameters,
        out: Image,
    ) -> None:
        """What goes into the finest band's score beside its own energy, at a quarter of the frames' size.

        Parameters
        ----------
        second : ndarray of float32, shape (h, w)
            Energy of the second band.
        brightness : ndarray of float32, shape (h, w)
            0 to 1; see `stacker.fusion.scoring.brightness_around`.
        reached : ndarray of bool, shape (h, w)
            Where the frame is.
        memory : tuple of ndarray of float32
            Over the canvas: the brightness of the first frame that reached each place, below 0 where none
            has, which is completed; and where highlights are near, 0 to 1.
        corner : tuple of int
            Row and column of the frame in them.
        parameters : FusionParameters
            How hard the fusion chooses.
        out : ndarray of float32, shape (h, w)
            Is filled.
        """

    def follow(
        self,
        luma: Image,
        measure: FocusMeasure,
        reached: Image | None,
        history: History,
        corner: tuple[int, int],
        index: int,
        score: Image | None,
    ) -> None:
        """Take a frame into account in what is remembered of all.

        Parameters
        ----------
        luma : ndarray of float32, shape (h, w)
            Of the frame, in levels, at half size.
        measure : FocusMeasure
            How sharpness is measured.
        reached : ndarray of uint8, shape (h, w), optional
            0 where the frame does not reach; None where it reaches all.
        history : History
            Of the canvas; is brought up to date.
        corner : tuple of int
            Row and column of the frame in the history.
        index : int
            Of the frame.
        score : ndarray of float32, shape (h, w), optional
            Is filled with energy less spill of `FocusMeasure.measure`.
        """

    def weigh(
        self,
        energy: Image,
        other: Image,
        score: Score,
        gate: Image,
        strength: Image,
        corner: tuple[int, int],
        activity: Image,
        near: Image | None = None,
    ) -> None:
        """Turn energy into this frame's share of all frames so far.

        Parameters
        ----------
        energy : ndarray of float32, shape (h, w)
            In units of the noise; replaced by the share, 0 to 1.
        other : ndarray of float32, shape (h, w) or (h/2, w/2)
            A second part of the logarithmic activity.
        score : Score
            How the parts make up activity and weight.
        gate : ndarray of uint8, shape (h, w)
            Reach: 255 inside the frame; see `stacker.fusion.scoring.LOG_REACH`.
        strength : ndarray of float32
            Logarithm of the sum of all frames' weights over the canvas; this frame's is added.
        corner : tuple of int
            Row and column of the frame in ``strength``.
        activity : ndarray of float32, shape (h, w)
            Is filled with the logarithmic activity; may be the same array as ``other``.
        near : ndarray of float32, shape (h, w), optional
            Where highlights are near, 0 to 1: there the activity of the energy is moved towards ``other``.
        """

    def fold(
        self,
        planes: Image,
        to_levels: float,
        half: Image,
        share: Image,
        code: MeanCode,
        mean: Image,
        corner: tuple[int, int],
    ) -> None:
        """Move the mean of a band towards this frame's band by ``share`` (h/2, w/2), interpolated."""

    def collapse(self, half: Image, mean: Image, code: MeanCode, out: Image) -> None:
        """The picture in levels, float32, from its half size and its band."""

    def finish(
        self,
        half: Image,
        mean: Image,
        code: MeanCode,
        bounds: tuple[Image, Image],
        source: SourceCode,
        crisp: float,
        corner: tuple[int, int],
        out: Image,
    ) -> None:
        """A part of the full picture in the frames' type, held between the bounds where there are any.

        Parameters
        ----------
        half, mean, code
            As for `collapse`.
        bounds : tuple of ndarray, shape (3, h, w)
            Smallest and largest samples; the smallest is above the largest where no frame reaches.
        source : SourceCode
            The frames' type.
        crisp : float
            Share of the finest band's luma that is added to every channel once more; see
            `stacker.fusion.scoring.FusionParameters`.
        corner : tuple of int
            Row and column of the part.
        out : ndarray, shape (H, W, 3)
            The part, RGB.
        """


def choose_stages(compiled: bool | None = None) -> Stages:
    """The compiled stages where numba is installed, else the plain ones; or as asked."""
    if by_loops(compiled):
        from stacker.fusion.fast import FastStages

        return FastStages()
    from stacker.fusion.plain import PlainStages

    return PlainStages()
