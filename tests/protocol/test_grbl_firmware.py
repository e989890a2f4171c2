"""The simulated GRBL beyond the recorded exchanges: planner, hold, jog, homing, ports, vanishing clients."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
import serial
from hardware_sims.carriage import Carriage
from hardware_sims.rails.firmware import GrblFirmware
from hardware_sims.rails.planner import Ramp
from hardware_sims.rails.settings import GrblSettings
from hypothesis import given, settings
from hypothesis import strategies as st

Make = Callable[..., Any]
FAST = {100: 3200.0, 110: 600.0, 120: 50.0}


class Board:
    """A firmware without a wire; `tell` sends a line now and returns what was said by then."""

    def __init__(self, changes: dict[int, float] | None = None, **kwargs: Any) -> None:
        self.carriage = Carriage(start_mm=kwargs.get("start_mm", 0.0))
        self.firmware = GrblFirmware(self.carriage, GrblSettings({**FAST, **(changes or {})}), **kwargs)
        self.firmware.power_on(0.0)
        self.firmware.take_output()
        self.now = 1.0

    def tell(self, text: str | bytes, wait_s: float = 0.0) -> list[str]:
        data = text if isinstance(text, bytes) else text.encode() + b"\n"
        self.firmware.receive(data, self.now)
        return self.wait(wait_s)

    def wait(self, seconds: float) -> list[str]:
        self.now += seconds
        self.firmware.advance(self.now)
        return [line for line in self.firmware.take_output().decode().split("\r\n") if line]

    @property
    def motor_mm(self) -> float:
        return self.carriage.motor_mm(self.now)


def test_true_motion_time() -> None:
    board = Board()
    ramp = Ramp(1.0, 2.0, 50.0)
    assert ramp.duration_s == pytest.approx(0.54)
    assert board.tell("G1X1F120") == ["ok"]
    assert board.wait(0.539) == []
    assert board.motor_mm < 1.0
    assert "Run" in board.tell(b"?")[0]
    board.wait(0.002)
    assert board.tell(b"?")[0].startswith("<Idle|MPos:1.000")


def test_sixteen_lines_and_then_the_ok_waits_for_a_slot() -> None:
    board = Board()
    answers = [board.tell(f"G1X{0.5 * (k + 1)}F600") for k in range(17)]
    assert answers[:15] == [["ok"]] * 15
    assert answers[15:] == [[], []]
    move_s = Ramp(0.5, 10.0, 50.0).duration_s
    assert board.wait(move_s + 0.001) == ["ok"]
    assert board.wait(move_s) == ["ok"]
    board.wait(20.0)
    assert board.motor_mm == pytest.approx(8.5)


def test_dwell_answers_when_motion_and_dwell_are_over() -> None:
    board = Board()
    board.tell("G1X1F120")
    assert board.tell("G4P0.25", 0.78) == []
    assert board.tell(b"?")[0].startswith("<Idle")  # as the real one says during G4
    assert board.wait(0.02) == ["ok"]


def test_a_dwell_lasts_whole_ticks_of_50_ms() -> None:
    board = Board()
    assert board.tell("G4P0.01", 0.049) == []
    assert board.wait(0.002) == ["ok"]
    assert board.tell("G4P0") == ["ok"]


def test_hold_keeps_what_is_left_and_resume_finishes_it() -> None:
    board = Board()
    board.tell("G1X4F120")
    board.tell("G1X1F120")
    board.wait(1.0)
    assert board.tell(b"!?")[0].startswith("<Hold:1|")
    board.wait(0.05)
    assert board.tell(b"?")[0].startswith("<Hold:0|MPos:2.000,")  # 1.96 mm and 0.04 mm of braking
    assert board.tell("G4P0", 5.0) == []
    assert board.motor_mm == pytest.approx(2.0)
    assert board.tell(b"~", 10.0) == ["ok"]
    assert board.motor_mm == pytest.approx(1.0)


def test_a_reset_after_a_complete_hold_keeps_the_position() -> None:
    board = Board()
    board.tell("G1X4F120", 1.0)
    board.tell(b"!", 0.05)
    assert board.tell(b"\x18") == ["Grbl 1.1h ['$' for help]"]
    assert board.tell(b"?")[0].startswith("<Idle|MPos:2.000,")
    assert board.motor_mm == pytest.approx(2.0)


def test_a_reset_in_motion_stops_dead_and_keeps_count_of_the_steps() -> None:
    board = Board()
    board.tell("G1X4F120", 1.0)
    assert board.tell(b"\x18") == ["ALARM:3"]
    assert board.tell(b"?\x18$X\n", 0.4) == []  # deaf for half a second
    assert board.wait(0.2) == ["Grbl 1.1h ['$' for help]", "[MSG:'$H'|'$X' to unlock]"]
    assert board.motor_mm == pytest.approx(1.96, abs=1e-3)
    assert board.tell(b"?")[0].startswith("<Alarm|MPos:1.960,")


def test_a_stale_ok_precedes_the_banner_when_a_line_was_in_hand() -> None:
    board = Board()
    board.tell("G1X4F120")
    board.tell("G4P0", 1.0)
    board.tell(b"!", 0.1)
    assert board.tell(b"\x18") == ["ok", "Grbl 1.1h ['$' for help]"]


def test_hold_while_idle_blocks_until_resume() -> None:
    board = Board()
    assert board.tell(b"!?")[0].startswith("<Hold:0")
    assert board.tell("G1X1F120", 2.0) == []
    assert board.tell(b"~", 1.0) == ["ok"]
    assert board.motor_mm == pytest.approx(1.0)


def test_jogs() -> None:
    board = Board()
    assert board.tell("$J=G91X1F120") == ["ok"]
    assert board.tell("G1X5F100") == ["error:9"]
    assert board.tell("$J=G91X1F120") == ["ok"]
    assert board.tell("$J=G4P1F1") == ["error:16"]
    assert board.tell("$J=X5") == ["error:22"]
    assert board.tell("$J=F5") == ["error:26"]
    board.wait(0.2)
    board.tell(b"\x85", 0.05)
    assert board.tell(b"?")[0].startswith("<Idle")
    assert board.motor_mm == pytest.approx(0.4, abs=0.001)
    board.wait(5.0)
    assert board.motor_mm == pytest.approx(0.4, abs=0.001)  # the second jog is forgotten too
    assert board.tell("$G")[0].startswith("[GC:G0 G54 G17 G21 G90 ")  # a jog leaves the modes alone


def test_a_soft_limit_in_motion_brakes_before_the_alarm() -> None:
    board = Board({20: 1, 22: 1, 130: 100})
    board.tell("$X")
    board.tell("G1X-10F120", 1.0)
    assert board.tell("G1X-200F120") == []
    assert board.wait(0.06) == ["ALARM:2"]
    assert board.motor_mm == pytest.approx(-2.0, abs=1e-3)
    assert board.tell(b"\x18?", 1.0) == ["[MSG:Reset to continue]"]
    assert board.tell(b"?") == []
    assert board.tell(b"\x18")[0] == "ok"


@pytest.mark.parametrize(("mask", "end", "position"), [(0, 40.0, "-1.000"), (1, -5.0, "-59.000")])
def test_homing_takes_its_time_and_ends_at_the_switch(mask: int, end: float, position: str) -> None:
    board = Board(
        {22: 1, 23: mask, 24: 60, 25: 600, 27: 1, 130: 60, 20: 0}, start_mm=10.0, travel_mm=(-5.0, 40.0)
    )
    assert board.tell("G1X1F1") == ["error:9"]
    assert board.tell("$H", 1.0) == []
    assert board.tell(b"?!?") == []  # GRBL looks at nothing but a reset while it homes
    said = board.wait(6.0)
    assert sorted(line[:5] for line in said) == ["<Idle", "ok"]
    assert board.motor_mm == pytest.approx(end - 1.0 if mask == 0 else end + 1.0)
    assert board.tell(b"?")[0].startswith(f"<Idle|MPos:{position}")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("G1X1.5.5F1", "error:1"),
        ("G1XF1", "error:2"),
        ("G1X1F-1", "error:4"),
        ("G99", "error:20"),
        ("G2X1F1", "error:20"),
        ("Q1", "error:20"),
        ("G0G1X1F1", "error:21"),
        ("M3.5", "error:23"),
        ("G1X1X2F1", "error:25"),
        ("G92", "error:26"),
        ("G4", "error:28"),
        ("G10X1", "error:28"),
        ("G10L2P9X1", "error:29"),
        ("G80G53X1", "error:30"),
        ("G80X1", "error:31"),
        ("G1X1F1P3", "error:36"),
        ("$100", "error:3"),
        ("$100=x", "error:2"),
        ("$100=-1", "error:4"),
        ("$0=1", "error:6"),
        ("(only a comment)", "ok"),
        ("g1 x0 f100 ; lower case", "ok"),
        ("/G1X0F100", "ok"),
        ("M5M9T2S10", "ok"),
    ],
)
def test_answers(line: str, answer: str) -> None:
    assert Board().tell(line) == [answer]


def test_units_offsets_and_distance_modes() -> None:
    board = Board()
    for line in ("G20G91", "G1X1F10", "G21", "G1X-0.4F100", "G90G92X0", "G1X1F100", "G53G0X2"):
        assert board.tell(line, 20.0) == ["ok"], line
    assert board.motor_mm == pytest.approx(2.0)
    assert board.tell("$#")[8] == "[G92:25.000,0.000,0.000]"
    board.tell("G1X1F100", 60.0)
    assert board.motor_mm == pytest.approx(26.0)
    board.tell(b"\x18")  # G92 does not outlive a reset, G54 does
    board.tell("G10L20P1X0")
    board.tell(b"\x18")
    board.tell("G90G1X-1F600", 9.0)
    assert board.motor_mm == pytest.approx(25.0)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=60), st.floats(0.0, 2.0)), max_size=12))
def test_no_bytes_break_the_firmware(chunks: list[tuple[bytes, float]]) -> None:
    board = Board()
    for data, wait_s in chunks:
        board.tell(data, wait_s)
    board.wait(2.0)
    board.tell(b"\x18", 1.0)
    board.tell(b"\x18", 1.0)
    assert board.tell(b"?")[-1].startswith("<")


# --- the ports ----------------------------------------------------------------------------------------


def read_until(port: Any, end: bytes, seconds: float = 3.0) -> bytes:
    data, deadline = b"", time.monotonic() + seconds
    while end not in data:
        assert time.monotonic() < deadline, f"{data!r} without {end!r}"
        data += port.read(port.in_waiting or 1)
    return data


def test_opening_the_pty_resets_the_board_but_not_the_carriage(grbl: Make) -> None:
    bench = grbl(50.0)
    for _ in range(2):
        with serial.Serial(bench.sim.pty_path, timeout=0.5) as port:
            assert b"Grbl 1.1h" in read_until(port, b"help]\r\n")
            port.write(b"G1X1F120\n?")
            assert b"MPos:0.000" in read_until(port, b"ok\r\n")
            port.write(b"G4P0\n")
            read_until(port, b"ok\r\n")
        time.sleep(0.05)
    assert bench.motor_mm == pytest.approx(2.0)


def test_a_pty_without_dtr_reset_stays_silent_and_keeps_its_count(grbl: Make) -> None:
    bench = grbl(50.0, dtr_reset=False)
    bench.sim.inject(b"G1X1F120\n")
    time.sleep(0.1)
    with serial.Serial(bench.sim.pty_path, timeout=0.3) as port:
        assert port.read(10) == b""
        port.write(b"?")
        assert b"MPos:1.000" in read_until(port, b">\r\n")


def test_the_pty_and_tcp_are_served_together(grbl: Make) -> None:
    bench = grbl(tcp_reset=False)
    with (
        serial.Serial(bench.sim.pty_path, timeout=0.5) as line,
        serial.serial_for_url(bench.sim.tcp_url, timeout=0.5) as network,
    ):
        read_until(line, b"help]\r\n")
        network.write(b"$I\n")
        assert b"VER:1.1h" in read_until(network, b"ok\r\n")
        assert b"VER:1.1h" in read_until(line, b"ok\r\n")


def test_clients_that_vanish_do_not_hang_the_rail(grbl: Make) -> None:
    bench = grbl(50.0)
    for index in range(10):
        host, port = bench.sim.tcp_url.removeprefix("socket://").split(":")
        client = socket.create_connection((host, int(port)))
        client.sendall(b"$$\n" * 200 + b"?" * 200)  # and never reads the answers
        fd = os.open(bench.sim.pty_path, os.O_RDWR | os.O_NOCTTY)
        os.write(fd, b"$$\n" * 20)
        os.close(fd)
        if index % 2:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # a hard reset
        client.close()
    axis = bench.connect("tcp")
    axis.set_reference(0.0)
    axis.move_to(1.0)
    assert bench.carriage.position_mm(bench.clock.now()) == pytest.approx(1.0, abs=2e-3)


def test_an_idle_rail_costs_next_to_nothing(grbl: Make) -> None:
    """Under 10 % of a core, whether nobody is connected or a slow move runs."""
    bench = grbl(1.0)
    used = []
    for connect in (False, True):
        if connect:
            axis = bench.connect("tcp")
            axis.set_reference(0.0)
            bench.sim.inject(b"G1X5F60\n")
        before = resource.getrusage(resource.RUSAGE_SELF)
        time.sleep(1.0)
        after = resource.getrusage(resource.RUSAGE_SELF)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert max(used) < 0.1
