"""Text with units, parsed once at the edge: mm, s and mm/s inside, whatever people write outside.

Inside ``rig`` every length is a `float` in mm and every time one in s; the name says so (``_mm``, ``_s``).
This module turns ``"350 um"``, ``"1/8 s"`` or ``"f/5.6"`` into such numbers, `rig.formatting` back into text.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from rig.errors import UserError
from rig.optics.stops import true_stop

if TYPE_CHECKING:
    import pint

__all__ = [
    "DEFAULT_COC",
    "CircleOfConfusion",
    "parse_acceleration_mm_s2",
    "parse_circle_of_confusion",
    "parse_f_number",
    "parse_length_mm",
    "parse_magnification",
    "parse_number",
    "parse_speed_mm_s",
    "parse_time_s",
]

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NUMBER_ONLY = re.compile(rf"{_NUMBER}(?:\s*/\s*{_NUMBER})?")
_VALUE = re.compile(rf"(?P<number>{_NUMBER}(?:\s*/\s*{_NUMBER})?)\s*(?P<unit>[^\d\s.,+/-].*)?")
_UNIT = re.compile(r"[A-Za-zµμ]+(?:(?:\^|\*\*)?-?\d|²)?(?:\s*[/*·]\s*[A-Za-zµμ]+(?:(?:\^|\*\*)?-?\d|²)?)*")

# pint's own registry takes most of a second to load; a rig needs two dimensions.
_DEFINITIONS = (
    "nano- = 1e-9 = n-",
    "micro- = 1e-6 = µ- = μ- = u-",
    "milli- = 1e-3 = m-",
    "centi- = 1e-2 = c-",
    "metre = [length] = m = meter",
    "inch = 0.0254 * metre = in",
    "thou = 0.0000254 * metre = _ = mil",
    "micron = 1e-6 * metre",
    "second = [time] = s = sec",
    "minute = 60 * second = min",
    "hour = 60 * minute = h",
)


@dataclass(frozen=True)
class _Kind:
    """One sort of quantity: the unit kept inside, and what to show as a right spelling."""

    name: str
    unit: str
    examples: str


_LENGTH = _Kind("a length", "mm", '"1 mm", "350 um" or "0.5 in"')
_TIME = _Kind("a time", "s", '"1 s", "250 ms" or "1/8 s"')
_SPEED = _Kind("a speed", "mm/s", '"2 mm/s" or "120 mm/min"')
_ACCELERATION = _Kind("an acceleration", "mm/s^2", '"50 mm/s^2"')

Bare = Literal["refuse", "accept"]
"""Whether a number without a unit means mm (or s): accepted on the command line, refused in a TOML file."""


@lru_cache(maxsize=1)
def _registry() -> pint.UnitRegistry[float]:
    import pint  # 0.3 s: only when there is a unit to read

    registry: pint.UnitRegistry[float] = pint.UnitRegistry(None)
    registry.load_definitions(list(_DEFINITIONS))
    return registry


def _refusal(value: object, what: str, why: str, right: str) -> UserError:
    shown = f'"{value}"' if isinstance(value, str) else repr(value)
    where = f"{what}: " if what else ""
    return UserError(f"{where}{shown} {why}; write {right}")


def _number(text: str, value: object, what: str, right: str) -> float:
    numerator, _, denominator = text.partition("/")
    try:
        number = float(numerator) / float(denominator) if denominator else float(numerator)
    except ZeroDivisionError as err:
        raise _refusal(value, what, "divides by zero", right) from err
    if not math.isfinite(number):
        raise _refusal(value, what, "is too large", right)
    return number


def _parse(value: object, kind: _Kind, what: str, bare: Bare) -> float:
    import pint

    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _refusal(value, what, f"is not {kind.name}", kind.examples)
    text = str(value).strip()
    match = _VALUE.fullmatch(text)
    if match is None:
        if re.search(r"\d,\d", text):
            raise _refusal(value, what, "has a comma", f"a decimal point, for instance {kind.examples}")
        raise _refusal(value, what, f"is not {kind.name}", kind.examples)
    number = _number(match["number"], value, what, kind.examples)
    unit = match["unit"]
    if unit is None:
        if number == 0 or bare == "accept":
            return number
        raise _refusal(value, what, "has no unit", f'it as text with its unit, such as "{text} {kind.unit}"')
    if not _UNIT.fullmatch(unit):
        raise _refusal(value, what, f'has a unit that cannot be read, "{unit}"', kind.examples)
    try:
        converted = float(_registry().Quantity(number, unit).to(kind.unit).magnitude)
        return float(f"{converted:.15g}")  # 350 um is 0.35 mm, not 0.35000000000000003
    except pint.UndefinedUnitError as err:
        raise _refusal(value, what, f'has an unknown unit, "{unit}"', kind.examples) from err
    except pint.DimensionalityError as err:
        raise _refusal(value, what, f"is not {kind.name}", kind.examples) from err


def parse_length_mm(value: object, what: str = "length", *, bare: Bare = "refuse") -> float:
    """Read a length.

    Parameters
    ----------
    value : str, int or float
        ``"1 mm"``, ``"350um"``, ``"350 µm"``, ``"2.5 cm"``, ``"1/4 in"``. Zero needs no unit.
    what : str
        The option or key, for the message.
    bare : {"refuse", "accept"}
        Whether a number without unit is taken as mm.

    Returns
    -------
    float
        mm.

    Raises
    ------
    UserError
        With the value, `what` and a right spelling.

    Examples
    --------
    >>> parse_length_mm("350 um")
    0.35
    """
    return _parse(value, _LENGTH, what, bare)


def parse_time_s(value: object, what: str = "time", *, bare: Bare = "refuse") -> float:
    """Read a time or a shutter time in s: ``"1 s"``, ``"250 ms"``, ``"1/8 s"``, ``"2 min"``, ``"1.5 h"``.

    Raises
    ------
    UserError
        With the value, `what` and a right spelling.

    Examples
    --------
    >>> parse_time_s("1/8 s")
    0.125
    """
    return _parse(value, _TIME, what, bare)


def parse_speed_mm_s(value: object, what: str = "speed", *, bare: Bare = "refuse") -> float:
    """Read a speed in mm/s: ``"2 mm/s"``, ``"120 mm/min"``.

    Raises
    ------
    UserError
        With the value, `what` and a right spelling.
    """
    return _parse(value, _SPEED, what, bare)


def parse_acceleration_mm_s2(value: object, what: str = "acceleration", *, bare: Bare = "refuse") -> float:
    """Read an acceleration in mm/s²: ``"50 mm/s^2"``, ``"50 mm/s²"``.

    Raises
    ------
    UserError
        With the value, `what` and a right spelling.
    """
    return _parse(value, _ACCELERATION, what, bare)


def parse_number(value: object, what: str, right: str) -> float:
    """Read a plain finite number or fraction; `right` says what would have been right.

    Raises
    ------
    UserError
        When it is none.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _refusal(value, what, "is not a number", right)
    text = str(value).strip()
    if not _NUMBER_ONLY.fullmatch(text):
        raise _refusal(value, what, "is not a number", right)
    return _number(text, value, what, right)


