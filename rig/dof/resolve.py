"""From what was asked, the configuration and the tables to one set-up: what is known, nothing invented."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from rig.config import RigConfig
from rig.config.equipment import (
    check_aperture,
    configured_magnification,
    equipped_camera,
    equipped_lens,
    known_aperture,
    lens_row,
    pupil_distance,
)
from rig.config.models import CameraConfig, LensConfig
from rig.dof.focus import focus_of
from rig.dof.request import DofRequest
from rig.dof.sensors import Sensor, sensor_of
from rig.errors import UserError
from rig.optics.aperture import ApertureKnowledge
from rig.optics.depth_of_field import WAVELENGTH_MM
from rig.optics.magnification import pixel_pitch
from rig.optics.stops import true_stop
from rig.optics.tables import Tables
from rig.planning.spacing import overlap_or_default
from rig.units import DEFAULT_COC

__all__ = ["SetUp", "resolve"]


@dataclass(frozen=True)
class SetUp:
    """A set-up as far as it is known; None is what is not. Lengths in mm.

    ``f_number`` is the true stop (or the number as written), ``pixel_mm`` the pixel that is judged by: of the
    delivered picture, or the sensor's. ``focal_length_mm`` holds at this focus, ``far_focal_length_mm`` at
    infinity.
    """

    magnification: float | None
    f_number: float | None
    marked_f_number: float | None
    known: ApertureKnowledge
    coc_mm: float | None
    coc_missing: str
    sensor: Sensor
    pixel_mm: float | None
    wavelength_mm: float
    refractive_index: float
    overlap: float
    focal_length_mm: float | None
    far_focal_length_mm: float | None
    focus_distance_mm: float | None
    pupil_ratio: float | None
    pupil_distance_mm: float | None
    lens: LensConfig = field(repr=False)
    tables: Tables = field(repr=False)
    configuration: str | None = None
    simulated: bool = False
    calibration: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def at_f_number(self, f_number: float) -> SetUp:
        """Return the set-up at another true stop; a stated effective f-number goes with it in proportion."""
        known = self.known
        if known.given is not None:
            known = replace(known, given=known.given * f_number / (self.f_number or known.given))
        return replace(self, f_number=f_number, marked_f_number=None, known=known)

    def at_magnification(self, m: float) -> SetUp:
        """Return the set-up at another magnification: what belonged to the old focus is forgotten."""
        distance = pupil_distance(self.lens, self.tables, m, configured_focus=False)
        row = lens_row(self.lens, self.tables)
        at = None if row is None else row.pupil_at(m)
        focal_length = (
            at.focal_length_mm if at else self.lens.focal_length_mm if self.lens.unit_focus else None
        )
        return replace(
            self,
            magnification=m,
            known=replace(self.known, given=None),
            focal_length_mm=focal_length,
            focus_distance_mm=None if focal_length is None else focal_length * (1 + 1 / m),
            pupil_distance_mm=distance,
            pupil_ratio=at.pupil_ratio if at else self.lens.pupil_ratio,
        )


def resolve(
    request: DofRequest,
    config: RigConfig | None = None,
    calibration: tuple[str, ...] = (),
    configuration: str | None = None,
) -> SetUp:
    """Put a set-up together.

    Parameters
    ----------
    request : DofRequest
        What the operator says; it comes first.
    config : RigConfig, optional
        Lens, camera, aperture, overlap and circle of confusion of a rig, where the request says nothing.
    calibration : tuple of str
        What was measured on it, a line each, to be kept in the set-up.
    configuration : str, optional
        What to call it.

    Raises
    ------
    UserError
        When what was said contradicts itself or the lens, or cannot be used without something else.
    """
    tables = config.tables if config else Tables()
    lens, camera = _lens(request, config, tables), _camera(request, config)
    camera = equipped_camera(camera, lens, tables)
    sensor = sensor_of(request, camera, tables)
    configured = None if config is None else configured_magnification(config)
    lens, focus = focus_of(request, lens, sensor, tables, configured)
    marked = _marked(request, config, lens)
    check_aperture(
        lens, camera, tables, marked, "--aperture" if request.marked_f_number else "capture.aperture"
    )
    known = known_aperture(
        lens,
        camera,
        tables,
        given=request.effective_f_number,
        configured_magnification=configured,
    )
    if request.pupil_ratio is not None:
        known = replace(known, table_source=known.table_source or "P as given")
    pixel = _pixel(request, config, sensor)
    coc_mm, coc_missing = _coc(request, config, pixel)
    f_number = None if marked is None else marked if request.as_written else float(true_stop(marked))
    if f_number is not None and request.effective_f_number is not None:
        _check_effective(request.effective_f_number, f_number)
    overlap = request.overlap
    if overlap is None and config is not None:
        overlap = config.capture.overlap
    return SetUp(
        magnification=focus.magnification,
        f_number=f_number,
        marked_f_number=marked,
        known=known,
        coc_mm=coc_mm,
        coc_missing=coc_missing,
        sensor=sensor,
        pixel_mm=pixel,
        wavelength_mm=request.wavelength_mm or WAVELENGTH_MM,
        refractive_index=lens.refractive_index,
        overlap=overlap_or_default(overlap, focus.magnification),
        focal_length_mm=focus.focal_length_mm,
        far_focal_length_mm=lens.focal_length_mm,
        focus_distance_mm=focus.focus_distance_mm,
        pupil_ratio=focus.pupil_ratio,
        pupil_distance_mm=focus.pupil_distance_mm,
        lens=lens,
        tables=tables,
        configuration=configuration,
        simulated=config is not None and config.simulated,
        calibration=calibration,
        warnings=focus.warnings,
    )


def _lens(request: DofRequest, config: RigConfig | None, tables: Tables) -> LensConfig:
    """The configured lens, or the one that was named, with what was said of it."""
    lens = config.lens if config else LensConfig()
    if request.lens is not None and request.lens != lens.name:
        lens = LensConfig(name=request.lens)
    elif _is_another_objective(request.objective_magnification, lens, tables):
        # Name, NA, pupils and what was measured belong to the configured lens; the tube and the medium stay.
        kept = ("tube_length_mm", "reference_tube_length_mm", "refractive_index")
        lens = LensConfig().model_copy(update={name: getattr(lens, name) for name in kept})
    said: dict[str, Any] = {
        "numerical_aperture": request.numerical_aperture,
        "refractive_index": request.refractive_index,
        "objective_magnification": request.objective_magnification,
        "tube_length_mm": request.tube_length_mm,
        "reference_tube_length_mm": request.reference_tube_length_mm,
        "focal_length_mm": request.focal_length_mm,
        "pupil_ratio": request.pupil_ratio,
        "unit_focus": True if request.pupil_ratio is not None else None,
    }
    update = {name: value for name, value in said.items() if value is not None}
    if request.objective_magnification is not None:
        update |= {"magnification": None, "frame_width_mm": None}
    lens = equipped_lens(lens.model_copy(update=update), tables)
    if request.marked_f_number is not None and lens.numerical_aperture is not None:
        raise UserError(
            f"--aperture does not go with {lens.name or 'an objective'}, whose aperture is its NA "
            f"{lens.numerical_aperture:g}: leave it out"
        )
    na, index = lens.numerical_aperture, lens.refractive_index
    if na is not None and na >= index:
        raise UserError(
            f"--na: {na:g} is not below the refractive index {index:g} around the subject; give --index "
            "(air is 1, water 1.33, oil 1.515), or correct the numerical aperture"
        )
    if request.tube_length_mm is not None and lens.objective_magnification is None:
        raise UserError(
            "--tube-lens changes the magnification of an infinity objective, which is not known: give "
            "--objective-magnification, or an objective of the tables with --lens"
        )
    return lens


def _is_another_objective(engraved: float | None, lens: LensConfig, tables: Tables) -> bool:
    """Whether the objective that was asked for is not the one that is configured or named."""
    own = equipped_lens(lens, tables).objective_magnification
    return engraved is not None and engraved != own and lens != LensConfig()


def _camera(request: DofRequest, config: RigConfig | None) -> CameraConfig:
    if request.sensor is not None:
        return CameraConfig(model=request.sensor)
    return config.camera if config else CameraConfig()


def _marked(request: DofRequest, config: RigConfig | None, lens: LensConfig) -> float | None:
    """The marked f-number: asked for, or configured for a lens that has one."""
    if request.marked_f_number is not None:
        return request.marked_f_number
    if request.effective_f_number is not None or lens.numerical_aperture is not None or config is None:
        return None
    return config.capture.aperture


def _check_effective(effective: float, f_number: float) -> None:
    # Close up every lens loses light; 2 % for marks that are rounded.
    if effective < f_number * 0.98:
        raise UserError(
            f"--effective-aperture: f/{effective:g} is wider than the aperture of f/{f_number:.3g}; close "
            "up the effective f-number is the larger one: correct one of them, or leave --aperture out"
        )


def _pixel(request: DofRequest, config: RigConfig | None, sensor: Sensor) -> float | None:
    across = request.deliver_px
    if across is None and config is not None and request.pixel_pitch_mm is None:
        across = config.capture.deliver_px
    if across is None:
        return sensor.pixel_pitch_mm
    if sensor.width_mm is None:
        raise UserError(
            f"a delivered width of {across} px says what a pixel is only with the sensor's width: give "
            "--sensor"
        )
    delivered = float(pixel_pitch(sensor.width_mm, across))
    # A picture cannot show more than was recorded.
    return delivered if sensor.pixel_pitch_mm is None else max(delivered, sensor.pixel_pitch_mm)


def _coc(request: DofRequest, config: RigConfig | None, pixel_mm: float | None) -> tuple[float | None, str]:
    """The circle of confusion, or None and why there is none; asked for in pixels it needs their size."""
    coc = request.coc or (config.capture.coc if config and request.deliver_px is None else DEFAULT_COC)
    if coc.unit == "mm":
        return coc.value, ""
    if pixel_mm is not None:
        return coc.value * pixel_mm, ""
    missing = (
        f"a circle of confusion of {coc.value:g} px needs the size of a pixel: give --pixel-pitch, "
        "--sensor with a camera's name, --sensor with --pixels, or a length such as --coc 30um"
    )
    if request.coc is not None:
        raise UserError(missing)
    return None, missing
