"""Lenses as their patents print them: surfaces, and the gaps that focusing changes.

A file per lens, `<key>.toml`. The numbers are those of a published patent's example, which a maker builds
more or less as printed: good for focal length, pupils and distances close up, which no data sheet gives, and
no promise about a lens in the hand. Each file names the patent and where its numbers were read: not on the
patent office's scan but in LensVisualizer's transcriptions, of which only the patents' numbers are here.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rig.optics.surfaces import Surface, System

__all__ = ["FocusState", "Prescription", "available", "load"]

_Positive = Annotated[float, Field(gt=0)]


class FocusState(BaseModel):
    """One focus that a patent gives, as printed; what it does not print is None.

    Parameters
    ----------
    magnification : float
        m, 0 at infinity; rounded by the patent.
    gaps : dict of str to float
        mm, of the gaps named in the surfaces.
    f_number : float or None
        Working f-number, wide open.
    focal_length_mm, object_distance_mm : float or None
        Focal length, and the object's distance from the first surface.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    magnification: float = Field(ge=0)
    gaps: dict[str, Annotated[float, Field(ge=0)]]
    f_number: _Positive | None = None
    focal_length_mm: _Positive | None = None
    object_distance_mm: _Positive | None = None


class Prescription(BaseModel):
    """A lens from a patent.

    Parameters
    ----------
    name : str
        The lens on the shelf that has this design, by the number of its elements, focal length and reach.
    patent : str
        Number and example.
    read_in : str
        Where the patent's numbers were read.
    f_number : float
        At infinity, wide open, by design.
    stop : int
        The surface that is the iris, counted from 1 as patents do.
    surfaces : sequence of (radius mm, thickness mm or name of a gap, index behind it)
        From the object to the sensor.
    states : sequence of FocusState
        From infinity to the closest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    patent: str
    read_in: str
    f_number: _Positive
    stop: int
    surfaces: tuple[tuple[float, float | str, float], ...]
    states: tuple[FocusState, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _gaps_are_those_of_the_surfaces(self) -> Prescription:
        named = {thickness for _, thickness, _ in self.surfaces if isinstance(thickness, str)}
        for state in self.states:
            if state.gaps.keys() != named:
                raise ValueError(
                    f"at magnification {state.magnification:g} the gaps {sorted(state.gaps)} are given, "
                    f"the surfaces name {sorted(named)}"
                )
        return self

    def state(self, magnification: float) -> FocusState:
        """Return the focus that the patent prints for a magnification.

        Raises
        ------
        KeyError
            When it prints none for it; naming those it prints.
        """
        for state in self.states:
            if state.magnification == magnification:
                return state
        printed = ", ".join(f"{state.magnification:g}" for state in self.states)
        raise KeyError(f"{self.patent} gives magnifications {printed}, not {magnification:g}")

    def system(self, magnification: float) -> System:
        """Return the lens focused as the patent prints it for a magnification, to be traced.

        Parameters
        ----------
        magnification : float
            One of the printed ones; the traced one differs by what the patent rounds.

        Returns
        -------
        System
            For `rig.optics.trace`.

        Raises
        ------
        KeyError
            When the patent prints no such focus.

        Examples
        --------
        >>> from rig.optics.trace import trace_lens
        >>> seen = trace_lens(load("sigma-105-2.8-dg-dn").system(1.0))
        >>> round(seen.focal_length_mm, 1), round(seen.pupils.ratio, 3), round(seen.pupil_to_object_mm)
        (65.3, 0.278, 300)
        """
        gaps = self.state(magnification).gaps
        return System(
            tuple(
                Surface(radius, gaps[thickness] if isinstance(thickness, str) else thickness, index)
                for radius, thickness, index in self.surfaces
            ),
            stop=self.stop - 1,
        )


def available() -> tuple[str, ...]:
    """Return the names under which lenses can be loaded, in alphabetical order.

    Examples
    --------
    >>> "canon-ef-180-3.5-l" in available()
    True
    """
    files = (file.name for file in resources.files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


def load(key: str) -> Prescription:
    """Return the prescription of a lens.

    Parameters
    ----------
    key : str
        One of `available()`.

    Raises
    ------
    KeyError
        When there is no such lens.

    Examples
    --------
    >>> load("canon-rf-100-2.8-l").patent
    'JP 2021-047297 A, numerical example 1'
    """
    if key not in available():
        raise KeyError(f"no prescription of {key!r}; there are {', '.join(available())}")
    text = (resources.files(__name__) / f"{key}.toml").read_text(encoding="utf-8")
    return Prescription.model_validate(tomllib.loads(text))
