"""Where one of the two pictures is wrong by something smooth: wisps of the pyramid, holes of the depth map.

Close to the edge of the picture the frame that has something sharp may end just beside it. The pyramid then
finds nothing but the blurred rims of the others, and hangs a pale wisp beside the subject. The depth map's
picture has none: it takes whole pixels from the frames of about that depth that do reach.

Inside a plain bright thing, white print for one, nothing tells the depth but the blurred edges of the frames
that have it out of focus. The index jumps about there, and the depth map's picture has dull holes, as the
surroundings' light comes in. The pyramid has none: coarse bands tell which frame has the thing itself sharp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from stacker.focus.measure import CELL_PX
from stacker.frames import Image
from stacker.fusion.blending import Blocks, glow
from stacker.fusion.depth import Surface
from stacker.fusion.depth_surface import filled
from stacker.fusion.window import Outline, Window

__all__ = ["Signs", "holes", "jumble", "of_blocks", "wisps", "without_jumps"]

_FAINT, _PLAIN = 3.5, 4.5
"""Logarithm of energy over noise up to which what frames show is taken for a blurred rim, and from which for
detail. The wisp of a real stack (``imx219`` in docs/quality.md) has 2 to 4, a sharp tip 8."""

_DULL, _CRISP = 4.5, 5.5
"""The same for holes. White print (``pcb-depth`` in docs/quality.md) has 3.5 to 4 inside; the disc of a
highlight, which the depth map's picture is right to be darker than, has a hard rim: without this glints loses
0.1 to 0.24 dB (750 px, seeds 2 and 1), with it nothing."""

_SMOOTH, _ROUGH = 0.3, 0.6
"""Roughness of the depth index, in focus widths, up to which the depth map's picture is believed, and from
which not at all: on flat white print the index jumps, and its picture has holes."""

_ROUGH_BLOCKS, _ROUGH_SOFT_BLOCKS = 15, 5
"""How far around a place its index has to be smooth, and over how many blocks that is averaged. What is
wrong in such a hole is smooth inside."""

_JUMBLE_CELLS = 375
"""Along the long side, in which the whole picture is looked at: as many as blocks at least."""

_DULLER_FROM, _DULLER_FULL = 3.0, 9.0
"""By how much the depth map's picture is darker than the pyramid's over some blocks, of 255, from which it
may be a hole, and is one. On white print (``pcb-depth`` in docs/quality.md) it is 30 to 80."""

_AROUND_BLOCKS, _BRIGHTER_FROM, _BRIGHTER_FULL = 21, 20.0, 40.0
"""By how much a place is brighter in the pyramid's picture than its surroundings, of 255, from which it may
be inside something plain and bright, and is. The glow of something nearer, of which the depth map's picture
has less, lies over what is darker than that. No rendered scene changes by 0.01 dB; the printed dots of
``pcb-depth`` had dull spots where the index was wrong without jumping about."""

_ROUGH_CELLS, _CRISP_SHARE = 31, 0.05
"""Around a cell of the index: how far jumps are looked for, and the share of that which has to have crisp
detail. A slope of it inside print has a roughness of 0.3 to 0.5 focus widths."""

_RIM_BLOCKS = 3
"""Holes are looked for a block beyond what is smooth: their rims are not."""

_SOFT_BLOCKS = 1.0
"""Sigma by which the outcome is smoothed."""

_FRACTION_BITS = 4
"""Of the corners of outlines, in blocks."""


@dataclass(frozen=True)
class Signs:
    """What tells which of the two pictures is wrong, block by block.

    Attributes
    ----------
    glow : ndarray of float32, shape (h, w)
        How far they differ by something smooth; see `stacker.fusion.blending.glow`.
    peak : ndarray of float32, shape (h, w)
        Logarithm of energy over noise in the sharpest frame.
    smooth : ndarray of float32, shape (h, w)
        How far the depth index is smooth around, 0 to 1.
    """

    glow: Image
    peak: Image
    smooth: Image

    @classmethod
    def of(cls, blocks: Blocks, noise: float, surface: Surface, canvas: Window, extent: Window) -> Signs:
        """Find them.

        Parameters
        ----------
        blocks : Blocks
            Of the pyramid's picture beside the depth map's.
        noise : float
            Standard deviation of the frames' noise, in units of 1/255 of white.
        surface : Surface
            The depth index over the canvas.
        canvas, extent : Window
            Of the surface, and of the pictures, in the reference view.
        """
        peak = of_blocks(surface.peak, canvas, extent, blocks.side_px)
        smooth = _smooth_around(of_blocks(surface.roughness, canvas, extent, blocks.side_px))
        return cls(glow(blocks, noise), peak, smooth)


def jumble(surface: Surface) -> float:
    """In how much of the picture the depth index jumps about, 0 to 1."""
    height, width = surface.roughness.shape
    scale = min(1.0, _JUMBLE_CELLS / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    widths = cv2.resize(surface.roughness, size, interpolation=cv2.INTER_AREA)
    return 1 - float(_smooth_around(np.asarray(widths)).mean())


def _smooth_around(widths: Image) -> Image:
    """How far the index is smooth around, 0 to 1, by its roughness in focus widths, block by block."""
    around = cv2.dilate(widths, np.ones((_ROUGH_BLOCKS, _ROUGH_BLOCKS), np.uint8))
    rough = cv2.blur(around, (_ROUGH_SOFT_BLOCKS, _ROUGH_SOFT_BLOCKS))
    return np.asarray(np.clip((_ROUGH - rough) / (_ROUGH - _SMOOTH), 0, 1))


def holes(blocks: Blocks, signs: Signs) -> Image:
    """How far the depth map's picture has a dull hole in something plain and bright, block by block.

    That is where it is darker than the pyramid's by something smooth, no frame shows crisp detail, and the
    index jumps about or the pyramid's is brighter than its surroundings.

    Parameters
    ----------
    blocks : Blocks
        Of the pyramid's picture beside the depth map's.
    signs : Signs
        For the same blocks.

    Returns
    -------
    ndarray of float32, shape (h, w)
        0 to 1: how much of the pyramid's picture is to stay.
    """
    off = cv2.GaussianBlur(blocks.off, (0, 0), _SOFT_BLOCKS)
    duller = np.clip((off - _DULLER_FROM) / (_DULLER_FULL - _DULLER_FROM), 0, 1)
    dull = np.clip((_CRISP - signs.peak) / (_CRISP - _DULL), 0, 1)
    above = blocks.luma - cv2.blur(blocks.luma, (_AROUND_BLOCKS, _AROUND_BLOCKS))
    bright = np.clip((above - _BRIGHTER_FROM) / (_BRIGHTER_FULL - _BRIGHTER_FROM), 0, 1)
    found = (signs.glow * np.maximum(1 - signs.smooth, bright) * duller * dull).astype(np.float32)
    widened = cv2.dilate(found, np.ones((_RIM_BLOCKS, _RIM_BLOCKS), np.uint8))
    return np.asarray(cv2.GaussianBlur(widened, (0, 0), _SOFT_BLOCKS))


def without_jumps(surface: Surface, mean: Image, measured: Image, guide: Image) -> Surface:
    """The depth index, taken from crisp detail around where it jumps about in something plain.

    For the depth map's picture alone, which no pyramid's is beside: the rims of white print are sharp in the
    frame that its inside is to be taken from, and inside there is nothing but the rims' blur in other frames.

    Parameters
    ----------
    surface : Surface
        As it was measured and filled.
    mean, measured : ndarray of float32, shape (h, w)
        The index as it was measured, and how far to believe it.
    guide : ndarray of float32, shape (h, w)
        Luma of a fused picture, white at 255.
    """
    dull = surface.peak < np.float32(_CRISP)
    around = np.ones((_ROUGH_CELLS, _ROUGH_CELLS), np.uint8)
    rough = surface.roughness > np.float32(_SMOOTH)
    jumping = cv2.dilate(rough.astype(np.uint8), around) > 0
    crisp = measured * np.clip((surface.peak - _DULL) / (_CRISP - _DULL), 0, 1).astype(np.float32)
    near = cv2.blur(crisp, (_ROUGH_CELLS, _ROUGH_CELLS)) > _CRISP_SHARE
    plain = dull & jumping & near
    if not plain.any():
        return surface
    limits = float(surface.index.min()), float(surface.index.max())
    index = np.where(plain, filled(mean, crisp, guide, limits), surface.index)
    return surface.with_index(index)


def wisps(blocks: Blocks, signs: Signs, outlines: Sequence[Outline], extent: Window) -> Image:
    """How far the pyramid's picture is the blurred rim of something beyond a frame's edge, block by block.

    That is where some frame does not reach, the pyramid differs from the depth map by something smooth, no
    frame shows detail, and the depth is known well enough for the depth map to be right.

    Parameters
    ----------
    blocks : Blocks
        Of the pyramid's picture beside the depth map's.
    signs : Signs
        For the same blocks.
    outlines : sequence of ndarray
        What each frame reaches.
    extent : Window
        Of the pictures, in the reference view.

    Returns
    -------
    ndarray of float32, shape (h, w)
        0 to 1: how much of the depth map's picture to take.
    """
    margin = _not_reached_by_all(outlines, extent, blocks)
    if not margin.any():
        return margin
    faint = np.clip((_PLAIN - signs.peak) / (_PLAIN - _FAINT), 0, 1)
    share = (signs.glow * margin * faint * signs.smooth).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(share, (0, 0), _SOFT_BLOCKS))


def of_blocks(cells: Image, canvas: Window, extent: Window, side_px: int) -> Image:
    """Mean over the blocks of a picture of what is given for the cells of a canvas."""
    rows, columns = extent.height // side_px, extent.width // side_px
    top, left = (extent.y - canvas.y) // CELL_PX, (extent.x - canvas.x) // CELL_PX
    side = side_px // CELL_PX
    part = cells[top : top + rows * side, left : left + columns * side]
    return np.asarray(cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA))


def _not_reached_by_all(outlines: Sequence[Outline], extent: Window, blocks: Blocks) -> Image:
    """Blocks whose middle some frame does not reach: 1, and 0 elsewhere; float32."""
    reached = np.ones(blocks.luma.shape, np.uint8)
    for outline in outlines:
        places = (outline - (extent.x, extent.y) + 0.5) / blocks.side_px - 0.5
        inside = np.zeros_like(reached)
        corners = np.rint(places * (1 << _FRACTION_BITS)).astype(np.int32)
        cv2.fillConvexPoly(inside, corners, 1, shift=_FRACTION_BITS)
        reached &= inside
    return (1 - reached).astype(np.float32)
