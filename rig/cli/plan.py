"""``rig plan``: the stack before anything moves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from rig.cli.options import (
    ApertureOption,
    AxisOption,
    CalibratedOption,
    CardSpaceOption,
    CocOption,
    ConfigOption,
    DeliverOption,
    EffectiveApertureOption,
    EndOption,
    FramesOption,
    FrameWidthOption,
    IsoOption,
    JsonOption,
    MagnificationOption,
    MarginOption,
    MaxDurationOption,
    MaxFramesOption,
    OverlapOption,
    PlotOption,
    ShutterOption,
    StartOption,
    StepOption,
)
from rig.errors import UserError

if TYPE_CHECKING:
    from rig.config import LoadedConfig
    from rig.limits import Room

__all__ = ["plan", "register"]

AXES = ("rail", "lens")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("plan")(plan)


def plan(
    start: StartOption,
    end: EndOption,
    axis: AxisOption = "rail",
    step: StepOption = "auto",
    frames: FramesOption = None,
    margin: MarginOption = 0,
    overlap: OverlapOption = None,
    coc: CocOption = None,
    deliver: DeliverOption = None,
    magnification: MagnificationOption = None,
    frame_width: FrameWidthOption = None,
    aperture: ApertureOption = None,
    effective_aperture: EffectiveApertureOption = None,
    shutter: ShutterOption = None,
    iso: IsoOption = None,
    max_frames: MaxFramesOption = None,
    max_duration: MaxDurationOption = None,
    card_space: CardSpaceOption = None,
    config: ConfigOption = None,
    calibrated: CalibratedOption = True,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the stack that would be shot: step, positions, depth of field, duration. Nothing moves."""
    from rig.config import load_config  # imports of commands wait until they run
    from rig.plots.canvas import check_plot_path
    from rig.preflight import free_room

    if axis not in AXES:
        raise UserError(f'--axis: "{axis}" is not known; write {" or ".join(AXES)}')
    if plot is not None:
        check_plot_path(plot)
    loaded = load_config(config)
    disk = None if loaded.config.simulated else free_room(loaded.config.session.folder)
    options = {
        "start": start,
        "end": end,
        "step": step,
        "frames": frames,
        "overlap": overlap,
        "coc": coc,
        "deliver": deliver,
        "magnification": magnification,
        "frame_width": frame_width,
        "aperture": aperture,
        "effective_aperture": effective_aperture,
        "shutter": shutter,
        "iso": iso,
        "margin": margin,
        "max_frames": max_frames,
        "max_duration": max_duration,
        "card_space": card_space,
    }
    for option in ("start", "end"):
        if options[option] is None:
            raise UserError(f"Missing option '--{option}': where the stack {option}s")
    show = _lens_plan if axis == "lens" else _rail_plan
    show(loaded, options, disk, plot, calibrated=calibrated, as_json=as_json)
    if plot is not None and not as_json:
        typer.echo(plot)


def _rail_plan(
    loaded: LoadedConfig,
    options: dict[str, Any],
    disk: Room | None,
    plot: Path | None,
    *,
    calibrated: bool,
    as_json: bool,
) -> None:
    from rig.cli.output import show_plan
    from rig.equipment import equipped
    from rig.planning import PlanRequest, plan_for
    from rig.plots.plan import plot_plan

    made = plan_for(loaded, PlanRequest.from_text(**options), calibrated=calibrated, disk=disk)
    if plot is not None:
        config = loaded.config
        plot_plan(made, plot, aspect=equipped(config).camera.aspect, simulated=config.simulated)
    show_plan(made, loaded, as_json=as_json)


def _lens_plan(
    loaded: LoadedConfig,
    options: dict[str, Any],
    disk: Room | None,
    plot: Path | None,
    *,
    calibrated: bool,
    as_json: bool,
) -> None:
    from rig.cli.output import show_lens_plan
    from rig.lens_planning import LensRequest, lens_plan_for
    from rig.plots.plan import plot_lens_plan

    made = lens_plan_for(loaded, LensRequest.from_text(**options), calibrated=calibrated, disk=disk)
    if plot is not None:
        plot_lens_plan(made, plot, simulated=loaded.config.simulated)
    show_lens_plan(made, loaded, as_json=as_json)
