"""``rig shoot`` and ``rig resume``: take a stack, or go on with one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

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
    RangeOption,
    ShotsOption,
    ShutterOption,
    StartOption,
    StepOption,
)
from rig.errors import DataError

if TYPE_CHECKING:
    from rig.config import RigConfig
    from rig.shoot import Outcome, Stopper

__all__ = [
    "FolderOption",
    "HereOption",
    "SimulateOption",
    "TimeScaleOption",
    "YesOption",
    "register",
    "resume",
    "shoot",
    "stopping",
]

SessionArgument = Annotated[Path, typer.Argument(metavar="SESSION", help="The session's folder.")]
SimulateOption = Annotated[
    bool, typer.Option("--simulate", help="Rehearse: this configuration on the simulated bench.")
]
TimeScaleOption = Annotated[
    float | None,
    typer.Option("--time-scale", metavar="X", help="How many times as fast a simulated bench runs."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the plan; nothing is connected.")]
NameOption = Annotated[str | None, typer.Option("--name", help="Name of the session, e.g. beetle.")]
FolderOption = Annotated[
    Path | None, typer.Option("--folder", metavar="DIR", help="Where session folders are made.")
]
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
ClippingOption = Annotated[
    bool, typer.Option("--accept-clipping", help="Shoot although over 0.5 % of the test frame is clipped.")
]
StackOption = Annotated[bool, typer.Option("--stack/--no-stack", help="Stack while shooting.")]
YesOption = Annotated[
    bool,
    typer.Option(
        "--yes", "-y", help="Do not ask: not before the first move, nor what the camera cannot tell."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("shoot")(shoot)
    app.command("resume")(resume)


def shoot(
    start: StartOption = None,
    end: EndOption = None,
    axis: AxisOption = "rail",
    from_here: FromHereOption = False,
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
    simulate: SimulateOption = False,
    time_scale: TimeScaleOption = None,
    dry_run: DryRunOption = False,
    name: NameOption = None,
    folder: FolderOption = None,
    here_is: HereOption = None,
    accept_clipping: ClippingOption = False,
    stack: StackOption = True,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take a stack: check, lock, test frame, then every position; stack while shooting.

    Positions grow towards the subject. Stopped with Ctrl-C, or by a fault, it says how to go on.
    """
    from rig.axis_planning import plan_asked_for
    from rig.config import load_config
    from rig.ends import counts_from_here, here_of
    from rig.preflight import free_room
    from rig.rail_state import with_kept_limits

    loaded = with_kept_limits(load_config(config, simulate=simulate, time_scale=time_scale))
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
    # A rehearsal's frames are smaller than the camera's; the room for them is checked with the test frame.
    disk = None if loaded.config.simulated else free_room(folder or loaded.config.session.folder)
    from_mm = _last_or_mm(loaded.config, here_is)
    here = here_of(loaded.config, from_mm) if counts_from_here(asked) else None
    plan = plan_asked_for(
        loaded, axis, asked, from_here=from_here, here_is_mm=from_mm, calibrated=calibrated, disk=disk
    )
    if dry_run:
        from rig.cli.output import show_plan

        show_plan(plan, loaded, as_json=as_json)
        return
    from rig import shoot as runs
    from rig.cli.output import note_simulated
    from rig.cli.terminal import Terminal
    from rig.cli.watch import watcher

    note_simulated(loaded)
    options = runs.ShootOptions(
        here_is_mm=0.0 if from_here else from_mm if here is None else here.position_mm,
        here_is_kept=here is not None and here.kept,
        accept_clipping=accept_clipping or loaded.config.capture.accept_clipping,
        stack=stack,
    )
    with stopping() as stopper, watcher(as_json=as_json) as watch:
        outcome = runs.shoot(
            loaded,
            plan,
            options,
            Terminal(yes=yes, display=watch),
            stopper,
            [watch],
            name=name,
            folder=folder,
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
    from rig import shoot as runs
    from rig.cli.terminal import Terminal
    from rig.cli.watch import watcher

    options = runs.ShootOptions(
        here_is_mm=_position_mm(here_is),
        here_is_last=here_is == "last",
        accept_clipping=accept_clipping,
        stack=stack,
    )
    with stopping() as stopper, watcher(as_json=as_json) as watch:
        outcome = runs.resume(session, options, Terminal(yes=yes, display=watch), stopper, [watch])
    _report(outcome, as_json=as_json)


def _last_or_mm(config: RigConfig, text: str | None) -> float | None:
    if text != "last":
        return _position_mm(text)
    from rig.shoot import last_counted_mm

    return last_counted_mm(config)


def _position_mm(text: str | None) -> float | None:
    if text is None or text == "last":
        return None
    from rig.units import parse_length_mm

    return parse_length_mm(text, "--here-is", bare="accept")


def _report(outcome: Outcome, *, as_json: bool) -> None:
    if not as_json:
        typer.echo(outcome.stack or outcome.session)
    if outcome.stack_wanted and outcome.stack is None:
        raise DataError("every frame is kept, but there is no stacked image")


@contextmanager
def stopping() -> Iterator[Stopper]:
    """Ctrl-C, a closed terminal and a polite kill all stop the run: axis held, frame kept, devices let go."""
    from rig.shoot import Stopper

    stopper = Stopper()

    def handle(_signal: int, _frame: FrameType | None) -> None:
        stopper.stop()

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    # What is ignored stays ignored: under nohup, a closed terminal is no reason to stop.
    minded = [number for number in signals if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in minded}
    try:
        yield stopper
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