def parse_f_number(value: object, what: str = "aperture", *, as_marked: bool = False) -> float:
    """Read a marked f-number and return the true stop, or the number as marked.

    Cameras mark rounded numbers: f/5.6 is 2^(5/2) = 5.657, f/11 is 11.314, third and half stops likewise.
    A number that is no mark (``"11.3"``) stands for itself.

    Raises
    ------
    UserError
        When it is not a number above 0.

    Examples
    --------
    >>> round(parse_f_number("f/5.6"), 3)
    5.657
    """
    right = '"f/5.6" or 5.6'
    text = re.sub(r"^\s*[fFƒ]\s*/?\s*", "", value) if isinstance(value, str) else value
    try:
        number = parse_number(text, what, right)
    except UserError as err:
        raise _refusal(value, what, "is not an f-number", right) from err
    if not number > 0:
        raise _refusal(value, what, "is not above 0", right)
    return number if as_marked else float(true_stop(number))


def parse_magnification(value: object, what: str = "magnification") -> float:
    """Read a magnification, image over object: ``1``, ``"0.5"``, ``"2x"``, ``"1:2"`` (half size), ``"5:1"``.

    Raises
    ------
    UserError
        When it is not a number above 0.

    Examples
    --------
    >>> parse_magnification("1:4")
    0.25
    """
    right = '"1", "0.5", "2x" or "1:2" (image : object)'
    text = re.sub(r"\s*[x×]\s*$", "", value).replace(":", "/") if isinstance(value, str) else value
    try:
        number = parse_number(text, what, right)
    except UserError as err:
        raise _refusal(value, what, "is not a magnification", right) from err
    if not number > 0:
        raise _refusal(value, what, "is not above 0", right)
    return number


