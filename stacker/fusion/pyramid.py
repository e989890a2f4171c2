"""Pyramid fusion on a canvas that grows: places frames, keeps their bounds, folds them into the bands."""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.frames import Image
from stacker.fusion.bands import Bands, FusionParameters, pyramid_levels
from stacker.fusion.base import Fused
from stacker.fusion.placing import Bounds, place
from stacker.fusion.scratch import Scratch
from stacker.fusion.window import Window, window_of
from stacker.registration.exposure import Gain
from stacker.registration.similarity import Matrix

__all__ = ["PyramidFusion"]


class PyramidFusion:
    """Streaming fusion whose memory does not depend on the number of frames; see `stacker.fusion.bands`.

    Parameters
    ----------
    size : tuple of int
        Width and height of the frames.
    dtype : dtype
        Their type.
    noise_sigma : float
        Standard deviation of their noise, in units of 1/255 of white.
    parameters : FusionParameters
        How hard the fusion chooses.
    """

    def __init__(
        self, size: tuple[int, int], dtype: np.dtype[Any], noise_sigma: float, parameters: FusionParameters
    ) -> None:
        self._size, self._dtype = size, dtype
        self._bands = Bands(pyramid_levels(*size), noise_sigma, parameters)
        self._bounds: Bounds | None = None
        self._indexes: list[int] = []
        self._scratch = Scratch()

    def add(self, pixels: Image, transform: Matrix, gain: Gain, index: int) -> None:
        """Fold a frame in; see `stacker.fusion.base.Fusion`."""
        window = window_of(transform, self._size).aligned(self._bands.block)
        self._bands.cover(window)
        assert self._bands.extent is not None
        if self._bounds is None:
            self._bounds = Bounds(self._bands.extent, self._dtype)
        self._bounds.cover(self._bands.extent)
        placed = place(pixels, transform, gain, window, self._scratch)
        self._bounds.add(placed, window)
        self._bands.add(placed.picture, placed.gate, window)
        self._indexes.append(index)

    def preview(self, max_width_px: int) -> Fused:
        """The picture so far, reduced; see `stacker.fusion.base.Fusion`."""
        bounds = self._require_frames()
        level = 0
        while level < self._bands.levels and (bounds.extent.width >> (level + 1)) >= max_width_px:
            level += 1
        step = 1 << level
        extent = bounds.extent
        reduced = Window(extent.x // step, extent.y // step, extent.width // step, extent.height // step)
        picture = np.clip(np.rint(self._bands.collapse(level)), 0, 255).astype(np.uint8)
        return Fused(picture, bounds.reached[::step, ::step] > 0, reduced, self._shares(), step=step)

    def finish(self) -> Fused:
        """The picture of all frames so far; see `stacker.fusion.base.Fusion`."""
        bounds = self._require_frames()
        image = bounds.finish(self._bands.collapse())
        return Fused(image, bounds.reached > 0, bounds.extent, self._shares())

    def _shares(self) -> dict[int, float]:
        return dict(zip(self._indexes, self._bands.shares(), strict=True))

    def _require_frames(self) -> Bounds:
        assert self._bounds is not None, "add() comes first"
        return self._bounds
