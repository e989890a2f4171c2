"""The streaming stacker as an API: arrays of any size, errors, one frame, the order of things."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import stacker
from stacker import (
    DataError,
    Frame,
    Method,
    Options,
    ReferenceView,
    Stacker,
    UserError,
    fuse_files,
    sharpness,
    write_image,
)
from stacker.batch.files import outward_order
from stacker.focus.noise import estimate_noise


def noise_frame(height: int, width: int, seed: int = 0, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(seed).integers(
        0, np.iinfo(dtype).max, (height, width, 3), dtype, endpoint=True
    )


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    count=st.integers(1, 3),
    align=st.booleans(),
    method=st.sampled_from([Method.AUTO, Method.DEPTHMAP, Method.WEIGHTED]),
)
@example(height=1, width=2, dtype=np.uint8, count=2, align=False, method=Method.DEPTHMAP)
@example(height=1, width=63, dtype=np.uint8, count=1, align=False, method=Method.DEPTHMAP)
@example(height=1, width=63, dtype=np.uint8, count=1, align=False, method=Method.WEIGHTED)
@example(height=1, width=1, dtype=np.uint8, count=2, align=False, method=Method.AUTO)
def test_any_size_works(
    height: int, width: int, dtype: type, count: int, align: bool, method: Method
) -> None:
    frames = [noise_frame(height, width, seed, dtype) for seed in range(count)]
    run = Stacker(Options(align=align, method=method))
    for frame in frames:
        run.add(frame)
    preview = run.preview(16)
    assert preview.shape[1] <= 16
    result = run.finish()
    assert result.image.dtype == dtype
    assert result.image.shape[0] >= height
    assert result.image.shape[1] >= width
    assert result.valid.shape == result.image.shape[:2]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (31, 47), (64, 64), (100, 131)])
def test_one_frame_comes_back_as_it_is(size: tuple[int, int], dtype: type) -> None:
    run = Stacker()
    frame = noise_frame(*size, dtype=dtype)
    run.add(frame)
    np.testing.assert_array_equal(run.finish().image, frame)


def test_the_same_frame_twice_is_that_frame() -> None:
    frame = noise_frame(90, 120)
    run = Stacker()
    for _ in range(2):
        report = run.add(frame)
    assert report.scale == pytest.approx(1, abs=1e-6)
    result = run.finish()
    assert result.image.shape == frame.shape
    assert np.abs(result.image.astype(int) - frame).max() <= 1


def test_grey_and_float_arrays_are_frames() -> None:
    grey = noise_frame(40, 50)[..., 0]
    run = Stacker()
    run.add(grey)
    result = run.finish()
    np.testing.assert_array_equal(result.image[..., 0], grey)
    assert result.metadata.grey
    floats = (noise_frame(40, 50) / 255).astype(np.float32)
    run = Stacker()
    run.add(floats)
    np.testing.assert_allclose(run.finish().image, floats, atol=1e-5)


def test_results_stay_between_what_the_frames_have() -> None:
    frames = [noise_frame(64, 96, seed) for seed in range(4)]
    run = Stacker(Options(align=False, exposure=False))
    for frame in frames:
        run.add(frame)
    image = run.finish().image
    assert (image >= np.min(frames, axis=0)).all()
    assert (image <= np.max(frames, axis=0)).all()


def test_frames_may_go_on_after_a_picture_was_taken() -> None:
    frames = [noise_frame(48, 64, seed) for seed in range(3)]
    once, twice = Stacker(Options(align=False)), Stacker(Options(align=False))
    for frame in frames:
        once.add(frame)
        twice.add(frame)
        twice.finish()
        twice.preview(32)
    np.testing.assert_array_equal(once.finish().image, twice.finish().image)


def test_sizes_must_agree_and_both_are_named() -> None:
    run = Stacker()
    run.add(Frame(noise_frame(48, 64), "first.jpg"))
    with pytest.raises(UserError, match=r"second\.jpg is 64 × 47 px, but first\.jpg is 64 × 48 px"):
        run.add(Frame(noise_frame(47, 64), "second.jpg"))
    with pytest.raises(UserError, match="uint16"):
        run.add(noise_frame(48, 64, dtype=np.uint16))
    assert len(run.reports) == 1


def test_there_is_no_picture_without_frames() -> None:
    with pytest.raises(UserError, match="no frame"):
        Stacker().finish()
    with pytest.raises(UserError, match="no frame"):
        Stacker().preview()


def test_wrong_options_are_said() -> None:
    with pytest.raises(UserError, match="-3 mm"):
        Options(pupil_distance_mm=-3)
    with pytest.raises(UserError, match="7 px"):
        Options(registration_width_px=7)
    with pytest.raises(UserError, match="positions"):
        Stacker(Options(reference=ReferenceView.at_position(3.0))).add(noise_frame(48, 64))


def test_a_declared_view_moves_the_canvas() -> None:
    view = np.array([[1, 0, 10.0], [0, 1, -4.0], [0, 0, 1]])
    run = Stacker(Options(reference=ReferenceView.declared(view)))
    frame = noise_frame(50, 60)
    report = run.add(frame)
    np.testing.assert_allclose(report.matrix, view)
    result = run.finish()
    assert result.origin_px == (10, -4)
    np.testing.assert_array_equal(result.image, frame)


def test_sharpness_falls_with_blur_and_knows_no_scale_of_brightness() -> None:
    import cv2

    frame = noise_frame(200, 300)
    blurred = [cv2.GaussianBlur(frame, (0, 0), sigma) for sigma in (0.5, 1, 2, 4)]
    figures = [sharpness(picture) for picture in (frame, *blurred)]
    assert figures == sorted(figures, reverse=True)
    assert sharpness(frame.astype(np.uint16) * 257) == pytest.approx(figures[0], rel=2e-3)


@pytest.mark.parametrize("sigma", [1.0, 3.0, 8.0])
def test_noise_is_measured_beside_texture(sigma: float) -> None:
    rng = np.random.default_rng(2)
    clean = np.full((320, 480, 3), 110.0)
    clean[:, 240:] += np.sin(np.arange(240) * 1.3)[None, :, None] * 60
    noisy = np.clip(np.rint(clean + rng.normal(0, sigma, clean.shape)), 0, 255).astype(np.uint8)
    assert estimate_noise(noisy) == pytest.approx(sigma, rel=0.2)
    noisy[:, :60] = 16  # a backdrop that was painted
    for frame in (noisy, noisy.astype(np.uint16) * 257, noisy.astype(np.float32) / np.float32(255)):
        assert estimate_noise(frame) == pytest.approx(sigma, rel=0.2)


def test_noise_is_told_from_texture_that_fills_the_frame() -> None:
    import cv2

    rng = np.random.default_rng(3)
    texture = cv2.GaussianBlur(rng.normal(0, 1, (320, 480)), (0, 0), 3.0)
    texture *= 30 / texture.std()
    noisy = 120 + texture[..., None] + rng.normal(0, 1.0, (320, 480, 3))
    assert estimate_noise(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)) == pytest.approx(
        1.0, abs=0.3
    )  # 3.6 by the finest band alone


def test_folders_go_outward_from_the_middle() -> None:
    assert outward_order(7, 3) == [3, 4, 5, 6, 2, 1, 0]
    assert outward_order(1, 0) == [0]


def test_files_are_fused_in_natural_order_with_progress(tmp_path: Path) -> None:
    paths = []
    for number in (10, 9, 8):
        paths.append(tmp_path / f"f{number}.png")
        write_image(paths[-1], noise_frame(40, 56, number))
    told: list[tuple[int, int, str]] = []
    result = fuse_files(paths, Options(align=False), progress=lambda *step: told.append(step))
    assert [path.name for path in result.paths] == ["f8.png", "f9.png", "f10.png"]
    assert [report.name for report in result.stack.reports] == ["f8.png", "f9.png", "f10.png"]
    assert told == [(1, 3, "f9.png"), (2, 3, "f10.png"), (3, 3, "f8.png")]


def test_bad_files_stop_or_are_skipped(tmp_path: Path) -> None:
    good, bad = tmp_path / "1.png", tmp_path / "2.png"
    write_image(good, noise_frame(40, 56))
    bad.write_bytes(b"rubbish")
    with pytest.raises(DataError, match=r"2\.png"):
        fuse_files([good, bad])
    result = fuse_files([good, bad], skip_bad=True)
    assert [skipped.path for skipped in result.skipped] == [bad]
    assert len(result.stack.reports) == 1
    with pytest.raises(DataError, match="None of the 1 frames"):
        fuse_files([bad], skip_bad=True)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [({"reference": 5}, "0 to 0"), ({"positions_mm": [1.0, 2.0]}, "2 positions")],
)
def test_wrong_arguments_of_a_batch(tmp_path: Path, arguments: dict, reason: str) -> None:
    path = tmp_path / "1.png"
    write_image(path, noise_frame(8, 8))
    with pytest.raises(UserError, match=reason):
        fuse_files([path], **arguments)
    with pytest.raises(UserError, match="no frames"):
        fuse_files([])


def test_public_names_are_there() -> None:
    for name in stacker.__all__:
        assert getattr(stacker, name) is not None
    with pytest.raises(AttributeError, match="no_such_thing"):
        stacker.no_such_thing  # noqa: B018
