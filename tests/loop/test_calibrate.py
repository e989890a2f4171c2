"""``rig calibrate`` on the simulated bench and on what is, to a rig, real hardware."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest
from hardware_sims.depth_of_field import depth_of_field_mm
from hardware_sims.optics import SimLens

pytestmark = pytest.mark.timeout(150)

RIG = """\
[rail]
driver = "grbl"
{rail}
pitch = "1 mm"
limits = ["-5 mm", "60 mm"]
backlash = "0.1 mm"
towards_subject = "+"

[camera]
model = "ILCE-7RM5"
{camera}
sensor_width = "1.128 mm"
pixels = [300, 200]

[lens]
name = "bench"
magnification = 1
calibration = "measured.json"

[capture]
aperture = "f/5.6"
shutter = "1/125 s"
iso = 100
white_balance = "Daylight"
settle = "0.5 s"

{simulator}
"""
SIMULATOR = """\
[simulator]
pixels = [300, 200]
time_scale = 20
lens = { effective_f_number = 11.31, pupil_distance_mm = 300.0 }
"""
SWEEP = ("--start", "19.6mm", "--end", "20.4mm", "--here-is", "20mm")


def test_the_depth_of_field_is_measured_on_the_bench_and_planned_with(workshop: Any) -> None:
    config = workshop.folder / "rig.toml"
    config.write_text(RIG.format(rail="", camera="", simulator=SIMULATOR))
    truth = sum(depth_of_field_mm(SimLens(1.0, 11.31, 5.657, 300.0), 0.00376))
    done = workshop.run("rig", "calibrate", "dof", *SWEEP, "--step", "0.05mm", "--json")
    assert done.code == 0, done
    answer = json.loads(done.out)
    assert answer["record"]["dof_mm"] == pytest.approx(truth, rel=0.10)
    assert answer["record"]["simulated"]
    assert answer["details"]["peak_mm"] == pytest.approx(20.0, abs=0.01)
    assert workshop.journal()[-1]["reason"] == "finished"

    plan = workshop.run("rig", "plan", "--start", "0", "--end", "2", "--json")
    assert plan.code == 0, plan
    planned = json.loads(plan.out)
    assert planned["dof_mm"] == answer["record"]["dof_mm"]
    assert planned["dof_measured"]


def test_ctrl_c_ends_a_measurement_and_leaves_nothing_running(workshop: Any) -> None:
    (workshop.folder / "rig.toml").write_text(RIG.format(rail="", camera="", simulator=SIMULATOR))
    run = workshop.start("rig", "calibrate", "dof", *SWEEP, "--step", "0.02mm")
    workshop.wait_for_frames(2)
    family = workshop.family(run)
    assert len(family) >= 3  # bench, port keeper, camera
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=30)
    assert run.returncode == 130, (out, err)
    assert "Traceback" not in err
    assert not workshop.survivors(family)
    last = workshop.journal()[-1]
    assert (last["event"], last["reason"]) == ("finished", "interrupted")
    assert not (workshop.folder / "measured.json").exists()


def test_real_hardware_is_not_moved_unasked(workshop: Any) -> None:
    with workshop.bench() as bench:
        rail, camera = f'port = "{bench["rail_port"]}"', f'port = "{bench["camera_port"]}"'
        (workshop.folder / "rig.toml").write_text(RIG.format(rail=rail, camera=camera, simulator=""))
        unasked = workshop.run("rig", "calibrate", "dof", *SWEEP, "--step", "0.05mm")
    assert unasked.code == 2, unasked
    assert "it will then move between 19.5 mm and 20.4 mm" in unasked.err
    assert "--yes" in unasked.err
    assert not [e for e in workshop.journal() if e["event"] == "reference_set"]


@pytest.mark.timeout(300)
def test_a_focus_drive_is_measured_on_a_slanted_target_and_planned_with_in_mm(workshop: Any) -> None:
    focus = 'focus = { near = "3 mm", far = "-6 mm", play_units = 30 }\n'
    config = workshop.folder / "rig.toml"
    text = RIG.format(rail="", camera="", simulator=SIMULATOR + focus).replace('"1.128 mm"', '"3 mm"')
    config.write_text(
        text.replace("magnification = 1", "magnification = 1\nfocus_step = 3\nfocus_run_up = 4")
    )
    words = ("calibrate", "lens", "--angle", 45, "--end", 18, "--step", 1)
    done = workshop.run(
        "rig", *words, "--config", config, "--plot", workshop.folder / "drive.svg", "--json", timeout=200
    )
    assert done.code == 0, done
    record = json.loads(done.out)["record"]
    # Size 3 of an Alpha is 16 motor units of 5 um on the bench, and the play 30 motor units.
    assert record["defocus_mm"][-1] / record["drive"][-1] == pytest.approx(-0.080, rel=0.03)
    assert record["play_units"] == pytest.approx(30 / 16, abs=0.15)
    assert (workshop.folder / "drive.svg").stat().st_size > 0
    planned = workshop.run(
        "rig", "plan", "--axis", "lens", "--start", 0, "--end", "0.5mm", "--config", config, "--json"
    )
    assert planned.code == 0, planned
    plan = json.loads(planned.out)
    assert plan["calibrated"]
    assert plan["end"] == pytest.approx(0.5 / 0.080, abs=1)
    other = ("plan", "--axis", "lens", "--start", 0, "--end", "0.5mm", "--aperture", "f/8")
    refused = workshop.run("rig", *other, "--config", config)
    assert refused.code == 2, refused
    assert "the focus drive was measured with f/5.6 and not f/8" in refused.err
