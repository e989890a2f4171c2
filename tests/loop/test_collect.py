"""`rig watch`: stacks that another program shoots, grouped by time or number, kept and stacked."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from dropping import Dropper, dng, jpeg

pytestmark = pytest.mark.timeout(100)


def _dropper(workshop: Any) -> Dropper:
    for name in ("watched", "scratch"):
        (workshop.folder / name).mkdir()
    return Dropper(workshop.folder / "watched", workshop.folder / "scratch")


def _saved(session: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (session / "journal.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == "frame_saved"]


def test_stacks_are_told_apart_by_their_times(workshop: Any) -> None:
    """Two bracketing runs, copied over at once: EXIF tells them apart. An old picture and a broken one."""
    dropper = _dropper(workshop)
    (workshop.folder / "watched" / "DSC00001.JPG").write_bytes(jpeg())
    noon = 1.7e9
    data = {f"DSC{n:05d}.JPG": jpeg(n, taken=noon + n * 0.5 + (60 if n > 4 else 0)) for n in range(2, 8)}
    run = workshop.start(
        "rig", "watch", "watched", "--gap", "2s", "--stacks", "2", "--no-stack", "--name", "bug", "--json"
    )
    assert run.stdout is not None
    assert "1 in it already are left alone" in json.loads(run.stdout.readline())["message"]
    for name, picture in data.items():
        dropper.write(name, picture, pieces=2, pause=0.02)
    dropper.write("DSC00008.JPG", jpeg(9), share=0.5).go()
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, (out, err)
    dropper.done()
    assert "left out: DSC00008.JPG: the JPEG ends before its end marker" in out
    sessions = sorted((workshop.folder / "sessions").iterdir())
    assert [[Path(e["camera_names"][0]).stem[-1] for e in _saved(s)] for s in sessions] == [
        ["2", "3", "4"], ["5", "6", "7"],
    ]  # fmt: skip
    for session in sessions:
        for entry in _saved(session):
            (file,) = entry["files"]
            copied = (session / file["file"]).read_bytes()
            assert copied == data[entry["camera_names"][0]]
            assert hashlib.sha256(copied).hexdigest() == file["sha256"]
    refused = workshop.run("rig", "resume", sessions[0])
    assert refused.code == 2, refused
    assert "collected by rig watch" in refused.err


def test_stacks_by_number_of_pairs_and_what_came_before_ctrl_c(workshop: Any) -> None:
    import signal

    dropper = _dropper(workshop)
    run = workshop.start(
        "rig", "watch", "watched", "--count", "2", "--pairs", "--no-stack", "--json", "--name", "pair"
    )
    assert run.stdout is not None
    run.stdout.readline()
    for n in range(1, 4):
        dropper.write(f"A{n}.CR2", dng(n), pieces=2, pause=0.05).write(f"A{n}.JPG", jpeg(n)).sleep(0.1)
    dropper.go()
    dropper.done()
    deadline = time.monotonic() + 40
    journals: list[Path] = []
    while time.monotonic() < deadline and sum(len(_saved(j.parent)) for j in journals) < 3:
        time.sleep(0.1)
        journals = list((workshop.folder / "sessions").glob("*/journal.jsonl"))
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=30)
    assert run.returncode == 0, (out, err)
    first, second = sorted((workshop.folder / "sessions").iterdir())
    assert [e["camera_names"] for e in _saved(first)] == [["A1.JPG", "A1.CR2"], ["A2.JPG", "A2.CR2"]]
    assert [e["camera_names"] for e in _saved(second)] == [["A3.JPG", "A3.CR2"]]
    assert [path.name for path in sorted((first / "frames").glob("*.xmp"))] == [
        "pair_0001.xmp",
        "pair_0002.xmp",
    ]
    assert json.loads((second / "journal.jsonl").read_text().splitlines()[-1])["reason"] == "stopped"


def test_a_watched_stack_is_stacked(workshop: Any) -> None:
    """Three frames, each sharp in another third; they are there already."""
    watched = workshop.folder / "watched"
    watched.mkdir()
    sharp = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 255, (200, 300, 3), np.uint8), (0, 0), 1.2)
    soft = cv2.GaussianBlur(sharp, (0, 0), 3)
    for third in range(3):
        frame = soft.copy()
        frame[:, third * 100 : third * 100 + 100] = sharp[:, third * 100 : third * 100 + 100]
        cv2.imwrite(str(watched / f"f{third}.jpg"), frame)
    done = workshop.run(
        "rig", "watch", "watched", "--existing", "--count", "3", "--stacks", "1", "--folder", "found"
    )
    assert done.code == 0, done
    assert "a stack of 3 frames" in done.err
    (session,) = (workshop.folder / "found").iterdir()
    assert Path(done.out.strip()) == Path("found") / session.name / "stack.tif"
    stacked = cv2.imread(str(session / "stack.tif"))
    assert cv2.Laplacian(stacked, cv2.CV_64F).std() > 0.8 * cv2.Laplacian(sharp, cv2.CV_64F).std()
