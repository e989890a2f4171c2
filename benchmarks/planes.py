"""Stacks of a slanted textured plane, moved by known similarities, with one difficulty or none.

Nothing on a plane hides anything else and no parallax bends it, so each frame's place is known exactly; what
makes registration difficult is put in by hand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import cv2
import numpy as np

__all__ = ["Overlay", "Plane", "PlaneFrame", "Surface", "overlaid", "plane_frames"]

Array = np.ndarray[Any, np.dtype[Any]]

_SIGMAS = (0.0, 0.5, 0.8, 1.2, 1.7, 2.4, 3.4, 4.8, 6.8, 9.6, 13.6)
_PLAIN = 235.0
_GRID_PX = 20  # apart: where errors are looked at
_TILE_PX = 16
_WRITING = "No. 1274  40x  500 um"
_HIGHLIGHTS, _HIGHLIGHT_PX, _WANDER_PX = 40, 8, 4.0


class Surface(Enum):
    """What is on the plane."""

    TEXTURE = "texture"
    TILES = "tiles"
    """The same every 16 px."""
    ISLAND = "island"
    """Texture on a disc that takes an eighth of the picture, and nothing around it."""


class Overlay(Enum):
    """What the camera puts over every frame, in the same place."""

    STAMP = "stamp"
    """A line of writing and a scale bar, burnt in, in yellow."""
    BORDER = "border"
    """A black one, three hundredths of the width wide."""
    WINDOW = "window"
    """Nothing but a disc is to be seen, as through an eyepiece."""
    DUST = "dust"
    """Sixty grains on the sensor, each of which takes up to a third of the light."""


@dataclass(frozen=True)
class Plane:
    """How a stack is made.

    Attributes
    ----------
    count : int
        Frames.
    size : tuple of int
        Of each: width and height.
    seed : int
        Of the texture and of everything that is random.
    surface : Surface
        What is to be seen.
    growth : float
        Change of size over the whole stack.
    jitter_px, jitter_rad : float
        Standard deviation of each frame's shift, along either axis, and turn.
    noise : float
        Standard deviation, of 255.
    flicker : float
        Brightness changes by up to this share from frame to frame.
    blur_px : float
        Sigma of what lies a whole depth of the plane away from the plane of focus.
    beyond : float
        How far the plane of focus goes beyond the plane at both ends, as a share of its depth.
    highlights : bool
        Burnt spots that wander, all together.
    bump : tuple of int, optional
        Index of a frame before which the camera is knocked, and by how many pixels.
    black : int, optional
        Index of a frame that shows nothing.
    overlay : Overlay, optional
        What stands still while the subject moves.
    """

    count: int = 21
    size: tuple[int, int] = (1500, 1000)
    seed: int = 1
    surface: Surface = Surface.TEXTURE
    growth: float = 0.05
    jitter_px: float = 0.5
    jitter_rad: float = 2e-4
    noise: float = 1.0
    flicker: float = 0.01
    blur_px: float = 20.0
    beyond: float = 0.0
    highlights: bool = False
    bump: tuple[int, int] | None = None
    black: int | None = None
    overlay: Overlay | None = None


@dataclass(frozen=True)
class PlaneFrame:
    """A frame, and the truth about it.

    Attributes
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
        RGB.
    place : ndarray, shape (3, 3)
        Points of the frame to those of the middle one.
    zone : ndarray, shape (n, 2)
        Places of the frame, on a grid, that are in focus (blur below 1 px) and show something.
    """

    pixels: Array
    place: Array
    zone: Array


def plane_frames(plane: Plane) -> Iterator[PlaneFrame]:
    """Render a stack; the middle frame stands still."""
    rng = np.random.default_rng(plane.seed)
    width, height = plane.size
    margin = round(0.5 * plane.growth * width + 5 * plane.jitter_px + 20)
    margin += 0 if plane.bump is None else plane.bump[1]
    whole = (height + 2 * margin, width + 2 * margin)
    texture = _tiles(*whole) if plane.surface is Surface.TILES else _texture(rng, *whole)
    cover = _island(plane, margin, whole) if plane.surface is Surface.ISLAND else None
    blurred = [texture, *(cv2.GaussianBlur(texture, (0, 0), sigma) for sigma in _SIGMAS[1:])]
    depth = np.linspace(0.02, 0.98, whole[0])
    spots = rng.uniform(0.05, 0.95, (_HIGHLIGHTS, 2)) * (width, height)
    for index, focus in enumerate(np.linspace(-plane.beyond, 1 + plane.beyond, plane.count)):
        blur = np.abs(depth - focus) * plane.blur_px
        picture = _defocused(blurred, np.minimum(blur, _SIGMAS[-1] - 0.01))
        if cover is not None:
            picture = picture * cover + _PLAIN * (1 - cover)
        place = _place(plane, index, rng)
        onto = place[:2].copy()
        onto[:, 2] += margin
        seen = cv2.warpAffine(picture, onto, plane.size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
        seen = seen * (1 + rng.uniform(-plane.flicker, plane.flicker))
        if plane.highlights:
            _shine(seen, spots + _WANDER_PX * (index - plane.count // 2))
        seen += plane.noise * rng.standard_normal(seen.shape).astype(np.float32)
        if index == plane.black:
            seen[:] = 0
        pixels = np.rint(np.clip(seen, 0, 255)).astype(np.uint8)
        if plane.overlay is not None:
            pixels = overlaid(pixels, plane.overlay)
        yield PlaneFrame(pixels, place, _zone(plane.size, onto, blur, cover))


def overlaid(frame: Array, overlay: Overlay) -> Array:
    """A frame, shape (H, W, 3), uint8, with something over it."""
    height, width = frame.shape[:2]
    over = np.array(frame)
    if overlay is Overlay.STAMP:
        _stamp(over, width / 1500)
    elif overlay is Overlay.BORDER:
        cv2.rectangle(over, (0, 0), (width - 1, height - 1), (0, 0, 0), round(0.06 * width))
    elif overlay is Overlay.WINDOW:
        seen = np.zeros((height, width), np.uint8)
        cv2.circle(seen, (width // 2, height // 2), round(0.48 * height), 1, -1)
        over[seen == 0] = 0
    else:
        over = np.rint(over * _grains(height, width)[..., None]).astype(np.uint8)
    return over


def _stamp(over: Array, size: float) -> None:
    height, width = over.shape[:2]
    for thickness, colour in ((5, (0, 0, 0)), (2, (255, 220, 0))):
        at, strokes = (round(0.03 * width), round(0.95 * height)), max(1, round(thickness * size))
        cv2.putText(over, _WRITING, at, cv2.FONT_HERSHEY_SIMPLEX, 1.4 * size, colour, strokes, cv2.LINE_AA)
    left, top = round(0.4 * width), round(0.93 * height)
    cv2.rectangle(
        over, (left, top), (left + round(0.12 * width), top + round(0.01 * width)), (255, 220, 0), -1
    )


def _grains(height: int, width: int) -> Array:
    """What the sensor gets of the light under its dust."""
    rng = np.random.default_rng(60)
    light = np.ones((height, width), np.float32)
    for _ in range(60):
        at = int(rng.uniform(0, width)), int(rng.uniform(0, height))
        shadow = np.zeros((height, width), np.float32)
        cv2.circle(shadow, at, round(rng.uniform(0.002, 0.006) * width), 1.0, -1)
        light *= 1 - float(rng.uniform(0.1, 0.33)) * cv2.GaussianBlur(shadow, (0, 0), 0.0015 * width)
    return light


def _place(plane: Plane, index: int, rng: np.random.Generator) -> Array:
    middle = plane.count // 2
    turn = float(rng.normal(0, plane.jitter_rad))
    shift = rng.normal(0, plane.jitter_px, 2)
    if index == middle:
        turn, shift = 0.0, np.zeros(2)
    if plane.bump is not None and (index >= plane.bump[0]) != (middle >= plane.bump[0]):
        away = plane.bump[1] * math.sqrt(0.5)
        shift = shift + ((away, -away) if index >= plane.bump[0] else (-away, away))
    scale = 1 + plane.growth * (index - middle) / plane.count
    linear = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    centre = (np.array(plane.size) - 1) / 2
    return np.vstack([np.hstack([linear, (centre - linear @ centre + shift)[:, None]]), [0, 0, 1]])


def _texture(rng: np.random.Generator, height: int, width: int) -> Array:
    texture = np.zeros((height, width, 3), np.float32)
    for sigma in (0.8, 1.6, 4, 12, 40):
        part = cv2.GaussianBlur(rng.standard_normal(texture.shape).astype(np.float32), (0, 0), sigma)
        texture += part / part.std()
    return np.asarray(np.clip(115 + texture / 2.2 * 38, 5, 250))


def _tiles(height: int, width: int) -> Array:
    y, x = (2 * math.pi / _TILE_PX * np.arange(side, dtype=np.float32) for side in (height, width))
    one = 120 + 50 * np.sin(x) * np.sin(y)[:, None]
    return np.repeat(one[..., None], 3, axis=2)


def _island(plane: Plane, margin: int, whole: tuple[int, int]) -> Array:
    cover = np.zeros(whole, np.float32)
    width, height = plane.size
    radius = round(math.sqrt(width * height / 8 / math.pi))
    cv2.circle(cover, (margin + width // 2, margin + height // 2), radius, 1.0, -1)
    return cv2.GaussianBlur(cover, (0, 0), 2.0)[..., None]


def _defocused(blurred: list[Array], blur: Array) -> Array:
    """Rows mixed from the two blurred textures between whose sigmas they lie."""
    picture = np.empty_like(blurred[0])
    at = np.searchsorted(_SIGMAS, blur, side="right") - 1
    share = ((blur - np.take(_SIGMAS, at)) / np.diff(_SIGMAS)[at]).astype(np.float32)[:, None, None]
    for rung in np.unique(at):
        rows = at == rung
        picture[rows] = blurred[rung][rows] * (1 - share[rows]) + blurred[rung + 1][rows] * share[rows]
    return picture


def _shine(seen: Array, spots: Array) -> None:
    for spot in spots:
        at = int(spot[0]), int(spot[1])
        cv2.circle(seen, at, _HIGHLIGHT_PX, (255.0, 255.0, 255.0), -1, cv2.LINE_AA)


def _zone(size: tuple[int, int], onto: Array, blur: Array, cover: Array | None) -> Array:
    axes = (np.arange(_GRID_PX / 2, side, _GRID_PX) for side in size)
    points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    columns, rows = np.rint(onto[:, :2] @ points.T + onto[:, 2:]).astype(int)
    rows = np.clip(rows, 0, len(blur) - 1)
    sharp = blur[rows] < 1.0
    if cover is not None:
        sharp &= cover[rows, np.clip(columns, 0, cover.shape[1] - 1), 0] > 0.5
    return np.asarray(points[sharp])
