"""Registration where others fail: small rendered stacks with one difficulty each."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.planes import Plane, Surface, plane_frames
from stacker import fuse_files
from stacker.registration.chain import Chain, Registration, Verdict
from stacker.registration.model import MotionModel
from stacker.registration.similarity import Similarity

Render = Callable[..., Any]
Array = np.ndarray[Any, np.dtype[Any]]
SMALL: dict[str, Any] = {"size": (400, 266), "breathing": 0.004, "jitter_px": 0.5}


def registered(frames: list[Array], **settings: Any) -> list[Registration]:
    chain = Chain(**settings)
    return [chain.add(frame) for frame in frames]


def errors_px(found: list[Registration], rendered: Any, reach_px: float = math.inf) -> Array:
    """At the corners (or as far from the middle), relative to the first frame."""
    width, height = rendered.size
    x, y = min(width / 2, reach_px), min(height / 2, reach_px)
    corners = np.array([[-x, -y, 0], [x, -y, 0], [-x, y, 0], [x, y, 0]]).T
    corners = corners + np.array([[width / 2], [height / 2], [1]])
    first = np.linalg.inv(rendered.to_reference[0])
    return np.array(
        [
            np.linalg.norm(((one.transform - first @ true) @ corners)[:2], axis=0).max()
            for one, true in zip(found, rendered.to_reference, strict=True)
        ]
    )


def srgb_times(frame: Array, exposure: float) -> Array:
    """What a camera gives at another exposure."""
    share = frame / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4) * exposure
    linear = np.minimum(linear, 1.0)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(coded * 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("changes", "limit_px"),
    [
        ({"noise": 8.0}, 0.7),
        ({"breathing": 0.0222, "count": 10}, 0.6),
        ({"flicker": 0.03}, 0.3),
    ],
    ids=["noise of 8", "20 % size change", "3 % flicker"],
)
def test_difficult_stacks_are_followed(
    render_stack: Render, changes: dict[str, float], limit_px: float
) -> None:
    rendered = render_stack(**{**SMALL, **changes})
    found = registered(rendered.frames)
    assert all(one.registered for one in found)
    assert errors_px(found, rendered).max() < limit_px


def test_frames_blurred_all_over_are_still_followed(render_stack: Render) -> None:
    rendered = render_stack(**SMALL, strength=3.0)
    frames = [cv2.GaussianBlur(frame, (0, 0), 5.0) for frame in rendered.frames]
    found = registered(frames)
    assert all(one.registered for one in found)
    assert errors_px(found, rendered).max() < 1.5


def test_blurred_ends_do_not_run_away(render_stack: Render) -> None:
    rendered = render_stack(**{**SMALL, "jitter_px": 0.0}, count=9, strength=4.0)
    frames = [
        cv2.GaussianBlur(frame, (0, 0), 8.0) if index >= 6 else frame
        for index, frame in enumerate(rendered.frames)
    ]
    assert errors_px(registered(frames), rendered).max() < 1.0


def test_a_subject_on_a_plain_background_is_enough(render_stack: Render) -> None:
    rendered = render_stack(**SMALL)
    mask = np.zeros(rendered.size[::-1], np.float32)
    cv2.circle(mask, (200, 133), 60, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 2.0)
    frames = []
    for frame, place in zip(rendered.frames, rendered.to_reference, strict=True):
        cover = cv2.warpAffine(mask, place[:2], rendered.size, flags=cv2.WARP_INVERSE_MAP)[..., None]
        frames.append(np.rint(frame * cover + 235 * (1 - cover)).astype(np.uint8))
    found = registered(frames)
    assert all(one.registered for one in found)
    assert errors_px(found, rendered, reach_px=45.0).max() < 0.5


def test_texture_that_repeats_itself_is_not_followed_a_period_away(render_stack: Render) -> None:
    rendered = render_stack(**SMALL)
    y, x = np.mgrid[0:566, 0:700].astype(np.float64)
    tiles = 120 + 50 * np.sin(x * 2 * math.pi / 12) * np.sin(y * 2 * math.pi / 12)
    frames = []
    for place in rendered.to_reference:
        onto = place[:2].copy()
        onto[:, 2] += 150
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(tiles, onto, rendered.size, flags=flags)
        frames.append(np.repeat(np.rint(seen).astype(np.uint8)[..., None], 3, axis=2))
    assert errors_px(registered(frames), rendered).max() < 0.5


def test_highlights_that_wander_are_not_followed(render_stack: Render) -> None:
    rendered = render_stack(**SMALL)
    rng = np.random.default_rng(5)
    spots = rng.uniform(20, 380, (12, 2))
    for index, frame in enumerate(rendered.frames):
        for spot in spots:
            at = int(spot[0] + 4 * index), int(spot[1] * 0.6)
            cv2.circle(frame, at, 6, (255, 255, 255), -1, cv2.LINE_AA)
    found = registered(rendered.frames)
    assert all(one.registered for one in found)
    assert errors_px(found, rendered).max() < 0.6


def test_the_same_frame_twice_and_two_frames_changed_over(render_stack: Render) -> None:
    rendered = render_stack(**SMALL)
    order = [0, 1, 1, 2, 4, 3, 5, 6, 7, 8]
    found = registered([rendered.frames[index] for index in order])
    assert all(one.registered for one in found)
    np.testing.assert_allclose(found[2].transform, found[1].transform, atol=0.05)
    in_order = dict(zip(order, found, strict=True))
    assert errors_px([in_order[index] for index in range(9)], rendered).max() < 0.4


def test_a_frame_that_shows_nothing_is_placed_between_its_neighbours(render_stack: Render) -> None:
    rendered = render_stack(**SMALL)
    chain = Chain()
    for frame in rendered.frames[:4]:
        chain.add(frame)
    black = chain.add(np.zeros_like(rendered.frames[4]))
    assert black.verdict is Verdict.UNMATCHED
    assert chain.revised() == ()
    last = chain.add(np.roll(rendered.frames[5], 30, axis=1))
    (revised,) = chain.revised()
    assert revised.verdict is Verdict.UNMATCHED
    before = np.linalg.inv(rendered.to_reference[0]) @ rendered.to_reference[3]
    middle = (before[:2, 2] + last.transform[:2, 2]) / 2
    np.testing.assert_allclose(revised.transform[:2, 2], middle, atol=2.5)
    chain.add(rendered.frames[6])
    assert chain.revised() == ()


def test_another_subject_is_called_foreign_and_left_behind(render_stack: Render) -> None:
    rendered = render_stack(**SMALL)
    other = render_stack(**SMALL, count=2, seed=99).frames[0]
    found = registered([*rendered.frames[:5], other, other, *rendered.frames[5:]])
    assert [one.verdict for one in found[5:7]] == [Verdict.FOREIGN] * 2
    assert errors_px([*found[:5], *found[7:]], rendered).max() < 0.4


@pytest.mark.parametrize("exposure", [0.5, 2.0])
def test_a_frame_a_stop_off_leaves_no_trace(render_stack: Render, exposure: float) -> None:
    rendered = render_stack(**SMALL)
    frames = list(rendered.frames)
    frames[4] = srgb_times(frames[4], exposure)
    found = registered(frames)
    seen = frames[4] * found[4].gain + found[4].offset
    whole = frames[4].max(axis=2) < 245
    assert np.abs((seen - rendered.frames[4])[whole].mean()) < 1.0
    dark = whole & (rendered.frames[4].max(axis=2) < 90)
    assert np.abs((seen - rendered.frames[4])[dark].mean()) < 1.0
    np.testing.assert_allclose(found[5].gain, 1.0, atol=0.01)
    np.testing.assert_allclose(found[5].offset, 0.0, atol=0.3)


@pytest.mark.parametrize("model", [MotionModel.AFFINE, MotionModel.HOMOGRAPHY])
def test_richer_models_follow_what_a_similarity_cannot(render_stack: Render, model: MotionModel) -> None:
    rendered = render_stack(**{**SMALL, "breathing": 0.0, "jitter_px": 0.0}, count=4)
    squeeze = np.array([[1.004, 0.002, -0.8], [0.001, 0.997, 0.5], [0, 0, 1.0]])
    if model is MotionModel.HOMOGRAPHY:
        squeeze[2, :2] = 6e-6, -4e-6
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    frames = list(rendered.frames)
    for index in (2, 3):
        frames[index] = cv2.warpPerspective(frames[index], squeeze, rendered.size, flags=flags)
        rendered.to_reference[index] = rendered.to_reference[index] @ squeeze
    plain, rich = (
        errors_px(registered(frames, model=each), rendered)[-1] for each in (MotionModel.SIMILARITY, model)
    )
    for index in (2, 3):
        rendered.to_reference[index] = rendered.to_reference[index] @ np.linalg.inv(squeeze)
    assert rich < 0.5
    assert rich < plain / 2


def test_a_camera_in_the_hand_is_seen_to_tilt(render_stack: Render) -> None:
    rendered = render_stack(**SMALL, count=8)
    width, height = rendered.size
    points = np.array([[x * width, y * height, 1] for x in (0.2, 0.8) for y in (0.2, 0.8)]).T
    rng = np.random.default_rng(3)
    frames, places = [rendered.frames[0]], [rendered.to_reference[0]]
    for frame, place in zip(rendered.frames[1:], rendered.to_reference[1:], strict=True):
        about_corner = np.array([[1, 0, (width - 1) / 2], [0, 1, (height - 1) / 2], [0, 0, 1.0]])
        tilt = np.array([[1, 0, 0], [0, 1, 0], [*rng.uniform(-3e-5, 3e-5, 2), 1.0]])
        tilt = about_corner @ tilt @ np.linalg.inv(about_corner)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        frames.append(cv2.warpPerspective(frame, tilt, rendered.size, flags=flags))
        places.append(place @ tilt)

    def worst_px(model: MotionModel) -> float:
        off = []
        for one, place in zip(registered(frames, model=model), places, strict=True):
            seen, true = one.transform @ points, np.linalg.inv(places[0]) @ place @ points
            off.append(np.linalg.norm(seen[:2] / seen[2] - true[:2] / true[2], axis=0).max())
        return max(off)

    assert worst_px(MotionModel.AUTO) < 0.3
    assert worst_px(MotionModel.SIMILARITY) > 0.6


def test_frames_with_shuffled_names_are_taken_in_the_order_of_focus(
    render_stack: Render, tmp_path: Path
) -> None:
    rendered = render_stack(**SMALL, count=8)
    results = []
    for folder, names in (("told", range(8)), ("shuffled", (1, 0, 4, 2, 3, 7, 5, 6))):
        paths = [tmp_path / f"{folder}{name}.png" for name in names]
        for path, frame in zip(paths, rendered.frames, strict=True):
            cv2.imwrite(str(path), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        results.append(fuse_files(paths))
        assert results[-1].paths == tuple(paths)
    told, shuffled = (any("do not follow" in note for note in result.notes) for result in results)
    assert shuffled
    assert not told
    np.testing.assert_array_equal(results[0].stack.image, results[1].stack.image)


def errors_on(plane: Plane) -> tuple[list[Registration], Array, Array]:
    """Registrations in order of the frames, the errors at the corners, and all those of what is in focus."""
    frames = list(plane_frames(plane))
    found = registered([frame.pixels for frame in frames])
    first = np.linalg.inv(frames[0].place)
    corners = np.array([[0, 0], [plane.size[0], 0], [0, plane.size[1]], plane.size], float)
    at_corners, in_zone = [], []
    for one, frame in zip(found, frames, strict=True):
        for points, kept in ((corners, at_corners), (frame.zone, in_zone)):
            whole = np.hstack([points, np.ones((len(points), 1))]).T
            kept.append(np.linalg.norm(((one.transform - first @ frame.place) @ whole)[:2], axis=0))
    return found, np.array(at_corners).max(axis=1), np.concatenate(in_zone)


def test_two_megapixels_are_registered_to_a_twentieth_of_a_pixel() -> None:
    found, _, in_zone = errors_on(Plane(count=5, size=(1800, 1200), blur_px=4.0))
    assert all(one.registered for one in found)
    assert np.median(in_zone) < 0.05


@pytest.mark.parametrize("surface", [Surface.TEXTURE, Surface.ISLAND])
def test_a_knock_of_fifty_pixels_is_followed(surface: Surface) -> None:
    found, at_corners, _ = errors_on(Plane(count=6, size=(640, 427), bump=(3, 50), surface=surface))
    assert all(one.registered for one in found)
    assert at_corners.max() < 1.0


def test_tiles_finer_than_the_coarsest_size_are_not_followed_a_period_away() -> None:
    tiles = Plane(count=4, size=(1500, 1000), surface=Surface.TILES, blur_px=3.0, growth=0.01)
    found, at_corners, _ = errors_on(tiles)
    assert all(one.registered for one in found)
    assert at_corners.max() < 0.5


def test_places_that_the_pace_tells_are_said_to_be_predicted(render_stack: Render) -> None:
    rendered = render_stack(**{**SMALL, "jitter_px": 0.0}, count=9, strength=4.0)
    frames = [
        cv2.GaussianBlur(frame, (0, 0), 8.0) if index >= 6 else frame
        for index, frame in enumerate(rendered.frames)
    ]
    found = registered(frames)
    assert max(one.predicted for one in found[1:6]) < 0.5
    assert min(one.predicted for one in found[7:]) > 0.5


def test_the_strip_that_frames_far_apart_share_tells_their_place() -> None:
    """Before a steep slope, which is blurred by 3 px from one plane of focus to the next."""
    width, height, step, margin = 600, 400, 120, 40
    rng = np.random.default_rng(1)
    specks = (rng.random(((height + 80) // 2, (width + 80) // 2, 1)) < 0.06) * np.ones(3, np.uint8)
    page = 240 - 215 * specks.repeat(2, axis=0).repeat(2, axis=1)
    columns = np.arange(width, dtype=np.float32)
    frames, places = [], []
    for index, shift in enumerate([(0.0, 0.0), (1.7, -0.6)]):
        place = Similarity(0.974**index, 0.0, shift).matrix(((width - 1) / 2, (height - 1) / 2))
        onto = np.add(place, [[0, 0, margin], [0, 0, margin], [0, 0, 0]])[:2]
        seen = cv2.warpAffine(page, onto, (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
        off_focus = np.abs(place[0, 0] * columns + place[0, 2] - (120 + step * index))
        blurred = defocused(seen, off_focus[None, :, None] * 3.2 / step)
        frames.append(np.clip(np.rint(blurred + rng.normal(0, 1, seen.shape)), 0, 255).astype(np.uint8))
        places.append(place)
    found = registered(frames)
    assert all(one.registered for one in found)
    in_focus = np.array([[120.0 + step, y, 1.0] for y in (50, 200, 350)]).T
    off = found[1].transform @ np.linalg.inv(places[1]) @ in_focus - in_focus
    assert np.linalg.norm(off[:2], axis=0).max() < 0.1


@pytest.mark.parametrize("growth", [0.0, 6e-4])
def test_frames_that_stand_still_stay_where_they_are_and_slow_ones_are_followed(growth: float) -> None:
    """A plane of focus that sweeps over a page: 0.14 px a step at the corners, or nothing at all."""
    width, height, count, margin = 400, 266, 8, 20
    rng = np.random.default_rng(2)
    page = cv2.GaussianBlur(rng.normal(0, 1, (height + 40, width + 40, 3)).astype(np.float32), (0, 0), 1.0)
    page = 120 + 60 * page / page.std()
    columns = np.arange(width, dtype=np.float32) / (width - 1)
    frames, places = [], []
    for index in range(count):
        places.append(Similarity(1 - growth * index).matrix(((width - 1) / 2, (height - 1) / 2)))
        onto = np.add(places[-1], [[0, 0, margin], [0, 0, margin], [0, 0, 0]])[:2]
        seen = cv2.warpAffine(page, onto, (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
        blurred = defocused(seen, 4 * np.abs(columns - index / (count - 1))[None, :, None])
        frames.append(np.clip(np.rint(blurred + rng.normal(0, 1, seen.shape)), 0, 255).astype(np.uint8))
    found = registered(frames)
    corners = np.array([[x, y, 1.0] for x in (0, width - 1) for y in (0, height - 1)]).T
    off = [one.transform @ corners - place @ corners for one, place in zip(found, places, strict=True)]
    if growth:
        assert max(np.linalg.norm(each[:2], axis=0).max() for each in off) < 0.3
    else:
        assert not np.any(off)


def defocused(frame: Array, sigma: Array) -> Array:
    """Blurred by a Gaussian of a width that changes from place to place."""
    steps = np.arange(0.0, sigma.max() + 0.5, 0.5)
    blurred = [cv2.GaussianBlur(frame, (0, 0), s) if s else frame for s in steps]
    weights = [np.maximum(0, 1 - np.abs(sigma - s) / 0.5) for s in steps]
    return np.asarray(sum(one * weight for one, weight in zip(blurred, weights, strict=True)))
