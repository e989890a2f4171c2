"""``rig shoot`` and ``rig resume``: take a stack, or go on with one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rig.cli.option_groups import (
    MotionOptions,
    PictureOptions,
    PlaceOptions,
    RunOptions,
    StackOptions,
    asked_for,
    flattened,
    length_mm,
)
from rig.cli.options import (
    AxisOption,
    CalibratedOption,
    ClippingOption,
    ConfigOption,
    JsonOption,
    SessionArgument,
    SimulateOption,
    StackOption,
    TimeScaleOption,
    YesOption,
)
from rig.cli.stopping import stopping
from rig.errors import DataError

if TYPE_CHECKING:
    from rig.config import RigConfig
    from rig.runs.shoot import Outcome

__all__ = ["register"]

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the plan; nothing is connected.")]
HereOption = Annotated[
    str | None,
    typer.Option(
        "--here-is",
        metavar="LENGTH|last",
        help="Position at which the carriage stands now; last: where a rail was left whose count is kept "
        "(a crank, a WeMacro).",
    ),
]
FromHereOption = Annotated[
    bool,
    typer.Option(
        "--from-here",
        help="With --axis lens: from where the focus stands, which is unit 0, --frames N by --step UNITS.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("shoot")(flattened(shoot))
    app.command("resume")(resume)


def shoot(
    place: PlaceOptions,
    picture: PictureOptions,
    stepped: StackOptions,
    motion: MotionOptions,
    axis: AxisOption = "rail",
    from_here: FromHereOption = False,
    config: ConfigOption = None,
    calibrated: CalibratedOption = True,
    simulate: SimulateOption = False,
    time_scale: TimeScaleOption = None,
    dry_run: DryRunOption = False,
    here_is: HereOption = None,
    as_json: JsonOption = False,
    *,
    run: RunOptions,
) -> None:
    """Take a stack: check, lock, test frame, then every position; stack while shooting.

    Positions grow towards the subject. Stopped with Ctrl-C, or by a fault, it says how to go on.
    """
    from rig.config import load_config
    from rig.planning.axis import plan_asked_for
    from rig.planning.ends import counts_from_here, here_of
    from rig.preflight import free_room
    from rig.rails.state import with_kept_limits

    loaded = with_kept_limits(load_config(config, simulate=simulate, time_scale=time_scale))
    loaded = motion.applied(loaded, axis)
    asked = asked_for(place, picture, stepped)
    # A rehearsal's frames are smaller than the camera's; the room for them is checked with the test frame.
    disk = None if loaded.config.simulated else free_room(run.folder or loaded.config.session.folder)
    from_mm = _last_or_mm(loaded.config, here_is)
    here = here_of(loaded.config, from_mm) if counts_from_here(asked) else None
    plan = plan_asked_for(
        loaded, axis, asked, from_here=from_here, here_is_mm=from_mm, calibrated=calibrated, disk=disk
    )
    if dry_run:
        from rig.cli.output import show_plan

        show_plan(plan, loaded, as_json=as_json)
        return
    from rig.cli.output import note_simulated
    from rig.cli.terminal import Terminal
    from rig.cli.watch import watcher
    from rig.runs import shoot as runs

    note_simulated(loaded)
    options = runs.ShootOptions(
        here_is_mm=0.0 if from_here else from_mm if here is None else here.position_mm,
        here_is_kept=here is not None and here.kept,
        accept_clipping=run.accept_clipping or loaded.config.capture.accept_clipping,
        stack=run.stack,
    )
    with stopping() as stopper, watcher(as_json=as_json) as watch:
        operator = Terminal(yes=run.yes, display=watch)
        outcome = runs.shoot(
            loaded, plan, options, operator, stopper, [watch], name=run.name, folder=run.folder
        )
    _report(outcome, as_json=as_json)


def resume(
    session: SessionArgument,
    here_is: HereOption = None,
    accept_clipping: ClippingOption = False,
    stack: StackOption = True,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Go on with a session that was stopped, crashed or lost power: shoot what is missing."""
    from rig.cli.terminal import Terminal
    from rig.cli.watch import watcher
    from rig.runs import shoot as runs

    options = runs.ShootOptions(
        here_is_mm=None if here_is == "last" else length_mm(here_is, "--here-is"),
        here_is_last=here_is == "last",
        accept_clipping=accept_clipping,
        stack=stack,
    )
    with stopping() as stopper, watcher(as_json=as_json) as watch:
        outcome = runs.resume(session, options, Terminal(yes=yes, display=watch), stopper, [watch])
    _report(outcome, as_json=as_json)


def _last_or_mm(config: RigConfig, text: str | None) -> float | None:
    if text != "last":
        return length_mm(text, "--here-is")
    from rig.runs.shoot import last_counted_mm

    return last_counted_mm(config)


def _report(outcome: Outcome, *, as_json: bool) -> None:
    if not as_json:
        typer.echo(outcome.stack or outcome.session)
    if outcome.stack_wanted and outcome.stack is None:
        raise DataError("every frame is kept, but there is no stacked image")
