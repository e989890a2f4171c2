"""Runs commands and says what they cost: processor time of the whole process tree, wall time, memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["CommandFailed", "Cost", "run_measured"]

# A process starts out with the resident size of the one that forked it, so a small launcher does the forking.
_LAUNCHER = """
import json, os, sys, time
began = time.perf_counter()
pid = os.fork()
if pid == 0:
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as error:
        print(error, file=sys.stderr)
        os._exit(127)
_, status, used = os.wait4(pid, 0)
cost = {"cpu_s": used.ru_utime + used.ru_stime, "wall_s": time.perf_counter() - began}
cost["user_s"] = used.ru_utime
cost["peak_mb"] = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
with open(sys.argv[1], "w") as file:
    json.dump(cost, file)
sys.exit(os.waitstatus_to_exitcode(status) & 255)
"""


class CommandFailed(RuntimeError):  # noqa: N818 - reads as what happened
    """A command ended with an exit code other than 0; the message has the end of what it said."""


@dataclass(frozen=True)
class Cost:
    """What commands needed.

    Parameters
    ----------
    cpu_s : float
        User and system seconds of the command and all its descendants.
    wall_s : float
        From start to end; means little on a machine that does other things.
    peak_mb : float
        Resident memory of the largest process, in 10⁶ bytes.
    user_s : float
        What of the processor time is user time: the system's share depends on what the machine has to do for
        memory that is touched for the first time.
    """

    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_mb: float = 0.0
    user_s: float = 0.0

    def then(self, other: Cost) -> Cost:
        """The cost of this and after it the other."""
        return Cost(
            self.cpu_s + other.cpu_s,
            self.wall_s + other.wall_s,
            max(self.peak_mb, other.peak_mb),
            self.user_s + other.user_s,
        )

    def as_json(self) -> dict[str, float]:
        """The figures by name."""
        return asdict(self)


def run_measured(command: Sequence[str], folder: Path, *, nice: int = 0) -> Cost:
    """Run a command in a folder, its output kept in ``log.txt`` there.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    folder : Path
        Working directory.
    nice : int
        Added to the niceness.

    Raises
    ------
    CommandFailed
        When it ends with an error.
    """
    with tempfile.TemporaryDirectory() as aside:
        note = Path(aside) / "cost.json"
        launcher = [sys.executable, "-S", "-E", "-c", _LAUNCHER, str(note)]
        prefix = ["nice", "-n", str(nice)] if nice else []
        log = folder / "log.txt"
        with log.open("a") as said:
            done = subprocess.run(
                [*prefix, *launcher, *command],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            end = log.read_text(errors="replace")[-500:]
            raise CommandFailed(f"{command[0]} ended with exit code {done.returncode}: {end}")
        return Cost(**json.loads(note.read_text()))
