"""``rig plan``: the stack before anything moves."""

from __future__ import annotations

import typer

from rig.cli.options import (
    ApertureOption,
    CalibratedOption,
    CocOption,
    ConfigOption,
    EffectiveApertureOption,
    EndOption,
    FramesOption,
    FrameWidthOption,
    IsoOption,
    JsonOption,
    MagnificationOption,
    OverlapOption,
    ShutterOption,
    StartOption,
    StepOption,
)

__all__ = ["plan", "register"]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("plan")(plan)


def plan(
    start: StartOption,
    end: EndOption,
    step: StepOption = "auto",
    frames: FramesOption = None,
    overlap: OverlapOption = None,
    coc: CocOption = None,
    magnification: MagnificationOption = None,
    frame_width: FrameWidthOption = None,
    aperture: ApertureOption = None,
    effective_aperture: EffectiveApertureOption = None,
    shutter: ShutterOption = None,
    iso: IsoOption = None,
    config: ConfigOption = None,
    calibrated: CalibratedOption = True,
    as_json: JsonOption = False,
) -> None:
    """Show the stack that would be shot: step, positions, depth of field, duration. Nothing moves."""
    from rig.cli.output import show_plan  # imports of commands wait until they run
    from rig.config import load_config
    from rig.planning import PlanRequest, plan_for

    loaded = load_config(config)
    request = PlanRequest.from_text(
        start=start,
        end=end,
        step=step,
        frames=frames,
        overlap=overlap,
        coc=coc,
        magnification=magnification,
        frame_width=frame_width,
        aperture=aperture,
        effective_aperture=effective_aperture,
        shutter=shutter,
        iso=iso,
    )
    show_plan(plan_for(loaded, request, calibrated=calibrated), loaded, as_json=as_json)
