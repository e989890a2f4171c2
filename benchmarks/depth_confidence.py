"""Fit the confidence of the depth index again: ``python -m benchmarks.depth_confidence [--leave-out]``.

Follows the depth of many rendered stacks by their true transforms (rendered first if they are not in the
cache; see `benchmarks.stacks`), takes from each some thousand pixels whose index is right, within a slice of
the truth, and as many whose index is wrong, with the signs that `stacker.fusion.depth_report` goes by, and
fits the network of `stacker.fusion.depth_judge`. What is fitted is, for each stack,

- that of a right pixel and a wrong one of the same stack the right one is believed more, and
- that confidence is the probability of right, weighing 0.3 of that.

The stacks that fare worst count most. Everything takes some minutes, and a quarter of an hour and 5 GB of
cache the first time. Printed are the numbers as they stand in the code, and the area under the receiver
operating characteristic of each stack, by the judge that is in the code and by the one that was found, also
of stacks that were held out; with ``--leave-out`` also by judges that were fitted without any stack of that
scene. What is to be taken is a person's choice: paste it, and run ``python -m benchmarks.depth``, which looks
at all pixels."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from benchmarks.depth import area_under_curve, follow, places
from benchmarks.recipes import FURTHER, HELD_OUT, RECIPES, Recipe
from benchmarks.stacks import RenderedStack, load
from stacker.focus.measure import half_luma_of_samples
from stacker.fusion.depth_judge import FITTED, Judge
from stacker.fusion.depth_report import Evidence, signs

__all__ = ["Sample", "Seen", "area", "fit", "held_out", "look", "main", "sample", "to_fit"]

Array = np.ndarray[Any, np.dtype[Any]]

_PIXELS = 3000
"""Right ones, and wrong ones, taken of a stack at most."""

_PAIRS = 256
"""Of those, taken of each stack at every step."""

_UNITS, _STEPS, _RATE = 16, 1500, 0.01

_PROBABILITY = 0.3
"""Weight of being a probability beside being in order."""

_HARDEST = 4.0
"""Stacks count by the exponential of so many times their loss."""

_SAY = {"mineral": 1.5, "needles": 0.5, "saucer": 0.1}
"""How much more or less stacks of a scene count: no other than mineral has slices that are so thin, and what
the others gain the rest lose."""

_JITTER, _DECAY = 0.4, 1e-4
"""Deviation of what is added to signs, in their spreads, and weight of the squares of the network's numbers:
against learning a dozen scenes by heart. Without the first, stacks of scenes that it never saw fare worse."""

_BEYOND, _LEAST_SPREAD = 1e-3, 0.01
"""Share of pixels whose signs lie below what is looked at, and above; and what a sign varies at least."""


@dataclass(frozen=True)
class Sample:
    """Pixels of a stack.

    Attributes
    ----------
    signs : ndarray of float32, shape (n, k)
        See `stacker.fusion.depth_report.SIGNS`.
    right : ndarray of bool, shape (n,)
        Whether the index is within a slice of the truth.
    share_right : float
        Of all cells.
    """

    name: str
    signs: Array
    right: Array
    share_right: float

    @classmethod
    def of(cls, name: str, planes: Sequence[Array], right: Array, clear: Array) -> Sample:
        """Take pixels of a view: with the signs of their cells, some right and some wrong."""
        rng = np.random.default_rng(0)
        every = [np.flatnonzero(clear & some) for some in (right, ~right)]
        taken = np.concatenate([rng.choice(some, min(_PIXELS, some.size), replace=False) for some in every])
        y, x = np.unravel_index(taken, right.shape)
        made = np.stack([plane[y // 2, x // 2] for plane in planes], 1)
        return cls(name, made, right[y, x], float(right[clear].mean()))


def to_fit() -> Iterator[tuple[str, RenderedStack]]:
    """Stacks with all kinds of faults; slope is not among them, as nothing is wrong there."""
    scenes = [name for name in RECIPES if name != "slope"]
    for name in (*scenes, *FURTHER):
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
    for name in (*(name for name in RECIPES if name != "slope"), *FURTHER, *HELD_OUT):
        for seed in (2, 4):
            yield f"{name} seed {seed}", load(name, seed, width_px=750)
    for name in _BENCH:
        yield f"{name} seed 6", load(_RECIPES[name], 6, width_px=750)


_BENCH = {
    name: Recipe(name, 20, 36.0, 32.0, 1.0, 11.3, 220.0, 200.0, 0.02, 6.0)
    for name in ("insect", "bracelet", "statue")
}
_TO_FIT = {
    name: Recipe(name, 12, 36.0, 24.0, 1.0, 11.3, 250.0, 200.0, 0.02, 6.0) for name in ("slats", "saucer")
}
_RECIPES = RECIPES | FURTHER | _BENCH | _TO_FIT

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
    ("saucer", 7, {}),
    ("saucer", 8, {"frames": 24, "iso": 800.0}),
    ("saucer", 9, {"frames": 16, "effective_f_number": 16.0}),
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


def sample(seen: Seen) -> Sample:
    """Some pixels, with the signs there."""
    index, planes = signs(seen.known)
    told = cv2.resize(index, seen.true.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return Sample.of(seen.name, planes, np.abs(told - seen.true) <= 1, seen.clear)


class _Fit:
    """A judge of signs in units of their own spread, and how its loss changes with each number (Adam: Kingma
    and Ba, 2015)."""

    def __init__(self, samples: Sequence[Sample], rng: np.random.Generator) -> None:
        every = [one.signs for one in samples]
        self.middle = np.mean([some.mean(axis=0) for some in every], axis=0)
        self.spread = np.mean([some.std(axis=0) for some in every], axis=0) + _LEAST_SPREAD
        self.bounds = np.quantile(np.concatenate(every), (_BEYOND, 1 - _BEYOND), axis=0)
        count = every[0].shape[1]
        self.parts = [
            (rng.standard_normal((_UNITS, count)) / np.sqrt(count)).astype(np.float32),
            (0.5 * rng.standard_normal(_UNITS)).astype(np.float32),
            (0.3 * rng.standard_normal(_UNITS)).astype(np.float32),
            np.zeros(1, np.float32),
        ]
        self.means, self.squares = ([np.zeros_like(part) for part in self.parts] for _ in range(2))
        self.step = 0

    def units_of(self, signs: Array) -> Array:
        """Signs in those units."""
        return ((np.clip(signs, *self.bounds) - self.middle) / self.spread).astype(np.float32)

    def odds(self, signs: Array) -> tuple[Array, Array]:
        """Of signs in those units, and what the units of the network say."""
        units, constants, weights, constant = self.parts
        said = np.maximum(signs @ units.T + constants, 0)
        return said @ weights + constant, said

    def move(self, signs: Array, said: Array, by_odds: Array, rate: float) -> None:
        """A step down, given how the loss changes with the odds."""
        units, _, weights, _ = self.parts
        by_said = by_odds[:, None] * weights * (said > 0)
        slopes = [
            by_said.T @ signs + 2 * _DECAY * units,
            by_said.sum(axis=0),
            said.T @ by_odds + 2 * _DECAY * weights,
            by_odds.sum(keepdims=True),
        ]
        self.step += 1
        for part, mean, square, slope in zip(self.parts, self.means, self.squares, slopes, strict=True):
            mean[:] += 0.1 * (slope - mean)
            square[:] += 0.001 * (slope * slope - square)
            size = np.sqrt(square / (1 - 0.999**self.step)) + 1e-8
            part[:] -= rate * mean / (1 - 0.9**self.step) / size

    def judge(self) -> Judge:
        """The same of signs as they are."""
        units, constants, weights, constant = (part.astype(float) for part in self.parts)
        plain = units / self.spread
        made = np.column_stack([plain, constants - plain @ self.middle])
        rounded = Judge(*map(tuple, self.bounds), tuple(map(tuple, made)), (*weights, *constant))
        return Judge.read(str(rounded))


def fit(samples: Sequence[Sample], steps: int = _STEPS) -> Judge:
    """A judge of little loss, of pairs of a right and a wrong pixel of each stack, others at every step."""
    rng = np.random.default_rng(0)
    fitted = _Fit(samples, rng)
    signs = [fitted.units_of(one.signs) for one in samples]
    places = [(np.flatnonzero(one.right), np.flatnonzero(~one.right)) for one in samples]
    share = np.array([one.share_right for one in samples])[:, None]
    counts = np.array([_SAY.get(one.name.split()[0], 1.0) for one in samples])
    usual = np.full(len(samples), 0.3)
    for step in range(steps):
        drawn = [
            one[rng.choice(kind, _PAIRS)] for one, both in zip(signs, places, strict=True) for kind in both
        ]
        some = np.concatenate(drawn)
        some += np.float32(_JITTER) * rng.standard_normal(some.shape, np.float32)
        odds, said = fitted.odds(some)
        right, wrong = odds.reshape(len(samples), 2, _PAIRS).transpose(1, 0, 2)
        pull = _logistic(wrong - right)
        losses = _doubt(right - wrong) + _PROBABILITY * (share * _doubt(right) + (1 - share) * _doubt(-wrong))
        usual += 0.05 * (losses.mean(axis=1) - usual)
        say = np.exp(_HARDEST * (usual - usual.max())) * counts
        say = (say / say.sum() / _PAIRS)[:, None]
        by_right = say * (-pull - _PROBABILITY * share * _logistic(-right))
        by_wrong = say * (pull + _PROBABILITY * (1 - share) * _logistic(wrong))
        by_odds = np.stack([by_right, by_wrong], axis=1).ravel().astype(np.float32)
        fitted.move(some, said, by_odds, _RATE * min(1.0, 3 * (1 - step / (steps + 1))))
    return fitted.judge()


def _logistic(odds: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -50, 50))))


def _doubt(odds: Array) -> Array:
    """Minus the logarithm of the probability."""
    return np.asarray(np.logaddexp(0, -odds))


def area(one: Sample, judge: Judge) -> float:
    """Under the curve, by a judge."""
    return area_under_curve(judge.odds(one.signs.T[:, None])[0], one.right)


def main(say: Callable[[str], object] = print) -> None:
    """Run the fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=_STEPS, help="of the fit; 0 judges what is in the code")
    parser.add_argument("--leave-out", action="store_true", help="fit without each of the scenes, too")
    arguments = parser.parse_args()
    some = [sample(look(*one)) for one in to_fit()]
    judge = fit(some, arguments.steps) if arguments.steps else FITTED
    say(str(judge))
    without = {}
    if arguments.leave_out:
        for scene in dict.fromkeys(_scene(one) for one in some):
            without[scene] = fit([one for one in some if _scene(one) != scene], arguments.steps)
    others = (sample(look(*one)) for one in held_out())
    for title, kind in (("fitted to", some), ("held out", others)):
        say(f"{title}: AUC by the judge in the code, by this one, and by one that never saw the scene")
        for one in kind:
            unseen = without.get(_scene(one))
            told = "" if unseen is None else f"{area(one, unseen):.3f}"
            say(f"  {one.name:45} {area(one, FITTED):.3f} {area(one, judge):.3f} {told}")


def _scene(one: Sample) -> str:
    return one.name.split()[0]


if __name__ == "__main__":
    main()
