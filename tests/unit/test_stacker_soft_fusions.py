"""The two ways of fusing that take whole pixels: by depth map, and weighted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest

from stacker.frames import Image
from stacker.fusion.base import Fused, Fusion
from stacker.fusion.depthmap import DepthMapFusion
from stacker.fusion.methods import FusionSetup, Method, make_fusion, needs_second_look
from stacker.fusion.scoring import FusionParameters
from stacker.fusion.weighted import WeightedFusion
from stacker.registration.exposure import Levels

SIZE = (192, 128)
COUNT = 7
STILL, EVEN = np.eye(3), Levels.same()


def scene() -> tuple[Image, Image]:
    """Colours, 0 to 255, and the index of the plane of focus: a slope with a nearer board on it."""
    rng = np.random.default_rng(5)
    colour = cv2.GaussianBlur(rng.normal(0, 1, (SIZE[1], SIZE[0], 3)).astype(np.float32), (0, 0), 1.0)
    colour = 120 + colour / colour.std() * 22
    index = np.tile(np.linspace(0.5, 5.5, SIZE[0], dtype=np.float32), (SIZE[1], 1))
    index[40:90, 100:150] = 0.5
    return colour, index


def frames(noise: float = 1.0, dtype: type = np.uint8) -> list[Image]:
    colour, index = scene()
    steps = np.stack([cv2.GaussianBlur(colour, (0, 0), max(0.01, 0.3 * s)) for s in range(25)])
    made = []
    for number in range(COUNT):
        level = np.rint(np.abs(index - number) * 4).astype(int)[None, ..., None]
        picture = np.take_along_axis(steps, level, axis=0)[0]
        noisy = picture + np.random.default_rng(number).normal(0, noise, picture.shape)
        white = 1.0 if dtype is np.float32 else float(np.iinfo(dtype).max)
        scaled = np.clip(noisy / 255, 0, 1) * white
        made.append((scaled if dtype is np.float32 else np.rint(scaled)).astype(dtype))
    return made


Build = Callable[[Sequence[Image], float], Fusion]


def depthmap(pictures: Sequence[Image], noise: float) -> Fusion:
    return DepthMapFusion(SIZE, pictures[0].dtype, noise, pictures.__getitem__)


def weighted(pictures: Sequence[Image], noise: float) -> Fusion:
    return WeightedFusion(SIZE, pictures[0].dtype, noise)


BOTH = pytest.mark.parametrize("build", [depthmap, weighted])


def fused(build: Build, noise: float = 1.0, dtype: type = np.uint8) -> Fused:
    pictures = frames(noise, dtype)
    fusion = build(pictures, noise)
    for index in [3, 4, 5, 6, 2, 1, 0]:
        fusion.add(pictures[index], STILL, EVEN, index)
    return fusion.finish()


def psnr_db(picture: Image, white: float) -> float:
    return float(-10 * np.log10(np.square(picture / white - scene()[0] / 255).mean()))


@BOTH
@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_the_picture_is_sharp_everywhere(build: Build, dtype: type, white: float) -> None:
    found = fused(build, dtype=dtype)
    assert found.image.dtype == dtype
    best_frame = max(psnr_db(frame, white) for frame in frames(dtype=dtype))
    assert psnr_db(found.image, white) > best_frame + 6
    assert found.reached.all()
    assert sum(found.shares.values()) == pytest.approx(1)


@BOTH
def test_the_depth_comes_along(build: Build) -> None:
    depth = fused(build).depth
    assert depth is not None
    error = np.abs(depth.index - scene()[1])[6:-6, 6:-6]
    assert np.mean(error < 0.5) > 0.85


@BOTH
def test_flat_areas_have_less_noise_than_a_frame_and_its_colour(build: Build) -> None:
    rng = np.random.default_rng(3)
    flat = np.empty((SIZE[1], SIZE[0], 3))
    flat[:] = 140, 110, 60
    pictures = [np.rint(flat + rng.normal(0, 4, flat.shape)).astype(np.uint8) for _ in range(COUNT)]
    fusion = build(pictures, 4.0)
    for index, picture in enumerate(pictures):
        fusion.add(picture, STILL, EVEN, index)
    image = fusion.finish().image
    assert (image - flat).std() < 2.5
    np.testing.assert_allclose(image.mean(axis=(0, 1)), [140, 110, 60], atol=0.3)


@BOTH
def test_the_canvas_grows_and_is_filled_by_the_frames_that_reach(build: Build) -> None:
    pictures = frames()
    fusion = build(pictures, 0.9)  # with more noise its colour would be taken out
    fusion.add(pictures[0], STILL, EVEN, 0)
    moved = np.array([[1.0, 0, 31.0], [0, 1.0, -20.0], [0, 0, 1]])
    fusion.add(pictures[1], moved, EVEN, 1)
    found = fusion.finish()
    assert (found.extent.x, found.extent.y) == (0, -20)
    assert (found.extent.width, found.extent.height) == (224, 148)
    assert not found.reached[2, 2]
    assert found.reached[60, 200]
    # What one frame alone reaches is that frame.
    np.testing.assert_allclose(found.image[4:16, 190:215], pictures[1][4:16, 159:184], atol=1)


@BOTH
def test_a_gain_is_applied(build: Build) -> None:
    pictures = frames()
    fusion = build(pictures, 1.0)
    fusion.add(pictures[3], STILL, Levels(np.array([1.2, 1.0, 0.8]), np.array([0.0, 5.0, 0.0])), 3)
    means = fusion.finish().image.mean(axis=(0, 1))
    np.testing.assert_allclose(means, pictures[3].mean(axis=(0, 1)) * [1.2, 1.0, 0.8] + [0, 5, 0], rtol=0.02)


@BOTH
def test_a_preview_is_the_picture_made_small(build: Build) -> None:
    pictures = frames()
    fusion = build(pictures, 1.0)
    for index, picture in enumerate(pictures):
        fusion.add(picture, STILL, EVEN, index)
    small = fusion.preview(48)
    assert (small.step, small.image.shape, small.image.dtype) == (4, (32, 48, 3), np.uint8)
    whole = cv2.resize(fusion.finish().image, (48, 32), interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(whole - small.image).mean() < 3


def test_methods_by_name() -> None:
    pictures = frames()
    setup = FusionSetup(SIZE, pictures[0].dtype, 1.0, FusionParameters(), pictures.__getitem__)
    assert isinstance(make_fusion(Method.DEPTHMAP, setup), DepthMapFusion)
    assert isinstance(make_fusion(Method.WEIGHTED, setup), WeightedFusion)
    assert [needs_second_look(m) for m in (Method.PYRAMID, Method.DEPTHMAP, Method.WEIGHTED)] == [
        False,
        True,
        False,
    ]
