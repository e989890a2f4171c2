"""Noise in the finest colour of a fused picture is taken out; colour that stands out, and luma, stay."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stacker.fusion.base import Fused
from stacker.fusion.colour_blocks import ColourBlocks
from stacker.fusion.colour_noise import LEAST_SIGMA, ColourNoise, Held, quieten_colour
from stacker.fusion.methods import FusionSetup, Method, make_fusion
from stacker.fusion.scoring import FusionParameters
from stacker.fusion.window import Window
from stacker.registration.exposure import Levels

SIGMA = 6.0
VARIANCE = 0.617 * SIGMA**2
"""Of white noise in the finest band of colour; see `colour_noise`."""
LUMA = np.array([0.25, 0.5, 0.25])


def noisy(height: int, width: int, sigma: float = 0.5 * SIGMA) -> NDArray[np.uint8]:
    """Grey with a coloured thread, and what averaging leaves of the noise."""
    picture = np.random.default_rng(0).normal(128, sigma, (height, width, 3))
    picture[:, width // 2] += (60, -30, 0)
    return np.rint(picture).astype(np.uint8)


@pytest.mark.parametrize(("dtype", "rounding"), [("u1", 1.0), ("u2", 1.0), ("f4", 1e-5)])
def test_compiled_and_plain_loops_agree(dtype: str, rounding: float) -> None:
    white = 1.0 if dtype == "f4" else np.iinfo(dtype).max / 255
    picture = (noisy(531, 83) * (white / (255 if dtype == "f4" else 1))).astype(dtype)
    # Frames that differ little, more to one side, over a larger canvas; at the end of it there are none.
    low, high = (
        np.pad(bound, ((5, 2), (4, 3), (0, 0))).transpose(2, 0, 1).copy() for bound in (picture, picture)
    )
    low[:, :, :60] -= low[:, :, :60] // 50
    high[0] += high[0] // 100
    high[:, :, 80:] = 0
    found = [picture.copy() for _ in range(2)]
    for one, by_loop in zip(found, (True, False), strict=True):
        quieten_colour(one, VARIANCE, Held(low, high, 5, 4), by_loop)
    off = np.abs(found[0].astype(np.float64) - found[1])
    assert off.max() <= rounding
    assert off.mean() < 0.01 * rounding
    assert not np.array_equal(found[0], picture)


@pytest.mark.parametrize("by_loop", [True, False])
def test_the_picture_stays_between_what_the_frames_have(by_loop: bool) -> None:
    before = noisy(300, 90)
    low, high = (np.ascontiguousarray(bound.transpose(2, 0, 1)) for bound in (before - 1, before + 2))
    low[0, :, :30] = high[0, :, :30] + 1
    after = before.copy()
    quieten_colour(after, VARIANCE, Held(low, high, 0, 0), by_loop)
    step = after.astype(int) - before
    assert (step[:, 30:].min(), step[:, 30:].max()) == (-1, 2)
    assert (step[:, :30, 1:].min(), step[:, :30, 1:].max()) == (-1, 2)
    assert step[:, :30, 0].min() < -3  # nothing is known there


def test_colour_is_quieter_and_luma_is_as_it_was() -> None:
    before = noisy(120, 160)
    after = before.copy()
    quieten_colour(after, VARIANCE)
    flat = after[:, :60].astype(float), before[:, :60].astype(float)
    luma = [picture @ LUMA for picture in flat]
    colour = [(picture - brightness[..., None]).std() for picture, brightness in zip(flat, luma, strict=True)]
    assert colour[0] < 0.6 * colour[1]
    assert np.abs(luma[0] - luma[1]).max() <= 0.5  # three roundings
    assert np.abs(flat[0].mean(axis=(0, 1)) - flat[1].mean(axis=(0, 1))).max() < 0.1


def test_a_coloured_thread_keeps_its_colour() -> None:
    before = noisy(120, 160)
    after = before.copy()
    quieten_colour(after, VARIANCE)
    red, green, _ = after[:, 80].mean(axis=0) - after[:, 60:70].mean(axis=(0, 1))
    assert red > 0.9 * 60
    assert green < 0.9 * -30


def test_strips_leave_no_seams() -> None:
    whole = noisy(600, 40)
    part = whole[200:].copy()
    quieten_colour(whole, VARIANCE)
    quieten_colour(part, VARIANCE)
    assert np.array_equal(whole[210:], part[10:])


def test_stacks_with_little_noise_are_left_alone() -> None:
    frames = np.random.default_rng(1).normal(128, 0.5, (3, 96, 128, 3)).round().astype(np.uint8)
    found = []
    for sigma in (0.99 * LEAST_SIGMA, 1.01 * LEAST_SIGMA):
        noise = ColourNoise((128, 96), sigma)
        for frame in frames:
            noise.add(frame.transpose(2, 0, 1), 1.0, np.eye(3), Window(0, 0, 128, 96))
        image = frames.mean(axis=0).round().astype(np.uint8)
        before = image.copy()
        noise.taken_from(Fused(image, np.ones((96, 128), bool), Window(0, 0, 128, 96), {0: 0.5, 1: 0.5}))
        found.append(np.array_equal(image, before))
    assert found == [True, False]


def test_a_texture_that_is_out_of_focus_once_is_not_taken_for_noise() -> None:
    rng = np.random.default_rng(2)
    texture = rng.normal(128, 30, (150, 240, 3)).astype(np.float32)
    window, sigma = Window(-7, 5, 240, 150), 2.0
    blocks = ColourBlocks((240, 150))
    told = []
    for blur in (0.3, 4.0, 0.3):
        frame = cv2.GaussianBlur(texture, (0, 0), blur) + rng.normal(0, sigma, texture.shape)
        blocks.add(
            frame.transpose(2, 0, 1) / 255, 255.0, np.array([[1.0, 0, -7], [0, 1, 5], [0, 0, 1]]), window
        )
        told.append(blocks.variance)
    assert told[0] > 100
    assert told[2] == told[1] == pytest.approx(0.617 * sigma**2, rel=0.1)


def test_what_a_frame_does_not_reach_tells_nothing_of_its_noise() -> None:
    noise = np.random.default_rng(3).normal(128, 5, (3, 150, 240))
    blocks = ColourBlocks((240, 150))
    blocks.add(noise, 1.0, np.eye(3), Window(0, 0, 240, 150))
    before = blocks.variance
    away = np.array([[1.0, 0, 400], [0, 1, 0], [0, 0, 1]])
    blocks.add(np.zeros((3, 150, 240)), 1.0, away, Window(0, 0, 240, 150))
    assert blocks.variance == before > 0


@pytest.mark.parametrize("method", list(Method))
def test_several_frames_are_quietened_and_a_single_one_is_not(method: Method) -> None:
    frames = np.random.default_rng(1).normal(128, SIGMA, (2, 96, 128, 3)).round().astype(np.uint8)
    setup = FusionSetup((128, 96), frames.dtype, SIGMA, FusionParameters(), frames.__getitem__)
    fusion = make_fusion(method, setup)
    colour = []
    for index, frame in enumerate(frames):
        fusion.add(frame, np.eye(3), Levels.same(), index)
        image = fusion.finish().image
        if index == 0:
            assert np.abs(image.astype(int) - frame).max() <= 1
        inner = image[8:-8, 8:-8].astype(float)
        colour.append((inner - (inner @ LUMA)[..., None]).std())
    assert colour[1] < 0.5 * colour[0]  # averaging two takes a factor of 0.71 at best
