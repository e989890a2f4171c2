"""Whole runs with faults, every frame in its place; long ones are shot by `benchmarks.camera_soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.camera_soak import Nobody, soak, soak_table
from rig.config import LoadedConfig, config_from_table
from rig.errors import OperatorNeededError
from rig.journal import read_journal
from rig.planning import PlanRequest, plan_for
from rig.shoot import ShootOptions, Stopper, resume, shoot


@pytest.mark.timeout(300)
def test_twenty_pairs_with_faults_are_all_there_and_in_place(tmp_path: Path) -> None:
    report = soak("sony", 20, tmp_path, every=10, seed=3, time_scale=40, image_format="RAW+JPEG")
    assert sum(report.faults.values()) >= 2
    assert not report.lost
    assert not report.misfiled
    assert report.descriptors <= 0


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
