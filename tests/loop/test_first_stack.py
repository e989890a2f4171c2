"""The first stack on a rail: somebody has to see which way it goes, and to say how far the subject is.

The bench is taken for real hardware: nothing is simulated as far as the rig knows.
"""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.timeout(100)

REAL = """\
[rail]
driver = "grbl"
port = "{rail}"
pitch = "1 mm"
limits = ["-2 mm", "60 mm"]
backlash = "0.05 mm"
towards_subject = "{sign}"

[camera]
driver = "gphoto2"
port = "{camera}"
sensor_width = "36 mm"
pixels = [300, 200]

[lens]
name = "bellows"
magnification = 1.0
{lens}

[capture]
aperture = "f/5.6"
shutter = "1/125 s"
iso = 100
settle = "0 s"
"""
SHOOT = ("shoot", "--start", "1", "--end", "2mm", "--step", "1mm", "--here-is", "1", "--no-stack", "--yes")


def write(workshop: Any, bench: dict[str, Any], sign: str = "+", lens: str = "") -> None:
    text = REAL.format(rail=bench["rail_tcp"], camera=bench["camera_port"], sign=sign, lens=lens)
    (workshop.folder / "rig.toml").write_text(text)


def moves(workshop: Any) -> list[str]:
    return [entry["event"] for entry in workshop.journal()]


def test_it_is_asked_once_and_kept(workshop: Any) -> None:
    with workshop.bench(known=False, time_scale=5, rail={"start_mm": 1.0}) as bench:
        write(workshop, bench)
        alone = workshop.run("rig", *SHOOT, "--name", "a")
        assert alone.code == 2, alone
        assert "working_distance" in alone.err  # nobody is there to say it
        with workshop.terminal("rig", *SHOOT, "--name", "b") as terminal:
            terminal.expect("How far is it from the front of the lens", "140mm: ")
            terminal.type("nonsense\n")
            terminal.expect("is not a length", "A length: ")
            terminal.type("140\n")
            terminal.expect("AWAY from the subject", "press Enter: ")
            terminal.type("\n")
            terminal.expect("Did the camera move AWAY", "yes or no: ")
            terminal.type("yes\n")
            assert terminal.wait() == 0, terminal.text
        kept = sorted(path.name for path in (workshop.folder / "state" / "focusrig" / "lenses").iterdir())
        assert kept == ["bellows.json"]
        again = workshop.run("rig", *SHOOT, "--name", "c")  # nobody is asked any more
        assert again.code == 0, again


def test_a_camera_that_moves_towards_the_subject_shoots_nothing(workshop: Any) -> None:
    """The configuration has the sign wrong: half a millimetre is all that it costs."""
    lens = 'working_distance = "100 mm"'
    with workshop.bench(known=False, time_scale=5, rail={"start_mm": 1.0, "towards_subject": "-"}) as bench:
        write(workshop, bench, lens=lens)
        with workshop.terminal("rig", *SHOOT) as terminal:
            terminal.expect("press Enter: ")
            terminal.type("\n")
            terminal.expect("Did the camera move AWAY", "yes or no: ")
            terminal.type("no\n")
            terminal.expect('towards_subject = "-"')
            assert terminal.wait() == 2
        events = moves(workshop)
        assert "fired" not in events
        assert "direction_confirmed" not in events


def test_yes_does_not_stand_for_somebody_who_looks(workshop: Any) -> None:
    with workshop.bench(known=False, time_scale=5, rail={"start_mm": 1.0}) as bench:
        write(workshop, bench, lens='working_distance = "100 mm"')
        done = workshop.run("rig", *SHOOT)
        assert done.code == 2, done
        assert "never been confirmed" in done.err
        assert "fired" not in moves(workshop)


def test_a_plan_that_comes_too_near_is_refused_before_anything_is_connected(workshop: Any) -> None:
    (workshop.folder / "rig.toml").write_text(
        REAL.format(rail="/dev/ttyNONE", camera="usb:", sign="+", lens='working_distance = "20 mm"')
    )
    done = workshop.run("rig", "shoot", "--start", "0", "--end", "16mm", "--step", "1mm", "--yes")
    assert done.code == 2, done
    assert "within 4 mm of the nearest point" in done.err
    assert not (workshop.folder / "sessions").exists()
