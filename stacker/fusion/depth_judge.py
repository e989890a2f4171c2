"""How far the depth index is to be believed, of the signs for and against it: a small network."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from stacker.frames import Image
from stacker.loops.workers import by_loops, run_rows

__all__ = ["FITTED", "Judge"]


@dataclass(frozen=True)
class Judge:
    """A network of one layer of rectified units (Glorot, Bordes and Bengio, 2011), and what it was fitted in.

    A product of logistic functions, each of a few signs, says that all has to be well. But a sign means one
    thing beside some others and another beside others: little detail of its own is no reason to doubt a place
    on a smooth dome between measured ones, and all the reason beside a wall that shines through its blur.

    Attributes
    ----------
    least, most : tuple of float
        Of each sign, what it was fitted to nearly everywhere; beyond these it says no more.
    units : tuple of tuple of float
        Weights of the signs in each unit, its constant behind them.
    weights : tuple of float
        Of the units in the logarithm of the odds of right, the constant behind them.
    """

    least: tuple[float, ...]
    most: tuple[float, ...]
    units: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]

    @classmethod
    def read(cls, text: str) -> Judge:
        """Of lines of numbers: the least, the most, each unit, and the weights."""
        least, most, *units, weights = (tuple(map(float, part.split())) for part in text.strip().split(";"))
        return cls(least, most, tuple(units), weights)

    def __str__(self) -> str:
        """As `read` takes it, three digits a number."""
        parts = (self.least, self.most, *self.units, self.weights)
        lines = (" ".join(f"{number:.3g}" for number in part) for part in parts)
        return ";\n".join(textwrap.fill(line, _ACROSS, break_on_hyphens=False) for line in lines)

    @cached_property
    def _arrays(self) -> tuple[Image, Image, Image]:
        bounds = np.array([self.least, self.most], np.float32)
        return bounds, np.array(self.units, np.float32), np.array(self.weights, np.float32)

    def odds(self, signs: Image) -> Image:
        """Logarithm of the odds that an index is right.

        Parameters
        ----------
        signs : ndarray of float32, shape (n, h, w)
            For each sign its plane.

        Returns
        -------
        ndarray of float32, shape (h, w)
        """
        (least, most), units, weights = self._arrays
        held = [np.clip(*one) for one in zip(signs, least, most, strict=True)]
        odds = np.full(signs.shape[1:], weights[-1], np.float32)
        for unit, weight in zip(units, weights[:-1], strict=True):
            total = np.full_like(odds, unit[-1])
            for plane, factor in zip(held, unit[:-1], strict=True):
                cv2.scaleAdd(plane, float(factor), total, total)
            cv2.scaleAdd(np.maximum(total, 0, out=total), float(weight), odds, odds)
        return odds

    def confidence(self, signs: Image, out: Image, compiled: bool | None = None) -> None:
        """Probability that an index is right.

        Parameters
        ----------
        signs : ndarray of float32, shape (n, h, w)
            For each sign its plane; n is 16 where the loop is to do it.
        out : ndarray of float32, shape (h, w)
            Is filled: 0 to 1.
        compiled : bool, optional
            Whether to use the compiled loop; where numba is installed by default.
        """
        if by_loops(compiled):
            from stacker.fusion.compiled_judge import CELLS, judge_rows

            room = 17 * CELLS
            run_rows(judge_rows, len(out), np.ascontiguousarray(signs), *self._arrays, out, room=room)
            return
        odds = np.clip(self.odds(signs), -20, 20)
        np.divide(np.float32(1), 1 + cv2.exp(-odds), out=out)


_ACROSS = 100
"""Characters of a line."""


FITTED = Judge.read(
    """
0.794 0.00546 0.319 -2.99 0.693 -2.3 -2.3 -1.61 -2.09 0.797 0.0036 -5.91 -2.3 -2.3 -2.29 -1.65;
3 0.997 8.48 0.284 2.57 2.82 2.82 1.12 2.98 6 4.74 6.2 2.21 2.2 2.74 2.97;
1.42 -2.17 -0.199 0.248 0.0116 0.149 0.426 -0.0008 -0.199 -0.136 0.126 -0.00611 -0.352 -0.143 -0.034
0.104 -0.559;
-1.88 1.01 -0.0292 0.549 0.285 0.532 -0.0166 -0.38 0.655 -0.349 -0.101 -0.188 0.0937 -0.215 0.203
0.767 7.05;
-1.46 -1.03 -0.416 0.253 -1.03 0.155 0.231 0.188 -0.495 0.243 -0.21 -0.0107 0.394 0.417 0.263 -0.36
10.2;
1.62 -5.01 0.596 -0.2 0.158 -0.372 -0.5 -0.58 -0.542 -0.145 0.0753 0.347 0.00364 -0.128 0.125 0.859
-3.63;
-3.45 -1.2 -0.059 -0.768 0.891 -0.131 0.0161 0.0122 -0.224 -0.777 0.802 0.00908 -0.0854 0.287 -0.252
1.65 9.25;
-2.88 -2.71 -0.263 -0.0951 -2.25 -0.0482 -0.265 -0.14 0.0423 0.44 -0.167 0.0276 -0.0527 -0.0594
0.532 1.29 10.2;
2.5 0.304 -0.0266 0.0124 -1.17 0.109 -0.151 -0.122 0.139 -0.637 -0.0148 0.0454 -0.139 -0.18 -0.477
-1.44 -5.08;
2.47 -0.932 0.172 -0.583 0.0979 0.0753 0.217 -0.181 0.0786 0.48 0.0409 -0.154 -0.378 -0.247 -1.07
-1.79 -11.2;
-1.14 3.85 0.0144 -1.31 -1.73 -0.235 0.218 -0.182 0.422 -0.036 -0.793 -0.0893 -0.0277 0.0071 0.376
1.16 1.37;
-0.771 -3.28 -0.268 1.44 -1.26 0.607 -0.0946 0.406 0.0963 0.109 0.0437 -0.0721 0.227 -0.246 0.152
-1.39 13.1;
1.74 3.92 0.37 -0.385 0.161 0.409 0.485 -0.27 -0.36 0.197 0.122 0.0602 0.26 0.452 0.246 -0.853 -10.6;
0.319 -2.25 -0.632 -0.747 0.791 -0.168 0.245 0.818 0.00521 -0.158 -0.223 -0.0163 0.0811 0.201 -0.315
0.314 3.68;
-1.02 -1.44 -0.158 0.179 -1.49 0.0232 -0.0944 -0.0665 0.223 -0.0999 -0.0562 0.0885 0.000587 -0.353
0.304 -1.4 6.09;
0.103 4.2 0.243 -1.05 -1.52 -0.322 -0.267 -0.34 -0.64 0.329 -0.366 0.186 -0.253 -0.274 -0.0246 0.561
-7.68;
-0.538 -0.637 0.199 0.632 0.678 0.00728 0.0853 -0.00406 0.776 0.199 0.0756 -0.217 -0.144 0.079
-0.389 -0.394 2.02;
1.64 -6.28 0.121 0.116 1.27 -0.0863 -0.00202 0.741 0.524 0.473 -0.0218 -0.297 -0.164 -0.155 -0.39
-1.02 -1.21;
-0.404 -0.749 -0.618 0.47 0.721 -0.776 -1.41 1.06 0.786 0.942 -0.652 -0.461 -0.995 0.532 -0.246
-0.708 0.214
"""
)
"""As ``python -m benchmarks.depth_confidence`` prints it, which says what it was fitted to."""
