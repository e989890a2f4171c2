"""Quality of the stacker beside its peers: ``python -m benchmarks.quality [--peers FOLDER] [--out FOLDER]``.

Renders nine scenes (see `benchmarks.stacks`), stacks them with the default options of every stacker that is
installed (see `benchmarks.peers`), and scores each picture against the truth (see `benchmarks.scores`).
Results of peers are kept beside the stacks and not made again unless asked; ours are made anew each time.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.geometry import NotLocated
from benchmarks.measured import CommandFailed, Cost
from benchmarks.peers import OURS, PEERS, Missing, Peer, Places, run_peer
from benchmarks.recipes import FURTHER, RECIPES
from benchmarks.scores import frame_noise, score
from benchmarks.stacks import Array, RenderedStack, load

__all__ = ["Result", "as_markdown", "main", "measure"]

_VERSION = 1  # of how peers are run; a change makes kept pictures stale
_YARDSTICK = 2  # a change has kept pictures scored again


@dataclass(frozen=True)
class Result:
    """What one stacker made of one stack: figures, or why there are none."""

    scene: str
    seed: int
    bits: int
    width_px: int
    frames: int
    frame_noise: float | None
    peer: str
    cost: dict[str, float] | None
    scores: dict[str, Any] | None
    failure: str | None
    yardstick: int = 1

    def figure(self, name: str) -> float:
        """A score or cost by name, nan when there is none."""
        value = (self.scores or {}).get(name)
        if value is None:
            value = (self.cost or {}).get(name)
        return math.nan if value is None else float(value)


def measure(
    stack: RenderedStack, peer: Peer, places: Places, *, fresh: bool = False, nice: int = 0
) -> Result:
    """Stack, score, and keep what a peer made; a kept picture is scored again when the yardstick changed.

    Raises
    ------
    Missing
        When the peer is not on this machine.
    """
    made = peer.commands(places, stack.paths, Path("work"), Path("output.tif"), stack.bits)
    key = hashlib.sha256(json.dumps([_VERSION, made]).encode()).hexdigest()[:8]
    kept = stack.folder / f"result-{peer.name}-{key}.json"
    picture = stack.folder / f"picture-{peer.name}.tif"
    result = None
    if kept.exists() and not fresh and peer.name != OURS:
        result = Result(**json.loads(kept.read_text()))
        if result.yardstick == _YARDSTICK:
            return result
    if result is not None and result.cost is not None and picture.exists():
        result = _scored(stack, peer, picture, Cost(**result.cost))
    else:
        result = _made(stack, peer, places, nice, picture)
    kept.write_text(json.dumps(result.__dict__))
    return result


def _made(stack: RenderedStack, peer: Peer, places: Places, nice: int, kept: Path) -> Result:
    with tempfile.TemporaryDirectory(prefix="focusrig-quality-") as work:
        try:
            picture, cost = run_peer(peer, places, stack.paths, Path(work), stack.bits, nice=nice)
            shutil.copy(picture, kept)
        except CommandFailed as error:
            return _result(stack, peer, None, None, str(error))
    return _scored(stack, peer, kept, cost)


def _scored(stack: RenderedStack, peer: Peer, picture: Path, cost: Cost) -> Result:
    try:
        return _result(stack, peer, cost, score(_picture(picture), stack).as_json(), None)
    except (CommandFailed, NotLocated) as error:
        return _result(stack, peer, cost, None, str(error))


def _result(
    stack: RenderedStack, peer: Peer, cost: Cost | None, scores: dict[str, Any] | None, failure: str | None
) -> Result:
    noise = frame_noise(stack)
    return Result(
        scene=stack.name,
        seed=stack.seed,
        bits=stack.bits,
        width_px=stack.size_px[0],
        frames=len(stack.paths),
        frame_noise=None if math.isnan(noise) else noise,
        peer=peer.name,
        cost=cost.as_json() if cost else None,
        scores=scores,
        failure=failure,
        yardstick=_YARDSTICK,
    )


def _picture(path: Path) -> Array:
    """Any bits and channels as RGB or RGBA."""
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if found is None or found.ndim != 3:
        raise CommandFailed(f"{path.name} is not a colour picture")
    return np.ascontiguousarray(np.concatenate([found[..., 2::-1], found[..., 3:]], axis=2))


# ---- tables ----

_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("psnr_db", "PSNR dB", ".2f"),
    ("ssim", "SSIM", ".4f"),
    ("edge_rmse", "edges", ".2f"),
    ("hair_rmse", "hairs", ".2f"),
    ("rest_rmse", "elsewhere", ".2f"),
    ("colour_error", "colour", ".2f"),
    ("flat_noise", "noise", ".2f"),
    ("cpu_s", "CPU s", ".1f"),
    ("wall_s", "wall s", ".1f"),
    ("peak_mb", "MB", ".0f"),
    ("residual_px", "geometry px", ".2f"),
)


def as_markdown(results: Sequence[Result]) -> str:
    """All figures by scene, then where ours stands."""
    parts = []
    for key, group in itertools.groupby(results, key=_stack_of):
        rows = list(group)
        scene, seed, bits, width_px = key
        noise = rows[0].frame_noise
        about = f"{rows[0].frames} frames of {width_px} px, {bits} bit, seed {seed}"
        about += f", noise of a frame {noise:.2f}" if noise else ""
        parts.append(f"### {scene} ({about})\n\n{_table(rows)}")
    parts.append("### Where focusrig stands\n\n" + _standing(results))
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Result]) -> str:
    lines = [
        "| | " + " | ".join(title for _, title, _ in _COLUMNS) + " |",
        "|---" * (len(_COLUMNS) + 1) + "|",
    ]
    for row in rows:
        title = PEERS[row.peer].title
        if row.failure:
            lines.append(f"| {title} | failed: {_short(row.failure)} |" + " |" * (len(_COLUMNS) - 1))
            continue
        cells = [_cell(row.figure(name), form) for name, _, form in _COLUMNS]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _standing(results: Sequence[Result]) -> str:
    lines = [
        "| stack | ours dB | best classical | ahead by | neural | ahead by | edges: ours | best other |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for key, group in itertools.groupby(results, key=_stack_of):
        rows = [row for row in group if row.scores]
        ours = [row for row in rows if PEERS[row.peer].kind == "ours"]
        others = [row for row in rows if PEERS[row.peer].kind != "ours"]
        if not ours or not others:
            continue
        mine = ours[0].figure("psnr_db")
        best = {kind: _best(rows, kind) for kind in ("classical", "neural")}
        edges = [row.figure("edge_rmse") for row in others if not math.isnan(row.figure("edge_rmse"))]
        cells = [
            f"{key[0]}, seed {key[1]}, {key[2]} bit",
            _cell(mine, ".2f"),
            _cell(best["classical"], ".2f"),
            _cell(mine - best["classical"], "+.2f"),
            _cell(best["neural"], ".2f"),
            _cell(mine - best["neural"], "+.2f"),
            _cell(ours[0].figure("edge_rmse"), ".2f"),
            _cell(min(edges, default=math.nan), ".2f"),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _best(rows: Sequence[Result], kind: str) -> float:
    return max((row.figure("psnr_db") for row in rows if PEERS[row.peer].kind == kind), default=math.nan)


def _stack_of(result: Result) -> tuple[str, int, int, int]:
    return result.scene, result.seed, result.bits, result.width_px


def _cell(value: float, form: str) -> str:
    return "–" if math.isnan(value) else format(value, form)


def _short(text: str) -> str:
    line = " ".join(text.split()).replace("|", "/")
    return line if len(line) < 160 else f"{line[:60]} … {line[-90:]}"


# ---- command ----


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; write ``quality.json`` and ``quality.md``."""
    args = _parser().parse_args(arguments)
    os.nice(args.nice)
    places = Places(
        args.peers, tuple((name, Path(path)) for name, _, path in (p.partition("=") for p in args.peer))
    )
    results: list[Result] = []
    missing: dict[str, str] = {}
    for scene, seed, bits in itertools.product(args.scenes, args.seeds, args.bits):
        stack = load(scene, seed, bits, args.width, args.cache)
        for name in args.only:
            if name in missing:
                continue
            try:
                results.append(measure(stack, PEERS[name], places, fresh=args.fresh))
            except Missing as error:
                missing[name] = str(error)
                print(f"left out {PEERS[name].title}: {error}", flush=True)
                continue
            print(_progress(results[-1]), flush=True)
    text = as_markdown(results)
    print(f"\n{text}")
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "quality.md").write_text(text)
        known = {"results": [result.__dict__ for result in results], "left_out": missing}
        (args.out / "quality.json").write_text(json.dumps(known, indent=1))


