"""Contrast that is given back where things lie over each other at many depths, and where none is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from stacker.fusion.contrast import give_contrast
from stacker.fusion.methods import FusionSetup, Method, make_fusion
from stacker.fusion.scoring import FusionParameters
from stacker.registration.exposure import Levels

FRAMES, HEIGHT, WIDTH = 14, 300, 420
BLUR_PX = 0.7
"""Sigma for each slice out of focus."""

Picture = np.ndarray[Any, np.dtype[np.float32]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]


def blurred(picture: Picture, slices: int) -> Picture:
    return cv2.GaussianBlur(picture, (0, 0), BLUR_PX * slices) if slices else picture


def grass() -> tuple[Picture, list[Bytes]]:
    """Blades at every depth over dark soil, nearest first: the truth, and a noisy stack of it."""
    rng = np.random.default_rng(5)
    soil = np.float32(40) + 6 * cv2.GaussianBlur(
        rng.normal(0, 2, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 2
    )
    blades = []
    for _ in range(FRAMES):
        cover = np.zeros((HEIGHT, WIDTH), np.float32)
        for x, y, angle in rng.uniform((0, 0, 0), (WIDTH, HEIGHT, np.pi), (8, 3)):
            way = 35 * np.cos(angle), 35 * np.sin(angle)
            ends = [(int(x + sign * way[0]), int(y + sign * way[1])) for sign in (-1, 1)]
            cv2.line(cover, *ends, 1.0, 4, cv2.LINE_AA)
        blades.append((cover, np.float32(rng.uniform(130, 190))))

    def seen(focus: int | None) -> Picture:
        off = [0 if focus is None else abs(at - focus) for at in range(FRAMES)]
        picture = blurred(soil, off[-1])
        for (cover, level), slices in zip(blades[::-1], off[::-1], strict=True):
            veil = blurred(cover, slices)
            picture = veil * level + (1 - veil) * picture
        return picture

    frames = [seen(at) + rng.normal(0, 1, (HEIGHT, WIDTH)) for at in range(FRAMES)]
    return seen(None), [cv2.merge([cv2.convertScaleAbs(frame)] * 3) for frame in frames]


def fused(frames: list[Bytes], parameters: FusionParameters) -> Bytes:
    """Frames that need not be registered, by `auto`."""
    setup = FusionSetup((WIDTH, HEIGHT), np.dtype(np.uint8), 1.0, parameters, frames.__getitem__)
    fusion = make_fusion(Method.AUTO, setup)
    for index, frame in enumerate(frames):
        fusion.add(frame, np.eye(3), Levels(np.ones(3), np.zeros(3)), index)
    return np.asarray(fusion.finish().image)


def without(parameters: FusionParameters) -> FusionParameters:
    return replace(parameters, contrast=False)


def test_grass_gets_contrast_back() -> None:
    truth, frames = grass()
    rmse = [
        float(np.sqrt(np.mean((fused(frames, each)[16:-16, 16:-16, 1] - truth[16:-16, 16:-16]) ** 2)))
        for each in (FusionParameters(), without(FusionParameters()))
    ]
    assert rmse[0] < 0.985 * rmse[1]


def test_a_slope_is_left_alone() -> None:
    rng = np.random.default_rng(6)
    texture = cv2.GaussianBlur(rng.normal(128, 90, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 1.0)
    depth = np.linspace(1, FRAMES - 2, WIDTH)
    frames = []
    for at in range(FRAMES):
        planes = [blurred(texture, slices) for slices in range(FRAMES)]
        nearest = np.rint(np.abs(depth - at)).astype(int)
        seen = np.stack([planes[slices][:, x] for x, slices in enumerate(nearest)], axis=1)
        frames.append(cv2.merge([cv2.convertScaleAbs(seen + rng.normal(0, 1, seen.shape))] * 3))
    alone = fused(frames, without(FusionParameters()))
    assert np.abs(fused(frames, FusionParameters()).astype(int) - alone).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_hairs_are_strengthened_and_blots_weakened(dtype: type) -> None:
    white = 1.0 if dtype is np.float32 else float(np.iinfo(dtype).max)
    levels = np.full((301, 403), 0.4, np.float32)
    levels[100:103] += 0.1  # a hair
    levels += 0.1 * np.exp(-((np.arange(403) - 200) ** 2) / (2 * 6.0**2))[None].astype(np.float32)
    before = cv2.merge([(levels * white).astype(dtype)] * 3)
    share = np.zeros((150, 201), np.float32)
    share[:, 100:] = 1
    after = before.copy()
    give_contrast(after, share, 2)
    assert np.array_equal(after[:, :196], before[:, :196])
    hair, beside = after[101, 340, 1] / white, after[115, 340, 1] / white
    assert hair > levels[101, 340] + 0.008
    assert abs(beside - levels[115, 340]) < 0.01
    assert after[250, 204, 1] / white < levels[250, 204] - 0.0015
    assert np.array_equal(after[..., 0], after[..., 2])
