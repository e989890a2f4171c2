"""``rig calibrate …``: measure the set-up from images, existing ones or taken now."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from rig.cli.options import (
    ApertureOption,
    CocOption,
    ConfigOption,
    EffectiveApertureOption,
    FrameWidthOption,
    IsoOption,
    JsonOption,
    MagnificationOption,
    ShutterOption,
)
from rig.cli.shoot import (
    FolderOption,
    HereOption,
    SimulateOption,
    TimeScaleOption,
    YesOption,
    stopping,
)
from rig.errors import UserError

if TYPE_CHECKING:
    from rig.calibrate.outcome import Calibrated
    from rig.calibrate.task import Task
    from rig.config import LoadedConfig

__all__ = ["register"]

_FRAMES = "Frames"

ImagesOption: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--images",
        metavar="FILE...",
        rich_help_panel=_FRAMES,
        help="Measure from these frames, or from a session's folder, instead of taking any.",
    ),
]
MoreImages: TypeAlias = Annotated[
    list[Path] | None, typer.Argument(metavar="[FILE...]", help="Further frames.", hidden=True)
]
LinearOption: TypeAlias = Annotated[
    bool,
    typer.Option("--linear", rich_help_panel=_FRAMES, help="The frames hold linear light, no tone curve."),
]
SpacingOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--step",
        metavar="LENGTH",
        rich_help_panel=_FRAMES,
        help="Distance between frames: of the sweep, or of existing frames that do not say where they were.",
    ),
]
FromOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--start", metavar="LENGTH", rich_help_panel=_FRAMES, help="First position of the sweep."),
]
ToOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--end", metavar="LENGTH", rich_help_panel=_FRAMES, help="Last position of the sweep."),
]
GraduationOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--graduation",
        metavar="LENGTH",
        rich_help_panel=_FRAMES,
        help="Distance of the ruler's finest lines, 1mm when not given.",
    ),
]
CheckerOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--checker",
        metavar="LENGTH",
        rich_help_panel=_FRAMES,
        help="The target is a checkerboard with squares of this side.",
    ),
]
ToleranceOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--tolerance",
        metavar="PX",
        rich_help_panel=_FRAMES,
        help="Shift that does not matter, in pixels: 0.2 when not given.",
    ),
]
RegionOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--region",
        metavar="X,Y,W,H",
        rich_help_panel=_FRAMES,
        help="Part of the frame to look at, as shares: 0.4,0.4,0.2,0.2.",
    ),
]
PlotOption: TypeAlias = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Draw the curve behind the value: .svg or .png.")
]
SaveOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--save", metavar="FILE", help="Calibration file, instead of the one that the configuration names."
    ),
]
DrySaveOption: TypeAlias = Annotated[
    bool, typer.Option("--no-save", help="Print the value only; no calibration file is written.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Measure the set-up from its own images; plans then use what was measured.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    group.command("scale")(scale)
    group.command("aperture")(aperture)
    group.command("dof")(dof)
    group.command("pupil")(pupil)
    group.command("backlash")(backlash)
    group.command("settle")(settle)
    app.add_typer(group, name="calibrate")


def dof(
    more: MoreImages = None,
    images: ImagesOption = None,
    step: SpacingOption = None,
    start: FromOption = None,
    end: ToOption = None,
    region: RegionOption = None,
    linear: LinearOption = False,
    coc: CocOption = None,
    magnification: MagnificationOption = None,
    frame_width: FrameWidthOption = None,
    aperture: ApertureOption = None,
    effective_aperture: EffectiveApertureOption = None,
    shutter: ShutterOption = None,
    iso: IsoOption = None,
    config: ConfigOption = None,
    simulate: SimulateOption = False,
    time_scale: TimeScaleOption = None,
    here_is: HereOption = None,
    folder: FolderOption = None,
    yes: YesOption = False,
    save: SaveOption = None,
    no_save: DrySaveOption = False,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Depth of field, from a sweep over a flat target with fine texture that is in focus where you stand."""
    from rig.calibrate.jobs import calibrate_dof

    loaded = _loaded(config, simulate=simulate, time_scale=time_scale)
    task = _task(
        loaded,
        [*(images or ()), *(more or ())],
        step=step,
        region=region,
        linear=linear,
        optics=(magnification, frame_width, aperture, effective_aperture),
        coc=coc,
        exposure=(shutter, iso),
    )
    _run(
        lambda t: calibrate_dof(
            t, start_mm=_mm(start, "--start"), end_mm=_mm(end, "--end"), step_mm=_positive_mm(step, "--step")
        ),
        task,
        rig=(here_is, folder, yes),
        out=(save, no_save, plot, as_json),
    )


