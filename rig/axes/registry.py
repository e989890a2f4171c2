"""Drivers of axes by their name in the configuration; third parties add theirs by an entry point.

An entry point of the group ``focusrig.axes`` names a function ``(RailSettings, Clock) -> FocusAxis``.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

from rig.axes.base import AxisLimits, FocusAxis
from rig.clock import Clock
from rig.errors import UserError

__all__ = ["AxisFactory", "RailSettings", "drivers", "open_axis"]

AxisFactory = Callable[["RailSettings", Clock], FocusAxis]

_GROUP = "focusrig.axes"
_OWN = {"grbl": "rig.axes.grbl:open_grbl"}


@dataclass(frozen=True)
class RailSettings:
    """What a driver needs to know of a rail; lengths in mm, positions growing towards the subject.

    Parameters
    ----------
    driver : str
        Name of the driver, e.g. ``"grbl"``.
    port : str
        Serial port, or ``socket://host:port``.
    steps_per_mm : float
        Microsteps per mm: full steps × microsteps / pitch.
    speed_mm_s, acceleration_mm_s2 : float
        Highest speed to ask for, and the ramp.
    low_mm, high_mm : float
        Limits that no move passes.
    towards_subject : {"+", "-"}
        The controller's sign that moves the camera towards the subject.
    baud : int
        Of a serial port.
    home_mm : float, optional
        Position at which the rail stands after the controller's own homing cycle.
    """

    driver: str
    port: str
    steps_per_mm: float
    speed_mm_s: float
    acceleration_mm_s2: float
    low_mm: float
    high_mm: float
    towards_subject: Literal["+", "-"]
    baud: int = 115200
    home_mm: float | None = None

    def __post_init__(self) -> None:
        for name in ("steps_per_mm", "speed_mm_s", "acceleration_mm_s2"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        if not self.low_mm < self.high_mm:
            raise ValueError(f"limits must rise: {self.low_mm:g} mm to {self.high_mm:g} mm")
        if self.towards_subject not in {"+", "-"}:
            raise ValueError(f'towards_subject is "+" or "-", not {self.towards_subject!r}')

    @property
    def limits(self) -> AxisLimits:
        """Allowed positions, mm."""
        return AxisLimits(self.low_mm, self.high_mm)

    @property
    def sign(self) -> int:
        """+1 when the controller's positive direction is towards the subject, else -1."""
        return 1 if self.towards_subject == "+" else -1


def drivers() -> dict[str, str]:
    """Every known driver and where it comes from; ours win over a third party's of the same name."""
    found = {point.name: point.value for point in importlib.metadata.entry_points(group=_GROUP)}
    return {**found, **_OWN}


def open_axis(settings: RailSettings, clock: Clock) -> FocusAxis:
    """Connect to the axis that the settings describe.

    Raises
    ------
    UserError
        When no driver has that name.
    HardwareError
        When the device is absent or not what was expected.
    """
    known = drivers()
    if settings.driver not in known:
        raise UserError(
            f"no rail driver is called {settings.driver!r}; there are: {', '.join(sorted(known))}"
        )
    module, _, name = known[settings.driver].partition(":")
    factory = cast(AxisFactory, getattr(importlib.import_module(module), name))
    return factory(settings, clock)
