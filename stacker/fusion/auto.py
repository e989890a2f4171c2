"""The default way of fusing: the streaming pyramid, and a word about what another way might do better.

Of the three ways the pyramid is the only one that keeps hairs and glass, and it needs one look at the frames.
The weighted mean was above it on two of twenty stacks, by 0.3 dB on thick bristles and on crystals. The depth
map is above it where highlights are clipped and where noise is high, by what is said below; it reads every
frame twice, which a live run cannot and which would double a folder's decoding, so that is left to whoever
asks for it: the reason says when it is worth trying.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stacker.frames import Image, full_scale
from stacker.fusion.base import Fused
from stacker.fusion.pyramid import PyramidFusion
from stacker.fusion.scoring import FusionParameters
from stacker.order import Nearness
from stacker.registration.exposure import Levels
from stacker.registration.similarity import Matrix

__all__ = ["AutoFusion"]

_NOISY = 3.0
"""Noise, of 255, from which the depth map was ahead: by 0.4 dB on two slopes with 4 and 5, and behind on a
statue with 1.5."""

_CLIPPED = 0.98
"""Share of white from which a pixel counts as a highlight: resampling takes the last two hundredths off."""

_GLITTERING = 0.005
"""Share of highlights in the picture from which the depth map was ahead: by 0.7 to 1.3 dB on glints."""


class AutoFusion:
    """Fuses by the pyramid and says why.

    Parameters
    ----------
    size, dtype, noise_sigma, parameters, nearness
        As of `stacker.fusion.pyramid.PyramidFusion`.

    Attributes
    ----------
    method : str
        What it came to.
    reason : str
        Why, and what else may be worth trying; in words for people.
    """

    method = "pyramid"

    def __init__(
        self,
        size: tuple[int, int],
        dtype: np.dtype[Any],
        noise_sigma: float,
        parameters: FusionParameters,
        nearness: Nearness | None = None,
    ) -> None:
        self._noise = noise_sigma
        self._pyramid = PyramidFusion(size, dtype, noise_sigma, parameters, nearness=nearness)
        self.reason = ""

    def add(self, pixels: Image, transform: Matrix, levels: Levels, index: int) -> None:
        """Fold a frame in; see `stacker.fusion.base.Fusion`."""
        self._pyramid.add(pixels, transform, levels, index)

    def preview(self, max_width_px: int) -> Fused:
        """The picture so far, reduced; see `stacker.fusion.base.Fusion`."""
        return self._pyramid.preview(max_width_px)

    def finish(self) -> Fused:
        """The picture of all frames so far; see `stacker.fusion.base.Fusion`."""
        fused = self._pyramid.finish()
        self.reason = _reason(self._noise, _highlights(fused.image))
        return fused


def _highlights(image: Image) -> float:
    """Share of pixels that are clipped in any channel, of every fourth row and column."""
    return float((image[::4, ::4].max(axis=2) >= _CLIPPED * full_scale(image.dtype)).mean())


def _reason(noise: float, highlights: float) -> str:
    measured = f"noise {noise:.1f} of 255, highlights on {highlights:.1%} of the picture"
    if noise >= _NOISY:
        return f"{measured}: depthmap, which reads the frames twice, may be quieter if nothing is hairy"
    if highlights >= _GLITTERING:
        return f"{measured}: depthmap, which reads the frames twice, may be cleaner beside the highlights"
    return f"{measured}: no sign that another method would do better"
