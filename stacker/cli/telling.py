"""What the commands tell: progress, warnings, a summary for people and a report for machines."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

if TYPE_CHECKING:
    from stacker.batch.files import FilesResult, Progress
    from stacker.io.development import Recipe, SensorLevels
    from stacker.io.positions import Positions
    from stacker.io.sensor.specks import Speck
    from stacker.result import FrameReport

__all__ = [
    "JsonOption",
    "QuietOption",
    "as_json",
    "on_terminal",
    "shown_progress",
    "summary",
    "warnings_of",
]

JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print a report for machines.")]

QuietOption: TypeAlias = Annotated[bool, typer.Option("-q", "--quiet", help="Print errors only.")]


def on_terminal() -> bool:
    """Whether somebody looks on; programs that call us may have closed what we would write to."""
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def shown_progress(shown: bool, what: str = "fusing") -> Iterator[Progress | None]:
    """A bar with the time that is left, on a terminal."""
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total, name: bar.update(task, completed=done, total=total, description=name)


def warnings_of(result: FilesResult) -> Iterator[str]:
    """What a person should know, one sentence each."""
    from stacker.batch.notes import unregistered

    for bad in result.skipped:
        yield f"skipped {bad.path.name}: {bad.reason}"
    yield from result.notes
    yield from unregistered(result.stack)


def summary(result: FilesResult, output: Path, seconds: float, where: Positions | None = None) -> str:
    """One line."""
    from stacker.batch.notes import few
    from stacker.io.sensor.specks import told_of_dust

    stack = result.stack
    height, width = stack.image.shape[:2]
    used = sum(report.used for report in stack.reports)
    parts = [
        f"{output}: {used} frame{'s' if used != 1 else ''}",
        f"{width} × {height} px",
        stack.method + (f" ({stack.reason})" if stack.reason else ""),
        f"{seconds:.1f} s",
        f"noise {stack.noise_sigma:.1f} of 255",
    ]
    if where is not None:
        parts.append(f"positions from {where.source}")
    if stack.pupil_fit is not None:
        fit = stack.pupil_fit
        parts.append(f"pupil distance {fit.pupil_distance_mm:.0f} ± {fit.standard_error_mm:.0f} mm")
    if stack.unused:
        parts.append("contributed nothing: " + few([report.name for report in stack.unused]))
    if result.recipe is not None and result.recipe.levels is not None:
        parts.append(_developed(result.recipe, result.recipe.levels))
    if result.recipe is not None and result.recipe.dust is not None:
        parts.append(told_of_dust(result.recipe.dust))
    if result.simulated:
        parts.append("SIMULATED frames")
    return ", ".join(parts)


def _developed(recipe: Recipe, levels: SensorLevels) -> str:
    """How RAW frames became pictures."""
    red, _, blue, _ = levels.multipliers
    mended = f", {len(recipe.defects)} pixels mended" if recipe.defects else ""
    return f"developed with red × {red:.2f} and blue × {blue:.2f}{mended}"


def as_json(
    result: FilesResult, output: Path, seconds: float, where: Positions | None = None
) -> dict[str, Any]:
    """The same and more, for ``--json``."""
    stack = result.stack
    height, width = stack.image.shape[:2]
    return {
        "output": str(output),
        "frames": len(stack.reports),
        "width_px": width,
        "height_px": height,
        "origin_px": list(stack.origin_px),
        "seconds": round(seconds, 3),
        "noise_sigma": stack.noise_sigma,
        "method": stack.method,
        "reason": stack.reason,
        "positions": None if where is None else {"source": where.source, "mm": list(where.positions_mm)},
        "pupil_fit": None if stack.pupil_fit is None else asdict(stack.pupil_fit),
        "simulated": result.simulated,
        "development": None if result.recipe is None else _recipe_as_json(result.recipe),
        "unused": [report.name for report in stack.unused],
        "skipped": [{"path": str(bad.path), "reason": bad.reason} for bad in result.skipped],
        "notes": list(result.notes),
        "reports": [
            _report_as_json(report, share) for report, share in zip(stack.reports, stack.shares, strict=True)
        ],
    }


def _recipe_as_json(recipe: Recipe) -> dict[str, Any]:
    dust = None if recipe.dust is None else [_speck_as_json(speck) for speck in recipe.dust.specks]
    told = {"highlights": recipe.highlights.value, "defects": len(recipe.defects), "dust": dust}
    return asdict(recipe) | told


def _speck_as_json(speck: Speck) -> dict[str, float]:
    """Where it is in the frame as stored, how large, and how much light it takes."""
    x, y = speck.centre_px
    return {
        "x_px": round(x, 1),
        "y_px": round(y, 1),
        "diameter_px": round(speck.diameter_px, 1),
        "loss": round(speck.loss, 4),
    }


def _report_as_json(report: FrameReport, share: float) -> dict[str, Any]:
    return {
        "index": report.index,
        "name": report.name,
        "transform": list(report.transform),
        "scale": report.scale,
        "rotation_deg": report.rotation_deg,
        "shift_px": list(report.shift_px),
        "correlation": report.correlation,
        "misfit_px": report.misfit_px if math.isfinite(report.misfit_px) else None,
        "gain": list(report.gain),
        "offset": list(report.offset),
        "sharpness": report.sharpness,
        "predicted": report.predicted,
        "verdict": report.verdict.value,
        "registered": report.registered,
        "used": report.used,
        "share": share,
    }
