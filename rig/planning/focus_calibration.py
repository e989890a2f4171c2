"""What a unit of a lens's focus drive does: the shift of the image plane, as measured."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from rig.fields import Length, LengthOrZero

__all__ = ["FocusCalibration"]


class FocusCalibration(BaseModel):
    """Drive units → shift of the image plane, on the sensor's side: ``[lens.focus_calibration]``.

    A table of rows, joined by straight lines, or a polynomial over a range. Only differences of the shift
    matter; whether it rises or falls with the units does not.

    Attributes
    ----------
    drive : tuple of int
        Drive units of the rows, rising; or first and last unit for which the polynomial holds.
    defocus_mm : tuple of float, or None
        Shift of the image plane at each row, rising or falling throughout.
    polynomial_mm : tuple of float, or None
        Shift as a₀ + a₁u + a₂u² + …, u in drive units, the a in mm.
    uncertainty_mm : float
        Standard uncertainty of a shift.
    measured : str, optional
        When and how, for people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    drive: tuple[int, ...] = Field(min_length=2)
    defocus_mm: tuple[Length, ...] | None = Field(default=None, alias="defocus")
    polynomial_mm: tuple[Length, ...] | None = Field(default=None, alias="polynomial")
    uncertainty_mm: LengthOrZero = Field(alias="uncertainty")
    measured: str | None = None

    @field_validator("drive")
    @classmethod
    def _rising(cls, drive: tuple[int, ...]) -> tuple[int, ...]:
        if any(b <= a for a, b in itertools.pairwise(drive)):
            raise ValueError(f"{list(drive)} does not rise; write the rows in the order of their drive units")
        return drive

    @model_validator(mode="after")
    def _one_way(self) -> FocusCalibration:
        if (self.defocus_mm is None) == (self.polynomial_mm is None):
            raise ValueError(
                'give either defocus = ["0 mm", "0.4 mm", …], one for each unit in drive, or polynomial = '
                '["0 mm", "2 um", …] with drive = [first, last]'
            )
        if self.defocus_mm is not None:
            if len(self.defocus_mm) != len(self.drive):
                raise ValueError(
                    f"drive has {len(self.drive)} rows and defocus {len(self.defocus_mm)}; write as many"
                )
            steps = np.diff(self.defocus_mm)
        else:
            if len(self.drive) != 2:
                raise ValueError(f"{list(self.drive)} is no range for the polynomial; write [first, last]")
            steps = np.diff(self.defocus_at(np.arange(self.drive[0], self.drive[1] + 1)))
        if not (np.all(steps > 0) or np.all(steps < 0)):
            raise ValueError(
                "the shift of the image plane turns back on its way, so that one focus has several drive "
                "units. Measure again, from one side, or leave out what lies beyond the stop"
            )
        return self

    def defocus_at(self, units: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the shift of the image plane, mm, at drive units inside the calibrated range."""
        at = np.asarray(units, dtype=np.float64)
        if self.polynomial_mm is not None:
            return np.asarray(np.polynomial.polynomial.polyval(at, self.polynomial_mm))
        assert self.defocus_mm is not None
        return np.interp(at, self.drive, self.defocus_mm)

    @property
    def units(self) -> tuple[int, int]:
        """First and last drive unit for which it holds."""
        return self.drive[0], self.drive[-1]
