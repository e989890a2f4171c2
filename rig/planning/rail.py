"""From a configuration and what was asked for to a plan: the one way that every face of ``rig`` takes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from rig.calibrate.measured import MeasuredSetUp, measured_setup
from rig.calibrate.records import Calibration, SetUp, read_calibration
from rig.config import LoadedConfig, RigConfig
from rig.config.equipment import (
    check_aperture,
    configured_magnification,
    equipped,
    known_aperture,
    lens_magnification,
    pupil_distance,
)
from rig.errors import UserError
from rig.formatting import format_length
from rig.optics.aperture import ApertureKnowledge, EffectiveSource
from rig.optics.magnification import frame_width
from rig.optics.setup import OpticalSetup, describe_setup
from rig.optics.stops import true_stop
from rig.plan import RailGeometry, Spacing, StackPlan, View, plan_stack
from rig.planning.clearance import check_clearance
from rig.planning.delivery import circle_of_confusion, picture_of, pixel_mm
from rig.planning.limits import PlanLimits, Room, check_length
from rig.planning.possible import check_magnification
from rig.planning.request import PlanRequest
from rig.planning.shots import ShotSeries
from rig.planning.shots_from_config import exposures_s, shots_of
from rig.planning.timing import StackTiming
from rig.units import CircleOfConfusion

__all__ = [
    "PlanRequest",
    "build_plan",
    "measured_config",
    "optical_setup",
    "plan_for",
    "plan_limits",
    "setup_of",
    "stack_timing",
    "with_request",
]

_SAME_COC = 0.01
"""Relative: circles of confusion that near are one."""

_SURPRISING = 1.5
"""A measured depth of field that many times the predicted one is told: Ne would be a fifth off at least."""

_SURPRISING_ASSUMED = 2.2
"""The same for an assumed Ne: a lens of N(1 + 1.29m) has (2.29/1.67)² = 1.9 times the assumed depth at 1:1,
and the model is up to 14 % off."""


def with_request(config: RigConfig, request: PlanRequest) -> RigConfig:
    """Return the configuration with the request's exposure, so that the camera is set to what was planned."""
    asked: dict[str, Any] = {
        "aperture": request.marked_f_number,
        "shutter_s": request.shutter_s,
        "iso": request.iso,
        "brackets": request.brackets,
        "shots_per_position": request.shots_per_position,
    }
    update = {name: value for name, value in asked.items() if value is not None}
    return (
        config.model_copy(update={"capture": config.capture.model_copy(update=update)}) if update else config
    )


def plan_for(
    loaded: LoadedConfig, request: PlanRequest, *, calibrated: bool = True, disk: Room | None = None
) -> StackPlan:
    """Plan a stack on a rig with what its calibration file says of it.

    Parameters
    ----------
    loaded : LoadedConfig
        The rig, and where its file is.
    request : PlanRequest
        What to shoot.
    calibrated : bool
        False leaves the calibration file out.
    disk : Room, optional
        As in `build_plan`.

    Raises
    ------
    RigError
        As `build_plan`, and when the calibration cannot be read or holds for another set-up.
    """
    calibration, source = _calibration_of(loaded, calibrated=calibrated)
    return build_plan(loaded.config, request, calibration, source, disk=disk)


def _calibration_of(loaded: LoadedConfig, *, calibrated: bool) -> tuple[Calibration | None, str]:
    path = loaded.calibration_path
    if path is None or not calibrated:
        return None, ""
    return read_calibration(path) or Calibration(), str(path)


def measured_config(
    loaded: LoadedConfig,
    request: PlanRequest,
    *,
    calibrated: bool = True,
    without: frozenset[str] = frozenset(),
) -> MeasuredSetUp:
    """Return the rig with the request's exposure, what names bring along, and what was measured on it.

    ``without`` names kinds of record that are of no use here; the other parameters, and the errors, are those
    of `plan_for`.
    """
    return _measured(loaded.config, request, *_calibration_of(loaded, calibrated=calibrated), without)


def _measured(
    config: RigConfig,
    request: PlanRequest,
    calibration: Calibration | None,
    source: str,
    without: frozenset[str] = frozenset(),
) -> MeasuredSetUp:
    config = equipped(with_request(config, request))
    if calibration is None:
        return MeasuredSetUp(config)
    if request.effective_f_number is not None:
        without |= {"aperture", "dof"}  # the operator's word outranks both
    useful = tuple(r for r in calibration.records if r.kind not in without)
    return measured_setup(config, Calibration(records=useful), setup_of(config, request), source)


