"""From a configuration and what was asked for to a plan: the one way that every face of ``rig`` takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rig import units
from rig.calibrate.measured import MeasuredSetUp, measured_setup
from rig.calibrate.records import Calibration, SetUp, read_calibration
from rig.config import LoadedConfig, RigConfig
from rig.errors import UserError
from rig.optics.aperture import ApertureKnowledge, MeasuredAperture, TableRow
from rig.optics.depth_of_field import entrance_pupil_distance
from rig.optics.magnification import frame_width, magnification_from_frame, objective_magnification
from rig.optics.setup import OpticalSetup, describe_setup
from rig.optics.stops import true_stop
from rig.plan import RailGeometry, Spacing, StackPlan, View, plan_stack
from rig.timing import StackTiming
from rig.units import CircleOfConfusion

__all__ = [
    "PlanRequest",
    "aperture_knowledge",
    "build_plan",
    "optical_setup",
    "plan_for",
    "setup_of",
    "with_request",
]

_SAME_COC = 0.01
"""Relative: circles of confusion that near are one."""


@dataclass(frozen=True)
class PlanRequest:
    """What the operator asks for; None takes the configuration's value.

    Parameters
    ----------
    start_mm, end_mm : float
        First and last position.
    step_mm : float, optional
        None for the step that the depth of field allows (``--step auto``).
    frames : int, optional
        Number of frames instead of a step.
    overlap : float, optional
        Share of the depth of field.
    coc : CircleOfConfusion, optional
    magnification, frame_width_mm : float, optional
        At most one of them.
    marked_f_number : float, optional
        As the ring or body says it: 5.6.
    effective_f_number : float, optional
        Known for this set-up.
    shutter_s : float, optional
    iso : int, optional
    """

    start_mm: float
    end_mm: float
    step_mm: float | None = None
    frames: int | None = None
    overlap: float | None = None
    coc: CircleOfConfusion | None = None
    magnification: float | None = None
    frame_width_mm: float | None = None
    marked_f_number: float | None = None
    effective_f_number: float | None = None
    shutter_s: float | None = None
    iso: int | None = None

    @classmethod
    def from_text(
        cls,
        *,
        start: str,
        end: str,
        step: str = "auto",
        frames: int | None = None,
        overlap: str | None = None,
        coc: str | None = None,
        magnification: str | None = None,
        frame_width: str | None = None,
        aperture: str | None = None,
        effective_aperture: str | None = None,
        shutter: str | None = None,
        iso: int | None = None,
    ) -> PlanRequest:
        """Read the options of a command line; a length without unit is in mm there, a time in s.

        Raises
        ------
        UserError
            With option, value, and what would be right.
        """
        if magnification is not None and frame_width is not None:
            raise UserError("--magnification and --frame-width say the same thing twice: give one")
        if iso is not None and iso <= 0:
            raise UserError(f"--iso: {iso} is not above 0; write for instance 100")
        return cls(
            start_mm=units.parse_length_mm(start, "--start", bare="accept"),
            end_mm=units.parse_length_mm(end, "--end", bare="accept"),
            step_mm=None if step.strip().lower() == "auto" else _step(step),
            frames=frames,
            overlap=_overlap(overlap),
            coc=None if coc is None else units.parse_circle_of_confusion(coc, "--coc"),
            magnification=None
            if magnification is None
            else units.parse_magnification(magnification, "--magnification"),
            frame_width_mm=_positive_length(frame_width, "--frame-width"),
            marked_f_number=None
            if aperture is None
            else units.parse_f_number(aperture, "--aperture", as_marked=True),
            effective_f_number=None
            if effective_aperture is None
            else units.parse_f_number(effective_aperture, "--effective-aperture", as_marked=True),
            shutter_s=_shutter(shutter),
            iso=iso,
        )


def _step(text: str) -> float:
    try:
        step = units.parse_length_mm(text, "--step", bare="accept")
    except UserError as err:
        raise UserError(f"{err}, or auto") from err
    if not step > 0:
        raise UserError(
            f'--step: "{text}" is not above 0; write a length such as 0.2mm, or auto (the direction follows '
            "from "
            "--start and --end)"
        )
    return step


def _overlap(text: str | None) -> float | None:
    if text is None:
        return None
    right = "a share such as 0.3, or 30%"
    number = text.strip()
    share = (
        units.parse_number(number[:-1], "--overlap", right) / 100
        if number.endswith("%")
        else units.parse_number(number, "--overlap", right)
    )
    if not 0 <= share < 1:
        raise UserError(f'--overlap: "{text}" is not a share from 0 to under 1; write {right}')
    return share


def _positive_length(text: str | None, what: str) -> float | None:
    if text is None:
        return None
    length = units.parse_length_mm(text, what, bare="accept")
    if not length > 0:
        raise UserError(f'{what}: "{text}" is not above 0; write a length such as 36mm')
    return length


def _shutter(text: str | None) -> float | None:
    if text is None:
        return None
    shutter = units.parse_time_s(text, "--shutter", bare="accept")
    if not shutter > 0:
        raise UserError(f'--shutter: "{text}" is not above 0; write a time such as 1/8s')
    return shutter


def with_request(config: RigConfig, request: PlanRequest) -> RigConfig:
    """Return the configuration with the request's exposure, so that the camera is set to what was planned."""
    asked: dict[str, Any] = {
        "aperture": request.marked_f_number,
        "shutter_s": request.shutter_s,
        "iso": request.iso,
    }
    update = {name: value for name, value in asked.items() if value is not None}
    return (
        config.model_copy(update={"capture": config.capture.model_copy(update=update)}) if update else config
    )


