"""MJKZZ: bytes of both directions, and what goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hardware_sims.clock import SimClock
from hardware_sims.rails.faults import RailFaultOrder
from hardware_sims.rails.grbl import GarbageSimulator
from hardware_sims.rails.tap import Tap
from hypothesis import example, given
from hypothesis import strategies as st

from rig.axes.base import CanRezero, KeepsCount, PositionTrust
from rig.axes.mjkzz_protocol import Answer, message, read_answer
from rig.errors import HardwareError, MotionError, PositionUnknownError

Make = Callable[..., Any]


# --- messages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "sent"),
    [
        (message("v"), "0176000000000077"),
        (message("p"), "0170000000000071"),
        (message("P", 3200), "01500000000c80dd"),
        (message("P", -1000), "015000fffffc1863"),
        (message("x"), "0178000000000079"),
        (message("R", 12, index=102), "0152660000000cc5"),
    ],
)
def test_messages(made: bytes, sent: str) -> None:
    assert made.hex() == sent


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1])
def test_a_number_that_does_not_fit_is_no_message(value: int) -> None:
    with pytest.raises(ValueError, match="counts from -2147483648 to 2147483647"):
        message("P", value)


@given(st.binary(max_size=30), st.sampled_from([message("P", 5), message("p"), message("x")]))
@example(bytes.fromhex("81f0000000000071"), message("p"))
@example(bytes.fromhex("0081d00000000005"), message("P", 5))
def test_no_bytes_pass_for_an_answer_that_is_none(noise: bytes, asked: bytes) -> None:
    answer, rest = read_answer(noise, asked)
    if answer is None:
        assert len(rest) < 8
        assert noise.endswith(rest)
        return
    body = bytes([0x81, asked[1] | (0x80 if answer.obeyed else 0), asked[2]])
    body += answer.value.to_bytes(4, "big", signed=True)
    assert body + bytes([sum(body) % 256]) in noise


@given(noise=st.binary(max_size=20).filter(lambda b: b"\x81" not in b), cut=st.integers(0, 8))
def test_an_answer_behind_noise_is_found_in_pieces(noise: bytes, cut: int) -> None:
    whole = bytes.fromhex("81f000fffffc1883")
    asked = message("p")
    first, rest = read_answer(noise + whole[:cut], asked)
    if cut < 8:
        assert first is None
        first, rest = read_answer(rest + whole[cut:], asked)
    assert first == Answer(True, -1000)
    assert rest == b""


# --- both ends of the wire ----------------------------------------------------------------------------


def test_every_byte_of_a_session(rail: Make) -> None:
    bench = rail("mjkzz", 200.0)
    with Tap(bench.sim.tcp_url) as tap:
        axis = bench.connect(port=tap.url)
        axis.set_reference(0.0)
        tap.take()
        axis.move_to(1.0)
        moved = [(piece.way, piece.data.hex()) for piece in tap.take()]
        axis.close()
    assert moved[:6] == [
        (">", "0170000000000071"),  # where are you?
        ("<", "81f0000000000071"),  # 0
        (">", "0150000000" + "0c80" + "dd"),  # go to 3200
        ("<", "81d0000000" + "0c80" + "dd"),  # yes
        (">", "0170000000000071"),
        moved[5],
    ]
    assert (
        moved[-4:]
        == [
            (">", "0170000000000071"),
            ("<", "81f0000000" + "0c80" + "fd"),
        ]
        * 2
    )  # 3200, twice
    assert len(moved) >= 8


def test_a_speed_setting_that_is_not_recommended_is_told(rail: Make) -> None:
    bench = rail("mjkzz")
    bench.sim.inject(message("S", 9))
    (warning,) = bench.connect().warnings
    assert "is 9; its maker recommends 0 to 3" in warning


def test_slower_than_configured_is_no_fault(rail: Make) -> None:
    bench = rail("mjkzz", 50.0)
    bench.sim.inject(message("S", 9))  # a tenth of the speed
    axis = bench.connect()
    axis.set_reference(0.0)
    axis.move_to(4.0)
    assert bench.motor_mm == pytest.approx(4.0)


def test_its_count_outlives_the_connection(rail: Make) -> None:
    bench = rail("mjkzz", 100.0)
    axis = bench.connect()
    axis.set_reference(1.0)
    axis.move_to(4.0)
    assert isinstance(axis, KeepsCount)
    count = axis.count()
    assert count == pytest.approx(3.0)
    axis.close()
    again = bench.connect()
    assert again.count() == count
    again.recall(count, 4.0)
    assert again.move_to(1.0).value == pytest.approx(1.0)
    assert bench.motor_mm == pytest.approx(0.0)


def test_positions_counted_from_elsewhere_keep_the_limits_where_they_are(rail: Make) -> None:
    axis = rail("mjkzz", 100.0).connect()
    axis.set_reference(2.0)
    assert isinstance(axis, CanRezero)
    axis.rezero(0.0)
    assert (axis.limits.low, axis.limits.high) == (-2.0, 30.0)
    assert axis.move_to(-1.0).value == pytest.approx(-1.0)


# --- faults -------------------------------------------------------------------------------------------


def test_a_lost_answer_is_asked_for_again(rail: Make) -> None:
    bench = rail("mjkzz", 100.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    bench.sim.swallow(1)
    axis.move_to(1.0)
    assert bench.motor_mm == pytest.approx(1.0)


def test_no_answer_in_a_move_leaves_no_position(rail: Make) -> None:
    bench = rail("mjkzz", 2.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    silence = threading.Timer(0.1, bench.sim.swallow, args=(3,))
    silence.start()
    with pytest.raises(HardwareError, match="did not answer 01 70"):
        axis.move_to(30.0)
    silence.join()
    assert bench.speed_mm_s == 0.0
    assert bench.motor_mm < 30.0
    with pytest.raises(PositionUnknownError, match="did not answer"):
        axis.move_to(1.0)


def test_a_move_that_is_not_answered_is_not_sent_again(rail: Make) -> None:
    """It has restarted, and counts from 0 where it stands: the same target would be 10 mm farther."""
    bench = rail("mjkzz", 20.0, start_mm=20.0)
    axis = bench.connect()
    axis.set_reference(20.0)
    axis.move_to(10.0)
    bench.sim.crash_on("P")
    with pytest.raises(HardwareError, match="did not answer"):
        axis.move_to(5.0)
    assert sum(m[1] == ord("P") for m in bench.sim.received()) == 2
    assert bench.carriage.reach_mm()[0] == pytest.approx(10.0)
    assert axis.position().trust is PositionTrust.UNKNOWN


def test_a_stall_is_no_arrival(rail: Make) -> None:
    bench = rail("mjkzz", 10.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    bench.sim.freeze()
    with pytest.raises(MotionError, match="does not arrive: its count is 0 instead of 3200"):
        axis.move_to(1.0)
    assert axis.position().trust is PositionTrust.UNKNOWN


def test_a_restart_on_the_way_to_where_it_would_count_from_is_no_arrival(rail: Make) -> None:
    """It counts from 0 again, and 0 was the target."""
    bench = rail("mjkzz", 2.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    axis.move_to(16.0)
    bench.sim.misbehave(RailFaultOrder(kind="reset", after=0, share=0.3))
    with pytest.raises(MotionError, match="at once, 10 times faster than"):
        axis.move_to(0.0)
    assert bench.motor_mm > 5.0
    assert axis.position().trust is PositionTrust.UNKNOWN


@pytest.mark.parametrize("cause", ["power", "foreign move"])
def test_what_happens_at_rest_is_seen_by_the_count(rail: Make, cause: str) -> None:
    bench = rail("mjkzz", 50.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    axis.move_to(1.0)
    if cause == "power":
        bench.sim.power_cycle()
    else:
        bench.sim.inject(message("M", -100))
    with pytest.raises(PositionUnknownError, match="moved from elsewhere or restarted"):
        axis.move_to(2.0)
    assert bench.motor_mm <= 1.0 + 1e-9


def test_a_controller_that_does_not_listen_any_more(rail: Make) -> None:
    bench = rail("mjkzz", 50.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    bench.sim.inject(message("R", 2, index=106))  # it has another address now, and does not listen to 1
    with pytest.raises(HardwareError, match="did not answer"):
        axis.move_to(1.0)
    assert bench.motor_mm == 0.0


def test_a_target_that_it_refuses(rail: Make) -> None:
    """Whatever is wrong with it, it has been sent three times, so the line is not to blame."""
    bench = rail("mjkzz", 50.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    bench.sim.refuse("P")
    with pytest.raises(HardwareError, match=r"refused 01 50 00 00 00 0c 80 dd \(P 3200\)"):
        axis.move_to(1.0)
    assert bench.motor_mm == 0.0


def test_something_else_answers(rail: Make) -> None:
    bench = rail("mjkzz")
    with (
        GarbageSimulator(SimClock(), seed=2) as noise,
        pytest.raises(HardwareError, match="did not answer 01 76"),
    ):
        bench.connect(port=noise.tcp_url)
