"""Suspects against the truth: are the places wrong where ``stacker suspects`` says to look?

Run ``python -m benchmarks.suspects [NAME...] [--width 750] [--seeds 1 2]``. Rendered stacks are fused, and
the truth is laid on the result. Wrong is what a retoucher can mend: a place of 24 px or more in which one
frame, painted in, makes every pixel better by 5 of 255 and by twice the noise, and leaves two thirds of the
error at most (root mean square around a pixel, as far as a thin hair is wide). Printed for each stack, in the
field that is searched:

- wrong: its share of the picture, and how many places that is;
- shown: the share of the picture above the threshold, how much of the wrong is shown, and how much of the
  shown is wrong, pixel by pixel;
- listed: how many places are told of first (20 at most), of how many; how many of them have something wrong
  in the box or within 8 px of it, and how many would have if the same boxes lay anywhere; how much of all
  that is wrong lies in these boxes, and would lie there by chance; and of those that name a frame and are
  wrong, in how many that frame mends something.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.finishing import laid_truth
from benchmarks.recipes import RECIPES
from benchmarks.stacks import Array, load
from stacker import Stack, Suspect, find_suspects, fuse_files
from stacker.outputs.crop import common_field
from stacker.outputs.registered import RegisteredFrames, picture_window

__all__ = ["main"]

_AROUND_PX = 1.0
"""Standard deviation of the window: hairs are 1 to 7 px wide, and a wider one would judge what is beside."""

_LEAST_LEVELS, _LEAST_NOISE = 5.0, 2.0
_MOST_LEFT = 2 / 3
_LEAST_AREA_PX = 24
_SEARCHED_FROM_PX = 4
_LOOKED_AROUND_PX = 8
_DRAWS = 200
_HEAD = (
    "stack        wrong places | shown  of wrong  of shown | listed    wrong (chance)  covers (chance) named"
)

_Box = tuple[int, int, int, int]


def main(say: Callable[[str], object] = print) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(RECIPES))
    parser.add_argument("--width", type=int, default=750)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2])
    arguments = parser.parse_args()
    os.nice(10)
    say(_HEAD)
    for name in arguments.names:
        for seed in arguments.seeds:
            rendered = load(name, seed=seed, bits=8, width_px=arguments.width)
            stack = fuse_files(rendered.paths, reference=rendered.reference).stack
            say(f"{name:10} {seed} {_scored(stack, *laid_truth(stack, rendered))}")


def _scored(stack: Stack, truth: Array, field: Array) -> str:
    field = field & _searched(stack)
    mended = _mended(stack, truth, field)
    wrong = np.logical_or.reduce(list(mended.values()))
    found = find_suspects(stack)
    score = found.score.repeat(2, axis=0).repeat(2, axis=1)[: field.shape[0], : field.shape[1]]
    shown = field & (score > found.threshold)
    both = int((wrong & shown).sum())
    listed = _listed([place.box for place in found.places], wrong, field)
    count = len(found.places)
    return (
        f"{wrong.sum() / field.sum():6.2%} {_count(wrong):6} | {shown.sum() / field.sum():6.2%} "
        f"{_share(both, wrong.sum())} {_share(both, shown.sum())} | {count:2} of {count + found.more:3} "
        f"{listed.hits:5.0f} ({listed.chance:4.1f})    {listed.covered:8.0%} "
        f"({listed.covered_by_chance:4.0%})   {_named(stack, found.places, mended)}"
    )


def _share(part: float, whole: float) -> str:
    return f"{part / whole:9.0%}" if whole else "        -"


def _count(mask: Array) -> int:
    return int(cv2.connectedComponents(mask.astype(np.uint8))[0]) - 1


def _searched(stack: Stack) -> Array:
    """What all frames reach, without its rim."""
    canvas, common = picture_window(stack), common_field(stack)
    assert common is not None, "rendered stacks have a common field"
    searched = np.zeros(stack.valid.shape, bool)
    searched[common.expanded(-_SEARCHED_FROM_PX).slices_in(canvas)] = True
    return searched


def _mended(stack: Stack, truth: Array, field: Array) -> dict[str, Array]:
    """Where each frame, painted in, would mend a place."""
    canvas, frames = picture_window(stack), RegisteredFrames(stack)
    off, mended = _around(stack.image, truth), {}
    least = max(_LEAST_LEVELS, _LEAST_NOISE * stack.noise_sigma)
    for laid in frames.laid(canvas):
        left = _around(np.moveaxis(laid.planes, 0, -1), truth)
        better = field & frames.inside(laid.place, canvas)
        better &= (off - left > least) & (left < _MOST_LEFT * off)
        _, labels, told, _ = cv2.connectedComponentsWithStats(better.astype(np.uint8), connectivity=4)
        large = told[:, cv2.CC_STAT_AREA] >= _LEAST_AREA_PX
        large[0] = False
        mended[stack.reports[laid.place].name] = large[labels]
    return mended


def _around(picture: Array, truth: Array) -> Array:
    """Root mean square difference around each pixel."""
    square = np.square(picture.astype(np.float32) - truth).mean(axis=2)
    return np.sqrt(cv2.GaussianBlur(square, (0, 0), _AROUND_PX))


@dataclass(frozen=True)
class _Listed:
    """What a list of boxes is worth, and what the same boxes would be anywhere in the field, on average."""

    hits: float
    covered: float
    chance: float
    covered_by_chance: float


def _listed(boxes: Sequence[_Box], wrong: Array, field: Array) -> _Listed:
    rng = np.random.default_rng(1)
    rows, columns = np.flatnonzero(field.any(axis=1)), np.flatnonzero(field.any(axis=0))

    def moved(box: _Box) -> _Box:
        x = rng.integers(columns[0], max(columns[0] + 1, columns[-1] + 2 - box[2]))
        y = rng.integers(rows[0], max(rows[0] + 1, rows[-1] + 2 - box[3]))
        return int(x), int(y), box[2], box[3]

    draws = [_worth([moved(box) for box in boxes], wrong) for _ in range(_DRAWS)]
    return _Listed(*_worth(boxes, wrong), *(float(value) for value in np.mean(draws, axis=0)))


def _worth(boxes: Sequence[_Box], wrong: Array) -> tuple[int, float]:
    """How many boxes have something wrong in or beside them, and the share of the wrong that is in them."""
    hits, covered = 0, np.zeros(wrong.shape, bool)
    for box in boxes:
        hits += int(_beside(box, wrong).sum() >= _LEAST_AREA_PX)
        x, y, width, height = box
        covered[y : y + height, x : x + width] = True
    return hits, float((covered & wrong).sum() / wrong.sum()) if wrong.any() else 0.0


def _beside(box: _Box, mask: Array) -> Array:
    """A part of a mask: a box and what one sees around it."""
    x, y, width, height = box
    top, left = max(0, y - _LOOKED_AROUND_PX), max(0, x - _LOOKED_AROUND_PX)
    return mask[top : y + height + _LOOKED_AROUND_PX, left : x + width + _LOOKED_AROUND_PX]


def _named(stack: Stack, places: Sequence[Suspect], mended: dict[str, Array]) -> str:
    right = asked = 0
    wrong = np.logical_or.reduce(list(mended.values()))
    for place in places:
        names = [report.name for report in stack.reports if report.name in place.reason]
        if not names or _beside(place.box, wrong).sum() < _LEAST_AREA_PX:
            continue
        asked += 1
        right += int(_beside(place.box, mended[names[0]]).sum() >= _LEAST_AREA_PX)
    return f"{right} of {asked}"


if __name__ == "__main__":
    main()
