"""Where the depth map's picture has lost a highlight.

Beside highlights the darkest of the frames around the index leads (`stacker.fusion.depth_choice`), as the
disc of a highlight out of focus only adds light. On the highlight itself that is wrong: out of focus its
light is spread, so that those frames are darker there, and it comes out dull inside an outline that is sharp.
Blur never makes anything brighter than it is in focus. So what is bright in the pyramid's picture is a
highlight that the other picture has lost, if there is nothing as bright where that is; the disc of one that
the other picture has sharp has it inside.
"""

from __future__ import annotations

import cv2
import numpy as np

from stacker.frames import Image
from stacker.fusion.blending import Blocks
from stacker.fusion.depth import Surface
from stacker.fusion.softening import far_apart

__all__ = ["beside_highlights", "lost_highlights"]

_REACH_BLOCKS = 4
"""How far along what is bright something as bright is looked for: 3 to 20 are alike."""

_LOST_FROM, _LOST_FULL = 0.15, 0.3
"""What is missing of a highlight, as a share of its height above what is around, from which it counts as
lost, and is. A button's glints in a real stack (``pcb-depth`` in docs/quality.md) lack a quarter to nine
tenths; of the area that was more than 30 levels too dark, a sixth is left, a quarter with 0.2 and 0.35, and
glints (750 px, seeds 1 and 2) loses 0.09 dB, 0.06 with those."""

_LEAST_HEIGHT = 100.0
"""Levels: fainter ones are taken for as high, so that 15 levels have to be missing at least."""

_UNSURE, _SURE = 0.9, 0.98
"""Confidence of the depth index up to which a highlight may as well be one that something nearer hides, and
is seen through its blur, so that the other picture is right to have none; and from which it is not. Glints
gains 0.07 to 0.12 dB (750 px, three seeds; 1500 px, one). Of ``pcb-depth`` and ``pcb`` the area that is more
than 30 levels darker than the pyramid's picture grows by 0.3 % of itself: what was lost there has a sure
index."""

_RIM_BLOCKS, _SOFT_BLOCKS, _FULLER = 3, 1.0, 1.5
"""By how much the outcome is widened, the sigma by which it is smoothed, and the factor that makes it 1 again
on a highlight of a block or two."""


_HARDLY_APART, _TRUSTED, _CERTAIN = 0.01, 0.9, 0.98
"""How far apart frames lie (`stacker.fusion.softening.far_apart`) up to which they share what they have
sharp, so that nothing is to be done; and the confidence of the index from which it is trusted, and is
certain."""


def beside_highlights(glitter: Image, surface: Surface) -> Image:
    """How far the darker frames may lead beside highlights, cell by cell.

    Of frames that lie far apart only one has a place sharp. Where it is known which, the others are no
    choice: the darker one would be that which has something bright blurred.

    Parameters
    ----------
    glitter : ndarray of float32, shape (h, w)
        Where highlights are near, 0 to 1.
    surface : Surface
        The depth index, for the same cells.

    Returns
    -------
    ndarray of float32, shape (h, w)
        0 to 1.
    """
    apart = far_apart(surface.focus_length)
    if apart < _HARDLY_APART:
        return glitter
    sure = np.clip((surface.confidence - _TRUSTED) / (_CERTAIN - _TRUSTED), 0, 1)
    return np.asarray(glitter * (1 - np.float32(apart) * sure), np.float32)


def lost_highlights(blocks: Blocks, confidence: Image, smooth: Image) -> Image:
    """How far the depth map's picture has lost a highlight that the pyramid's has, block by block.

    Parameters
    ----------
    blocks : Blocks
        Of the pyramid's picture beside the depth map's.
    confidence : ndarray of float32, shape (h, w)
        Of the depth index.
    smooth : ndarray of float32, shape (h, w)
        How far the depth index is smooth around, 0 to 1: beside edges of depth, highlights that something
        hides are seen through its blur, and the depth map's picture is right to have none.

    Returns
    -------
    ndarray of float32, shape (h, w)
        0 to 1: how much of the pyramid's picture is to stay.
    """
    bright, around = blocks.brightest, np.ones((3, 3), np.uint8)
    dark = np.minimum(blocks.other_brightest, bright)
    wide = np.ones((2 * _REACH_BLOCKS + 1, 2 * _REACH_BLOCKS + 1), np.uint8)
    height = np.maximum(bright - cv2.erode(dark, wide), np.float32(_LEAST_HEIGHT))
    kept = dark
    for _ in range(_REACH_BLOCKS):  # reconstruction by dilation (Vincent, 1993), as far as that
        kept = np.minimum(cv2.dilate(kept, around), bright)
    missing = (bright - kept) / height
    lost = np.clip((missing - _LOST_FROM) / (_LOST_FULL - _LOST_FROM), 0, 1) * smooth
    lost *= np.clip((confidence - _UNSURE) / (_SURE - _UNSURE), 0, 1)
    widened = cv2.dilate(lost.astype(np.float32), np.ones((_RIM_BLOCKS, _RIM_BLOCKS), np.uint8))
    return np.asarray(np.minimum(_FULLER * cv2.GaussianBlur(widened, (0, 0), _SOFT_BLOCKS), 1))
