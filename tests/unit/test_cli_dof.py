"""``rig dof`` as people and machines meet it: the worked examples, what is null, words for mistakes."""

from __future__ import annotations

import json
import math
import sys
from datetime import UTC, datetime

import pytest
import typer

from rig import cli
from rig.calibrate.records import ApertureRecord, FrameHash, store
from rig.config import config_folder, load_config
from rig.planning.rail import PlanRequest, setup_of


@pytest.fixture(autouse=True)
def nobody_s_own_config(monkeypatch, tmp_path):
    """Away from any rig.toml of whoever runs the tests, and a terminal that does not wrap."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def app():
    """The program, assembled once: that takes longer than any of its answers here."""
    return typer.main.get_command(cli.build_app())


@pytest.fixture
def rig(monkeypatch, capsys, app):
    """Run the program in this process; returns exit code, standard output and standard error."""

    def run(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rig", *args])
        monkeypatch.setattr(cli, "build_app", lambda: app)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        code = ended.value.code
        out, err = capsys.readouterr()
        return (code if isinstance(code, int) else 0 if code is None else 1), out, err

    return run


@pytest.fixture
def dof(rig):
    """The set-up as JSON, from one line of options."""

    def run(*options: str) -> dict:
        args = [part for option in options for part in option.split("=", 1)]
        code, out, err = rig("dof", *args, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return run


KEYS = {
    "magnification", "f_number", "effective_f_number", "effective_f_number_source", "numerical_aperture",
    "coc_mm", "dof_geometric_mm", "dof_wave_mm", "dof_wave_paraxial_mm", "dof_mm", "near_mm", "far_mm",
    "beyond_hyperfocal", "hyperfocal_mm", "airy_diameter_mm", "step_mm", "best_effective_f_number",
    "warnings",
}  # fmt: skip


@pytest.mark.parametrize(
    ("options", "dof_um", "step_um"),
    [
        (["--magnification=1", "--aperture=5.6", "--effective-aperture=11.1"], 318, 223),
        (["--magnification=1", "--aperture=f/5.6"], 242, 170),
        (["--objective-magnification=5", "--na=0.14"], 29.9, 20.9),
        (["--objective-magnification=10", "--na=0.28"], 7.4, 5.2),
        (["--objective-magnification=10", "--na=0.28", "--tube-lens=150mm"], 7.8, 5.4),
        (["--objective-magnification=50", "--na=0.55", "--overlap=0.3"], 1.7, 1.2),
    ],
)
def test_worked_examples(dof, options, dof_um, step_um):
    d = dof(*options, "--pixel-pitch=3.76um")
    digits = 0 if dof_um > 100 else 1
    assert round(d["dof_mm"] * 1000, digits) == dof_um
    assert round(d["step_mm"] * 1000, digits) == step_um
    assert d.keys() >= KEYS
    assert d["frames_per_mm"] == pytest.approx(1 / d["step_mm"])
    assert d["coc_mm"] == pytest.approx(0.00752)
    assert d["best_effective_f_number"] == pytest.approx(6.836, abs=0.001)


def test_na_alone(dof):
    d = dof("--na=0.28")
    assert d["dof_wave_mm"] == pytest.approx(0.006875, abs=1e-6)
    assert d["dof_wave_paraxial_mm"] == pytest.approx(0.00702, abs=5e-6)
    assert d["mtf50_subject_lp_mm"] == pytest.approx(0.808 * 0.28 / 0.00055)
    known = {key for key in KEYS if d[key] is not None}
    assert known == {"numerical_aperture", "dof_wave_mm", "dof_wave_paraxial_mm", "warnings"}


def test_magnification_f_number_and_pupil_ratio(dof):
    """The example of Zerene Stacker's calculator, with and without a circle of confusion."""
    d = dof("--magnification=1", "--aperture=16", "--pupil-ratio=1", "--coc=0.03mm")
    assert d["effective_f_number"] == 32
    assert round(d["dof_wave_mm"], 3) == 2.253
    assert round(d["dof_geometric_mm"], 2) == 1.92
    bare = dof("--magnification=1", "--aperture=16", "--pupil-ratio=1")
    assert bare["dof_wave_mm"] == d["dof_wave_mm"]
    assert bare["dof_geometric_mm"] is bare["dof_mm"] is bare["coc_mm"] is None
    assert "--pixel-pitch" in bare["warnings"][0]
    ratio = dof("--magnification=1", "--aperture=8", "--pupil-ratio=0.5")
    assert ratio["effective_f_number"] == pytest.approx(24)


