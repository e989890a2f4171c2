"""What commands print: plans as a table for people or as JSON for machines; notes on standard error."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rig.config import LoadedConfig
from rig.plan import StackPlan
from rig.sizes import format_bytes
from rig.units import format_duration, format_length, format_shutter

__all__ = ["note_simulated", "plan_rows", "show_plan"]


def show_plan(plan: StackPlan, loaded: LoadedConfig, *, as_json: bool) -> None:
    """Print a plan on standard output.

    Parameters
    ----------
    plan : StackPlan
        What to print.
    loaded : LoadedConfig
        The configuration behind it, to be named.
    as_json : bool
        One JSON object instead of the table.
    """
    if as_json:
        sys.stdout.write(plan.model_dump_json(indent=2) + "\n")
        return
    console = Console(highlight=False)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, value in plan_rows(plan, loaded):
        table.add_row(name, Text(value))
    console.print(table)
    for warning in plan.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)


def note_simulated(loaded: LoadedConfig) -> None:
    """Say on standard error that the devices are simulated, when they are."""
    if loaded.config.simulated:
        why = "" if loaded.named else " (no configuration named, no rig.toml found)"
        Console(stderr=True, highlight=False).print(f"SIMULATED bench{why}", style="magenta")


def plan_rows(plan: StackPlan, loaded: LoadedConfig) -> Iterator[tuple[str, str]]:
    """Yield the lines of a plan as pairs of label and text; what is not known is left out."""
    simulated = "SIMULATED, " if loaded.config.simulated else ""
    yield "rig", f"{simulated}{loaded.path.name}" + ("" if loaded.named else " (no configuration named)")
    yield from _optics_rows(plan)
    yield "step", _step_text(plan)
    yield "frames", _frames_text(plan)
    yield "positions", _positions_text(plan)
    yield "travel", _travel_text(plan)
    yield "exposure", _exposure_text(plan)
    yield "duration", f"{format_duration(plan.duration_s)} ({_per_frame_text(plan)})"
    if plan.frame_bytes is not None and plan.total_bytes is not None:
        size = f"{plan.frames} × {format_bytes(plan.frame_bytes)} ({plan.frame_bytes_source})"
        yield "files", f"{format_bytes(plan.total_bytes)}: {size}"
    yield from _framing_rows(plan)
    for line in plan.calibration:
        yield "measured", line


def _optics_rows(plan: StackPlan) -> Iterator[tuple[str, str]]:
    if plan.magnification is None:
        yield "optics", "not known"
        return
    frame = "" if plan.frame_width_mm is None else f", {format_length(plan.frame_width_mm)} fill the frame"
    yield "magnification", f"{plan.magnification:.3g}{frame}"
    if plan.effective_f_number is None or plan.dof_mm is None:
        return
    marked = "" if plan.marked_f_number is None else f" at f/{plan.marked_f_number:g}"
    yield "effective f-number", f"{plan.effective_f_number:.3g}{marked} ({plan.effective_f_number_source})"
    parts = ""
    if plan.dof_geometric_mm is not None and plan.dof_wave_mm is not None:
        geometric, wave = format_length(plan.dof_geometric_mm), format_length(plan.dof_wave_mm)
        how = "measured; predicted: " if plan.dof_measured else ""
        parts = f" ({how}geometric {geometric}, diffraction {wave})"
    yield "depth of field", format_length(plan.dof_mm) + parts
    if plan.coc_mm is not None:
        yield "circle of confusion", format_length(plan.coc_mm) + _in_pixels(plan.coc_mm, plan)
    if plan.subject_resolution_lp_mm is not None:
        yield "resolution", f"{plan.subject_resolution_lp_mm:.3g} line pairs per mm on the subject"


def _in_pixels(length_mm: float, plan: StackPlan) -> str:
    if plan.delivered_pixel_mm is not None:
        return f" = {length_mm / plan.delivered_pixel_mm:.3g} px of {plan.deliver_px} px delivered"
    return "" if plan.pixel_pitch_mm is None else f" = {length_mm / plan.pixel_pitch_mm:.3g} px"


def _frames_text(plan: StackPlan) -> str:
    if not plan.margin_frames:
        return str(plan.frames)
    return f"{plan.frames}, {plan.margin_frames} of them before the start and as many beyond the end"


def _step_text(plan: StackPlan) -> str:
    if plan.step_mm is None:
        return "none, one frame"
    origin = {"auto": "auto", "given": "as given", "frames": "from the number of frames"}[plan.step_source]
    overlap = "" if plan.overlap is None else f", overlap {plan.overlap:.0%}"
    return f"{format_length(plan.step_mm)} ({origin}{overlap})"


def _positions_text(plan: StackPlan) -> str:
    shown = [f"{x:.4f}".rstrip("0").rstrip(".") for x in plan.positions_mm]
    if len(shown) > 6:
        shown = [*shown[:3], "…", *shown[-2:]]
    return " ".join(shown) + " mm"


def _travel_text(plan: StackPlan) -> str:
    way = "towards the subject" if plan.direction > 0 else "away from the subject"
    run_up = f", run-up from {plan.approach_mm:g} mm" if plan.run_up_mm else ""
    return f"{format_length(plan.travel_mm)} {way}{run_up}"


def _exposure_text(plan: StackPlan) -> str:
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
        if plan.frames > 1:
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
