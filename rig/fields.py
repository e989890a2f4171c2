"""Kinds of values in TOML files: text with units in, plain numbers out."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from rig import sizes, units
from rig.errors import UserError
from rig.planning import possible, shots

__all__ = [
    "Acceleration",
    "AnyTable",
    "Brackets",
    "Bytes",
    "Coc",
    "Count",
    "FNumber",
    "Length",
    "LengthOrZero",
    "Magnification",
    "PartOfTurn",
    "Pixels",
    "PositiveLength",
    "PositiveTime",
    "PupilDistance",
    "Share",
    "ShutterTime",
    "Speed",
    "Time",
    "UserPath",
]

T = TypeVar("T")

_FINEST_PART = 50
"""Marks round a handwheel, as micrometer heads have; without marks, quarters are what a hand can tell."""


def _reader(parse: Callable[[object, str], T]) -> BeforeValidator:
    """Wrap a parser of `rig.units` so that pydantic collects its complaint with the others."""

    def read(value: object) -> T:
        try:
            return parse(value, "")
        except UserError as err:
            raise ValueError(str(err)) from err

    return BeforeValidator(read)


def _refuse_negative(parse: Callable[[object, str], float], example: str, *, zero: bool) -> BeforeValidator:
    def read(value: object, what: str) -> float:
        number = parse(value, what)
        if number < 0 or (number == 0 and not zero):
            raise UserError(
                f'"{value}" is {"below" if zero else "not above"} 0; write for instance "{example}"'
            )
        return number

    return _reader(read)


def _pupil_distance(value: object, what: str) -> float:
    if isinstance(value, str) and value.strip().lower() in {"infinite", "telecentric"}:
        return math.inf
    distance = units.parse_length_mm(value, what)
    if distance == 0:
        raise UserError('0 cannot be; write a length such as "300 mm", a negative one or "infinite"')
    return distance


def _share(value: object, what: str) -> float:
    share = units.parse_number(value, what, "a share such as 0.3")
    if not 0 <= share < 1:
        raise UserError(f"{value} is not a share from 0 to under 1; write 0.3 for 30 %")
    return share


def _marked(value: object, what: str) -> float:
    number = units.parse_f_number(value, what, as_marked=True)
    possible.check_size("marked_f_number", number)
    return number


def _magnification(value: object, what: str) -> float:
    m = units.parse_magnification(value, what)
    possible.check_size("magnification", m)
    return m


def _coc(value: object, what: str) -> units.CircleOfConfusion:
    coc = units.parse_circle_of_confusion(value, what)
    possible.check_coc(coc)
    return coc


def _part_of_turn(value: object, what: str) -> int:
    """The denominator of ``"1/4"``; 1 for whole turns."""
    part = units.parse_number(value, what, '"1/4"')
    parts = round(1 / part) if part > 0 else 0
    if not 1 <= parts <= _FINEST_PART or abs(parts * part - 1) > 1e-3:
        raise UserError(
            f'"{value}" is no part of a turn that a hand can turn; write 1, "1/2", "1/4" or down to '
            f'"1/{_FINEST_PART}"'
        )
    return parts


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as err:
        raise ValueError(f'"{path}": nobody of that name has a home here; write "~/{path.name}"') from err


Length = Annotated[float, _reader(units.parse_length_mm)]
"""A length or position in mm; may be negative."""
PositiveLength = Annotated[float, _refuse_negative(units.parse_length_mm, "1 mm", zero=False)]
"""A length above 0, in mm."""
LengthOrZero = Annotated[float, _refuse_negative(units.parse_length_mm, "0.2 mm", zero=True)]
"""A length not below 0, in mm."""
Time = Annotated[float, _refuse_negative(units.parse_time_s, "1 s", zero=True)]
"""A time not below 0, in s."""
PositiveTime = Annotated[float, _refuse_negative(units.parse_time_s, "1/8 s", zero=False)]
"""A time above 0, in s."""
ShutterTime = PositiveTime
"""A shutter time in s: ``"1/8 s"``."""
Speed = Annotated[float, _refuse_negative(units.parse_speed_mm_s, "2 mm/s", zero=False)]
"""A speed above 0, in mm/s."""
Acceleration = Annotated[float, _refuse_negative(units.parse_acceleration_mm_s2, "50 mm/s^2", zero=False)]
"""An acceleration above 0, in mm/s²."""
Bytes = Annotated[int, _reader(sizes.parse_bytes)]
"""A size of files, in bytes: ``"60 MB"``."""
Pixels = Annotated[int, _reader(sizes.parse_pixels)]
"""A width in pixels: ``"2000px"``."""
FNumber = Annotated[float, _reader(_marked)]
"""An f-number as marked: 5.6 for ``"f/5.6"``."""
Magnification = Annotated[float, _reader(_magnification)]
"""Image over object: ``1``, ``"1:2"``, ``"5x"``."""
Brackets = Annotated[shots.Brackets, _reader(shots.parse_brackets)]
"""Exposures of a position: ``[-2, 0, 2]`` in EV, or ``["1/30 s", "1/8 s"]``."""
Coc = Annotated[units.CircleOfConfusion, _reader(_coc)]
"""``"2px"`` or ``"30um"``."""
PupilDistance = Annotated[float, _reader(_pupil_distance)]
"""Signed distance in mm, infinite for a telecentric lens."""
Share = Annotated[float, _reader(_share)]
"""From 0 to under 1."""
PartOfTurn = Annotated[int, _reader(_part_of_turn)]
"""``"1/4"`` of a turn, as the number 4."""
Count = Annotated[int, Field(gt=0, strict=True)]
"""A whole number above 0."""

UserPath = Annotated[Path, AfterValidator(_at_home)]
"""A file or folder; ``~`` is the user's home."""

AnyTable = dict[str, Any]
"""A table handed on unread."""
