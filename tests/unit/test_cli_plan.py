"""``rig plan`` as people and machines meet it: output, exit codes, words for mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rig.cli import main
from rig.config import config_folder


@pytest.fixture(autouse=True)
def nobody_s_own_config(monkeypatch, tmp_path):
    """Away from any rig.toml of whoever runs the tests, and a terminal that does not wrap."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def rig(monkeypatch, capsys):
    """Run the program in this process; returns exit code, standard output and standard error."""

    def run(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rig", *args])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        out, err = capsys.readouterr()
        return (code if isinstance(code, int) else 0 if code is None else 1), out, err

    return run


@pytest.fixture
def plan(rig):
    """The plan as JSON."""

    def run(*args: str) -> dict:
        code, out, err = rig("plan", *args, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return run


def test_the_main_job(plan):
    p = plan("--start", "0", "--end", "32mm", "--step", "auto")
    assert p["frames"] == len(p["positions_mm"]) == 50
    assert p["positions_mm"][0] == 0
    assert p["positions_mm"][-1] == 32
    assert p["magnification"] == 1
    assert p["effective_f_number"] == pytest.approx(11.31, abs=0.01)
    assert p["dof_mm"] == pytest.approx(0.948, abs=0.001)
    assert (p["step_mm"], p["full_steps"]) == (pytest.approx(0.655), 131)
    assert p["warnings"] == []


def test_two_millimetres(plan):
    assert plan("--start", "0", "--end", "32mm", "--step", "2mm")["positions_mm"] == list(range(0, 33, 2))


def test_units_and_signs(plan):
    p = plan("--start", "-1mm", "--end", "1/4in", "--step", "350um")
    assert p["positions_mm"][0] == -1
    assert p["positions_mm"][-1] == pytest.approx(6.35, abs=1 / 3200)
    assert p["step_mm"] == 0.35
    assert plan("--start", "5", "--end", "1")["direction"] == -1


def test_options_outrank_the_configuration(plan):
    args = ("--start", "0", "--end", "10")
    wide = plan(*args, "--aperture", "f/2.8", "--magnification", "1:2", "--coc", "30um", "--overlap", "50%")
    assert wide["f_number"] == pytest.approx(8**0.5)
    assert wide["magnification"] == 0.5
    assert wide["effective_f_number"] == pytest.approx(8**0.5 * 1.5)
    assert wide["coc_mm"] == pytest.approx(0.03)
    assert wide["max_step_mm"] == pytest.approx(wide["dof_mm"] / 2)
    assert plan(*args, "--frame-width", "72mm")["magnification"] == 0.5
    given = plan(*args, "--effective-aperture", "11.1", "--shutter", "1/30", "--iso", "200")
    assert given["effective_f_number"] == 11.1
    assert given["shutter_s"] == pytest.approx(1 / 30)
    assert given["iso"] == 200
    assert "command line" in given["effective_f_number_source"]


def test_an_unknown_lens_is_assumed_aloud(plan):
    p = plan("--start", "1", "--end", "33", "--config", "grbl-sony-a7rv-105mm.toml")
    assert p["effective_f_number"] == pytest.approx(9.45, abs=0.01)
    assert "assumed" in p["effective_f_number_source"]
    assert "measure the light lost" in p["warnings"][0]
    assert p["dof_mm"] == pytest.approx(0.242, abs=0.001)
    assert p["frames"] == 190  # 192 with a frame more at each end


@pytest.mark.parametrize("name", ["simulated", "grbl-sony-a7rv-105mm", "canon-r5-mpe65"])
def test_the_main_job_fits_on_every_rail(plan, name):
    assert plan("--start", "0", "--end", "32mm", "--config", f"{name}.toml")["positions_mm"][-1] == 32


def test_shipped_rigs(plan):
    canon = plan("--start", "1", "--end", "11", "--config", "canon-r5-mpe65.toml", "-m", "5")
    assert canon["effective_f_number"] == pytest.approx(2**2.5 * 6)
    assert "table" in canon["effective_f_number_source"]
    assert any("diffraction erases" in w for w in canon["warnings"])
    objective = plan("--start", "1", "--end", "2", "--config", "microscope-10x.toml")
    assert objective["dof_mm"] == pytest.approx(0.0074, abs=0.00005)
    assert objective["numerical_aperture"] == 0.28
    assert objective["f_number"] is None
    for p in (canon, objective):
        assert p["framing_growth"] is None


def test_margins_and_delivery(plan, rig):
    args = ("--start", "1", "--end", "33", "--config", "grbl-sony-a7rv-105mm.toml")
    p = plan(*args, "--margin", "1", "--effective-aperture", "11.1")
    assert (p["frames"], p["margin_frames"]) == (147, 1)
    assert p["positions_mm"][1] == 1
    assert p["positions_mm"][-2] == 33
    assert p["limits_mm"] == [-1, 60]
    web = plan(*args, "--deliver", "2000px")
    assert web["deliver_px"] == 2000
    assert web["coc_mm"] == pytest.approx(2 * 35.7 / 2000)
    out = rig("plan", *args, "--deliver", "2000px", "--margin", "2")[1]
    for text in ("2 px of 2000 px delivered", "2 of them before the start", "16.9 MB (estimated from"):
        assert text in out, text


def test_the_plan_as_a_picture(rig, tmp_path):
    args = ("plan", "--start", "0", "--end", "32mm")
    code, out, err = rig(*args, "--plot", "plan.svg")
    assert (code, err) == (0, "")
    assert out.endswith("plan.svg\n")
    assert (tmp_path / "plan.svg").stat().st_size > 10_000
    assert json.loads(rig(*args, "--plot", "plan.png", "--json")[1])["frames"] == 50
    assert (tmp_path / "plan.png").exists()
    code, out, err = rig(*args, "--plot", "plan.pdf")
    assert (code, out) == (2, "")
    assert ".svg or .png" in err


def test_by_lens_focus(plan, rig, tmp_path):
    shipped = config_folder() / "canon-r5-mpe65.toml"
    table = (
        '\n[lens.focus_calibration]\ndrive = [0, 600]\ndefocus = ["0 mm", "5 mm"]\nuncertainty = "10 um"\n'
    )
    Path("rig.toml").write_text(shipped.read_text() + table)
    args = ("--axis", "lens", "--start", "0", "--end", "450")
    p = plan(*args)
    assert (p["axis"], p["positions"][0], p["positions"][-1]) == ("lens", 0, 450)
    assert p["overlap"] > 0.29
    out = rig("plan", *args, "--plot", "lens.svg")[1]
    for text in ("drive units", "of the image plane", "known to ±10 µm", "lens.svg"):
        assert text in out, text
    bare = ("--config", "canon-r5-mpe65.toml")
    assert plan(*args, *bare, "--frames", "10")["calibrated"] is False
    assert "nobody can promise" in rig("plan", *args, *bare, "--frames", "10")[1]
    assert "focus_calibration" in rig("plan", *args, *bare)[2]


def test_the_table_says_it_all(rig):
    code, out, _ = rig("plan", "--start", "0", "--end", "32mm", "--step", "2mm")
    assert code == 0
    for text in (
        "SIMULATED",
        "36 mm fill the frame",
        "11.3 at f/5.6 (N(1+m/P), unit-focusing lens)",
        "948 µm (geometric 905 µm, diffraction 281 µm)",
        "40 µm = 2 px",
        "2 mm (as given, overlap -111%)",
        "0 2 4 … 30 32 mm",
        "32 mm towards the subject, run-up from -0.5 mm",
        "1/8 s, f/5.6, ISO 100",
        "+11.9% over the travel",
        "leave 4.8% of the frame free",
        "warning: the frames leave gaps",
    ):
        assert text in out, text


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--end", "61mm"), "end 61.0000 mm lies outside the rail's limits, -2 mm to 60 mm"),
        (("--start", "-2", "--end", "5"), "run-up"),
        (("--end", "32", "--step", "0"), '--step: "0" is not above 0'),
        (("--end", "32", "--step", "-1mm"), '--step: "-1mm" is not above 0'),
        (("--end", "32", "--step", "often"), "or auto"),
        (("--end", "3 parsec"), '--end: "3 parsec" has an unknown unit, "parsec"'),
        (("--end", "nan"), '--end: "nan" is not a length'),
        (("--end", "5", "--overlap", "1"), '--overlap: "1" is not a share'),
        (("--end", "5", "--overlap", "a lot"), "--overlap: "),
        (("--end", "5", "--coc", "2"), '--coc: "2" has no unit; write "2px"'),
        (("--end", "5", "--aperture", "0"), "--aperture: "),
        (("--end", "5", "--shutter", "0"), "--shutter: "),
        (("--end", "5", "--iso", "0"), "--iso: 0 is not above 0"),
        (("--end", "5", "--magnification", "0"), "--magnification: "),
        (("--end", "5", "--frame-width", "0"), "--frame-width: "),
        (("--end", "5", "--frame-width", "1nm"), "--frame-width: 0.001 µm is not possible; write a width"),
        (("--end", "5", "--aperture", "5600"), "--aperture: 5600 is not possible"),
        (("--end", "5", "--coc", "1m"), "--coc: 1 m is not possible"),
        (("--end", "5", "-m", "1", "--frame-width", "36"), "say the same thing twice"),
        (("--end", "5", "--step", "1", "--frames", "3"), "contradict"),
        (("--end", "5", "-m", "200", "--effective-aperture", "90"), "these optics cannot be"),
        (("--end", "5", "--margin", "-1"), "--margin: -1 is below 0"),
        (("--end", "59.9", "--margin", "1"), "1 frame at each end the last frame at 60.5"),
        (("--end", "32", "--max-frames", "49"), "makes 50 frames; 49 is the most that is allowed"),
        (("--end", "32", "--max-frames", "0"), "--max-frames: 0 is not above 0"),
        (("--end", "32", "--max-duration", "1min"), "50 frames would take"),
        (("--end", "32", "--card-space", "10MB"), "the card has room for 10 MB"),
        (("--end", "32", "--card-space", "10"), '--card-space: "10" is not a size'),
        (("--end", "32", "--deliver", "wide"), '--deliver: "wide" is not a number'),
        (("--end", "ask", "--axis", "lens"), "--end ask is for rails"),
        (("--end", "5", "--brackets", "0"), "and here are 1; write -2,0,2"),
        (("--end", "32", "--axis", "table"), '--axis: "table" is not known; write rail or lens'),
        (("--end", "5", "--config", "nowhere.toml"), "no configuration nowhere.toml"),
    ],
)
def test_mistakes_end_with_2_and_one_message(rig, args, says):
    if "--start" not in args:
        args = ("--start", "0", *args)
    code, out, err = rig("plan", *args, "--json")
    assert code == 2
    assert out == ""
    assert err.startswith("rig: ")
    assert says in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "args",
    [
        ("plan", "--bogus"),
        ("nonsense",),
        ("plan", "--start", "0", "--end", "1", "--frames", "x"),
    ],
)
def test_wrong_options_end_with_2(rig, args):
    code, out, err = rig(*args)
    assert code == 2
    assert out == ""
    assert "Usage" in err


