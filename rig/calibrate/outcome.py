"""What a calibration hands back: text for people, data for machines, a record for the file, a plot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rig.calibrate.records import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Calibrated"]


@dataclass(frozen=True)
class Calibrated:
    """A finished measurement.

    Attributes
    ----------
    rows : tuple of (label, text)
        For people: the value first, then what it was measured from.
    record : Record
        For the calibration file.
    details : dict
        Further numbers, for machines.
    warnings : tuple of str
    draw : callable
        Draws the curve that the value was read from.
    """

    rows: tuple[tuple[str, str], ...]
    record: Record
    details: dict[str, Any]
    warnings: tuple[str, ...]
    draw: Callable[[Axes], None]
