"""The stack folder: written as a whole, read back as it was, refused when it is not one."""

from __future__ import annotations

import dataclasses
import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stacker import (
    Border,
    DataError,
    DepthIndex,
    FrameMetadata,
    Options,
    Stack,
    Stacker,
    UserError,
    fuse_files,
    load_stack,
    write_image,
)


@pytest.fixture
def frames(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(3)
    scene = rng.integers(0, 65535, (60, 90, 3), np.uint16)
    paths = [tmp_path / f"f{number}.tif" for number in (1, 2)]
    for shift, path in enumerate(paths):
        write_image(path, np.roll(scene, shift, axis=1), FrameMetadata())
    return paths


def stack_of(frames: list[Path], **options: object) -> Stack:
    return fuse_files(frames, Options(**options)).stack


def same(one: Stack, two: Stack) -> None:
    for field in dataclasses.fields(Stack):
        a, b = getattr(one, field.name), getattr(two, field.name)
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype
        elif field.name == "depth" and a is not None:
            np.testing.assert_array_equal(a.index, b.index)
            np.testing.assert_array_equal(a.confidence, b.confidence)
        elif field.name not in {"metadata", "sources"}:
            assert a == b, field.name


def test_a_stack_comes_back_as_it_was(frames: list[Path], tmp_path: Path) -> None:
    stack = stack_of(frames, border=Border.REFERENCE, pupil_distance_mm=80.0)
    index = np.linspace(0, 1, stack.valid.size, dtype=np.float32).reshape(stack.valid.shape)
    index[0, 0] = np.nan
    stack = dataclasses.replace(stack, depth=DepthIndex(index, 1 - index), reason="because")
    stack.save_folder(tmp_path / "picture.stack")
    again = load_stack(tmp_path / "picture.stack")
    same(stack, again)
    assert [source.path for source in again.sources if source] == frames
    assert again.sources[0] == stack.sources[0]
    found = sorted(entry.name for entry in (tmp_path / "picture.stack").iterdir())
    assert found == ["confidence.tif", "depth.tif", "image.tif", "stack.json", "valid.png"]


def test_arrays_and_floats_can_be_kept(tmp_path: Path) -> None:
    run = Stacker()
    pixels = np.random.default_rng(0).random((40, 50, 3), np.float32)
    run.add(pixels)
    run.finish().save_folder(tmp_path / "a.stack")
    again = load_stack(tmp_path / "a.stack")
    assert again.sources == (None,)
    np.testing.assert_allclose(again.image, pixels, atol=1e-5)
    assert again.image.dtype == np.float32


def test_a_stack_of_one_pixel_can_be_kept(tmp_path: Path) -> None:
    run = Stacker()
    run.add(np.full((1, 1, 3), 100, np.uint8))
    stack = run.finish()
    stack.save_folder(tmp_path / "a.stack")
    again = load_stack(tmp_path / "a.stack")
    assert again.image.tolist() == [[[100, 100, 100]]]
    same(stack, again)


def test_a_folder_that_is_moved_with_its_frames_finds_them(frames: list[Path], tmp_path: Path) -> None:
    stack_of(frames).save_folder(tmp_path / "picture.stack")
    moved = tmp_path / "moved"
    moved.mkdir()
    for entry in [*frames, tmp_path / "picture.stack"]:
        entry.rename(moved / entry.name)
    again = load_stack(moved / "picture.stack")
    assert [source.path for source in again.sources if source] == [moved / path.name for path in frames]


def test_an_older_one_is_replaced_and_nothing_else(frames: list[Path], tmp_path: Path) -> None:
    stack = stack_of(frames)
    target = tmp_path / "picture.stack"
    stack.save_folder(target)
    (target / "extra").write_text("of the older one")
    stack.save_folder(target)
    assert not (target / "extra").exists()
    other = tmp_path / "holiday"
    other.mkdir()
    with pytest.raises(UserError, match="no stack folder"):
        stack.save_folder(other)
    with pytest.raises(UserError, match="cannot be written"):
        stack.save_folder(tmp_path / "missing" / "a.stack")
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".stacker")]


def test_a_full_disk_leaves_the_older_one(frames: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "picture.stack"
    stack_of(frames).save_folder(target)
    before = (target / "stack.json").read_bytes()
    code = (
        "import resource, sys; from pathlib import Path; from stacker import *\n"
        "stack = load_stack(sys.argv[1])\n"
        "sys.dont_write_bytecode = True\n"  # Python 3.11 does not notice that it was cut off
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: stack.save_folder(sys.argv[1])\n"
        "except DataError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(target)], capture_output=True, text=True, timeout=90, check=False
    )
    assert "disk is full" in done.stdout, done.stderr
    assert (target / "stack.json").read_bytes() == before
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".stacker")]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 4096


def edited(folder: Path, **changes: object) -> Path:
    record = folder / "stack.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | changes))
    return folder


def test_what_cannot_be_read_is_said(frames: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "picture.stack"
    with pytest.raises(UserError, match=r"no stack\.json"):
        load_stack(target)
    stack_of(frames).save_folder(target)
    with pytest.raises(DataError, match=r"version 2 .*focusrig 9\.9.*up to 1: update"):
        load_stack(edited(target, version=2, software="focusrig 9.9"))
    with pytest.raises(DataError, match="damaged: noise_sigma"):
        load_stack(edited(target, version=1, noise_sigma="loud"))
    edited(target, noise_sigma=1.0, unknown_of_a_later_minor_change=True)
    assert load_stack(target).noise_sigma == 1.0
    write_image(target / "image.tif", np.zeros((5, 5, 3), np.uint8))
    with pytest.raises(DataError, match="has been changed"):
        load_stack(target)
    (target / "stack.json").write_text("{")
    with pytest.raises(DataError, match="no JSON"):
        load_stack(target)
