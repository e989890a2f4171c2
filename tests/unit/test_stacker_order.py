"""Which frames are near, and what an opaque foreground does with it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stacker import Method, Options, Order, Stacker, UserError, fuse_files, nearness_by_index, write_image
from stacker.order import order_of

NEAR, FAR = Order.NEAR_FIRST, Order.FAR_FIRST


@pytest.mark.parametrize(
    ("positions", "said", "expected"),
    [
        (None, NEAR, NEAR),
        (None, FAR, FAR),
        ([0.0, 1.0, 2.0], None, NEAR),
        ([2.0, 1.0, 0.0], None, FAR),
        ([2.0, 1.0, 0.0], FAR, FAR),
        ([1.0, 1.0], FAR, FAR),
    ],
)
def test_positions_tell_or_the_photographer(positions: list[float], said: Order, expected: Order) -> None:
    assert order_of(positions, said) is expected


@pytest.mark.parametrize(
    ("positions", "said", "reason"),
    [
        (None, None, "--order near-first"),
        ([1.0, 1.0], None, "--order near-first"),
        ([0.0, 1.0], FAR, "positions run near-first, but the order is said to be far-first"),
    ],
)
def test_it_is_never_guessed(positions: list[float], said: Order, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        order_of(positions, said)


def test_nearness_runs_from_the_far_end_to_the_near() -> None:
    assert [nearness_by_index(NEAR, 3)(index) for index in range(3)] == [1, 0.5, 0]
    assert [nearness_by_index(FAR, 3)(index) for index in range(3)] == [0, 0.5, 1]
    assert nearness_by_index(NEAR, 1)(0) == 1


def test_where_it_cannot_be_done_it_is_said() -> None:
    with pytest.raises(UserError, match="other methods than weighted"):
        Options(method=Method.WEIGHTED, opaque_foreground=True)
    with pytest.raises(UserError, match="how near each frame is"):
        Stacker(Options(opaque_foreground=True))


def through_a_leaf() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Frames near to far of a leaf with faint veins before bold print; the truth; where the leaf is."""
    rng = np.random.default_rng(6)
    shape = (192, 256)

    def texture(contrast: float, mean: float) -> np.ndarray:
        grey = cv2.GaussianBlur(rng.normal(0, 1, shape), (0, 0), 1.2)
        return mean + contrast * grey / grey.std()

    leaf, print_ = texture(9, 120), texture(45, 120)
    cover = np.zeros(shape)
    cover[:, 116:140] = 1
    frames = []
    for near_blur, far_blur in ((0.0, 6.0), (3.0, 4.0), (7.0, 2.0), (10.0, 0.0)):
        ours, share, behind = (
            cv2.GaussianBlur(picture, (0, 0), sigma) if sigma else picture
            for picture, sigma in ((leaf * cover, near_blur), (cover, near_blur), (print_, far_blur))
        )
        mixed = ours + (1 - share) * behind + rng.normal(0, 1, shape)
        frames.append(np.dstack([np.clip(np.rint(mixed), 0, 255).astype(np.uint8)] * 3))
    return frames, leaf * cover + print_ * (1 - cover), cover > 0


@pytest.mark.parametrize("order", [NEAR, FAR])
def test_print_does_not_shine_through_a_leaf(tmp_path: Path, order: Order) -> None:
    frames, truth, leaf = through_a_leaf()
    paths = [tmp_path / f"f{number}.png" for number in range(len(frames))]
    for path, frame in zip(paths, frames if order is NEAR else frames[::-1], strict=True):
        write_image(path, frame)

    def error(**options: object) -> float:
        image = fuse_files(paths, Options(align=False, **options)).stack.image[..., 1]
        return float(np.sqrt(np.mean((image[leaf] - truth[leaf]) ** 2)))

    assert error(opaque_foreground=True, order=order) < 0.8 * error()
