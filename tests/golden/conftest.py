"""Rendered stacks with known truth: a slanted textured plane, blurred by depth, moved by similarities."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pytest
from hardware_sims.scenes.fields import srgb_linear
from hardware_sims.sensor import srgb_encode

Array = np.ndarray[Any, np.dtype[Any]]
_MARGIN = 120
_SIGMAS = (0.0, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)


@dataclass(frozen=True)
class RenderedStack:
    """Frames, the all-in-focus view of frame ``reference``, and how the frames were made."""

    frames: list[Array]
    truth: Array
    reference: int
    to_reference: list[Array]
    gains: list[float] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        return self.truth.shape[1], self.truth.shape[0]


def _texture(rng: np.random.Generator, height: int, width: int) -> Array:
    total = np.zeros((height, width, 3), np.float32)
    for sigma in (1.0, 2.0, 5.0, 20.0):
        part = cv2.GaussianBlur(rng.standard_normal((height, width, 3)).astype(np.float32), (0, 0), sigma)
        total += part / part.std()
    return np.clip(115 + total / 2 * 40, 12, 243)


def _defocused(texture: Array, depth: Array, focus: float, strength: float) -> Array:
    """Blur light by a Gaussian whose sigma is ``strength`` times the distance from the plane of focus."""
    sigma = np.abs(depth - focus) * strength
    texture = srgb_linear(texture / 255)
    result = np.zeros_like(texture)
    previous = texture
    for low, high in itertools.pairwise(_SIGMAS):
        blurred = cv2.GaussianBlur(texture, (0, 0), high)
        share = np.clip((sigma - low) / (high - low), 0, 1)[..., None]
        mixed = previous * (1 - share) + blurred * share
        inside = (sigma >= low)[..., None]
        result = np.where(inside, mixed, result) if low else mixed
        previous = blurred
    return np.asarray(255 * srgb_encode(result))


def render(
    count: int = 9,
    size: tuple[int, int] = (480, 320),
    breathing: float = 0.006,
    jitter_px: float = 1.5,
    flicker: float = 0.0,
    noise: float = 0.8,
    dtype: type = np.uint8,
    strength: float = 8.0,
    reference: int | None = None,
    seed: int = 1,
) -> RenderedStack:
    rng = np.random.default_rng(seed)
    width, height = size
    reference = count // 2 if reference is None else reference
    texture = _texture(rng, height + 2 * _MARGIN, width + 2 * _MARGIN)
    rows = np.linspace(1.25, -0.25, texture.shape[0], dtype=np.float32)
    depth = np.repeat(rows[:, None], texture.shape[1], axis=1)
    white = 255 if dtype is np.uint8 else 65535
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    frames, transforms, gains = [], [], []
    for index in range(count):
        fixed = index == reference
        scale = 1 + breathing * (index - reference)
        turn = 0.0 if fixed else rng.normal(0, 5e-4)
        shift = np.zeros(2) if fixed else rng.normal(0, jitter_px, 2)
        a, b = scale * math.cos(turn), scale * math.sin(turn)
        linear = np.array([[a, -b], [b, a]])
        to_reference = np.hstack([linear, (centre - linear @ centre + shift)[:, None]])
        onto_texture = to_reference.copy()
        onto_texture[:, 2] += _MARGIN
        gain = 1.0 if fixed else 1 + rng.uniform(-flicker, flicker)
        picture = _defocused(texture, depth, index / max(1, count - 1), strength)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(picture, onto_texture, size, flags=flags) * gain
        seen = seen + rng.standard_normal(seen.shape) * noise
        frames.append(np.rint(np.clip(seen / 255, 0, 1) * white).astype(dtype))
        transforms.append(np.vstack([to_reference, [0, 0, 1]]))
        gains.append(gain)
    truth = texture[_MARGIN : _MARGIN + height, _MARGIN : _MARGIN + width]
    return RenderedStack(frames, truth, reference, transforms, gains)


@pytest.fixture(scope="session")
def render_stack() -> Callable[..., RenderedStack]:
    """The renderer; the same arguments give the same stack."""
    return render
