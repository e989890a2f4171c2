"""The depth-of-field model against wave optics: ``python -m benchmarks.optics``.

The truth is the transfer function of a perfect lens out of focus, the integral of Hopkins (Proc. R. Soc. A
231 (1955) 91) over the overlap of two shifted pupils, by code of its own: nothing of `rig.optics` is used for
it. The true depth of field is the depth within which no frequency up to half the pixels' Nyquist frequency
loses more of its contrast than a quarter wave of defocus costs at the worst frequency, 26.5 %.

Against it stand the three ways of joining g = 2 Ne c/m² and the exact wave term: their root sum square, which
`rig.optics` plans with, their maximum and their sum. At full stops the ratio of model over truth is 0.99 to
1.14, 0.81 to 1.00 and 1.11 to 1.57; between them (``--per-stop 3``) the maximum falls to 0.77, where g = w.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from rig.optics.depth_of_field import combined_dof, geometric_dof, wave_dof

__all__ = ["PITCHES_UM", "Row", "hopkins", "main", "quarter_wave_loss", "rows", "true_depth_mm"]

PITCHES_UM = (3.76, 5.36)
WAVELENGTH_UM = 0.55
_WIDEST, _NARROWEST = 2.8, 64.0

_ANGLES = 300
"""Intervals of the integral: halving them changes no ratio by 1e-4."""

_FREQUENCIES = 120


@dataclass(frozen=True)
class Row:
    """One aperture on one pixel at 1:1: the true depth, and model over truth for the three ways."""

    pitch_um: float
    effective_f_number: float
    true_um: float
    root_sum_square: float
    maximum: float
    sum: float


def hopkins(s: npt.NDArray[np.float64], waves: float) -> npt.NDArray[np.float64]:
    """Return the transfer function of a circular pupil with defocus.

    Parameters
    ----------
    s : array
        Frequencies as shares of the cut-off, from 0 to below 1.
    waves : float
        Defocus at the rim of the pupil, in waves.

    Notes
    -----
    Two unit circles, shifted by s either way, overlap where |x| < cos t − s at the height sin t. With
    x + s = cos t the integrand has no root in it, and Simpson's rule is good to 1e-8.
    """
    top = np.arccos(s)[:, np.newaxis]
    t = np.linspace(0, 1, _ANGLES + 1) * top
    x = np.cos(t) - s[:, np.newaxis]
    # The wavefront W r² at x + s less that at x − s is 4 W s x.
    integrand = np.sin(t) ** 2 * np.cos(2 * math.pi * 4 * waves * s[:, np.newaxis] * x)
    simpson = np.ones(_ANGLES + 1)
    simpson[1:-1:2], simpson[2:-1:2] = 4, 2
    return np.asarray((integrand @ simpson) * top[:, 0] / _ANGLES / 3 * 4 / math.pi)


def quarter_wave_loss() -> float:
    """Return the share of contrast that a quarter wave of defocus costs at the worst frequency."""
    s = np.linspace(0.001, 0.98, 400)
    return float(np.max(1 - hopkins(s, 0.25) / hopkins(s, 0.0)))


def true_depth_mm(effective_f_number: float, pitch_um: float, allowed: float) -> float:
    """Return the total depth at 1:1 within which no frequency loses more of its contrast than allowed, mm."""
    cutoff = 1 / (WAVELENGTH_UM * effective_f_number)  # cycles per µm
    top = min(1 / (4 * pitch_um), 0.98 * cutoff)
    s = np.linspace(0.01, 1, _FREQUENCIES) * top / cutoff
    sharp = hopkins(s, 0.0)

    def loses_too_much(waves: float) -> bool:
        return bool(np.any(hopkins(s, waves) < (1 - allowed) * sharp))

    low, high = 0.0, 0.25
    while not loses_too_much(high):
        low, high = high, 2 * high
    while high - low > 1e-5 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if loses_too_much(middle) else (middle, high)
    half_angle = math.asin(0.5 / effective_f_number)
    # The rim's path is shorter than the axis's by dz (1 − cos u).
    return 2 * low * WAVELENGTH_UM / (1 - math.cos(half_angle)) / 1000


def rows(per_stop: int = 1) -> Iterator[Row]:
    """Yield both pixels at apertures from f/2.8 to f/64, so many per stop."""
    allowed = quarter_wave_loss()
    count = round(2 * math.log2(_NARROWEST / _WIDEST) * per_stop) + 1
    for pitch in PITCHES_UM:
        for ne in np.geomspace(_WIDEST, _NARROWEST, count):
            f_number = float(ne)
            truth = true_depth_mm(f_number, pitch, allowed)
            geometric = float(geometric_dof(f_number, 2 * pitch / 1000, 1.0))
            wave = float(wave_dof(1 / (2 * f_number), 1.0, WAVELENGTH_UM / 1000))
            yield Row(
                pitch_um=pitch,
                effective_f_number=f_number,
                true_um=1000 * truth,
                root_sum_square=float(combined_dof(geometric, wave)) / truth,
                maximum=max(geometric, wave) / truth,
                sum=(geometric + wave) / truth,
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.optics", description=__doc__)
    parser.add_argument("--per-stop", type=int, default=1, metavar="N", help="apertures per stop (1)")
    parser.add_argument("--json", action="store_true", help="full digits, for programs")
    options = parser.parse_args(arguments)
    found = list(rows(options.per_stop))
    if options.json:
        print(json.dumps([asdict(row) for row in found], indent=1))
        return 0
    print(f"a quarter wave costs {quarter_wave_loss():.2%} of the contrast at the worst frequency\n")
    print(f"{'pixel µm':>8}{'Ne':>8}{'true µm':>10}{'√(g²+w²)':>10}{'max':>7}{'sum':>7}")
    for row in found:
        print(
            f"{row.pitch_um:8.2f}{row.effective_f_number:8.2f}{row.true_um:10.1f}"
            f"{row.root_sum_square:10.3f}{row.maximum:7.3f}{row.sum:7.3f}"
        )
    print("\nmodel over truth")
    for name in ("root_sum_square", "maximum", "sum"):
        ratios = [getattr(row, name) for row in found]
        print(f"{name.replace('_', ' '):>16}  {min(ratios):.3f} to {max(ratios):.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
