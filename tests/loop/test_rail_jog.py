"""``rig rail jog``, driven through a pseudo-terminal."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from tests.loop.test_rail import REAL

pytestmark = pytest.mark.timeout(240)

RIGHT, LEFT, UP = "\x1b[C", "\x1b[D", "\x1b[A"


def _at_rest(terminal: Any, position: str) -> None:
    terminal.expect(f"{position} mm  at rest")


def test_jogging_with_the_keyboard(workshop: Any) -> None:
    with workshop.bench(time_scale=10, rail={"start_mm": 3.0}, pictures=False) as bench:
        (workshop.folder / "rig.toml").write_text(
            REAL.format(rail=bench["rail_tcp"]).replace("60 mm", "6 mm")
        )
        with workshop.terminal("rig", "rail", "jog", "--json") as terminal:
            terminal.expect("-2 mm to 6 mm", "Where does the carriage stand?")
            terminal.type("3mm\n")
            terminal.expect("limits -2 to 6 mm")
            terminal.type(RIGHT)
            _at_rest(terminal, "3.1000")
            terminal.type(UP + RIGHT)
            _at_rest(terminal, "4.1000")
            terminal.type(RIGHT)
            _at_rest(terminal, "5.1000")
            terminal.type(RIGHT)
            terminal.expect("up to the limit, 6 mm")
            _at_rest(terminal, "6.0000")
            terminal.type(RIGHT)
            terminal.expect("this is the limit, 6 mm")
            terminal.type("1" + LEFT)
            _at_rest(terminal, "5.9900")
            terminal.type("z")
            terminal.expect("here is 0 mm", "limits -7.99 to 0.01 mm")
            terminal.type("q")
            assert terminal.wait() == 0
        answer = re.search(r"\{[^}]*\}", terminal.text)
        assert answer is not None
        assert json.loads(answer[0])["position_mm"] == 0.0
        # What was said over this connection is known to the next one.
        done = workshop.run("rig", "rail", "info", "--json")
        assert json.loads(done.out)["position"]["position_mm"] == 0.0


def test_space_stops_a_jog_at_once(workshop: Any) -> None:
    with workshop.bench(time_scale=1, pictures=False) as bench:
        (workshop.folder / "rig.toml").write_text(REAL.format(rail=bench["rail_tcp"]))
        with workshop.terminal(
            "rig", "rail", "jog", "--here-is", "0", "--steps", "1,2,30", "--json"
        ) as terminal:
            terminal.expect("limits -2 to 60 mm")
            terminal.type("3" + RIGHT)
            terminal.expect("0.2", "moving")
            terminal.type(" ")
            terminal.expect("at rest")
            terminal.type("q")
            assert terminal.wait() == 0
    # At 2 mm/s it would have taken 15 s.
    place = json.loads(terminal.text[terminal.text.rindex("{") : terminal.text.rindex("}") + 1])
    assert place["trust"] == "trusted"
    assert 0.2 < place["position_mm"] < 29.0


def test_another_terminal_stops_the_rail(workshop: Any) -> None:
    with workshop.bench(time_scale=1, pictures=False) as bench:
        (workshop.folder / "rig.toml").write_text(REAL.format(rail=bench["rail_tcp"]))
        with workshop.terminal("rig", "rail", "jog", "--here-is", "0", "--steps", "1,2,50") as mover:
            mover.expect("limits -2 to 60 mm")
            mover.type("3" + RIGHT)
            mover.expect("0.2", "moving")
            done = workshop.run("rig", "rail", "stop", "--json")
            assert done.code == 0, done
            assert mover.wait() == 130, mover.text
        stopped = json.loads(done.out)
        assert (stopped["held"], stopped["let_go"]) == (True, True)
        assert stopped["holder"] == f"process {mover.process.pid}, rig rail jog"
        # Nobody has it now; where it was stopped is known, and short of where it was sent.
        stopped = json.loads(workshop.run("rig", "rail", "stop", "--json").out)
        assert stopped["holder"] is None
        assert stopped["position"]["trust"] == "trusted"
        assert stopped["position"]["position_mm"] < 49.0


def _stop_on_the_way(terminal: Any) -> None:
    """Begin a step of 50 mm, which takes 30 to 140 s, and stop it when the motor has turned.

    A stop that comes before the controller has heard of the move leaves the carriage where it is known to be.
    """
    for wait_s in (0.5, 2.0, 8.0):
        terminal.type("3" + RIGHT)
        terminal.expect("moving")
        time.sleep(wait_s)
        terminal.type(" ")
        if "3.3000 mm" not in terminal.expect("at rest"):
            return
    pytest.fail("the move was stopped three times before it had begun")


@pytest.mark.parametrize("driver", ["mjkzz", "wemacro"])
def test_controllers_without_jogs_of_their_own(workshop: Any, driver: str) -> None:
    """Each key is a move there; a stop leaves a position only where the controller can be asked."""
    with workshop.bench(time_scale=1, rail={"driver": driver, "start_mm": 3.0}, pictures=False) as bench:
        text = REAL.format(rail=bench["rail_pty"]).replace("grbl", driver)
        (workshop.folder / "rig.toml").write_text(text)
        steps = ("--here-is", "3mm", "--steps", "0.1,0.3,50")
        with workshop.terminal("rig", "rail", "jog", *steps, "--json") as terminal:
            terminal.expect("limits -2 to 60 mm")
            terminal.type(RIGHT)
            _at_rest(terminal, "3.3000")
            _stop_on_the_way(terminal)
            if driver == "wemacro":
                terminal.type(LEFT)
                terminal.expect("stands is not known: z calls this place 0")
                terminal.type("z")
                terminal.expect("here is 0 mm")
                terminal.type("2" + RIGHT)
                _at_rest(terminal, "0.3000")
            terminal.type("q")
            assert terminal.wait() == 0, terminal.text
    place = json.loads(terminal.text[terminal.text.rindex("{") : terminal.text.rindex("}") + 1])
    trust = {"mjkzz": "trusted", "wemacro": "host-counted"}[driver]
    assert place["trust"] == trust
    assert place["position_mm"] < 50.0
