"""``rig live``, driven through a pseudo-terminal: from the first jog to the last frame on one connection."""

from __future__ import annotations

import json
import re
import signal
import urllib.request
from typing import Any

import cv2
import numpy as np
import pytest

from tests.loop.test_rail import CAMERA, REAL

pytestmark = pytest.mark.timeout(240)

RIGHT, UP = "\x1b[C", "\x1b[A"


def _rig(workshop: Any, bench: dict[str, Any], wire: str) -> None:
    text = REAL.format(rail=bench[wire]) + CAMERA.format(camera=bench["camera_port"])
    (workshop.folder / "rig.toml").write_text(text)


def test_a_stack_is_set_up_and_shot_on_one_connection(workshop: Any) -> None:
    """On a port whose opening resets the controller: what was zeroed holds, because nothing is reopened."""
    with workshop.bench(time_scale=10, rail={"start_mm": 3.0}) as bench:
        _rig(workshop, bench, "rail_pty")
        count = ("--step", "0.5mm", "--frames", 3, "--no-stack", "--settle", "0.4s")
        peaking = ("--peaking", "--peaking-colour", "cyan")
        with workshop.terminal("rig", "live", *count, *peaking, "--name", "beetle") as at:
            at.expect("Where does the carriage stand?")
            at.type("3mm\n")
            address = re.search(r"http://127\.0\.0\.1:\d+/", at.expect("live view: ", "limits -2 to 60 mm"))
            assert address is not None
            with urllib.request.urlopen(f"{address[0]}frame.jpg", timeout=60) as answer:
                seen = cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_COLOR)
            assert seen is not None
            blue, green, red = (seen[..., channel].astype(int) for channel in range(3))
            assert ((blue > red + 60) & (green > red + 60)).any()  # edges in focus
            at.type("s")
            at.expect("the near end is not marked yet")
            at.type(UP + RIGHT)
            at.expect("4.0000 mm  at rest")
            at.type("z")
            at.expect("here is 0 mm", "limits -6 to 56 mm")
            at.type("n")
            at.expect("near is here", "near 0.000")
            at.type("t")
            at.expect("frame_0001.jpg", "clipped")
            at.type("p")
            at.expect("positions", "0 0.5 1 mm")
            at.type("r")
            at.expect("rehearsing", "1.0000 mm", "0.0000 mm  at rest")
            at.type("s")
            at.expect("taken to stand at 0 mm", "Go on?")
            at.type("y\n")
            at.expect("3 frames in")
            at.expect("mm  at rest")
            at.type("q")
            assert at.wait() == 0, at.text
    (journal,) = (workshop.folder / "sessions").glob("*beetle/journal.jsonl")
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [e["position_mm"] for e in entries if e["event"] == "frame_saved"] == [0.0, 0.5, 1.0]
    assert entries[0]["config"]["rail"]["limits"] == ["-6.000000 mm", "56.000000 mm"]
    assert entries[0]["config"]["capture"]["settle"] == "0.4 s"
    assert [e["by"] for e in entries if e["event"] == "reference_set"] == ["live"]
    assert entries[-1]["reason"] == "finished"


def test_an_interrupt_stops_the_rail_and_leaves_nobody_behind(workshop: Any) -> None:
    with workshop.bench(time_scale=1) as bench:
        _rig(workshop, bench, "rail_tcp")
        with workshop.terminal("rig", "live", "--here-is", "0", "--steps", "1,2,40") as at:
            at.expect("limits -2 to 60 mm")
            at.type("3" + RIGHT)
            at.expect("0.2", "moving")
            family = workshop.family(at.process)
            at.process.send_signal(signal.SIGINT)
            assert at.wait() == 130, at.text
            assert not workshop.survivors(family)
        position = json.loads(workshop.run("rig", "rail", "info", "--json").out)["position"]
        assert position["trust"] == "trusted"  # it was stopped with its steps counted, and left so
        assert 0.2 < position["position_mm"] < 39.0
