"""Tone curves: how light is coded as samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stacker.frames import Image

__all__ = ["LINEAR", "ToneCurve"]


@dataclass(frozen=True)
class ToneCurve:
    """A parametric curve as ICC.1:2022 has it (10.18, function type 3): light from a sample.

    ``(slope · sample + offset) ** gamma`` from ``toe`` on, ``toe_slope · sample`` below it.

    Attributes
    ----------
    gamma : float
        The exponent; 1 for light itself.
    slope, offset : float
        Of the part with the exponent.
    toe_slope, toe : float
        Of the straight part near black, and the sample it reaches up to; 0 when there is none.
    """

    gamma: float
    slope: float = 1.0
    offset: float = 0.0
    toe_slope: float = 0.0
    toe: float = 0.0

    @property
    def linear(self) -> bool:
        """Whether samples are light."""
        return self.gamma == 1.0

    def decode(self, samples: Image) -> Image:
        """Light from samples; both from 0 (black) to 1 (white), float64."""
        values = np.asarray(samples, np.float64)
        curved = np.power(np.maximum(self.slope * values + self.offset, 0), self.gamma)
        return np.asarray(np.where(values >= self.toe, curved, self.toe_slope * values))

    def encode(self, light: Image) -> Image:
        """Samples from light; both from 0 (black) to 1 (white), float64."""
        values = np.asarray(light, np.float64)
        curved = (np.power(np.maximum(values, 0), 1 / self.gamma) - self.offset) / self.slope
        if not self.toe:
            return np.asarray(curved)
        knee = (self.slope * self.toe + self.offset) ** self.gamma
        return np.asarray(np.where(values >= knee, curved, values / self.toe_slope))


LINEAR = ToneCurve(1.0)
"""Samples that are light."""
