"""Fit the confidence of the depth index again: ``python -m benchmarks.depth_confidence [--steps 250]``.

Follows the depth of many rendered stacks by their true transforms (rendered first if they are not in the
cache; see `benchmarks.stacks`), takes from each some thousand pixels whose index is right, within a slice of
the truth, and as many whose index is wrong, with the signs that `stacker.fusion.depth_report` goes by, and
fits the weights of its logistic functions. What is fitted is, for each stack,

- that of a right pixel and a wrong one of the same stack the right one is believed more, and
- that confidence is the probability of right, weighing 0.3 of that.

The stacks that fare worst count most. Everything takes some minutes, and a quarter of an hour and 5 GB of
cache the first time. Printed are the weights as they stand in the code, and the area under the receiver
operating characteristic of each stack, with the weights that are in the code and with those that were found,
also of stacks that were held out. What is to be taken is a person's choice: paste them, and run ``python -m
benchmarks.depth``, which looks at all pixels."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import cv2
import numpy as np

from benchmarks.depth import area_under_curve, follow, places
from benchmarks.recipes import HELD_OUT, RECIPES, Recipe
from benchmarks.stacks import RenderedStack, load
from stacker.focus.measure import half_luma_of_samples
from stacker.fusion.depth_report import FITTED, Evidence, Weights, signs

__all__ = ["Sample", "Seen", "area", "fit", "held_out", "look", "main", "odds_of", "sample", "to_fit"]

Array = np.ndarray[Any, np.dtype[Any]]

_PIXELS = 2500
"""Right ones, and wrong ones, taken of a stack at most."""

_PROBABILITY = 0.3
"""Weight of being a probability beside being in order."""

_HARDEST = 4.0
"""Stacks count by the exponential of so many times their loss."""

_SAY = {"mineral": 1.5, "slats": 0.5}
"""How much more or less stacks of a scene count: no other than mineral has slices that are so thin, and what
slats gain others lose."""

_ROUNDS = 2
"""Weights also say which cells are trusted where surroundings are asked: signs are made again with new
ones."""

_RATE = 0.03


@dataclass(frozen=True)
class Sample:
    """Pixels of a stack.

    Attributes
    ----------
    signs : tuple of ndarray of float32, shape (n, k + 1)
        For each logistic function; the last column is 1.
    right : ndarray of bool, shape (n,)
        Whether the index is within a slice of the truth.
    share_right : float
        Of all cells.
    """

    name: str
    signs: tuple[Array, ...]
    right: Array
    share_right: float

    @classmethod
    def of(cls, name: str, planes: Sequence[Sequence[Array]], right: Array, clear: Array) -> Sample:
        """Take pixels of a view: with the signs of their cells, some right and some wrong."""
        rng = np.random.default_rng(0)
        every = [np.flatnonzero(clear & some) for some in (right, ~right)]
        taken = np.concatenate([rng.choice(some, min(_PIXELS, some.size), replace=False) for some in every])
        y, x = np.unravel_index(taken, right.shape)
        ones = np.ones(taken.size, np.float32)
        made = tuple(np.stack([*(plane[y // 2, x // 2] for plane in some), ones], 1) for some in planes)
        return cls(name, made, right[y, x], float(right[clear].mean()))


def to_fit() -> Iterator[tuple[str, RenderedStack]]:
    """Stacks with all kinds of faults; slope is not among them, as nothing is wrong there."""
    scenes = [name for name in RECIPES if name != "slope"]
    for name in scenes:
        for seed in (1, 3):
            yield f"{name} seed {seed}", load(name, seed, width_px=750)
    for name in ("bristles", "glints", "porcelain", "wings"):
        yield f"{name} 1500 px", load(name, 1, width_px=1500)
    for name, seed, changes in _OTHERWISE:
        recipe = replace(_RECIPES[name], **changes)
        told = ", ".join(f"{key} {value}" for key, value in changes.items())
        yield f"{name} seed {seed} {told}", load(recipe, seed, width_px=750)


def held_out() -> Iterator[tuple[str, RenderedStack]]:
    """Stacks that nothing is fitted to."""
    for name in (*(name for name in RECIPES if name != "slope"), *HELD_OUT):
        for seed in (2, 4):
            yield f"{name} seed {seed}", load(name, seed, width_px=750)
    for name in _BENCH:
        yield f"{name} seed 6", load(_RECIPES[name], 6, width_px=750)


_BENCH = {
    name: Recipe(name, 20, 36.0, 32.0, 1.0, 11.3, 220.0, 200.0, 0.02, 6.0)
    for name in ("insect", "bracelet", "statue")
}
_RECIPES = RECIPES | _BENCH | {"slats": Recipe("slats", 12, 36.0, 24.0, 1.0, 11.3, 250.0, 200.0, 0.02, 6.0)}

_OTHERWISE: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("bristles", 7, {"frames": 10, "iso": 1600.0}),
    ("bristles", 8, {"frames": 32}),
    ("glints", 7, {"frames": 36, "iso": 800.0}),
    ("glints", 8, {"effective_f_number": 16.0, "frames": 12}),
    ("porcelain", 7, {"frames": 36, "iso": 1600.0}),
    ("porcelain", 8, {"effective_f_number": 8.0, "frames": 24}),
    ("mineral", 7, {"frames": 60, "iso": 1600.0}),
    ("wings", 7, {"frames": 10, "iso": 3200.0}),
    ("wings", 8, {"frames": 28}),
    ("insect", 7, {}),
    ("insect", 8, {"frames": 40, "iso": 1600.0}),
    ("bracelet", 7, {}),
    ("bracelet", 8, {"frames": 32}),
    ("statue", 7, {"frames": 12}),
    ("slats", 7, {}),
    ("slats", 8, {"frames": 24, "iso": 800.0}),
    ("slats", 9, {"frames": 48}),
    ("slats", 10, {"frames": 8, "iso": 1600.0}),
)
"""Scene, seed, and what is shot otherwise than the recipe says."""


@dataclass(frozen=True)
class Seen:
    """What the frames of a stack told, and the truth, pixel by pixel: the index, and where it is looked
    at."""

    name: str
    known: Evidence
    true: Array
    clear: Array


def look(name: str, stack: RenderedStack) -> Seen:
    """Follow the depth of a stack."""
    seen = follow(stack)
    surface = seen.tracker.surface(half_luma_of_samples(seen.picture))
    true, clear = places(stack, seen.picture.shape)
    return Seen(
        name, seen.tracker.evidence(surface, seen.picture), np.clip(true, 0, len(stack.paths) - 1), clear
    )


def sample(seen: Seen, weights: Weights = FITTED) -> Sample:
    """Some pixels, with the signs there."""
    index, planes = signs(seen.known, weights)
    told = cv2.resize(index, seen.true.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return Sample.of(seen.name, planes, np.abs(told - seen.true) <= 1, seen.clear)


def odds_of(signs: Sequence[Array], factors: Sequence[Array]) -> tuple[Array, list[Array]]:
    """Logarithm of the odds of confidence, and how it changes with those of each logistic function."""
    doubts = [np.logaddexp(0, -(some @ factor)) for some, factor in zip(signs, factors, strict=True)]
    doubt = np.maximum(sum(doubts), 1e-9)
    wrong = -np.expm1(-doubt)
    return -doubt - np.log(wrong), [-np.expm1(-one) / wrong for one in doubts]


def _loss(one: Sample, factors: Sequence[Array]) -> tuple[float, list[Array]]:
    """Of a stack, and its gradient."""
    odds, by_function = odds_of(one.signs, factors)
    good, bad = np.flatnonzero(one.right), np.flatnonzero(~one.right)
    count = max(good.size, bad.size)
    first, second = np.resize(good, count), np.resize(bad, count)
    apart = odds[first] - odds[second]
    by_odds = np.zeros_like(odds)
    pull = -1 / (1 + np.exp(np.clip(apart, -50, 50))) / count
    np.add.at(by_odds, first, pull)
    np.add.at(by_odds, second, -pull)
    share = np.where(one.right, one.share_right / good.size, (1 - one.share_right) / bad.size)
    sign = np.where(one.right, -1.0, 1.0)
    by_odds += _PROBABILITY * share * sign / (1 + np.exp(np.clip(-sign * odds, -50, 50)))
    loss = np.logaddexp(0, -apart).mean() + _PROBABILITY * (share * np.logaddexp(0, sign * odds)).sum()
    return float(loss), [
        some.T @ (by_odds * slope) for some, slope in zip(one.signs, by_function, strict=True)
    ]


def fit(samples: Sequence[Sample], start: Weights = FITTED, steps: int = 250) -> Weights:
    """Weights of the least loss, by Adam (Kingma and Ba, 2015) on the mean of exponentials over the
    stacks."""
    factors = [np.array(some, float) for some in astuple(start)]
    # In units of each sign's own spread, so that one rate suits all.
    spreads = [np.concatenate([one.signs[k] for one in samples]).std(axis=0) for k in range(len(factors))]
    units = [1 / np.where(spread > 0, spread, 1) for spread in spreads]
    mean, square = ([np.zeros_like(some) for some in factors] for _ in range(2))
    counts = np.array([_SAY.get(one.name.split()[0], 1.0) for one in samples])
    for step in range(1, steps + 1):
        found = [_loss(one, factors) for one in samples]
        losses = np.array([loss for loss, _ in found])
        say = np.exp(_HARDEST * (losses - losses.max())) * counts
        say /= say.sum()
        rate = _RATE * min(1.0, 3 * (1 - step / (steps + 1)))
        for k, unit in enumerate(units):
            slope = sum(part * by[k] for part, (_, by) in zip(say, found, strict=True)) * unit
            mean[k] += 0.1 * (slope - mean[k])
            square[k] += 0.01 * (slope * slope - square[k])
            size = np.sqrt(square[k] / (1 - 0.99**step)) + 1e-9
            factors[k] -= rate * unit * mean[k] / (1 - 0.9**step) / size
    return Weights(*(tuple(round(float(x), 2) for x in some) for some in factors))


def area(seen: Seen, weights: Weights) -> float:
    """Under the curve, with some weights."""
    one = sample(seen, weights)
    odds, _ = odds_of(one.signs, [np.array(some) for some in astuple(weights)])
    return area_under_curve(odds, one.right)


def main(say: Callable[[str], object] = print) -> None:
    """Run the fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=250, help="of the fit; 0 judges what is in the code")
    arguments = parser.parse_args()
    seen = [look(*one) for one in to_fit()]
    weights = FITTED
    for _ in range(_ROUNDS if arguments.steps else 0):
        weights = fit([sample(one, weights) for one in seen], weights, arguments.steps)
    say(str(weights))
    for title, some in (("fitted to", seen), ("held out", (look(*one) for one in held_out()))):
        say(f"{title}: AUC with the weights in the code, and with these")
        for one in some:
            say(f"  {one.name:45} {area(one, FITTED):.3f} {area(one, weights):.3f}")


if __name__ == "__main__":
    main()
