"""Whole pixels where things lie over each other: which frame they come from, and where none are taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stacker.fusion import overlap_patches
from stacker.fusion.overlap_patches import Sought, take_whole_pixels
from stacker.fusion.overlaps import Ordering, Overlap, Places, detail_around, overlap
from stacker.fusion.patch_tiles import lay, look
from stacker.fusion.store import FrameStore
from stacker.fusion.tiles import TILE_PX
from stacker.fusion.window import Window
from stacker.options import Options
from stacker.stack import Stacker

SIDE = 160
HAIR_AT, PRINT_AT = 2, 9
"""Frames that have them in focus, of twelve."""

Picture = np.ndarray[Any, np.dtype[np.float32]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


def blurred(picture: Picture, frames_off: int) -> Picture:
    """Seven frames off, a hair veils a quarter of what is behind it."""
    return picture if not frames_off else cv2.GaussianBlur(picture, (0, 0), 0.6 * abs(frames_off))


def page() -> Picture:
    """Dark bars on paper, with clear places between."""
    picture = np.full((SIDE, SIDE), 200, np.float32)
    for x in range(6, SIDE, 18):
        picture[:, x : x + 4] = 40
    return picture


def hair() -> Picture:
    """How much of each pixel it covers."""
    cover = np.zeros((SIDE, SIDE), np.float32)
    cv2.line(cover, (0, 50), (SIDE - 1, 110), 1.0, 3)
    return cover


def stack(behind: Picture, cover: Picture, level: float, frames: int = 12) -> list[Picture]:
    """Something of one level before something else, each in focus in its frame."""
    seen = []
    for at in range(frames):
        veil = blurred(cover, at - HAIR_AT)
        seen.append(veil * level + (1 - veil) * blurred(behind, at - PRINT_AT))
    return seen


def found(frames: list[Picture], near_lead: float = 0.0) -> Overlap:
    luma = np.array([cv2.convertScaleAbs(frame) for frame in frames])
    detail = np.array([detail_around(frame) for frame in frames])
    return overlap(Places(luma, detail, 5, Ordering(1.0, 1.0, near_lead)))


def crossing() -> Mask:
    """The middle of the hair where it crosses print."""
    return np.asarray((cv2.erode(hair(), np.ones((3, 1), np.uint8)) > 0) & (page() < 100))


@pytest.mark.parametrize("reverse", [False, True], ids=["near first", "far first"])
def test_a_light_hair_before_dark_print_comes_out_whole(reverse: bool) -> None:
    frames = stack(page(), hair(), 235)
    over = found(frames[::-1] if reverse else frames)
    at = len(frames) - 1 - HAIR_AT if reverse else HAIR_AT
    there = crossing()
    assert there.sum() > 60
    whole = (over.frame == at) & (over.share > 0.5)
    assert whole[there].mean() > 0.8
    assert ((over.frame[there] != at) & (over.share[there] > 0.5)).mean() < 0.1


def test_a_few_hairs_before_a_page_come_out_whole() -> None:
    """The page leaves the index smooth: whole pixels were looked for only where it is not."""
    stacker = Stacker(Options(align=False))
    for frame in stack(page(), hair(), 235):
        stacker.add(cv2.merge([cv2.convertScaleAbs(frame)] * 3))
    done = stacker.finish()
    assert "whole pixels" in done.reason
    assert done.image[crossing()].mean() > 190


def test_what_is_known_to_be_nearer_wins() -> None:
    # Bars of two depths, as strong as each other: only the order tells.
    far = np.full((SIDE, SIDE), 120, np.float32)
    far[8::16], far[9::16] = 200, 200
    near = np.zeros((SIDE, SIDE), np.float32)
    near[:, 8::16], near[:, 9::16] = 1, 1
    crossed = (near > 0) & (far > 120)
    frames = stack(far, near, 200)
    for lead, at in ((2.0, HAIR_AT), (-2.0, PRINT_AT)):
        over = found(frames, lead)
        decided = crossed & (over.share > 0.5)
        assert decided.sum() > 0.3 * crossed.sum()
        assert (over.frame[decided] == at).all()


def test_print_behind_the_rim_of_a_wide_part_is_not_printed_on_it() -> None:
    part = np.zeros((SIDE, SIDE), np.float32)
    part[:, :64] = 1
    over = found(stack(page(), part, 120))
    # The bar from column 60 on shows through the part's rim where that is out of focus.
    assert over.share[:, :64].max() == 0
    assert over.share[:, 78:82].min() == 1


def test_blotches_and_burnt_glints_are_not_taken() -> None:
    behind = np.full((SIDE, SIDE), 120, np.float32)
    behind[10::20, 10::20] = 20
    assert found(stack(behind, hair(), 120)).share.max() == 0
    behind = np.full((SIDE, SIDE), 90, np.float32)
    behind[:, 78:81] = 2500
    crossed = np.asarray((hair() > 0) & (behind > 255))
    frames = [np.minimum(frame, 255) for frame in stack(behind, hair(), 20)]
    glint = found(frames)
    assert not ((glint.share > 0) & crossed & (glint.frame != HAIR_AT)).any()


@pytest.mark.parametrize(
    ("sharp", "whole"),
    [({1: 60, 9: 70}, True), ({1: 60, 5: 120, 9: 70}, False), ({1: 6, 9: 120}, False)],
    ids=["two", "a third one between them", "the blur of the other"],
)
def test_detail_says_whether_it_is_one_of_two(sharp: dict[int, int], whole: bool) -> None:
    luma, detail = np.full((2, 12, 40, 40), 0, np.uint8)
    luma[:] = 100
    luma[1, 20:23] = 250
    luma[9, 20:23] = 130
    for at, amplitude in sharp.items():
        detail[at] = 2 * amplitude
    over = overlap(Places(luma, detail, 5, Ordering(0.5, 1.0, 1.0)))
    assert bool((over.share[20:23] == 1).all()) == whole
    assert bool(over.share.any()) == whole
    assert (over.frame[20:23] == 1).all()


def kept(frames: list[Picture], dtype: np.dtype[Any], folder: Path) -> tuple[FrameStore, Picture]:
    """Frames in the store, and their mean, which has all of them."""
    white = 255.0 if dtype == np.uint8 else 65535.0 if dtype == np.uint16 else 1.0
    store = FrameStore(folder, dtype)
    side = frames[0].shape[0]
    half = (side // 2, side // 2)
    for index, frame in enumerate(frames):
        levels = np.rint(frame * (white / 255)) if white > 1 else frame / np.float32(255)
        planes = np.stack([levels.astype(dtype)] * 3)
        store.put(
            index,
            planes,
            np.full(half, 3.0, np.float32),
            cv2.resize(frame, half, interpolation=cv2.INTER_AREA),
            np.full(half, 255, np.uint8),
            Window(0, 0, side, side),
            np.full(half, 3.0, np.float32),
        )
    mean = np.mean(frames, axis=0) * (white / 255)
    return store, np.dstack([mean.astype(dtype)] * 3)


def taken(store: FrameStore, picture: Picture, wanted: float = 1.0) -> tuple[Picture, float]:
    side = len(picture)
    blocks = np.full((side // 2, side // 2), wanted, np.float32)
    extent = Window(0, 0, side, side)
    image = picture.copy()
    sought = Sought(blocks, blocks, 2, 1, extent)
    share = take_whole_pixels(image, store, sought, Ordering(1.0, 1.0), 0.0)
    return image, share


def test_the_size_of_patches_and_the_type_of_frames_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [np.tile(frame, (2, 2)) for frame in stack(page(), hair(), 235)]
    results = []
    for dtype, white in ((np.uint8, 255), (np.uint16, 65535), (np.float32, 1)):
        store, picture = kept(frames, np.dtype(dtype), tmp_path)
        for tiles in (4, 1):
            monkeypatch.setattr(overlap_patches, "_PATCH_TILES", tiles)
            image, share = taken(store, picture)
            assert image.dtype == dtype
            assert share > 0.01
            results.append(image.astype(np.float32) * np.float32(255 / white))
        off = np.abs(results[-1] - results[-2])
        assert (off > 1).mean() < 1e-3
    for other in (results[2], results[4]):
        assert (np.abs(other - results[0]) > 2).mean() < 5e-3
    nothing, share = taken(store, picture, wanted=0.0)
    assert share == 0
    assert np.array_equal(nothing, picture)


def test_nothing_is_taken_where_one_frame_is_like_the_next(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    plain = [(120 + rng.normal(0, 1, (SIDE, SIDE))).astype(np.float32) for _ in range(6)]
    store, picture = kept(plain, np.dtype(np.uint8), tmp_path)
    image, share = taken(store, picture)
    assert share == 0
    assert np.array_equal(image, picture)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("step", [1, 2, 4])
def test_tiles_are_looked_at_and_laid_by_loops_as_plainly(step: int, dtype: type[Any]) -> None:
    rng = np.random.default_rng(step)
    white = 1.0 if dtype is np.float32 else float(np.iinfo(dtype).max)
    side = TILE_PX // step
    soft = cv2.GaussianBlur(rng.random((3 * 3 * TILE_PX, TILE_PX), np.float32), (0, 0), 1.2)
    tiles = (np.clip(4 * soft - 1.5, 0, 1) * white).astype(dtype).reshape(3, 3, TILE_PX, TILE_PX)
    beyond = np.array([[-5, -side // 2], [-5, side // 2], [side - 5, 2 * side - 3]])
    seen = [np.zeros((side + 20, 2 * side), np.float32) for _ in range(2)]
    for plane, compiled in zip(seen, (False, True), strict=True):
        look(tiles, beyond, step, plane, compiled)
    assert np.abs(seen[0] - seen[1]).max() < 1e-3
    weight = np.zeros((side + 40, 3 * side), np.float32)
    for x in range(0, 3 * side, 24):
        cv2.line(weight, (x, 0), (x + 20, side + 40), 0.3 + x / (6 * side), 2)
    picture = (rng.random(((side + 25) * step, (2 * side + 3) * step, 3)) * white).astype(dtype)
    laid = [picture.copy() for _ in range(2)]
    places, origin = np.array([[9, 1], [9, side + 1]]), (-7 * step, 3 - step)
    for image, compiled in zip(laid, (False, True), strict=True):
        lay(tiles[:2], places, step, weight, origin, 0.12, image, compiled)
    off = np.abs(laid[0].astype(np.float64) - laid[1])
    assert off.max() <= (1e-6 if dtype is np.float32 else 1)
    changed = (laid[0] != picture).any(axis=2).mean()
    assert 0.02 < changed < 0.6
