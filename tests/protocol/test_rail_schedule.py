"""The seeded schedule of a simulated rail's faults: each kind is seen at the wire or in the carriage."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import serial
from hardware_sims.bench import Bench, Order, OrderError
from hardware_sims.carriage import Carriage, Segment
from hardware_sims.clock import SimClock
from hardware_sims.rails.crank import CrankSimulator
from hardware_sims.rails.faults import Noise, RailFaultOrder, RailMisbehaviour
from hardware_sims.rails.grbl import GrblSimulator
from hypothesis import given
from hypothesis import strategies as st

SCALE = 20.0


class Wire:
    """A bare TCP connection with the four methods of a serial port that are used here."""

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        host, port = url.removeprefix("socket://").split(":")
        self._socket = socket.create_connection((host, int(port)), timeout)
        self._data = b""

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def readline(self) -> bytes:
        while b"\n" not in self._data:
            try:
                chunk = self._socket.recv(4096)
            except TimeoutError:
                return b""
            if not chunk:
                raise ConnectionResetError
            self._data += chunk
        line, _, self._data = self._data.partition(b"\n")
        return line + b"\n"

    def patience(self, seconds: float) -> None:
        self._socket.settimeout(seconds)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def connect(port: str) -> Any:
    return Wire(port) if port.startswith("socket://") else serial.Serial(port, timeout=2.0)


class Rig:
    """A simulated rail and a bare serial port on it."""

    def __init__(self, misbehaviour: RailMisbehaviour | None = None, scale: float = SCALE) -> None:
        self.clock = SimClock(scale)
        self.carriage = Carriage()
        self.sim = GrblSimulator(
            self.carriage, self.clock, misbehaviour=misbehaviour, dtr_reset=False, max_speed_mm_s=2.0
        )
        self.sim.start()
        self.port = Wire(self.sim.tcp_url)

    def ask(self, line: str) -> bytes:
        self.port.write(line.encode() + b"\n")
        return self.port.readline()

    def move(self, to_mm: float) -> None:
        """By lines whose answers are waited for; returns when the controller says that it rests."""
        assert self.ask(f"G53G1X{to_mm}F120") == b"ok\r\n"
        assert self.ask("G4P0.01") == b"ok\r\n"

    @property
    def motor_mm(self) -> float:
        return self.carriage.motor_mm(self.clock.now())

    def close(self) -> None:
        self.port.close()
        self.sim.close()


@pytest.fixture
def rig() -> Iterator[Callable[..., Rig]]:
    with ExitStack() as stack:

        def make(*args: Any, **kwargs: Any) -> Rig:
            one = Rig(*args, **kwargs)
            stack.callback(one.close)
            return one

        yield make


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def fault(kind: str, **fields: Any) -> RailFaultOrder:
    return RailFaultOrder.model_validate({"kind": kind, **fields})


def test_lost_steps_in_the_second_move(rig: Callable[..., Rig]) -> None:
    one = rig(RailMisbehaviour(fixed=[fault("lost_steps", um=30, after=1)]))
    one.move(1.0)
    assert one.motor_mm == pytest.approx(1.0)
    one.move(2.0)
    assert one.motor_mm == pytest.approx(1.97)
    one.move(1.0)  # what is lost stays lost, and the controller does not know
    assert one.motor_mm == pytest.approx(0.97)
    assert b"MPos:1.000" in one.ask("?")
    assert [(f["kind"], f["move"]) for f in one.sim.schedule.report()] == [("lost_steps", 2)]


def test_a_stall_stands_still_for_the_rest_of_the_motion(rig: Callable[..., Rig]) -> None:
    one = rig(RailMisbehaviour(fixed=[fault("stall", after=0, share=0.5)]))
    one.move(2.0)
    assert one.motor_mm == pytest.approx(1.0, abs=1e-6)
    one.move(3.0)
    assert one.motor_mm == pytest.approx(2.0, abs=1e-6)


def test_a_screw_that_wears_has_another_play_from_then_on() -> None:
    carriage = Carriage(backlash_mm=0.01)
    carriage.set_trajectory(0.0, [Segment(0.0, 1.0, 0.0, 1.0, 0.0), Segment(1.0, 1.0, 1.0, -1.0, 0.0)])
    assert carriage.position_mm(2.0) == pytest.approx(0.01)
    carriage.set_backlash(1.5, 0.05)
    assert carriage.position_mm(1.2) == pytest.approx(0.81)  # the past stays
    assert carriage.position_mm(2.0) == pytest.approx(0.05)
    assert carriage.motor_mm(2.0) == pytest.approx(0.0)


def test_the_controller_starts_again_in_mid_move(rig: Callable[..., Rig]) -> None:
    one = rig(RailMisbehaviour(fixed=[fault("reset", after=0)]))
    assert one.ask("G53G1X2F120") == b"ok\r\n"
    assert one.port.readline() == b"\r\n"
    assert one.port.readline().startswith(b"Grbl 1.1h")
    assert 0.9 < one.motor_mm < 1.5
    assert b"MPos:0.000" in one.ask("?")


def test_without_power_nothing_moves_and_nothing_is_said(rig: Callable[..., Rig]) -> None:
    one = rig(scale=1.0)
    one.sim.misbehave(fault("power_loss", seconds=0.6))
    assert until(lambda: one.sim.schedule.report() != [])
    one.port.patience(0.1)
    assert one.ask("?") == b""
    one.port.patience(5.0)
    assert one.port.readline() == b"\r\n"
    assert one.port.readline().startswith(b"Grbl")


@pytest.mark.parametrize(("kind", "length"), [("dropped_bytes", 98), ("flipped_bytes", 100)])
def test_noise_hits_that_many_bytes(kind: str, length: int) -> None:
    noise = Noise(3)
    noise.hit(2, drop=kind == "dropped_bytes")
    clean = bytes(range(100))
    spoiled = noise.spoil(clean[:40]) + noise.spoil(clean[40:])
    assert len(spoiled) == length
    assert noise.spoil(clean) == clean
    if kind == "flipped_bytes":
        differing = [a ^ b for a, b in zip(clean, spoiled, strict=True) if a != b]
        assert len(differing) == 2
        assert all(d.bit_count() == 1 for d in differing)


@given(data=st.binary(max_size=60), cuts=st.lists(st.integers(0, 60), max_size=4), seed=st.integers(0, 99))
def test_noise_does_not_depend_on_how_the_bytes_are_cut(data: bytes, cuts: list[int], seed: int) -> None:
    def spoiled(parts: list[bytes]) -> bytes:
        noise = Noise(seed)
        noise.hit(2, drop=True)
        noise.hit(2, drop=False)
        return b"".join(map(noise.spoil, parts))

    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    assert spoiled([data[a:b] for a, b in itertools.pairwise(edges)]) == spoiled([data])


def test_noise_on_the_way_to_the_rail(rig: Callable[..., Rig]) -> None:
    one = rig()
    one.sim.misbehave(fault("dropped_bytes", to="rail", count=1))
    assert until(lambda: len(one.sim.schedule.happened) == 1)
    answer = one.ask("(a comment, so that whichever byte is lost, it is missed)" * 1)
    assert answer in (b"ok\r\n", b"error:2\r\n", b"error:1\r\n")
    assert sum(len(line) for line in one.sim.received()) < 57


def test_an_answer_that_comes_late_is_not_overtaken(rig: Callable[..., Rig]) -> None:
    one = rig()
    one.sim.misbehave(fault("slow_answers", seconds=0.4))
    assert until(lambda: len(one.sim.schedule.happened) == 1)
    started = time.monotonic()
    assert one.ask("$X") == b"ok\r\n"
    assert time.monotonic() - started > 0.35
    started = time.monotonic()
    assert one.ask("$X") == b"ok\r\n"


@pytest.mark.parametrize("wire", ["pty_path", "tcp_url"])
def test_a_port_that_vanishes_comes_back_under_another_name(rig: Callable[..., Rig], wire: str) -> None:
    one = rig(scale=1.0)
    before = getattr(one.sim, wire)
    with connect(before) as port:
        port.write(b"G53G1X0.5F120\n")
        assert port.readline() == b"ok\r\n"
        one.sim.misbehave(fault("vanish", seconds=0.2))

        def gone() -> bool:
            try:
                port.write(b"?")
                if not port.readline():
                    return False
            except (OSError, serial.SerialException):
                return True
            return False

        assert until(gone)
    assert until(lambda: getattr(one.sim, wire) != before)
    if wire == "tcp_url":  # the name of a pty is free for other programs at once
        with pytest.raises(OSError, match="refused"):
            connect(before).close()
    with connect(getattr(one.sim, wire)) as port:
        port.write(b"?")
        assert b"MPos" in port.readline()
    assert until(lambda: one.motor_mm == pytest.approx(0.5))  # what was under way was finished


def test_by_time_by_count_and_at_random_the_same_seed_gives_the_same_faults(rig: Callable[..., Rig]) -> None:
    def faults_of(seed: int) -> list[tuple[Any, ...]]:
        one = rig(
            RailMisbehaviour(every=2, seed=seed, kinds=[fault("lost_steps", um=1), fault("backlash", um=2)]),
            scale=200.0,
        )
        for number in range(20):
            one.move(0.05 * (number % 2))
        assert until(lambda: one.sim.schedule.next_event_s() is None)  # one may be due after its move
        return [(f["move"], f["kind"]) for f in one.sim.schedule.report()]

    first = faults_of(4)
    assert len(first) > 3
    assert faults_of(4) == first
    assert faults_of(5) != first
    one = rig(RailMisbehaviour(fixed=[fault("lost_steps", um=7, at_s=1.0)]), scale=200.0)
    assert until(lambda: len(one.sim.schedule.happened) == 1)
    assert one.sim.schedule.report()[0]["at_s"] >= 1.0
    assert one.carriage.lost_mm == pytest.approx(-0.007)


def test_a_crank_has_no_controller_that_could_fail() -> None:
    carriage, clock = Carriage(), SimClock(SCALE)
    plan = RailMisbehaviour(fixed=[fault("power_loss", after=3)])
    with pytest.raises(ValueError, match="no controller that could suffer power_loss"):
        CrankSimulator(carriage, clock, pitch_mm=1.0, closer="clockwise", start_mm=0.0, misbehaviour=plan)
    faults = {"fixed": [{"kind": "power_loss", "after": 3}]}
    with pytest.raises(OrderError, match="power_loss"):
        Bench(
            Order.read(
                {
                    "simulator": {"pixels": [64, 64], "rail_faults": faults},
                    "rail": {"driver": "crank"},
                    "pictures": False,
                }
            )
        )


def test_ordered_with_the_bench_and_over_its_control_socket() -> None:
    order = {
        "simulator": {"pixels": [64, 64], "rail_faults": {"fixed": [{"kind": "backlash", "um": 3}]}},
        "pictures": False,
    }
    bench = Bench(Order.read(order))
    try:
        said = bench.control.answer('{"do": "rail_fault", "kind": "lost_steps", "um": 12}')
        assert said == {"ok": True}
        assert until(lambda: len(bench.rail.schedule.happened) == 2)
        state = bench.control.answer('{"do": "rail_state"}')["state"]
        assert state["position_mm"] == pytest.approx(-0.009)  # 12 µm, of which the play takes 3
        assert [f["kind"] for f in state["faults"]] == ["backlash", "lost_steps"]
        json.dumps(state)
        wrong = bench.control.answer('{"do": "rail_fault", "kind": "flood"}')
        assert not wrong["ok"]
        assert "lost_steps" in wrong["error"]
        assert len(bench.report()["rail_faults"]) == 2
    finally:
        bench.close()
    with pytest.raises(OrderError, match=r"simulator.rail_faults.every"):
        Order.read({"simulator": {"rail_faults": {"every": 0}}})
