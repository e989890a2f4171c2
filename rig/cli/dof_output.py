"""What ``rig dof`` prints: the set-up as rows, comparisons as tables; JSON for machines."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from rig.cli.machines import write_json
from rig.cli.table import show_rows, show_warnings
from rig.dof.compare import Comparison, OverlapRow, apertures, magnifications, overlaps
from rig.dof.report import DofReport
from rig.dof.resolve import SetUp
from rig.formatting import format_f_number, format_length

__all__ = ["show_comparison", "show_dof"]


def show_dof(report: DofReport, *, as_json: bool) -> None:
    """Print one set-up on standard output."""
    if as_json:
        sys.stdout.write(report.model_dump_json(indent=2) + "\n")
        return
    show_rows(_dof_rows(report), report.warnings, Console(highlight=False))


def show_comparison(comparison: Comparison, setup: SetUp, own: DofReport, *, as_json: bool) -> None:
    """Print a comparison on standard output; the set-up that was asked for stands out.

    Raises
    ------
    UserError
        When there is nothing to vary.
    """
    if comparison == "overlaps":
        _show_overlaps(overlaps(setup), own, as_json=as_json)
    else:
        reports = apertures(setup) if comparison == "apertures" else magnifications(setup)
        _show_reports(comparison, reports, own, as_json=as_json)


def _show_reports(
    comparison: Comparison, reports: Sequence[DofReport], own: DofReport, *, as_json: bool
) -> None:
    if as_json:
        rows = ",\n".join(r.model_dump_json(indent=2) for r in reports)
        sys.stdout.write(f"[{rows}]\n")
        return
    first = "m" if comparison == "magnifications" else "marked"
    headings = ("effective", "DoF", "step", "frames/mm", "geometric", "diffraction", "lp/mm")
    table = _table((first, *headings))
    for r in reports:
        marked = "" if r.f_number is None else format_f_number(r.f_number)
        cells = (
            _number(r.magnification) if first == "m" else marked,
            "" if r.effective_f_number is None else f"f/{r.effective_f_number:.3g}",
            _length(r.dof_mm),
            _length(r.step_mm),
            _number(r.frames_per_mm),
            _length(r.dof_geometric_mm),
            _length(r.dof_wave_mm),
            _number(r.subject_resolution_lp_mm),
        )
        mine = (r.magnification, r.effective_f_number) == (own.magnification, own.effective_f_number)
        table.add_row(*cells, style="bold" if mine else None)
    _print_table(table, own)


def _show_overlaps(rows: Sequence[OverlapRow], own: DofReport, *, as_json: bool) -> None:
    if as_json:
        write_json([dataclasses.asdict(r) for r in rows])
        return
    table = _table(("overlap", "step", "frames/mm", "contrast lost between frames"))
    for r in rows:
        loss = "" if r.seam_loss is None else f"{r.seam_loss:.0%}"
        style = "bold" if r.overlap == own.overlap else None
        table.add_row(f"{r.overlap:.0%}", _length(r.step_mm), _number(r.frames_per_mm), loss, style=style)
    _print_table(table, own)


def _table(headings: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _print_table(table: Table, own: DofReport) -> None:
    console = Console(highlight=False)
    console.print(table)
    show_warnings(own.warnings, console)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _length(value: float | None) -> str:
    return "" if value is None else format_length(value)


def _dof_rows(r: DofReport) -> Iterator[tuple[str, str]]:
    """Yield the lines of a set-up as pairs of label and text; what is not known is left out."""
    if r.configuration:
        yield "rig", f"{'SIMULATED, ' if r.simulated else ''}{r.configuration}"
    if r.lens:
        yield "lens", r.lens
    if r.sensor or r.pixel_pitch_mm is not None:
        pixel = "" if r.pixel_pitch_mm is None else f"pixels of {format_length(r.pixel_pitch_mm)}"
        yield "sensor", ", ".join(part for part in (r.sensor, pixel) if part)
    if r.magnification is not None:
        frame = "" if r.frame_width_mm is None else f", {format_length(r.frame_width_mm)} fill the frame"
        yield "magnification", f"{r.magnification:.3g}{frame}"
    yield from _aperture_rows(r)
    yield from _depth_rows(r)
    yield from _limit_rows(r)
    yield from _step_rows(r)
    yield from _diffraction_rows(r)
    for line in r.calibration:
        yield "calibration", line


def _aperture_rows(r: DofReport) -> Iterator[tuple[str, str]]:
    if r.effective_f_number is not None:
        marked = "" if r.f_number is None else f" at {format_f_number(r.f_number)}"
        yield "effective f-number", f"{r.effective_f_number:.3g}{marked} ({r.effective_f_number_source})"
    elif r.f_number is not None:
        yield "f-number", format_f_number(r.f_number)
    if r.numerical_aperture is not None:
        medium = "" if r.refractive_index == 1 else f" in a medium of index {r.refractive_index:g}"
        yield "numerical aperture", f"{r.numerical_aperture:.3g}{medium}"
    if r.coc_mm is not None:
        pixels = "" if r.judged_pixel_mm is None else f" = {r.coc_mm / r.judged_pixel_mm:.3g} px"
        delivered = r.pixel_pitch_mm is not None and r.judged_pixel_mm != r.pixel_pitch_mm
        yield (
            "circle of confusion",
            format_length(r.coc_mm) + pixels + (" of the delivered picture" if delivered else ""),
        )


def _depth_rows(r: DofReport) -> Iterator[tuple[str, str]]:
    if r.dof_mm is not None and r.dof_geometric_mm is not None and r.dof_wave_mm is not None:
        geometric, wave = format_length(r.dof_geometric_mm), format_length(r.dof_wave_mm)
        yield "depth of field", f"{format_length(r.dof_mm)} (geometric {geometric}, diffraction {wave})"
    elif r.beyond_hyperfocal:
        yield "depth of field", "reaches infinity"
    elif r.dof_wave_mm is not None:
        yield "depth of field", f"by diffraction {format_length(r.dof_wave_mm)}; geometric not known"
    if r.depth_before_mm is not None:
        behind = "infinite" if r.depth_behind_mm is None else format_length(r.depth_behind_mm)
        yield "before and behind", f"{format_length(r.depth_before_mm)} and {behind} (geometric)"


def _limit_rows(r: DofReport) -> Iterator[tuple[str, str]]:
    if r.near_mm is not None:
        far = "infinity" if r.far_mm is None else format_length(r.far_mm)
        focus = "" if r.focus_distance_mm is None else f", focused at {format_length(r.focus_distance_mm)}"
        yield "sharp from the lens", f"{format_length(r.near_mm)} to {far}{focus}"
    if r.hyperfocal_mm is not None:
        yield "hyperfocal distance", format_length(r.hyperfocal_mm)
    if r.pupil_distance_mm is not None:
        yield "entrance pupil", _pupil_text(r.pupil_distance_mm)


def _pupil_text(distance_mm: float) -> str:
    if math.isinf(distance_mm):
        return "infinitely far (telecentric)"
    if distance_mm < 0:
        return f"{format_length(-distance_mm)} beyond the plane of focus (hypercentric)"
    return f"{format_length(distance_mm)} before the plane of focus"


def _step_rows(r: DofReport) -> Iterator[tuple[str, str]]:
    if r.step_mm is not None and r.frames_per_mm is not None:
        frames = f"{r.frames_per_mm:.3g} frames per mm"
        yield "step", f"{format_length(r.step_mm)} at an overlap of {r.overlap:.0%}, {frames}"
    if r.lens_focus_step_mm is not None:
        dioptres = ""
        if r.lens_focus_step_dioptres is not None:
            dioptres = f", {r.lens_focus_step_dioptres:.3g} dioptres"
        yield "by focusing", f"{format_length(r.lens_focus_step_mm)} on the sensor's side{dioptres}"


def _diffraction_rows(r: DofReport) -> Iterator[tuple[str, str]]:
    if r.airy_diameter_mm is not None:
        yield "Airy disc", f"{format_length(r.airy_diameter_mm)} on the sensor"
    if r.mtf50_subject_lp_mm is not None:
        sensor = "" if r.mtf50_sensor_lp_mm is None else f"{r.mtf50_sensor_lp_mm:.3g} lp/mm on the sensor, "
        yield "half the contrast", f"{sensor}{r.mtf50_subject_lp_mm:.3g} lp/mm on the subject"
    if r.subject_resolution_lp_mm is not None:
        yield "resolution", f"{r.subject_resolution_lp_mm:.3g} line pairs per mm on the subject"
    if r.best_effective_f_number is not None and r.limiting_effective_f_number is not None:
        stops = [None if n is None else f"f/{n:.2g}" for n in (r.best_f_number, r.limiting_f_number)]
        marked = ""
        if any(stops):
            marked = f" ({' and '.join(stop or 'not reached' for stop in stops)} on this lens)"
        yield (
            "best and limiting",
            f"effective f/{r.best_effective_f_number:.2g} and f/{r.limiting_effective_f_number:.2g}{marked}",
        )
