"""GRBL's coolant and spindle outputs as a camera's release: pulse, pause, and never closed for long."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from rig.axes.base import HasShutterOutput
from rig.axes.registry import ShutterSettings
from rig.errors import HardwareError, UserError

PULSE_S, OFF_S, SCALE = 0.4, 0.6, 4.0


class Contact:
    """Notes when the release was pressed and let go of, bench seconds."""

    def __init__(self) -> None:
        self.changes: list[tuple[bool, float]] = []
        self.closed, self.opened = threading.Event(), threading.Event()

    def __call__(self, closed: bool) -> None:
        self.changes.append((closed, time.monotonic() * SCALE))
        (self.closed if closed else self.opened).set()


@pytest.mark.parametrize(("output", "lines"), [("coolant", ["M8", "M9"]), ("spindle", ["M3S1000", "M5"])])
def test_it_is_pressed_for_the_pulse_and_let_go_of_for_the_pause(
    grbl: Callable[..., Any], output: Any, lines: list[str]
) -> None:
    contact = Contact()
    bench = grbl(SCALE, contact=contact)
    axis = bench.connect(shutter=ShutterSettings(output, PULSE_S, OFF_S))
    assert isinstance(axis, HasShutterOutput)
    axis.press_shutter()
    axis.press_shutter()
    assert [closed for closed, _ in contact.changes] == [True, False, True, False]
    on, off, again, _ = (at for _, at in contact.changes)
    assert PULSE_S <= off - on < PULSE_S + 4.0  # a second of a busy machine
    assert again - off >= OFF_S
    sent = [line for line in bench.sim.received() if line.startswith("M")]
    assert sent == lines * 2


def test_it_is_pressed_only_when_the_carriage_stands(grbl: Callable[..., Any]) -> None:
    moving: list[float] = []
    bench = grbl(SCALE, contact=lambda closed: moving.append(bench.speed_mm_s))
    axis = bench.connect(shutter=ShutterSettings("coolant", 0.01, 0.0))
    axis.set_reference(0.0)
    axis.move_to(1.0)
    axis.press_shutter()
    assert moving == [0.0, 0.0]


def test_a_reset_lets_go(grbl: Callable[..., Any]) -> None:
    """Whatever happens to the program while it presses: the next connection begins with a reset."""
    contact = Contact()
    bench = grbl(SCALE, contact=contact)
    bench.connect().close()
    bench.sim.inject(b"M8\n")
    assert contact.closed.wait(5)
    bench.connect().close()
    assert contact.changes[-1][0] is False


DIES = """
import sys
from rig.axes.registry import RailSettings, ShutterSettings, open_axis
from rig.clock import ScaledClock
shutter = ShutterSettings("coolant", 60.0, 0.0)
settings = RailSettings("grbl", sys.argv[1], 3200.0, 2.0, 50.0, 0.0, 32.0, "+", shutter=shutter)
open_axis(settings, ScaledClock()).press_shutter()
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_a_program_that_dies_while_it_presses_lets_go(grbl: Callable[..., Any], sent: signal.Signals) -> None:
    contact = Contact()
    process = subprocess.Popen(
        [sys.executable, "-c", DIES, grbl(1.0, contact=contact).sim.pty_path], stderr=subprocess.DEVNULL
    )
    try:
        assert contact.closed.wait(20)
    finally:
        process.send_signal(sent)
        process.wait(20)
    assert contact.opened.wait(5)


def test_a_controller_that_does_not_let_go_is_reset(grbl: Callable[..., Any]) -> None:
    """A line that is not taken: the reset opens the contact, and what is counted stays counted."""
    contact = Contact()
    axis = grbl(SCALE, contact=contact).connect()
    axis.set_reference(3.0)
    with pytest.raises(HardwareError, match="refused 'M999'"), axis._link.switched("M8", "M999"):
        assert contact.closed.is_set()
    assert contact.changes[-1][0] is False
    assert axis.move_to(4.0).value == pytest.approx(4.0)


def test_without_configuration_nothing_is_pressed(grbl: Callable[..., Any]) -> None:
    axis = grbl(SCALE).connect()
    with pytest.raises(UserError, match=r"\[rail\.shutter\]"):
        axis.press_shutter()


def test_laser_mode_is_refused_for_the_spindle(grbl: Callable[..., Any]) -> None:
    bench = grbl(SCALE, settings={32: 1})
    with pytest.raises(HardwareError, match=r"laser mode \(\$32=1\)"):
        bench.connect(shutter=ShutterSettings("spindle", 0.1, 0.1))
    bench.connect(shutter=ShutterSettings("coolant", 0.1, 0.1))
