"""Other stackers, run as their users would: each from a place of its own, never a dependency.

A folder given with ``--peers`` may hold virtual environments named ``focusweave``, ``openfocus`` and
``shinestacker``; ``enfuse`` and ``align_image_stack`` are looked for on the path. What is not there is left
out, and said.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measured import Cost, run_measured

__all__ = ["OURS", "PEERS", "Missing", "Peer", "Places", "run_peer"]

OURS = "focusrig"
"""Name of the stacker of this project among the others."""

_SHINESTACKER = """
import sys
from pathlib import Path

import cv2
from shinestacker import AlignFrames, BalanceFrames, CombinedActions
from shinestacker import DepthMapStack, FocusStack, PyramidStack, StackJob

work, frames, kind, output = sys.argv[1:]
(Path(work) / "src").symlink_to(frames)
job = StackJob("job", work, input_path="src")
job.add_action(CombinedActions("aligned", actions=[AlignFrames(), BalanceFrames()]))
job.add_action(FocusStack("stack", PyramidStack() if kind == "pyramid" else DepthMapStack()))
job.run()
(made,) = (path for path in (Path(work) / "stack").iterdir() if path.is_file())
if made.suffix.lower().startswith(".tif"):
    made.rename(output)
else:  # it writes what it was given
    cv2.imwrite(output, cv2.imread(str(made), cv2.IMREAD_UNCHANGED))
"""


class Missing(LookupError):  # noqa: N818 - reads as what is wrong
    """A peer is not on this machine."""


@dataclass(frozen=True)
class Places:
    """Where peers are.

    Parameters
    ----------
    folder : Path, optional
        Holds their virtual environments.
    given : tuple of (str, Path)
        Program of a peer by the peer's name; goes before the folder. For shinestacker its Python.
    """

    folder: Path | None = None
    given: tuple[tuple[str, Path], ...] = ()

    def program(self, venv: str, name: str) -> str:
        """Path of a program.

        Raises
        ------
        Missing
            When it is nowhere.
        """
        chosen = dict(self.given).get(venv)
        if chosen is not None:
            if not chosen.exists():
                raise Missing(f"{chosen}, given for {venv}, is not there")
            return str(chosen)
        inside = self.folder / venv / "bin" / name if self.folder else None
        if inside is not None and inside.exists():
            return str(inside)
        found = shutil.which(name) if name not in {"python"} else None
        if found is None:
            raise Missing(f"{name} is neither in {inside or 'a folder of --peers'} nor on the path")
        return found


Commands = Callable[[Places, Sequence[Path], Path, Path, int], list[list[str]]]
"""Places, frames, working folder, output and bits to commands, run one after the other."""


@dataclass(frozen=True)
class Peer:
    """A way to stack.

    Parameters
    ----------
    name : str
        As on the command line.
    title : str
        As in tables.
    commands : callable
        See `Commands`.
    kind : str
        "ours", "classical" or "neural".
    """

    name: str
    title: str
    commands: Commands
    kind: str = "classical"


def _ours(places: Places, frames: Sequence[Path], work: Path, output: Path, bits: int) -> list[list[str]]:
    del places, work, bits
    start = "from stacker.cli import main; main()"
    return [[sys.executable, "-c", start, "fuse", str(frames[0].parent), "-o", str(output)]]


def _focusweave(
    places: Places, frames: Sequence[Path], work: Path, output: Path, bits: int
) -> list[list[str]]:
    del work, bits
    return [[places.program("focusweave", "focusweave"), str(frames[0].parent), "--output", str(output)]]


def _openfocus(method: str, align: str) -> Commands:
    def commands(
        places: Places, frames: Sequence[Path], work: Path, output: Path, bits: int
    ) -> list[list[str]]:
        del work, bits
        program = places.program("openfocus", "openfocus")
        options = ["--method", method, "--align", align, "--cpu"]
        return [[program, "--input", str(frames[0].parent), "--output", str(output), *options]]

    return commands


def _enfuse(places: Places, frames: Sequence[Path], work: Path, output: Path, bits: int) -> list[list[str]]:
    align = [places.program("hugin", "align_image_stack"), "-m", "-a", str(work / "aligned_")]
    # What its manual says for focus stacks: contrast alone decides, one frame for each pixel.
    weights = ["--exposure-weight=0", "--saturation-weight=0", "--contrast-weight=1", "--hard-mask"]
    fuse = [places.program("enfuse", "enfuse"), *weights, f"--depth={bits}", "-o", str(output)]
    aligned = [str(work / f"aligned_{index:04d}.tif") for index in range(len(frames))]
    return [[*align, *map(str, frames)], [*fuse, *aligned]]


def _shinestacker(kind: str) -> Commands:
    def commands(
        places: Places, frames: Sequence[Path], work: Path, output: Path, bits: int
    ) -> list[list[str]]:
        del bits
        python = places.program("shinestacker", "python")
        return [[python, "-c", _SHINESTACKER, str(work), str(frames[0].parent), kind, str(output)]]

    return commands


PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(OURS, "focusrig", _ours, "ours"),
        Peer("focusweave", "FocusWeave", _focusweave),
        # It does not align unless told to; of its ways the better one on each stack counts.
        Peer("guided-ecc", "OpenFocus guided filter (ECC)", _openfocus("guided_filter", "ecc")),
        Peer(
            "guided-homography",
            "OpenFocus guided filter (features)",
            _openfocus("guided_filter", "homography"),
        ),
        Peer("enfuse", "align_image_stack + enfuse", _enfuse),
        Peer("shine-pyramid", "shinestacker pyramid", _shinestacker("pyramid")),
        Peer("shine-depthmap", "shinestacker depth map", _shinestacker("depthmap")),
        Peer("neural", "OpenFocus StackMFF-v3 (ECC)", _openfocus("stackmffv3", "ecc"), "neural"),
    )
}
"""All that can be asked for, ours first."""


def run_peer(
    peer: Peer, places: Places, frames: Sequence[Path], work: Path, bits: int, *, nice: int = 0
) -> tuple[Path, Cost]:
    """Stack frames that lie alone in one folder.

    Parameters
    ----------
    peer : Peer
        One of `PEERS`.
    places : Places
        Where it is.
    frames : sequence of Path
        In order.
    work : Path
        An empty folder for what is left behind.
    bits : int
        Of the frames, and wanted of the picture.
    nice : int
        Added to the niceness.

    Returns
    -------
    Path
        The picture, a TIFF in the working folder.
    Cost
        Of all commands.

    Raises
    ------
    Missing
        When it is not on this machine.
    CommandFailed
        When it fails.
    """
    output = work / f"{peer.name}.tif"
    cost = Cost()
    for command in peer.commands(places, frames, work, output, bits):
        cost = cost.then(run_measured(command, work, nice=nice))
    return output, cost
