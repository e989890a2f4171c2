"""Which part of a picture is kept, and registered frames as files."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from stacker import (
    Crop,
    CropKind,
    DataError,
    DepthIndex,
    FrameMetadata,
    Options,
    Saving,
    Stack,
    UserError,
    cropped,
    find_space,
    fuse_files,
    load_stack,
    parse_crop,
    read_frame,
    write_frames,
    write_image,
)
from stacker.registration.saved import SavedTransform, SavedTransforms


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """Three frames, each with a field smaller by 10 px on every side than the one before."""
    rng = np.random.default_rng(4)
    scene = cv2.GaussianBlur(rng.integers(0, 255, (200, 300, 3), np.uint8), (0, 0), 2)
    scene = cv2.normalize(scene, None, 10, 245, cv2.NORM_MINMAX)
    paths, known = [], {}
    for number in range(3):
        border = 10 * number
        field = scene[border : 200 - border, border * 3 // 2 : 300 - border * 3 // 2]
        paths.append(tmp_path / f"f{number + 1}.tif")
        write_image(paths[-1], cv2.resize(field, (300, 200), interpolation=cv2.INTER_CUBIC), FrameMetadata())
        scale = field.shape[1] / 300, field.shape[0] / 200
        shift = border * 1.5 + scale[0] / 2 - 0.5, border + scale[1] / 2 - 0.5
        known[number] = SavedTransform(
            paths[-1].name, (scale[0], 0, shift[0], 0, scale[1], shift[1], 0, 0, 1)
        )
    transforms = SavedTransforms((300, 200), known)
    return fuse_files(
        paths, Options(), reference=0, positions_mm=[1.0, 2.0, 3.0], transforms=transforms
    ).stack


def with_depth(stack: Stack, index: np.ndarray, confidence: float = 1.0) -> Stack:
    shape = stack.valid.shape
    plane = np.broadcast_to(np.asarray(index, np.float32), shape).copy()
    return dataclasses.replace(stack, depth=DepthIndex(plane, np.full(shape, confidence, np.float32)))


def box_of(stack: Stack, text: str, aspect: str | None = None) -> tuple[int, int, int, int]:
    cut = cropped(stack, parse_crop(text, aspect))
    height, width = cut.image.shape[:2]
    assert cut.valid.shape == (height, width)
    assert cut.depth is not None
    assert cut.depth.index.shape == (height, width)
    x, y = (cut.origin_px[axis] - stack.origin_px[axis] for axis in (0, 1))
    np.testing.assert_array_equal(cut.image, stack.image[y : y + height, x : x + width])
    return x, y, width, height


def test_geometry_keeps_what_all_frames_reach(stack: Stack) -> None:
    x, y, width, height = box_of(stack, "geometry")
    assert abs(x - 30) <= 2
    assert abs(y - 20) <= 2
    assert abs(x + width - 270) <= 2
    assert abs(y + height - 180) <= 2


def test_auto_keeps_a_border_whose_frame_reaches_it_and_cuts_one_that_was_filled(stack: Stack) -> None:
    whole = (0, 0, stack.image.shape[1], stack.image.shape[0])
    assert box_of(with_depth(stack, 0), "auto") == whole  # the widest frame is sharp everywhere
    # The left half is of the widest frame; on the right the narrowest is sharp, and filled beyond its reach.
    columns = np.arange(whole[2])
    depth = np.where(columns < 150, 0, np.where(columns < 268, 2, 0))
    x, _, width, _ = box_of(with_depth(stack, depth), "auto")
    assert x == 0
    assert abs(x + width - 270) <= 3
    # What is unsure there is nothing that could have been sharp.
    assert box_of(with_depth(stack, depth, confidence=0.1), "auto") == whole


def test_auto_is_geometry_without_a_depth(stack: Stack) -> None:
    blind = dataclasses.replace(stack, depth=None)
    one, two = (cropped(blind, Crop(kind)) for kind in (CropKind.AUTO, CropKind.GEOMETRY))
    np.testing.assert_array_equal(one.image, two.image)


def test_a_box_and_an_aspect(stack: Stack) -> None:
    assert box_of(stack, "10, 20,100,50") == (10, 20, 100, 50)
    assert box_of(stack, "10,20,100,50", "1:1") == (35, 20, 50, 50)
    assert box_of(stack, "0,0,90,90", "frame") == (0, 15, 90, 60)
    assert parse_crop("none", "3:2") == Crop(CropKind.NONE, None, Fraction(3, 2))


@pytest.mark.parametrize(
    ("text", "aspect", "why"),
    [
        ("250,0,100,50", None, "reaches out of the picture, which is"),
        ("0,0,0,50", None, "holds nothing"),
        ("some", None, "A crop is auto"),
        ("-1,0,5,5", None, "A crop is auto"),
        ("none", "3/2", "An aspect is frame"),
        ("none", "0:2", "An aspect is frame"),
    ],
)
def test_what_is_no_crop_is_refused(stack: Stack, text: str, aspect: str | None, why: str) -> None:
    with pytest.raises(UserError, match=why):
        cropped(stack, parse_crop(text, aspect))


def test_a_cropped_stack_is_kept_and_read_again(stack: Stack, tmp_path: Path) -> None:
    cropped(stack, parse_crop("11,21,100,50")).save_folder(tmp_path / "a.stack")
    again = load_stack(tmp_path / "a.stack")
    assert again.image.shape[:2] == (50, 100)
    assert again.origin_px == (stack.origin_px[0] + 11, stack.origin_px[1] + 21)


def test_registered_frames_lie_on_the_picture_in_order(stack: Stack, tmp_path: Path) -> None:
    cut = cropped(stack, parse_crop("geometry"))
    written = write_frames(cut, tmp_path / "out")
    assert [path.name for path in written] == ["001-f1.tif", "002-f2.tif", "003-f3.tif"]
    pictures = [read_frame(path).pixels.astype(float) for path in written]
    assert all(picture.shape == cut.image.shape for picture in pictures)
    inner = (slice(10, -10), slice(10, -10))
    assert np.abs(pictures[2] - pictures[0])[inner].mean() < 4  # 20 % in size, undone
    table = json.loads((tmp_path / "out" / "registered.json").read_text())
    assert table["format"] == "focusrig-registered-frames"
    assert [frame["position_mm"] for frame in table["frames"]] == [1.0, 2.0, 3.0]
    assert [frame["file"] for frame in table["frames"]] == [path.name for path in written]
    left, top = table["frames"][2]["corners_px"][0]
    assert abs(left) < 2
    assert abs(top) < 2
    # again, as another kind: the older folder is replaced
    told: list[str] = []
    saving = Saving(find_space("p3"), bit_depth=16)
    again = write_frames(cut, tmp_path / "out", suffix=".png", saving=saving, tell=told.append)
    assert told == ["the frames have no colour profile: taken as sRGB and converted to Display P3"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *(path.name for path in again),
        "registered.json",
    ]
    assert read_frame(again[0]).pixels.dtype == np.uint16


def test_other_folders_and_changed_frames_are_left_alone(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds other things"):
        write_frames(stack, tmp_path)
    with pytest.raises(UserError, match=r"not \.gif"):
        write_frames(stack, tmp_path / "out", suffix=".gif")
    (tmp_path / "f2.tif").unlink()
    with pytest.raises(DataError, match=r"f2\.tif is not there any more"):
        write_frames(stack, tmp_path / "out")
    assert not (tmp_path / "out").exists()
