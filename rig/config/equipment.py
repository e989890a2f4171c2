"""What the names in a configuration bring along: rows of the tables of lenses, objectives and sensors.

Whatever the configuration itself says comes first; a name only fills what was left out.
"""

from __future__ import annotations

from typing import Any

from rig.config import RigConfig
from rig.config.models import CameraConfig, LensConfig
from rig.errors import UserError
from rig.optics.aperture import ApertureKnowledge, MeasuredAperture, TableRow
from rig.optics.limits import entrance_pupil_distance
from rig.optics.magnification import magnification_from_frame, objective_magnification
from rig.optics.stops import true_stop
from rig.optics.tables import (
    LensRow,
    ObjectiveRow,
    Tables,
    find_lens,
    find_objective,
    find_sensor,
    suggestions,
)

__all__ = [
    "check_aperture",
    "configured_magnification",
    "equipped",
    "equipped_camera",
    "equipped_lens",
    "known_aperture",
    "lens_magnification",
    "lens_row",
    "pupil_distance",
]


def lens_row(lens: LensConfig, tables: Tables) -> LensRow | None:
    """Return the row of the named lens, or None."""
    return None if lens.name is None else find_lens(lens.name, tables)


def _objective_row(lens: LensConfig, tables: Tables) -> ObjectiveRow | None:
    return None if lens.name is None else find_objective(lens.name, tables)


def equipped(config: RigConfig) -> RigConfig:
    """Return the configuration with what the names of body and lens say where it says nothing itself."""
    return config.model_copy(
        update={
            "camera": equipped_camera(config.camera, config.lens, config.tables),
            "lens": equipped_lens(config.lens, config.tables),
        }
    )


def equipped_camera(camera: CameraConfig, lens: LensConfig, tables: Tables) -> CameraConfig:
    """Return the camera with the size and pixels of its model's sensor, as far as it has none of its own.

    A body that shows effective f-numbers does so for its maker's own lenses only.
    """
    row = None if camera.model is None else find_sensor(camera.model, tables)
    if row is None:
        return camera
    update: dict[str, Any] = {}
    if camera.sensor_width_mm is None and camera.pixels is None:
        update = {"sensor_width_mm": row.width_mm, "pixels": row.pixels}
    if row.reports_effective_f_number and "reports_effective_f_number" not in camera.model_fields_set:
        maker, name = row.name.split()[0].lower(), (lens.name or "").lower()
        update["reports_effective_f_number"] = name.startswith(maker) or "nikkor" in name
    return camera.model_copy(update=update)


def equipped_lens(lens: LensConfig, tables: Tables) -> LensConfig:
    """Return the lens with what the row of that name says of it, as far as it says nothing itself.

    Of a lens that is how it focuses, its focal length and its pupil ratio; of an objective its engravings.
    """
    named = lens_row(lens, tables)
    if named is not None:
        update = {
            "unit_focus": lens.unit_focus or named.unit_focus,
            "focal_length_mm": lens.focal_length_mm or named.focal_length_mm,
            "pupil_ratio": lens.pupil_ratio or named.pupil_ratio,
        }
        lens = lens.model_copy(update=update)
    row = _objective_row(lens, tables)
    return lens if row is None else _with_engravings(lens, row)


def _with_engravings(lens: LensConfig, row: ObjectiveRow) -> LensConfig:
    update: dict[str, Any] = {}
    if lens.numerical_aperture is None:
        update["numerical_aperture"] = row.numerical_aperture
    if "refractive_index" not in lens.model_fields_set:
        update["refractive_index"] = row.refractive_index
    if lens.working_distance_mm is None:
        update["working_distance_mm"] = row.working_distance_mm
    if lens.magnification is None and lens.frame_width_mm is None and lens.objective_magnification is None:
        if row.reference_tube_length_mm is None:
            update["magnification"] = row.magnification
        else:
            update["objective_magnification"] = row.magnification
    if row.reference_tube_length_mm and "reference_tube_length_mm" not in lens.model_fields_set:
        update["reference_tube_length_mm"] = row.reference_tube_length_mm
    return lens.model_copy(update=update)


def lens_magnification(lens: LensConfig, sensor_width_mm: float | None) -> float | None:
    """Return the magnification of the lens: stated, by what fills the frame, or the objective's on its tube.

    Parameters
    ----------
    lens : LensConfig
        As `equipped_lens` returns it.
    sensor_width_mm : float or None
        Without it a frame width tells nothing.
    """
    if lens.magnification is not None:
        return lens.magnification
    if lens.frame_width_mm is not None and sensor_width_mm is not None:
        return float(magnification_from_frame(sensor_width_mm, lens.frame_width_mm))
    if lens.objective_magnification is None:
        return None
    tube = lens.tube_length_mm or lens.reference_tube_length_mm
    return float(objective_magnification(lens.objective_magnification, tube, lens.reference_tube_length_mm))


