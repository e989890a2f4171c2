"""Likely wrong picks: found where the picture is like no frame, and not where it is right."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from stacker import DataError, Method, Options, Stack, UserError, find_suspects, fuse_files, write_image
from stacker.cli.app import build_app
from stacker.outputs.suspects import overlay

COMMAND = [sys.executable, "-c", "from stacker.cli import main; main()"]


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """Two frames, each sharp in one half."""
    rng = np.random.default_rng(9)
    coarse = cv2.GaussianBlur(rng.standard_normal((160, 240, 3)).astype(np.float32), (0, 0), 4)
    soft = 110 + coarse * (25 / coarse.std())
    scene = soft + 25 * rng.standard_normal(soft.shape)
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, columns in enumerate((slice(0, 120), slice(120, 240))):
        frame = soft.copy()
        frame[:, columns] = scene[:, columns]
        write_image(folder / f"f{number + 1}.tif", np.clip(frame, 0, 255).astype(np.uint8))
    return fuse_files(sorted(folder.glob("*.tif")), Options(method=Method.DEPTHMAP), reference=0).stack


def spoilt(stack: Stack, rows: slice, columns: slice) -> Stack:
    """The same with a place in its picture that no frame has."""
    image = stack.image.copy()
    image[rows, columns] = np.clip(image[rows, columns].astype(int) + 40, 0, 255)
    return dataclasses.replace(stack, image=image)


def test_a_place_like_no_frame_is_found_framed_and_named(stack: Stack) -> None:
    before = find_suspects(stack)
    found = find_suspects(spoilt(stack, slice(60, 90), slice(30, 50)))
    worst = found.places[0]
    x, y, width, height = worst.box
    assert abs(x - 30) <= 12
    assert abs(y - 60) <= 12
    assert abs(width - 20) <= 20
    assert abs(height - 30) <= 20
    assert worst.reason.startswith("mixed")
    assert 25 < worst.score < 90
    assert worst.frames == ("f1.tif",)
    assert not any(30 < box[0] + box[2] / 2 < 50 and 60 < box[1] + box[3] / 2 < 90 for box in boxes(before))


def boxes(found: object) -> list[tuple[int, int, int, int]]:
    return [place.box for place in found.places]


def test_a_place_from_the_wrong_frame_is_where_methods_disagree(stack: Stack) -> None:
    image, blurred = stack.image.copy(), fuse_files([stack.sources[1].path]).stack.image
    y, x = (-value for value in stack.origin_px[::-1])
    image[y + 60 : y + 90, x + 30 : x + 60] = blurred[60:90, 30:60]
    found = find_suspects(dataclasses.replace(stack, image=image))
    worst = found.places[0]
    assert worst.reason == "methods disagree: f1.tif is sharp here"
    assert abs(worst.box[0] - 30) <= 8
    assert abs(worst.box[1] - 60) <= 8


def test_where_detail_was_lost_the_frame_that_has_it_is_named(stack: Stack) -> None:
    image, blurred = stack.image.copy(), fuse_files([stack.sources[1].path]).stack.image
    y, x = (-value for value in stack.origin_px[::-1])
    like_none = np.clip(blurred[60:90, 30:60].astype(int) + 20, 0, 255)
    image[y + 60 : y + 90, x + 30 : x + 60] = like_none
    worst = find_suspects(dataclasses.replace(stack, image=image)).places[0]
    assert worst.reason == "lost: f1.tif has detail that the picture has not"
    assert worst.score == pytest.approx(20, abs=6)


def test_what_is_like_no_frame_nearly_everywhere_stands_out_nowhere(stack: Stack, tmp_path: Path) -> None:
    wrong = stack
    for x in range(0, 240, 40):
        for y in range(0, 160, 40):
            wrong = spoilt(wrong, slice(y + 4, y + 34), slice(x + 4, x + 34))
    assert not find_suspects(wrong).places
    wrong.save_folder(tmp_path / "wrong.stack")
    done = CliRunner().invoke(build_app(), ["suspects", str(tmp_path / "wrong.stack")])
    assert done.stdout.strip().endswith("wrong.stack: nothing stands out")


def test_the_rim_and_what_is_right_are_no_suspects(stack: Stack) -> None:
    found = find_suspects(stack)
    share = float((found.score > found.threshold).mean())
    assert share <= 0.03
    assert all(x >= 3 and y >= 3 for x, y, _, _ in boxes(found))


def test_only_so_many_are_told_and_the_overlay_marks_them(stack: Stack) -> None:
    wrong = stack
    for at in (30, 60, 90):
        wrong = spoilt(wrong, slice(40, 60), slice(at, at + 12))
    found = find_suspects(wrong, limit=2)
    assert len(found.places) == 2
    assert found.more >= 1
    shown = overlay(wrong, found)
    assert shown.shape == stack.image.shape
    assert (shown[45:55, 33:38] == (255, 120, 0)).all(axis=2).mean() > 0.8
    assert not (shown[100:] == (255, 120, 0)).all(axis=2).any()


def test_without_depth_or_frames_nothing_can_be_told(stack: Stack) -> None:
    with pytest.raises(UserError, match="does not tell which frame is sharp"):
        find_suspects(dataclasses.replace(stack, depth=None))
    stack.sources[0].path.unlink()
    with pytest.raises(DataError, match="is not there any more"):
        find_suspects(stack)


def test_the_command_lists_and_draws(stack: Stack, tmp_path: Path) -> None:
    spoilt(stack, slice(60, 90), slice(30, 50)).save_folder(tmp_path / "a.stack")
    picture = tmp_path / "suspects.png"

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        asked = [*COMMAND, "suspects", str(tmp_path / "a.stack"), *more]
        return subprocess.run(asked, capture_output=True, text=True, timeout=110, check=False)

    done = run("-o", str(picture), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["suspects"][0]["frames"] == ["f1.tif"]
    assert cv2.imread(str(picture)).shape == stack.image.shape
    words = run("--limit", "1")
    assert words.stdout.startswith("1. ")
    assert "mixed: like none of the frames" in words.stdout