def setup_of(config: RigConfig, request: PlanRequest) -> SetUp:
    """Return what names a set-up: lens, body, magnification and aperture as configured or asked for.

    Raises
    ------
    UserError
        When a frame width is all that says how large the subject is drawn, and the sensor's is not known.
    """
    config = equipped(with_request(config, request))
    return SetUp(
        lens=config.lens.name,
        body=config.camera.model,
        magnification=_magnification(config, request),
        aperture=config.capture.aperture,
    )


def build_plan(
    config: RigConfig,
    request: PlanRequest,
    calibration: Calibration | None = None,
    source: str = "",
    *,
    disk: Room | None = None,
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
    disk : Room, optional
        The free room where the frames will go; not compared when absent.

    Raises
    ------
    LimitError
        When the travel, run-up included, leaves the rail's limits.
    UserError
        When something asked for cannot be done or is longer than allowed, or something needed is not known;
        the message says which option or key to give.
    DataError
        When the frames do not fit on the disk.
    """
    request, open_end = _end_of(config, request)
    measured = _measured(config, request, calibration, source, frozenset({"lens"}))
    config = measured.config
    rail, capture = config.rail, config.capture
    shots = shots_of(config)
    dof_known = measured.dof_mm is not None
    optics = optical_setup(config, request, needed=False if dof_known else None)
    measured_mm = _measured_dof(measured, config, request, optics) if dof_known else None
    plan = plan_stack(
        request.start_mm,
        request.end_mm,
        Spacing(
            request.step_mm,
            request.frames,
            capture.overlap if request.overlap is None else request.overlap,
            request.margin,
            request.max_frames or capture.max_frames,
        ),
        RailGeometry(
            rail.steps_per_mm,
            *rail.limits_mm,
            rail.backlash_mm,
            turn_mm=rail.pitch_mm if rail.by_hand else None,
            microsteps=1 if rail.by_hand else rail.microsteps,
        ),
        stack_timing(config, shots),
        optics=optics,
        view=_view(config, request),
        picture=picture_of(config, request),
        iso=capture.iso,
        measured_dof_mm=measured_mm,
        calibration=measured.notes,
        open_end=open_end,
        shots=shots,
    )
    check_length(plan, plan_limits(config, request, disk))
    distance_mm = config.lens.working_distance_mm
    if distance_mm is not None and not open_end:
        check_clearance(plan.positions_mm, plan.envelope_mm[1], distance_mm, plan.margin_frames)
    surprise = _surprise(measured_mm, optics)
    return plan.model_copy(update={"warnings": (*plan.warnings, surprise)}) if surprise else plan


def _surprise(measured_mm: float | None, optics: OpticalSetup | None) -> str | None:
    """What to say of a measured depth of field that the optics do not expect; the step follows it anyway."""
    if measured_mm is None or optics is None:
        return None
    ratio = measured_mm / optics.dof_mm
    assumed = optics.effective.source is EffectiveSource.ASSUMED
    most = _SURPRISING_ASSUMED if assumed else _SURPRISING
    if 1 / most <= ratio <= most:
        return None
    return (
        f"the measured depth of field of {format_length(measured_mm)} is {ratio:.2g} times what the "
        f"optics predict, {format_length(optics.dof_mm)}: check magnification and aperture, or measure "
        "it again on a flat target; the step follows the measured one"
    )


def _end_of(config: RigConfig, request: PlanRequest) -> tuple[PlanRequest, bool]:
    """An end that is asked of the operator: planned up to the limit towards the subject, and marked."""
    if not math.isinf(request.end_mm):
        return request, False
    if request.frames is not None or request.margin:
        raise UserError("--end ask goes on until you say so: leave out --frames and --margin, give --step")
    return replace(request, end_mm=config.rail.limits_mm[1]), True


def plan_limits(config: RigConfig, request: PlanRequest, disk: Room | None) -> PlanLimits:
    """Return what a plan must not exceed: the operator's word, else the configuration's."""
    return PlanLimits(
        max_duration_s=request.max_duration_s or config.capture.max_duration_s,
        card_bytes=request.card_bytes or config.camera.card_bytes,
        disk=disk,
    )


def _measured_dof(
    measured: MeasuredSetUp, config: RigConfig, request: PlanRequest, optics: OpticalSetup | None
) -> float:
    """The measured depth of field, carried to the circle of confusion of this plan."""
    assert measured.dof_mm is not None
    assert measured.dof_coc_mm is not None
    coc, pitch = circle_of_confusion(config, request), pixel_mm(config, request)
    if coc.unit == "px" and pitch is None:
        return measured.dof_mm
    coc_mm = coc.mm(pitch)
    if abs(coc_mm / measured.dof_coc_mm - 1) <= _SAME_COC:
        return measured.dof_mm
    asked = replace(request, coc=CircleOfConfusion(measured.dof_coc_mm, "mm"), deliver_px=None)
    before = optical_setup(config, asked, needed=False)
    if optics is None or before is None:
        raise UserError(
            "the depth of field was measured for a circle of confusion of "
            f"{format_length(measured.dof_coc_mm)}, not {format_length(coc_mm)}; to carry it "
            "over, magnification and aperture have to be known: give them, or measure again with this --coc"
        )
    return measured.dof_mm * optics.dof_mm / before.dof_mm


def stack_timing(config: RigConfig, shots: ShotSeries | None = None) -> StackTiming:
    """Return the configured times and the rail's motion; `shots` are those of a position, if several."""
    camera, capture, rail = config.camera, config.capture, config.rail
    return StackTiming(
        shutter_s=capture.shutter_s or 0.0,
        shots_s=exposures_s(shots, capture.shutter_s or 0.0),
        shutter_change_s=camera.shutter_change_s,
        settle_s=capture.settle_s,
        settle_per_mm_s=capture.settle_per_mm_s,
        shutter_lag_s=camera.shutter_lag_s,
        readout_s=camera.readout_s,
        download_s=camera.download_s,
        overlap_download=camera.overlap_download,
        flash_interval_s=capture.flash_interval_s if capture.flash else None,
        speed_mm_s=min(rail.speed_mm_s, rail.approach_speed_mm_s or rail.speed_mm_s),
        acceleration_mm_s2=rail.acceleration_mm_s2,
    )


def _magnification(config: RigConfig, request: PlanRequest) -> float | None:
    """The operator's word, else the configuration's, else the objective's."""
    if request.magnification is not None:
        return request.magnification
    lens, sensor_width = config.lens, config.camera.sensor_width_mm
    if request.frame_width_mm is not None:
        asked = {"magnification": None, "frame_width_mm": request.frame_width_mm}
        lens = lens.model_copy(update=asked)
    if lens.magnification is None and lens.frame_width_mm is not None and sensor_width is None:
        raise UserError(
            f"a frame width of {format_length(lens.frame_width_mm)} gives a magnification only with "
            "the sensor's width: set sensor_width in [camera], or give --magnification"
        )
    m = lens_magnification(lens, sensor_width)
    if m is not None:
        check_magnification(m)
    return m


def _aperture_knowledge(config: RigConfig, request: PlanRequest) -> ApertureKnowledge:
    """What configuration, tables and operator know of the lens's aperture."""
    return known_aperture(
        config.lens,
        config.camera,
        config.tables,
        given=request.effective_f_number,
        configured_magnification=configured_magnification(config),
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
    config = equipped(config)
    check_aperture(
        config.lens,
        config.camera,
        config.tables,
        request.marked_f_number or config.capture.aperture,
        "--aperture" if request.marked_f_number else "capture.aperture",
    )
    m = _magnification(config, request)
    if m is None:
        if needed:
            raise UserError(
                "a step cannot be worked out without the magnification: give --magnification or "
                "--frame-width (or magnification in [lens]), or state --step or --frames"
            )
        return None
    coc = circle_of_confusion(config, request)
    pitch = pixel_mm(config, request)
    if coc.unit == "px" and pitch is None and not needed:
        return None
    f_number = (
        float(true_stop(request.marked_f_number)) if request.marked_f_number else config.capture.f_number
    )
    try:
        return describe_setup(
            m,
            f_number,
            _aperture_knowledge(config, request),
            coc.mm(pitch),
            pitch,
            refractive_index=config.lens.refractive_index,
        )
    except ValueError as err:
        raise UserError(
            f"these optics cannot be: {err}: correct aperture or magnification, or set refractive_index in "
            "[lens]"
        ) from err


def _view(config: RigConfig, request: PlanRequest) -> View:
    lens, m = config.lens, _magnification(config, request)
    width = config.camera.sensor_width_mm
    distance = None
    if m is not None:
        # A configured v belongs to the configured focus.
        here = m == configured_magnification(config)
        distance = pupil_distance(lens, config.tables, m, configured_focus=here)
    return View(
        frame_width_mm=None if width is None or m is None else float(frame_width(width, m)),
        pupil_distance_mm=distance,
        working_distance_mm=lens.working_distance_mm,
    )