def plan_for(loaded: LoadedConfig, request: PlanRequest, *, calibrated: bool = True) -> StackPlan:
    """Plan a stack on a rig with what its calibration file says of it.

    Parameters
    ----------
    loaded : LoadedConfig
        The rig, and where its file is.
    request : PlanRequest
        What to shoot.
    calibrated : bool
        False leaves the calibration file out.

    Raises
    ------
    RigError
        As `build_plan`, and when the calibration cannot be read or holds for another set-up.
    """
    path = loaded.calibration_path
    if path is None or not calibrated:
        return build_plan(loaded.config, request)
    return build_plan(loaded.config, request, read_calibration(path) or Calibration(), str(path))


def setup_of(config: RigConfig, request: PlanRequest) -> SetUp:
    """Return what names a set-up: lens, body, magnification and aperture as configured or asked for."""
    config = with_request(config, request)
    return SetUp(
        lens=config.lens.name,
        body=config.camera.model,
        magnification=_magnification(config, request),
        aperture=config.capture.aperture,
    )


def build_plan(
    config: RigConfig, request: PlanRequest, calibration: Calibration | None = None, source: str = ""
) -> StackPlan:
    """Plan a stack on a rig.

    Parameters
    ----------
    config : RigConfig
        The rig.
    request : PlanRequest
        What to shoot.
    calibration : Calibration, optional
        What was measured on it; it outranks what the configuration states, and the request outranks both.
    source : str
        What to call the calibration in messages.

    Raises
    ------
    LimitError
        When the travel, run-up included, leaves the rail's limits.
    UserError
        When something asked for cannot be done, or something needed is not known; the message says which
        option or key to give.
    """
    config = with_request(config, request)
    measured = MeasuredSetUp(config)
    if calibration is not None:
        measured = measured_setup(config, calibration, setup_of(config, request), source)
        config = measured.config
    rail, capture = config.rail, config.capture
    dof_known = measured.dof_mm is not None and request.effective_f_number is None
    optics = optical_setup(config, request, needed=False if dof_known else None)
    return plan_stack(
        request.start_mm,
        request.end_mm,
        Spacing(
            request.step_mm, request.frames, capture.overlap if request.overlap is None else request.overlap
        ),
        RailGeometry(rail.steps_per_mm, *rail.limits_mm, rail.backlash_mm),
        _timing(config),
        optics=optics,
        view=_view(config, request),
        iso=capture.iso,
        measured_dof_mm=_measured_dof(measured, config, request, optics) if dof_known else None,
        calibration=measured.notes,
    )


def _measured_dof(
    measured: MeasuredSetUp, config: RigConfig, request: PlanRequest, optics: OpticalSetup | None
) -> float:
    """The measured depth of field, carried to the circle of confusion of this plan."""
    assert measured.dof_mm is not None
    assert measured.dof_coc_mm is not None
    coc, pitch = request.coc or config.capture.coc, config.camera.pixel_pitch_mm
    if coc.unit == "px" and pitch is None:
        return measured.dof_mm
    coc_mm = coc.mm(pitch)
    if abs(coc_mm / measured.dof_coc_mm - 1) <= _SAME_COC:
        return measured.dof_mm
    asked = replace(request, coc=CircleOfConfusion(measured.dof_coc_mm, "mm"))
    before = optical_setup(config, asked, needed=False)
    if optics is None or before is None:
        raise UserError(
            "the depth of field was measured for a circle of confusion of "
            f"{units.format_length(measured.dof_coc_mm)}, not {units.format_length(coc_mm)}; to carry it "
            "over, magnification and aperture have to be known: give them, or measure again with this --coc"
        )
    return measured.dof_mm * optics.dof_mm / before.dof_mm


