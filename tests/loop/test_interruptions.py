"""What must survive: Ctrl-C, kill -9 of either side, a full disk. And nothing may be left running."""

from __future__ import annotations

import hashlib
import resource
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.timeout(150)

SHOOT = ("shoot", "--start", "0", "--end", "7mm", "--step", "1mm", "--name", "beetle", "--no-stack")


def _assert_whole(workshop: Any, frames: int) -> None:
    """Every frame of the plan is saved, and its file is what the journal says."""
    saved = {e["index"]: e for e in workshop.journal() if e["event"] == "frame_saved"}
    assert sorted(saved) == list(range(frames))
    for entry in saved.values():
        for file in entry["files"]:
            data = (workshop.session() / file["file"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == file["sha256"]
    assert len(list((workshop.session() / "frames").glob("SIMULATED_*.jpg"))) == frames


def test_ctrl_c_stops_cleanly_and_resume_goes_on(workshop: Any) -> None:
    run = workshop.start("rig", *SHOOT, "--config", workshop.config())
    workshop.wait_for_frames(2)
    family = workshop.family(run)
    assert len(family) >= 3  # bench, port keeper, camera
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=30)
    assert run.returncode == 130, (out, err)
    assert "rig resume" in err
    assert "Traceback" not in err
    assert not workshop.survivors(family)
    last = workshop.journal()[-1]
    assert (last["event"], last["reason"]) == ("finished", "interrupted")
    assert not (workshop.session() / ".incoming").exists()

    again = workshop.run("rig", "resume", workshop.session())
    assert again.code == 0, again
    _assert_whole(workshop, 8)


def test_kill_9_leaves_no_orphans_and_resume_goes_on(workshop: Any) -> None:
    run = workshop.start("rig", *SHOOT, "--config", workshop.config())
    workshop.wait_for_frames(2)
    family = workshop.family(run)
    run.kill()
    run.communicate()
    assert not workshop.survivors(family), "orphans"
    assert workshop.journal()[-1]["event"] != "finished"

    again = workshop.run("rig", "resume", workshop.session())
    assert again.code == 0, again
    _assert_whole(workshop, 8)


def test_a_bench_that_dies_ends_the_run_resumable(workshop: Any) -> None:
    run = workshop.start("rig", *SHOOT, "--config", workshop.config())
    workshop.wait_for_frames(2)
    family = workshop.family(run)
    (bench,) = [p for p in family if "hardware_sims" in p.cmdline()]
    bench.kill()
    out, err = run.communicate(timeout=60)
    assert run.returncode == 3, (out, err)
    assert "rig resume" in err
    assert "Traceback" not in err
    assert not workshop.survivors(family)

    again = workshop.run("rig", "resume", workshop.session())
    assert again.code == 0, again
    _assert_whole(workshop, 8)


def test_the_live_stackers_death_never_stops_a_capture(workshop: Any) -> None:
    run = workshop.start("rig", *SHOOT[:-1], "--config", workshop.config())
    workshop.wait_for_frames(2)
    known = [p for p in workshop.family(run) if not _is_helper(p)]
    assert known, "the stacker's process was not found"
    for process in known:
        process.kill()
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, (out, err)
    assert "stacking again" in err
    _assert_whole(workshop, 8)
    assert (workshop.session() / "SIMULATED_beetle.tif").stat().st_size > 30_000


def test_a_rail_that_fails_on_its_way_back_costs_no_image(workshop: Any) -> None:
    """The run-up, and one move to each of 3 frames; the next one goes back."""
    fault = '[simulator.rail_faults]\nfixed = [{ kind = "reset", after = 4, share = 0.5 }]'
    short = ("shoot", "--start", "0", "--end", "2mm", "--step", "1mm", "--name", "beetle")
    done = workshop.run("rig", *short, "--config", workshop.config(extra=fault))
    assert done.code == 3, done
    assert "restarted by itself" in done.err
    _assert_whole(workshop, 3)
    stacked = [e for e in workshop.journal() if e["event"] == "stacked"]
    assert [e["frames"] for e in stacked] == [3]
    assert (workshop.session() / stacked[0]["file"]).is_file()


def _is_helper(process: psutil.Process) -> bool:
    """Bench, port keeper, camera and Python's resource tracker, but not the stacker."""
    line = " ".join(process.cmdline())
    return any(
        word in line for word in ("hardware_sims", "portkeeper", "camera", "gphoto", "resource_tracker")
    )


def test_a_full_disk_says_so_and_keeps_what_it_has(workshop: Any) -> None:
    """The limit on the size of a file is what a full disk looks like to a process."""
    config = workshop.config()
    done = workshop.run(
        "rig", *SHOOT, "--config", config, covered=False,  # coverage writes files too
        env_extra={"PYTHONDONTWRITEBYTECODE": "1"},  # Python 3.11 does not notice that bytecode was cut off
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, 8_000)),
    )  # fmt: skip
    assert done.code == 4, done
    assert "free some space" in done.err
    assert "Traceback" not in done.err
    frames = workshop.session() / "frames"
    assert not [p for p in frames.rglob("*") if p.is_file()]


def test_frames_lost_after_the_run_are_shot_again(workshop: Any) -> None:
    config = workshop.config()
    assert workshop.run("rig", *SHOOT, "--config", config).code == 0
    frames: list[Path] = sorted((workshop.session() / "frames").iterdir())
    frames[3].unlink()
    frames[5].write_bytes(frames[5].read_bytes()[:-100])
    again = workshop.run("rig", "resume", workshop.session())
    assert again.code == 0, again
    _assert_whole(workshop, 8)
