"""Crops against the truth.

Run ``python -m benchmarks.finishing [NAME...] [--width 750] [--seed 1]``. Rendered stacks are fused,
and the truth is laid on the result. Printed for each stack is the detail that is missing, as a share of the
truth's (difference and size of the band between Gaussians of 1 and 4 px), where all frames reach, in what
``--crop auto`` adds to it, and in what it cuts.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import cv2
import numpy as np

from benchmarks.geometry import locate
from benchmarks.recipes import RECIPES
from benchmarks.stacks import Array, RenderedStack, load
from stacker import Stack, cropped, fuse_files, parse_crop
from stacker.outputs.registered import picture_window

__all__ = ["laid_truth", "main"]


def main(say: Callable[[str], object] = print) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", default=[name for name in RECIPES if name != "mineral"])
    parser.add_argument("--width", type=int, default=750)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    say("stack      | missing: common  added    cut")
    for name in arguments.names:
        rendered = load(name, seed=arguments.seed, bits=8, width_px=arguments.width)
        stack = fuse_files(rendered.paths, reference=rendered.reference).stack
        truth, field = laid_truth(stack, rendered)
        crops = "  ".join(f"{share:6.2f}" for share in _crops(stack, truth, field))
        say(f"{name:10} |         {crops}")


def laid_truth(stack: Stack, rendered: RenderedStack) -> tuple[Array, Array]:
    """The truth, pixel on pixel with the picture and as bright, in 1/255 of white; and where there is any.

    It is made as bright by one factor. A line that were fitted through all pixels would be less steep than
    the truth where much is wrong, and what is veiled would seem right.
    """
    picture = stack.image.astype(np.float32)
    placement = locate(picture / np.float32(255), rendered, stack.valid)
    truth = placement.laid_truth(rendered) * np.float32(255)
    rows, columns = rendered.truth(placement.view).shape[:2]
    x, y = placement.map_xy[..., 0], placement.map_xy[..., 1]
    field = stack.valid & (x > 2) & (y > 2) & (x < columns - 3) & (y < rows - 3)
    factor = np.median(picture[field].sum(axis=1) / np.maximum(truth[field].sum(axis=1), 1))
    return truth * np.float32(factor), field


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


if __name__ == "__main__":
    main()
