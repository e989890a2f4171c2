"""Everything that optics says about a set-up, as one record."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from rig.config.equipment import lens_row
from rig.dof.resolve import SetUp
from rig.errors import UserError
from rig.formatting import format_length
from rig.optics import depth_of_field as dof
from rig.optics import diffraction, limits, steps
from rig.optics.aperture import EffectiveAperture, choose_effective_aperture
from rig.optics.magnification import frame_width
from rig.optics.setup import diffraction_advice, subject_side_aperture
from rig.optics.stops import stop_mark

__all__ = ["DofReport", "describe"]

_PARAXIAL_FROM = 0.05
"""Magnification from which 2 Ne c/m² holds without near and far limits."""

_BANDS_FROM_PX = 4.0
"""A blur of so many pixels shows when a stack is looked at pixel by pixel."""


class DofReport(BaseModel):
    """A set-up and what follows from it. Lengths in mm; what is not known is None (null), and so is
    a depth, a distance or a step that is infinite.

    Attributes
    ----------
    configuration : str or None
        The rig's file that was asked, as named; ``simulated`` when it describes the simulated bench.
    lens, sensor : str or None
        Names.
    magnification, frame_width_mm : float or None
        Image over object; width of the plane of focus.
    f_number, marked_f_number : float or None
        The true stop, and what the camera calls it.
    effective_f_number, effective_f_number_source : float and str, or None
        Ne and how it is known.
    numerical_aperture : float or None
        On the subject's side.
    coc_mm, pixel_pitch_mm, judged_pixel_mm : float or None
        Circle of confusion, a diameter on the sensor; pitch of the sensor's pixels; the pixel that blur is
        judged by, larger when a smaller picture is delivered.
    wavelength_mm, refractive_index : float
        Of the light in vacuum; around the subject.
    focal_length_mm, focus_distance_mm, pupil_ratio, pupil_distance_mm : float or None
        At this focus: f, distance from the front principal plane ("the lens"), P, and v from the entrance
        pupil: negative when hypercentric, in JSON "Infinity" when telecentric.
    dof_geometric_mm, dof_wave_mm, dof_wave_paraxial_mm, dof_mm : float or None
        Total depth of field: by geometry (near to far limit), by diffraction (exact, and paraxial for
        comparison), and both combined.
    depth_before_mm, depth_behind_mm : float or None
        The geometric depth before and behind the plane of focus.
    near_mm, far_mm : float or None
        Geometric limits as distances from the lens.
    beyond_hyperfocal : bool or None
        Whether the far limit is infinite.
    hyperfocal_mm : float or None
        Focus distance from which on it is.
    airy_diameter_mm, mtf_cutoff_lp_mm, mtf50_sensor_lp_mm, mtf50_subject_lp_mm : float or None
        Diffraction of a perfect lens: disc on the sensor; frequencies where nothing, and where half the
        contrast is left.
    subject_resolution_lp_mm : float or None
        Finest line pairs told apart on the subject, by diffraction and pixels.
    overlap, step_mm, frames_per_mm : float or None
        Share of the depth of field that neighbours share, the step that makes, and frames per mm of travel.
    lens_focus_step_mm, lens_focus_step_dioptres : float or None
        The same step by focusing the lens: on the sensor's side, and in dioptres of the subject.
    best_effective_f_number, limiting_effective_f_number : float or None
        p/λ, where sharpness and number of frames balance; 2 p/λ, where the finest pixels receive nothing.
    best_f_number, limiting_f_number : float or None
        The same as true stops of this lens at this focus; None where it is known not to go there.
    calibration : tuple of str
        What was measured on the configured rig: value, uncertainty, when.
    warnings : tuple of str
        What should be known before trusting it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    configuration: str | None = None
    simulated: bool = False
    lens: str | None = None
    sensor: str | None = None
    magnification: float | None = None
    frame_width_mm: float | None = None
    f_number: float | None = None
    marked_f_number: float | None = None
    effective_f_number: float | None = None
    effective_f_number_source: str | None = None
    numerical_aperture: float | None = None
    coc_mm: float | None = None
    pixel_pitch_mm: float | None = None
    judged_pixel_mm: float | None = None
    wavelength_mm: float
    refractive_index: float
    focal_length_mm: float | None = None
    focus_distance_mm: float | None = None
    pupil_ratio: float | None = None
    pupil_distance_mm: float | None = None
    dof_geometric_mm: float | None = None
    dof_wave_mm: float | None = None
    dof_wave_paraxial_mm: float | None = None
    dof_mm: float | None = None
    depth_before_mm: float | None = None
    depth_behind_mm: float | None = None
    near_mm: float | None = None
    far_mm: float | None = None
    beyond_hyperfocal: bool | None = None
    hyperfocal_mm: float | None = None
    airy_diameter_mm: float | None = None
    mtf_cutoff_lp_mm: float | None = None
    mtf50_sensor_lp_mm: float | None = None
    mtf50_subject_lp_mm: float | None = None
    subject_resolution_lp_mm: float | None = None
    overlap: float
    step_mm: float | None = None
    frames_per_mm: float | None = None
    lens_focus_step_mm: float | None = None
    lens_focus_step_dioptres: float | None = None
    best_effective_f_number: float | None = None
    limiting_effective_f_number: float | None = None
    best_f_number: float | None = None
    limiting_f_number: float | None = None
    calibration: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def describe(setup: SetUp) -> DofReport:
    """Work out what follows from a set-up; what cannot be known stays None.

    Parameters
    ----------
    setup : SetUp
        From `rig.dof.resolve`.

    Raises
    ------
    UserError
        When the optics cannot be: a cone of light wider than a half space.
    """
    m = setup.magnification
    effective = None if m is None else choose_effective_aperture(setup.f_number, m, setup.known)
    ne = None if effective is None else effective.f_number
    na = setup.known.numerical_aperture
    if m is not None and ne is not None:
        try:
            na = subject_side_aperture(m, ne, setup.known, setup.refractive_index)
        except ValueError as err:
            raise UserError(f"{err}: correct aperture or magnification, or give --index") from err
    if m is None and na is None and (setup.far_focal_length_mm is None or setup.f_number is None):
        raise UserError(
            "there is nothing to work out: give --magnification (or --frame-width) and --aperture, or "
            "--na, or --focal-length with --aperture and --focus-distance, or a --config"
        )
    depth = _depth(setup, m, ne, na)
    fields = _fields_of(setup) | _diffraction(setup, m, ne, na) | _stepping(setup, m, ne, depth)
    return DofReport.model_validate(
        fields
        | {
            "effective_f_number": ne,
            "effective_f_number_source": None if effective is None else effective.text,
            "numerical_aperture": na,
            "dof_geometric_mm": _finite(depth.geometric),
            "dof_wave_mm": depth.wave,
            "dof_wave_paraxial_mm": None
            if na is None
            else dof.wave_dof_paraxial(na, setup.refractive_index, setup.wavelength_mm),
            "dof_mm": _finite(depth.combined),
            "depth_before_mm": _finite(depth.before),
            "depth_behind_mm": _finite(depth.behind),
            "near_mm": _from_lens(setup.focus_distance_mm, depth.before, -1),
            "far_mm": _from_lens(setup.focus_distance_mm, depth.behind, 1),
            "beyond_hyperfocal": None if depth.behind is None else math.isinf(depth.behind),
            "warnings": _warnings(setup, effective, ne, fields),
        }
    )


