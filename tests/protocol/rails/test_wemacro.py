"""WeMacro: bytes of both directions, what was recorded of INDIGO's simulator, and what goes wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hardware_sims.rails.tap import Tap
from hypothesis import example, given
from hypothesis import strategies as st

from rig.axes.base import PositionTrust
from rig.axes.registry import ShutterSettings, open_axis
from rig.axes.wemacro_protocol import Command, Status, StatusReader, crc16, frame
from rig.clock import ScaledClock
from rig.errors import HardwareError, MotionError, PositionUnknownError, UserError

Make = Callable[..., Any]

RECORDED = [  # ../shared/transcripts/wemacro-indigo-simulator.txt: sent, answer, seconds
    ("a55a4000000000000000e006", "5aa5f5", 0.0),
    ("a55a40000000000003e8e0b8", "5aa5f5", 0.785),
    ("a55a41000000000003e82174", "5aa5f6", 0.780),
    ("a55a80ff000000000000e359", "", 0.0),
    ("a55a40000000000001f4e011", "", 3.0),  # right after the configuration: dropped
    ("a55a4000000000001388ed50", "5aa5f5", 0.395),
    ("a55a0400000000000000e5c5", "5aa5f7", 0.303),
    ("a55a400000000000000a6000", "", 3.0),  # a wrong checksum
]


# --- frames -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "sent"),
    [
        (frame(Command.FORWARD, 0), RECORDED[0][0]),
        (frame(Command.FORWARD, 1000), RECORDED[1][0]),
        (frame(Command.BACKWARD, 1000), RECORDED[2][0]),
        (frame(Command.CONFIGURE, first=0xFF), RECORDED[3][0]),
        (frame(Command.FORWARD, 5000), RECORDED[5][0]),
        (frame(Command.SHUTTER), RECORDED[6][0]),
        (frame(Command.STOP), "a55a2000000000000000e62e"),
    ],
)
def test_frames_are_the_recorded_ones(made: bytes, sent: str) -> None:
    assert made.hex() == sent


@pytest.mark.parametrize("steps", [-1, 0x1000000])
def test_a_number_that_does_not_fit_is_no_frame(steps: int) -> None:
    with pytest.raises(ValueError, match="0 to 16777215 steps"):
        frame(Command.FORWARD, steps)


@given(st.binary(max_size=40), st.integers(0, 319))
def test_a_flipped_bit_does_not_pass_the_checksum(data: bytes, bit: int) -> None:
    bit %= max(1, 8 * len(data))
    if data:
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        assert crc16(bytes(flipped)) != crc16(data)


@given(st.lists(st.binary(max_size=9), max_size=20))
@example([b"\x5a", b"\xa5", b"\xf5"])
@example([b"\x5a\x5a\xa5\xf5\x5a\xa5\x5a\xa5\xf6\xa5\xf7"])
def test_no_bytes_confuse_the_reader(pieces: list[bytes]) -> None:
    """Cut anywhere, the same is read; and behind anything a whole answer is found."""
    reader, whole = StatusReader(), StatusReader()
    found = [status for piece in pieces for status in reader.feed(piece)]
    assert found == whole.feed(b"".join(pieces))
    assert reader.feed(b"\x00\x5a\xa5\xf6")[-1] is Status.BACKWARD_ENDED


# --- both ends of the wire ----------------------------------------------------------------------------


def test_the_simulator_answers_as_recorded(rail: Make) -> None:
    bench = rail("wemacro", 1.0)
    with Tap(bench.sim.tcp_url) as tap:
        import socket

        host, port = tap.url.removeprefix("socket://").split(":")
        with socket.create_connection((host, int(port))) as client:
            for sent, answer, seconds in RECORDED:
                client.settimeout(0.3 if not answer else 5.0)
                began = time.monotonic()
                client.sendall(bytes.fromhex(sent))
                if not answer:
                    if sent != RECORDED[3][0]:
                        with pytest.raises(TimeoutError):
                            client.recv(16)
                    continue
                assert client.recv(16).hex() == answer
                # INDIGO's looks at its motor every 10 ms; ours may be late on a loaded machine, never early
                assert time.monotonic() - began > seconds - 0.015
    assert bench.sim.rejected() == ["too soon after a configuration", "checksum"]


def test_every_byte_of_a_session(rail: Make) -> None:
    bench = rail("wemacro", 50.0)
    shutter = ShutterSettings("camera", 0.2, 0.1)
    with Tap(bench.sim.tcp_url) as tap:
        axis = bench.connect(port=tap.url, shutter=shutter)
        axis.set_reference(0.0)
        axis.move_to(0.3125)
        axis.move_to(0.0)
        axis.press_shutter()
        axis.close()
        said = [(piece.way, piece.data.hex()) for piece in tap.take()]
    assert said == [
        (">", "a55a2000000000000000e62e" + "a55a4000000000000000e006"),  # stop, and a move of nothing
        ("<", "5aa5f5"),
        (">", "a55a8000000000000000ec56" + "a55a40000000000003e8e0b8"),  # slow; 1000 steps forward
        ("<", "5aa5f5"),
        (">", "a55a41000000000003e82174"),
        ("<", "5aa5f6"),
        (">", "a55a0400000000000000e5c5"),
        ("<", "5aa5f7"),
    ]


def test_the_configuration_is_not_followed_too_closely(rail: Make) -> None:
    bench = rail("wemacro", 50.0)
    for _ in range(3):
        axis = bench.connect(speed_mm_s=4.5)
        axis.set_reference(0.0)
        axis.move_to(0.01)
        axis.close()
    assert bench.sim.rejected() == []
    assert frame(Command.CONFIGURE, first=0xFF) in bench.sim.received()


@pytest.mark.parametrize(
    ("configured", "used"), [(2.0, 1289 / 3200), (4.0028125, 12809 / 3200), (0.1, 1289 / 3200)]
)
def test_one_of_its_two_speeds_is_used(rail: Make, configured: float, used: float) -> None:
    axis = rail("wemacro").connect(speed_mm_s=configured)
    assert axis.move_time_s(-1.0) == pytest.approx(1 / used, rel=1e-3)
    if configured != pytest.approx(used, rel=0.02):
        (warning,) = axis.warnings
        assert f'write speed = "{used:.3g} mm/s"' in warning


def test_the_count_is_kept_before_and_after_every_move(rail: Make) -> None:
    bench = rail("wemacro", 100.0)
    axis = bench.connect()
    axis.set_reference(1.0)
    axis.move_to(2.0)
    axis.move_to(2.0)
    assert bench.kept.told == [("at", 1.0, 1.0), ("turning", 1.0, 2.0), ("at", 2.0, 2.0)]


def test_a_command_that_keeps_no_count_may_not_open_it(rail: Make) -> None:
    bench = rail("wemacro")
    settings_ = bench.connect()._settings
    bench.axes.pop().close()
    from dataclasses import replace

    with pytest.raises(UserError, match="does not keep its count"):
        open_axis(replace(settings_, tally=None), ScaledClock(20.0))


def test_the_release_is_pressed(rail: Make) -> None:
    pressed: list[bool] = []
    bench = rail("wemacro", 50.0, contact=pressed.append)
    axis = bench.connect(shutter=ShutterSettings("camera", 0.2, 0.1))
    axis.press_shutter()
    axis.press_shutter()
    assert pressed == [True, False, True, False]
    with pytest.raises(UserError, match="no shutter output configured"):
        rail("wemacro").connect().press_shutter()
    bench.sim.swallow(1)
    with pytest.raises(HardwareError, match="did not report that it pressed"):
        axis.press_shutter()


# --- faults -------------------------------------------------------------------------------------------


def test_an_end_that_is_not_reported(rail: Make) -> None:
    bench = rail("wemacro", 50.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    bench.sim.swallow(1)
    with pytest.raises(MotionError, match="did not report the end of a move within"):
        axis.move_to(1.0)
    assert bench.kept.told[-1] == ("turning", 0.0, 1.0)
    with pytest.raises(PositionUnknownError):
        axis.move_to(0.5)
    axis.set_reference(1.0)
    axis.move_to(0.0)
    assert bench.motor_mm == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.STARTED, "restarted in a move"),
        (Status.BACKWARD_ENDED, "in the other direction"),
        (Status.FORWARD_ENDED, r"after 0\.\d+ s; it cannot have come that far"),
    ],
)
def test_an_end_that_cannot_be(rail: Make, status: Status, words: str) -> None:
    bench = rail("wemacro", 1.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    liar = threading.Timer(0.1, bench.sim.say, args=(status,))
    liar.start()
    with pytest.raises(MotionError, match=words):
        axis.move_to(30.0)
    liar.join()
    assert bench.speed_mm_s == 0.0
    assert axis.position().trust is PositionTrust.UNKNOWN


def test_a_stop_at_its_own_buttons_is_no_arrival(rail: Make) -> None:
    """It is reported by the same byte; the speed that was seen tells them apart."""
    bench = rail("wemacro", 1.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    axis.move_to(0.6)

    def press() -> None:
        while bench.motor_mm < 1.3:  # more than half of the way: it is not too soon for an unknown speed
            time.sleep(0.01)
        bench.sim.inject(frame(Command.STOP))

    button = threading.Thread(target=press)
    button.start()
    with pytest.raises(MotionError, match="cannot have come that far"):
        axis.move_to(1.8)  # 3 s
    button.join()
    assert bench.motor_mm < 1.79
    assert axis.position().trust is PositionTrust.UNKNOWN


@pytest.mark.parametrize("cause", ["power", "foreign move"])
def test_what_it_does_at_rest_unasked_voids_the_count(rail: Make, cause: str) -> None:
    bench = rail("wemacro", 50.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    axis.move_to(1.0)
    if cause == "power":
        bench.sim.power_cycle()
    else:
        bench.sim.inject(frame(Command.BACKWARD, 100))
    deadline = time.monotonic() + 10
    while axis.position().trust is not PositionTrust.UNKNOWN:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert bench.kept.told[-1] == ("lost", 1.0, 1.0)
    words = "restarted by itself" if cause == "power" else "nobody here had asked for"
    with pytest.raises(PositionUnknownError, match=words):
        axis.move_to(2.0)


def test_something_else_answers(rail: Make) -> None:
    from hardware_sims.clock import SimClock
    from hardware_sims.rails.grbl import GarbageSimulator

    bench = rail("wemacro")
    with (
        GarbageSimulator(SimClock(), seed=2) as noise,
        pytest.raises(HardwareError, match=r"is not a WeMacro"),
    ):
        bench.connect(port=noise.tcp_url)
