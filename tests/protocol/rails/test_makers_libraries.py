"""Zaber and Trinamic, through their makers' libraries: what these send, and what is made of their answers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hardware_sims.clock import SimClock
from hardware_sims.rails.grbl import GarbageSimulator
from hardware_sims.rails.tap import Heard, Tap

from rig.axes.base import KeepsCount, PositionTrust
from rig.errors import HardwareError, PositionUnknownError, UserError

Make = Callable[..., Any]


def session(rail: Make, driver: str) -> list[Heard]:
    """What goes over the wire while a connected rail moves by a millimetre."""
    bench = rail(driver, 200.0)
    with Tap(bench.sim.tcp_url) as tap:
        axis = bench.connect(port=tap.url)
        axis.set_reference(0.0)
        tap.take()
        axis.move_to(1.0)
        heard = tap.take()
        axis.close()
    return heard


def test_every_byte_of_a_move_of_a_trinamic_module(rail: Make) -> None:
    said = [(piece.way, piece.data.hex()) for piece in session(rail, "trinamic")]
    assert said[:4] == [
        (">", "010601000000000008"),  # GAP 1: where are you?
        ("<", "02016406000000006d"),  # at 0
        (">", "010400000000" + "0c8091"),  # MVP ABS 3200
        ("<", "02016404" + "00000c80" + "f7"),  # taken
    ]
    assert said[-4:] == [
        (">", "010601000000000008"),
        ("<", "02016406" + "00000c80" + "f9"),  # at 3200, the second time
        (">", "01060300000000000a"),  # GAP 3: how fast?
        ("<", "02016406000000006d"),  # it rests
    ]


def test_every_byte_of_a_move_of_a_zaber_device(rail: Make) -> None:
    said = [(piece.way, piece.data.decode()) for piece in session(rail, "zaber")]
    commands = [text.split(":")[0].split(" ", 3)[-1] for way, text in said if way == ">"]
    assert commands[:3] == ["warnings", "get pos", "move abs 3200"]
    assert commands[-1].split()[0].isdigit()  # an empty command, for whether it is busy
    asked, told = said[2 * 2 : 2 * 2 + 2]
    number = int(asked[1].split()[2])
    body = f"1 1 {number:02d} move abs 3200"
    assert asked == (">", f"/{body}:{-sum(body.encode()) % 256:02X}\n")
    assert told == ("<", f"@01 1 {number:02d} OK BUSY WR 0\r\n")
    assert said[-1][1].startswith("@01 1")
    assert "OK IDLE WR 0" in said[-1][1]


@pytest.mark.parametrize(
    ("driver", "module"), [("trinamic", "pytrinamic.connections.tmcl_interface"), ("zaber", "zaber_motion")]
)
def test_a_library_that_is_not_installed(
    rail: Make, driver: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = rail(driver)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf'pip install "focusrig\[{driver}\]"'):
        bench.connect()


@pytest.mark.parametrize("driver", ["trinamic", "zaber"])
def test_something_else_answers(rail: Make, driver: str) -> None:
    bench = rail(driver)
    with GarbageSimulator(SimClock(), seed=2) as noise, pytest.raises(HardwareError, match=driver.title()):
        bench.connect(port=noise.tcp_url)


def test_a_restart_of_a_homed_zaber_device_is_told_by_its_flag(rail: Make) -> None:
    """At 0, where its count shows nothing."""
    bench = rail("zaber", 50.0, start_mm=-20.0)
    axis = bench.connect(home_mm=0.5)
    axis.home()
    bench.sim.power_cycle()
    with pytest.raises(PositionUnknownError, match=r"it restarted, or its count was lost \(WR"):
        axis.move_to(1.0)
    assert axis.position().trust is PositionTrust.UNKNOWN


@pytest.mark.parametrize("driver", ["mjkzz", "trinamic", "zaber"])
def test_a_move_from_elsewhere_is_seen_by_the_count(rail: Make, driver: str) -> None:
    foreign = {
        "mjkzz": bytes.fromhex("014d00ffffff9ce7"),
        "trinamic": bytes.fromhex("01040000ffffff9c9e"),
        "zaber": b"/1 1 move abs -100\n",
    }
    bench = rail(driver, 50.0)
    axis = bench.connect()
    axis.set_reference(0.0)
    bench.sim.inject(foreign[driver])
    assert bench.sim.rejected() == []
    with pytest.raises(PositionUnknownError, match="moved from elsewhere or restarted"):
        axis.move_to(2.0)
    assert isinstance(axis, KeepsCount)
