"""Configurations: the ones that come along, where they are looked for, and what is said of mistakes."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest

from rig.config import config_folder, config_from_table, load_config
from rig.errors import UserError
from rig.units import CircleOfConfusion

SMALLEST = """
[rail]
driver = "grbl"
pitch = "1 mm"
limits = ["0 mm", "60 mm"]
"""


def write(folder: Path, text: str, name: str = "rig.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def trouble(tmp_path: Path, text: str) -> str:
    with pytest.raises(UserError) as caught:
        load_config(write(tmp_path, text))
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.fixture(autouse=True)
def nobody_s_own_config(monkeypatch, tmp_path):
    """Away from any rig.toml of whoever runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)


def shipped() -> list[Path]:
    return sorted(config_folder().glob("*.toml"))


def test_the_four_rigs_come_along():
    assert {p.name for p in shipped()} >= {
        "simulated.toml",
        "grbl-sony-a7rv-105mm.toml",
        "canon-r5-mpe65.toml",
        "microscope-10x.toml",
    }


@pytest.mark.parametrize("path", shipped(), ids=lambda p: p.stem)
def test_every_shipped_configuration_loads(path):
    loaded = load_config(path)
    assert loaded.config.rail.driver == ("crank" if "crank" in loaded.path.stem else "grbl")
    assert loaded.config.camera.pixel_pitch_mm
    loaded.config.check_real_hardware()  # each is complete: port and direction are there


def test_the_default_is_the_simulated_bench():
    loaded = load_config()
    assert not loaded.named
    assert loaded.config.simulated
    assert loaded.config.simulator["scene"] == "insect"
    assert loaded.config.time_scale == 4
    assert loaded.config.camera.pixel_pitch_mm == pytest.approx(0.02)


def test_search_order(tmp_path):
    own = Path(tmp_path / "xdg" / "focusrig")
    own.mkdir(parents=True)
    here = SMALLEST.replace('"1 mm"', '"2 mm"')
    write(own, SMALLEST)
    from rig.config import user_config_path

    if user_config_path().parent != own:  # macOS has its own place
        shutil.copytree(own, user_config_path().parent, dirs_exist_ok=True)
    assert load_config().config.rail.pitch_mm == 1.0
    write(Path(), here)
    assert load_config().config.rail.pitch_mm == 2.0
    other = write(tmp_path, SMALLEST.replace('"1 mm"', '"3 mm"'), "other.toml")
    assert load_config(other).config.rail.pitch_mm == 3.0
    assert load_config(other).named


def test_a_shipped_name_is_found_from_anywhere():
    assert load_config(Path("canon-r5-mpe65.toml")).config.camera.model == "Canon EOS R5"


def test_missing_file_names_what_comes_along():
    with pytest.raises(UserError, match=r"no configuration nowhere.toml; focusrig brings .*simulated.toml"):
        load_config(Path("nowhere.toml"))


def test_a_folder_is_no_configuration(tmp_path):
    with pytest.raises(UserError, match="cannot read the configuration"):
        load_config(tmp_path)


def test_values_are_plain_numbers(tmp_path):
    text = (
        SMALLEST
        + '\n[lens]\npupil_distance = "telecentric"\n[capture]\naperture = "f/5.6"\nshutter = "1/8 s"\n'
    )
    config = load_config(write(tmp_path, text)).config
    assert config.rail.limits_mm == (0.0, 60.0)
    assert config.rail.steps_per_mm == 3200
    assert config.lens.pupil_distance_mm == math.inf
    assert config.capture.aperture == 5.6
    assert config.capture.f_number == pytest.approx(2**2.5)
    assert config.capture.shutter_s == 0.125
    assert config.capture.coc == CircleOfConfusion(2.0, "px")
    assert not config.simulated
    assert config.time_scale == 1.0


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('pitch = "1 mm"', 'pich = "1 mm"', "line 4: unknown key rail.pich: did you mean pitch?"),
        ('pitch = "1 mm"', "", 'rail.pitch is missing; write pitch = "1 mm"'),
        (
            'pitch = "1 mm"',
            "pitch = 1",
            'line 4: rail.pitch: 1 has no unit; write it as text with its unit, such as "1 mm"',
        ),
        (
            'pitch = "1 mm"',
            'pitch = "1 parsec"',
            'rail.pitch: "1 parsec" has an unknown unit, "parsec"; write "1 mm"',
        ),
        ('pitch = "1 mm"', 'pitch = "0 mm"', 'rail.pitch: "0 mm" is not above 0; write'),
        ('pitch = "1 mm"', 'pitch = "-1 mm"', 'rail.pitch: "-1 mm" is not above 0'),
        (
            '"grbl"',
            '"grlb"',
            'write one of crank, grbl, mjkzz, trinamic, wemacro, zaber (did you mean "grbl"?)',
        ),
        ('["0 mm", "60 mm"]', '["60 mm", "0 mm"]', "rail.limits: 60 mm is not below 0 mm"),
        ('["0 mm", "60 mm"]', '["0 mm", "60"]', 'rail.limits[2]: "60" has no unit'),
        ("[rail]", "[rial]", "did you mean rail?"),
        ("[rail]", "aperture = 3\n[rail]", "unknown key aperture: aperture belongs in [capture]"),
        (
            'driver = "grbl"',
            'driver = "grbl"\naperture = "f/8"',
            "unknown key rail.aperture: aperture belongs in [capture]",
        ),
        ('driver = "grbl"', 'driver = "grbl"\nmicrosteps = "16"', 'rail.microsteps: "16" cannot be used'),
        ('driver = "grbl"', 'driver = "grbl"\ntowards_subject = "up"', "rail.towards_subject: "),
        ('driver = "grbl"', 'driver = "grbl"\nspeed = "2 mm"', 'rail.speed: "2 mm" is not a speed'),
    ],
)
def test_mistakes_in_the_rail(tmp_path, old, new, says):
    assert old in SMALLEST
    message = trouble(tmp_path, SMALLEST.replace(old, new))
    assert "rig.toml" in message
    assert says in message


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("[lens]\nmagnification = 0", "line 7: lens.magnification: 0 is not above 0"),
        (
            '[lens]\nmagnification = 1\nframe_width = "36 mm"',
            "lens: magnification and frame_width say the same thing twice",
        ),
        ("[lens]\nnumerical_aperture = 1.2", "numerical_aperture 1.2 is not below refractive_index 1"),
        ('[lens]\neffective_f_numbers = [{ at = "f/2.8", value = 5.6 }]', "has no magnification"),
        (
            '[lens]\neffective_f_numbers = [{ at = "f/2.8", vlue = 5.6 }]',
            "lens.effective_f_numbers[1].vlue: did you mean value?",
        ),
        ('[lens]\npupil_distance = "0 mm"', '"infinite"'),
        ("[capture]\noverlap = 1.5", "capture.overlap: 1.5 is not a share"),
        ("[capture]\ncoc = 2", "capture.coc: 2 has no unit"),
        ('[capture]\nsettle = "-1 s"', 'capture.settle: "-1 s" is below 0'),
        ('[capture]\naperture = "open"', 'capture.aperture: "open" is not an f-number'),
        (
            "[capture]\naperture = 5600",
            "capture.aperture: 5600 is not possible; write the f-number as marked",
        ),
        ('[capture]\ncoc = "30 m"', "capture.coc: 30 m is not possible; write 2px or 30um"),
        ("[capture]\niso = 0", "capture.iso: 0 cannot be used"),
        ('[session]\nfile_template = "{frame}"', "session.file_template: "),
        ("[simulator]\ntime_scale = 0", "time_scale 0 is not a number above 0"),
        ("[camera]\npixels = [1800]", "camera.pixels"),
    ],
)
def test_mistakes_elsewhere(tmp_path, more, says):
    assert says in trouble(tmp_path, SMALLEST.strip() + "\n\n" + more)


