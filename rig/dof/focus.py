"""At which magnification, focal length and distance a set-up is focused, as far as that is known."""

from __future__ import annotations

from dataclasses import dataclass

from rig.config.equipment import lens_magnification, lens_row, pupil_distance
from rig.config.models import LensConfig
from rig.dof.request import DofRequest
from rig.dof.sensors import Sensor
from rig.errors import UserError
from rig.formatting import format_length
from rig.optics.limits import entrance_pupil_distance
from rig.optics.magnification import magnification_from_focus, magnification_from_frame
from rig.optics.tables import LensRow, Tables
from rig.planning.possible import check_magnification

__all__ = ["Focus", "focus_of"]

_SAME = 0.02
"""Relative: magnification, focal length and focus distance agree that far, or one of them is wrong."""

_CLOSE = 0.1
"""Magnification from which a focus distance no longer gives it: lenses change their focal length there."""


@dataclass(frozen=True)
class Focus:
    """One focus, lengths in mm; None is what is not known.

    The focus distance counts from the front principal plane.
    """

    magnification: float | None = None
    focal_length_mm: float | None = None
    focus_distance_mm: float | None = None
    pupil_ratio: float | None = None
    pupil_distance_mm: float | None = None
    warnings: tuple[str, ...] = ()


def focus_of(
    request: DofRequest,
    lens: LensConfig,
    sensor: Sensor,
    tables: Tables,
    configured_magnification: float | None,
) -> tuple[LensConfig, Focus]:
    """Return the lens, and where it is focused.

    A focal length with a focus distance makes an unknown lens a thin one, which moves as a whole. At the
    configured magnification the configured ``pupil_distance`` holds.

    Raises
    ------
    UserError
        When magnification, focal length and focus distance contradict each other, or the magnification cannot
        follow from what was given.
    """
    row = lens_row(lens, tables)
    internal = row if row is not None and row.internal_focus else None
    warnings: list[str] = []
    stated = _stated_magnification(request, sensor)
    m = stated
    if request.focus_distance_mm is not None:
        m = _by_distance(request, lens, stated, internal, warnings)
        if internal is None and not lens.effective_f_numbers:
            lens = lens.model_copy(update={"unit_focus": True})
    if m is None:
        m = lens_magnification(lens, sensor.width_mm)
    if m is None:
        return lens, Focus(warnings=tuple(warnings))
    check_magnification(m)
    focal_length, ratio = lens.focal_length_mm, lens.pupil_ratio
    if internal is not None:
        at = internal.pupil_at(m)
        focal_length, ratio = (at.focal_length_mm, at.pupil_ratio) if at else (None, None)
        if request.pupil_ratio is not None:
            warnings.append(_not_its_f_number(internal))
    # Where the pupils are is known of a thin lens, and hardly matters far away.
    placed = lens.unit_focus or ratio is not None or m <= _CLOSE
    if request.focal_length_mm is not None and focal_length is not None and placed:
        v: float | None = float(entrance_pupil_distance(focal_length, m, ratio or 1.0))
    else:
        v = pupil_distance(lens, tables, m, configured_focus=m == configured_magnification)
    s = None if focal_length is None else focal_length * (1 + 1 / m)
    return lens, Focus(m, focal_length, s, ratio, v, tuple(warnings))


def _not_its_f_number(row: LensRow) -> str:
    return (
        f"the {row.name} focuses internally: a pupil ratio at close focus together with the marked "
        "f-number gives an effective one that is too large by up to 2.5 times; measure the light lost, and "
        "give --effective-aperture"
    )


def _by_distance(
    request: DofRequest,
    lens: LensConfig,
    stated: float | None,
    internal: LensRow | None,
    warnings: list[str],
) -> float:
    """The magnification of a focus distance, where it can be trusted; else the stated one."""
    f, s = lens.focal_length_mm, request.focus_distance_mm
    assert s is not None
    if f is None:
        raise UserError(
            "--focus-distance gives a magnification only with the focal length: give --focal-length"
        )
    if s <= f:
        raise UserError(
            f"--focus-distance: {format_length(s)} is not above the focal length of {format_length(f)}; it "
            "is counted from the lens to the subject"
        )
    m = float(magnification_from_focus(f, s))
    if stated is not None:
        if abs(stated / m - 1) > _SAME:
            raise UserError(
                f"a magnification of {stated:.3g} contradicts --focal-length and --focus-distance, which "
                f"give {m:.3g}: give two of the three (the focal length of a macro lens at close focus is "
                "not the engraved one)"
            )
        return stated
    if m > _CLOSE and internal is not None:
        raise UserError(
            f"the {internal.name} changes its focal length with focus, so a focus distance does not give its "
            "magnification: measure it, and give --magnification or --frame-width"
        )
    if m > _CLOSE and not lens.unit_focus:
        warnings.append(
            f"the magnification {m:.3g} follows from focal length and focus distance, which is wrong for "
            "lenses that focus internally: measure the width of what fills the frame, and give "
            "--frame-width"
        )
    return m


def _stated_magnification(request: DofRequest, sensor: Sensor) -> float | None:
    if request.frame_width_mm is None:
        return request.magnification
    if sensor.width_mm is None:
        raise UserError(
            "--frame-width gives a magnification only with the sensor's width: give --sensor, or "
            "--magnification"
        )
    return float(magnification_from_frame(sensor.width_mm, request.frame_width_mm))
