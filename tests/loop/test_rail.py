"""``rig rail`` as a user calls it, on a bench that it takes for real hardware, and on one of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hardware_sims.carriage import Carriage
from hardware_sims.clock import SimClock
from hardware_sims.rails.grbl import GrblSimulator

pytestmark = pytest.mark.timeout(240)

REAL = """\
[rail]
driver = "grbl"
port = "{rail}"
pitch = "1 mm"
limits = ["-2 mm", "60 mm"]
towards_subject = "+"
"""


def _rail(workshop: Any, *words: object) -> Any:
    return workshop.run("rig", "rail", *words, covered=True)


def _answer(workshop: Any, *words: object) -> dict[str, Any]:
    done = _rail(workshop, *words, "--json")
    assert done.code == 0, done
    answer = json.loads(done.out)
    assert isinstance(answer, dict)
    return answer


def test_a_rail_is_zeroed_moved_and_limited_across_commands(workshop: Any) -> None:
    """Over TCP nothing resets the controller, so each command knows where the one before has left it."""
    with workshop.bench(time_scale=10, rail={"start_mm": 3.0}, pictures=False) as bench:
        (workshop.folder / "rig.toml").write_text(REAL.format(rail=bench["rail_tcp"]))
        refused = _rail(workshop, "move", "5mm")
        assert refused.code == 3, refused
        assert "--here-is" in refused.err
        assert _answer(workshop, "move", "4mm", "--here-is", "3mm")["position_mm"] == 4.0
        moved = {"position_mm": 3.5, "trust": "trusted", "from_mm": 4.0}
        assert _answer(workshop, "move", "--by", "-0.5mm") == moved
        assert _answer(workshop, "limits", "set", "here", "near")["limits_mm"] == [3.5, 60.0]
        zeroed = _answer(workshop, "zero")
        assert (zeroed["shift_mm"], zeroed["survives"]) == (-3.5, True)
        refused = _rail(workshop, "move", "--by", "-1mm")
        assert refused.code == 2, refused
        assert "0 mm to 56.5 mm" in refused.err  # its far end has not moved on the bench
        facts = _answer(workshop, "info")
        assert facts["firmware"].startswith("Grbl 1.1h")
        assert facts["position"] == {"position_mm": 0.0, "trust": "trusted"}
        assert facts["settings"]["$100"] == 3200
        assert (facts["limits"]["low"], facts["configured_limits"]["low"]) == (0.0, -5.5)


def test_a_rail_homes_and_guards_itself(workshop: Any) -> None:
    """Soft limits are written to the controller, and agree with those of the configuration from its home."""
    homing = {22: 1, 23: 1, 24: 120, 25: 600, 27: 1, 130: 200, 132: 200}
    clock, carriage = SimClock(20.0), Carriage(start_mm=5.0)
    with GrblSimulator(carriage, clock, start_mm=5.0, travel_mm=(-3.0, 70.0), settings=homing) as board:
        text = REAL.format(rail=board.tcp_url) + 'reference = "home"\nhome_position = "-2 mm"\n'
        (workshop.folder / "rig.toml").write_text(text)
        shown = _answer(workshop, "setup", "--soft-limits", "--yes")
        assert {c["number"]: c["new"] for c in shown["changes"]} == {20: 1, 130: 63}
        refused = _rail(workshop, "move", "5mm")
        assert refused.code == 3, refused
        assert "rig rail home" in refused.err
        assert _answer(workshop, "home")["position_mm"] == -2.0
        assert _answer(workshop, "move", "60mm")["position_mm"] == 60.0
        assert carriage.motor_mm(clock.now()) == pytest.approx(60.0, abs=1e-3)


def test_a_rail_on_the_bench(workshop: Any) -> None:
    config = workshop.config()
    done = _rail(workshop, "move", "-1mm", "--config", config, "--here-is", "2mm")
    assert done.code == 0, done
    assert "at -1.0000 mm" in done.out
    assert "SIMULATED" in done.err
    listed = _answer(workshop, "list", "--config", config)
    assert listed["simulated"] == {"driver": "grbl"}


CAMERA = """
[camera]
port = "{camera}"
sensor_width = "36 mm"
pixels = [300, 200]

