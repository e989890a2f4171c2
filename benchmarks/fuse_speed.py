"""What fusing costs: ``python -m benchmarks.fuse_speed [--megapixels 2 6 24] [--frames 6 12] [--full]``.

For every size and number of frames, `stacker fuse` runs on JPEG files in a fresh process; printed are its
processor time, wall time, peak memory and bytes a pixel, beside the floor in the same run: decoding the same
files and warping each once with OpenCV's cubic warp in their own type, with the same threads. A fit
t = a + b x frames + c x frames x MP follows, the same with d x MP, and what faster growth would add. Then
what `add`, `preview` and `finish` take while shooting. With ``--peers`` or ``--peer`` FocusWeave works on the
same files.

Wall times mean little on a machine that does other things; so do, to some degree, processor times: other
work on the cores makes the same run a third dearer. So every run can be made several times (``--repeats``),
and the cheapest counts. Virtual machines add what their host takes for memory that it had taken back: ten to
twenty times the price of a page that is there. So the memory that a run needs is touched and given back by
another process just before it; ``--cold`` leaves that out, and both prices are printed.
"""

from __future__ import annotations

import argparse
import compileall
import json
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.first_touch import touch
from benchmarks.measured import CommandFailed, Cost, run_measured
from benchmarks.peers import OURS, PEERS, Missing, Places, run_peer
from stacker import Stacker, read_frame, write_image

_BANDS, _OVERLAP, _GROWTH = 12, 1.5, 0.022
"""How many steps of the plane of focus lead over the picture at most, before they get smaller than what is in
focus allows; how many such steps deep that is; and by how much a stack changes size."""

_SMALL: dict[float, Sequence[int]] = {2.0: (6, 12), 6.0: (6, 12), 24.0: (6, 12)}
_FULL: dict[float, Sequence[int]] = {2.0: (6, 24, 200), 6.0: (24, 200), 24.0: (6, 24), 61.0: (6, 12)}
"""Numbers of frames by megapixels. The full set spans both without every combination: any term that grows
faster than the two alone shows at its ends, and it takes minutes instead of an hour."""

_BYTES_A_PIXEL, _KEPT_BYTES_A_PIXEL, _LEAST_BYTES = 55, 3, 300_000_000
"""What a run touches: memory of the process, what it keeps of each frame in the file cache, and the rest."""

_PEERS_MORE = 4
"""FocusWeave needs some four times the memory."""

