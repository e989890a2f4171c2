"""How right the depth index is: ``python -m benchmarks.depth [NAME...] [--width 750] [--seeds 1]``.

Frames of rendered stacks (`benchmarks.stacks`) are laid on the view of the middle frame by their true
transforms, so that nothing but the index is judged; the guide is made of the sharpest frame at each place,
with its noise. Printed for each stack:

- the root mean square error in slices on textured parts: detail of the truth above three times the noise,
  not within 12 px of a step of depth, not translucent, in reach of the stack;
- the share of them that is wrong by more than a slice;
- the error (root mean square, and share wrong) of everything that is in reach and not translucent, textured
  or not, beside steps of depth or not;
- how well confidence separates right (within a slice) from wrong, everywhere but on what is translucent: the
  area under the receiver operating characteristic;
- CPU nanoseconds per pixel and frame, and CPU milliseconds per megapixel of the end.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from benchmarks.recipes import HELD_OUT, RECIPES
from benchmarks.stacks import RenderedStack, load
from stacker.focus.measure import half_luma
from stacker.focus.noise import estimate_noise
from stacker.frames import full_scale
from stacker.fusion.base import DepthIndex
from stacker.fusion.depth import DepthTracker
from stacker.fusion.window import Window

__all__ = ["DepthScore", "Followed", "area_under_curve", "follow", "judge", "main", "places"]

Array = np.ndarray[Any, np.dtype[Any]]

_BESIDE_PX = 12
_LEAST_CONTRAST = 1.0  # of 255, root mean square of the finest detail


@dataclass(frozen=True)
class DepthScore:
    """Figures of one stack; errors in slices, shares from 0 to 1."""

    textured_share: float
    textured_rms: float
    textured_wrong: float
    all_rms: float
    all_wrong: float
    auc: float
    add_ns_per_px: float
    finish_ms_per_mp: float


@dataclass(frozen=True)
class Followed:
    """What was seen of a stack.

    Attributes
    ----------
    tracker : DepthTracker
        Has all frames.
    picture : ndarray of float32, shape (h, w, 3)
        The sharpest frame at each place, 0 to 1: the guide.
    sigma : float
        Noise of the frames, of 255.
    cpu_s : float
        Spent on following the depth.
    """

    tracker: DepthTracker
    picture: Array
    sigma: float
    cpu_s: float


def follow(stack: RenderedStack) -> Followed:
    """Follow the depth of a rendered stack by its true transforms."""
    frames = list(stack.frames())
    height, width = (side // 2 * 2 for side in frames[0].shape[:2])
    sigma = estimate_noise(frames[stack.reference])
    tracker, window = DepthTracker(sigma), Window(0, 0, width, height)
    tracker.cover(window)
    picture, best = np.zeros((height, width, 3), np.float32), np.full((height, width), -1e9, np.float32)
    score = np.empty((height // 2, width // 2), np.float32)
    spent = 0.0
    for index, (frame, transform) in enumerate(zip(frames, stack.transforms("middle"), strict=True)):
        laid, reached = _laid(frame, transform, (width, height))
        luma = half_luma(laid)
        started = time.process_time()
        tracker.add(luma, reached, window, index, score)
        spent += time.process_time() - started
        sharp = score.repeat(2, axis=0).repeat(2, axis=1)
        picture[sharp > best] = laid[sharp > best]
        np.maximum(best, sharp, out=best)
    return Followed(tracker, picture / np.float32(255), sigma, spent)


def judge(stack: RenderedStack) -> DepthScore:
    """Follow the depth of a rendered stack and hold it against the truth."""
    seen = follow(stack)
    started = time.process_time()
    found = seen.tracker.finish(seen.picture)
    ending = time.process_time() - started
    height, width = seen.picture.shape[:2]
    pixels = width * height
    return DepthScore(
        *_errors(stack, found, stack.truth("middle")[:height, :width] * 255, seen.sigma),
        seen.cpu_s / len(stack.paths) / pixels * 1e9,
        ending / pixels * 1e9,
    )


def _laid(frame: Array, transform: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    scaled = frame.astype(np.float32) * np.float32(255 / full_scale(frame.dtype))
    laid = cv2.warpAffine(scaled, transform[:2], size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    inside = np.full(frame.shape[:2], 255, np.uint8)
    return laid, cv2.warpAffine(inside, transform[:2], size, flags=cv2.INTER_NEAREST)[::2, ::2]


def places(stack: RenderedStack, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """True index, and where all frames reach and one index is right; of the upper left part of the view."""
    true = stack.depth_index("middle")[: shape[0], : shape[1]]
    common = np.zeros(true.shape, bool)
    common[stack.common("middle")] = True
    return true, common & ~stack.translucent("middle")[: shape[0], : shape[1]]


def _errors(
    stack: RenderedStack, found: DepthIndex, truth: Array, sigma: float
) -> tuple[float, float, float, float, float, float]:
    true, common = places(stack, found.index.shape)
    count = len(stack.positions_mm)
    reachable = common & (true > -0.5) & (true < count - 0.5)
    nearest = np.clip(true, 0, count - 1)
    textured = reachable & _textured(truth, sigma, nearest)
    error = np.abs(found.index - nearest)
    return (
        float(textured.mean()),
        float(np.sqrt(np.square(error[textured]).mean())),
        float((error[textured] > 1).mean()),
        float(np.sqrt(np.square(error[reachable]).mean())),
        float((error[reachable] > 1).mean()),
        area_under_curve(found.confidence[common], error[common] <= 1),
    )


def _textured(truth: Array, sigma: float, index: Array) -> Array:
    """Detail of the truth, away from steps of depth."""
    luma = truth.astype(np.float32) @ np.array([0.25, 0.5, 0.25], np.float32)
    fine = cv2.GaussianBlur(luma, (0, 0), 1.0)
    fine -= cv2.GaussianBlur(luma, (0, 0), 2.0)
    step = np.zeros(index.shape, np.uint8)
    least = max(0.6, 0.01 * float(index.max()))  # slices from a pixel to the next: steeper than any slope
    step[:, 1:] |= np.abs(np.diff(index, axis=1)) > least
    step[1:] |= np.abs(np.diff(index, axis=0)) > least
    kernel = np.ones((2 * _BESIDE_PX + 1,) * 2, np.uint8)
    away = (cv2.dilate(step, kernel) == 0).astype(np.float32)
    energy = cv2.GaussianBlur(fine * fine * away, (0, 0), 4) / np.maximum(
        cv2.GaussianBlur(away, (0, 0), 4), 1e-3
    )
    # What this filter leaves of white noise in three channels.
    noise = 0.11 * sigma
    return np.asarray((away > 0) & (energy > max(3 * noise, _LEAST_CONTRAST) ** 2))


def area_under_curve(score: Array, right: Array) -> float:
    """Probability that a right one has a higher score than a wrong one (Mann and Whitney)."""
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place.ravel()]
    good = int(right.sum())
    bad = right.size - good
    if not good or not bad:
        return float("nan")
    return float((ranks[right].sum() - good * (good + 1) / 2) / (good * bad))


def main(say: Callable[[str], object] = print) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(RECIPES), help=f"also {', '.join(HELD_OUT)}")
    parser.add_argument("--width", type=int, default=750)
    parser.add_argument("--bits", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1])
    arguments = parser.parse_args()
    say("stack        seed  textured  rms   wrong  | all rms  wrong  |  AUC  | ns/px/frame  end ms/MP")
    for name in arguments.names:
        for seed in arguments.seeds:
            got = judge(load(name, seed=seed, bits=arguments.bits, width_px=arguments.width))
            say(
                f"{name:12} {seed:4}  {got.textured_share:7.1%}  {got.textured_rms:.3f} "
                f"{got.textured_wrong:6.2%}  |  {got.all_rms:.3f}  {got.all_wrong:6.2%}  | {got.auc:.3f} | "
                f"{got.add_ns_per_px:8.1f}  {got.finish_ms_per_mp:9.1f}"
            )


if __name__ == "__main__":
    main()
