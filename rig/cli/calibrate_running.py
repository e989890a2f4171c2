"""What every command of ``rig calibrate`` does with its options: read, run on rig or images, report."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rig.cli.shoot import stopping

if TYPE_CHECKING:
    from rig.calibrate.outcome import Calibrated
    from rig.calibrate.task import Task
    from rig.config import LoadedConfig

__all__ = ["length_mm", "positive_mm", "rig_of", "run_job", "task_of"]


def length_mm(text: str | None, what: str) -> float | None:
    """Read a length of the command line, mm without a unit; None when it was not given."""
    if text is None:
        return None
    from rig.units import parse_length_mm

    return parse_length_mm(text, what, bare="accept")


def positive_mm(text: str | None, what: str) -> float | None:
    """Read a length that must be above 0."""
    from rig.request import parse_positive_length

    return parse_positive_length(text, what)


def rig_of(config: Path | None, *, simulate: bool, time_scale: float | None) -> LoadedConfig:
    """Load the configuration, rehearsed on the simulated bench when asked for."""
    from rig.config import load_config

    return load_config(config, simulate=simulate, time_scale=time_scale)


def task_of(
    loaded: LoadedConfig,
    images: list[Path],
    *,
    step: str | None = None,
    region: str | None = None,
    linear: bool = False,
    optics: tuple[str | None, str | None, str | None, str | None] = (None, None, None, None),
    coc: str | None = None,
    exposure: tuple[str | None, int | None] = (None, None),
) -> Task:
    """Put together what a job needs from the options: set-up, existing frames, part of the frame."""
    from rig.calibrate.sweep import Region
    from rig.calibrate.task import Task, frames_of
    from rig.planning import PlanRequest

    magnification, frame_width, aperture, effective_aperture = optics
    request = PlanRequest.from_text(
        start="0",
        end="0",
        coc=coc,
        magnification=magnification,
        frame_width=frame_width,
        aperture=aperture,
        effective_aperture=effective_aperture,
        shutter=exposure[0],
        iso=exposure[1],
    )
    return Task(
        loaded,
        request,
        frames_of(images, positive_mm(step, "--step")) if images else (),
        region=Region.from_text(region) if region else Region(),
        linear=linear,
    )


def run_job(
    job: Callable[[Task], Calibrated],
    task: Task,
    *,
    rig: tuple[str | None, Path | None, bool],
    out: tuple[Path | None, bool, Path | None, bool],
) -> None:
    """Do a job, on the rig when there are no images, and report it."""
    save, no_save, plot, as_json = out
    if plot is not None:
        from rig.plots.canvas import check_plot_path

        check_plot_path(plot)
    if task.images:
        _report(job(task), task.loaded, save=save, no_save=no_save, plot=plot, as_json=as_json)
        return
    from rig.calibrate.task import Shooting
    from rig.cli.output import note_simulated
    from rig.cli.terminal import Terminal
    from rig.cli.watch import RunDisplay

    note_simulated(task.loaded)
    here_is, folder, yes = rig
    from rich.console import Console

    display = RunDisplay(Console(stderr=True, highlight=False))
    with stopping() as stopper, display:
        operator = Terminal(yes=yes, display=display)
        shooting = Shooting(operator, stopper, [display], length_mm(here_is, "--here-is"), folder)
        result = job(replace(task, shooting=shooting))
    _report(result, task.loaded, save=save, no_save=no_save, plot=plot, as_json=as_json)


def _report(
    result: Calibrated,
    loaded: LoadedConfig,
    *,
    save: Path | None,
    no_save: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    from rig.calibrate.records import store

    path = None if no_save else save or loaded.calibration_path
    if plot is not None:
        from rig.plots.canvas import sheet

        with sheet(plot, 6.0, 4.0, simulated=result.record.simulated) as figure:
            result.draw(figure.add_subplot())
    if path is not None:
        store(path, result.record)
    if as_json:
        answer = {
            "record": json.loads(result.record.model_dump_json()),
            "details": result.details,
            "warnings": result.warnings,
            "calibration": None if path is None else str(path),
        }
        sys.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
        return
    _print(result, path, no_save=no_save)


def _print(result: Calibrated, path: Path | None, *, no_save: bool) -> None:
    from rich.console import Console

    from rig.cli.table import show_rows

    console = Console(highlight=False)
    show_rows(result.rows, result.warnings, console)
    if path is not None:
        console.print(f"written to {path}", soft_wrap=True)
    elif not no_save:
        console.print(
            'not kept: write calibration = "calibration.json" into [lens], or pass --save: plans then use it',
            soft_wrap=True,
            markup=False,
        )
