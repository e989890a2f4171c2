"""The default way of fusing is as good as the better one of the two that it combines."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from stacker import Options, Stack, Stacker
from stacker.options import Method

Picture = np.ndarray[Any, np.dtype[np.float32]]
SIZE = (256, 320)
FRAMES = 7
METHODS = Method.PYRAMID, Method.DEPTHMAP, Method.AUTO


def texture(seed: int, mean: float, contrast: float) -> Picture:
    rng = np.random.default_rng(seed)
    grain = cv2.GaussianBlur(rng.standard_normal((*SIZE, 3)).astype(np.float32), (0, 0), 1.0)
    return np.asarray(mean + grain / grain.std() * contrast, np.float32)


def disc(picture: Picture, radius: float) -> Picture:
    """Defocus by a disc."""
    if radius < 0.5:
        return picture
    half = int(np.ceil(radius)) + 1
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT))


def hairs() -> tuple[Picture, list[Picture]]:
    """Truth and frames of thin hairs far before a texture."""
    wall, cover = texture(1, 110, 30), np.zeros(SIZE, np.float32)
    rng = np.random.default_rng(4)
    for _ in range(40):
        ends = [(int(rng.integers(0, SIZE[1])), int(rng.integers(0, SIZE[0]))) for _ in range(2)]
        cv2.line(cover, ends[0], ends[1], 1.0, 2, cv2.LINE_AA)
    cover = cover[..., None]
    colour = np.array([40, 30, 25], np.float32)

    def seen(hair_blur: float, wall_blur: float) -> Picture:
        shade = disc(cover[..., 0], hair_blur)[..., None]
        return np.asarray(disc(wall, wall_blur) * (1 - shade) + colour * shade)

    return seen(0, 0), [seen(2.0 * k, 2.0 * (FRAMES - 1 - k)) for k in range(FRAMES)]


def slope() -> tuple[Picture, list[Picture]]:
    """Truth and frames of a slope with fine texture."""
    light = texture(2, 110, 24)
    depth = np.tile(np.linspace(0, FRAMES - 1, SIZE[1], dtype=np.float32), (SIZE[0], 1))
    blurred = np.stack([disc(light, 0.5 * step) for step in range(4 * FRAMES)])
    frames = []
    for k in range(FRAMES):
        step = np.rint(np.abs(depth - k) * 3).astype(int)[None, ..., None]
        frames.append(np.take_along_axis(blurred, step, axis=0)[0])
    return light, frames


def fused(method: Method, frames: list[Picture], noise: float) -> Stack:
    stacker = Stacker(Options(align=False, exposure=False, method=method))
    rng = np.random.default_rng(0)
    for frame in frames:
        noisy = frame + rng.normal(0, noise, frame.shape)
        stacker.add(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
    return stacker.finish()


def psnr_db(stack: Stack, truth: Picture) -> float:
    return float(-10 * np.log10(np.square((stack.image - truth) / 255).mean()))


@pytest.mark.parametrize(("scene", "noise"), [(hairs, 1.0), (slope, 6.0)], ids=["hairs", "noisy slope"])
def test_auto_is_as_good_as_the_better_one(scene: Any, noise: float) -> None:
    truth, frames = scene()
    stacks = {method: fused(method, frames, noise) for method in METHODS}
    found = {method: psnr_db(stack, truth) for method, stack in stacks.items()}
    assert found[Method.AUTO] >= max(found.values()) - 0.1
    if scene is hairs:  # where the depth map would do harm it is left alone
        assert found[Method.DEPTHMAP] < found[Method.PYRAMID] - 1
    else:  # where it is quieter it is taken
        assert found[Method.AUTO] > found[Method.PYRAMID] + 0.2
        depth = stacks[Method.AUTO].depth
        assert depth is not None
        off = depth.index - np.linspace(0, FRAMES - 1, SIZE[1])
        assert np.sqrt(np.square(off).mean()) < 0.35


@pytest.mark.parametrize("blur_px", [1.0, 2.5])
def test_what_a_pair_of_frames_has_sharp_is_taken_as_it_is(blur_px: float) -> None:
    """White bars on fine texture, half of it sharp in either frame: nothing is dulled, nothing sharpened."""
    truth = texture(5, 100, 12)
    for x in range(20, SIZE[1], 40):
        cv2.line(truth, (x, 20), (x + 10, SIZE[0] - 20), (245.0, 245.0, 245.0), 6, cv2.LINE_AA)
    left = (np.arange(SIZE[1]) < SIZE[1] // 2)[None, :, None]
    blurred = cv2.GaussianBlur(truth, (0, 0), blur_px)
    frames = [np.where(left, truth, blurred), np.where(left, blurred, truth)]
    away = np.abs(np.arange(SIZE[1]) - SIZE[1] // 2) > 10
    rms = {
        method: np.sqrt(np.square((fused(method, frames, 0.3).image - truth)[:, away]).mean())
        for method in (Method.AUTO, Method.PYRAMID)
    }
    assert rms[Method.AUTO] < 0.6
    assert rms[Method.AUTO] < rms[Method.PYRAMID] * 1.03  # 0.3 dB
