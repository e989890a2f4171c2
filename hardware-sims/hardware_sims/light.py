"""The bench's light: what shutter, aperture, ISO and flash do to the exposure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hardware_sims.colour import DAYLIGHT_K

__all__ = ["Light"]


@dataclass(frozen=True, slots=True)
class Light:
    """Light under which one exposure is right.

    Parameters
    ----------
    shutter_s, f_number, iso : float
        The exposure at which the scene comes out as it was made, without flash.
    flash_exposure : float
        What one flash adds at that aperture and ISO, as a fraction of a right exposure.
    kelvin : float
        Its colour temperature.
    """

    shutter_s: float
    f_number: float
    iso: float
    flash_exposure: float = 1.0
    kelvin: float = DAYLIGHT_K

    def __post_init__(self) -> None:
        for name in ("shutter_s", "f_number", "iso"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"light {name} must be a finite number above 0, not {value}")
        if not self.flash_exposure >= 0:
            raise ValueError(f"light flash_exposure must be 0 or above, not {self.flash_exposure}")

    def ambient(self, shutter_s: float, f_number: float, iso: float) -> float:
        """Exposure by the steady light; 1 is right, 2 one stop over."""
        return shutter_s / self.shutter_s * (self.f_number / f_number) ** 2 * iso / self.iso

    def flash(self, f_number: float, iso: float) -> float:
        """Exposure that one flash adds; the shutter has no part in it."""
        return self.flash_exposure * (self.f_number / f_number) ** 2 * iso / self.iso