@pytest.mark.parametrize(
    ("f", "n", "s", "c", "near", "far", "hyperfocal"),
    [
        ("50", "16", "1000", "0.03mm", 846, 1223, 5258),
        ("35mm", "2", "5m", "30um", 4021.931840567339, 6606.622802286701, 20451.666666666668),
        ("28", "8", "4m", "30um", 1805.12, None, 3294.67),
        ("50", "8", "4m", "30um", None, 6443.3, None),
    ],
)
def test_focal_length_and_focus_distance(dof, f, n, s, c, near, far, hyperfocal):
    d = dof(f"--focal-length={f}", f"--aperture={n}", f"--focus-distance={s}", f"--coc={c}")
    if near:
        assert d["near_mm"] == pytest.approx(near, rel=5e-4)
    if hyperfocal:
        assert d["hyperfocal_mm"] == pytest.approx(hyperfocal, rel=1e-4)
    assert d["beyond_hyperfocal"] == (far is None)
    if far is None:
        assert d["far_mm"] is d["dof_mm"] is d["dof_geometric_mm"] is d["step_mm"] is None
    else:
        assert d["far_mm"] == pytest.approx(far, rel=5e-4)
        assert d["dof_geometric_mm"] == pytest.approx(d["far_mm"] - d["near_mm"])


def test_close_up_the_pupils_of_an_unknown_lens_are_not_made_up(dof):
    options = ["--focal-length=105", "--aperture=8", "--coc=30um"]
    near, far = dof(*options, "--magnification=1"), dof(*options, "--magnification=0.05")
    assert near["pupil_distance_mm"] is near["near_mm"] is None
    assert near["dof_geometric_mm"] > 0
    assert far["pupil_distance_mm"] == pytest.approx(105 * 21)
    assert far["near_mm"] < 105 * 21 < far["far_mm"]
    stated = dof(*options, "--magnification=1", "--pupil-ratio=1")
    assert stated["pupil_distance_mm"] == pytest.approx(210)


def test_hyperfocal_alone(dof):
    d = dof("--focal-length=90", "--aperture=2.8", "--as-written", "--coc=29um")
    assert d["hyperfocal_mm"] == pytest.approx(99753.69 + 90)
    assert d["magnification"] is None


def test_true_stops_and_numbers_as_written(dof):
    assert dof("--magnification=1", "--aperture=2.8")["f_number"] == pytest.approx(2 * 2**0.5, rel=1e-15)
    d = dof("--magnification=2", "--aperture=2.8", "--pupil-ratio=1", "--as-written")
    assert d["effective_f_number"] == pytest.approx(8.4)
    assert dof("--magnification=1", "--aperture=5.66")["f_number"] == 5.66


def test_sensor_by_name_by_size_by_format(dof):
    named = dof("--frame-width=70mm", "--sensor=Sony A7R V", "--aperture=8")
    assert named["magnification"] == pytest.approx(0.51)
    assert named["pixel_pitch_mm"] == pytest.approx(35.7 / 9504)
    assert dof("--frame-width=70", "--sensor=36x24mm", "--aperture=8")["magnification"] == pytest.approx(
        36 / 70
    )
    whole = dof("--frame-width=100", "--sensor=full-frame", "--pixels=6000x4000", "--aperture=8")
    assert (whole["magnification"], whole["pixel_pitch_mm"]) == (0.36, 0.006)
    assert dof("--frame-width=17.3", "--sensor=mft", "--aperture=8")["magnification"] == 1
    assert dof("--frame-width=23.5", "--sensor=APS-C", "--aperture=8")["magnification"] == 1
    pitch = dof("--frame-width=40", "--pixels=10000", "--pixel-pitch=4um", "--sensor=40x30mm", "--aperture=8")
    assert pitch["magnification"] == 1


def test_delivered_pixels_count(dof):
    d = dof("--magnification=1", "--aperture=8", "--sensor=Sony A7R V", "--deliver=2000px")
    assert d["judged_pixel_mm"] == pytest.approx(35.7 / 2000)
    assert d["coc_mm"] == pytest.approx(2 * 35.7 / 2000)
    assert d["best_effective_f_number"] == pytest.approx(35.7 / 2000 / 0.00055)
    assert not any("diffraction" in w for w in d["warnings"])


