"""The noise estimate against noise that is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stacker.focus.noise import estimate_noise
from stacker.frames import Image


def noisy(sigma: float, contrast: float = 0.0, level: float = 120.0, dtype: type = np.uint8) -> Image:
    """A textured picture, sharp all over, with white noise."""
    rng = np.random.default_rng(1)
    texture = sum(
        cv2.GaussianBlur(rng.normal(0, s, (240, 360)).astype(np.float32), (0, 0), s) for s in (1.5, 3.0, 6.0)
    )
    picture = level + contrast * (texture / texture.std())[..., None] + rng.normal(0, sigma, (240, 360, 3))
    white = np.iinfo(dtype).max
    return np.asarray(np.rint(np.clip(picture / 255, 0, 1) * white).astype(dtype))


@pytest.mark.parametrize("sigma", [1.0, 3.0, 8.0])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_noise_on_a_flat_picture(sigma: float, dtype: type) -> None:
    assert estimate_noise(noisy(sigma, dtype=dtype)) == pytest.approx(sigma, rel=0.1)


def test_little_noise_in_sixteen_bits() -> None:
    assert estimate_noise(noisy(0.1, dtype=np.uint16)) == pytest.approx(0.1, rel=0.1)


def test_a_very_dark_frame() -> None:
    assert estimate_noise(noisy(2.0, level=9.0)) == pytest.approx(2.0, rel=0.15)


@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_texture_all_over_does_not_pass_for_noise(sigma: float) -> None:
    # The finest band alone says 6.6 and 7.3.
    assert estimate_noise(noisy(sigma, contrast=30)) < 2.6 * sigma


def test_blurred_texture_is_not_noise() -> None:
    frame = noisy(0.0, contrast=30)
    blurred = cv2.GaussianBlur(frame, (0, 0), 4) + np.random.default_rng(2).normal(0, 2, frame.shape)
    assert estimate_noise(np.rint(np.clip(blurred, 0, 255)).astype(np.uint8)) == pytest.approx(2, rel=0.15)
