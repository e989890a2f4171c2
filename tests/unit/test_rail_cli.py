"""What the commands for a rail refuse before anything is connected."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from rig.cli import build_app
from rig.errors import HardwareError, RigError, UserError
from rig.state import RigLock

REAL = """\
[rail]
driver = "grbl"
port = "/dev/ttyNOWHERE7"
pitch = "1 mm"
limits = ["-2 mm", "60 mm"]
towards_subject = "+"
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "rig.toml").write_text(REAL)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("move",), 2, "--by"),
        (("move", "5mm", "--by", "1mm"), 2, "--by"),
        (("move", "5furlongs"), 2, "furlongs"),
        (("move", "1mm", "--here-is", "up"), 2, "--here-is"),
        (("move", "1mm"), 3, "/dev/ttyNOWHERE7"),
        (("info", "--port", "socket://127.0.0.1:9"), 3, "socket://127.0.0.1:9"),
        (("info", "--port", "/dev/ttyS9", "--simulate"), 2, "a rail of its own"),
        (("limits", "set", "5", "0"), 2, "5 mm is not below 0 mm"),
        (("limits", "set", "0", "61mm"), 2, "-2 mm to 60 mm"),
        (("limits", "set", "here", "up"), 2, "set here near"),
        (("limits", "set", "0", "5", "--simulate"), 2, "simulated"),
        (("limits", "--config", "no.toml"), 2, "no.toml"),
        (("stop",), 3, "/dev/ttyNOWHERE7"),
        (("stop", "--config", "simulated.toml"), 2, "Ctrl-C"),
        (("setup", "--dry-run"), 3, "/dev/ttyNOWHERE7"),
        (("tilt", "no.jpg", "--distance", "5mm"), 2, "no.jpg"),
        (("tilt", "--travel", "0"), 2, "--travel"),
    ],
)
def test_what_cannot_be_done_with_a_rail(here: Path, words: tuple[str, ...], code: int, told: str) -> None:
    with pytest.raises(RigError) as caught:
        CliRunner().invoke(build_app(), ["rail", *words], catch_exceptions=False)
    assert caught.value.exit_code == code
    assert told in str(caught.value)
    assert not (here / "sessions").exists()


@pytest.mark.parametrize(("words", "instead"), [(("rail", "jog"), "rig rail move"), (("live",), "rig shoot")])
def test_keys_need_a_terminal(here: Path, words: tuple[str, ...], instead: str) -> None:
    with pytest.raises(UserError, match=f"terminal.*{instead}"):
        CliRunner().invoke(build_app(), words, catch_exceptions=False)


@pytest.mark.parametrize("words", [("rail", "jog"), ("live",)])
def test_a_crank_is_not_jogged(here: Path, words: tuple[str, ...]) -> None:
    """On a terminal: the standard input of this test is one."""
    (here / "rig.toml").write_text(
        '[rail]\ndriver = "crank"\npitch = "1 mm"\nlimits = ["0 mm", "60 mm"]\nturn_closer = "clockwise"\n'
    )
    master, slave = pty.openpty()
    with os.fdopen(slave, encoding="utf-8") as terminal, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", terminal)
        rail = build_app()
        with pytest.raises(UserError, match="--start here"):
            typer.main.get_command(rail)(list(words), standalone_mode=False)
    os.close(master)


def test_without_a_configuration_no_port_is_moved(here: Path) -> None:
    (here / "rig.toml").unlink()
    with pytest.raises(RigError, match=r"pitch and limits.*rig\.toml"):
        CliRunner().invoke(build_app(), ["rail", "info", "--port", "/dev/ttyS9"], catch_exceptions=False)


def test_a_rail_that_is_in_use_says_by_whom(here: Path) -> None:
    with RigLock("/dev/ttyNOWHERE7", "rig live"), pytest.raises(HardwareError) as caught:
        CliRunner().invoke(build_app(), ["rail", "move", "1mm"], catch_exceptions=False)
    assert caught.value.exit_code == 3
    assert f"in use: process {os.getpid()}, rig live" in str(caught.value)


def test_soft_limits_are_kept(here: Path) -> None:
    run = CliRunner()
    assert "-2 mm to 60 mm" in run.invoke(build_app(), ["rail", "limits"]).output
    assert run.invoke(build_app(), ["rail", "limits", "set", "-1mm", "12mm"]).exit_code == 0
    assert "-1 mm to 12 mm" in run.invoke(build_app(), ["rail", "limits"]).output
    assert "-2 mm to 60 mm" in run.invoke(build_app(), ["rail", "limits", "clear"]).output
