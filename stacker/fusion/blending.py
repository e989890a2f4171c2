"""Takes the depth map's picture for the pyramid's where it is the better one, softly."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from stacker.focus.measure import half_luma_of_samples
from stacker.frames import Image
from stacker.fusion.samples import OPENCV_TYPES, move_towards
from stacker.fusion.sharpening import STRIP_PX
from stacker.fusion.stages import SourceCode
from stacker.loops.workers import by_loops, in_samples, over_rows, run_rows

__all__ = ["Blocks", "add_blocks", "blend", "block_side", "compare", "glow", "preference"]

_BLOCKS_ALONG = 375
"""Blocks along the long side of a picture at least, and less than twice as many: what speaks for either
picture is as wide as highlights and edges of depth are, which grow with the picture. Coefficients fitted at
750 px suit 1500 px within 0.1 dB with blocks of either size."""

_FEWEST_BLOCKS = 8
"""Along the short side, however narrow the picture is."""

_NOISE_SHARE = 0.375 / 4
"""Variance of luma at half size over that of noise in one channel."""

_NEAR_BLOCKS, _AROUND_BLOCKS = 11, 21
"""Windows in which the brightest place is looked for, and in which brightness is averaged."""

_WIDE_BLOCKS, _PEAK_BLOCKS = 10.0, 3.0
"""Sigma of the surroundings in which the two pictures' difference and the detail are averaged: they tell what
kind of place it is rather than who is right about a hair. Of the difference 5 and 20 are within 0.03 dB."""

_DIFFERENT, _DETAIL, _SURE, _SMOOTH, _DISCS, _CONSTANT = -0.7, -0.76, 3.06, 3.89, 6.01, -3.25
"""Coefficients of a logistic regression. What is fitted is the mean square error of what is blended, relative
to that of the whole: the six scenes of ``benchmarks.stacks`` (750 px, seeds 1 and 2) and eighteen stacks that
were made to be hard for it (600 and 750 px; docs/quality.md, "Scenes that nobody tuned for"), true
transforms, the six counting three to eight times. They lie between two fits, a fifth of the way from one to
all errors to one to those that are left when colour noise is taken out: the second is better on porcelain and
worse on petals. The first is held at -0.7: rendered stacks can do with less, but inside white print
(``pcb-depth`` there) the depth map's picture has holes."""

_SMALL_FROM, _DISCS_FULL = 0.1, 5.0
"""How much brighter than its surroundings, of white, something small is from which discs around it are looked
for, and the logarithm of difference over noise from which they are there for sure. Discs make the two
pictures differ (5 to 6 on glints), while struck metal, which was taken for highlights by its brightness
alone, leaves them alike (2). Without these bounds white print (7 to 10) gets its holes back."""

_SOFT_BLOCKS = 1.0
"""Sigma by which the share is smoothed."""

_GLOW_BLOCKS = 1.0
"""Sigma of the surroundings in which glow is told from detail: 2 brings less on all stacks, 4 next to
nothing."""

_GLOW_NOISE = 4.0
"""Times the noise's variance: a difference that is weaker is no glow."""

_GLOW_FROM, _GLOW_FULL = 0.4, 0.7
"""Share of a difference that is smooth, from which it counts as glow, and from which it is nothing else. 0.1
more or less changes margins by up to 0.2 dB."""

_COMPARED_PX = 64
"""Rows that are compared together: what is between the steps stays in the processor's cache."""


@dataclass(frozen=True)
class Blocks:
    """What two pictures show, block by block.

    Attributes
    ----------
    side_px : int
        Of a block, a power of 2.
    luma, brightest : ndarray of float32, shape (h, w)
        Mean and maximum of the luma of cells of 2 x 2 pixels in the first picture, white at 255.
    other_brightest : ndarray of float32, shape (h, w)
        Maximum in the second picture.
    off, difference : ndarray of float32, shape (h, w)
        Mean and mean square of what the first picture's luma has over the second one's, over the same cells.
    """

    side_px: int
    luma: Image
    brightest: Image
    other_brightest: Image
    off: Image
    difference: Image