[lens]
magnification = 1.0

[capture]
aperture = "f/5.6"
shutter = "1/125 s"
iso = 100
settle = "0.1 s"
return_to_start = false
"""


def test_a_stack_from_where_the_rail_was_left(workshop: Any) -> None:
    """The position is known from the command before, and after the run to the one after it."""
    with workshop.bench(time_scale=10, rail={"start_mm": 3.0}) as bench:
        text = REAL.format(rail=bench["rail_tcp"]) + CAMERA.format(camera=bench["camera_port"])
        (workshop.folder / "rig.toml").write_text(text)
        _answer(workshop, "move", "5mm", "--here-is", "3mm")
        count = ("--step", "0.5mm", "--frames", 3, "--yes", "--no-stack")
        done = workshop.run("rig", "shoot", "--start", "here", *count)
        assert done.code == 0, done
        assert "taken to stand at 5 mm" in done.err
        saved = [e["position_mm"] for e in workshop.journal() if e["event"] == "frame_saved"]
        assert saved == [5.0, 5.5, 6.0]
        tilted = _rail(workshop, "tilt", "--travel", "1mm", "--yes")  # whatever it can make of this scene
        (journal,) = (workshop.folder / "sessions").glob("*calibrate-tilt/journal.jsonl")
        entries = [json.loads(line) for line in journal.read_text().splitlines()]
        saved = [e["position_mm"] for e in entries if e["event"] == "frame_saved"]
        assert saved == [5.5, 6.5], tilted
        assert _answer(workshop, "info")["position"]["position_mm"] == 6.0


def test_a_motor_goes_on_until_the_operator_has_seen_enough(workshop: Any) -> None:
    """Or until the lens would come too near: 5 mm of the 5.7 mm have to be left."""
    config = workshop.config().read_text().replace("60 mm", "3 mm")
    config = config.replace("[lens]", '[lens]\nworking_distance = "5.7 mm"')
    (workshop.folder / "rig.toml").write_text(config)
    command = ("shoot", "--start", "1mm", "--end", "ask", "--step", "0.5mm", "--no-stack")
    with workshop.terminal("rig", *command, "--name", "asked") as at:
        at.expect("1 frames are here", "Enter goes on a step")
        at.type("what\n")
        at.expect("1 frames are here")
        at.type("\n")
        at.expect("2 mm would bring the lens too near to the subject")
        assert at.wait() == 0, at.text
    (journal,) = (workshop.folder / "sessions").glob("*asked/journal.jsonl")
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [e["position_mm"] for e in entries if e["event"] == "frame_saved"] == [1.0, 1.5]
    assert [e["frames"] for e in entries if e["event"] == "ended_here"] == [2]


def test_the_tilt_of_a_rail(workshop: Any) -> None:
    """A bench whose rail drifts by a known amount: 40 µm right and 10 µm up a mm, at 60 µm a pixel."""
    config = workshop.config(pixels=(600, 400), extra="rail_tilt = [40, -10]")
    answer = _answer(workshop, "tilt", "--travel", "4mm", "--config", config)
    assert answer["right_px_per_mm"] == pytest.approx(
        -40 / 60, abs=0.03
    )  # the camera right, the picture left
    assert answer["down_px_per_mm"] == pytest.approx(10 / 60, abs=0.03)
    assert answer["right_deg"] == pytest.approx(-2.29, abs=0.1)
    frames = sorted((workshop.session() / "frames").iterdir())
    again = _answer(workshop, "tilt", *frames, "--distance", "4mm", "--config", config)
    assert again["right_px_per_mm"] == pytest.approx(answer["right_px_per_mm"])
    refused = _rail(workshop, "tilt", frames[0], "--distance", "4mm", "--config", config)
    assert refused.code == 2, refused
