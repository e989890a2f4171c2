"""``rig plan``: the stack before anything moves."""

from __future__ import annotations

import typer

from rig.cli.options import (
    ApertureOption,
    AxisOption,
    BracketsOption,
    CalibratedOption,
    CardSpaceOption,
    CentreOption,
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
    RangeOption,
    ShotsOption,
    ShutterOption,
    StartOption,
    StepOption,
)

__all__ = ["plan", "register"]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("plan")(plan)


def plan(
    start: StartOption = None,
    end: EndOption = None,
    axis: AxisOption = "rail",
    centre: CentreOption = None,
    half_range: RangeOption = None,
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
    brackets: BracketsOption = None,
    shots_per_position: ShotsOption = None,
    max_frames: MaxFramesOption = None,
    max_duration: MaxDurationOption = None,
    card_space: CardSpaceOption = None,
    config: ConfigOption = None,
    calibrated: CalibratedOption = True,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the stack that would be shot: step, positions, depth of field, duration. Nothing moves."""
    from rig.axis_planning import plan_asked_for  # imports of commands wait until they run
    from rig.cli.output import show_plan
    from rig.config import load_config
    from rig.equipment import equipped
    from rig.plots.canvas import check_plot_path
    from rig.plots.plan import plot_plan
    from rig.preflight import free_room
    from rig.rail_state import with_kept_limits

    if plot is not None:
        check_plot_path(plot)
    loaded = with_kept_limits(load_config(config))
    disk = None if loaded.config.simulated else free_room(loaded.config.session.folder)
    asked = {
        "start": start,
        "end": end,
        "centre": centre,
        "range": half_range,
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
        "brackets": brackets,
        "shots_per_position": shots_per_position,
        "margin": margin,
        "max_frames": max_frames,
        "max_duration": max_duration,
        "card_space": card_space,
    }
    made = plan_asked_for(loaded, axis, asked, calibrated=calibrated, disk=disk)
    if plot is not None:
        settings = loaded.config
        plot_plan(made, plot, aspect=equipped(settings).camera.aspect, simulated=settings.simulated)
    show_plan(made, loaded, as_json=as_json)
    if plot is not None and not as_json:
        typer.echo(plot)
