"""``stacker`` from outside: what it prints, what it leaves on the disk, what it exits with."""

from __future__ import annotations

import json
import os
import pty
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from stacker import Border, Method, MotionModel, Order, Saving, load_stack, read_frame, write_image

COMMAND = [sys.executable, "-c", "from stacker.cli import main; main()"]


def run(*arguments: str | Path, **keywords: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=90, check=False, **keywords
    )


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    folder = tmp_path / "frames"
    folder.mkdir()
    rng = np.random.default_rng(8)
    scene = rng.integers(20, 230, (80, 120, 3), np.uint8)
    for number in (1, 2, 10):
        write_image(folder / f"f{number}.jpg", np.roll(scene, number, axis=1), saving=Saving(quality=98))
    (folder / "notes.txt").write_text("not a frame")
    return folder


def leftovers(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir() if entry.name != "frames"]


def test_a_folder_becomes_a_picture(frames: Path, tmp_path: Path) -> None:
    done = run("fuse", frames, "-o", tmp_path / "out.tif")
    assert done.returncode == 0, done.stderr
    assert "3 frames" in done.stdout
    assert read_frame(tmp_path / "out.tif").pixels.dtype == np.uint8
    again = run(
        "fuse", frames, "-o", tmp_path / "out.tif", "--bit-depth", "16", "--border", "reference", "-q"
    )
    assert again.returncode == 0, again.stderr
    assert again.stdout == ""
    assert tifffile.imread(tmp_path / "out.tif").shape == (80, 120, 3)
    assert read_frame(tmp_path / "out.tif").pixels.dtype == np.uint16
    assert leftovers(tmp_path) == ["out.tif"]


def test_the_report_for_machines(frames: Path, tmp_path: Path) -> None:
    saved = [
        {"event": "frame_saved", "position_mm": 0.5 * at, "files": [{"file": f"frames/f{number}.jpg"}]}
        for at, number in enumerate((1, 2, 10))
    ]
    (tmp_path / "journal.jsonl").write_text("\n".join(map(json.dumps, saved)))
    done = run("fuse", frames, "-o", tmp_path / "out.png", "--json", "--reference", "first")
    report = json.loads(done.stdout)
    assert report["frames"] == 3
    assert [entry["name"] for entry in report["reports"]] == ["f1.jpg", "f2.jpg", "f10.jpg"]
    assert report["reports"][0]["scale"] == 1.0
    assert report["reports"][2]["shift_px"] == pytest.approx([-9, 0], abs=0.3)
    assert sum(entry["share"] for entry in report["reports"]) == pytest.approx(1)
    assert report["positions"] == {"source": "the journal of the session", "mm": [0.0, 0.5, 1.0]}


def test_a_result_in_the_folder_of_the_frames_is_not_a_frame(frames: Path) -> None:
    for _ in range(2):
        done = run("fuse", frames, "-o", frames / "out.tif", "--json")
        assert json.loads(done.stdout)["frames"] == 3
    (frames / "out.tif").unlink()
    cv2.imwrite(str(frames / "f2.jpg"), np.zeros((80, 120, 3), np.uint8))  # a photograph, by no means ours
    before = (frames / "f2.jpg").read_bytes()
    for arguments in (
        ("-o", frames / "f2.jpg"),
        ("-o", frames / "o.tif", "--save-transforms", frames / "f2.jpg"),
    ):
        over = run("fuse", frames, *arguments)
        assert over.returncode == 2
        assert "f2.jpg is one of the frames" in over.stderr
        assert (frames / "f2.jpg").read_bytes() == before


def test_simulated_frames_are_called_so(frames: Path, tmp_path: Path) -> None:
    import exiv2

    image = exiv2.ImageFactory.open(str(frames / "f2.jpg"))
    image.readMetadata()
    image.exifData()["Exif.Image.Make"] = "SIMULATED Canon"
    image.writeMetadata()
    done = run("fuse", frames, "-o", tmp_path / "out.jpg")
    assert "SIMULATED" in done.stdout


def test_one_frame_is_said(frames: Path, tmp_path: Path) -> None:
    done = run("fuse", frames / "f1.jpg", "-o", tmp_path / "out.png")
    assert done.returncode == 0
    assert "one frame only" in done.stderr


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("fuse", tmp_path / "empty", "-o", tmp_path / "out.tif")
    assert done.returncode == 2
    assert "No frames in" in done.stderr
    assert str(tmp_path / "empty") in done.stderr


