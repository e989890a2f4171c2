"""What each stage of the scores buys: ``python -m benchmarks.ablation [--scenes wings …] [--width 750]``.

Fuses the rendered stacks of `benchmarks.stacks` by their true transforms and gains, so that nothing but the
fusion counts, with one setting changed at a time, or with ``--methods`` by each method. Prints PSNR in dB
over the field that every frame covers (a gain and an offset fitted), and CPU milliseconds for each frame and
megapixel, without those of finishing. The last row of ``--methods`` is what ``auto`` has over the best of the
other three.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace

import numpy as np

from benchmarks.recipes import FURTHER, RECIPES
from benchmarks.stacks import RenderedStack, load
from stacker.focus.noise import estimate_noise
from stacker.frames import full_scale
from stacker.fusion.methods import FusionSetup, Method, make_fusion
from stacker.fusion.scoring import FusionParameters
from stacker.registration.exposure import Levels
from stacker.registration.light import PEDESTAL, POWER

__all__ = ["VARIANTS", "ablate", "fuse_by", "main"]

_RIM_PX = 16

_AS_IS = FusionParameters()

VARIANTS: dict[str, FusionParameters] = {
    "as it is": _AS_IS,
    "brightness does not count (glare 0)": replace(_AS_IS, glare=0.0),
    "second band has no say in the first (coarser 0)": replace(_AS_IS, coarser=0.0),
    "every band for itself (inherit 0)": replace(_AS_IS, inherit=0.0, inherit_beside_highlights=0.0),
    "the same beside highlights (inherit 0.3)": replace(_AS_IS, inherit_beside_highlights=0.3),
    "the finest band decides alone (inherit 1)": replace(_AS_IS, inherit=1.0, inherit_beside_highlights=1.0),
    "noise does not count (softness 0.01)": replace(_AS_IS, softness=0.01),
    "fine detail that interpolation takes is not given back (crisp 0)": replace(_AS_IS, crisp=0.0),
    "softer (exponent 2)": replace(_AS_IS, exponent=2.0),
    "hard choice (exponent 100)": replace(_AS_IS, exponent=100.0),
}
"""Settings by what they leave out."""


def ablate(stack: RenderedStack, parameters: FusionParameters) -> tuple[float, float]:
    """Fuse a stack by the pyramid, and compare it.

    Returns
    -------
    tuple of float
        PSNR in dB, and CPU milliseconds for each frame and megapixel.
    """
    return fuse_by(Method.PYRAMID, stack, parameters)


def fuse_by(
    method: Method, stack: RenderedStack, parameters: FusionParameters = _AS_IS, near_end: int = 0
) -> tuple[float, float]:
    """Fuse a stack by a method; see `ablate`. The nearer end may be known: 1 for the first frame."""
    frames = list(stack.frames())
    height, width = frames[0].shape[:2]
    reference = stack.reference
    sigma = estimate_noise(np.ascontiguousarray(frames[reference]))
    setup = FusionSetup(
        (width, height), frames[0].dtype, sigma, parameters, frames.__getitem__, near_end=lambda: near_end
    )
    fusion = make_fusion(method, setup)
    transforms = stack.transforms("middle")
    started = time.process_time()
    for index in [*range(reference, len(frames)), *range(reference - 1, -1, -1)]:
        fusion.add(frames[index], transforms[index], _undoing(stack.gains[index]), index)
    cpu_s = time.process_time() - started
    fused = fusion.finish()
    rows, columns = stack.common("middle")
    truth = stack.truth("middle")[rows, columns].astype(np.float64)
    seen = fused.image[
        rows.start - fused.extent.y : rows.stop - fused.extent.y,
        columns.start - fused.extent.x : columns.stop - fused.extent.x,
    ] / full_scale(frames[0].dtype)
    return _psnr_db(seen, truth), cpu_s * 1e3 / len(frames) / (width * height / 1e6)


def _undoing(gain: float) -> Levels:
    """What takes a gain of light back, on the tone curve."""
    factor = gain ** (-1 / POWER)
    return Levels(np.full(3, factor), np.full(3, PEDESTAL * (factor - 1)))


def _psnr_db(seen: np.ndarray, truth: np.ndarray) -> float:
    inner = (slice(_RIM_PX, -_RIM_PX), slice(_RIM_PX, -_RIM_PX))
    a, b = seen[inner].ravel(), truth[inner].ravel()
    gain = float(np.mean((a - a.mean()) * (b - b.mean())) / a.var())
    error = gain * (a - a.mean()) - (b - b.mean())
    return float(-10 * np.log10(np.mean(error**2)))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", nargs="*", default=list(RECIPES), choices=[*RECIPES, *FURTHER])
    parser.add_argument("--width", type=int, default=750)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bits", type=int, default=8, choices=(8, 16))
    parser.add_argument("--methods", action="store_true", help="compare the methods instead")
    arguments = parser.parse_args()
    stacks = [
        load(name, seed=arguments.seed, bits=arguments.bits, width_px=arguments.width)
        for name in arguments.scenes
    ]
    fuse_by(Method.AUTO, stacks[0])  # compiles what has to be compiled
    sys.stdout.write(f"| | {' | '.join(arguments.scenes)} | mean | CPU ms / frame / MP |\n")
    sys.stdout.write("|---" * (len(stacks) + 3) + "|\n")
    if arguments.methods:
        _compare_methods(stacks)
        return
    for name, parameters in VARIANTS.items():
        _row(name, [ablate(stack, parameters) for stack in stacks])


def _compare_methods(stacks: list[RenderedStack]) -> None:
    best = [-np.inf] * len(stacks)
    for method in (Method.PYRAMID, Method.DEPTHMAP, Method.WEIGHTED):
        results = [fuse_by(method, stack) for stack in stacks]
        best = [max(most, psnr) for most, (psnr, _) in zip(best, results, strict=True)]
        _row(method.value, results)
    mixed = replace(_AS_IS, whole_pixels=False)
    _row("auto, no whole pixels", [fuse_by(Method.AUTO, stack, mixed) for stack in stacks])
    veiled = replace(_AS_IS, contrast=False)
    _row("auto, no contrast given back", [fuse_by(Method.AUTO, stack, veiled) for stack in stacks])
    _row("auto, nearer end known", [fuse_by(Method.AUTO, stack, near_end=1) for stack in stacks])
    results = [fuse_by(Method.AUTO, stack) for stack in stacks]
    _row("auto", results)
    over = [(psnr - most, cpu) for most, (psnr, cpu) in zip(best, results, strict=True)]
    _row("auto over the best", over)


def _row(name: str, results: list[tuple[float, float]]) -> None:
    figures = [*(psnr for psnr, _ in results), float(np.mean([psnr for psnr, _ in results]))]
    cost = float(np.mean([cpu for _, cpu in results]))
    sys.stdout.write(f"| {name} | {' | '.join(f'{figure:.2f}' for figure in figures)} | {cost:.0f} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
