"""Tables of the ``[simulator]`` table that tell what is on and in the simulated body."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from hardware_sims.cameras.equipment import Battery, Card, MountedLens
from hardware_sims.focus_drive import FocusDrive, FocusTravel
from hardware_sims.optics import SimLens

if TYPE_CHECKING:
    import pint

__all__ = ["BatteryOrder", "CardOrder", "FocusOrder", "LengthMm", "OrderModel"]

_NEARLY_INFINITY = 0.9
"""Of the extension to infinity: so far the lens can be focused farther, whatever is asked for."""

# pint's own registry takes half a second to load; what stands on a bench is micrometres to metres long.
_UNITS = (
    "micro- = 1e-6 = µ- = μ- = u-",
    "milli- = 1e-3 = m-",
    "centi- = 1e-2 = c-",
    "metre = [length] = m = meter",
    "inch = 0.0254 * metre = in",
    "micron = 1e-6 * metre",
    "second = [time] = s",
)


@cache
def _registry() -> pint.UnitRegistry[float]:
    import pint

    registry: pint.UnitRegistry[float] = pint.UnitRegistry(None)
    registry.load_definitions(list(_UNITS))
    return registry


def _length_mm(value: object) -> object:
    """A length as text with a unit, in mm; anything else is left to the model to judge."""
    if not isinstance(value, str):
        return value
    import pint

    try:
        return float(_registry()(value).to("mm").magnitude)
    except (pint.PintError, AttributeError) as err:
        raise ValueError(f"{value!r} is not a length with a unit, such as '20 um'") from err


LengthMm = Annotated[float, BeforeValidator(_length_mm)]
"""A length in mm; in a table text with a unit."""


class OrderModel(BaseModel):
    """What every table has in common: no key that is not known, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FocusOrder(OrderModel):
    """The lens's focus motor, ``[simulator.focus]``; see `FocusTravel` and `MountedLens`.

    With this table the scene is sampled as far as the lens sees at the far end; without it the lens can be
    driven too, and the picture's edges are missing there.

    Attributes
    ----------
    unit_mm : float
        Motion of the image plane for one motor unit; text with a unit (``unit = "5 um"``).
    near_mm, far_mm : float
        The ends of travel as extension from where the lens stands, ``near`` above 0, ``far`` below; text with
        a unit. What would focus beyond infinity is cut.
    steps : list of int, optional
        Motor units of the body's steps, small to large; the personality's own when not given.
    switch : {"AF", "MF"}
        The switch on the lens.
    """

    unit_mm: Annotated[LengthMm, Field(gt=0, le=1)] = Field(0.005, alias="unit")
    near_mm: Annotated[LengthMm, Field(ge=0)] = Field(3.0, alias="near")
    far_mm: Annotated[LengthMm, Field(le=0)] = Field(-25.0, alias="far")
    play_units: int = Field(12, ge=0)
    lost_share: float = Field(0.0, ge=0, le=1)
    units_per_s: float = Field(2000.0, gt=0)
    latency_s: float = Field(0.03, ge=0)
    steps: list[Annotated[int, Field(ge=1)]] = []
    switch: Literal["AF", "MF"] = "AF"

    def travel(self, lens: SimLens) -> FocusTravel:
        """The motor of that lens."""
        farthest_mm = -_NEARLY_INFINITY * lens.magnification * lens.focal_length_mm
        return FocusTravel(
            unit_um=self.unit_mm * 1000.0,
            near_mm=self.near_mm,
            far_mm=max(self.far_mm, farthest_mm),
            play_units=self.play_units,
            lost_share=self.lost_share,
            units_per_s=self.units_per_s,
            latency_s=self.latency_s,
        )

    def mounted(self, drive: FocusDrive) -> MountedLens:
        """The lens with that motor on a body."""
        return MountedLens(switch=self.switch, drive=drive, steps=tuple(self.steps))


class BatteryOrder(OrderModel):
    """The body's battery, ``[simulator.battery]``; see `Battery`."""

    percent: float = Field(88.0, gt=0, le=100)
    per_hour: float = Field(0.0, ge=0)
    per_frame: float = Field(0.002, ge=0)

    def made(self) -> Battery:
        """The battery."""
        return Battery(self.percent, self.per_hour, self.per_frame)


class CardOrder(OrderModel):
    """The body's card, ``[simulator.card]``: its size (0: none in the slot) and what is on it, megabytes."""

    capacity_mb: float = Field(64_000.0, ge=0)
    used_mb: float = Field(4_000.0, ge=0)

    def made(self) -> Card:
        """The card."""
        return Card(round(self.capacity_mb * 1e6), round(self.used_mb * 1e6))
