"""Results for other programs: whole under their names, beside the frames, opened, with sidecars."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import exiv2
import numpy as np
import pytest
from typer.testing import CliRunner

from stacker import (
    FromFrame,
    Polygon,
    Retouch,
    RetouchBook,
    StackerError,
    UserError,
    book_path,
    load_stack,
    read_frame,
    retouched,
    write_frame_sidecar,
    write_image,
)
from stacker.cli.app import build_app
from stacker.handover import Opener, check_sidecar, name_beside

pytestmark = pytest.mark.timeout(400)  # the first to fuse compiles: half a minute, more on a busy machine

COMMAND = [sys.executable, "-c", "from stacker.cli import main; main()"]


def run(*arguments: str | Path, **keywords: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=360, check=False, **keywords
    )


@dataclass
class Called:
    """What came of a command that was called in this process: starting another takes a second."""

    returncode: int
    stdout: str
    stderr: str


def call(*arguments: str | Path) -> Called:
    result = CliRunner().invoke(build_app(), [str(argument) for argument in arguments])
    if isinstance(result.exception, StackerError):
        return Called(result.exception.exit_code, result.stdout, str(result.exception))
    return Called(result.exit_code, result.stdout, result.stderr)


def make_frames(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    scene = np.random.default_rng(8).integers(20, 230, (80, 120, 3), np.uint8)
    for shift, name in enumerate(names):
        pixels = np.roll(scene, shift, axis=1)
        # The last one is out of focus: nothing of it is in the picture by itself.
        write_image(folder / name, cv2.GaussianBlur(pixels, (3, 3), 0) if shift == 2 else pixels)
    return [folder / name for name in names]


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


class Watcher:
    """Looks at a folder every millisecond, as a catalogue does that imports whatever appears."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.seen, self.first = folder, [], {}  # type: ignore[var-annotated]
        self._done = threading.Event()
        self._known = {entry.name for entry in folder.iterdir()}
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._done.wait(0.001):
            self._look()
        self._look()

    def _look(self) -> None:
        for entry in os.scandir(self.folder):
            if entry.name in self._known or entry.name.startswith("."):
                continue
            self._known.add(entry.name)
            self.seen.append(entry.name)
            if entry.is_file():
                self.first[entry.name] = Path(entry.path).read_bytes()

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._done.set()
        self._thread.join()


