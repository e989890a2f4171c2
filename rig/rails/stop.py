"""Stopping a rail from another terminal.

The port belongs to one process, so nobody else can write to it. Its keeper can, and sends the stop at a
signal; then the command that owns the rail is asked to end, as by Ctrl-C: it puts the camera back and keeps
its frames.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass

from rig.axes.base import AxisPosition
from rig.config import LoadedConfig
from rig.errors import UserError
from rig.rails.alone import connected
from rig.rails.port import find_port
from rig.rails.state import RailState
from rig.runs.operator import Operator
from rig.runs.stopping import Stopper
from rig.state import InUseError, RigLock

__all__ = ["Stopped", "keepers", "stop_rail"]

_LET_GO_S = 10.0
"""Real seconds for a command to tear down: a body takes up to 5 s to be put back."""
_LOOK_S = 0.1
_KEEPER = "rig.axes.portkeeper"


@dataclass(frozen=True)
class Stopped:
    """How a rail was stopped.

    ``holder`` is the command that had it, in words, None for none; ``held`` whether its port's keeper was
    there to send the stop; ``let_go`` whether the command has ended; ``position`` where the rail is, as far
    as it was asked.
    """

    holder: str | None
    held: bool
    let_go: bool
    position: AxisPosition | None = None


def stop_rail(loaded: LoadedConfig, operator: Operator, stopper: Stopper) -> Stopped:
    """Stop a rail now, whoever moves it.

    Without a rig command that has it, the port is opened, which holds what moves; that may reset the
    controller.

    Raises
    ------
    UserError
        When the rail is a simulated one, which lives only as long as its command, or has no port.
    HardwareError
        When nobody of ours has it, and it is not there or in the hands of another program.
    """
    rail = loaded.config.rail
    if loaded.config.simulated:
        raise UserError("a simulated rail lives as long as the command that plays it: stop that with Ctrl-C")
    rail.settings()  # says what is missing
    name = RailState.of(rail).name
    holder = _holder(name)
    if holder is None:
        with connected(loaded, "rig rail stop", operator, stopper) as held:
            return Stopped(None, held=True, let_go=True, position=held.axis.position())
    asked = keepers(name) or keepers(find_port(rail, RailState(name)).device)
    for keeper in asked:
        with suppress(ProcessLookupError):  # it ends with its command
            os.kill(keeper, signal.SIGUSR1)
    _ask_to_end(holder)
    deadline = time.monotonic() + _LET_GO_S
    while (still := _holder(name)) == holder and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    return Stopped(holder, held=bool(asked), let_go=still != holder)


def _holder(name: str) -> str | None:
    """What the process that holds a rail says of itself; None when nobody does."""
    try:
        RigLock(name, "rig rail stop").close()
    except InUseError as err:
        return err.holder
    return None


def _ask_to_end(holder: str) -> None:
    found = re.match(r"process (\d+)\b", holder)
    if found is None:
        return
    try:
        os.kill(int(found[1]), signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError as err:
        raise UserError(f"{holder} belongs to another user, who has to end it") from err


def keepers(name: str) -> list[int]:
    """The processes that own a port."""
    ps = ["ps", "-axww", "-o", "pid=,args="]  # no program of Python's own tells
    table = subprocess.run(ps, capture_output=True, text=True, check=False).stdout
    found = []
    for line in table.splitlines():
        pid, _, arguments = line.strip().partition(" ")
        words = arguments.split()
        if _KEEPER in words and name in words[words.index(_KEEPER) + 1 :]:
            found.append(int(pid))
    return found
