"""The calibration file, and what a plan takes from it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from rig.calibrate.records import (
    ApertureRecord,
    BacklashRecord,
    Calibration,
    DofRecord,
    FrameHash,
    LensRecord,
    PupilRecord,
    ScaleRecord,
    SettleRecord,
    SetUp,
    read_calibration,
    store,
)
from rig.config import load_config
from rig.errors import DataError, UserError
from rig.planning.lens import LensRequest, lens_plan_for
from rig.planning.rail import PlanRequest, plan_for, setup_of

CONFIG = """\
[rail]
driver = "grbl"
pitch = "1 mm"
limits = ["-2 mm", "60 mm"]

[camera]
model = "A"
sensor_width = "36 mm"
pixels = [9000, 6000]

[lens]
name = "macro"
magnification = 1
unit_focus = true
calibration = "measured.json"

[capture]
aperture = "f/5.6"

{simulator}
"""
WHEN = datetime(2026, 11, 22, 12, tzinfo=UTC)
REQUEST = PlanRequest(0.0, 10.0)


def about(loaded, **changes):
    setup = setup_of(loaded.config, REQUEST).model_copy(update=changes)
    return {
        "measured_at": WHEN,
        "simulated": True,
        "setup": setup,
        "frames": (FrameHash(file="a.jpg", sha256="0" * 64),),
    }


def dof(loaded, dof_mm=0.5, **changes):
    return DofRecord(dof_mm=dof_mm, dof_sigma_mm=0.01, coc_mm=0.008, **about(loaded, **changes))


@pytest.fixture
def loaded(tmp_path):
    path = tmp_path / "rig.toml"
    path.write_text(CONFIG.format(simulator="[simulator]"))
    return load_config(path)


def test_without_a_file_the_plan_is_as_configured(loaded):
    assert plan_for(loaded, REQUEST).calibration == ()


def test_every_measured_value_reaches_the_plan(loaded):
    path = loaded.calibration_path
    common = about(loaded)
    for record in (
        ScaleRecord(
            magnification=1.1, magnification_sigma=0.001, um_per_px=3.6, frame_width_mm=32.7, **common
        ),
        ApertureRecord(
            lost_stops=2.0, lost_stops_sigma=0.02, effective_f_number=11.3, marked_f_number=5.6, **common
        ),
        PupilRecord(pupil_distance_mm=210.0, inverse_per_mm=1 / 210, inverse_sigma_per_mm=1e-5, **common),
        BacklashRecord(backlash_mm=0.2, backlash_sigma_mm=0.001, **common),
        SettleRecord(settle_s=0.4, tolerance_px=0.2, **common),
        dof(loaded),
    ):
        store(path, record)
    plan = plan_for(loaded, REQUEST)
    assert plan.magnification == 1.1
    assert plan.effective_f_number == pytest.approx(11.3, rel=0.01)
    assert plan.effective_f_number_source == "measured light loss"
    assert plan.pupil_distance_mm == 210.0
    assert plan.timing.settle_s == 0.4
    assert plan.run_up_mm == 0.3  # more than the play
    assert (plan.dof_mm, plan.dof_measured) == (0.5, True)
    assert plan.step_mm == pytest.approx(0.5 * 0.7, rel=0.05)
    assert len(plan.calibration) == 6
    assert "2026-11-22 from 1 frame, on the simulated bench" in plan.calibration[0]
    assert plan_for(loaded, REQUEST, calibrated=False).calibration == ()
    stated = plan_for(loaded, PlanRequest(0.0, 10.0, effective_f_number=8.0))
    assert (stated.effective_f_number, stated.dof_measured) == (8.0, False)
    assert not any("depth of field" in n or "aperture" in n for n in stated.calibration)
    assert len(stated.calibration) == 4
    lens = lens_plan_for(loaded, LensRequest.from_text(start="0", end="30", step="5"))
    assert [note.split()[0] for note in lens.calibration] == ["magnification", "effective", "settle"]


def test_what_a_plan_does_not_use_is_not_refused(loaded):
    store(loaded.calibration_path, dof(loaded, aperture=8.0))
    assert plan_for(loaded, PlanRequest(0.0, 10.0, effective_f_number=8.0)).calibration == ()
    assert lens_plan_for(loaded, LensRequest.from_text(start="0", end="30", step="5")).calibration == ()


def drive(loaded, **changes):
    about_drive = {"focus_step": 1, "drive": (0, 20, 40), "defocus_mm": (0.0, -0.62, -1.2), "play_units": 9.0}
    made = about_drive | {"uncertainty_mm": 0.004, "play_sigma_units": 0.1} | changes
    return LensRecord(**made, **about(loaded))


def lens_plan(loaded, start="0", end="30", **options):
    return lens_plan_for(loaded, LensRequest.from_text(start=start, end=end, **options))


def test_a_measured_focus_drive_is_planned_with_in_units_and_in_lengths(loaded):
    with pytest.raises(UserError, match="how far a unit of the focus drive goes is not known"):
        lens_plan(loaded, end="1mm")
    store(loaded.calibration_path, drive(loaded))
    plan = lens_plan(loaded)
    assert plan.calibrated
    assert plan.defocus_mm[-1] == pytest.approx(-0.91)
    assert plan.run_up_units == 14, "more than the play"
    assert plan.calibration[0].startswith("focus drive 30 µm a unit over 40 units, play 9.0 units, run-up 14")
    assert lens_plan(loaded, end="0.62mm", frames=2).positions == (0, 20)  # at 1:1 both sides are alike
    spaced = lens_plan(loaded, end="1.2mm", step="0.31mm")
    assert spaced.positions == (0, 10, 19, 30, 40)
    assert (spaced.step_units, spaced.step_source) == (None, "given")
    with pytest.raises(UserError, match=r"1.3 mm lies outside what the calibration.*0 to 40 drive units"):
        lens_plan(loaded, end="1.3mm")
    assert plan_for(loaded, REQUEST).calibration == (), "a stack on the rail has no use for it"


def test_a_nearer_pupil_makes_the_same_depth_a_smaller_shift(loaded, tmp_path):
    path = tmp_path / "near.toml"
    near = CONFIG.replace("unit_focus = true", 'unit_focus = true\npupil_distance = "10 mm"')
    path.write_text(near.format(simulator="[simulator]"))
    near = load_config(path)
    store(near.calibration_path, drive(near))
    assert lens_plan(near, end="0.62mm", frames=2).positions == (0, 18)  # 0.62 / (1 + 2 · 0.062) mm


def test_a_focus_drive_of_another_step_or_aperture_is_refused(loaded):
    store(loaded.calibration_path, drive(loaded, focus_step=2))
    with pytest.raises(UserError, match=r"measured with focus_step = 2, and \[lens\] says 1"):
        lens_plan(loaded)
    store(loaded.calibration_path, drive(loaded))
    with pytest.raises(UserError, match=r"focus drive was measured with f/5.6 and not f/8"):
        lens_plan(loaded, aperture="f/8")


def test_a_telecentric_lens_survives_the_file(loaded):
    store(
        loaded.calibration_path,
        PupilRecord(
            pupil_distance_mm=float("inf"), inverse_per_mm=1e-7, inverse_sigma_per_mm=1e-6, **about(loaded)
        ),
    )
    plan = plan_for(loaded, REQUEST)
    assert plan.pupil_distance_mm == float("inf")
    assert "infinite (telecentric)" in plan.calibration[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lens": "another"}, 'the lens "another" and not the lens "macro"'),
        ({"magnification": 1.03}, "1.03x and not 1x"),
        ({"aperture": 8.0}, "f/8 and not f/5.6"),
        ({"body": "B"}, "the body B and not the body A"),
    ],
)
def test_another_set_up_is_refused(loaded, changes, said):
    store(loaded.calibration_path, dof(loaded, **changes))
    with pytest.raises(UserError, match="--no-calibration") as refused:
        plan_for(loaded, REQUEST)
    assert said in str(refused.value)
    assert "rig calibrate dof" in str(refused.value)


def test_each_set_up_keeps_its_own_record_and_the_newest_counts(loaded):
    path = loaded.calibration_path
    store(path, dof(loaded, 0.9, aperture=8.0))
    store(path, dof(loaded, 0.4))
    later = dof(loaded, 0.6).model_copy(update={"measured_at": WHEN + timedelta(days=1)})
    store(path, later)
    assert len(read_calibration(path).records) == 2
    assert plan_for(loaded, REQUEST).dof_mm == 0.6


def test_what_the_bench_measured_is_refused_on_real_hardware(loaded, tmp_path):
    store(loaded.calibration_path, dof(loaded))
    real = tmp_path / "real.toml"
    real.write_text(CONFIG.format(simulator=""))
    with pytest.raises(UserError, match="the simulated bench"):
        plan_for(load_config(real), REQUEST)


def test_the_depth_of_field_is_carried_to_another_circle_of_confusion(loaded):
    store(loaded.calibration_path, dof(loaded))
    model = [
        plan_for(loaded, PlanRequest.from_text(start="0", end="10", coc=coc), calibrated=False).dof_mm
        for coc in ("2px", "6px")
    ]
    carried = plan_for(loaded, PlanRequest.from_text(start="0", end="10", coc="6px")).dof_mm
    assert carried == pytest.approx(0.5 * model[1] / model[0])


def test_a_measured_depth_of_field_far_from_the_optics_is_told(loaded):
    predicted = plan_for(loaded, REQUEST, calibrated=False).dof_mm
    store(loaded.calibration_path, dof(loaded, predicted * 1.4))
    assert not any("optics predict" in w for w in plan_for(loaded, REQUEST).warnings)
    for times, said in ((2.0, "is 2 times what"), (0.5, "is 0.5 times what")):
        store(loaded.calibration_path, dof(loaded, predicted * times))
        plan = plan_for(loaded, REQUEST)
        assert plan.dof_mm == pytest.approx(predicted * times)
        assert any(said in w for w in plan.warnings)


def test_a_set_up_of_no_magnification_is_a_damaged_file(loaded):
    store(loaded.calibration_path, dof(loaded))
    content = json.loads(loaded.calibration_path.read_text())
    content["records"][0]["setup"]["magnification"] = 0
    loaded.calibration_path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="magnification"):
        plan_for(loaded, REQUEST)


def test_a_damaged_file_is_said(loaded):
    loaded.calibration_path.write_text(json.dumps({"format_version": 7}))
    with pytest.raises(DataError, match="format_version"):
        plan_for(loaded, REQUEST)


def test_an_empty_calibration_finds_nothing():
    assert not SetUp(lens="a").differences(SetUp(lens="a", aperture=2.0), ("lens",))
    assert Calibration().records == ()


def test_measurements_that_end_at_the_same_time_are_all_kept(loaded):
    path = loaded.calibration_path
    records = [dof(loaded, aperture=2.0 * 1.1**k) for k in range(12)]
    with ThreadPoolExecutor(len(records)) as pool:
        list(pool.map(lambda record: store(path, record), records))
    assert {r.setup.aperture for r in read_calibration(path).records} == {r.setup.aperture for r in records}
