"""What one frame of another exposure leaves in the result: ``python -m benchmarks.exposure [NAME…]``.

A frame of a rendered stack is exposed one stop more or less, before the sensor clips. Both stacks are fused,
and told are what that costs against the truth, and the largest difference of colour between the two results,
each averaged over windows of 32 px: what would be seen as a patch.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.recipes import RECIPES
from benchmarks.scores import score
from benchmarks.stacks import Array, RenderedStack, exposed, load
from stacker.batch.files import fuse_files
from stacker.options import Method, Options
from stacker.result import Stack

__all__ = ["Trace", "trace"]

_WINDOW_PX = 32
_RIM_PX = 8  # beside the rim, where few frames reach and one more or less changes what is seen


@dataclass(frozen=True)
class Trace:
    """What one frame of another exposure did.

    Parameters
    ----------
    loss_db : float
        PSNR against the truth without it, less that with it.
    worst, median : float
        Mean difference of colour in windows of 32 px, of the largest channel, of 255.
    shares : float
        Part of the detail that came from the frame before, and that comes from it now.
    """

    loss_db: float
    worst: float
    median: float
    shares: tuple[float, float]


def trace(stack: RenderedStack, index: int, stops: float, options: Options) -> Trace:
    """Fuse a stack with and without one frame that is so many stops brighter."""
    plain = fuse_files(stack.paths, options).stack
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for at, path in enumerate(stack.paths):
            paths.append(Path(folder) / path.name)
            if at != index:
                paths[-1].symlink_to(path)
                continue
            picture = cv2.cvtColor(exposed(stack, index, 2.0**stops), cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(paths[-1]), picture, [cv2.IMWRITE_TIFF_COMPRESSION, 1])
        other = fuse_files(paths, options).stack
    loss = score(plain.image, stack).psnr_db - score(other.image, stack).psnr_db
    patches = _patches(plain, other)
    return Trace(
        loss, float(patches.max()), float(np.median(patches)), (plain.shares[index], other.shares[index])
    )


def _patches(one: Stack, other: Stack) -> Array:
    """Mean difference in windows over what both show, of the channel that differs most, of 255."""
    left, top = np.maximum(one.origin_px, other.origin_px) + _RIM_PX
    ends = [np.add(each.origin_px, each.image.shape[1::-1]) for each in (one, other)]
    right, bottom = np.minimum(*ends) - _RIM_PX
    parts = []
    for each in (one, other):
        x, y = each.origin_px
        part = each.image[top - y : bottom - y, left - x : right - x].astype(np.float32)
        parts.append(part * np.float32(255.0 / np.iinfo(each.image.dtype).max))
    mean = cv2.blur(parts[1] - parts[0], (_WINDOW_PX, _WINDOW_PX))
    half = _WINDOW_PX // 2
    return np.asarray(np.abs(mean[half:-half, half:-half]).max(axis=2))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each scene, depth of bits, frame and exposure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RECIPES)}; all by default")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--bits", type=int, nargs="*", default=[8, 16], choices=[8, 16])
    parser.add_argument("--width", type=int, default=750)
    parser.add_argument("--stops", type=float, nargs="*", default=[1.0, -1.0])
    parser.add_argument(
        "--at", type=float, nargs="*", default=[0.33, 0.5], help="which frame, as a share of the stack"
    )
    parser.add_argument("--method", default="auto", choices=[method.value for method in Method])
    args = parser.parse_args(arguments)
    os.nice(10)
    options = Options(method=Method(args.method))
    print("scene bits frame stops: loss dB, worst and median patch of 255, share of detail before, after")
    for name in args.names or RECIPES:
        for bits in args.bits:
            stack = load(name, args.seed, bits, args.width)
            for share in args.at:
                index = int(share * len(stack.paths))
                for stops in args.stops:
                    found = trace(stack, index, stops, options)
                    print(
                        f"{name} {bits} {index} {stops:+g}: {found.loss_db:.2f} dB, {found.worst:.2f} "
                        f"{found.median:.2f}, {found.shares[0]:.1%} {found.shares[1]:.1%}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
