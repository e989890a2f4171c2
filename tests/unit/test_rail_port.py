"""A rail whose port has another name than it had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from rig.axes.ports import SerialPort
from rig.config.rail import RailConfig
from rig.rails.port import find_port
from rig.rails.state import RailState

ARDUINO, OTHER = ("2341:0043", "7543"), ("2341:0043", "9999")


def _rail(port: str) -> RailConfig:
    return RailConfig.model_validate(
        {"driver": "grbl", "port": port, "pitch": "1 mm", "limits": ["-2 mm", "60 mm"]}
    )


def _ports(*found: tuple[str, str, str | None, str | None]) -> Callable[[], Sequence[SerialPort]]:
    """Ports by name, USB numbers, serial number and socket."""
    return lambda: [SerialPort(name, None, None, number, usb, at, None) for name, usb, number, at in found]


@pytest.fixture
def state(tmp_path: Path) -> RailState:
    return RailState("/dev/ttyACM0", tmp_path)


def test_it_is_found_again_by_its_serial_number(state: RailState) -> None:
    rail = _rail("/dev/ttyACM0")
    first = find_port(rail, state, _ports(("/dev/ttyACM0", *ARDUINO, "1-1")))
    assert (first.device, first.moved) == ("/dev/ttyACM0", None)
    state.keep_usb(first.usb)
    again = find_port(rail, state, _ports(("/dev/ttyACM0", *OTHER, "1-2"), ("/dev/ttyACM1", *ARDUINO, "1-3")))
    assert again.device == "/dev/ttyACM1"
    assert again.moved is not None
    assert "was on /dev/ttyACM0 is on /dev/ttyACM1 now (USB 2341:0043, number 7543)" in again.moved
    home = find_port(rail, state, _ports(("/dev/ttyACM0", *ARDUINO, "1-4"), ("/dev/ttyACM1", *OTHER, "1-2")))
    assert (home.device, home.moved) == ("/dev/ttyACM0", None)


def test_without_a_number_the_socket_tells(state: RailState) -> None:
    rail = _rail("/dev/ttyACM0")
    state.keep_usb(find_port(rail, state, _ports(("/dev/ttyACM0", "1a86:7523", None, "1-1"))).usb)
    same = find_port(rail, state, _ports(("/dev/ttyUSB1", "1a86:7523", None, "1-1")))
    assert same.device == "/dev/ttyUSB1"
    elsewhere = find_port(rail, state, _ports(("/dev/ttyUSB1", "1a86:7523", None, "1-2")))
    assert (elsewhere.device, elsewhere.moved) == ("/dev/ttyACM0", None)  # it may be anything


def test_nothing_is_guessed(state: RailState, tmp_path: Path) -> None:
    two = _ports(("/dev/ttyACM1", *ARDUINO, "1-1"), ("/dev/ttyACM2", *ARDUINO, "1-2"))
    rail = _rail("/dev/ttyACM0")
    assert find_port(rail, state, two).device == "/dev/ttyACM0"  # never seen before
    state.keep_usb(find_port(rail, state, _ports(("/dev/ttyACM0", *ARDUINO, "1-1"))).usb)
    assert find_port(rail, state, two).device == "/dev/ttyACM0"  # two clones with one number
    one = _ports(("/dev/ttyACM1", *ARDUINO, "1-1"))
    assert find_port(_rail("socket://10.0.0.3:23"), state, one).device == "socket://10.0.0.3:23"
    pty = tmp_path / "pty"
    pty.touch()
    assert find_port(_rail(str(pty)), state, one).device == str(pty)  # it is there, and tells nothing


def test_a_link_is_followed_to_what_it_names(state: RailState, tmp_path: Path) -> None:
    real, link = tmp_path / "ttyACM0", tmp_path / "by-id"
    real.touch()
    link.symlink_to(real)
    found = find_port(_rail(str(link)), state, _ports((str(real), *ARDUINO, "1-1")))
    assert found.device == str(link)
    assert found.usb is not None
    assert found.usb.serial_number == "7543"
