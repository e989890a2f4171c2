"""Whole runs with faults, every frame in its place; long ones are shot by `benchmarks.camera_soak`."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hardware_sims.exif import read_truth

from benchmarks.camera_soak import MODELS, STEP_MM, Nobody, soak, soak_table
from rig.cameras.frame_exif import read_exif
from rig.config import LoadedConfig, config_from_table
from rig.errors import OperatorNeededError
from rig.events import Event, FrameSaved
from rig.journal import read_journal
from rig.planning.rail import PlanRequest, plan_for
from rig.runs.shoot import ShootOptions, Stopper, resume, shoot


@pytest.mark.timeout(300)
def test_twenty_pairs_with_faults_are_all_there_and_in_place(tmp_path: Path) -> None:
    report = soak("sony", 20, tmp_path, every=10, seed=3, time_scale=40, image_format="RAW+JPEG")
    assert sum(report.faults.values()) >= 2
    assert not report.lost
    assert not report.misfiled
    assert report.descriptors <= 0


@pytest.mark.timeout(300)
def test_two_rigs_at_once_do_not_interfere(tmp_path: Path) -> None:
    """A Canon body on one bench and a Sony body on another, each with settings of its own."""
    frames, isos, failed = 8, {"canon": 100, "sony": 400}, []
    abreast = threading.Barrier(2)

    def wait_for_the_other(event: Event) -> None:
        if isinstance(event, FrameSaved) and event.index in (0, frames // 2):
            abreast.wait(120.0)

    def run(personality: str) -> None:
        table = soak_table(personality, 1e6, 1, 40, "JPEG")
        table["capture"]["iso"] = isos[personality]
        loaded = LoadedConfig(config_from_table(table, "test"), Path("test.toml"), table)
        plan = plan_for(loaded, PlanRequest.from_text(start="0", end="0.14mm", frames=frames))
        try:
            options, folder = ShootOptions(stack=False), tmp_path / personality
            shoot(loaded, plan, options, Nobody(), Stopper(), [wait_for_the_other], folder=folder)
        except Exception as err:  # noqa: BLE001  (it has to reach the test)
            failed.append((personality, err))

    threads = [threading.Thread(target=run, args=(personality,)) for personality in isos]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    for personality, iso in isos.items():
        (session,) = (tmp_path / personality).iterdir()
        entries = read_journal(session / "journal.jsonl")
        saved = [entry for entry in entries if entry["event"] == "frame_saved"]
        assert [entry["index"] for entry in saved] == list(range(frames))
        (preflight,) = (entry for entry in entries if entry["event"] == "preflight")
        assert preflight["camera"]["model"] == MODELS[personality]
        for entry in saved:
            (file,) = entry["files"]
            data = (session / file["file"]).read_bytes()
            assert abs(float(str(read_truth(data)["position_mm"])) - entry["position_mm"]) < STEP_MM / 2
            assert read_exif(data).iso == iso


@pytest.mark.timeout(300)
def test_a_card_that_fills_up_ends_the_run_at_once_and_resuming_goes_on(tmp_path: Path) -> None:
    table = soak_table("canon", 1000, 1, 40, "JPEG")
    table["camera"]["keep_on_card"] = True
    table["simulator"]["faults"] = {"fixed": [{"kind": "card_full", "after": 12}]}
    loaded = LoadedConfig(config_from_table(table, "test"), Path("test.toml"), table)
    plan = plan_for(loaded, PlanRequest.from_text(start="0", end="0.1mm", frames=6))
    options = ShootOptions(stack=False)
    with pytest.raises(OperatorNeededError, match="card") as caught:
        shoot(loaded, plan, options, Nobody(), Stopper(), folder=tmp_path)
    assert "rig resume" in "".join(caught.value.__notes__)
    (session,) = tmp_path.iterdir()
    rejected = [e for e in read_journal(session / "journal.jsonl") if e["event"] == "frame_rejected"]
    assert len(rejected) == 1  # it is not fired at a full card again and again
    outcome = resume(session, options, Nobody(), Stopper())
    assert outcome.frames == 6
