"""What bodies write for shutter times, f-numbers and ISO speeds, and which offered value is near enough."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from fractions import Fraction

__all__ = [
    "NEAR_STOPS",
    "nearest",
    "parse_f_number",
    "parse_iso",
    "parse_kelvin",
    "parse_shutter_s",
    "same_f_number",
    "same_iso",
    "same_shutter",
]

NEAR_STOPS = 1 / 6
"""Half a third of a stop: further away there is always a nearer choice on a body with third stops."""

_FRACTION = re.compile(r"^(\d+(?:\.\d+)?)(?:/(\d+(?:\.\d+)?))?\s*s?$")
_F_NUMBER = re.compile(r"^(?:f/?)?\s*(\d+(?:\.\d+)?)$", re.IGNORECASE)
_ISO = re.compile(r"^(?:ISO\s*)?(\d+)$", re.IGNORECASE)
_KELVIN = re.compile(r"^(\d{4,5})\s*K$", re.IGNORECASE)


def parse_shutter_s(text: str | None) -> float | None:
    """A shutter time in seconds.

    Returns
    -------
    float or None
        None for what is no fixed time: unset, bulb, time, auto, ``0/0``.

    Examples
    --------
    >>> parse_shutter_s("1/8"), parse_shutter_s("0.0025s"), parse_shutter_s("Bulb")
    (0.125, 0.0025, None)
    """
    match = _FRACTION.match(text.strip()) if text else None
    if match is None:
        return None
    numerator, denominator = Fraction(match[1]), Fraction(match[2] or 1)
    if not numerator or not denominator:
        return None
    return float(numerator / denominator)


def parse_f_number(text: str | None) -> float | None:
    """A marked f-number; None when unset or 0, which bodies write for a lens without electronic aperture."""
    match = _F_NUMBER.match(text.strip()) if text else None
    return (float(match[1]) or None) if match else None


def parse_iso(text: str | None) -> int | None:
    """An ISO speed; None when unset or automatic."""
    match = _ISO.match(text.strip()) if text else None
    return (int(match[1]) or None) if match else None


def parse_kelvin(text: str) -> int | None:
    """The colour temperature in ``"5200 K"``; None when the text is a name."""
    match = _KELVIN.match(text.strip())
    return int(match[1]) if match else None


def same_shutter(a: float, b: float) -> bool:
    """Whether two shutter times are within a sixth of a stop."""
    return abs(math.log2(a / b)) <= NEAR_STOPS


def same_iso(a: float, b: float) -> bool:
    """Whether two ISO speeds are within a sixth of a stop."""
    return abs(math.log2(a / b)) <= NEAR_STOPS


def same_f_number(a: float, b: float) -> bool:
    """Whether two f-numbers are within a sixth of a stop; a stop is a factor of √2."""
    return abs(2 * math.log2(a / b)) <= NEAR_STOPS


def nearest(
    wanted: float,
    choices: Iterable[str],
    parse: Callable[[str], float | None],
    same: Callable[[float, float], bool],
) -> str | None:
    """The offered value that is nearest to the wanted one, if it is near enough.

    Parameters
    ----------
    wanted : float
        Above 0.
    choices : iterable of str
        As the body writes them; those that `parse` makes nothing of (bulb, auto) are passed over.
    parse, same
        One of the pairs of this module.
    """
    parsed = [(abs(math.log2(value / wanted)), text) for text in choices if (value := parse(text))]
    if not parsed:
        return None
    best = min(parsed)[1]
    value = parse(best)
    return best if value is not None and same(value, wanted) else None
