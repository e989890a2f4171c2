"""Rows of the tables of sensors, lenses and objectives, as they stand in TOML."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rig.fields import Count, FNumber, Magnification, PositiveLength, PupilDistance
from rig.optics.aperture import TableRow
from rig.optics.stops import true_stop

__all__ = [
    "EffectiveFNumberRow",
    "ExposureFactorRow",
    "LensRow",
    "ObjectiveRow",
    "PupilRow",
    "Row",
    "SensorRow",
    "Tables",
]

_SAME_MAGNIFICATION = 0.02
"""Relative: a pupil's place holds that far from its magnification (v goes with about 1/m: as much there)."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Row(_Table):
    """What every row has: a name, other names that mean the same, and where its numbers come from."""

    name: str = Field(min_length=1)
    aliases: tuple[str, ...] = ()
    source: str = ""


class SensorRow(Row):
    """``[[sensor]]``: size and pixels of the recorded picture.

    ``reports_effective_f_number`` says that the body shows the effective f-number with its maker's lenses.
    """

    width_mm: PositiveLength = Field(alias="width")
    height_mm: PositiveLength | None = Field(default=None, alias="height")
    pixels: tuple[Count, Count] | None = None
    reports_effective_f_number: bool = False

    @property
    def pixel_pitch_mm(self) -> float | None:
        """Width over pixel count; None for a bare size."""
        return None if self.pixels is None else self.width_mm / self.pixels[0]


class EffectiveFNumberRow(_Table):
    """With the ring at `at`, the effective f-number is `value` at that magnification."""

    magnification: Magnification
    at: FNumber
    value: float = Field(gt=0)


class ExposureFactorRow(_Table):
    """At that magnification the exposure is `factor` times that at infinity."""

    magnification: Magnification
    factor: float = Field(ge=1)


class PupilRow(_Table):
    """Focal length, pupil ratio P and v at one magnification."""

    magnification: Magnification
    focal_length_mm: PositiveLength | None = Field(default=None, alias="focal_length")
    pupil_ratio: float | None = Field(default=None, gt=0)
    pupil_distance_mm: PupilDistance = Field(alias="pupil_distance")


class LensRow(Row):
    """``[[lens]]``: what is known of a lens's aperture and pupils.

    An effective f-number comes from ``effective_f_numbers``, ``exposure_factors`` or ``unit_focus``; never
    from ``pupils``, whose P belongs to an f-number that no ring shows. ``smallest_magnification`` is for a
    lens that does not reach infinity.
    """

    widest: FNumber | None = None
    narrowest: FNumber | None = None
    effective_f_numbers: tuple[EffectiveFNumberRow, ...] = ()
    exposure_factors: tuple[ExposureFactorRow, ...] = ()
    unit_focus: bool = False
    pupil_ratio: float | None = Field(default=None, gt=0)
    focal_length_mm: PositiveLength | None = Field(default=None, alias="focal_length")
    pupils: tuple[PupilRow, ...] = ()
    pupil_source: str = ""
    smallest_magnification: Magnification | None = None

    @model_validator(mode="after")
    def _consistent(self) -> LensRow:
        if self.widest is not None and self.narrowest is not None and self.widest > self.narrowest:
            raise ValueError(f"widest f/{self.widest:g} is narrower than narrowest f/{self.narrowest:g}")
        if not self.source and (self.effective_f_numbers or self.exposure_factors or self.unit_focus):
            raise ValueError("source is missing: say where the effective f-numbers come from")
        return self

    @property
    def aperture_rows(self) -> tuple[TableRow, ...]:
        """The makers' rows in one form: an exposure factor is the square of the growth of the f-number."""
        given = tuple(TableRow(r.at, r.magnification, r.value) for r in self.effective_f_numbers)
        return given + tuple(TableRow(1.0, r.magnification, r.factor**0.5) for r in self.exposure_factors)

    @property
    def magnifications(self) -> tuple[float, ...]:
        """Those that the row knows something of."""
        return (*(r.magnification for r in self.aperture_rows), *(r.magnification for r in self.pupils))

    @property
    def internal_focus(self) -> bool:
        """Whether the focal length changes with focus: known of every lens that does not move as a whole."""
        return not self.unit_focus and bool(self.pupils or self.aperture_rows)

    def pupil_at(self, magnification: float) -> PupilRow | None:
        """Return the pupil's row of that magnification, to 2 %, or None: v is not interpolated."""
        near = [r for r in self.pupils if abs(magnification / r.magnification - 1) <= _SAME_MAGNIFICATION]
        return min(near, key=lambda r: abs(r.magnification - magnification), default=None)

    def aperture_trouble(self, marked: float) -> str | None:
        """Return what is wrong with a marked f-number on this lens, or None."""
        stop = float(true_stop(marked))
        # Half a per cent: f/2.8 may be typed as 2.83.
        wide = self.widest is not None and stop < float(true_stop(self.widest)) * 0.995
        narrow = self.narrowest is not None and stop > float(true_stop(self.narrowest)) * 1.005
        if not (wide or narrow):
            return None
        low = f"f/{self.widest:g}" if self.widest else "its widest"
        high = f"f/{self.narrowest:g}" if self.narrowest else "its narrowest"
        return f"f/{marked:g} is not on the {self.name}, which goes from {low} to {high}"


class ObjectiveRow(Row):
    """``[[objective]]``: an engraved magnification and numerical aperture.

    ``reference_tube_length`` belongs to an infinity objective, ``finite_tube_length`` to one that makes its
    image without a tube lens and is used as it stands.
    """

    magnification: Magnification
    numerical_aperture: float = Field(gt=0, lt=2)
    refractive_index: float = Field(default=1.0, ge=1, lt=2)
    working_distance_mm: PositiveLength | None = Field(default=None, alias="working_distance")
    reference_tube_length_mm: PositiveLength | None = Field(default=None, alias="reference_tube_length")
    finite_tube_length_mm: PositiveLength | None = Field(default=None, alias="finite_tube_length")

    @model_validator(mode="after")
    def _one_kind(self) -> ObjectiveRow:
        if (self.reference_tube_length_mm is None) == (self.finite_tube_length_mm is None):
            raise ValueError(
                "write reference_tube_length for an infinity objective or finite_tube_length for a finite one"
            )
        if self.numerical_aperture >= self.refractive_index:
            raise ValueError(
                f"numerical_aperture {self.numerical_aperture:g} is not below refractive_index "
                f"{self.refractive_index:g}; air is 1, water 1.33, oil 1.515"
            )
        return self


class Tables(_Table):
    """Rows of all three kinds: a file of the package, or ``[tables]`` of a configuration.

    Empty tables are an addition of nothing, so that a configuration may leave them out.
    """

    sensor: tuple[SensorRow, ...] = ()
    lens: tuple[LensRow, ...] = ()
    objective: tuple[ObjectiveRow, ...] = ()

    def __add__(self, other: Tables) -> Tables:
        """Return the rows of both; where names clash, the first one is found."""
        merged: dict[str, Any] = {
            kind: getattr(self, kind) + getattr(other, kind) for kind in type(self).model_fields
        }
        return Tables(**merged)