def configured_magnification(config: RigConfig) -> float | None:
    """Return the magnification that a configuration states, or its lens brings along; None for neither."""
    rig = equipped(config)
    return lens_magnification(rig.lens, rig.camera.sensor_width_mm)


def known_aperture(
    lens: LensConfig,
    camera: CameraConfig,
    tables: Tables,
    *,
    given: float | None = None,
    configured_magnification: float | None = None,
) -> ApertureKnowledge:
    """Return what configuration, tables and operator know of the lens's aperture.

    Parameters
    ----------
    lens, camera : LensConfig, CameraConfig
        As `equipped_lens` and `equipped_camera` return them.
    tables : Tables
        The user's own rows.
    given : float, optional
        Effective f-number that the operator states; it outranks the engraving that the file repeats.
    configured_magnification : float, optional
        At which a measured effective f-number holds that names none.

    Raises
    ------
    UserError
        When a measured effective f-number has no magnification.
    """
    row, objective = lens_row(lens, tables), _objective_row(lens, tables)
    own_rows = tuple(TableRow(r.at, r.magnification or 0.0, r.value) for r in lens.effective_f_numbers)
    detail = ""
    if objective is not None and lens.numerical_aperture == objective.numerical_aperture:
        detail = f"{objective.name}: {objective.source}"
    elif own_rows:
        detail = "the configuration's"
    elif row is not None and row.source and lens.unit_focus == row.unit_focus:
        detail = f"{row.name}: {row.source}"
    return ApertureKnowledge(
        numerical_aperture=None if given is not None else lens.numerical_aperture,
        given=given,
        body_reports_effective=camera.reports_effective_f_number,
        measured=_measured(lens, configured_magnification),
        table=own_rows or (row.aperture_rows if row else ()),
        unit_focus=lens.unit_focus,
        pupil_ratio=lens.pupil_ratio,
        table_source=detail,
        not_found="" if row or objective or not lens.name else _not_found(lens.name, tables),
    )


def _measured(lens: LensConfig, configured_magnification: float | None) -> MeasuredAperture | None:
    row = lens.effective_f_number
    if row is None:
        return None
    at = row.magnification or configured_magnification
    if at is None:
        raise UserError(
            "lens.effective_f_number: the magnification at which it was measured is missing; write "
            '{ value = 11.1, at = "f/5.6", magnification = 1 }'
        )
    return MeasuredAperture(row.value, float(true_stop(row.at)), at)


def _not_found(name: str, tables: Tables) -> str:
    near = suggestions("lens", name, tables)
    meant = f' (did you mean "{near[0]}"?)' if near else ""
    return f'the lens "{name}" is in no table{meant}: nothing is known of its effective f-number'


def check_aperture(
    lens: LensConfig, camera: CameraConfig, tables: Tables, marked: float | None, what: str
) -> None:
    """Check that the aperture is one that the named lens has; a lens in no table has every aperture.

    Parameters
    ----------
    lens, camera, tables
        As in `known_aperture`.
    marked : float or None
        The f-number as marked.
    what : str
        Option or key, for the message.

    Raises
    ------
    UserError
        When it is wider than the widest or narrower than the narrowest.
    """
    row = lens_row(lens, tables)
    if row is None or marked is None:
        return
    if camera.reports_effective_f_number:
        row = row.model_copy(update={"narrowest": None})  # effective f-numbers go on beyond the ring's
    trouble = row.aperture_trouble(marked)
    if trouble is not None:
        raise UserError(f"{what}: {trouble}")


def pupil_distance(lens: LensConfig, tables: Tables, m: float, *, configured_focus: bool) -> float | None:
    """Return v at a magnification: the configuration's, the table's, or f(1/m + 1/P) of a unit-focusing lens.

    Parameters
    ----------
    lens, tables
        As in `known_aperture`.
    m : float
        Magnification.
    configured_focus : bool
        Whether that is the configuration's own magnification, where its ``pupil_distance`` holds.
    """
    if configured_focus and lens.pupil_distance_mm is not None:
        return lens.pupil_distance_mm
    row = lens_row(lens, tables)
    at = None if row is None else row.pupil_at(m)
    if at is not None:
        return at.pupil_distance_mm
    if not lens.unit_focus or lens.focal_length_mm is None:
        return None
    return float(entrance_pupil_distance(lens.focal_length_mm, m, lens.pupil_ratio or 1.0))