def test_a_watched_folder_sees_whole_files_only_and_the_picture_last(tmp_path: Path) -> None:
    frames = make_frames(tmp_path / "photos", "a.tif", "b.tif", "c.tif")
    out = tmp_path / "watched"
    out.mkdir()
    with Watcher(out) as watcher:
        done = run(  # a process of its own, so that it and the watcher do not wait for each other
            "fuse", *frames, "-o", out / "s.tif", "--sidecar", "--slab", "2", "--layers", out / "s.psd", "-q"
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(watcher.seen) == ["s-slab-001.tif", "s-slab-002.tif", "s.psd", "s.tif", "s.xmp"]
    assert watcher.seen[-1] == "s.tif"
    for name, content in watcher.first.items():
        assert content == (out / name).read_bytes(), name  # as it was when it was first seen, it is now
    assert read_frame(out / "s.tif").pixels.shape[2] == 3
    assert b"focusrig:FrameCount" in (out / "s.xmp").read_bytes()


def test_what_is_being_written_is_hidden_and_no_picture_by_its_name(tmp_path: Path) -> None:
    from stacker.io.atomic import replace_atomically

    seen = []

    def fill(temporary: Path) -> None:
        temporary.write_bytes(b"whole")
        seen.extend(names_in(tmp_path))

    replace_atomically(tmp_path / "out.tif", fill)
    assert len(seen) == 1
    assert seen[0].startswith(".")
    assert seen[0].endswith(".part")
    assert names_in(tmp_path) == ["out.tif"]


def test_files_without_an_output_are_stacked_beside_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "my photos"
    frames = make_frames(folder, "b 1.tif", "a 2.TIF", "a 10.tif")
    done = run("fuse", *frames, "--json", stdin=subprocess.DEVNULL, cwd="/")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert json.loads(done.stdout)["output"] == str(folder / "a 2-stack.TIF")
    assert read_frame(folder / "a 2-stack.TIF").pixels.dtype == np.uint8
    # Once more, with all there is selected, and with nowhere to write to.
    shell = " ".join(f"'{word}'" for word in [*COMMAND, "fuse", *map(str, sorted(folder.iterdir()))])
    again = subprocess.run(["sh", "-c", f"{shell} <&- >&- 2>&-"], timeout=360, check=False)
    assert again.returncode == 0
    assert names_in(folder) == ["a 10.tif", "a 2-stack-2.TIF", "a 2-stack.TIF", "a 2.TIF", "b 1.tif"]
    image = exiv2.ImageFactory.open(str(folder / "a 2-stack-2.TIF"))
    image.readMetadata()
    assert image.xmpData()["Xmp.focusrig.FrameCount"].toString() == "3"


def test_a_folder_without_an_output_is_asked_about(tmp_path: Path) -> None:
    make_frames(tmp_path / "photos", "a.tif")
    done = call("fuse", tmp_path / "photos")
    assert done.returncode == 2
    assert "Say -o FILE" in done.stderr
    assert names_in(tmp_path / "photos") == ["a.tif"]


def test_names_beside_the_first_frame(tmp_path: Path) -> None:
    assert name_beside([tmp_path / "f 1.JPG", tmp_path / "g.png"]) == tmp_path / "f 1-stack.JPG"
    assert name_beside([tmp_path / "f.arw"]) == name_beside([tmp_path / "f.DNG"]) == tmp_path / "f-stack.tif"
    (tmp_path / "f-stack.tif").touch()
    assert name_beside([tmp_path / "f.tif"]) == tmp_path / "f-stack-2.tif"
    (tmp_path / "f-stack-2.tif").touch()
    assert name_beside([tmp_path / "f.tif"]) == tmp_path / "f-stack-3.tif"


def photographs() -> list[str]:
    """Pictures that the stacker has not written."""
    folder = Path(__file__).parents[2] / "docs" / "images"
    return sorted(entry.name for entry in folder.iterdir() if entry.suffix in {".jpg", ".png"})


@pytest.fixture
def witness(tmp_path: Path) -> str:
    """A program that writes down its arguments."""
    script = tmp_path / "my witness"
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$0.said"\n')
    script.chmod(0o755)
    return str(script)


def said(witness: str) -> list[str]:
    return Path(f"{witness}.said").read_text().splitlines()


def test_a_command_opens_the_picture_and_no_shell_sees_it(witness: str, tmp_path: Path) -> None:
    picture = tmp_path / "a $(touch x); 'b'.tif"
    opener = Opener.parse(f"'{witness}' --new \"two words\" ';' {{}} --file={{}}")
    assert opener.open(picture, grace_s=100) is None
    assert said(witness) == ["--new", "two words", ";", str(picture), f"--file={picture}"]
    assert Opener.parse(f"'{witness}' -x").open(picture, grace_s=100) is None
    assert said(witness) == ["-x", str(picture)]
    assert names_in(tmp_path) == ["my witness", "my witness.said"]


@pytest.mark.parametrize(
    ("command", "match"),
    [("gimp 'a", "cannot be read"), ("  ", "is empty"), ("no-such-program {}", "no program no-such-program")],
)
def test_a_command_that_cannot_be_run_is_refused_before_the_work(command: str, match: str) -> None:
    with pytest.raises(UserError, match=match):
        Opener.parse(command)


def test_a_command_that_fails_is_told_and_the_picture_stays(tmp_path: Path) -> None:
    failing = Opener.parse("sh -c 'echo no display >&2; exit 3' {}")
    assert failing.open(tmp_path / "a.tif", grace_s=100) == "sh ended with exit code 3: no display"
    frames = make_frames(tmp_path / "photos", "a.tif", "b.tif")
    settings = tmp_path / "stacker.toml"
    settings.write_text('open_with = "sh -c \\"exit 3\\" {}"\n')
    done = run("fuse", *frames, "--json", env={**os.environ, "STACKER_CONFIG": str(settings)})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["not_opened"] == "sh ended with exit code 3"
    assert "is written, but could not be opened: sh ended with exit code 3" in done.stderr
    assert (tmp_path / "photos" / "a-stack.tif").is_file()


def test_a_sidecar_replaces_only_an_older_one_of_a_stack(tmp_path: Path) -> None:
    picture, sidecar = tmp_path / "out.tif", tmp_path / "out.xmp"
    check_sidecar(picture, [])
    write_frame_sidecar(sidecar, {"Software": "focusrig 0", "FrameCount": 2, "FramesUsed": 2})
    check_sidecar(picture, [])
    with pytest.raises(UserError, match=r"sidecar of out\.arw belongs"):
        check_sidecar(picture, [tmp_path / "out.arw"])
    write_frame_sidecar(sidecar, {"Software": "focusrig 0", "FrameNumber": 1, "RailPositionMm": 2.5})
    with pytest.raises(UserError, match="not of a stack"):
        check_sidecar(picture, [])
    sidecar.write_text("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    with pytest.raises(UserError, match="not of a stack"):
        check_sidecar(picture, [])


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with frames and their stack folder."""
    home = tmp_path_factory.mktemp("kept")
    frames = make_frames(home / "photos", "a.tif", "b.tif", "c.tif")
    done = call("fuse", *frames, "-o", home / "s.tif", "--keep", "--method", "depthmap", "-q")
    assert done.returncode == 0, done.stderr
    return home


def commands(stack: Path, out: Path) -> dict[str, list[str | Path]]:
    return {
        "layers": ["layers", stack, "-o", out / "l.psd"],
        "frames": ["frames", stack, "-o", out / "registered"],
        "suspects": ["suspects", stack, "-o", out / "s.png"],
        "retouch": ["retouch", stack, "--frame", "2", "--region", "10,10 50,10 50,50", "-o", out / "r.tif"],
    }


@pytest.mark.parametrize("name", ["layers", "frames", "suspects", "retouch"])
def test_a_stack_folder_goes_with_its_frames_and_finds_them_elsewhere(
    kept: Path, tmp_path: Path, name: str
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(kept, moved)
    stack = load_stack(moved / "s.stack")
    assert {source.path.parent for source in stack.sources if source} == {moved / "photos"}
    (moved / "photos").rename(tmp_path / "elsewhere")
    # The record knows where the frames were at first, too; those are not these.
    record = moved / "s.stack" / "stack.json"
    record.write_text(record.read_text().replace(str(kept), str(tmp_path / "gone")))
    out = tmp_path / "out"
    out.mkdir()
    lost = call(*commands(moved / "s.stack", out)[name])
    assert lost.returncode == 4
    assert "is not there any more" in lost.stderr
    assert "--frames" in lost.stderr
    assert names_in(out) == []
    found = call(*commands(moved / "s.stack", out)[name], "--frames", tmp_path / "elsewhere")
    assert found.returncode == 0, found.stderr
    assert names_in(out) != []


@pytest.mark.parametrize("name", ["layers", "frames", "suspects", "retouch"])
def test_a_frame_that_has_changed_is_named_with_exit_code_4(kept: Path, tmp_path: Path, name: str) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(kept, moved)
    write_image(moved / "photos" / "b.tif", np.zeros((80, 120, 3), np.uint8))
    done = call(*commands(moved / "s.stack", tmp_path)[name])
    assert done.returncode == 4
    assert str(moved / "photos" / "b.tif") in done.stderr
    assert "changed" in done.stderr
    assert names_in(tmp_path) == ["moved"]
    refused = call(*commands(moved / "s.stack", tmp_path)[name], "--frames", tmp_path / "nowhere")
    assert refused.returncode == 2


def test_what_becomes_of_colours_is_in_the_report_of_frames(kept: Path, tmp_path: Path) -> None:
    asked = ("frames", kept / "s.stack", "-o", tmp_path / "registered", "--colour-space", "p3")
    done = call(*asked, "--json")
    assert done.returncode == 0, done.stderr
    (note,) = json.loads(done.stdout)["notes"]
    assert "sRGB" in note  # the frames have no profile
    assert done.stderr == ""


def test_layers_show_the_retouched_picture(kept: Path, tmp_path: Path) -> None:
    import psd_tools

    stack = load_stack(kept / "s.stack")
    folder = tmp_path / "s.stack"
    stack.save_folder(folder)
    region = Polygon(points_px=((10, 10), (90, 10), (90, 60), (10, 60)))
    book = RetouchBook().added(Retouch(region=region, source=FromFrame(name="c.tif"), feather_px=0))
    book.save(book_path(folder))
    repaired, count = retouched(load_stack(folder), folder)
    assert count == 1
    assert np.abs(repaired.image.astype(int) - stack.image).max() > 0
    done = call("layers", folder, "-o", tmp_path / "l.psd", "-q")
    assert done.returncode == 0, done.stderr
    document = psd_tools.PSDImage.open(tmp_path / "l.psd")
    top = list(document)[-1]
    assert top.name.endswith(", 1 retouch")
    assert top.visible
    np.testing.assert_array_equal(np.asarray(top.topil().convert("RGB")), repaired.image)
    np.testing.assert_array_equal(np.asarray(document.topil().convert("RGB")), repaired.image)
    plain = call("layers", folder, "-o", tmp_path / "p.psd", "--no-retouches", "-q")
    assert plain.returncode == 0, plain.stderr
    top = list(psd_tools.PSDImage.open(tmp_path / "p.psd"))[-1]
    assert not top.visible
    np.testing.assert_array_equal(np.asarray(top.topil().convert("RGB")), stack.image)
