"""An exposure bracket at every position: killed in the middle of one, resumed, each exposure a stack."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rig.cameras.frame_exif import read_exif


def test_a_bracketed_run_killed_within_a_position_goes_on_there(workshop: Any) -> None:
    config = workshop.config(extra="depth = '8 mm'")
    shoot = ["rig", "shoot", "--start", "0", "--end", "4mm", "--frames", "3", "--brackets=-1,0,1"]
    shoot.append("--accept-clipping")
    run = workshop.start(*shoot, "--config", config)
    fired_of_second_position(workshop)
    run.kill()
    run.communicate()
    again = workshop.run("rig", "resume", workshop.session(), "--json")
    assert again.code == 0, again

    saved = {e["index"]: e for e in workshop.journal() if e["event"] == "frame_saved"}
    assert sorted(saved) == list(range(9))
    assert [saved[i]["frame"] for i in range(9)] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [saved[i]["shot_name"] for i in range(3)] == ["ev-1", "ev0", "ev+1"]
    session = workshop.session()
    for entry in saved.values():
        path = session / entry["files"][0]["file"]
        shutter_s = read_exif(path.read_bytes()).shutter_s
        assert shutter_s is not None
        assert abs(np.log2(shutter_s / 0.125) - {"ev-1": -1, "ev0": 0, "ev+1": 1}[entry["shot_name"]]) < 0.1
        assert path.parent.name == {"ev0": "frames"}.get(entry["shot_name"], f"frames_{entry['shot_name']}")

    events = {e["event"]: e for e in again.lines}
    (plan,) = (e["plan"] for e in workshop.journal() if e["event"] == "session_started")
    change_s = [e["change_s"] for e in workshop.journal() if e["event"] == "shutter_changes_measured"][-1]
    assert change_s > 0
    assert events["run_started"]["predicted_s"] == pytest.approx(plan["duration_s"] + 9 * change_s)
    assert events["stack_ready"]["frames"] == 3, "only the base exposure is stacked"
    told = [e["message"] for e in again.lines if "--use-transforms" in e.get("message", "")]
    assert len(told) == 2
    command = next(t for t in told if "ev+1" in t).split(": ", 1)[1].split()
    fused = workshop.run(*command)
    assert fused.code == 0, fused
    stacks = [cv2.imread(str(workshop.folder / f)) for f in (events["stack_ready"]["file"], command[4])]
    assert stacks[0].shape == stacks[1].shape
    assert stacks[1].mean() > 1.2 * stacks[0].mean()


def fired_of_second_position(workshop: Any) -> None:
    """Wait until the first of the second position's three shots is on disk, and not yet the last."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for journal in (workshop.folder / "sessions").glob("*/journal.jsonl"):
            lines = [line for line in Path(journal).read_text().splitlines() if line.endswith("}")]
            if any(json.loads(line).get("index") == 3 and '"frame_saved"' in line for line in lines):
                return
        time.sleep(0.01)
    raise AssertionError("the second position was not reached within 60 s")


def test_a_shutter_that_is_held_open_lets_in_twice_the_light_of_half_the_time(workshop: Any) -> None:
    """20 s the body times by itself, 40 s are held by the rig; the bench is lit for 40 s."""
    config = workshop.config(time_scale=40)
    words = ["--shutter", "40s", "--brackets=-1,0", "--no-stack", "--accept-clipping"]
    done = workshop.run("rig", "shoot", "--start", "0", "--end", "0", *words, "--config", config)
    assert done.code == 0, done
    session = workshop.session()
    pictures, times_s = [], []
    for folder in ("frames", "frames_ev-1"):
        (path,) = (session / folder).iterdir()
        pictures.append(cv2.imread(str(path)))
        times_s.append(read_exif(path.read_bytes()).shutter_s)
    between = (pictures[0] > 40).all(axis=2) & (pictures[0] < 200).all(axis=2)
    held, timed = (((p[between] / 255 + 0.055) / 1.055) ** 2.4 for p in pictures)  # sRGB to light
    assert times_s[0] >= 40.0  # a bench 40 times as fast makes a tenth of a second 4 s
    assert abs(held.mean() / timed.mean() / (times_s[0] / times_s[1]) - 1) < 0.05