def test_frames_of_two_sizes(frames: Path, tmp_path: Path) -> None:
    write_image(frames / "f11.jpg", np.zeros((60, 120, 3), np.uint8))
    done = run("fuse", frames, "-o", tmp_path / "out.tif")
    assert done.returncode == 2
    assert "f11.jpg cannot be stacked: it is 120 × 60 px, and f" in done.stderr
    assert "is 120 × 80 px" in done.stderr
    assert leftovers(tmp_path) == []
    skipping = run("fuse", frames, "-o", tmp_path / "out.tif", "--skip-bad")
    assert skipping.returncode == 0
    assert "skipped f11.jpg: it is 120 × 60 px" in skipping.stderr


def test_a_truncated_frame_is_named_and_skipped_only_on_request(frames: Path, tmp_path: Path) -> None:
    bad = frames / "f2.jpg"
    bad.write_bytes(bad.read_bytes()[:-500])
    done = run("fuse", frames, "-o", tmp_path / "out.tif")
    assert done.returncode == 4
    assert "f2.jpg" in done.stderr
    assert "Traceback" not in done.stderr
    assert leftovers(tmp_path) == []
    done = run("fuse", frames, "-o", tmp_path / "out.tif", "--skip-bad")
    assert done.returncode == 0
    assert "skipped f2.jpg" in done.stderr
    assert "2 frames" in done.stdout


