"""Painting what retouches show over a view: only where it is seen in the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stacker.frames import Image
from stacker.fusion.samples import move_towards

__all__ = ["Box", "Layer", "mix", "paint", "tiled"]

TILE_PX = 64
"""Sides of the parts of a view that are painted or left."""

_MIXED_ROWS = 32
"""Floats of as many rows stay in the processor's cache: a third of the time."""

Tiles = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Box:
    """A part of a view, in its pixels."""

    left: int
    top: int
    right: int
    bottom: int

    def within(self, corner: tuple[int, int]) -> tuple[slice, slice]:
        """Rows and columns of an array whose first pixel is that column and row of the view."""
        x, y = corner
        return slice(self.top - y, self.bottom - y), slice(self.left - x, self.right - x)


@dataclass(frozen=True)
class Layer:
    """A retouch in a view.

    Attributes
    ----------
    box : Box
        Where; its left and top are multiples of the tiles' side.
    share : ndarray of float32, shape (h, w)
        How much of it is seen there, 0 to 1.
    pixels : callable
        Gives what it shows in a box of the view, shape (h, w, 3), and by how much the share is less there,
        shape (h, w), or None.
    opaque : bool
        Whether it hides what is below where the share is 1.
    """

    box: Box
    share: Image
    pixels: Callable[[Box], tuple[Image, Image | None]]
    opaque: bool


def tiled(box: Box, width: int, height: int) -> Box:
    """A box, outward to whole tiles of a view of that size; empty boxes stay so."""
    left, top = max(0, box.left) // TILE_PX * TILE_PX, max(0, box.top) // TILE_PX * TILE_PX
    right, bottom = -(-box.right // TILE_PX) * TILE_PX, -(-box.bottom // TILE_PX) * TILE_PX
    return Box(left, top, min(right, width), min(bottom, height))


def paint(image: Image, layers: Sequence[Layer]) -> None:
    """Paint layers over a view, later ones over earlier ones, where they are seen in the end.

    Parameters
    ----------
    image : ndarray, shape (H, W, 3)
        The view: uint8, uint16 or float32; is changed.
    layers : sequence of Layer
        In order.
    """
    height, width = image.shape[:2]
    seen = _seen(layers, width, height)

    for row in range(-(-height // TILE_PX)):
        for layer, tiles in zip(layers, seen, strict=True):
            for left, right in _runs(tiles[row]):
                _paint_run(image, layer, row, left, right)


def _paint_run(image: Image, layer: Layer, row: int, left: int, right: int) -> None:
    """Paint a row of tiles from one to before another."""
    box = layer.box
    part = Box(
        max(box.left, left * TILE_PX),
        max(box.top, row * TILE_PX),
        min(box.right, right * TILE_PX),
        min(box.bottom, (row + 1) * TILE_PX),
    )
    share = layer.share[part.within((box.left, box.top))]
    pixels, reached = layer.pixels(part)
    mix(image[part.within((0, 0))], pixels, share if reached is None else share * reached)


def _seen(layers: Sequence[Layer], width: int, height: int) -> list[Tiles]:
    """Of each layer, which tiles of the view have to be painted: where it is, and no later one hides it."""
    shape = -(-height // TILE_PX), -(-width // TILE_PX)
    hidden, found = np.zeros(shape, bool), []
    for layer in reversed(layers):
        box, there = layer.box, np.zeros(shape, bool)
        here = (
            slice(box.top // TILE_PX, -(-box.bottom // TILE_PX)),
            slice(box.left // TILE_PX, -(-box.right // TILE_PX)),
        )
        there[here] = _over_tiles(np.max, layer.share) > 0
        found.append(there & ~hidden)
        if layer.opaque:
            hidden[here] |= _over_tiles(np.min, layer.share) >= 1
    return found[::-1]


def _over_tiles(function: Any, share: Image) -> Image:
    """The least or greatest of every tile; rows first, which is quick along them."""
    height, width = share.shape
    lines = np.stack([function(share[top : top + TILE_PX], axis=0) for top in range(0, height, TILE_PX)])
    tiles = [function(lines[:, left : left + TILE_PX], axis=1) for left in range(0, width, TILE_PX)]
    return np.stack(tiles, axis=1)


def _runs(row: Tiles) -> list[tuple[int, int]]:
    """First tile and the one behind the last, of each run."""
    edges = np.flatnonzero(np.diff(row.astype(np.int8), prepend=0, append=0))
    return [(int(first), int(behind)) for first, behind in edges.reshape(-1, 2)]


def mix(image: Image, source: Image, share: Image) -> None:
    """Move a picture towards another by a share, in place.

    Parameters
    ----------
    image, source : ndarray, shape (h, w, 3)
        uint8, uint16 or float32.
    share : ndarray of float32, shape (h, w)
        0 to 1.
    """
    for top in range(0, len(image), _MIXED_ROWS):
        rows = slice(top, top + _MIXED_ROWS)
        if share[rows].min() >= 1:
            image[rows] = source[rows]
        else:
            move_towards(image[rows], source[rows], share[rows])
