"""Which files of folders are frames, and in which order they come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacker import Saving, UserError, fuse_files, list_frames, load_stack, natural_order, write_image
from stacker.batch.slabs import Slabs, slabs_behind, write_slabs
from stacker.io.listing import find_frames
from stacker.outputs.frames import write_frames


@pytest.mark.parametrize(
    ("names", "start"),
    [
        (["IMG_0001.JPG", "IMG_0002.JPG", "IMG_9998.JPG", "IMG_9999.JPG"], 2),
        (["DSC00003.ARW", "DSC09999.ARW"], 1),
        (["IMG_0001.JPG", "IMG_0002.JPG", "IMG_0003.JPG"], 0),
        (["IMG_0001.JPG", "other.JPG", "IMG_9999.JPG"], 0),
        (["frame_1.tif", "frame_9999.tif"], 0),
    ],
)
def test_a_cameras_counter_that_begins_again_is_followed(names: list[str], start: int) -> None:
    ordered = [path.name for path in natural_order(map(Path, names))]
    counted = sorted(names, key=str.lower)
    assert ordered == counted[start:] + counted[:start]


def test_natural_order_counts() -> None:
    names = ["IMG_10.jpg", "IMG_9.JPG", "img_1.jpg", "IMG_100.jpg", "a/IMG_2.jpg"]
    ordered = [path.as_posix() for path in natural_order(map(Path, names))]
    assert ordered == ["a/IMG_2.jpg", "img_1.jpg", "IMG_9.JPG", "IMG_10.jpg", "IMG_100.jpg"]


@settings(max_examples=80, deadline=None)
@given(
    numbers=st.lists(st.integers(0, 10**6), min_size=1, max_size=30, unique=True),
    prefix=st.text(alphabet="abcXYZ_-", max_size=5),
    shuffle=st.randoms(use_true_random=False),
)
def test_natural_order_sorts_any_numbers(numbers: list[int], prefix: str, shuffle: Any) -> None:
    shuffle.shuffle(numbers)
    ordered = natural_order(Path(f"{prefix}{number}.tif") for number in numbers)
    assert [path.name for path in ordered] == [f"{prefix}{number}.tif" for number in sorted(numbers)]


def test_a_folder_gives_its_images_only(tmp_path: Path) -> None:
    for name in ("b2.JPG", "b10.jpg", "notes.txt", "._b1.jpg", "raw.ARW", "film.raw"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "inner.jpg").mkdir()
    found = list_frames([tmp_path], leave_out=tmp_path / "out.tif")
    assert [path.name for path in found] == ["b2.JPG", "b10.jpg", "raw.ARW"]
    (tmp_path / "journal.jsonl").touch()
    assert list_frames([tmp_path], leave_out=tmp_path / "out.tif") == found
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "f1.jpg").write_bytes(b"x")
    assert list_frames([tmp_path]) == [tmp_path / "frames" / "f1.jpg"]  # a session of rig
    (tmp_path / "journal.jsonl").unlink()
    # a photograph of that name is a frame, and not to be replaced
    (tmp_path / "b10.jpg").write_bytes(b"x")
    assert tmp_path / "b10.jpg" in list_frames([tmp_path], leave_out=tmp_path / "b10.jpg")


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(UserError, match=tmp_path.name):
        list_frames([tmp_path])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four frames; what the stacker makes of them lies beside them."""
    folder = tmp_path / "beetle"
    folder.mkdir()
    scene = np.random.default_rng(8).integers(20, 230, (80, 120, 3), np.uint8)
    for number in range(1, 5):
        write_image(folder / f"f{number}.jpg", np.roll(scene, number, axis=1), saving=Saving(quality=98))
    stack = fuse_files(list_frames([folder])).stack
    for name in ("a.tif", "a.png", "f0.jpg", "f1-stack.jpg", "g.dng"):
        stack.save(folder / name)
    write_slabs(stack, Slabs(2), folder / "a.tif", folder)
    stack.save_folder(folder / "a.stack")
    return folder


def names(paths: Any) -> list[str]:
    return [path.name for path in paths]


def test_what_is_fused_already_is_no_frame(folder: Path) -> None:
    frames = [f"f{number}.jpg" for number in range(1, 5)]
    for sources in ([folder], [path for path in folder.iterdir() if path.is_file()]):
        found = find_frames(sources, leave_out=folder / "a.tif")
        assert names(found.paths) == frames
        assert names(found.results) == ["a.png", "f0.jpg", "f1-stack.jpg", "g.dng"]
    assert len(find_frames([folder]).results) == 7  # whoever writes another file is told of all of them
    with pytest.raises(UserError, match="a stack folder"):
        list_frames([folder / "a.stack"])
    registered = write_frames(load_stack(folder / "a.stack"), folder / "registered")
    assert list_frames([folder / "registered"]) == registered  # photographs still


def test_slabs_that_an_earlier_run_had_more_are_found(folder: Path) -> None:
    write_image(folder / "a-slab-003.tif", np.zeros((80, 120, 3), np.uint8))  # by its name only
    assert names(slabs_behind(folder / "a.tif", 1)) == ["a-slab-002.tif"]
    assert slabs_behind(folder / "a.tif", 2) == slabs_behind(folder / "a.png", 0) == []


def test_slabs_and_results_are_frames_where_there_are_no_others(folder: Path) -> None:
    for frame in list_frames([folder]):
        frame.unlink()
    assert names(list_frames([folder])) == ["a-slab-001.tif", "a-slab-002.tif"]
    for slab in list_frames([folder]):
        slab.unlink()
    assert names(list_frames([folder / "a.tif", folder / "a.png"])) == ["a.png", "a.tif"]
    with pytest.raises(UserError, match="fused already; name them one by one"):
        list_frames([folder])
