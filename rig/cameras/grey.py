"""White balance from a grey card: what a frame shows of it, and which colour temperature takes that away.

A body's Kelvin value is found by trying: a frame is taken, the cast that is left says how far to go, and the
next frame shows whether it is gone. So the body's own idea of a Kelvin value need not be known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rig.errors import CameraError, UserError
from rig.inspect import frame_pixels

__all__ = ["CENTRE", "GreyCard", "Region", "balanced_kelvin", "measure_grey"]

_MIREDS_PER_STOP = math.log(2) / (1.4388e-2 * (1 / 450e-9 - 1 / 600e-9)) * 1e6
"""Wien: ln(red/blue) of a black body changes by c₂ (1/λ_blue − 1/λ_red) for each 1/T, c₂ = 14.388 mm K, with
450 and 600 nm for the middles of sRGB's blue and red."""

_DONE_STOPS = 0.02
"""Red against blue: half of what 100 K change at 5200 K, and bodies step by 100 K."""

_MOST_FRAMES = 6

_DARK, _BRIGHT = 0.02, 0.9
"""Linear, of white: below, noise and the lens's flare have colours of their own; above, a channel clips."""

_UNEVEN = 0.25
"""Relative spread of brightness; a card under uneven light stays below, an edge or print in it is above."""


@dataclass(frozen=True)
class Region:
    """A part of the frame, in shares of its width and height: left, top, width, height."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def from_text(cls, text: str) -> Region:
        """Read ``"0.4,0.4,0.2,0.2"``.

        Raises
        ------
        UserError
            When it is no part of a frame.
        """
        try:
            x, y, width, height = (float(part) for part in text.split(","))
        except ValueError:
            x, y, width, height = math.nan, 0.0, 0.0, 0.0
        if not (0 <= x < 1 and 0 <= y < 1 and 0 < width <= 1 - x and 0 < height <= 1 - y):
            raise UserError(
                f'--region: "{text}" is no part of the frame; write left, top, width and height in shares of '
                "it, such as 0.4,0.4,0.2,0.2"
            )
        return cls(x, y, width, height)


CENTRE = Region(0.4, 0.4, 0.2, 0.2)
"""The middle of the frame."""


@dataclass(frozen=True)
class GreyCard:
    """What a frame shows of a grey card: linear red, green and blue, 1 is white."""

    red: float
    green: float
    blue: float

    @property
    def gains(self) -> tuple[float, float, float]:
        """What linear red, green and blue have to be multiplied by to make it grey, green being 1."""
        return self.green / self.red, 1.0, self.green / self.blue

    @property
    def red_over_blue_stops(self) -> float:
        """How much too warm it is: 0 when a colour temperature can do no more."""
        return math.log2(self.red / self.blue)

    @property
    def tint_stops(self) -> float:
        """How much too green it is, which no colour temperature changes."""
        return math.log2(self.green / math.sqrt(self.red * self.blue))


def measure_grey(path: Path, region: Region = CENTRE) -> GreyCard:
    """Measure a grey card in a frame.

    Parameters
    ----------
    path : Path
        A picture in sRGB: JPEG, PNG or TIFF.
    region : Region
        Where the card is.

    Raises
    ------
    DataError
        When the frame cannot be decoded.
    CameraError
        When what is there is too dark, too bright, or not even.
    """
    pixels, top = frame_pixels(path)
    height, width = pixels.shape[:2]
    rows = _part(region.y, region.height, height)
    columns = _part(region.x, region.width, width)
    linear = _linear(pixels[rows, columns].astype(np.float64) / top).reshape(-1, 3)
    red, green, blue = (float(v) for v in linear.mean(axis=0))
    spread = float(linear[:, 1].std()) / max(green, 1e-6)
    lowest, highest = min(red, green, blue), max(red, green, blue)
    if lowest < _DARK or highest > _BRIGHT:
        what, do = ("too dark", "longer") if lowest < _DARK else ("too bright", "shorter")
        raise CameraError(
            f"the grey card is {what} to be measured: {lowest:.0%} to {highest:.0%} of white in the region; "
            f"expose {do}, so that it is between {_DARK:.0%} and {_BRIGHT:.0%}"
        )
    if spread > _UNEVEN:
        raise CameraError(
            f"what is in the region is no even card: its brightness varies by {spread:.0%}; let the card "
            "fill the region, or name another --region"
        )
    return GreyCard(red, green, blue)


def _part(start: float, share: float, size_px: int) -> slice:
    first = int(start * size_px)
    return slice(first, max(first + 1, int((start + share) * size_px)))


def _linear(srgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """SRGB from 0 to 1 to light (IEC 61966-2-1)."""
    return np.asarray(np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4))


def balanced_kelvin(
    look: Callable[[int], GreyCard], start_k: int, limits_k: tuple[float, float, float]
) -> tuple[int, GreyCard]:
    """Find the colour temperature at which a grey card is grey, red against blue.

    Parameters
    ----------
    look : callable
        Sets a colour temperature, K, takes a frame, and returns what it shows of the card.
    start_k : int
        Where to begin.
    limits_k : tuple of float
        What the body can be set to: lowest, highest, step.

    Returns
    -------
    int, GreyCard
        The best of those that were looked at, and what was seen there.
    """
    low, high, step = limits_k
    seen: dict[int, GreyCard] = {}
    kelvin = start_k
    while kelvin not in seen and len(seen) < _MOST_FRAMES:
        seen[kelvin] = look(kelvin)
        if abs(seen[kelvin].red_over_blue_stops) <= _DONE_STOPS:
            break
        wanted = min(max(_next_kelvin(seen), low), high)
        kelvin = round(low + round((wanted - low) / (step or 1)) * (step or 1))
    best = min(seen, key=lambda k: abs(seen[k].red_over_blue_stops))
    return best, seen[best]


def _next_kelvin(seen: dict[int, GreyCard]) -> float:
    """Where the cast should be gone: by the law of radiation, then along the line through two frames."""
    (last_k, last), *before = reversed(seen.items())
    slope = -_MIREDS_PER_STOP
    if before:
        other_k, other = before[0]
        change = last.red_over_blue_stops - other.red_over_blue_stops
        if abs(change) > _DONE_STOPS / 4:
            slope = (1e6 / last_k - 1e6 / other_k) / change
    mireds = 1e6 / last_k - slope * last.red_over_blue_stops
    return 1e6 / max(mireds, 1.0)
