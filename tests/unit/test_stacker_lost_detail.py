"""Lost detail: a thin thing that is sharp in one frame and gave way to what lies behind it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stacker.outputs.lost_detail import LostDetail

HAIR, HAIRS_FRAME, TEXTS_FRAME = slice(58, 61), 1, 6
LOST, KEPT = slice(30, 60), slice(70, 100)
NOISE = 1.0


def blurred(plane: np.ndarray, frames_off: int) -> np.ndarray:
    return cv2.GaussianBlur(plane, (0, 0), 0.4 + 1.2 * abs(frames_off))


@pytest.fixture
def layers() -> tuple[np.ndarray, np.ndarray]:
    """Black and white text, and where the hair before it is."""
    rng = np.random.default_rng(4)
    text = cv2.resize(rng.integers(0, 2, (30, 30)).astype(np.float32) * 150 + 50, (120, 120), interpolation=0)
    cover = np.zeros_like(text)
    cover[:, HAIR] = 1
    return text, cover


def frames_of(text: np.ndarray, cover: np.ndarray, colour: float = 230) -> list[np.ndarray]:
    """Eight frames; the hair is in focus in one, the text behind in another."""
    rng = np.random.default_rng(5)
    frames = []
    for number in range(8):
        hidden = blurred(cover, number - HAIRS_FRAME)
        seen = blurred(text, number - TEXTS_FRAME) * (1 - hidden) + colour * hidden
        frames.append(
            np.stack([seen + rng.normal(0, NOISE / 2, seen.shape) for _ in range(3)]).astype(np.float32)
        )
    return frames


def compared(picture: np.ndarray, frames: list[np.ndarray]) -> LostDetail:
    planes = np.stack([picture] * 3).astype(np.float32)
    lost = LostDetail(planes, NOISE, len(frames))
    for frame in frames:
        lost.add(frame, np.square(frame - planes).mean(axis=0), np.ones(picture.shape, bool))
    lost.finish()
    return lost


def test_a_hair_is_lost_where_the_picture_has_the_text_behind_it(
    layers: tuple[np.ndarray, np.ndarray],
) -> None:
    text, cover = layers
    right = blurred(text * (1 - cover) + 230 * cover, 0)
    picture = right.copy()
    picture[LOST, 50:70] = blurred(text, 0)[LOST, 50:70]
    lost = compared(picture, frames_of(text, cover))
    where = lost.level[35:55, HAIR]
    assert np.median(where) > 40
    assert (lost.frame[35:55, HAIR][where > 20] == HAIRS_FRAME).mean() > 0.9
    # Where the hair is kept, what lies behind it is hidden in the picture, and seen in its own frame.
    assert (lost.frame[KEPT, HAIR] == HAIRS_FRAME).mean() < 0.3


def test_what_is_only_blurred_in_other_frames_is_not_lost(layers: tuple[np.ndarray, np.ndarray]) -> None:
    text, cover = layers
    lost = compared(blurred(text, 0), frames_of(text, 0 * cover))
    assert np.quantile(lost.level[10:-10, 10:-10], 0.99) < 2


def test_two_depths_that_are_seen_through_each_other_are_both_there(
    layers: tuple[np.ndarray, np.ndarray],
) -> None:
    text, cover = layers
    leaf = 0.2 * text
    frames = [
        frame + 40 * blurred(cover, n - HAIRS_FRAME) for n, frame in enumerate(frames_of(leaf, 0 * cover))
    ]
    both = compared(blurred(leaf, 0) + 40 * blurred(cover, 0), frames)
    without = compared(blurred(leaf, 0), frames)
    assert np.median(both.level[20:-20, HAIR]) < 2
    assert np.median(without.level[20:-20, HAIR]) > 10


def test_where_a_frame_does_not_reach_nothing_is_lost(layers: tuple[np.ndarray, np.ndarray]) -> None:
    text, cover = layers
    frames, picture = frames_of(text, cover), np.stack([blurred(text, 0)] * 3)
    lost = LostDetail(picture, NOISE, len(frames))
    for number, frame in enumerate(frames):
        inside = np.full(text.shape, number != HAIRS_FRAME)
        lost.add(frame, np.square(frame - picture).mean(axis=0), inside)
    lost.finish()
    assert not (lost.frame[20:-20, HAIR][lost.level[20:-20, HAIR] > 0] == HAIRS_FRAME).any()
