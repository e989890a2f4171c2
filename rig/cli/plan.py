"""``rig plan``: the stack before anything moves."""

from __future__ import annotations

import typer

from rig.cli.option_groups import (
    MotionOptions,
    PictureOptions,
    PlaceOptions,
    StackOptions,
    asked_for,
    flattened,
)
from rig.cli.options import AxisOption, CalibratedOption, ConfigOption, JsonOption, PlotOption

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("plan")(flattened(plan))


def plan(
    place: PlaceOptions,
    picture: PictureOptions,
    stack: StackOptions,
    motion: MotionOptions,
    axis: AxisOption = "rail",
    config: ConfigOption = None,
    calibrated: CalibratedOption = True,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the stack that would be shot: step, positions, depth of field, duration. Nothing moves."""
    from rig.cli.output import show_plan
    from rig.config import load_config
    from rig.config.equipment import equipped
    from rig.planning.axis import plan_asked_for  # imports of commands wait until they run
    from rig.plots.canvas import check_plot_path
    from rig.plots.plan import plot_plan
    from rig.preflight import free_room
    from rig.rails.state import with_kept_limits

    if plot is not None:
        check_plot_path(plot)
    loaded = motion.applied(with_kept_limits(load_config(config)), axis)
    disk = None if loaded.config.simulated else free_room(loaded.config.session.folder)
    made = plan_asked_for(loaded, axis, asked_for(place, picture, stack), calibrated=calibrated, disk=disk)
    if plot is not None:
        settings = loaded.config
        plot_plan(made, plot, aspect=equipped(settings).camera.aspect, simulated=settings.simulated)
    show_plan(made, loaded, as_json=as_json)
    if plot is not None and not as_json:
        typer.echo(plot)
