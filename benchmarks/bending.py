"""Maps that bend with depth, and the one among them by which truth and picture agree best.

Each depth of a scene may have its own scale, rotation and shift in a picture: affine maps whose coefficients
are cubics of depth. `settled` finds the one with the least square error over all pixels (Lucas and Kanade,
1981, the whole picture being the window), by steps that are damped as Marquardt (1963) does. What it makes
least is what is scored. Near that end the figure hardly depends on the map, so that a trifle in the picture
is a trifle in the score, wherever the fit stops.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from benchmarks.studio import Array

__all__ = ["DEGREE", "Bend", "Sight", "laid", "settled"]

DEGREE = 3
"""Of the polynomials of depth."""

_ROUNDS = 20
_WORTH = 2e-4  # of the square error, 0.001 dB: a step that promises less is not taken
_RIDGE = 1e-9
_DAMPED_AT_FIRST, _LEAST_DAMPED, _MOST_DAMPED = 1e-3, 1e-7, 1e3


def laid(picture: Array, map_xy: Array, how: int) -> Array:
    """A picture read at places of its own, (h, w, 2) float32; beyond its rim the rim goes on."""
    read = cv2.remap(picture, map_xy, None, how, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(read)


@dataclass(frozen=True)
class Bend:
    """A map from pixels of a picture to places in a view.

    Parameters
    ----------
    start : Array
        (2, 3) affine map that is bent.
    depth : Array
        (H, W) float32, depth in the view from −1 to 1, so that powers of it stay apart.
    shape : tuple of int
        Rows and columns of the picture.
    coefficients : Array
        (3·(DEGREE + 1), 2): what is added to the places, for 1, x, y times 1, z, z², …, with x and y from
        the middle in half widths.
    """

    start: Array
    depth: Array
    shape: tuple[int, int]
    coefficients: Array

    @classmethod
    def straight(cls, start: Array, depth: Array, shape: tuple[int, int]) -> Bend:
        """One that is not bent yet."""
        return cls(start, depth, shape, np.zeros((3 * (DEGREE + 1), 2)))

    def bent(self, coefficients: Array) -> Bend:
        """The same with other coefficients."""
        return replace(self, coefficients=coefficients)

    def linear(self, points: Array) -> Array:
        """Where points, (n, 2) x and y, would be without a bend."""
        return np.asarray(points @ self.start[:, :2].T + self.start[:, 2])

    def design(self, points: Array, depth: Array) -> Array:
        """1, x, y times powers of depth; (n, 3·(DEGREE + 1)) float32."""
        x, y = self._from_middle(points[:, 0], points[:, 1])
        columns = []
        for power in range(DEGREE + 1):
            factor = depth.astype(np.float32) ** power
            columns += [factor, x * factor, y * factor]
        return np.stack(columns, axis=1)

    def places(self, step: int, depth: Array | None = None) -> tuple[Array, Array]:
        """Places in the view of every so many pixels, (h, w, 2) float32, and the depth there, (h, w).

        A depth to begin with makes the same choice again where two depths would do.
        """
        rows, columns = (-(-size // step) for size in self.shape)
        depth = np.zeros((rows, columns), np.float32) if depth is None else depth
        for _ in range(3):  # depth is read where the map leads, and the map depends on depth
            depth = self.depth_at(self._places(step, depth))
        return self._places(step, depth), depth

    def depth_at(self, places: Array) -> Array:
        """Depth at places in the view."""
        return laid(self.depth, places, cv2.INTER_NEAREST)

    def map_xy(self) -> Array:
        """Places of all pixels, (h, w, 2) float32."""
        return self.places(1)[0]

    def _places(self, step: int, depth: Array) -> Array:
        rows, columns = self.shape
        x, y = self._from_middle(np.arange(0, columns, step), np.arange(0, rows, step)[:, None])
        terms = self.coefficients.reshape(DEGREE + 1, 3, 2).copy()
        terms[0, 0] += self.linear(np.array([[(columns - 1) / 2.0, (rows - 1) / 2.0]]))[0]
        terms[0, 1:] += columns / 2.0 * self.start[:, :2].T
        planes = []
        for axis in (0, 1):
            plane = np.zeros(depth.shape, np.float32)
            for constant, along, down in terms[::-1, :, axis].astype(np.float32):  # Horner's rule in depth
                plane *= depth
                plane += along * x + (constant + down * y)
            planes.append(plane)
        return np.stack(planes, axis=-1)

    def _from_middle(self, x: Array, y: Array) -> tuple[Array, Array]:
        """In half widths."""
        rows, columns = self.shape
        across, down = (2.0 * x - (columns - 1)) / columns, (2.0 * y - (rows - 1)) / columns
        return across.astype(np.float32), down.astype(np.float32)


@dataclass(frozen=True)
class Sight:
    """What is to agree.

    Parameters
    ----------
    picture : Array
        (h, w, channels) float32, 0 to 1.
    used : Array
        (h, w) bool: its pixels that count.
    truth : Array
        (H·factor, W·factor, channels) uint16.
    factor : int
        Samples of the truth per pixel of the view.
    step : int
        Only every so many pixels of the picture each way.
    """

    picture: Array
    used: Array
    truth: Array
    factor: int = 1
    step: int = 1

    def read(self, places: Array, how: int = cv2.INTER_LANCZOS4) -> Array:
        """The truth at places in the view, (h, w, channels) float32."""
        found = laid(self.truth, places * np.float32(self.factor), how)
        return np.asarray(found * np.float32(1.0 / 65535.0))

    def slopes(self, places: Array) -> tuple[Array, Array]:
        """How it changes to the right and down, per pixel."""
        reach = np.float32(1.0 / self.factor)
        found = []
        for way in np.eye(2, dtype=np.float32) * reach:
            there, back = (self.read(places + sign * way, cv2.INTER_LINEAR) for sign in (1, -1))
            found.append((there - back) / (2.0 * reach))
        return found[0], found[1]


@dataclass(frozen=True)
class _State:
    """A map tried: the error it leaves at the points, and where it leads."""

    bend: Bend
    error: Array  # (n, channels)
    places: Array
    depth: Array

    @property
    def mean_square(self) -> float:
        return float(np.mean(np.square(self.error, dtype=np.float64)))


def settled(bend: Bend, sight: Sight, degree: int = DEGREE, rounds: int = _ROUNDS) -> tuple[Bend, float]:
    """A map bent until truth and picture agree as well as they can nearby.

    Parameters
    ----------
    bend : Bend
        To begin with.
    sight : Sight
        What is to agree; gain and offset of the picture are free.
    degree : int
        Coefficients of higher powers of depth stay as they are.
    rounds : int
        Steps at most.

    Returns
    -------
    Bend
        The end.
    float
        Mean square error there, white being 1.
    """
    every = slice(None, None, sight.step)
    used = sight.used[every, every]
    have = sight.picture[every, every][used]
    points = np.argwhere(used)[:, ::-1] * sight.step

    def tried(coefficients: Array, depth: Array | None) -> _State:
        new = bend.bent(coefficients)
        places, depth = new.places(sight.step, depth)
        return _State(new, _as_bright(have, sight.read(places)[used]), places, depth)

    free = 3 * (degree + 1)
    state = tried(bend.coefficients, None)
    damping = _DAMPED_AT_FIRST
    for _ in range(rounds):
        normal, slope = _normal(state, sight, used, points, have, free)
        while damping < _MOST_DAMPED:
            damped = normal + np.diag(damping * np.diag(normal) + _RIDGE * normal.trace() / len(normal))
            step = np.linalg.solve(damped, -slope)
            promised = -(step @ slope + 0.5 * step @ normal @ step) * 2.0 / state.error.size
            if promised < _WORTH * state.mean_square:
                return state.bend, state.mean_square
            coefficients = state.bend.coefficients.copy()
            coefficients[:free] += step[: 2 * free].reshape(2, free).T
            new = tried(coefficients, state.depth)
            if new.mean_square < state.mean_square:
                break
            damping = max(10.0 * damping, 1e-4)
        else:
            break
        state, damping = new, max(damping / 10.0, _LEAST_DAMPED)
    return state.bend, state.mean_square


def _normal(
    state: _State, sight: Sight, used: Array, points: Array, have: Array, free: int
) -> tuple[Array, Array]:
    """Normal matrix and slope of half the summed squares, by what is free, gain and offset."""
    across, down = (-slope[used] for slope in sight.slopes(state.places))
    terms = state.bend.design(points, state.depth[used])[:, :free]
    normal, slope = np.zeros((2 * free + 2, 2 * free + 2)), np.zeros(2 * free + 2)

    def product(first: Array, second: Array) -> Array:
        """Summed over channels."""
        return np.asarray(np.einsum("nc,nc->n", first, second))

    x, y = slice(0, free), slice(free, 2 * free)
    normal[x, x] = terms.T @ (terms * product(across, across)[:, None])
    normal[x, y] = terms.T @ (terms * product(across, down)[:, None])
    normal[y, y] = terms.T @ (terms * product(down, down)[:, None])
    one = np.ones_like(have)
    for part, rise in ((x, across), (y, down)):
        normal[part, -2] = product(rise, have) @ terms
        normal[part, -1] = product(rise, one) @ terms
        slope[part] = product(rise, state.error) @ terms
    normal[-2, -2], normal[-2, -1], normal[-1, -1] = (
        np.vdot(*two) for two in ((have, have), (have, one), (one, one))
    )
    slope[-2:] = np.vdot(have, state.error), state.error.sum()
    upper = np.triu(normal)
    return upper + np.triu(normal, 1).T, slope


def _as_bright(have: Array, goal: Array) -> Array:
    """What is off when one gain and one offset make a picture as like the truth as they can."""
    spread = float(have.var(dtype=np.float64))
    mean, other = float(have.mean(dtype=np.float64)), float(goal.mean(dtype=np.float64))
    gain = float(np.mean((have - mean) * (goal - other), dtype=np.float64)) / spread if spread else 1.0
    return np.asarray(np.float32(gain) * have + np.float32(other - gain * mean) - goal)
