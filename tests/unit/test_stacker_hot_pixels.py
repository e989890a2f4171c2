"""Pixels of the sensor that count wrong are found, and nothing of the subject is taken for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stacker import Development, UserError, read_frame
from stacker.io.development import SensorLevels
from stacker.io.reader import FrameReader
from stacker.io.sensor.hot_pixels import hot_in_dark, wrong_pixels
from stacker.io.sensor.mosaic import Mosaic, mend
from tests.negatives import BLACK, NEUTRAL, WHITE, mosaic, write_dng

SIZE = 160, 240
RGGB = np.tile(np.array([[0, 1], [3, 2]], np.uint8), (SIZE[0] // 2, SIZE[1] // 2))
X_TRANS = np.array(
    [
        [1, 2, 1, 1, 0, 1],
        [0, 1, 0, 2, 1, 2],
        [1, 2, 1, 1, 0, 1],
        [1, 0, 1, 1, 2, 1],
        [2, 1, 2, 0, 1, 0],
        [1, 0, 1, 1, 2, 1],
    ],
    np.uint8,
)
LEVELS = SensorLevels(
    "TEST", (SIZE[1], SIZE[0]), (1 / NEUTRAL[0], 1.0, 1 / NEUTRAL[2], 1.0), (BLACK,) * 4, WHITE
)
HOT = [(20, 30), (21, 90), (60, 61), (81, 120), (81, 121), (120, 200), (130, 33)]
DEAD = [(40, 151), (100, 100)]


def scene(seed: int = 3) -> Any:
    """Light with fine texture, glints a pixel wide as the sharpest lens shows them, and a hair."""
    rng = np.random.default_rng(seed)
    light = 0.2 * (1 + 0.6 * (rng.random((*SIZE, 1)) - 0.5)) * np.array([1.0, 0.9, 0.8])
    light = cv2.GaussianBlur(light, (0, 0), 0.7)
    points = np.zeros(SIZE)
    rows, columns = np.mgrid[15:150:15, 15:230:15].reshape(2, -1)
    points[rows + rng.integers(-4, 5, rows.size), columns + rng.integers(-4, 5, rows.size)] = 3.0
    points[:, 170] = 0.5
    return light + cv2.GaussianBlur(points, (0, 0), 0.6)[..., None]


def shots(count: int, *, moves: bool, focused: bool = False, wrong: bool = True) -> list[Any]:
    """Frames of a stack, out of focus to both sides of the middle one unless all are focused."""
    light, frames = scene(), []
    for at in range(count):
        seen = np.roll(light, at, axis=1) if moves else light
        blur = 0.0 if focused else 1.2 * abs(at - count // 2)
        frames.append(mosaic(cv2.GaussianBlur(seen, (0, 0), blur) if blur else seen, 25.0, at))
        if wrong:
            frames[-1][tuple(np.transpose(HOT))] += np.uint16(2500)
            frames[-1][tuple(np.transpose(DEAD))] = BLACK
    return [frames[0], *frames[:0:-1]]


def looked_at(frames: Sequence[Any], colours: Any = RGGB) -> Iterator[tuple[Any, Any]]:
    for frame in frames:
        yield frame, colours


def places(found: Sequence[int]) -> list[tuple[int, int]]:
    return [divmod(at, SIZE[1]) for at in found]


@pytest.mark.parametrize("moves", [True, False])
@pytest.mark.parametrize("count", [3, 9])
def test_wrong_pixels_are_found_and_nothing_else(count: int, moves: bool) -> None:
    found = places(wrong_pixels(looked_at(shots(count, moves=moves)), LEVELS))
    assert set(found) <= {*HOT, *DEAD}
    assert len(found) >= len(HOT) + len(DEAD) - 2  # a glint or the hair may lie over one of them
    assert set(DEAD) <= set(found)
    assert places(wrong_pixels(looked_at(shots(count, moves=moves, wrong=False)), LEVELS)) == []


@pytest.mark.parametrize("count", [3, 9])
def test_glints_that_stay_sharp_where_they_are_are_left_alone(count: int) -> None:
    """The worst case: nothing moves, and all of it is in focus in every frame."""
    still = shots(count, moves=False, focused=True, wrong=False)
    assert places(wrong_pixels(looked_at(still), LEVELS)) == []


def test_a_photograph_that_is_there_several_times_counts_once() -> None:
    frames = shots(4, moves=True, wrong=False)
    assert wrong_pixels(looked_at([frames[0]] * 5), LEVELS) == ()
    assert wrong_pixels(looked_at([*frames[:1], *frames[:1], *frames]), LEVELS) == ()


def test_two_frames_tell_nothing() -> None:
    assert wrong_pixels(looked_at(shots(2, moves=True)), LEVELS) == ()
    assert wrong_pixels(iter(()), LEVELS) == ()


def test_behind_x_trans_pixels_are_mended_but_not_looked_for() -> None:
    colours = np.tile(X_TRANS, (SIZE[0] // 6 + 1, SIZE[1] // 6))[: SIZE[0]]
    light = cv2.GaussianBlur(scene(), (0, 0), 2.0)
    seen = np.take_along_axis(light, colours[..., None].astype(int), 2)[..., 0]
    counts = (BLACK + seen * (WHITE - BLACK)).astype(np.uint16)
    sound = int(counts[60, 61])
    counts[60, 61] += 2500
    assert wrong_pixels(looked_at([counts] * 5, colours), LEVELS) == ()
    mend(counts, colours, [60 * SIZE[1] + 61])
    assert int(counts[60, 61]) == pytest.approx(sound, abs=300)


def test_neighbours_have_the_pixels_own_colour_on_both_sides() -> None:
    for colours in (RGGB, np.tile(X_TRANS, (4, 4))):
        pattern = Mosaic.of(colours)
        assert pattern is not None
        whole = np.where(colours == 3, 1, colours)
        rows, columns = (part.ravel() for part in np.mgrid[6:12, 6:12])
        near = pattern.neighbours(rows, columns)
        assert (whole[near] == whole[rows, columns][:, None]).all()
        assert (near[0][:, ::2] + near[0][:, 1::2] == 2 * rows[:, None]).all()
    assert Mosaic.of(np.random.default_rng(0).integers(0, 3, (24, 24))) is None


def test_mending_goes_along_lines_and_around_other_defects() -> None:
    counts = np.full(SIZE, 2000, np.uint16)
    counts[:, 60] = 9000
    counts[50, 120], counts[52, 120] = 16000, 16000
    mend(counts, RGGB, [50 * SIZE[1] + 120, 52 * SIZE[1] + 120])
    assert counts[50, 120] == counts[52, 120] == 2000
    counts[90, 60] = 16000
    mend(counts, RGGB, [90 * SIZE[1] + 60])
    assert counts[90, 60] == 9000


def test_a_stack_is_mended_before_its_mosaic_is_interpolated(tmp_path: Path) -> None:
    paths = [
        write_dng(tmp_path / f"{at}.dng", counts)
        for at, counts in enumerate(sorted(shots(5, moves=True), key=lambda frame: frame.sum()))
    ]
    reader = FrameReader(Development())
    reader.begin(paths, 2)
    assert reader.recipe is not None
    assert set(places(reader.recipe.defects)) <= {*HOT, *DEAD}
    assert len(reader.recipe.defects) >= 7
    shown, raw = reader.read(paths[0]).pixels.astype(int), read_frame(paths[0]).pixels.astype(int)
    y, x = HOT[0]
    around = np.median(shown[y - 6 : y + 7, x - 6 : x + 7], axis=(0, 1))
    assert np.abs(raw[y, x] - around).max() > 3 * np.abs(shown[y, x] - around).max()
    plain = FrameReader(Development(mend_pixels=False))
    plain.begin(paths, 2)
    assert plain.recipe is not None
    assert plain.recipe.defects == ()


def test_a_dark_frame_tells_hot_pixels(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    dark = np.clip(rng.normal(BLACK, 5, SIZE), 0, WHITE).astype(np.uint16)
    dark[tuple(np.transpose(HOT))] = 1500
    assert places(hot_in_dark(dark, LEVELS, "dark.dng")) == sorted(HOT)
    paths = [write_dng(tmp_path / f"{at}.dng", mosaic(scene())) for at in (1, 2)]
    reader = FrameReader(Development(dark=write_dng(tmp_path / "dark.raf", dark)))
    reader.begin(paths, 0)
    assert reader.recipe is not None
    assert places(reader.recipe.defects) == sorted(HOT)
    alone = FrameReader(Development(dark=tmp_path / "dark.raf"))
    alone.read(paths[0])
    assert alone.recipe == reader.recipe


def test_a_dark_frame_is_looked_at_while_it_is_open(tmp_path: Path) -> None:
    """Beyond 32 MB memory always goes back to the system when the file is closed."""
    dark = np.full((4200, 4100), BLACK, np.uint16)
    dark[700, 900] = 3000
    path = write_dng(tmp_path / "dark.dng", dark)
    reader = FrameReader(Development(dark=path, mend_pixels=False))
    reader.begin([path], 0)
    assert reader.recipe is not None
    assert reader.recipe.defects == (700 * 4100 + 900,)


@pytest.mark.parametrize(
    ("dark", "told"),
    [
        ("light.dng", "is no dark frame: it is"),
        ("other.dng", "not of the body that took the frames"),
        ("none.dng", "There is no dark frame"),
        ("text.txt", "no RAW file"),
    ],
)
def test_dark_frames_that_are_none(tmp_path: Path, dark: str, told: str) -> None:
    write_dng(tmp_path / "light.dng", mosaic(scene()))
    write_dng(tmp_path / "other.dng", mosaic(np.zeros((64, 96, 3))))
    (tmp_path / "text.txt").write_text("dark")
    frame = write_dng(tmp_path / "frames.dng", mosaic(scene()))
    with pytest.raises(UserError, match=told):
        FrameReader(Development(dark=tmp_path / dark)).begin([frame], 0)
