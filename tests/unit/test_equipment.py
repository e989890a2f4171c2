"""Names in a configuration bring the rows of the tables along, and what it says itself comes first."""

from __future__ import annotations

import math

import pytest

from rig.config import config_from_table
from rig.errors import UserError
from rig.planning.rail import PlanRequest, build_plan
from rig.units import CircleOfConfusion

RAIL = {
    "driver": "grbl",
    "pitch": "1 mm",
    "limits": ["-1 mm", "60 mm"],
    "towards_subject": "+",
}


def plan(*, camera=None, lens=None, capture=None, tables=None, **asked):
    table = {
        "rail": RAIL,
        "camera": camera or {"model": "ILCE-7RM5"},
        "lens": lens or {},
        "capture": {"aperture": "f/5.6"} | (capture or {}),
    }
    if tables:
        table["tables"] = tables
    return build_plan(config_from_table(table, "test.toml"), PlanRequest(0.0, 5.0, **asked))


def test_a_body_s_name_is_enough_for_the_pixels():
    p = plan(lens={"magnification": 1, "unit_focus": True})
    assert p.pixel_pitch_mm == pytest.approx(35.7 / 9504)
    assert p.frame_width_mm == pytest.approx(35.7)


def test_a_configured_sensor_comes_before_the_name():
    camera = {"model": "ILCE-7RM5", "sensor_width": "36 mm", "pixels": [6000, 4000]}
    assert plan(camera=camera, lens={"magnification": 1}).pixel_pitch_mm == pytest.approx(0.006)


def test_a_frame_width_without_a_sensor_gives_way_to_a_magnification():
    width = {"lens": {"frame_width": "36 mm"}, "camera": {"driver": "folder"}, "step_mm": 1.0}
    with pytest.raises(UserError, match="or give --magnification"):
        plan(**width)
    assert plan(**width, magnification=1.0, coc=CircleOfConfusion(0.03, "mm")).overlap is not None


def test_the_lens_table_gives_the_effective_f_number_and_says_so():
    p = plan(lens={"name": "Canon MP-E 65", "magnification": "2.5x"})
    assert p.effective_f_number == pytest.approx(2**2.5 * 3.5)
    assert p.effective_f_number_source.startswith(
        "from the lens table (Canon MP-E 65mm f/2.8 1-5x Macro Photo: Canon, "
    )
    assert not any("assumed" in w for w in p.warnings)


def test_a_traced_lens_gives_its_pupil_and_no_effective_f_number():
    p = plan(lens={"name": "Sigma 105mm F2.8 DG DN Macro Art", "magnification": 1})
    assert p.effective_f_number == pytest.approx(2**2.5 * 1.67)
    assert p.effective_f_number_source == "assumed 1+0.67m: measure it"
    assert p.pupil_distance_mm == 300
    assert p.framing_growth == pytest.approx(300 / 295)
    assert (
        plan(lens={"name": "Sigma 105mm F2.8 DG DN Macro Art", "magnification": 0.8}).framing_growth is None
    )


def test_an_unknown_lens_is_no_error():
    p = plan(lens={"name": "Canon MPE 65 macro", "magnification": 1})
    assert p.effective_f_number_source == "assumed 1+0.67m: measure it"
    assert any('did you mean "Canon MP-E 65mm f/2.8 1-5x Macro Photo"' in w for w in p.warnings)
    known = plan(lens={"name": "Canon MPE 65 macro", "magnification": 1, "unit_focus": True})
    assert not any("in no table" in w for w in known.warnings)


def test_an_objective_s_name_is_enough():
    p = plan(lens={"name": "Mitutoyo M Plan Apo 10x", "tube_length": "150 mm"})
    assert p.magnification == pytest.approx(7.5)
    assert p.numerical_aperture == 0.28
    assert (
        p.effective_f_number_source == "from the objective's numerical aperture (Mitutoyo M Plan Apo 10x: "
        "Mitutoyo, Microscope Units and Objectives catalogue)"
    )
    olympus = plan(lens={"name": "Olympus LMPLFLN 10x", "tube_length": "200 mm"})
    assert olympus.magnification == pytest.approx(10 * 200 / 180)
    finite = plan(lens={"name": "LOMO 3.7x/0.11"})
    assert finite.magnification == 3.7


def test_a_nikon_body_reports_effective_values_with_nikkors_only():
    nikon = {"model": "NIKON Z 8"}
    own = plan(camera=nikon, lens={"name": "NIKKOR Z MC 105mm f/2.8 VR S", "magnification": 1})
    assert own.effective_f_number == pytest.approx(2**2.5)
    assert own.effective_f_number_source == "reported by the camera body"
    # Beyond the ring's f/32, as bodies show it close up.
    plan(
        camera=nikon,
        lens={"name": "NIKKOR Z MC 105mm f/2.8 VR S", "magnification": 1},
        capture={"aperture": "f/45"},
    )
    other = plan(camera=nikon, lens={"name": "Laowa 65mm f/2.8 2x", "magnification": 1})
    assert "assumed" in other.effective_f_number_source
    said = {**nikon, "reports_effective_f_number": False}
    told = plan(camera=said, lens={"name": "NIKKOR Z MC 105mm f/2.8 VR S", "magnification": 1})
    assert "assumed" in told.effective_f_number_source


def test_rows_of_one_s_own():
    own = {
        "lens": [
            {
                "name": "Componon-S 50/2.8 reversed",
                "unit_focus": True,
                "pupil_ratio": 0.9,
                "focal_length": "50 mm",
                "source": "measured with a loupe",
            }
        ],
        "sensor": [{"name": "my scanner back", "width": "40 mm", "pixels": [10000, 8000]}],
    }
    p = plan(
        tables=own,
        camera={"model": "My Scanner Back"},
        lens={"name": "componon-s 50/2.8 reversed", "magnification": 2},
    )
    assert p.pixel_pitch_mm == pytest.approx(0.004)
    assert p.effective_f_number == pytest.approx(2**2.5 * (1 + 2 / 0.9))
    assert p.effective_f_number_source == (
        "N(1+m/P), unit-focusing lens (Componon-S 50/2.8 reversed: measured with a loupe)"
    )
    assert p.pupil_distance_mm == pytest.approx(50 * (1 / 2 + 1 / 0.9))


def test_telecentric_by_the_user_s_row():
    own = {
        "lens": [
            {"name": "TC", "pupils": [{"magnification": 1, "pupil_distance": "telecentric"}]},
        ]
    }
    p = plan(tables=own, lens={"name": "TC", "magnification": 1})
    assert math.isinf(p.pupil_distance_mm)
    assert p.framing_growth == 1.0


@pytest.mark.parametrize("step", [None, 0.2])
def test_an_aperture_that_the_lens_does_not_have(step):
    lens = {"name": "Canon MP-E 65", "magnification": 1}
    with pytest.raises(UserError, match=r"capture.aperture: f/22 is not on the Canon MP-E 65mm .* f/2.8 to"):
        plan(lens=lens, capture={"aperture": "f/22"}, step_mm=step)
    with pytest.raises(UserError, match=r"--aperture: f/2 is not on"):
        plan(lens=lens, marked_f_number=2.0, step_mm=step)


def test_a_wrong_row_is_named_with_its_key():
    with pytest.raises(UserError, match=r"tables\.lens.*source"):
        plan(tables={"lens": [{"name": "x", "unit_focus": True}]})
