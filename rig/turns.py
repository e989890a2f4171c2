"""Turns of a crank, as people say them, and steps that a hand can turn. Pure."""

from __future__ import annotations

import re
from fractions import Fraction

from rig.errors import UserError
from rig.formatting import format_length
from rig.planning.grid import Grid

__all__ = ["format_turns", "hand_step", "parse_turns", "part_name", "parts_name", "uneven_step_note"]

_FINEST = 16
"""Nobody tells finer parts of a turn by eye; what is no multiple of a sixteenth is said as a decimal."""

_SAME = 1e-6
"""Turns: sums of floats are that near to what they stand for."""

_PARTS = {Fraction(1, 4): "a quarter", Fraction(1, 2): "a half", Fraction(3, 4): "three quarters"}
_ALONE = {
    Fraction(1, 4): "a quarter turn",
    Fraction(1, 2): "half a turn",
    Fraction(3, 4): "three quarters of a turn",
}


def format_turns(turns: float) -> str:
    """Say a number of turns; the sign is dropped.

    Examples
    --------
    >>> format_turns(2), format_turns(1.25), format_turns(-0.5), format_turns(3.0625)
    ('2 turns', '1 turn and a quarter', 'half a turn', '3 turns and 1/16')
    >>> format_turns(0.37)
    '0.37 turns'
    """
    size = abs(turns)
    exact = Fraction(size).limit_denominator(_FINEST)
    if abs(float(exact) - size) > _SAME or exact.denominator not in (1, 2, 4, 8, 16, 3, 5, 6, 10, 12):
        return f"{size:.3g} turns"
    whole, part = divmod(exact, 1)
    if not part:
        return "1 turn" if whole == 1 else f"{whole} turns"
    if not whole:
        return _ALONE.get(part, f"{part} of a turn")
    return f"{'1 turn' if whole == 1 else f'{whole} turns'} and {_PARTS.get(part, str(part))}"


def part_name(parts: int) -> str:
    """The smallest part of a turn in words: ``"a quarter turn"``."""
    return "a whole turn" if parts == 1 else format_turns(1 / parts)


def parts_name(parts: int) -> str:
    """Parts of a turn, several of them: ``"quarter turns"``."""
    return {1: "whole turns", 2: "half turns", 4: "quarter turns"}.get(parts, f"1/{parts} turns")


_TURNS = re.compile(
    r"(?P<sign>[+-]?)\s*(?:(?P<whole>\d+)\s+)?(?:(?P<top>\d+)\s*/\s*(?P<bottom>[1-9]\d*)|(?P<number>\d*[.,]?\d+))"
    r"\s*(?:turns?|t)?"
)


def parse_turns(text: str) -> float:
    """Read turns as people write them: ``2``, ``1.5``, ``-1``, ``1/4``, ``2 3/4``.

    Raises
    ------
    UserError
        When it is no number of turns.
    """
    match = _TURNS.fullmatch(text.strip().lower())
    if match is None or (match["whole"] and match["number"]):
        raise UserError(f'"{text.strip()}" is no number of turns; write for instance 2, 1.5, 2 3/4 or -1')
    number = (
        float(match["number"].replace(",", "."))
        if match["number"]
        else int(match["whole"] or 0) + int(match["top"]) / int(match["bottom"])
    )
    return -number if match["sign"] == "-" else number


def hand_step(grid: Grid, pitch_mm: float, largest_mm: float) -> tuple[float, list[str]]:
    """The step of a crank for the longest step allowed: the same whole parts of a turn for every frame.

    Parameters
    ----------
    grid : Grid
        Whose microsteps are the parts of a turn.
    pitch_mm : float
        Travel of a turn.
    largest_mm : float
        What the depth of field allows.

    Returns
    -------
    float and list of str
        The step, rounded down, and what is to be said of the rounding.
    """
    part_mm = grid.microstep_mm
    step_mm = grid.whole_step(largest_mm) * part_mm
    a_part = part_name(round(pitch_mm / part_mm))
    turns = format_turns(step_mm / pitch_mm)
    if step_mm > largest_mm * (1 + _SAME):
        note = (
            f"the depth of field asks for steps of {format_length(largest_mm)}, less than {a_part} of the "
            f"crank, {format_length(part_mm)}: planned with that. A smaller part_of_turn in [rail], a "
            "smaller aperture or a lower magnification would close the gaps"
        )
        return step_mm, [note]
    if step_mm > largest_mm * (1 - _SAME):
        return step_mm, []
    note = (
        f"the depth of field allows steps of {format_length(largest_mm)}; rounded down to "
        f"{format_length(step_mm)}, {turns}, because a hand turns {a_part} at the least"
    )
    return step_mm, [note]


def uneven_step_note(step_mm: float, pitch_mm: float, steps_per_mm: float) -> str | None:
    """Say that a step asked for is no whole number of parts of a turn; None when it is."""
    parts = step_mm * steps_per_mm
    if abs(parts - round(parts)) < _SAME:
        return None
    whole = parts_name(round(pitch_mm * steps_per_mm))
    low, high = int(parts), int(parts) + 1
    near = " or ".join(format_length(n / steps_per_mm) for n in (low, high) if n)
    return (
        f"a step of {format_length(step_mm)} is {format_turns(step_mm / pitch_mm)}, no whole number of "
        f"{whole}, as a hand turns it: frames lie at the nearest ones, unevenly apart; {near} would be even"
    )