@dataclass(frozen=True)
class _Depth:
    geometric: float | None = None
    wave: float | None = None
    combined: float | None = None
    before: float | None = None
    behind: float | None = None


def _depth(setup: SetUp, m: float | None, ne: float | None, na: float | None) -> _Depth:
    wave = None if na is None else float(dof.wave_dof(na, setup.refractive_index, setup.wavelength_mm))
    if m is None or ne is None or setup.coc_mm is None:
        return _Depth(wave=wave)
    total = float(dof.geometric_dof(ne, setup.coc_mm, m, setup.refractive_index))
    before = behind = None
    if setup.pupil_distance_mm is not None:
        before = float(limits.depth_before(total, setup.pupil_distance_mm))
        behind = float(limits.depth_behind(total, setup.pupil_distance_mm))
        total = before + behind
    assert wave is not None
    return _Depth(total, wave, float(dof.combined_dof(total, wave)), before, behind)


def _finite(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else value


def _from_lens(distance: float | None, depth: float | None, sign: int) -> float | None:
    if distance is None or depth is None or math.isinf(depth):
        return None
    return distance + sign * depth


def _fields_of(setup: SetUp) -> dict[str, object]:
    n, c, f, width = setup.f_number, setup.coc_mm, setup.far_focal_length_mm, setup.sensor.width_mm
    m = setup.magnification
    marked = setup.marked_f_number
    if marked is None and n is not None:
        marked = float(stop_mark(n))
    return {
        "configuration": setup.configuration,
        "simulated": setup.simulated,
        "lens": setup.lens.name,
        "sensor": setup.sensor.name,
        "magnification": m,
        "frame_width_mm": None if width is None or m is None else frame_width(width, m),
        "f_number": n,
        "marked_f_number": marked,
        "coc_mm": c,
        "pixel_pitch_mm": setup.sensor.pixel_pitch_mm,
        "judged_pixel_mm": setup.pixel_mm,
        "wavelength_mm": setup.wavelength_mm,
        "refractive_index": setup.refractive_index,
        "focal_length_mm": setup.focal_length_mm,
        "focus_distance_mm": setup.focus_distance_mm,
        "pupil_ratio": setup.pupil_ratio,
        "pupil_distance_mm": setup.pupil_distance_mm,
        "hyperfocal_mm": None if f is None or n is None or c is None else limits.hyperfocal_distance(f, n, c),
        "overlap": setup.overlap,
        "calibration": setup.calibration,
    }


def _diffraction(
    setup: SetUp, m: float | None, ne: float | None, na: float | None
) -> dict[str, float | None]:
    light, pixel = setup.wavelength_mm, setup.pixel_mm
    fields: dict[str, float | None] = {}
    if pixel is not None:
        best = float(diffraction.best_effective_f_number(pixel, light))
        limiting = diffraction.STRONG_WARNING_FACTOR * best
        growth = ne / setup.f_number if ne is not None and setup.f_number is not None else None
        fields |= {
            "best_effective_f_number": best,
            "limiting_effective_f_number": limiting,
            "best_f_number": None if growth is None else _on_lens(setup, best / growth),
            "limiting_f_number": None if growth is None else _on_lens(setup, limiting / growth),
        }
    if na is not None:
        # 1/(λ Ne) times m is 2 NA/λ: on the subject it takes no magnification.
        fields["mtf50_subject_lp_mm"] = float(diffraction.mtf50_frequency(1 / (2 * na), light))
    if ne is not None and m is not None:
        fields |= {
            "airy_diameter_mm": float(diffraction.airy_diameter(ne, light)),
            "mtf_cutoff_lp_mm": float(diffraction.mtf_cutoff(ne, light)),
            "mtf50_sensor_lp_mm": float(diffraction.mtf50_frequency(ne, light)),
            "subject_resolution_lp_mm": m * float(diffraction.sensor_resolution(ne, pixel, light)),
        }
    return fields


def _on_lens(setup: SetUp, f_number: float) -> float | None:
    """The true stop, unless the lens is known to be less wide, or not to close so far."""
    row = lens_row(setup.lens, setup.tables)
    return f_number if row is None or row.aperture_trouble(f_number) is None else None


def _stepping(setup: SetUp, m: float | None, ne: float | None, depth: _Depth) -> dict[str, float | None]:
    fields: dict[str, float | None] = {}
    if depth.combined is not None and math.isfinite(depth.combined):
        step = float(steps.step_for_overlap(depth.combined, setup.overlap))
        fields |= {"step_mm": step, "frames_per_mm": 1 / step}
    if ne is None or setup.coc_mm is None:
        return fields
    image_step = float(steps.lens_focus_step(ne, setup.coc_mm, setup.overlap, setup.wavelength_mm))
    fields["lens_focus_step_mm"] = image_step
    if setup.focal_length_mm is not None and m is not None:
        dioptres = steps.focus_step_dioptres(image_step, setup.focal_length_mm, m)
        fields["lens_focus_step_dioptres"] = float(dioptres)
    return fields


def _warnings(
    setup: SetUp, effective: EffectiveAperture | None, ne: float | None, fields: dict[str, object]
) -> tuple[str, ...]:
    m, c, pixel = setup.magnification, setup.coc_mm, setup.pixel_mm
    said = [*setup.warnings, *(effective.warnings if effective else ())]
    if ne is not None:
        best, resolution = fields.get("best_effective_f_number"), fields.get("subject_resolution_lp_mm")
        if isinstance(best, float) and isinstance(resolution, float):
            said += diffraction_advice(ne, best, resolution, setup.f_number)
        if c is None:
            said.append(f"no geometric depth of field: {setup.coc_missing}")
    elif m is not None:
        said.append(
            "how wide the lens is open is not known, and so is no depth of field: give --aperture, "
            "--effective-aperture or --na"
        )
    if m is not None and m < _PARAXIAL_FROM and setup.pupil_distance_mm is None and c is not None:
        said.append(
            f"at a magnification of {m:.3g}, 2 Ne c/m² is too small behind the subject: give "
            "--focal-length for the near and far limits"
        )
    if c is not None and pixel is not None and c > _BANDS_FROM_PX * pixel:
        said.append(
            f"a circle of confusion of {format_length(c)} is {c / pixel:.2g} pixels: a stack planned with "
            "it shows bands when it is looked at pixel by pixel"
        )
    return tuple(said)