@dataclass(frozen=True)
class CircleOfConfusion:
    """The blur still called sharp: a diameter on the sensor, in pixels or in mm.

    Parameters
    ----------
    value : float
        The diameter, above 0.
    unit : {"px", "mm"}
        What `value` counts.
    """

    value: float
    unit: Literal["px", "mm"]

    def mm(self, pixel_pitch_mm: float | None) -> float:
        """Return the diameter in mm, given the pitch of the pixels in mm.

        Raises
        ------
        UserError
            When it counts pixels and their pitch is not known.
        """
        if self.unit == "mm":
            return self.value
        if pixel_pitch_mm is None:
            raise UserError(
                f"a circle of confusion of {self.value:g} px needs the size of a pixel: set sensor_width "
                "and pixels in [camera], or give it as a length, such as --coc 30um"
            )
        return self.value * pixel_pitch_mm


DEFAULT_COC = CircleOfConfusion(2.0, "px")
"""Two pixels: less blur cannot be told from none when the picture is seen pixel by pixel."""

_LARGEST_BARE_COC_MM = 0.3
"""That of an 8 × 10 inch camera is 0.22 mm; nobody asks for less than a third of a pixel."""


def parse_circle_of_confusion(value: object, what: str = "coc") -> CircleOfConfusion:
    """Read a circle of confusion: ``"2px"``, ``"1.5 px"``, ``"30um"``. Always a diameter on the sensor.

    Text without unit is in mm, like other lengths, when it is so small that it cannot count pixels:
    ``"0.03"``, as published tables have it.

    Raises
    ------
    UserError
        When it has no unit and could be either, or is not above 0.

    Examples
    --------
    >>> parse_circle_of_confusion("0.03")
    CircleOfConfusion(value=0.03, unit='mm')
    """
    right = '"2px" (pixels) or "30um" (on the sensor)'
    if not isinstance(value, str):
        raise _refusal(value, what, "has no unit", right)
    if _NUMBER_ONLY.fullmatch(value.strip()):
        bare = _number(value.strip(), value, what, right)
        if not 0 < bare <= _LARGEST_BARE_COC_MM:
            raise _refusal(value, what, "has no unit", right)
        return CircleOfConfusion(bare, "mm")
    match = re.fullmatch(rf"\s*({_NUMBER})\s*(?:px|pixels?)\s*", value)
    if match:
        coc = CircleOfConfusion(_number(match[1], value, what, right), "px")
    else:
        try:
            coc = CircleOfConfusion(parse_length_mm(value, what), "mm")
        except UserError as err:
            raise _refusal(value, what, "is neither pixels nor a length", right) from err
    if not coc.value > 0:
        raise _refusal(value, what, "is not above 0", right)
    return coc
