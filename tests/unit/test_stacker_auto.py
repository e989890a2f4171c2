"""The default way of fusing: what it comes to, and what it says about it."""

from __future__ import annotations

import numpy as np
import pytest

from stacker import Options, Stacker
from stacker.fusion.methods import Method


def stacked(picture: np.ndarray, noise: float, method: Method = Method.AUTO) -> tuple[str, str, np.ndarray]:
    rng = np.random.default_rng(1)
    stacker = Stacker(Options(align=False, exposure=False, method=method))
    for _ in range(3):
        noisy = picture + rng.normal(0, noise, picture.shape)
        stacker.add(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
    stack = stacker.finish()
    return stack.method, stack.reason, stack.image


def plain() -> np.ndarray:
    return np.full((96, 128, 3), 120.0)


def glittering() -> np.ndarray:
    picture = plain()
    picture[:16, :32] = 255
    return picture


@pytest.mark.parametrize(
    ("picture", "noise", "says"),
    [
        (plain(), 1.0, "no sign that another method"),
        (plain(), 5.0, "may be quieter"),
        (glittering(), 0.5, "cleaner beside the highlights"),
    ],
    ids=["ordinary", "noisy", "glittering"],
)
def test_it_says_why(picture: np.ndarray, noise: float, says: str) -> None:
    method, reason, _ = stacked(picture, noise)
    assert method == "pyramid"
    assert says in reason


def test_it_is_the_pyramid() -> None:
    assert np.array_equal(stacked(plain(), 2.0)[2], stacked(plain(), 2.0, Method.PYRAMID)[2])
