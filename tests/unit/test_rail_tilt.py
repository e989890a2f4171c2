"""The drift of a picture between two positions of a rail, on pictures whose drift is known."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest

from rig.calibrate.tilt import measure_drift
from rig.errors import DataError

HEIGHT, WIDTH = 400, 600


def _target(seed: int = 1, width: int = WIDTH, height: int = HEIGHT) -> Any:
    """Detail of all sizes, in linear light."""
    rng = np.random.default_rng(seed)
    light = np.zeros((height, width), np.float32)
    for sigma in (1.5, 4.0, 12.0):
        noise = cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), sigma)
        light += noise / noise.std()
    return 0.35 + 0.08 * light


def _moved(light: Any, right: float, down: float, growth: float = 1.0, turn_deg: float = 0.0) -> Any:
    height, width = light.shape
    c, s = growth * math.cos(math.radians(turn_deg)), growth * math.sin(math.radians(turn_deg))
    x, y = (width - 1) / 2, (height - 1) / 2
    matrix = np.array([[c, -s, x - c * x + s * y + right], [s, c, y - s * x - c * y + down]])
    return cv2.warpAffine(
        light, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )


@pytest.mark.parametrize(
    ("right", "down", "growth", "turn", "blur"),
    [
        (0.0, 0.0, 1.0, 0.0, 0.0),
        (3.3, -1.7, 1.0, 0.0, 0.0),
        (-7.25, 4.5, 1.017, 0.0, 2.0),
        (45.0, -30.0, 1.034, 0.2, 1.0),
        (12.0, 9.0, 0.97, -0.3, 1.0),
    ],
)
def test_a_known_drift_is_found(right: float, down: float, growth: float, turn: float, blur: float) -> None:
    first = _target()
    second = _moved(first, right, down, growth, turn)
    if blur:
        second = cv2.GaussianBlur(second, (0, 0), blur)
    drift = measure_drift(first, second)
    half = 2 / (1 + growth)  # told for the size half-way
    assert drift.right_px == pytest.approx(right * half, abs=0.08)
    assert drift.down_px == pytest.approx(down * half, abs=0.08)
    assert drift.growth == pytest.approx(growth, abs=2e-4)
    assert drift.turn_deg == pytest.approx(turn, abs=0.02)
    assert drift.sigma_px < 0.1
    assert drift.points > 100


def test_a_wide_frame_is_measured_in_its_own_pixels() -> None:
    first = _target(width=3200, height=800)
    drift = measure_drift(first, _moved(first, 21.0, -6.0))
    assert (drift.right_px, drift.down_px) == pytest.approx((21.0, -6.0), abs=0.15)


def test_frames_that_have_nothing_in_common_are_refused() -> None:
    with pytest.raises(DataError, match="banknote"):
        measure_drift(_target(1), _target(2))
    with pytest.raises(DataError, match="points"):
        measure_drift(np.full((HEIGHT, WIDTH), 0.4, np.float32), np.full((HEIGHT, WIDTH), 0.4, np.float32))
