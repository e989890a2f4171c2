"""What every command of ``rig calibrate`` does with its options: read, run on rig or images, report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rig.cli.machines import write_json
from rig.cli.option_groups import length_mm
from rig.cli.stopping import stopping

if TYPE_CHECKING:
    from rig.calibrate.outcome import Calibrated
    from rig.calibrate.task import Task
    from rig.cli.calibrate_options import CommonOptions, SweepOptions
    from rig.config import LoadedConfig

__all__ = ["measure", "measure_sweep"]


def measure(
    job: Callable[[Task], Calibrated],
    common: CommonOptions,
    *,
    sweep: SweepOptions | None = None,
    region: str | None = None,
) -> None:
    """Do a job, on the rig when there are no images, and report it."""
    if common.plot is not None:
        from rig.plots.canvas import check_plot_path

        check_plot_path(common.plot)
    task = _task(common, sweep, region)
    result = job(task) if task.images else _on_the_rig(job, task, common)
    _report(result, task.loaded, common)


def measure_sweep(
    job: Callable[..., Calibrated], common: CommonOptions, sweep: SweepOptions, region: str | None = None
) -> None:
    """Do a job that drives through focus."""
    from rig.planning.request import parse_positive_length

    through = partial(
        job,
        start_mm=length_mm(sweep.start, "--start"),
        end_mm=length_mm(sweep.end, "--end"),
        step_mm=parse_positive_length(sweep.step, "--step"),
    )
    measure(through, common, sweep=sweep, region=region)


def _task(common: CommonOptions, sweep: SweepOptions | None, region: str | None) -> Task:
    """Put together what a job needs from the options: set-up, existing frames, part of the frame."""
    from rig.calibrate.sweep import Region
    from rig.calibrate.task import Task, frames_of
    from rig.config import load_config
    from rig.planning.rail import PlanRequest
    from rig.planning.request import parse_positive_length
    from rig.rails.state import with_kept_limits

    loaded = with_kept_limits(
        load_config(common.config, simulate=common.simulate, time_scale=common.time_scale)
    )
    request = PlanRequest.from_text(
        start="0",
        end="0",
        coc=sweep.coc if sweep else None,
        magnification=common.magnification,
        frame_width=common.frame_width,
        aperture=common.aperture,
        effective_aperture=sweep.effective_aperture if sweep else None,
        shutter=common.shutter,
        iso=common.iso,
    )
    images = [*(common.images or ()), *(common.more or ())]
    step_mm = parse_positive_length(sweep.step, "--step") if sweep else None
    return Task(
        loaded,
        request,
        frames_of(images, step_mm) if images else (),
        region=Region.from_text(region) if region else Region(),
        linear=common.linear,
    )


def _on_the_rig(job: Callable[[Task], Calibrated], task: Task, common: CommonOptions) -> Calibrated:
    from rich.console import Console

    from rig.calibrate.task import Shooting
    from rig.cli.output import note_simulated
    from rig.cli.terminal import Terminal
    from rig.cli.watch import RunDisplay

    note_simulated(task.loaded)
    display = RunDisplay(Console(stderr=True, highlight=False))
    with stopping() as stopper, display:
        operator = Terminal(yes=common.yes, display=display)
        here_mm = length_mm(common.here_is, "--here-is")
        shooting = Shooting(operator, stopper, [display], here_mm, common.folder)
        return job(replace(task, shooting=shooting))


def _report(result: Calibrated, loaded: LoadedConfig, common: CommonOptions) -> None:
    from rig.calibrate.records import store

    path = None if common.no_save else common.save or loaded.calibration_path
    if path is not None:
        store(path, result.record)
    if common.plot is not None:
        from rig.plots.canvas import sheet

        with sheet(common.plot, 6.0, 4.0, simulated=result.record.simulated) as figure:
            result.draw(figure.add_subplot())
    if common.as_json:
        answer = {
            "record": json.loads(result.record.model_dump_json()),  # which writes infinity as JSON can
            "details": result.details,
            "warnings": result.warnings,
            "calibration": None if path is None else str(path),
        }
        write_json(answer)
        return
    _print(result, path, no_save=common.no_save)


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
