"""Transforms, windows and the chain, in numbers."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacker import Stacker
from stacker.fusion.window import Window, window_of
from stacker.registration.exposure import relative_levels, tones
from stacker.registration.light import linear_light, toned
from stacker.registration.match import Match, MatchPyramid, Spread, match
from stacker.registration.pace import Pace
from stacker.registration.rail import Rail, RailGeometry
from stacker.registration.similarity import Similarity, inverse, rescaled
from stacker.registration.solve import chosen_points

similarities = st.builds(
    Similarity,
    st.floats(0.5, 2.0),
    st.floats(-1.0, 1.0),
    st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
)
windows = st.builds(
    Window, st.integers(-900, 900), st.integers(-900, 900), st.integers(1, 900), st.integers(1, 900)
)
CENTRE = (320.5, 212.0)


@settings(max_examples=100, deadline=None)
@given(one=similarities, other=similarities)
def test_similarities_compose_like_their_parts(one: Similarity, other: Similarity) -> None:
    product = Similarity.nearest(one.matrix(CENTRE) @ other.matrix(CENTRE), CENTRE)
    assert product.scale == pytest.approx(one.scale * other.scale)
    turn = math.remainder(product.rotation_rad - one.rotation_rad - other.rotation_rad, 2 * math.pi)
    assert turn == pytest.approx(0, abs=1e-9)
    back = inverse(one.matrix(CENTRE)) @ one.matrix(CENTRE)
    np.testing.assert_allclose(back, np.eye(3), atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(motion=similarities, factor=st.floats(0.05, 4.0))
def test_nearest_finds_a_similarity_again_and_rescaling_undoes_itself(
    motion: Similarity, factor: float
) -> None:
    matrix = motion.matrix(CENTRE)
    found = Similarity.nearest(matrix, CENTRE)
    assert found.scale == pytest.approx(motion.scale)
    assert found.rotation_rad == pytest.approx(motion.rotation_rad, abs=1e-9)
    assert found.shift_px == pytest.approx(motion.shift_px, abs=1e-6)
    np.testing.assert_allclose(rescaled(rescaled(matrix, factor), 1 / factor), matrix, atol=1e-7)


def test_rotation_is_clockwise_on_the_screen() -> None:
    quarter = Similarity(1.0, math.pi / 2).matrix((0.0, 0.0))
    np.testing.assert_allclose(quarter @ [1, 0, 1], [0, 1, 1], atol=1e-12)


def test_rescaling_keeps_pixel_edges() -> None:
    shift = np.array([[1, 0, 3.0], [0, 1, -2.0], [0, 0, 1]])
    np.testing.assert_allclose(rescaled(shift, 0.5), [[1, 0, 1.5], [0, 1, -1.0], [0, 0, 1]])


@settings(max_examples=100, deadline=None)
@given(one=windows, other=windows, level=st.integers(0, 8))
def test_windows_hold_what_they_should(one: Window, other: Window, level: int) -> None:
    both, common = one.union(other), one.intersection(other)
    for inner in (one, other):
        assert both.x <= inner.x
        assert both.bottom >= inner.bottom
    assert common.width <= min(one.width, other.width)
    block = 2**level
    aligned = both.aligned(block)
    assert aligned.union(both) == aligned
    assert not any(value % block for value in (aligned.x, aligned.y, aligned.right, aligned.bottom))
    assert aligned.width < both.width + 2 * block
    rows, columns = one.aligned(block).slices_in(aligned, block)
    assert rows.stop - rows.start == one.aligned(block).height // block
    assert columns.start >= 0


def test_a_frame_that_stays_reaches_its_own_pixels() -> None:
    assert window_of(np.eye(3), (640, 480)) == Window(0, 0, 640, 480)
    assert window_of(Similarity(3.0).matrix((319.5, 239.5)), (640, 480)) == Window(-639, -479, 1918, 1438)


def test_rail_geometry() -> None:
    geometry = RailGeometry(pupil_distance_mm=300.0, reference_mm=10.0)
    assert geometry.scale(10.0) == 1.0
    assert geometry.scale(42.0) == pytest.approx(300 / 332)


def _found(motion: Similarity, in_focus: float = 1.0) -> Match:
    return replace(Match.still(), motion=motion, in_focus=in_focus)


def test_a_rail_is_believed_about_scale_and_a_match_about_bumps() -> None:
    v_mm = 300.0
    step = math.exp(-1 / v_mm)
    pace = Pace(per_mm=True, log_scale=-1 / v_mm, error=0.03 / v_mm)
    for _ in range(6):
        motion, bumped, _ = pace.believed(_found(Similarity(step, 0.0, (0.5, 0.0))), 1.0, 1000, 600.0)
        assert not bumped
    assert motion.shift_px[0] == pytest.approx(0.5, abs=0.05)
    odd, _, _ = pace.believed(_found(Similarity(step * 1.0005, 0.0001, (0.5, 0.0))), 1.0, 1000, 600.0)
    assert odd.scale == pytest.approx(step, abs=2e-4)
    vague = replace(_found(Similarity(step, 0.001, (3.0, 0.0)), 0.2), spread=Spread(0.1, 0.1, 0.1))
    blurred, _, predicted = pace.believed(vague, 1.0, 1000, 600.0)
    assert predicted > 0.9
    assert abs(blurred.rotation_rad) < 0.0001
    assert blurred.shift_px[0] == pytest.approx(0.5, abs=0.1)
    knocked, bumped, _ = pace.believed(_found(Similarity(step, 0.0, (40.0, 0.0)), 0.2), 1.0, 1000, 600.0)
    assert bumped
    assert knocked.shift_px == (40.0, 0.0)


@pytest.mark.parametrize(("moved", "followed"), [((0.3, -9.0, 8.0), True), ((0.3, 9.0, 0.3), False)])
def test_a_hand_that_shakes_is_known_after_two_steps_and_one_knock_is_no_hand(
    moved: tuple[float, ...], followed: bool
) -> None:
    pace = Pace(frames=16)
    for x in moved:
        pace.believed(_found(Similarity(0.99, 0.0, (x, -0.5 * x))), 1.0, 750, 450.0)
    vague = replace(_found(Similarity(0.99, 0.0, (-3.0, 2.0)), 0.1), spread=Spread(0.3, 0.15, 0.15))
    found, _, predicted = pace.believed(vague, 1.0, 750, 450.0)
    assert (predicted < 0.2) == followed
    if followed:
        assert found.shift_px[0] == pytest.approx(-3.0, abs=1.0)


def test_the_pupil_distance_is_fitted_and_a_wrong_one_is_noticed() -> None:
    true = RailGeometry(150.0, 0.0)
    for believed_mm in (None, 300.0):
        rail = Rail(believed_mm)
        for _ in range(8):
            rail.learn(1.0, -1 / 150, 1e-4, 1000.0)
        known = rail.inverse()
        assert known is not None
        assert 1 / known[0] == pytest.approx(150.0, rel=0.01)
        fit = rail.fit()
        assert fit is not None
        assert fit.pupil_distance_mm == pytest.approx(150.0, rel=1e-6)
        assert max(abs(residual) for residual in fit.residuals_px) < 1e-6
        assert rail.plane_correction(8.0, 0.0, None) == pytest.approx(
            true.scale(8.0) / math.exp(-8 / 150), rel=1e-3
        )


def test_a_rail_that_runs_the_wrong_way_says_nothing_about_the_lens() -> None:
    rail = Rail()
    for _ in range(8):
        rail.learn(-1.0, -1 / 150, 1e-4, 1000.0)
    assert rail.fit() is None
    assert rail.plane_correction(-8.0, 0.0, None) == 1.0


def _scene(seed: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    total = np.zeros((420, 560), np.float32)
    for sigma in (1.2, 3, 9, 30):
        part = cv2.GaussianBlur(rng.standard_normal(total.shape).astype(np.float32), (0, 0), sigma)
        total += part / part.std()
    return total * 25 + 120


def _seen(scene: np.ndarray, motion: Similarity) -> np.ndarray:
    centre = (199.5, 149.5)
    onto_scene = np.array([[1, 0, 80], [0, 1, 60], [0, 0, 1.0]]) @ motion.matrix(centre)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(scene, onto_scene[:2], (400, 300), flags=flags)


@settings(max_examples=15, deadline=None)
@given(
    scale=st.floats(0.97, 1.03),
    rotation=st.floats(-0.02, 0.02),
    shift=st.tuples(st.floats(-25, 25), st.floats(-25, 25)),
    gain=st.floats(0.7, 1.4),
    blur=st.floats(0.3, 2.5),
)
def test_matching_finds_motion_through_blur_and_gain(
    scale: float, rotation: float, shift: tuple[float, float], gain: float, blur: float
) -> None:
    scene, motion = _scene(), Similarity(scale, rotation, shift)
    fixed = _seen(scene, Similarity())
    moving = cv2.GaussianBlur(_seen(scene, motion), (0, 0), blur) * np.float32(gain)
    found = match(MatchPyramid(fixed), MatchPyramid(moving), Similarity())
    assert found is not None
    assert found.correlation > 0.8
    corners = np.array([[0, 0, 1], [399, 0, 1], [0, 299, 1], [399, 299, 1]]).T
    centre = (199.5, 149.5)
    error = (found.motion.matrix(centre) - motion.matrix(centre)) @ corners
    assert np.linalg.norm(error, axis=0).max() < 0.25


def test_upright_hairs_in_a_square_are_looked_at_and_not_the_noise_between_them() -> None:
    grey = np.random.default_rng(0).normal(100, 1, (1000, 1000)).astype(np.float32)
    grey[:, 50::100] += 80
    points = chosen_points(MatchPyramid(grey).levels[0])
    assert points is not None
    assert (np.abs(points.x % 100 - 50) < 5).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (40, 5), (64, 64)])
def test_nothing_to_match_is_no_match(size: tuple[int, int]) -> None:
    flat = np.full(size, 100, np.float32)
    assert match(MatchPyramid(flat), MatchPyramid(flat), Similarity()) is None


def test_gain_leaves_clipped_highlights_out() -> None:
    colour = np.repeat(_scene()[..., None], 3, axis=2)
    colour[100:140, 100:140] = 600
    bright = np.clip(colour, 0, 255).astype(np.uint8)
    blurred = toned(cv2.GaussianBlur(linear_light(colour.astype(np.float32)), (0, 0), 2))
    dim = np.clip(blurred * np.array([0.8, 0.9, 1.0]), 0, 255).astype(np.uint8)
    gain = relative_levels(tones(bright), tones(dim), np.eye(3)).gain
    assert gain == pytest.approx([1 / 0.8, 1 / 0.9, 1.0], rel=0.01)


def test_gain_of_bold_print_out_of_focus_is_one() -> None:
    """Blur keeps the sum of light, and not that of values on the tone curve: that grows by a third here."""
    print_ = np.full((300, 450, 3), 20.0, np.float32)
    print_[(np.arange(300) % 40 < 20)] = 230.0
    blurred = toned(cv2.GaussianBlur(linear_light(print_), (0, 0), 12))
    assert blurred.mean() > 1.2 * print_.mean()
    sharp, soft = (tones(np.rint(picture).astype(np.uint8)) for picture in (print_, blurred))
    assert relative_levels(sharp, soft, np.eye(3)).gain == pytest.approx(np.ones(3), abs=0.003)


def test_gain_of_black_frames_is_one() -> None:
    black = tones(np.zeros((60, 90, 3), np.uint8))
    assert relative_levels(black, black, np.eye(3)).gain.tolist() == [1, 1, 1]


def _glittering_chains() -> np.ndarray:
    """Links with burnt glints before dark cloth; linear, so that glints spread when they are blurred."""
    rng = np.random.default_rng(3)
    cloth = cv2.GaussianBlur(rng.normal(0, 1, (400, 600)), (0, 0), 2.0)
    picture = 45 + 6 * cloth / cloth.std()
    for row in range(5):
        for number, x in enumerate(np.arange(0, 900, 7.0)):
            at = round(x), round(60 + 70 * row + 18 * np.sin(x / (60 + 9 * row) + row))
            cv2.ellipse(picture, at, ((3, 3), (4, 2))[number % 2], 0, 0, 360, 170.0, -1, cv2.LINE_AA)
            cv2.circle(picture, (at[0] - 1, at[1] - 1), 1, 900.0, -1, cv2.LINE_AA)
    return picture


def test_what_glitters_all_over_is_registered_with_its_highlights() -> None:
    """Highlights are left out because they wander; of a fine chain nothing would be left."""
    stacker = Stacker()
    for blur_px, scale in ((0.6, 1.0), (1.6, 1.008), (2.6, 1.016)):
        turned = cv2.getRotationMatrix2D((299.5, 199.5), 0, scale)
        frame = cv2.warpAffine(
            _glittering_chains(), turned, (600, 400), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        frame = np.clip(np.rint(cv2.GaussianBlur(frame, (0, 0), blur_px)), 0, 255).astype(np.uint8)
        report = stacker.add(np.dstack([frame] * 3))
        assert report.registered
        assert report.scale == pytest.approx(1 / scale, abs=0.001)
