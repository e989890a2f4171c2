"""Crops and suspects against the truth.

Run ``python -m benchmarks.finishing [NAME...] [--width 750] [--seed 1]``. Rendered stacks are fused,
and the truth is laid on the result. Printed for each stack:

- crop: the detail that is missing, as a share of the truth's (difference and size of the band between
  Gaussians of 1 and 4 px), where all frames reach, in what ``--crop auto`` adds to it, and in what it cuts;
- suspects, in the field that is searched: the share of the picture that is wrong (worse than the best single
  frame there by 5 of 255 and by twice the noise, root mean square around a pixel), the share that is shown,
  how much of the wrong is shown, and how much of the shown is wrong.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import cv2
import numpy as np

from benchmarks.geometry import locate
from benchmarks.stacks import RECIPES, Array, RenderedStack, load
from stacker import Stack, cropped, find_suspects, fuse_files, parse_crop
from stacker.outputs.registered import RegisteredFrames, picture_window

__all__ = ["main"]

_AROUND_PX = 2.0
_LEAST_LEVELS, _LEAST_NOISE = 5.0, 2.0
_SEARCHED_FROM_PX = 4


def main(say: Callable[[str], object] = print) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", default=[name for name in RECIPES if name != "mineral"])
    parser.add_argument("--width", type=int, default=750)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    say("stack      | missing: common  added    cut | wrong   shown   of wrong  of shown")
    for name in arguments.names:
        rendered = load(name, seed=arguments.seed, bits=8, width_px=arguments.width)
        stack = fuse_files(rendered.paths, reference=rendered.reference).stack
        truth, field = _truth(stack, rendered)
        crops = "  ".join(f"{share:6.2f}" for share in _crops(stack, truth, field))
        wrong, shown, of_wrong, of_shown = _suspects(stack, truth, field)
        say(f"{name:10} |         {crops} | {wrong:6.2%} {shown:6.2%}  {of_wrong:7.0%}  {of_shown:8.0%}")


def _truth(stack: Stack, rendered: RenderedStack) -> tuple[Array, Array]:
    """The truth, pixel on pixel with the picture and as bright, in 1/255 of white; and where there is any."""
    picture = stack.image.astype(np.float32)
    placement = locate(np.ascontiguousarray(picture.mean(axis=2) / np.float32(255)), rendered, stack.valid)
    truth = np.clip(placement.laid(rendered.truth(placement.view)), 0, 1) * np.float32(255)
    rows, columns = rendered.truth(placement.view).shape[:2]
    x, y = placement.map_xy[..., 0], placement.map_xy[..., 1]
    field = stack.valid & (x > 2) & (y > 2) & (x < columns - 3) & (y < rows - 3)
    gain, offset = np.polyfit(truth[field].ravel(), picture[field].ravel(), 1)
    return (gain * truth + offset).astype(np.float32), field


def _crops(stack: Stack, truth: Array, field: Array) -> list[float]:
    missing, detail = np.abs(_band(stack.image) - _band(truth)), np.abs(_band(truth))
    common, auto = (_kept(stack, text) for text in ("geometry", "auto"))
    return [
        float(missing[part & field].sum() / max(1e-6, float(detail[part & field].sum())))
        for part in (common, auto & ~common, ~auto)
    ]


def _band(picture: Array) -> Array:
    grey = picture.astype(np.float32).mean(axis=2)
    return cv2.GaussianBlur(grey, (0, 0), 1) - cv2.GaussianBlur(grey, (0, 0), 4)


def _kept(stack: Stack, text: str) -> Array:
    kept = np.zeros(stack.valid.shape, bool)
    kept[picture_window(cropped(stack, parse_crop(text))).slices_in(picture_window(stack))] = True
    return kept


def _suspects(stack: Stack, truth: Array, field: Array) -> tuple[float, float, float, float]:
    canvas, best = picture_window(stack), np.full(stack.valid.shape, np.inf, np.float32)
    frames = RegisteredFrames(stack)
    for laid in frames.laid(canvas):
        off = _around(np.moveaxis(laid.planes, 0, -1), truth)
        off[~frames.inside(laid.place, canvas)] = np.inf
        np.minimum(best, off, out=best)
    excess = _around(stack.image, truth) - best
    searched = cv2.erode(
        _kept(stack, "geometry").astype(np.uint8), np.ones((2 * _SEARCHED_FROM_PX + 1,) * 2, np.uint8)
    )
    field = field & (searched > 0)
    wrong = field & (excess > max(_LEAST_LEVELS, _LEAST_NOISE * stack.noise_sigma))
    found = find_suspects(stack)
    score = found.score.repeat(2, axis=0).repeat(2, axis=1)[: field.shape[0], : field.shape[1]]
    shown = field & (score > found.threshold)
    both = float((wrong & shown).sum())
    return (
        float(wrong.sum() / field.sum()),
        float(shown.sum() / field.sum()),
        both / wrong.sum() if wrong.any() else float("nan"),
        both / shown.sum() if shown.any() else float("nan"),
    )


def _around(picture: Array, truth: Array) -> Array:
    """Root mean square difference around each pixel."""
    square = np.square(picture.astype(np.float32) - truth).mean(axis=2)
    return np.sqrt(cv2.GaussianBlur(square, (0, 0), _AROUND_PX))


if __name__ == "__main__":
    main()
