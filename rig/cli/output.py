"""What commands print: plans as a table for people or as JSON for machines; notes on standard error."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

from rich.console import Console

from rig.cli.table import show_rows
from rig.config import LoadedConfig
from rig.formatting import format_duration, format_length, format_shutter
from rig.plan import StackPlan
from rig.planning.lens_plan import LensPlan
from rig.sizes import format_bytes
from rig.turns import format_turns

__all__ = ["note_simulated", "show_plan"]

_ORIGINS = {"auto": "auto", "given": "as given", "frames": "from the number of frames"}


def show_plan(plan: StackPlan | LensPlan, loaded: LoadedConfig, *, as_json: bool) -> None:
    """Print a plan on standard output.

    Parameters
    ----------
    plan : StackPlan or LensPlan
        What to print.
    loaded : LoadedConfig
        The configuration behind it, to be named.
    as_json : bool
        One JSON object instead of the table.
    """
    if as_json:
        sys.stdout.write(plan.model_dump_json(indent=2) + "\n")
        return
    rows = _lens_plan_rows(plan, loaded) if isinstance(plan, LensPlan) else _plan_rows(plan, loaded)
    show_rows(rows, plan.warnings, Console(highlight=False))


def note_simulated(loaded: LoadedConfig) -> None:
    """Say on standard error that the devices are simulated, when they are."""
    if loaded.config.simulated:
        why = "" if loaded.named else " (no configuration named, no rig.toml found)"
        Console(stderr=True, highlight=False).print(f"SIMULATED bench{why}", style="magenta")


def _plan_rows(plan: StackPlan, loaded: LoadedConfig) -> Iterator[tuple[str, str]]:
    """Yield the lines of a plan as pairs of label and text; what is not known is left out."""
    yield _rig_row(loaded)
    frame = "" if plan.frame_width_mm is None else f", {format_length(plan.frame_width_mm)} fill the frame"
    yield from _optics_rows(plan, frame, "measured; predicted: " if plan.dof_measured else "")
    yield "step", _step_text(plan)
    rail = loaded.config.rail
    if rail.by_hand and plan.step_mm is not None:
        yield "crank", f"{format_turns(plan.step_mm / rail.pitch_mm)} a frame"
    yield "frames", _frames_text(plan)
    yield from _shot_rows(plan)
    yield "positions", _positions_text(plan)
    yield "travel", _travel_text(plan)
    yield "exposure", _exposure_text(plan)
    yield "duration", f"{format_duration(plan.duration_s)} ({_per_frame_text(plan)})"
    yield from _file_rows(plan)
    yield from _framing_rows(plan)
    for line in plan.calibration:
        yield "measured", line


def _lens_plan_rows(plan: LensPlan, loaded: LoadedConfig) -> Iterator[tuple[str, str]]:
    """Yield the lines of a plan by lens focus as pairs of label and text."""
    yield _rig_row(loaded)
    yield from _optics_rows(plan, "", "")
    if plan.depth_of_focus_mm is not None:
        yield "depth of focus", f"{format_length(plan.depth_of_focus_mm)} on the sensor's side"
    yield "step", _lens_step_text(plan)
    yield "frames", str(plan.frames)
    yield from _shot_rows(plan)
    yield "positions", f"{_first_and_last([str(x) for x in plan.positions])} drive units"
    if plan.defocus_mm is not None:
        moved = f"the image plane moves by {format_length(abs(plan.defocus_mm[-1]))}"
        yield "travel", f"{moved}, known to ±{format_length(plan.uncertainty_mm or 0.0)}"
    yield "exposure", _exposure_text(plan)
    yield "duration", f"{format_duration(plan.duration_s)} and the drive's own moves"
    yield from _file_rows(plan)
    for line in plan.calibration:
        yield "measured", line


def _lens_step_text(plan: LensPlan) -> str:
    if plan.frames == 1:
        return "none, one frame"
    if plan.step_units is not None:
        step = f"{plan.step_units} drive units"
    elif plan.image_step_mm is None:
        step = f"{abs(plan.end - plan.start) / (plan.frames - 1):.3g} drive units"
    else:
        step = f"{format_length(plan.image_step_mm)} of the image plane"
    overlap = "" if plan.overlap is None else f", overlap {plan.overlap:.0%} or more"
    return f"{step} ({_ORIGINS[plan.step_source]}{overlap})"


def _shot_rows(plan: StackPlan | LensPlan) -> Iterator[tuple[str, str]]:
    """What is taken at every position, where it is more than one frame."""
    series = plan.shots
    if series.count == 1:
        return
    each = f"{series.count} at every position, {plan.exposures} in all"
    if series.is_bracket:
        marks = (" (base, stacked)" if series.is_base(i) else "" for i in range(series.count))
        times = (f"{format_shutter(s)}{mark}" for s, mark in zip(series.times_s, marks, strict=True))
        each += f": {', '.join(times)}"
    yield "shots", each


def _rig_row(loaded: LoadedConfig) -> tuple[str, str]:
    simulated = "SIMULATED, " if loaded.config.simulated else ""
    return "rig", f"{simulated}{loaded.path.name}" + ("" if loaded.named else " (no configuration named)")


def _file_rows(plan: StackPlan | LensPlan) -> Iterator[tuple[str, str]]:
    if plan.frame_bytes is not None and plan.total_bytes is not None:
        size = f"{plan.exposures} × {format_bytes(plan.frame_bytes)} ({plan.frame_bytes_source})"
        yield "files", f"{format_bytes(plan.total_bytes)}: {size}"


def _optics_rows(plan: StackPlan | LensPlan, frame: str, how: str) -> Iterator[tuple[str, str]]:
    if plan.magnification is None:
        yield "optics", "not known"
        return
    yield "magnification", f"{plan.magnification:.3g}{frame}"
    if plan.effective_f_number is None or plan.dof_mm is None:
        return
    marked = "" if plan.marked_f_number is None else f" at f/{plan.marked_f_number:g}"
    yield "effective f-number", f"{plan.effective_f_number:.3g}{marked} ({plan.effective_f_number_source})"
    parts = ""
    if plan.dof_geometric_mm is not None and plan.dof_wave_mm is not None:
        geometric, wave = format_length(plan.dof_geometric_mm), format_length(plan.dof_wave_mm)
        parts = f" ({how}geometric {geometric}, diffraction {wave})"
    yield "depth of field", format_length(plan.dof_mm) + parts
    if plan.coc_mm is not None:
        yield "circle of confusion", format_length(plan.coc_mm) + _in_pixels(plan.coc_mm, plan)
    if plan.subject_resolution_lp_mm is not None:
        yield "resolution", f"{plan.subject_resolution_lp_mm:.3g} line pairs per mm on the subject"


def _in_pixels(length_mm: float, plan: StackPlan | LensPlan) -> str:
    if plan.delivered_pixel_mm is not None:
        return f" = {length_mm / plan.delivered_pixel_mm:.3g} px of {plan.deliver_px} px delivered"
    return "" if plan.pixel_pitch_mm is None else f" = {length_mm / plan.pixel_pitch_mm:.3g} px"


def _frames_text(plan: StackPlan) -> str:
    if plan.open_end:
        return f"at most {plan.frames}: you say when the farthest outline is sharp"
    if not plan.margin_frames:
        return str(plan.frames)
    return f"{plan.frames}, {plan.margin_frames} of them before the start and as many beyond the end"


def _step_text(plan: StackPlan) -> str:
    if plan.step_mm is None:
        return "none, one frame"
    overlap = "" if plan.overlap is None else f", overlap {plan.overlap:.0%}"
    steps = "" if plan.full_steps is None else f", {plan.full_steps} full steps of the motor"
    return f"{format_length(plan.step_mm)} ({_ORIGINS[plan.step_source]}{overlap}{steps})"


def _positions_text(plan: StackPlan) -> str:
    return _first_and_last([f"{x:.4f}".rstrip("0").rstrip(".") for x in plan.positions_mm]) + " mm"


def _first_and_last(positions: list[str]) -> str:
    return " ".join([*positions[:3], "…", *positions[-2:]] if len(positions) > 6 else positions)


def _travel_text(plan: StackPlan) -> str:
    way = "towards the subject" if plan.direction > 0 else "away from the subject"
    run_up = f", run-up from {plan.approach_mm:g} mm" if plan.run_up_mm else ""
    return f"{format_length(plan.travel_mm)} {way}{run_up}"


def _exposure_text(plan: StackPlan | LensPlan) -> str:
    parts = []
    if plan.shutter_s is not None:
        parts.append(format_shutter(plan.shutter_s))
    if plan.marked_f_number is not None:
        parts.append(f"f/{plan.marked_f_number:g}")
    if plan.iso is not None:
        parts.append(f"ISO {plan.iso}")
    if plan.timing.flash_interval_s is not None:
        parts.append(f"flash every {format_duration(plan.timing.flash_interval_s)} at most")
    return ", ".join(parts) or "as set on the camera"


def _per_frame_text(plan: StackPlan) -> str:
    return f"{plan.duration_s / plan.frames:.2g} s a frame; settling {format_duration(plan.timing.settle_s)}"


def _framing_rows(plan: StackPlan) -> Iterator[tuple[str, str]]:
    if plan.framing_growth is None or plan.last_field is None:
        if plan.frames > 1 and plan.pupil_distance_mm is None:  # else a warning says what it comes to
            yield "framing", "growth not known: pupil_distance is not in [lens]"
        return
    if plan.frames == 1:
        return
    if plan.pupil_distance_mm is not None and math.isinf(plan.pupil_distance_mm):
        yield "framing", "does not change (telecentric)"
        return
    text = f"the nearest plane changes in size by {plan.framing_growth - 1:+.1%} over the travel"
    if plan.last_field < 1:
        text += f"; leave {(1 - plan.last_field) / 2:.1%} of the frame free on every side of the first frame"
    yield "framing", text
