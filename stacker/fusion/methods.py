"""Which class fuses by which method: the one place that knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from stacker.frames import Image
from stacker.fusion.auto import AutoFusion
from stacker.fusion.base import Fusion
from stacker.fusion.depthmap import DepthMapFusion
from stacker.fusion.pyramid import PyramidFusion
from stacker.fusion.scoring import FusionParameters
from stacker.fusion.store import FrameStore
from stacker.fusion.weighted import WeightedFusion
from stacker.order import Nearness

__all__ = ["FusionSetup", "Method", "make_fusion", "needs_second_look", "takes_nearness"]


class Method(Enum):
    """How frames are fused."""

    AUTO = "auto"
    """The pyramid, and the depth map where that is better, place by place. See `stacker.fusion.auto`."""
    PYRAMID = "pyramid"
    """Band by band, by local sharpness: hairs, glass, anything with depth behind depth."""
    DEPTHMAP = "depthmap"
    """Each pixel from the frames around the sharpest: smooth opaque subjects, metal, clean colour. Reads the
    frames twice."""
    WEIGHTED = "weighted"
    """Mean of whole pixels by sharpness: few frames, much noise."""


@dataclass(frozen=True)
class FusionSetup:
    """What a fusion has to know before the first frame.

    Attributes
    ----------
    size : tuple of int
        Width and height of the frames.
    dtype : dtype
        Their type.
    noise_sigma : float
        Standard deviation of their noise, in units of 1/255 of white.
    parameters : FusionParameters
        How hard to choose.
    look_again : callable
        Gives the pixels of a frame that has been added, by its index: read from its file once more, or from
        the array it came as.
    nearness : callable or None
        How near the plane of focus of a frame is, by index; given when the foreground is opaque.
    scratch_dir : Path or None
        Where frames may be kept meanwhile; the system's folder for temporary files by default.
    near_end : callable
        Which end of the stack is the nearer one, asked when all frames have been added: 1 its beginning, -1
        its end, 0 where nothing tells.
    """

    size: tuple[int, int]
    dtype: np.dtype[Any]
    noise_sigma: float
    parameters: FusionParameters
    look_again: Callable[[int], Image]
    nearness: Nearness | None = None
    scratch_dir: Path | None = None
    near_end: Callable[[], int] = lambda: 0


def make_fusion(method: Method, setup: FusionSetup) -> Fusion:
    """Begin a fusion."""
    return _FUSIONS[method](setup)


def needs_second_look(method: Method) -> bool:
    """Whether a method reads frames again after all have been added."""
    return method in _SECOND_LOOK


def takes_nearness(method: Method) -> bool:
    """Whether a method can let the nearest sharp thing win."""
    return method in _NEARNESS


def _auto(setup: FusionSetup) -> Fusion:
    store = FrameStore(setup.scratch_dir, setup.dtype)
    pyramid = _pyramid(setup, store)
    opaque = setup.nearness is not None
    return AutoFusion(pyramid, store, setup.noise_sigma, setup.near_end, opaque, setup.parameters)


def _pyramid(setup: FusionSetup, store: FrameStore | None = None) -> PyramidFusion:
    return PyramidFusion(
        setup.size, setup.dtype, setup.noise_sigma, setup.parameters, nearness=setup.nearness, store=store
    )


def _depthmap(setup: FusionSetup) -> Fusion:
    return DepthMapFusion(setup.size, setup.dtype, setup.noise_sigma, setup.look_again)


def _weighted(setup: FusionSetup) -> Fusion:
    return WeightedFusion(setup.size, setup.dtype, setup.noise_sigma)


_FUSIONS: dict[Method, Callable[[FusionSetup], Fusion]] = {
    Method.AUTO: _auto,
    Method.PYRAMID: _pyramid,
    Method.DEPTHMAP: _depthmap,
    Method.WEIGHTED: _weighted,
}

_SECOND_LOOK: frozenset[Method] = frozenset({Method.DEPTHMAP})
"""Methods that read the frames again."""

_NEARNESS: frozenset[Method] = frozenset({Method.AUTO, Method.PYRAMID})
"""Methods that can be told which frames are near."""
