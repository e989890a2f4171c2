"""Stacks as cameras and people make them: ``python -m benchmarks.handling [--peers FOLDER]``.

Takes rendered stacks and does to their frames what happens outside a laboratory: files of a JPEG camera,
light that drifts, white balance that jumps, a camera in the hand, a knock at the table, a flash that fails,
names in no order, five frames only. The truth stays that of the scene, so pictures are scored as
`benchmarks.quality` scores them. What is lost in every frame is lost to all stackers.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from hardware_sims.scenes.fields import srgb_linear
from hardware_sims.sensor import srgb_encode

from benchmarks.peers import OURS, PEERS, Missing, Places
from benchmarks.quality import as_markdown, measure
from benchmarks.recipes import FURTHER, RECIPES
from benchmarks.stacks import Array, RenderedStack, load
from benchmarks.studio import read

__all__ = ["VARIANTS", "Variant", "main", "varied"]

_JPEG_QUALITY = 85

Change = Callable[[Array, int, int], Array]
"""A frame (h, w, 3) uint8 RGB, its index and the number of frames, to what becomes of it."""


@dataclass(frozen=True)
class Variant:
    """What happens to a stack.

    Attributes
    ----------
    change : callable
        See `Change`; the middle frame keeps its place and its light, for the truth's sake.
    count : int or None
        How many frames are left, evenly spread; all by default.
    shuffled : bool
        Names in no order.
    suffix : str
        Of the files.
    """

    change: Change
    count: int | None = None
    shuffled: bool = False
    suffix: str = ".tif"


def varied(stack: RenderedStack, name: str) -> RenderedStack:
    """A variant of a stack, kept beside it.

    Parameters
    ----------
    stack : RenderedStack
        Of 8 bits.
    name : str
        One of `VARIANTS`.
    """
    variant, total = VARIANTS[name], len(stack.paths)
    spread = np.linspace(0, total - 1, variant.count or total)
    indexes = [int(at) for at in np.where(spread < total // 2, np.floor(spread), np.ceil(spread))]
    indexes[len(indexes) // 2] = stack.reference
    folder = stack.folder.with_name(f"{stack.folder.name}-{name}")
    stack.fine_truth()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "frames").mkdir(parents=True)
    for path in [*stack.folder.glob("truth_*.png"), *stack.folder.glob("depth_*.npz")]:
        (folder / path.name).symlink_to(path.resolve())
    numbers = np.random.default_rng(5).permutation(len(indexes)) if variant.shuffled else range(len(indexes))
    paths = [folder / "frames" / f"IMG_{1000 + number}{variant.suffix}" for number in numbers]
    for path, index in zip(paths, indexes, strict=True):
        frame = variant.change(read(stack.paths[index]), index, total)
        _keep(path, frame)
    return replace(
        stack,
        name=f"{stack.name}, {name}",
        folder=folder,
        paths=tuple(paths),
        positions_mm=tuple(stack.positions_mm[index] for index in indexes),
        gains=tuple(stack.gains[index] for index in indexes),
        lateral_px=tuple(stack.lateral_px[index] for index in indexes),
    )


def _keep(path: Path, frame: Array) -> None:
    flags = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if path.suffix == ".jpg" else []
    if not cv2.imwrite(str(path), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), flags):
        raise OSError(f"{path} could not be written")


def _as_it_is(frame: Array, index: int, count: int) -> Array:
    del index, count
    return frame


def _lit(frame: Array, factors: Sequence[float]) -> Array:
    """Under so many times the light, channel by channel."""
    share = frame.astype(np.float32) / np.float32(255)
    return np.asarray(
        np.rint(srgb_encode(srgb_linear(share) * np.array(factors, np.float32)) * 255), np.uint8
    )


def _drifting(frame: Array, index: int, count: int) -> Array:
    factor = 1 + 0.2 * (index - count // 2) / count
    return frame if index == count // 2 else _lit(frame, [factor] * 3)


def _other_white(frame: Array, index: int, count: int) -> Array:
    return frame if index <= count // 2 else _lit(frame, (1.12, 1.0, 0.86))


def _failed_flash(frame: Array, index: int, count: int) -> Array:
    return _lit(frame, [0.25] * 3) if index == count // 3 else frame


def _moved(frame: Array, matrix: Array) -> Array:
    size = frame.shape[1], frame.shape[0]
    return np.asarray(
        cv2.warpPerspective(frame, matrix, size, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)
    )


def _knocked(frame: Array, index: int, count: int) -> Array:
    """One frame lies elsewhere, by 3 % of the width."""
    if index != count // 3:
        return frame
    step = 0.03 * frame.shape[1]
    return _moved(frame, np.array([[1, 0, step], [0, 1, -0.4 * step], [0, 0, 1.0]]))


def _in_the_hand(frame: Array, index: int, count: int) -> Array:
    """Turned by 0.3°, moved by 0.5 % of the width, tilted by 1 px of 750 at the corners (sigma)."""
    if index == count // 2:
        return frame
    rng = np.random.default_rng((4, index))
    half = frame.shape[1] / 2
    angle, (x, y), tilt = math.radians(rng.normal(0, 0.3)), rng.normal(0, 0.01, 2), rng.normal(0, 0.0025, 2)
    turn = np.array(
        [[math.cos(angle), -math.sin(angle), x], [math.sin(angle), math.cos(angle), y], [*tilt, 1.0]]
    )
    middle = (frame.shape[1] - 1) / 2, (frame.shape[0] - 1) / 2
    onto = np.array([[half, 0, middle[0]], [0, half, middle[1]], [0, 0, 1.0]])
    return _moved(frame, onto @ turn @ np.linalg.inv(onto))


VARIANTS: dict[str, Variant] = {
    "jpeg": Variant(_as_it_is, suffix=".jpg"),
    "drift": Variant(_drifting),
    "white-balance": Variant(_other_white),
    "flash": Variant(_failed_flash),
    "knock": Variant(_knocked),
    "hand": Variant(_in_the_hand),
    "shuffled": Variant(_as_it_is, shuffled=True),
    "five": Variant(_as_it_is, count=5),
}
"""What happens to stacks, by name."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    scenes = [*RECIPES, *FURTHER]
    parser.add_argument("--scenes", nargs="*", default=["porcelain", "medal", "wings"], choices=scenes)
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--width", type=int, default=750, help="of the frames in px; 3:2")
    parser.add_argument("--only", nargs="*", default=list(PEERS), choices=list(PEERS), metavar="NAME")
    parser.add_argument("--peers", type=Path, help="folder of virtual environments, one a peer")
    parser.add_argument("--out", type=Path, help="folder for handling.md")
    args = parser.parse_args(arguments)
    os.nice(10)
    results = []
    for scene in args.scenes:
        stack = load(scene, args.seed, 8, args.width)
        for name in args.variants:
            variant = varied(stack, name)
            for peer in [OURS, *(other for other in args.only if other != OURS)]:
                try:
                    results.append(measure(variant, PEERS[peer], Places(args.peers), fresh=True))
                except Missing as error:
                    print(f"left out {peer}: {error}", flush=True)
                    continue
                figures = results[-1]
                print(f"{variant.name}: {peer} {figures.figure('psnr_db'):.2f} dB", flush=True)
    text = as_markdown(results)
    print(f"\n{text}")
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "handling.md").write_text(text)


if __name__ == "__main__":
    main()