def _timing(config: RigConfig) -> StackTiming:
    camera, capture, rail = config.camera, config.capture, config.rail
    return StackTiming(
        shutter_s=capture.shutter_s or 0.0,
        settle_s=capture.settle_s,
        shutter_lag_s=camera.shutter_lag_s,
        readout_s=camera.readout_s,
        download_s=camera.download_s,
        overlap_download=camera.overlap_download,
        flash_interval_s=capture.flash_interval_s if capture.flash else None,
        speed_mm_s=rail.speed_mm_s,
        acceleration_mm_s2=rail.acceleration_mm_s2,
    )


def _magnification(config: RigConfig, request: PlanRequest) -> float | None:
    """The operator's word, else the configuration's, else the objective's."""
    lens = config.lens
    if request.magnification is not None:
        return request.magnification
    width = request.frame_width_mm
    if width is None and lens.magnification is not None:
        return lens.magnification
    width = width or lens.frame_width_mm
    if width is not None:
        if config.camera.sensor_width_mm is None:
            raise UserError(
                f"a frame width of {units.format_length(width)} gives a magnification only with the "
                "sensor's width: set sensor_width in [camera], or give --magnification"
            )
        return float(magnification_from_frame(config.camera.sensor_width_mm, width))
    if lens.objective_magnification is None:
        return None
    tube = lens.tube_length_mm or lens.reference_tube_length_mm
    return float(objective_magnification(lens.objective_magnification, tube, lens.reference_tube_length_mm))


def aperture_knowledge(config: RigConfig, request: PlanRequest) -> ApertureKnowledge:
    """Return what configuration and operator know of the lens's aperture."""
    lens = config.lens
    measured = None
    if lens.effective_f_number is not None:
        row = lens.effective_f_number
        at = row.magnification or _magnification(config, PlanRequest(0, 0))
        if at is None:
            raise UserError(
                "lens.effective_f_number: the magnification at which it was measured is missing; write "
                '{ value = 11.1, at = "f/5.6", magnification = 1 }'
            )
        measured = MeasuredAperture(row.value, float(true_stop(row.at)), at)
    return ApertureKnowledge(
        # What the operator states for this shot outranks the engraving that the file repeats.
        numerical_aperture=None if request.effective_f_number is not None else lens.numerical_aperture,
        given=request.effective_f_number,
        body_reports_effective=config.camera.reports_effective_f_number,
        measured=measured,
        table=tuple(TableRow(r.at, r.magnification or 0.0, r.value) for r in lens.effective_f_numbers),
        unit_focus=lens.unit_focus,
        pupil_ratio=lens.pupil_ratio,
    )


def optical_setup(
    config: RigConfig, request: PlanRequest, *, needed: bool | None = None
) -> OpticalSetup | None:
    """Return the optics of the set-up, or None when the magnification or aperture is unknown and not needed.

    Parameters
    ----------
    config, request
        The rig, and what to shoot.
    needed : bool, optional
        Whether the plan depends on it: by default when the request leaves the step to the depth of field.

    Raises
    ------
    UserError
        When a step has to be worked out and something for it is missing.
    """
    if needed is None:
        needed = request.step_mm is None and request.frames is None
    m = _magnification(config, request)
    if m is None:
        if needed:
            raise UserError(
                "a step cannot be worked out without the magnification: give --magnification or "
                "--frame-width (or magnification in [lens]), or state --step or --frames"
            )
        return None
    coc = request.coc or config.capture.coc
    pitch = config.camera.pixel_pitch_mm
    if coc.unit == "px" and pitch is None and not needed:
        return None
    f_number = (
        float(true_stop(request.marked_f_number)) if request.marked_f_number else config.capture.f_number
    )
    try:
        return describe_setup(
            m,
            f_number,
            aperture_knowledge(config, request),
            coc.mm(pitch),
            pitch,
            refractive_index=config.lens.refractive_index,
        )
    except ValueError as err:
        raise UserError(f"these optics cannot be: {err} (magnification {m:g}, f-number {f_number})") from err


def _view(config: RigConfig, request: PlanRequest) -> View:
    lens, m = config.lens, _magnification(config, request)
    width = config.camera.sensor_width_mm
    distance = lens.pupil_distance_mm
    if m is not None and m != _magnification(config, PlanRequest(0, 0)):
        distance = None  # v belongs to the configured focus
    if distance is None and lens.unit_focus and lens.focal_length_mm is not None and m is not None:
        distance = float(entrance_pupil_distance(lens.focal_length_mm, m, lens.pupil_ratio or 1.0))
    return View(
        frame_width_mm=None if width is None or m is None else float(frame_width(width, m)),
        pupil_distance_mm=distance,
        working_distance_mm=lens.working_distance_mm,
    )