def pupil(
    more: MoreImages = None,
    images: ImagesOption = None,
    step: SpacingOption = None,
    start: FromOption = None,
    end: ToOption = None,
    linear: LinearOption = False,
    coc: CocOption = None,
    magnification: MagnificationOption = None,
    frame_width: FrameWidthOption = None,
    aperture: ApertureOption = None,
    effective_aperture: EffectiveApertureOption = None,
    shutter: ShutterOption = None,
    iso: IsoOption = None,
    config: ConfigOption = None,
    simulate: SimulateOption = False,
    time_scale: TimeScaleOption = None,
    here_is: HereOption = None,
    folder: FolderOption = None,
    yes: YesOption = False,
    save: SaveOption = None,
    no_save: DrySaveOption = False,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Distance from the entrance pupil to the plane of focus, from how the picture grows in a sweep.

    The target is as for dof; a sweep that was shot for dof will do. A telecentric lens is recognised.
    """
    from rig.calibrate.jobs import calibrate_pupil

    loaded = _loaded(config, simulate=simulate, time_scale=time_scale)
    task = _task(
        loaded,
        [*(images or ()), *(more or ())],
        step=step,
        linear=linear,
        optics=(magnification, frame_width, aperture, effective_aperture),
        coc=coc,
        exposure=(shutter, iso),
    )
    _run(
        lambda t: calibrate_pupil(
            t, start_mm=_mm(start, "--start"), end_mm=_mm(end, "--end"), step_mm=_positive_mm(step, "--step")
        ),
        task,
        rig=(here_is, folder, yes),
        out=(save, no_save, plot, as_json),
    )


def scale(
    more: MoreImages = None,
    images: ImagesOption = None,
    graduation: GraduationOption = None,
    checker: CheckerOption = None,
    region: RegionOption = None,
    linear: LinearOption = False,
    magnification: MagnificationOption = None,
    frame_width: FrameWidthOption = None,
    aperture: ApertureOption = None,
    shutter: ShutterOption = None,
    iso: IsoOption = None,
    config: ConfigOption = None,
    simulate: SimulateOption = False,
    time_scale: TimeScaleOption = None,
    here_is: HereOption = None,
    folder: FolderOption = None,
    yes: YesOption = False,
    save: SaveOption = None,
    no_save: DrySaveOption = False,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Magnification, from one frame of a ruler (or a checkerboard) that lies in the plane of focus."""
    from rig.calibrate.stills import calibrate_scale

    if graduation is None and checker is None:
        graduation = "1mm"
    task = _task(
        _loaded(config, simulate=simulate, time_scale=time_scale),
        [*(images or ()), *(more or ())],
        region=region,
        linear=linear,
        optics=(magnification, frame_width, aperture, None),
        exposure=(shutter, iso),
    )
    _run(
        lambda t: calibrate_scale(
            t,
            graduation_mm=_positive_mm(graduation, "--graduation"),
            side_mm=_positive_mm(checker, "--checker"),
        ),
        task,
        rig=(here_is, folder, yes),
        out=(save, no_save, plot, as_json),
    )


def aperture(
    more: MoreImages = None,
    images: ImagesOption = None,
    region: RegionOption = None,
    linear: LinearOption = False,
    magnification: MagnificationOption = None,
    frame_width: FrameWidthOption = None,
    marked: ApertureOption = None,
    shutter: ShutterOption = None,
    iso: IsoOption = None,
    config: ConfigOption = None,
    simulate: SimulateOption = False,
    time_scale: TimeScaleOption = None,
    here_is: HereOption = None,
    folder: FolderOption = None,
    yes: YesOption = False,
    save: SaveOption = None,
    no_save: DrySaveOption = False,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Effective f-number, from the light that the lens loses between far and working focus.

    Two frames of an evenly lit card, far focus first, with one aperture; out of focus is fine.
    """
    from rig.calibrate.stills import calibrate_aperture

    task = _task(
        _loaded(config, simulate=simulate, time_scale=time_scale),
        [*(images or ()), *(more or ())],
        region=region,
        linear=linear,
        optics=(magnification, frame_width, marked, None),
        exposure=(shutter, iso),
    )
    _run(calibrate_aperture, task, rig=(here_is, folder, yes), out=(save, no_save, plot, as_json))


def backlash(
    more: MoreImages = None,
    images: ImagesOption = None,
    step: SpacingOption = None,
    start: FromOption = None,
    end: ToOption = None,
    linear: LinearOption = False,
    coc: CocOption = None,
    magnification: MagnificationOption = None,
    frame_width: FrameWidthOption = None,
    aperture: ApertureOption = None,
    effective_aperture: EffectiveApertureOption = None,
    shutter: ShutterOption = None,
    iso: IsoOption = None,
    config: ConfigOption = None,
    simulate: SimulateOption = False,
    time_scale: TimeScaleOption = None,
    here_is: HereOption = None,
    folder: FolderOption = None,
    yes: YesOption = False,
    save: SaveOption = None,
    no_save: DrySaveOption = False,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play of the rail's screw, from sweeps through focus that are approached from both sides.

    The target is as for dof; of existing frames, only the session of an earlier measurement will do.
    """
    from rig.calibrate.motions import calibrate_backlash

    loaded = _loaded(config, simulate=simulate, time_scale=time_scale)
    task = _task(
        loaded,
        [*(images or ()), *(more or ())],
        step=step,
        linear=linear,
        optics=(magnification, frame_width, aperture, effective_aperture),
        coc=coc,
        exposure=(shutter, iso),
    )
    _run(
        lambda t: calibrate_backlash(
            t, start_mm=_mm(start, "--start"), end_mm=_mm(end, "--end"), step_mm=_positive_mm(step, "--step")
        ),
        task,
        rig=(here_is, folder, yes),
        out=(save, no_save, plot, as_json),
    )


def settle(
    more: MoreImages = None,
    images: ImagesOption = None,
    tolerance: ToleranceOption = None,
    region: RegionOption = None,
    linear: LinearOption = False,
    magnification: MagnificationOption = None,
    frame_width: FrameWidthOption = None,
    aperture: ApertureOption = None,
    shutter: ShutterOption = None,
    iso: IsoOption = None,
    config: ConfigOption = None,
    simulate: SimulateOption = False,
    time_scale: TimeScaleOption = None,
    here_is: HereOption = None,
    folder: FolderOption = None,
    yes: YesOption = False,
    save: SaveOption = None,
    no_save: DrySaveOption = False,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """How long to wait after a move, from pairs of frames soon after it and at rest.

    The target is as for dof. Use the shutter time (and flash) that you will shoot with.
    """
    from rig.calibrate.motions import DEFAULT_TOLERANCE_PX, calibrate_settle

    task = _task(
        _loaded(config, simulate=simulate, time_scale=time_scale),
        [*(images or ()), *(more or ())],
        region=region,
        linear=linear,
        optics=(magnification, frame_width, aperture, None),
        exposure=(shutter, iso),
    )
    _run(
        lambda t: calibrate_settle(t, tolerance_px=DEFAULT_TOLERANCE_PX if tolerance is None else tolerance),
        task,
        rig=(here_is, folder, yes),
        out=(save, no_save, plot, as_json),
    )


def _mm(text: str | None, what: str) -> float | None:
    if text is None:
        return None
    from rig.units import parse_length_mm

    return parse_length_mm(text, what, bare="accept")


def _positive_mm(text: str | None, what: str) -> float | None:
    length = _mm(text, what)
    if length is not None and not length > 0:
        raise UserError(f'{what}: "{text}" is not above 0; write a length such as 1mm')
    return length


def _loaded(config: Path | None, *, simulate: bool, time_scale: float | None) -> LoadedConfig:
    from rig.config import load_config, rehearse

    loaded = load_config(config)
    if simulate:
        return rehearse(loaded, time_scale=time_scale)
    if time_scale is not None:
        if not loaded.config.simulated:
            raise UserError("--time-scale: real hardware takes its time; add --simulate for a rehearsal")
        return rehearse(loaded, time_scale=time_scale)
    return loaded


def _task(
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
        frames_of(images, _positive_mm(step, "--step")) if images else (),
        region=Region.from_text(region) if region else Region(),
        linear=linear,
    )


def _run(
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
        shooting = Shooting(operator, stopper, [display], _mm(here_is, "--here-is"), folder)
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
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for label, text in result.rows:
        table.add_row(label, Text(text))
    console.print(table)
    for warning in result.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
    if path is not None:
        console.print(f"written to {path}", soft_wrap=True)
    elif not no_save:
        console.print(
            'not kept: write calibration = "calibration.json" into [lens], or pass --save: plans then use it',
            soft_wrap=True,
            markup=False,
        )
