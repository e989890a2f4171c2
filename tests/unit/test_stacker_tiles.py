"""Keeping tiles of frames, and mixing them by depth: compiled loops, plain ones, and the scratch file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stacker.frames import Image
from stacker.fusion.blending import blend, compare
from stacker.fusion.depth import Surface
from stacker.fusion.depth_choice import Choice
from stacker.fusion.depth_picture import depth_picture
from stacker.fusion.mixing import Mix, mix_by_loop, mix_plainly
from stacker.fusion.sharpening import sharpen
from stacker.fusion.store import FrameStore
from stacker.fusion.tiles import Cut, cut_by_loop, cut_plainly
from stacker.fusion.window import Window

AREA = Window(-30, 14, 300, 200)
COUNT = 5


def frame(index: int, dtype: str) -> tuple[Image, Image, Image, Image, Window]:
    """Planes, score, luma, gate and window of a frame that reaches a little less than the one before."""
    window = Window(AREA.x + 2 * index, AREA.y, AREA.width - 4 * index, AREA.height)
    rng = np.random.default_rng(index)
    white = 1.0 if dtype == "f4" else float(np.iinfo(dtype).max)
    planes = (rng.random((3, window.height, window.width)) * white).astype(dtype)
    cells = np.arange(window.width // 2) + index
    score = np.tile(-np.abs(cells / 30 - index), (window.height // 2, 1)).astype(np.float32) * 3
    score += rng.normal(0, 0.1, score.shape).astype(np.float32)
    gate = np.full(score.shape, 255, np.uint8)
    gate[:3], gate[3] = 1, 3
    luma = rng.uniform(0, 255, score.shape).astype(np.float32)
    return planes, score, luma, gate, window


def stored(dtype: str, cut: Cut, folder: Path) -> FrameStore:
    store = FrameStore(folder, np.dtype(dtype), cut)
    for index in range(COUNT):
        made = frame(index, dtype)
        store.put(index, *made, np.zeros_like(made[1]))
    assert store.failure == ""
    return store


def surface() -> Surface:
    height, width = AREA.height // 2, AREA.width // 2
    index = np.tile(np.linspace(0, COUNT - 1, width, dtype=np.float32), (height, 1))
    index[30:60, 40:90] = 0.0  # an edge of depth
    peak = np.full_like(index, 6.0)
    peak[:20] = 1.0
    return Surface(index, np.ones_like(index), peak, 1.0)


def glitter() -> Image:
    near = np.zeros((AREA.height // 2, AREA.width // 2), np.float32)
    near[60:80] = 1.0
    return near


def picture(dtype: str, cut: Cut, mix: Mix, folder: Path) -> Image:
    extent = Window(AREA.x + 5, AREA.y + 3, AREA.width - 11, AREA.height - 4)
    return depth_picture(stored(dtype, cut, folder), surface(), glitter(), AREA, extent, mix)


@pytest.mark.parametrize(("dtype", "rounding"), [("u1", 1.0), ("u2", 2.0), ("f4", 1e-5)])
def test_compiled_and_plain_loops_agree(dtype: str, rounding: float, tmp_path: Path) -> None:
    by_loop = picture(dtype, cut_by_loop, mix_by_loop, tmp_path).astype(np.float64)
    plainly = picture(dtype, cut_plainly, mix_plainly, tmp_path).astype(np.float64)
    assert np.abs(by_loop - plainly).max() <= rounding


def test_both_keep_the_same_tiles(tmp_path: Path) -> None:
    sizes = {stored("u1", cut, tmp_path)._used for cut in (cut_by_loop, cut_plainly)}
    assert len(sizes) == 1


def test_what_is_out_of_focus_later_is_not_kept(tmp_path: Path) -> None:
    planes, score, luma, gate, window = frame(0, "u1")
    store = FrameStore(tmp_path, np.dtype("u1"))
    store.put(0, planes, score, luma, gate, window, score)
    first = store._used
    store.put(1, planes, score - 3, luma, gate, window, score)
    assert store._used == first
    store.put(2, planes, score + 3, luma, gate, window, score)
    assert store._used == 2 * first


@pytest.mark.parametrize("cut", [cut_by_loop, cut_plainly])
def test_of_many_frames_without_detail_a_few_are_kept_and_all_that_are_sharper(
    cut: Cut, tmp_path: Path
) -> None:
    planes, score, luma, gate, window = frame(0, "u1")
    store, dull = FrameStore(tmp_path, np.dtype("u1"), cut), np.zeros_like(score)
    sizes = [0]
    for index in range(120):
        sharper = 1.0 if index >= 100 else 0.0
        store.put(index, planes, score + sharper * (index - 99), luma, gate, window, dull)
        sizes.append(store._used)
    kept = np.diff(sizes) > 0
    assert kept[:16].all()
    assert 0.3 < kept[16:48].mean() < 0.7, "every second one"
    assert 0.2 < kept[48:100].mean() < 0.3, "every fourth one"
    assert kept[100:].all()


def test_all_frames_are_kept_where_detail_has_been_seen(tmp_path: Path) -> None:
    """There may be more behind it, sharp in fewer frames than are skipped."""
    planes, score, luma, gate, window = frame(0, "u1")
    store, peak = FrameStore(tmp_path, np.dtype("u1")), np.zeros_like(score)
    peak[40:50, :10] = 6.0  # in the first tile
    for index in range(40):
        store.put(index, planes, score, luma, gate, window, peak)
    offsets, _ = store.row(AREA.y // 128, range(AREA.x // 128, -(-AREA.right // 128)))
    assert (offsets >= 0).sum(axis=0).tolist() == [40, 28, 28, 28]


def test_where_one_frame_is_sharp_the_picture_is_that_frame(tmp_path: Path) -> None:
    height, width = AREA.height // 2, AREA.width // 2
    flat = Surface(np.full((height, width), 2.0, np.float32), np.ones((height, width), np.float32),
                   np.full((height, width), 8.0, np.float32), 1.0)  # fmt: skip
    planes, _, _, _, window = frame(2, "u1")
    store = FrameStore(tmp_path, np.dtype("u1"))
    for index in range(COUNT):
        _, score, luma, gate, _ = frame(2, "u1")
        shown = frame(2, "u1")[0] if index == 2 else planes // 2
        store.put(index, shown, score, luma, gate, window, score)
    found = depth_picture(store, flat, np.zeros_like(flat.index), AREA, window)
    off = np.abs(found[10:].astype(int) - planes.transpose(1, 2, 0)[10:])
    assert off.max() <= 0.04 * 255  # a 30th of each of the two frames beside it, half as bright


@pytest.mark.parametrize(("cut", "mix"), [(cut_by_loop, mix_by_loop), (cut_plainly, mix_plainly)])
def test_frames_that_end_leave_no_dark_line(cut: Cut, mix: Mix, tmp_path: Path) -> None:
    store = FrameStore(tmp_path, np.dtype("u1"), cut)
    for index in range(COUNT):
        planes, _, luma, gate, window = frame(index, "u1")
        dull, whole = np.zeros_like(luma), np.full_like(gate, 255)
        store.put(index, np.full_like(planes, 200), dull, luma, whole, window, dull)
    found = depth_picture(store, surface(), glitter(), AREA, AREA, mix)
    assert found.min() >= 199


@pytest.mark.parametrize("columns", [(-12, 170), (98, 140)])  # with steps of the index, and without
def test_compiled_and_plain_choices_agree(columns: tuple[int, int]) -> None:
    seen = surface()
    seen.index[30:60, 40:90] = 9.0
    by_loop, plainly = (
        Choice.of(seen, glitter(), (-1, 65), columns, compiled=compiled) for compiled in (True, False)
    )
    assert by_loop.edged == plainly.edged == (columns[0] < 0)
    assert by_loop.glaring
    for name in ("near", "far", "edge", "per_width", "glare"):
        np.testing.assert_allclose(getattr(by_loop, name), getattr(plainly, name), rtol=1e-5)
    np.testing.assert_allclose(by_loop.reach, plainly.reach, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("compiled", [True, False])
def test_what_sure_surroundings_say_counts_where_a_highlight_behind_shows_through(compiled: bool) -> None:
    index, peak = np.full((80, 80), 2.0, np.float32), np.full((80, 80), 6.0, np.float32)
    confidence = np.ones_like(index)
    apart = np.hypot(*(np.mgrid[:80, :80] - 40)).astype(np.float32)
    index += 4.5 * np.clip((7 - apart) / 5, 0, 1)  # fades within five cells
    peak[apart < 2], confidence[apart < 7] = 10.0, 0.5
    seen = Surface(index, confidence, peak, 1.0)

    def choice(depth: Surface) -> Choice:
        return Choice.of(depth, np.zeros_like(index), (20, 60), (20, 60), compiled=compiled)

    hidden = choice(seen)
    assert hidden.edge[20, 20] == 1
    assert (hidden.near[20, 20], hidden.far[20, 20]) == (2.0, 3.5)
    unsure = choice(replace(seen, confidence=np.full_like(index, 0.5)))
    assert unsure.far[20, 20] == pytest.approx(6.5)
    assert not choice(replace(seen, peak=np.full_like(peak, 6.0))).edged, "no step of 3, and no highlight"


def test_noise_is_averaged_over_as_many_frames_as_things_stay_sharp() -> None:
    index = np.full((40, 40), 5.0, np.float32)
    plain = np.zeros((40, 40), np.float32)
    added = []
    for length in (0.5, 1.0, 3.0):
        sigmas = []
        for peak in (0.7, 9.0):  # noise alone, and plain detail
            seen = Surface(index, np.ones_like(index), np.full_like(index, peak), length)
            sigmas.append(1 / Choice.of(seen, plain, (10, 20), (10, 20)).per_width[0, 0])
        added.append(sigmas[0] - sigmas[1])
        # Two frames mix where the index lies between them, however thick slices are.
        assert sigmas[1] == pytest.approx(0.35 * max(1.0, length), rel=0.02)
    assert added == pytest.approx([0.5 * added[1], added[1], 3 * added[1]], rel=0.02)


def test_a_disk_that_is_too_small_ends_it(tmp_path: Path) -> None:
    store = stored("u1", cut_by_loop, tmp_path)
    store._budget = store._used  # as if that were a quarter of what is free
    planes, score, luma, gate, window = frame(0, "u1")
    store.put(9, planes, score + 9, luma, gate, window, score)
    assert "GB" in store.failure
    assert store.frames == ()


def test_a_narrow_strip_is_compared_in_small_blocks() -> None:
    strip = np.zeros((34, 26000, 3), np.uint8)
    blocks = compare(strip, strip)
    assert blocks.luma.shape == (34 // blocks.side_px, 26000 // blocks.side_px)
    assert len(blocks.luma) >= 8


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("size", [(261, 1535), (40, 33)])
def test_compiled_and_plain_comparing_agree(dtype: str, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    white = 1.0 if dtype == "f4" else float(np.iinfo(dtype).max)
    one, other = (rng.random((2, *size, 3)) * white).astype(dtype)
    by_loop, plainly = (compare(one, other, compiled) for compiled in (True, False))
    assert by_loop.side_px == plainly.side_px
    for name in ("luma", "brightest", "off", "difference"):
        np.testing.assert_allclose(getattr(by_loop, name), getattr(plainly, name), rtol=1e-5, atol=1e-4)


def test_blending_by_a_share_of_blocks() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 256, (2, 301, 85, 3), np.uint8)
    for share, expected in ((0.0, one), (1.0, other)):
        mixed = one.copy()
        blend(mixed, other, np.full((37, 10), share, np.float32), 8)
        assert np.array_equal(mixed, expected)
    ramp = np.tile(np.linspace(0, 1, 10, dtype=np.float32), (37, 1))
    mixed = np.zeros((301, 85, 3), np.uint8)
    blend(mixed, np.full_like(mixed, 200), ramp, 8)
    assert (np.diff(mixed[:, :, 0].astype(int), axis=1) >= 0).all()
    assert (mixed == mixed[:1]).all()


@pytest.mark.parametrize(("dtype", "rounding"), [("u1", 1.0), ("u2", 1.0), ("f4", 1e-6)])
@pytest.mark.parametrize("size", [(261, 85), (40, 33)])
def test_compiled_and_plain_sharpening_and_blending_agree(
    dtype: str, rounding: float, size: tuple[int, int]
) -> None:
    rng = np.random.default_rng(0)
    white = 1.0 if dtype == "f4" else float(np.iinfo(dtype).max)
    one, other = (rng.random((2, *size, 3)) * white).astype(dtype)
    share = rng.random((size[0] // 8, size[1] // 8), np.float32)
    found = []
    for by_loop in (True, False):
        sharp, mixed = other.copy(), one.copy()
        sharpen(sharp, 0.4, by_loop)
        blend(mixed, other, share, 8, by_loop)
        found.append(np.stack([sharp, mixed]).astype(np.float64))
    assert np.abs(found[0] - found[1]).max() <= rounding
    assert not np.array_equal(found[0][0], other)


def test_sharpening_in_strips_leaves_no_seams() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(60, 200, (600, 40, 3), np.uint8)
    whole, part = picture.copy(), picture[200:].copy()
    sharpen(whole, 0.5)
    sharpen(part, 0.5)
    assert np.array_equal(whole[210:], part[10:])
    assert whole.std() > picture.std()