def test_a_config_with_a_typo(rig, tmp_path):
    Path("rig.toml").write_text('[rail]\ndriver = "grbl"\npich = "1 mm"\nlimits = ["0 mm", "60 mm"]\n')
    code, _, err = rig("plan", "--start", "1", "--end", "5")
    assert code == 2
    assert "rig.toml, line 3: unknown key rail.pich: did you mean pitch?" in err


def test_what_is_missing_is_named(rig, plan):
    Path("rig.toml").write_text('[rail]\ndriver = "grbl"\npitch = "1 mm"\nlimits = ["0 mm", "60 mm"]\n')
    here = ("--start", "1", "--end", "5")
    assert "--magnification" in rig("plan", *here)[2]
    assert "--aperture" in rig("plan", *here, "-m", "1", "--coc", "30um")[2]
    assert "sensor_width" in rig("plan", *here, "-m", "1", "--aperture", "8")[2]
    assert "sensor_width" in rig("plan", *here, "--frame-width", "36mm", "--aperture", "8")[2]
    assert plan(*here, "-m", "1", "--coc", "30um", "--aperture", "8")["frames"] > 1
    by_hand = plan(*here, "--step", "0.5mm")
    assert by_hand["frames"] == 9
    assert by_hand["magnification"] is by_hand["dof_mm"] is None
    code, out, _ = rig("plan", *here, "--step", "0.5mm")
    assert code == 0
    assert "not known" in out


def test_version_and_help(rig):
    assert rig("--version")[1].startswith("rig (focusrig) ")
    code, out, _ = rig("--help")
    assert code == 0
    assert "plan" in out


def test_help_loads_nothing_heavy():
    """It must answer at once: half a second, which typer alone takes half of."""
    heavy = ["numpy", "pydantic", "pint", "cv2", "gphoto2", "serial", "stacker.stack", "matplotlib"]
    program = f"import sys, rig.cli; rig.cli.build_app(); print([m for m in {heavy!r} if m in sys.modules])"
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert time.monotonic() - started < 5  # a busy machine; the modules above are the real test


def test_a_reader_that_leaves_is_no_fault():
    program = "import sys, rig.cli; sys.argv = 'rig plan --start 0 --end 59 --json'.split(); rig.cli.main()"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert "Traceback" not in done.stderr
