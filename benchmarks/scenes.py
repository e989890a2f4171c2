"""Small synthetic stacks with known truth: layers of known depth, blurred by discs, composed from back to
front.

Quick stand-ins for trying out the fusion; the optics of ``hardware_sims`` are the ones that count.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

__all__ = ["SCENES", "SyntheticStack", "render"]

Array = np.ndarray[Any, np.dtype[Any]]
WIDTH, HEIGHT, MARGIN = 1200, 800, 100


@dataclass(frozen=True)
class SyntheticStack:
    """Frames, the truth in the view of the reference frame, and how the frames were made."""

    name: str
    frames: list[Array]
    truth: Array
    reference: int
    to_reference: list[Array]


@dataclass(frozen=True)
class _Scene:
    name: str
    count: int
    sigma: float
    flicker: float
    breathing: float
    bits: int
    blur_px_per_depth: float
    layers: Callable[[np.random.Generator], list[tuple[float, Array, Array]]]


def render(name: str, seed: int = 0) -> SyntheticStack:
    """Render one of `SCENES`."""
    scene = SCENES[name]
    rng = np.random.default_rng(seed)
    layers = scene.layers(rng)
    reference = scene.count // 2
    truth = np.clip(_crop(_compose(layers, None, 0.0)), 0, 255)
    frames, transforms = [], []
    for index in range(scene.count):
        focus = index / (scene.count - 1)
        scale = 1 + scene.breathing * (index - reference)
        shift = rng.normal(0, 1.5, 2) if index != reference else np.zeros(2)
        turn = rng.normal(0, 2e-4) if index != reference else 0.0
        picture = _compose(layers, focus, scene.blur_px_per_depth)
        centre = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
        a, b = scale * math.cos(turn), scale * math.sin(turn)
        linear = np.array([[a, -b], [b, a]])
        to_reference = np.hstack([linear, (centre - linear @ centre + shift)[:, None]])
        big = to_reference.copy()
        big[:, 2] += MARGIN
        seen = cv2.warpAffine(picture, big, (WIDTH, HEIGHT), flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP)
        gain = 1.0 if index == reference else 1 + rng.uniform(-scene.flicker, scene.flicker)
        noisy = seen * gain + rng.normal(0, 1, seen.shape) * scene.sigma * np.sqrt(np.maximum(seen, 8) / 128)
        white, kind = (255, np.uint8) if scene.bits == 8 else (65535, np.uint16)
        frames.append(np.rint(np.clip(noisy / 255, 0, 1) * white).astype(kind))
        transforms.append(np.vstack([to_reference, [0, 0, 1]]))
    return SyntheticStack(name, frames, truth, reference, transforms)


def _crop(picture: Array) -> Array:
    return picture[MARGIN : MARGIN + HEIGHT, MARGIN : MARGIN + WIDTH]


def _compose(layers: list[tuple[float, Array, Array]], focus: float | None, strength: float) -> Array:
    """Layers are (depth 0 near to 1 far, premultiplied colour, alpha), given from far to near."""
    result = np.zeros_like(layers[0][1])
    for depth, colour, alpha in layers:
        radius = 0.0 if focus is None else abs(depth - focus) * strength
        blurred, cover = _disc(colour, radius), _disc(alpha, radius)
        result = blurred + result * (1 - cover[..., None])
    return cv2.GaussianBlur(result, (0, 0), 0.55)


def _disc(picture: Array, radius: float) -> Array:
    if radius < 0.3:
        return picture
    half = math.ceil(radius) + 1
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)


def _texture(rng: np.random.Generator, contrast: float = 60.0) -> Array:
    size = (HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN)
    colour = np.zeros((*size, 3), np.float32)
    for sigma in (0.7, 1.5, 3, 8, 30):
        part = rng.standard_normal((*size, 3)).astype(np.float32)
        part = 0.6 * part + 0.8 * part[..., :1]
        smooth = cv2.GaussianBlur(part, (0, 0), sigma)
        colour += smooth / smooth.std()
    return np.clip(120 + colour / math.sqrt(5) * contrast, 2, 250)


def _slices(colour: Array, depth: Array, count: int) -> list[tuple[float, Array, Array]]:
    """Cut a surface into layers by depth, far first; soft cuts, so that no seam shows."""
    layers = []
    for index in range(count):
        centre = 1 - index / (count - 1)
        # Everything at least as near as this slice's far edge: nearer slices paint over it.
        alpha = np.clip((centre + 0.5 / (count - 1) - depth) * (count - 1) * 4 + 0.5, 0, 1).astype(np.float32)
        if index == 0:
            alpha[:] = 1
        layers.append((centre, colour * alpha[..., None], alpha))
    return layers


def _grid() -> tuple[Array, Array]:
    y, x = np.mgrid[0 : HEIGHT + 2 * MARGIN, 0 : WIDTH + 2 * MARGIN].astype(np.float32)
    return x / x.max(), y / y.max()


def _hairs(rng: np.random.Generator) -> list[tuple[float, Array, Array]]:
    colour = _texture(rng)
    layers: list[tuple[float, Array, Array]] = [(0.9, colour, np.ones(colour.shape[:2], np.float32))]
    for depth in np.linspace(0.55, 0.0, 14):
        paint, alpha = np.zeros_like(colour), np.zeros(colour.shape[:2], np.float32)
        for _ in range(9):
            start = rng.uniform([0, 0], [colour.shape[1], colour.shape[0]])
            angle, bend = rng.uniform(0, 2 * math.pi), rng.normal(0, 0.02)
            steps = np.arange(0, rng.uniform(150, 500), 8)
            turn = angle + bend * steps / 8 * 0.5
            points = start + np.cumsum(np.stack([np.cos(turn), np.sin(turn)], 1) * 8, axis=0)
            tone = rng.uniform(10, 90, 3) if rng.random() < 0.7 else rng.uniform(150, 240, 3)
            shape = [np.round(points * 16).astype(np.int32)]
            width = int(rng.integers(1, 7))
            cv2.polylines(alpha, shape, False, 1.0, width, cv2.LINE_AA, 4)
            cv2.polylines(paint, shape, False, tone.tolist(), width, cv2.LINE_AA, 4)
        alpha = np.clip(alpha, 0, 1)
        layers.append((float(depth), paint * alpha[..., None], alpha))
    return layers


def _slope(rng: np.random.Generator) -> list[tuple[float, Array, Array]]:
    x, y = _grid()
    return _slices(_texture(rng, 35), np.clip(1 - y + 0.08 * np.sin(9 * x), 0, 1), 40)


def _glints(rng: np.random.Generator) -> list[tuple[float, Array, Array]]:
    x, y = _grid()
    colour = cv2.GaussianBlur(_texture(rng, 40), (0, 0), 1.0) * 0.5
    for _ in range(160):
        at = rng.uniform([0, 0], [colour.shape[1], colour.shape[0]])
        spot = [float(v) for v in rng.uniform(300, 1500) * np.array([1.0, 0.95, 0.9])]
        cv2.circle(colour, [int(v * 16) for v in at], int(rng.uniform(12, 60)), spot, -1, cv2.LINE_8, 4)
    return _slices(
        cv2.GaussianBlur(colour, (0, 0), 0.6), np.clip(0.5 + 0.5 * np.sin(4 * x + 2 * y), 0, 1), 40
    )


def _relief(rng: np.random.Generator) -> list[tuple[float, Array, Array]]:
    x, _ = _grid()
    bumps = cv2.GaussianBlur(rng.standard_normal(x.shape).astype(np.float32), (0, 0), 40)
    depth = np.clip(0.5 + bumps / bumps.std() * 0.22, 0, 1)
    return _slices(_texture(rng, 45), depth, 40)


SCENES = {
    "hairs": _Scene("hairs", 12, 1.2, 0.03, 0.006, 8, 18.0, _hairs),
    "slope": _Scene("slope", 20, 4.0, 0.03, 0.003, 8, 30.0, _slope),
    "glints": _Scene("glints", 20, 0.6, 0.03, 0.003, 16, 30.0, _glints),
    "relief": _Scene("relief", 24, 0.8, 0.03, 0.002, 8, 30.0, _relief),
}
