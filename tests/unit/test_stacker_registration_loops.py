"""Compiled loops of registration do what OpenCV and NumPy do in the plain ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stacker.registration.levels import MatchPyramid, _level_by_loop, _level_plainly
from stacker.registration.prepare import _small_by_loop, _small_plainly
from stacker.registration.solve import chosen_points, linearised, standard_errors

pytest.importorskip("numba")

_UNKNOWNS = (0, 1, 2, 3, 8, 9)


def _pictures() -> tuple[MatchPyramid, MatchPyramid]:
    rng = np.random.default_rng(3)
    grey = cv2.GaussianBlur(rng.random((302, 401), np.float32) * np.float32(255), (0, 0), 1.5)
    other = cv2.GaussianBlur(np.roll(grey, 1, axis=1), (0, 0), 0.8) * np.float32(0.9)
    return MatchPyramid(grey), MatchPyramid(other)


@pytest.mark.parametrize(
    "transform",
    [
        [[1.002, -0.001, 0.8], [0.001, 1.002, -0.3], [0, 0, 1]],
        [[1, 0, 100.3], [0, 1, -30.2], [0, 0, 1]],  # a third of the points are beyond
        [[1, 0, 0.5], [0, 1, 0.5], [1e-5, -2e-5, 1]],
    ],
)
def test_both_set_up_the_same_equations(transform: list[list[float]]) -> None:
    fixed, moving = _pictures()
    points = chosen_points(fixed.levels[0])
    assert points is not None
    plain, fast = (linearised(points, moving.levels[0], np.array(transform), kind) for kind in (False, True))
    assert plain is not None
    assert fast is not None
    for name in ("jacobian", "residual", "weight", "normal", "told"):
        one, other = getattr(plain, name), getattr(fast, name)
        assert np.abs(one - other).max() < 1e-4 * np.abs(one).max(), name
    errors = [standard_errors(plain, points, _UNKNOWNS, kind) for kind in (False, True)]
    assert errors[0] is not None
    assert errors[1] is not None
    np.testing.assert_allclose(errors[0], errors[1], rtol=1e-5)


def test_where_hardly_a_point_is_seen_neither_sets_up_any() -> None:
    fixed, moving = _pictures()
    points = chosen_points(fixed.levels[0])
    assert points is not None
    away = np.array([[1, 0, 399.0], [0, 1, 0], [0, 0, 1]])
    assert [linearised(points, moving.levels[0], away, kind) for kind in (False, True)] == [None, None]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    ("size", "reduced"), [((301, 457), (200, 132)), ((300, 450), (150, 100)), ((301, 457), (101, 67))]
)
def test_both_reduce_a_frame_to_the_same(dtype: str, size: tuple[int, int], reduced: tuple[int, int]) -> None:
    white = int(np.iinfo(dtype).max)
    frame = np.random.default_rng(1).integers(0, white, (*size, 3), dtype, endpoint=True)
    (plain, large), (fast, smaller) = _small_plainly(frame, reduced), _small_by_loop(frame, reduced)
    # Sums of shares are rounded to whole samples: the two add them up in another order.
    assert np.abs(plain - fast).max() < 1.01 * 255 / white
    assert (plain != fast).mean() < 0.02
    even = large[: large.shape[0] // 2 * 2, : large.shape[1] // 2 * 2]
    half = cv2.resize(even, (even.shape[1] // 2, even.shape[0] // 2), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(smaller, half)


def test_both_find_the_same_bands() -> None:
    grey = np.random.default_rng(2).random((123, 150), np.float32) * np.float32(255)
    (plain, finest), (fast, other) = _level_plainly(grey, 0.5), _level_by_loop(grey, 0.5, True)
    for name in ("band", "gradient_x", "gradient_y"):
        np.testing.assert_allclose(getattr(plain, name), getattr(fast, name), atol=2e-4)
    np.testing.assert_allclose(finest, other, atol=2e-4)
