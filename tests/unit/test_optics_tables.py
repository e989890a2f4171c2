"""The tables of sensors, lenses and objectives: every row is whole, agrees with itself, and is found."""

from __future__ import annotations

import doctest
import re

import pytest
from pydantic import ValidationError

from rig.optics import prescriptions, tables
from rig.optics.aperture import ApertureKnowledge, choose_effective_aperture
from rig.optics.limits import entrance_pupil_distance
from rig.optics.stops import true_stop
from rig.optics.tables import Tables, find_lens, find_objective, find_sensor, shipped_tables, suggestions

ROWS = shipped_tables()


def named(rows):
    return pytest.mark.parametrize("row", rows, ids=lambda r: r.name)


def test_doctests():
    result = doctest.testmod(tables)
    assert (result.failed, result.attempted > 0) == (0, True)


def test_there_is_a_start():
    assert (len(ROWS.sensor), len(ROWS.lens), len(ROWS.objective)) >= (30, 13, 25)


@pytest.mark.parametrize(
    ("rows", "find"),
    [(ROWS.sensor, find_sensor), (ROWS.lens, find_lens), (ROWS.objective, find_objective)],
    ids=["sensor", "lens", "objective"],
)
def test_every_row_is_found_by_every_one_of_its_names(rows, find):
    for row in rows:
        for name in (row.name, *row.aliases, row.name.upper(), row.name.replace(" ", "-")):
            assert find(name) is row, f"{name} finds another row than {row.name}"


@pytest.mark.parametrize(
    "name",
    ["Canon EF 180/3.5L Macro", "Sigma 105/2.8 DG DN Macro Art", "Canon EF 100/2.8L IS Macro",
     "Sony FE 90/2.8 G Macro", "Nikon Z 105/2.8", "Nikon AF-S 105/2.8 VR", "Laowa 65/2.8 2×", "Canon MP-E 65",
     "Canon EF 100/2.8 Macro USM", "Canon RF 35/1.8 Macro", "Nikon AF-S 60/2.8G Micro"],
)  # fmt: skip
def test_lenses_are_found_as_people_write_them(name):
    assert find_lens(name) is not None


@pytest.mark.parametrize("name", ["Canon R5", "Sony A7RV", "sony a7r v", "NIKON Z 8", "Fuji X-T5", "DC-G9M2"])
def test_cameras_are_found_as_people_write_them(name):
    assert find_sensor(name) is not None


@named(ROWS.sensor)
def test_a_sensor_has_square_pixels_and_a_source(row):
    assert row.source
    assert row.height_mm / row.pixels[1] == pytest.approx(row.width_mm / row.pixels[0], rel=0.012)
    assert 0.0028 < row.pixel_pitch_mm < 0.009
    assert row.reports_effective_f_number == row.name.startswith("Nikon")


@named(ROWS.lens)
def test_a_lens_says_something_and_whence(row):
    assert row.aperture_rows or row.pupils or row.unit_focus
    assert row.source or not row.aperture_rows
    assert row.pupil_source or not row.pupils
    for pupil in row.pupils:
        v = entrance_pupil_distance(pupil.focal_length_mm, pupil.magnification, pupil.pupil_ratio)
        assert v == pytest.approx(pupil.pupil_distance_mm, rel=0.006)
    for rows in row.aperture_rows:
        growth = rows.effective / rows.marked
        # Makers' values lie between 1 + 0.67 m and 1 + 1.29 m from 0.5 on, and above 1 everywhere.
        assert growth > 1
        if rows.magnification >= 0.5:
            assert 1 + 0.66 * rows.magnification < growth < 1 + 1.30 * rows.magnification


@named(ROWS.objective)
def test_an_objective_is_possible(row):
    assert row.source
    # "Empty magnification" begins at 1000 NA; nobody makes objectives far from that rule.
    assert 15 < row.magnification / row.numerical_aperture < 200


def test_pupils_never_make_an_effective_f_number():
    """P of close focus with the marked N is wrong by up to 2.5: such a lens's growth is assumed."""
    sigma = find_lens("Sigma 105mm F2.8 DG DN Macro Art")
    assert sigma.aperture_rows == ()
    assert sigma.internal_focus
    assert sigma.pupil_at(1.0).pupil_distance_mm == 300
    assert sigma.pupil_at(1.01).pupil_distance_mm == 300
    assert sigma.pupil_at(0.7) is None


@pytest.mark.parametrize("key", prescriptions.available())
def test_every_traced_focus_is_in_the_table_with_its_patent(key):
    prescription = prescriptions.load(key)
    row = find_lens(prescription.name)
    assert len(row.pupils) == sum(s.magnification > 0 for s in prescription.states)
    number = re.split(r", (?:numerical )?example| \(", prescription.patent)[0]
    assert len(number) > 10
    assert number in row.pupil_source


def test_exposure_factors_are_squares_of_the_growth():
    row = find_lens("Canon EF 100mm f/2.8 Macro")
    known = ApertureKnowledge(table=row.aperture_rows, table_source=f"{row.name}: {row.source}")
    chosen = choose_effective_aperture(true_stop(8.0), 1.0, known)
    assert chosen.f_number == pytest.approx(8 * 2.83**0.5)
    assert chosen.text == f"from the lens table ({row.name}: Canon support ART119188, exposure factors)"


@pytest.mark.parametrize(
    ("marked", "trouble"),
    [(2.8, None), (2.83, None), (16, None), (2.5, "f/2.8 to f/16"), (22, "f/2.8 to f/16")],
)
def test_an_aperture_that_is_not_on_the_lens(marked, trouble):
    said = find_lens("MP-E 65").aperture_trouble(marked)
    assert said is None if trouble is None else trouble in said


def test_the_user_s_rows_come_first():
    own = Tables.model_validate(
        {"lens": [{"name": "MP-E 65", "unit_focus": True, "source": "mine"}, {"name": "Opa's Componon"}]}
    )
    assert find_lens("mp-e 65", own).source == "mine"
    assert find_lens("Opa's Componon", own).name == "Opa's Componon"
    assert suggestions("lens", "Opas Componon 50", own) == ("Opa's Componon",)


@pytest.mark.parametrize(
    ("kind", "name", "meant"),
    [
        ("lens", "Canon MPE 65", "Canon MP-E 65mm f/2.8 1-5x Macro Photo"),
        ("lens", "Mitutoyo Plan Apo 10x", "Mitutoyo M Plan Apo 10x"),
        ("sensor", "Sony A7RV5", "Sony A7R V"),
    ],
)
def test_what_was_perhaps_meant(kind, name, meant):
    assert meant in suggestions(kind, name)
    assert suggestions(kind, "xyz") == ()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"lens": [{"name": "x", "unit_focus": True}]}, "source is missing"),
        ({"lens": [{"name": "x", "widest": "f/8", "narrowest": "f/4"}]}, "narrower than narrowest"),
        ({"objective": [{"name": "x", "magnification": 10, "numerical_aperture": 0.3}]}, "tube_length"),
        (
            {
                "objective": [
                    {
                        "name": "x",
                        "magnification": 60,
                        "numerical_aperture": 1.2,
                        "reference_tube_length": "200 mm",
                    }
                ]
            },
            "not below refractive_index",
        ),
        ({"sensor": [{"name": "x", "width": "36"}]}, "no unit"),
        ({"sensors": []}, "Extra inputs"),
    ],
)
def test_rows_that_cannot_be(table, said):
    with pytest.raises(ValidationError, match=said):
        Tables.model_validate(table)
