"""The finest detail of a picture: how it is told from the rest, and how it is strengthened."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from stacker.focus.measure import LUMA
from stacker.frames import Image
from stacker.fusion.samples import OPENCV_TYPES
from stacker.fusion.stages import SourceCode
from stacker.loops.kernels import half_kernel
from stacker.loops.workers import by_loops, in_samples, run_rows

__all__ = ["FINEST_PX", "FINEST_SIGMA", "STRIP_PX", "sharpen", "strips_of"]

FINEST_SIGMA, FINEST_PX = 1.41, 3
"""Of the blur that leaves the finest band behind, and how far it reaches: the 5 x 5 kernel of the pyramid
(sigma 1) once down and once up."""

STRIP_PX = 256
"""Rows that are sharpened or blended together."""

Rows = np.ndarray[Any, np.dtype[np.int64]]


def sharpen(picture: Image, share: float, compiled: bool | None = None) -> None:
    """Add a share of the finest detail of luma to a picture, in place.

    Parameters
    ----------
    picture : ndarray, shape (H, W, 3)
        RGB of any of the three types.
    share : float
        How much to add; see `stacker.fusion.scoring.FusionParameters`.
    compiled : bool, optional
        Whether to use the compiled loop; where numba is installed by default.
    """
    if share <= 0:
        return
    tops, bottoms, beside = strips_of(len(picture), FINEST_PX)
    edges = picture[_mirrored(beside, len(picture))]
    if by_loops(compiled):
        from stacker.fusion.compiled_blend import sharpen_strips

        kernel = half_kernel(FINEST_PX, FINEST_SIGMA)
        limits = SourceCode.of(picture.dtype).vector()
        room = 12 * picture.shape[1] + 2 * FINEST_PX
        settings = STRIP_PX, np.float32(share), kernel, limits
        flat = in_samples(picture), edges.reshape(*edges.shape[:2], -1)
        run_rows(sharpen_strips, len(tops), *flat, *settings, room=room, rows_together=1)
        return
    rows = slice(FINEST_PX, -FINEST_PX)
    for strip, (top, bottom) in enumerate(zip(tops, bottoms, strict=True)):
        seen = np.concatenate([edges[strip, :FINEST_PX], picture[top:bottom], edges[strip, FINEST_PX:]])
        luma = cv2.transform(seen.astype(np.float32), LUMA)
        blurred = cv2.GaussianBlur(luma, (2 * FINEST_PX + 1,) * 2, FINEST_SIGMA)
        added = cv2.addWeighted(luma[rows], share, blurred[rows], -share, 0.0)
        picture[top:bottom] = cv2.add(
            picture[top:bottom], cv2.merge([added] * 3), dtype=OPENCV_TYPES[picture.dtype.char]
        )


def strips_of(height: int, reach: int) -> tuple[Rows, Rows, Rows]:
    """Cut a picture into strips of `STRIP_PX` rows that are changed in place, side by side.

    Rows beside strips are looked at from both sides, and one side may be done before the other, so a copy of
    them is to be kept.

    Parameters
    ----------
    height : int
        Of the picture.
    reach : int
        Rows that are looked at above and below a strip.

    Returns
    -------
    tops, bottoms : ndarray of int, shape (n,)
        First row of each strip, and the one behind its last.
    beside : ndarray of int, shape (n, 2 * reach)
        The rows above and below each; some are beyond the picture.
    """
    tops = np.arange(0, height, STRIP_PX)
    bottoms = np.minimum(tops + STRIP_PX, height)
    around = np.arange(-reach, 0)
    return tops, bottoms, np.concatenate([tops[:, None] + around, bottoms[:, None] + around + reach], axis=1)


def _mirrored(rows: Rows, height: int) -> Rows:
    """Rows that stand for those beyond the first and the last."""
    inward = np.where(rows >= height, 2 * height - 2 - rows, np.abs(rows))
    return np.asarray(np.clip(inward, 0, height - 1))