_LIVE_MEGAPIXELS = 24.0
_ROOT = str(Path(__file__).resolve().parents[1])
_FLOOR = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from benchmarks.fuse_speed import main
main()
"""
"""Measures the floor in a folder that is not this one: what is said there goes to a file in it."""

_PEER = "focusweave"


@dataclass(frozen=True)
class Case:
    """One stack and what it cost."""

    megapixels: float
    frames: int
    ours: Cost
    floor_cpu_s: float
    peer: Cost | None

    @property
    def bytes_a_pixel(self) -> float:
        """Peak memory over the pixels of a frame."""
        return self.ours.peak_mb / self.megapixels

    def line(self) -> str:
        """A row of the table."""
        ours = self.ours
        row = (
            f"{self.megapixels:6.2f} {self.frames:6d} {ours.cpu_s:8.2f} {ours.user_s:8.2f} {ours.wall_s:8.2f}"
        )
        row += f" {self.floor_cpu_s:8.2f} {ours.cpu_s / self.floor_cpu_s:7.2f}"
        row += f" {ours.peak_mb:8.0f} {self.bytes_a_pixel:7.1f}"
        if self.peer is not None:
            row += f" {self.peer.cpu_s:9.2f} {ours.cpu_s / self.peer.cpu_s:6.2f} {self.peer.peak_mb:8.0f}"
            row += f" {ours.peak_mb / self.peer.peak_mb:6.2f}"
        return row


_HEADER = (
    "    MP frames    CPU s   user s   wall s  floor s  /floor  peak MB    B/px    peer s   /peer"
    "  peer MB  /peer"
)


def painted(megapixels: float, count: int, folder: Path, bits: int) -> list[Path]:
    """Write frames of a texture that grows and is sharp in a band that moves down, once over the picture."""
    width = round((megapixels * 1e6 * 1.5) ** 0.5 / 2) * 2
    height = round(width / 1.5)
    rng = np.random.default_rng(0)
    sharp = cv2.GaussianBlur(rng.integers(0, 255, (height, width, 3), np.uint8), (0, 0), 0.8)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 5)
    folder.mkdir(parents=True)
    half = _OVERLAP * height / min(count, _BANDS) / 2
    paths = []
    for index in range(count):
        picture, middle = blurred.copy(), height * (index + 0.5) / count
        rows = slice(max(0, round(middle - half)), round(middle + half))
        picture[rows] = sharp[rows]
        scale = 1 - _GROWTH * index / max(1, count - 1)
        matrix = np.array([[scale, 0, (1 - scale) * width / 2], [0, scale, (1 - scale) * height / 2]])
        moved = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
        if bits == 16:
            paths.append(folder / f"frame{index:04d}.tif")
            write_image(paths[-1], moved.astype(np.uint16) * np.uint16(257))
        else:
            paths.append(folder / f"frame{index:04d}.jpg")
            write_image(paths[-1], moved)
    return paths


def floor_cpu_s(paths: Sequence[Path]) -> float:
    """Processor seconds of decoding and warping, nothing else, in this process."""
    matrix = np.array([[1.001, 0.0001, -3.3], [-0.0001, 1.001, 2.7]])
    began = time.process_time()
    for path in paths:
        pixels = read_frame(path).pixels
        size = (pixels.shape[1], pixels.shape[0])
        cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    return time.process_time() - began


def measure(megapixels: float, paths: Sequence[Path], places: Places, peer: bool, cold: bool) -> Case:
    """Run ours, the floor and the peer once on one stack."""
    count = len(paths)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bits = 8 if paths[0].suffix == ".jpg" else 16
        bytes_a_pixel = _BYTES_A_PIXEL + _KEPT_BYTES_A_PIXEL * count * bits // 8
        size = int(megapixels * 1e6 * bytes_a_pixel) + _LEAST_BYTES
        costs: dict[str, Cost] = {}
        for tool in (OURS, _PEER) if peer else (OURS,):
            work = folder / tool
            work.mkdir()
            if not cold:
                touch(size if tool == OURS else _PEERS_MORE * size)
            costs[tool] = run_peer(PEERS[tool], places, paths, work, bits)[1]
        # In a process of its own, as ours is: pages that are already there would flatter it.
        note = folder / "floor.json"
        if not cold:
            touch(size)
        run_measured([sys.executable, "-c", _FLOOR, _ROOT, "--floor", str(note), *map(str, paths)], folder)
        return Case(megapixels, count, costs[OURS], json.loads(note.read_text()), costs.get(_PEER))


def cheapest(cases: Sequence[Case]) -> Case:
    """What the same stack cost at least: each of its parts in the run that took the least processor time."""
    peers = [case.peer for case in cases if case.peer is not None]
    return replace(
        cases[0],
        ours=min((case.ours for case in cases), key=_cpu_s),
        floor_cpu_s=min(case.floor_cpu_s for case in cases),
        peer=min(peers, key=_cpu_s) if peers else None,
    )


def _cpu_s(cost: Cost) -> float:
    return cost.cpu_s


def fit(cases: Sequence[Case], seconds: np.ndarray) -> str:
    """Fit times by least relative squares, without and with what a picture costs once, and faster growth.

    The second formula has a term in MP alone: the first frame's touch of fresh memory, finish() and writing
    the result do not depend on the number of frames, and weigh much with six of them. Beside each stand the
    coefficients with which the largest relative residual is as small as it can be: what we ask for is a bound
    on the residuals, and that is the least bound that such a formula has.
    """
    frames = np.array([case.frames for case in cases], float)
    mp = np.array([case.megapixels for case in cases], float)
    terms = {"": np.ones_like(frames), " x frames": frames, " x frames x MP": frames * mp}
    lines = [*_fitted(seconds, terms)]
    if len(cases) > 4:
        terms[" x MP"] = mp
        lines += _fitted(seconds, terms)
        for name, term in (("frames x MP²", frames * mp**2), ("frames² x MP", frames**2 * mp)):
            extra = _coefficients(seconds, [*terms.values(), term])[-1]
            share = 100 * extra * (term / seconds).max()
            lines.append(f"  a term in {name} would be {share:+.1f} % of the largest case")
    return "\n".join(lines)


def _coefficients(seconds: np.ndarray, terms: Iterable[np.ndarray]) -> np.ndarray:
    relative = np.stack([term / seconds for term in terms], axis=1)
    return np.linalg.lstsq(relative, np.ones_like(seconds), rcond=None)[0]


def _coefficients_of_least_bound(seconds: np.ndarray, terms: Collection[np.ndarray]) -> np.ndarray:
    """Those with the smallest largest relative residual (Chebyshev's problem).

    As many cases as there are terms and one more decide about it: their own smallest residual, which all of
    them have alike but for its sign, is the largest of all (de la Vallée Poussin). There are few cases, so
    all choices of so many are gone through.
    """
    relative = np.stack([term / seconds for term in terms], axis=1)
    best = _coefficients(seconds, terms)
    for chosen in combinations(range(len(seconds)), relative.shape[1] + 1):
        some = relative[list(chosen)]
        across = np.linalg.svd(some.T)[2][-1]  # no mix of the terms has any part of it
        residual = across.sum() / np.abs(across).sum()
        found = np.linalg.lstsq(some, 1 - residual * np.sign(across), rcond=None)[0]
        if np.abs(relative @ found - 1).max() < np.abs(relative @ best - 1).max():
            best = found
    return best


def _fitted(seconds: np.ndarray, terms: Mapping[str, np.ndarray]) -> list[str]:
    """Formulas, and how far the times lie from them."""
    lines = [_told(_coefficients(seconds, terms.values()), seconds, terms)]
    if len(seconds) > len(terms):
        found = _coefficients_of_least_bound(seconds, terms.values())
        lines.append(f"  with the least bound: {_told(found, seconds, terms)}")
    return lines


def _told(found: np.ndarray, seconds: np.ndarray, terms: Mapping[str, np.ndarray]) -> str:
    told = sum(factor * term for factor, term in zip(found, terms.values(), strict=True))
    formula = " + ".join(f"{factor:.3g} s{name}" for factor, name in zip(found, terms, strict=True))
    return f"t = {formula}; residuals up to {100 * np.abs(told / seconds - 1).max():.1f} %"


def live(sources: Sequence[Path]) -> str:
    """What the stacker takes while shooting: frames decoded before, after a first one that sets things up."""
    frames = [read_frame(path) for path in sources[:5]]
    stacker = Stacker()
    taken = []
    for frame in frames:
        taken.append(_timed(lambda frame=frame: stacker.add(frame)))
    preview = _timed(lambda: stacker.preview(frames[0].width // 4))
    finish = _timed(stacker.finish)
    adds = np.median(np.array(taken[1:]), axis=0)
    steps = ("first add", taken[0]), ("add", adds), ("preview at 1/4", preview), ("finish", finish)
    return "; ".join(f"{name} {cpu:.2f} s CPU, {wall:.2f} s wall" for name, (cpu, wall) in steps)


def _timed(action: Any) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    action()
    return time.process_time() - cpu, time.perf_counter() - wall


def run(arguments: argparse.Namespace) -> None:
    """Measure all sizes and numbers of frames that were asked for."""
    design = _FULL if arguments.full else _SMALL
    if arguments.megapixels or arguments.frames:
        sizes = arguments.megapixels or list(design)
        design = {size: arguments.frames or design.get(size, (6, 12)) for size in sizes}
    places = Places(arguments.peers, tuple(_named(text) for text in arguments.peer))
    peer = bool(arguments.peers or arguments.peer)
    first, again = touch(_LEAST_BYTES), touch(_LEAST_BYTES)
    print(f"fresh memory: {first:.2f} s of system time a GB, the same right afterwards: {again:.2f}")
    warm_up(places)
    measured: dict[tuple[float, int], list[Case]] = {}
    with tempfile.TemporaryDirectory() as name:
        stacks = {
            (size, count): painted(size, count, Path(name) / f"{size:g}-{count}", arguments.bits)
            for size, counts in design.items()
            for count in counts
        }
        print(_HEADER)
        # Not each of them over and over: how much else the machine does changes by the minute.
        for _ in range(arguments.repeats):
            for (size, count), paths in stacks.items():
                case = measure(size, paths, places, peer, arguments.cold)
                measured.setdefault((size, count), []).append(case)
                print(case.line(), flush=True)
        shot = [paths for (size, _), paths in stacks.items() if abs(size - _LIVE_MEGAPIXELS) < 1]
        if shot:
            print(live(shot[0]), flush=True)
    cases = [cheapest(runs) for runs in measured.values()]
    if arguments.repeats > 1:
        print(f"the cheapest of {arguments.repeats}:", _HEADER, *(case.line() for case in cases), sep="\n")
    if len(cases) > 3:
        for kind, times in (
            ("", [case.ours.cpu_s for case in cases]),
            ("user ", [case.ours.user_s for case in cases]),
        ):
            print(f"{kind}processor time:", fit(cases, np.array(times)), sep="\n")


def warm_up(places: Places) -> None:
    """Compile what is compiled once, and fuse a small stack of either type to see what is left of it.

    Python's own bytecode is made by who installs a program (pip does). In a tree of sources it is missing
    where PYTHONDONTWRITEBYTECODE is set, and every run would compile them again: 0.2 s of processor time.
    """
    compileall.compile_dir(Path(_ROOT) / "stacker", quiet=1)
    with tempfile.TemporaryDirectory() as name:
        cost = run_measured([sys.executable, "-m", "stacker.warm"], Path(name))
        print(f"compiling what was not yet: {cost.cpu_s:.2f} s CPU")
        for bits in (8, 16):
            frames = painted(0.1, _BANDS, Path(name) / f"frames-{bits}", bits)
            work = Path(name) / f"work-{bits}"
            work.mkdir()
            cost = run_peer(PEERS[OURS], places, frames, work, bits)[1]
            print(f"{bits} bits, {_BANDS} frames of 0.1 MP: {cost.cpu_s:.2f} s CPU")


def _named(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    return name, Path(path)


def main() -> None:
    """Run the benchmark."""
    if sys.argv[1:2] == ["--floor"]:
        Path(sys.argv[2]).write_text(json.dumps(floor_cpu_s([Path(text) for text in sys.argv[3:]])))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=float, nargs="*")
    parser.add_argument("--frames", type=int, nargs="*")
    parser.add_argument("--full", action="store_true", help="2 to 61 MP, 6 to 200 frames: takes minutes")
    parser.add_argument("--bits", type=int, choices=[8, 16], default=8, help="JPEG, or TIFF of 16 bits")
    parser.add_argument("--repeats", type=int, default=1, help="the cheapest of so many runs counts")
    parser.add_argument("--cold", action="store_true", help="do not touch the memory before")
    parser.add_argument("--peers", type=Path, help="folder of virtual environments, one a peer")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PROGRAM")
    try:
        run(parser.parse_args())
    except (Missing, CommandFailed) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
