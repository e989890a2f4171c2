"""The simulator gives the answers that GRBL 1.1h gave on an AVR simulator (tests/data, one exchange a line).

Answers are compared exactly. Positions are compared exactly where a move has ended, and to 1.5 mm where an
asynchronous event ended it: the recorded firmware ran on a simulated AVR whose clock was up to 20 % fast.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hardware_sims.carriage import Carriage
from hardware_sims.rails.firmware import GrblFirmware
from hardware_sims.rails.settings import GrblSettings

DATA = Path(__file__).parents[1] / "data" / "grbl_1_1h_exchanges.jsonl"
EXCHANGES = [json.loads(line) for line in DATA.read_text().splitlines()]


class Replay:
    """A firmware, its time, and what it says."""

    def __init__(self) -> None:
        self.carriage = Carriage()
        self.firmware = GrblFirmware(self.carriage, GrblSettings())
        self.firmware.power_on(0.0)
        self.firmware.take_output()
        self.now = 1.0
        self._rest = ""

    def send(self, text: str, wait_s: float, answers: int) -> list[str]:
        """Send, let at least that time pass, and longer while an answer is missing."""
        self.firmware.receive(text.encode("latin-1"), self.now)
        said = self._take()
        end_s = self.now + max(wait_s, 0.005)
        while self.now < end_s or (len(said) < answers and self.now < end_s + 2.0):
            self.now += 0.005
            self.firmware.advance(self.now)
            said += self._take()
        return said

    def _take(self) -> list[str]:
        *lines, self._rest = (self._rest + self.firmware.take_output().decode()).split("\r\n")
        return lines


def parse(report: str) -> tuple[str, float]:
    state, *fields = report.strip("<>").split("|")
    values = dict(field.split(":") for field in fields)
    return state, float(values["MPos"].split(",")[0])


def poll(replay: Replay, wanted: dict[str, Any]) -> None:
    states: list[str] = []
    others: list[str] = []
    position = None
    for _ in range(400):
        for line in replay.send("?", 0.02, 0):
            if not line.startswith("<"):
                others.append(line)
                continue
            state, position = parse(line)
            if not states or states[-1] != state:
                states.append(state)
        if states == wanted["poll"]:
            if wanted["polls"] == 1 or len(states) > 1:
                break
        else:
            assert states == wanted["poll"][: len(states)], f"{states} instead of {wanted['poll']}"
    assert states == wanted["poll"]
    assert others == wanted["answers"]
    if position is not None:
        assert position == pytest.approx(wanted["position_mm"], abs=0.0 if wanted["exact"] else 1.5)


def test_every_answer_is_the_recorded_one() -> None:
    replay = Replay()
    compared = 0
    for exchange in EXCHANGES:
        if "poll" in exchange:
            poll(replay, exchange)
        elif "send" in exchange:
            said = replay.send(exchange["send"], exchange["wait_s"], len(exchange["answers"]))
            assert said == exchange["answers"], exchange
            compared += len(said)
    assert compared > 100
    assert replay.carriage.motor_mm(replay.now) == pytest.approx(3.0, abs=1e-9)


def test_the_first_reports_after_a_reset_carry_offset_and_overrides() -> None:
    replay = Replay()
    replay.send("\x18", 0.1, 2)
    reports = [replay.send("?", 0.01, 1)[0] for _ in range(12)]
    extras = ["WCO" if "WCO:" in r else "Ov" if "Ov:" in r else "" for r in reports]
    assert extras == ["WCO", "Ov"] + [""] * 8 + ["WCO", "Ov"]


def test_overfilling_the_receive_buffer_loses_lines() -> None:
    """60 moves written at once, at the pace of 115200 baud: the recorded firmware answered 30 of them."""
    replay = Replay()
    for line in ("$100=3200", "$110=600", "$120=50", "G21G90G94"):
        replay.send(line + "\n", 0.01, 1)
    text = "".join(f"G1X{3 + 0.01 * (i % 2):.2f}F600\n" for i in range(60))
    for byte in text:
        replay.firmware.receive(byte.encode(), replay.now)
        replay.now += 87e-6
    answers = replay.send("\n", 5.0, 0)
    assert 20 <= len(answers) < 50