def block_side(height: int, width: int) -> int:
    """Side of the blocks that a picture of that size is parted into, in pixels: a power of 2."""
    side = 2
    while 2 * side * _BLOCKS_ALONG <= max(height, width) and 2 * side * _FEWEST_BLOCKS <= min(height, width):
        side *= 2
    return side


def compare(picture: Image, other: Image, compiled: bool | None = None) -> Blocks:
    """Look at two pictures of one size; the last rows and columns that make no block are left out.

    Parameters
    ----------
    picture, other : ndarray, shape (H, W, 3)
        RGB of one type.
    compiled : bool, optional
        Whether to use the compiled loop; where numba is installed by default.
    """
    height, width = picture.shape[:2]
    side = block_side(height, width)
    rows, columns = height // side, width // side
    found = tuple(np.empty((rows, columns), np.float32) for _ in range(5))
    luma, brightest, other_brightest, mean_off, difference = found
    blocks = Blocks(side, *found)
    if by_loops(compiled):
        from stacker.fusion.compiled_blend import compare_rows

        code = SourceCode.of(picture.dtype)
        flat, numbers = (in_samples(picture), in_samples(other)), (code.to_levels, code.rounding)
        room = 7 * side // 2 * columns
        run_rows(compare_rows, rows, *flat, side, np.array(numbers, np.float32), *found, room=room)
        return blocks

    def look(first: int, behind: int) -> None:
        for top in range(first, behind, together):
            part = slice(top, min(behind, top + together))
            pixels = slice(part.start * side, part.stop * side), slice(0, columns * side)
            own, others = half_luma_of_samples(picture[pixels]), half_luma_of_samples(other[pixels])
            size = columns, part.stop - part.start
            luma[part] = cv2.resize(own, size, interpolation=cv2.INTER_AREA)
            cells = size[1], side // 2, columns, side // 2
            brightest[part] = own.reshape(cells).max(axis=(1, 3))
            other_brightest[part] = others.reshape(cells).max(axis=(1, 3))
            off = cv2.subtract(own, others)
            mean_off[part] = cv2.resize(off, size, interpolation=cv2.INTER_AREA)
            difference[part] = cv2.resize(cv2.multiply(off, off), size, interpolation=cv2.INTER_AREA)

    together = max(1, _COMPARED_PX // side)
    over_rows(look, rows, rows_together=together)
    return blocks


def preference(blocks: Blocks, confidence: Image, peak: Image, smooth: Image, noise_sigma: float) -> Image:
    """How much of the other picture to take, block by block.

    The depth map's picture is the better one where detail is weak and the depth is known, as it is quieter
    then, and where the two differ around highlights, as it has no bands to bring their discs in. Where they
    differ otherwise, or the index jumps about, there is detail at several depths, and the pyramid has all.

    Parameters
    ----------
    blocks : Blocks
        Of the pyramid's picture beside the depth map's.
    confidence : ndarray of float32, shape (h, w)
        Of the index, for the same blocks.
    peak, smooth : ndarray of float32, shape (h, w)
        Logarithm of energy over noise in the sharpest frame, and how far the index is smooth around, 0 to 1;
        see `stacker.fusion.smooth_faults.Signs`.
    noise_sigma : float
        Of the frames, in units of 1/255 of white.

    Returns
    -------
    ndarray of float32, shape (h, w)
        0 to 1.
    """
    noise = max(1e-3, _NOISE_SHARE * noise_sigma**2)
    different = np.log1p(cv2.GaussianBlur(blocks.difference, (0, 0), _WIDE_BLOCKS) / np.float32(noise))
    detail = cv2.GaussianBlur(peak, (0, 0), _PEAK_BLOCKS)
    near, around = (_NEAR_BLOCKS, _NEAR_BLOCKS), (_AROUND_BLOCKS, _AROUND_BLOCKS)
    above = cv2.dilate(blocks.brightest, np.ones(near, np.uint8)) - cv2.blur(blocks.luma, around)
    glitter = np.clip(above / np.float32(255), 0, 1)
    speaks = _DETAIL * detail + _SURE * confidence + _SMOOTH * smooth + _CONSTANT
    speaks += _DIFFERENT * different
    speaks += _DISCS * np.maximum(glitter - np.float32(_SMALL_FROM), 0) * np.minimum(different, _DISCS_FULL)
    share = 1 / (1 + np.exp(-np.clip(speaks, -30, 30)))
    return np.asarray(cv2.GaussianBlur(share.astype(np.float32), (0, 0), _SOFT_BLOCKS))


def glow(blocks: Blocks, noise_sigma: float) -> Image:
    """How far the two pictures differ by something smooth rather than by detail, block by block.

    Parameters
    ----------
    blocks : Blocks
        Of the pyramid's picture beside the depth map's.
    noise_sigma : float
        Of the frames, in units of 1/255 of white.

    Returns
    -------
    ndarray of float32, shape (h, w)
        0 to 1.
    """
    smooth = cv2.GaussianBlur(blocks.off, (0, 0), _GLOW_BLOCKS)
    whole = cv2.GaussianBlur(blocks.difference, (0, 0), _GLOW_BLOCKS)
    part = smooth * smooth / (whole + np.float32(_GLOW_NOISE * _NOISE_SHARE * noise_sigma**2))
    return np.asarray(np.clip((part - _GLOW_FROM) / (_GLOW_FULL - _GLOW_FROM), 0, 1))


def blend(picture: Image, other: Image, share: Image, side_px: int, compiled: bool | None = None) -> None:
    """Move a picture towards another one by a share given for blocks, in place.

    Parameters
    ----------
    picture, other : ndarray, shape (H, W, 3)
        RGB of one type.
    share : ndarray of float32, shape (h, w)
        0 to 1; interpolated between the middles of blocks, continued beyond the last ones.
    side_px : int
        Of a block.
    compiled : bool, optional
        Whether to use the compiled loop; where numba is installed by default.
    """
    framed = cv2.copyMakeBorder(share, 1, 2, 1, 2, cv2.BORDER_REPLICATE)
    height, width = picture.shape[:2]
    if by_loops(compiled):
        from stacker.fusion.compiled_blend import blend_rows

        limits = SourceCode.of(picture.dtype).vector()
        room = framed.shape[1] * (side_px + 1) + 3 * width
        flat = in_samples(picture), in_samples(other)
        run_rows(blend_rows, height, *flat, framed, side_px, limits, room=room)
        return
    rows = len(share)
    together = max(1, STRIP_PX // side_px)
    for top in range(0, -(-height // side_px), together):
        part = framed[min(top, rows) : min(top + together, rows + 1) + 2]
        wide = cv2.resize(part, None, fx=side_px, fy=side_px, interpolation=cv2.INTER_LINEAR)
        first = top * side_px
        behind = min(height, first + together * side_px)
        weight = wide[side_px : side_px + behind - first, side_px : side_px + width]
        move_towards(picture[first:behind], other[first:behind], weight)


def add_blocks(picture: Image, more: Image, side_px: int) -> None:
    """Add to a picture what is given for blocks, in place.

    Parameters
    ----------
    picture : ndarray, shape (H, W, 3)
        RGB of any of the three types.
    more : ndarray of float32, shape (h, w, 3) or (h, w)
        In samples, of each channel or of all of them; interpolated between the middles of blocks, continued
        beyond the last ones.
    side_px : int
        Of a block.
    """
    framed = cv2.copyMakeBorder(more, 1, 2, 1, 2, cv2.BORDER_REPLICATE)
    height, width = picture.shape[:2]
    together = max(1, STRIP_PX // side_px)

    def strips(first: int, behind: int) -> None:
        for top in range(first, behind, together):
            part = framed[min(top, len(more)) : min(top + together, len(more) + 1) + 2]
            if not part.any():
                continue
            wide = cv2.resize(part, None, fx=side_px, fy=side_px, interpolation=cv2.INTER_LINEAR)
            mine = picture[top * side_px : min(height, (top + together) * side_px)]
            added = wide[side_px : side_px + len(mine), side_px : side_px + width]
            added = cv2.merge([added] * 3) if more.ndim == 2 else added
            mine[...] = cv2.add(mine, added, dtype=OPENCV_TYPES[picture.dtype.char])

    over_rows(strips, -(-height // side_px), rows_together=together)
