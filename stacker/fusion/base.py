"""What every way of fusing has in common: registered frames in, one picture over a canvas out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from stacker.frames import Image
from stacker.fusion.window import Window
from stacker.registration.exposure import Levels
from stacker.registration.similarity import Matrix

__all__ = ["DepthIndex", "Fused", "Fusion"]


class DepthIndex:
    """Which frame is the sharpest, place by place.

    Parameters
    ----------
    index : ndarray of float32, shape (H, W)
        Index of the sharpest frame, between frames where it lies between them; NaN where no frame reaches.
    confidence : ndarray of float32, shape (H, W)
        0 (a guess from the surroundings) to 1.
    """

    def __init__(self, index: Image, confidence: Image) -> None:
        self._index, self._confidence = index, confidence

    @property
    def index(self) -> Image:
        """Index of the sharpest frame."""
        return self._index

    @property
    def confidence(self) -> Image:
        """0 to 1."""
        return self._confidence

    @staticmethod
    def later(make: Callable[[], DepthIndex]) -> DepthIndex:
        """One that is made when it is first looked at: of most stacks only the picture is wanted."""
        return _Later(make)

    def cropped(self, where: tuple[slice, slice]) -> DepthIndex:
        """Some rows and columns of it."""
        return _Later(
            lambda: DepthIndex(
                np.ascontiguousarray(self.index[where]), np.ascontiguousarray(self.confidence[where])
            )
        )


class _Later(DepthIndex):
    def __init__(self, make: Callable[[], DepthIndex]) -> None:
        self._make: Callable[[], DepthIndex] | None = make
        self._done: DepthIndex | None = None
        self._making = threading.Lock()

    @property
    def _made(self) -> DepthIndex:
        with self._making:
            if self._done is None:
                assert self._make is not None
                self._done = self._make()
                self._make = None  # and with it what it was made from
            return self._done

    @property
    def index(self) -> Image:
        return self._made.index

    @property
    def confidence(self) -> Image:
        return self._made.confidence

    def __reduce__(self) -> tuple[type[DepthIndex], tuple[Image, Image]]:
        return DepthIndex, (self.index, self.confidence)  # other processes get what is made, not how


@dataclass(frozen=True)
class Fused:
    """What came of a fusion.

    Attributes
    ----------
    image : ndarray, shape (H, W, 3)
        RGB over the extent, in the frames' type.
    reached : ndarray of bool, shape (H, W)
        Where any frame reaches; elsewhere the image is made up smoothly.
    extent : Window
        Where the image lies in the reference view.
    shares : mapping of int to float
        By frame index, the share of the detailed parts of the picture in which the frame is the sharpest;
        adds up to 1.
    depth : DepthIndex or None
        Over the same extent; None when the way of fusing does not know.
    step : int
        Pixels of the reference view per pixel of all of the above: more than 1 in previews.
    """

    image: Image
    reached: np.ndarray[Any, np.dtype[np.bool_]]
    extent: Window
    shares: Mapping[int, float]
    depth: DepthIndex | None = None
    step: int = 1


class Fusion(Protocol):
    """A way of fusing, fed one registered frame at a time."""

    def add(self, pixels: Image, transform: Matrix, levels: Levels, index: int) -> None:
        """Fold a frame in.

        Parameters
        ----------
        pixels : ndarray, shape (H, W, 3)
            RGB, the same size and type for all frames; not kept.
        transform : ndarray, shape (3, 3)
            Frame to reference view.
        levels : Levels
            What makes it as bright as the picture.
        index : int
            The frame's place in the stack.
        """

    def preview(self, max_width_px: int) -> Fused:
        """The picture so far, uint8, reduced by a power of 2 as far as it stays that wide."""

    def finish(self) -> Fused:
        """The picture of all frames so far; more may be added afterwards."""