def _progress(result: Result) -> str:
    about = f"{result.scene} seed {result.seed} {result.bits} bit: {PEERS[result.peer].title}"
    if result.failure:
        return f"{about}: failed: {_short(result.failure)}"
    figures = [f"{title} {_cell(result.figure(name), form)}" for name, title, form in _COLUMNS]
    return f"{about}: {', '.join(figures)}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    scenes = [*RECIPES, *FURTHER]
    parser.add_argument("--scenes", nargs="*", default=scenes, choices=scenes)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1])
    parser.add_argument("--bits", type=int, nargs="*", default=[8], choices=[8, 16])
    parser.add_argument("--width", type=int, default=1500, help="of the frames in px; 3:2")
    parser.add_argument("--only", nargs="*", default=list(PEERS), choices=list(PEERS), metavar="NAME")
    parser.add_argument("--peers", type=Path, help="folder of virtual environments, one a peer")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PROGRAM")
    parser.add_argument("--cache", type=Path, help="folder for stacks and what peers made of them")
    parser.add_argument("--fresh", action="store_true", help="make kept results of peers again")
    parser.add_argument("--nice", type=int, default=10, help="niceness of everything")
    parser.add_argument("--out", type=Path, help="folder for quality.json and quality.md")
    return parser


if __name__ == "__main__":
    main()
