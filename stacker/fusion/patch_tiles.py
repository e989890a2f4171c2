"""Looks at tiles of what was kept, and lays them into a picture: in compiled loops, and plainly."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from stacker.focus.measure import LUMA
from stacker.frames import Image
from stacker.fusion.samples import move_towards
from stacker.fusion.sharpening import FINEST_PX, FINEST_SIGMA, sharpen
from stacker.fusion.stages import SourceCode
from stacker.fusion.tiles import TILE_PX
from stacker.fusion.window import Window
from stacker.loops.kernels import half_kernel
from stacker.loops.workers import by_loops, in_samples, run_rows

__all__ = ["TilePlaces", "lay", "look"]

TilePlaces = np.ndarray[Any, np.dtype[np.int64]]


def look(pixels: Image, places: TilePlaces, step: int, plane: Image, compiled: bool | None = None) -> None:
    """Fill in luma of tiles, reduced, where they lie in a plane.

    Parameters
    ----------
    pixels : ndarray, shape (n, 3, T, T)
        Of the tiles, in the frames' type.
    places : ndarray of int64, shape (n, 2)
        First row and column of each tile in the plane; parts beyond it are left out.
    step : int
        By how much tiles are reduced, a power of 2.
    plane : ndarray of float32, shape (h, w)
        Is filled: white at 255; floats beyond black and white are clipped.
    compiled : bool, optional
        Whether to use the compiled loop; where numba is installed by default.
    """
    to_levels = np.float32(SourceCode.of(pixels.dtype).to_levels)
    if by_loops(compiled):
        from stacker.fusion.compiled_patches import look_rows

        run_rows(look_rows, TILE_PX // step, pixels, places, step, to_levels, plane, room=TILE_PX)
        return
    whole = Window(0, 0, plane.shape[1], plane.shape[0])
    for tile, (top, left) in zip(pixels, places.tolist(), strict=True):
        area = Window(left, top, TILE_PX // step, TILE_PX // step)
        seen = area.intersection(whole)
        luma = cv2.transform(cv2.merge(list(tile)).astype(np.float32), LUMA * to_levels)
        small = cv2.resize(luma, (area.width, area.height), interpolation=cv2.INTER_AREA)
        plane[seen.slices_in(whole)] = np.clip(small, 0, 255)[seen.slices_in(area)]


def lay(
    pixels: Image,
    places: TilePlaces,
    step: int,
    weight: Image,
    origin: tuple[int, int],
    crisp: float,
    image: Image,
    compiled: bool | None = None,
) -> None:
    """Move a picture towards tiles, in place.

    Parameters
    ----------
    pixels, places, step
        As of `look`, but that no tile lies at the edge of the weights or beyond.
    weight : ndarray of float32, shape (h, w)
        How far, 0 to 1, reduced; linear between the middles.
    origin : tuple of int
        Row and column of the weights' first pixel in the picture, parts beyond which are left out.
    crisp : float
        Share of the finest detail of luma that is added to the tiles.
    image : ndarray, shape (H, W, 3)
        The picture, in the frames' type.
    compiled : bool, optional
        Whether to use the compiled loop; where numba is installed by default.
    """
    if by_loops(compiled):
        from stacker.fusion.compiled_patches import lay_rows

        kernel = half_kernel(FINEST_PX, FINEST_SIGMA)
        limits, room = SourceCode.of(image.dtype).vector(), 4 * TILE_PX + 2 * step + 8
        settings = np.array(origin, np.int64), np.float32(max(0.0, crisp)), kernel, limits
        run_rows(lay_rows, TILE_PX, pixels, places, step, weight, *settings, in_samples(image), room=room)
        return
    picture = Window(0, 0, image.shape[1], image.shape[0])
    side = TILE_PX // step
    for tile, (top, left) in zip(pixels, places.tolist(), strict=True):
        area = Window(origin[1] + left * step, origin[0] + top * step, TILE_PX, TILE_PX)
        seen = area.intersection(picture)
        if not (seen.width and seen.height):
            continue
        framed = weight[top - 1 : top + side + 1, left - 1 : left + side + 1]
        wide = cv2.resize(framed, None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)
        part = seen.slices_in(area)
        taken = np.asarray(cv2.merge(list(tile)))
        sharpen(taken, crisp, compiled=False)
        move_towards(image[seen.slices_in(picture)], taken[part], wide[step:-step, step:-step][part])