def test_lenses_by_trust(dof):
    table = dof("--lens=MP-E 65", "--magnification=3", "--aperture=2.8", "--as-written")
    assert table["effective_f_number"] == pytest.approx(11.2)
    assert table["effective_f_number_source"].startswith("from the lens table (Canon MP-E 65mm")
    given = dof("--lens=MP-E 65", "--magnification=3", "--aperture=2.8", "--effective-aperture=12")
    assert given["effective_f_number_source"] == "given on the command line"
    traced = dof("--lens=Sigma 105mm F2.8 DG DN Macro Art", "--magnification=1", "--aperture=5.6")
    assert traced["effective_f_number_source"] == "assumed 1+0.67m: measure it"
    assert traced["pupil_distance_mm"] == 300
    assert traced["focal_length_mm"] == 65.3
    unknown = dof("--lens=Canon MPE65 macro", "--magnification=1", "--aperture=5.6")
    assert unknown["effective_f_number_source"] == "assumed 1+0.67m: measure it"
    assert 'did you mean "Canon MP-E 65mm f/2.8 1-5x Macro Photo"' in unknown["warnings"][0]
    objective = dof("--lens=Mitutoyo M Plan Apo 10x", "--tube-lens=150mm", "--pixel-pitch=3.76um")
    assert objective["magnification"] == 7.5
    assert objective["dof_mm"] == pytest.approx(0.0078, abs=5e-5)
    trap = dof(
        "--lens=Sigma 105mm F2.8 DG DN Macro Art",
        "--magnification=1",
        "--aperture=5.6",
        "--pupil-ratio=0.278",
    )
    assert any("focuses internally" in w for w in trap["warnings"])


def test_no_aperture_is_said(dof):
    d = dof("--magnification=1", "--sensor=full-frame")
    assert d["frame_width_mm"] == 36
    assert d["dof_mm"] is d["effective_f_number"] is None
    assert "give --aperture" in d["warnings"][0]


def test_immersion_and_light(dof):
    water = dof("--na=1.0", "--index=1.33", "--wavelength=650nm")
    assert water == dof("--na=1.0", "--index=1.33", "--wavelength=0.00065")
    sine2 = (1 / 1.33) ** 2
    assert water["dof_wave_mm"] == pytest.approx(0.00065 / (2 * 1.33 * (1 - math.sqrt(1 - sine2))))


def test_what_a_configuration_says(dof):
    d = dof("--config=simulated.toml")
    assert d["magnification"] == 1
    assert d["effective_f_number"] == pytest.approx(2 * 2**2.5)
    assert d["dof_mm"] == pytest.approx(0.948, abs=0.001)
    assert d["pupil_distance_mm"] == 300
    assert (d["configuration"], d["simulated"]) == ("simulated.toml", True)
    other = dof("--config=simulated.toml", "--magnification=2", "--aperture=4")
    assert other["effective_f_number"] == pytest.approx(12)
    assert other["pupil_distance_mm"] == pytest.approx(150 * 1.5)
    microscope = dof("--config=microscope-10x.toml", "--tube-lens=150mm")
    assert microscope["magnification"] == 7.5
    table = dof("--config=canon-r5-mpe65.toml", "--magnification=5")
    assert table["effective_f_number_source"] == "from the lens table (the configuration's)"
    another = dof("--config=canon-r5-mpe65.toml", "--lens=Grandpa's", "--magnification=2")
    assert "assumed" in another["effective_f_number_source"]
    assert another["pixel_pitch_mm"] == pytest.approx(36 / 8192)


OWN_LENS = """
[rail]
driver = "grbl"
pitch = "1 mm"
limits = ["0 mm", "1 mm"]
[camera]
model = "ILCE-7RM5"
[lens]
name = "Componon 50"
{lens}
[capture]
aperture = "f/5.6"
[[tables.lens]]
name = "Componon 50"
unit_focus = true
pupil_ratio = 0.8
focal_length = "50 mm"
source = "measured"
"""


