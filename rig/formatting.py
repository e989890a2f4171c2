"""Lengths, times and f-numbers as text for people; `rig.units` reads such text."""

from __future__ import annotations

import math

from rig.optics.stops import stop_mark

__all__ = ["format_duration", "format_f_number", "format_length", "format_shutter"]


def format_length(length_mm: float) -> str:
    """Write a length for people: µm below 1 mm, mm up to 1 m; three or more significant digits.

    Examples
    --------
    >>> format_length(0.22281)
    '223 µm'
    >>> format_length(32)
    '32 mm'
    """
    size = abs(length_mm)
    if size == 0:
        return "0 mm"
    if size < 0.9995:
        return f"{_significant(length_mm * 1000, 3)} µm"
    if size < 1000:
        return f"{_significant(length_mm, 4)} mm"
    return f"{_significant(length_mm / 1000, 4)} m"


def _significant(value: float, digits: int) -> str:
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_duration(seconds: float) -> str:
    """Write a duration for people.

    Examples
    --------
    >>> format_duration(161.2)
    '2 min 41 s'
    >>> format_duration(5.43)
    '5.4 s'
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def format_shutter(seconds: float) -> str:
    """Write a shutter time as cameras do: ``1/8 s``, ``0.5 s``, ``2 s``."""
    if 0 < seconds < 0.3:
        inverse = 1 / seconds
        return f"1/{inverse:.0f} s" if abs(inverse - round(inverse)) < 0.05 else f"1/{inverse:.1f} s"
    return f"{seconds:g} s"


def format_f_number(f_number: float) -> str:
    """Write an f-number with its mark: ``f/5.6`` for 5.657; ``f/11.1`` for what has no mark.

    Examples
    --------
    >>> format_f_number(2**2.5)
    'f/5.6'
    """
    return f"f/{stop_mark(f_number)}"
