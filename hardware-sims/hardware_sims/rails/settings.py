"""The `$` settings of GRBL 1.1: which exist, how they print, what they refuse."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["AXES", "GrblError", "GrblSettings", "read_number"]

AXES = "XYZ"

_DEFAULTS: dict[int, float] = dict(
    [(0, 10), (1, 25), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (10, 1), (11, 0.010), (12, 0.002), (13, 0)]
    + [(20, 0), (21, 0), (22, 0), (23, 0), (24, 25), (25, 500), (26, 250), (27, 1)]
    + [(30, 1000), (31, 0), (32, 0)]
    + [(100 + 10 * kind + axis, value) for kind, value in enumerate((250, 500, 10, 200)) for axis in range(3)]
)
"""As a fresh GRBL 1.1h prints them."""

_FLAGS = frozenset({4, 5, 6, 13, 20, 21, 22, 32})
_WITH_DECIMALS = frozenset({11, 12, 24, 25, 27, *range(100, 133)})
_WHOLE = frozenset({0, 1, 2, 3, 10, 23, 26})


class GrblError(Exception):
    """A line that the firmware answers with ``error:n``."""

    def __init__(self, code: int) -> None:
        super().__init__(f"error:{code}")
        self.code = code


def read_number(text: str, start: int) -> tuple[float, int]:
    """Read a number as GRBL does: sign, digits, one point, no exponent.

    Returns
    -------
    value, end : float, int
        The number and the index of the first character after it.

    Raises
    ------
    GrblError
        2, when there is no digit.
    """
    end = start + (text[start : start + 1] in {"+", "-"})
    digits = 0
    point = False
    while end < len(text) and (
        (text[end].isascii() and text[end].isdigit()) or (text[end] == "." and not point)
    ):
        if text[end] == ".":
            point = True
        else:
            digits += 1
        end += 1
    if not digits:
        raise GrblError(2)
    return float(text[start:end]), end


class GrblSettings:
    """The settings in the controller's EEPROM: they outlive resets.

    Parameters
    ----------
    changes : mapping of int to float, optional
        Values that differ from a fresh controller's; not checked as a `$n=` line would be.
    """

    _more: Mapping[int, float] = {}

    def __init__(self, changes: Mapping[int, float] | None = None) -> None:
        self._values = {**_DEFAULTS, **self._more}
        for number, value in (changes or {}).items():
            if number not in self._values:
                raise ValueError(f"GRBL 1.1 has no setting ${number}")
            self._values[number] = float(value)

    def __getitem__(self, number: int) -> float:
        return self._values[number]

    def store(self, number: int, value: float) -> None:
        """Take ``$number=value`` from the wire; raises GrblError 3, 4, 6 or 10 as the firmware does."""
        if number not in self._values:
            raise GrblError(3)
        if value < 0:
            raise GrblError(4)
        if number == 0 and value < 3:
            raise GrblError(6)
        if number == 20 and value and not self._values[22]:
            raise GrblError(10)
        if number in _FLAGS:
            value = float(bool(value))
        elif number in _WHOLE:
            value = float(int(value) & 0xFF)
        self._values[number] = value
        if number == 22 and not value:
            self._values[20] = 0.0

    def lines(self) -> list[str]:
        """What ``$$`` prints, without the `ok`."""
        return [
            f"${number}={value:.3f}" if number in _WITH_DECIMALS else f"${number}={value:.0f}"
            for number, value in self._values.items()
        ]

    def steps_per_mm(self, axis: int) -> float:
        """$100…$102."""
        return self._values[100 + axis]

    def max_rate_mm_min(self, axis: int) -> float:
        """$110…$112."""
        return self._values[110 + axis]

    def acceleration_mm_s2(self, axis: int) -> float:
        """$120…$122."""
        return self._values[120 + axis]

    def travel_mm(self, axis: int) -> float:
        """$130…$132."""
        return self._values[130 + axis]
