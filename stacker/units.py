"""Lengths as people write them, read once at the edge: mm inside, text with a unit outside."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from stacker.errors import UserError

if TYPE_CHECKING:
    import pint

__all__ = ["parse_length_mm"]

_LENGTH = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-zA-Zµμ]*)")

# pint's own registry takes most of a second to load; frames lie micrometres to metres apart.
_UNITS = (
    "nano- = 1e-9 = n-",
    "micro- = 1e-6 = µ- = μ- = u-",
    "milli- = 1e-3 = m-",
    "centi- = 1e-2 = c-",
    "metre = [length] = m = meter",
    "micron = 1e-6 * metre",
    "inch = 0.0254 * metre = in",
)


@lru_cache(maxsize=1)
def _registry() -> pint.UnitRegistry[float]:
    import pint  # slow to load, and most runs have no lengths

    registry: pint.UnitRegistry[float] = pint.UnitRegistry(None)
    registry.load_definitions(list(_UNITS))
    return registry


def parse_length_mm(text: str, what: str) -> float:
    """Read a length such as ``0.5mm``, ``350 um`` or ``-1.2 cm``; zero needs no unit.

    Parameters
    ----------
    text : str
        The length.
    what : str
        What it is the length of, for the message.

    Returns
    -------
    float
        mm.

    Raises
    ------
    UserError
        When it is no length or has no unit.

    Examples
    --------
    >>> parse_length_mm("350 um", "the step")
    0.35
    """
    import pint

    right = 'write a number with its unit, such as "0.5mm" or "350um"'
    found = _LENGTH.fullmatch(text.strip())
    if found is None or not math.isfinite(float(found[1])):
        raise UserError(f'{what} is "{text}", which is no length: {right}')
    number, unit = float(found[1]), found[2]
    if not unit:
        if number == 0:
            return 0.0
        raise UserError(f'{what} is "{text}", which has no unit: {right}')
    try:
        length = _registry().Quantity(number, unit).to("mm").magnitude
    except (pint.UndefinedUnitError, pint.DimensionalityError) as error:
        raise UserError(f'{what} is "{text}", and "{unit}" is no unit of length: {right}') from error
    return float(f"{length:.15g}")  # 350 um is 0.35 mm, not 0.35000000000000003