@pytest.mark.parametrize("name", ["missing/out.tif", "out.gif", "."])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    frames: Path, tmp_path: Path, name: str
) -> None:
    (frames / "f2.jpg").write_bytes(b"would be an error of data")
    done = run("fuse", frames, "-o", tmp_path / name)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(frames: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    done = run("fuse", frames, "-o", closed / "out.tif")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def fill_disk(most_bytes: int) -> None:
    """Let a process that is about to begin write no larger files."""
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # Python 3.11 does not notice that bytecode was cut off
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
def test_a_full_disk(frames: Path, tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"out{suffix}"
    output.write_bytes(b"the old picture")
    done = run("fuse", frames, "-o", output, preexec_fn=lambda: fill_disk(4096))
    assert done.returncode == 4, done.stderr
    assert f"{output} could not be written: the disk is full" in done.stderr
    assert output.read_bytes() == b"the old picture"
    assert leftovers(tmp_path) == [output.name]


def test_a_disk_that_is_full_before_the_stack_folder_is_written(frames: Path, tmp_path: Path) -> None:
    wanted = "--quality", 10, "--keep", "--save-transforms", tmp_path / "t.json"
    done = run("fuse", frames, "-o", tmp_path / "out.jpg", *wanted, preexec_fn=lambda: fill_disk(25_000))
    assert done.returncode == 4, done.stderr
    assert "out.stack/image.tif could not be written: the disk is full" in done.stderr
    assert leftovers(tmp_path) == []


WRONG = [
    ["--reference", "9"],
    ["--reference", "nearest"],
    ["--bit-depth", "12"],
    ["--quality", "0"],
    ["--unknown"],
    ["--overlap", "3"],
    ["--slab", "3", "--overlap", "3"],
    ["--positions", "3"],
    ["--positions", "missing.csv"],
    ["--pupil-distance", "84mm"],
    ["--pupil-distance", "84", "--positions", "1mm"],
    ["--method", "magic"],
    ["--opaque-foreground"],
    ["--opaque-foreground", "--order", "near-first", "--method", "weighted"],
    ["--opaque-foreground", "--order", "far-first", "--positions", "1mm"],
]


def test_wrong_options(frames: Path, tmp_path: Path) -> None:
    """All in one process: what it costs is starting it."""
    code = """
import json, sys
common, table = json.loads(sys.argv[1]), json.loads(sys.argv[2])
from stacker.cli import main
for extra in table:
    sys.argv = ["stacker", *common, *extra]
    try:
        main()
    except SystemExit as end:
        print(end.code, flush=True)
"""
    common = ["fuse", str(frames), "-o", str(tmp_path / "out.tif")]
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(common), json.dumps(WRONG)],
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["2"] * len(WRONG), done.stderr
    assert "Traceback" not in done.stderr
    assert leftovers(tmp_path) == []


def test_sixteen_bits_do_not_fit_in_a_jpeg_and_a_frame_is_no_output(frames: Path, tmp_path: Path) -> None:
    assert run("fuse", frames, "-o", tmp_path / "out.jpg", "--bit-depth", "16").returncode == 2
    before = (frames / "f1.jpg").read_bytes()
    done = run("fuse", frames / "f1.jpg", frames / "f2.jpg", "-o", frames / "f1.jpg")
    assert done.returncode == 2
    assert "is one of the frames" in done.stderr
    assert (frames / "f1.jpg").read_bytes() == before


def test_all_that_is_asked_for_is_written(frames: Path, tmp_path: Path) -> None:
    done = run(
        "fuse", frames, "-o", tmp_path / "out.tif", "--keep", "--slab", "2", "--overlap", "1", "--json",
        "--border", "common", "--positions", "50um", "--pupil-distance", "1m", "--bit-depth", "32",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert sorted(leftovers(tmp_path)) == ["out-slab-001.tif", "out-slab-002.tif", "out.stack", "out.tif"]
    assert report["slabs"] == [str(tmp_path / f"out-slab-00{number}.tif") for number in (1, 2)]
    kept = load_stack(tmp_path / "out.stack")
    assert [source.path.name for source in kept.sources if source] == ["f1.jpg", "f2.jpg", "f10.jpg"]
    assert kept.options.border is Border.COMMON
    assert kept.options.pupil_distance_mm == 1000
    assert read_frame(tmp_path / "out.tif").pixels.dtype == np.float32
    shapes = {read_frame(tmp_path / name).pixels.shape for name in ("out.tif", "out-slab-002.tif")}
    assert shapes == {kept.image.shape}


def test_the_choices_of_the_command_are_those_of_the_engine() -> None:
    from stacker.cli import fuse
    from stacker.cli.registration_options import RegistrationModel

    assert {choice.value for choice in fuse._Method} == {choice.value for choice in Method}
    assert {choice.value for choice in RegistrationModel} == {choice.value for choice in MotionModel}
    assert {choice.value for choice in fuse._Order} == {choice.value for choice in Order}
    assert {choice.value for choice in fuse._Border} == {choice.value for choice in Border}


def test_a_folder_of_another_kind_is_not_replaced(frames: Path, tmp_path: Path) -> None:
    (tmp_path / "out.stack").mkdir()
    done = run("fuse", frames, "-o", tmp_path / "out.tif", "--keep")
    assert done.returncode == 2
    assert "no stack folder" in done.stderr
    assert leftovers(tmp_path) == ["out.stack"]


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    big = np.random.default_rng(1).integers(0, 255, (1500, 2000, 3), np.uint8)
    write_image(folder / "f0.jpg", big)
    for number in range(1, 60):
        (folder / f"f{number}.jpg").hardlink_to(folder / "f0.jpg")
    ours, theirs = pty.openpty()  # on a terminal it tells when the work has begun
    command = [*COMMAND, "fuse", str(folder), "-o", str(tmp_path / "out.tif")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while b"2/60" not in seen:
            seen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        seen += rest_of(ours)
        assert process.wait(60) == 130
    os.close(ours)
    assert b"interrupted, nothing written" in seen
    assert b"Traceback" not in seen
    assert leftovers(tmp_path) == []


def test_ctrl_c_while_it_starts_is_told_too(frames: Path, tmp_path: Path) -> None:
    """Wherever it hits: while modules load, or while what is asked for is read."""
    program = """
import builtins, os, signal, sys
load, before = builtins.__import__, sys.argv.pop(1)
def import_but(name, *rest, **named):
    if name.startswith(before):
        os.kill(os.getpid(), signal.SIGINT)
    return load(name, *rest, **named)
builtins.__import__ = import_but
from stacker.cli import main
main()
"""
    for before in ("typer", "stacker.batch"):
        command = [sys.executable, "-c", program, before, "fuse", frames, "-o", tmp_path / "out.tif"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 130
        assert done.stderr == "stacker: interrupted, nothing written\n"


def rest_of(terminal: int) -> bytes:
    seen = b""
    try:
        while chunk := os.read(terminal, 4096):
            seen += chunk
    except OSError:  # Linux says that the other end is closed this way
        pass
    return seen


def test_progress_is_shown_on_a_terminal_only(frames: Path, tmp_path: Path) -> None:
    def errors_of(terminal: bool) -> str:
        arguments = [*COMMAND, "fuse", str(frames), "-o", str(tmp_path / "out.png")]
        if not terminal:
            return subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=90).stderr
        ours, theirs = pty.openpty()
        with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=theirs) as process:
            os.close(theirs)
            seen = rest_of(ours)
            assert process.wait(60) == 0
        os.close(ours)
        return seen.decode(errors="replace")

    assert errors_of(terminal=False) == ""
    assert "3/3" in errors_of(terminal=True)


def test_version_and_help_are_quick() -> None:
    assert "focusrig" in run("--version").stdout
    started = time.process_time()
    shown = run("--help")
    assert shown.returncode == 0
    assert "fuse" in shown.stdout
    loaded = run_python(
        "import sys; from stacker.cli.app import build_app; build_app(); print('cv2' in sys.modules)"
    )
    assert loaded == "False"
    assert time.process_time() - started < 5


def run_python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


def test_layers_are_written_by_fuse_and_from_a_stack_folder(frames: Path, tmp_path: Path) -> None:
    done = run(
        "fuse", frames, "-o", tmp_path / "out.tif", "--keep", "--layers", tmp_path / "out.psd", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["layers"] == str(tmp_path / "out.psd")
    again = run("layers", tmp_path / "out.stack", "-o", tmp_path / "out.ora", "--json", "--keep-unused")
    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout)
    assert [name[:3] for name in told["layers"]] == ["001", "002", "003", "fus"]
    assert told["size_bytes"] == (tmp_path / "out.ora").stat().st_size
    (frames / "f2.jpg").write_bytes((frames / "f1.jpg").read_bytes())
    changed = run("layers", tmp_path / "out.stack", "-o", tmp_path / "no.psd")
    assert changed.returncode == 4
    assert "f2.jpg has changed since the stack was made" in changed.stderr
    refused = run("fuse", frames, "-o", tmp_path / "no.tif", "--layers", tmp_path / "no.xcf")
    assert refused.returncode == 2
    assert not (tmp_path / "no.tif").exists()


def test_nothing_is_written_over_a_frame_or_over_another_file_of_the_same_run(
    frames: Path, tmp_path: Path
) -> None:
    for number, path in enumerate(sorted(frames.glob("*.jpg")), start=1):
        path.rename(frames / f"out-slab-00{number}.jpg")
    slabs = sorted(frames.glob("*.jpg"))
    before = [path.read_bytes() for path in slabs]
    out = tmp_path / "out.tif"
    for wanted, said in (
        ((*slabs, "-o", frames / "out.jpg", "--slab", "2"), "out-slab-001.jpg is one of the frames"),
        ((frames, "-o", out, "--save-transforms", out), "out.tif is the picture already"),
        ((frames, "-o", out, "--save-transforms", frames), "is a folder; name a file in it"),
        ((frames, "-o", tmp_path / ("n" * 250 + ".tif"), "--keep"), "File name too long"),
    ):
        done = run("fuse", *wanted)
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
    assert [path.read_bytes() for path in slabs] == before
    assert leftovers(tmp_path) == []


def test_names_as_long_as_they_may_be_and_the_folder_that_one_is_in(frames: Path, tmp_path: Path) -> None:
    longest = frames / ("n" * 251 + ".jpg")  # its sidecar would have a name that no file can have
    (frames / "f1.jpg").rename(longest)
    done = run("fuse", frames, "-o", tmp_path / "out.tif", "--keep", "-q")
    assert done.returncode == 0, done.stderr
    beside = run("fuse", longest)
    assert beside.returncode == 2
    assert "File name too long" in beside.stderr
    page = run("report", ".", cwd=tmp_path / "out.stack")
    assert page.returncode == 0, page.stderr
    assert (tmp_path / "out.html").is_file()


def test_what_fails_last_leaves_all_as_it_was(frames: Path, tmp_path: Path) -> None:
    """The layered file, which comes after the picture, its slabs and the stack folder, has no room."""
    out, folder = tmp_path / "out.tif", tmp_path / "out.stack"
    wanted = "fuse", frames, "-o", out, "--keep", "-q"
    assert run(*wanted).returncode == 0
    before = {path: path.stat().st_ino for path in (out, folder, folder / "stack.json")}
    more = "--layers", tmp_path / "out.psd", "--sidecar", "--slab", "2"
    done = run(
        *wanted, *more, "--save-transforms", tmp_path / "t.json", preexec_fn=lambda: fill_disk(150_000)
    )
    assert done.returncode == 4, done.stderr
    assert f"{tmp_path / 'out.psd'} could not be written: the disk is full" in done.stderr
    assert {path: path.stat().st_ino for path in before} == before
    assert sorted(leftovers(tmp_path)) == ["out.stack", "out.tif"]


def test_a_program_that_is_told_to_end_takes_away_what_is_half_done(frames: Path, tmp_path: Path) -> None:
    """SIGTERM while the picture is written; kill, shutdown and service managers end programs by it."""
    code = (
        "import os, signal\n"
        "from stacker.io import atomic\n"
        "atomic.sync = lambda path: os.kill(os.getpid(), signal.SIGTERM)\n"
        "from stacker.cli import main; main()"
    )
    command = [sys.executable, "-c", code, "fuse", frames, "-o", tmp_path / "out.tif", "--keep"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert "Traceback" not in done.stderr
    assert leftovers(tmp_path) == []