def test_a_row_of_one_s_own_says_where_it_is_focused(dof, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(OWN_LENS.format(lens="magnification = 2"), encoding="utf-8")
    d = dof(f"--config={path}")
    assert (d["focal_length_mm"], d["pupil_ratio"], d["focus_distance_mm"]) == (50, 0.8, 75)
    assert d["near_mm"] < 75 < d["far_mm"]
    assert d["hyperfocal_mm"] > 50
    assert d["pupil_distance_mm"] == pytest.approx(50 * (1 / 2 + 1 / 0.8))
    assert "(Componon 50: measured)" in d["effective_f_number_source"]


def test_the_configured_magnification_may_be_a_frame_width_and_may_be_repeated(dof, tmp_path):
    path = tmp_path / "own.toml"
    lens = """
frame_width = "35.7 mm"
pupil_distance = "321 mm"
effective_f_number = { value = 11.1, at = "f/5.6" }
"""
    path.write_text(OWN_LENS.format(lens=lens), encoding="utf-8")
    d = dof(f"--config={path}")
    assert (d["effective_f_number"], d["effective_f_number_source"]) == (
        pytest.approx(11.1), "measured light loss",
    )  # fmt: skip
    assert d["pupil_distance_mm"] == 321
    assert dof(f"--config={path}", "--magnification=1")["pupil_distance_mm"] == 321
    assert dof(f"--config={path}", "--magnification=2")["pupil_distance_mm"] == pytest.approx(87.5)


def test_another_objective_brings_nothing_of_the_configured_lens_along(dof):
    asked = dof("--config=grbl-sony-a7rv-105mm.toml", "--objective-magnification=10x", "--na=0.28")
    assert (asked["lens"], asked["pupil_distance_mm"]) == (None, None)  # 300 mm is the macro lens's
    assert asked["dof_wave_mm"] == pytest.approx(0.00687, abs=5e-6)
    other = dof("--config=microscope-10x.toml", "--objective-magnification=20x")
    assert (other["magnification"], other["numerical_aperture"], other["dof_mm"]) == (20, None, None)
    own = dof("--config=microscope-10x.toml", "--objective-magnification=10x")
    assert own["numerical_aperture"] == 0.28


def test_a_stop_that_the_lens_does_not_have_is_not_named(dof, rig):
    options = ["--lens=Canon MP-E 65", "--magnification=5", "--aperture=5.6", "--sensor=Canon R5"]
    d = dof(*options)
    assert (d["best_f_number"], d["limiting_f_number"]) == (None, None)  # f/1.3 and f/2.7 on an f/2.8 lens
    assert "on this lens" not in rig("dof", *options)[1]
    at_one = dof(*options, "--magnification=1")
    assert at_one["best_f_number"] == pytest.approx(3.995, abs=0.01)


def test_a_circle_of_confusion_as_tables_print_it(dof):
    options = ["--focal-length=50", "--aperture=ƒ/16", "--focus-distance=1m"]
    assert dof(*options, "--coc=0.03")["near_mm"] == pytest.approx(845.7, abs=0.1)


def test_what_was_measured_on_the_rig(rig, dof, tmp_path):
    path = tmp_path / "rig.toml"
    text = (config_folder() / "simulated.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("[lens]\n", '[lens]\ncalibration = "measured.json"\n'), encoding="utf-8")
    assert dof(f"--config={path}")["calibration"] == []
    loaded = load_config(path)
    store(
        loaded.calibration_path,
        ApertureRecord(
            lost_stops=1.9, lost_stops_sigma=0.02, effective_f_number=10.9, marked_f_number=5.6,
            measured_at=datetime(2026, 11, 22, tzinfo=UTC), simulated=True,
            setup=setup_of(loaded.config, PlanRequest(0, 0)),
            frames=(FrameHash(file="a.jpg", sha256="0" * 64),),
        ),
    )  # fmt: skip
    measured = dof(f"--config={path}")
    assert measured["effective_f_number"] == pytest.approx(10.9, rel=0.011)
    assert measured["effective_f_number_source"] == "measured light loss"
    for option in ("--objective-magnification=10x", "--sensor=Canon R5"):
        left = dof(f"--config={path}", option)
        assert option.split("=")[0] in left["calibration"][0]
        assert left["effective_f_number_source"] != "measured light loss"
    assert "f/10.9 at f/5.6" in measured["calibration"][0]
    assert "calibration" in rig("dof", "--config", str(path))[1]
    for options in (["--magnification=2"], ["--lens=Componon", "--magnification=1"]):
        other = dof(f"--config={path}", *options)
        assert "not used" in other["calibration"][0]
        assert "measured" not in other["effective_f_number_source"].removesuffix("measure it")


def test_hypercentric_and_telecentric_rows(dof, tmp_path):
    text = """
[rail]
driver = "grbl"
pitch = "1 mm"
limits = ["0 mm", "1 mm"]
[lens]
name = "TC"
numerical_aperture = 0.1
magnification = 1
pupil_distance = "{v}"
"""
    for v, longer in (("telecentric", None), ("-200 mm", "before"), ("200 mm", "behind")):
        path = tmp_path / "tc.toml"
        path.write_text(text.format(v=v), encoding="utf-8")
        d = dof(f"--config={path}", "--coc=1mm")
        before, behind = d["depth_before_mm"], d["depth_behind_mm"]
        assert before + behind == pytest.approx(d["dof_geometric_mm"])
        assert d["near_mm"] is None
        assert {None: before == behind, "before": before > behind, "behind": behind > before}[longer]


def test_people_read_it(rig):
    code, out, _ = rig(
        "dof", "-m", "1", "--aperture", "5.6", "--effective-aperture", "11.1", "--sensor", "A7R V"
    )
    assert code == 0
    for text in (
        "Sony A7R V, pixels of 3.76 µm",
        "1, 35.7 mm fill the frame",
        "11.1 at f/5.6 (given on the command line)",
        "7.51 µm = 2 px",
        "318 µm (geometric 167 µm, diffraction 271 µm)",
        "223 µm at an overlap of 30%, 4.49 frames per mm",
        "14.9 µm on the sensor",
        "66.2 lp/mm on the sensor, 66.2 lp/mm on the subject",
        "effective f/6.8 and f/14 (f/3.5 and f/7 on this lens)",
        "warning: diffraction softens",
    ):
        assert text in out, text
    code, out, _ = rig(
        "dof", "--focal-length", "28", "--aperture", "8", "--focus-distance", "4m", "--coc", "30um"
    )
    assert "1.805 m to infinity, focused at 4 m" in out


def test_comparisons(rig, dof):
    options = ["--magnification=1", "--aperture=5.6", "--sensor=Sony A7R V"]
    by_aperture = dof(*options, "--lens=MP-E 65", "--table=apertures")
    assert [round(r["f_number"], 1) for r in by_aperture] == [2.8, 4.0, 5.7, 8.0, 11.3, 16.0]
    depths = [r["dof_mm"] for r in by_aperture]
    assert depths == sorted(depths)
    by_magnification = dof(*options, "--lens=MP-E 65", "--table=magnifications")
    assert [r["magnification"] for r in by_magnification] == [1, 1.4, 2, 3, 4, 5]
    assert all("table" in r["effective_f_number_source"] for r in by_magnification)
    by_overlap = dof(*options, "--table=overlaps")
    losses = {r["overlap"]: r["seam_loss"] for r in by_overlap}
    assert 0.13 < losses[0.3] < 0.18
    assert 0.26 < losses[0.0] < 0.34
    for table in ("apertures", "magnifications", "overlaps"):
        code, out, _ = rig("dof", "-m", "1", "--aperture", "5.6", "--sensor", "A7R V", "--table", table)
        assert code == 0
        assert "µm" in out
    objective = dof("--lens=Mitutoyo M Plan Apo 10x", "--pixel-pitch=3.76um", "--table=magnifications")
    assert {r["numerical_aperture"] for r in objective} == {0.28}
    stated = dof("--magnification=1", "--effective-aperture=8", "--pixel-pitch=4um", "--table=apertures")
    assert [r["effective_f_number"] for r in stated if abs(r["effective_f_number"] - 8) < 0.1] == [8]


@pytest.mark.parametrize("ending", ["svg", "png"])
@pytest.mark.parametrize(
    "options",
    [
        ["--magnification=1", "--aperture=5.6", "--sensor=Sony A7R V"],
        ["--lens=Mitutoyo M Plan Apo 10x", "--pixel-pitch=3.76um"],
    ],
    ids=["lens", "objective"],
)
def test_the_plot(rig, tmp_path, ending, options):
    path = tmp_path / f"dof.{ending}"
    assert str(path) in rig("dof", *options, f"--plot={path}")[1]
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG" if ending == "png" else b"<?xml")
    assert len(content) > 10_000


MISTAKES = """
| nothing to work out: give --magnification
--magnification 0 --aperture 8 | --magnification: "0" is not above 0
--magnification=-1 --aperture 8 | not above 0
--magnification 1 --aperture 0 | --aperture: "0" is not above 0
--magnification 1 --aperture f/-4 | not above 0
--magnification 1 --effective-aperture 0 | --effective-aperture
--na 1 | --na: 1 is not below the refractive index 1
--na 1.4 --index 1.33 | oil 1.515
--na 0 | --na: "0" is not above 0
-m 10 --effective-aperture 4 | numerical aperture of 1.25
-m 1 --aperture 8 --coc 2px | needs the size of a pixel: give --pixel-pitch
-m 1 --aperture 8 --coc 3 | has no unit
--lens MP-E_65 -m 1 --aperture 2 | f/2 is not on the Canon MP-E 65mm
--lens MP-E_65 -m 1 --aperture 22 | from f/2.8 to f/16
-m 1 --frame-width 36mm --aperture 8 | say the same thing twice: give one
-m 1 --objective-magnification 10 --na 0.2 | give one
--na 0.2 --aperture 8 | --na and --aperture
--na 0.2 --effective-aperture 8 | --na and --effective-aperture
--frame-width 70mm --aperture 8 | give --sensor
-m 1 --aperture 8 --sensor A7R_V --pixel-pitch 5um | 3.76 µm each
-m 1 --aperture 8 --sensor 36x24mm --pixels 6000 --pixel-pitch 5um | 6 µm each
-m 1 --aperture 8 --sensor A7R_V --pixels 6000 | has 9504 across
-m 1 --aperture 8 --sensor A7R_5 | did you mean Sony A7R V
-m 1 --aperture 8 --sensor 0x24mm | has no size
-m 1 --aperture 8 --pixels many | 9504x6336
-m 1 --aperture 8 --pixel-pitch 3.76 | write it with its unit
-m 1 --aperture 8 --pixel-pitch 0 | not above 0
-m 1 --aperture 8 --wavelength 550 | 550nm
-m 1 --aperture 8 --wavelength 550um | no light
-m 1 --aperture 8 --index 0.9 | 1.33 for water
-m 1 --aperture 8 --overlap 1 | --overlap
-m 1 --aperture 8 --pupil-ratio 0 | --pupil-ratio
-m 1 --aperture 8 --tube-lens 150mm | give --objective-magnification
-m 1 --aperture 8 --effective-aperture 5.6 | the larger one
--lens Mitutoyo_M_Plan_Apo_10x --aperture 8 | its NA 0.28: leave it out
--focus-distance 1m --aperture 8 | give --focal-length
--focus-distance 40 --focal-length 50 --aperture 8 | not above the focal length
--focus-distance 1m --focal-length 50 --aperture 8 -m 1 | give two of the three
--lens SEL90M28G --focus-distance 280 --focal-length 90 --aperture 8 | and give --magnification or
-m 1 --as-written | --aperture, which is missing
-m 1 --aperture 8 --deliver 2000px | give --sensor
-m 1 --aperture 8 --deliver 2000px --coc 30um --sensor A7R_V | give one
-m 1 --aperture 8 --table lenses | apertures, magnifications, overlaps
-m 1 --effective-aperture 8 --table magnifications | one magnification
--na 0.2 --table apertures | needs the magnification
--na 0.2 -m 10 --table apertures | nothing to compare
-m 1 --aperture 8 --table overlaps | needs the depth of field
-m 1 --aperture 8 --plot dof.jpg | .svg or .png
--na 0.2 --plot dof.svg | --plot: the curves need
-m 1 --aperture 8 --config none.toml | there is no configuration none.toml
"""


@pytest.mark.parametrize("line", MISTAKES.strip("\n").splitlines())
def test_mistakes_are_told_with_what_to_do(rig, line, tmp_path):
    options, said = line.split("|")
    code, _, err = rig("dof", *(part.replace("_", " ") for part in options.split()))
    assert code == 2
    assert said.strip() in err
    assert not list(tmp_path.glob("dof.*"))
