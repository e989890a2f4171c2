"""What a plan takes from a calibration file, and what it says of it. Pure: no device, no image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rig.calibrate.records import (
    ApertureRecord,
    BacklashRecord,
    Calibration,
    DofRecord,
    LensRecord,
    PupilRecord,
    Record,
    ScaleRecord,
    SettleRecord,
    SetUp,
)
from rig.config import RigConfig
from rig.config.models import EffectiveFNumberConfig
from rig.errors import UserError
from rig.formatting import format_length
from rig.planning.focus_calibration import FocusCalibration

__all__ = ["MeasuredSetUp", "measured_setup", "run_up_mm"]

R = TypeVar("R", bound=Record)

_RUN_UP_PLAYS = 1.5
"""A run-up of that many measured plays takes up the play, and whatever the measurement is off."""

_RUN_UP_GRID_MM = 0.01


@dataclass(frozen=True)
class MeasuredSetUp:
    """A configuration with measured values in the place of stated ones.

    Attributes
    ----------
    config : RigConfig
        With magnification, effective f-number, pupil distance, focus drive, settle time and run-ups as
        measured.
    dof_mm, dof_coc_mm : float or None
        Depth of field as measured, and the circle of confusion it was measured for.
    notes : tuple of str
        One line for each measured value: what it is, its uncertainty, and when it was measured.
    """

    config: RigConfig
    dof_mm: float | None = None
    dof_coc_mm: float | None = None
    notes: tuple[str, ...] = ()


def run_up_mm(configured_mm: float, backlash_mm: float) -> float:
    """Run-up that takes up a measured play: the configured one, or more when that is too short.

    Examples
    --------
    >>> run_up_mm(0.2, 0.031), run_up_mm(0.2, 0.2)
    (0.2, 0.3)
    """
    wanted = math.ceil(max(backlash_mm, 0.0) * _RUN_UP_PLAYS / _RUN_UP_GRID_MM - 1e-9) * _RUN_UP_GRID_MM
    return max(configured_mm, round(wanted, 6))


def measured_setup(config: RigConfig, calibration: Calibration, setup: SetUp, source: str) -> MeasuredSetUp:
    """Put what was measured on a set-up in the place of what its configuration states.

    Parameters
    ----------
    config : RigConfig
        The rig, with the exposure that is planned.
    calibration : Calibration
        What was measured.
    setup : SetUp
        Lens, magnification, aperture and body of the plan.
    source : str
        What to call the calibration file in messages.

    Raises
    ------
    UserError
        When a kind of measurement was made, but not on this set-up, or on the simulated bench for real
        hardware.
    """
    find = _Finder(calibration.records, setup, source, allow_simulated=config.simulated)
    lens: dict[str, Any] = {}
    notes: list[str] = []
    if scale := find.one(ScaleRecord):
        lens |= {
            "magnification": scale.magnification,
            "frame_width_mm": None,
            "objective_magnification": None,
        }
        value = f"{scale.magnification:.4g} ± {scale.magnification_sigma:.2g}"
        notes.append(_note(f"magnification {value}", scale))
    if aperture := find.one(ApertureRecord):
        m = scale.magnification if scale else setup.magnification
        lens["effective_f_number"] = EffectiveFNumberConfig(
            value=aperture.effective_f_number, at=aperture.marked_f_number, magnification=m
        )
        value = f"f/{aperture.effective_f_number:.3g} at f/{aperture.marked_f_number:g}"
        notes.append(_note(f"effective aperture {value}", aperture))
    if pupil := find.one(PupilRecord):
        lens["pupil_distance_mm"] = pupil.pupil_distance_mm
        notes.append(_note(f"pupil distance {_pupil_text(pupil)}", pupil))
    dof = find.one(DofRecord)
    if dof:
        value = f"{format_length(dof.dof_mm)} ± {format_length(dof.dof_sigma_mm)}"
        notes.append(_note(f"depth of field {value}", dof))
    update: dict[str, Any] = {"lens": config.lens.model_copy(update=lens)}
    if drive := find.one(LensRecord):
        lens |= _drive(config, drive, source)
        shift_um = abs(drive.defocus_mm[-1] - drive.defocus_mm[0]) / drive.drive[-1] * 1000
        value = f"{shift_um:.3g} µm a unit over {drive.drive[-1]} units, play {drive.play_units:.1f} units"
        notes.append(_note(f"focus drive {value}, run-up {lens['focus_run_up']} units", drive))
        update["lens"] = config.lens.model_copy(update=lens)
    if settle := find.one(SettleRecord):
        update["capture"] = config.capture.model_copy(update={"settle_s": settle.settle_s})
        notes.append(_note(f"settle time {settle.settle_s:.2f} s", settle))
    if backlash := find.one(BacklashRecord):
        run_up = run_up_mm(config.rail.backlash_mm, backlash.backlash_mm)
        update["rail"] = config.rail.model_copy(update={"backlash_mm": run_up})
        value = f"{format_length(backlash.backlash_mm)}, run-up {format_length(run_up)}"
        notes.append(_note(f"backlash {value}", backlash))
    return MeasuredSetUp(
        config.model_copy(update=update),
        dof.dof_mm if dof else None,
        dof.coc_mm if dof else None,
        tuple(notes),
    )


def _drive(config: RigConfig, drive: LensRecord, source: str) -> dict[str, Any]:
    """What ``[lens]`` gets of a measured focus drive."""
    if drive.focus_step != config.lens.focus_step:
        raise UserError(
            f"{source}: the focus drive was measured with focus_step = {drive.focus_step}, and [lens] says "
            f"{config.lens.focus_step}. Measure it with this step (rig calibrate lens), or leave the "
            "measurements out with --no-calibration"
        )
    calibration = FocusCalibration(
        drive=drive.drive,
        defocus=tuple(f"{shift} mm" for shift in drive.defocus_mm),
        uncertainty=f"{drive.uncertainty_mm} mm",
        measured=f"{drive.measured_at:%Y-%m-%d}",
    )
    run_up = max(config.lens.focus_run_up, math.ceil(max(drive.play_units, 0.0) * _RUN_UP_PLAYS))
    return {"focus_calibration": calibration, "focus_run_up": run_up}


def _pupil_text(pupil: PupilRecord) -> str:
    v = pupil.pupil_distance_mm
    return "infinite (telecentric)" if math.isinf(v) else f"{v:.4g} mm"


def _note(what: str, record: Record) -> str:
    simulated = ", on the simulated bench" if record.simulated else ""
    frames = "1 frame" if len(record.frames) == 1 else f"{len(record.frames)} frames"
    return f"{what}: measured on {record.measured_at:%Y-%m-%d} from {frames}{simulated}"


class _Finder:
    """Finds the record of a kind that holds for a set-up, or says why there is none that does."""

    def __init__(
        self, records: Sequence[Record], setup: SetUp, source: str, *, allow_simulated: bool
    ) -> None:
        self._records, self._setup, self._source = records, setup, source
        self._allow_simulated = allow_simulated

    def one(self, kind: type[R]) -> R | None:
        of_kind = [r for r in self._records if isinstance(r, kind)]
        if not of_kind:
            return None
        real = [r for r in of_kind if self._allow_simulated or not r.simulated]
        # What a real camera saw outranks a rehearsal; else the newest.
        for record in sorted(real, key=lambda r: (not r.simulated, r.measured_at), reverse=True):
            if not self._setup.differences(record.setup, kind.holds_for):
                return record
        last = max(real or of_kind, key=lambda r: r.measured_at)
        why = self._setup.differences(last.setup, kind.holds_for) if real else ["the simulated bench"]
        raise UserError(
            f"{self._source}: {kind.title} was measured with {', '.join(why)}. Measure it with this set-up "
            f"(rig calibrate {last.kind}), or leave the measurements out with --no-calibration"
        )
