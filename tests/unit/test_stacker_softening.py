"""What interpolation takes from the finest detail is given back, and nothing where none was interpolated."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from stacker.fusion.pyramid import PyramidFusion
from stacker.fusion.scoring import FusionParameters
from stacker.fusion.softening import Softening
from stacker.registration.exposure import Levels

SAME = Levels.same()


def shifted(x: float, y: float) -> NDArray[np.float64]:
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


@pytest.mark.parametrize(
    ("to_frame", "expected"),
    [
        (shifted(3, -2), 0.0),
        (shifted(0.5, 0.5), 1.0),
        (np.diag([1.1, 1.1, 1.0]), 1.0),
        (shifted(0.5, 0), 0.75),
    ],
)
def test_how_far_frames_were_interpolated(to_frame: NDArray[np.float64], expected: float) -> None:
    softening = Softening()
    softening.add(to_frame, 600, 400)
    assert softening.share == pytest.approx(expected, rel=0.15)


def test_nothing_is_given_back_before_the_first_frame() -> None:
    assert Softening().share == 0


def test_frames_that_fall_on_pixels_come_out_as_they_are() -> None:
    picture = np.random.default_rng(1).integers(40, 200, (96, 128, 3), dtype=np.uint8)
    fusion = PyramidFusion((128, 96), picture.dtype, 1.0, FusionParameters())
    for index in range(2):
        fusion.add(picture, np.eye(3), SAME, index)
    assert np.abs(fusion.finish().image.astype(int) - picture).max() <= 1


def test_an_interpolated_frame_keeps_more_of_its_fine_detail() -> None:
    """Half a pixel of shift takes 15 % off this wave."""
    y, x = np.mgrid[:96, :128]

    def seen(shift: float) -> NDArray[np.uint8]:
        wave = np.rint(128 + 60 * np.sin(2 * np.pi * ((x + shift) * 0.31 + y * 0.12)))
        return np.repeat(wave[..., None], 3, axis=2).astype(np.uint8)

    fusion = PyramidFusion((128, 96), np.dtype(np.uint8), 0.5, FusionParameters())
    fusion.add(seen(0.5), shifted(0.5, 0), SAME, 0)
    for level in (
        0,
        255,
    ):  # frames without detail: they only let the result reach further than the first does
        fusion.add(np.full((96, 128, 3), level, np.uint8), shifted(0.5, 0), SAME, level + 1)
    fused = fusion.finish()
    left, top = -fused.extent.x, -fused.extent.y
    inner = fused.image[top + 16 : top + 80, left + 16 : left + 112, 1] - 128.0
    wanted = seen(0.0)[16:80, 16:112, 1] - 128.0
    kept = float((inner * wanted).sum() / (wanted * wanted).sum())
    cubic = 2 * 0.59375 * np.cos(np.pi * 0.31) - 2 * 0.09375 * np.cos(3 * np.pi * 0.31)
    assert cubic + 0.015 < kept < 1.0