def test_all_mistakes_are_told_at_once(tmp_path):
    message = trouble(tmp_path, SMALLEST.replace("pitch", "pich") + "[capture]\niso = -1\n")
    assert "rail.pich" in message
    assert "rail.pitch is missing" in message
    assert "capture.iso" in message
    assert "speed" not in message, "its default waits for the pitch: one mistake is told once"


def test_broken_toml_names_the_line(tmp_path):
    assert "line 2" in trouble(tmp_path, "[rail]\ndriver = grbl\n")


def test_not_utf8(tmp_path):
    path = tmp_path / "rig.toml"
    path.write_bytes(b'[rail]\ndriver = "\xff\xfe"')
    with pytest.raises(UserError, match="cannot read"):
        load_config(path)


def test_the_simulator_table_is_not_read(tmp_path):
    config = load_config(write(tmp_path, SMALLEST + '[simulator]\nwhatever = ["x", { y = 1 }]\n')).config
    assert config.simulator == {"whatever": ["x", {"y": 1}]}
    assert config.time_scale == 1.0


def test_real_hardware_needs_port_and_direction(tmp_path):
    config = load_config(write(tmp_path, SMALLEST)).config
    with pytest.raises(UserError, match=r"rail\.port is missing"):
        config.check_real_hardware()
    text = SMALLEST.replace('driver = "grbl"', 'driver = "grbl"\nport = "/dev/ttyUSB0"')
    config = load_config(write(tmp_path, text)).config
    with pytest.raises(UserError, match=r"rail\.towards_subject is missing"):
        config.check_real_hardware()
    settings = config.rail.settings("/dev/pts/7")
    assert settings.port == "/dev/pts/7"
    assert settings.towards_subject == "+"
    assert settings.home_mm is None


def test_a_tilde_is_the_user_s_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    text = SMALLEST + '[camera]\nwatch = "~/tether"\n[lens]\ncalibration = "~/m.json"\n'
    loaded = load_config(write(tmp_path, text))
    assert loaded.config.camera.watch == tmp_path / "tether"
    assert loaded.calibration_path == tmp_path / "m.json"
    with pytest.raises(UserError, match="nobody of that name has a home"):
        load_config(write(tmp_path, SMALLEST + '[camera]\nwatch = "~nobody-of-that-name/tether"\n'))


def test_real_hardware_has_no_time_scale():
    with pytest.raises(UserError, match="real hardware takes its time"):
        load_config(Path("canon-r5-mpe65.toml"), time_scale=8)
    assert load_config(Path("simulated.toml"), time_scale=8).config.time_scale == 8
    with pytest.raises(UserError, match=r"^--time-scale: 0 is not above 0"):
        load_config(Path("simulated.toml"), time_scale=0)


def test_a_rehearsal_gets_the_bench_and_keeps_the_rig():
    loaded = load_config(Path("canon-r5-mpe65.toml"))
    played = load_config(Path("canon-r5-mpe65.toml"), simulate=True, time_scale=8)
    assert played.config.simulated
    assert played.config.time_scale == 8
    assert played.config.lens == loaded.config.lens
    assert not loaded.config.simulated
    # What a journal keeps is enough to go on.
    assert config_from_table(played.table, "journal") == played.config
