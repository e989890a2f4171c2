"""Gives contrast back where things lie over each other at so many depths that no index is sure.

Each frame has the blur of all that it does not show sharp over what it does. Where grass or bristles cross at
every depth, that lies over everything in every frame: what is as wide as a hair is paler in the picture than
it was, and blots that are some times wider, the blur itself, are stronger. Neither can be told from what is
there pixel by pixel, but how much it is on average is much the same from scene to scene.
"""

from __future__ import annotations

import cv2
import numpy as np

from stacker.frames import Image, full_scale
from stacker.fusion.blending import add_blocks
from stacker.fusion.depth import Surface
from stacker.fusion.smooth_faults import of_blocks
from stacker.fusion.window import Window

__all__ = ["give_contrast", "how_far_veiled"]

_HAIR, _BLOT = 0.5, 0.2
"""Share of what is as wide as hairs that is added, and of wider blots that is taken away."""

_HAIR_SIGMA, _BLOT_SIGMAS = 1 / 250, (1 / 125, 2 / 125)
"""Of the blur that leaves hairs behind, and of those between which blots are, over the picture's long side:
what is as wide as a hair, and how wide blur is, grow with the picture."""

_UNSURE_POWER = 1.5
_SPREAD_FROM, _SPREAD_FULL = 0.7, 2.5
_ROUGH_FROM, _ROUGH_FULL, _ROUGH_BLOCKS = 0.1, 0.5, 5
"""How much an index that is not sure counts; the spread of what is sharp at a place over the depth index, and
the roughness of that somewhere near, both in focus widths, from which it is at several depths, and wholly."""

_SOFT_BLOCKS = 3.0
"""Sigma of the surroundings in which that is averaged."""

_LEAST = 0.25
"""Levels of 255 that are not worth the work."""


def how_far_veiled(surface: Surface, variance: Image, canvas: Window, extent: Window, side_px: int) -> Image:
    """How far places are veiled by what lies over each other there, block by block.

    Parameters
    ----------
    surface : Surface
        The depth index over the canvas.
    variance : ndarray of float32, shape (h, w)
        Of the index; see `stacker.fusion.depth.DepthTracker.planes`.
    canvas, extent : Window
        Of these, and of the picture, in the reference view.
    side_px : int
        Of a block of the picture.

    Returns
    -------
    ndarray of float32, shape (h, w)
        0 to 1.
    """
    unsure = 1 - of_blocks(surface.confidence, canvas, extent, side_px)
    spread = np.sqrt(np.maximum(of_blocks(variance, canvas, extent, side_px), 0)) / surface.focus_width
    rough = cv2.dilate(
        of_blocks(surface.roughness, canvas, extent, side_px), np.ones((_ROUGH_BLOCKS, _ROUGH_BLOCKS))
    )
    veiled = np.maximum(unsure, 0) ** np.float32(_UNSURE_POWER)
    veiled *= np.clip((spread - _SPREAD_FROM) / (_SPREAD_FULL - _SPREAD_FROM), 0, 1)
    veiled *= np.clip((rough - _ROUGH_FROM) / (_ROUGH_FULL - _ROUGH_FROM), 0, 1)
    return np.asarray(cv2.GaussianBlur(veiled.astype(np.float32), (0, 0), _SOFT_BLOCKS))


def give_contrast(picture: Image, share: Image, side_px: int) -> None:
    """Strengthen what is as wide as hairs, and weaken blots, in place.

    Parameters
    ----------
    picture : ndarray, shape (H, W, 3)
        RGB of any of the three types.
    share : ndarray of float32, shape (h, w)
        How far, 0 to 1, block by block.
    side_px : int
        Of a block.
    """
    rows, columns = share.shape
    white = full_scale(picture.dtype)
    reduced = cv2.resize(
        picture[: rows * side_px, : columns * side_px], (columns, rows), interpolation=cv2.INTER_AREA
    )
    reduced = reduced.astype(np.float32)
    sigmas = (part * max(rows, columns) for part in (_HAIR_SIGMA, *_BLOT_SIGMAS))
    hairs, near, far = (cv2.GaussianBlur(reduced, (0, 0), sigma) for sigma in sigmas)
    more = np.float32(_HAIR) * (reduced - hairs) - np.float32(_BLOT) * (near - far)
    more *= share[..., None]
    add_blocks(picture, np.where(np.abs(more) < _LEAST / 255 * white, np.float32(0), more), side_px)
