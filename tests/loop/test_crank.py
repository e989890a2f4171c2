"""A stack on a crank: `rig shoot` on a terminal, somebody at the keyboard, a hand on the bench's crank."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hardware_sims.exif import read_truth

pytestmark = pytest.mark.timeout(100)

CRANK = """\
[rail]
driver = "crank"
pitch = "1 mm"
turn_closer = "counter-clockwise"
limits = ["-2 mm", "10 mm"]

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
settle = "0.15 s"
"""

SHOOT = ("shoot", "--start", "0", "--step", "2mm", "--yes", "--no-stack")


class Hand:
    """Turns the crank of the bench, positive towards the subject; what the rig is told is another thing."""

    def __init__(self, port: str) -> None:
        host, _, number = port.removeprefix("socket://").partition(":")
        self._socket = socket.create_connection((host, int(number)))
        self._answers = self._socket.makefile("r")

    def closer(self, *turns: float) -> None:
        for number in turns:
            self._socket.sendall(f"turn {-number}\n".encode())
            assert self._answers.readline().startswith("ok")

    def press(self) -> None:
        self._socket.sendall(b"press\n")
        assert self._answers.readline() == "ok\n"

    def close(self) -> None:
        self._answers.close()
        self._socket.close()


@contextmanager
def _crank(workshop: Any, capture: str = "", **simulator: Any) -> Iterator[Hand]:
    """A bench, 15 times as fast: its camera is real hardware to the rig, its crank turns by the hand only."""
    rail = {"driver": "crank", "pitch_mm": 1.0, "turn_closer": "counter-clockwise"}
    with workshop.bench(time_scale=15, rail=rail, backlash="100 um", **simulator) as bench:
        (workshop.folder / "rig.toml").write_text(CRANK.format(camera=bench["camera_port"]) + capture)
        hand = Hand(bench["rail_port"])
        try:
            yield hand
        finally:
            hand.close()


def _true_positions(session: Path) -> list[float]:
    frames = sorted((session / "frames").glob("stack_*.jpg"))
    return [float(str(read_truth(f.read_bytes())["position_mm"])) for f in frames]


def _counted(workshop: Any) -> dict[str, Any]:
    counted = json.loads((workshop.folder / "state" / "focusrig" / "positions" / "crank.json").read_text())
    assert isinstance(counted, dict)
    return counted


def test_wrong_turns_are_undone_and_the_operator_ends_the_stack(workshop: Any) -> None:
    """Too far and noticed; too short and noticed a frame later; then ``e`` at the farthest outline."""
    with (
        _crank(workshop, capture="return_to_start = true\n") as hand,
        workshop.terminal("rig", *SHOOT, "--end", "ask") as at,
    ):
        at.expect("1 turn clockwise (1 mm back), then 1 turn counter-clockwise (1 mm closer)", "then Enter")
        hand.closer(-1, 1)
        at.type("\n")
        at.expect("frame 2 of 6", "turn 2 turns counter-clockwise (2 mm closer), then Enter")
        hand.closer(3)
        at.type("u\n")
        at.expect("How many turns is it away from 0 mm, counted counter-clockwise?")
        at.type("three\n")
        at.expect('"three" is no number of turns')
        at.type("3\n")
        at.expect("turn 2 turns clockwise (2 mm back), then 1 turn counter-clockwise (1 mm closer)", "Enter")
        hand.closer(-2, 1)
        at.type("\n")
        at.expect("frame 3 of 6", "turn 2 turns counter-clockwise", "Enter")
        hand.closer(1)  # one too few, and nobody notices
        at.type("\n")
        at.expect("frame 4 of 6", "Enter")
        at.type("b\n")
        at.expect("How many turns is it away from 4 mm")
        at.type("-1\n")
        at.expect("frame 3 of 6", "turn 1 turn counter-clockwise (1 mm closer)", "Enter")
        at.resize(24, 60)
        hand.closer(1)
        at.type("\n")
        at.expect("frame 4 of 6", "turn 2 turns", "Enter")
        at.type("e\n")
        at.expect("turn 4 turns clockwise (4 mm back), then Enter")
        at.type("e\n")  # no: it stays there
        assert at.wait() == 0, at.text
    assert _true_positions(workshop.session()) == pytest.approx([0.0, 2.0, 4.0], abs=0.001)
    journal = workshop.journal()
    assert [e["frames"] for e in journal if e["event"] == "ended_here"] == [3]
    # Others may be there: on a busy machine a picture may come too late, and is taken again.
    assert [
        e["index"] for e in journal if e["event"] == "frame_rejected" and "stood elsewhere" in e["reason"]
    ] == [2]
    assert all(e["trust"] == "host-counted" for e in journal if e["event"] == "frame_saved")
    assert len(list((workshop.session() / "frames").glob(".rejected_*"))) == 1
    assert (_counted(workshop)["position_mm"], _counted(workshop)["turning_to_mm"]) == (4.0, None)


def test_killed_ended_and_gone_on_with(workshop: Any) -> None:
    """Between two turns the count is believed, if nobody has turned since; within one, it is asked for."""
    count = workshop.folder / "state" / "focusrig" / "positions" / "crank.json"
    with _crank(workshop) as hand:
        with workshop.terminal("rig", *SHOOT, "--end", "2mm") as at:
            at.expect("1 turn clockwise", "then Enter")
            hand.closer(-1, 1)
            at.type("\n")
            at.expect("frame 2 of 2", "then Enter")
            assert (_counted(workshop)["position_mm"], _counted(workshop)["turning_to_mm"]) == (0.0, 2.0)
            at.process.kill()
            at.process.wait()
        count.write_text(json.dumps(_counted(workshop) | {"turning_to_mm": None}))  # a moment earlier
        with workshop.terminal("rig", "resume", workshop.session(), "--no-stack") as at:
            at.expect("The crank was last left at 0 mm", "Go on?")
            at.type("y\n")
            at.expect("the first move goes to 2 mm", "Go on?")
            at.type("y\n")
            at.expect("frame 2 of 2", "then Enter")
            at.type("\x04")  # ^D
            assert at.wait() == 130, at.text
            assert "rig resume" in at.text
            assert "Traceback" not in at.text
        with workshop.terminal("rig", "resume", workshop.session(), "--yes", "--no-stack") as at:
            at.expect("between 0 mm and 2 mm, in a turn not finished", "Where does it stand")
            at.type("0\n")
            at.expect("frame 2 of 2", "turn 2 turns counter-clockwise (2 mm closer), then Enter")
            hand.closer(2)
            at.type("\n")
            assert at.wait() == 0, at.text
    assert _true_positions(workshop.session()) == pytest.approx([0.0, 2.0], abs=0.001)


def test_a_rehearsal_turns_the_simulated_crank(workshop: Any) -> None:
    """The shipped configuration: Enter turns; the stack is made of what the pictures then show."""
    config = Path(__file__).parents[2] / "configs" / "nisi-crank.toml"
    small = workshop.folder / "small.toml"
    small.write_text(config.read_text() + '\n[simulator]\nscene = "statue"\npixels = [300, 200]\n')
    with workshop.terminal(
        "rig", "shoot", "--config", small, "--simulate", "--time-scale", "20",
        "--start", "0", "--end", "6mm", "--step", "2mm",
    ) as at:  # fmt: skip
        for frame in range(4):
            at.expect("turns counter-clockwise" if frame else "1 turn clockwise", "then Enter")
            at.type("\n")
        assert at.wait() == 0, at.text
    frames = sorted((workshop.session() / "frames").glob("*.jpg"))
    positions = [float(str(read_truth(f.read_bytes())["position_mm"])) for f in frames]
    assert positions == pytest.approx([0.0, 2.0, 4.0, 6.0], abs=0.001)
    assert len(list(workshop.session().glob("SIMULATED_stack.tif"))) == 1
    assert not (workshop.folder / "state" / "focusrig" / "positions").exists()


def test_turned_and_fired_by_hand_frames_from_a_folder(workshop: Any) -> None:
    card = workshop.folder / "card"
    with _crank(workshop, folder=str(card)) as hand:
        rig = workshop.folder / "rig.toml"
        rig.write_text(rig.read_text().replace("[camera]", '[camera]\ndriver = "folder"\nwatch = "card"'))
        with workshop.terminal("rig", *SHOOT, "--end", "4mm") as at:
            at.expect("1 turn clockwise", "then Enter")
            hand.closer(-1, 1)
            at.type("\n")
            for _ in range(2):  # the test frame, and the first
                at.expect("fire the camera now")
                hand.press()
            at.expect("frame 2 of 3", "then Enter")
            hand.closer(2)
            at.type("\n")
            at.expect("fire the camera now")
            hand.press()
            at.expect("frame 3 of 3", "then Enter")
            at.type("\x03")  # ^C
            assert at.wait() == 130, at.text
            assert "rig resume" in at.text
            assert "Traceback" not in at.text
    assert _true_positions(workshop.session()) == pytest.approx([0.0, 2.0], abs=0.001)
