"""One set-up at other apertures, magnifications or overlaps: the rows of a comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from rig.config.equipment import lens_row
from rig.dof.report import DofReport, describe
from rig.dof.resolve import SetUp
from rig.errors import UserError
from rig.optics.seams import seam_contrast_loss
from rig.optics.steps import step_for_overlap
from rig.optics.stops import true_stop

__all__ = [
    "Comparison",
    "OverlapRow",
    "apertures",
    "at_apertures",
    "check_comparison",
    "magnifications",
    "overlaps",
]

Comparison = Literal["apertures", "magnifications", "overlaps"]
_COMPARISONS: tuple[Comparison, ...] = ("apertures", "magnifications", "overlaps")

_STOPS = (1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0, 22.0, 32.0)
_MAGNIFICATIONS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0)
_OVERLAPS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True)
class OverlapRow:
    """A step of another overlap; ``seam_loss`` is the worst share of contrast lost between two frames."""

    overlap: float
    step_mm: float
    frames_per_mm: float
    seam_loss: float | None


def check_comparison(name: str) -> Comparison:
    """Return the comparison of that name.

    Raises
    ------
    UserError
        When there is none.
    """
    for known in _COMPARISONS:
        if known == name:
            return known
    raise UserError(f'--table: "{name}" is no comparison; write {", ".join(_COMPARISONS)}')


def apertures(setup: SetUp) -> tuple[DofReport, ...]:
    """Return the set-up at the full stops that the lens has, and at its own aperture.

    Raises
    ------
    UserError
        When there is no aperture to vary, or no magnification.
    """
    if setup.magnification is None:
        raise UserError("a comparison needs the magnification: give --magnification or --frame-width")
    if setup.known.numerical_aperture is not None:
        raise UserError("an objective has one aperture, its NA: there is nothing to compare")
    own = setup.f_number or setup.known.given
    if own is None:
        raise UserError("a comparison of apertures needs one to start from: give --aperture")
    row = lens_row(setup.lens, setup.tables)
    marked = [n for n in _STOPS if row is None or row.aperture_trouble(n) is None]
    stops = {float(true_stop(n)) for n in marked}
    stops = {n for n in stops if abs(n / own - 1) > 0.005} | {own}
    return at_apertures(setup, np.array(sorted(stops)))


def at_apertures(setup: SetUp, f_numbers: npt.NDArray[np.float64]) -> tuple[DofReport, ...]:
    """Return a set-up whose magnification and aperture are known at true stops.

    Where only an effective f-number was given, the stops are effective ones. Apertures that no lens can have
    at this magnification are left out.
    """
    rows = []
    for n in f_numbers:
        try:
            rows.append(describe(setup.at_f_number(float(n))))
        except UserError:
            continue
    return tuple(rows)


def magnifications(setup: SetUp) -> tuple[DofReport, ...]:
    """Return the lens at other magnifications with the same aperture.

    Raises
    ------
    UserError
        When what is known of the aperture holds for one magnification only.
    """
    if setup.known.given is not None:
        raise UserError(
            "an effective f-number holds for one magnification: leave --effective-aperture out to compare "
            "others"
        )
    if setup.f_number is None and setup.known.numerical_aperture is None:
        raise UserError("a comparison of magnifications needs an aperture: give --aperture or --na")
    own, row = setup.magnification, lens_row(setup.lens, setup.tables)
    highest = max((*row.magnifications, 0.0)) if row else 0.0
    lowest = row.smallest_magnification or 0.0 if row else 0.0
    reached = [m for m in _MAGNIFICATIONS if lowest <= m <= (highest or math.inf) * 1.02]
    wanted = {m for m in reached if own is None or abs(m / own - 1) > 0.02}
    if own is not None:
        wanted.add(own)
    rows = []
    for m in sorted(wanted):
        try:
            rows.append(describe(setup if m == own else setup.at_magnification(m)))
        except UserError:
            continue  # this cone of light would be wider than a half space
    return tuple(rows)


def overlaps(setup: SetUp) -> tuple[OverlapRow, ...]:
    """Return the steps that other overlaps make, and what is lost between two frames.

    Raises
    ------
    UserError
        When the depth of field is not known.
    """
    report = describe(setup)
    if report.dof_mm is None or report.magnification is None or report.numerical_aperture is None:
        raise UserError(
            "a comparison of overlaps needs the depth of field: give magnification, aperture and the size "
            "of a pixel (or --coc)"
        )
    wanted = sorted({x for x in _OVERLAPS if abs(x - setup.overlap) > 0.005} | {setup.overlap})
    rows = []
    for overlap in wanted:
        step = float(step_for_overlap(report.dof_mm, overlap))
        loss = None
        if report.judged_pixel_mm is not None:
            loss = float(
                seam_contrast_loss(
                    step,
                    report.numerical_aperture,
                    report.magnification,
                    report.judged_pixel_mm,
                    setup.refractive_index,
                    setup.wavelength_mm,
                )
            )
        rows.append(OverlapRow(overlap, step, 1 / step, loss))
    return tuple(rows)
