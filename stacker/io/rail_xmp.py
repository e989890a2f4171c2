"""Rail positions that the software of a rail has written as XMP into the frames or into sidecars.

There is no standard for it. Taken is any XMP property, of whatever namespace, that is called RailPosition,
StagePosition, CarriagePosition, FocusPosition, ZPosition or PositionZ: a length with its unit (``12.5 mm``),
or a number when the name ends in the unit (``RailPositionMm``, ``ZPosition_um``). A sidecar is ``frame.xmp``
or ``frame.jpg.xmp``, and goes before what is in the frame.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import exiv2

from stacker.errors import UserError
from stacker.io.sidecars import is_there
from stacker.units import parse_length_mm

__all__ = ["positions_in_xmp"]

# exiv2 prints every oddity of a maker note to stderr; what cannot be read here is said by the decoder.
exiv2.LogMsg.setLevel(exiv2.LogMsg.Level.mute)

_NAME = re.compile(
    r"(?:(?:rail|stage|carriage|focus|z)position|positionz)(mm|um|µm|micrometers|micrometres|microns)?"
)
_UNITS = {"mm": "mm", None: ""}
"""By what a name ends in; every other ending means micrometres."""


def positions_in_xmp(paths: Sequence[Path]) -> tuple[float, ...] | None:
    """Positions of frames in mm, or None unless every one of them has one.

    Parameters
    ----------
    paths : sequence of Path
        The frames; only their metadata are read, and only as far as positions are found.
    """
    found = []
    for path in paths:
        position = next(_positions(path), None)
        if position is None:
            return None
        found.append(position)
    return tuple(found) or None


def _positions(path: Path) -> Iterator[float]:
    for file in (path.with_suffix(".xmp"), path.with_name(path.name + ".xmp"), path):
        if not is_there(file):
            continue
        try:
            image = exiv2.ImageFactory.open(str(file))
            image.readMetadata()
            properties = [(datum.key(), datum.toString()) for datum in image.xmpData()]
        except exiv2.Exiv2Error:
            continue  # the decoder says what is wrong with a frame
        for key, text in properties:
            position = _position(re.split("[./:]", key)[-1], text)
            if position is not None:
                yield position


def _position(name: str, text: str) -> float | None:
    named = _NAME.fullmatch(name.replace("_", "").replace("-", "").lower())
    if named is None:
        return None
    unit = _UNITS.get(named[1], "um")
    try:
        return parse_length_mm(text + (unit if _is_number(text) else ""), name)
    except UserError:
        return None  # a number of steps, or of a lens's focus drive: no length


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
